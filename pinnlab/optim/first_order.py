"""First-order phases: Adam, and any optimiser of ``torch.optim``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pinnlab.aggregation.base import Aggregator
from pinnlab.aggregation.sum import Sum
from pinnlab.errors import DeclarationError, nearest
from pinnlab.objective.objective import Objective
from pinnlab.optim.base import (
    Phase,
    Status,
    Stepper,
    StepReport,
    all_finite,
    check_count,
    check_not_negative,
    check_positive,
)
from pinnlab.optim.schedules import Constant, Schedule, check_schedule


@dataclass(frozen=True)
class Adam(Phase):
    """Adam with a fused update.

    Args:
        steps: Number of steps.
        lr: Learning rate.
        schedule: Factor on the rate: ``Cosine()``, ``Exponential()``, ``Step()``; None keeps it.
        betas: Decay of the first and second moments.
        eps: Added to the root of the second moment.
        weight_decay: Decoupled weight decay (AdamW) if positive.
        unknowns_lr: Learning rate of the unknown parameters of an inverse problem; None takes
            ``lr``.
        clip: Largest norm of the gradient, or None.
        batch: Points of each set used in one step, or None for all.
        resample: Draw new points every so many steps, or None to keep them.

    References:
        Kingma and Ba (2015), ICLR; Loshchilov and Hutter (2019), ICLR, for the weight decay.
    """

    steps: int
    lr: float = 1e-3
    schedule: Schedule | None = None
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    unknowns_lr: float | None = None
    clip: float | None = None
    batch: int | None = None
    resample: int | None = None

    def __post_init__(self) -> None:
        check_count(self, steps=self.steps, batch=self.batch, resample=self.resample)
        check_positive(self, lr=self.lr, eps=self.eps, clip=self.clip, unknowns_lr=self.unknowns_lr)
        check_not_negative(self, weight_decay=self.weight_decay)
        check_schedule(self, self.schedule)
        object.__setattr__(self, "betas", tuple(self.betas))
        if len(self.betas) != 2 or not all(0 <= b < 1 for b in self.betas):
            raise DeclarationError(
                "Adam needs two decay rates",
                expected="betas=(b1, b2), each in [0, 1)",
                got=self.betas,
                do="use e.g. betas=(0.9, 0.999)",
            )

    def start(self, objective: Objective, aggregator: Aggregator | None) -> Stepper:
        """See :meth:`Phase.start`."""
        kind = torch.optim.AdamW if self.weight_decay else torch.optim.Adam
        optimizer = kind(
            _groups(objective, self.lr, self.unknowns_lr),
            betas=self.betas,
            eps=self.eps,
            weight_decay=self.weight_decay,
            fused=True,
        )
        return FirstOrderStepper(self, optimizer, aggregator)


@dataclass(frozen=True)
class Optimizer(Phase):
    """Any optimiser of ``torch.optim`` by its class name.

    Args:
        name: Class name, e.g. ``"SGD"``, ``"RAdam"``, ``"NAdam"``, ``"RMSprop"``.
        steps: Number of steps.
        lr: Learning rate.
        options: Further keyword arguments of the class.
        schedule: As in :class:`Adam`.
        unknowns_lr: As in :class:`Adam`.
        clip: As in :class:`Adam`.
        batch: As in :class:`Adam`.
        resample: As in :class:`Adam`.
    """

    name: str
    steps: int
    lr: float = 1e-3
    options: Mapping[str, Any] = field(default_factory=dict)
    schedule: Schedule | None = None
    unknowns_lr: float | None = None
    clip: float | None = None
    batch: int | None = None
    resample: int | None = None

    def __post_init__(self) -> None:
        check_count(self, steps=self.steps, batch=self.batch, resample=self.resample)
        check_positive(self, lr=self.lr, clip=self.clip, unknowns_lr=self.unknowns_lr)
        check_schedule(self, self.schedule)
        names = [
            n
            for n, v in vars(torch.optim).items()
            if isinstance(v, type) and issubclass(v, torch.optim.Optimizer) and n != "Optimizer"
        ]
        if self.name not in names:
            raise DeclarationError(
                f"torch.optim has no optimiser '{self.name}'",
                expected=", ".join(names),
                got=self.name,
                do=nearest(self.name, names) or "choose one of them",
            )
        if self.name in ("LBFGS", "SparseAdam"):
            raise DeclarationError(
                f"'{self.name}' cannot be stepped by one gradient",
                expected="a first-order optimiser of dense gradients",
                got=self.name,
                do="use LBFGS(steps) for the quasi-Newton phase",
            )

    def start(self, objective: Objective, aggregator: Aggregator | None) -> Stepper:
        """See :meth:`Phase.start`."""
        kind = getattr(torch.optim, self.name)
        try:
            optimizer = kind(_groups(objective, self.lr, self.unknowns_lr), **self.options)
        except (TypeError, ValueError) as reason:
            raise DeclarationError(
                f"torch.optim.{self.name} does not take these options",
                got=dict(self.options),
                expected=str(reason),
                do="correct `options`",
            ) from None
        return FirstOrderStepper(self, optimizer, aggregator)

    @property
    def label(self) -> str:
        """Name in logs and plots."""
        return self.name


def _groups(objective: Objective, lr: float, unknowns_lr: float | None) -> list[dict[str, Any]]:
    unknowns = list(objective.state.unknowns.values())
    ids = {id(p) for p in unknowns}
    groups = [{"params": [p for p in objective.parameters if id(p) not in ids], "lr": lr}]
    if unknowns:
        groups.append({"params": unknowns, "lr": unknowns_lr or lr})
    return [group for group in groups if group["params"]]


class FirstOrderStepper(Stepper):
    """One gradient, one update; a non-finite gradient moves nothing."""

    def __init__(
        self,
        phase: Adam | Optimizer,
        optimizer: torch.optim.Optimizer,
        aggregator: Aggregator | None,
    ) -> None:
        self.phase, self.optimizer = phase, optimizer
        self.aggregator = None if isinstance(aggregator, Sum) else aggregator
        self.taken = 0
        self.rates = [group["lr"] for group in optimizer.param_groups]

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
        factor = (self.phase.schedule or Constant()).factor(self.taken, self.phase.steps)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        if self.phase.clip is not None:
            torch.nn.utils.clip_grad_norm_(objective.parameters, self.phase.clip)
        self.optimizer.step()
        self.taken += 1
        return StepReport(Status.OK, loss, squares, 1, rate=self.rates[0] * factor)

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
