"""Balls in three dimensions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pinnlab.geometry.box import own_name
from pinnlab.geometry.ellipse import check_point, check_radius
from pinnlab.geometry.facets import Patch, grid
from pinnlab.geometry.shape import Shape
from pinnlab.sampling.sequences import rule
from pinnlab.typing import Coordinates


class SphereSurface(Patch):
    """The surface of a ball; equal bands of height have equal area (Archimedes).

    Args:
        name: Name of the piece.
        owner: Name of the primitive, or None.
        names: The three coordinate names.
        center: Centre.
        radius: Radius.
    """

    parameters = 2

    def __init__(
        self,
        name: str,
        owner: str | None,
        names: tuple[str, ...],
        center: np.ndarray,
        radius: float,
    ) -> None:
        self.name, self.owner, self.names = name, owner, names
        self.center, self.radius = center, radius

    @property
    def measure(self) -> float:
        """4πR²."""
        return float(4 * np.pi * self.radius**2)

    def place(self, u: np.ndarray) -> np.ndarray:
        """Height and longitude to points."""
        return self.center + self.radius * directions(u)

    def normals(self, x: np.ndarray) -> np.ndarray:
        """Away from the centre."""
        off = x - self.center
        return off / np.maximum(np.linalg.norm(off, axis=1, keepdims=True), 1e-300)

    def level(self, x: np.ndarray) -> np.ndarray:
        """Signed distance."""
        return np.linalg.norm(x - self.center, axis=1) - self.radius

    def on(self, x: np.ndarray, tolerance: float) -> np.ndarray:
        """Within the tolerance of the sphere."""
        return np.abs(self.level(x)) <= tolerance

    def carrier(self, columns: Mapping[str, Any]) -> Any:
        """(R² - r²)/(2R)."""
        x, y, z = (columns[k] - float(c) for k, c in zip(self.names, self.center, strict=True))
        return (self.radius**2 - x**2 - y**2 - z**2) * (0.5 / self.radius)

    def trace(self, bounds: np.ndarray) -> np.ndarray:
        """The whole sphere."""
        return self.place(grid(2))


class Ball(Shape):
    """A ball in three coordinates; its boundary is the piece ``sphere``, or its name.

    Args:
        center: Centre.
        radius: Radius.
        name: The ball's own name, which names its boundary.
        axes: The three coordinate names.

    Raises:
        GeometryError: If the radius is not positive or a number is not finite.

    Example:
        >>> Ball(center=(0, 0, 0), radius=1).pieces
        ('sphere',)
    """

    def __init__(
        self,
        center: Sequence[float],
        radius: float,
        *,
        name: str | None = None,
        axes: tuple[str, str, str] = ("x", "y", "z"),
    ) -> None:
        self.center = check_point(center, 3, "The centre")
        self.radius = check_radius(radius, "The radius")
        self.name, self.axes = name, tuple(axes)
        self.coordinates = Coordinates(self.axes, (1, 1, 1))
        self._surface = SphereSurface(
            name or "sphere", name, self.axes, np.array(self.center), self.radius
        )
        self.facets = (self._surface,)

    def __repr__(self) -> str:
        return f"Ball(center={self.center}, radius={self.radius:g}{own_name(self)})"

    def bounds(self) -> np.ndarray:
        """Bounding box ``(2, 3)``."""
        center = np.array(self.center)
        return np.array([center - self.radius, center + self.radius])

    @property
    def _volume(self) -> float:
        return float(4 / 3 * np.pi * self.radius**3)

    def level(self, x: np.ndarray) -> np.ndarray:
        """Signed distance to the sphere, ``(n,)``."""
        return self._surface.level(x)

    def fill(
        self, n: int, extra: int, sampler: str, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Directions times radii R u^(1/3), which is uniform in volume."""
        u, weights = rule(sampler, n, 3 + extra, rng)
        r = self.radius * np.cbrt(u[:, 2:3])
        return np.array(self.center) + r * directions(u[:, :2]), weights * self._volume, u[:, 3:]

    def implicit(self, columns: Mapping[str, Any]) -> Any:
        """The carrier of the sphere."""
        return self._surface.carrier(columns)


Sphere = Ball


def directions(u: np.ndarray) -> np.ndarray:
    """Map the unit square ``(n, 2)`` to unit vectors ``(n, 3)`` with constant density."""
    z, phi = 2 * u[:, 0] - 1, 2 * np.pi * u[:, 1]
    r = np.sqrt(np.maximum(1 - z**2, 0))
    return np.stack([r * np.cos(phi), r * np.sin(phi), z], axis=1)
