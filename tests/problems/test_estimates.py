"""Estimates along random directions have the exact value for mean, and the variance they say.

All draws are seeded. With the thousands of numbers compared here, |z| < 4.5 holds with probability
0.99 or more for a correct estimator; a wrong moment shows as |z| of tens.
"""

import math

import pytest
import torch
from nested import Nested, assembled, fields_of, points_of, residual_of

import pinnlab as pl
from pinnlab.calculus.distributions import draw, second_moment_weight
from pinnlab.errors import DeclarationError

F64 = torch.float64
D, Z = 5, 4.5
MATRIX = torch.tensor(
    [[1.0, 0.5, 0.0, 0.1], [0.2, -1, 0.3, 0], [0, 0.4, 2, 0], [1, 1, 1, 1], [0, 0, 0, 2]], dtype=F64
)


def turned(x):
    """A full factor (n, d, 4) that depends on the point."""
    return MATRIX + x[:, :, None] * torch.arange(4.0, dtype=x.dtype)


OPERATORS = {
    "laplacian": lambda u, x: pl.laplacian(u),
    "biharmonic": lambda u, x: pl.biharmonic(u),
    "power_sum 3": lambda u, x: pl.power_sum(u, 3),
    "power_sum 4": lambda u, x: pl.power_sum(u, 4),
    "power_sum 5": lambda u, x: pl.power_sum(u, 5),
    "squared_gradient": lambda u, x: pl.dot(pl.grad(u), pl.grad(u)),
    "gradient": lambda u, x: pl.grad(u)[0] - 2 * pl.grad(u)[3],
    "trace, diagonal": lambda u, x: pl.weighted_trace(u, 1 + x * x),
    "trace, matrix": lambda u, x: pl.weighted_trace(u, MATRIX),
    "trace, function": lambda u, x: pl.weighted_trace(u, turned),
    "sum": lambda u, x: pl.laplacian(u) - pl.dot(x, pl.grad(u)) + u * pl.biharmonic(u),
    "exponent": lambda u, x: pl.laplacian(u) - pl.dot(pl.grad(u), pl.grad(u)) + u**3,
}
ORDER_2 = (
    "laplacian",
    "squared_gradient",
    "gradient",
    "trace, diagonal",
    "trace, matrix",
    "trace, function",
    "exponent",
)
FITTING = {
    "sparse": tuple(OPERATORS),
    "rademacher": ORDER_2,
    "gaussian": (*ORDER_2, "biharmonic", "sum"),
    "sphere": (*ORDER_2, "biharmonic", "sum"),
    "skewed": (*ORDER_2, "power_sum 3"),
}
PAIRS = [(kind, name) for kind, names in FITTING.items() for name in names]
OTHERS = [
    (kind, name)
    for kind in FITTING
    for name in ("biharmonic", "power_sum 3", "power_sum 4", "power_sum 5")
    if name not in FITTING[kind]
]


def problem_of(equation, domain=None, **parts):
    return pl.Problem(
        domain or pl.HyperBall("x", dim=D),
        "u",
        {"equation": equation},
        {"sphere": pl.Dirichlet(u=0, hard=True)},
        **parts,
    )


def made_of(equation, estimator=None, n=3, **parts):
    return assembled(
        problem_of(equation, **parts), pl.MLP(width=5, depth=1), n=n, derivatives=estimator
    )


def draws(made, count, value=residual_of):
    """A value for many draws of the directions, ``(count, ...)``."""
    out = []
    for _ in range(count):
        made.objective.redraw()
        out.append(value(made))
    return torch.stack(out)


def z_of(samples, mean):
    """How many standard errors the mean of samples is off, at the worst."""
    error = samples.std(0) / math.sqrt(len(samples))
    gap = (samples.mean(0) - mean).abs()
    # What is the same in every draw must be exact.
    return float((gap / (error + 1e-9 * mean.abs() + 1e-12)).max())


