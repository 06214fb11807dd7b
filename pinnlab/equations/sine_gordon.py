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


def sine_gordon_steady(u: Jet, *, f: Coefficient = 0.0) -> Residual:
    r"""The sine-Gordon equation without time, with the sign of a reaction, and a source.

    .. math:: \Delta u + \sin u = f

    Args:
        u: Phase. [1]
        f: Source. [1/L²]

    Returns:
        Residual, left minus right side. [1/L²]

    References:
        Hu, Shukla, Karniadakis and Kawaguchi (2024), Neural Networks 176, 106369: a test in up to
        100 000 dimensions.
    """
    return laplacian(u) + sin(u) - f
