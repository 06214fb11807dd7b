"""Cubes and balls of very many dimensions, with one vector coordinate.

Nothing here is larger than the points themselves and their normals, so that a million dimensions
are a matter of memory for the sample only. The measure of such a set easily leaves the range of
floating-point numbers; ``measure`` is then 0 or infinite, and the weights of a sample sum to 1, so
that weighted sums are means.
"""

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from pinnlab.errors import GeometryError
from pinnlab.geometry.base import Geometry, Sample, Where
from pinnlab.geometry.box import check_ends
from pinnlab.geometry.ellipse import check_radius
from pinnlab.geometry.predicates import filter_boundary
from pinnlab.geometry.rejection import refuse_gauss
from pinnlab.sampling.sequences import unit_points
from pinnlab.typing import Coordinates


class HighDimensional(Geometry):
    """A region of one vector coordinate whose boundary is one piece.

    The piece is ``boundary``, or the region's own name.
    """

    coordinate: str
    dim: int

    def _declare(self, coordinate: str, dim: int, name: str | None) -> None:
        if isinstance(dim, bool) or not isinstance(dim, int | np.integer) or dim < 2:
            raise GeometryError(
                "A vector coordinate has several components",
                expected="an integer dim of at least 2",
                got=repr(dim),
                do="use Interval for one dimension",
            )
        self.coordinate, self.dim, self.name = coordinate, int(dim), name
        self.coordinates = Coordinates((coordinate,), (int(dim),))

    @property
    def pieces(self) -> tuple[str, ...]:
        """One piece, the whole boundary."""
        return (self.name or "boundary",)

    @abstractmethod
    def log_measure(self, piece: str | None = None) -> float:
        """Natural logarithm of the measure, which is always representable."""

    def measure(self, piece: str | None = None) -> float:
        """Volume, or surface of the piece; 0 or infinite where it leaves the number range."""
        if piece is not None:
            self.resolve(piece)
        logarithm = self.log_measure(piece)
        return math.exp(logarithm) if logarithm < 709.0 else math.inf

    def _weights(self, n: int, piece: str | None) -> np.ndarray:
        measure = self.measure(piece)
        return np.full(n, (measure if 0 < measure < math.inf else 1.0) / n)

    @abstractmethod
    def _interior(self, n: int, extra: int, sampler: str, rng: np.random.Generator) -> tuple:
        """Interior points and further coordinates."""

    @abstractmethod
    def _surface(self, n: int, extra: int, sampler: str, rng: np.random.Generator) -> tuple:
        """Boundary points, normals and further coordinates."""

    def sample(
        self, n: int, *, sampler: str = "sobol", rng: np.random.Generator, region: str | None = None
    ) -> Sample:
        """Draw interior points, uniformly."""
        return self.sample_jointly(n, 0, sampler=sampler, rng=rng, region=region)[0]

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
        self.check_region(region)
        refuse_gauss(sampler)
        x, further = self._interior(n, extra, sampler, rng)
        return Sample(x, self._weights(n, None)), further

    def sample_boundary(
        self, n: int, on: Where = "boundary", *, sampler: str = "sobol", rng: np.random.Generator
    ) -> Sample:
        """Draw boundary points with outward normals."""
        return self.sample_boundary_jointly(n, on, 0, sampler=sampler, rng=rng)[0]

    def sample_boundary_jointly(
        self, n: int, on: Where, extra: int, *, sampler: str = "sobol", rng: np.random.Generator
    ) -> tuple[Sample, np.ndarray]:
        """Draw boundary points and further coordinates from one sequence."""
        refuse_gauss(sampler)
        if callable(on):
            sample = filter_boundary(
                n,
                on,
                self.coordinates,
                lambda m: self.sample_boundary(m, sampler=sampler, rng=rng),
                rng,
            )
            return sample, self._independently(len(sample.x), extra, sampler, rng)
        self.resolve(on)
        x, normals, further = self._surface(n, extra, sampler, rng)
        return Sample(x, self._weights(n, "boundary"), normals), further


