r"""Distance functions of boundary pieces that consist of several facets.

For every facet there is a *carrier*, the signed distance (to first order) of the line, plane or
circle that it lies on. How the carriers are combined depends on how the facets lie:

- A carrier that vanishes nowhere else in the closed region is used as it is: the faces of a box,
  the edges of a convex polygon, the circle of a hole. Otherwise it is trimmed to the facet
  (:func:`pinnlab.geometry.rfunctions.trim`): the edges of a re-entrant corner or of a square hole.
- Untrimmed carriers of facets that touch are multiplied and scaled, because a product is smooth at
  the corners where they meet, while the R-equivalence has unbounded second derivatives there,
  which would spoil a strong-form residual. The unit normal derivative then holds on average only.
- Everything else is joined by the R-equivalence, which keeps the unit normal derivative.

So one face, opposite faces, holes and all disjoint pieces are normalised to first order,
∂φ/∂n = -1 for the outward normal, and on a box [a, b] both ends give (x - a)(b - x)/(b - a).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pinnlab.errors import GeometryError
from pinnlab.geometry.facets import Facet, tensors
from pinnlab.geometry.rfunctions import conjunction, equivalence, trim

if TYPE_CHECKING:
    from pinnlab.geometry.shape import Shape


_MOST_FACTORS = 8


class DistancePlan:
    """How the distance function of some facets of a shape is put together.

    The decisions are taken once, on points; calling the plan is then a fixed formula.

    Args:
        shape: The region.
        facets: The facets on which the function shall vanish.

    Raises:
        GeometryError: If no smooth function is known that vanishes on the facets only.
    """

    def __init__(self, shape: "Shape", facets: Sequence[Facet]) -> None:
        self._shape = shape
        self._names = shape.coordinates.names
        bounds = shape.bounds()
        self._length = float(np.linalg.norm(bounds[1] - bounds[0]))
        self._near = 1e-6 * self._length
        self._inside = shape.probe()
        plain = [f for f in facets if not self._vanishes_elsewhere(f, facets)]
        self._trimmed = [f for f in facets if f not in plain]
        self._cut = [f for f in self._trimmed if self._reaches_on(f, facets)]
        self._groups = self._touching(self._without_repetition(plain))
        self._scales = [self._scale(group) for group in self._groups]
        self._verify(facets)

    def __call__(self, columns: Mapping[str, Any]) -> Any:
        """Evaluate the function on tensors or Taylor jets by coordinate name."""
        parts = []
        for group, scale in zip(self._groups, self._scales, strict=True):
            product = group[0].carrier(columns)
            for facet in group[1:]:
                product = product * facet.carrier(columns)
            parts.append(product if scale == 1.0 else product * scale)
        parts.extend(self._trim(facet, columns) for facet in self._trimmed)
        return equivalence(parts)

    def _trim(self, facet: Facet, columns: Mapping[str, Any]) -> Any:
        limits = [facet.extent(columns)]
        if facet in self._cut:
            limits += self._shape.surroundings(facet, columns)
        present = [t for t in limits if t is not None]
        carrier = facet.carrier(columns)
        if not present:  # it vanishes nowhere else, but is negative in another part of the region
            return torch.sqrt(carrier**2)
        return trim(carrier, conjunction(present), self._length)

    def _values(self, facet: Facet, x: np.ndarray) -> np.ndarray:
        return facet.carrier(tensors(self._names, x)).numpy()

    def _vanishes_elsewhere(self, facet: Facet, facets: Sequence[Facet]) -> bool:
        """Whether the carrier reaches zero, or below, in the region off the facets."""
        if np.any(self._values(facet, self._inside) <= 0):
            return True
        trace = facet.trace(self._shape.bounds())
        # A few points first: a line that runs through the region is told by them.
        return self._strays(facet, facets, trace[::16]) or self._strays(facet, facets, trace)

    def _reaches_on(self, facet: Facet, facets: Sequence[Facet]) -> bool:
        """Whether the carrier vanishes off the facets even within the primitive's own facet."""
        x = facet.trace(self._shape.bounds())
        extent = facet.extent(tensors(self._names, x))
        if extent is not None:
            x = x[extent.numpy() > self._near]
        return self._strays(facet, facets, x)

    def _strays(self, facet: Facet, facets: Sequence[Facet], x: np.ndarray) -> bool:
        """Whether some of the points are in the closed region and on none of the facets."""
        level = self._shape.level(x)
        if np.any(level < -self._near):
            return True
        x = x[level <= self._shape.tolerance]
        for other in (facet, *facets):
            if not len(x):
                return False
            x = x[~other.on(x, self._near)]
        return len(x) > 0

    def _without_repetition(self, facets: Sequence[Facet]) -> list[Facet]:
        """Leave out facets on a carrier that is there already, which would make a double zero."""
        kept: list[Facet] = []
        for facet in facets:
            x = _thinned(facet.outline(), 5)
            if not any(np.all(np.abs(self._values(f, x)) <= self._near) for f in kept):
                kept.append(facet)
        return kept

    def _touching(self, facets: Sequence[Facet]) -> list[list[Facet]]:
        """Group facets that meet somewhere, directly or through others."""
        boxes = [np.array([x.min(axis=0), x.max(axis=0)]) for x in (f.outline() for f in facets)]
        groups: list[list[int]] = []
        for k, facet in enumerate(facets):
            met = []
            for group in groups:
                near = [m for m in group if self._boxes_meet(boxes[k], boxes[m])]
                if any(self._meet(facet, facets[m]) for m in near):
                    met.append(group)
            groups = [g for g in groups if g not in met]
            groups.append([m for g in met for m in g] + [k])
        # A product of very many factors leaves the number range; it is joined one by one.
        split = [[[m] for m in g] if len(g) > _MOST_FACTORS else [g] for g in groups]
        return [[facets[m] for m in part] for parts in split for part in parts]

    def _boxes_meet(self, a: np.ndarray, b: np.ndarray) -> bool:
        return bool(np.all(a[0] <= b[1] + self._near) and np.all(b[0] <= a[1] + self._near))

    def _meet(self, a: Facet, b: Facet) -> bool:
        return bool(np.any(b.on(a.outline(), self._near)) or np.any(a.on(b.outline(), self._near)))

    def _scale(self, group: Sequence[Facet]) -> float:
        """The factor that gives a product of carriers a unit normal derivative on average."""
        if len(group) == 1:
            return 1.0
        others = []
        for facet in group:
            x = facet.outline()
            values = [self._values(f, x) for f in group if f is not facet]
            others.append(np.mean(np.prod(values, axis=0)))
        return 1.0 / float(np.mean(others))

    def _verify(self, facets: Sequence[Facet]) -> None:
        inside = self(tensors(self._names, self._inside)).numpy()
        share = max(9, 8192 // len(facets))
        on = np.concatenate([_thinned(f.outline(), share) for f in facets])
        zero = self(tensors(self._names, on)).numpy()
        if np.all(inside > 0) and np.all(np.abs(zero) <= self._near):
            return
        raise GeometryError(
            "No smooth distance function is known for "
            + ", ".join(sorted({f.name for f in facets})),
            expected="zero on the pieces and positive elsewhere in the region",
            got=f"a smallest value of {inside.min():.3g} inside, {np.abs(zero).max():.3g} on them",
            do="impose this condition softly (hard=False)",
        )


def _thinned(x: np.ndarray, most: int) -> np.ndarray:
    """About ``most`` of the points, the first and the last among them."""
    return x[np.unique(np.linspace(0, len(x) - 1, min(most, len(x))).astype(int))]
