"""Facets: the smooth parts a boundary is made of.

A facet knows how to place points uniformly on itself, their outward normals, its measure, and a
smooth function that vanishes on the surface that carries it (the line of an edge, the circle of an
arc). Everything a shape does with its boundary, it does facet by facet: named pieces are facets
with a common name, set operations trim facets, distance functions combine their carriers.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch

from pinnlab.geometry.rfunctions import conjunction
from pinnlab.sampling.sequences import rule

_NODES = 2**16


class Facet(ABC):
    """One smooth part of a boundary.

    Attributes:
        name: Name of the piece that the facet belongs to.
        owner: Name that the user gave to the primitive, or None.
    """

    name: str
    owner: str | None

    @property
    @abstractmethod
    def measure(self) -> float:
        """Number of points, length or area."""

    @abstractmethod
    def draw(
        self, n: int, extra: int, sampler: str, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Draw points, outward normals, weights that sum to the measure, further coordinates."""

    @abstractmethod
    def on(self, x: np.ndarray, tolerance: float) -> np.ndarray:
        """Which of the points ``(n, d)`` lie on the closed facet."""

    @abstractmethod
    def normals(self, x: np.ndarray) -> np.ndarray:
        """Outward unit normals at points ``(n, d)`` of the facet."""

    @abstractmethod
    def carrier(self, columns: Mapping[str, Any]) -> Any:
        """Signed distance, to first order, of the carrying surface; positive on the inner side."""

    def extent(self, columns: Mapping[str, Any]) -> Any | None:
        """Positive on the facet's part of the carrier, or None if the facet is all of it."""
        return None

    @abstractmethod
    def trace(self, bounds: np.ndarray) -> np.ndarray:
        """Points ``(n, d)`` spread over the carrier within (or near) the bounds."""

    def nodes(self) -> tuple[np.ndarray, np.ndarray]:
        """A fixed, fine quadrature rule: points ``(n, d)`` and weights that sum to the measure."""
        x, _, weights, _ = self.draw(_NODES, 0, "sobol", np.random.default_rng(0))
        return x, weights

    @abstractmethod
    def outline(self) -> np.ndarray:
        """Points ``(n, d)`` of the closed facet, its ends included."""


class Patch(Facet):
    """A facet onto which the unit cube is mapped with constant density."""

    parameters: int

    @abstractmethod
    def place(self, u: np.ndarray) -> np.ndarray:
        """Map ``(n, parameters)`` in the closed unit cube to points ``(n, d)`` of the facet."""

    def draw(
        self, n: int, extra: int, sampler: str, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Draw points by the sampler; an isolated point comes once unless more is drawn with it."""
        k = self.parameters
        u, weights = rule(sampler, n if k + extra else 1, k + extra, rng)
        x = self.place(u[:, :k])
        return x, self.normals(x), weights * self.measure, u[:, k:]

    def outline(self) -> np.ndarray:
        """A grid of the closed unit cube, mapped."""
        return self.place(grid(self.parameters))


def grid(dim: int) -> np.ndarray:
    """About 500 points of the closed unit cube that include all its corners."""
    side = {0: 1, 1: 513, 2: 25, 3: 9}.get(dim, 2 if dim < 10 else 1)
    axis = np.linspace(0.0, 1.0, side) if side > 1 else np.array([0.5])
    return (
        np.stack([g.ravel() for g in np.meshgrid(*[axis] * dim, indexing="ij")], axis=1)
        if dim
        else np.empty((1, 0))
    )


class BoxFace(Patch):
    """The face of an axis-parallel box where one coordinate is at its end.

    Args:
        name: Name of the piece.
        owner: Name of the box, or None.
        names: Coordinate names.
        corners: Lowest and highest corner ``(2, d)``.
        axis: Number of the fixed coordinate.
        side: 0 for the lower end, 1 for the upper end.
    """

    def __init__(
        self,
        name: str,
        owner: str | None,
        names: tuple[str, ...],
        corners: np.ndarray,
        axis: int,
        side: int,
    ) -> None:
        self.name, self.owner, self.names = name, owner, names
        self.corners, self.axis, self.side = corners, axis, side
        self.parameters = corners.shape[1] - 1
        self._free = [k for k in range(corners.shape[1]) if k != axis]

    @cached_property
    def measure(self) -> float:
        """Product of the other side lengths; 1 for the end of an interval."""
        return float(np.prod((self.corners[1] - self.corners[0])[self._free]))

    def place(self, u: np.ndarray) -> np.ndarray:
        """Scale the unit cube to the face."""
        x = np.empty((len(u), self.corners.shape[1]))
        low, high = self.corners[:, self._free]
        x[:, self._free] = low + (high - low) * u
        x[:, self.axis] = self.corners[self.side, self.axis]
        return x

    def normals(self, x: np.ndarray) -> np.ndarray:
        """The unit vector of the axis, outwards."""
        n = np.zeros(x.shape)
        n[:, self.axis] = 2.0 * self.side - 1.0
        return n

    def on(self, x: np.ndarray, tolerance: float) -> np.ndarray:
        """At the end of the axis and within the other sides."""
        low, high = self.corners
        inside = np.all((x >= low - tolerance) & (x <= high + tolerance), axis=1)
        return inside & (np.abs(x[:, self.axis] - self.corners[self.side, self.axis]) <= tolerance)

    def carrier(self, columns: Mapping[str, Any]) -> Any:
        """``x - low`` or ``high - x``."""
        x = columns[self.names[self.axis]]
        end = float(self.corners[self.side, self.axis])
        return x - end if self.side == 0 else end - x

    def extent(self, columns: Mapping[str, Any]) -> Any | None:
        """Positive while every other coordinate is within its side."""
        parts = []
        for k in self._free:
            low, high = (float(v) for v in self.corners[:, k])
            x = columns[self.names[k]]
            parts.append((x - low) * (high - x) * (1.0 / (high - low)))
        return conjunction(parts) if parts else None

    def trace(self, bounds: np.ndarray) -> np.ndarray:
        """A grid of the plane within the bounds."""
        low, high = bounds[:, self._free]
        x = np.empty((len(g := grid(self.parameters)), bounds.shape[1]))
        x[:, self._free] = low + (high - low) * g
        x[:, self.axis] = self.corners[self.side, self.axis]
        return x


def tensors(names: Sequence[str], x: np.ndarray) -> dict[str, torch.Tensor]:
    """The columns of a NumPy point array as tensors, for evaluating carriers."""
    return {name: torch.from_numpy(np.ascontiguousarray(x[:, k])) for k, name in enumerate(names)}
