"""Darcy flow and other diffusion at rest with a coefficient that varies."""

from pinnlab.calculus import Jet, div, grad
from pinnlab.equations.coefficients import Coefficient, Residual


def darcy(u: Jet, *, k: Coefficient, f: Coefficient = 0.0) -> Residual:
    r"""Darcy flow through a porous body of variable permeability.

    .. math:: -\nabla \cdot (k\, \nabla u) = f

    Args:
        u: Pressure. [U]
        k: Permeability over viscosity, k > 0; a function of space or of the pressure. [K]
        f: Source. [K·U/L²]

    Returns:
        Residual, left minus right side. [K·U/L²]

    References:
        Bear (1972), Dynamics of Fluids in Porous Media, chapter 6.
    """
    return -div(k * grad(u)) - f
