"""End with the best state that training passed through."""

import math
from typing import TYPE_CHECKING, Any

from torch import Tensor

from pinnlab.checks import check_count
from pinnlab.training.callbacks.base import Callback
from pinnlab.training.callbacks.monitor import Monitor

if TYPE_CHECKING:
    from pinnlab.training.trainer import Trainer


class KeepBest(Callback):
    """Keep a copy of the best parameters and unknowns, and end the run with them.

    A loss that is drawn on new points, or one that goes up and down, is seldom least in the last
    step. Of several stages, such as windows of time, only states of the last one are compared:
    others solve another problem.

    Args:
        monitor: What is to be small: ``"loss"`` with the weights of the declaration, the name of a
            term for its mean square, or ``"error"`` for the largest relative L2 error that
            :class:`Evaluate` finds, whose ``every`` counts then.
        every: Steps between two looks; loss and terms are evaluated once more for each, at the
            state that would be kept.

    Raises:
        DeclarationError: At the start, if the run has no such number.
    """

    def __init__(self, monitor: str = "loss", every: int = 100) -> None:
        check_count(self, every=every)
        self.monitor, self.every = monitor, every
        self._monitor = Monitor(self, monitor)
        self._value, self._step, self._stage = math.inf, 0, ""
        self._state: dict[str, Tensor] = {}

    def check(self, trainer: "Trainer") -> None:
        """See :class:`Callback`."""
        self._monitor.check(trainer)

    def reads(self, trainer: "Trainer") -> bool:
        """See :class:`Callback`."""
        return False

    def on_step(self, trainer: "Trainer", record: dict[str, Any]) -> None:
        """See :class:`Callback`."""
        stage = repr(trainer.staging.setting)
        if stage != self._stage:  # the states so far belong to another problem
            self._value, self._stage, self._state = math.inf, stage, {}
        value = None
        if self.monitor == "error":
            value = self._monitor.value(trainer, record)
        elif trainer.step % self.every == 0 or trainer.last_step:
            value = self._monitor.now(trainer)
        if value is not None and value < self._value:
            self._value, self._step = value, trainer.step
            module = trainer.objective.state.state_dict()
            self._state = {name: tensor.detach().clone() for name, tensor in module.items()}

    def on_finish(self, trainer: "Trainer") -> None:
        """See :class:`Callback`."""
        if self._state:
            trainer.objective.state.load_state_dict(self._state)
            told = {"step": self._step, "monitor": self.monitor, "value": self._value}
            trainer.kept = told | self._monitor.record(trainer)

    def state_dict(self) -> dict[str, Any]:
        """See :class:`Callback`."""
        return {
            "value": self._value,
            "step": self._step,
            "stage": self._stage,
            "state": self._state,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :class:`Callback`."""
        self._value, self._step = state["value"], state["step"]
        self._stage, self._state = state["stage"], state["state"]
