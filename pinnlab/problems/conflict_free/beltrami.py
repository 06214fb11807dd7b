r"""A decaying Beltrami flow: vorticity is parallel to velocity everywhere.

.. math::
    u = -a\, (e^{a x} \sin(a y + k z) + e^{a z} \cos(a x + k y))\, e^{-\nu k^2 t}

and cyclically for v and w;

.. math::
    p = -\tfrac{a^2}{2} \Bigl(e^{2 a x} + e^{2 a y} + e^{2 a z}
        + 2 \sin(a x + k y) \cos(a z + k x)\, e^{a (y + z)} + \dots \Bigr)\, e^{-2 \nu k^2 t}.
"""

from typing import Any

import numpy as np

from pinnlab import equations
from pinnlab.conditions.dirichlet import Dirichlet
from pinnlab.conditions.initial import Initial
from pinnlab.errors import DeclarationError
from pinnlab.geometry import Cuboid, Time
from pinnlab.problems.conflict_free.grids import on_grid
from pinnlab.problems.problem import Problem
from pinnlab.problems.recipe import ready_made

_CYCLE = ("xyz", "yzx", "zxy")


def _velocity(x: str, y: str, z: str) -> str:
    return f"-a*(exp(a*{x})*sin(a*{y} + k*{z}) + exp(a*{z})*cos(a*{x} + k*{y}))*exp(-nu*k**2*t)"


def _pressure() -> str:
    squares = [f"exp(2*a*{x})" for x in "xyz"]
    mixed = [f"2*sin(a*{x} + k*{y})*cos(a*{z} + k*{x})*exp(a*({y} + {z}))" for x, y, z in _CYCLE]
    return f"-a**2/2*({' + '.join([*squares, *mixed])})*exp(-2*nu*k**2*t)"


EXACT: dict[str, Any] = {f: _velocity(*c) for f, c in zip("uvw", _CYCLE, strict=True)}
EXACT["p"] = _pressure()


@ready_made
def beltrami(reynolds: float = 1.0, a: float = 1.0, k: float = 1.0) -> Problem:
    r"""The unsteady Navier-Stokes equations with Ethier and Steinman's solution on a cube.

    Velocity and pressure are given on all six faces and at the start. The published loss is the
    mean over the four fields of the squares there: hence weights of one quarter. (The published
    runs draw the points of the boundary on the edges of the cube; here they lie on its faces.) The
    reference is exact, on 7 x 7 x 8 points at 5 moments.

    Args:
        reynolds: Reynolds number Re = 1/ν.
        a: Wave number a of the solution.
        k: Wave number k of the solution, which decays by exp(-k²t/Re).

    Raises:
        DeclarationError: If ``reynolds`` is not positive.

    References:
        Ethier and Steinman (1994), Int. J. Numer. Meth. Fluids 19, 369-375; settings of Liu, Chu
        and Thuerey (2025), ICLR, arXiv 2408.11104.

    Example:
        >>> beltrami().reference
        Reference(1960 points in x, y, z, t; u, v, w, p; exact solution)
    """
    if not reynolds > 0:
        raise DeclarationError(
            f"There is no flow of Reynolds number {reynolds!r}",
            expected="a positive number",
            got=reynolds,
            do="use e.g. reynolds=1",
        )
    parameters = {"nu": 1 / reynolds, "a": float(a), "k": float(k)}
    start: dict[str, Any] = {name: text.partition("*exp(-")[0] for name, text in EXACT.items()}
    axes = {
        "x": np.linspace(-1, 1, 7),
        "y": np.linspace(-1, 1, 7),
        "z": np.linspace(-1, 1, 8),
        "t": np.linspace(0, 1, 5),
    }
    return Problem(
        domain=Cuboid(x=(-1, 1), y=(-1, 1), z=(-1, 1)) * Time("t", 0, 1),
        fields=["u", "v", "w", "p"],
        equations={"navier_stokes": equations.navier_stokes_3d},
        conditions={
            "faces": Dirichlet(**EXACT, weight=1 / 4),
            "start": Initial(**start, weight=1 / 4),
        },
        parameters=parameters,
        reference=on_grid(axes, EXACT, parameters),
        name="beltrami",
    )
