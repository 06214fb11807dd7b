"""Gradient sign dropout."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pinnlab.aggregation._dice import Dice
from pinnlab.aggregation.base import Aggregator, Combiner, Setup
from pinnlab.checks import check_known, check_mapping, check_share


@dataclass(frozen=True)
class GradDrop(Aggregator):
    r"""For every parameter only the gradients of one sign, drawn at random.

    With the purity :math:`P = \tfrac12 (1 + \sum_k g_k / \sum_k |g_k|)` of each parameter and a
    uniform random number u of its own, the positive entries are kept if :math:`P > u` and the
    negative ones otherwise; of those that are dropped a share :math:`\ell_k` may leak through,

    .. math:: d = \sum_k \bigl(M_k + \ell_k (1 - M_k)\bigr) \circ g_k

    Without leaks the mean over the draws is the gradient of the loss, for
    :math:`P \sum_k g_k^+ + (1 - P) \sum_k g_k^- = \sum_k g_k`. Training draws anew in every step,
    from the seed of the run; a call on a matrix always draws the same, and knows no leaks.

    Promise: none for single terms; in the mean the direction is the gradient of the loss.

    Args:
        leak: Share of what is dropped that passes, in [0, 1], by name of term; others pass none.

    References:
        Chen et al. (2020), Just pick a sign, NeurIPS, arXiv 2010.06808, algorithm 1.
    """

    leak: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_mapping(self, {"data": 0.5}, leak=self.leak)
        for name, share in self.leak.items():
            check_share(self, zero=True, one=True, **{f"leak of '{name}'": share})

    @property
    def heeds_weights(self) -> bool:
        """See :class:`Aggregator`."""
        return True

    def __call__(self, jacobian: Tensor) -> Tensor:
        """See :class:`Aggregator`."""
        return one_sign(jacobian, Dice(0).uniform(jacobian[0]), None)

    def start(self, setup: Setup) -> Combiner:
        """See :class:`Aggregator`."""
        check_known(self, self.leak, setup.names, "leak")
        leaks = [self.leak.get(name, 0.0) for name in setup.names]
        return _GradDropCombiner(self, leaks, setup.seed)


class _GradDropCombiner(Combiner):
    """Draws signs for every step."""

    safe = True

    def __init__(self, aggregator: GradDrop, leaks: Sequence[float], seed: int) -> None:
        super().__init__(aggregator)
        self._leaks, self._dice = list(leaks), Dice(seed)

    def __call__(self, jacobian: Tensor, gramian: Tensor) -> Tensor:
        """See :class:`Combiner`."""
        draw = self._dice.uniform(jacobian[0])
        leaks = draw.new_tensor(self._leaks)[:, None] if any(self._leaks) else None
        return one_sign(jacobian, draw, leaks)

    def state_dict(self) -> dict[str, Any]:
        """See :class:`Combiner`."""
        return self._dice.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :class:`Combiner`."""
        self._dice.load_state_dict(state)


def one_sign(jacobian: Tensor, draw: Tensor, leaks: Tensor | None) -> Tensor:
    """The sum ``(p,)`` of the entries of one sign.

    Args:
        jacobian: ``(m, p)``.
        draw: Uniform in [0, 1), ``(p,)``.
        leaks: Shares ``(m, 1)`` of the other entries that pass, or None.
    """
    total, size = jacobian.sum(0), jacobian.abs().sum(0)
    # P > u without a division, which has no value where every entry is zero.
    up = total > (2 * draw - 1) * size
    kept = torch.where(up, jacobian.clamp_min(0), jacobian.clamp_max(0))
    return (kept if leaks is None else kept + leaks * (jacobian - kept)).sum(0)
