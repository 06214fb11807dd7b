r"""Optimal control in very many dimensions, with exact solutions.

The Hamilton-Jacobi-Bellman equation of linear dynamics and quadratic costs becomes the heat
equation under :math:`v = e^{-\mu u}`, so that

.. math::
    u(x, t) = -\frac{1}{\mu} \log \mathrm E\, e^{-\mu g(Y)},
    \qquad Y \sim N(x, 2 \tau I), \quad \tau = T - t.

The literature evaluates this expectation by Monte Carlo. For :math:`g(y) = \log((1 + |y|^2)/2)` it
is an integral over one variable: :math:`(1 + s)^{-\mu} = \Gamma(\mu)^{-1} \int_0^\infty
\lambda^{\mu - 1} e^{-\lambda (1 + s)} d\lambda`, and the Laplace transform of :math:`|Y|^2` is
known,

.. math::
    \mathrm E\, e^{-\mu g(Y)} = \frac{2^\mu}{\Gamma(\mu)} \int_0^\infty \lambda^{\mu - 1}
    e^{-\lambda}\, (1 + 4 \tau \lambda)^{-d/2}
    \exp\left(-\frac{\lambda |x|^2}{1 + 4 \tau \lambda}\right) d\lambda.

With :math:`\lambda = e^v` the integrand is smooth and decays exponentially at both ends, so that
the trapezoidal rule converges exponentially: the values are exact to rounding.
"""

import math
from typing import Any

import torch
from torch import Tensor

from pinnlab import equations
from pinnlab.calculus import Jet, abs, dot, grad, laplacian, log
from pinnlab.conditions.dirichlet import Dirichlet
from pinnlab.errors import DeclarationError
from pinnlab.geometry import RealSpace, Time
from pinnlab.io.exact_reference import ExactReference
from pinnlab.problems.high_dimension.numbers import check_positive
from pinnlab.problems.high_dimension.rows import rows
from pinnlab.problems.problem import Problem
from pinnlab.problems.recipe import ready_made

_STEP = 0.2  # of v; the error of the rule is about exp(-π²/step) = 1e-21


@ready_made
def hjb_lqg(dim: int, mu: float = 1.0, end: float = 1.0) -> Problem:
    r"""The Hamilton-Jacobi-Bellman equation with the final cost :math:`\log((1 + |x|^2)/2)`.

    .. math:: \partial_t u + \Delta u - \mu\, |\nabla u|^2 = 0

    The final cost is built in. The reference is an integral over one variable, evaluated to
    rounding.

    Args:
        dim: Number of coordinates.
        mu: Strength of the control μ > 0.
        end: Final time T.

    Raises:
        GeometryError: If ``dim`` is below 2 or ``end`` is not positive.
        DeclarationError: If ``mu`` is not positive.

    References:
        Han, Jentzen and E (2018), PNAS 115, 8505-8510, eq. 12; Hu, Shukla, Karniadakis and
        Kawaguchi (2024), Neural Networks 176, 106369.

    Example:
        >>> print(hjb_lqg(100).equations["hjb_lqg"].describe())
        u.t + laplacian(u) - mu*dot(grad(u), grad(u)) = 0
    """
    check_positive(mu=mu)
    return Problem(
        domain=RealSpace("x", dim) * Time("t", 0, end),
        fields=["u"],
        equations={"hjb_lqg": equations.hjb_lqg},
        conditions={"final_cost": Dirichlet(u=final_cost, on="final", hard=True)},
        parameters={"mu": mu, "T": end},
        reference=ExactReference({"u": optimal_cost}),
        name=f"Hamilton-Jacobi-Bellman, quadratic costs, in {dim} dimensions",
    )


@ready_made
def hjb_lin(dim: int, c: float = 1.75, end: float = 1.0) -> Problem:
    r"""A Hamilton-Jacobi-Bellman equation with the solution :math:`\sum_i x_i + T - t`.

    .. math::
        \partial_t u + \Delta u - \frac{1}{d} \sum_{i=1}^d |\partial_i u|^c = -2

    It reads every component of the gradient, exactly from as many directions as there are
    coordinates, or from an estimate of ∇u. The residual is not linear in that, so that such an
    estimate biases it: ``derivatives={"laplacian": STDE(16)}`` leaves the gradient exact, where
    ``STDE(16)`` estimates both and a warning says so.

    Args:
        dim: Number of coordinates.
        c: Exponent of the derivatives, 1 < c <= 2.
        end: Final time T.

    Raises:
        GeometryError: If ``dim`` is below 2 or ``end`` is not positive.
        DeclarationError: If ``c`` is outside of its range.

    References:
        He, Li, Shi, Wang and Zhang (2023), Learning physics-informed neural networks without
        stacked back-propagation, AISTATS.

    Example:
        >>> hjb_lin(100).parameters["c"]
        1.75
    """
    check_positive(c=c)
    if not 1 < c <= 2:
        raise DeclarationError(
            "'c' cannot be used",
            expected="an exponent above 1, at which slopes of zero have a derivative, and up to 2",
            got=c,
            do="choose for example c=1.75",
        )
    return Problem(
        domain=RealSpace("x", dim) * Time("t", 0, end),
        fields=["u"],
        equations={"hjb_lin": power_of_gradient},
        conditions={"final_cost": Dirichlet(u=total, on="final", hard=True)},
        parameters={"c": c, "T": end},
        reference=ExactReference({"u": total_and_time}),
        name=f"Hamilton-Jacobi-Bellman, linear solution, in {dim} dimensions",
    )


def power_of_gradient(u: Jet, *, c: Any) -> Jet:
    """The residual of :func:`hjb_lin`."""
    return u.t + laplacian(u) - (abs(grad(u)) ** c).mean(-1) + 2.0


def final_cost(x: Any) -> Any:
    """The cost log((1 + |x|²)/2)."""
    return log((1.0 + dot(x, x)) / 2.0)


def optimal_cost(x: Any, t: Any, mu: Any, T: Any) -> Tensor:
    """The exact u(x, t) of :func:`hjb_lqg`, ``(n,)``."""
    x = rows(x)
    d = x.shape[1]
    square = torch.linalg.vector_norm(x, dim=1).double().square()
    tau = (T - rows(t).double()).clamp(min=0.0)
    # Left of its peak near μ/(1 + |x|² + 2dτ) the integrand falls as e^(μv), and it ends where
    # e^(-λ) does.
    peak = torch.log(mu / (1.0 + square + 2.0 * d * tau))
    low, high = float(peak.min()) - 42.0 / mu, math.log(60.0 + 10.0 * mu)
    v = torch.arange(low, high, _STEP, dtype=torch.float64, device=x.device)
    spread = torch.log1p(4.0 * tau[:, None] * v.exp())  # (n, nodes)
    exponent = mu * v - v.exp() - 0.5 * d * spread - square[:, None] * (v - spread).exp()
    logarithm = torch.logsumexp(exponent, 1) + math.log(_STEP)
    return (-(mu * math.log(2.0) - math.lgamma(mu) + logarithm) / mu).to(x.dtype)


def total(x: Any) -> Any:
    """The sum of all coordinates."""
    return x.sum(-1)


def total_and_time(x: Any, t: Any, T: Any) -> Tensor:
    """The exact solution of :func:`hjb_lin`, ``(n,)``."""
    return rows(x).sum(-1) + T - rows(t)
