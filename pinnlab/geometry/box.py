"""Intervals and boxes with named axes, in any number of dimensions."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from pinnlab.errors import GeometryError
from pinnlab.geometry.facets import BoxFace
from pinnlab.geometry.rfunctions import conjunction
from pinnlab.geometry.shape import Shape
from pinnlab.sampling.sequences import rule
from pinnlab.typing import Coordinates

_ENDS = {"x": ("left", "right"), "y": ("bottom", "top"), "z": ("back", "front")}


class Box(Shape):
    """An axis-parallel box: each axis by name with its lower and upper end.

    The pieces are ``left right`` (x), ``bottom top`` (y), ``back front`` (z), and ``<axis>_low``,
    ``<axis>_high`` for an axis of another name.

    Args:
        name: The box's own name, or None.
        axes: Ends ``(low, high)`` by the name of the axis, in the order of the coordinates.

    Raises:
        GeometryError: If an axis is empty, infinite or not a pair.

    Example:
        >>> box = Box(x=(0, 2), y=(0, 1))
        >>> box.pieces
        ('left', 'right', 'bottom', 'top')
        >>> box.measure(), box.measure("left")
        (2.0, 1.0)
    """

    def __init__(self, *, name: str | None = None, **axes: Sequence[float]) -> None:
        if not axes:
            raise GeometryError(
                "A box needs at least one axis",
                expected="ends by name, such as Box(x=(0, 2), y=(0, 1))",
                got="no axis",
                do="give each axis as name=(low, high)",
            )
        self._build(axes, {axis: _ENDS.get(axis, (f"{axis}_low", f"{axis}_high")) for axis in axes})
        self.name = name
        self._make_facets()

    def _build(
        self, axes: Mapping[str, Sequence[float]], ends: Mapping[str, tuple[str, str]]
    ) -> None:
        self.axes = {axis: check_ends(axis, pair) for axis, pair in axes.items()}
        self.coordinates = Coordinates(tuple(axes), (1,) * len(axes))
        self._ends = ends
        self._corners = np.array(list(self.axes.values())).T  # (2, d)

    def _make_facets(self) -> None:
        self.facets = tuple(
            BoxFace(self._ends[axis][side], self.name, tuple(self.axes), self._corners, k, side)
            for k, axis in enumerate(self.axes)
            for side in (0, 1)
        )

    def __repr__(self) -> str:
        sides = ", ".join(f"{axis}=({low:g}, {high:g})" for axis, (low, high) in self.axes.items())
        return f"{type(self).__name__}({sides}{own_name(self)})"

    def bounds(self) -> np.ndarray:
        """The two corners ``(2, d)``."""
        return self._corners.copy()

    @cached_property
    def _volume(self) -> float:
        return float(np.prod(self._corners[1] - self._corners[0]))

    def level(self, x: np.ndarray) -> np.ndarray:
        """Largest overshoot over a face, ``(n,)``; exact distance inside."""
        return np.max(np.maximum(self._corners[0] - x, x - self._corners[1]), axis=1)

    def fill(
        self, n: int, extra: int, sampler: str, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Scale the unit cube."""
        d = self.coordinates.dim
        u, weights = rule(sampler, n, d + extra, rng)
        low, high = self._corners
        return low + (high - low) * u[:, :d], weights * self._volume, u[:, d:]

    def implicit(self, columns: Mapping[str, Any]) -> Any:
        """R-conjunction of (x - low)(high - x)/(high - low) over the axes."""
        return conjunction(
            [
                (columns[axis] - low) * (high - columns[axis]) * (1.0 / (high - low))
                for axis, (low, high) in self.axes.items()
            ]
        )


class Interval(Box):
    """An interval of one coordinate, with the pieces ``left`` and ``right``.

    Args:
        coordinate: Name of the coordinate.
        low: Lower end.
        high: Upper end.
        name: The interval's own name, or None.

    Raises:
        GeometryError: If ``low`` is not below ``high``.

    Example:
        >>> Interval("x", -1, 1).pieces
        ('left', 'right')
    """

    def __init__(
        self, coordinate: str, low: float, high: float, *, name: str | None = None
    ) -> None:
        self._build({coordinate: (low, high)}, {coordinate: ("left", "right")})
        self.name = name
        self._make_facets()
        self.coordinate, (self.low, self.high) = coordinate, self.axes[coordinate]

    def __repr__(self) -> str:
        return f"Interval('{self.coordinate}', {self.low:g}, {self.high:g}{own_name(self)})"


class Cuboid(Box):
    """A box in three dimensions, ``Cuboid(x=(0, 1), y=(0, 1), z=(0, 2))``.

    Args:
        name: The cuboid's own name, or None.
        axes: Three axes, each ``(low, high)``.

    Raises:
        GeometryError: If there are not three axes, or one is empty.

    Example:
        >>> Cuboid(x=(0, 1), y=(0, 1), z=(0, 2)).measure()
        2.0
    """

    def __init__(self, *, name: str | None = None, **axes: Sequence[float]) -> None:
        if len(axes) != 3:
            raise GeometryError(
                "A cuboid has three axes",
                expected="Cuboid(x=(0, 1), y=(0, 1), z=(0, 1))",
                got=", ".join(axes) or "none",
                do="use Box for any other number of axes",
            )
        super().__init__(name=name, **axes)


def own_name(shape: Shape) -> str:
    """The ending ``, name='hole'`` of a printed primitive, or nothing."""
    return "" if shape.name is None else f", name={shape.name!r}"


def check_ends(axis: str, pair: Sequence[float]) -> tuple[float, float]:
    """Two finite ends in increasing order.

    Raises:
        GeometryError: If they are not.
    """
    values = np.asarray(pair, dtype=np.float64)
    if values.shape != (2,) or not np.all(np.isfinite(values)) or not values[0] < values[1]:
        raise GeometryError(
            f"The ends of axis '{axis}' do not enclose anything",
            expected="two finite numbers (low, high) with low < high",
            got=pair,
            do="swap or correct the ends",
        )
    return float(values[0]), float(values[1])
