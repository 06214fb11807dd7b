"""Every equation in a problem, as a user declares it."""

import pytest
import torch
from equations.equation_cases import CASES, SCALAR

import pinnlab as pl
from pinnlab import equations

DOMAINS = {
    "x": lambda: pl.Interval("x", 0.1, 0.9),
    "S": lambda: pl.Interval("S", 0.1, 0.9),
    "x y": lambda: pl.Box(x=(0.1, 0.9), y=(0.1, 0.9)),
    "x y z": lambda: pl.Cuboid(x=(0.1, 0.9), y=(0.1, 0.9), z=(0.1, 0.9)),
    "": lambda: None,
}


def domain(coordinates):
    """Space and time of that text, such as ``"x y t"``."""
    space = DOMAINS[coordinates.removesuffix("t").strip()]()
    if not coordinates.endswith("t"):
        return space
    time = pl.Time("t", 0.0, 1.0)
    return time if space is None else space * time


def declare(name, parameters):
    case = CASES[name]
    return pl.Problem(
        domain(case.coordinates),
        fields=list(case.fields),
        equations={"physics": equations.equation(name)},
        parameters=parameters,
    )


@pytest.mark.parametrize("name", SCALAR)
def test_every_equation_can_be_declared(name):
    """Scalar coefficients as numbers or texts, vectors as tuples."""
    parameters = {
        n: tuple(value) if isinstance(value, list) else value
        for n, value in CASES[name].coefficients.items()
    }
    (term,) = declare(name, parameters).terms
    assert set(term.plans[0].fields) == set(CASES[name].fields)
    assert name in term.text or "=" in term.text


@pytest.mark.parametrize("name", [n for n in SCALAR if CASES[n].coefficients])
def test_every_number_can_be_unknown(name):
    coefficients = CASES[name].coefficients
    scalars = {
        n: pl.Unknown(float(value) if not isinstance(value, str) else 0.3)
        for n, value in coefficients.items()
        if not isinstance(value, list)
    }
    vectors = {n: tuple(value) for n, value in coefficients.items() if isinstance(value, list)}
    assert set(declare(name, scalars | vectors).unknowns) == set(scalars)


def test_a_coefficient_that_is_forgotten_is_named():
    with pytest.raises(pl.DeclarationError, match="'burgers' asks for 'nu'"):
        declare("burgers", {})


def test_a_vector_may_be_constant_or_hold_an_unknown():
    for c in ((1.0, -2), "[1, -2]"):
        problem = declare("advection", {"c": c})
        assert problem.terms
    problem = declare("advection", {"speed": pl.Unknown(1.0), "c": ("speed", 0)})
    assert set(problem.unknowns) == {"speed"}


def test_a_source_may_be_left_out():
    assert declare("poisson", {}).terms


def test_a_problem_with_a_named_equation_trains():
    """-u'' = π² sin πx on (0, 1) has the solution sin πx."""
    problem = pl.Problem(
        pl.Interval("x", 0, 1),
        fields=["u"],
        equations={"poisson": equations.poisson},
        conditions={"ends": pl.Dirichlet(u=0)},
        parameters={"f": "pi**2*sin(pi*x)"},
    )
    solution = pl.solve(
        problem,
        pl.RandomFeatures(60, scale=3.0),
        points={"interior": 100, "boundary": 2},
        seed=0,
        dtype="float64",
    )
    x = torch.linspace(0, 1, 21, dtype=torch.float64)
    # Random features converge spectrally: six digits are far from the limit and from chance.
    torch.testing.assert_close(solution.u(x=x), torch.sin(torch.pi * x), atol=1e-6, rtol=0)
