"""Carrying a sum of derivatives as one slot never changes a loss or a gradient."""

import pytest
import torch
from cases import SMALL, assembly
from problems.spreading import assert_same_loss_and_gradient, spread

import pinnlab as pl
from pinnlab.calculus.directions import Directions
from pinnlab.problems.assemble import demands_of

SQUARE = pl.Box(x=(0, 1), y=(0, 1))
STRIP = pl.Interval("x", 0, 1) * pl.Time("t", 0, 1)


def problem(equations, fields="u", conditions=None, **parts):
    equations = equations if isinstance(equations, dict) else {"equation": equations}
    return pl.Problem(SQUARE, fields, equations, conditions, **parts)


def evolution(equation, fields="u", conditions=None, **parts):
    return pl.Problem(STRIP, fields, {"equation": equation}, conditions, **parts)


def collapsed(declared):
    return [
        bool(demand.shares)
        for demand in demands_of(declared, Directions(declared.coordinates)).values()
    ]


def power(u):
    return (u.xx + u.yy) ** 3 + u


def root(u):
    return pl.sqrt(1 + (u.xx + 4 * u.yy) ** 2) * u.x - u


def product(u, v):
    return (u.xx + u.yy) * (v.xx + v.yy) + u * v


def operator(u):
    return pl.laplacian(u) - u**3


def divergence(u, x):
    return pl.div((1 + x) * pl.grad(u))


def logarithm(u):
    return pl.log(3 + u) * (u.xx + u.yy) + pl.sqrt(4 + u.x)


JOINED = {
    "logarithm": problem(logarithm),
    "positive part": problem("maximum(u, 0)*(u.xx + u.yy) - 1"),
    "laplacian": problem("u.xx + u.yy - u"),
    "weighted": problem("2*u.xx + 3*u.yy"),
    "difference": problem("u.xx - u.yy + u.x*u"),
    "mixed": problem("u.xx + 2*u.xy + u.yy"),
    "variable coefficient": problem("(1 + x*y)*(u.xx + u.yy) - sin(x)*u.x"),
    "conductivity": problem("k*(u.xx + u.yy)", parameters={"k": "1 + x**2"}),
    "unknown factor": problem("nu*(u.xx + u.yy) - 1", parameters={"nu": pl.Unknown(0.3)}),
    "power": problem(power),
    "root": problem(root),
    "two fields": problem(product, ["u", "v"]),
    "two equations": problem({"a": "u.xx + u.yy - v", "b": "2*v.xx + 2*v.yy + u"}, ["u", "v"]),
    "operator": problem(operator),
    "divergence": problem(divergence),
    "hard": problem("u.xx + u.yy + 1", conditions={"sides": pl.Dirichlet(u=0, hard=True)}),
    "heat": evolution("u.t - 0.3*u.xx"),
    "burgers": evolution("u.t + u*u.x - 0.01*u.xx"),
    "korteweg": evolution("u.t + 6*u*u.x + u.xxx + u.xx"),
    "kuramoto": evolution("u.t + u*u.x + u.xx + u.xxxx"),
    "boussinesq": evolution("u.tt - u.xx - u.xxxx"),
    "transport": evolution("u.t + 2*u.x + u**2"),
    "mixed orders": problem("u.xx + u.xy + 3*u.y - u.x"),
    "hard heat": evolution("u.t - u.xx", conditions={"ends": pl.Dirichlet(u=0, hard=True)}),
    "heat with flux": evolution("u.t - u.xx", conditions={"flux": pl.Neumann(u=1, on="left")}),
    "heat with speed": evolution("u.t - u.xx", conditions={"s": pl.Condition("u.t", on="left")}),
    "reaction": evolution(lambda u, v: (u.t - u.xx - u * v, v.t - v.xx + u * v), fields=["u", "v"]),
    "reaction of two speeds": pl.Problem(
        pl.Box(x=(0, 1), y=(0, 1)) * pl.Time("t", 0, 1),
        ["u", "v"],
        {"a": "u.t - u.xx - u.yy - v", "b": "v.t - 2*v.xx - 2*v.yy + u"},
    ),
    "flux": problem("u.xx + u.yy", conditions={"flux": pl.Neumann(u=1, on="left")}),
}


@pytest.mark.parametrize("name", JOINED, ids=lambda n: n.replace(" ", "_"))
def test_loss_and_gradient_are_those_of_the_single_derivatives(name):
    declared = JOINED[name]
    made = assembly(declared)
    assert any(collapsed(declared))
    assert_same_loss_and_gradient(made.objective, spread(made), 1e-11)


