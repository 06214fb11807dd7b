r"""Sums of interactions of neighbouring pairs of coordinates.

.. math:: S(x) = \sum_{i=1}^{d-1} c_i \sin a_i, \qquad
          a_i = x_i + \cos x_{i+1} + x_{i+1} \cos x_i

With :math:`p_i = \partial a_i / \partial x_i = 1 - x_{i+1} \sin x_i`, :math:`r_i = \partial a_i /
\partial x_{i+1} = \cos x_i - \sin x_{i+1}` and :math:`m_i = \cos x_{i+1} + x_{i+1} \cos x_i`,

.. math::
    x \cdot \nabla S &= \sum_i c_i \cos a_i\, (x_i p_i + x_{i+1} r_i) \\
    \Delta S &= -\sum_i c_i \left[ \sin a_i\, (p_i^2 + r_i^2) + \cos a_i\, m_i \right].
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from pinnlab.problems.high_dimension._expansion import expansion, temporaries
from pinnlab.problems.high_dimension._interaction import TiledSum
from pinnlab.problems.high_dimension._tiles import Arena, Formula

_DEGREES = (2, 3, 4, 5, 6)  # beyond, sines and cosines cost less than monomials
_TEMPORARIES = 10  # of sines and cosines


@dataclass(frozen=True)
class TwoBody(TiledSum):
    """The sum of two-body interactions, with coefficients from N(0, 1).

    Args:
        dim: Number of coordinates d, at least 2.
        seed: Of the coefficients.

    References:
        Shi, Hu, Lin and Kawaguchi (2024), Stochastic Taylor Derivative Estimator, NeurIPS,
        arXiv 2412.00088, appendix I.1.
    """

    reach: ClassVar[int] = 1

    def temporaries(self, x: Tensor) -> int:
        """See :class:`TiledSum`."""
        expanded = temporaries(_DEGREES[-1]) if _expands(x) else 0
        return max(_TEMPORARIES, expanded)

    def formula(self, tile: Tensor) -> Callable[[Arena, int, int], Formula]:
        """See :class:`TiledSum`."""
        return _cheapest(tile, self.dim) if _expands(tile) else _Evaluated

    def plain(self, tile: Tensor, c: Tensor) -> Tensor:
        """See :class:`TiledSum`."""
        sine, cosine = torch.sin(tile), torch.cos(tile)
        x, y = tile[:, :-1], tile[:, 1:]
        sin_x, cos_x, sin_y, cos_y = sine[:, :-1], cosine[:, :-1], sine[:, 1:], cosine[:, 1:]
        m = torch.addcmul(cos_y, y, cos_x)
        r, p, a = cos_x - sin_y, 1 - y * sin_x, x + m
        sin_a, cos_a = torch.sin(a), torch.cos(a)
        radial = torch.addcmul(x * p, y, r) * cos_a
        laplacian = torch.addcmul(sin_a * torch.addcmul(p * p, r, r), cos_a, m)
        value, radial, laplacian = (torch.mv(term, c) for term in (sin_a, radial, laplacian))
        return torch.stack([value, radial, -laplacian, (x * x).sum(1)])


class _Evaluated:
    """The sums with every sine and cosine taken once."""

    def __init__(self, arena: Arena, height: int, width: int) -> None:
        arrays = arena.arrays(_TEMPORARIES, height * width)
        tile, sine, cosine, m, r, p, a, sin_a, radial, laplacian = arrays
        self.whole = tile, sine, cosine
        self.x, self.y = tile[:-1], tile[1:]
        self.sin_x, self.sin_y = sine[:-1], sine[1:]
        self.cos_x, self.cos_y = cosine[:-1], cosine[1:]
        self.terms = [array[:-1] for array in (m, r, p, a, sin_a, radial, laplacian)]
        self.squares = radial
        self.own = radial.view(height, width)[:, :-1]
        self.summed = arrays[7:].view(3 * height, width)[:, :-1]
        self.result = tile.new_zeros((4, height))
        self.one, self.ones = tile.new_ones(()), tile.new_ones(width - 1)

    def sums(self, c: Tensor) -> Tensor:
        """See :class:`Formula`."""
        tile, sine, cosine = self.whole
        m, r, p, a, sin_a, radial, laplacian = self.terms
        torch.mul(tile, tile, out=self.squares)
        torch.mv(self.own, self.ones, out=self.result[3])
        torch.sin(tile, out=sine)
        torch.cos(tile, out=cosine)
        torch.addcmul(self.cos_y, self.y, self.cos_x, out=m)
        torch.sub(self.cos_x, self.sin_y, out=r)
        torch.addcmul(self.one, self.y, self.sin_x, value=-1, out=p)
        torch.add(self.x, m, out=a)
        torch.sin(a, out=sin_a)
        cos_a = torch.cos(a, out=a)
        torch.mul(self.x, p, out=radial).addcmul_(self.y, r).mul_(cos_a)
        torch.mul(p, p, out=laplacian).addcmul_(r, r).mul_(sin_a).addcmul_(cos_a, m)
        torch.mv(self.summed, c, out=self.result[:3].view(-1))
        self.result[2].neg_()
        return self.result


def _terms(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """One term of S, x·∇S and ΔS as functions of two neighbours, ``(3, k)``."""
    m = np.cos(y) + y * np.cos(x)
    p, r = 1 - y * np.sin(x), np.cos(x) - np.sin(y)
    sine, cosine = np.sin(x + m), np.cos(x + m)
    return np.stack([sine, cosine * (x * p + y * r), -sine * (p**2 + r**2) - cosine * m])


def _expands(x: Tensor) -> bool:
    """Whether expansions are worth while: float64 wants degrees that cost more than sines."""
    return x.dtype == torch.float32


def _cheapest(tile: Tensor, dim: int) -> Callable[[Arena, int, int], Formula]:
    """The cheapest formula that is exact to rounding on a tile.

    Solutions are products with S, whose Laplacian holds 2 d S + 4 x·∇S + ΔS: what is rounding in
    the first term is so in all of them.
    """
    low, high = torch.aminmax(tile)
    largest = max(-low.item(), high.item())
    tolerance, weights = 0.5 * torch.finfo(tile.dtype).eps, (1.0, 2.0 / dim, 0.5 / dim)
    for degree in _DEGREES:
        candidate = expansion(_terms, degree, tolerance, weights)
        if largest <= candidate.reach:
            return candidate
    return _Evaluated
