"""What learns from the losses of the terms."""

from abc import abstractmethod
from typing import Any

import torch

from pinnlab.objective.objective import Objective
from pinnlab.weighting._residuals import not_finite, squared_norms
from pinnlab.weighting.base import Weigher


class LossWeigher(Weigher):
    """Compares the losses of the terms, each time that all of them were evaluated.

    Where a step evaluates some of the terms only, as with MConFIG, losses are kept until the others
    have had their turn: a loss that was just repeated would look like one that stands still.

    Args:
        owner: Name of the rule, for messages.
    """

    def __init__(self, owner: str) -> None:
        super().__init__()
        self.owner = owner
        self.seen: dict[str, float] = {}  # since it last learnt

    @abstractmethod
    def learn(self, losses: dict[str, float]) -> None:
        """Take in the mean squares of all terms, each as it was seen last."""

    def observe(self, objective: Objective) -> None:
        """See :class:`Weigher`."""
        losses = losses_of_step(objective)
        self.message = not_finite(self.owner, losses)
        if self.message:
            return
        self.seen |= losses
        if all(name in self.seen for name in objective.names):
            seen, self.seen = self.seen, {}
            self.learn({name: seen[name] for name in objective.names})

    def update(self, objective: Objective, step: int) -> None:
        """The weights are those that the last step left."""

    def state_dict(self) -> dict[str, Any]:
        """See :class:`Weigher`."""
        return super().state_dict() | {"seen": dict(self.seen)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :class:`Weigher`."""
        super().load_state_dict(state)
        self.seen = dict(state.get("seen", {}))


def losses_of_step(objective: Objective) -> dict[str, float]:
    """Mean squares of the terms that the last step evaluated."""
    squares = squared_norms(objective.latest, objective.names)
    if not squares:
        return {}
    # One transfer from the device.
    means = torch.stack([square.mean() for square in squares.values()]).double().tolist()
    return dict(zip(squares, means, strict=True))
