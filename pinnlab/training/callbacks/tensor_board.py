"""Event files for TensorBoard."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinnlab.checks import check_count
from pinnlab.errors import DeclarationError
from pinnlab.training.callbacks.base import Callback

if TYPE_CHECKING:
    from pinnlab.training.trainer import Trainer


class TensorBoard(Callback):
    """Write loss, terms, unknowns, conflicts and errors as scalars that TensorBoard shows.

    Args:
        folder: Where to write; ``tensorboard`` in the run folder by default.
        every: Steps between entries.

    Raises:
        ImportError: If the package tensorboard is not installed.
        DeclarationError: At the start, if there is neither a folder nor a run folder.
    """

    def __init__(self, folder: str | Path | None = None, every: int = 100) -> None:
        check_count(self, every=every)
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise ImportError(
                "TensorBoard needs the package tensorboard: pip install tensorboard"
            ) from None
        self.folder, self.every = folder, every
        self._make = SummaryWriter
        self._writer: Any = None

    def check(self, trainer: "Trainer") -> None:
        """See :class:`Callback`."""
        if not self.folder and trainer.folder is None:
            raise DeclarationError(
                "TensorBoard has no folder to write to",
                expected="TensorBoard(folder=...) or a run with out='runs/name'",
                got="neither",
                do="give one of them",
            )

    def on_start(self, trainer: "Trainer") -> None:
        """See :class:`Callback`."""
        folder = self.folder or (trainer.folder and trainer.folder / "tensorboard")
        # Entries of steps that a resumed run repeats are purged.
        self._writer = self._make(str(folder), purge_step=trainer.step or None)

    def reads(self, trainer: "Trainer") -> bool:
        """See :class:`Callback`."""
        return trainer.step % self.every == 0 or trainer.last_step

    def on_step(self, trainer: "Trainer", record: dict[str, Any]) -> None:
        """See :class:`Callback`."""
        if "conflicts" in record:  # means over steps, rare enough already
            self._write_conflicts(record["conflicts"], trainer.step)
        if trainer.step % self.every and not trainer.last_step and "errors" not in record:
            return
        write = self._writer.add_scalar
        write("loss", record["loss"], trainer.step)
        for group in ("terms", "unknowns"):
            for name, value in record.get(group, {}).items():
                write(f"{group}/{name}", value, trainer.step)
        for field, metrics in record.get("errors", {}).items():
            for name, value in metrics.items():
                write(f"errors/{field} {name}", value, trainer.step)

    def _write_conflicts(self, entry: dict[str, Any], step: int) -> None:
        """Shares of steps, and of each term its gradient, its share of the step and what it met."""
        for name in ("conflicting", "harmful"):
            if name in entry:
                self._writer.add_scalar(f"conflicts/{name}", entry[name], step)
        for group in ("norms", "shares", "against"):
            for name, value in entry.get(group, {}).items():
                self._writer.add_scalar(f"conflicts {group}/{name}", value, step)

    def on_finish(self, trainer: "Trainer") -> None:
        """See :class:`Callback`."""
        self._writer.close()