class Hypercube(HighDimensional):
    """The cube [low, high]^dim with one vector coordinate.

    Args:
        coordinate: Name of the vector coordinate.
        dim: Number of its components, up to a million and more.
        low: Lower end of each component.
        high: Upper end of each component.
        name: The cube's own name, which names its boundary.

    Raises:
        GeometryError: If ``low`` is not below ``high``, or ``dim`` is below 2.

    Example:
        >>> Hypercube("x", dim=1000, low=-1, high=1).pieces
        ('boundary',)
    """

    def __init__(
        self,
        coordinate: str,
        dim: int,
        low: float = 0.0,
        high: float = 1.0,
        *,
        name: str | None = None,
    ) -> None:
        self._declare(coordinate, dim, name)
        self.low, self.high = check_ends(coordinate, (low, high))

    def __repr__(self) -> str:
        return (
            f"Hypercube('{self.coordinate}', dim={self.dim}, low={self.low:g}, high={self.high:g})"
        )

    def bounds(self) -> np.ndarray:
        """The two corners ``(2, dim)``."""
        return np.stack([np.full(self.dim, self.low), np.full(self.dim, self.high)])

    def log_measure(self, piece: str | None = None) -> float:
        """Logarithm of L^dim, or of 2 dim L^(dim - 1)."""
        side = math.log(self.high - self.low)
        if piece is None:
            return self.dim * side
        return math.log(2 * self.dim) + (self.dim - 1) * side

    @property
    def _tolerance(self) -> float:
        return 1e-10 * (self.high - self.low) + 1e-13 * max(abs(self.low), abs(self.high))

    def contains(self, x: np.ndarray) -> np.ndarray:
        """Which of the points ``(n, dim)`` lie in the closed cube."""
        return (x.min(axis=1) >= self.low - self._tolerance) & (
            x.max(axis=1) <= self.high + self._tolerance
        )

    def on_piece(self, x: np.ndarray, piece: str) -> np.ndarray:
        """Which of the points ``(n, dim)`` lie on a face."""
        self.resolve(piece)
        at_face = (x.min(axis=1) <= self.low + self._tolerance) | (
            x.max(axis=1) >= self.high - self._tolerance
        )
        return self.contains(x) & at_face

    def _scaled(self, n: int, extra: int, sampler: str, rng: np.random.Generator) -> tuple:
        u = unit_points(sampler, n, extra + self.dim, rng)
        # Further coordinates come first: the leading columns of a sequence are the most even.
        x, further = u[:, extra:], u[:, :extra].copy()
        x *= self.high - self.low
        x += self.low
        return x, further

    def _interior(self, n: int, extra: int, sampler: str, rng: np.random.Generator) -> tuple:
        return self._scaled(n, extra, sampler, rng)

    def _surface(self, n: int, extra: int, sampler: str, rng: np.random.Generator) -> tuple:
        x, further = self._scaled(n, extra, sampler, rng)
        rows, axis, upper = np.arange(n), rng.integers(self.dim, size=n), rng.random(n) < 0.5
        x[rows, axis] = np.where(upper, self.high, self.low)
        normals = np.zeros((n, self.dim))
        normals[rows, axis] = np.where(upper, 1.0, -1.0)
        return x, normals, further

    def distance(self, columns: Mapping[str, Any], pieces: Sequence[str]) -> Any:
        r"""R-equivalence of all faces, :math:`\left(\sum_i 1/w_i\right)^{-1}`.

        Here w_i = (x_i - low)(high - x_i)/(high - low). It is 0 on the faces; its derivatives exist
        inside only.
        """
        self.resolve(pieces)
        x = columns[self.coordinate]
        side = (x - self.low) * (self.high - x) * (1.0 / (self.high - self.low))
        return 1.0 / torch.sum(1.0 / side, -1)


