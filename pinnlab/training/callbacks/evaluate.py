"""Errors against the reference while training."""

from typing import TYPE_CHECKING, Any

from pinnlab.checks import check_count
from pinnlab.errors import DeclarationError
from pinnlab.training.callbacks.base import Callback

if TYPE_CHECKING:
    from pinnlab.training.trainer import Trainer


class Evaluate(Callback):
    """Relative L2 error of every field that the problem's reference knows.

    Args:
        every: Steps between evaluations; the last step is always evaluated.

    Raises:
        DeclarationError: At the start, if the problem has no reference.
    """

    def __init__(self, every: int = 1000) -> None:
        check_count(self, every=every)
        self.every = every

    def check(self, trainer: "Trainer") -> None:
        """See :class:`Callback`."""
        if trainer.assembly.problem.reference is None:
            raise DeclarationError(
                "Evaluate has nothing to compare with",
                expected="a problem with a reference",
                got="none",
                do="declare `reference`, or drop the callback",
            )

    def reads(self, trainer: "Trainer") -> bool:
        """See :class:`Callback`."""
        return trainer.step % self.every == 0 or trainer.last_step

    def on_step(self, trainer: "Trainer", record: dict[str, Any]) -> None:
        """See :class:`Callback`."""
        if trainer.step % self.every == 0 or trainer.last_step:
            errors = trainer.solution().error()
            record["errors"] = {
                field: {"relative_l2": values["relative_l2"]} for field, values in errors.items()
            }
