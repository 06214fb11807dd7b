"""New points while training."""

from typing import TYPE_CHECKING, Any, ClassVar

from pinnlab.checks import check_count
from pinnlab.training.callbacks.base import Callback

if TYPE_CHECKING:
    from pinnlab.training.trainer import Trainer


class Resample(Callback):
    """Draw new points for every term, evenly, whatever the phase.

    Points that follow the residual are drawn by :class:`RAD`, :class:`RAR`, :class:`R3` and
    :class:`AAS`.

    Args:
        every: Steps between redraws. Weights of single points need more than 1.
    """

    resamples: ClassVar[bool] = True

    def __init__(self, every: int = 1000) -> None:
        check_count(self, every=every)
        self.every = every

    def reads(self, trainer: "Trainer") -> bool:
        """See :class:`Callback`."""
        return False

    def on_step(self, trainer: "Trainer", record: dict[str, Any]) -> None:
        """See :class:`Callback`."""
        if trainer.step % self.every == 0 and not trainer.last_step:
            trainer.resample()
