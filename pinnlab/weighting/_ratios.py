r"""Weights that make a size of the term gradients equal.

Each rule measures a size :math:`s_k` of every term and a common numerator S, and moves the weights
towards their ratio,

.. math:: w_k \leftarrow \alpha w_k + (1 - \alpha) \frac{S}{s_k}.

Sizes are those of the terms :math:`\tfrac12 \operatorname{mean}_i \lambda_{ki} \|r_k(x_i)\|^2`
without any weight :math:`w_k`: a factor in the declaration, or of another weighting, stays a factor
on what the rule makes equal. The factors :math:`\lambda_{ki}` of single points are those of the
last step.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pinnlab.objective.objective import Objective
from pinnlab.weighting.base import Weigher

# The numerator S, and the sizes s_k by term, of an objective after so many steps; terms that are
# left out keep their weight.
Measure = Callable[[Objective, int], tuple[float, dict[str, float]]]


class RatioWeigher(Weigher):
    """Moving averages of ratios.

    Args:
        name: Of the rule, for messages.
        every: Steps between updates; the first one comes at once.
        momentum: Share α of the old weights that an update keeps.
        measure: Says the ratios.
    """

    def __init__(self, name: str, every: int, momentum: float, measure: Measure) -> None:
        super().__init__()
        self.name, self.every, self.momentum, self.measure = name, every, momentum, measure
        self.measured = False

    def update(self, objective: Objective, step: int) -> None:
        """See :class:`Weigher`."""
        if step % self.every and self.measured:
            return
        self.measured = True
        numerator, sizes = self.measure(objective, step)
        self.message = self._refused(numerator, sizes)
        if self.message:
            return
        # What is smaller is made of rounding errors.
        least = torch.finfo(objective.parameters[0].dtype).eps * numerator
        vanished = [name for name, size in sizes.items() if size <= least]
        keep = self.momentum
        for name, size in sizes.items():
            if name not in vanished:
                self.terms[name] = keep * self.terms.get(name, 1.0) + (1 - keep) * numerator / size
        if vanished:
            self.message = (
                f"{self.name}: the gradient of {_quoted(vanished)} is zero; its "
                "weight stays as it was"
            )

    def state_dict(self) -> dict[str, Any]:
        """See :class:`Weigher`."""
        return super().state_dict() | {"measured": self.measured}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :class:`Weigher`."""
        super().load_state_dict(state)
        self.measured = state["measured"]

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
