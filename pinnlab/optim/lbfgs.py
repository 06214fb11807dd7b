"""Limited-memory BFGS with a strong Wolfe line search."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnlab.aggregation.base import Aggregator, Combiner, GramianAggregator, Setup, combiner_of
from pinnlab.aggregation.conflict_free import ConflictFree
from pinnlab.aggregation.sum import Sum
from pinnlab.checks import check_count, check_positive
from pinnlab.errors import DeclarationError
from pinnlab.objective.objective import Objective
from pinnlab.optim.base import Phase, Status, Stepper, StepReport, refuse_estimates
from pinnlab.optim.first_order_stepper import non_finite_message
from pinnlab.optim.lbfgs_terms import TermLBFGSStepper
from pinnlab.optim.line_search import Trial, strong_wolfe


@dataclass(frozen=True)
class LBFGS(Phase):
    r"""Quasi-Newton steps from the last ``memory`` changes of gradient and parameters.

    .. math:: \theta_{k+1} = \theta_k - \alpha_k H_k \nabla L(\theta_k)

    with α_k from a strong Wolfe line search. One step is one accepted move; the report says why
    the phase stopped. Needs float64 for more than about four digits.

    With ``gradients=`` an aggregator that follows from inner products, such as ``ConFIG()`` or
    ``UPGrad()``, no step raises any term. The aggregator weighs the gradients by their inner
    products in the metric of H,

    .. math:: \theta_{k+1} = \theta_k - \alpha_k H_k J^T w(J H_k J^T),

    H_k belongs to the terms as they are weighed, and the line search asks sufficient decrease of
    every term beside the strong Wolfe conditions of the loss; see
    :mod:`pinnlab.optim.lbfgs_terms`. Where the direction would raise a term, or hardly lower it,
    it is turned towards the one that lowers all terms fastest. The phase ends where no direction
    lowers every term, and says which ones oppose each other; ``Sum()`` goes on from there. As a
    rule the loss falls more slowly than with ``Sum()``, which may raise single terms.

    Args:
        steps: Most steps.
        memory: Pairs kept.
        tolerance_gradient: Converged when the largest entry of the gradient is below this, with
            an aggregator that of every term.
        tolerance_change: Converged when ten steps in a row each lower the loss by less than this
            share of it.
        line_search: Most evaluations of one line search.
        resample: Draw new points every so many steps; the memory is kept.

    References:
        Liu and Nocedal (1989), Math. Program. 45, 503-528; Nocedal and Wright (2006), ch. 7.
        Several terms: Fliege and Svaiter (2000), Math. Methods Oper. Res. 51, 479-494; Lapucci
        and Mansueto (2023), Comput. Optim. Appl. 85, 33-73.
    """

    steps: int
    memory: int = 50
    tolerance_gradient: float = 1e-12
    tolerance_change: float = 1e-12
    line_search: int = 25
    resample: int | None = None
    batch = None

    def __post_init__(self) -> None:
        check_count(
            self,
            steps=self.steps,
            memory=self.memory,
            line_search=self.line_search,
            resample=self.resample,
        )
        check_positive(
            self,
            tolerance_gradient=self.tolerance_gradient,
            tolerance_change=self.tolerance_change,
        )

    def start(self, objective: Objective, aggregator: Aggregator | None) -> Stepper:
        """See :meth:`Phase.start`."""
        refuse_estimates("LBFGS", objective)
        if isinstance(aggregator, Sum | ConflictFree | None):
            return LBFGSStepper(self)
        return TermLBFGSStepper(
            _combiner(aggregator, objective),
            memory=self.memory,
            line_search=self.line_search,
            tolerance_gradient=self.tolerance_gradient,
            tolerance_change=self.tolerance_change,
        )


def _combiner(aggregator: Aggregator, objective: Objective) -> Combiner:
    """What weighs the gradients, by nothing but their inner products in the metric of H.

    Raises:
        DeclarationError: If the aggregator does more than that.
    """
    name = type(aggregator).__name__
    combiner = combiner_of(aggregator, Setup(objective.names, seed=objective.seed))
    if combiner.finished or combiner.wanted() is not None:
        reason = f"{name} makes whole steps with moments of its own, and LBFGS has another memory"
    elif not isinstance(aggregator, GramianAggregator):
        reason = f"{name} looks at more than the inner products of the gradients"
    else:
        return combiner
    raise DeclarationError(
        f"LBFGS cannot follow the direction of {name}: {reason}",
        expected="gradients=Sum(), or one that follows from inner products, such as ConFIG()",
        got=name,
        do="choose one of these, or use a first-order phase",
    )


class LBFGSStepper(Stepper):
    """Memory and the last gradient."""

    def __init__(self, phase: LBFGS) -> None:
        self.phase = phase
        self.moves: list[Tensor] = []
        self.changes: list[Tensor] = []
        self.gradient: Tensor | None = None
        self.loss = 0.0
        self.squares: Tensor | None = None
        self.small_steps = 0
        self.batch: int | None = None
        self._outside = False  # whether the last search met numbers that are not finite

    def _evaluate(self, objective: Objective) -> tuple[float, Tensor, Tensor]:
        loss, squares = objective.loss_and_gradient()
        return float(loss), objective.flat_gradient(), squares

    def step(self, objective: Objective) -> StepReport:
        """See :meth:`Stepper.step`."""
        used = 0
        if self.gradient is None or self.batch != objective.batch_number:
            self.loss, self.gradient, self.squares = self._evaluate(objective)
            self.batch, used = objective.batch_number, 1
        assert self.squares is not None
        if not (self.gradient.isfinite().all() and self.loss < float("inf")):
            message = non_finite_message(objective, self.squares)
            return self._report(Status.NON_FINITE, used, message)
        largest = float(self.gradient.abs().max())
        if largest <= self.phase.tolerance_gradient:
            return self._report(
                Status.CONVERGED,
                used,
                f"largest gradient entry {largest:.1e} <= {self.phase.tolerance_gradient:.0e}",
            )
        accepted, evaluations = self._search(objective, self._direction())
        used += evaluations
        if accepted is None and self._outside:
            used += 1
            if (report := self._lost(objective, used)) is not None:
                return report
        if accepted is None and self.moves:
            # A stale memory is the usual reason; steepest descent gets one chance.
            self.moves, self.changes = [], []
            accepted, evaluations = self._search(objective, -self.gradient)
            used += evaluations
        if accepted is None:
            return self._report(
                Status.STALLED,
                used,
                f"the line search found no lower loss along the gradient ({used} evaluations)",
            )
        before = self.loss
        self._accept(accepted)
        small = before - self.loss <= self.phase.tolerance_change * max(abs(before), 1e-300)
        self.small_steps = self.small_steps + 1 if small else 0
        if self.small_steps >= 10:
            return self._report(
                Status.CONVERGED,
                used,
                f"ten steps lowered the loss by less than {self.phase.tolerance_change:.0e} of it",
                accepted.step,
            )
        return self._report(Status.OK, used, "", accepted.step)

    def _lost(self, objective: Objective, used: int) -> StepReport | None:
        """What has become of the loss where the last step ended, if it is not finite now."""
        loss, gradient, squares = self._evaluate(objective)
        if math.isfinite(loss) and bool(gradient.isfinite().all()):
            return None
        message = non_finite_message(objective, squares)
        found = torch.tensor(loss, dtype=torch.float64)
        return StepReport(Status.NON_FINITE, found, squares, used, message=message)

    def _report(
        self, status: Status, used: int, message: str, rate: float | None = None
    ) -> StepReport:
        assert self.squares is not None
        loss = torch.tensor(self.loss, dtype=torch.float64)
        return StepReport(status, loss, self.squares, used, message=message, rate=rate)

    def _direction(self) -> Tensor:
        """−H∇L by the two-loop recursion."""
        assert self.gradient is not None
        q = -self.gradient
        stack = []
        for s, y in zip(reversed(self.moves), reversed(self.changes), strict=True):
            rho = 1.0 / torch.dot(y, s)
            alpha = rho * torch.dot(s, q)
            q = q - alpha * y
            stack.append((rho, alpha))
        if self.moves:
            s, y = self.moves[-1], self.changes[-1]
            q = q * (torch.dot(s, y) / torch.dot(y, y))
        for (s, y), (rho, alpha) in zip(
            zip(self.moves, self.changes, strict=True), reversed(stack), strict=True
        ):
            q = q + (alpha - rho * torch.dot(y, q)) * s
        return q

    def _search(
        self, objective: Objective, direction: Tensor
    ) -> tuple[Trial[tuple[Tensor, Tensor, Tensor]] | None, int]:
        """Move along the direction; on failure the parameters are as before."""
        assert self.gradient is not None and self.squares is not None
        self._outside, origin = False, objective.flat_parameters()
        slope = float(torch.dot(self.gradient, direction))
        if not slope < 0:
            return None, 0

        def evaluate(step: float) -> Trial[tuple[Tensor, Tensor, Tensor]]:
            position = origin + step * direction
            objective.set_flat_parameters(position)
            loss, gradient, squares = self._evaluate(objective)
            finite = math.isfinite(loss) and bool(gradient.isfinite().all())
            self._outside |= not finite
            slope_ = float(torch.dot(gradient, direction)) if finite else float("nan")
            return Trial(
                step, loss if finite else float("inf"), slope_, (position, gradient, squares)
            )

        start = Trial(0.0, self.loss, slope, (origin, self.gradient, self.squares))
        # Without memory the direction has no scale: move by at most one unit in the 1-norm.
        first = 1.0 if self.moves else min(1.0, 1.0 / float(self.gradient.abs().sum()))
        accepted, used = strong_wolfe(evaluate, start, first, largest=self.phase.line_search)
        if accepted is None or not accepted.value < self.loss:
            objective.set_flat_parameters(origin)
            return None, used
        objective.set_flat_parameters(accepted.payload[0])
        self._origin = origin
        return accepted, used

    def _accept(self, trial: Trial[tuple[Tensor, Tensor, Tensor]]) -> None:
        assert self.gradient is not None
        position, gradient, squares = trial.payload
        s, y = position - self._origin, gradient - self.gradient
        # Keep the inverse Hessian positive definite.
        if torch.dot(s, y) > 1e-10 * torch.linalg.vector_norm(s) * torch.linalg.vector_norm(y):
            self.moves.append(s)
            self.changes.append(y)
            self.moves = self.moves[-self.phase.memory :]
            self.changes = self.changes[-self.phase.memory :]
        self.loss, self.gradient, self.squares = trial.value, gradient, squares

    def state_dict(self) -> dict[str, Any]:
        """See :meth:`Stepper.state_dict`."""
        return {
            "moves": self.moves,
            "changes": self.changes,
            "gradient": self.gradient,
            "loss": self.loss,
            "squares": self.squares,
            "small_steps": self.small_steps,
            "batch": self.batch,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :meth:`Stepper.load_state_dict`."""
        for name, value in state.items():
            setattr(self, name, list(value) if name in ("moves", "changes") else value)
