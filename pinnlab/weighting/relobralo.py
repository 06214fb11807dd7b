"""Relative loss balancing with random lookback."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pinnlab.checks import check_count, check_positive, check_share
from pinnlab.objective.objective import Objective
from pinnlab.weighting._losses import LossWeigher
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

    A loss that was next to nothing, such as that of an inequality which holds at the start or of
    zero boundary values where the surrogate begins as zero, does not tell progress: its ratio would
    leave the other terms nothing. A term whose loss was zero at t', or has been more than C times
    :math:`L_k(t')` since, takes no part: its :math:`b_k` is 1, and the others share the rest.

    Args:
        temperature: T; the smaller, the more the slowest term gets.
        alpha: Share α of the past.
        rho: How often the past is that of the last step and not that of the first, E[ρ].
        every: Steps between updates.
        limit: C; how many times what it was a loss may become and still be compared with that.

    Raises:
        DeclarationError: If a number makes no sense.

    References:
        Bischof, Kraus (2021), arXiv 2110.09813, algorithm 1. Differs: the paper has no limit; on
        common problems its ratios stay far below ours.
    """

    temperature: float = 0.1
    alpha: float = 0.999
    rho: float = 0.999
    every: int = 1
    limit: float = 1e3

    residuals = True

    def __post_init__(self) -> None:
        check_positive(self, needed=True, temperature=self.temperature, limit=self.limit)
        check_share(self, zero=True, one=True, alpha=self.alpha, rho=self.rho)
        check_count(self, needed=True, every=self.every)

    def start(self, objective: Objective) -> Weigher:
        """See :class:`Weighting`."""
        return LookbackWeigher(self, objective)


class LookbackWeigher(LossWeigher):
    """The losses of the first and of the last step, and the largest of all.

    Args:
        rule: Its settings.
        objective: Whose seed determines what is drawn.
    """

    def __init__(self, rule: ReLoBRaLo, objective: Objective) -> None:
        super().__init__("ReLoBRaLo")
        self.rule, self.seed = rule, objective.seed
        self.first: dict[str, float] = {}
        self.last: dict[str, float] = {}
        self.worst: dict[str, float] = {}
        self.observed, self.updates = 0, 0

    def learn(self, losses: dict[str, float]) -> None:
        """See :class:`LossWeigher`."""
        self.observed += 1
        self.worst = larger(losses, self.worst)
        if not self.first:
            self.first = self.last = losses
            self.terms = dict.fromkeys(losses, 1.0)
        elif (self.observed - 1) % self.rule.every == 0:
            self.terms = self._next(losses)
            self.last = losses

    def _next(self, losses: Mapping[str, float]) -> dict[str, float]:
        rule = self.rule
        since_first = self._balanced(losses, self.first, self.worst)
        self.updates += 1
        if self.updates == 1:
            return since_first
        since_last = self._balanced(losses, self.last, larger(losses, self.last))
        # A generator of its own for every update: nothing has to be kept to go on from here.
        looks_back = np.random.default_rng([self.seed, self.updates]).random() >= rule.rho
        past = since_first if looks_back else self.terms
        return {
            name: rule.alpha * past[name] + (1 - rule.alpha) * since_last[name] for name in losses
        }

    def _balanced(
        self, losses: Mapping[str, float], before: Mapping[str, float], worst: Mapping[str, float]
    ) -> dict[str, float]:
        """The weights that balance the progress since the losses were others, with the limit."""
        limit = self.rule.limit
        known = {k: old for k, old in before.items() if old > 0 and worst[k] <= limit * old}
        return balanced(losses, known, self.rule.temperature)

    def state_dict(self) -> dict[str, Any]:
        """See :class:`Weigher`."""
        counts = {"observed": self.observed, "updates": self.updates}
        seen = {"first": self.first, "last": self.last, "worst": self.worst}
        return super().state_dict() | counts | {k: dict(losses) for k, losses in seen.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :class:`Weigher`."""
        super().load_state_dict(state)
        self.observed, self.updates = state["observed"], state["updates"]
        self.first, self.last = dict(state["first"]), dict(state["last"])
        self.worst = dict(state["worst"])


def larger(losses: Mapping[str, float], others: Mapping[str, float]) -> dict[str, float]:
    """The larger of two losses, for every term of the first."""
    return {name: max(loss, others.get(name, 0.0)) for name, loss in losses.items()}


def balanced(
    losses: Mapping[str, float], before: Mapping[str, float], temperature: float
) -> dict[str, float]:
    """m·softmax of the relative losses over T, of the m terms that are compared; 1 for the others.

    Args:
        losses: Now.
        before: What they are compared with, positive; terms that are left out are not compared.
        temperature: T.

    Example:
        >>> balanced({"a": 1.0, "b": 0.5, "c": 1.0}, {"a": 2.0, "b": 1.0}, temperature=0.1)
        {'a': 1.0, 'b': 1.0, 'c': 1.0}
    """
    ratios = {k: losses[k] / old / temperature for k, old in before.items()}
    largest = max(ratios.values(), default=0.0)
    shares = {k: math.exp(ratio - largest) for k, ratio in ratios.items()}
    total = sum(shares.values())
    return {k: len(shares) * shares[k] / total if k in shares else 1.0 for k in losses}
