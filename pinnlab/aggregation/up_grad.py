"""Unconflicting projections of all gradients."""

from dataclasses import dataclass

from torch import Tensor

from pinnlab.aggregation.base import GramianAggregator
from pinnlab.aggregation.small_problems import Matrix, Vector, nonnegative, on_host, unit_gramian


@dataclass(frozen=True)
class UPGrad(GramianAggregator):
    r"""The sum of the gradients, each projected onto the directions that let no term increase.

    .. math:: d = \sum_k \pi(g_k), \qquad
              \pi(g) = \arg\min_d \|d - g\| \ \text{ with } g_j \cdot d \ge 0 \text{ for all } j

    Each projection is :math:`J^T v` with the minimiser of :math:`v \cdot Gv` over
    :math:`v \ge e_k`, found exactly. A term is weighed linearly by the size of its gradient, and
    without conflict the direction is the gradient of the loss.

    Promise: no term increases to first order.

    References:
        Quinton and Rey (2024), Jacobian descent for multi-objective optimization, arXiv 2406.16232,
        section 3. Differs: the sum of the projections in place of their mean.

    >>> import torch
    >>> import pinnlab as pl
    >>> pl.UPGrad()(torch.tensor([[-4.0, 1.0, 1.0], [6.0, 1.0, 1.0]]))
    tensor([0.5848, 3.8012, 3.8012])
    """

    @property
    def heeds_weights(self) -> bool:
        """See :class:`Aggregator`."""
        return True

    def weights(self, gramian: Tensor) -> Tensor:
        """See :class:`GramianAggregator`."""
        return on_host(projected_gradients, gramian)


def projected_gradients(gramian: Matrix) -> Vector:
    """Coefficients of the sum of the projections."""
    norms, cosines = unit_gramian(gramian)
    total = list(norms)
    for norm, row in zip(norms, cosines, strict=True):
        if norm > 0 and min(row) < 0:
            for j, value in enumerate(nonnegative(cosines, row)):
                total[j] += norm * value
    return [t / n if n > 0 else 0.0 for t, n in zip(total, norms, strict=True)]
