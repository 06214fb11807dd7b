"""What all callbacks have in common that let points follow the residual."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from pinnlab.checks import check_count
from pinnlab.conditions.placement import Placement
from pinnlab.errors import DeclarationError
from pinnlab.problems.followed import Followed
from pinnlab.sampling.points import Points
from pinnlab.training.callbacks.base import Callback

if TYPE_CHECKING:
    from pinnlab.training.trainer import Trainer


class Following(Callback):
    """Moves the points of equations every so many steps.

    The loss on the new points is their plain mean, see :mod:`pinnlab.sampling.adaptive`. All random
    numbers come from the generator of the run's points, whose state is in every checkpoint, as the
    points themselves are: a run goes on bit for bit. Nothing is moved after the last step.

    Args:
        every: Steps between the moves.
        equations: Names of the equations whose points follow their residuals; all by default. See
            :class:`~pinnlab.problems.followed.Followed`.

    Attributes:
        most_columns: Coordinates of the points beyond which the method is refused.
    """

    resamples: ClassVar[bool] = True
    most_columns: ClassVar[int] = 1000
    followed: Followed

    def __init__(self, every: int, equations: Sequence[str] | str | None) -> None:
        check_count(self, every=every)
        self.every = every
        self.equations = [equations] if isinstance(equations, str) else equations
        self.told: dict[str, float] = {}

    @abstractmethod
    def moved(self, trainer: "Trainer") -> Mapping[Placement, Points]:
        """The points of all placements after the move."""

    def check(self, trainer: "Trainer") -> None:
        """See :class:`Callback`."""
        name = type(self).__name__
        columns = trainer.assembly.problem.coordinates.dim
        if columns > self.most_columns:
            raise DeclarationError(
                f"{name} cannot follow a residual over {columns} coordinates",
                expected=f"at most {self.most_columns}: " + self._why_so_few(),
                got=columns,
                do="draw even points in every step instead: Adam(resample=1)",
            )
        others = [type(c).__name__ for c in trainer.callbacks if c.resamples and c is not self]
        if others:
            raise DeclarationError(
                f"{name} and {others[0]} would undo what the other one does",
                expected="one callback that decides where points lie",
                got=", ".join([name, *others]),
                do="keep one of them",
            )
        for phase in trainer.phases:
            if phase.resample:
                raise DeclarationError(
                    f"{name} and a phase with `resample` would undo what the other one does",
                    expected="phases without `resample`",
                    got=f"resample={phase.resample} in {phase.label}",
                    do="leave `resample` out of the phases",
                )
        for weighting in trainer.weights.weightings:
            if weighting.per_point:
                raise DeclarationError(
                    f"{name} moves the points that {type(weighting).__name__} weighs one by one, "
                    "which would begin anew each time",
                    expected="weights of terms, or points that stay",
                    got=f"{name} and {type(weighting).__name__}",
                    do="keep one of them: both make large residuals count more",
                )
        self.followed = Followed(trainer.assembly, self.equations)
        self.told = {}

    def _why_so_few(self) -> str:
        return (
            "points of very many dimensions are drawn over the old ones, without memory for a "
            "choice among others, and their residuals hardly differ"
        )

    def reads(self, trainer: "Trainer") -> bool:
        """See :class:`Callback`."""
        return False

    def on_step(self, trainer: "Trainer", record: dict[str, Any]) -> None:
        """See :class:`Callback`."""
        if self.due(trainer):
            trainer.resample(lambda: self.move(trainer))
        if record and self.told:
            record["sampling"] = dict(self.told)

    def due(self, trainer: "Trainer") -> bool:
        """Whether the points move after the present step."""
        return trainer.step % self.every == 0 and not trainer.last_step

    def move(self, trainer: "Trainer") -> None:
        """Give the objective its new points."""
        trainer.objective.set_points(self.moved(trainer))

    def tell(self, what: str, placement: Placement, value: float) -> None:
        """Keep a number for the log."""
        where = "" if len(self.followed.placements) == 1 else f" ({placement.describe()})"
        self.told[what + where] = value

    def state_dict(self) -> dict[str, Any]:
        """See :class:`Callback`."""
        return {"told": dict(self.told)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :class:`Callback`."""
        self.told = dict(state["told"])


def in_part(even: Points, followed: Points) -> Points:
    """As many points as there are even ones: those that follow a residual, and even ones."""
    kept = len(even) - len(followed)
    return joined_points(even.take(torch.arange(kept, device=even.x.device)), followed)


def joined_points(*sets: Points) -> Points:
    """Points below each other; quadrature weights no longer fit, and interiors have no normals."""
    first = sets[0]
    return Points(torch.cat([p.x for p in sets]), first.coordinates, tag=first.tag)