@pytest.mark.parametrize(("kind", "name"), PAIRS, ids=lambda n: n.replace(" ", "_"))
def test_the_mean_is_the_exact_value(kind, name):
    exact = residual_of(made_of(OPERATORS[name]))
    made = made_of(OPERATORS[name], pl.STDE(3, kind))
    samples = draws(made, 64)
    assert z_of(samples, exact) < Z
    assert float(samples.std(0).min()) > 0


@pytest.mark.parametrize(("kind", "name"), OTHERS, ids=lambda n: n.replace(" ", "_"))
def test_directions_without_the_right_moments_are_refused(kind, name):
    with pytest.raises(DeclarationError, match="moments") as caught:
        made_of(OPERATORS[name], pl.STDE(3, kind))
    text = str(caught.value)
    assert f"directions='{kind}'" in text
    assert f"{name.split()[0]} is exact if it is not named" in text


@pytest.mark.parametrize(
    ("estimator", "names"),
    [
        (pl.Hutchinson(3), ("laplacian", "trace, function", "exponent")),
        (pl.Hutchinson(2, "gaussian"), ("laplacian", "biharmonic")),
        (pl.SDGD(2), ("laplacian", "biharmonic", "power_sum 4", "exponent")),
        (pl.ForwardGradient(3), ("gradient", "squared_gradient", "exponent")),
        (pl.ForwardGradient(3, "rademacher"), ("gradient", "squared_gradient")),
        ({"laplacian": pl.STDE(2), "squared_gradient": pl.Hutchinson(3)}, ("exponent",)),
        ({"biharmonic": pl.STDE(2, "gaussian")}, ("sum",)),
    ],
    ids=str,
)
def test_other_estimators(estimator, names):
    for name in names:
        exact = residual_of(made_of(OPERATORS[name]))
        given = pl.calculus.estimators.estimator_of(estimator)
        assert z_of(draws(made_of(OPERATORS[name], given), 80), exact) < Z, name


def test_in_time_and_with_soft_conditions():
    def equation(u, x, t):
        return u.t - pl.laplacian(u) + t * pl.dot(pl.grad(u), pl.grad(u))

    problem = pl.Problem(
        pl.Hypercube("x", dim=D) * pl.Time("t", 0, 1),
        "u",
        {"equation": equation},
        {"sides": pl.Dirichlet(u=1), "start": pl.Initial(u="dot(x, x)")},
    )
    exact = assembled(problem)
    for estimator in (pl.STDE(2), pl.STDE(2, "sphere")):
        made = assembled(problem, derivatives=estimator)
        assert z_of(draws(made, 100), residual_of(exact)) < Z
        for name in ("sides", "start"):  # nothing is estimated there
            torch.testing.assert_close(residual_of(made, name), residual_of(exact, name))


def test_a_module_without_rules_is_estimated_by_nesting():
    class Unruly(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(D, 4)

        def forward(self, x):
            hidden = torch.sin(self.layer(x))
            return torch.logaddexp(hidden, hidden.flip(1)).sum(1, keepdim=True)

    torch.manual_seed(1)
    module = Unruly()
    for name, kind in (("laplacian", "sparse"), ("trace, function", "gaussian")):
        problem = problem_of(OPERATORS[name])
        exact, made = (
            pl.problems.assemble(
                problem, module, budget=pl.PointBudget(interior=2), dtype=F64, derivatives=given
            )
            for given in (None, pl.STDE(3, kind))
        )
        assert z_of(draws(made, 100), residual_of(exact)) < Z


# --- all coordinates ------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name",
    ["laplacian", "power_sum 3", "power_sum 4", "squared_gradient", "gradient", "trace, diagonal",
     "exponent"],
    ids=lambda n: n.replace(" ", "_"),
)  # fmt: skip
def test_as_many_distinct_coordinates_as_there_are_give_the_exact_value(name):
    exact = residual_of(made_of(OPERATORS[name]))
    for estimator in (pl.STDE(D), pl.SDGD(D)):
        samples = draws(made_of(OPERATORS[name], estimator), 4)
        torch.testing.assert_close(samples, exact.expand(4, -1), rtol=1e-11, atol=1e-11)


