"""The Lorenz system, ordinary differential equations in time."""

from pinnlab.calculus import Jet
from pinnlab.equations.coefficients import Coefficient, Residuals


def lorenz(
    x: Jet,
    y: Jet,
    z: Jet,
    *,
    sigma: Coefficient = 10.0,
    rho: Coefficient = 28.0,
    beta: Coefficient = 8.0 / 3.0,
) -> Residuals:
    r"""The Lorenz system, chaotic for the default coefficients.

    .. math::
        \dot x = \sigma (y - x), \qquad \dot y = x (\rho - z) - y, \qquad \dot z = x y - \beta z

    Args:
        x: Intensity of convection. [1]
        y: Horizontal temperature difference. [1]
        z: Vertical deviation of temperature. [1]
        sigma: Prandtl number σ. [1]
        rho: Rayleigh number over its critical value ρ. [1]
        beta: Shape of the convection cell β. [1]

    Returns:
        Residuals of the three equations, left minus right side. [1]

    References:
        Lorenz (1963), J. Atmos. Sci. 20, 130-141.
    """
    return x.t - sigma * (y - x), y.t - (x * (rho - z) - y), z.t - (x * y - beta * z)
