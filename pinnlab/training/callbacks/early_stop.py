"""Stop when it is good enough, or no longer gets better."""

import math
from typing import TYPE_CHECKING, Any

from pinnlab.checks import check_count, check_not_negative, check_positive
from pinnlab.errors import DeclarationError
from pinnlab.training.callbacks.base import Callback
from pinnlab.training.callbacks.monitor import Monitor

if TYPE_CHECKING:
    from pinnlab.training.trainer import Trainer


class EarlyStop(Callback):
    """End the run when a followed number reaches a target or stops falling.

    Args:
        monitor: ``"loss"`` with the weights of the declaration, the name of a term for its mean
            square, or ``"error"`` for the largest relative L2 error that :class:`Evaluate` has
            found.
        target: Stop as soon as the number is at or below this.
        patience: Stop when the number has not fallen for so many steps.
        improvement: Share by which it must fall to count.

    Raises:
        DeclarationError: If neither target nor patience is given, or the monitor is unknown.
    """

    def __init__(
        self,
        monitor: str = "loss",
        target: float | None = None,
        patience: int | None = None,
        improvement: float = 1e-3,
    ) -> None:
        if target is None and patience is None:
            raise DeclarationError(
                "EarlyStop would never stop",
                expected="target= or patience=",
                got="neither",
                do="give at least one of them",
            )
        check_count(self, patience=patience)
        check_positive(self, target=target)
        check_not_negative(self, improvement=improvement)
        self.monitor, self.target = monitor, target
        self._monitor = Monitor(self, monitor)
        self.patience, self.improvement = patience, improvement
        self._best, self._since = math.inf, 0

    def check(self, trainer: "Trainer") -> None:
        """See :class:`Callback`."""
        self._monitor.check(trainer)

    def reads(self, trainer: "Trainer") -> bool:
        """See :class:`Callback`."""
        return self.monitor != "error"

    def on_step(self, trainer: "Trainer", record: dict[str, Any]) -> None:
        """See :class:`Callback`."""
        value = self._monitor.value(trainer, record)
        self._since += 1
        if value is None:
            return
        if value < self._best * (1 - self.improvement):
            self._best, self._since = value, 0
        if self.target is not None and value <= self.target:
            trainer.stop(f"{self.monitor} reached {value:.3g} <= {self.target:g}")
        elif self.patience is not None and self._since >= self.patience:
            trainer.stop(f"{self.monitor} has not fallen for {self.patience} steps")

    def state_dict(self) -> dict[str, Any]:
        """See :class:`Callback`."""
        return {"best": self._best, "since": self._since}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :class:`Callback`."""
        self._best, self._since = state["best"], state["since"]
