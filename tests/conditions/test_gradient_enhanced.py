"""Gradients of residuals, against nested reverse-mode differentiation of the same formulas."""

import numpy as np
import pytest
import torch
from cases import assembly, soliton_gradient
from conditions.closed import DOMAINS, Known

import pinnlab as pl
from pinnlab.calculus.directions import Across, Ray
from pinnlab.calculus.distributions import second_moment_weight
from pinnlab.calculus.jet import coordinate_jets
from pinnlab.calculus.sources import tensor_source
from pinnlab.config import to_config
from pinnlab.errors import DeclarationError
from pinnlab.training.solve import default_phases
from pinnlab.typing import Coordinates

DISTRIBUTIONS = ("rademacher", "gaussian", "sphere", "skewed", "sparse")

STRIP = DOMAINS["strip"]
BOX_TIME = pl.Box(x=(0, 1), y=(0, 1)) * pl.Time("t", 0, 1)


def burgers(u, *, nu):
    return u.t + u * u.x - nu * u.xx


def kdv(u, x, t):
    return u.t + 6 * u * u.x + u.xxx - pl.sin(x * t)


def system(u, v, x, *, k):
    return (
        pl.exp(u) * v.xx + k * u.t - x * u * v,
        v.t - u.x**2 / (2 + pl.cos(v)),
    )


def dif(y, x, *columns):
    """A derivative ``(n,)`` by nested reverse mode."""
    for column in columns:
        y = torch.autograd.grad(y.sum(), x, create_graph=True)[0][:, column]
    return y


def burgers_by_hand(x, f):
    u = f(x)[:, 0]
    return [dif(u, x, 1) + u * dif(u, x, 0) - 0.3 * dif(u, x, 0, 0)]


def kdv_by_hand(x, f):
    u = f(x)[:, 0]
    known = torch.sin(x[:, 0] * x[:, 1])
    return [dif(u, x, 1) + 6 * u * dif(u, x, 0) + dif(u, x, 0, 0, 0) - known]


def system_by_hand(x, f):
    u, v = f(x).unbind(-1)
    k = 1 + x[:, 1] ** 2
    return [
        torch.exp(u) * dif(v, x, 0, 0) + k * dif(u, x, 1) - x[:, 0] * u * v,
        dif(v, x, 1) - dif(u, x, 0) ** 2 / (2 + torch.cos(v)),
    ]


CASES = {
    "burgers": (burgers, burgers_by_hand, "u", {"nu": 0.3}),
    "kdv": (kdv, kdv_by_hand, "u", {}),
    "system": (system, system_by_hand, "u v", {"k": "1 + t**2"}),
}


def problem_of(name, domain=STRIP, **options):
    equation, _, fields, parameters = CASES[name]
    conditions = {"gradient": pl.GradientEnhanced("equation", **options)}
    return pl.Problem(domain, fields, {"equation": equation}, conditions, parameters)


def gradient_by_hand(name, objective, points, columns):
    """Derivatives ``(n, components x columns)`` of the residual at the points of a block."""
    x = points.x.clone().requires_grad_()
    residual = CASES[name][1](x, objective.state.surrogate)
    return torch.stack([dif(r, x, c) for r in residual for c in columns], -1).detach()


# --- every coordinate -----------------------------------------------------------------------
@pytest.mark.parametrize(
    "by, columns", [(None, (0, 1)), ("t", (1,)), (["t", "x"], (1, 0))], ids=str
)
@pytest.mark.parametrize("name", CASES)
def test_the_gradient_of_a_residual(name, by, columns):
    problem = problem_of(name, by=by)
    objective = assembly(problem).objective
    (place,) = problem.terms[1].placements
    expected = gradient_by_hand(name, objective, objective.points[place], columns)
    found = objective.residuals()["gradient"]
    # Fourth derivatives of a tanh network in float64: rounding grows with the order.
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_it_shares_the_points_of_its_equation():
    problem = problem_of("burgers")
    assert problem.terms[0].placements == problem.terms[1].placements
    own = problem_of("burgers", points=7, sampler="lhs")
    assert own.terms[1].placements[0].count == 7
    assert len(assembly(own).objective.residuals()["gradient"]) == 7


