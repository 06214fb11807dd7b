"""New points while training."""

from typing import TYPE_CHECKING, Any

from pinnlab.errors import DeclarationError
from pinnlab.optim.base import check_count
from pinnlab.training.callbacks.base import Callback

if TYPE_CHECKING:
    from pinnlab.training.trainer import Trainer


class Resample(Callback):
    """Draw new points for every term, whatever the phase.

    Points follow the residual where ``share`` is positive: that share of each set is drawn, among
    ``candidates`` new points, with a probability that grows with the residual there,

        p(x) ∝ |r(x)|^k / mean |r|^k + c,

    and the rest evenly.

    Args:
        every: Steps between redraws.
        share: Share of the points of each equation that follows the residual, 0 to 1.
        k: Exponent of the residual.
        c: Even part of the density.
        candidates: Points among which are chosen.

    References:
        Wu et al. (2023), Comput. Methods Appl. Mech. Eng. 403, 115671 (RAD: share = 1, k = 1,
        c = 1).
    """

    def __init__(
        self,
        every: int = 1000,
        share: float = 0.0,
        k: float = 1.0,
        c: float = 1.0,
        candidates: int = 20_000,
    ) -> None:
        check_count(self, every=every, candidates=candidates)
        if not 0 <= share <= 1 or k <= 0 or c < 0:
            raise DeclarationError(
                "Resample cannot draw like this",
                expected="0 <= share <= 1, k > 0, c >= 0",
                got=f"share={share}, k={k}, c={c}",
                do="use e.g. share=1.0, k=1, c=1",
            )
        self.every, self.share, self.k, self.c = every, share, k, c
        self.candidates = candidates

    def reads(self, trainer: "Trainer") -> bool:
        """See :class:`Callback`."""
        return False

    def on_step(self, trainer: "Trainer", record: dict[str, Any]) -> None:
        """See :class:`Callback`."""
        if trainer.step % self.every == 0 and not trainer.last_step:
            if self.share:
                trainer.resample(
                    lambda: trainer.assembly.resample_by_residual(
                        self.share, self.k, self.c, self.candidates
                    )
                )
            else:
                trainer.resample()
