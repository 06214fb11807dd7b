"""The Korteweg-de Vries equation and its generalisation to other powers."""

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


def generalised_kdv(
    u: Jet, *, power: Coefficient = 2.0, a: Coefficient = 6.0, b: Coefficient = 1.0
) -> Residual:
    r"""The generalised Korteweg-de Vries equation, modified for the power two.

    .. math:: \partial_t u + a\, u^p\, \partial_x u + b\, \partial_{xxx} u = 0

    Args:
        u: Elevation; positive unless p is a whole number. [U]
        power: Power p > 0 of the steepening. From 4 on solitons are unstable.
        a: Steepening. [L/(T·U^p)]
        b: Dispersion. [L³/T]

    Returns:
        Residual, left minus right side. [U/T]

    References:
        Zabusky (1967), in Nonlinear Partial Differential Equations (ed. Ames), 223-258; for p = 2
        Miura (1968), J. Math. Phys. 9, 1202-1204. A soliton of speed c is
        [(p + 1)(p + 2)c/(2a) sech²(p/2 √(c/b) (x - ct))]^(1/p).
    """
    return u.t + a * u**power * u.x + b * u.xxx
