r"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner.

For a weight matrix with gradient :math:`G` (h × k), the moving averages

.. math:: L \leftarrow \beta L + (1 - \beta) G G^\top, \qquad
          R \leftarrow \beta R + (1 - \beta) G^\top G

have eigenbases :math:`Q_L`, :math:`Q_R`. Adam keeps its second moment of the rotated gradient
:math:`Q_L^\top G Q_R` and steps by the rotated-back quotient. The bases follow by one step of
orthogonal iteration every few steps, so that the cost beside the gradient is six products of
matrices of a layer's size. Residuals of differential equations are ill-conditioned in just the way
that this repairs: gradients of different terms and scales stand askew to the coordinates of the
weights, where Adam's scaling of single entries cannot reach them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnlab.aggregation.base import Aggregator
from pinnlab.checks import check_count, check_decays, check_positive, check_share
from pinnlab.objective.objective import Objective
from pinnlab.optim.base import Phase, Stepper
from pinnlab.optim.first_order import combiner_for, parameter_groups, refuse_finished
from pinnlab.optim.first_order_stepper import FirstOrderStepper
from pinnlab.optim.schedules import Schedule, check_schedule


@dataclass(frozen=True)
class SOAP(Phase):
    """Adam in the eigenbasis of Shampoo's preconditioner.

    Vectors and single rows or columns are stepped as by Adam. The first gradient only chooses the
    bases.

    Args:
        steps: Number of steps.
        lr: Learning rate.
        schedule: As in :class:`Adam`.
        betas: Decay of the first moment and of the second, in the rotated basis.
        eps: Added to the root of the second moment.
        decay: Decay β of the averages whose eigenbases are taken; None for the second of ``betas``.
        every: Steps between updates of the eigenbases.
        largest: Sides longer than this are not rotated.
        unknowns_lr: As in :class:`Adam`.
        clip: As in :class:`Adam`.
        batch: As in :class:`Adam`.
        resample: As in :class:`Adam`. Rather every few hundred steps than in every one: the length
            of a step does not fall with the gradient, so that what new points change each time is
            followed at the full rate.

    Raises:
        DeclarationError: If a number is out of its range.

    References:
        Vyas et al. (2025), ICLR, algorithm 3, with the eigenbases of its section 4 by QR; Wang et
        al. (2025), NeurIPS, for residuals of differential equations.
    """

    steps: int
    lr: float = 3e-3
    schedule: Schedule | None = None
    betas: tuple[float, float] = (0.95, 0.95)
    eps: float = 1e-8
    decay: float | None = None
    every: int = 10
    largest: int = 2048
    unknowns_lr: float | None = None
    clip: float | None = None
    batch: int | None = None
    resample: int | None = None

    def __post_init__(self) -> None:
        check_count(
            self,
            steps=self.steps,
            every=self.every,
            largest=self.largest,
            batch=self.batch,
            resample=self.resample,
        )
        check_positive(self, lr=self.lr, eps=self.eps, clip=self.clip, unknowns_lr=self.unknowns_lr)
        check_schedule(self, self.schedule)
        check_decays(self, betas=self.betas)
        object.__setattr__(self, "betas", tuple(self.betas))
        if self.decay is not None:
            check_share(self, zero=True, decay=self.decay)

    def start(self, objective: Objective, aggregator: Aggregator | None) -> Stepper:
        """See :meth:`Phase.start`."""
        combiner = combiner_for(objective, aggregator)
        refuse_finished("SOAP", aggregator, combiner)
        groups = parameter_groups(objective, self.lr, self.unknowns_lr)
        rates = [group["lr"] for group in groups]
        optimizer = RotatedAdam(
            groups,
            betas=self.betas,
            eps=self.eps,
            decay=self.betas[1] if self.decay is None else self.decay,
            every=self.every,
            largest=self.largest,
        )
        return FirstOrderStepper(
            self, optimizer, combiner, rates, schedule=self.schedule, clip=self.clip
        )


