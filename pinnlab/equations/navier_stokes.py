r"""Incompressible flow: the Navier-Stokes equations in two and three dimensions.

All return one residual of momentum per space coordinate, then that of continuity. The steady
functions leave ∂_t out and are for problems without a time coordinate.
"""

from collections.abc import Sequence

from pinnlab.calculus import Jet, advect, div, grad, laplacian
from pinnlab.equations.coefficients import Coefficient, Residuals, VectorCoefficient


def _flow(
    velocity: Sequence[Jet],
    p: Jet,
    nu: Coefficient,
    rho: Coefficient,
    f: VectorCoefficient,
    steady: bool,
) -> Residuals:
    pressure = grad(p)
    momentum = []
    for k, u in enumerate(velocity):
        residual = advect(velocity, u) + pressure[k] / rho - nu * laplacian(u) - f[k]
        momentum.append(residual if steady else u.t + residual)
    return (*momentum, div(velocity))


def navier_stokes_2d(
    u: Jet,
    v: Jet,
    p: Jet,
    *,
    nu: Coefficient,
    rho: Coefficient = 1.0,
    f: VectorCoefficient = (0.0, 0.0),
) -> Residuals:
    r"""Unsteady incompressible Navier-Stokes equations in two dimensions.

    .. math::
        \partial_t w + (w \cdot \nabla) w + \tfrac{1}{\rho} \nabla p - \nu\, \Delta w = f, \qquad
        \nabla \cdot w = 0, \qquad w = (u, v)

    Args:
        u: Velocity along x. [L/T]
        v: Velocity along y. [L/T]
        p: Pressure. [M/(L·T²)]
        nu: Kinematic viscosity ν > 0; 1/Re in units of length and speed. [L²/T]
        rho: Density ρ > 0. [M/L³]
        f: Body force over density. [L/T²]

    Returns:
        Residuals of momentum along x and y and of continuity, left minus right side.
        [L/T²], [1/T]

    References:
        Batchelor (1967), An Introduction to Fluid Dynamics, section 3.3.
    """
    return _flow((u, v), p, nu, rho, f, steady=False)


def navier_stokes_3d(
    u: Jet,
    v: Jet,
    w: Jet,
    p: Jet,
    *,
    nu: Coefficient,
    rho: Coefficient = 1.0,
    f: VectorCoefficient = (0.0, 0.0, 0.0),
) -> Residuals:
    r"""Unsteady incompressible Navier-Stokes equations in three dimensions.

    .. math::
        \partial_t a + (a \cdot \nabla) a + \tfrac{1}{\rho} \nabla p - \nu\, \Delta a = f, \qquad
        \nabla \cdot a = 0, \qquad a = (u, v, w)

    Args:
        u: Velocity along x. [L/T]
        v: Velocity along y. [L/T]
        w: Velocity along z. [L/T]
        p: Pressure. [M/(L·T²)]
        nu: Kinematic viscosity ν > 0. [L²/T]
        rho: Density ρ > 0. [M/L³]
        f: Body force over density. [L/T²]

    Returns:
        Residuals of momentum along x, y and z and of continuity, left minus right side.
        [L/T²], [1/T]

    References:
        Batchelor (1967), An Introduction to Fluid Dynamics, section 3.3.
    """
    return _flow((u, v, w), p, nu, rho, f, steady=False)


def navier_stokes_2d_steady(
    u: Jet,
    v: Jet,
    p: Jet,
    *,
    nu: Coefficient,
    rho: Coefficient = 1.0,
    f: VectorCoefficient = (0.0, 0.0),
) -> Residuals:
    r"""Steady incompressible Navier-Stokes equations in two dimensions.

    .. math::
        (w \cdot \nabla) w + \tfrac{1}{\rho} \nabla p - \nu\, \Delta w = f, \qquad
        \nabla \cdot w = 0, \qquad w = (u, v)

    Args:
        u: Velocity along x. [L/T]
        v: Velocity along y. [L/T]
        p: Pressure. [M/(L·T²)]
        nu: Kinematic viscosity ν > 0; 1/Re in units of length and speed. [L²/T]
        rho: Density ρ > 0. [M/L³]
        f: Body force over density. [L/T²]

    Returns:
        Residuals of momentum along x and y and of continuity, left minus right side.
        [L/T²], [1/T]

    References:
        Batchelor (1967), An Introduction to Fluid Dynamics, section 3.3.
    """
    return _flow((u, v), p, nu, rho, f, steady=True)


def navier_stokes_3d_steady(
    u: Jet,
    v: Jet,
    w: Jet,
    p: Jet,
    *,
    nu: Coefficient,
    rho: Coefficient = 1.0,
    f: VectorCoefficient = (0.0, 0.0, 0.0),
) -> Residuals:
    r"""Steady incompressible Navier-Stokes equations in three dimensions.

    .. math::
        (a \cdot \nabla) a + \tfrac{1}{\rho} \nabla p - \nu\, \Delta a = f, \qquad
        \nabla \cdot a = 0, \qquad a = (u, v, w)

    Args:
        u: Velocity along x. [L/T]
        v: Velocity along y. [L/T]
        w: Velocity along z. [L/T]
        p: Pressure. [M/(L·T²)]
        nu: Kinematic viscosity ν > 0. [L²/T]
        rho: Density ρ > 0. [M/L³]
        f: Body force over density. [L/T²]

    Returns:
        Residuals of momentum along x, y and z and of continuity, left minus right side.
        [L/T²], [1/T]

    References:
        Batchelor (1967), An Introduction to Fluid Dynamics, section 3.3.
    """
    return _flow((u, v, w), p, nu, rho, f, steady=True)