def test_it_lies_in_the_region_of_its_equation():
    problem = pl.Problem(
        DOMAINS["box"],
        "u",
        {"equation": pl.Equation("u.xx + u.yy", region="corner", points=9)},
        {"gradient": pl.GradientEnhanced("equation")},
        regions={"corner": pl.Box(x=(0, 1), y=(0, 0.5))},
    )
    assert problem.terms[1].placements == problem.terms[0].placements
    objective = assembly(problem).objective
    assert objective.residuals()["gradient"].shape == (9, 2)


def test_the_gradient_vanishes_at_a_solution():
    soliton = Known(lambda x, t: 2 / torch.cosh(x - 4 * t) ** 2)
    problem = pl.Problem(
        STRIP,
        "u",
        {"kdv": pl.equations.kdv},
        {"gradient": pl.GradientEnhanced("kdv")},
    )
    found = assembly(problem, soliton).objective.residuals()["gradient"]
    # Terms of size 300 cancel, after four rounds of differentiation.
    np.testing.assert_allclose(found.detach(), 0.0, atol=1e-9)


@pytest.mark.parametrize("options", [{}, {"samples": 1}], ids=str)
def test_it_vanishes_at_manufactured_solutions(options):
    problem = problem_of("system", **options)
    made = pl.verify.manufactured(problem, u="sin(x)*t", v="x*exp(-t)")
    exact = Known(lambda x, t: torch.sin(x) * t, lambda x, t: x * torch.exp(-t))
    found = assembly(made, exact).objective.residuals()["gradient"]
    np.testing.assert_allclose(found.detach(), 0.0, atol=1e-12)


def test_unknown_parameters_are_found_through_the_gradient():
    problem = pl.Problem(
        STRIP,
        "u",
        {"equation": burgers},
        {"gradient": pl.GradientEnhanced("equation", weight=1.0)},
        {"nu": pl.Unknown(0.3)},
    )
    objective = assembly(problem, scales=None).objective
    fixed = assembly(problem_of("burgers"), scales=None).objective
    torch.testing.assert_close(
        objective.residuals()["gradient"], fixed.residuals()["gradient"], rtol=1e-12, atol=1e-12
    )
    rows, _ = objective.gradients()
    assert rows[1, -1] != 0


def test_a_curved_domain_and_three_coordinates():
    problem = pl.Problem(
        BOX_TIME,
        "u",
        {"heat": "u.t - k*(u.xx + u.yy) - sin(x + 2*y)"},
        {"gradient": pl.GradientEnhanced("heat")},
        {"k": "1 + x*y"},
    )
    objective = assembly(problem).objective
    x = objective.points[problem.terms[1].placements[0]].x.clone().requires_grad_()
    u = objective.state.surrogate(x)[:, 0]
    k = 1 + x[:, 0] * x[:, 1]
    residual = dif(u, x, 2) - k * (dif(u, x, 0, 0) + dif(u, x, 1, 1))
    residual = residual - torch.sin(x[:, 0] + 2 * x[:, 1])
    expected = torch.stack([dif(residual, x, c) for c in range(3)], -1)
    torch.testing.assert_close(objective.residuals()["gradient"], expected, rtol=1e-10, atol=1e-10)


# --- along random directions ----------------------------------------------------------------
def directions_of(objective):
    """The directions of the present draw, ``(k, d)``."""
    (part,) = objective.frozen.joined(False).drawn.families.values()
    return part.dense(objective.state.ansatz.coordinates.dim)


