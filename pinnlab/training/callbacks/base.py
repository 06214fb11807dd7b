"""What may be done between steps."""

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from pinnlab.training.trainer import Trainer


class Callback:
    """Hooks that a trainer calls; each does nothing unless it is overridden.

    A callback keeps what it must remember in :meth:`state_dict`, so that a resumed run goes on as
    if it had not been interrupted.

    Attributes:
        resamples: Whether it decides where the points of training lie.
    """

    resamples: ClassVar[bool] = False

    def check(self, trainer: "Trainer") -> None:
        """When a trainer is made, before anything is written or restored.

        Raises:
            DeclarationError: If the callback and the run do not fit together.
        """

    def on_start(self, trainer: "Trainer") -> None:
        """Before the first step, or after a resume."""

    def reads(self, trainer: "Trainer") -> bool:
        """Whether :meth:`on_step` reads the record of the present step.

        Where steps are recorded as a graph, the host runs ahead of the device, and has to wait for
        the numbers of a record: one that nobody reads is left empty there.
        """
        return True

    def on_step(self, trainer: "Trainer", record: dict[str, Any]) -> None:
        """After every step.

        Args:
            trainer: Call ``trainer.stop(reason)`` to end the run.
            record: The line of the log of this step; entries may be added. It is empty if
                :meth:`reads` said no.
        """

    def on_phase_end(self, trainer: "Trainer") -> None:
        """After the last step of a phase."""

    def on_finish(self, trainer: "Trainer") -> None:
        """After the last step of the run."""

    def state_dict(self) -> dict[str, Any]:
        """What must survive an interruption."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what :meth:`state_dict` gave."""
