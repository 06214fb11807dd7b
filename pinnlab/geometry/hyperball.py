"""Balls of very many dimensions, with one vector coordinate."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.geometry.ellipse import check_radius
from pinnlab.geometry.high_dimensional import HighDimensional, box_around, check_center, move_to
from pinnlab.sampling.noise import Noise
from pinnlab.sampling.sequences import unit_points


class HyperBall(HighDimensional):
    """The ball |x - center| <= radius with one vector coordinate.

    Uniform points of a ball of many dimensions all lie at its surface: their mean radius is
    R d/(d + 1). The sampler ``radial`` draws a uniform direction and a uniform radius in [0, R]
    instead, so that the inside is seen as well. The weights of a sample are equal whatever the
    sampler is: with ``radial`` a weighted sum is the mean over directions and radii, not over the
    volume.

    Args:
        coordinate: Name of the vector coordinate.
        dim: Number of its components.
        radius: Radius.
        center: Centre: one number for all components, or ``(dim,)``.
        name: The ball's own name, which names its boundary.

    Raises:
        GeometryError: If the radius is not positive, ``dim`` is below 2, or the centre is not
            finite or of the wrong length.

    References:
        Shi, Hu, Lin & Kawaguchi (2024), Stochastic Taylor derivative estimator, NeurIPS 37
        (uniform radii, for its high-dimensional test problems).

    Example:
        >>> round(HyperBall("x", dim=2, radius=1).measure(), 6)
        3.141593
    """

    direct = ("uniform", "radial")

    def __init__(
        self,
        coordinate: str,
        dim: int,
        radius: float = 1.0,
        center: float | Sequence[float] = 0.0,
        *,
        name: str | None = None,
    ) -> None:
        self._declare(coordinate, dim, name)
        self.radius = check_radius(radius, "The radius")
        self.center = check_center(center, self.dim)

    def __repr__(self) -> str:
        return f"HyperBall('{self.coordinate}', dim={self.dim}, radius={self.radius:g})"

    def bounds(self) -> np.ndarray:
        """Bounding box ``(2, dim)``."""
        return box_around(self.center, self.radius, self.dim)

    def log_measure(self, piece: str | None = None) -> float:
        """Logarithm of π^(d/2) R^d / Γ(d/2 + 1), or of its derivative by R."""
        d = self.dim
        volume = d / 2 * math.log(math.pi) - math.lgamma(d / 2 + 1) + d * math.log(self.radius)
        return volume if piece is None else volume + math.log(d) - math.log(self.radius)

    @property
    def _tolerance(self) -> float:
        return 1e-10 * self.radius + 1e-13 * float(np.abs(self.center).max())

    def contains(self, x: np.ndarray) -> np.ndarray:
        """Which of the points ``(n, dim)`` lie in the closed ball."""
        return np.linalg.norm(x - self.center, axis=1) <= self.radius + self._tolerance

    def on_piece(self, x: np.ndarray, piece: str) -> np.ndarray:
        """Which of the points ``(n, dim)`` lie on the sphere."""
        self.resolve(piece)
        r = np.linalg.norm(x - self.center, axis=1)
        return np.abs(r - self.radius) <= self._tolerance

    def _directions(self, n: int, extra: int, sampler: str, rng: np.random.Generator) -> tuple:
        u = unit_points(sampler, n, extra + self.dim, rng)
        further, u = u[:, :extra].copy(), u[:, extra:]
        # Normal deviates by inversion, so that the evenness of the sequence carries over.
        np.clip(u, 1e-15, 1 - 1e-15, out=u)
        x = torch.special.ndtri(torch.from_numpy(u)).numpy()
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        return x, further

    def _interior(self, n: int, extra: int, sampler: str, rng: np.random.Generator) -> tuple:
        x, further = self._directions(n, extra + 1, sampler, rng)
        x *= self.radius * further[:, :1] ** (1.0 / self.dim)
        x += self.center
        return x, further[:, 1:]

    def _surface(self, n: int, extra: int, sampler: str, rng: np.random.Generator) -> tuple:
        normals, further = self._directions(n, extra, sampler, rng)
        return self.center + self.radius * normals, normals, further

    def _fill_directions(self, n: int, extra: int, noise: Noise) -> tuple[Tensor, Tensor]:
        """Normal deviates with further columns, and their length ``(n, 1)``."""
        x = noise.normal(n, self.dim + extra)
        if extra:
            x[:, self.dim :] = noise.uniform(n, extra)
        return x, torch.linalg.vector_norm(x[:, : self.dim], dim=1, keepdim=True)

    def _fill_interior(self, n: int, extra: int, sampler: str, noise: Noise) -> Tensor:
        x, length = self._fill_directions(n, extra, noise)
        share = noise.uniform(n, 1)
        if sampler == "uniform":
            share = share.double().pow(1.0 / self.dim).to(x.dtype)
        move_to(x[:, : self.dim].mul_(share * self.radius / length), self.center)
        return x

    def _fill_surface(
        self, n: int, extra: int, noise: Noise
    ) -> tuple[Tensor, Callable[[], Tensor]]:
        x, length = self._fill_directions(n, extra, noise)
        points = move_to(x[:, : self.dim].mul_(self.radius / length), self.center)
        return x, lambda: move_to(points.clone(), -self.center).div_(self.radius)

    def distance(self, columns: Mapping[str, Any], pieces: Sequence[str]) -> Any:
        """(R² - r²)/(2R)."""
        self.resolve(pieces)
        x = columns[self.coordinate]
        if self.center.ndim:
            x = x - torch.as_tensor(self.center, dtype=x.dtype, device=x.device)
        elif self.center:
            x = x - float(self.center)
        return (self.radius**2 - torch.sum(x**2, -1)) * (0.5 / self.radius)
