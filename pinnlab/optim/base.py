"""The contract between a phase of training and the objective.

A *phase* such as ``Adam(2000, lr=1e-3)`` is a frozen value. :meth:`Phase.start` makes the *stepper*
that owns the mutable state: one call of :meth:`Stepper.step` evaluates the objective as often as
it needs and moves the parameters once, or leaves them untouched and says why.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from typing import Any

import torch
from torch import Tensor

from pinnlab.aggregation.base import Aggregator
from pinnlab.errors import DeclarationError
from pinnlab.objective.objective import Objective


class Status(Enum):
    """How a step ended; the text says what to do."""

    OK = "ok"
    CONVERGED = "converged"
    STALLED = "no further decrease was found; resample the points, or go on with another optimiser"
    NON_FINITE = (
        "the loss, its gradient or the direction is not finite;"
        " lower the learning rate or use float64"
    )


@dataclass(frozen=True)
class StepReport:
    """What one step did.

    Args:
        status: How it ended.
        loss: Loss before the step, or after it where the optimiser evaluates there (L-BFGS).
        mean_squares: Unweighted mean squares of the terms ``(m,)`` at the same parameters.
        evaluations: Evaluations of the objective.
        message: The reason, where the status is not OK.
        rate: Learning rate or step length.
        gramian: Inner products of the gradients of the weighted terms, ``(m, m)`` in float64, where
            the step needed all of them.
        coefficients: Of these gradients in the direction that was taken, ``(m,)``.
        slopes: Inner products of that direction, along whose negative the parameters move, with
            these gradients, ``(m,)``, where it is not simply their combination.
    """

    status: Status
    loss: Tensor
    mean_squares: Tensor
    evaluations: int
    message: str = ""
    rate: float | None = None
    gramian: Tensor | None = None
    coefficients: Tensor | None = None
    slopes: Tensor | None = None


class Stepper(ABC):
    """The mutable part of a phase.

    Attributes:
        summed: Whether it goes along the gradient of the loss, the plain sum of its terms.
        turns: Steps after which every term was evaluated once.
        detailed: Whether the next step is to tell how the gradients of single terms lie, though it
            needs no more than those of groups, or of some terms.
    """

    summed = True
    turns = 1
    detailed = False

    @abstractmethod
    def step(self, objective: Objective) -> StepReport:
        """Move the parameters of the objective once."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on, as tensors and plain values."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue as if the steps before had been taken here."""


class Phase(ABC):
    """A stretch of training with one optimiser.

    Attributes:
        steps: Most steps of the phase.
        resample: Draw new points every so many steps, or None to keep them.
        batch: Points of each set used in a step, or None for all.
    """

    steps: int
    resample: int | None
    batch: int | None

    @abstractmethod
    def start(self, objective: Objective, aggregator: Aggregator | None) -> Stepper:
        """The stepper for one objective.

        Raises:
            DeclarationError: If phase, aggregator and objective cannot be combined.
        """

    @property
    def label(self) -> str:
        """Name in logs and plots."""
        return type(self).__name__


def all_finite(loss: Tensor, gradients: list[Tensor]) -> bool:
    """Whether the loss and every gradient are finite; one transfer from the device."""
    norms = torch._foreach_norm(gradients) if gradients else []
    return math.isfinite(torch.stack([loss, *norms]).sum().item())


def refuse_estimates(name: str, objective: Objective) -> None:
    """Refuse a loss that changes between evaluations at the same parameters.

    Raises:
        DeclarationError: If derivatives are estimated along random directions.
    """
    if objective.random:
        raise DeclarationError(
            f"{name} compares losses of different steps, which estimated derivatives change",
            expected="exact derivatives for this phase",
            got="derivatives along random directions",
            do="use Adam, or leave out `derivatives`, and `samples` of GradientEnhanced",
        )
