"""The gradient of every term, or group of terms, at about the price of one.

Groups that read different points share one way back through the network, by
:mod:`~pinnlab.calculus.row_split`; those that read the same points, such as two equations, take
turns. What is trained outside chains of layers, such as an unknown coefficient of an equation, is
reached by one pull for each group, which goes no further back than it must.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from pinnlab.calculus.layout import Layout
from pinnlab.calculus.row_split import RowSplit, Span, Target

KEPT = 2**20  # numbers of a Jacobian whose memory is kept from step to step


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
        self._kept: _Rows | None = None

    def __call__(
        self,
        squares: Tensor,
        factors: Tensor,
        owned: Sequence[tuple[Span, ...]],
        layout: Layout,
        groups: Sequence[Sequence[int]] | None = None,
    ) -> Tensor:
        """The gradients ``(m, p)`` of the terms c_k s_k, or of groups of them.

        Args:
            squares: s ``(m,)``.
            factors: c ``(m,)``.
            owned: Per term the rows of points that it reads.
            layout: Of all points.
            groups: Numbers of the terms of every group; one term each by default.
        """
        if len(groups or owned) == 1:
            return self._alone(squares, factors)
        members = [[k] for k in range(len(owned))]
        if groups is not None:
            members = groups
            owned = [tuple(dict.fromkeys(s for k in group for s in owned[k])) for group in groups]
        turns = list(_turns(owned))
        if len(turns) == 1:
            jacobian = self._way_back(squares, factors, owned, layout)
        else:
            jacobian = squares.new_empty((len(members), sum(self._sizes)))
            for numbers in turns:
                spans = [owned[number] for number in numbers]
                own = _only(factors, [k for number in numbers for k in members[number]])
                jacobian[numbers] = self._way_back(squares, own, spans, layout)
        if self.apart:
            apart = sorted(self.apart)
            own = [self._parameters[k] for k in apart]
            for group, row in zip(members, jacobian, strict=True):
                views = row.split(self._sizes)
                found = _pull(squares, own, _only(factors, group))
                for k, gradient in zip(apart, found, strict=True):
                    if gradient is None:
                        views[k].zero_()
                    else:
                        views[k].copy_(gradient.reshape(-1))
        return jacobian

    def squared_lengths(
        self, values: Tensor, spans: Sequence[Span], layout: Layout, most: int
    ) -> Tensor | None:
        """Squared lengths of the gradients of all values, ``(n, c)`` in float64.

        Args:
            values: ``(n, c)``, by one way back for each column.
            spans: The rows of points of several sets of n; a row of values reads one of each.
            layout: Of all points.
            most: Numbers of gradients that are held at a time.

        Returns:
            None if chains of layers do not account for them.
        """
        owned = [
            tuple((start + i, start + i + 1) for start, _ in spans) for i in range(len(values))
        ]
        at_once = max(1, most // sum(self._sizes))
        squares = values.new_empty(values.shape, dtype=torch.float64)
        for k, column in enumerate(values.unbind(1)):
            for start in range(0, len(values), at_once):
                rows = slice(start, start + at_once)
                part = column[rows]
                found = self._way_back(part, torch.ones_like(part), owned[rows], layout)
                if self.apart:
                    return None
                squares[rows, k] = found.double().square().sum(1)
        return squares

    def _alone(self, squares: Tensor, factors: Tensor) -> Tensor:
        found = torch.autograd.grad(
            squares, self._parameters, factors, allow_unused=True, materialize_grads=True
        )
        return torch.cat([gradient.reshape(-1) for gradient in found])[None]

    def _way_back(
        self, squares: Tensor, factors: Tensor, owned: Sequence[tuple[Span, ...]], layout: Layout
    ) -> Tensor:
        """The gradients of groups that read different points, from their sum, ``(k, p)``.

        The factors of all others are zero.
        """
        rows = self._rows(tuple(owned), squares)
        if not rows.together:
            return rows.jacobian
        split = layout.workspace.split = RowSplit(rows.owned, rows.targets, rows is self._kept)
        try:
            found = _pull(squares, rows.together, factors)
        finally:
            layout.workspace.split = None
        for k, parameter, gradient in zip(rows.numbers, rows.together, found, strict=True):
            if gradient is not None and len(owned) > 1:
                self.apart.add(k)
            elif gradient is not None:
                rows.targets[id(parameter)].parts[0].add_(gradient)
        for weight, gradients in split.others:
            for number, gradient in enumerate(gradients.parts):
                pulled = _pull(weight, rows.together, gradient)
                for parameter, part in zip(rows.together, pulled, strict=True):
                    if part is not None:
                        rows.targets[id(parameter)].parts[number].add_(part)
        return rows.jacobian.clone() if rows is self._kept else rows.jacobian

    def _rows(self, owned: tuple[tuple[Span, ...], ...], like: Tensor) -> "_Rows":
        """Where to add gradients; what the last way back had made if it serves again."""
        kept, count = self._kept, len(self._parameters) - len(self.apart)
        if kept is not None and kept.fits(owned, count, like):
            kept.jacobian.zero_()
            return kept
        numbers = [k for k in range(len(self._parameters)) if k not in self.apart]
        rows = _Rows(owned, self._parameters, numbers, like)
        self._kept = rows if rows.jacobian.numel() <= KEPT else None
        return rows


class _Rows:
    """The gradients of several groups while they are summed.

    Args:
        owned: Per group the rows of points that it reads.
        parameters: Everything that is trained.
        numbers: Of the parameters that chains of layers account for.
        like: A tensor of the right type.

    Attributes:
        jacobian: The gradients by all parameters ``(m, p)``.
        targets: Its parts, by the identity of the parameter.
        together: The parameters of these numbers.
    """

    def __init__(
        self,
        owned: tuple[tuple[Span, ...], ...],
        parameters: Sequence[Tensor],
        numbers: Sequence[int],
        like: Tensor,
    ) -> None:
        sizes = [p.numel() for p in parameters]
        self.owned, self.numbers, self.together = owned, numbers, [parameters[k] for k in numbers]
        self.jacobian = like.new_zeros((len(owned), sum(sizes)))
        views = self.jacobian.split(sizes, 1)
        self.targets = {
            id(parameters[k]): Target(views[k].view(len(owned), *parameters[k].shape))
            for k in numbers
        }

    def fits(self, owned: tuple[tuple[Span, ...], ...], count: int, like: Tensor) -> bool:
        """Whether this serves for these groups and that many parameters."""
        j = self.jacobian
        return (
            self.owned == owned
            and len(self.numbers) == count
            and (j.dtype, j.device) == (like.dtype, like.device)
        )


def _pull(
    value: Tensor, parameters: Sequence[Tensor], cotangent: Tensor
) -> tuple[Tensor | None, ...]:
    """The gradients of a value by parameters, None where there is none."""
    return torch.autograd.grad(value, parameters, cotangent, retain_graph=True, allow_unused=True)


def _only(factors: Tensor, numbers: Sequence[int]) -> Tensor:
    """The factors of some terms, zero for all others."""
    out = torch.zeros_like(factors)
    out[list(numbers)] = factors[list(numbers)]
    return out


def _turns(owned: Sequence[tuple[Span, ...]]) -> Iterator[list[int]]:
    """Numbers in lists, each as long as possible, of which no two read the same rows."""
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
