"""Geometries of DeepXDE: known primitives become ours, any other object serves as it is."""

import inspect
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from functools import cached_property
from io import StringIO
from typing import Any

import numpy as np
import torch

from pinnlab.errors import GeometryError
from pinnlab.geometry._deepxde import import_deepxde
from pinnlab.geometry.ball import Ball
from pinnlab.geometry.base import Geometry
from pinnlab.geometry.box import Box
from pinnlab.geometry.cloud import PointSet
from pinnlab.geometry.csg import combine
from pinnlab.geometry.ellipse import Disk, Ellipse
from pinnlab.geometry.implicit import ImplicitSurface, no_distance
from pinnlab.geometry.polygon import Polygon
from pinnlab.geometry.rejection import fill_by_rejection
from pinnlab.geometry.sdf import SDF
from pinnlab.geometry.shape import Shape
from pinnlab.geometry.time import SpaceTime, Time
from pinnlab.typing import Coordinates

_AXES = ("x", "y", "z")


def from_deepxde(
    geometry: Any,
    names: Sequence[str] | None = None,
    *,
    time: str = "t",
    name: str | None = None,
) -> Geometry:
    """Take over an object of ``deepxde.geometry``.

    Primitives, set operations of them, point clouds, time domains and space-time products become
    the corresponding objects of this library, with named pieces and in double precision; the
    primitives of a set operation that share a piece name are named after their class and number,
    such as ``disk1``. Any other geometry (a class of your own) is used through its
    ``inside``, ``on_boundary`` and ``boundary_normal``; it has the one piece ``boundary``, or
    ``name``.

    Args:
        geometry: The deepxde object.
        names: Coordinate names of space; ``x``, ``y``, ``z`` as far as needed if left out.
        time: Name of the time coordinate.
        name: A name for the primitive and its boundary.

    Returns:
        The geometry.

    Raises:
        GeometryError: If it is no deepxde geometry or the number of names is wrong.
    """
    dde = import_deepxde().geometry
    if isinstance(geometry, dde.TimeDomain):
        return Time(time, float(geometry.t0), float(geometry.t1))
    if isinstance(geometry, dde.GeometryXTime):
        space = from_deepxde(geometry.geometry, names, name=name)
        return SpaceTime(space, Time(time, geometry.timedomain.t0, geometry.timedomain.t1))
    if not isinstance(geometry, dde.geometry.Geometry):
        raise GeometryError(
            "This is no geometry of deepxde",
            expected="an object of deepxde.geometry",
            got=type(geometry).__name__,
            do="pass the geometry itself, such as deepxde.geometry.Rectangle(...)",
        )
    chosen = _names(geometry.dim, names)
    return _convert(geometry, chosen, _labels(geometry, dde, name), dde)


def _names(dim: int, names: Sequence[str] | None) -> tuple[str, ...]:
    if names is None and dim <= len(_AXES):
        return _AXES[:dim]
    if names is None or len(names) != dim:
        raise GeometryError(
            "The coordinates must be named one by one",
            expected=f"{dim} names",
            got="none" if names is None else f"{len(names)}: {', '.join(names)}",
            do=f"pass names=(...) with {dim} names",
        )
    return tuple(names)


def _is_combined(geometry: Any, dde: Any) -> bool:
    return isinstance(geometry, dde.CSGUnion | dde.CSGIntersection | dde.CSGDifference)


def _labels(geometry: Any, dde: Any, name: str | None) -> dict[int, str | None]:
    """A name for each primitive that needs one, by its identity."""
    if not _is_combined(geometry, dde):
        return {id(geometry): name}
    leaves: list[Any] = []

    def walk(node: Any) -> None:
        if _is_combined(node, dde):
            walk(node.geom1)
            walk(node.geom2)
        else:
            leaves.append(node)

    walk(geometry)
    families = Counter(_family(leaf, dde) for leaf in leaves)
    number: Counter[str] = Counter()
    labels: dict[int, str | None] = {}
    for leaf in leaves:
        family, kind = _family(leaf, dde), type(leaf).__name__.lower()
        number[kind] += 1
        alone = families[family] == 1 and family != "other"
        labels[id(leaf)] = None if alone else f"{kind}{number[kind]}"
    return labels


