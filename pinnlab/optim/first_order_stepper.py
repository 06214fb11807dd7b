"""The mutable part of first-order phases."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pinnlab.aggregation.base import Combiner, checked, gramian_of, grouped, spread
from pinnlab.objective.objective import Objective
from pinnlab.optim.base import Phase, Status, Stepper, StepReport, all_finite
from pinnlab.optim.schedules import Constant, Schedule


class FirstOrderStepper(Stepper):
    """One gradient, one update; a non-finite gradient moves nothing.

    Args:
        phase: Says how many steps there will be.
        optimizer: Makes the updates.
        combiner: Direction from term gradients; None for their sum.
        rates: Learning rate of each of the optimiser's groups.
        schedule: Factor on the rates.
        clip: Largest norm of the gradient, or None.
    """

    def __init__(
        self,
        phase: Phase,
        optimizer: torch.optim.Optimizer,
        combiner: Combiner | None,
        rates: Sequence[float],
        *,
        schedule: Schedule | None = None,
        clip: float | None = None,
    ) -> None:
        self.phase, self.optimizer = phase, optimizer
        self.schedule, self._clip = schedule or Constant(), clip
        self.combiner, self.summed = combiner, combiner is None
        self.turns = 1 if combiner is None else combiner.turns
        # Of the terms, each as it was seen last: what it adds to the loss, and its mean square.
        self.seen: list[Tensor] | None = None
        self.taken = 0
        self.rates = list(rates)

    def step(self, objective: Objective) -> StepReport:
        """See :meth:`Stepper.step`."""
        if self.combiner is not None:
            return self._combined_step(objective, self.combiner)
        loss, squares = objective.loss_and_gradient()
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

    def _combined_step(self, objective: Objective, combiner: Combiner) -> StepReport:
        """A step along a direction made of the gradients of the terms, or of groups of them."""
        wanted, groups = combiner.wanted(), combiner.groups
        terms = wanted
        if groups is not None and wanted is not None:
            groups = [groups[k] for k in wanted]
            terms = sorted(k for group in groups for k in group)
        single = groups is None or (self.detailed and wanted is None)
        rows, squares = objective.gradients(terms, None if single else groups)
        jacobian = grouped(rows, groups) if single and groups is not None else rows
        gramian = gramian_of(jacobian)
        losses, squares = self._see(objective, squares, terms)
        loss = losses.sum()
        # The squared lengths of the gradients are finite if everything is, unless they overflow.
        if not math.isfinite(sum(row[k] for k, row in enumerate(gramian.tolist()))):
            message = non_finite_message(objective, squares, terms)
            return StepReport(Status.NON_FINITE, loss, squares, 1, message=message)
        direction = checked(
            combiner(jacobian, gramian), jacobian, f"The direction of {combiner.name}"
        )
        if not combiner.found_finite(direction):
            message = non_finite_direction(combiner)
            return StepReport(Status.NON_FINITE, loss, squares, 1, message=message)
        told, coefficients, slopes = None, None, None
        if single and wanted is None:  # how the gradients of all terms lie
            told, coefficients = gramian, combiner.coefficients
            if groups is not None:
                told = gramian_of(rows)
                coefficients = None if coefficients is None else spread(coefficients, groups)
            slopes = rows @ direction if coefficients is None else None
        elif self.detailed:  # the step itself knows some of them
            rows = objective.gradients_aside()
            told, slopes = gramian_of(rows), rows @ direction
        objective.set_flat_gradient(direction)
        rate = self.set_rate()
        self.clip(objective)
        self.optimizer.step()
        self.taken += 1
        return StepReport(
            Status.OK,
            loss,
            squares,
            1,
            rate=rate,
            gramian=told,
            coefficients=coefficients,
            slopes=slopes,
        )

    def _see(
        self, objective: Objective, squares: Tensor, wanted: Sequence[int] | None
    ) -> list[Tensor]:
        """What every term adds to the loss, and its mean square, ``(m,)``, as seen last."""
        assert objective.losses is not None
        now = [objective.losses, squares]
        if wanted is not None:
            unseen = [squares.new_full((len(objective.names),), math.nan)] * 2
            numbers = torch.tensor(wanted, device=squares.device)
            now = [
                old.to(squares.device).index_copy(0, numbers, new)  # restored ones are elsewhere
                for old, new in zip(self.seen or unseen, now, strict=True)
            ]
        self.seen = now
        return now

    def state_dict(self) -> dict[str, Any]:
        """See :meth:`Stepper.state_dict`."""
        state = self.optimizer.state_dict()
        return {
            "taken": self.taken,
            "combiner": None if self.combiner is None else self.combiner.state_dict(),
            "seen": self.seen,
            "state": {str(k): dict(v) for k, v in state["state"].items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :meth:`Stepper.load_state_dict`."""
        self.taken, self.seen = state["taken"], state["seen"]
        if self.combiner is not None:
            self.combiner.load_state_dict(state["combiner"])
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


def non_finite_direction(combiner: Combiner) -> str:
    """Names what made a direction that is not finite."""
    return f"all gradients are finite, but what {combiner.name} makes of them is not"


def non_finite_message(
    objective: Objective,
    squares: Tensor,
    terms: Sequence[int] | None = None,
) -> str:
    """Names the term that is not finite and its worst point, or those without a finite gradient.

    Args:
        objective: What was evaluated.
        squares: Mean squares of all terms.
        terms: The numbers of those that were evaluated; all of them by default.
    """
    numbers = range(len(objective.names)) if terms is None else terms
    values = squares.tolist()
    for k in numbers:
        if not math.isfinite(values[k]):
            name = objective.names[k]
            return f"term '{name}' is {values[k]}{objective.worst_point(name)}"
    names = [f"'{n}'" for n in objective.without_gradient([objective.names[k] for k in numbers])]
    if len(names) == 1:
        return f"term {names[0]} is finite but its gradient is not"
    if names:
        return f"terms {', '.join(names)} are finite but their gradients are not"
    return "the loss is finite but its gradient is not"
