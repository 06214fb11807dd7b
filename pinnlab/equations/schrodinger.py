"""The Schrödinger equation, linear and nonlinear, in any number of dimensions."""

from pinnlab.calculus import Jet, laplacian
from pinnlab.equations.coefficients import Coefficient, Residuals


def schrodinger(u: Jet, v: Jet, *, V: Coefficient = 0.0, g: Coefficient = 0.0) -> Residuals:
    r"""The Schrödinger equation for ψ = u + iv, in units with ħ = m = 1.

    .. math::
        i\, \partial_t \psi + \tfrac{1}{2} \Delta \psi - V \psi + g\, |\psi|^2 \psi = 0

    Args:
        u: Real part of the wave function. [U]
        v: Imaginary part of the wave function. [U]
        V: Potential. [1/T]
        g: Strength of the cubic term, positive where it focuses; 0 for the linear equation.
            [1/(T·U²)]

    Returns:
        Real and imaginary part of the residual, left minus right side. [U/T]

    References:
        Raissi et al. (2019), J. Comput. Phys. 378, 686-707, solve the case V = 0, g = 1.
    """
    potential = g * (u**2 + v**2) - V
    return (
        -v.t + laplacian(u) / 2 + potential * u,
        u.t + laplacian(v) / 2 + potential * v,
    )
