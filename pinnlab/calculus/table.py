"""Fields on several batches of points, evaluated by one pass, read batch by batch.

:class:`Batches` joins the point sets of all terms. Sets that need many derivatives come first, so
that every slot of the layout covers a prefix of the rows. :class:`Window` is the
:class:`~pinnlab.calculus.sources.JetSource` of one set.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.calculus.layout import Collapsed, Layout, Slot, closure
from pinnlab.calculus.recording import Plan
from pinnlab.calculus.taylor import TaylorTensor, seed
from pinnlab.errors import DeclarationError
from pinnlab.sampling.points import Points
from pinnlab.typing import Coordinates, MultiIndex


@dataclass(frozen=True)
class Demand:
    """The slots one point set needs, and the sums of second derivatives carried as one slot.

    Args:
        slots: Multi-indices and collapsed sums.
        shares: Multi-index to the (collapsed slot, divisor) whose value stands for it; the other
            members of that sum read zero.
    """

    slots: frozenset[Slot]
    shares: Mapping[MultiIndex, tuple[Collapsed, float]]

    @classmethod
    def of(cls, plan: Plan, coordinates: Coordinates, collapsed: Collapsed | None) -> "Demand":
        """The demand of a derivative plan, with its second derivatives collapsed if asked for."""
        slots: set[Slot] = {()}
        shares: dict[MultiIndex, tuple[Collapsed, float]] = {}
        if collapsed is not None:
            index, coefficient = collapsed.terms[0]
            shares[index] = (collapsed, coefficient)
            slots.add(collapsed)
        members = {index for index, _ in collapsed.terms} if collapsed else set()
        slots.update(index for _, index in plan.derivatives if index not in members)
        for _, name in plan.laplacians:
            slots.add(vector_laplacian(coordinates, name))
        for _, name in plan.gradients:
            part = coordinates.slice(name)
            slots.update((k,) for k in range(part.start, part.stop))
        return cls(frozenset(slots), shares)


def vector_laplacian(coordinates: Coordinates, name: str) -> Collapsed:
    """The Laplacian over all columns of a vector coordinate as one slot."""
    part = coordinates.slice(name)
    return Collapsed(tuple(((k, k), 1.0) for k in range(part.start, part.stop)))


class Batches:
    """Point sets in the order in which one pass evaluates them.

    Args:
        points: The point sets.
        demands: What each set needs.
        transparent: See :class:`~pinnlab.calculus.layout.Layout`.
    """

    def __init__(
        self, points: Sequence[Points], demands: Sequence[Demand], *, transparent: bool = False
    ) -> None:
        sizes = [len(closure(demand.slots)) for demand in demands]
        self.arrangement = sorted(range(len(points)), key=lambda k: -sizes[k])
        self.starts = [0] * len(points)
        start, needed = 0, {}
        for k in self.arrangement:
            self.starts[k] = start
            start += len(points[k])
            for slot in closure(demands[k].slots):
                needed[slot] = start
        # Every demand is downward closed, so a slot covers at least what its derivatives cover.
        slots = closure(needed)
        self.layout = Layout(slots, tuple(needed[slot] for slot in slots), transparent)
        self.points, self.demands = points, demands
        self.x = torch.cat([points[k].x for k in self.arrangement])
        self.start = seed(self.x, self.layout)

    def window(self, k: int, fields: "FieldTable") -> "Window":
        """The fields on point set ``k``."""
        return Window(fields, self.points[k], self.starts[k], self.demands[k])


class FieldTable:
    """Jets of all fields on the joined points, cut into windows without copying twice.

    Args:
        jets: Per field its jet and the column of it that is meant.
        cuts: The rows at which windows begin, ascending, from 0 to the number of points.
    """

    def __init__(self, jets: Mapping[str, tuple[TaylorTensor, int]], cuts: Sequence[int]) -> None:
        self.jets = jets
        self.cuts = sorted(set(cuts))
        self._pieces: dict[int, dict[tuple[Slot, int], tuple[Tensor, ...]]] = {}

    def read(self, field: str, slot: Slot, start: int, stop: int) -> Tensor:
        """One slot of one field on rows ``start:stop``, ``(n,)``."""
        if field not in self.jets:
            raise DeclarationError(
                f"There is no field '{field}'",
                expected=", ".join(self.jets),
                got=field,
                do="declare it in `fields`",
            )
        jet, column = self.jets[field]
        key = id(jet)
        if key not in self._pieces:
            self._pieces[key] = self._cut(jet)
        return self._pieces[key][slot, start][column]

    def _cut(self, jet: TaylorTensor) -> dict[tuple[Slot, int], tuple[Tensor, ...]]:
        """All pieces at once: the backward pass of one split is one concatenation."""
        layout, data = jet.layout, jet.data
        assert data is not None
        labels: list[tuple[Slot, int]] = []
        sizes: list[int] = []
        for slot, count in zip(layout.slots, layout.counts, strict=True):
            for start, stop in zip(self.cuts[:-1], self.cuts[1:], strict=True):
                if start >= count:
                    break
                labels.append((slot, start))
                sizes.append(min(stop, count) - start)
        pieces = data.split(sizes)
        if data.ndim == 1:
            return {label: (piece,) for label, piece in zip(labels, pieces, strict=True)}
        return {label: piece.unbind(-1) for label, piece in zip(labels, pieces, strict=True)}


class Window:
    """The fields on one point set, as a :class:`~pinnlab.calculus.sources.JetSource`."""

    def __init__(self, table: FieldTable, points: Points, start: int, demand: Demand) -> None:
        self.table, self.points, self.demand = table, points, demand
        self.start, self.stop = start, start + len(points)
        self.coordinates = points.coordinates
        self._columns = points.columns

    def derivative(self, field: str, index: MultiIndex) -> Tensor:
        """A derivative of a field, ``(n,)``."""
        share = self.demand.shares.get(index)
        if share is not None:
            slot, divisor = share
            value = self.table.read(field, slot, self.start, self.stop)
            return value if divisor == 1.0 else value / divisor
        if len(index) == 2 and any(
            index == member for slot, _ in self.demand.shares.values() for member, _ in slot.terms
        ):
            return self.points.x.new_zeros(len(self.points))
        return self.table.read(field, index, self.start, self.stop)

    def laplacian(self, field: str, name: str) -> Tensor:
        """The Laplacian over a vector coordinate, ``(n,)``."""
        slot = vector_laplacian(self.coordinates, name)
        return self.table.read(field, slot, self.start, self.stop)

    def gradient(self, field: str, name: str) -> Tensor:
        """The gradient over a vector coordinate, ``(n, size)``."""
        part = self.coordinates.slice(name)
        return torch.stack([self.derivative(field, (k,)) for k in range(part.start, part.stop)], -1)

    def coordinate(self, name: str) -> Tensor:
        """A coordinate, ``(n,)`` or ``(n, size)``."""
        return self._columns[name]

    def normal(self) -> Tensor | None:
        """Outward normals, ``(n, d_space)``, if the points lie on a boundary."""
        return self.points.normals


def collapse(plan: Plan, ratios: Mapping[tuple[str, MultiIndex], float] | None) -> Collapsed | None:
    """The sum that may stand for all second derivatives of a plan, or None.

    Args:
        plan: The derivatives read on one point set.
        ratios: For each second derivative read, its coefficient in the one linear combination
            through which all residuals of the set see it; None if there is no such combination.

    Returns:
        A collapsed slot if at least two second derivatives of every field enter by the same sum.
    """
    if ratios is None or any(len(index) > 2 for _, index in plan.derivatives):
        return None
    sums = {}
    for (field, index), ratio in ratios.items():
        sums.setdefault(field, {})[index] = ratio
    shapes = {tuple(sorted(terms.items())) for terms in sums.values()}
    if len(shapes) != 1:
        return None
    terms = shapes.pop()
    # One second derivative costs as much alone; a mixed one would need its own first derivatives.
    return Collapsed(terms) if len(terms) >= 2 else None
