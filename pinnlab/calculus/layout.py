"""Which derivatives a Taylor jet carries, for which points, and how they combine.

A jet of a function of the points is stored as one stacked array: first the values of all points,
then, slot by slot, the derivatives. A slot is a multi-index, or a *collapsed* sum
Σ c_ij ∂_i∂_j of second derivatives, which costs one slot instead of one per index pair.
Every slot covers a prefix of the points, so that points whose residual reads only values (data,
Dirichlet conditions) share the matrix products of those that read derivatives, and pay nothing.

The rules of propagation follow from two facts. For a product, Leibniz:
(ab)_S = Σ_{T ⊆ S} a_T b_{S∖T} over all subsets T of the positions of S.
For a pointwise function, Faà di Bruno: f(z)_S = Σ_{partitions π of S} f^{(|π|)}(z) Π_{B ∈ π} z_B.
Both are linear in the derivatives of highest order, which is why the sum of second derivatives
can be carried instead of its parts.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import pairwise

from pinnlab.calculus.workspace import Workspace
from pinnlab.typing import MultiIndex


@dataclass(frozen=True)
class Collapsed:
    """The sum Σ c_k ∂^{α_k} of second derivatives, carried as one slot.

    Args:
        terms: Pairs of a second-order multi-index and its coefficient.
    """

    terms: tuple[tuple[MultiIndex, float], ...]


Slot = MultiIndex | Collapsed


def order(slot: Slot) -> int:
    """Order of differentiation of a slot."""
    return 2 if isinstance(slot, Collapsed) else len(slot)


def closure(slots: Iterable[Slot]) -> tuple[Slot, ...]:
    """All slots needed to propagate the given ones: every sub-index, value first, by order."""
    found: set[Slot] = {()}
    for slot in slots:
        found.add(slot)
        indices = [index for index, _ in slot.terms] if isinstance(slot, Collapsed) else [slot]
        for index in indices:
            proper = range(len(index)) if isinstance(slot, Collapsed) else range(len(index) + 1)
            for size in proper:
                found.update(_sub_indices(index, size))
    return tuple(sorted(found, key=lambda s: (order(s), isinstance(s, Collapsed), str(s))))


def _sub_indices(index: MultiIndex, size: int) -> set[MultiIndex]:
    if size == 0:
        return {()}
    return {
        (index[i], *rest)
        for i in range(len(index) - size + 1)
        for rest in _sub_indices(index[i + 1 :], size - 1)
    }


def _partitions(items: Sequence[int]) -> Iterator[list[list[int]]]:
    """All set partitions of the positions."""
    if not items:
        yield []
        return
    first, rest = items[0], items[1:]
    for partition in _partitions(rest):
        yield [[first], *partition]
        for k, block in enumerate(partition):
            yield [*partition[:k], [first, *block], *partition[k + 1 :]]


@lru_cache(maxsize=4096)
def composition_terms(index: MultiIndex) -> tuple[tuple[float, int, tuple[MultiIndex, ...]], ...]:
    """Faà di Bruno terms of an index as (multiplicity, order of f, sorted factors)."""
    counted: Counter[tuple[MultiIndex, ...]] = Counter()
    for partition in _partitions(range(len(index))):
        counted[tuple(sorted(tuple(index[i] for i in sorted(b)) for b in partition))] += 1
    return tuple((float(c), len(factors), factors) for factors, c in counted.items())


@lru_cache(maxsize=4096)
def product_terms(index: MultiIndex) -> tuple[tuple[float, MultiIndex, MultiIndex], ...]:
    """Leibniz terms of an index as (multiplicity, left index, right index)."""
    counted: Counter[tuple[MultiIndex, MultiIndex]] = Counter()
    for mask in range(1 << len(index)):
        left = tuple(c for i, c in enumerate(index) if mask >> i & 1)
        right = tuple(c for i, c in enumerate(index) if not mask >> i & 1)
        counted[left, right] += 1
    return tuple((float(c), a, b) for (a, b), c in counted.items())


@dataclass(frozen=True)
class Bell:
    """One product Π z_{factors} with its coefficient, multiplied by f^{(k)} in a composition."""

    coefficient: float
    k: int
    factors: tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """The slots of a jet and the number of leading points that each covers.

    Args:
        slots: Downward closed, value first, as :func:`closure` returns them.
        counts: Points per slot, ``counts[0]`` the number of all points.
        transparent: Use only plain torch operations, so that the result can be differentiated in
            forward mode or twice. The default uses hand-written backward passes, which are
            faster and can be differentiated once.
        workspace: Memory that passes of this layout reuse.
    """

    slots: tuple[Slot, ...]
    counts: tuple[int, ...]
    transparent: bool = False
    workspace: Workspace = field(default_factory=Workspace, compare=False, repr=False)

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """First row of every slot in the stacked array."""
        rows, start = [], 0
        for count in self.counts:
            rows.append(start)
            start += count
        return tuple(rows)

    @cached_property
    def rows(self) -> int:
        """Rows of the stacked array."""
        return sum(self.counts)

    @property
    def n(self) -> int:
        """Number of points."""
        return self.counts[0]

    @cached_property
    def order(self) -> int:
        """Highest order of differentiation."""
        return max(order(slot) for slot in self.slots)

    @cached_property
    def position(self) -> dict[Slot, int]:
        """Slot to its number."""
        return {slot: k for k, slot in enumerate(self.slots)}

    @cached_property
    def ranges(self) -> tuple[slice, ...]:
        """Rows of every slot."""
        return tuple(slice(o, o + c) for o, c in zip(self.offsets, self.counts, strict=True))

    @cached_property
    def first_order(self) -> tuple[int, ...]:
        """Column index of every first-order slot, in slot order."""
        return tuple(s[0] for s in self.slots if not isinstance(s, Collapsed) and len(s) == 1)

    @cached_property
    def bells(self) -> tuple[tuple[Bell, ...], ...]:
        """Composition terms of every slot, with factors as slot numbers."""
        table = []
        for k, slot in enumerate(self.slots):
            if isinstance(slot, Collapsed):
                terms = [Bell(1.0, 1, (k,))]
                for index, coefficient in slot.terms:
                    factors = tuple(sorted(self.position[i,] for i in index))
                    terms.append(Bell(coefficient, 2, factors))
            else:
                terms = [
                    Bell(c, order_, tuple(self.position[f] for f in factors))
                    for c, order_, factors in composition_terms(slot)
                ]
            table.append(tuple(terms))
        return tuple(table)

    @cached_property
    def quadratics(self) -> tuple[tuple[int, tuple[tuple[float, int, int], ...]], ...]:
        """Second-order slots and their terms (coefficient, first-order slot, first-order slot)."""
        return tuple(
            (k, tuple((b.coefficient, b.factors[0], b.factors[1]) for b in bells if b.k == 2))
            for k, (slot, bells) in enumerate(zip(self.slots, self.bells, strict=True))
            if order(slot) == 2
        )

    @cached_property
    def slope_terms(self) -> tuple[tuple[tuple[float, tuple[int, ...]], ...], ...]:
        """For every slot but the value, the products of slopes that an affine map's jet leaves.

        Terms are (coefficient, numbers of first-order slots, counted among themselves).
        """
        row = {column: k for k, column in enumerate(self.first_order)}
        return tuple(
            tuple((c, tuple(row[i] for i in index)) for index, c in slot.terms)
            if isinstance(slot, Collapsed)
            else ((1.0, tuple(row[i] for i in slot)),)
            for slot in self.slots[1:]
        )

    @cached_property
    def products(self) -> tuple[tuple[tuple[float, int, int], ...], ...]:
        """Leibniz terms of every slot, with factors as slot numbers."""
        table = []
        for k, slot in enumerate(self.slots):
            if isinstance(slot, Collapsed):
                terms = [(1.0, k, 0), (1.0, 0, k)]
                for (i, j), coefficient in slot.terms:
                    a, b = self.position[i,], self.position[j,]
                    terms += [(coefficient, a, b), (coefficient, b, a)]
            else:
                terms = [
                    (c, self.position[left], self.position[right])
                    for c, left, right in product_terms(slot)
                ]
            table.append(tuple(terms))
        return tuple(table)

    @cached_property
    def _blocks(self) -> dict[int, tuple["Block", ...]]:
        return {}

    def blocks(self, points: int) -> tuple["Block", ...]:
        """All points in blocks of at most so many, each with the same slots for all its points."""
        if points not in self._blocks:
            self._blocks[points] = tuple(_cut(self, points))
        return self._blocks[points]


@dataclass(frozen=True)
class Block:
    """The points ``start:stop`` of a jet, which all carry the slots of ``layout``.

    Args:
        layout: The slots, each for all points of the block.
        numbers: Which slots of the whole jet these are.
        rows: Where each of them lies among the rows of the whole jet.
        start: First point.
        stop: One after the last point.
    """

    layout: Layout
    numbers: tuple[int, ...]
    rows: tuple[slice, ...]
    start: int
    stop: int

    @property
    def points(self) -> int:
        """Number of points."""
        return self.stop - self.start

    @cached_property
    def orders(self) -> tuple[tuple[int, slice], ...]:
        """Orders of differentiation from 1, and the slots of each, which stand side by side."""
        orders = [order(slot) for slot in self.layout.slots]
        return tuple(
            (k, slice(orders.index(k), orders.index(k) + orders.count(k)))
            for k in range(1, max(orders) + 1)
        )


def _cut(layout: Layout, points: int) -> Iterator[Block]:
    """Cut where a slot ends, then into nearly equal pieces."""
    ends = sorted({count for count in layout.counts if count})
    for begin, end in zip([0, *ends[:-1]], ends, strict=True):
        numbers = tuple(k for k, count in enumerate(layout.counts) if count >= end)
        slots = tuple(layout.slots[k] for k in numbers)
        pieces = -(-(end - begin) // points)
        cuts = [begin + (end - begin) * k // pieces for k in range(pieces + 1)]
        for start, stop in pairwise(cuts):
            offsets = [layout.offsets[k] for k in numbers]
            rows = tuple(slice(offset + start, offset + stop) for offset in offsets)
            yield Block(Layout(slots, (stop - start,) * len(slots)), numbers, rows, start, stop)
