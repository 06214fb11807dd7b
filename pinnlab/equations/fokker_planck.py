"""The Fokker-Planck equation, in any number of dimensions."""

from pinnlab.calculus import Jet, div, laplacian
from pinnlab.equations.coefficients import Coefficient, Residual, VectorCoefficient, velocity


def fokker_planck(p: Jet, *, b: Coefficient | VectorCoefficient, D: Coefficient) -> Residual:
    r"""The Fokker-Planck equation of the density of dX = b dt + √(2D) dW, in Itô's sense.

    .. math:: \partial_t p = -\nabla \cdot (b\, p) + \Delta (D\, p)

    Args:
        p: Probability density. [1/Lᵈ]
        b: Drift, one component per space coordinate; a number or scalar in one dimension. [L/T]
        D: Diffusivity D > 0; may vary in space. [L²/T]

    Returns:
        Residual, left minus right side. [1/(Lᵈ·T)]

    References:
        Risken (1996), The Fokker-Planck Equation, section 1.2.
    """
    b = velocity(b)
    flux = b * p if isinstance(b, Jet) else [component * p for component in b]
    return p.t + div(flux) - laplacian(D * p)