def _family(leaf: Any, dde: Any) -> str:
    """Primitives of one family share piece names."""
    if isinstance(leaf, dde.Interval | dde.Hypercube):
        return "box"
    if isinstance(leaf, dde.Triangle | dde.Polygon):
        return "polygon"
    for kind in (dde.Disk, dde.Ellipse, dde.Sphere):
        if isinstance(leaf, kind):
            return kind.__name__
    return "other"


def _convert(
    geometry: Any, names: tuple[str, ...], labels: Mapping[int, str | None], dde: Any
) -> Geometry:
    if _is_combined(geometry, dde):
        a = _convert(geometry.geom1, names, labels, dde)
        b = _convert(geometry.geom2, names, labels, dde)
        if isinstance(geometry, dde.CSGUnion):
            return combine("|", a, b)
        return combine("&" if isinstance(geometry, dde.CSGIntersection) else "-", a, b)
    name = labels[id(geometry)]
    axes: Any = names  # as many as the shape has
    if isinstance(geometry, dde.Interval):
        return Box(name=name, **{names[0]: (geometry.l, geometry.r)})
    if isinstance(geometry, dde.Hypercube):
        ends = zip(names, _exact(geometry.xmin), _exact(geometry.xmax), strict=True)
        return Box(name=name, **{axis: (low, high) for axis, low, high in ends})
    if isinstance(geometry, dde.Disk):
        return Disk(_exact(geometry.center), float(geometry.radius), name=name, axes=axes)
    if isinstance(geometry, dde.Sphere):
        return Ball(_exact(geometry.center), float(geometry.radius), name=name, axes=axes)
    if isinstance(geometry, dde.Ellipse):
        semi, turn = (geometry.semimajor, geometry.semiminor), -geometry.angle  # theirs: clockwise
        return Ellipse(_exact(geometry.center), semi, turn, name=name, axes=axes)
    if isinstance(geometry, dde.Triangle):
        corners = [_exact(p) for p in (geometry.x1, geometry.x2, geometry.x3)]
        return Polygon(corners, name=name, axes=axes)
    if isinstance(geometry, dde.Polygon):
        return Polygon([_exact(p) for p in geometry.vertices], name=name, axes=axes)
    if isinstance(geometry, dde.PointCloud):
        return _cloud(geometry, names, name)
    if isinstance(geometry, dde.StarShaped):
        return _star(geometry, names, name)
    return DeepXDEShape(geometry, names, name=name)


def _star(geometry: Any, names: tuple[str, ...], name: str | None) -> SDF:
    """R - r(θ), with cos kθ and sin kθ as the parts of ((x + iy)/r)^k."""
    center, cosines, sines = _exact(geometry.center), geometry.coeffs_cos, geometry.coeffs_sin

    def star(x: Any, y: Any) -> Any:
        x, y = x - center[0], y - center[1]
        r = torch.sqrt(x**2 + y**2 + 1e-30)
        c, s = x / r, y / r
        radius, (real, imaginary) = float(geometry.radius), (c, s)
        for a, b in zip(cosines, sines, strict=True):
            radius = radius + real * float(a) + imaginary * float(b)
            real, imaginary = real * c - imaginary * s, real * s + imaginary * c
        return r - radius

    kinds = inspect.Parameter.POSITIONAL_OR_KEYWORD
    named = inspect.Signature([inspect.Parameter(axis, kinds) for axis in names])
    star.__signature__ = named  # type: ignore[attr-defined]
    # deepxde's own bounding box is too small when a coefficient is negative.
    reach = 1.01 * (float(geometry.radius) + sum(map(abs, [*cosines, *sines])))
    ends = {axis: (c - reach, c + reach) for axis, c in zip(names, center, strict=True)}
    return SDF(star, ends, name=name)


