r"""Burgers' equation with a front that nearly breaks.

.. math:: \partial_t u + u\, \partial_x u = \nu\, \partial_{xx} u, \qquad
          u(x, 0) = -\sin \pi x, \qquad u(\pm 1, t) = 0
"""

import numpy as np

from pinnlab import equations
from pinnlab.conditions.dirichlet import Dirichlet
from pinnlab.conditions.initial import Initial
from pinnlab.errors import DeclarationError
from pinnlab.geometry import Interval, Time
from pinnlab.problems.conflict_free.grids import gridded
from pinnlab.problems.problem import Problem
from pinnlab.problems.recipe import ready_made

VISCOSITY = 0.01 / np.pi
LEAST = 1e-3  # the exponentials of the exact solution leave the range of floating point below
NODES = 160  # of the quadrature: exact to 1e-13 up to ν = 0.1, to 1e-6 at ν = 1


@ready_made
def burgers(nu: float = VISCOSITY) -> Problem:
    r"""Burgers' equation on [-1, 1] up to t = 1, from a sine wave, with both ends at rest.

    The reference is exact, on 256 cell centres and 100 moments. The data set of the published
    tests on the same grid, a simulation, is 2.0 % (relative L2) off the exact solution: its mean
    squared error of 1.6e-4 is as large as the smallest published ones.

    Args:
        nu: Viscosity ν.

    Raises:
        DeclarationError: If ν is not at least 0.001.

    References:
        Liu, Chu and Thuerey (2025), ICLR, arXiv 2408.11104; the problem is that of Raissi,
        Perdikaris and Karniadakis (2019), J. Comput. Phys. 378, 686-707.

    Example:
        >>> burgers().reference
        Reference(25600 points in x, t; u; exact solution, Cole-Hopf)
    """
    if not nu >= LEAST:
        raise DeclarationError(
            f"The exact solution is not known for nu={nu!r}",
            expected=f"a viscosity of at least {LEAST}",
            got=nu,
            do="declare the problem with pinnlab.Problem, without a reference",
        )
    x = np.linspace(-1, 1, 257)
    axes = {"x": (x[1:] + x[:-1]) / 2, "t": np.linspace(0, 1, 100)}
    values = cole_hopf(axes["x"][:, None], axes["t"], nu)
    return Problem(
        domain=Interval("x", -1, 1) * Time("t", 0, 1),
        fields=["u"],
        equations={"burgers": equations.burgers},
        conditions={"ends": Dirichlet(u=0), "start": Initial(u="-sin(pi*x)")},
        parameters={"nu": nu},
        reference=gridded(axes, {"u": values}, "exact solution, Cole-Hopf"),
        name="burgers",
    )


def cole_hopf(x: np.ndarray, t: np.ndarray, nu: float) -> np.ndarray:
    r"""The exact solution from :math:`-\sin \pi x`.

    With :math:`f(y) = \exp(-\cos(\pi y) / 2 \pi \nu)`,

    .. math:: u(x, t) = -\frac{\int \sin \pi(x - \eta)\, f(x - \eta)\, e^{-\eta^2 / 4 \nu t} d\eta}
                        {\int f(x - \eta)\, e^{-\eta^2 / 4 \nu t} d\eta},

    by Gauss-Hermite quadrature.

    Args:
        x: Positions.
        t: Moments, which broadcast with the positions.
        nu: Viscosity.

    Returns:
        Values in the shape of both together.

    References:
        Basdevant et al. (1986), Computers & Fluids 14, 23-41.
    """
    nodes, weights = np.polynomial.hermite.hermgauss(NODES)
    y = np.pi * (x[..., None] - nodes * np.sqrt(4 * nu * np.asarray(t)[..., None]))
    f = weights * np.exp(-np.cos(y) / (2 * np.pi * nu))
    return -(np.sin(y) * f).sum(-1) / f.sum(-1)
