"""What estimators are refused for, and what check says of them."""

import numpy as np
import pytest
import torch
from nested import assembled
from torch import nn

import pinnlab as pl
from pinnlab.calculus.estimators import KINDS, Choice, estimator_of
from pinnlab.errors import DeclarationError
from pinnlab.problems.check import check

D = 5
BALL = pl.HyperBall("x", dim=D)


def problem_of(equation, domain=BALL, **parts):
    equations = equation if isinstance(equation, dict) else {"equation": equation}
    return pl.Problem(domain, "u", equations, {"sides": pl.Dirichlet(u=0, hard=True)}, **parts)


def refused(match, act):
    """The text of the error."""
    with pytest.raises(DeclarationError, match=match) as caught:
        act()
    return str(caught.value)


# --- at construction ------------------------------------------------------------------------
@pytest.mark.parametrize("samples", [0, -3, 2.5, True, "16", None], ids=repr)
@pytest.mark.parametrize("kind", [pl.STDE, pl.Hutchinson, pl.SDGD, pl.ForwardGradient])
def test_numbers_of_samples(kind, samples):
    text = refused("samples=", lambda: kind(samples))
    assert kind.__name__ in text
    assert "whole number of at least 1" in text


@pytest.mark.parametrize(
    ("kind", "directions"),
    [
        (pl.STDE, "gausian"),
        (pl.STDE, None),
        (pl.STDE, "repeated"),
        (pl.Hutchinson, "sparse"),
        (pl.SDGD, "gaussian"),
        (pl.ForwardGradient, "sparse"),
    ],
)
def test_kinds_of_directions(kind, directions):
    text = refused("has no directions", lambda: kind(4, directions))
    assert all(name in text for name in kind.kinds)
    if directions == "gausian":
        assert "did you mean 'gaussian'?" in text


def test_numbers_of_numpy_are_numbers_of_samples():
    made = pl.STDE(np.int64(4))
    assert made == pl.STDE(4)
    assert type(made.samples) is int


def test_unbiased_is_a_truth_value():
    assert "True or False" in refused("unbiased='yes'", lambda: pl.STDE(4, unbiased="yes"))


def test_estimators_print_what_they_draw():
    assert str(pl.STDE(16)) == "STDE(16 sparse)"
    assert str(pl.Hutchinson(4)) == "Hutchinson(4 rademacher)"
    assert str(pl.ForwardGradient(2)) == "ForwardGradient(2 gaussian)"
    given = {"laplacian": pl.SDGD(2), "gradient": pl.Exact()}
    assert str(estimator_of(given)) == "laplacian: SDGD(2 sparse), gradient: Exact()"


# --- what users give ------------------------------------------------------------------------
def test_what_is_given_for_derivatives():
    assert estimator_of(None) == pl.Exact()
    assert estimator_of(pl.STDE(3)) == pl.STDE(3)
    chosen = estimator_of({"laplacian": pl.STDE(3)})
    assert isinstance(chosen, Choice)
    assert not chosen.unbiased
    assert estimator_of({"laplacian": pl.STDE(3, unbiased=True)}).unbiased
    assert estimator_of({}) == estimator_of({"laplacian": pl.Exact()}) == pl.Exact()


@pytest.mark.parametrize("given", ["STDE", pl.STDE, 16, [pl.STDE(4)]], ids=str)
def test_what_is_no_estimator(given):
    text = refused("`derivatives` is no estimator", lambda: estimator_of(given))
    assert "derivatives=STDE(samples=16)" in text
    refused("no estimator", lambda: pl.solve(problem_of("laplacian(u)"), derivatives=given))


def test_unknown_operators():
    text = refused("no operator 'laplasian'", lambda: estimator_of({"laplasian": pl.STDE(4)}))
    assert "did you mean 'laplacian'?" in text
    assert all(kind in text for kind in KINDS)
    text = refused("'laplacian' is no estimator", lambda: estimator_of({"laplacian": 16}))
    assert "STDE(samples=16)" in text


def test_entries_without_effect():
    for kind in ("laplacian", "biharmonic", "power_sum", "weighted_trace"):
        given = {kind: pl.ForwardGradient(3), "squared_gradient": pl.STDE(2)}
        text = refused(f"does not estimate '{kind}'", lambda given=given: estimator_of(given))
        assert "ForwardGradient for gradient, squared_gradient" in text
        assert f"leave '{kind}' out" in text
    estimator_of({"gradient": pl.ForwardGradient(3), "laplacian": pl.Hutchinson(2)})


