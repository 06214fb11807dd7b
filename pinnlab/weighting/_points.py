"""What remembers a number for every point."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from pinnlab.objective.objective import Objective
from pinnlab.weighting._residuals import not_finite, squared_norms, sums_of
from pinnlab.weighting.base import Weigher


class PointWeigher(Weigher):
    """Numbers of single points, which begin anew whenever points are drawn.

    Args:
        owner: Name of the rule, for messages.
        names: Terms whose points are weighed.
    """

    def __init__(self, owner: str, names: Sequence[str]) -> None:
        super().__init__()
        self.owner, self.names = owner, tuple(names)
        self.memory: dict[str, dict[str, Tensor]] = {}

    @abstractmethod
    def begin(self, objective: Objective) -> None:
        """Set memory and factors for points that are new."""

    @abstractmethod
    def learn(self, name: str, squares: Tensor) -> None:
        """Take in the squared residuals ``(n_k,)`` of a term at the last step."""

    def observe(self, objective: Objective) -> None:
        """See :class:`Weigher`."""
        squares = squared_norms(objective.latest, self.names)
        self.message = not_finite(self.owner, sums_of(squares))
        if self.message:
            return
        for name, square in squares.items():
            kept = self.memory.get(name, {})
            if any(len(values) != len(square) for values in kept.values()):
                continue  # points of another batch
            self.memory[name] = {key: values.to(square) for key, values in kept.items()}
            self.learn(name, square)

    def update(self, objective: Objective, step: int) -> None:
        """See :class:`Weigher`."""
        if not self.points or any(name not in objective.point_weights for name in self.points):
            self.begin(objective)

    def state_dict(self) -> dict[str, Any]:
        """See :class:`Weigher`."""
        return super().state_dict() | {"memory": {k: dict(v) for k, v in self.memory.items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :class:`Weigher`."""
        super().load_state_dict(state)
        self.memory = {name: dict(kept) for name, kept in state["memory"].items()}
