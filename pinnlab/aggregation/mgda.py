"""Multiple-gradient descent."""

from dataclasses import dataclass

from torch import Tensor

from pinnlab.aggregation.base import GramianAggregator
from pinnlab.aggregation.small_problems import on_host, shortest


@dataclass(frozen=True)
class MGDA(GramianAggregator):
    r"""The shortest vector of the convex hull of the gradients.

    .. math:: d = J^T \alpha, \qquad \alpha = \arg\min_\alpha \|J^T \alpha\|
              \quad \text{with } \alpha \ge 0,\ \sum_k \alpha_k = 1

    so that :math:`g_k \cdot d \ge \|d\|^2` for every term. It is found exactly. Terms with small
    gradients count most, and there is no direction as soon as one of them is zero.

    Promise: no term increases to first order, and all decrease unless no direction lowers all; of
    gradients whose sizes differ by more than the square root of the precision, up to rounding.

    References:
        Désidéri (2012), C. R. Math. 350, 313-318.
    """

    def weights(self, gramian: Tensor) -> Tensor:
        """See :class:`GramianAggregator`."""
        return on_host(shortest, gramian)
