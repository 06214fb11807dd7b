"""Shapes: geometries that are told by a level function and bounded by facets."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from pinnlab.errors import GeometryError
from pinnlab.geometry.base import JointlySampled, Sample, Where
from pinnlab.geometry.distances import DistancePlan
from pinnlab.geometry.facets import Facet
from pinnlab.geometry.predicates import filter_boundary


class Shape(JointlySampled):
    """A closed region where a level function is not positive, bounded by named facets.

    Boundary pieces are the facets by name. A primitive's own name is an alias for all of its
    pieces and qualifies them, so that ``outer`` and ``outer.left`` mean parts of a box named
    ``outer``. Where two primitives of a set operation share a piece name, the named ones are listed
    qualified; two primitives without a name cannot share one.
    """

    facets: tuple[Facet, ...]

    @abstractmethod
    def level(self, x: np.ndarray) -> np.ndarray:
        """Signed size of the distance to the boundary at ``(n, d)``, negative inside, ``(n,)``."""

    @abstractmethod
    def fill(
        self, n: int, extra: int, sampler: str, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draw interior points, their weights, and further coordinates in [0, 1).

        Returns:
            Points ``(n, d)``, weights ``(n,)`` that sum to the measure, and ``(n, extra)``.
        """

    @abstractmethod
    def implicit(self, columns: Mapping[str, Any]) -> Any:
        """A smooth function of the columns, positive inside and negative outside."""

    @property
    def leaves(self) -> tuple["Shape", ...]:
        """The primitive that each facet comes from."""
        return (self,) * len(self.facets)

    def surroundings(self, facet: Facet, columns: Mapping[str, Any]) -> list[Any]:
        """Smooth functions that are positive where a facet of this shape is on its boundary."""
        return []

    @cached_property
    def tolerance(self) -> float:
        """The distance below which a point counts as on the boundary."""
        bounds = self.bounds()
        return float(1e-10 * np.linalg.norm(bounds[1] - bounds[0]) + 1e-13 * np.abs(bounds).max())

    @property
    def resolution(self) -> float:
        """The distance from the boundary at which the level function tells the side."""
        return 0.1 * self.tolerance

    @cached_property
    def _labels(self) -> tuple[str, ...]:
        return label_facets(self.facets, self.leaves)

    @property
    def pieces(self) -> tuple[str, ...]:
        """Names of the boundary pieces, in the order of the facets."""
        return tuple(dict.fromkeys(self._labels))

    @cached_property
    def aliases(self) -> Mapping[str, tuple[str, ...]]:
        """Names of primitives, and qualified names such as ``outer.left``."""
        found: dict[str, dict[str, None]] = {}
        for label, facet in zip(self._labels, self.facets, strict=True):
            if facet.owner is not None:
                found.setdefault(facet.owner, {})[label] = None
                found.setdefault(f"{facet.owner}.{facet.name}", {})[label] = None
        return {name: tuple(labels) for name, labels in found.items() if name not in self._labels}

    def parts(self, on: str | Sequence[str]) -> tuple[Facet, ...]:
        """The facets of the named pieces."""
        names = self.resolve(on)
        return tuple(
            f for f, label in zip(self.facets, self._labels, strict=True) if label in names
        )

    def measure(self, piece: str | None = None) -> float:
        """Length, area or volume of the region, or of one piece (or alias)."""
        if piece is None:
            return self._volume
        return float(sum(facet.measure for facet in self.parts(piece)))

    @property
    @abstractmethod
    def _volume(self) -> float:
        """Measure of the region."""

    def contains(self, x: np.ndarray) -> np.ndarray:
        """Which of the points ``(n, d)`` lie in the closed region, to rounding."""
        return self.level(self._points(x)) <= self.tolerance

    def on_piece(self, x: np.ndarray, piece: str) -> np.ndarray:
        """Which of the points ``(n, d)`` lie on the piece, to rounding."""
        x = self._points(x)
        found = np.zeros(len(x), dtype=bool)
        for facet in self.parts(piece):
            found |= facet.on(x, 10 * self.tolerance)
        return found

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
        x, weights, further = self.fill(n, extra, sampler, rng)
        return Sample(x, weights), further

    def sample_boundary_jointly(
        self, n: int, on: Where, extra: int, *, sampler: str = "sobol", rng: np.random.Generator
    ) -> tuple[Sample, np.ndarray]:
        """Draw boundary points and further coordinates, one sequence for each facet."""
        if callable(on):
            sample = filter_boundary(
                n,
                on,
                self.coordinates,
                lambda m: self._draw("boundary", m, 0, sampler, rng)[0],
                rng,
            )
            return sample, self._independently(len(sample.x), extra, sampler, rng)
        self._refuse_empty(on)
        return self._draw(on, n, extra, sampler, rng)

    def _draw(
        self, on: str | Sequence[str], n: int, extra: int, sampler: str, rng: np.random.Generator
    ) -> tuple[Sample, np.ndarray]:
        facets = [f for f in self.parts(on) if f.measure > 0]
        counts = allocate(n, [f.measure for f in facets])
        drawn = [f.draw(k, extra, sampler, rng) for f, k in zip(facets, counts, strict=True)]
        x, normals, weights, further = (np.concatenate(part) for part in zip(*drawn, strict=True))
        return Sample(x, weights, normals), further

    def _refuse_empty(self, on: str | Sequence[str]) -> None:
        named = self.resolve(on)
        empty = [piece for piece in named if self.measure(piece) == 0]
        # "boundary" is what there is; a name asks for that piece.
        by_name = [p for p in ([on] if isinstance(on, str) else on) if p != "boundary"]
        asked = self.resolve(by_name) if by_name else ()
        empty = [piece for piece in empty if piece in asked or len(empty) == len(named)]
        if empty:
            raise GeometryError(
                f"The piece '{empty[0]}' got 0 points: nothing of it is on the boundary",
                expected="a piece of positive measure",
                got=f"measure('{empty[0]}') == 0",
                do="leave it out, or move the primitive so that it cuts the boundary",
            )

    def distance(self, columns: Mapping[str, object], pieces: Sequence[str]) -> Any:
        """A smooth function that vanishes on the pieces; see :mod:`pinnlab.geometry.distances`."""
        names = self.resolve(pieces)
        if names not in self._plans:
            self._plans[names] = DistancePlan(self, [f for f in self.parts(names) if f.measure > 0])
        return self._plans[names](columns)

    @cached_property
    def _plans(self) -> dict[tuple[str, ...], DistancePlan]:
        return {}

    def probe(self) -> np.ndarray:
        """Fixed points ``(m, d)`` spread over the interior, for taking decisions."""
        x = self.fill(1024, 0, "sobol", np.random.default_rng(0))[0]
        return x[self.level(x) < -1e-6 * np.ptp(self.bounds(), axis=0).max()]


