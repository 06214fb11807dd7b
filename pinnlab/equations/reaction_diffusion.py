"""Reaction and diffusion of one species, in any number of dimensions."""

from pinnlab.calculus import Jet, laplacian
from pinnlab.equations.coefficients import Coefficient, Residual


def reaction_diffusion(u: Jet, *, D: Coefficient, R: Coefficient) -> Residual:
    r"""Reaction and diffusion with any kinetics.

    .. math:: \partial_t u = D\, \Delta u + R(u, x, t)

    Args:
        u: Concentration. [U]
        D: Diffusivity D > 0. [L²/T]
        R: Reaction rate; as a text or function it may read the field, such as ``u*(1 - u)``. [U/T]

    Returns:
        Residual, left minus right side. [U/T]

    References:
        Murray (2002), Mathematical Biology I, chapter 11.
    """
    return u.t - D * laplacian(u) - R


def fisher_kpp(u: Jet, *, D: Coefficient, r: Coefficient) -> Residual:
    r"""The Fisher-KPP equation of a spreading population.

    .. math:: \partial_t u = D\, \Delta u + r\, u\,(1 - u)

    Args:
        u: Population over its capacity. [1]
        D: Diffusivity D > 0. [L²/T]
        r: Growth rate r > 0; fronts move at 2√(rD) or faster. [1/T]

    Returns:
        Residual, left minus right side. [1/T]

    References:
        Fisher (1937), Ann. Eugenics 7, 355-369.
    """
    return u.t - D * laplacian(u) - r * u * (1 - u)