class RotatedAdam(torch.optim.Optimizer):
    """The update of :class:`SOAP` for tensors of any kind.

    Args:
        params: Parameters or groups of them, with their rates.
        betas: Decay of the moments.
        eps: Added to the root of the second moment.
        decay: Decay of the averages whose eigenbases are taken.
        every: Steps between updates of the eigenbases.
        largest: Sides longer than this are not rotated.
    """

    def __init__(
        self,
        params: Any,
        *,
        betas: Sequence[float] = (0.95, 0.95),
        eps: float = 1e-8,
        decay: float = 0.95,
        every: int = 10,
        largest: int = 2048,
    ) -> None:
        options = {"betas": tuple(betas), "eps": eps, "decay": decay, "every": every}
        super().__init__(params, {"lr": 3e-3, "largest": largest, **options})

    @torch.no_grad()
    def step(self, closure: Callable | None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if state:
                    _move(p, p.grad, state, group)
                else:
                    state.update(_begin(p.grad, group))


def _begin(gradient: Tensor, group: dict[str, Any]) -> dict[str, Any]:
    """What is remembered of one parameter after its first gradient."""
    state: dict[str, Any] = {
        "taken": 0,
        # Row by row, as a file gives them back: the order of a sum decides its last bit.
        "first": torch.zeros_like(gradient, memory_format=torch.contiguous_format),
        "second": torch.zeros_like(gradient, memory_format=torch.contiguous_format),
    }
    if gradient.ndim == 2 and min(gradient.shape) > 1:
        for name, side, square in _sides(gradient, group):
            state[name] = (1 - group["decay"]) * square
            # Largest eigenvalue first, as orthogonal iteration orders them.
            state[f"{name}_basis"] = (
                torch.linalg.eigh(square.double())[1].flip(1).to(gradient).contiguous()
            )
            assert state[name].shape[0] == gradient.shape[side]
    return state


def _sides(gradient: Tensor, group: dict[str, Any]) -> list[tuple[str, int, Tensor]]:
    """Name, number and square of the sides of a matrix that are rotated."""
    sides = []
    if gradient.shape[0] <= group["largest"]:
        sides.append(("left", 0, gradient @ gradient.T))
    if gradient.shape[1] <= group["largest"]:
        sides.append(("right", 1, gradient.T @ gradient))
    return sides


def _move(p: Tensor, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
    """One step of one parameter."""
    beta1, beta2 = group["betas"]
    state["taken"] += 1
    state["first"].lerp_(gradient, 1 - beta1)
    rotated = _rotate(gradient, state)
    state["second"].mul_(beta2).addcmul_(rotated, rotated, value=1 - beta2)
    first = _rotate(state["first"], state) / (1 - beta1 ** state["taken"])
    root = (state["second"] / (1 - beta2 ** state["taken"])).sqrt_().add_(group["eps"])
    p.sub_(_rotate_back(first.div_(root), state), alpha=float(group["lr"]))
    if "left" in state or "right" in state:
        for name, side, square in _sides(gradient, group):
            state[name].lerp_(square, 1 - group["decay"])
            if state["taken"] % group["every"] == 0:
                _follow(state, name, side)


def _rotate(matrix: Tensor, state: dict[str, Any]) -> Tensor:
    """Q_Lᵀ M Q_R, a new tensor."""
    out = state["left_basis"].T @ matrix if "left" in state else matrix
    out = out @ state["right_basis"] if "right" in state else out
    return out.clone() if out is matrix else out


def _rotate_back(matrix: Tensor, state: dict[str, Any]) -> Tensor:
    """Q_L M Q_Rᵀ."""
    out = state["left_basis"] @ matrix if "left" in state else matrix
    return out @ state["right_basis"].T if "right" in state else out


def _follow(state: dict[str, Any], name: str, side: int) -> None:
    """One step of orthogonal iteration for a basis, its vectors in order of their eigenvalues."""
    average, basis = state[name], state[f"{name}_basis"]
    image = average @ basis
    order = (basis * image).sum(0).argsort(descending=True)
    state["second"] = state["second"].index_select(side, order)
    state[f"{name}_basis"] = torch.linalg.qr(image[:, order])[0].contiguous()
