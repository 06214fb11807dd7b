"""The contract of a geometry: a named region of space whose boundary pieces have names.

Everything is NumPy in float64: geometry is exact and rarely on the hot path; sampled points move
once to the device where they are used. Only :meth:`Geometry.distance` is written in torch
operations, because hard constraints differentiate it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pinnlab.typing import Coordinates


@dataclass(frozen=True, eq=False)
class Sample:
    """Points drawn from a region or a boundary piece.

    Args:
        x: Positions ``(n, d)``.
        weights: Quadrature weights ``(n,)`` that sum to the measure of the set.
        normals: Outward unit normals ``(n, d)`` on a boundary, else None. Space only: on a
            space-time domain they have no time column.
    """

    x: np.ndarray
    weights: np.ndarray
    normals: np.ndarray | None = None


Where = str | Sequence[str] | Callable[..., object]


class Geometry(ABC):
    """A closed region with named boundary pieces.

    Attributes:
        coordinates: Names of the columns of a point array.
        name: The region's own name, if it was given one.
    """

    coordinates: Coordinates
    name: str | None

    @property
    @abstractmethod
    def pieces(self) -> tuple[str, ...]:
        """Names of the boundary pieces; together they cover the boundary."""

    @property
    def regions(self) -> tuple[str, ...]:
        """Names of the volume parts, such as the physical groups of a mesh."""
        return ()

    @abstractmethod
    def bounds(self) -> np.ndarray:
        """Bounding box ``(2, d)``: lowest and highest corner."""

    @abstractmethod
    def measure(self, piece: str | None = None) -> float:
        """Length, area or volume of the region, or of one boundary piece."""

    @abstractmethod
    def contains(self, x: np.ndarray) -> np.ndarray:
        """Which of the points ``(n, d)`` lie in the closed region, ``(n,)`` bool."""

    @abstractmethod
    def sample(
        self, n: int, *, sampler: str = "sobol", rng: np.random.Generator, region: str | None = None
    ) -> Sample:
        """Draw ``n`` points of the interior (or of one named volume part)."""

    @abstractmethod
    def sample_boundary(
        self, n: int, on: Where = "boundary", *, sampler: str = "sobol", rng: np.random.Generator
    ) -> Sample:
        """Draw ``n`` points with outward normals on the pieces, all pieces, or a predicate."""

    @abstractmethod
    def on_piece(self, x: np.ndarray, piece: str) -> np.ndarray:
        """Which of the points ``(n, d)`` lie on the piece, to rounding, ``(n,)`` bool."""

    @abstractmethod
    def distance(self, columns: Mapping[str, object], pieces: Sequence[str]):
        """A smooth function that vanishes exactly on the pieces and is positive elsewhere inside.

        Written in torch operations on the columns (tensors or Taylor jets), so that it can be
        differentiated; near the pieces it grows like the distance to them.
        """
