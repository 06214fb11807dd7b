r"""Limited-memory BFGS steps that lower every term.

With gradients :math:`g_k` of the terms :math:`L_k`, H an inverse Hessian and the weights w that an
aggregator finds for the inner products :math:`G_{kl} = g_k \cdot H g_l`, the parameters move along

.. math:: d = -\sum_k w_k H g_k, \qquad g_k \cdot d = -(G w)_k.

*Memory.* A pair of the memory is a move s and the change of every gradient along it. The inverse
Hessian is that of :math:`\sum_k v_k L_k`, with the weights v of the last direction where they are
positive: the pairs :math:`(s, \sum_k v_k \Delta g_k)` are made anew in every step, so that all of
them belong to one function. A fixed sum in their place sees the large terms only, and what it
takes for a full step is none for the small ones.

*Line search.* Strong Wolfe conditions for the loss, :math:`\varphi = \sum_k L_k`, along the line,
and for every term no less decrease than :math:`L_k(\alpha) \le L_k(0) + c_1 \alpha\, g_k \cdot d`;
see :func:`~pinnlab.optim.line_search.strong_wolfe`. It begins at the minimum of the quadratic model
along the line, :math:`\alpha = v \cdot Gw / w \cdot Gw`, which is 1 for w = v.

Terms whose gradient vanishes take no part, nor is their value watched.
"""

import math
from typing import Any

import torch
from torch import Tensor

from pinnlab.aggregation.base import Combiner, gramian_of
from pinnlab.objective.objective import Objective
from pinnlab.optim.base import Status, Stepper, StepReport
from pinnlab.optim.common_descent import steepest_common_descent, with_common_descent
from pinnlab.optim.first_order_stepper import non_finite_direction, non_finite_message
from pinnlab.optim.line_search import Trial, strong_wolfe

# Parameters (p,), Jacobian (m, p), mean squares (m,), weighted terms (m,).
Payload = tuple[Tensor, Tensor, Tensor, Tensor]


class NonFiniteDirection(Exception):
    """What an aggregator makes of finite inner products is not finite."""


