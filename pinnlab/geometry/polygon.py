"""Polygons and triangles."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pinnlab.errors import GeometryError
from pinnlab.geometry.box import own_name
from pinnlab.geometry.ellipse import check_point
from pinnlab.geometry.facets import Patch, grid
from pinnlab.geometry.rejection import fill_by_rejection
from pinnlab.geometry.rfunctions import conjunction
from pinnlab.geometry.shape import Shape
from pinnlab.typing import Coordinates

# Pairs of a point and an edge that are held at once.
_BLOCK = 2**22


class Segment(Patch):
    """A straight edge from ``start`` to ``end`` with the region on its left.

    Args:
        name: Name of the piece.
        owner: Name of the polygon, or None.
        names: The two coordinate names.
        start: First vertex.
        end: Last vertex.
    """

    parameters = 1

    def __init__(
        self,
        name: str,
        owner: str | None,
        names: tuple[str, ...],
        start: np.ndarray,
        end: np.ndarray,
    ) -> None:
        self.name, self.owner, self.names = name, owner, names
        self.start, self.end = start, end
        self._length = float(np.linalg.norm(end - start))
        self._tangent = (end - start) / self._length
        self._normal = np.array([self._tangent[1], -self._tangent[0]])

    @property
    def measure(self) -> float:
        """Length."""
        return self._length

    def place(self, u: np.ndarray) -> np.ndarray:
        """From the start at 0 to the end at 1."""
        return self.start + u * (self.end - self.start)

    def normals(self, x: np.ndarray) -> np.ndarray:
        """One direction, to the right of the edge."""
        return np.broadcast_to(self._normal, x.shape).copy()

    def on(self, x: np.ndarray, tolerance: float) -> np.ndarray:
        """Within the tolerance of the closed edge."""
        off = x - self.start
        along = off @ self._tangent
        within = (along >= -tolerance) & (along <= self._length + tolerance)
        return within & (np.abs(off @ self._normal) <= tolerance)

    def _component(self, columns: Mapping[str, Any], direction: np.ndarray) -> Any:
        x, y = (columns[name] for name in self.names)
        (a, b), (p, q) = (float(v) for v in direction), (float(v) for v in self.start)
        return (x - p) * a + (y - q) * b

    def carrier(self, columns: Mapping[str, Any]) -> Any:
        """Signed distance to the line, positive on the left."""
        return self._component(columns, -self._normal)

    def extent(self, columns: Mapping[str, Any]) -> Any:
        """Parabola s (L - s)/L of the coordinate s along the edge."""
        s = self._component(columns, self._tangent)
        return s * (self._length - s) * (1.0 / self._length)

    def trace(self, bounds: np.ndarray) -> np.ndarray:
        """The line from one end of the bounding box to the other."""
        reach = float(np.linalg.norm(bounds[1] - bounds[0]))
        corner = (bounds.mean(axis=0) - self.start) @ self._tangent
        s = corner + reach * np.linspace(-0.5, 0.5, 1025)
        # Points of the edge itself as well, which may be short.
        return np.vstack([self.start + s[:, None] * self._tangent, self.place(grid(1)[::8])])


class Polygon(Shape):
    """A simple polygon; its edges are the pieces ``edge0``, ``edge1``, and so on, or named.

    Args:
        vertices: Corners ``(v, 2)`` in either direction; edge k leads from vertex k to k + 1.
        names: Names of the edges, one each; equal names make one piece.
        name: The polygon's own name.
        axes: The two coordinate names.

    Raises:
        GeometryError: If there are fewer than three vertices, if edges cross, or a number is not
            finite.

    Example:
        >>> wedge = Polygon([(0, 0), (1, 0), (0, 1)], names=["floor", "slope", "wall"])
        >>> wedge.measure(), wedge.measure("floor")
        (0.5, 1.0)
    """

    def __init__(
        self,
        vertices: Sequence[Sequence[float]],
        *,
        names: Sequence[str] | None = None,
        name: str | None = None,
        axes: tuple[str, str] = ("x", "y"),
    ) -> None:
        self.vertices = _check_vertices(vertices)
        count = len(self.vertices)
        self.names = tuple(names) if names is not None else tuple(f"edge{k}" for k in range(count))
        if len(self.names) != count:
            raise GeometryError(
                "The edges of a polygon are named one by one",
                expected=f"{count} names",
                got=f"{len(self.names)} names",
                do="give one name for each edge, repeating a name to join edges",
            )
        self.name, self.axes = name, tuple(axes)
        self.coordinates = Coordinates(self.axes, (1, 1))
        following = np.roll(self.vertices, -1, axis=0)
        self._area = _signed_area(self.vertices)
        self.facets = tuple(
            Segment(label, name, self.axes, *((p, q) if self._area > 0 else (q, p)))
            for label, p, q in zip(self.names, self.vertices, following, strict=True)
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.vertices.tolist()}{own_name(self)})"

    def bounds(self) -> np.ndarray:
        """Bounding box ``(2, 2)``."""
        return np.array([self.vertices.min(axis=0), self.vertices.max(axis=0)])

    @property
    def _volume(self) -> float:
        return abs(self._area)

    @property
    def convex(self) -> bool:
        """Whether no corner is re-entrant."""
        edges = np.roll(self.vertices, -1, axis=0) - self.vertices
        turns = _cross(edges, np.roll(edges, -1, axis=0)) * np.sign(self._area)
        return bool(np.all(turns >= 0))

    def level(self, x: np.ndarray) -> np.ndarray:
        """Signed distance to the nearest edge, ``(n,)``."""
        block = max(1, _BLOCK // len(self.vertices))
        return np.concatenate(
            [self._level(x[k : k + block]) for k in range(0, max(len(x), 1), block)]
        )

    def _level(self, x: np.ndarray) -> np.ndarray:
        (x0, y0), (ex, ey) = self.vertices.T, (np.roll(self.vertices, -1, axis=0) - self.vertices).T
        dx, dy = x[:, :1] - x0, x[:, 1:] - y0  # (n, v)
        along = np.clip((dx * ex + dy * ey) / (ex**2 + ey**2), 0, 1)
        nearest = np.sqrt(((dx - along * ex) ** 2 + (dy - along * ey) ** 2).min(axis=1))
        # Even-odd rule: a ray in the first direction crosses an odd number of edges.
        straddles = (dy < 0) != (dy < ey)
        with np.errstate(divide="ignore", invalid="ignore"):
            crossed = straddles & (dx < dy * (ex / ey))
        inside = np.count_nonzero(crossed, axis=1) % 2 == 1
        return np.where(inside, -nearest, nearest)

    def fill(
        self, n: int, extra: int, sampler: str, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draw from the bounding box and keep what lies inside."""
        x, further = fill_by_rejection(
            self.bounds(), lambda y: self.level(y) <= 0, n, extra, sampler, rng
        )
        return x, np.full(n, self._volume / n), further

    def implicit(self, columns: Mapping[str, Any]) -> Any:
        """R-conjunction of the edges' lines, for a convex polygon.

        Raises:
            GeometryError: If the polygon is not convex.
        """
        if not self.convex:
            raise GeometryError(
                "A re-entrant polygon has no smooth implicit function here",
                expected="convex parts in a set operation that needs a distance function",
                got=repr(self),
                do="build it from convex polygons, or impose the condition softly (hard=False)",
            )
        return conjunction([facet.carrier(columns) for facet in self.facets])


