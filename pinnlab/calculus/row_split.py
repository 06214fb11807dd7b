"""Gradients of several quantities from one way back.

Quantities q_1 … q_m that read different points have cotangents on different rows of everything
that is evaluated point by point. So one backward pass of their sum carries all of them, and only
the last product of each layer, ∂q/∂W = Σ_rows g aᵀ, is taken over the rows of each quantity apart.
A :class:`RowSplit` tells the chains of layers which rows belong to whom, and receives what they
would otherwise return as the gradient of a weight.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache

import torch
from torch import Tensor

from pinnlab.calculus.blocks import Block
from pinnlab.calculus.layout import Layout

# First row and one after the last.
Span = tuple[int, int]


@dataclass(eq=False)
class RowSplit:
    """Who owns which points, and the gradients that were found.

    Args:
        spans: Per quantity the points it reads; no two own the same point.
        targets: By the identity of a weight the array ``(m, *shape)`` to which its gradients are
            added.
        others: Weights that have no such array because they are functions of what is trained, and
            their gradients.
    """

    spans: tuple[tuple[Span, ...], ...]
    targets: Mapping[int, Tensor]
    others: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    def into(self, weight: Tensor) -> Tensor | None:
        """Where to add the gradients of a weight; None if they are not wanted."""
        if weight.is_leaf:
            return self.targets.get(id(weight))
        for known, found in self.others:
            if known is weight:
                return found
        found = weight.new_zeros((len(self.spans), *weight.shape))
        self.others.append((weight, found))
        return found

    def parts(self, block: Block) -> tuple["Part", ...]:
        """The columns of a block that each quantity owns, for those that own any."""
        # Points that lack a slot of their block have no cotangent there.
        reach = max((rows.stop - rows.start for rows in block.rows[1:]), default=0)
        slots = len(block.numbers) - 1
        return _parts(self.spans, block.start, block.stop, block.inner, reach, slots)

    def owners(self, block: Block, like: Tensor) -> Tensor:
        """Which points of a block each quantity owns, ones among zeros, ``(m, points)``."""
        return _owners(self.spans, block.start, block.stop, like.dtype, like.device)


@dataclass(frozen=True)
class Part:
    """What one quantity owns of a block.

    Args:
        number: Of the quantity.
        points: Its points, counted from the block's first.
        inner: Those of them that carry derivatives.
        columns: The same in all slots side by side.
    """

    number: int
    points: tuple[Span, ...]
    inner: tuple[Span, ...]
    columns: tuple[Span, ...]


@lru_cache(maxsize=4096)
def _parts(
    owned: tuple[tuple[Span, ...], ...], start: int, stop: int, inner: int, reach: int, slots: int
) -> tuple[Part, ...]:
    points = stop - start
    own = [_within(spans, start, stop) for spans in owned]
    deriving = [_within(spans, 0, reach) for spans in own]
    found = []
    for number, (mine, derived) in enumerate(zip(own, deriving, strict=True)):
        if not mine:
            continue
        columns = list(mine)
        if derived and sum(map(bool, deriving)) == 1:
            # Columns that nobody owns hold zeros: they cost less than many small products.
            columns.append((points, points + slots * inner))
        else:
            for shift in range(points, points + slots * inner, inner or 1):
                columns += [(a + shift, b + shift) for a, b in derived]
        found.append(Part(number, mine, derived, _merged(columns)))
    return tuple(found)


@lru_cache(maxsize=256)
def _owners(
    owned: tuple[tuple[Span, ...], ...],
    start: int,
    stop: int,
    dtype: torch.dtype,
    device: torch.device,
) -> Tensor:
    out = torch.zeros((len(owned), stop - start), dtype=dtype, device=device)
    for row, spans in zip(out, owned, strict=True):
        for a, b in _within(spans, start, stop):
            row[a:b] = 1
    return out


def _within(spans: Sequence[Span], start: int, stop: int) -> tuple[Span, ...]:
    """The parts of the spans between two rows, counted from the first."""
    cut = [(max(a, start) - start, min(b, stop) - start) for a, b in spans]
    return tuple((a, b) for a, b in cut if a < b)


def _merged(spans: Sequence[Span]) -> tuple[Span, ...]:
    out: list[Span] = []
    for a, b in spans:
        if a == b:
            continue
        if out and out[-1][1] == a:
            out[-1] = (out[-1][0], b)
        else:
            out.append((a, b))
    return tuple(out)


@contextmanager
def splitting(layout: Layout, split: RowSplit) -> Iterator[RowSplit]:
    """Let every way back through chains of this layout keep the quantities apart."""
    layout.workspace.split = split
    try:
        yield split
    finally:
        layout.workspace.split = None
