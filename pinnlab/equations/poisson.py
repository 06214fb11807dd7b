"""Poisson's and Laplace's equations, in any number of dimensions."""

from pinnlab.calculus import Jet, laplacian
from pinnlab.equations.coefficients import Coefficient, Residual


def poisson(u: Jet, *, f: Coefficient = 0.0) -> Residual:
    r"""Poisson's equation.

    .. math:: -\Delta u = f

    Args:
        u: Potential. [U]
        f: Source. [U/L²]

    Returns:
        Residual, left minus right side. [U/L²]

    References:
        Evans (2010), Partial Differential Equations, section 2.2.
    """
    return -laplacian(u) - f


def laplace(u: Jet) -> Residual:
    r"""Laplace's equation.

    .. math:: \Delta u = 0

    Args:
        u: Potential. [U]

    Returns:
        Residual, left minus right side. [U/L²]

    References:
        Evans (2010), Partial Differential Equations, section 2.2.
    """
    return laplacian(u)
