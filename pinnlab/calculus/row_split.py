"""Gradients of several quantities from one way back.

Quantities q_1 … q_m that read different points have cotangents on different rows of everything
that is evaluated point by point. So one backward pass of their sum carries all of them, and only
the last product of each layer, ∂q/∂W = Σ_rows g aᵀ, is taken over the rows of each quantity apart.
A :class:`RowSplit` tells the chains of layers which rows belong to whom, and receives what they
would otherwise return as the gradient of a weight.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from pinnlab.calculus.blocks import Block
from pinnlab.calculus.linear_map import LinearMap
from pinnlab.calculus.products import OuterProducts

# First row and one after the last.
Span = tuple[int, int]
# Number of a quantity, and what the gradient of a weight is the sum of in its columns.
Columns = tuple[int, OuterProducts]


class Target:
    """Where the gradients of one weight are added.

    Args:
        whole: Those by all quantities ``(m, *shape)``.
    """

    __slots__ = ("parts", "whole")

    def __init__(self, whole: Tensor) -> None:
        self.whole, self.parts = whole, whole.unbind()

    def apart(self) -> "Target":
        """One like it, for sums that are added later."""
        return Target(self.whole.new_zeros(self.whole.shape))


@dataclass(eq=False)
class RowSplit:
    """Who owns which points, and the gradients that were found.

    Args:
        spans: Per quantity the points it reads; no two own the same point.
        targets: Of weights by their identity.
        lasting: Whether these are the same arrays in every step.
        others: Weights that have no such target because they are functions of what is trained,
            and their gradients.
    """

    spans: tuple[tuple[Span, ...], ...]
    targets: Mapping[int, Target]
    lasting: bool = False
    others: list[tuple[Tensor, Target]] = field(default_factory=list)

    def into(self, weight: Tensor) -> Target | None:
        """Where to add the gradients of a weight; None if they are not wanted."""
        if weight.is_leaf:
            return self.targets.get(id(weight))
        for known, found in self.others:
            if known is weight:
                return found
        found = Target(weight.new_zeros((len(self.spans), *weight.shape)))
        self.others.append((weight, found))
        return found


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


class Shares:
    """What quantities own of a block whose arrays stay where they are.

    Everything is found once: of small networks, making a view takes as long as the product that it
    is made for.

    Args:
        block: Points and slots.
        spans: Of the quantities, see :class:`RowSplit`.
        like: A tensor of the right type.

    Attributes:
        parts: Those of the quantities that own any column.
        owners: Which points each quantity owns, ones among zeros, ``(m, points)``.
    """

    def __init__(self, block: Block, spans: tuple[tuple[Span, ...], ...], like: Tensor) -> None:
        self.parts, self.owners = _parts(spans, block), _owners(spans, block, like)
        self._known: dict[LinearMap, tuple[list[Columns], OuterProducts]] = {}

    def of(self, own: LinearMap) -> tuple[list[Columns], OuterProducts]:
        """What the gradients of weight and bias of a layer on the block are the sums of.

        Returns:
            Of the weight the part of each quantity, and of the bias those of all, one in a row.
        """
        if own not in self._known:
            g, a = own.weights.g, own.weights.a
            parts = [
                (part.number, OuterProducts(g[:, i:j], a[:, i:j]))
                for part in self.parts
                for i, j in part.columns
            ]
            self._known[own] = parts, OuterProducts(self.owners, own.biases.g)
        return self._known[own]


def _parts(owned: Sequence[Sequence[Span]], block: Block) -> list[Part]:
    # Points that lack a slot of their block have no cotangent there.
    reach = max((rows.stop - rows.start for rows in block.rows[1:]), default=0)
    points, inner = block.points, block.inner
    end = points + (len(block.numbers) - 1) * inner
    own = [_within(spans, block.start, block.stop) for spans in owned]
    deriving = [_within(spans, 0, reach) for spans in own]
    found = []
    for number, (mine, derived) in enumerate(zip(own, deriving, strict=True)):
        if not mine:
            continue
        columns = list(mine)
        if derived and sum(map(bool, deriving)) == 1:
            # Columns that nobody owns hold zeros: they cost less than many small products.
            columns.append((points, end))
        else:
            for shift in range(points, end, inner or 1):
                columns += [(a + shift, b + shift) for a, b in derived]
        found.append(Part(number, mine, derived, _merged(columns)))
    return found


def _owners(owned: Sequence[Sequence[Span]], block: Block, like: Tensor) -> Tensor:
    out = like.new_zeros((len(owned), block.points))
    for row, spans in zip(out, owned, strict=True):
        for a, b in _within(spans, block.start, block.stop):
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