# --- variance -------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", FITTING)
@pytest.mark.parametrize("samples", [1, 3])
def test_the_variance_formulas(kind, samples, generator):
    """Of c Σ_k vᵀHv, against the scatter of many draws; its own error from fourth moments."""
    n = 12_000 if kind == "sparse" else 40_000
    hessian = torch.randn(D, D, generator=generator, dtype=F64)
    hessian = hessian + hessian.T
    like = torch.zeros(1, dtype=F64)
    if kind == "sparse":
        parts = [draw(kind, samples, D, generator, like).dense(D) for _ in range(n)]
        v = torch.stack(parts)
    else:
        v = draw(kind, samples * n, D, generator, like).dense(D).view(n, samples, D)
    weight = second_moment_weight(kind, samples, D)
    estimates = weight * torch.einsum("nki,ij,nkj->n", v, hessian, v)
    assert z_of(estimates, hessian.trace()) < Z
    off = (estimates - estimates.mean()).square()
    assert z_of(off, pl.STDE(samples, kind).variance(hessian)) < Z


def test_the_variance_is_that_of_residuals():
    """The formulas and the whole machinery meet: Var of estimates of Δu by redrawing."""
    exact = made_of(OPERATORS["laplacian"])
    u = Nested(fields_of(exact, factor=lambda x: (1 - (x**2).sum(1)) / 2), points_of(exact))
    hessian = u.hessian().detach()
    for kind in FITTING:
        estimator = pl.STDE(4, kind)  # the squares of fewer have long tails
        samples = draws(made_of(OPERATORS["laplacian"], estimator), 250)
        off = (samples - residual_of(exact)).square()
        assert z_of(off, estimator.variance(hessian)) < Z, kind
    assert float(pl.STDE(D).variance(hessian).abs().max()) < 1e-12


def test_the_variance_falls_with_the_number_of_samples(generator):
    hessian = torch.randn(3, 8, 8, generator=generator, dtype=F64)
    hessian = hessian + hessian.transpose(1, 2)
    for kind in ("rademacher", "gaussian", "sphere", "skewed"):
        one, four = (pl.STDE(k, kind).variance(hessian) for k in (1, 4))
        torch.testing.assert_close(one, 4 * four)
        assert one.shape == (3,)
    # Without replacement it falls faster than 1/K, to nothing at K = d.
    sparse = [pl.STDE(k).variance(hessian) for k in (1, 4, 8)]
    assert bool((sparse[1] < sparse[0] / 4).all())
    assert float(sparse[2].abs().max()) == 0


def test_reported_deviations_are_those_of_the_draws():
    equation = OPERATORS["exponent"]
    exact = made_of("laplacian(u)", n=40)
    made = made_of(equation, pl.STDE(4, "gaussian"), n=40)
    told = []
    for _ in range(60):
        made.objective.redraw()
        found = made.objective.estimate_deviations()
        assert set(found) == {"laplacian(u)", "dot(grad(u), grad(u))"}
        told.append(found["laplacian(u)"])
    alone = made_of("laplacian(u)", pl.STDE(4, "gaussian"), n=40)
    samples, value = draws(alone, 200), residual_of(exact)
    # Relative to the root mean square of the estimate, as one draw tells both.
    deviation = samples.var(0).mean().sqrt()
    expected = deviation / (value.square().mean() + samples.var(0).mean()).sqrt()
    assert sum(told) / len(told) == pytest.approx(float(expected), rel=0.2)


def gradient(u):
    """All components."""
    return [pl.grad(u)[k] for k in range(D)]


