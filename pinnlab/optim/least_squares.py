"""One linear least-squares solve, for problems that are linear in the parameters."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnlab.aggregation.base import Aggregator
from pinnlab.aggregation.conflict_free import ConflictFree
from pinnlab.aggregation.sum import Sum
from pinnlab.checks import check_positive
from pinnlab.errors import DeclarationError
from pinnlab.objective.objective import Objective
from pinnlab.optim.base import Phase, Status, Stepper, StepReport, refuse_estimates
from pinnlab.optim.first_order_stepper import non_finite_message
from pinnlab.parallel import all_threads


@dataclass(frozen=True)
class LeastSquares(Phase):
    r"""The minimiser of ½‖ρ‖² in one step, where ρ is affine in the parameters.

    .. math:: \theta \leftarrow \theta - J^{+} \rho(\theta)

    with the pseudo-inverse from singular values, those below ``cutoff`` left out. For a surrogate
    that is linear in its parameters and linear equations this is the solution; otherwise it is
    refused.

    Args:
        cutoff: Singular values below this share of the largest count as zero.

    Raises:
        DeclarationError: If the residual is not affine in the parameters.
    """

    cutoff: float = 1e-13
    steps = 1
    resample = None
    batch = None

    def __post_init__(self) -> None:
        check_positive(self, cutoff=self.cutoff)

    def start(self, objective: Objective, aggregator: Aggregator | None) -> Stepper:
        """See :meth:`Phase.start`."""
        if not isinstance(aggregator, Sum | ConflictFree | None):
            raise DeclarationError(
                "LeastSquares minimises the sum of the terms",
                expected="gradients=Sum()",
                got=type(aggregator).__name__,
                do="drop `gradients`",
            )
        refuse_estimates("LeastSquares", objective)
        return _LeastSquaresStepper(self)


def shortest_solution(matrix: Tensor, right: Tensor, cutoff: float) -> Tensor:
    """The least-squares solution of least norm, ``(p,)``.

    The triangular factor of ``[matrix, right]`` holds both sides, so that the orthogonal one is
    never formed; its singular values decide the rank. (LAPACK's gelsy would be as fast, but
    ``torch.linalg.lstsq`` hands it unset pivots and finds another rank from call to call.)

    Args:
        matrix: ``(r, p)``.
        right: Right side ``(r,)``.
        cutoff: Singular values below this share of the largest count as zero.
    """
    factor = torch.linalg.qr(torch.cat([matrix, right[:, None]], 1), mode="r").R
    u, s, vh = torch.linalg.svd(factor[:, :-1], full_matrices=False)
    kept = s > cutoff * s[0]
    return vh[kept].T @ ((u[:, kept].T @ factor[:, -1]) / s[kept])


class _LeastSquaresStepper(Stepper):
    def __init__(self, phase: LeastSquares) -> None:
        self.phase = phase

    def step(self, objective: Objective) -> StepReport:
        """See :meth:`Stepper.step`."""
        rho, matrix = objective.jacobian_matrix()
        flat = objective.flat_parameters()
        if not bool(torch.stack([rho.isfinite().all(), matrix.isfinite().all()]).all()):
            loss, squares = objective.loss_and_gradient()
            message = non_finite_message(objective, squares)
            return StepReport(Status.NON_FINITE, loss, squares, 2, message=message)
        with all_threads():
            step = shortest_solution(matrix, rho, self.phase.cutoff)
        objective.set_flat_parameters(flat - step)
        loss, squares = objective.loss_and_gradient()
        predicted = torch.linalg.vector_norm(rho - matrix @ step) ** 2 / 2
        if not bool(loss.isfinite()):
            objective.set_flat_parameters(flat)
            return StepReport(
                Status.NON_FINITE, loss, squares, 2, message="the solve was not finite"
            )
        before = torch.linalg.vector_norm(rho) ** 2 / 2
        if bool((loss - predicted).abs() > 1e-6 * before + 1e-8 * predicted):
            objective.set_flat_parameters(flat)
            raise DeclarationError(
                "LeastSquares needs a residual that is affine in the parameters",
                expected=f"loss {float(predicted):.3e} after the step",
                got=f"loss {float(loss):.3e}",
                do="use linear equations and a surrogate such as RandomFeatures, or another phase",
            )
        return StepReport(Status.OK, loss, squares, 2, rate=1.0)

    def state_dict(self) -> dict[str, Any]:
        """Nothing is kept between steps."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing is kept between steps."""
