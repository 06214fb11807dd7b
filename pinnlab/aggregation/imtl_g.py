"""Impartial multi-task learning of the gradients."""

from dataclasses import dataclass

from torch import Tensor

from pinnlab.aggregation.base import GramianAggregator
from pinnlab.aggregation.small_problems import (
    SINGULAR,
    Matrix,
    Vector,
    dot,
    least_squares,
    on_active,
    on_host,
    product,
)


@dataclass(frozen=True)
class IMTLG(GramianAggregator):
    r"""A combination of sum one with the same projection on every unit gradient.

    .. math:: d = J^T \alpha, \qquad \hat g_k \cdot d = \hat g_j \cdot d, \qquad
              \sum_k \alpha_k = 1

    This is the line of :class:`ConFIG` at another length, and with another sign where the
    coefficients of that add up to less than zero: of three terms or more, one that is weak may
    have a large negative one.

    Promise: equal rates of linearly independent terms; whether they fall or grow is not promised.

    References:
        Liu et al. (2021), Towards impartial multi-task learning, ICLR, equation 3; with the
        pseudo-inverse for dependent gradients as in Quinton and Rey (2024), arXiv 2406.16232.
    """

    def weights(self, gramian: Tensor) -> Tensor:
        """See :class:`GramianAggregator`."""
        return on_host(equal_projections, gramian)


def equal_projections(gramian: Matrix) -> Vector:
    """Coefficients of sum one; zeros where those of equal projections add up to nothing."""
    return on_active(_of_sum_one, gramian)


def _of_sum_one(norms: Vector, hull: Matrix) -> Vector:
    """The same for gradients none of which is zero."""
    solved = least_squares(hull, [1.0] * len(hull), SINGULAR)
    if not dot(solved, product(hull, solved)) > SINGULAR:  # no projections can be equal
        return [0.0] * len(hull)
    weights = [value / n for n, value in zip(norms, solved, strict=True)]
    total, size = sum(weights), sum(map(abs, weights))
    return [w / total for w in weights] if abs(total) > 1e-9 * size else [0.0] * len(norms)
