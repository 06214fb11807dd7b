r"""Kovasznay's flow behind a grid.

.. math:: u = 1 - e^{\lambda x} \cos 2 \pi y, \qquad
          v = \frac{\lambda}{2 \pi} e^{\lambda x} \sin 2 \pi y, \qquad
          p = \tfrac12 (1 - e^{2 \lambda x}), \qquad
          \lambda = \frac{Re}{2} - \sqrt{\frac{Re^2}{4} + 4 \pi^2}
"""

import math
from typing import Any

import numpy as np

from pinnlab import equations
from pinnlab.conditions.dirichlet import Dirichlet
from pinnlab.errors import DeclarationError
from pinnlab.geometry import Box
from pinnlab.problems.conflict_free.grids import on_grid
from pinnlab.problems.problem import Problem
from pinnlab.problems.recipe import ready_made

EXACT: dict[str, Any] = {
    "u": "1 - exp(lam*x)*cos(2*pi*y)",
    "v": "lam/(2*pi)*exp(lam*x)*sin(2*pi*y)",
    "p": "(1 - exp(2*lam*x))/2",
}


@ready_made
def kovasznay(reynolds: float = 40.0) -> Problem:
    r"""The steady Navier-Stokes equations with Kovasznay's solution, given on all four sides.

    The published loss is the mean over u, v and p of the squares on the boundary: hence its weight
    of one third. The reference is exact, on 27 x 37 points.

    Args:
        reynolds: Reynolds number Re = 1/ν.

    Raises:
        DeclarationError: If ``reynolds`` is not positive.

    References:
        Kovasznay (1948), Proc. Cambridge Phil. Soc. 44, 58-62; settings of Liu, Chu and Thuerey
        (2025), ICLR, arXiv 2408.11104.

    Example:
        >>> kovasznay().reference
        Reference(999 points in x, y; u, v, p; exact solution)
    """
    if not reynolds > 0:
        raise DeclarationError(
            f"There is no flow of Reynolds number {reynolds!r}",
            expected="a positive number",
            got=reynolds,
            do="use e.g. reynolds=40",
        )
    half = reynolds / 2
    parameters = {"nu": 1 / reynolds, "lam": half - math.hypot(half, 2 * math.pi)}
    axes = {"x": np.linspace(-0.5, 1, 27), "y": np.linspace(-0.5, 1.5, 37)}
    return Problem(
        domain=Box(x=(-0.5, 1), y=(-0.5, 1.5)),
        fields=["u", "v", "p"],
        equations={"navier_stokes": equations.navier_stokes_2d_steady},
        conditions={"sides": Dirichlet(**EXACT, weight=1 / 3)},
        parameters=parameters,
        reference=on_grid(axes, EXACT, parameters),
        name="kovasznay",
    )
