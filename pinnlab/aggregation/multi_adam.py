"""Adam for every group of terms."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnlab.aggregation.base import Aggregator, Combiner, Setup, cloned, gramian_of
from pinnlab.aggregation.groups import declared_groups, numbered_groups


@dataclass(frozen=True)
class MultiAdam(Aggregator):
    r"""The mean of the steps that Adam would make for each group of terms by itself.

    Every group i of terms has moments of its own, of the gradient :math:`g_i` of its sum,

    .. math:: m_i \leftarrow \beta_1 m_i + (1 - \beta_1) g_i, \qquad
              v_i \leftarrow \beta_2 v_i + (1 - \beta_2) g_i^2, \qquad
              d = \frac1n \sum_{i=1}^n \frac{\hat m_i}{\sqrt{\hat v_i} + \epsilon}

    entry by entry, with :math:`\hat m_i = m_i / (1 - \beta_1^t)` and :math:`\hat v_i` likewise, so
    that the size of a group does not matter. The direction is a whole step, which the phase
    ``Adam`` takes as it is; its ``betas`` and ``eps`` are those above. A call on a matrix is the
    first step, with each term for itself.

    Promise: multiplying the terms of a group by a number changes nothing, up to ε. Single terms
    may increase.

    Args:
        groups: Lists of names of terms; empty makes each term a group. The paper has two: the
            equations, and all conditions.

    References:
        Yao et al. (2023), MultiAdam: parameter-wise scale-invariant optimizer for multiscale
        training of physics-informed neural networks, ICML, arXiv 2306.02816, algorithm 1.
    """

    groups: Sequence[Sequence[str]] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", declared_groups(self, self.groups))

    def __call__(self, jacobian: Tensor) -> Tensor:
        """See :class:`Aggregator`."""
        setup = Setup([str(k) for k in range(len(jacobian))])
        return _MultiAdamCombiner(self, None, setup)(jacobian, gramian_of(jacobian))

    def start(self, setup: Setup) -> Combiner:
        """See :class:`Aggregator`."""
        groups = numbered_groups(self, self.groups, setup.names) if self.groups else None
        return _MultiAdamCombiner(self, groups, setup)


class _MultiAdamCombiner(Combiner):
    """Moments of every group."""

    safe = True
    finished = True

    def __init__(
        self, aggregator: MultiAdam, groups: Sequence[Sequence[int]] | None, setup: Setup
    ) -> None:
        super().__init__(aggregator)
        self.groups = groups
        self._betas, self._eps, self._taken = setup.betas, setup.eps, 0
        self._first: Tensor | None = None
        self._second: Tensor | None = None

    def __call__(self, jacobian: Tensor, gramian: Tensor) -> Tensor:
        """See :class:`Combiner`."""
        if self._first is None or self._second is None:
            self._first, self._second = torch.zeros_like(jacobian), torch.zeros_like(jacobian)
        elif self._first.device != jacobian.device:  # restored
            self._first, self._second = self._first.to(jacobian), self._second.to(jacobian)
        b1, b2 = self._betas
        self._taken += 1
        self._first.lerp_(jacobian, 1 - b1)
        self._second.mul_(b2).addcmul_(jacobian, jacobian, value=1 - b2)
        scale = (self._second / (1 - b2**self._taken)).sqrt_().add_(self._eps)
        steps = self._first / scale  # (n, p)
        return steps.sum(0).div_(len(jacobian) * (1 - b1**self._taken))

    def state_dict(self) -> dict[str, Any]:
        """See :class:`Combiner`."""
        return {
            "taken": self._taken,
            "first": cloned(self._first),
            "second": cloned(self._second),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :class:`Combiner`."""
        self._taken = state["taken"]
        self._first, self._second = cloned(state["first"]), cloned(state["second"])
