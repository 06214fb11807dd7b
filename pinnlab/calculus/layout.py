"""Which derivatives a Taylor jet carries, for which points, and how they combine.

A jet of a function of the points is stored as one stacked array: first the values of all points,
then, slot by slot, the derivatives. A slot is a multi-index, or a *collapsed* sum
Σ c_α ∂^α of derivatives, which costs one slot instead of one per index.
An index names *directions*: the numbers 0 … d-1 are the columns of the points, further ones
are directions that a :class:`~pinnlab.calculus.directions.Directions` hands out.
Every slot covers a prefix of the points, so that points whose residual reads only values (data,
Dirichlet conditions) share the matrix products of those that read derivatives, and pay nothing.

The rules of propagation follow from two facts. For a product, Leibniz:
(ab)_S = Σ_{T ⊆ S} a_T b_{S∖T} over all subsets T of the positions of S.
For a pointwise function, Faà di Bruno: f(z)_S = Σ_{partitions π of S} f^{(|π|)}(z) Π_{B ∈ π} z_B.
Both are linear in the derivatives of highest order, which is why their sum can be carried instead
of its parts.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from pinnlab.calculus.workspace import Workspace
from pinnlab.typing import MultiIndex


@dataclass(frozen=True)
class Collapsed:
    """The sum Σ c_k ∂^{α_k} of derivatives, carried as one slot.

    The orders may differ, as in ∂_t − ν ∂_x²: a derivative that nothing needs by itself costs
    nothing beside another one.

    Args:
        terms: Pairs of a multi-index and its coefficient.
    """

    terms: tuple[tuple[MultiIndex, float], ...]

    @property
    def order(self) -> int:
        """The highest order of differentiation."""
        return max(len(index) for index, _ in self.terms)

    @cached_property
    def directions(self) -> frozenset[int]:
        """Every direction that occurs."""
        return frozenset(k for index, _ in self.terms for k in index)


Slot = MultiIndex | Collapsed


def order(slot: Slot) -> int:
    """Order of differentiation of a slot."""
    return slot.order if isinstance(slot, Collapsed) else len(slot)


def terms_of(slot: Slot) -> tuple[tuple[MultiIndex, float], ...]:
    """The derivatives that a slot sums, and their coefficients."""
    return slot.terms if isinstance(slot, Collapsed) else ((slot, 1.0),)


def rank(slot: Slot) -> tuple:
    """By order, sums last, then by number, so that the directions of a family stay together."""
    if isinstance(slot, Collapsed):
        return slot.order, True, slot.terms
    return len(slot), False, slot


def closure(slots: Iterable[Slot]) -> tuple[Slot, ...]:
    """All slots needed to propagate the given ones: every sub-index, value first, by order."""
    found: set[Slot] = {()}
    for slot in slots:
        found.add(slot)
        if isinstance(slot, Collapsed):
            for index, _ in slot.terms:
                for size in range(1, len(index)):
                    found.update(_sub_indices(index, size))
        else:
            for size in range(1, len(slot)):
                found.update(_sub_indices(slot, size))
    return tuple(sorted(found, key=rank))


def maximal(indices: Iterable[MultiIndex]) -> frozenset[MultiIndex]:
    """Those that no other one needs: no sub-index of any other."""
    found = set(indices)
    needed = {s for index in found for size in range(len(index)) for s in _sub_indices(index, size)}
    return frozenset(found - needed)


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


@lru_cache(maxsize=4096)
def recurrence_terms(index: MultiIndex) -> tuple[tuple[float, MultiIndex, MultiIndex], ...]:
    """Leibniz terms of ∂_{index∖i} (f'(z) ∂_i z), i the first, that differentiate f'(z)."""
    first, rest = index[:1], index[1:]
    return tuple((c, left, (*first, *right)) for c, left, right in product_terms(rest) if left)


@dataclass(frozen=True)
class Bell:
    """One product Π z_{factors} with its coefficient, multiplied by f^{(k)} in a composition."""

    coefficient: float
    k: int
    factors: tuple[int, ...]


@dataclass(frozen=True)
class SlopeProduct:
    """The sum Σ c Π_i s_i that stands beside f^{(order)} in a slot of f(z), for z affine.

    Args:
        slot: Number of the slot.
        order: How many slopes are multiplied.
        terms: Pairs of c and the positions of directions in :attr:`Layout.directions`.
    """

    slot: int
    order: int
    terms: tuple[tuple[float, tuple[int, ...]], ...]


@dataclass(frozen=True)
class SquareSum:
    """One slot Σ c_k ∂_k² of a jet that carries the first derivatives ∂_k.

    Args:
        slot: Its number.
        coefficients: c, one for each first-order slot.
    """

    slot: int
    coefficients: tuple[float, ...]

    @cached_property
    def common(self) -> tuple[slice, float] | None:
        """The first-order slots that occur and their coefficient, if they are a range and alike."""
        rows = [k for k, c in enumerate(self.coefficients) if c]
        if not rows or len({self.coefficients[k] for k in rows}) != 1:
            return None
        if len(rows) != rows[-1] + 1 - rows[0]:
            return None
        return slice(rows[0], rows[-1] + 1), self.coefficients[rows[0]]


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

    @property
    def key(self) -> tuple:
        """What layouts share that carry the same."""
        return self.slots, self.counts, self.transparent

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
        """Direction of every first-order slot, in slot order."""
        return tuple(s[0] for s in self.slots if not isinstance(s, Collapsed) and len(s) == 1)

    @cached_property
    def directions(self) -> dict[int, int]:
        """Every direction of which a slope is needed, ascending, and at how many points.

        Those of all first-order slots, and those of first-order terms of sums.
        """
        found: dict[int, int] = {}
        for slot, count in zip(self.slots, self.counts, strict=True):
            for index, _ in terms_of(slot):
                if len(index) == 1:
                    found[index[0]] = max(count, found.get(index[0], 0))
        return dict(sorted(found.items()))

    @cached_property
    def bells(self) -> tuple[tuple[Bell, ...], ...]:
        """Composition terms of every slot, with factors as slot numbers."""
        table = []
        for k, slot in enumerate(self.slots):
            if isinstance(slot, Collapsed):
                terms = [Bell(1.0, 1, (k,)), *self._collapsed_bells(slot)]
            else:
                terms = [
                    Bell(c, order_, tuple(self.position[f] for f in factors))
                    for c, order_, factors in composition_terms(slot)
                ]
            table.append(tuple(terms))
        return tuple(table)

    def _collapsed_bells(self, slot: Collapsed) -> list[Bell]:
        """The nonlinear terms of a sum, equal products joined."""
        joined: Counter[tuple[int, tuple[int, ...]]] = Counter()
        for index, coefficient in slot.terms:
            for c, order_, factors in composition_terms(index):
                if order_ > 1:
                    numbers = tuple(sorted(self.position[f] for f in factors))
                    joined[order_, numbers] += c * coefficient  # type: ignore[assignment]
        return [Bell(float(c), order_, numbers) for (order_, numbers), c in joined.items()]

    @cached_property
    def recurrence(self) -> tuple[tuple[tuple[float, int, int], ...], ...]:
        """For every slot S the terms of ∂_S f(z) = f'(z) z_S + Σ c f'(z)_U z_V, as (c, U, V)."""
        table = []
        for slot in self.slots:
            joined: Counter[tuple[int, int]] = Counter()
            for index, coefficient in terms_of(slot):
                for c, left, right in recurrence_terms(index):
                    pair = self.position[left], self.position[right]
                    joined[pair] += c * coefficient  # type: ignore[assignment]
            table.append(tuple((float(c), u, v) for (u, v), c in joined.items()))
        return tuple(table)

    @cached_property
    def slope_products(self) -> tuple["SlopeProduct", ...]:
        """The products of slopes in the jet of f(z) with z affine, by slot, then by order."""
        row = {direction: k for k, direction in enumerate(self.directions)}
        out = []
        for k, slot in enumerate(self.slots[1:], start=1):
            terms = terms_of(slot)
            for m in sorted({len(index) for index, _ in terms}):
                factors = tuple((c, tuple(row[i] for i in x)) for x, c in terms if len(x) == m)
                out.append(SlopeProduct(k, m, factors))
        return tuple(out)

    @cached_property
    def products(self) -> tuple[tuple[tuple[float, int, int], ...], ...]:
        """Leibniz terms of every slot, with factors as slot numbers."""
        table = []
        for k, slot in enumerate(self.slots):
            if isinstance(slot, Collapsed):
                terms = [(1.0, k, 0), (1.0, 0, k), *self._collapsed_products(slot)]
            else:
                terms = [
                    (c, self.position[left], self.position[right])
                    for c, left, right in product_terms(slot)
                ]
            table.append(tuple(terms))
        return tuple(table)

    @cached_property
    def square_sums(self) -> tuple[SquareSum, ...] | None:
        """The sums of a jet that carries a value, first derivatives and Σ c_k ∂_k² of them.

        All at all points; None for any other jet. Such a jet is an array with an axis of
        directions, over which one operation serves all.
        """
        firsts = len(self.first_order)
        behind = self.slots[1 + firsts :]
        if len(set(self.counts)) != 1 or not behind:
            return None
        sums = []
        for number, slot in enumerate(behind, start=1 + firsts):
            coefficients = [0.0] * firsts
            for index, c in terms_of(slot):
                if not isinstance(slot, Collapsed) or len(index) != 2 or index[0] != index[1]:
                    return None
                coefficients[self.position[index[:1]] - 1] += c
            sums.append(SquareSum(number, tuple(coefficients)))
        return tuple(sums)

    def _collapsed_products(self, slot: Collapsed) -> list[tuple[float, int, int]]:
        """The Leibniz terms of a sum in which neither factor carries all derivatives."""
        joined: Counter[tuple[int, int]] = Counter()
        for index, coefficient in slot.terms:
            for c, left, right in product_terms(index):
                if left and right:
                    pair = self.position[left], self.position[right]
                    joined[pair] += c * coefficient  # type: ignore[assignment]
        return [(float(c), a, b) for (a, b), c in joined.items()]
