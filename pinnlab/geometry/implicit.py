"""The boundary of a region that is told by a level function or by an inside test."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from pinnlab.errors import GeometryError
from pinnlab.geometry.crossings import Crossings, cross
from pinnlab.geometry.facets import Facet
from pinnlab.geometry.rejection import refuse_gauss
from pinnlab.sampling.sequences import unit_points

_LINES = 2**14


class ImplicitSurface(Facet):
    """A surface sampled by lines along the axes; see :mod:`pinnlab.geometry.crossings`.

    Its measure and volume are estimated once by 16 384 lines of a low-discrepancy sequence, to
    about 1e-5 of a smooth curve and 1e-3 of a smooth surface in space. Sharp corners lose the
    length over which they are thinner than a scanning step, 1/256 of the bounds.

    Args:
        name: Name of the piece.
        owner: Name of the region, or None.
        bounds: Box ``(2, d)`` around the surface.
        inside: Test of points, ``(m, d)`` to ``(m,)`` bool.
        normals: Outward unit normals at points of the surface.
        polish: Moves points that are on the surface to about rounding onto it.
        near: Test whether points are on the surface within a tolerance.
        carrier: Smooth function of the columns, positive inside.
    """

    def __init__(
        self,
        name: str,
        owner: str | None,
        bounds: np.ndarray,
        *,
        inside: Callable[[np.ndarray], np.ndarray],
        normals: Callable[[np.ndarray], np.ndarray],
        near: Callable[[np.ndarray, float], np.ndarray],
        carrier: Callable[[Mapping[str, Any]], Any],
        polish: Callable[[np.ndarray], np.ndarray] = lambda x: x,
    ) -> None:
        self.name, self.owner = name, owner
        self._bounds, self._inside, self._normals = bounds, inside, normals
        self._near, self._carrier, self._polish = near, carrier, polish

    @cached_property
    def _fixed(self) -> Crossings:
        """Crossings of a fixed set of lines, for estimates and decisions."""
        rng = np.random.default_rng(0)
        found = cross(self._inside, _LINES, self._bounds, "sobol", rng)
        return Crossings(self._polish(found.x), found.axis, found.share)

    def _slopes(self, found: Crossings) -> np.ndarray:
        """The component of the normal along the line, ``(k,)``."""
        return self.normals(found.x)[np.arange(len(found.x)), found.axis]

    @cached_property
    def measure(self) -> float:
        """Length or area, estimated."""
        return float(np.sum(self.nodes()[1]))

    def nodes(self) -> tuple[np.ndarray, np.ndarray]:
        """The crossings of fixed lines with the weights of the formula for the area."""
        return self._fixed.x, self._fixed.share * np.abs(self._slopes(self._fixed))

    @cached_property
    def volume(self) -> float:
        """Area or volume inside, estimated by the divergence theorem."""
        fixed, d = self._fixed, self._bounds.shape[1]
        along = (fixed.x - self._bounds.mean(axis=0))[np.arange(len(fixed.x)), fixed.axis]
        return float(np.sum(fixed.share * along * np.sign(self._slopes(fixed)))) / d

    def outline(self) -> np.ndarray:
        """The crossings of the fixed lines."""
        return self._fixed.x

    def trace(self, bounds: np.ndarray) -> np.ndarray:
        """The crossings of the fixed lines."""
        return self._fixed.x

    def draw(
        self, n: int, extra: int, sampler: str, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Draw lines and keep each crossing with probability |n_k|, until there are enough."""
        refuse_gauss(sampler)
        kept_per_line = np.sum(np.abs(self._slopes(self._fixed))) / _LINES
        lines = int(1.2 * n / max(kept_per_line, 1e-4)) + 16
        while True:
            found = cross(self._inside, lines, self._bounds, sampler, rng)
            kept = np.flatnonzero(rng.random(len(found.x)) < np.abs(self._slopes(found)))
            if len(kept) >= n:
                break
            lines *= 2
        x = self._polish(found.x[kept[:n]])
        further = (
            rng.permutation(unit_points(sampler, n, extra, rng)) if extra else np.empty((n, 0))
        )
        return x, self.normals(x), np.full(n, self.measure / n), further

    def normals(self, x: np.ndarray) -> np.ndarray:
        """As the region tells them."""
        return self._normals(x)

    def on(self, x: np.ndarray, tolerance: float) -> np.ndarray:
        """As the region tells it."""
        return self._near(x, tolerance)

    def carrier(self, columns: Mapping[str, Any]) -> Any:
        """As the region tells it."""
        return self._carrier(columns)


def no_distance(what: str) -> GeometryError:
    """The error of a region for which no smooth distance function is known."""
    return GeometryError(
        f"{what} has no smooth distance function",
        expected="a primitive, a set operation of primitives, or an SDF",
        got=what,
        do="impose the condition softly (hard=False)",
    )
