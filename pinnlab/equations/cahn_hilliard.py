"""The Cahn-Hilliard equation, of fourth order and as a system of second order."""

from pinnlab.calculus import Jet, laplacian
from pinnlab.equations.coefficients import Coefficient, Residual, Residuals


def cahn_hilliard(u: Jet, *, D: Coefficient, gamma: Coefficient) -> Residual:
    r"""The Cahn-Hilliard equation of phase separation with conservation, of fourth order.

    .. math:: \partial_t u = D\, \Delta\left(u^3 - u - \gamma\, \Delta u\right)

    Args:
        u: Concentration, -1 and 1 in the pure phases. [1]
        D: Diffusivity D > 0. [L²/T]
        gamma: Square of the interface width γ > 0. [L²]

    Returns:
        Residual, left minus right side. [1/T]

    References:
        Cahn and Hilliard (1958), J. Chem. Phys. 28, 258-267.
    """
    return u.t - D * laplacian(u**3 - u - gamma * laplacian(u))


def cahn_hilliard_mixed(u: Jet, mu: Jet, *, D: Coefficient, gamma: Coefficient) -> Residuals:
    r"""The Cahn-Hilliard equation with the chemical potential as a field: second order only.

    .. math:: \partial_t u = D\, \Delta \mu, \qquad \mu = u^3 - u - \gamma\, \Delta u

    Args:
        u: Concentration, -1 and 1 in the pure phases. [1]
        mu: Chemical potential μ. [1]
        D: Diffusivity D > 0. [L²/T]
        gamma: Square of the interface width γ > 0. [L²]

    Returns:
        Residuals of the two equations, left minus right side. [1/T], [1]

    References:
        Cahn and Hilliard (1958), J. Chem. Phys. 28, 258-267.
    """
    return u.t - D * laplacian(mu), mu - (u**3 - u - gamma * laplacian(u))
