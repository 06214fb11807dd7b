"""Time: a domain of its own for ordinary differential equations, a factor for partial ones."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from pinnlab.errors import GeometryError
from pinnlab.geometry.base import Geometry, Sample, TensorSample, Where
from pinnlab.geometry.box import check_ends
from pinnlab.geometry.predicates import filter_boundary
from pinnlab.sampling.noise import Noise
from pinnlab.sampling.sequences import rule
from pinnlab.typing import Coordinates

ENDS = ("initial", "final")


class Time(Geometry):
    """A time interval with the pieces ``initial`` and ``final``.

    Alone it is the domain of an ordinary differential equation; ``space * Time("t", 0, 1)`` is a
    space-time domain. It has no boundary in space, so that ``"boundary"`` is no piece of it.

    Args:
        coordinate: Name of the time coordinate.
        start: First instant.
        end: Last instant.

    Raises:
        GeometryError: If ``start`` is not before ``end``.

    Example:
        >>> Time("t", 0, 2).measure()
        2.0
    """

    def __init__(self, coordinate: str, start: float, end: float) -> None:
        self.coordinate = coordinate
        self.start, self.end = check_ends(coordinate, (start, end))
        self.coordinates = Coordinates((coordinate,), (1,), time=coordinate)

    def __repr__(self) -> str:
        return f"Time('{self.coordinate}', {self.start:g}, {self.end:g})"

    def __mul__(self, space: Geometry) -> "SpaceTime":
        return SpaceTime(space, self)

    @property
    def duration(self) -> float:
        """Length of the interval."""
        return self.end - self.start

    @property
    def pieces(self) -> tuple[str, ...]:
        """The two instants."""
        return ENDS

    @property
    def boundary_pieces(self) -> tuple[str, ...]:
        """None: time alone has no boundary in space."""
        return ()

    def bounds(self) -> np.ndarray:
        """First and last instant ``(2, 1)``."""
        return np.array([[self.start], [self.end]])

    def measure(self, piece: str | None = None) -> float:
        """The duration, or 1 for an instant."""
        return self.duration if piece is None else float(len(self.resolve(piece)))

    def contains(self, x: np.ndarray) -> np.ndarray:
        """Which of the instants ``(n, 1)`` lie in the closed interval."""
        tolerance = time_tolerance(self)
        return (x[:, 0] >= self.start - tolerance) & (x[:, 0] <= self.end + tolerance)

    def sample(
        self, n: int, *, sampler: str = "sobol", rng: np.random.Generator, region: str | None = None
    ) -> Sample:
        """Draw ``n`` instants."""
        self.check_region(region)
        u, weights = rule(sampler, n, 1, rng)
        return Sample(self.start + self.duration * u, weights * self.duration)

    def sample_boundary(
        self, n: int, on: Where = "initial", *, sampler: str = "sobol", rng: np.random.Generator
    ) -> Sample:
        """The named instants, once each, without normals."""
        if callable(on):
            return filter_boundary(n, on, self.coordinates, lambda m: self._instants(ENDS), rng)
        return self._instants(self.resolve(on))

    def _instants(self, pieces: Sequence[str]) -> Sample:
        x = np.array([[self.instant(piece)] for piece in pieces])
        return Sample(x, np.ones(len(x)))

    def instant(self, piece: str) -> float:
        """The time of ``initial`` or ``final``."""
        return self.start if piece == "initial" else self.end

    def on_piece(self, x: np.ndarray, piece: str) -> np.ndarray:
        """Which of the instants ``(n, 1)`` are the named one."""
        found = [
            np.abs(x[:, 0] - self.instant(p)) <= time_tolerance(self) for p in self.resolve(piece)
        ]
        return np.any(found, axis=0)

    def distance(self, columns: Mapping[str, Any], pieces: Sequence[str]) -> Any:
        """``t - start``, ``end - t``, or (t - start)(end - t)/duration for both."""
        t = columns[self.coordinate]
        named = self.resolve(pieces)
        if len(named) == 2:
            return (t - self.start) * (self.end - t) * (1.0 / self.duration)
        return t - self.start if named[0] == "initial" else self.end - t


def time_tolerance(time: Time) -> float:
    """The difference below which two instants are the same."""
    return 1e-10 * time.duration + 1e-13 * max(abs(time.start), abs(time.end))


def during(domain: Geometry, start: float, end: float) -> Geometry:
    """The same region of space at fewer times.

    Args:
        domain: A time interval, or a region of space times one.
        start: First moment.
        end: Last moment.

    Raises:
        GeometryError: If the domain is no such product.
    """
    if isinstance(domain, SpaceTime):
        return SpaceTime(domain.space, Time(domain.time.coordinate, start, end))
    if isinstance(domain, Time):
        return Time(domain.coordinate, start, end)
    raise GeometryError(
        "Time cannot be cut out of this region",
        expected="space * Time('t', 0, 1)",
        got=repr(domain),
        do="make it a product of a region of space and a time interval",
    )


class SpaceTime(Geometry):
    """The product of a region of space and a time interval; time is the last column.

    The pieces are those of space, each lasting through all of time, and ``initial`` and ``final``,
    all of space at one instant. ``"boundary"`` means the boundary in space only. Space and time
    are filled by one sequence, so that a low-discrepancy sampler keeps its quality in both.

    Args:
        space: The region of space.
        time: The time interval.

    Raises:
        GeometryError: If a factor is of the wrong kind.

    Example:
        >>> from pinnlab.geometry.box import Interval
        >>> (Interval("x", -1, 1) * Time("t", 0, 1)).pieces
        ('left', 'right', 'initial', 'final')
    """

    def __init__(self, space: Geometry, time: Time) -> None:
        if not isinstance(time, Time) or not isinstance(space, Geometry):
            raise GeometryError(
                "Only a region of space can be multiplied by time",
                expected="space * Time('t', 0, 1)",
                got=f"{space!r} * {time!r}",
                do="use Box(x=..., y=...) for a product of intervals in space",
            )
        if space.coordinates.time is not None:
            raise GeometryError(
                "The region already has a time coordinate",
                expected="a region of space",
                got=repr(space),
                do="multiply by one time interval only",
            )
        for piece in ENDS:
            if piece in (*space.pieces, *space.aliases):
                raise GeometryError(
                    f"A boundary piece in space is named '{piece}'",
                    expected="another name, because it names an instant of the space-time domain",
                    got=", ".join(space.pieces),
                    do="rename the piece",
                )
        self.space, self.time, self.name = space, time, space.name
        self.coordinates = space.coordinates + time.coordinates

    def __repr__(self) -> str:
        return f"{self.space!r} * {self.time!r}"

    @property
    def pieces(self) -> tuple[str, ...]:
        """The pieces of space, ``initial`` and ``final``."""
        return (*self.space.pieces, *ENDS)

    @property
    def boundary_pieces(self) -> tuple[str, ...]:
        """The pieces of space."""
        return self.space.boundary_pieces

    @property
    def aliases(self) -> Mapping[str, tuple[str, ...]]:
        """The aliases of space."""
        return self.space.aliases

    @property
    def regions(self) -> tuple[str, ...]:
        """The volume parts of space."""
        return self.space.regions

    def bounds(self) -> np.ndarray:
        """Bounding box ``(2, d)`` with time as the last column."""
        return np.hstack([self.space.bounds(), self.time.bounds()])

    def measure(self, piece: str | None = None) -> float:
        """Volume of space times duration, of a piece likewise; of an instant, that of space."""
        if piece is None:
            return self.space.measure() * self.time.duration
        return sum(
            self.space.measure() if p in ENDS else self.space.measure(p) * self.time.duration
            for p in self.resolve(piece)
        )

    def contains(self, x: np.ndarray) -> np.ndarray:
        """Which of the points ``(n, d)`` lie in the region at a time of the interval."""
        return self.space.contains(x[:, :-1]) & self.time.contains(x[:, -1:])

    def on_piece(self, x: np.ndarray, piece: str) -> np.ndarray:
        """Which of the points ``(n, d)`` lie on the piece, to rounding."""
        found = np.zeros(len(x), dtype=bool)
        for name in self.resolve(piece):
            if name in ENDS:
                found |= self.time.on_piece(x[:, -1:], name) & self.space.contains(x[:, :-1])
            else:
                found |= self.space.on_piece(x[:, :-1], name) & self.time.contains(x[:, -1:])
        return found

    def sample(
        self, n: int, *, sampler: str = "sobol", rng: np.random.Generator, region: str | None = None
    ) -> Sample:
        """Draw points in space and time jointly."""
        space, u = self.space.sample_jointly(n, 1, sampler=sampler, rng=rng, region=region)
        return self._extend(space, u)

    def sample_boundary(
        self, n: int, on: Where = "boundary", *, sampler: str = "sobol", rng: np.random.Generator
    ) -> Sample:
        """Draw points of pieces in space through time, and of instants.

        Points of an instant have no normals; if instants and pieces of space are drawn together,
        none of the points has.
        """
        if callable(on):
            return filter_boundary(
                n, on, self.coordinates, lambda m: self._walls(m, "boundary", sampler, rng), rng
            )
        names = self.resolve(on)
        if not set(names) & set(ENDS):
            return self._walls(n, on, sampler, rng)
        drawn = [
            self._instant(k, group[0], sampler, rng)
            if group[0] in ENDS
            else self._walls(k, group, sampler, rng)
            for group, k in self._shares(n, names)
        ]
        return Sample(
            np.concatenate([s.x for s in drawn]), np.concatenate([s.weights for s in drawn])
        )

    def _shares(self, n: int, names: Sequence[str]) -> list[tuple[tuple[str, ...], int]]:
        """How many of ``n`` points each named instant gets, and all named walls together."""
        from pinnlab.geometry.shape import allocate

        walls = tuple(name for name in names if name not in ENDS)
        groups = [(name,) for name in names if name in ENDS] + ([walls] if walls else [])
        measures = [sum(self.measure(name) for name in group) for group in groups]
        # In very many dimensions a measure is 0 or infinite as a floating-point number.
        if not 0 < sum(measures) < math.inf:
            measures = [1.0] * len(groups)
        return list(zip(groups, allocate(n, measures), strict=True))

    def sampler_for(self, sampler: str) -> str:
        """That of the region of space."""
        return self.space.sampler_for(sampler)

    def sample_tensor(
        self,
        n: int,
        on: Where | None = None,
        *,
        sampler: str,
        noise: Noise,
        extra: int = 0,
    ) -> TensorSample | None:
        """Draw space where time has its column already; see :meth:`Geometry.sample_tensor`."""
        if callable(on) or extra:
            return None
        names = () if on is None else self.resolve(on)
        if not set(names) & set(ENDS):
            return self._tensors(n, names or None, None, sampler, noise)
        drawn: list[TensorSample] = []
        for group, k in self._shares(n, names):
            instant = group[0] if group[0] in ENDS else None
            part = self._tensors(k, None if instant else group, instant, sampler, noise)
            if part is None:
                return None
            drawn.append(part)
        if len(drawn) == 1:
            return drawn[0]
        return TensorSample(torch.cat([s.x for s in drawn]), torch.cat([s.weights for s in drawn]))

    def _tensors(
        self, n: int, walls: Sequence[str] | None, instant: str | None, sampler: str, noise: Noise
    ) -> TensorSample | None:
        """Points inside or on walls, at all times or at an instant."""
        space = self.space.sample_tensor(n, walls, sampler=sampler, noise=noise, extra=1)
        if space is None:
            return None
        t = space.x[:, -1]
        if instant is not None:
            t.fill_(self.time.instant(instant))
            self.space.spread(space.x[:, :-1], t)
            return space
        t.mul_(self.time.duration).add_(self.time.start)
        self.space.spread(space.x[:, :-1], t)
        return replace(space, weights=space.weights * self.time.duration)

    def _walls(
        self, n: int, on: str | Sequence[str], sampler: str, rng: np.random.Generator
    ) -> Sample:
        space, u = self.space.sample_boundary_jointly(n, on, 1, sampler=sampler, rng=rng)
        return self._extend(space, u)

    def _instant(self, n: int, piece: str, sampler: str, rng: np.random.Generator) -> Sample:
        space = self.space.sample(n, sampler=sampler, rng=rng)
        t = np.full((len(space.x), 1), self.time.instant(piece))
        self.space.spread(space.x, t[:, 0])
        return Sample(np.hstack([space.x, t]), space.weights)

    def _extend(self, space: Sample, u: np.ndarray) -> Sample:
        t = self.time.start + self.time.duration * u
        self.space.spread(space.x, t[:, 0])
        return Sample(np.hstack([space.x, t]), space.weights * self.time.duration, space.normals)

    def distance(self, columns: Mapping[str, Any], pieces: Sequence[str]) -> Any:
        """The distance in space, in time, or for both the product divided by the duration."""
        names = self.resolve(pieces)
        walls = [name for name in names if name not in ENDS]
        instants = [name for name in names if name in ENDS]
        if not instants:
            return self.space.distance(columns, walls)
        in_time = self.time.distance(columns, instants)
        if not walls:
            return in_time
        # A product, because walls and instants meet at corners, where it is smooth.
        return self.space.distance(columns, walls) * in_time * (1.0 / self.time.duration)
