r"""Semilinear parabolic problems in all of space, whose value at one position is known.

.. math:: \partial_t u = \Delta u + g(u), \qquad u(x, 0) = u_0(x), \qquad 0 < t \le T = 0.3

In these problems, tests of methods that solve partial differential equations by simulating Brownian
motion, the one number u(0, T) is asked for. The published forms run backwards, from a terminal
condition to u at time 0; here time is reversed.

By the Feynman-Kac formula u(0, T) depends on the initial state :math:`\sqrt{2T}` around the origin
in every coordinate, and on u along Brownian paths that end there: points are drawn from
:math:`N(0, 2 (T - t) I)`.

References:
    The problems: Beck, Becker, Cheridito, Jentzen and Neufeld (2021), Deep splitting method for
    parabolic PDEs, SIAM J. Sci. Comput. 43, A3135-A3154. The values are those with which Shi, Hu,
    Lin and Kawaguchi (2024), Stochastic Taylor Derivative Estimator, NeurIPS, arXiv 2412.00088,
    appendix I.2, compare; they come from the multilevel Picard method (Becker, Braunwarth,
    Hutzenthaler, Jentzen and von Wurstemberger 2020, Commun. Comput. Phys. 28, 2109-2138). Those of
    radial solutions agree with a solution of the radial equation to 2e-3.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from pinnlab import equations
from pinnlab.calculus import dot
from pinnlab.conditions.initial import Initial
from pinnlab.geometry import RealSpace, Time
from pinnlab.io.exact_reference import ExactReference
from pinnlab.problems.high_dimension.rows import rows
from pinnlab.problems.problem import Problem
from pinnlab.problems.recipe import ready_made

END = 0.3
WEIGHT = 20.0  # of the initial state, as in the published runs

# u(0, T) by multilevel Picard approximation.
HEAT = {10: 0.47006, 100: 0.31674, 1000: 0.28753, 10_000: 0.28433}
ALLEN_CAHN = {10: 0.89060, 100: 1.04510, 1000: 1.09100, 10_000: 1.11402}
SINE_GORDON = {10: 0.3229470, 100: 0.0528368, 1000: 0.0055896, 10_000: 0.0005621}


@ready_made
def semilinear_heat(dim: int) -> Problem:
    r"""The heat equation with the reaction :math:`(1 - u^2)/(1 + u^2)`.

    .. math:: \partial_t u = \Delta u + \frac{1 - u^2}{1 + u^2}, \qquad
              u(x, 0) = \frac{5}{10 + 2 |x|^2}

    Args:
        dim: Number of coordinates; u(0, T) is known for 10, 100, 1000 and 10 000.

    Raises:
        GeometryError: If ``dim`` is no integer of at least 2.

    References:
        Beck, Becker, Cheridito, Jentzen and Neufeld (2021), SIAM J. Sci. Comput. 43, A3135-A3154;
        the value as in Shi, Hu, Lin and Kawaguchi (2024), arXiv 2412.00088, appendix I.2.

    Example:
        >>> semilinear_heat(100).reference
        ExactReference(u at x=0, t=0.3; multilevel Picard approximation)
    """
    parameters = {"D": 1.0, "R": "(1 - u**2)/(1 + u**2)"}
    value = HEAT.get(dim)
    return _in_time("semilinear_heat", dim, equations.reaction_diffusion, parameters, hump, value)


@ready_made
def allen_cahn_in_time(dim: int) -> Problem:
    r"""The Allen-Cahn equation in time.

    .. math:: \partial_t u = \Delta u + u - u^3, \qquad u(x, 0) = \arctan \max_i x_i

    Args:
        dim: Number of coordinates; u(0, T) is known for 10, 100, 1000 and 10 000.

    Raises:
        GeometryError: If ``dim`` is no integer of at least 2.

    References:
        Beck, Becker, Cheridito, Jentzen and Neufeld (2021), SIAM J. Sci. Comput. 43, A3135-A3154;
        the value as in Shi, Hu, Lin and Kawaguchi (2024), arXiv 2412.00088, appendix I.2.

    Example:
        >>> allen_cahn_in_time(100).reference.exact
        {'u': 1.0451}
    """
    parameters = {"D": 1.0, "R": 1.0}
    value = ALLEN_CAHN.get(dim)
    return _in_time("allen_cahn", dim, equations.allen_cahn, parameters, arctan_of_largest, value)


@ready_made
def sine_gordon_in_time(dim: int) -> Problem:
    r"""The heat equation with the reaction of the sine-Gordon equation, in units of 1/d.

    .. math:: \partial_t u = \Delta u + d \sin(u/d), \qquad u(x, 0) = \frac{5 d}{10 + 2 |x|^2}

    The published form is that of u/d, whose values are as small as 1/d; this form keeps them of
    order one.

    Args:
        dim: Number of coordinates; u(0, T) is known for 10, 100, 1000 and 10 000.

    Raises:
        GeometryError: If ``dim`` is no integer of at least 2.

    References:
        Beck, Becker, Cheridito, Jentzen and Neufeld (2021), SIAM J. Sci. Comput. 43, A3135-A3154;
        the value as in Shi, Hu, Lin and Kawaguchi (2024), arXiv 2412.00088, appendix I.2.

    Example:
        >>> sine_gordon_in_time(100).reference.exact
        {'u': 5.28368}
    """
    parameters = {"D": 1.0, "d": dim, "R": "d*sin(u/d)"}
    value = SINE_GORDON[dim] * dim if dim in SINE_GORDON else None
    return _in_time("sine_gordon", dim, equations.reaction_diffusion, parameters, high_hump, value)


def _in_time(
    name: str,
    dim: int,
    equation: Callable,
    parameters: Mapping[str, Any],
    start: Callable,
    value: float | None,
) -> Problem:
    space = RealSpace("x", dim, scale=(2 * END) ** 0.5, growth=-2.0)
    reference = None
    if value is not None:
        reference = ExactReference(
            {"u": value}, at={"x": 0.0, "t": END}, source="multilevel Picard approximation"
        )
    return Problem(
        domain=space * Time("t", 0, END),
        fields=["u"],
        equations={name: equation},
        conditions={"start": Initial(u=start, weight=WEIGHT)},
        parameters=parameters,
        reference=reference,
        name=f"{name} in time and {dim} dimensions",
    )


def hump(x: Any) -> Any:
    """The initial state 5/(10 + 2 |x|²)."""
    return 5.0 / (10.0 + 2.0 * dot(x, x))


def high_hump(x: Any, d: Any) -> Any:
    """The initial state 5 d/(10 + 2 |x|²)."""
    return 5.0 * d / (10.0 + 2.0 * dot(x, x))


def arctan_of_largest(x: Any) -> Tensor:
    """The initial state arctan(max x_i)."""
    return torch.arctan(rows(x).amax(-1))
