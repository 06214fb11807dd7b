"""The Gray-Scott model, in any number of dimensions."""

from pinnlab.calculus import Jet, laplacian
from pinnlab.equations.coefficients import Coefficient, Residuals


def gray_scott(
    u: Jet, v: Jet, *, D_u: Coefficient, D_v: Coefficient, F: Coefficient, k: Coefficient
) -> Residuals:
    r"""The Gray-Scott model of an autocatalytic reaction that forms patterns.

    .. math::
        \partial_t u = D_u \Delta u - u v^2 + F (1 - u), \qquad
        \partial_t v = D_v \Delta v + u v^2 - (F + k)\, v

    Args:
        u: Concentration of the substrate. [1]
        v: Concentration of the catalyst. [1]
        D_u: Diffusivity of u. [L²/T]
        D_v: Diffusivity of v. [L²/T]
        F: Feed rate. [1/T]
        k: Kill rate. [1/T]

    Returns:
        Residuals of the two species, left minus right side. [1/T]

    References:
        Pearson (1993), Science 261, 189-192.
    """
    reaction = u * v**2
    return (
        u.t - D_u * laplacian(u) + reaction - F * (1 - u),
        v.t - D_v * laplacian(v) - reaction + (F + k) * v,
    )
