"""Multiple-gradient descent."""

from dataclasses import dataclass

from torch import Tensor

from pinnlab.aggregation.base import GramianAggregator
from pinnlab.aggregation.small_problems import Matrix, Vector, on_host, shortest


@dataclass(frozen=True)
class MGDA(GramianAggregator):
    r"""The shortest vector of the convex hull of the gradients that are there.

    .. math:: d = J^T \alpha, \qquad \alpha = \arg\min_\alpha \|J^T \alpha\|
              \quad \text{with } \alpha \ge 0,\ \sum_k \alpha_k = 1

    over the terms whose gradient is not zero, so that :math:`g_k \cdot d \ge \|d\|^2` for each of
    them. It is found exactly. Terms with small gradients count most. Those whose gradient is zero,
    such as one of weight zero or an inequality that holds, do not take part: to first order no
    direction raises them.

    Promise: no term increases to first order, and all that have a gradient decrease unless no
    direction lowers all of these; of gradients whose sizes differ by more than the square root of
    the precision, up to rounding.

    References:
        Désidéri (2012), C. R. Math. 350, 313-318. Differs: there a zero gradient is the shortest
        vector and ends the descent, for a single term that cannot be improved.
    """

    def weights(self, gramian: Tensor) -> Tensor:
        """See :class:`GramianAggregator`."""
        return on_host(shortest_of_active, gramian)


def shortest_of_active(gramian: Matrix) -> Vector:
    """Coefficients of the shortest vector of the hull of the gradients that are not zero."""
    active = [k for k, row in enumerate(gramian) if row[k] > 0]
    weights = [0.0] * len(gramian)
    alpha = shortest([[gramian[k][j] for j in active] for k in active])
    for k, value in zip(active, alpha, strict=True):
        weights[k] = value
    return weights
