"""Unknowns are found from noise-free data, whatever their size and wherever they stand."""

import numpy as np
import pytest

import pinnlab as pl

X = np.linspace(0.05, 0.95, 10)
LINE = pl.Interval("x", 0, 1)


def found(problem, steps=200, width=12, **points):
    points = {"interior": 60, "boundary": 20} | points
    solution = pl.solve(
        problem,
        pl.MLP(width=width, depth=2),
        points=points,
        phases=[pl.Adam(100, lr=1e-2), pl.LBFGS(steps)],
        progress=False,
    )
    return solution.unknowns


def test_conductivity_of_a_rod():
    k = 0.25
    problem = pl.Problem(
        LINE,
        "u",
        {"heat": "k*u.xx + 1"},
        {"ends": pl.Dirichlet(u=0), "seen": pl.Data({"x": X, "u": X * (1 - X) / (2 * k)})},
        parameters={"k": pl.Unknown(1.0, transform="log", true=k)},
    )
    assert found(problem)["k"] == pytest.approx(k, rel=1e-3)


def test_diffusivity_from_a_decaying_wave():
    k = 0.3
    x, t = (g.ravel() for g in np.meshgrid(np.linspace(0, 1, 7), np.linspace(0, 1, 5)))
    measured = np.exp(-k * np.pi**2 * t) * np.sin(np.pi * x)
    problem = pl.Problem(
        LINE * pl.Time("t", 0, 1),
        "u",
        {"heat": "u.t - k*u.xx"},
        {
            "ends": pl.Dirichlet(u=0),
            "start": pl.Initial(u="sin(pi*x)"),
            "seen": pl.Data({"x": x, "t": t, "u": measured}),
        },
        parameters={"k": pl.Unknown(1.0, bounds=(0.01, 10), transform="log")},
    )
    # A small network fits the solution to about a thousandth in this time.
    assert found(problem, 150, interior=150)["k"] == pytest.approx(k, rel=2e-2)


@pytest.mark.parametrize("true", [7.8e8, 2e-7])
def test_the_size_of_an_unknown_does_not_matter(true):
    problem = pl.Problem(
        LINE,
        "u",
        {"beam": "u.xx + q/E"},
        {"ends": pl.Dirichlet(u=0), "seen": pl.Data({"x": X, "u": X * (1 - X) / 2})},
        parameters={"q": true, "E": pl.Unknown(5 * true, transform="log")},
    )
    assert found(problem)["E"] == pytest.approx(true, rel=1e-2)


def test_several_unknowns_of_different_size():
    # a u'' + b u' = 1 with u = x²: 2a + 2b x = f
    problem = pl.Problem(
        LINE,
        "u",
        {"e": "1000*a*u.xx + b*u.x - (3 + 8*x)"},
        {"ends": pl.Dirichlet(u="x**2"), "seen": pl.Data({"x": X, "u": X**2}, sigma=0.01)},
        parameters={"a": pl.Unknown(0.01, transform="log"), "b": pl.Unknown(1.0)},
    )
    values = found(problem, 600)
    assert values["a"] == pytest.approx(1.5e-3, rel=1e-2)
    assert values["b"] == pytest.approx(4.0, rel=1e-2)


def test_an_unknown_in_boundary_conditions_and_integrals():
    # u = level + (1 - level) x, whose slope at the right is the flux and whose mean the mean.
    problem = pl.Problem(
        LINE,
        "u",
        {"e": "u.xx"},
        {
            "left": pl.Dirichlet(u="level", on="left"),
            "right": pl.Dirichlet(u=1, on="right"),
            "flux": pl.Neumann(u="flux", on="right"),
            "mean": pl.Integral("u", "mean", sampler="gauss", points=20),
            "seen": pl.Data({"x": [0.5], "u": [0.75]}),
        },
        parameters={name: pl.Unknown(0.0) for name in ("level", "flux", "mean")},
    )
    values = found(problem)
    assert values == pytest.approx({"level": 0.5, "flux": 0.5, "mean": 0.75}, abs=1e-3)


def test_the_report_compares_with_the_true_value():
    problem = pl.Problem(
        LINE,
        "u",
        {"e": "k*u.xx + 1"},
        {"ends": pl.Dirichlet(u=0)},
        parameters={"k": pl.Unknown(3.0, true=2.0)},
    )
    solution = pl.solve(
        problem,
        pl.MLP(width=4, depth=1),
        points={"interior": 8, "boundary": 2},
        phases=[pl.Adam(1, lr=1e-12)],
        progress=False,
    )
    entry = solution.metrics["unknowns"]["k"]
    assert entry["true"] == 2.0
    assert entry["relative_error"] == pytest.approx(0.5, rel=1e-6)