def _exact(point: np.ndarray) -> list[float]:
    """The decimal numbers that were rounded to single precision: 0.1, not 0.100000001490."""
    return [float(str(value)) for value in np.ravel(point)]


def _cloud(geometry: Any, names: tuple[str, ...], name: str | None) -> PointSet:
    if geometry.boundary_points is None:
        return PointSet(geometry.points, names=names, name=name)
    inner, edge = geometry.points, geometry.boundary_points
    rows = np.arange(len(inner), len(inner) + len(edge))
    normals = None
    if geometry.boundary_normals is not None:
        normals = np.vstack([np.zeros_like(inner), geometry.boundary_normals])
    return PointSet(
        np.vstack([inner, edge]),
        names=names,
        pieces={name or "boundary": rows},
        normals=normals,
        name=name,
    )


class DeepXDEShape(Shape):
    """A geometry of deepxde that is used through its inside test.

    Its boundary is sampled by lines along the axes (:mod:`pinnlab.geometry.crossings`), because
    what deepxde draws is not uniform for every shape, has no weights, and takes the global random
    state. Volume and surface are estimates, to about 1e-4 in the plane and 1e-3 in space.

    Args:
        geometry: The deepxde object.
        names: Coordinate names.
        name: Name of the boundary piece, ``boundary`` if left out.
    """

    def __init__(self, geometry: Any, names: Sequence[str], *, name: str | None = None) -> None:
        self.geometry, self.name = geometry, name
        self.coordinates = Coordinates(tuple(names), (1,) * len(names))
        low, high = (np.asarray(corner, dtype=np.float64) for corner in geometry.bbox)
        margin = 1e-3 * (high - low)
        self._box = np.array([low - margin, high + margin])
        self._surface = ImplicitSurface(
            name or "boundary",
            name,
            self._box,
            inside=self._inside,
            normals=self._normals,
            near=lambda x, tolerance: self._on_boundary(x),
            carrier=self.implicit,
        )
        self.facets = (self._surface,)

    def __repr__(self) -> str:
        return f"from_deepxde({type(self.geometry).__name__})"

    def _inside(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.geometry.inside(x), dtype=bool).reshape(len(x))

    def _on_boundary(self, x: np.ndarray) -> np.ndarray:
        found = np.asarray(self.geometry.on_boundary(x), dtype=bool).ravel()
        if len(found) == len(x):
            return found
        # A class may have been written for one point at a time.
        return np.array([bool(np.all(self.geometry.on_boundary(row[None]))) for row in x])

    def _normals(self, x: np.ndarray) -> np.ndarray:
        with redirect_stdout(StringIO()):  # it prints a remark at corners
            normals = np.asarray(self.geometry.boundary_normal(x), dtype=np.float64)
        return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-300)

    def bounds(self) -> np.ndarray:
        """Bounding box ``(2, d)``, a little wider than deepxde's."""
        return self._box.copy()

    @cached_property
    def tolerance(self) -> float:
        """Single precision, and deepxde's own tolerance."""
        return float(4e-6 * np.linalg.norm(self._box[1] - self._box[0]))

    @property
    def resolution(self) -> float:
        """Well beyond the tolerance of deepxde's own boundary test."""
        return 25 * self.tolerance

    def level(self, x: np.ndarray) -> np.ndarray:
        """-1 inside, 0 on the boundary, 1 outside."""
        return np.where(self._on_boundary(x), 0.0, np.where(self._inside(x), -1.0, 1.0))

    @property
    def _volume(self) -> float:
        return self._surface.volume

    def fill(
        self, n: int, extra: int, sampler: str, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draw from the bounding box and keep what lies inside."""
        x, further = fill_by_rejection(self._box, self._inside, n, extra, sampler, rng)
        return x, np.full(n, self._volume / n), further

    def implicit(self, columns: Mapping[str, Any]) -> Any:
        """Refused: an inside test tells no smooth function.

        Raises:
            GeometryError: Always.
        """
        raise no_distance(repr(self))
