"""The Allen-Cahn equation, in any number of dimensions."""

from pinnlab.calculus import Jet, laplacian
from pinnlab.equations.coefficients import Coefficient, Residual


def allen_cahn(u: Jet, *, D: Coefficient, R: Coefficient = 1.0) -> Residual:
    r"""The Allen-Cahn equation of phase separation without conservation.

    .. math:: \partial_t u = D\, \Delta u + R\,(u - u^3)

    Args:
        u: Order parameter, -1 and 1 in the pure phases. [1]
        D: Diffusivity D > 0; interfaces are about √(D/R) wide. [L²/T]
        R: Reaction rate. [1/T]

    Returns:
        Residual, left minus right side. [1/T]

    References:
        Allen and Cahn (1979), Acta Metall. 27, 1085-1095. The usual test for PINNs has D = 1e-4 and
        R = 5: Raissi et al. (2019), J. Comput. Phys. 378, 686-707.
    """
    return u.t - D * laplacian(u) - R * (u - u**3)


def allen_cahn_steady(u: Jet, *, f: Coefficient = 0.0) -> Residual:
    r"""The Allen-Cahn equation at rest, in units of its interface width, with a source.

    .. math:: \Delta u + u - u^3 = f

    Args:
        u: Order parameter, -1 and 1 in the pure phases. [1]
        f: Source. [1]

    Returns:
        Residual, left minus right side. [1]

    References:
        Hu, Shukla, Karniadakis and Kawaguchi (2024), Neural Networks 176, 106369: a test in up to
        100 000 dimensions.
    """
    return laplacian(u) + u - u**3 - f
