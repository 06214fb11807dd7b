"""Fields on several batches of points, evaluated by one pass, read batch by batch.

:class:`Batches` joins the point sets of all terms. Sets that need many derivatives come first, so
that every slot of the layout covers a prefix of the rows. :class:`Window` is the
:class:`~pinnlab.calculus.sources.JetSource` of one set.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from pinnlab.calculus.directions import Across, Directions, Drawn
from pinnlab.calculus.estimators import Estimator, Exact
from pinnlab.calculus.functionals import Functional, Reading, place
from pinnlab.calculus.layout import Collapsed, Layout, Slot, closure, maximal, rank, terms_of
from pinnlab.calculus.polarisation import cheapest
from pinnlab.calculus.recording import Plan
from pinnlab.calculus.taylor import TaylorTensor, seed
from pinnlab.errors import DeclarationError
from pinnlab.sampling.points import Points, joined
from pinnlab.typing import MultiIndex


@dataclass(frozen=True)
class Demand:
    """The slots one point set needs, and the sums of derivatives carried as one slot.

    Args:
        slots: Multi-indices and collapsed sums.
        shares: Multi-index to the (collapsed slot, divisor) whose value stands for it; the other
            members of that sum read zero.
        silent: The other members.
        readings: How each contraction of a field over a vector coordinate follows from slots.
        twins: The same from other random directions, for residuals that are multiplied by an
            independent estimate of themselves; empty if they are squared.
    """

    slots: frozenset[Slot]
    shares: Mapping[MultiIndex, tuple[Collapsed, float]]
    silent: frozenset[MultiIndex] = frozenset()
    readings: Mapping[Functional, Reading] = field(default_factory=dict)
    twins: Mapping[Functional, Reading] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        plan: Plan,
        directions: Directions,
        estimator: Estimator | None = None,
        sums: Mapping[MultiIndex, float] | None = None,
    ) -> "Demand":
        """The demand of a derivative plan.

        Args:
            plan: What is read.
            directions: Gives further directions of differentiation their numbers.
            estimator: How contractions over vector coordinates are obtained; exactly by default.
            sums: Coefficients of the derivatives that all residuals read through one sum only.
        """
        estimator = estimator or Exact()
        members = frozenset(sums or ())
        slots: set[Slot] = {(), *(index for _, index in plan.derivatives if index not in members)}
        readings: dict[Functional, Reading] = {}
        twins: dict[Functional, Reading] = {}
        for functional in sorted({found for _, found in plan.functionals}, key=place):
            readings[functional] = estimator.reading(functional, directions)
            if estimator.unbiased:
                twins[functional] = estimator.reading(functional, directions, replica=1)
        for reading in (*readings.values(), *twins.values()):
            slots.update(reading.slots)
        shares: dict[MultiIndex, tuple[Collapsed, float]] = {}
        if members <= set(closure(slots)):  # other derivatives need them in any case
            slots |= members
            members, sums = frozenset(), None
        if sums:
            index, coefficient = next(iter(sums.items()))
            name = directions.coordinates.names[0]
            collapsed = cheapest(name, sums, slots, directions)
            shares[index] = (collapsed, coefficient)
            slots.add(collapsed)
        twinned = any(reading.family is not None for reading in twins.values())
        silent = members - set(shares)
        return cls(frozenset(slots), shares, silent, readings, twins if twinned else {})

    @cached_property
    def closed(self) -> tuple[Slot, ...]:
        """All slots that must be propagated."""
        return closure(self.slots)

    @property
    def random(self) -> bool:
        """Whether anything is estimated."""
        return any(reading.family is not None for reading in self.readings.values())


class Batches:
    """Point sets in the order in which one pass evaluates them.

    Args:
        points: The point sets.
        demands: What each set needs.
        transparent: See :class:`~pinnlab.calculus.layout.Layout`.
        layouts: Layouts of earlier batches, to which a new one is added. One that comes again
            keeps its tables and the memory that its passes reuse.
    """

    def __init__(
        self,
        points: Sequence[Points],
        demands: Sequence[Demand],
        *,
        transparent: bool = False,
        layouts: dict[tuple, Layout] | None = None,
    ) -> None:
        closures = [demand.closed for demand in demands]
        self.arrangement = sorted(range(len(points)), key=lambda k: -len(closures[k]))
        self.starts = [0] * len(points)
        start, needed = 0, {}
        for k in self.arrangement:
            self.starts[k] = start
            start += len(points[k])
            for slot in closures[k]:
                needed[slot] = start
        # Every demand is downward closed, so a slot covers at least what its derivatives cover.
        slots = closures[0] if len(closures) == 1 else tuple(sorted(needed, key=rank))
        counts = tuple(needed[slot] for slot in slots)
        made = Layout(slots, counts, transparent)
        self.layout = made if layouts is None else layouts.setdefault(made.key, made)
        self.demands = demands
        self.x = joined([points[k].x for k in self.arrangement])
        # Windows of the one array: the same points are not in memory twice.
        self.points = [
            part.held_in(self.x[start : start + len(part)])
            for part, start in zip(points, self.starts, strict=True)
        ]
        self.drawn: Drawn | None = None

    def draw(self, directions: Directions, generator: torch.Generator) -> Drawn:
        """Draw the directions of differentiation anew."""
        self.drawn = directions.draw(self.layout, self.x, generator, self._normals)
        return self.drawn

    def _normals(self, number: int) -> Tensor:
        """Of all points ``(n, d_space)``; zero where nothing is read along that direction."""
        width = self.points[0].coordinates.space.dim
        found = []
        for k in self.arrangement:
            points, slots = self.points[k], self.demands[k].closed
            reads = any(number in index for slot in slots for index, _ in terms_of(slot))
            normals = points.normals if reads else None
            found.append(self.x.new_zeros(len(points), width) if normals is None else normals)
        return torch.cat(found)

    @property
    def start(self) -> TaylorTensor:
        """The points as a jet along the directions drawn last."""
        slopes = self.drawn.slopes if self.drawn is not None else None
        return seed(self.x, self.layout, slopes)

    def span(self, k: int) -> tuple[int, int]:
        """First row of the values of point set ``k``, and one after the last."""
        return self.starts[k], self.starts[k] + len(self.points[k])

    def table(self, jets: Mapping[str, tuple[TaylorTensor, int]]) -> "FieldTable":
        """What the demands read of the jets of all fields; see :class:`FieldTable`."""
        read = frozenset[Slot]().union(*(demand.slots for demand in self.demands))
        return FieldTable(jets, [*self.starts, self.layout.n], read)

    def window(self, k: int, fields: "FieldTable", *, twin: bool = False) -> "Window":
        """The fields on point set ``k``, from the one or the other random directions."""
        return Window(fields, self.points[k], self.starts[k], self.demands[k], self.drawn, twin)


def exact_batches(points: Sequence[Points], plans: Sequence[Plan]) -> Batches:
    """Point sets with all that is read on them, nothing estimated."""
    directions = Directions(points[0].coordinates)
    batches = Batches(points, [Demand.of(plan, directions) for plan in plans])
    batches.draw(directions, torch.Generator(batches.x.device))
    return batches


class FieldTable:
    """Jets of all fields on the joined points, cut into windows without copying twice.

    Args:
        jets: Per field its jet and the column of it that is meant.
        cuts: The rows at which windows begin, ascending, from 0 to the number of points.
        slots: Those that are read.
    """

    def __init__(
        self,
        jets: Mapping[str, tuple[TaylorTensor, int]],
        cuts: Sequence[int],
        slots: Collection[Slot],
    ) -> None:
        self.jets = jets
        self.cuts = sorted(set(cuts))
        self._slots = slots
        self._columns: dict[int, tuple[Tensor, ...]] = {}
        self._pieces: dict[tuple[int, int], dict[tuple[Slot, int], Tensor]] = {}

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
        key = id(jet), column
        if key not in self._pieces:
            self._pieces[key] = self._cut(jet.layout, self._column(jet, column))
        return self._pieces[key][slot, start]

    def _column(self, jet: TaylorTensor, column: int) -> Tensor:
        """All slots of one column of a jet, ``(rows,)``."""
        key = id(jet)
        if key not in self._columns:
            assert jet.data is not None
            alone = jet.data.ndim == 1 or jet.data.shape[1] == 1
            self._columns[key] = (jet.data.reshape(-1),) if alone else jet.data.unbind(-1)
        return self._columns[key][column]

    def _cut(self, layout: Layout, column: Tensor) -> dict[tuple[Slot, int], Tensor]:
        """All pieces at once: the backward pass of one split is one concatenation."""
        labels: list[tuple[Slot, int] | None] = []
        sizes: list[int] = []
        for slot, count in zip(layout.slots, layout.counts, strict=True):
            if slot in self._slots:
                for start, stop in zip(self.cuts[:-1], self.cuts[1:], strict=True):
                    if start >= count:
                        break
                    labels.append((slot, start))
                    sizes.append(min(stop, count) - start)
            elif labels and labels[-1] is None:  # of many directions, say, that only a sum reads
                sizes[-1] += count
            else:
                labels.append(None)
                sizes.append(count)
        pieces = zip(labels, column.split(sizes), strict=True)
        return {label: piece for label, piece in pieces if label is not None}


class Window:
    """The fields on one point set, as a :class:`~pinnlab.calculus.sources.JetSource`."""

    def __init__(
        self,
        table: FieldTable,
        points: Points,
        start: int,
        demand: Demand,
        drawn: Drawn | None = None,
        twin: bool = False,
    ) -> None:
        self.table, self.points, self.demand = table, points, demand
        self.start, self.stop = start, start + len(points)
        self.coordinates = points.coordinates
        self._drawn = drawn
        self._readings = demand.twins if twin else demand.readings

    def derivative(self, field: str, index: MultiIndex) -> Tensor:
        """A derivative of a field, ``(n,)``."""
        share = self.demand.shares.get(index)
        if share is not None:
            slot, divisor = share
            value = self.table.read(field, slot, self.start, self.stop)
            return value if divisor == 1.0 else value / divisor
        if index in self.demand.silent:
            return self.points.x.new_zeros(len(self.points))
        try:
            return self.table.read(field, index, self.start, self.stop)
        except KeyError:
            demand = self.demand
            single = (slot for slot in demand.slots if not isinstance(slot, Collapsed))
            known = {*single, *demand.shares, *demand.silent}
            raise _late(
                self._text(field, index),
                [self._text(field, other) for other in sorted(known)],
                "read in every evaluation what may be needed in one of them",
            ) from None

    def _text(self, field: str, index: MultiIndex) -> str:
        suffix = self.coordinates.suffix(index)
        return f"{field}.{suffix}" if suffix else field

    def functional(self, field: str, functional: Functional) -> Tensor:
        """A contraction over a vector coordinate, ``(n,)`` or ``(n, size)``."""
        if functional not in self._readings:
            raise _late(
                functional.text(field),
                sorted(found.text(field) for found in self._readings),
                "make the tensors and functions that it uses before the equation, not inside "
                "it from values at the points",
            )
        reading = self._readings[functional]
        values = [self.table.read(field, s, self.start, self.stop) for s in reading.slots]
        families = self._drawn.families if self._drawn is not None else {}
        part = families.get(reading.family) if reading.family is not None else None
        return reading.combine(values, part)

    def directions(self, family: Across) -> Tensor:
        """The random directions of this batch, ``(k, d)``."""
        assert self._drawn is not None
        return self._drawn.families[family].dense(self.coordinates.dim)

    def coordinate(self, name: str) -> Tensor:
        """A coordinate, ``(n,)`` or ``(n, size)``."""
        return self.points.columns[name]

    def normal(self) -> Tensor | None:
        """Outward normals, ``(n, d_space)``, if the points lie on a boundary."""
        return self.points.normals


def _late(got: str, expected: Sequence[str], do: str) -> DeclarationError:
    return DeclarationError(
        f"An equation reads '{got}', which it did not read when it was declared",
        expected=", ".join(expected),
        got=got,
        do=do,
    )


def summands(plan: Plan) -> list[frozenset[MultiIndex]]:
    """Derivatives of a plan that may be carried as one sum, if all residuals read that sum only.

    First all that no other one needs, such as ∂_t and ∂_x² of a heat equation, then those of
    highest order alone. One derivative costs as much alone.
    """
    indices = {index for _, index in plan.derivatives if index}
    highest = frozenset(index for index in indices if len(index) == plan.highest)
    sets = dict.fromkeys((maximal(indices), highest))
    return [members for members in sets if len(members) >= 2]


def collapse(
    members: frozenset[MultiIndex], ratios: Mapping[tuple[str, MultiIndex], float] | None
) -> dict[MultiIndex, float] | None:
    """The sum that may stand for the given derivatives, or None.

    Args:
        members: The derivatives.
        ratios: For each of them that is read, by field, its coefficient in the one linear
            combination through which all residuals of the set see it; None if there is no such
            combination.

    Returns:
        The coefficients, if the derivatives of every field enter by the same sum.
    """
    if not ratios:
        return None
    sums: dict[str, dict[MultiIndex, float]] = {}
    for (name, index), ratio in ratios.items():
        sums.setdefault(name, {})[index] = ratio
    shapes = {tuple(sorted(terms.items())) for terms in sums.values()}
    if len(shapes) != 1 or members != {index for _, index in ratios}:
        return None
    return dict(shapes.pop())
