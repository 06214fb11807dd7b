"""The sine-Gordon equation, in any number of dimensions."""

from pinnlab.calculus import Jet, laplacian, sin
from pinnlab.equations.coefficients import Coefficient, Residual


def sine_gordon(u: Jet, *, c: Coefficient = 1.0, m: Coefficient = 1.0) -> Residual:
    r"""The sine-Gordon equation, which has kinks and breathers.

    .. math:: \partial_{tt} u - c^2 \Delta u + m^2 \sin u = 0

    Args:
        u: Phase. [1]
        c: Wave speed. [L/T]
        m: Frequency of small oscillations. [1/T]

    Returns:
        Residual, left minus right side. [1/T²]

    References:
        Ablowitz, Kaup, Newell and Segur (1973), Phys. Rev. Lett. 30, 1262-1264.
    """
    return u.tt - c**2 * laplacian(u) + m**2 * sin(u)
