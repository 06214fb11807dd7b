"""Pictures while training."""

from typing import TYPE_CHECKING, Any

from pinnlab.checks import check_count
from pinnlab.errors import DeclarationError
from pinnlab.training.callbacks.base import Callback

if TYPE_CHECKING:
    from pinnlab.training.trainer import Trainer


class PlotFields(Callback):
    """Draw the fields into ``plots/step-<k>`` of the run folder.

    Args:
        every: Steps between pictures.

    Raises:
        DeclarationError: At the start, if the run has no folder.
    """

    def __init__(self, every: int = 1000) -> None:
        check_count(self, every=every)
        self.every = every

    def check(self, trainer: "Trainer") -> None:
        """See :class:`Callback`."""
        if trainer.folder is None:
            raise DeclarationError(
                "PlotFields has no folder to draw into",
                expected="a run with out='runs/name'",
                got="none",
                do="give `out`, or drop the callback",
            )

    def reads(self, trainer: "Trainer") -> bool:
        """See :class:`Callback`."""
        return False

    def on_step(self, trainer: "Trainer", record: dict[str, Any]) -> None:
        """See :class:`Callback`."""
        if trainer.step % self.every == 0 and trainer.folder is not None:
            trainer.solution().plot(trainer.folder / "plots" / f"step-{trainer.step}")