@pytest.mark.parametrize(
    "estimator",
    [pl.STDE(2), pl.STDE(3, "sphere"), pl.ForwardGradient(3), pl.ForwardGradient(8, "rademacher")],
    ids=str,
)
def test_reported_deviations_of_gradients_are_those_of_the_draws(estimator):
    """Of rows: the mean over draws of |estimate - gradient|², over that of |estimate|²."""
    made = made_of(gradient, estimator, n=30)
    exact = residual_of(made_of(gradient, n=30))
    told, found = [], []
    for _ in range(100):
        made.objective.redraw()
        told.append(made.objective.estimate_deviations()["grad(u)"])
        found.append(residual_of(made))
    estimates = torch.stack(found)  # (draws, n, d)
    scatter, size = (estimates - exact).square().mean(), estimates.square().mean()
    # One draw tells the quotient of two numbers that scatter themselves.
    assert math.sqrt(sum(d * d for d in told) / 100) == pytest.approx(
        float((scatter / size).sqrt()), rel=0.25
    )


def test_what_cannot_scatter_has_no_deviation():
    made = made_of(gradient, pl.STDE(D))
    assert made.objective.estimate_deviations() == {"grad(u)": 0.0}


def test_one_sample_has_no_deviation():
    def equation(u):
        return pl.laplacian(u) + (pl.grad(u) ** 3).sum(-1)

    assert made_of(equation, pl.STDE(1)).objective.estimate_deviations() == {}
    report = str(problem_of(equation).check(derivatives=pl.STDE(1)))
    for name in ("laplacian(u)", "grad(u)"):
        assert f"{name} is estimated from one sample, which has no deviation" in report
    assert "one sample" not in str(problem_of(equation).check(derivatives=pl.STDE(2)))


def traces(one, two):
    """Two equations with a diffusion each."""
    return pl.Problem(
        pl.HyperBall("x", dim=D),
        "u",
        {"one": lambda u: pl.weighted_trace(u, one), "two": lambda u: pl.weighted_trace(u, two)},
        {"sphere": pl.Dirichlet(u=0, hard=True)},
    )


def gradient_enhanced(samples, directions):
    """A residual of six scalar coordinates, differentiated along random directions."""
    names = "abcdgh"
    problem = pl.Problem(
        pl.Box(**dict.fromkeys(names, (0, 1))),
        "u",
        {"e": "u.aa + u.bb + u*u.c + u.d - u.gh + u**2"},
        {"more": pl.GradientEnhanced("e", samples=samples, directions=directions)},
    )
    return problem, assembled(problem, n=8).objective


@pytest.mark.parametrize("directions", ["rademacher", "sparse"])
def test_gradients_along_random_directions_have_the_deviation_of_their_mean_square(directions):
    _, objective = gradient_enhanced(4, directions)
    told, found = [], []
    for _ in range(80):
        objective.redraw()
        told.append(objective.estimate_deviations())
        found.append(objective.terms()[1].item())
    assert all(list(one) == ["mean square of more"] for one in told)
    squares = torch.tensor(found, dtype=F64)
    size = sum(one["mean square of more"] for one in told) / len(told)
    # Of four samples each, and relative to the mean of the same four.
    assert size == pytest.approx(float(squares.std() / squares.mean()), rel=0.3)


@pytest.mark.parametrize("equation", ["laplacian(u) - 1", "dot(grad(u), grad(u)) - 1"])
@pytest.mark.parametrize("derivatives", [None, pl.STDE(2)], ids=str)
def test_over_a_vector_coordinate_as_well(equation, derivatives):
    problem = pl.Problem(
        pl.HyperBall("x", dim=D),
        "u",
        {"e": equation},
        {"more": pl.GradientEnhanced("e", samples=3), "b": pl.Dirichlet(u=0, hard=True)},
    )
    told = assembled(problem, derivatives=derivatives).objective.estimate_deviations()
    assert 0 < told["mean square of more"] < 1


