"""Disks and ellipses."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch

from pinnlab.errors import GeometryError
from pinnlab.geometry.box import own_name
from pinnlab.geometry.facets import Patch, grid
from pinnlab.geometry.shape import Shape
from pinnlab.sampling.sequences import rule
from pinnlab.typing import Coordinates


class EllipseCurve(Patch):
    r"""The curve (ξ/a)² + (η/b)² = 1 in rotated coordinates, placed by arc length.

    The arc length from angle 0 to θ of (a cos θ, b sin θ) is
    a [E(θ + π/2 | m) - E(π/2 | m)] with m = 1 - b²/a² and the elliptic integral E of the second
    kind; it is inverted by Newton's method.

    Args:
        name: Name of the piece.
        owner: Name of the primitive, or None.
        names: The two coordinate names.
        center: Centre.
        semi: Semi-axes (a, b).
        angle: Rotation of the first axis against the first coordinate, in radians.
    """

    parameters = 1

    def __init__(
        self,
        name: str,
        owner: str | None,
        names: tuple[str, ...],
        center: np.ndarray,
        semi: tuple[float, float],
        angle: float,
    ) -> None:
        self.name, self.owner, self.names = name, owner, names
        self.center, self.semi = center, semi
        c, s = float(np.cos(angle)), float(np.sin(angle))
        self._rotation = np.array([[c, -s], [s, c]])

    @cached_property
    def measure(self) -> float:
        """Perimeter."""
        a, b = self.semi
        return 2 * np.pi * a if a == b else float(self._arc(np.array(2 * np.pi)))

    def _arc(self, theta: np.ndarray) -> np.ndarray:
        from scipy.special import ellipe, ellipeinc

        a, b = self.semi
        m = 1 - (b / a) ** 2
        return a * (ellipeinc(theta + np.pi / 2, m) - ellipe(m))

    def _angles(self, u: np.ndarray) -> np.ndarray:
        """Angles at fractions of the perimeter."""
        a, b = self.semi
        if a == b:
            return 2 * np.pi * u
        table = np.linspace(0, 2 * np.pi, 513)
        length = u * self.measure
        theta = np.interp(length, self._arc(table), table)
        for _ in range(4):  # quadratic from an error of 1e-5: rounding after two
            speed = np.hypot(a * np.sin(theta), b * np.cos(theta))
            theta = theta - (self._arc(theta) - length) / speed
        return theta

    def place(self, u: np.ndarray) -> np.ndarray:
        """Fractions of the perimeter to points."""
        theta = self._angles(u[:, 0])
        local = np.stack([self.semi[0] * np.cos(theta), self.semi[1] * np.sin(theta)], axis=1)
        return self.center + local @ self._rotation.T

    def local(self, x: np.ndarray) -> np.ndarray:
        """Coordinates along the axes, in units of the semi-axes."""
        return (x - self.center) @ self._rotation / np.array(self.semi)

    def level(self, x: np.ndarray) -> np.ndarray:
        """Signed, at most the distance: (ρ - 1) min(a, b) with ρ = 1 on the curve."""
        return (np.linalg.norm(self.local(x), axis=1) - 1) * min(self.semi)

    def normals(self, x: np.ndarray) -> np.ndarray:
        """Gradient of ρ, normalised."""
        n = (self.local(x) / np.array(self.semi)) @ self._rotation.T
        # At the centre there is no direction; any will do, because it is not on the curve.
        return n / np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-300)

    def on(self, x: np.ndarray, tolerance: float) -> np.ndarray:
        """Within the tolerance of the curve."""
        return np.abs(self.level(x)) <= tolerance

    def carrier(self, columns: Mapping[str, Any]) -> Any:
        r"""(R² - r²)/(2R), or ω/√(ω²/b² + |∇ω|²) with ω = 1 - (ξ/a)² - (η/b)² of an ellipse."""
        x, y = (columns[name] - float(c) for name, c in zip(self.names, self.center, strict=True))
        a, b = self.semi
        if a == b:
            return (a**2 - x**2 - y**2) * (0.5 / a)
        (c, _), (s, _) = (float(v) for v in self._rotation[0]), self._rotation[1]
        xi, eta = (x * c + y * float(s)) * (1 / a), (y * c - x * float(s)) * (1 / b)
        omega = 1.0 - xi**2 - eta**2
        slope = (xi * (2 / a)) ** 2 + (eta * (2 / b)) ** 2
        return omega / torch.sqrt(omega**2 * (1 / min(a, b) ** 2) + slope)

    def trace(self, bounds: np.ndarray) -> np.ndarray:
        """The whole curve."""
        return self.place(grid(1))


class Ellipse(Shape):
    """An ellipse in two coordinates; its boundary is the piece ``ellipse``, or its name.

    Args:
        center: Centre.
        semi_axes: Semi-axes (a, b) along the first and second axis before the rotation.
        angle: Rotation counter-clockwise, in radians.
        name: The ellipse's own name, which names its boundary.
        axes: The two coordinate names.

    Raises:
        GeometryError: If a semi-axis is not positive or a number is not finite.

    Example:
        >>> round(Ellipse(center=(0, 0), semi_axes=(2, 1)).measure(), 6)
        6.283185
    """

    _default = "ellipse"

    def __init__(
        self,
        center: Sequence[float],
        semi_axes: Sequence[float],
        angle: float = 0.0,
        *,
        name: str | None = None,
        axes: tuple[str, str] = ("x", "y"),
    ) -> None:
        self.center = check_point(center, 2, "The centre")
        a, b = (check_radius(r, "A semi-axis") for r in check_point(semi_axes, 2, "The semi-axes"))
        check_point((angle,), 1, "The angle")
        self.semi_axes, self.angle, self.name, self.axes = (a, b), float(angle), name, tuple(axes)
        self.coordinates = Coordinates(tuple(axes), (1, 1))
        self._curve = EllipseCurve(
            name or self._default, name, self.axes, np.array(self.center), (a, b), self.angle
        )
        self.facets = (self._curve,)

    def __repr__(self) -> str:
        return (
            f"Ellipse(center={self.center}, semi_axes={self.semi_axes}, angle={self.angle:g}"
            f"{own_name(self)})"
        )

    def bounds(self) -> np.ndarray:
        """Bounding box ``(2, 2)``."""
        (a, b), c, s = self.semi_axes, np.cos(self.angle), np.sin(self.angle)
        half = np.array([np.hypot(a * c, b * s), np.hypot(a * s, b * c)])
        return np.array([self.center - half, self.center + half])

    @property
    def _volume(self) -> float:
        return float(np.pi * self.semi_axes[0] * self.semi_axes[1])

    def level(self, x: np.ndarray) -> np.ndarray:
        """Signed, at most the distance to the curve, ``(n,)``; the distance for a disk."""
        return self._curve.level(x)

    def fill(
        self, n: int, extra: int, sampler: str, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Polar coordinates with r = √u, which is uniform in area."""
        u, weights = rule(sampler, n, 2 + extra, rng)
        r, theta = np.sqrt(u[:, 0]), 2 * np.pi * u[:, 1]
        local = np.stack([r * np.cos(theta), r * np.sin(theta)], axis=1) * self.semi_axes
        c, s = np.cos(self.angle), np.sin(self.angle)
        x = self.center + local @ np.array([[c, s], [-s, c]])
        return x, weights * self._volume, u[:, 2:]

    def implicit(self, columns: Mapping[str, Any]) -> Any:
        """The carrier of the curve."""
        return self._curve.carrier(columns)


