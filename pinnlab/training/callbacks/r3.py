"""Retain, resample, release."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pinnlab.checks import check_not_negative, check_positive
from pinnlab.conditions.placement import Placement
from pinnlab.errors import DeclarationError
from pinnlab.problems.followed import Followed
from pinnlab.sampling.adaptive import above_mean
from pinnlab.sampling.points import Points
from pinnlab.training.callbacks.following import Following, joined_points

if TYPE_CHECKING:
    from pinnlab.training.trainer import Trainer


class R3(Following):
    """Keep the points whose residual is above the mean, and draw the others anew, evenly.

    Points gather where the residual stays large and are released where it has become small. Their
    number does not change, and the points of conditions stay. The residuals are those that the step
    has computed anyway, so that a move costs no more than the draw; with mini-batches, or where a
    step keeps none, they are evaluated.

    Args:
        every: Steps between the moves; the paper moves points in every step. Where a step needs
            the same points as the one before, as those of L-BFGS, every 100 steps or so.
        equations: Names of the equations that are followed; all by default.

    Raises:
        DeclarationError: In a run with fixed or quadrature points, with other callbacks or phases
            that draw points, with weights of single points, or in more than 1000 dimensions.

    References:
        Daw, Bu, Wang, Perdikaris & Karpatne (2023), ICML, arXiv 2207.02338, algorithm 1.
    """

    def __init__(self, every: int = 1, equations: Sequence[str] | str | None = None) -> None:
        super().__init__(every, equations)

    def check(self, trainer: "Trainer") -> None:
        """See :class:`Callback`."""
        super().check(trainer)
        trainer.objective.keep_latest = True

    def moved(self, trainer: "Trainer") -> Mapping[Placement, Points]:
        """See :class:`Following`."""
        return released(self, trainer, present_squares(self.followed, trainer))


def present_squares(followed: Followed, trainer: "Trainer") -> dict[Placement, Tensor]:
    """Squared residuals at all points, those of the last step where it has kept them."""
    latest, points = trainer.objective.latest, trainer.points
    for placement, names in followed.terms.items():
        for name in names:
            if name not in latest or len(latest[name]) != len(points[placement]):
                return followed.squares({p: points[p] for p in followed.placements})
    return followed.squares_of(latest)


def released(
    callback: Following, trainer: "Trainer", squares: Mapping[Placement, Tensor]
) -> dict[Placement, Points]:
    """The points of all placements, of which those at or below the mean are new."""
    points = dict(trainer.points)
    for placement, square in squares.items():
        keep = above_mean(square.sqrt())
        number = int(keep.sum())
        callback.tell("retained", placement, number / len(keep))
        if number < len(keep):
            new = trainer.assembly.draw_at(placement, len(keep) - number)
            points[placement] = joined_points(points[placement].take(keep), new)
    return points


class CausalR3(Following):
    r"""R3 behind a gate that opens from the initial time onwards.

    With the share :math:`\tau \in [0, 1]` of the time interval, the gate

    .. math:: g(t) = \tfrac12 \bigl(1 - \tanh \alpha(\tau - \gamma)\bigr)

    is a factor on the residuals, in the loss (where it is squared) as well as in the choice of the
    points that are kept: what lies behind it neither counts nor gathers points. It moves on as fast
    as the gated loss of the followed equations is small,

    .. math:: \gamma \leftarrow \gamma + \eta\, e^{-\varepsilon \operatorname{mean} (g \rho)^2} .

    Args:
        every: Steps between the moves of points and gate.
        alpha: Steepness α of the gate.
        gamma: Where the gate stands at first, as a share of the time interval; -0.5 for one that
            is nearly shut.
        rate: Largest move η.
        tolerance: The ε by which the gate waits.
        equations: Names of the equations that are followed; all by default.

    Raises:
        DeclarationError: As :class:`R3` does; in a problem without time, with mini-batches, with
            weightings, or with ``execution`` other than eager.

    References:
        Daw, Bu, Wang, Perdikaris & Karpatne (2023), ICML, arXiv 2207.02338, section on Causal R3.
    """

    def __init__(
        self,
        every: int = 1,
        alpha: float = 5.0,
        gamma: float = -0.5,
        rate: float = 1e-3,
        tolerance: float = 20.0,
        equations: Sequence[str] | str | None = None,
    ) -> None:
        super().__init__(every, equations)
        check_positive(self, alpha=alpha, rate=rate)
        check_not_negative(self, tolerance=tolerance)
        self.alpha, self.gamma, self.rate, self.tolerance = alpha, gamma, rate, tolerance
        self._gamma = gamma

    def check(self, trainer: "Trainer") -> None:
        """See :class:`Callback`."""
        super().check(trainer)
        trainer.objective.keep_latest = True
        reason, found = "", ""
        if trainer.assembly.problem.coordinates.time is None:
            reason, found = "a problem in time", "one without"
        elif any(phase.batch for phase in trainer.phases):
            reason, found = "all points in every step", "a phase with `batch`"
        elif trainer.weights.weightings:
            reason, found = "fixed weights", type(trainer.weights.weightings[0]).__name__
        elif trainer.objective.compiled is not None or trainer.objective.recorded:
            reason, found = "execution='eager'", "a compiled or recorded step"
        if reason:
            raise DeclarationError(
                "CausalR3 gives every point of an equation a weight that depends on its time",
                expected=reason,
                got=found,
                do="use R3, or leave the other out",
            )
        self._gamma = self.gamma

    def gate(self, trainer: "Trainer", points: Points) -> Tensor:
        """The factor g on the residuals at points, ``(n,)``."""
        time = points.coordinates.time
        assert time is not None
        column = points.coordinates.slice(time).start
        first, last = trainer.assembly.problem.domain.bounds()[:, column]
        share = (points.x[:, column] - first) / (last - first)
        return 0.5 * (1 - torch.tanh(self.alpha * (share - self._gamma)))

    def _shut(self, trainer: "Trainer") -> None:
        """Weigh the points that the objective has now."""
        factors = {}
        for placement, names in self.followed.terms.items():
            gate = self.gate(trainer, trainer.objective.points[placement])
            factors |= dict.fromkeys(names, gate.square())
        trainer.objective.set_weights({}, factors)

    def on_start(self, trainer: "Trainer") -> None:
        """See :class:`Callback`."""
        number = trainer.objective.batch_number
        self._shut(trainer)
        if trainer.step:  # the loss is the one that it was before the interruption
            trainer.objective.batch_number = number

    def moved(self, trainer: "Trainer") -> Mapping[Placement, Points]:
        """See :class:`Following`."""
        squares = {
            placement: square * self.gate(trainer, trainer.points[placement]).square()
            for placement, square in present_squares(self.followed, trainer).items()
        }
        points = released(self, trainer, squares)
        loss = sum(float(square.mean()) for square in squares.values())
        if math.isfinite(loss):
            self._gamma += self.rate * math.exp(-self.tolerance * loss)
        self.told["gate"] = self._gamma
        return points

    def move(self, trainer: "Trainer") -> None:
        """See :class:`Following`."""
        super().move(trainer)
        self._shut(trainer)

    def state_dict(self) -> dict[str, Any]:
        """See :class:`Callback`."""
        return {**super().state_dict(), "gamma": self._gamma}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :class:`Callback`."""
        super().load_state_dict(state)
        self._gamma = state["gamma"]
