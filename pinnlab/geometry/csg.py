r"""Set operations: ``a | b``, ``a & b``, ``a - b``.

The boundary of a result consists of parts of the facets of its operands. A point of a facet with
normal n belongs to it if the result lies on the inner side only,

.. math:: \ell(x - \epsilon n) < 0 < \ell(x + \epsilon n),

where ℓ is the level function of the result, the minimum and maximum of those of its operands, and n
is turned round for what is subtracted. That one rule covers nested operations, faces that fall
together, and faces that vanish between two regions that are put side by side. Where facets of two
operands coincide, the first one names the piece.

Curves are trimmed exactly: the ends of their visible parts are bisected to rounding. The area of a
plane region then follows from the divergence theorem, |Ω| = ½ ∮ x·n ds, to rounding as well; in
three dimensions faces are cut into slices that are trimmed in the same way.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from pinnlab.errors import GeometryError
from pinnlab.geometry.base import Geometry
from pinnlab.geometry.facets import Facet, Patch, grid
from pinnlab.geometry.rejection import fill_by_rejection, refuse_gauss
from pinnlab.geometry.rfunctions import conjunction, disjunction
from pinnlab.geometry.shape import Shape
from pinnlab.sampling.sequences import rule

# Samples along a curve of the size of the region, along a slice of a face, and slices of a face:
# parts that are smaller are not seen.
_ON_CURVE, _ON_SLICE, _SLICES = 4096, 512, 1024
_BISECTIONS, _LEAST_SPAN = 45, 1e-4
_QUASI_RANDOM = 2**17


class TrimmedFacet(Facet):
    """The part of a facet that is on the boundary of a set operation.

    Args:
        whole: The facet of a primitive.
        sign: -1 if the primitive is subtracted, else 1.
        result: The set operation.
        before: Earlier primitives with their facets, which name what coincides with them.
    """

    def __init__(
        self, whole: Facet, sign: int, result: "Combination", before: Sequence["Primitive"]
    ) -> None:
        self.whole, self.sign, self._result, self._before = whole, sign, result, before
        self.name, self.owner = whole.name, whole.owner

    def normals(self, x: np.ndarray) -> np.ndarray:
        """Those of the facet, turned round if it is subtracted."""
        return self.sign * self.whole.normals(x)

    def visible(self, x: np.ndarray) -> np.ndarray:
        """Which points of the facet are on the boundary of the result."""
        tolerance = self._result.tolerance
        # The point itself is tested as well, or faces that only touch would be seen for a stretch
        # of the square root of the step.
        found = np.abs(self._result.level(x)) <= tolerance
        near = np.flatnonzero(found)
        # Coinciding faces agree to rounding; a tight test leaves those that touch in a point alone.
        found[near] = self._separates(x[near], self._result.resolution, 0.0) & ~self._named_before(
            x[near], 0.01 * tolerance
        )
        return found

    def _separates(self, x: np.ndarray, step: float, slack: float) -> np.ndarray:
        offset = step * self.normals(x)
        level = self._result.level
        return (level(x - offset) < slack) & (level(x + offset) > -slack)

    def _named_before(self, x: np.ndarray, tolerance: float) -> np.ndarray:
        found = np.zeros(len(x), dtype=bool)
        normals = self.normals(x)
        for shape, facets in self._before:
            near = np.flatnonzero(np.abs(shape.level(x)) <= max(tolerance, shape.tolerance))
            for other in facets if len(near) else ():
                shared = near[other.whole.on(x[near], tolerance)]
                # Only a face that looks the same way is seen where this one is.
                aligned = np.sum(other.normals(x[shared]) * normals[shared], axis=1)
                found[shared] |= aligned > 1 - 1e-6
        return found

    def on(self, x: np.ndarray, tolerance: float) -> np.ndarray:
        """Which points lie on the closed visible part."""
        found = self.whole.on(x, tolerance)
        near = np.flatnonzero(found)
        if self.measure == 0:
            return np.zeros(len(x), dtype=bool)
        if len(near):
            y, step = x[near], max(self._result.resolution, 4 * tolerance)
            # A point that is exactly on the facet is seen or not; one that is a little off it, or
            # at its end, is told by a longer step.
            close = self._separates(y, step, tolerance) & ~self._named_before(y, tolerance)
            found[near] = self.visible(y) | close
        return found

    @cached_property
    def measure(self) -> float:
        """Length or area of the visible part."""
        if isinstance(self.whole, Patch):
            if self.whole.parameters == 0:
                return float(self.visible(self.whole.place(np.empty((1, 0))))[0])
            if self.whole.parameters <= 2:
                _, low, high = self.spans
                return self.whole.measure * float(np.sum(high - low)) / self.slices
        return float(np.sum(self._nodes[1]))

    @cached_property
    def _nodes(self) -> tuple[np.ndarray, np.ndarray]:
        x, weights = self.whole.nodes()
        seen = self.visible(x)
        return x[seen], weights[seen]

    @cached_property
    def slices(self) -> int:
        """Number of parallel curves that the facet is cut into: 1 for a curve."""
        if isinstance(self.whole, Patch) and self.whole.parameters == 1:
            return 1
        return int(np.clip(_SLICES * self._share, 64, _SLICES))

    @cached_property
    def _share(self) -> float:
        """The size of the facet in comparison with the region."""
        span = np.ptp(self._result.bounds(), axis=0)
        dim = max(1, len(span) - 1)
        return self.whole.measure ** (1 / dim) / float(np.linalg.norm(span))

    @cached_property
    def spans(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Visible parts of each slice in the last parameter: slice number, lower and upper end."""
        whole, most = self.whole, _ON_CURVE if self.slices == 1 else _ON_SLICE
        count = int(np.clip(most * self._share, 32, most))
        least = 0.4 / count if self.slices == 1 else _LEAST_SPAN
        middle = (np.arange(count) + 0.5) / count
        seen = self._seen(
            np.repeat(np.arange(self.slices), count), np.tile(middle, self.slices), whole
        ).reshape(self.slices, count)
        padded = np.pad(seen, ((0, 0), (1, 1)))
        starts, stops = (
            np.argwhere(np.diff(padded.astype(int), axis=1) == change) for change in (1, -1)
        )
        low = self._edge(starts, middle, rising=True)
        high = self._edge(stops, middle, rising=False)
        # Where two curves touch, a stretch of about the root of the tolerance is undecided; one
        # shorter than the samples are apart is only seen by chance, so that it is left out always.
        kept = high - low > least
        return starts[kept, 0], low[kept], high[kept]

    def _seen(self, rows: np.ndarray, last: np.ndarray, whole: Facet) -> np.ndarray:
        assert isinstance(whole, Patch)
        return self.visible(whole.place(self._parameters(rows, last)))

    def _parameters(self, rows: np.ndarray, last: np.ndarray) -> np.ndarray:
        if self.slices == 1:
            return last[:, None]
        return np.stack([(rows + 0.5) / self.slices, last], axis=1)

    def _edge(self, cells: np.ndarray, middle: np.ndarray, *, rising: bool) -> np.ndarray:
        """Bisect the ends of visible parts between two neighbouring samples."""
        ends = np.where(cells[:, 1] == 0, 0.0, 1.0)  # where the facet itself ends
        open_ = (cells[:, 1] > 0) & (cells[:, 1] < len(middle))
        rows, after = cells[open_].T
        low, high = middle[after - 1], middle[after]
        for _ in range(_BISECTIONS if len(rows) else 0):
            center = (low + high) / 2
            seen = self._seen(rows, center, self.whole) == rising
            low, high = np.where(seen, low, center), np.where(seen, center, high)
        ends[open_] = (low + high) / 2
        return ends

    def draw(
        self, n: int, extra: int, sampler: str, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Fill the visible parts of a curve end to end; draw from a whole surface and keep."""
        if isinstance(self.whole, Patch) and self.whole.parameters <= 1:
            k = self.whole.parameters
            u, weights = rule(sampler, n if k + extra else 1, k + extra, rng)
            x = self.whole.place(self._along(u[:, 0])[:, None] if k else u[:, :0])
            return x, self.normals(x), weights * self.measure, u[:, k:]
        refuse_gauss(sampler)
        share = self.measure / self.whole.measure
        count = int(1.2 * n / max(share, 1e-6)) + 16
        while True:
            x, _, _, further = self.whole.draw(count, extra, sampler, rng)
            kept = np.flatnonzero(self.visible(x))[:n]
            if len(kept) == n:
                x = x[kept]
                return x, self.normals(x), np.full(n, self.measure / n), further[kept]
            count *= 2

    def _along(self, u: np.ndarray) -> np.ndarray:
        """Fractions of the visible length to the curve's parameter."""
        _, low, high = self.spans
        ends = np.concatenate([[0.0], np.cumsum(high - low)])
        at = u * ends[-1]
        part = np.clip(np.searchsorted(ends, at, side="right") - 1, 0, len(low) - 1)
        return np.clip(low[part] + at - ends[part], low[part], high[part])

    def flux(self, center: np.ndarray) -> float:
        """∫ (x - center)·n over the visible part, d times its share of the volume."""
        if self.measure == 0:
            return 0.0
        if not isinstance(self.whole, Patch):
            x, weights = self._nodes
            return float(np.sum(weights * np.sum((x - center) * self.normals(x), axis=1)))
        if self.whole.parameters == 0:
            x = self.whole.place(np.empty((1, 0)))
            return float(np.sum((x - center) * self.normals(x)))
        # Panels, because a Gauss rule over a whole circle would need many points.
        rows, low, high = self.spans
        panels = 16 if self.slices == 1 else 2
        nodes, weights = np.polynomial.legendre.leggauss(12)
        nodes = ((np.arange(panels)[:, None] + (nodes + 1) / 2) / panels).ravel()
        weights = np.tile(weights / (2 * panels), panels)
        last = low[:, None] + (high - low)[:, None] * nodes
        x = self.whole.place(self._parameters(np.repeat(rows, len(nodes)), last.ravel()))
        density = np.sum((x - center) * self.normals(x), axis=1).reshape(last.shape) @ weights
        return float(np.sum(density * (high - low)) * self.whole.measure / self.slices)

    def carrier(self, columns: Mapping[str, Any]) -> Any:
        """That of the facet, positive on the side of the result."""
        return self.whole.carrier(columns) if self.sign > 0 else -self.whole.carrier(columns)

    def extent(self, columns: Mapping[str, Any]) -> Any | None:
        """That of the facet."""
        return self.whole.extent(columns)

    def trace(self, bounds: np.ndarray) -> np.ndarray:
        """That of the facet."""
        return self.whole.trace(bounds)

    def outline(self) -> np.ndarray:
        """Points of the visible part, the ends of a curve included."""
        if isinstance(self.whole, Patch):
            u = grid(self.whole.parameters)
            if self.whole.parameters == 1:
                return self.whole.place(self._along(u[:, 0])[:, None])
            # Drawn in from the edges, where a step along the normal would leave the facet.
            x = self.whole.place(1e-7 + (1 - 2e-7) * u)
        else:
            x = self.whole.outline()
        return x[self.visible(x)]


Primitive: TypeAlias = tuple[Shape, tuple[TrimmedFacet, ...]]


class Combination(Shape):
    """The result of a set operation; made by ``a | b``, ``a & b`` and ``a - b``.

    Every boundary piece keeps its name. Only what is really on the boundary of the result is
    measured and sampled, with normals that point out of the result; a piece of which nothing is
    left has measure 0 and cannot be sampled.

    Args:
        operation: ``"|"``, ``"&"`` or ``"-"``.
        a: First operand.
        b: Second operand.

    Raises:
        GeometryError: If the operands have different coordinates or clashing piece names, or if
            their intersection is empty.

    Example:
        >>> from pinnlab.geometry import Box, Disk
        >>> plate = Box(x=(0, 1), y=(0, 1)) - Disk(center=(0.5, 0.5), radius=0.2, name="hole")
        >>> plate.pieces
        ('left', 'right', 'bottom', 'top', 'hole')
    """

    def __init__(self, operation: str, a: Shape, b: Shape) -> None:
        if a.coordinates != b.coordinates:
            raise GeometryError(
                "A set operation needs the same coordinates on both sides",
                expected=", ".join(a.coordinates.names),
                got=", ".join(b.coordinates.names),
                do="give both the same axes in the same order",
            )
        self.operation, self.a, self.b = operation, a, b
        self.coordinates = a.coordinates
        self._bounds = _combine_bounds(operation, a.bounds(), b.bounds())
        self._primitives: list[Primitive] = []
        for operand, sign in ((a, 1), (b, -1 if operation == "-" else 1)):
            for shape, facets in _primitives(operand):
                before = tuple(self._primitives)
                trimmed = tuple(
                    TrimmedFacet(whole, sign * inner, self, before)
                    for whole, inner in map(_whole, facets)
                )
                self._primitives.append((shape, trimmed))
        self.facets: tuple[TrimmedFacet, ...] = tuple(
            facet for _, facets in self._primitives for facet in facets
        )
        for facet in self.facets:
            _refuse_unnamed(facet)
        _ = self._labels  # clashing names are told here, not when first used

    def __repr__(self) -> str:
        return f"({self.a!r} {self.operation} {self.b!r})"

    @property
    def leaves(self) -> tuple[Shape, ...]:
        """The primitive that each facet comes from."""
        return tuple(shape for shape, facets in self._primitives for _ in facets)

    def bounds(self) -> np.ndarray:
        """A box ``(2, d)`` that holds the result; not always the smallest one."""
        return self._bounds.copy()

    def level(self, x: np.ndarray) -> np.ndarray:
        """Minimum, maximum, or maximum with the second one negated."""
        a, b = self.a.level(x), self.b.level(x)
        if self.operation == "|":
            return np.minimum(a, b)
        return np.maximum(a, b if self.operation == "&" else -b)

    @cached_property
    def tolerance(self) -> float:
        """The coarsest of its own and those of its operands."""
        return max(super().tolerance, self.a.tolerance, self.b.tolerance)

    @property
    def resolution(self) -> float:
        """The coarsest of its own and those of its operands."""
        return max(super().resolution, self.a.resolution, self.b.resolution)

    @cached_property
    def _volume(self) -> float:
        d = self.coordinates.dim
        if d <= 3:
            center = self._bounds.mean(axis=0)
            return max(0.0, sum(facet.flux(center) for facet in self.facets) / d)
        box = float(np.prod(self._bounds[1] - self._bounds[0]))
        u, _ = rule("sobol", _QUASI_RANDOM, d, np.random.default_rng(0))
        x = self._bounds[0] + (self._bounds[1] - self._bounds[0]) * u
        return box * float(np.mean(self.level(x) <= 0))

    def fill(
        self, n: int, extra: int, sampler: str, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draw from the bounding box and keep what lies inside."""
        x, further = fill_by_rejection(
            self._bounds, lambda y: self.level(y) <= 0, n, extra, sampler, rng
        )
        return x, np.full(n, self._volume / n), further

    def implicit(self, columns: Mapping[str, Any]) -> Any:
        """R-function of the operands' implicit functions."""
        a, b = self.a.implicit(columns), self.b.implicit(columns)
        if self.operation == "|":
            return disjunction([a, b])
        return conjunction([a, b if self.operation == "&" else -b])

    def surroundings(self, facet: Facet, columns: Mapping[str, Any]) -> list[Any]:
        """The other operands of each operation, signed so that they leave the facet visible."""
        assert isinstance(facet, TrimmedFacet)
        return self._around(facet.whole, columns)

    def _around(self, whole: Facet, columns: Mapping[str, Any]) -> list[Any]:
        first = any(_whole(f)[0] is whole for f in self.a.facets)
        own, other = (self.a, self.b) if first else (self.b, self.a)
        beside = other.implicit(columns)
        outside = self.operation == "|" or (self.operation == "-" and first)
        rest = own._around(whole, columns) if isinstance(own, Combination) else []
        return [-beside if outside else beside, *rest]


def combine(operation: str, a: Geometry, b: Geometry) -> Combination:
    """Apply a set operation.

    Raises:
        GeometryError: If an operand is no region that set operations know, such as a space-time
            domain, a mesh or a point cloud.
    """
    for operand in (a, b):
        if not isinstance(operand, Shape) or max(operand.coordinates.sizes) > 1:
            raise GeometryError(
                f"{type(operand).__name__} takes no part in set operations",
                expected="primitives with scalar coordinates, such as Box and Disk",
                got=f"{a!r} {operation} {b!r}",
                do="combine regions of space first and multiply by Time last",
            )
    assert isinstance(a, Shape)
    assert isinstance(b, Shape)
    return Combination(operation, a, b)


def _refuse_unnamed(facet: Facet) -> None:
    if facet.name == "boundary":
        raise GeometryError(
            "A region without a name takes part in a set operation",
            expected="a name for its boundary, because 'boundary' means that of the result",
            got="a region whose only piece is 'boundary'",
            do="give it name='...' when it is made",
        )


def _primitives(shape: Shape) -> Sequence[tuple[Shape, Sequence[Facet]]]:
    return shape._primitives if isinstance(shape, Combination) else [(shape, shape.facets)]


def _whole(facet: Facet) -> tuple[Facet, int]:
    """The primitive's facet and the sign of its normals so far."""
    return (facet.whole, facet.sign) if isinstance(facet, TrimmedFacet) else (facet, 1)


def _combine_bounds(operation: str, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if operation == "-":
        return a
    if operation == "|":
        return np.array([np.minimum(a[0], b[0]), np.maximum(a[1], b[1])])
    bounds = np.array([np.maximum(a[0], b[0]), np.minimum(a[1], b[1])])
    if np.any(bounds[0] >= bounds[1]):
        raise GeometryError(
            "The intersection is empty",
            expected="regions that overlap",
            got=f"bounding boxes {a.tolist()} and {b.tolist()}",
            do="move one of the regions",
        )
    return bounds
