"""Transport by a given velocity, with and without diffusion, in any number of dimensions."""

from pinnlab.calculus import Jet, advect, laplacian
from pinnlab.equations.coefficients import Coefficient, Residual, VectorCoefficient, velocity


def advection(u: Jet, *, c: Coefficient | VectorCoefficient, f: Coefficient = 0.0) -> Residual:
    r"""Linear advection, in the form that does not conserve u unless the velocity is solenoidal.

    .. math:: \partial_t u + c \cdot \nabla u = f

    Args:
        u: Transported quantity. [U]
        c: Velocity, one component per space coordinate; a number in one dimension. [L/T]
        f: Source. [U/T]

    Returns:
        Residual, left minus right side. [U/T]

    References:
        LeVeque (2002), Finite Volume Methods for Hyperbolic Problems, section 2.1.
    """
    return u.t + advect(velocity(c), u) - f


def advection_diffusion(
    u: Jet,
    *,
    c: Coefficient | VectorCoefficient,
    D: Coefficient,
    f: Coefficient = 0.0,
) -> Residual:
    r"""Linear advection with diffusion.

    .. math:: \partial_t u + c \cdot \nabla u = D\, \Delta u + f

    Args:
        u: Transported quantity. [U]
        c: Velocity, one component per space coordinate; a number in one dimension. [L/T]
        D: Diffusivity D > 0. [L²/T]
        f: Source. [U/T]

    Returns:
        Residual, left minus right side. [U/T]

    References:
        Morton (1996), Numerical Solution of Convection-Diffusion Problems, chapter 1.
    """
    return u.t + advect(velocity(c), u) - D * laplacian(u) - f
