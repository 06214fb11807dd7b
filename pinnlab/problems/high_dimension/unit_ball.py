r"""Elliptic problems on the unit ball in very many dimensions, with exact solutions.

.. math:: \Delta u + g(u) = f \quad \text{for } |x| < 1, \qquad u = 0 \quad \text{for } |x| = 1

The solution :math:`u^* = (1 - |x|^2)\, S(x)` has a sum S over interactions of neighbouring
coordinates, so that it is neither separable nor a function of few variables. The right side follows
in closed form,

.. math:: \Delta u^* = (1 - |x|^2)\, \Delta S - 4\, x \cdot \nabla S - 2 d S,
          \qquad f = \Delta u^* + g(u^*),

and costs one pass over the coordinates, however many there are.

Volume lies near the surface in high dimensions, where u* vanishes; as in the literature, points are
drawn with uniform directions and uniform radii.

References:
    Hu, Shukla, Karniadakis and Kawaguchi (2024), Tackling the curse of dimensionality with
    physics-informed neural networks, Neural Networks 176, 106369; Shi, Hu, Lin and Kawaguchi
    (2024), Stochastic Taylor Derivative Estimator, NeurIPS, arXiv 2412.00088, appendix I.1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.func import jvp

from pinnlab import equations
from pinnlab.calculus.jet import Coordinate, PointFunction
from pinnlab.conditions.dirichlet import Dirichlet
from pinnlab.conditions.equation import Equation
from pinnlab.errors import DeclarationError
from pinnlab.geometry import HyperBall
from pinnlab.io.exact_reference import ExactReference
from pinnlab.problems.high_dimension.rows import rows
from pinnlab.problems.high_dimension.sums import Interaction
from pinnlab.problems.high_dimension.three_body import ThreeBody
from pinnlab.problems.high_dimension.two_body import TwoBody
from pinnlab.problems.problem import Problem
from pinnlab.problems.recipe import ready_made

Interactions = Literal["two_body", "three_body"]


@dataclass(frozen=True)
class BallSolution:
    r"""The function :math:`u^* = (1 - |x|^2)\, S(x)`.

    Args:
        interaction: The sum S.
    """

    interaction: Interaction

    def __call__(self, x: Any) -> Tensor:
        """Its values at points ``(n, d)``, ``(n,)``."""
        return self.value_and_laplacian(x)[0].to(rows(x).dtype)

    def value_and_laplacian(self, x: Any) -> tuple[Tensor, Tensor]:
        """u* and Δu* at points ``(n, d)``, each ``(n,)`` in float64."""
        return self.combined(*self.interaction.sums(rows(x)))

    def combined(
        self, value: Tensor, radial: Tensor, laplacian: Tensor, square: Tensor
    ) -> tuple[Tensor, Tensor]:
        """u* and Δu* from S, x·∇S, ΔS and |x|², each ``(n,)``."""
        inside = 1 - square
        return inside * value, inside * laplacian - 4 * radial - (2 * self.interaction.dim) * value


@dataclass(frozen=True)
class BallSource:
    """The right side f that makes a function solve an equation; without a graph.

    In an equation it is a jet whose derivatives along directions are exact to rounding.

    Args:
        solution: The function u*.
        reaction: Of u* and Δu*; gives f.
    """

    solution: BallSolution
    reaction: Callable[[Tensor, Tensor], Tensor]

    def __call__(self, x: Any) -> Any:
        """The right side at points ``(n, d)``, ``(n,)``."""
        if isinstance(x, Coordinate):
            return PointFunction(x, self.values, self.values_along)
        return self.values(rows(x))

    def values(self, x: Tensor) -> Tensor:
        """The right side at points ``(n, d)``, ``(n,)``."""
        return self.reaction(*self.solution.value_and_laplacian(x)).to(x.dtype)

    def values_along(self, x: Tensor, direction: Tensor) -> Tensor:
        """Its derivative along a direction ``(d,)``, ``(n,)``; two passes over the coordinates."""
        interaction = self.solution.interaction

        def source(*sums: Tensor) -> Tensor:
            return self.reaction(*self.solution.combined(*sums))

        at, along = interaction.sums(x), interaction.sums_along(x, direction)
        return jvp(source, tuple(at), tuple(along))[1].to(x.dtype)


@ready_made
def poisson(dim: int, solution: Interactions = "two_body", seed: int = 0) -> Problem:
    r"""Poisson's equation :math:`-\Delta u = f` on the unit ball.

    Args:
        dim: Number of coordinates.
        solution: Which interactions the exact solution has.
        seed: Of its coefficients.

    Raises:
        GeometryError: If ``dim`` is no integer of at least 2.
        DeclarationError: If the solution is unknown, or has too few coordinates.

    Example:
        >>> poisson(dim=1000).coordinates.dim
        1000
    """
    return _on_ball("poisson", equations.poisson, _minus_laplacian, dim, solution, seed)


@ready_made
def allen_cahn(dim: int, solution: Interactions = "two_body", seed: int = 0) -> Problem:
    r"""The Allen-Cahn equation :math:`\Delta u + u - u^3 = f` on the unit ball.

    Args:
        dim: Number of coordinates.
        solution: Which interactions the exact solution has.
        seed: Of its coefficients.

    Raises:
        GeometryError: If ``dim`` is no integer of at least 2.
        DeclarationError: If the solution is unknown, or has too few coordinates.

    Example:
        >>> print(allen_cahn(dim=1000).equations["allen_cahn"].describe())
        laplacian(u) + u - u**3 - f = 0
    """
    return _on_ball("allen_cahn", equations.allen_cahn_steady, _allen_cahn, dim, solution, seed)


@ready_made
def sine_gordon(dim: int, solution: Interactions = "two_body", seed: int = 0) -> Problem:
    r"""The sine-Gordon equation :math:`\Delta u + \sin u = f` on the unit ball.

    Args:
        dim: Number of coordinates.
        solution: Which interactions the exact solution has.
        seed: Of its coefficients.

    Raises:
        GeometryError: If ``dim`` is no integer of at least 2.
        DeclarationError: If the solution is unknown, or has too few coordinates.

    Example:
        >>> print(sine_gordon(dim=10).equations["sine_gordon"].describe())
        laplacian(u) + sin(u) - f = 0
    """
    return _on_ball("sine_gordon", equations.sine_gordon_steady, _sine_gordon, dim, solution, seed)


def _on_ball(
    name: str,
    equation: Callable,
    reaction: Callable[[Tensor, Tensor], Tensor],
    dim: int,
    solution: Interactions,
    seed: int,
) -> Problem:
    domain = HyperBall("x", dim=dim)
    exact = BallSolution(_interaction(solution, dim, seed))
    return Problem(
        domain=domain,
        fields=["u"],
        equations={name: Equation(equation, sampler="radial")},
        conditions={"surface": Dirichlet(u=0, hard=True)},
        parameters={"f": BallSource(exact, reaction)},
        reference=ExactReference({"u": exact}, sampler="radial"),
        name=f"{name} on the unit ball in {dim} dimensions",
    )


def _interaction(solution: str, dim: int, seed: int) -> Interaction:
    kinds = {"two_body": TwoBody, "three_body": ThreeBody}
    if solution not in kinds:
        raise DeclarationError(
            "The exact solution is unknown",
            expected=" or ".join(kinds),
            got=repr(solution),
            do="choose one of them",
        )
    if solution == "three_body" and dim < 3:
        raise DeclarationError(
            "A three-body solution has too few coordinates",
            expected="dim of at least 3",
            got=dim,
            do="raise dim",
        )
    return kinds[solution](dim, seed)


def _minus_laplacian(u: Tensor, laplacian: Tensor) -> Tensor:
    return -laplacian


def _allen_cahn(u: Tensor, laplacian: Tensor) -> Tensor:
    return laplacian + u - u**3


def _sine_gordon(u: Tensor, laplacian: Tensor) -> Tensor:
    return laplacian + torch.sin(u)
