"""Gradients of residuals over vector coordinates, against nested reverse-mode differentiation."""

import numpy as np
import pytest
import torch
from nested import Nested, assembled

import pinnlab as pl
from pinnlab.calculus.directions import Across
from pinnlab.calculus.distributions import second_moment_weight
from pinnlab.calculus.estimators import estimator_of
from pinnlab.config import parse_config
from pinnlab.errors import DeclarationError

F64 = torch.float64
DIM = 4
SPACE = pl.Hypercube("x", dim=DIM)
IN_TIME = SPACE * pl.Time("t", 0, 1)
SIGMA = torch.linspace(-1.0, 1.0, 2 * DIM, dtype=F64).view(DIM, 2)
MATRIX = torch.eye(DIM, dtype=F64)


def full(x, t):
    """A full matrix that depends on the point, ``(n, d, d)``."""
    return x[:, :, None] * torch.cos(x)[:, None] + t[:, None, None] * MATRIX.to(x)


# --- residuals, and the same by nested differentiation ---------------------------------------
CASES = {
    "laplacian": (
        "u.t - laplacian(u) + sin(u) - u**3",
        lambda f: f.dt() - f.laplacian() + torch.sin(f.value) - f.value**3,
    ),
    "variable diffusion": (
        lambda u, x, t: u.t - pl.div(pl.exp(-pl.dot(x, x)) * pl.grad(u)) - t * (x**3).sum(-1),
        lambda f: f.dt() - f.divergence(f.k[:, None] * f.rows) - f.t * (f.z**3).sum(-1),
    ),
    "squared gradient": (
        "u.t + laplacian(u) - (1 + t)*dot(grad(u), grad(u))",
        lambda f: f.dt() + f.laplacian() - (1 + f.t) * f.rows.square().sum(-1),
    ),
    "drift": (
        "u.t + dot(sin(x)*exp(t), grad(u)) + u*dot(x, x)",
        lambda f: f.dt() + f.along(torch.sin(f.z) * torch.exp(f.t)[:, None])
        + f.value * f.z.square().sum(-1),
    ),
    "diagonal diffusion": (
        "u.t + weighted_trace(u, x*(2 + t))",
        lambda f: f.dt() + f.trace(torch.diag_embed(f.z * (2 + f.t)[:, None])),
    ),
    "constant diffusion": (
        lambda u: u.t + pl.weighted_trace(u, SIGMA),
        lambda f: f.dt() + f.trace(SIGMA),
    ),
    "full diffusion": (
        lambda u: u * pl.weighted_trace(u, full),
        lambda f: f.value * f.trace(full(f.z, f.t)),
    ),
    "biharmonic": ("u.t + biharmonic(u)", lambda f: f.dt() + f.biharmonic()),
    "third powers": ("u.t + u*power_sum(u, 3)", lambda f: f.dt() + f.value * f.power_sum(3)),
    "rows": (
        lambda u, x: u.t + (pl.abs(pl.grad(u)) ** 1.5 * x).sum(-1),
        lambda f: f.dt() + (f.rows.abs() ** 1.5 * f.z).sum(-1),
    ),
    "components": (
        lambda u, x: u.t * x[1] + pl.grad(u)[0],
        lambda f: f.dt() * f.z[:, 1] + f.rows[:, 0]),
}  # fmt: skip


class Function(Nested):
    """A function of x and t."""

    def __init__(self, made):
        x = next(iter(made.objective.points.values())).x
        super().__init__(lambda at: made.objective.state.surrogate(at)[:, 0], x, size=DIM)
        self.z, self.t = self.x[:, :DIM], self.x[:, DIM]
        self.k = torch.exp(-self.z.square().sum(-1))

    def dt(self, value=None):
        return self.gradient(value)[:, DIM]

    def divergence(self, rows):
        return sum(self.gradient(row)[:, i] for i, row in enumerate(rows.unbind(1)))


def problem_of(name, domain=IN_TIME, **options):
    conditions = {"gradient": pl.GradientEnhanced("equation", **options)}
    return pl.Problem(domain, "u", {"equation": CASES[name][0]}, conditions)


def gradient_by_hand(name, made):
    """The gradient of the residual over x and t, ``(n, d)``."""
    function = Function(made)
    return function.gradient(CASES[name][1](function)).detach()


def directions_of(made):
    """The directions of the present draw, ``(k, d)``."""
    drawn = made.objective.frozen.joined(False).drawn.families
    (part,) = [part for family, part in drawn.items() if isinstance(family, Across)]
    return part.dense(made.objective.state.ansatz.coordinates.dim)


