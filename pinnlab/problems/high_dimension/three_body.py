r"""Sums of interactions of three coordinates in a row.

.. math:: S(x) = \sum_{i=1}^{d-2} c_i e^{w_i}, \qquad w_i = x_i x_{i+1} x_{i+2}

Every coordinate enters :math:`w_i` linearly, so that

.. math::
    x \cdot \nabla S = 3 \sum_i c_i w_i e^{w_i}, \qquad
    \Delta S = \sum_i c_i e^{w_i} \left[ (x_i x_{i+1})^2 + (x_{i+1} x_{i+2})^2
               + (x_i x_{i+2})^2 \right].

Where coordinates are so small that :math:`w^2` is rounding beside 1, :math:`e^w` is :math:`1 + w`;
ΔS is then rounding beside the 2 d S that it is added to.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from pinnlab.problems.high_dimension._interaction import TiledSum
from pinnlab.problems.high_dimension._tiles import Arena, Formula

_TEMPORARIES = 8


@dataclass(frozen=True)
class ThreeBody(TiledSum):
    """The sum of three-body interactions, with coefficients from N(0, 1).

    Args:
        dim: Number of coordinates d, at least 3.
        seed: Of the coefficients.

    References:
        Shi, Hu, Lin and Kawaguchi (2024), Stochastic Taylor Derivative Estimator, NeurIPS,
        arXiv 2412.00088, appendix I.1. Differs from the published code, which leaves the factors
        such as x_{i+1} x_{i+2} out of the derivatives of the exponential.
    """

    reach: ClassVar[int] = 2

    def temporaries(self, x: Tensor) -> int:
        """See :class:`TiledSum`."""
        return _TEMPORARIES

    def formula(self, tile: Tensor) -> Callable[[Arena, int, int], Formula]:
        """See :class:`TiledSum`."""
        return _Linear if _is_linear(tile, self.dim) else _Evaluated

    def plain(self, tile: Tensor, c: Tensor) -> Tensor:
        """See :class:`TiledSum`."""
        first, second, third = tile[:, :-2], tile[:, 1:-1], tile[:, 2:]
        pair = first * second
        w = pair * third
        value = torch.exp(w)
        squares = pair**2 + (second * third) ** 2 + (first * third) ** 2
        sums, radial, laplacian = (torch.mv(t, c) for t in (value, value * w, value * squares))
        return torch.stack([sums, 3 * radial, laplacian, (first * first).sum(1)])


class _Evaluated:
    """The sums of a tile; products of neighbours serve two triples each."""

    def __init__(self, arena: Arena, height: int, width: int) -> None:
        arrays = arena.arrays(_TEMPORARIES, height * width)
        tile, pairs, squares, outer, product, value, radial, laplacian = arrays
        self.first, self.third = tile[:-2], tile[2:]
        self.pairs = tile[:-1], tile[1:], pairs[:-1]
        self.squares = squares[:-1]
        self.first_pair, self.squared_pairs = pairs[:-2], (squares[:-2], squares[1:-1])
        self.terms = [a[:-2] for a in (outer, product, value, radial, laplacian)]
        self.tile, self.all_squares = tile, value
        self.own = value.view(height, width)[:, :-2]
        self.summed = arrays[5:].view(3 * height, width)[:, :-2]
        self.result, self.ones = tile.new_zeros((4, height)), tile.new_ones(width - 2)

    def sums(self, c: Tensor) -> Tensor:
        """See :class:`Formula`."""
        outer, w, value, radial, laplacian = self.terms
        torch.mul(self.tile, self.tile, out=self.all_squares)
        torch.mv(self.own, self.ones, out=self.result[3])
        left, right, pair = self.pairs
        torch.mul(left, right, out=pair)
        torch.mul(pair, pair, out=self.squares)
        torch.mul(self.first_pair, self.third, out=w)
        torch.mul(self.first, self.third, out=outer)
        torch.add(*self.squared_pairs, out=laplacian).addcmul_(outer, outer)
        torch.exp(w, out=value)
        torch.mul(value, w, out=radial)
        laplacian.mul_(value)
        torch.mv(self.summed, c, out=self.result[:3].view(-1))
        self.result[1].mul_(3.0)
        return self.result


class _Linear:
    """The sums where e^w is 1 + w and ΔS does not count."""

    def __init__(self, arena: Arena, height: int, width: int) -> None:
        tile, product, squares = arena.arrays(3, height * width)
        self.tile, self.squares = tile, squares
        self.neighbours = tile[:-2], tile[1:-1], tile[2:], product[:-2]
        self.summed = product.view(height, width)[:, :-2]
        self.own = squares.view(height, width)[:, :-2]
        self.result, self.ones = tile.new_zeros((4, height)), tile.new_ones(width - 2)

    def sums(self, c: Tensor) -> Tensor:
        """See :class:`Formula`."""
        first, second, third, product = self.neighbours
        torch.mul(first, second, out=product).mul_(third)
        torch.mv(self.summed, c, out=self.result[0])
        torch.mul(self.result[0], 3.0, out=self.result[1])
        self.result[0].add_(c.sum())
        torch.mul(self.tile, self.tile, out=self.squares)
        torch.mv(self.own, self.ones, out=self.result[3])
        return self.result


def _is_linear(tile: Tensor, dim: int) -> bool:
    """Whether :class:`_Linear` is exact to rounding on a tile."""
    if tile.dtype != torch.float32:
        return False
    low, high = torch.aminmax(tile)
    largest = max(-low.item(), high.item())
    rounding = torch.finfo(tile.dtype).eps
    return largest**6 <= rounding and 3 * largest**4 <= dim * rounding
