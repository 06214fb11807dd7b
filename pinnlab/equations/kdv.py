"""The Korteweg-de Vries equation."""

from pinnlab.calculus import Jet
from pinnlab.equations.coefficients import Coefficient, Residual


def kdv(u: Jet, *, a: Coefficient = 6.0, b: Coefficient = 1.0) -> Residual:
    r"""The Korteweg-de Vries equation of long waves in shallow water.

    .. math:: \partial_t u + a\, u\, \partial_x u + b\, \partial_{xxx} u = 0

    Args:
        u: Elevation. [U]
        a: Steepening. [L/(T·U)]
        b: Dispersion. [L³/T]

    Returns:
        Residual, left minus right side. [U/T]

    References:
        Korteweg and de Vries (1895), Phil. Mag. 39, 422-443. With a = 6, b = 1 a soliton of speed c
        is c/2 sech²(√c/2 (x - ct)); Raissi et al. (2019) use a = 1, b = 0.0025.
    """
    return u.t + a * u * u.x + b * u.xxx
