"""The Lotka-Volterra equations, ordinary differential equations in time."""

from pinnlab.calculus import Jet
from pinnlab.equations.coefficients import Coefficient, Residuals


def lotka_volterra(
    x: Jet,
    y: Jet,
    *,
    alpha: Coefficient,
    beta: Coefficient,
    gamma: Coefficient,
    delta: Coefficient,
) -> Residuals:
    r"""The Lotka-Volterra equations of prey and predators.

    .. math:: \dot x = \alpha x - \beta x y, \qquad \dot y = \delta x y - \gamma y

    Args:
        x: Number of prey. [N]
        y: Number of predators. [N]
        alpha: Growth rate of prey. [1/T]
        beta: Rate at which predators kill. [1/(N·T)]
        gamma: Death rate of predators. [1/T]
        delta: Growth of predators from prey. [1/(N·T)]

    Returns:
        Residuals of the two equations, left minus right side. [N/T]

    References:
        Murray (2002), Mathematical Biology I, section 3.1.
    """
    return x.t - (alpha * x - beta * x * y), y.t - (delta * x * y - gamma * y)
