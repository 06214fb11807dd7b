"""Exact solutions of options, control and densities, against the engine and against chance."""

import math

import pytest
import torch
from cases import F64, assembly
from nested import assembled, residual_of
from torch import Tensor, nn

import pinnlab as pl
from pinnlab.calculus.estimators import estimator_of
from pinnlab.problems.high_dimension.control import optimal_cost

D = 6


def in_space(n: int, d: int) -> tuple[Tensor, Tensor]:
    return torch.randn(n, d, dtype=F64), torch.rand(n, dtype=F64)


class Exact(nn.Module):
    """A solution of (x, t) in operations that the engine differentiates."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, z):
        return self.function(z[:, :-1], z[:, -1])[:, None]


def option(x, t):
    return torch.exp((0.05 + 0.4**2) * (1 - t)) * (x**2).sum(-1) / D


def cost(x, t):
    """Every term of the integral over λ solves the linear equation, so a few of them do."""
    square, total = (x**2).sum(-1), 0.0
    for node, weight in ((0.1, 0.3), (0.7, 1.0), (2.0, 0.2)):
        wide = 1 + 4 * node * (1 - t)
        total = total + weight * torch.exp(-0.5 * D * torch.log(wide) - node * square / wide)
    return -torch.log(total) / 1.3


def linear(x, t):
    return x.sum(-1) + 1 - t


def log_density(x, t):
    s = 0.5 + 1.5 * torch.exp(-2 * t)
    return -(x**2).sum(-1) / (2 * D * s) - 0.5 * torch.log(2 * math.pi * s)


SOLUTIONS = {
    "black_scholes_barenblatt": (pl.high_dimension.black_scholes_barenblatt, {}, option),
    "hjb_lqg": (pl.high_dimension.hjb_lqg, {"mu": 1.3}, cost),
    "hjb_lin": (pl.high_dimension.hjb_lin, {}, linear),
    "ornstein_uhlenbeck": (pl.high_dimension.ornstein_uhlenbeck, {}, log_density),
}


@pytest.mark.parametrize("name", SOLUTIONS)
def test_exact_solutions_leave_no_residual(name):
    make, options, function = SOLUTIONS[name]
    problem = make(D, **options).replace(conditions={})
    made = assembly(problem, Exact(function))
    # Terms of order ten at most.
    assert made.objective.terms().item() ** 0.5 < 1e-12


@pytest.mark.parametrize("options", [{"by": "t"}, {"samples": 2}], ids=str)
@pytest.mark.parametrize("name", SOLUTIONS)
def test_the_gradients_of_their_residuals_vanish_too(name, options):
    make, values, function = SOLUTIONS[name]
    problem = make(D, **values)
    (equation,) = problem.equations
    gradient = pl.GradientEnhanced(equation, **options)
    made = assembly(problem.replace(conditions={"gradient": gradient}), Exact(function))
    # Terms of order ten at most, differentiated once more.
    assert made.objective.residuals()["gradient"].abs().max() < 1e-11


@pytest.mark.parametrize("name", ["black_scholes_barenblatt", "hjb_lin", "ornstein_uhlenbeck"])
def test_references_are_the_same_functions(name):
    make, options, function = SOLUTIONS[name]
    problem = make(D, **options)
    (exact,) = problem.reference.exact.values()
    x, t = in_space(9, D)
    values = {k: v for k, v in problem.parameters.items() if isinstance(v, float)}
    known = pl.Formula(exact)({"x": x, "t": t, **values})
    torch.testing.assert_close(known, function(x, t), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("name", SOLUTIONS)
def test_the_given_end_is_built_in(name):
    make, options, _ = SOLUTIONS[name]
    problem = make(D, **options)
    assert problem.check().ok
    (condition,) = problem.conditions.values()
    assert condition.hard
    # The reference agrees with it there.
    at = 0.0 if name == "ornstein_uhlenbeck" else 1.0
    (exact,) = problem.reference.exact.values()
    (given,) = condition.values.values()
    x, t = in_space(5, D)[0], torch.full((5,), at, dtype=F64)
    values = {k: v for k, v in problem.parameters.items() if isinstance(v, float)}
    found = made_of(given, x, values)
    torch.testing.assert_close(pl.Formula(exact)({"x": x, "t": t, **values}), found)


def made_of(formula, x, values) -> Tensor:
    from pinnlab.calculus import PointSource, coordinate_jets
    from pinnlab.typing import Coordinates

    jets = coordinate_jets(PointSource(Coordinates(("x",), (D,)), x))
    return formula({**jets, **values}).value


@pytest.mark.parametrize("mu", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("d", [2, 50])
def test_optimal_cost_is_the_expectation_that_defines_it(d, mu):
    x, t = in_space(1, d)[0].expand(3, d), torch.tensor([0.0, 0.5, 1.0], dtype=F64)
    count = 40_000
    samples = []
    for k in range(3):
        y = x[k] + (2 * (1 - t[k])) ** 0.5 * torch.randn(count, d, dtype=F64)
        samples.append(((1 + (y**2).sum(1)) / 2) ** -mu)
    v = torch.stack(samples)
    expected = -v.mean(1).log() / mu
    # Six standard errors of the logarithm of a mean.
    error = 6 * v.std(1) / v.mean(1) / mu / count**0.5 + 1e-12
    assert bool(((optimal_cost(x, t, mu, 1.0) - expected).abs() <= error).all())


@pytest.mark.parametrize("d", [2, 100, 100_000])
def test_optimal_cost_solves_its_equation_in_time(d):
    """Along |x|² and t alone: u_t + 4 s u_ss + 2 d u_s - 4 μ s u_s² = 0 with s = |x|²."""
    s0, h = float(d), 1e-4
    mu, tau = 1.0, 0.4

    def u(s: Tensor, t: Tensor) -> Tensor:
        x = torch.zeros(len(s), d, dtype=F64)
        x[:, 0] = s.sqrt()
        return optimal_cost(x, t, mu, 1.0)

    steps = torch.tensor([-1.0, 0.0, 1.0], dtype=F64)
    at = torch.full((3,), 1 - tau, dtype=F64)
    width = h * s0**0.5 * 30
    left, middle, right = u(s0 + width * steps, at)
    first, second = (right - left) / (2 * width), (left - 2 * middle + right) / width**2
    before, _, after = u(torch.full((3,), s0, dtype=F64), at + h * steps)
    residual = (after - before) / (2 * h) + 4 * s0 * second + 2 * d * first - 4 * s0 * first**2
    # Differences of numbers of order ten with steps of 1e-4 and more.
    assert abs(float(residual)) < 1e-4


@pytest.mark.parametrize("theta", [1.0, 0.7])
def test_the_drift_needs_no_whole_gradient(theta):
    (plan,) = pl.high_dimension.ornstein_uhlenbeck(9, theta=theta).terms[0].plans
    kinds = {functional.kind for _, functional in plan.functionals}
    assert kinds == {"laplacian", "squared_gradient", "directional_derivative"}


@pytest.mark.parametrize("name", SOLUTIONS)
def test_many_dimensions_are_declared_at_once(name):
    problem = SOLUTIONS[name][0](200_000)
    assert problem.coordinates.dim == 200_001


@pytest.mark.parametrize("c", [0.5, 1.0, 2.1, 3])
def test_the_exponent_has_a_range(c):
    with pytest.raises(pl.DeclarationError, match="above 1, ") as caught:
        pl.high_dimension.hjb_lin(5, c=c)
    assert repr(c) in str(caught.value)
    assert pl.high_dimension.hjb_lin(5, c=2).parameters["c"] == 2


def test_the_gradient_of_hjb_lin_is_exact_unless_it_is_estimated():
    def residuals(derivatives):
        made = assembled(pl.high_dimension.hjb_lin(5), n=4, derivatives=estimator_of(derivatives))
        (demand,) = made.objective.frozen.demands.values()
        how = {str(f): reading.text for f, reading in demand.readings.items()}
        assert how["laplacian(u)"] == ("exact" if derivatives is None else "STDE(5 sparse)")
        assert how["grad(u)"] == "exact"
        return residual_of(made, "hjb_lin")

    torch.testing.assert_close(residuals({"laplacian": pl.STDE(5)}), residuals(None))


@pytest.mark.parametrize(
    "make, number",
    [
        (pl.high_dimension.black_scholes_barenblatt, "sigma"),
        (pl.high_dimension.hjb_lqg, "mu"),
        (pl.high_dimension.hjb_lin, "c"),
        (pl.high_dimension.ornstein_uhlenbeck, "theta"),
        (pl.high_dimension.ornstein_uhlenbeck, "D"),
        (pl.high_dimension.ornstein_uhlenbeck, "variance"),
    ],
)
@pytest.mark.parametrize("value", [0, -1.0, math.inf, True, "1"])
def test_refuses_numbers_that_are_not_positive(make, number, value):
    with pytest.raises(pl.DeclarationError, match=f"'{number}' cannot be used"):
        make(5, **{number: value})
