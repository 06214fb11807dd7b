"""Relative loss balancing with random lookback."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pinnlab.checks import check_count, check_positive, check_share
from pinnlab.objective.objective import Objective
from pinnlab.weighting._residuals import losses_of_step
from pinnlab.weighting.base import Weigher, Weighting


@dataclass(frozen=True)
class ReLoBRaLo(Weighting):
    r"""Relative loss balancing with random lookback: terms that fall slowly gain weight.

    With the losses :math:`L_k(t)` of step t, the weights that balance the progress since t' are

    .. math:: b_k(t, t') = m \operatorname{softmax}_k \frac{L_k(t)}{T L_k(t')}

    and those of the next step

    .. math:: w(t) = \alpha \bigl(\rho\, w(t-1) + (1 - \rho)\, b(t, 0)\bigr)
        + (1 - \alpha)\, b(t, t - 1)

    with ρ either 0 or 1, drawn in every step. They start at 1, w(1) = b(1, 0), and always sum to
    the number m of terms.

    Args:
        temperature: T; the smaller, the more the slowest term gets.
        alpha: Share α of the past.
        rho: How often the past is that of the last step and not that of the first, E[ρ].
        every: Steps between updates.

    Raises:
        DeclarationError: If a number makes no sense.

    References:
        Bischof, Kraus (2021), arXiv 2110.09813, algorithm 1.
    """

    temperature: float = 0.1
    alpha: float = 0.999
    rho: float = 0.999
    every: int = 1

    residuals = True

    def __post_init__(self) -> None:
        check_positive(self, needed=True, temperature=self.temperature)
        check_share(self, zero=True, one=True, alpha=self.alpha, rho=self.rho)
        check_count(self, needed=True, every=self.every)

    def start(self, objective: Objective) -> Weigher:
        """See :class:`Weighting`."""
        return LookbackWeigher(self, objective)


class LookbackWeigher(Weigher):
    """The losses of the first and of the last step.

    Args:
        rule: Its settings.
        objective: Whose seed determines what is drawn.
    """

    def __init__(self, rule: ReLoBRaLo, objective: Objective) -> None:
        super().__init__()
        self.rule, self.seed = rule, objective.seed
        self.first: dict[str, float] = {}
        self.last: dict[str, float] = {}
        self.observed, self.updates = 0, 0

    def observe(self, objective: Objective) -> None:
        """See :class:`Weigher`."""
        losses, self.message = losses_of_step("ReLoBRaLo", objective)
        if not losses:
            return
        self.observed += 1
        if not self.first:
            self.first = self.last = losses
            self.terms = dict.fromkeys(losses, 1.0)
        elif (self.observed - 1) % self.rule.every == 0:
            self.terms = self._next(losses)
            self.last = losses

    def update(self, objective: Objective, step: int) -> None:
        """The weights are those that the last step left."""

    def _next(self, losses: Mapping[str, float]) -> dict[str, float]:
        rule = self.rule
        since_first = balanced(losses, self.first, rule.temperature)
        self.updates += 1
        if self.updates == 1:
            return since_first
        since_last = balanced(losses, self.last, rule.temperature)
        # A generator of its own for every update: nothing has to be kept to go on from here.
        looks_back = np.random.default_rng([self.seed, self.updates]).random() >= rule.rho
        past = since_first if looks_back else self.terms
        return {
            name: rule.alpha * past[name] + (1 - rule.alpha) * since_last[name] for name in losses
        }

    def state_dict(self) -> dict[str, Any]:
        """See :class:`Weigher`."""
        counts = {"observed": self.observed, "updates": self.updates}
        return super().state_dict() | counts | {"first": dict(self.first), "last": dict(self.last)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :class:`Weigher`."""
        super().load_state_dict(state)
        self.observed, self.updates = state["observed"], state["updates"]
        self.first, self.last = dict(state["first"]), dict(state["last"])


def balanced(
    losses: Mapping[str, float], before: Mapping[str, float], temperature: float
) -> dict[str, float]:
    """m·softmax of the relative losses over T; a term that was and is solved counts as 1.

    Example:
        >>> balanced({"a": 1.0, "b": 0.5}, {"a": 2.0, "b": 1.0}, temperature=0.1)
        {'a': 1.0, 'b': 1.0}
    """
    least = 1e-30  # what 0/0 = 1 needs
    ratios = {k: (loss + least) / (before[k] + least) / temperature for k, loss in losses.items()}
    largest = max(ratios.values())
    shares = {k: math.exp(ratio - largest) for k, ratio in ratios.items()}
    total = sum(shares.values())
    return {k: len(shares) * share / total for k, share in shares.items()}