def test_one_direction_of_a_gradient_has_no_deviation():
    problem, objective = gradient_enhanced(1, "sparse")
    assert objective.estimate_deviations() == {}
    assert "mean square of more is estimated from one sample" in str(problem.check())


def test_operators_that_are_written_alike_are_told_apart():
    tensors = torch.ones(D, dtype=F64), torch.tensor([9.0] + [0.1] * (D - 1), dtype=F64)
    functions = (
        lambda x: x[:, :, None] * tensors[0][:2],
        lambda x: torch.ones_like(x).diag_embed(),
    )
    for (one, two), name in ((tensors, f"<tensor of shape ({D},)>"), (functions, "<lambda>")):
        for first, second in ((one, two), (two, one)):
            problem = traces(first, second)
            told = assembled(problem, derivatives=pl.STDE(2)).objective.estimate_deviations()
            text = f"weighted_trace(u, {name})"
            assert list(told) == [f"{text} (1)", f"{text} (2)"]  # in the order of the equations
            alone = assembled(traces(second, second), derivatives=pl.STDE(2)).objective
            assert list(alone.estimate_deviations()) == [text]  # one operator, read twice
    sums = {"sum": lambda u: pl.weighted_trace(u, tensors[0]) + pl.weighted_trace(u, tensors[1])}
    (term,) = pl.Problem(pl.HyperBall("x", dim=D), "u", sums, free=["boundary"]).terms
    assert f"{text[:-9]}<tensor of shape ({D},)>) (1), " in str(term.plans[0])


def test_an_operator_of_several_sets_of_points_has_the_largest_deviation():
    outside = pl.Condition("laplacian(u)", on="boundary")
    problem = pl.Problem(
        pl.HyperBall("x", dim=D), "u", {"inside": "laplacian(u)"}, {"sphere": outside}
    )
    objective = assembled(problem, n=20, derivatives=pl.STDE(3, "gaussian")).objective
    parts = [objective.only([name]).estimate_deviations() for name in ("inside", "sphere")]
    inside, sphere = (part["laplacian(u)"] for part in parts)
    assert inside != sphere
    assert objective.estimate_deviations() == {"laplacian(u)": pytest.approx(max(inside, sphere))}


def test_deviations_are_those_of_the_fields_that_are_read():
    problem = pl.Problem(
        pl.HyperBall("x", dim=D),
        ["u", "v"],
        {"one": "laplacian(u) - v", "two": "v - dot(grad(v), grad(v))"},
        {"sphere": pl.Dirichlet(u=0, v=0, hard=True)},
    )
    objective = assembled(problem, derivatives=pl.STDE(3)).objective
    assert list(objective.estimate_deviations()) == ["dot(grad(v), grad(v))", "laplacian(u)"]


def test_exact_values_have_no_deviation():
    assert made_of("laplacian(u)").objective.estimate_deviations() == {}
    assert not made_of("laplacian(u)").objective.random
    everything = made_of("laplacian(u)", pl.STDE(D)).objective
    assert everything.random
    assert everything.estimate_deviations()["laplacian(u)"] == 0


# --- the loss and its gradient --------------------------------------------------------------
def loss_and_gradient(made):
    loss, _ = made.objective.loss_and_gradient()
    return torch.cat([loss[None], made.objective.flat_gradient()])


@pytest.mark.parametrize("kind", ["sparse", "gaussian"])
def test_two_estimates_have_the_exact_loss_and_gradient_for_mean(kind):
    equation = OPERATORS["exponent"]
    exact = loss_and_gradient(made_of(equation))
    made = made_of(equation, pl.STDE(3, kind, unbiased=True))
    assert z_of(draws(made, 200, loss_and_gradient), exact) < Z


