"""Cubes of very many dimensions, with one vector coordinate."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.geometry.box import check_ends
from pinnlab.geometry.high_dimensional import HighDimensional
from pinnlab.sampling.noise import Noise
from pinnlab.sampling.sequences import unit_points


class Hypercube(HighDimensional):
    """The cube [low, high]^dim with one vector coordinate.

    Args:
        coordinate: Name of the vector coordinate.
        dim: Number of its components, up to a million and more.
        low: Lower end of each component.
        high: Upper end of each component.
        name: The cube's own name, which names its boundary.

    Raises:
        GeometryError: If ``low`` is not below ``high``, or ``dim`` is below 2.

    Example:
        >>> Hypercube("x", dim=1000, low=-1, high=1).pieces
        ('boundary',)
    """

    def __init__(
        self,
        coordinate: str,
        dim: int,
        low: float = 0.0,
        high: float = 1.0,
        *,
        name: str | None = None,
    ) -> None:
        self._declare(coordinate, dim, name)
        self.low, self.high = check_ends(coordinate, (low, high))

    def __repr__(self) -> str:
        return (
            f"Hypercube('{self.coordinate}', dim={self.dim}, low={self.low:g}, high={self.high:g})"
        )

    def bounds(self) -> np.ndarray:
        """The two corners ``(2, dim)``, all columns of which share their memory."""
        return np.broadcast_to([[self.low], [self.high]], (2, self.dim))

    def log_measure(self, piece: str | None = None) -> float:
        """Logarithm of L^dim, or of 2 dim L^(dim - 1)."""
        side = math.log(self.high - self.low)
        if piece is None:
            return self.dim * side
        return math.log(2 * self.dim) + (self.dim - 1) * side

    @property
    def _tolerance(self) -> float:
        return 1e-10 * (self.high - self.low) + 1e-13 * max(abs(self.low), abs(self.high))

    def contains(self, x: np.ndarray) -> np.ndarray:
        """Which of the points ``(n, dim)`` lie in the closed cube."""
        return (x.min(axis=1) >= self.low - self._tolerance) & (
            x.max(axis=1) <= self.high + self._tolerance
        )

    def on_piece(self, x: np.ndarray, piece: str) -> np.ndarray:
        """Which of the points ``(n, dim)`` lie on a face."""
        self.resolve(piece)
        at_face = (x.min(axis=1) <= self.low + self._tolerance) | (
            x.max(axis=1) >= self.high - self._tolerance
        )
        return self.contains(x) & at_face

    def _scaled(self, n: int, extra: int, sampler: str, rng: np.random.Generator) -> tuple:
        u = unit_points(sampler, n, extra + self.dim, rng)
        # Further coordinates come first: the leading columns of a sequence are the most even.
        x, further = u[:, extra:], u[:, :extra].copy()
        x *= self.high - self.low
        x += self.low
        return x, further

    def _interior(self, n: int, extra: int, sampler: str, rng: np.random.Generator) -> tuple:
        return self._scaled(n, extra, sampler, rng)

    def _surface(self, n: int, extra: int, sampler: str, rng: np.random.Generator) -> tuple:
        x, further = self._scaled(n, extra, sampler, rng)
        rows, axis, upper = np.arange(n), rng.integers(self.dim, size=n), rng.random(n) < 0.5
        x[rows, axis] = np.where(upper, self.high, self.low)
        normals = np.zeros((n, self.dim))
        normals[rows, axis] = np.where(upper, 1.0, -1.0)
        return x, normals, further

    def _fill_interior(self, n: int, extra: int, sampler: str, noise: Noise) -> Tensor:
        # Without the ends, where distance functions are singular.
        x = noise.uniform(n, self.dim + extra, self.low, self.high)
        if extra:
            x[:, self.dim :] = noise.uniform(n, extra)
        return x

    def _fill_surface(
        self, n: int, extra: int, noise: Noise
    ) -> tuple[Tensor, Callable[[], Tensor]]:
        x = self._fill_interior(n, extra, "uniform", noise)
        axis = torch.from_numpy(noise.rng.integers(self.dim, size=(n, 1))).to(x.device)
        upper = torch.from_numpy(noise.rng.random((n, 1)) < 0.5).to(x.device)
        x.scatter_(1, axis, torch.where(upper, self.high, self.low).to(x.dtype))

        def normals() -> Tensor:
            zero = torch.zeros(n, self.dim, dtype=x.dtype, device=x.device)
            return zero.scatter_(1, axis, torch.where(upper, 1.0, -1.0).to(x.dtype))

        return x, normals

    def distance(self, columns: Mapping[str, Any], pieces: Sequence[str]) -> Any:
        r"""R-equivalence of all faces, :math:`\left(\sum_i 1/w_i\right)^{-1}`.

        Here w_i = (x_i - low)(high - x_i)/(high - low). It is 0 on the faces; its derivatives exist
        inside only.
        """
        self.resolve(pieces)
        x = columns[self.coordinate]
        side = (x - self.low) * (self.high - x) * (1.0 / (self.high - self.low))
        return 1.0 / torch.sum(1.0 / side, -1)
