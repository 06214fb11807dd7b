"""One linear least-squares solve, for problems that are linear in the parameters."""

from dataclasses import dataclass
from typing import Any

import torch

from pinnlab.aggregation.base import Aggregator
from pinnlab.aggregation.sum import Sum
from pinnlab.errors import DeclarationError
from pinnlab.objective.objective import Objective
from pinnlab.optim.base import Phase, Status, Stepper, StepReport, check_positive


@dataclass(frozen=True)
class LeastSquares(Phase):
    r"""The minimiser of ½‖ρ‖² in one step, where ρ is affine in the parameters.

    .. math:: \theta \leftarrow \theta - J^{+} \rho(\theta)

    with the pseudo-inverse from a complete orthogonal decomposition. For a surrogate that is
    linear in its parameters and linear equations this is the solution; otherwise it is refused.

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
        if aggregator is not None and not isinstance(aggregator, Sum):
            raise DeclarationError(
                "LeastSquares minimises the sum of the terms",
                expected="gradients=Sum()",
                got=type(aggregator).__name__,
                do="drop `gradients`",
            )
        return _LeastSquaresStepper(self)


class _LeastSquaresStepper(Stepper):
    def __init__(self, phase: LeastSquares) -> None:
        self.phase = phase

    def step(self, objective: Objective) -> StepReport:
        """See :meth:`Stepper.step`."""
        rho, matrix = objective.jacobian_matrix()
        flat = objective.flat_parameters()
        driver = "gelsy" if rho.device.type == "cpu" else "gels"
        cutoff = self.phase.cutoff if driver == "gelsy" else None
        step = torch.linalg.lstsq(matrix, rho[:, None], rcond=cutoff, driver=driver).solution
        objective.set_flat_parameters(flat - step[:, 0])
        loss, squares = objective.loss_and_gradient()
        predicted = torch.linalg.vector_norm(rho - matrix @ step[:, 0]) ** 2 / 2
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
