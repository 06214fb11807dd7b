"""Clouds of given points, such as sensors, measured surfaces or the nodes of somebody's mesh."""

import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from pinnlab.errors import GeometryError
from pinnlab.geometry.base import Geometry, Sample, Where
from pinnlab.geometry.implicit import no_distance
from pinnlab.geometry.predicates import select
from pinnlab.geometry.rejection import refuse_gauss
from pinnlab.typing import Coordinates

_log = logging.getLogger(__name__)


class PointSet(Geometry):
    """A region that is known by points only.

    Samples are its points, chosen without repetition; whoever asks for more than there are gets all
    of them, and the log says so. Samplers other than ``gauss``, which is refused, choose alike.

    Args:
        x: Points ``(n, d)``.
        names: Coordinate names, one for each column.
        pieces: Boundary pieces by name, each a mask ``(n,)`` or a list of rows.
        normals: Outward unit normals ``(n, d)``; only those of boundary points are used.
        weights: Quadrature weights ``(n,)``. Left out, those of the interior, and of each piece,
            are equal and sum to 1, so that weighted sums are means.
        regions: Volume parts by name, each a mask ``(n,)`` or a list of rows.
        name: The cloud's own name.

    Raises:
        GeometryError: If shapes do not fit, a number is not finite, or a piece has no points.

    Example:
        >>> cloud = PointSet([[0.0, 0.0], [0.5, 0.5]], pieces={"corner": [0]})
        >>> cloud.pieces
        ('corner',)
    """

    def __init__(
        self,
        x: Sequence[Sequence[float]] | np.ndarray,
        *,
        names: Sequence[str] = ("x", "y"),
        pieces: Mapping[str, Sequence[int] | np.ndarray] | None = None,
        normals: np.ndarray | None = None,
        weights: np.ndarray | None = None,
        regions: Mapping[str, Sequence[int] | np.ndarray] | None = None,
        name: str | None = None,
    ) -> None:
        self.x = np.array(x, dtype=np.float64)
        self.name, self.coordinates = name, Coordinates(tuple(names), (1,) * len(names))
        if self.x.ndim != 2 or self.x.shape[1] != len(names) or not len(self.x):
            raise GeometryError(
                "The points of a cloud have the wrong shape",
                expected=f"(n, {len(names)}) for {', '.join(names)}",
                got=self.x.shape,
                do="give one column for each name",
            )
        self._finite("points", self.x)
        self.normals = self._like_points("normals", normals, self.x.shape)
        self.weights = self._like_points("weights", weights, (len(self.x),))
        self._rows = {piece: self._select(piece, rows) for piece, rows in (pieces or {}).items()}
        self._parts = {part: self._select(part, rows) for part, rows in (regions or {}).items()}
        boundary = np.zeros(len(self.x), dtype=bool)
        for rows in self._rows.values():
            boundary[rows] = True
        self._inner = np.flatnonzero(~boundary)
        for array in (self.x, self.normals, self.weights):
            if array is not None:
                array.setflags(write=False)

    def __repr__(self) -> str:
        pieces = "".join(f", {piece}: {len(rows)}" for piece, rows in self._rows.items())
        return f"PointSet({len(self.x)} points in {', '.join(self.coordinates.names)}{pieces})"

    @staticmethod
    def _finite(what: str, values: np.ndarray) -> None:
        if not np.all(np.isfinite(values)):
            row = int(np.argwhere(~np.isfinite(values))[0][0])
            raise GeometryError(
                f"The {what} of a cloud are not all finite",
                expected="finite numbers",
                got=f"{values[row]} in row {row}",
                do="remove that point",
            )

    def _like_points(
        self, what: str, values: np.ndarray | None, shape: tuple[int, ...]
    ) -> np.ndarray | None:
        if values is None:
            return None
        array = np.array(values, dtype=np.float64)
        if array.shape != shape:
            raise GeometryError(
                f"The {what} of a cloud have the wrong shape",
                expected=shape,
                got=array.shape,
                do=f"give {what} for every point, in the order of the points",
            )
        if what == "weights":
            self._finite(what, array)
        return array

    def _select(self, name: str, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        given = np.asarray(rows)
        is_mask = given.dtype == np.bool_
        if (is_mask and given.shape != (len(self.x),)) or (
            not is_mask
            and (
                given.ndim != 1
                or not np.issubdtype(given.dtype, np.integer)
                or np.any((given < 0) | (given >= len(self.x)))
            )
        ):
            raise GeometryError(
                f"The rows of '{name}' do not fit the cloud",
                expected=f"a mask of shape ({len(self.x)},), or row numbers below {len(self.x)}",
                got=f"{given.dtype} of shape {given.shape}",
                do="give a bool for every point, or a list of rows",
            )
        found = np.flatnonzero(given) if is_mask else np.unique(given)
        if not len(found):
            raise GeometryError(
                f"The piece '{name}' got 0 points",
                expected="at least one point",
                got="an empty mask or list",
                do="leave the piece out, or correct its mask",
            )
        return found

    @property
    def pieces(self) -> tuple[str, ...]:
        """The pieces that were given."""
        return tuple(self._rows)

    @property
    def regions(self) -> tuple[str, ...]:
        """The volume parts that were given."""
        return tuple(self._parts)

    def bounds(self) -> np.ndarray:
        """Bounding box ``(2, d)``."""
        return np.array([self.x.min(axis=0), self.x.max(axis=0)])

    def _total(self, rows: np.ndarray) -> float:
        return 1.0 if self.weights is None else float(self.weights[rows].sum())

    def measure(self, piece: str | None = None) -> float:
        """Sum of the weights; 1 if none were given."""
        rows = self._inner if piece is None else self._on(self.resolve(piece))
        return self._total(rows)

    def _on(self, pieces: Sequence[str]) -> np.ndarray:
        return np.unique(np.concatenate([self._rows[piece] for piece in pieces]))

    @cached_property
    def _tree(self) -> Any:
        from scipy.spatial import KDTree

        return KDTree(self.x)

    def _nearest(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Row of the nearest point, and whether it is the point itself, to rounding."""
        span = float(np.linalg.norm(np.ptp(self.x, axis=0))) or 1.0
        distance, row = self._tree.query(np.asarray(x, dtype=np.float64))
        return row, distance <= 1e-9 * span + 1e-13 * np.abs(self.x).max()

    def contains(self, x: np.ndarray) -> np.ndarray:
        """Which of the points ``(n, d)`` are points of the cloud."""
        return self._nearest(x)[1]

    def on_piece(self, x: np.ndarray, piece: str) -> np.ndarray:
        """Which of the points ``(n, d)`` are points of the piece."""
        row, same = self._nearest(x)
        return same & np.isin(row, self._on(self.resolve(piece)))

    def sample(
        self, n: int, *, sampler: str = "sobol", rng: np.random.Generator, region: str | None = None
    ) -> Sample:
        """Choose ``n`` points that are on no piece, or of one part, without repetition."""
        refuse_gauss(sampler)
        self.check_region(region)
        rows = self._inner if region is None else self._parts[region]
        if not len(rows):
            raise GeometryError(
                "The interior got 0 points",
                expected="points that are on no boundary piece",
                got=f"{len(self.x)} points, all of them on pieces",
                do="add interior points",
            )
        chosen = self._choose(n, rows, rng, region or "interior")
        return Sample(self.x[chosen], self._weights(chosen, rows))

    def sample_boundary(
        self, n: int, on: Where = "boundary", *, sampler: str = "sobol", rng: np.random.Generator
    ) -> Sample:
        """Choose ``n`` points of the pieces, or of those that a predicate selects."""
        refuse_gauss(sampler)
        rows = self._on(self.resolve("boundary" if callable(on) else on))
        if callable(on):
            rows = rows[select(on, self.x[rows], self.coordinates)]
            if not len(rows):
                raise GeometryError(
                    "A predicate selects no part of the boundary",
                    expected="at least one point",
                    got="0 boundary points of the cloud",
                    do="check its bounds; compare with a tolerance, such as np.isclose(x, 1.0)",
                )
        chosen = self._choose(n, rows, rng, "predicate" if callable(on) else str(on))
        normals = None if self.normals is None else self.normals[chosen]
        return Sample(self.x[chosen], self._weights(chosen, rows), normals)

    def _choose(self, n: int, rows: np.ndarray, rng: np.random.Generator, what: str) -> np.ndarray:
        if n >= len(rows):
            if n > len(rows):
                _log.info("%s: %d points asked for, all %d taken", what, n, len(rows))
            return rows
        return np.sort(rng.choice(rows, n, replace=False))

    def _weights(self, chosen: np.ndarray, rows: np.ndarray) -> np.ndarray:
        if self.weights is None:
            return np.full(len(chosen), 1.0 / len(chosen))
        weights = self.weights[chosen]
        return weights * (self._total(rows) / weights.sum())

    def distance(self, columns: Mapping[str, object], pieces: Sequence[str]) -> Any:
        """Refused: points do not tell a smooth function.

        Raises:
            GeometryError: Always.
        """
        self.resolve(pieces)
        raise no_distance("A point cloud")
