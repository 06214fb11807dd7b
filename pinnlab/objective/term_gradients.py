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
        if len(terms) == 1:
            return self._alone(terms[0])
        turns = list(_turns(owned))
        if len(turns) == 1:
            jacobian = self._way_back(terms.sum(), owned, layout)
        else:
            jacobian = terms.new_empty((len(terms), sum(self._sizes)))
            for numbers in turns:
                spans = [owned[number] for number in numbers]
                jacobian[numbers] = self._way_back(terms[numbers].sum(), spans, layout)
        if self.apart:
            own = [self._parameters[k] for k in sorted(self.apart)]
            for term, row in zip(terms, jacobian, strict=True):
                views = row.split(self._sizes)
                for k, gradient in zip(sorted(self.apart), _pull(term, own), strict=True):
                    views[k].copy_(gradient.reshape(-1)) if gradient is not None else views[
                        k
                    ].zero_()
        return jacobian

    def _alone(self, term: Tensor) -> Tensor:
        found = torch.autograd.grad(
            term, self._parameters, allow_unused=True, materialize_grads=True
        )
        return torch.cat([gradient.reshape(-1) for gradient in found])[None]

    def _way_back(self, whole: Tensor, owned: Sequence[tuple[Span, ...]], layout: Layout) -> Tensor:
        """The gradients of terms that read different points, from their sum, ``(k, p)``."""
        jacobian = whole.new_zeros((len(owned), sum(self._sizes)))
        together = [k for k in range(len(self._parameters)) if k not in self.apart]
        if not together:
            return jacobian
        views = jacobian.split(self._sizes, 1)
        parameters = [self._parameters[k] for k in together]
        targets = [
            views[k].unflatten(1, p.shape) if p.ndim else views[k].squeeze(1)
            for k, p in zip(together, parameters, strict=True)
        ]
        split = RowSplit(tuple(owned), dict(zip(map(id, parameters), targets, strict=True)))
        with splitting(layout, split):
            found = _pull(whole, parameters)
        for k, target, gradient in zip(together, targets, found, strict=True):
            if gradient is not None and len(owned) > 1:
                self.apart.add(k)
            elif gradient is not None:
                target[0].add_(gradient)
        for weight, gradients in split.others:
            for number, gradient in enumerate(gradients):
                for target, part in zip(targets, _pull(weight, parameters, gradient), strict=True):
                    if part is not None:
                        target[number].add_(part)
        return jacobian


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
