"""The contract of a geometry: a named region of space whose boundary pieces have names.

Everything is NumPy in float64: geometry is exact and rarely on the hot path; sampled points move
once to the device where they are used. Two methods are written in torch: :meth:`Geometry.distance`,
because hard constraints differentiate it, and :meth:`Geometry.sample_tensor`, by which geometries
of very many dimensions draw their points right where they are used, since there the points are
most of what a run computes and stores.

Geometries combine: ``a | b``, ``a & b`` and ``a - b`` are set operations, under which every
boundary piece keeps its name, and ``space * Time("t", 0, 1)`` is a space-time domain.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from torch import Tensor

from pinnlab.errors import GeometryError, nearest
from pinnlab.sampling.noise import Noise
from pinnlab.sampling.sequences import unit_points
from pinnlab.typing import Coordinates

if TYPE_CHECKING:
    from pinnlab.geometry.csg import Combination
    from pinnlab.geometry.time import SpaceTime, Time


@dataclass(frozen=True, eq=False)
class Sample:
    """Points drawn from a region or a boundary piece.

    Args:
        x: Positions ``(n, d)``.
        weights: Quadrature weights ``(n,)`` that sum to the measure of the set.
        normals: Outward unit normals ``(n, d)`` on a boundary, else None. Space only: on a
            space-time domain they have no time column.
    """

    x: np.ndarray
    weights: np.ndarray
    normals: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class TensorSample:
    """Points drawn where they are used; see :class:`Sample`.

    Args:
        x: Positions ``(n, d)``.
        weights: Quadrature weights ``(n,)``.
        normals: Gives the outward unit normals ``(n, d)``, if there are any: an array as large as
            the points, which few ask for.
    """

    x: Tensor
    weights: Tensor
    normals: Callable[[], Tensor] | None = None


Where: TypeAlias = str | Sequence[str] | Callable[..., object]


class Geometry(ABC):
    """A closed region with named boundary pieces.

    Attributes:
        coordinates: Names of the columns of a point array.
        name: The region's own name, if it was given one.
    """

    coordinates: Coordinates
    name: str | None = None

    @property
    @abstractmethod
    def pieces(self) -> tuple[str, ...]:
        """Names of the boundary pieces; together they cover the boundary."""

    @property
    def boundary_pieces(self) -> tuple[str, ...]:
        """The pieces that the name ``"boundary"`` stands for (not ``initial`` and ``final``)."""
        return self.pieces

    @property
    def aliases(self) -> Mapping[str, tuple[str, ...]]:
        """Further names, each for one or more pieces."""
        return {}

    @property
    def regions(self) -> tuple[str, ...]:
        """Names of the volume parts, such as the physical groups of a mesh."""
        return ()

    def spread(self, x: Any, t: Any) -> None:  # noqa: B027, most regions do not ask for it
        """Rescale points in place for the times at which they are used; here nothing changes.

        Args:
            x: Points ``(n, d)``, an array or a tensor.
            t: Their times ``(n,)``.
        """

    @abstractmethod
    def bounds(self) -> np.ndarray:
        """Bounding box ``(2, d)``: lowest and highest corner."""

    @abstractmethod
    def measure(self, piece: str | None = None) -> float:
        """Length, area or volume of the region, or of one boundary piece."""

    @abstractmethod
    def contains(self, x: np.ndarray) -> np.ndarray:
        """Which of the points ``(n, d)`` lie in the closed region, ``(n,)`` bool."""

    @abstractmethod
    def sample(
        self, n: int, *, sampler: str = "sobol", rng: np.random.Generator, region: str | None = None
    ) -> Sample:
        """Draw ``n`` points of the interior (or of one named volume part)."""

    @abstractmethod
    def sample_boundary(
        self, n: int, on: Where = "boundary", *, sampler: str = "sobol", rng: np.random.Generator
    ) -> Sample:
        """Draw ``n`` points with outward normals on the pieces, all pieces, or a predicate.

        The points are shared among several pieces by their measure, at least one for each.
        Isolated points (the ends of an interval, the points of a cloud) come once each, so that
        there may be fewer than ``n``. A predicate such as ``lambda x, y: x > 0.5`` gets NumPy
        columns by name and says which points of the boundary are meant.
        """

    def sample_tensor(
        self,
        n: int,
        on: Where | None = None,
        *,
        sampler: str,
        noise: Noise,
        extra: int = 0,
    ) -> TensorSample | None:
        """Draw points in the precision and on the device of ``noise``, without a NumPy copy.

        Args:
            n: Number of points.
            on: Boundary pieces, or None for the interior.
            sampler: Name of a sampler.
            noise: Source of randomness.
            extra: Further columns of the array, at its end, uniform in [0, 1): what comes with the
                points, such as time, has its place there from the start.

        Returns:
            The sample with ``d + extra`` columns, or None where only :meth:`sample` and
            :meth:`sample_boundary` can draw this.
        """
        return None

    def _points(self, x: np.ndarray) -> np.ndarray:
        """Given points as numbers, refused unless they have one column per coordinate."""
        x = np.asarray(x, dtype=np.float64)
        if x.ndim != 2 or x.shape[1] != self.coordinates.dim:
            raise GeometryError(
                "Points have the wrong shape",
                expected=f"(n, {self.coordinates.dim}) for {', '.join(self.coordinates.names)}",
                got=x.shape,
                do="give one column per coordinate",
            )
        return x

    def sampler_for(self, sampler: str) -> str:
        """The sampler that is really used where ``sampler`` is asked for."""
        return sampler

    @abstractmethod
    def on_piece(self, x: np.ndarray, piece: str) -> np.ndarray:
        """Which of the points ``(n, d)`` lie on the piece, to rounding, ``(n,)`` bool."""

    @abstractmethod
    def distance(self, columns: Mapping[str, object], pieces: Sequence[str]):
        """A smooth function that vanishes exactly on the pieces and is positive elsewhere inside.

        Written in torch operations on the columns (tensors or Taylor jets), so that it can be
        differentiated; near the pieces it grows like the distance to them.
        """

    def sample_jointly(
        self,
        n: int,
        extra: int,
        *,
        sampler: str = "sobol",
        rng: np.random.Generator,
        region: str | None = None,
    ) -> tuple[Sample, np.ndarray]:
        """Draw interior points together with ``extra`` further coordinates in [0, 1).

        A geometry that maps the unit cube to itself overrides this, so that space and time are
        evenly filled together; otherwise the further coordinates are drawn on their own.

        Returns:
            The sample and the further coordinates ``(n, extra)``.
        """
        sample = self.sample(n, sampler=sampler, rng=rng, region=region)
        return sample, self._independently(len(sample.x), extra, sampler, rng)

    def sample_boundary_jointly(
        self, n: int, on: Where, extra: int, *, sampler: str = "sobol", rng: np.random.Generator
    ) -> tuple[Sample, np.ndarray]:
        """Draw boundary points together with ``extra`` further coordinates in [0, 1).

        Returns:
            The sample and the further coordinates ``(n, extra)``.
        """
        sample = self.sample_boundary(n, on, sampler=sampler, rng=rng)
        return sample, self._independently(len(sample.x), extra, sampler, rng)

    @staticmethod
    def _independently(n: int, extra: int, sampler: str, rng: np.random.Generator) -> np.ndarray:
        if sampler == "gauss":
            raise GeometryError(
                "This geometry has no Gauss rule",
                expected="a geometry that maps the unit cube to itself, such as a box",
                got="sampler='gauss'",
                do="use the sampler 'sobol', 'halton', 'lhs' or 'uniform'",
            )
        # Shuffled, because the order of the points in space may follow the order of the sequence.
        return rng.permutation(unit_points(sampler, n, extra, rng)) if extra else np.empty((n, 0))

    def resolve(self, on: str | Sequence[str]) -> tuple[str, ...]:
        """The pieces that one or several names stand for, without repetition.

        Raises:
            GeometryError: If a name is unknown; the message lists the pieces.
        """
        found: dict[str, None] = {}
        for name in [on] if isinstance(on, str) else on:
            found.update(dict.fromkeys(self._expand(name)))
        if not found:
            raise GeometryError(
                "No boundary piece is named",
                expected=", ".join((*self.pieces, "boundary")),
                got=repr(on),
                do="name at least one piece",
            )
        return tuple(found)

    def _expand(self, name: str) -> tuple[str, ...]:
        if name == "boundary" and self.boundary_pieces:
            return self.boundary_pieces
        if name in self.pieces:
            return (name,)
        if name in self.aliases:
            return self.aliases[name]
        options = [*self.pieces, *self.aliases, *(["boundary"] if self.boundary_pieces else [])]
        raise GeometryError(
            f"There is no boundary piece '{name}'",
            expected=", ".join(options),
            got=repr(name),
            do=nearest(name, options)
            or (
                "use one of the pieces above, or a predicate"
                if self.boundary_pieces
                else "the domain has no boundary in space: leave the condition out"
            ),
        )

    def check_region(self, region: str | None) -> None:
        """Refuse a volume part that the geometry does not have.

        Raises:
            GeometryError: If the region is unknown; the message lists the known ones.
        """
        if region is not None and region not in self.regions:
            raise GeometryError(
                f"There is no region '{region}'",
                expected=", ".join(self.regions) or "no region: this geometry has no named parts",
                got=repr(region),
                do=nearest(region, self.regions) or "leave the region out",
            )

    def __or__(self, other: "Geometry") -> "Combination":
        from pinnlab.geometry.csg import combine  # it subclasses this class

        return combine("|", self, other)

    def __and__(self, other: "Geometry") -> "Combination":
        from pinnlab.geometry.csg import combine

        return combine("&", self, other)

    def __sub__(self, other: "Geometry") -> "Combination":
        from pinnlab.geometry.csg import combine

        return combine("-", self, other)

    def __mul__(self, time: "Time") -> "SpaceTime":
        from pinnlab.geometry.time import SpaceTime  # it subclasses this class

        return SpaceTime(self, time)


class JointlySampled(Geometry):
    """A geometry that draws its points and further coordinates from one sequence.

    Points alone are what it draws with no further coordinates.
    """

    def sample(
        self, n: int, *, sampler: str = "sobol", rng: np.random.Generator, region: str | None = None
    ) -> Sample:
        """Draw interior points; see :meth:`sample_jointly`."""
        return self.sample_jointly(n, 0, sampler=sampler, rng=rng, region=region)[0]

    def sample_boundary(
        self, n: int, on: Where = "boundary", *, sampler: str = "sobol", rng: np.random.Generator
    ) -> Sample:
        """Draw boundary points with outward normals; see :meth:`Geometry.sample_boundary`."""
        return self.sample_boundary_jointly(n, on, 0, sampler=sampler, rng=rng)[0]

    @abstractmethod
    def sample_jointly(
        self,
        n: int,
        extra: int,
        *,
        sampler: str = "sobol",
        rng: np.random.Generator,
        region: str | None = None,
    ) -> tuple[Sample, np.ndarray]:
        """Draw interior points and further coordinates from one sequence."""

    @abstractmethod
    def sample_boundary_jointly(
        self, n: int, on: Where, extra: int, *, sampler: str = "sobol", rng: np.random.Generator
    ) -> tuple[Sample, np.ndarray]:
        """Draw boundary points and further coordinates, one sequence for each piece."""
