r"""Weights that follow the training.

The loss is :math:`L = \tfrac12 \sum_k w_k \operatorname{mean}_i \lambda_{ki} \|r_k(x_i)\|^2` with
one weight :math:`w_k` for each term and, where a weighting asks for them, one
:math:`\lambda_{ki}` for each of its points. A *weighting* such as ``ReLoBRaLo()`` is a frozen
value; its :class:`Weigher` holds what it remembers. Several multiply, with each other and with the
fixed weights of the declaration, and any of them goes with any aggregator: the gradients that are
aggregated are those of the weighted terms.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor

from pinnlab.objective.objective import Objective


class Weigher(ABC):
    """The mutable part of a weighting.

    Attributes:
        terms: Factor on terms by name; those that are left out keep theirs.
        points: Factor on the squared residuals of single points by term, ``(n_k,)`` each.
    """

    def __init__(self) -> None:
        self.terms: dict[str, float] = {}
        self.points: dict[str, Tensor] = {}

    @abstractmethod
    def update(self, objective: Objective, step: int) -> None:
        """Set ``terms`` and ``points`` for the step to come.

        Args:
            objective: As the last step left it; ``objective.latest`` holds the residuals
                ``(n_k, c_k)`` of its last evaluation by term if they are those of the present
                points, and is empty otherwise.
            step: Steps of the run so far.
        """

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next weights depend on, as tensors and plain values."""
        return {"terms": dict(self.terms), "points": dict(self.points)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on as if the steps before had been taken here."""
        self.terms, self.points = dict(state["terms"]), dict(state["points"])


class Weighting(ABC):
    """A rule for weights.

    Attributes:
        per_point: Whether it weighs single points, which must then stay the same points.
        residuals: Whether it reads the residuals of the last step, which are then kept.
    """

    per_point: ClassVar[bool] = False
    residuals: ClassVar[bool] = False

    @abstractmethod
    def start(self, objective: Objective) -> Weigher:
        """The mutable part for one objective.

        Raises:
            DeclarationError: If it does not fit the terms of the objective.
        """


class Weights:
    """All weightings of a run: their product with the fixed weights, set before every step.

    Args:
        objective: Whose weights are set.
        weightings: The rules, in order.
    """

    def __init__(self, objective: Objective, weightings: Sequence[Weighting]) -> None:
        self.weightings = tuple(weightings)
        self.fixed: Mapping[str, float] = dict(objective.weights)
        objective.keep_latest = any(weighting.residuals for weighting in weightings)
        self.weighers = [weighting.start(objective) for weighting in weightings]

    def update(self, objective: Objective, step: int) -> None:
        """Set the weights of the step to come."""
        terms, points = dict(self.fixed), {}
        for weigher in self.weighers:
            weigher.update(objective, step)
            for name, factor in weigher.terms.items():
                terms[name] *= factor
            for name, factors in weigher.points.items():
                points[name] = factors * points[name] if name in points else factors
        if self.weighers:
            objective.set_weights(terms, points)

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next weights depend on."""
        return {"weighers": [weigher.state_dict() for weigher in self.weighers]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on as if the steps before had been taken here."""
        for weigher, own in zip(self.weighers, state["weighers"], strict=True):
            weigher.load_state_dict(own)
