"""The Fokker-Planck equation, in any number of dimensions."""

from pinnlab.calculus import Jet, div, dot, grad, laplacian
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


def fokker_planck_log(
    q: Jet, *, b: Coefficient | VectorCoefficient, D: Coefficient, m: Coefficient = 1.0
) -> Residual:
    r"""The Fokker-Planck equation of the logarithm of the density of dX = b dt + √(2D) dW.

    .. math::
        \partial_t q = - \tfrac{1}{m} \nabla \cdot b - b \cdot \nabla q
        + D\, (\Delta q + m\, |\nabla q|^2), \qquad p = e^{m q}

    Densities of many dimensions leave the range of floating-point numbers; their logarithms grow
    with the number of dimensions only, for which m can make up.

    Args:
        q: Logarithm of the probability density, divided by m. [1]
        b: Drift, one component per space coordinate; a number or scalar in one dimension. [L/T]
        D: Diffusivity D > 0, a constant. [L²/T]
        m: Unit of q, for example the number of dimensions. [1]

    Returns:
        Residual, left minus right side. [1/T]

    References:
        Hu, Zhang, Karniadakis and Kawaguchi (2024), Score-based physics-informed neural networks
        for high-dimensional Fokker-Planck equations, arXiv 2402.07465.
    """
    b = velocity(b)
    slope = grad(q)
    return q.t + div(b) / m + dot(b, slope) - D * (laplacian(q) + m * dot(slope, slope))
