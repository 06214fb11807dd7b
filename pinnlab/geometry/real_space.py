"""All of space in very many dimensions, for problems without a wall."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from pinnlab.errors import GeometryError
from pinnlab.geometry.ellipse import check_radius
from pinnlab.geometry.high_dimensional import HighDimensional, box_around, check_center, move_to
from pinnlab.sampling.noise import Noise
from pinnlab.sampling.sequences import unit_points


class RealSpace(HighDimensional):
    r"""The whole of R^dim with one vector coordinate, its points normally distributed.

    Parabolic problems such as the Black-Scholes and Hamilton-Jacobi-Bellman equations have no wall
    in space. Their points are drawn from :math:`N(center, scale^2 I)`, whatever the sampler is:
    independently by ``uniform``, by inversion of a sequence by ``sobol``, ``halton`` and ``lhs``.
    The weights of a sample sum to 1, so that weighted sums are means under that distribution.
    There is no boundary; ``bounds``, to which surrogates scale their inputs, are three standard
    deviations from the centre.

    Where Brownian motion matters, points that are equally wide at all times miss what is asked: in
    many dimensions all of them are far from the centre. With a ``growth`` g the variance at time t
    is :math:`scale^2 + g t` (none, where that is negative): g = 2 follows the paths of
    :math:`\sqrt 2\, W_t` forwards, g = -2 those that end in the centre.

    Args:
        coordinate: Name of the vector coordinate.
        dim: Number of its components.
        center: Mean of the points: one number for all components, or ``(dim,)``.
        scale: Their standard deviation in every component, at time 0 if there is time.
        growth: Change of their variance in every component in unit time.

    Raises:
        GeometryError: If ``scale`` is not positive, ``growth`` is not finite, ``dim`` is below 2,
            or the centre is not finite or of the wrong length.

    Example:
        >>> from pinnlab.geometry import Time
        >>> (RealSpace("x", dim=100) * Time("t", 0, 1)).pieces
        ('initial', 'final')
    """

    def __init__(
        self,
        coordinate: str,
        dim: int,
        center: float | Sequence[float] = 0.0,
        scale: float = 1.0,
        growth: float = 0.0,
    ) -> None:
        self._declare(coordinate, dim, None)
        self.center = check_center(center, self.dim)
        self.scale = check_radius(scale, "The scale")
        self.growth = float(growth)
        if not math.isfinite(self.growth):
            raise GeometryError(
                "The growth cannot be used",
                expected="a finite change of variance in unit time, such as 2",
                got=repr(growth),
                do="leave it out for points that are equally wide at all times",
            )

    def __repr__(self) -> str:
        growth = f", growth={self.growth:g}" if self.growth else ""
        return f"RealSpace('{self.coordinate}', dim={self.dim}, scale={self.scale:g}{growth})"

    @property
    def pieces(self) -> tuple[str, ...]:
        """None: space has no boundary."""
        return ()

    def _expand(self, name: str) -> NoReturn:
        raise GeometryError(
            "RealSpace has no boundary",
            expected="no condition on a boundary; 'initial' or 'final' of a product with Time",
            got=repr(name),
            do="leave the condition out, or choose a Hypercube or a HyperBall",
        )

    def bounds(self) -> np.ndarray:
        """The box ``(2, dim)`` that is three standard deviations wide on each side."""
        return box_around(self.center, 3.0 * self.scale, self.dim)

    def log_measure(self, piece: str | None = None) -> float:
        """Infinite."""
        return math.inf

    def contains(self, x: np.ndarray) -> np.ndarray:
        """Every point, unless it is not finite."""
        return np.asarray(np.isfinite(x).all(axis=1))

    def on_piece(self, x: np.ndarray, piece: str) -> np.ndarray:
        """Refused: there are no pieces."""
        self._expand(piece)

    def _interior(self, n: int, extra: int, sampler: str, rng: np.random.Generator) -> tuple:
        u = unit_points(sampler, n, extra + self.dim, rng)
        further, x = u[:, :extra].copy(), u[:, extra:]
        np.clip(x, 1e-15, 1 - 1e-15, out=x)
        x = torch.special.ndtri(torch.from_numpy(x)).numpy()
        x *= self.scale
        x += self.center
        return x, further

    def spread(self, x: Any, t: Any) -> None:
        """Scale points ``(n, dim)`` about the centre to the variance at their times ``(n,)``."""
        if not self.growth:
            return
        factor = (1.0 + self.growth / self.scale**2 * t).clip(min=0.0) ** 0.5
        center = torch.as_tensor(self.center).to(x) if isinstance(x, Tensor) else self.center
        if self.center.any():
            x -= center
        x *= factor[:, None]
        if self.center.any():
            x += center

    def _surface(self, n: int, extra: int, sampler: str, rng: np.random.Generator) -> NoReturn:
        self._expand("boundary")

    def _fill_interior(self, n: int, extra: int, sampler: str, noise: Noise) -> Tensor:
        x = noise.normal(n, self.dim + extra)
        if extra:
            x[:, self.dim :] = noise.uniform(n, extra)
        move_to(x[:, : self.dim].mul_(self.scale), self.center)
        return x

    def _fill_surface(
        self, n: int, extra: int, noise: Noise
    ) -> tuple[Tensor, Callable[[], Tensor]]:
        self._expand("boundary")

    def distance(self, columns: Mapping[str, Any], pieces: Sequence[str]) -> NoReturn:
        """Refused: there is no boundary to be away from."""
        self._expand(", ".join(pieces) or "boundary")