# --- against the equations ------------------------------------------------------------------
def assembling(equation, estimator, surrogate=None, **parts):
    given = estimator_of(estimator)
    return lambda: assembled(problem_of(equation, **parts), surrogate, derivatives=given)


def test_more_distinct_coordinates_than_there_are():
    for estimator in (pl.STDE(D + 1), pl.SDGD(9)):
        text = refused("samples more coordinates", assembling("laplacian(u)", estimator))
        assert f"samples={D} or fewer" in text
        assert "'x'" in text
    for directions in ("gaussian", "rademacher"):  # of dense ones there may be any number
        assembling("laplacian(u)", pl.STDE(9, directions))()


def test_of_a_factor_the_columns_count():
    sigma = torch.ones(D, 2)

    def equation(u):
        return pl.weighted_trace(u, sigma)

    assembling(equation, pl.STDE(2))()
    assert "at most 2" in refused("samples more coordinates", assembling(equation, pl.STDE(3)))


def test_scalar_coordinates_have_nothing_to_estimate():
    box = pl.Box(x=(0, 1), y=(0, 1))
    text = refused("nothing to estimate", assembling("laplacian(u)", pl.STDE(1), domain=box))
    assert "STDE(1 sparse)" in text
    assert "by scalar coordinates only" in text
    assert "leave `derivatives` out" in text


def test_gradients_alone_are_estimated_by_forward_gradients():
    text = refused("nothing to estimate", assembling("laplacian(u)", pl.ForwardGradient(4)))
    assert "gradient, squared_gradient" in text
    assert "read laplacian(u)" in text
    assert "use STDE" in text


def test_what_costs_one_direction_is_never_estimated():
    refused("nothing to estimate", assembling("u - dot(x, grad(u))", pl.STDE(4)))


def test_estimators_of_operators_that_nobody_reads():
    given = {"laplacian": pl.STDE(2), "biharmonic": pl.STDE(2)}
    text = refused("'biharmonic', which no equation reads", assembling("laplacian(u)", given))
    assert "leave 'biharmonic' out" in text
    assembling({"a": "laplacian(u)", "b": "biharmonic(u)"}, given)()
    exact = assembling("laplacian(u)", {"laplacian": pl.Exact()})()
    assert not exact.objective.random


@pytest.mark.parametrize("estimator", [None, pl.STDE(2), pl.STDE(2, "gaussian")], ids=str)
def test_a_kinked_activation(estimator):
    for surrogate in (
        pl.MLP(width=5, depth=2, activation="relu"),
        nn.Sequential(nn.Linear(D, 5), nn.ReLU(), nn.Linear(5, 1)),
    ):

        def evaluate(surrogate=surrogate):
            made = pl.problems.assemble(
                problem_of("laplacian(u)"),
                surrogate,
                budget=pl.PointBudget(interior=3),
                derivatives=estimator,
            )
            made.objective.residuals()

        assert "tanh" in refused("no useful second derivative", evaluate)


@pytest.mark.parametrize("phase", [pl.LBFGS(3), pl.optim.LeastSquares()], ids=lambda p: p.label)
def test_phases_that_compare_losses_of_different_steps(phase):
    surrogate = pl.RandomFeatures(8) if isinstance(phase, pl.optim.LeastSquares) else pl.MLP(4, 1)

    def start():
        pl.solve(
            problem_of("laplacian(u) - 1"),
            surrogate,
            derivatives=pl.STDE(2),
            phases=[phase],
            points={"interior": 8},
        )

    text = refused("compares losses of different steps", start)
    assert type(phase).__name__ in text
    assert "use Adam" in text


# --- operators ------------------------------------------------------------------------------
@pytest.mark.parametrize("order", ["0", "-1", "1.5", "x"])
def test_orders_of_power_sums(order):
    text = refused("power_sum got the order", lambda: problem_of(f"power_sum(u, {order})"))
    assert "whole number of at least 1" in text


@pytest.mark.parametrize("operator", ["power_sum(u, 3)", "weighted_trace(u, 2)"])
def test_operators_over_scalar_coordinates(operator):
    box = pl.Box(x=(0, 1), y=(0, 1))
    text = refused("is defined over a vector coordinate", lambda: problem_of(operator, domain=box))
    assert "the coordinates x, y" in text


