"""Options on very many assets, with an exact solution."""

from typing import Any

from torch import Tensor

from pinnlab import equations
from pinnlab.calculus import dot
from pinnlab.conditions.dirichlet import Dirichlet
from pinnlab.geometry import RealSpace, Time
from pinnlab.io.exact_reference import ExactReference
from pinnlab.problems.high_dimension.numbers import check_positive
from pinnlab.problems.high_dimension.rows import rows
from pinnlab.problems.problem import Problem
from pinnlab.problems.recipe import ready_made


@ready_made
def black_scholes_barenblatt(
    dim: int, r: float = 0.05, sigma: float = 0.4, end: float = 1.0
) -> Problem:
    r"""The Black-Scholes-Barenblatt equation with the payoff :math:`|x|^2/d`.

    .. math:: u(x, t) = e^{(r + \sigma^2)(T - t)}\, |x|^2 / d

    The published payoff is :math:`|x|^2`; the equation is linear, and the mean over assets keeps
    values of order one. The payoff is built in.

    Args:
        dim: Number of assets d.
        r: Interest rate.
        sigma: Volatility.
        end: Final time T, at which the payoff is due.

    Raises:
        GeometryError: If ``dim`` is below 2 or ``end`` is not positive.
        DeclarationError: If ``sigma`` is not positive.

    References:
        Raissi (2018), Forward-backward stochastic neural networks, arXiv 1804.07010, section 4.1.

    Example:
        >>> black_scholes_barenblatt(100).fields
        ('u',)
    """
    check_positive(sigma=sigma)
    return Problem(
        domain=RealSpace("x", dim) * Time("t", 0, end),
        fields=["u"],
        equations={"black_scholes_barenblatt": equations.black_scholes_barenblatt},
        conditions={"payoff": Dirichlet(u=mean_square, on="final", hard=True)},
        parameters={"r": r, "sigma": sigma, "d": float(dim), "T": end},
        reference=ExactReference({"u": value}),
        name=f"Black-Scholes-Barenblatt in {dim} dimensions",
    )


def mean_square(x: Any, d: Any) -> Any:
    """The payoff |x|²/d."""
    return dot(x, x) / d


def value(x: Any, t: Any, r: Any, sigma: Any, T: Any) -> Tensor:
    """The exact value of the option."""
    return ((r + sigma**2) * (T - rows(t))).exp() * rows(x).square().mean(-1)
