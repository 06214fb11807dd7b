"""Contractions of derivatives by nested autograd, independent of every rule of the library."""

import torch

import pinnlab as pl
from pinnlab.problems import PointBudget, assemble

F64 = torch.float64


class Nested:
    """A scalar function at points, differentiated as often as asked.

    Args:
        function: Maps points ``(n, d)`` to values ``(n,)``.
        x: The points.
        size: Leading columns over which contractions run; all by default.
    """

    def __init__(self, function, x, size=None):
        self.x = x.detach().clone().requires_grad_()
        self.size = size or x.shape[1]
        self.value = function(self.x)

    def gradient(self, value=None):
        """All first derivatives of a quantity, ``(n, d)``."""
        value = self.value if value is None else value
        if not value.requires_grad:
            return torch.zeros_like(self.x)
        (found,) = torch.autograd.grad(
            value.sum(), self.x, create_graph=True, allow_unused=True, materialize_grads=True
        )
        return found

    @property
    def rows(self):
        """The gradient over the leading columns, ``(n, size)``."""
        return self.gradient()[:, : self.size]

    def hessian(self):
        """Second derivatives over the leading columns, ``(n, size, size)``."""
        rows = [self.gradient(g)[:, : self.size] for g in self.rows.unbind(1)]
        return torch.stack(rows, 1)

    def power_sum(self, m, value=None):
        """Σ_i ∂_i^m."""
        value = self.value if value is None else value
        total = torch.zeros_like(self.value)
        for i in range(self.size):
            one = value
            for _ in range(m):
                one = self.gradient(one)[:, i]
            total = total + one
        return total

    def laplacian(self, value=None):
        """Σ_i ∂_i²."""
        return self.power_sum(2, value)

    def biharmonic(self):
        """The Laplacian of the Laplacian."""
        return self.laplacian(self.laplacian())

    def along(self, b):
        """b·∇u for directions ``(n, size)`` or ``(size,)``."""
        return (b * self.rows).sum(-1)

    def trace(self, sigma):
        """tr(σσᵀ∇²u) for a full σ, ``(n, size, r)`` or ``(size, r)``."""
        square = sigma @ sigma.transpose(-1, -2)
        return (square * self.hessian()).sum((-1, -2))


def assembled(problem, surrogate=None, n=5, **options):
    """A problem with few points in float64, its network moved off its first state."""
    made = assemble(
        problem,
        surrogate or pl.MLP(width=7, depth=2),
        budget=PointBudget(interior=n, boundary=3),
        dtype=F64,
        **options,
    )
    noise = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in made.objective.state.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=noise, dtype=F64))
    return made


def points_of(assembly):
    """The points of the equation, ``(n, d)``."""
    return next(p.x for key, p in assembly.objective.points.items() if key.on is None)


def residual_of(assembly, name="equation", **options):
    """The residual of one term, ``(n,)`` or ``(n, c)``."""
    block = assembly.objective.residuals(**options)[name].detach()
    return block[:, 0] if block.shape[1] == 1 else block


def fields_of(assembly, lift=None, factor=None):
    """The field as a function of points, its ansatz g + φ N written by hand."""
    module = assembly.objective.state.surrogate

    def function(x):
        value = module(x)[:, 0]
        value = value if factor is None else factor(x) * value
        return value if lift is None else lift(x) + value

    return function
