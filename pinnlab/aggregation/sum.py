"""The plain sum of the gradients."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.aggregation.base import GramianAggregator


@dataclass(frozen=True)
class Sum(GramianAggregator):
    r"""The gradient of the sum of the terms, :math:`g = \sum_k g_k`.

    Promise: the loss decreases to first order. Single terms may increase.
    """

    @property
    def heeds_weights(self) -> bool:
        """See :class:`Aggregator`."""
        return True

    def weights(self, gramian: Tensor) -> Tensor:
        """All ones."""
        return torch.ones_like(gramian[0])
