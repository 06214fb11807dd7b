"""Slender beams and thin plates."""

from pinnlab.calculus import Jet, biharmonic, d
from pinnlab.equations.coefficients import Coefficient, Residual


def euler_bernoulli(w: Jet, *, EI: Coefficient, q: Coefficient = 0.0) -> Residual:
    r"""The Euler-Bernoulli beam at rest.

    .. math:: \partial_{xx} \left(EI\, \partial_{xx} w\right) = q

    Args:
        w: Deflection. [L]
        EI: Bending stiffness EI > 0; may vary along the beam. [M·L³/T²]
        q: Load per length. [M/T²]

    Returns:
        Residual, left minus right side. [M/T²]

    References:
        Landau and Lifshitz (1986), Theory of Elasticity, chapter 2.
    """
    return d(EI * w.xx, "x", "x") - q


def euler_bernoulli_dynamic(
    w: Jet, *, EI: Coefficient, m: Coefficient, q: Coefficient = 0.0
) -> Residual:
    r"""The vibrating Euler-Bernoulli beam.

    .. math:: m\, \partial_{tt} w + \partial_{xx} \left(EI\, \partial_{xx} w\right) = q

    Args:
        w: Deflection. [L]
        EI: Bending stiffness EI > 0; may vary along the beam. [M·L³/T²]
        m: Mass per length ρA > 0. [M/L]
        q: Load per length. [M/T²]

    Returns:
        Residual, left minus right side. [M/T²]

    References:
        Graff (1975), Wave Motion in Elastic Solids, chapter 3.
    """
    return m * w.tt + d(EI * w.xx, "x", "x") - q


def kirchhoff_plate(w: Jet, *, D: Coefficient, q: Coefficient = 0.0) -> Residual:
    r"""The thin plate of constant stiffness at rest.

    .. math:: D\, \Delta^2 w = q

    Args:
        w: Deflection. [L]
        D: Bending stiffness D > 0, constant. [M·L²/T²]
        q: Load per area. [M/(L·T²)]

    Returns:
        Residual, left minus right side. [M/(L·T²)]

    References:
        Timoshenko and Woinowsky-Krieger (1959), Theory of Plates and Shells, section 21.
    """
    return D * biharmonic(w) - q
