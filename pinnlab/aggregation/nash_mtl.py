"""Multi-task learning as a bargaining game."""

from dataclasses import dataclass
from math import sqrt

from torch import Tensor

from pinnlab.aggregation.base import GramianAggregator
from pinnlab.aggregation.small_problems import (
    SINGULAR,
    Matrix,
    Vector,
    cholesky,
    dot,
    on_active,
    on_host,
    product,
    shortest,
    substitute,
)


@dataclass(frozen=True)
class NashMTL(GramianAggregator):
    r"""The direction on which the terms would agree by bargaining.

    .. math:: d = J^T \alpha, \qquad G\alpha = 1/\alpha, \quad \alpha > 0

    the Nash bargaining solution: it maximises :math:`\sum_k \log(g_k \cdot d)` over directions of
    one length, so that the sizes of the gradients play no role. It is the minimiser of the convex
    :math:`\tfrac12 \alpha \cdot G\alpha - \sum_k \log \alpha_k`, found by Newton's method. Its
    length is always :math:`\sqrt m`, m being the number of terms with a gradient: under a plain
    gradient descent the rate alone makes steps smaller.

    Promise: all terms decrease to first order, for :math:`g_k \cdot d = 1/\alpha_k`; where no
    direction lowers all there is no direction.

    References:
        Navon et al. (2022), Multi-task learning as a bargaining game, ICML, arXiv 2202.01017,
        claim 3.1. Differs: solved exactly in every step in place of a sequence of approximations
        every few steps; the length is not clipped.
    """

    def weights(self, gramian: Tensor) -> Tensor:
        """See :class:`GramianAggregator`."""
        return on_host(bargained, gramian)


def bargained(gramian: Matrix) -> Vector:
    """Coefficients of the Nash bargaining solution."""
    return on_active(_agreed, gramian)


def _agreed(norms: Vector, hull: Matrix) -> Vector:
    """The same for gradients none of which is zero."""
    alpha = shortest(hull)
    # What is bargained for is unbounded where no direction lowers all terms.
    if not dot(alpha, product(hull, alpha)) > SINGULAR:
        return [0.0] * len(hull)
    return [value / n for n, value in zip(norms, _centre(hull), strict=True)]


def _centre(matrix: Matrix) -> Vector:
    """The minimiser of ½ b·Cb − Σ log b_k, by Newton steps damped as for self-concordance."""
    m = len(matrix)
    b = [1.0 / sqrt(m)] * m
    for _ in range(200):
        slope = [a - 1.0 / v for a, v in zip(product(matrix, b), b, strict=True)]
        # In b's own units the Hessian C + diag(1/b²) has no entry below one on its diagonal.
        scaled = [[matrix[i][j] * b[i] * b[j] + float(i == j) for j in range(m)] for i in range(m)]
        right = [s * v for s, v in zip(slope, b, strict=True)]
        move = substitute(cholesky(scaled, floor=1e-14)[0], right)
        decrement = sqrt(max(dot(move, right), 0.0))
        step = 1.0 if decrement < 0.25 else 1.0 / (1.0 + decrement)
        b = [v * (1.0 - step * change) for v, change in zip(b, move, strict=True)]
        if decrement < 1e-10:
            break
    return b
