"""Functions of a few parameters that stand where an objective would."""

from types import SimpleNamespace

import torch
from torch import nn

F64 = torch.float64


class Function:
    """A least-squares function ½‖r(θ)‖² with the views that optimisers pull.

    Args:
        residual: From parameters ``(p,)`` to residuals ``(r,)``.
        start: First parameters.
    """

    def __init__(self, residual, start):
        self.residual = residual
        self.theta = nn.Parameter(torch.as_tensor(start, dtype=F64).clone())
        self.parameters = [self.theta]
        self.names = ("only",)
        self.state = SimpleNamespace(unknowns={})
        self.batch_number = 1
        self.evaluations = 0
        self.random = False
        self.recorded = False

    def loss(self):
        return self.residual(self.theta).square().sum() / 2

    def loss_and_gradient(self):
        self.evaluations += 1
        self.theta.grad = None
        loss = self.loss()
        loss.backward()
        return loss.detach(), 2 * loss.detach().reshape(1)

    def flat_gradient(self):
        return self.theta.grad.clone()

    def flat_parameters(self):
        return self.theta.detach().clone()

    def set_flat_parameters(self, flat):
        with torch.no_grad():
            self.theta.copy_(flat)

    def jacobian_matrix(self):
        theta = self.theta.detach()
        return self.residual(theta), torch.autograd.functional.jacobian(self.residual, theta)

    def without_gradient(self, names):
        return []

    def worst_point(self, name):
        return " at nowhere"


def rosenbrock():
    """Minimum 0 at (1, 1), at the end of a bent valley."""
    return Function(
        lambda t: torch.stack([10 * (t[1] - t[0] ** 2), 1 - t[0]]) * 2**0.5, [-1.2, 1.0]
    )


def quadratic(n=20, condition=1e4):
    """Minimum 0 at (1, …, 1), with eigenvalues from 1 to ``condition``."""
    generator = torch.Generator().manual_seed(1)
    q, _ = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=F64))
    scale = torch.logspace(0, 0.5 * torch.log10(torch.tensor(condition)).item(), n, dtype=F64)
    return Function(lambda t: scale * (q @ (t - 1)), torch.zeros(n))


def beale():
    """Minimum 0 at (3, 0.5)."""
    values = torch.tensor([1.5, 2.25, 2.625], dtype=F64)
    powers = torch.tensor([1.0, 2.0, 3.0], dtype=F64)
    return Function(lambda t: values - t[0] * (1 - t[1] ** powers), [1.0, 1.0])


def run(phase, objective):
    """All steps of a phase; the reports."""
    stepper, reports = phase.start(objective, None), []
    for _ in range(phase.steps):
        reports.append(stepper.step(objective))
        if reports[-1].status.name != "OK":
            break
    return reports