# --- exact operators -------------------------------------------------------------------------
@pytest.mark.parametrize("name", CASES)
def test_the_derivative_by_time(name):
    made = assembled(problem_of(name, by="t"))
    found = made.objective.residuals()["gradient"][:, 0]
    expected = gradient_by_hand(name, made)[:, DIM]
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "options",
    [{"samples": 1}, {"samples": 2, "directions": "sparse"}, {"samples": 1, "by": "x"}],
    ids=str,
)
@pytest.mark.parametrize("name", CASES)
def test_the_derivative_along_random_directions(name, options):
    made = assembled(problem_of(name, **options))
    directions = directions_of(made)
    distribution = options.get("directions", "rademacher")
    columns = DIM if "by" in options else DIM + 1
    weight = second_moment_weight(distribution, len(directions), columns)
    found = made.objective.residuals()["gradient"]
    expected = weight**0.5 * gradient_by_hand(name, made) @ directions.T
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    transparent = made.objective.residuals(transparent=True)["gradient"]
    torch.testing.assert_close(transparent, expected, rtol=1e-9, atol=1e-9)


# --- estimated operators ---------------------------------------------------------------------
ESTIMATORS = [
    ("laplacian", pl.STDE(2)),
    ("laplacian", pl.Hutchinson(2)),
    ("laplacian", pl.SDGD(2)),
    ("squared gradient", pl.STDE(2)),
    ("squared gradient", {"laplacian": pl.STDE(2)}),
    ("squared gradient", pl.ForwardGradient(2)),
    ("drift", None),
    ("diagonal diffusion", pl.STDE(2)),
    ("diagonal diffusion", pl.Hutchinson(2)),
    ("constant diffusion", pl.STDE(1)),
    ("full diffusion", pl.STDE(2, "gaussian")),
    ("biharmonic", pl.STDE(2)),
    ("third powers", pl.STDE(2)),
    ("components", pl.STDE(2)),
]


@pytest.mark.parametrize("name, estimator", ESTIMATORS, ids=str)
def test_estimates_have_the_right_mean_along_every_direction(name, estimator):
    made = assembled(problem_of(name, samples=1), derivatives=estimator_of(estimator), n=2)
    objective = made.objective
    whole = gradient_by_hand(name, made)
    draws = []
    with torch.no_grad():
        for _ in range(400):
            objective.redraw()
            direction = directions_of(made)[0]
            error = objective.residuals()["gradient"][:, 0] - whole @ direction
            draws.append(error[:, None] * direction)  # of mean zero, as E v vᵀ is the identity
    errors = torch.stack(draws)
    deviation = errors.std(0) / len(errors) ** 0.5
    # Five standard errors for each of ten numbers: passes by chance but once in 170 000.
    assert bool((errors.mean(0).abs() <= 5 * deviation + 1e-9).all())
    assert bool((deviation > 1e-3 * whole.abs().mean()).any()) == (estimator is not None)


# --- exact solutions -------------------------------------------------------------------------
class Smooth(torch.nn.Module):
    """The function sin(x·x) exp(t)."""

    def forward(self, z):
        return (torch.sin((z[:, :DIM] ** 2).sum(-1)) * torch.exp(z[:, DIM]))[:, None]


@pytest.mark.parametrize("options", [{"by": "t"}, {"samples": 1}], ids=str)
@pytest.mark.parametrize("name", sorted({*CASES} - {"biharmonic"}))
def test_it_vanishes_at_manufactured_solutions(name, options):
    problem = problem_of(name, **options)
    made = pl.verify.manufactured(problem, u=lambda x, t: pl.sin(pl.dot(x, x)) * pl.exp(t))
    found = assembled(made, Smooth()).objective.residuals()["gradient"]
    torch.testing.assert_close(found, torch.zeros_like(found), rtol=0, atol=1e-8)


# --- many dimensions -------------------------------------------------------------------------
def ball(dim, **options):
    """The sine-Gordon equation on the unit ball and the gradient of its residual."""
    problem = pl.high_dimension.sine_gordon(dim)
    gradient = pl.GradientEnhanced("sine_gordon", samples=1, **options)
    return problem.replace(conditions={**problem.conditions, "gradient": gradient})


def test_no_slot_belongs_to_a_coordinate():
    layouts = [
        assembled(ball(dim), derivatives=pl.STDE(4)).objective.frozen.joined(False).layout
        for dim in (10, 1000)
    ]
    # 1, v; i, ii and iv of four coordinates; the sums of ii and of iiv.
    assert [len(layout.slots) for layout in layouts] == [2 + 3 * 4 + 2] * 2


def test_a_million_coordinates_are_declared_at_once():
    problem = ball(1_000_000)
    assert "laplacian(u) along v1" in str(problem.terms[1].plans[0])
    assert len(repr(problem.terms[1].plans[0])) < 200