@pytest.mark.parametrize("kind", ["sparse", "rademacher"])
def test_one_estimate_squared_adds_its_variance(kind):
    """E ½ mean (r + ε)² = ½ mean r² + ½ mean Var."""
    exact = made_of("laplacian(u) - u")
    u = Nested(fields_of(exact, factor=lambda x: (1 - (x**2).sum(1)) / 2), points_of(exact))
    estimator = pl.STDE(1, kind)
    excess = 0.5 * estimator.variance(u.hessian().detach()).mean()
    made = made_of("laplacian(u) - u", estimator)
    losses = draws(made, 300, loss_and_gradient)[:, :1]
    loss = loss_and_gradient(exact)[:1]
    assert z_of(losses, loss + excess) < Z
    assert z_of(losses, loss) > 3


def test_one_estimate_has_an_unbiased_residual_gradient():
    """∇ mean r, for a functional that is linear in what is estimated."""

    def mean_gradient(made):
        block = made.objective.residuals()["equation"]
        return torch.cat(
            [g.reshape(-1) for g in torch.autograd.grad(block.mean(), made.objective.parameters)]
        )

    equation = OPERATORS["sum"]
    exact = mean_gradient(made_of(equation))
    for estimator in (pl.STDE(2), pl.STDE(2, "sphere")):
        assert z_of(draws(made_of(equation, estimator), 100, mean_gradient), exact) < Z


def test_terms_that_read_nothing_estimated_are_squared():
    def soft(estimator):
        problem = pl.Problem(
            pl.HyperBall("x", dim=D),
            "u",
            {"equation": "laplacian(u)"},
            {"sphere": pl.Dirichlet(u=1)},
        )
        return assembled(problem, derivatives=estimator).objective

    twinned, plain = soft(pl.STDE(2, unbiased=True)), soft(None)
    (first, sphere), (exact, same) = twinned.terms().tolist(), plain.terms().tolist()
    assert sphere == pytest.approx(same, rel=1e-12)
    assert first != pytest.approx(exact)


def test_the_pure_loss_is_that_of_the_present_parameters():
    objective = made_of("laplacian(u) - u", pl.STDE(2, unbiased=True)).objective
    own = dict(objective.state.named_parameters())
    torch.testing.assert_close(objective.loss(own), objective.loss(), rtol=1e-12, atol=0)


# --- along the directions -------------------------------------------------------------------
def along(u, v, order, value=None):
    """∂_v^order by nested autograd."""
    value = u.value if value is None else value
    for _ in range(order):
        value = (u.gradient(value) * v).sum(-1)
    return value


def by_hand(u, rows, kind):
    """What each operator makes of the directions ``(k, d)`` or ``(k, n, d)`` that were drawn."""
    k = len(rows)
    weight = D / k if kind == "sparse" else 1 / k
    fourth = {"sparse": D / k, "gaussian": 1 / (3 * k), "sphere": (D + 2) / D / (3 * k)}

    def powers(order, weight):
        return weight * sum(along(u, v, order) for v in rows)

    return {
        "laplacian": lambda: powers(2, weight),
        "power_sum 3": lambda: powers(3, weight),
        "biharmonic": lambda: powers(4, fourth[kind]),
        "squared_gradient": lambda: weight * sum(along(u, v, 1) ** 2 for v in rows),
        "gradient": lambda: weight * sum(along(u, v, 1) * (v[0] - 2 * v[3]) for v in rows),
    }


@pytest.mark.parametrize("kind", FITTING)
def test_an_estimate_is_the_sum_along_its_directions(kind):
    exact = made_of("laplacian(u)")
    u = Nested(fields_of(exact, factor=lambda x: (1 - (x**2).sum(1)) / 2), points_of(exact))
    for name in ("laplacian", "power_sum 3", "biharmonic", "squared_gradient", "gradient"):
        if name not in FITTING[kind] or (name, kind) == ("biharmonic", "sparse"):
            continue
        made = made_of(OPERATORS[name], pl.STDE(3, kind))
        for _ in range(2):
            made.objective.redraw()
            rows = made.objective.frozen.joined(False).drawn.slopes.dense()
            expected = by_hand(u, rows, kind)[name]().detach()
            torch.testing.assert_close(residual_of(made), expected, rtol=1e-9, atol=1e-9)


