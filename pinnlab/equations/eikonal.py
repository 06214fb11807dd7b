"""The eikonal equation, in any number of dimensions."""

from pinnlab.calculus import Jet, dot, grad
from pinnlab.equations.coefficients import Coefficient, Residual


def eikonal(u: Jet, *, c: Coefficient = 1.0) -> Residual:
    r"""The eikonal equation of arrival times, squared.

    .. math:: |\nabla u|^2 = 1 / c^2

    The square keeps the residual differentiable where the gradient vanishes.

    Args:
        u: Arrival time; the distance if c = 1. [T]
        c: Speed c > 0; may vary in space. [L/T]

    Returns:
        Residual, left minus right side. [T²/L²]

    References:
        Sethian (1996), Proc. Natl. Acad. Sci. 93, 1591-1595.
    """
    slope = grad(u)
    return dot(slope, slope) - 1 / c**2