@pytest.mark.parametrize("directions", ["rademacher", "sparse"])
def test_the_mean_square_over_draws_is_that_of_the_whole_gradient(directions):
    made = assembled(problem_of("laplacian", samples=1, directions=directions), scales=None)
    objective = made.objective
    exact = gradient_by_hand("laplacian", made).square().sum(1).mean().item()
    draws = []
    with torch.no_grad():
        for _ in range(400):
            objective.redraw()
            draws.append(objective.residuals()["gradient"].square().mean().item())
    # Four standard errors: passes by chance but once in 16 000.
    assert abs(np.mean(draws) - exact) <= 4 * np.std(draws) / len(draws) ** 0.5
    assert np.std(draws) > 0.01 * exact


def test_products_of_two_estimates_have_no_bias():
    problem = problem_of("laplacian", samples=1)
    made = assembled(problem, derivatives=pl.STDE(2, unbiased=True), n=2, scales=None)
    objective = made.objective
    exact = gradient_by_hand("laplacian", made).square().sum(1).mean().item()
    draws = []
    with torch.no_grad():
        for _ in range(600):
            objective.redraw()
            draws.append(objective.terms()[1].item())
    assert abs(np.mean(draws) - exact) <= 4 * np.std(draws) / len(draws) ** 0.5


def test_training_lowers_it():
    seen = []

    class Watch(pl.Callback):
        def on_step(self, trainer, record):
            seen.append(record["terms"]["gradient"])

    pl.solve(
        ball(100, weight=1e-3),
        surrogate=pl.MLP(width=16, depth=2),
        points={"interior": 32},
        derivatives=pl.STDE(8),
        phases=[pl.Adam(150, lr=3e-3)],
        callbacks=[Watch()],
        progress=False,
    )
    assert np.isfinite(seen).all()
    assert np.mean(seen[-20:]) < 0.5 * np.mean(seen[:5])


FILE = """
problem:
  domain: {kind: Hypercube, coordinate: x, dim: 20, time: {t: [0, 1]}}
  fields: [u]
  equations: {heat: u.t - laplacian(u) + u**3}
  conditions:
    start: {kind: Initial, u: "sin(dot(x, x))", hard: true}
    gradient: {kind: GradientEnhanced, equation: heat, samples: 1, directions: sparse}
    in_time: {kind: GradientEnhanced, equation: heat, by: t}
derivatives: {kind: STDE, samples: 4}
"""


def test_in_a_file():
    config = parse_config(FILE)
    again = parse_config(config.resolved_text)
    assert again.resolved == config.resolved
    gradient = again.problem.conditions["gradient"]
    assert "along 1 sparse direction" in gradient.describe()
    text = str(again.problem.check(derivatives=pl.STDE(4)))
    assert "laplacian(u) along v1" in text
    assert "laplacian(u.t)" in text
    assert "0 errors" in text


def test_check_finds_no_bias_where_estimates_enter_linearly():
    problem = problem_of("squared gradient", samples=1)
    report = str(problem.check(derivatives=pl.STDE(2), quick=True))
    assert "not linear" not in report


# --- misuse ----------------------------------------------------------------------------------
MISUSE = {
    "every component": (SPACE, {}, "every component of a vector", "samples=1"),
    "by the vector": (IN_TIME, {"by": "x"}, "'x' of 4 components", "samples=1"),
    "no coordinate": (SPACE, {"by": "t"}, "'t', which is no coordinate", "x"),
    "too many": (IN_TIME, {"samples": 5}, "samples 5 directions over x, t", "draw fewer"),
    "too many in time": (IN_TIME, {"by": "t", "samples": 1}, "fewer than 1", "leave `samples` out"),
}


@pytest.mark.parametrize("name", MISUSE, ids=lambda n: n.replace(" ", "_"))
def test_misuse(name):
    domain, options, words, help_ = MISUSE[name]
    equation = {"e": "laplacian(u) + u**2"}
    with pytest.raises(DeclarationError, match=words) as caught:
        pl.Problem(domain, "u", equation, {"g": pl.GradientEnhanced("e", **options)})
    assert help_ in str(caught.value)


def test_coefficients_that_would_be_differentiated_twice():
    equation = {"e": "d(weighted_trace(u, t*x), t)"}
    with pytest.raises(DeclarationError, match="second derivative of the coefficients") as caught:
        pl.Problem(IN_TIME, "u", equation, {"g": pl.GradientEnhanced("e", samples=1)})
    assert "along a direction" in str(caught.value)


def test_values_of_a_function_are_not_differentiated():
    equation = {"e": lambda u, x: pl.laplacian(u) - x.value.square().sum(-1)}
    with pytest.raises(DeclarationError, match=r"The derivative of .* is not known") as caught:
        pl.Problem(SPACE, "u", equation, {"g": pl.GradientEnhanced("e", samples=1)})
    assert "without .value" in str(caught.value)