def allocate(n: int, measures: Sequence[float]) -> list[int]:
    """Share ``n`` points in proportion to the measures, at least one for each.

    The largest remainders get the points that rounding down leaves, so that the counts sum to
    ``n`` unless there are fewer points than measures.
    """
    shares = np.asarray(measures, dtype=np.float64)
    if n <= len(shares):
        return [1] * len(shares)
    quota = n * shares / shares.sum()
    counts = np.maximum(np.floor(quota).astype(int), 1)
    for k in np.argsort(counts - quota)[: max(0, n - counts.sum())]:
        counts[k] += 1
    while counts.sum() > n:  # the guaranteed points of tiny facets come from the largest
        counts[np.argmax(counts)] -= 1
    return [int(c) for c in counts]


def label_facets(facets: Sequence[Facet], leaves: Sequence[object]) -> tuple[str, ...]:
    """The public name of each facet, qualified by its owner where short names clash.

    Raises:
        GeometryError: If two primitives without a name share a piece name.
    """
    sources: dict[str, set[object]] = {}
    for facet, leaf in zip(facets, leaves, strict=True):
        sources.setdefault(facet.name, set()).add(facet.owner or id(leaf))
    labels = []
    for facet in facets:
        shared = sources[facet.name]
        if len(shared) == 1:
            labels.append(facet.name)
        elif facet.owner is not None and facet.owner != facet.name:
            labels.append(f"{facet.owner}.{facet.name}")
        elif sum(1 for s in shared if isinstance(s, int) or s == facet.name) == 1:
            labels.append(facet.name)
        else:
            raise GeometryError(
                f"Two primitives have a boundary piece '{facet.name}'",
                expected="different names, or a name for each primitive",
                got=f"'{facet.name}' from {len(shared)} primitives",
                do="name the primitives, such as Box(..., name='outer'): the pieces are then "
                f"'outer.{facet.name}' and so on, or those of a disk its own name",
            )
    return tuple(labels)
