"""Stokes flow, without inertia, in two and three dimensions."""

from collections.abc import Sequence

from pinnlab.calculus import Jet, div, grad, laplacian
from pinnlab.equations.coefficients import Coefficient, Residuals, VectorCoefficient


def _creeping(velocity: Sequence[Jet], p: Jet, mu: Coefficient, f: VectorCoefficient) -> Residuals:
    pressure = grad(p)
    momentum = [-mu * laplacian(u) + pressure[k] - f[k] for k, u in enumerate(velocity)]
    return (*momentum, div(velocity))


def stokes(
    u: Jet, v: Jet, p: Jet, *, mu: Coefficient, f: VectorCoefficient = (0.0, 0.0)
) -> Residuals:
    r"""Stokes equations in two dimensions.

    .. math:: -\mu\, \Delta w + \nabla p = f, \qquad \nabla \cdot w = 0, \qquad w = (u, v)

    Args:
        u: Velocity along x. [L/T]
        v: Velocity along y. [L/T]
        p: Pressure. [M/(L·T²)]
        mu: Dynamic viscosity μ > 0. [M/(L·T)]
        f: Body force. [M/(L²·T²)]

    Returns:
        Residuals of momentum along x and y and of continuity, left minus right side.
        [M/(L²·T²)], [1/T]

    References:
        Happel and Brenner (1983), Low Reynolds Number Hydrodynamics, chapter 2.
    """
    return _creeping((u, v), p, mu, f)


def stokes_3d(
    u: Jet,
    v: Jet,
    w: Jet,
    p: Jet,
    *,
    mu: Coefficient,
    f: VectorCoefficient = (0.0, 0.0, 0.0),
) -> Residuals:
    r"""Stokes equations in three dimensions.

    .. math:: -\mu\, \Delta a + \nabla p = f, \qquad \nabla \cdot a = 0, \qquad a = (u, v, w)

    Args:
        u: Velocity along x. [L/T]
        v: Velocity along y. [L/T]
        w: Velocity along z. [L/T]
        p: Pressure. [M/(L·T²)]
        mu: Dynamic viscosity μ > 0. [M/(L·T)]
        f: Body force. [M/(L²·T²)]

    Returns:
        Residuals of momentum along x, y and z and of continuity, left minus right side.
        [M/(L²·T²)], [1/T]

    References:
        Happel and Brenner (1983), Low Reynolds Number Hydrodynamics, chapter 2.
    """
    return _creeping((u, v, w), p, mu, f)
