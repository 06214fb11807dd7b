"""The Kadomtsev-Petviashvili equation."""

from pinnlab.calculus import Jet, d
from pinnlab.equations.coefficients import Coefficient, Residual


def kadomtsev_petviashvili(
    u: Jet, *, a: Coefficient = 6.0, b: Coefficient = 1.0, c: Coefficient = 3.0
) -> Residual:
    r"""The Kadomtsev-Petviashvili equation of long waves that vary slowly across their course.

    .. math::
        \partial_x \left( \partial_t u + a\, u\, \partial_x u + b\, \partial_{xxx} u \right)
        + c\, \partial_{yy} u = 0

    Args:
        u: Elevation. [U]
        a: Steepening. [L/(T·U)]
        b: Dispersion along the course. [L³/T]
        c: Spreading across it: c > 0 for shallow water (KP-II, stable line solitons), c < 0 where
            surface tension prevails (KP-I). [L/T]

    Returns:
        Residual, left minus right side. [U/(T·L)]

    References:
        Kadomtsev and Petviashvili (1970), Sov. Phys. Dokl. 15, 539-541. With a = 6, b = 1, c = 3 a
        line soliton is k²/2 sech²(θ/2) with θ = k(x + my - (k² + 3m²)t).
    """
    return d(u.t + a * u * u.x + b * u.xxx, "x") + c * u.yy
