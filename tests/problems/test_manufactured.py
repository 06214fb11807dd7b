"""Manufactured solutions: the exact residual is zero, and linear problems are solved by it."""

import numpy as np
import pytest
import torch
from cases import assembly
from conditions.closed import Known

import pinnlab as pl
from pinnlab.errors import DeclarationError
from pinnlab.verify import manufactured

PI = np.pi
SQUARE = pl.Box(x=(0, 1), y=(0, 1))


def heat():
    problem = pl.Problem(
        pl.Interval("x", 0, 1) * pl.Time("t", 0, 1),
        "u",
        {"heat": "u.t - k*u.xx"},
        {
            "left": pl.Neumann(u=0, on="left"),
            "right": pl.Robin(u=0, alpha=2, beta="k", on="right"),
            "start": pl.Initial(u=0),
        },
        parameters={"k": "1 + x"},
    )
    return problem, {"u": "exp(-t)*sin(2*x)"}, [lambda x, t: torch.exp(-t) * torch.sin(2 * x)]


def wave():
    problem = pl.Problem(
        pl.Interval("x", -1, 1) * pl.Time("t", 1, 2),
        "u",
        {"wave": "u.tt - c**2*u.xx"},
        {"ends": pl.Dirichlet(u=0), "start": pl.Initial(u=0, u_t=0)},
        parameters={"c": 2.0},
    )
    return problem, {"u": "sin(x)*t**3"}, [lambda x, t: torch.sin(x) * t**3]


def navier_stokes():
    def momentum(u, v, p, *, nu):
        return (
            u.t + u * u.x + v * u.y + p.x - nu * pl.laplacian(u),
            v.t + u * v.x + v * v.y + p.y - nu * pl.laplacian(v),
        )

    problem = pl.Problem(
        SQUARE * pl.Time("t", 0, 1),
        "u v p",
        {"momentum": momentum, "mass": "u.x + v.y"},
        {
            "walls": pl.Dirichlet(u=0, v=0, on=["left", "bottom"]),
            "outlet": pl.Condition(lambda u, p, n, *, nu: nu * u.n - p * n[0], on="right"),
            "top": pl.Neumann(u=0, on="top"),
            "start": pl.Initial(u=0, v=0),
        },
        parameters={"nu": 0.01},
    )
    exact = {
        "u": "sin(x)*cos(y)*exp(-t)",
        "v": "-cos(x)*sin(y)*exp(-t)",
        "p": "x*y + t",
    }
    functions = [
        lambda x, y, t: torch.sin(x) * torch.cos(y) * torch.exp(-t),
        lambda x, y, t: -torch.cos(x) * torch.sin(y) * torch.exp(-t),
        lambda x, y, t: x * y + t,
    ]
    return problem, exact, functions


def disk():
    def flow(T, x, *, k):
        return pl.div(k * pl.grad(T)) + T**3 - x

    problem = pl.Problem(
        pl.Disk(center=(0, 0), radius=1),
        "T",
        {"flow": flow},
        {"rim": pl.Neumann(T="x", on="boundary")},
        parameters={"k": "1 + x**2 + T**2"},
    )
    return problem, {"T": lambda x, y: pl.exp(x) * y}, [lambda x, y: torch.exp(x) * y]


def beam():
    problem = pl.Problem(
        pl.Interval("x", 0, 1),
        "w",
        {"beam": "w.xxxx - 1"},
        {"left": pl.Dirichlet(w=0, on="left"), "bend": pl.Condition("w.xx", on="right")},
    )
    return problem, {"w": "sin(3*x)"}, [lambda x: torch.sin(3 * x)]


def inverse():
    problem = pl.Problem(
        pl.Interval("x", 0, 1),
        "u",
        {"e": "k*u.xx + 1"},
        {"ends": pl.Dirichlet(u=0)},
        parameters={"k": pl.Unknown(2.0)},
    )
    return problem, {"u": "cos(x)"}, [torch.cos]


def many_dimensions():
    problem = pl.Problem(
        pl.Hypercube("x", dim=5),
        "u",
        {"e": lambda u: pl.laplacian(u) - u**2},
        {"faces": pl.Dirichlet(u=0)},
    )
    return (
        problem,
        {"u": lambda x: pl.sin(pl.dot(x, x))},
        [lambda *x: torch.sin(sum(c**2 for c in x))],
    )


CASES = {f.__name__: f for f in (
    heat, wave, navier_stokes, disk, beam, inverse, many_dimensions,
)}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_exact_solution_has_no_residual(name):
    problem, exact, functions = CASES[name]()
    built = assembly(manufactured(problem, **exact), Known(*functions))
    for term, block in built.objective.residuals().items():
        assert float(block.detach().abs().max()) < 1e-11, term


@pytest.mark.parametrize("name", CASES)
def test_another_function_has_one(name):
    problem, exact, functions = CASES[name]()
    shifted = [lambda *x, f=f: f(*x) + 0.1 * torch.exp(sum(x)) for f in functions]
    built = assembly(manufactured(problem, **exact), Known(*shifted))
    for term, block in built.objective.residuals().items():
        assert float(block.detach().abs().max()) > 1e-3, term


