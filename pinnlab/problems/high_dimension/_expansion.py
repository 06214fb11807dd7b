r"""Polynomials in place of smooth terms of two neighbours, where coordinates are small.

Points of a ball in d dimensions have coordinates of size :math:`1/\sqrt d`. On a square
:math:`|x|, |y| \le \rho` of that size, functions φ(x, y) that cost several sines and cosines are
polynomials of low degree K to the last bit of float32: degree 4 for ρ = 0.05, degree 2 for ρ =
0.005. Their sums then reduce to sums of monomials,

.. math::
    \sum_i c_i\, φ(x_i, x_{i+1}) \approx \sum_{a + b \le K} t_{ab} \sum_i c_i\, x_i^a x_{i+1}^b,

which several functions φ share. Each c x^a y^b is a coordinate times a term of one degree less.

The coefficients are a least-squares fit in Chebyshev polynomials at Chebyshev points, within a
small factor of the best uniform approximation. How far a degree reaches is not estimated: the
largest error on a fine grid decides.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import torch
from numpy.polynomial import chebyshev
from torch import Tensor

from pinnlab.calculus.strips import Operand, Program
from pinnlab.problems.high_dimension._tiles import Arena

try:
    from pinnlab.problems.high_dimension import _monomials
except ImportError:  # no compiler when the package was installed
    _monomials = None

Functions = Callable[[np.ndarray, np.ndarray], np.ndarray]

_POINTS = 33  # a direction, where errors are measured


@dataclass(frozen=True, eq=False)
class Expansion:
    """Polynomials of one total degree for several functions of two variables.

    Args:
        degree: Total degree K.
        reach: Largest |x| and |y| for which they are as accurate as the tolerance.
        coefficients: ``(functions, monomials)`` in the order of :func:`monomials`.
    """

    degree: int
    reach: float
    coefficients: np.ndarray

    def __call__(self, arena: Arena, height: int, width: int) -> "_Expanded":
        """The formula with temporaries for one shape of tile."""
        return _Expanded(self, arena, height, width)


def monomials(degree: int) -> list[tuple[int, int]]:
    """Exponents (a, b) with a + b up to the degree, the second one the faster."""
    return [(a, b) for a in range(degree + 1) for b in range(degree + 1 - a)]


@cache
def expansion(
    functions: Functions, degree: int, tolerance: float, weights: tuple[float, ...]
) -> Expansion:
    """The expansion of a degree with the largest reach that keeps errors below a tolerance.

    Args:
        functions: Of x and y ``(k,)``; gives the values of all functions, ``(functions, k)``.
        degree: Total degree.
        tolerance: Largest absolute error of any of the functions times its weight.
        weights: One for each function.
    """
    reach = 0.5
    for _ in range(8):  # the error is close to a multiple of reach^(degree + 1)
        error = _fit(functions, degree, reach, weights)[1]
        if 0.8 * tolerance <= error <= tolerance:
            break
        reach = min(1.0, reach * (0.9 * tolerance / error) ** (1 / (degree + 1)))
    return Expansion(degree, reach, _fit(functions, degree, reach, weights)[0])


def _fit(
    functions: Functions, degree: int, reach: float, weights: tuple[float, ...]
) -> tuple[np.ndarray, float]:
    """Coefficients of the monomials, and the largest error on the square of that half width."""
    nodes = np.cos(np.pi * (np.arange(2 * degree + 3) + 0.5) / (2 * degree + 3))
    powers = monomials(degree)
    x, y = (a.ravel() for a in np.meshgrid(nodes, nodes))
    basis = _products(chebyshev.chebvander, x, y, powers)
    fitted = np.linalg.lstsq(basis, functions(reach * x, reach * y).T, rcond=None)[0].T
    grid = np.linspace(-1, 1, _POINTS)
    u, v = (a.ravel() for a in np.meshgrid(grid, grid))
    values = fitted @ _products(chebyshev.chebvander, u, v, powers).T
    errors = np.abs(values - functions(reach * u, reach * v)).max(axis=1)
    error = float((errors * weights).max())
    scale = np.array([reach ** -(a + b) for a, b in powers])
    return _from_chebyshev(fitted, powers, degree) * scale, error


def _products(vander: Callable, x: np.ndarray, y: np.ndarray, powers: list) -> np.ndarray:
    degree = max(a for a, _ in powers)
    left, right = vander(x, degree), vander(y, degree)
    return np.stack([left[:, a] * right[:, b] for a, b in powers], axis=1)


def _from_chebyshev(fitted: np.ndarray, powers: list, degree: int) -> np.ndarray:
    """Coefficients of T_a(x) T_b(y) as coefficients of x^a y^b."""
    table = np.zeros((degree + 1, degree + 1))
    for k in range(degree + 1):
        table[k, : k + 1] = chebyshev.cheb2poly(np.eye(degree + 1)[k])[: k + 1]
    square = np.zeros((len(fitted), degree + 1, degree + 1))
    for column, (a, b) in enumerate(powers):
        square[:, a, b] = fitted[:, column]
    square = np.einsum("fab,ai,bj->fij", square, table, table)
    return np.stack([square[:, a, b] for a, b in powers], axis=1)


class _Expanded:
    """Sums of monomials over a tile, and what an expansion makes of them."""

    def __init__(self, chosen: Expansion, arena: Arena, height: int, width: int) -> None:
        arrays = arena.arrays(temporaries(chosen.degree), height * width).view(-1, height, width)
        self.coefficients = torch.as_tensor(chosen.coefficients).to(arrays)
        self.c = arrays.new_empty(width - 1)
        # Of all monomials and, in the last row, of x².
        self.found = arrays.new_empty((self.coefficients.shape[1] + 1, height))
        self.result = arrays.new_empty((4, height))
        if _monomials is not None and arrays.dtype == torch.float32:
            self.tile = arrays[0]  # whose memory the call reads
            places = arrays.data_ptr(), width, self.c.data_ptr(), height, width - 1
            self.run = partial(_monomials.sums, chosen.degree, *places, self.found.data_ptr())
        else:
            self.run = _program(chosen.degree, arrays, self.c, self.found).run

    def sums(self, c: Tensor) -> Tensor:
        """See :class:`Formula`."""
        self.c.copy_(c)
        self.found.zero_()
        self.run()
        torch.mm(self.coefficients, self.found[:-1], out=self.result[:3])
        self.result[3] = self.found[-1]
        return self.result


def temporaries(degree: int) -> int:
    """The tile, and all monomials of degrees between 0 and the highest one."""
    return degree * (degree + 1) // 2


def _program(degree: int, arrays: Tensor, c: Tensor, found: Tensor) -> Program:
    """The same by general arithmetic, which adds to the sums."""
    x, y = arrays[0, :, :-1], arrays[0, :, 1:]
    program = Program(x)
    room = program.local(arrays[1:, :, :-1].transpose(0, 1))
    terms: dict[tuple[int, int], Operand] = {(0, 0): c.expand(len(x), -1)}

    def factors(a: int, b: int) -> tuple[Tensor, Operand]:
        """Two factors of c x^a y^b, a coordinate and a term of one degree less."""
        return (y, terms[a, b - 1]) if b else (x, terms[a - 1, 0])

    program.add_sum(found[0, :, None], c.expand(len(x), -1))
    powers = monomials(degree)
    for (a, b), total in zip(powers[1:], found[1:-1], strict=True):
        program.add_sum(total[:, None], *factors(a, b))
        if a + b < degree:
            product = room[len(terms) - 1]
            program.set(product, *factors(a, b))
            terms[a, b] = product
    program.add_sum(found[-1, :, None], x, x)
    return program
