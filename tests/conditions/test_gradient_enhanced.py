"""Gradients of residuals, against nested reverse-mode differentiation of the same formulas."""

import numpy as np
import pytest
import torch
from cases import assembly
from conditions.closed import DOMAINS, Known

import pinnlab as pl
from pinnlab.errors import DeclarationError

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


def test_unknown_parameters_are_found_through_the_gradient():
    problem = pl.Problem(
        STRIP,
        "u",
        {"equation": burgers},
        {"gradient": pl.GradientEnhanced("equation", weight=1.0)},
        {"nu": pl.Unknown(0.3)},
    )
    objective = assembly(problem).objective
    fixed = assembly(problem_of("burgers")).objective
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
        (("e", None, -1.0), "weight of GradientEnhanced"),
        (("e", None, 1.0, 0), "points=0"),
    ],
    ids=str,
)
def test_misuse_by_itself(arguments, words):
    with pytest.raises(DeclarationError, match=words):
        pl.GradientEnhanced(*arguments)


def test_contractions_over_vector_coordinates_are_refused():
    cube = pl.Hypercube("x", dim=5)
    laplace = {"e": lambda u: pl.laplacian(u)}
    with pytest.raises(DeclarationError, match="there is no scalar coordinate"):
        pl.Problem(cube, "u", laplace, {"g": pl.GradientEnhanced("e")})
    with pytest.raises(DeclarationError, match="'x', which is a vector coordinate"):
        pl.Problem(cube, "u", laplace, {"g": pl.GradientEnhanced("e", by="x")})
    heat = {"e": lambda u: u.t - pl.laplacian(u)}
    with pytest.raises(DeclarationError, match=r"by 't': A derivative of laplacian\(u\)"):
        pl.Problem(cube * pl.Time("t", 0, 1), "u", heat, {"g": pl.GradientEnhanced("e")})
