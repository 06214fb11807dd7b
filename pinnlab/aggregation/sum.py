"""The plain sum of the gradients."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Sum:
    r"""The gradient of the sum of the terms, :math:`g = \sum_k g_k`."""

    def __call__(self, jacobian: Tensor) -> Tensor:
        """Sum the rows of ``(m, p)``."""
        return jacobian.sum(0)