class TermLBFGSStepper(Stepper):
    """Memory and the last gradients of all terms.

    Args:
        combiner: Weighs the gradients of the terms.
        memory: Pairs kept.
        line_search: Most evaluations of one line search.
        tolerance_gradient: Terms of whose gradient no entry exceeds this have converged.
        tolerance_change: Relative decrease of the loss that is none.

    References:
        Lapucci and Mansueto (2023), Comput. Optim. Appl. 85, 33-73, where one inverse Hessian is
        that of a convex combination of the terms. Differs: the direction follows from any
        aggregator, pairs are weighted anew in every step, and the curvature condition is that of
        the loss.
    """

    summed = False

    def __init__(
        self,
        combiner: Combiner,
        *,
        memory: int,
        line_search: int,
        tolerance_gradient: float,
        tolerance_change: float,
    ) -> None:
        self.combiner, self.memory, self.line_search = combiner, memory, line_search
        self.tolerance_gradient, self.tolerance_change = tolerance_gradient, tolerance_change
        self.moves: list[Tensor] = []  # (p,)
        self.changes: list[Tensor] = []  # (m, p)
        self.jacobian: Tensor | None = None
        self.squares: Tensor | None = None
        self.losses: Tensor | None = None
        self.weights: Tensor | None = None
        self.slopes: Tensor | None = None  # along the direction of the last step
        self.loss = 0.0
        self.small_steps = 0
        self.batch: int | None = None
        self._outside = False  # whether the last search met numbers that are not finite

    def step(self, objective: Objective) -> StepReport:
        """See :meth:`Stepper.step`."""
        used = 0
        if self.jacobian is None or self.batch != objective.batch_number:
            self.jacobian, self.squares, self.losses = _evaluate(objective)
            self.loss = float(self.losses.sum())
            self.batch, used = objective.batch_number, 1
        assert self.squares is not None
        if not (self.jacobian.isfinite().all() and self.loss < float("inf")):
            message = non_finite_message(objective, self.squares)
            return self._report(Status.NON_FINITE, used, message)
        largest = self.jacobian.abs().amax(1)
        if float(largest.max()) <= self.tolerance_gradient:
            return self._report(
                Status.CONVERGED,
                used,
                f"largest gradient entry of any term {float(largest.max()):.1e} "
                f"<= {self.tolerance_gradient:.0e}",
            )
        try:
            return self._move(objective, largest > self.tolerance_gradient, used)
        except NonFiniteDirection:
            return self._report(Status.NON_FINITE, used, non_finite_direction(self.combiner))

    def _move(self, objective: Objective, active: Tensor, used: int) -> StepReport:
        """One line search; if it fails, once more without memory, which may be stale."""
        assert self.jacobian is not None
        gramian, accepted, weights = gramian_of(self.jacobian), None, self.weights
        while accepted is None:
            found, reason = self._direction(objective, active)
            if found is not None:
                accepted, evaluations = self._search(objective, *found, active)
                used += evaluations
                if accepted is None and self._outside:
                    used += 1
                    if (report := self._lost(objective, used)) is not None:
                        self.weights = weights
                        return report
            if accepted is None and not self.moves:
                message = f"{reason} ({used} evaluations)"
                return self._report(Status.STALLED, used, message, gramian=gramian)
            if accepted is None:
                self.moves, self.changes = [], []
        before = self.loss
        self._accept(accepted)
        small = before - self.loss <= self.tolerance_change * max(abs(before), 1e-300)
        self.small_steps = self.small_steps + 1 if small else 0
        status, message = Status.OK, ""
        if self.small_steps >= 10:
            status = Status.CONVERGED
            message = f"ten steps lowered the loss by less than {self.tolerance_change:.0e} of it"
        return self._report(status, used, message, accepted.step, gramian)

    def _lost(self, objective: Objective, used: int) -> StepReport | None:
        """What has become of the terms where the last step ended, if they are not finite now."""
        jacobian, squares, losses = _evaluate(objective)
        if bool(jacobian.isfinite().all() and losses.isfinite().all()):
            return None
        message = non_finite_message(objective, squares)
        return StepReport(Status.NON_FINITE, losses.sum(), squares, used, message=message)

    def _report(
        self,
        status: Status,
        used: int,
        message: str,
        rate: float | None = None,
        gramian: Tensor | None = None,
    ) -> StepReport:
        assert self.squares is not None
        return StepReport(
            status,
            torch.tensor(self.loss, dtype=torch.float64),
            self.squares,
            used,
            message=message,
            rate=rate,
            gramian=gramian,
            coefficients=self.weights if rate is not None else None,
            slopes=self.slopes if rate is not None else None,
        )

    # --- direction ---------------------------------------------------------------------------
    def _shares(self) -> Tensor:
        """The weights v ``(m,)`` of the terms in the function whose Hessian is approximated."""
        assert self.losses is not None
        ones = torch.ones_like(self.losses, dtype=torch.float64)
        if self.weights is None:
            return ones
        positive = self.weights.clamp_min(0)
        return positive if bool(positive.any()) else ones

    def _pairs(self, shares: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Moves and changes of gradient ``(p,)`` that keep the inverse Hessian positive."""
        pairs = []
        for s, change in zip(self.moves, self.changes, strict=True):
            y = shares.to(change) @ change
            if torch.dot(s, y) > 1e-10 * torch.linalg.vector_norm(s) * torch.linalg.vector_norm(y):
                pairs.append((s, y))
        return pairs

    def _direction(
        self, objective: Objective, active: Tensor
    ) -> tuple[tuple[Tensor, float] | None, str]:
        """The direction and the first step length, if one lowers all terms.

        Returns:
            Both or None, and what to say if nothing comes of it.

        Raises:
            NonFiniteDirection: If what the combiner says is not finite.
        """
        assert self.jacobian is not None
        shares = self._shares()
        pairs = self._pairs(shares)
        rows = torch.where(active[:, None], self.jacobian, 0.0)
        columns = apply_inverse(pairs, rows)
        gramian = rows.double() @ columns.double().T
        gramian = 0.5 * (gramian + gramian.T)
        steepest = steepest_common_descent(gramian)
        opponents = steepest.opponents(objective.names)
        if steepest.rate <= 4 * torch.finfo(rows.dtype).eps ** 0.5:
            return None, f"no direction lowers every term: {opponents}"
        if not self.combiner.found_finite(self.combiner(columns, gramian)):
            raise NonFiniteDirection
        weights = self.combiner.coefficients
        assert weights is not None
        weights = torch.where(active, with_common_descent(weights, gramian, steepest), 0.0)
        direction = -(weights.to(columns) @ columns)
        reason = f"the line search found no step that lowers every term; {opponents}"
        fallen = gramian @ weights
        if pairs:
            first = float(torch.dot(shares, fallen) / torch.dot(weights, fallen))
        else:  # The direction has no scale: move by at most one unit in the 1-norm.
            first = min(1.0, 1.0 / float(direction.abs().sum()))
        self.weights, self.slopes = weights, fallen
        return (direction, first), reason

    # --- line search -------------------------------------------------------------------------
    def _search(
        self, objective: Objective, direction: Tensor, first: float, active: Tensor
    ) -> tuple[Trial[Payload] | None, int]:
        """Move along the direction; on failure the parameters are as before."""
        assert self.jacobian is not None
        assert self.squares is not None and self.losses is not None
        self._outside, origin = False, objective.flat_parameters()
        members = active.nonzero().reshape(-1).tolist()

        def trial(step: float, payload: Payload) -> Trial[Payload]:
            _, jacobian, _, losses = payload
            loss, slopes = float(losses.sum()), jacobian @ direction  # (m,)
            finite = math.isfinite(loss) and bool(slopes.isfinite().all())
            self._outside |= not finite
            pairs = list(zip(losses.tolist(), slopes.tolist(), strict=True))
            return Trial(
                step,
                loss if finite else float("inf"),
                float(slopes.sum()) if finite else float("nan"),
                payload,
                tuple(pairs[k] for k in members) if len(pairs) > 1 else (),
            )

        def evaluate(step: float) -> Trial[Payload]:
            position = origin + step * direction
            objective.set_flat_parameters(position)
            return trial(step, (position, *_evaluate(objective)))

        start = trial(0.0, (origin, self.jacobian, self.squares, self.losses))
        if not start.slope < 0 or any(not slope < 0 for _, slope in start.others):
            return None, 0
        accepted, used = strong_wolfe(
            evaluate,
            start,
            first,
            largest=self.line_search,
            rounding=8 * torch.finfo(direction.dtype).eps,
        )
        if accepted is None or not accepted.value < self.loss:
            objective.set_flat_parameters(origin)
            return None, used
        objective.set_flat_parameters(accepted.payload[0])
        self._origin = origin
        return accepted, used

    def _accept(self, trial: Trial[Payload]) -> None:
        assert self.jacobian is not None
        position, jacobian, squares, losses = trial.payload
        self.moves = [*self.moves, position - self._origin][-self.memory :]
        self.changes = [*self.changes, jacobian - self.jacobian][-self.memory :]
        self.jacobian, self.squares, self.losses = jacobian, squares, losses
        self.loss = trial.value

    # --- state -------------------------------------------------------------------------------
    def state_dict(self) -> dict[str, Any]:
        """See :meth:`Stepper.state_dict`."""
        return {
            "moves": self.moves,
            "changes": self.changes,
            "jacobian": self.jacobian,
            "squares": self.squares,
            "losses": self.losses,
            "weights": self.weights,
            "loss": self.loss,
            "small_steps": self.small_steps,
            "batch": self.batch,
            "combiner": self.combiner.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :meth:`Stepper.load_state_dict`."""
        for name, value in state.items():
            if name == "combiner":
                self.combiner.load_state_dict(value)
            else:
                setattr(self, name, list(value) if name in ("moves", "changes") else value)


def apply_inverse(pairs: list[tuple[Tensor, Tensor]], rows: Tensor) -> Tensor:
    """The inverse Hessian times every row ``(m, p)``, by one two-loop recursion on all of them.

    Args:
        pairs: Moves and changes of gradient ``(p,)``, oldest first.
        rows: Vectors ``(m, p)``.
    """
    q = rows.clone()
    stack = []
    for s, y in reversed(pairs):
        rho = 1.0 / torch.dot(y, s)
        alpha = rho * (q @ s)  # (m,)
        q.addr_(alpha, y, alpha=-1)
        stack.append((rho, alpha))
    if pairs:
        s, y = pairs[-1]
        q *= torch.dot(s, y) / torch.dot(y, y)
    for (s, y), (rho, alpha) in zip(pairs, reversed(stack), strict=True):
        q.addr_(alpha - rho * (q @ y), s)
    return q


def _evaluate(objective: Objective) -> tuple[Tensor, Tensor, Tensor]:
    """Jacobian ``(m, p)``, mean squares ``(m,)`` and weighted terms ``(m,)``."""
    jacobian, squares = objective.gradients()
    assert objective.losses is not None
    return jacobian, squares, objective.losses