@pytest.mark.parametrize("name", CASES)
def test_the_reference_is_the_exact_solution(name):
    problem, exact, functions = CASES[name]()
    reference = manufactured(problem, points=50, **exact).reference
    x = torch.tensor(reference.points)
    assert reference.coordinates == problem.coordinates.column_names
    assert x.shape == (50, problem.coordinates.dim)
    for field, function in zip(problem.fields, functions, strict=True):
        expected = function(*(x[:, k] for k in range(x.shape[1]))).numpy()
        np.testing.assert_allclose(reference.fields[field], expected, rtol=1e-12, atol=1e-13)


def test_the_residual_of_the_source_is_that_of_the_equation():
    problem, exact, _ = heat()
    built = assembly(manufactured(problem, **exact), Known(lambda x, t: 0 * x))
    x, t = built.objective.points[built.placements[0]].x.T.numpy()
    u = np.exp(-t) * np.sin(2 * x)
    source = -u + (1 + x) * 4 * u  # u_t - k u_xx
    np.testing.assert_allclose(
        built.objective.residuals()["heat"][:, 0].detach().numpy(), -source, rtol=1e-12
    )


def test_unknowns_stand_at_their_first_guess():
    problem, exact, _ = inverse()
    made = manufactured(problem, **exact)
    assert made.parameters["k"] == 2.0
    assert not made.unknowns


def test_hard_conditions_get_the_exact_values():
    problem = pl.Problem(
        pl.Interval("x", 0, 1) * pl.Time("t", 0, 1),
        "u",
        {"wave": "u.tt - u.xx"},
        {"ends": pl.Dirichlet(u=0, hard=True), "start": pl.Initial(u=0, u_t=0, hard=True)},
    )
    made = manufactured(problem, u="sin(x)*exp(t)")
    assert made.check(points={"interior": 32, "boundary": 16}).ok
    state = assembly(made).objective.state
    solution = pl.Solution(made, state, dtype=torch.float64, device=torch.device("cpu"))
    x = np.linspace(0, 1, 9)
    np.testing.assert_allclose(solution.u(x=x, t=0.0), np.sin(x), atol=1e-12)
    np.testing.assert_allclose(solution.u.t(x=x[1:-1], t=0.0), np.sin(x[1:-1]), atol=1e-9)
    np.testing.assert_allclose(solution.u(x=1.0, t=x), np.sin(1) * np.exp(x), atol=1e-12)


def test_conditions_keep_their_region():
    domain = pl.Box(x=(0, 2), y=(0, 1))
    problem = pl.Problem(
        domain,
        "u",
        {"e": "u.xx"},
        {"c": pl.Condition("u - 1", region="half")},
        regions={"half": pl.Box(x=(0, 1), y=(0, 1))},
    )
    built = assembly(manufactured(problem, u="x"))
    (points,) = (p for k, p in built.objective.points.items() if k.region == "half")
    assert float(points.x[:, 0].max()) <= 1.0
    assert [t.placements[0].region for t in built.objective.terms_] == [None, "half"]


def test_a_constant_solution():
    problem, _, _ = wave()
    built = assembly(manufactured(problem, u="1"), Known(lambda x, t: 1 + 0 * x))
    assert built.objective.terms().tolist() == [0.0, 0.0, 0.0]


# --- a declaration runs on every representation ---------------------------------------------
def poisson():
    problem = pl.Problem(
        SQUARE,
        "u",
        {"poisson": "u.xx + u.yy"},
        {
            "sides": pl.Dirichlet(u=0, on=["left", "right", "bottom"]),
            "top": pl.Neumann(u=0, on="top"),
        },
    )
    return manufactured(problem, u="sin(2*x)*exp(y)")


LINEAR = {
    "poisson": poisson,
    "heat": lambda: manufactured(heat()[0], **heat()[1]),
    "wave": lambda: manufactured(wave()[0], **wave()[1]),
}


@pytest.mark.parametrize("name", LINEAR)
def test_linear_problems_are_one_least_squares_solve(name):
    problem = LINEAR[name]()
    solution = pl.solve(
        problem,
        pl.RandomFeatures(features=300, scale=2.0),
        points={"interior": 400, "boundary": 100},
        progress=False,
    )
    assert solution.dtype is torch.float64
    for field in problem.fields:
        assert solution.error()[field]["relative_l2"] < 1e-6
    assert solution.metrics["steps"] == 1


def test_the_same_object_trains_a_network_as_well():
    problem = poisson()
    before = repr(problem)
    solution = pl.solve(
        problem,
        pl.MLP(width=16, depth=2),
        points={"interior": 150, "boundary": 30},
        phases=[pl.Adam(150, lr=5e-3), pl.LBFGS(150)],
        progress=False,
    )
    # A few seconds of training reach about 1e-4; the best constant is near 0.6.
    assert solution.error()["u"]["relative_l2"] < 5e-3
    assert repr(problem) == before


# --- misuse ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "exact, words",
    [
        ({}, "does not match the fields"),
        ({"u": "x", "v": "x"}, "does not match the fields"),
        ({"u": "u + x"}, "u"),
        ({"u": "q*x"}, "q"),
    ],
    ids=str,
)
def test_a_solution_that_does_not_fit_is_refused(exact, words):
    problem, _, _ = inverse()
    with pytest.raises(DeclarationError, match=words):
        manufactured(problem, **exact)


def test_a_condition_that_cannot_be_adapted_is_refused():
    problem = pl.Problem(SQUARE, "u", {"e": "u.xx"}, {"ring": pl.Periodic()})
    with pytest.raises(DeclarationError, match="'ring' cannot be adapted"):
        manufactured(problem, u="x")
