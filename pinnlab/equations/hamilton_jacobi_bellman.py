"""The Hamilton-Jacobi-Bellman equation of stochastic control, in any number of dimensions."""

from pinnlab.calculus import Jet, dot, grad, laplacian
from pinnlab.equations.coefficients import Coefficient, Residual


def hjb_lqg(u: Jet, *, mu: Coefficient = 1.0) -> Residual:
    r"""The Hamilton-Jacobi-Bellman equation of linear dynamics, quadratic costs and Gaussian noise.

    .. math:: \partial_t u + \Delta u - \mu\, |\nabla u|^2 = 0

    Args:
        u: Optimal cost from a state and time on; given at the final time. [C]
        mu: Strength of the control. [1/C]

    Returns:
        Residual, left minus right side. [C/T]

    References:
        Han, Jentzen and E (2018), PNAS 115, 8505-8510, eq. 12.
    """
    return u.t + laplacian(u) - mu * dot(grad(u), grad(u))