def test_the_loss_multiplies_what_two_sets_of_directions_give():
    made = made_of("laplacian(u) - u", pl.STDE(3, "gaussian", unbiased=True))
    u = Nested(fields_of(made, factor=lambda x: (1 - (x**2).sum(1)) / 2), points_of(made))
    made.objective.redraw()
    rows = made.objective.frozen.joined(False).drawn.slopes.dense()
    assert len(rows) == 6
    one, two = (sum(along(u, v, 2) for v in half) / 3 - u.value for half in rows.split(3))
    torch.testing.assert_close(made.objective.terms()[0], (one * two).mean())
    torch.testing.assert_close(residual_of(made), one.detach())


def test_sparse_biharmonic_pairs():
    """d²/K Σ ∂_i² ∂_j² over K independent pairs."""
    made = made_of("biharmonic(u)", pl.STDE(3))
    u = Nested(fields_of(made, factor=lambda x: (1 - (x**2).sum(1)) / 2), points_of(made))
    made.objective.redraw()
    rows = made.objective.frozen.joined(False).drawn.slopes.dense()
    assert len(rows) == 6
    pairs = zip(rows[:3], rows[3:], strict=True)
    expected = D * D / 3 * sum(along(u, w, 2, along(u, v, 2)) for v, w in pairs)
    torch.testing.assert_close(residual_of(made), expected.detach(), rtol=1e-9, atol=1e-9)


def test_directions_through_a_factor():
    made = made_of(OPERATORS["trace, function"], pl.STDE(3, "gaussian"))
    u = Nested(fields_of(made, factor=lambda x: (1 - (x**2).sum(1)) / 2), points_of(made))
    batches = made.objective.frozen.joined(False)
    rows = batches.drawn.slopes.each([3] * 3)  # σ(x) v at every point
    hessian = u.hessian().detach()
    expected = sum(torch.einsum("ni,nij,nj->n", w, hessian, w) for w in rows) / 3
    torch.testing.assert_close(residual_of(made), expected, rtol=1e-10, atol=1e-10)


# --- draws ----------------------------------------------------------------------------------
def test_draws_are_determined_by_seed_and_number():
    def made(seed=0):
        estimator = pl.STDE(2, "gaussian")
        return assembled(problem_of("laplacian(u)"), n=3, derivatives=estimator, seed=seed)

    one, two = made().objective, made().objective
    for _ in range(3):
        one.redraw()
    two.redraw(3)
    assert torch.equal(one.residuals()["equation"], two.residuals()["equation"])
    two.redraw()
    assert two.draws == 4
    assert not torch.equal(one.residuals()["equation"], two.residuals()["equation"])
    drawn = [made(seed).objective.frozen.joined(False).drawn for seed in range(4)]
    assert len({tuple(d.slopes.dense().flatten().tolist()) for d in drawn}) == 4


def test_directions_stay_until_they_are_redrawn():
    objective = made_of("laplacian(u)", pl.STDE(2, "gaussian")).objective
    first = objective.residuals()["equation"]
    assert torch.equal(first, objective.residuals()["equation"])
    torch.testing.assert_close(first, objective.residuals(transparent=True)["equation"])
    objective.set_points(dict(objective.points))
    assert torch.equal(first, objective.residuals()["equation"])


def test_points_share_their_directions():
    """The estimate at a point does not depend on the other points of the batch."""
    objective = made_of("laplacian(u)", pl.STDE(2, "gaussian"), n=6).objective
    whole = objective.residuals()["equation"]
    (placement,) = objective.points
    objective.set_points({placement: objective.points[placement].take(torch.tensor([1, 4]))})
    torch.testing.assert_close(objective.residuals()["equation"], whole[[1, 4]])
