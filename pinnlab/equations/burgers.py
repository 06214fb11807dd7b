"""Burgers' equation in one and two dimensions."""

from pinnlab.calculus import Jet, advect, laplacian
from pinnlab.equations.coefficients import Coefficient, Residual, Residuals


def burgers(u: Jet, *, nu: Coefficient) -> Residual:
    r"""Viscous Burgers equation in one dimension.

    .. math:: \partial_t u + u\, \partial_x u = \nu\, \partial_{xx} u

    Args:
        u: Velocity. [L/T]
        nu: Kinematic viscosity ν ≥ 0. [L²/T]

    Returns:
        Residual, left minus right side. [L/T²]

    References:
        Raissi et al. (2019), J. Comput. Phys. 378, 686-707: a sharp front at x = 0 for ν = 0.01/π.
    """
    return u.t + u * u.x - nu * u.xx


def burgers_2d(u: Jet, v: Jet, *, nu: Coefficient) -> Residuals:
    r"""Viscous Burgers equations in two dimensions.

    .. math:: \partial_t w + (w \cdot \nabla) w = \nu\, \Delta w, \qquad w = (u, v)

    Args:
        u: Velocity along x. [L/T]
        v: Velocity along y. [L/T]
        nu: Kinematic viscosity ν ≥ 0. [L²/T]

    Returns:
        Residuals of the two components, left minus right side. [L/T²]

    References:
        Fletcher (1983), Int. J. Numer. Meth. Fluids 3, 213-216, gives exact solutions.
    """
    first, second = (w.t + advect((u, v), w) - nu * laplacian(w) for w in (u, v))
    return first, second
