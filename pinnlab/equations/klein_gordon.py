"""The Klein-Gordon equation, in any number of dimensions."""

from pinnlab.calculus import Jet, laplacian
from pinnlab.equations.coefficients import Coefficient, Residual


def klein_gordon(
    u: Jet,
    *,
    c: Coefficient = 1.0,
    m: Coefficient = 1.0,
    g: Coefficient = 0.0,
    f: Coefficient = 0.0,
) -> Residual:
    r"""The Klein-Gordon equation with an optional cubic term.

    .. math:: \partial_{tt} u - c^2 \Delta u + m^2 u + g\, u^3 = f

    Args:
        u: Field. [U]
        c: Wave speed. [L/T]
        m: Mass, as a frequency. [1/T]
        g: Self-interaction. [1/(T²·U²)]
        f: Forcing. [U/T²]

    Returns:
        Residual, left minus right side. [U/T²]

    References:
        Whitham (1974), Linear and Nonlinear Waves, chapter 11.
    """
    return u.tt - c**2 * laplacian(u) + m**2 * u + g * u**3 - f
