"""Independent component alignment."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.aggregation.base import GramianAggregator
from pinnlab.aggregation.small_problems import Matrix, Vector, on_host
from pinnlab.checks import check_choice

SCALES = ("min", "median", "rmse")


@dataclass(frozen=True)
class AlignedMTL(GramianAggregator):
    r"""The sum of gradients that were made orthogonal and equally long.

    With the eigendecomposition :math:`G = V \Lambda V^T` of the Gramian, over its non-zero
    eigenvalues,

    .. math:: d = J^T \alpha, \qquad \alpha = \sigma\, V \Lambda^{-1/2} V^T 1

    is the sum of the rows of the matrix with orthogonal rows of length σ that is closest to J.

    Promise: the loss decreases to first order, for :math:`1 \cdot Jd = \sigma\, 1 \cdot V
    \Lambda^{1/2} V^T 1`. Single terms may increase.

    Args:
        scale: Length σ of the aligned gradients: the ``min`` or ``median`` of the singular values
            of J, or their root mean square, ``rmse``.

    References:
        Senushkin et al. (2023), Independent component alignment for multi-task learning, CVPR,
        algorithm 1. Computed by TorchJD, with a preference of one for every term.
    """

    scale: str = "min"

    def __post_init__(self) -> None:
        check_choice(self, SCALES, scale=self.scale)

    def weights(self, gramian: Tensor) -> Tensor:
        """See :class:`GramianAggregator`."""
        return on_host(self._aligned, gramian)

    def _aligned(self, gramian: Matrix) -> Vector:
        from torchjd.aggregation import AlignedMTLWeighting

        matrix = torch.tensor(gramian, dtype=torch.float64)
        ones = torch.ones_like(matrix[0])
        return AlignedMTLWeighting(ones, scale_mode=self.scale)(matrix).tolist()  # type: ignore[arg-type]
