"""Directions of differentiation beside the coordinates, by number.

The numbers 0 … d-1 stand for the columns of the points. A :class:`Family` is a group of further
directions: random ones, constant ones, or such as depend on the point. :class:`Directions` gives
each family its numbers, which the slots of a layout then use, and draws the directions of a batch.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from pinnlab.calculus.distributions import draw
from pinnlab.calculus.factor import Factor
from pinnlab.calculus.host_numbers import host_numbers
from pinnlab.calculus.known import Known, derivative_along, row_of
from pinnlab.calculus.layout import Layout
from pinnlab.calculus.slopes import Part, Rows, Slopes, Units
from pinnlab.calculus.sources import Places
from pinnlab.typing import Coordinates


@dataclass(frozen=True)
class Family(ABC):
    """Directions over one coordinate that come together.

    Args:
        name: The coordinate.
        count: How many there are.
    """

    name: str
    count: int

    @abstractmethod
    def part(self, x: Tensor, places: Places, generator: torch.Generator) -> Part:
        """The directions over the columns of the coordinate.

        Args:
            x: The points ``(n, d)``.
            places: The same by name, with their normals.
            generator: Source of randomness.
        """

    @property
    def random(self) -> bool:
        """Whether every batch has other ones."""
        return False

    def __len__(self) -> int:
        return self.count


@dataclass(frozen=True)
class Sampled(Family):
    """Random directions, the same at all points.

    Args:
        distribution: See :func:`~pinnlab.calculus.distributions.draw`.
        replica: Families that differ in it are independent.
    """

    distribution: str
    replica: int = 0

    @property
    def random(self) -> bool:
        """See :attr:`Family.random`."""
        return True

    def part(self, x: Tensor, places: Places, generator: torch.Generator) -> Part:
        """See :meth:`Family.part`."""
        return draw(self.distribution, self.count, _size(places[self.name]), generator, x)


@dataclass(frozen=True)
class Across(Family):
    """Random directions over several coordinates together, the same at all points.

    Args:
        columns: Of these coordinates, a range where they are neighbours; every direction is zero
            in the others.
        distribution: See :func:`~pinnlab.calculus.distributions.draw`.
    """

    columns: tuple[int, ...] | range
    distribution: str

    @property
    def random(self) -> bool:
        """See :attr:`Family.random`."""
        return True

    def part(self, x: Tensor, places: Places, generator: torch.Generator) -> Part:
        """See :meth:`Family.part`; here over all columns."""
        return self._drawn(x.shape[1], generator, x)

    def example(self, width: int, like: Tensor) -> Tensor:
        """The same directions whenever it is called, ``(k, width)``, to try an equation on."""
        return self._drawn(width, torch.Generator(like.device).manual_seed(0), like).dense(width)

    def _drawn(self, width: int, generator: torch.Generator, like: Tensor) -> Part:
        inner = draw(self.distribution, self.count, len(self.columns), generator, like)
        if isinstance(self.columns, range):  # a million columns are no list of numbers
            start, behind = self.columns.start, width - self.columns.stop
            if isinstance(inner, Units):
                return Units(inner.columns + start, inner.scale)
            return Rows(F.pad(inner.rows, (start, behind)) if start or behind else inner.rows)
        columns = host_numbers(tuple(self.columns), torch.long, like.device)
        if isinstance(inner, Units):
            return Units(columns[inner.columns], inner.scale)
        return Rows(like.new_zeros(self.count, width).index_copy_(1, columns, inner.rows))


@dataclass(frozen=True)
class Ray:
    """One direction of a family.

    Args:
        family: Directions that are drawn together.
        member: Which of them, from 0.
    """

    family: Across
    member: int

    def __str__(self) -> str:
        return f"v{self.member + 1}"


@dataclass(frozen=True)
class Fixed(Family):
    """Constant directions.

    Args:
        rows: Per direction its components that are not zero, as (column, component).
    """

    rows: tuple[tuple[tuple[int, float], ...], ...]

    def part(self, x: Tensor, places: Places, generator: torch.Generator) -> Part:
        """See :meth:`Family.part`; here over all columns."""
        out = x.new_zeros(self.count, x.shape[1])
        for row, components in zip(out, self.rows, strict=True):
            for column, component in components:
                row[column] = component
        return Rows(out)


@dataclass(frozen=True)
class Along(Family):
    """One direction that is an expression of the coordinates and the normal.

    Args:
        direction: Its components at every point, ``(n, size)``.
    """

    direction: Known

    def part(self, x: Tensor, places: Places, generator: torch.Generator) -> Part:
        """See :meth:`Family.part`."""
        value = self.direction(places)
        return Rows(value.expand(len(x), _size(places[self.name]))[None])


@dataclass(frozen=True)
class Mapped(Family):
    """Directions σ v, with σ constant or depending on the point.

    Args:
        factor: σ.
        base: What draws v; None for all unit vectors.
    """

    factor: Factor
    base: Sampled | None

    @property
    def random(self) -> bool:
        """See :attr:`Family.random`."""
        return self.base is not None

    def part(self, x: Tensor, places: Places, generator: torch.Generator) -> Part:
        """See :meth:`Family.part`."""
        return self.factor.apply(self.drawn(x, generator), places)

    def drawn(self, x: Tensor, generator: torch.Generator) -> Part:
        """The directions v."""
        if self.base is None:
            everything = torch.arange(self.count, device=x.device)
            return Units(everything, x.new_ones(self.count))
        return draw(self.base.distribution, self.count, self.factor.rank, generator, x)


@dataclass(frozen=True)
class Turned(Family):
    """The derivatives of directions that depend on the point.

    Args:
        of: The directions.
        step: By which column of the points, or along which random direction.
    """

    of: Along | Mapped
    step: int | Ray

    @property
    def random(self) -> bool:
        """See :attr:`Family.random`."""
        return self.of.random or isinstance(self.step, Ray)

    def part(self, x: Tensor, places: Places, generator: torch.Generator) -> Part:
        """Refused: it follows from directions that are drawn before."""
        raise NotImplementedError

    def following(
        self,
        x: Tensor,
        places: Places,
        families: Mapping[Family, Part],
        bases: Mapping[Family, Part],
    ) -> Part:
        """The derivatives at points ``(n, d)``.

        Args:
            x: The points.
            places: The same by name.
            families: What is drawn already.
            bases: The v of directions σ v.
        """
        if isinstance(self.step, Ray):
            row = families[self.step.family].dense(x.shape[1])[self.step.member]
        else:
            row = row_of(self.step, x.shape[1], x)
        if isinstance(self.of, Along):
            value = derivative_along(self.of.direction, places, row)
            return Rows(value.expand(len(x), _size(places[self.name]))[None])
        factor = self.of.factor
        value = derivative_along(factor.at, places, row)
        return factor.applied(value, bases[self.of])


def _size(column: Tensor) -> int:
    return column.shape[1] if column.ndim > 1 else 1


class Directions:
    """Which number stands for which direction.

    Args:
        coordinates: Names of the columns, which have the first numbers.
    """

    def __init__(self, coordinates: Coordinates) -> None:
        self.coordinates = coordinates
        self._ranges: dict[Family, range] = {}
        self._next = coordinates.dim

    def numbers(self, family: Family) -> range:
        """The numbers of a family; it gets some if it has none."""
        if family not in self._ranges:
            self._ranges[family] = range(self._next, self._next + len(family))
            self._next += len(family)
        return self._ranges[family]

    @property
    def random(self) -> bool:
        """Whether any direction is drawn at random."""
        return any(family.random for family in self._ranges)

    @torch.no_grad()
    def draw(
        self,
        layout: Layout,
        x: Tensor,
        generator: torch.Generator,
        normals: Callable[[int], Tensor] | None = None,
    ) -> "Drawn":
        """All directions of a layout.

        Args:
            layout: Slots and points.
            x: The points ``(n, d)``.
            generator: Source of randomness; every family advances it, used or not.
            normals: Gives the outward normals ``(n, d_space)`` of all points that need the
                direction of the given number.
        """
        columns = tuple(k for k in layout.directions if k < self.coordinates.dim)
        where = host_numbers(columns, torch.long, x.device)
        parts: list[Part] = [Units(where, x.new_ones(len(columns)))]
        families: dict[Family, Part] = {}
        bases: dict[Family, Part] = {}
        for family, numbers in self._ranges.items():
            if numbers[0] not in layout.directions:
                continue
            count = layout.directions[numbers[0]]
            first = x[:count]
            normal = None if normals is None else partial(_rows, normals, numbers[0], count)
            places = Places(self.coordinates.columns(first), normal)
            if isinstance(family, Turned):
                part = family.following(first, places, families, bases)
            elif isinstance(family, Mapped):
                bases[family] = family.drawn(first, generator)
                part = family.factor.apply(bases[family], places)
            else:
                part = family.part(first, places, generator)
            families[family] = part
            parts.append(self._embedded(family, part))
        return Drawn(Slopes(parts, self.coordinates.dim), families)

    def _embedded(self, family: Family, part: Part) -> Part:
        """Directions over one coordinate as directions over all columns."""
        if isinstance(family, Fixed | Across):
            return part
        span = self.coordinates.slice(family.name)
        if isinstance(part, Units):
            return Units(part.columns + span.start, part.scale) if span.start else part
        rest = self.coordinates.dim - span.stop
        return Rows(F.pad(part.rows, (span.start, rest))) if span.start or rest else part


def _rows(normals: Callable[[int], Tensor], number: int, count: int) -> Tensor:
    return normals(number)[:count]


@dataclass(frozen=True, eq=False)
class Drawn:
    """The directions of one batch.

    Args:
        slopes: All of them, in the order of the layout.
        families: Each family over the columns of its coordinate.
    """

    slopes: Slopes
    families: dict[Family, Part]

    def rays(self) -> dict[Ray, Tensor]:
        """The random directions over several coordinates, one by one, each ``(d,)``."""
        return {
            Ray(family, k): row
            for family, part in self.families.items()
            if isinstance(family, Across)
            for k, row in enumerate(part.dense(self.slopes.width))
        }
