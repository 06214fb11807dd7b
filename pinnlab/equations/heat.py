"""The heat equation, in any number of dimensions."""

from pinnlab.calculus import Jet, div, grad, laplacian
from pinnlab.equations.coefficients import Coefficient, Residual


def heat(u: Jet, *, alpha: Coefficient, f: Coefficient = 0.0) -> Residual:
    r"""The heat equation of a homogeneous body.

    .. math:: \partial_t u = \alpha\, \Delta u + f

    Args:
        u: Temperature. [U]
        alpha: Thermal diffusivity α > 0. [L²/T]
        f: Heat source over heat capacity. [U/T]

    Returns:
        Residual, left minus right side. [U/T]

    References:
        Evans (2010), Partial Differential Equations, section 2.3. For a conductivity that varies in
        space see :func:`~pinnlab.equations.conduction`.
    """
    return u.t - alpha * laplacian(u) - f


def conduction(
    u: Jet, *, k: Coefficient, rho_c: Coefficient = 1.0, f: Coefficient = 0.0
) -> Residual:
    r"""Heat conduction in a body whose conductivity may vary in space or with temperature.

    .. math:: \rho c\, \partial_t u = \nabla \cdot (k \nabla u) + f

    Args:
        u: Temperature. [U]
        k: Thermal conductivity k > 0. [W/(L·U)]
        rho_c: Volumetric heat capacity ρc > 0. [W·T/(L³·U)]
        f: Heat source. [W/L³]

    Returns:
        Residual, left minus right side. [W/L³]

    References:
        Carslaw and Jaeger (1959), Conduction of Heat in Solids, section 1.6.
    """
    return rho_c * u.t - div(k * grad(u)) - f
