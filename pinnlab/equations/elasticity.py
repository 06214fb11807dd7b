r"""Linear elasticity of isotropic bodies at rest.

The balance of forces is :math:`-\nabla \cdot \sigma = f` with the stress
:math:`\sigma = \lambda\, \mathrm{tr}(\varepsilon)\, I + 2 \mu\, \varepsilon` and the strain
:math:`\varepsilon = (\nabla a + \nabla a^T)/2` of the displacement a. The Lamé constants come from
Young's modulus E and Poisson's ratio ν,

.. math:: \mu = \frac{E}{2 (1 + \nu)}, \qquad \lambda = \frac{E \nu}{(1 + \nu)(1 - 2 \nu)},

except in plane stress, where :math:`\lambda = E \nu / (1 - \nu^2)`. E and ν may vary in space.
"""

from collections.abc import Sequence

from pinnlab.calculus import Jet, div, grad
from pinnlab.equations.coefficients import Coefficient, Residuals, VectorCoefficient


def stress(displacement: Sequence[Jet], lame: Coefficient, mu: Coefficient) -> list[list[Jet]]:
    r"""Hooke's stress :math:`\sigma = \lambda\, \mathrm{tr}(\varepsilon)\, I + 2\mu\varepsilon`.

    Args:
        displacement: One component per space coordinate. [L]
        lame: First Lamé constant λ. [M/(L·T²)]
        mu: Shear modulus μ. [M/(L·T²)]

    Returns:
        The symmetric stress, row by row. [M/(L·T²)]
    """
    gradient = [grad(component) for component in displacement]
    volume = div(displacement)
    size = range(len(displacement))
    return [
        [mu * (gradient[i][j] + gradient[j][i]) + (lame * volume if i == j else 0.0) for j in size]
        for i in size
    ]


def _balance(
    displacement: Sequence[Jet], lame: Coefficient, mu: Coefficient, f: VectorCoefficient
) -> Residuals:
    rows = stress(displacement, lame, mu)
    return tuple(-div(row) - f[i] for i, row in enumerate(rows))


def elasticity_plane_strain(
    u: Jet,
    v: Jet,
    *,
    E: Coefficient,
    nu: Coefficient,
    f: VectorCoefficient = (0.0, 0.0),
) -> Residuals:
    r"""Linear elasticity in plane strain: a long body that cannot extend along z.

    .. math::
        -\nabla \cdot \sigma = f, \qquad
        \sigma = \frac{E \nu}{(1 + \nu)(1 - 2 \nu)}\, \mathrm{tr}(\varepsilon)\, I
        + \frac{E}{1 + \nu}\, \varepsilon

    Args:
        u: Displacement along x. [L]
        v: Displacement along y. [L]
        E: Young's modulus E > 0. [M/(L·T²)]
        nu: Poisson's ratio, -1 < ν < 1/2. [1]
        f: Body force. [M/(L²·T²)]

    Returns:
        Residuals of the balance along x and y, left minus right side. [M/(L²·T²)]

    References:
        Timoshenko and Goodier (1970), Theory of Elasticity, chapter 2.
    """
    return _balance((u, v), E * nu / ((1 + nu) * (1 - 2 * nu)), E / (2 * (1 + nu)), f)


def elasticity_plane_stress(
    u: Jet,
    v: Jet,
    *,
    E: Coefficient,
    nu: Coefficient,
    f: VectorCoefficient = (0.0, 0.0),
) -> Residuals:
    r"""Linear elasticity in plane stress: a thin plate whose faces are free.

    .. math::
        -\nabla \cdot \sigma = f, \qquad
        \sigma = \frac{E \nu}{1 - \nu^2}\, \mathrm{tr}(\varepsilon)\, I
        + \frac{E}{1 + \nu}\, \varepsilon

    Args:
        u: Displacement along x. [L]
        v: Displacement along y. [L]
        E: Young's modulus E > 0. [M/(L·T²)]
        nu: Poisson's ratio, -1 < ν < 1/2. [1]
        f: Body force. [M/(L²·T²)]

    Returns:
        Residuals of the balance along x and y, left minus right side. [M/(L²·T²)]

    References:
        Timoshenko and Goodier (1970), Theory of Elasticity, chapter 2.
    """
    return _balance((u, v), E * nu / (1 - nu**2), E / (2 * (1 + nu)), f)


def elasticity_3d(
    u: Jet,
    v: Jet,
    w: Jet,
    *,
    E: Coefficient,
    nu: Coefficient,
    f: VectorCoefficient = (0.0, 0.0, 0.0),
) -> Residuals:
    r"""Linear elasticity in three dimensions.

    .. math::
        -\nabla \cdot \sigma = f, \qquad
        \sigma = \frac{E \nu}{(1 + \nu)(1 - 2 \nu)}\, \mathrm{tr}(\varepsilon)\, I
        + \frac{E}{1 + \nu}\, \varepsilon

    Args:
        u: Displacement along x. [L]
        v: Displacement along y. [L]
        w: Displacement along z. [L]
        E: Young's modulus E > 0. [M/(L·T²)]
        nu: Poisson's ratio, -1 < ν < 1/2. [1]
        f: Body force. [M/(L²·T²)]

    Returns:
        Residuals of the balance along x, y and z, left minus right side. [M/(L²·T²)]

    References:
        Timoshenko and Goodier (1970), Theory of Elasticity, chapter 8.
    """
    return _balance((u, v, w), E * nu / ((1 + nu) * (1 - 2 * nu)), E / (2 * (1 + nu)), f)
