"""Conflict-free inverse gradients."""

from dataclasses import dataclass

from torch import Tensor

from pinnlab.aggregation.base import GramianAggregator
from pinnlab.aggregation.small_problems import (
    INDEPENDENT,
    SINGULAR,
    Matrix,
    Vector,
    cholesky,
    dot,
    least_squares,
    on_active,
    on_host,
    product,
    shortest,
    substitute,
)

NO_RATE = 1e-10  # relative to others, with much room for rounding


@dataclass(frozen=True)
class ConFIG(GramianAggregator):
    r"""A direction with the same positive cosine to the gradient of every term.

    With unit gradients :math:`\hat g_k` the direction :math:`d` solves
    :math:`\hat g_k \cdot d = 1` for all k with the least norm, and is scaled to

    .. math:: g = \Bigl(\sum_k g_k \cdot \hat d\Bigr)\, \hat d, \qquad \hat d = d / \|d\|

    so that all terms decrease at the same relative rate. Computed from the ``(m, m)`` Gramian of
    the unit gradients in float64. Terms whose gradient is zero do not take part.

    If the gradients are linearly dependent, those m equations may have no solution. Then their
    least-squares solution is taken, unless it would let a term grow; in its place comes the
    direction along which the slowest term decreases fastest, the shortest vector of the convex
    hull of the unit gradients. Where that is zero, nothing lowers all terms, and neither is there
    a direction.

    Promise: no term increases to first order; linearly independent ones decrease at equal rates.

    References:
        Liu, Chu, Thuerey (2025), ICLR, arXiv 2408.11104, equation 2. Differs: the pseudo-inverse
        of the gradient matrix is replaced by that of its Gramian, which is the same direction;
        the paper supposes independent gradients, for which alone its solution is free of conflict.

    >>> import torch
    >>> import pinnlab as pl
    >>> pl.ConFIG()(torch.tensor([[3.0, 0.0], [0.0, 0.5]]))
    tensor([1.7500, 1.7500])
    """

    def weights(self, gramian: Tensor) -> Tensor:
        """See :class:`GramianAggregator`."""
        return on_host(equal_cosines, gramian)


def equal_cosines(gramian: Matrix) -> Vector:
    """Coefficients of ConFIG's direction."""
    return on_active(_equal_rates, gramian)


def _equal_rates(norms: Vector, hull: Matrix) -> Vector:
    """The same for gradients none of which is zero."""
    factor, pivot = cholesky(hull, floor=SINGULAR)
    if pivot > INDEPENDENT:  # then all rates are one
        solved = substitute(factor, [1.0] * len(hull))
        scale = sum(norms) / sum(solved)
        return [scale * value / n for n, value in zip(norms, solved, strict=True)]
    return _dependent(norms, hull)


def _dependent(norms: Vector, hull: Matrix) -> Vector:
    """The same for gradients of which some may be combinations of others."""
    solved = least_squares(hull, [1.0] * len(hull), SINGULAR)
    rates = product(hull, solved)
    if min(rates) < -NO_RATE:
        solved = shortest(hull)
        rates = product(hull, solved)
    squared = dot(solved, rates)
    # With equal rates of one the squared length is at least one; of what is left by rounding where
    # gradients cancel it is not.
    if not squared > SINGULAR:
        return [0.0] * len(hull)
    # Lengths may differ by so much that the rounding of a rate of zero would outweigh a true one.
    least = NO_RATE * max(rates)
    total = sum(n * rate for n, rate in zip(norms, rates, strict=True) if rate > least)
    return [total / squared * value / n for n, value in zip(norms, solved, strict=True)]
