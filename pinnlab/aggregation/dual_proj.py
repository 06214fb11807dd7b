"""The projection of the gradient of the loss."""

from dataclasses import dataclass

from torch import Tensor

from pinnlab.aggregation.base import GramianAggregator
from pinnlab.aggregation.small_problems import (
    Matrix,
    Vector,
    nonnegative,
    on_host,
    product,
    unit_gramian,
)


@dataclass(frozen=True)
class DualProj(GramianAggregator):
    r"""The direction closest to the gradient of the loss that lets no term increase.

    .. math:: d = \arg\min_d \Bigl\|d - \sum_k g_k\Bigr\|
              \quad \text{with } g_j \cdot d \ge 0 \text{ for all } j

    Promise: no term increases to first order.

    References:
        Lopez-Paz and Ranzato (2017), Gradient episodic memory for continual learning, NeurIPS,
        equation 11, with the sum of the gradients for the proposed update.
    """

    def weights(self, gramian: Tensor) -> Tensor:
        """See :class:`GramianAggregator`."""
        return on_host(projected_sum, gramian)


def projected_sum(gramian: Matrix) -> Vector:
    """Coefficients of the projection."""
    norms, cosines = unit_gramian(gramian)
    added = nonnegative(cosines, product(cosines, norms))
    return [1.0 + a / n if n > 0 else 0.0 for a, n in zip(added, norms, strict=True)]