@pytest.mark.parametrize("shape", [(4,), (4, 5), (2, 5, 5), (5, 0)], ids=str)
def test_factors_of_the_wrong_shape(shape):
    sigma = torch.ones(shape)
    text = refused("wrong shape", lambda: problem_of(lambda u: pl.weighted_trace(u, sigma)))
    assert "a matrix (5, r)" in text
    assert str(shape) in text


@pytest.mark.parametrize("sigma", ["u*x", "u", "k*x"])
def test_factors_that_read_a_field_or_something_trained(sigma):
    text = refused(
        "is not known beforehand",
        lambda: problem_of(f"weighted_trace(u, {sigma})", parameters={"k": pl.Unknown(1.0)}),
    )
    assert "in front" in text


def test_derivatives_of_what_is_contracted():
    refused("The Laplacian of dot", lambda: problem_of("laplacian(dot(grad(u), grad(u)))"))
    refused("The Laplacian of biharm", lambda: problem_of("laplacian(laplacian(laplacian(u)))"))
    refused("The gradient of dot", lambda: problem_of("dot(x, grad(dot(x, grad(u))))"))


def test_what_changes_between_declaration_and_training():
    """A factor that depends on the batch of points is another one for every batch."""

    def equation(u, x):
        middle = x.value.mean(0)
        return pl.weighted_trace(u, lambda x: (x - middle)[:, :, None])

    text = refused("did not read when it was declared", assembling(equation, None))
    assert "before the equation" in text


# --- check ----------------------------------------------------------------------------------
def findings(equation, estimator, **options):
    report = check(problem_of(equation), derivatives=estimator, **options)
    return [f for f in report.findings if f.level == "warning"], str(report)


@pytest.mark.parametrize(
    "equation",
    [
        "laplacian(u) - u**3",
        "u*laplacian(u) + dot(grad(u), grad(u))",
        "(1 + u*u)*laplacian(u)",
        "dot(x, grad(u))**2 + laplacian(u)",  # what is squared is exact
    ],
)
def test_linear_use_is_unbiased(equation):
    warnings, text = findings(equation, pl.STDE(3), quick=True)
    assert not warnings
    assert "STDE(3 sparse)" in text


@pytest.mark.parametrize(
    ("equation", "named"),
    [
        ("u*laplacian(u)**2", ["laplacian(u)"]),
        ("exp(biharmonic(u)) - 1", ["biharmonic(u)"]),
        ("laplacian(u)*dot(grad(u), grad(u))", ["dot(grad(u), grad(u))", "laplacian(u)"]),
        ("norm(grad(u)) - laplacian(u)", ["dot(grad(u), grad(u))"]),
    ],
)
def test_nonlinear_use_is_said_to_be_biased(equation, named):
    warnings, _ = findings(equation, pl.STDE(3), quick=True)
    assert sorted(w.what.split(" is estimated")[0] for w in warnings) == named
    for warning in warnings:
        assert "biased" in warning.what
        assert "exact by naming only the other operators" in warning.do


def test_of_a_product_only_the_factors_are_biased():
    problem = pl.Problem(
        BALL,
        ["u", "v"],
        {"one": "laplacian(u)", "two": "laplacian(v) - dot(grad(u), grad(v))"},
        {"sides": pl.Dirichlet(u=0, v=0, hard=True)},
    )
    report = check(problem, derivatives=pl.STDE(3), quick=True)
    (warning,) = (f for f in report.findings if f.level == "warning")
    assert warning.where == "two"
    assert warning.what.startswith("grad(u) is estimated")


def test_what_is_exact_is_not_biased():
    equation = "laplacian(u)*dot(grad(u), grad(u))"
    warnings, text = findings(equation, {"laplacian": pl.STDE(3)}, quick=True)
    assert not warnings  # linear in what is estimated
    assert "laplacian(u): STDE(3 sparse)" in text
    assert "dot(grad(u), grad(u)):" not in text


def test_scatter_is_told():
    _, text = findings("biharmonic(u) - laplacian(u)", {"laplacian": pl.STDE(2, "gaussian")})
    assert "laplacian(u) is estimated with a relative standard deviation of" in text
    assert "biharmonic(u) is estimated" not in text
