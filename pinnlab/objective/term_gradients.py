"""The gradient of every term at about the price of one.

Terms that read different points share one way back through the network, by
:mod:`~pinnlab.calculus.row_split`; terms that read the same points, such as two equations, take
turns. What is trained outside chains of layers, such as an unknown coefficient of an equation, is
reached by one pull for each term, which goes no further back than it must.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from pinnlab.calculus.layout import Layout
from pinnlab.calculus.row_split import RowSplit, Span, splitting


class TermGradients:
    """Finds the Jacobian of terms.

    Args:
        parameters: Everything that is trained.

    Attributes:
        apart: Numbers of the parameters that chains of layers do not account for; found out by the
            first way back.
    """

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        self._parameters = list(parameters)
        self._sizes = [p.numel() for p in parameters]
        self.apart: set[int] = set()

    def __call__(self, terms: Tensor, owned: Sequence[tuple[Span, ...]], layout: Layout) -> Tensor:
        """The gradients ``(m, p)``.

        Args:
            terms: ``(m,)``.
            owned: Per term the rows of points that it reads.
            layout: Of all points.
        """
        jacobian = terms.new_zeros((len(terms), sum(self._sizes)))
        views = [
            [part.view_as(p) for part, p in zip(parts, self._parameters, strict=True)]
            for parts in (row.split(self._sizes) for row in jacobian.unbind())
        ]
        for numbers in _turns(owned):
            self._way_back(terms, numbers, owned, layout, views)
        if self.apart:
            own = [self._parameters[k] for k in sorted(self.apart)]
            for term, row in zip(terms, views, strict=True):
                for k, gradient in zip(sorted(self.apart), _pull(term, own), strict=True):
                    row[k].zero_() if gradient is None else row[k].copy_(gradient)
        return jacobian

    def _way_back(
        self,
        terms: Tensor,
        numbers: Sequence[int],
        owned: Sequence[tuple[Span, ...]],
        layout: Layout,
        views: Sequence[Sequence[Tensor]],
    ) -> None:
        """Add the gradients of terms that read different points."""
        together = [k for k in range(len(self._parameters)) if k not in self.apart]
        if not together:
            return
        parameters = [self._parameters[k] for k in together]
        rows = [[views[number][k] for k in together] for number in numbers]
        targets = [dict(zip(map(id, parameters), row, strict=True)) for row in rows]
        split = RowSplit(tuple(owned[number] for number in numbers), targets)
        with splitting(layout, split):
            found = _pull(terms[list(numbers)].sum(), parameters)
        for k, view, gradient in zip(together, rows[0], found, strict=True):
            if gradient is not None and len(numbers) > 1:
                self.apart.add(k)
            elif gradient is not None:
                view.add_(gradient)
        for weight, gradients in split.others:
            for gradient, row in zip(gradients, rows, strict=True):
                for view, part in zip(row, _pull(weight, parameters, gradient), strict=True):
                    if part is not None:
                        view.add_(part)


def _pull(
    value: Tensor, parameters: Sequence[Tensor], cotangent: Tensor | None = None
) -> tuple[Tensor | None, ...]:
    """The gradients of a value by parameters, None where there is none."""
    return torch.autograd.grad(value, parameters, cotangent, retain_graph=True, allow_unused=True)


def _turns(owned: Sequence[tuple[Span, ...]]) -> Iterator[list[int]]:
    """Terms in groups, each as large as possible, in which no two read the same rows."""
    left = list(range(len(owned)))
    while left:
        taken: set[Span] = set()
        group, later = [], []
        for number in left:
            free = taken.isdisjoint(owned[number])
            (group if free else later).append(number)
            if free:
                taken.update(owned[number])
        yield group
        left = later
