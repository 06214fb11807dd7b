"""The Helmholtz equation, in any number of dimensions."""

from pinnlab.calculus import Jet, laplacian
from pinnlab.equations.coefficients import Coefficient, Residual


def helmholtz(u: Jet, *, k: Coefficient, f: Coefficient = 0.0) -> Residual:
    r"""The Helmholtz equation of time-harmonic waves.

    .. math:: \Delta u + k^2 u = f

    Args:
        u: Amplitude. [U]
        k: Wave number; may vary in space. [1/L]
        f: Source. [U/L²]

    Returns:
        Residual, left minus right side. [U/L²]

    References:
        Colton and Kress (2013), Inverse Acoustic and Electromagnetic Scattering Theory, chapter 2.
    """
    return laplacian(u) + k**2 * u - f