@pytest.mark.parametrize("samples", [1, 2])
@pytest.mark.parametrize("directions", DISTRIBUTIONS)
def test_a_sample_is_the_gradient_times_its_directions(directions, samples):
    options = {"samples": samples, "directions": directions}
    sampled = assembly(soliton_gradient(**options), scales=None).objective
    whole = assembly(soliton_gradient(), scales=None).objective.residuals()
    found = sampled.residuals()
    torch.testing.assert_close(found["kdv"], whole["kdv"], rtol=1e-12, atol=1e-12)
    weight = second_moment_weight(directions, samples, 3)
    expected = weight**0.5 * whole["gradient"] @ directions_of(sampled).T
    torch.testing.assert_close(found["gradient"], expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", CASES)
def test_a_sample_by_nested_differentiation(name):
    problem = problem_of(name, samples=1)
    objective = assembly(problem).objective
    points = objective.points[problem.terms[1].placements[0]]
    gradient = gradient_by_hand(name, objective, points, (0, 1)).view(len(points), -1, 2)
    expected = gradient @ directions_of(objective)[0]
    found = objective.residuals()["gradient"]
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "directions, samples", [*((name, 1) for name in DISTRIBUTIONS), ("sparse", 2)], ids=str
)
def test_the_mean_over_draws_is_the_whole_gradient(directions, samples):
    problem = {"equation": lambda u, x, t: u.t * u.x - u.yy + pl.sin(x * t)}
    pair = [
        pl.Problem(BOX_TIME, "u", problem, {"gradient": pl.GradientEnhanced("equation", **options)})
        for options in ({}, {"samples": samples, "directions": directions})
    ]
    whole, objective = (assembly(problem, scales=None).objective for problem in pair)
    exact = whole.terms()[1].item()
    draws = []
    with torch.no_grad():
        for _ in range(400):
            objective.redraw()
            draws.append(objective.terms()[1].item())
    error = np.mean(draws) - exact
    # Four standard errors: passes by chance but once in 16 000.
    assert abs(error) <= 4 * np.std(draws) / len(draws) ** 0.5
    assert np.std(draws) > 0.01 * exact  # it is random at all


@pytest.mark.parametrize("by", [["y", "t"], ["t", "y"]], ids=str)
def test_directions_lie_in_the_coordinates_that_are_named(by):
    objective = assembly(soliton_gradient(samples=1, by=by)).objective
    ((direction),) = directions_of(objective)
    assert direction[0] == 0
    assert direction[1:].abs().tolist() == [1, 1]


def test_every_evaluation_of_one_draw_sees_the_same_directions():
    objective = assembly(soliton_gradient(samples=1)).objective
    first = objective.residuals()["gradient"]
    assert torch.equal(first, objective.residuals()["gradient"])
    torch.testing.assert_close(
        first, objective.residuals(transparent=True)["gradient"], rtol=1e-10, atol=1e-10
    )
    objective.redraw()
    assert not torch.allclose(first, objective.residuals()["gradient"])


def kadomtsev_petviashvili(**options):
    conditions = {"gradient": pl.GradientEnhanced("kp", **options)} if options else {}
    equation = {"kp": "u.tx + 6*u.x**2 + 6*u*u.xx + u.xxxx + 3*u.yy"}
    return pl.Problem(BOX_TIME, "u", equation, conditions)


@pytest.mark.parametrize(
    "options, slots",
    [({}, 7), ({"samples": 1}, 18), ({"samples": 2}, 27), ({"by": ["x", "y", "t"]}, 24)],
    ids=str,
)
def test_a_direction_costs_as_much_as_the_residual(options, slots):
    layout = assembly(kadomtsev_petviashvili(**options)).objective.frozen.joined(False).layout
    assert len(layout.slots) == slots


