"""Maxwell's equations in two dimensions, for both polarisations."""

from pinnlab.calculus import Jet
from pinnlab.equations.coefficients import Coefficient, Residuals, VectorCoefficient


def maxwell_te(
    E_x: Jet,
    E_y: Jet,
    H_z: Jet,
    *,
    eps: Coefficient = 1.0,
    mu: Coefficient = 1.0,
    sigma: Coefficient = 0.0,
    J: VectorCoefficient = (0.0, 0.0),
) -> Residuals:
    r"""Maxwell's equations with the electric field in the plane (transverse electric).

    .. math::
        \varepsilon\, \partial_t E_x + \sigma E_x = \partial_y H_z - J_x, \qquad
        \varepsilon\, \partial_t E_y + \sigma E_y = -\partial_x H_z - J_y, \qquad
        \mu\, \partial_t H_z = \partial_y E_x - \partial_x E_y

    Args:
        E_x: Electric field along x. [V/L]
        E_y: Electric field along y. [V/L]
        H_z: Magnetic field along z. [I/L]
        eps: Permittivity ε > 0. [I·T/(V·L)]
        mu: Permeability μ > 0. [V·T/(I·L)]
        sigma: Conductivity σ ≥ 0. [I/(V·L)]
        J: Imposed current density along x and y. [I/L²]

    Returns:
        Residuals of the three equations, left minus right side. [I/L²], [V/L²]

    References:
        Taflove and Hagness (2005), Computational Electrodynamics, section 3.3.
    """
    return (
        eps * E_x.t + sigma * E_x - H_z.y + J[0],
        eps * E_y.t + sigma * E_y + H_z.x + J[1],
        mu * H_z.t - E_x.y + E_y.x,
    )


def maxwell_tm(
    E_z: Jet,
    H_x: Jet,
    H_y: Jet,
    *,
    eps: Coefficient = 1.0,
    mu: Coefficient = 1.0,
    sigma: Coefficient = 0.0,
    J: Coefficient = 0.0,
) -> Residuals:
    r"""Maxwell's equations with the magnetic field in the plane (transverse magnetic).

    .. math::
        \varepsilon\, \partial_t E_z + \sigma E_z = \partial_x H_y - \partial_y H_x - J, \qquad
        \mu\, \partial_t H_x = -\partial_y E_z, \qquad
        \mu\, \partial_t H_y = \partial_x E_z

    Args:
        E_z: Electric field along z. [V/L]
        H_x: Magnetic field along x. [I/L]
        H_y: Magnetic field along y. [I/L]
        eps: Permittivity ε > 0. [I·T/(V·L)]
        mu: Permeability μ > 0. [V·T/(I·L)]
        sigma: Conductivity σ ≥ 0. [I/(V·L)]
        J: Imposed current density along z. [I/L²]

    Returns:
        Residuals of the three equations, left minus right side. [I/L²], [V/L²]

    References:
        Taflove and Hagness (2005), Computational Electrodynamics, section 3.3.
    """
    return (
        eps * E_z.t + sigma * E_z - H_y.x + H_x.y + J,
        mu * H_x.t + E_z.y,
        mu * H_y.t - E_z.x,
    )