class Triangle(Polygon):
    """A triangle; its edges are the pieces ``edge0`` (a to b), ``edge1`` (b to c), ``edge2``.

    Args:
        a: First corner.
        b: Second corner.
        c: Third corner.
        names: Names of the three edges.
        name: The triangle's own name.
        axes: The two coordinate names.

    Raises:
        GeometryError: If the corners lie on a line or a number is not finite.

    Example:
        >>> Triangle((0, 0), (1, 0), (0, 1)).measure()
        0.5
    """

    def __init__(
        self,
        a: Sequence[float],
        b: Sequence[float],
        c: Sequence[float],
        *,
        names: Sequence[str] | None = None,
        name: str | None = None,
        axes: tuple[str, str] = ("x", "y"),
    ) -> None:
        corners = [check_point(p, 2, "A corner") for p in (a, b, c)]
        super().__init__(corners, names=names, name=name, axes=axes)


def _check_vertices(vertices: Sequence[Sequence[float]]) -> np.ndarray:
    p = np.array(vertices, dtype=np.float64)
    if p.ndim != 2 or p.shape[1] != 2 or len(p) < 3 or not np.all(np.isfinite(p)):
        raise GeometryError(
            "A polygon needs at least three corners",
            expected="finite numbers of shape (v, 2) with v >= 3",
            got=f"shape {p.shape}" if np.all(np.isfinite(p)) else "a number that is not finite",
            do="list its corners in order, without repeating the first one",
        )
    crossing = _crossing(p)
    if crossing is not None:
        raise GeometryError(
            "The edges of a polygon cross or touch",
            expected="a simple polygon with an area",
            got="edges {} and {}".format(*crossing),
            do="list its corners in order, each once",
        )
    p.setflags(write=False)
    return p


def _crossing(p: np.ndarray) -> tuple[int, int] | None:
    """The first two edges that share more than a common corner, or None."""
    q = np.roll(p, -1, axis=0)
    scale = np.ptp(p, axis=0).max()
    small = 1e-12 * scale**2
    count = len(p)
    for k in range(count):
        others = np.array([m for m in range(k + 1, count) if (m + 1) % count != k and m != k + 1])
        if np.linalg.norm(q[k] - p[k]) <= 1e-12 * scale:
            return k, (k + 1) % count
        after = q[(k + 1) % count] - q[k]  # the next edge must not fold back
        fold = abs(_cross(q[k] - p[k], after)) <= small and np.dot(q[k] - p[k], after) < 0
        if fold:
            return k, (k + 1) % count
        if not len(others):
            continue
        a, b, c, d = p[k], q[k], p[others], q[others]
        s1, s2 = _cross(b - a, c - a), _cross(b - a, d - a)
        s3, s4 = _cross(d - c, a - c), _cross(d - c, b - c)
        hit = (s1 * s2 <= small**2) & (s3 * s4 <= small**2)
        overlap = np.all(
            (np.minimum(c, d) <= np.maximum(a, b)) & (np.minimum(a, b) <= np.maximum(c, d)), axis=1
        )
        if np.any(hit & overlap):
            return k, int(others[np.argmax(hit & overlap)])
    return None


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _signed_area(p: np.ndarray) -> float:
    off = p - p.mean(axis=0)
    return float(_cross(off, np.roll(off, -1, axis=0)).sum() / 2)
