"""The mutable part of first-order phases."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pinnlab.aggregation.base import Aggregator
from pinnlab.aggregation.sum import Sum
from pinnlab.objective.objective import Objective
from pinnlab.optim.base import Phase, Status, Stepper, StepReport, all_finite
from pinnlab.optim.schedules import Constant, Schedule


class FirstOrderStepper(Stepper):
    """One gradient, one update; a non-finite gradient moves nothing.

    Args:
        phase: Says how many steps there will be.
        optimizer: Makes the updates.
        aggregator: Direction from term gradients; None for their sum.
        rates: Learning rate of each of the optimiser's groups.
        schedule: Factor on the rates.
        clip: Largest norm of the gradient, or None.
    """

    def __init__(
        self,
        phase: Phase,
        optimizer: torch.optim.Optimizer,
        aggregator: Aggregator | None,
        rates: Sequence[float],
        *,
        schedule: Schedule | None = None,
        clip: float | None = None,
    ) -> None:
        self.phase, self.optimizer = phase, optimizer
        self.schedule, self._clip = schedule or Constant(), clip
        self.aggregator = None if isinstance(aggregator, Sum) else aggregator
        self.taken = 0
        self.rates = list(rates)

    def step(self, objective: Objective) -> StepReport:
        """See :meth:`Stepper.step`."""
        if self.aggregator is None:
            loss, squares = objective.loss_and_gradient()
        else:
            loss, squares = self._aggregate(objective)
        gradients = [p.grad for p in objective.parameters if p.grad is not None]
        if not all_finite(loss, gradients):
            return StepReport(
                Status.NON_FINITE, loss, squares, 1, message=non_finite_message(objective, squares)
            )
        rate = self.set_rate()
        self.clip(objective)
        self.optimizer.step()
        self.taken += 1
        return StepReport(Status.OK, loss, squares, 1, rate=rate)

    def set_rate(self) -> float:
        """Give the optimiser the learning rates of the present step; the first one is returned."""
        factor = self.schedule.factor(self.taken, self.phase.steps)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            if isinstance(group["lr"], Tensor):  # read where it is by a recorded step
                group["lr"].fill_(rate * factor)
            else:
                group["lr"] = rate * factor
        return self.rates[0] * factor

    def clip(self, objective: Objective) -> None:
        """Shorten the gradient, where the phase wants that."""
        if self._clip is not None:
            torch.nn.utils.clip_grad_norm_(objective.parameters, self._clip)

    def _aggregate(self, objective: Objective) -> tuple[Tensor, Tensor]:
        assert self.aggregator is not None
        jacobian, squares = objective.gradients()
        direction, start = self.aggregator(jacobian), 0
        for p in objective.parameters:
            p.grad = direction[start : start + p.numel()].view_as(p).clone()
            start += p.numel()
        return objective.loss_of(squares), squares

    def state_dict(self) -> dict[str, Any]:
        """See :meth:`Stepper.state_dict`."""
        state = self.optimizer.state_dict()
        return {
            "taken": self.taken,
            "state": {str(k): dict(v) for k, v in state["state"].items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :meth:`Stepper.load_state_dict`."""
        self.taken = state["taken"]
        full = self.optimizer.state_dict()
        full["state"] = {int(k): v for k, v in state["state"].items()}
        self.optimizer.load_state_dict(full)
        # torch casts every entry to the precision of its parameter; some are kept in another one.
        entries = [
            self.optimizer.state[p] for g in self.optimizer.param_groups for p in g["params"]
        ]
        for number, saved in state["state"].items():
            own = entries[int(number)]
            for name, value in saved.items():
                if isinstance(value, Tensor) and value.dtype != own[name].dtype:
                    own[name] = value.to(own[name].device)


def non_finite_message(objective: Objective, squares: Tensor) -> str:
    """Names the term that is not finite, and its worst point."""
    for name, square in zip(objective.names, squares.tolist(), strict=True):
        if square != square or abs(square) == float("inf"):
            return f"term '{name}' is {square}{objective.worst_point(name)}"
    return "the loss is finite but its gradient is not"
