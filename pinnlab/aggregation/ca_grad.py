"""Conflict-averse gradient descent."""

from dataclasses import dataclass
from math import sqrt

from torch import Tensor

from pinnlab.aggregation.base import GramianAggregator
from pinnlab.aggregation.small_problems import (
    SINGULAR,
    Matrix,
    Vector,
    dot,
    nonnegative,
    on_active,
    on_host,
    product,
    shortest,
)
from pinnlab.checks import check_share


@dataclass(frozen=True)
class CAGrad(GramianAggregator):
    r"""The direction near the gradient of the loss along which the slowest term falls fastest.

    .. math:: d = \arg\max_d \min_k\, g_k \cdot d \qquad \text{with } \|d - g_0\| \le c\, \|g_0\|,
              \quad g_0 = \sum_k g_k

    It is found exactly: for every bound t on the slowest rate the shortest :math:`d - g_0` with
    :math:`g_k \cdot d \ge t` is a small quadratic problem, its length is a convex function of t,
    and Newton's method finds the t at which it is :math:`c\,\|g_0\|`. Terms whose gradient is zero
    do not take part; where no direction lowers all others there is no direction.

    Promise: the loss falls to first order, for :math:`g_0 \cdot d \ge (1 - c)\|g_0\|^2`; the
    slowest term falls no slower, or grows no faster, than along :math:`g_0`. Single terms may grow.

    Args:
        c: Radius of the ball relative to the gradient of the loss, in [0, 1).

    References:
        Liu et al. (2021), Conflict-averse gradient descent for multi-task learning, NeurIPS, arXiv
        2110.14048, problem 3. Differs: the sum of the gradients in place of their mean.
    """

    c: float = 0.5

    def __post_init__(self) -> None:
        check_share(self, zero=True, c=self.c)

    def weights(self, gramian: Tensor) -> Tensor:
        """See :class:`GramianAggregator`."""
        return on_host(lambda matrix: conflict_averse(matrix, self.c), gramian)


def conflict_averse(gramian: Matrix, c: float) -> Vector:
    """Coefficients of CAGrad's direction."""
    return on_active(lambda norms, cosines: _within_ball(norms, cosines, c), gramian)


def _within_ball(norms: Vector, cosines: Matrix, c: float) -> Vector:
    """The same for gradients none of which is zero."""
    alpha = shortest(cosines)
    least = dot(alpha, product(cosines, alpha))  # squared length of the shortest vector
    if not least > SINGULAR:
        return [0.0] * len(norms)
    scale = max(norms)
    inverse = [scale / n for n in norms]
    mean = product(cosines, [n / scale for n in norms])  # of g0 with the unit gradients
    length = sqrt(max(dot(mean, norms) / scale, 0.0))
    radius = c * length
    # In units of the largest gradient, d = g0 + Σ z_k ĝ_k with ĝ_k·d ≥ t / ‖g_k‖. Bounds on t
    # that cannot be exceeded come from single terms and from the shortest vector.
    shares = [a * i for a, i in zip(alpha, inverse, strict=True)]
    bounds = [(u + radius) / i for u, i in zip(mean, inverse, strict=True)]
    bounds.append((dot(alpha, mean) + radius * sqrt(least)) / sum(shares))
    bound, z = min(bounds), [0.0] * len(norms)
    for _ in range(60 if radius > 0 else 0):
        z = nonnegative(cosines, [u - bound * i for u, i in zip(mean, inverse, strict=True)])
        reached = sqrt(max(dot(z, product(cosines, z)), 0.0))
        if reached <= radius * (1 + 1e-10):
            break
        # The slope of the length is Σ z_k / ‖g_k‖ over it.
        bound -= (reached - radius) * reached / dot(z, inverse)
    return [1.0 + value * i for value, i in zip(z, inverse, strict=True)]