def test_gradients_of_two_equations_share_their_directions():
    problem = pl.Problem(
        STRIP,
        "u v",
        {"a": "u.t - v.xx", "b": "v.t - u*v.x"},
        {"of a": pl.GradientEnhanced("a", samples=1), "of b": pl.GradientEnhanced("b", samples=1)},
    )
    assert len(assembly(problem).objective.frozen.joined(False).drawn.families) == 1


def test_by_default_adam_trains_on_samples():
    assert problem_of("kdv", samples=1).random
    assert not problem_of("kdv").random
    assert [type(p).__name__ for p in default_phases(None, random=True)] == ["Adam"]
    resolved = to_config(problem_of("kdv", samples=1))
    assert [phase["kind"] for phase in resolved["phases"]] == ["Adam"]


def test_check_tells_the_directions():
    text = str(problem_of("kdv", samples=1).check())
    assert "u.xxx along v1; 10 numbers per neuron and point" in text
    assert "0 errors" in text


def test_check_tells_what_is_read():
    text = str(problem_of("kdv").check(quick=True))
    assert "reads u: 1, x, t, xx, xt, tt, xxxx, xxxt" in text


# --- misuse ---------------------------------------------------------------------------------
def opaque(u, x):
    return u.x - torch.special.bessel_j0(x)


MISUSE = {
    "no such equation": ("u.x", "equaton", {}, "no equation", "did you mean 'equation'"),
    "no such coordinate": ("u.x", "equation", {"by": "z"}, "'z', which is no coordinate", "x, t"),
    "values only": (lambda u: u.value, "equation", {}, "values, but no derivatives", "without"),
    "table of numbers": (
        lambda u: u.x - torch.zeros(len(u.value)), "equation", {}, "by 'x': The derivative of",
        "function or text",
    ),
    "opaque": (opaque, "equation", {}, "bessel_j0' cannot be differentiated", "pl.sin"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISUSE, ids=lambda n: n.replace(" ", "_"))
def test_misuse_in_a_problem(name):
    equation, of, options, words, help_ = MISUSE[name]
    with pytest.raises(DeclarationError, match=words) as caught:
        pl.Problem(STRIP, "u", {"equation": equation}, {"here": pl.GradientEnhanced(of, **options)})
    assert help_.lower() in str(caught.value).lower()


@pytest.mark.parametrize(
    "arguments, words",
    [
        ((3,), "does not say of which equation"),
        (("e", []), "by which coordinates"),
        (("e", ["x", "x"]), "by which coordinates"),
        (("e", None, 0), "samples=0"),
        (("e", None, True), "samples=True"),
        (("e", None, 1, "rademachr"), "no directions 'rademachr'"),
        (("e", None, None, "sparse", -1.0), "weight of GradientEnhanced"),
        (("e", None, None, "sparse", 1.0, 0), "points=0"),
    ],
    ids=str,
)
def test_misuse_by_itself(arguments, words):
    with pytest.raises(DeclarationError, match=words):
        pl.GradientEnhanced(*arguments)


def test_as_many_directions_as_coordinates_are_refused():
    with pytest.raises(DeclarationError, match=r"samples 2 directions over x, t.*\n.*fewer than 2"):
        problem_of("kdv", samples=2)
    with pytest.raises(DeclarationError, match="the whole gradient costs no more"):
        problem_of("kdv", by="x", samples=1)


def test_phases_that_compare_losses_are_refused():
    with pytest.raises(DeclarationError, match="LBFGS compares losses") as caught:
        pl.solve(problem_of("kdv", samples=1), phases=[pl.Adam(1), pl.LBFGS(1)], progress=False)
    assert "GradientEnhanced" in str(caught.value)


def test_points_alone_have_no_directions():
    coordinates = Coordinates(("x", "t"), (1, 1), time="t")
    source = tensor_source(coordinates, torch.zeros(3, 2))
    with pytest.raises(DeclarationError, match="Points alone have no random directions"):
        _ = coordinate_jets(source)["x"].toward(Ray(Across("x, t", 1, (0, 1), "sparse"), 0)).value
