"""Weights from the slopes of the losses."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pinnlab.checks import check_count
from pinnlab.errors import DeclarationError
from pinnlab.objective.objective import Objective
from pinnlab.weighting._losses import LossWeigher
from pinnlab.weighting.base import Weigher, Weighting


@dataclass(frozen=True)
class SoftAdapt(Weighting):
    r"""Terms whose loss rises, or falls the slowest, gain weight.

    .. math:: w_k = m \frac{f_k e^{\beta s_k}}{\sum_j f_j e^{\beta s_j}}

    with the slope :math:`s_k` of the loss over the last steps by a backward difference of the given
    order; ``normalized`` slopes are divided by the sum of their sizes. The factor f is 1, or the
    loss itself, averaged over these steps, if ``loss_weighted``. Weights are 1 until there are
    enough steps.

    Args:
        beta: β; positive to favour the terms that do worst, negative to favour the best.
        order: Order of accuracy of the difference, which reads ``order + 1`` losses.
        normalized: Divide the slopes by the sum of their sizes.
        loss_weighted: Favour large losses as well.
        every: Steps between updates.

    Raises:
        DeclarationError: If a number makes no sense.

    References:
        Heydari, Thompson, Mehmood (2019), arXiv 1912.12355, with β as there. Differs: the weights
        sum to the number m of terms and not to 1, so that equal slopes leave the loss as it is.
    """

    beta: float = 0.1
    order: int = 5
    normalized: bool = True
    loss_weighted: bool = False
    every: int = 1

    residuals = True

    def __post_init__(self) -> None:
        if not isinstance(self.beta, (int, float)) or not math.isfinite(self.beta):
            raise DeclarationError(
                f"SoftAdapt cannot have beta={self.beta!r}",
                expected="a finite number",
                got=self.beta,
                do="choose e.g. beta=0.1",
            )
        check_count(self, needed=True, order=self.order, every=self.every)
        if self.order > 8:
            raise DeclarationError(
                f"SoftAdapt cannot have order={self.order}",
                expected="at most 8, beyond which the difference is made of rounding errors",
                got=self.order,
                do="use order=5 or less",
            )

    def start(self, objective: Objective) -> Weigher:
        """See :class:`Weighting`."""
        return SlopeWeigher(self)


class SlopeWeigher(LossWeigher):
    """The losses of the last steps.

    Args:
        rule: Its settings.
    """

    def __init__(self, rule: SoftAdapt) -> None:
        super().__init__("SoftAdapt")
        self.rule = rule
        self.history: list[dict[str, float]] = []  # oldest first
        self.observed = 0

    def learn(self, losses: dict[str, float]) -> None:
        """See :class:`LossWeigher`."""
        self.observed += 1
        self.history = [*self.history, losses][-(self.rule.order + 1) :]
        enough = len(self.history) > self.rule.order
        if enough and self.observed % self.rule.every == 0:
            self.terms = adapted(self.history, self.rule)

    def state_dict(self) -> dict[str, Any]:
        """See :class:`Weigher`."""
        return super().state_dict() | {"history": list(self.history), "observed": self.observed}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :class:`Weigher`."""
        super().load_state_dict(state)
        self.history = [dict(losses) for losses in state["history"]]
        self.observed = state["observed"]


def adapted(history: Sequence[Mapping[str, float]], rule: SoftAdapt) -> dict[str, float]:
    """The weights for ``order + 1`` losses by term, oldest first."""
    names = list(history[0])
    losses = np.array([[step[name] for name in names] for step in history])
    coefficients = backward_difference(rule.order)
    slopes = coefficients @ losses
    # Where losses stand still, what is left are rounding errors, which a division would blow up.
    rounding = 16 * np.finfo(float).eps * (np.abs(coefficients) @ np.abs(losses))
    slopes = np.where(np.abs(slopes) > rounding, slopes, 0.0)
    if rule.normalized:
        total = np.abs(slopes).sum()
        slopes = slopes / total if total > 0 else slopes
    shares = np.exp(rule.beta * slopes - (rule.beta * slopes).max())
    if rule.loss_weighted:
        shares = shares * losses.mean(axis=0)
    total = shares.sum()
    shares = shares / total if total > 0 else np.full(len(names), 1 / len(names))
    return dict(zip(names, (len(names) * shares).tolist(), strict=True))


def backward_difference(order: int) -> np.ndarray:
    """Coefficients of the first derivative at the last of ``order + 1`` equidistant values.

    Example:
        >>> backward_difference(1).tolist()
        [-1.0, 1.0]
    """
    places = np.arange(-order, 1.0)
    powers = np.arange(order + 1)
    wanted = (powers == 1).astype(float)  # the derivative of xᵏ at 0
    return np.linalg.solve(places[None, :] ** powers[:, None], wanted)
