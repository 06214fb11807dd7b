r"""Weights that make a size of the term gradients equal.

Each rule measures a size :math:`s_k` of every term and a common numerator S, and moves the weights
towards their ratio,

.. math:: w_k \leftarrow \alpha w_k + (1 - \alpha) \min\Bigl(\frac{S}{s_k},\, C\Bigr).

The gradient of a term that is all but solved vanishes, and its weight alone would decide where the
parameters go. The limit C holds it: :math:`w_k \le \max(1, C)`.

Sizes are those of the terms :math:`\tfrac12 \operatorname{mean}_i \lambda_{ki} \|r_k(x_i)\|^2`
without any weight :math:`w_k`: a factor in the declaration, or of another weighting, stays a factor
on what the rule makes equal. The factors :math:`\lambda_{ki}` of single points are those of the
last step.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pinnlab.checks import check_count, check_positive, check_share
from pinnlab.objective.objective import Objective
from pinnlab.weighting.base import Weigher, Weighting

# The numerator S, and the sizes s_k by term, of an objective after so many steps; terms that are
# left out keep their weight.
Measure = Callable[[Objective, int], tuple[float, dict[str, float]]]


class RatioWeighting(Weighting):
    """A rule that says what is measured.

    Attributes:
        every: Steps between updates; the first one comes at once.
        momentum: Share α of the old weights that an update keeps.
        limit: Largest ratio C that a weight moves towards, or None.
    """

    every: int
    momentum: float
    limit: float | None

    def __post_init__(self) -> None:
        check_count(self, needed=True, every=self.every)
        check_share(self, zero=True, one=True, momentum=self.momentum)
        check_positive(self, limit=self.limit)

    @abstractmethod
    def measure_of(self, objective: Objective) -> Measure:
        """What says the ratios of an objective.

        Raises:
            DeclarationError: If it does not fit the terms of the objective.
        """

    def start(self, objective: Objective) -> Weigher:
        """See :class:`Weighting`."""
        return RatioWeigher(self, self.measure_of(objective))


class RatioWeigher(Weigher):
    """Moving averages of ratios.

    Args:
        rule: Its settings.
        measure: Says the ratios.
    """

    def __init__(self, rule: RatioWeighting, measure: Measure) -> None:
        super().__init__()
        self.rule, self.name, self.measure = rule, type(rule).__name__, measure
        self.measured = False
        self.held: set[str] = set()  # terms that have reached the limit

    def update(self, objective: Objective, step: int) -> None:
        """See :class:`Weigher`."""
        if step % self.rule.every and self.measured:
            return
        self.measured = True
        numerator, sizes = self.measure(objective, step)
        self.message = self._refused(numerator, sizes)
        if self.message:
            return
        # What is smaller is made of rounding errors.
        least = torch.finfo(objective.parameters[0].dtype).eps * numerator
        vanished = [name for name, size in sizes.items() if size <= least]
        keep, held = self.rule.momentum, []
        for name, size in sizes.items():
            if name in vanished:
                continue
            share = (1 - keep) * numerator / size
            if self.rule.limit is not None and numerator / size > self.rule.limit:
                share = (1 - keep) * self.rule.limit
                held.append(name)
            self.terms[name] = keep * self.terms.get(name, 1.0) + share
        self.message = "; ".join(filter(None, [self._stays(vanished), self._reached(held)]))

    def state_dict(self) -> dict[str, Any]:
        """See :class:`Weigher`."""
        return super().state_dict() | {
            "measured": self.measured,
            "held": sorted(self.held),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :class:`Weigher`."""
        super().load_state_dict(state)
        self.measured, self.held = state["measured"], set(state.get("held", ()))

    def _stays(self, vanished: list[str]) -> str:
        if not vanished:
            return ""
        return (
            f"{self.name}: the gradient of {_quoted(vanished)} is zero; its weight stays as it was"
        )

    def _reached(self, held: list[str]) -> str:
        """In words, the terms that have reached the limit for the first time."""
        new = [name for name in held if name not in self.held]
        self.held.update(new)
        if not new:
            return ""
        return (
            f"{self.name}: the gradient of {_quoted(new)} is so small that its weight is kept"
            f" from growing beyond {self.rule.limit:g}, the `limit`"
        )

    def _refused(self, numerator: float, sizes: dict[str, float]) -> str:
        wrong = [k for k, size in sizes.items() if not size < float("inf")]
        if wrong:
            return f"{self.name}: the gradient of {_quoted(wrong)} is not finite; all weights stay"
        if not 0 < numerator < float("inf"):
            return f"{self.name}: there is no gradient to compare with; all weights stay"
        return ""


def _quoted(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def unweighted_gradients(objective: Objective) -> tuple[list[str], Tensor]:
    """Gradients of the terms without their weights, ``(m, p)`` in float64.

    Terms whose weight is zero have none: their names and rows are left out.
    """
    rows = objective.gradients()[0].double()
    names = [name for name in objective.names if objective.weights[name] > 0]
    kept = [k for k, name in enumerate(objective.names) if name in names]
    weights = torch.tensor([objective.weights[name] for name in names], dtype=rows.dtype)
    return names, rows[kept] / weights.to(rows.device)[:, None]


def sizes_of(names: list[str], values: Tensor) -> dict[str, float]:
    """Numbers ``(m,)`` by term."""
    return dict(zip(names, values.tolist(), strict=True))
