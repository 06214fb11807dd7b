"""The pendulum, an ordinary differential equation in time."""

from pinnlab.calculus import Jet, sin
from pinnlab.equations.coefficients import Coefficient, Residual


def pendulum(
    theta: Jet, *, g: Coefficient = 9.81, length: Coefficient = 1.0, damping: Coefficient = 0.0
) -> Residual:
    r"""The damped pendulum at any angle.

    .. math:: \ddot\theta + b\, \dot\theta + \frac{g}{\ell} \sin\theta = 0

    Args:
        theta: Angle θ from the vertical. [1]
        g: Gravity. [L/T²]
        length: Length ℓ > 0. [L]
        damping: Damping rate b ≥ 0. [1/T]

    Returns:
        Residual, left minus right side. [1/T²]

    References:
        Landau and Lifshitz (1976), Mechanics, section 11.
    """
    return theta.tt + damping * theta.t + g / length * sin(theta)
