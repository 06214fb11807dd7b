"""The Kuramoto-Sivashinsky equation."""

from pinnlab.calculus import Jet
from pinnlab.equations.coefficients import Coefficient, Residual


def kuramoto_sivashinsky(
    u: Jet, *, alpha: Coefficient = 1.0, beta: Coefficient = 1.0, gamma: Coefficient = 1.0
) -> Residual:
    r"""The Kuramoto-Sivashinsky equation of flame fronts, chaotic on long intervals.

    .. math::
        \partial_t u + \alpha\, u\, \partial_x u + \beta\, \partial_{xx} u
        + \gamma\, \partial_{xxxx} u = 0

    Args:
        u: Slope of the front. [U]
        alpha: Advection α. [L/(T·U)]
        beta: Destabilising second-order coefficient β > 0. [L²/T]
        gamma: Stabilising fourth-order coefficient γ > 0. [L⁴/T]

    Returns:
        Residual, left minus right side. [U/T]

    References:
        Kuramoto and Tsuzuki (1976), Prog. Theor. Phys. 55, 356-369; Sivashinsky (1977), Acta
        Astronaut. 4, 1177-1206.
    """
    return u.t + alpha * u * u.x + beta * u.xx + gamma * u.xxxx
