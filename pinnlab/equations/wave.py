"""The wave equation, in any number of dimensions."""

from pinnlab.calculus import Jet, laplacian
from pinnlab.equations.coefficients import Coefficient, Residual


def wave(u: Jet, *, c: Coefficient, f: Coefficient = 0.0) -> Residual:
    r"""The wave equation.

    .. math:: \partial_{tt} u = c^2 \Delta u + f

    Args:
        u: Displacement. [U]
        c: Wave speed c > 0; may vary in space. [L/T]
        f: Forcing. [U/T²]

    Returns:
        Residual, left minus right side. [U/T²]

    References:
        Evans (2010), Partial Differential Equations, section 2.4.
    """
    return u.tt - c**2 * laplacian(u) - f