def kink(u):
    return u.xx + u.yy + pl.maximum(u.xx - 10, 0.0)


def trap(u):
    return pl.where(u.xx > 50, u.xx, 0.0 * u.x) + (u.xx + u.yy)


def switched(u, x):
    return u.xx * (x > 0.5) + u.yy


def phases(u):
    return pl.where(u > 300, 2.0, 1.0) * u.xx + u.yy


def corner(u, x, y):
    return pl.where((x > 0.9) * (y > 0.9), 2.0, 1.0) * u.xx + u.yy


APART = {
    "unknown viscosity": evolution("u.t - nu*u.xx", parameters={"nu": pl.Unknown(0.1)}),
    "variable viscosity": evolution(lambda u, x: u.t - (1 + x) * u.xx),
    "different speeds": evolution(
        lambda u, v: (u.t - u.xx - u * v, v.t - 2 * v.xx + u * v), fields=["u", "v"]
    ),
    "nonlinear transport": evolution("u.t + u*u.x"),
    "backwards": evolution("u.t**2 + u.xx"),
    "phases": problem(phases),
    "corner": problem(corner),
    "squares": problem("u.xx**2 + u.yy**2"),
    "product": problem("u.xx*u.yy - u.xy**2"),
    "unknown ratio": problem("u.xx + nu*u.yy", parameters={"nu": pl.Unknown(0.5)}),
    "unknown ratio zero": problem("u.xx + nu*u.yy", parameters={"nu": pl.Unknown(0.0)}),
    "unknown ratio one": problem(
        "u.xx + nu*u.yy", parameters={"nu": pl.Unknown(1.0, bounds=(0.5, 2.0))}
    ),
    "unknown added": problem("u.xx + (1 + nu)*u.yy", parameters={"nu": pl.Unknown(0.0)}),
    "variable ratio": problem("u.xx + x*u.yy"),
    "field ratio": problem("u.xx + u*u.yy"),
    "two sums": problem({"a": "u.xx + u.yy - v", "b": "v.xx - v.yy + u"}, ["u", "v"]),
    "two sums of one field": problem({"a": "u.xx + u.yy", "b": "u.xx - u.yy"}),
    "single beside sum": problem({"a": "u.xx + u.yy", "b": "u.xx - 1"}),
    "other single": problem({"a": "u.xx + u.yy", "b": "u.yy*u"}),
    "components": problem(lambda u: (u.xx + u.yy, u.xx)),
    "kink": problem(kink),
    "trap": problem(trap),
    "switched": problem(switched),
}


@pytest.mark.parametrize("name", APART, ids=lambda n: n.replace(" ", "_"))
def test_other_combinations_are_kept_apart(name):
    assert not any(collapsed(APART[name]))


def test_sets_are_decided_one_by_one():
    declared = problem(
        "u.xx + u.yy",
        conditions={
            "curve": pl.Condition("u.xx - 2*u.yy", on="left"),
            "bend": pl.Condition("u.xx*u.yy", on="right"),
        },
    )
    assert collapsed(declared) == [True, True, False]


def test_fewer_rows_are_carried():
    declared = JOINED["laplacian"]
    made = assembly(declared)
    rows = made.objective.frozen.joined(False).layout.rows
    apart = spread(made).frozen.joined(False).layout.rows
    assert rows == 4 * SMALL.interior
    assert apart == 5 * SMALL.interior


def test_derivatives_that_are_carried_anyway_are_not_summed():
    domain = pl.Box(x=(0, 1), y=(0, 1)) * pl.Time("t", 0, 1)
    enhanced = {"gradient": pl.GradientEnhanced("heat", samples=1)}
    problem = pl.Problem(domain, "u", {"heat": "u.t - u.xx - u.yy"}, enhanced)
    objective = assembly(problem, scales=None).objective
    (demand,) = objective.frozen.demands.values()
    assert not demand.shares
    assert (
        len(objective.frozen.joined(False).layout.slots) == 12
    )  # 1, x, y, t, xx, yy, and all along v
    declared = pl.Problem(domain, "u", {"heat": "u.t - u.xx - u.yy"}, {})
    alone = assembly(declared, scales=None).objective
    found = [o.residuals()["heat"] for o in (objective, alone)]
    torch.testing.assert_close(*found, rtol=1e-12, atol=1e-12)
