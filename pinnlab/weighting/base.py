r"""Weights that follow the training.

The loss is :math:`L = \tfrac12 \sum_k w_k \operatorname{mean}_i \lambda_{ki} \|r_k(x_i)\|^2` with
one weight :math:`w_k` for each term and, where a weighting asks for them, one
:math:`\lambda_{ki}` for each of its points. A *weighting* such as ``ReLoBRaLo()`` is a frozen
value; its :class:`Weigher` holds what it remembers. Several multiply, with each other and with the
fixed weights of the declaration, and any of them goes with any aggregator: the gradients that are
aggregated are those of the weighted terms. Where an aggregator differentiates some of the terms in
a step, as MConFIG does, a weighting learns of each when it has its turn; what compares losses takes
the steps in which every term had one as a single step.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor

from pinnlab.objective.objective import Objective

logger = logging.getLogger(__name__)


class Weigher(ABC):
    """The mutable part of a weighting.

    What it learns from a step it takes in right after it, in :meth:`observe`, so that its state is
    all that the next weights depend on, and points may be drawn anew in between.

    Attributes:
        terms: Factor on terms by name; those that are left out keep theirs.
        points: Factor on the squared residuals of single points by term, ``(n_k,)`` each.
        message: What could not be weighed the last time, and what was done; empty if all went well.
    """

    def __init__(self) -> None:
        self.terms: dict[str, float] = {}
        self.points: dict[str, Tensor] = {}
        self.message = ""

    def observe(self, objective: Objective) -> None:  # noqa: B027 - few need it
        """Take in the step that was just made.

        Args:
            objective: ``objective.latest`` holds the residuals ``(n_k, c_k)`` of its last
                evaluation by term, at the points that it still has. Terms that the step did not
                evaluate, as with MConFIG, are not there.
        """

    @abstractmethod
    def update(self, objective: Objective, step: int) -> None:
        """Set ``terms`` and ``points`` for the step to come.

        Args:
            objective: As the last step left it, or with points drawn since; then
                ``objective.point_weights`` is empty.
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
        residuals: Whether it reads the residuals of the last step, which are then kept.
    """

    residuals: ClassVar[bool] = False

    @property
    def per_point(self) -> bool:
        """Whether it weighs single points, which must then stay the same points."""
        return False

    @abstractmethod
    def start(self, objective: Objective) -> Weigher:
        """The mutable part for one objective.

        Raises:
            DeclarationError: If it does not fit the terms of the objective.
        """


class Weights:
    """All weightings of a run: their product with the fixed weights, set before every step.

    When the objective goes on with another problem, as in windows of time, they begin anew.

    Args:
        objective: Whose weights are set.
        weightings: The rules, in order.
    """

    def __init__(self, objective: Objective, weightings: Sequence[Weighting]) -> None:
        self.weightings = tuple(weightings)
        self.fixed: Mapping[str, float] = dict(objective.weights)
        objective.keep_latest = any(weighting.residuals for weighting in weightings)
        self._objective = objective
        self._start(objective)

    def _start(self, objective: Objective) -> None:
        self._terms = objective.terms_
        self.weighers = [weighting.start(objective) for weighting in self.weightings]

    def _restart_if_redeclared(self, objective: Objective) -> None:
        """Begin anew where the objective has got the residuals of another problem."""
        if self.weightings and self._terms is not objective.terms_:
            objective.set_weights(self.fixed)
            self._start(objective)

    @property
    def messages(self) -> list[str]:
        """What the weightings could not weigh the last time."""
        return [weigher.message for weigher in self.weighers if weigher.message]

    def observe(self, objective: Objective) -> None:
        """Take in the step that was just made, before any point is drawn anew."""
        for weigher in self.weighers:
            before = weigher.message
            weigher.observe(objective)
            _tell(weigher, before)

    def update(self, objective: Objective, step: int) -> None:
        """Set the weights of the step to come."""
        if not self.weighers:
            return
        self._restart_if_redeclared(objective)
        for weigher in self.weighers:
            before = weigher.message
            weigher.update(objective, step)
            _tell(weigher, before)
        objective.set_weights(*self._products())

    def _products(self) -> tuple[dict[str, float], dict[str, Tensor]]:
        terms, points = dict(self.fixed), {}
        for weigher in self.weighers:
            for name, factor in weigher.terms.items():
                terms[name] *= factor
            for name, factors in weigher.points.items():
                points[name] = factors * points[name] if name in points else factors
        return terms, points

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next weights depend on."""
        return {"weighers": [weigher.state_dict() for weigher in self.weighers]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on as if the steps before had been taken here."""
        objective = self._objective
        number, weights = objective.batch_number, dict(objective.weights)
        self._restart_if_redeclared(objective)
        objective.batch_number, objective.weights = number, weights
        for weigher, own in zip(self.weighers, state["weighers"], strict=True):
            weigher.load_state_dict(own)
        like = next(iter(objective.points.values())).x
        for weigher in self.weighers:
            weigher.points = {name: factors.to(like) for name, factors in weigher.points.items()}
        points = self._products()[1]
        # That they are those of the present points is how weighers know these for the same.
        if all(len(points[name]) == count for name, count in point_counts(objective, points)):
            objective.point_weights = points


def point_counts(objective: Objective, names: Iterable[str]) -> list[tuple[str, int]]:
    """How many points terms have."""
    terms = {term.name: term for term in objective.terms_}
    return [(name, len(objective.points[terms[name].placements[0]])) for name in names]


def _tell(weigher: Weigher, before: str) -> None:
    """Say once what a weigher could not weigh."""
    if weigher.message and weigher.message != before:
        logger.warning("%s", weigher.message)