class Disk(Ellipse):
    """A disk in two coordinates; its boundary is the piece ``circle``, or its name.

    Args:
        center: Centre.
        radius: Radius.
        name: The disk's own name, which names its boundary.
        axes: The two coordinate names.

    Raises:
        GeometryError: If the radius is not positive or a number is not finite.

    Example:
        >>> Disk(center=(0.7, 0.45), radius=0.2, name="hole").pieces
        ('hole',)
    """

    _default = "circle"

    def __init__(
        self,
        center: Sequence[float],
        radius: float,
        *,
        name: str | None = None,
        axes: tuple[str, str] = ("x", "y"),
    ) -> None:
        self.radius = check_radius(radius, "The radius")
        super().__init__(center, (self.radius, self.radius), name=name, axes=axes)

    def __repr__(self) -> str:
        return f"Disk(center={self.center}, radius={self.radius:g}{own_name(self)})"


def check_point(point: Sequence[float], dim: int, what: str) -> tuple[float, ...]:
    """A tuple of finite numbers.

    Raises:
        GeometryError: If there are not ``dim`` of them, or one is not finite.
    """
    values = np.asarray(point, dtype=np.float64)
    if values.shape != (dim,) or not np.all(np.isfinite(values)):
        raise GeometryError(
            f"{what} cannot be used",
            expected=f"{dim} finite number{'s' if dim > 1 else ''}",
            got=point,
            do="correct the numbers",
        )
    return tuple(float(v) for v in values)


def check_radius(radius: float, what: str) -> float:
    """A positive, finite number.

    Raises:
        GeometryError: If it is not.
    """
    if not np.isfinite(radius) or radius <= 0:
        raise GeometryError(
            f"{what} must be positive", expected="a number > 0", got=radius, do="correct it"
        )
    return float(radius)