class HyperBall(HighDimensional):
    """The ball |x - center| <= radius with one vector coordinate.

    Args:
        coordinate: Name of the vector coordinate.
        dim: Number of its components.
        radius: Radius.
        center: Centre: one number for all components, or ``(dim,)``.
        name: The ball's own name, which names its boundary.

    Raises:
        GeometryError: If the radius is not positive, ``dim`` is below 2, or the centre is not
            finite or of the wrong length.

    Example:
        >>> round(HyperBall("x", dim=2, radius=1).measure(), 6)
        3.141593
    """

    def __init__(
        self,
        coordinate: str,
        dim: int,
        radius: float = 1.0,
        center: float | Sequence[float] = 0.0,
        *,
        name: str | None = None,
    ) -> None:
        self._declare(coordinate, dim, name)
        self.radius = check_radius(radius, "The radius")
        self.center = np.asarray(center, dtype=np.float64)
        if self.center.shape not in ((), (self.dim,)) or not np.all(np.isfinite(self.center)):
            raise GeometryError(
                "The centre cannot be used",
                expected=f"a finite number, or {self.dim} of them",
                got=f"shape {self.center.shape}",
                do="give one number for each component",
            )

    def __repr__(self) -> str:
        return f"HyperBall('{self.coordinate}', dim={self.dim}, radius={self.radius:g})"

    def bounds(self) -> np.ndarray:
        """Bounding box ``(2, dim)``."""
        center = np.broadcast_to(self.center, (self.dim,))
        return np.stack([center - self.radius, center + self.radius])

    def log_measure(self, piece: str | None = None) -> float:
        """Logarithm of π^(d/2) R^d / Γ(d/2 + 1), or of its derivative by R."""
        d = self.dim
        volume = d / 2 * math.log(math.pi) - math.lgamma(d / 2 + 1) + d * math.log(self.radius)
        return volume if piece is None else volume + math.log(d) - math.log(self.radius)

    @property
    def _tolerance(self) -> float:
        return 1e-10 * self.radius + 1e-13 * float(np.abs(self.center).max())

    def contains(self, x: np.ndarray) -> np.ndarray:
        """Which of the points ``(n, dim)`` lie in the closed ball."""
        return np.linalg.norm(x - self.center, axis=1) <= self.radius + self._tolerance

    def on_piece(self, x: np.ndarray, piece: str) -> np.ndarray:
        """Which of the points ``(n, dim)`` lie on the sphere."""
        self.resolve(piece)
        r = np.linalg.norm(x - self.center, axis=1)
        return np.abs(r - self.radius) <= self._tolerance

    def _directions(self, n: int, extra: int, sampler: str, rng: np.random.Generator) -> tuple:
        u = unit_points(sampler, n, extra + self.dim, rng)
        further, u = u[:, :extra].copy(), u[:, extra:]
        # Normal deviates by inversion, so that the evenness of the sequence carries over.
        np.clip(u, 1e-15, 1 - 1e-15, out=u)
        x = torch.special.ndtri(torch.from_numpy(u)).numpy()
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        return x, further

    def _interior(self, n: int, extra: int, sampler: str, rng: np.random.Generator) -> tuple:
        x, further = self._directions(n, extra + 1, sampler, rng)
        x *= self.radius * further[:, :1] ** (1.0 / self.dim)
        x += self.center
        return x, further[:, 1:]

    def _surface(self, n: int, extra: int, sampler: str, rng: np.random.Generator) -> tuple:
        normals, further = self._directions(n, extra, sampler, rng)
        return self.center + self.radius * normals, normals, further

    def distance(self, columns: Mapping[str, Any], pieces: Sequence[str]) -> Any:
        """(R² - r²)/(2R)."""
        self.resolve(pieces)
        x = columns[self.coordinate]
        if self.center.ndim:
            x = x - torch.as_tensor(self.center, dtype=x.dtype, device=x.device)
        elif self.center:
            x = x - float(self.center)
        return (self.radius**2 - torch.sum(x**2, -1)) * (0.5 / self.radius)
