"""First-order phases: Adam, and any optimiser of ``torch.optim``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from pinnlab.aggregation.base import Aggregator, Combiner, Setup, combiner_of
from pinnlab.aggregation.conflict_free import ConflictFree
from pinnlab.aggregation.sum import Sum
from pinnlab.checks import (
    check_count,
    check_decays,
    check_mapping,
    check_not_negative,
    check_positive,
)
from pinnlab.errors import DeclarationError, nearest
from pinnlab.objective.objective import Objective
from pinnlab.optim.base import Phase, Stepper
from pinnlab.optim.first_order_stepper import FirstOrderStepper
from pinnlab.optim.recorded import RecordedStepper
from pinnlab.optim.schedules import Schedule, check_schedule
from pinnlab.optim.updates import Descent, FusedAdam

# Arguments of torch's classes that are none of the options, and why.
NOT_OPTIONS = {
    "params": ("what is trained is said by the problem", "leave it out"),
    "lr": (
        "the learning rate is an argument of the phase",
        "write e.g. Optimizer('SGD', 1000, lr=0.01)",
    ),
    "maximize": ("a phase makes the loss smaller", "leave it out"),
    "capturable": (
        "steps of this phase are not recorded",
        "leave it out; Adam(steps) with execution='graph' records its steps",
    ),
    "differentiable": ("nothing is differentiated through a step", "leave it out"),
}


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
        check_decays(self, betas=self.betas)
        object.__setattr__(self, "betas", tuple(self.betas))

    def start(self, objective: Objective, aggregator: Aggregator | None) -> Stepper:
        """See :meth:`Phase.start`."""
        combiner = combiner_for(objective, aggregator, betas=self.betas, eps=self.eps)
        record = objective.recorded and combiner is None
        groups = parameter_groups(objective, self.lr, self.unknowns_lr)
        rates = [group["lr"] for group in groups]
        if combiner is not None and combiner.finished:
            if self.weight_decay:
                raise DeclarationError(
                    f"{type(aggregator).__name__} makes whole steps, which do not decay weights",
                    expected="weight_decay=0",
                    got=self.weight_decay,
                    do="leave `weight_decay` out, or use another aggregator",
                )
            optimizer: torch.optim.Optimizer = Descent(groups)
        else:
            options = {"betas": self.betas, "eps": self.eps, "weight_decay": self.weight_decay}
            if record:
                groups = [group | {"lr": _on_device(group)} for group in groups]
                kind = torch.optim.AdamW if self.weight_decay else torch.optim.Adam
                optimizer = kind(groups, fused=True, capturable=True, **options)
            else:
                optimizer = FusedAdam(groups, **options)
        stepper = FirstOrderStepper(
            self, optimizer, combiner, rates, schedule=self.schedule, clip=self.clip
        )
        return RecordedStepper(stepper) if record else stepper


@dataclass(frozen=True)
class Optimizer(Phase):
    """Any optimiser of ``torch.optim`` by its class name.

    Args:
        name: Class name, e.g. ``"SGD"``, ``"RAdam"``, ``"NAdam"``, ``"RMSprop"``.
        steps: Number of steps.
        lr: Learning rate.
        options: Further keyword arguments of the class, beside ``lr``.
        schedule: As in :class:`Adam`.
        unknowns_lr: As in :class:`Adam`.
        clip: As in :class:`Adam`.
        batch: As in :class:`Adam`.
        resample: As in :class:`Adam`.

    Raises:
        DeclarationError: If there is no such class, or an option has no place here; when it starts,
            if the class does not take the options, or the parameters.
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
        check_mapping(self, {"momentum": 0.9}, options=self.options)
        for option, (reason, remedy) in NOT_OPTIONS.items():
            if self.options.get(option, False) is not False:
                raise DeclarationError(
                    f"Optimizer cannot have '{option}' in `options`: {reason}",
                    expected=f"options of torch.optim.{self.name} beside {', '.join(NOT_OPTIONS)}",
                    got=dict(self.options),
                    do=remedy,
                )

    def start(self, objective: Objective, aggregator: Aggregator | None) -> Stepper:
        """See :meth:`Phase.start`."""
        kind = getattr(torch.optim, self.name)
        groups = parameter_groups(objective, self.lr, self.unknowns_lr)
        rates = [group["lr"] for group in groups]
        try:
            optimizer = kind(groups, **self.options)
        except (TypeError, ValueError, RuntimeError) as reason:
            raise self._refused(kind, groups, reason) from None
        combiner = combiner_for(objective, aggregator)
        refuse_finished(self.name, aggregator, combiner)
        return FirstOrderStepper(
            self, optimizer, combiner, rates, schedule=self.schedule, clip=self.clip
        )

    def _refused(
        self, kind: Any, groups: list[dict[str, Any]], reason: Exception
    ) -> DeclarationError:
        """What a class of torch says, of the options or else of the parameters."""
        try:
            kind([torch.nn.Parameter(torch.zeros(1, 1))], **self.options)
        except (TypeError, ValueError, RuntimeError):
            return DeclarationError(
                f"torch.optim.{self.name} does not take these options",
                expected=str(reason),
                got=dict(self.options),
                do="correct `options`",
            )
        shapes = {tuple(p.shape) for group in groups for p in group["params"]}
        return DeclarationError(
            f"torch.optim.{self.name} does not take the parameters of this problem",
            expected=str(reason),
            got="parameters of the shapes " + ", ".join(map(str, sorted(shapes))),
            do="use another optimiser, such as Adam(steps)"
            + (", or other `options`" if self.options else ""),
        )

    @property
    def label(self) -> str:
        """Name in logs and plots."""
        return self.name


def combiner_for(
    objective: Objective, aggregator: Aggregator | None, **options: Any
) -> Combiner | None:
    """What combines the gradients of the terms; None where their sum is all that is needed."""
    if aggregator is None or isinstance(aggregator, Sum):
        return None
    setup = Setup(objective.names, seed=objective.seed, together=objective.together(), **options)
    if isinstance(aggregator, ConflictFree) and len(aggregator.members(setup)) < 2:
        return None
    return combiner_of(aggregator, setup)


def refuse_finished(name: str, aggregator: Aggregator | None, combiner: Combiner | None) -> None:
    """Refuse a combiner that leaves an optimiser nothing to do.

    Raises:
        DeclarationError: If it makes whole steps.
    """
    if combiner is not None and combiner.finished:
        raise DeclarationError(
            f"{type(aggregator).__name__} makes whole steps and leaves {name} nothing",
            expected="the phase Adam, whose betas and eps it takes",
            got=name,
            do="use Adam(steps), or another aggregator",
        )


def parameter_groups(
    objective: Objective, lr: float, unknowns_lr: float | None
) -> list[dict[str, Any]]:
    """The parameters in groups by learning rate: those of the surrogate, then the unknowns."""
    unknowns = list(objective.state.unknowns.values())
    ids = {id(p) for p in unknowns}
    groups = [{"params": [p for p in objective.parameters if id(p) not in ids], "lr": lr}]
    if unknowns:
        groups.append({"params": unknowns, "lr": unknowns_lr or lr})
    return [group for group in groups if group["params"]]


def _on_device(group: dict[str, Any]) -> torch.Tensor:
    """The rate of a group as a tensor, in the precision that fused updates read."""
    device = group["params"][0].device
    return torch.tensor(group["lr"], dtype=torch.float32, device=device)
