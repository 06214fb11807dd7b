"""Probability densities in very many dimensions, with exact solutions."""

from typing import Any

from torch import Tensor

from pinnlab import equations
from pinnlab.calculus import dot, exp, log, pi
from pinnlab.conditions.initial import Initial
from pinnlab.geometry import RealSpace, Time
from pinnlab.io.exact_reference import ExactReference
from pinnlab.problems.high_dimension.numbers import check_positive
from pinnlab.problems.high_dimension.rows import rows
from pinnlab.problems.problem import Problem
from pinnlab.problems.recipe import ready_made


@ready_made
def ornstein_uhlenbeck(
    dim: int, theta: float = 1.0, D: float = 0.5, variance: float = 2.0, end: float = 1.0
) -> Problem:
    r"""The Fokker-Planck equation of the Ornstein-Uhlenbeck process dX = -θX dt + √(2D) dW.

    Starting from :math:`N(0, s_0 I)` the density stays Gaussian, with the variance

    .. math:: s(t) = \frac{D}{\theta} + \left(s_0 - \frac{D}{\theta}\right) e^{-2 \theta t}.

    The field is the logarithm of the density divided by the number of dimensions,

    .. math:: q(x, t) = -\frac{|x|^2}{2 d\, s(t)} - \frac{1}{2} \log (2 \pi s(t)),

    which is of order one however many there are. The initial density is built in.

    Args:
        dim: Number of coordinates d.
        theta: Rate of return θ > 0.
        D: Diffusivity D > 0.
        variance: Variance s₀ of every coordinate at the start.
        end: Last instant.

    Raises:
        GeometryError: If ``dim`` is below 2 or ``end`` is not positive.
        DeclarationError: If ``theta``, ``D`` or ``variance`` is not positive.

    References:
        Risken (1996), The Fokker-Planck Equation, section 5.3. In logarithms as Hu, Zhang,
        Karniadakis and Kawaguchi (2024), arXiv 2402.07465.

    Example:
        >>> ornstein_uhlenbeck(1000).fields
        ('q',)
    """
    check_positive(theta=theta, D=D, variance=variance)
    return Problem(
        domain=RealSpace("x", dim, scale=variance**0.5) * Time("t", 0, end),
        fields=["q"],
        equations={"fokker_planck": equations.fokker_planck_log},
        conditions={"start": Initial(q=initial_density, hard=True)},
        parameters={
            "b": "-theta*x",
            "theta": theta,
            "D": D,
            "m": float(dim),
            "variance": variance,
        },
        reference=ExactReference({"q": density}),
        name=f"Ornstein-Uhlenbeck process in {dim} dimensions",
    )


def initial_density(x: Any, m: Any, variance: Any) -> Any:
    """Logarithm of the initial density, divided by m."""
    return -dot(x, x) / (2.0 * m * variance) - 0.5 * log(2.0 * pi * variance)


def density(x: Any, t: Any, theta: Any, D: Any, variance: Any) -> Tensor:
    """Logarithm of the exact density, divided by the number of dimensions."""
    rest = D / theta
    s = rest + (variance - rest) * exp(-2.0 * theta * rows(t))
    return -rows(x).square().mean(-1) / (2.0 * s) - 0.5 * log(2.0 * pi * s)
