"""GradNorm, LRA, NTK and inverse-Dirichlet weights."""

import math

import numpy as np
import pytest
import torch
from cases import assembly
from weighting.by_hand import gradients, objective, row_squares, weighed

import pinnlab as pl
from pinnlab.conditions.placement import subset_rows
from pinnlab.errors import DeclarationError
from pinnlab.weighting._ratios import RatioWeigher
from pinnlab.weighting.base import Weights

PROBLEMS = ["poisson_line", "heat_flux", "cavity", "wave_periodic", "inverse", "two_materials"]


def factors(weights: Weights) -> dict[str, float]:
    return weights.weighers[0].terms


@pytest.mark.parametrize("name", PROBLEMS)
def test_norms_of_weighted_gradients_are_equal(name: str) -> None:
    there = objective(name)
    expected = gradients(there)
    found = factors(weighed(there, pl.GradNorm(momentum=0.0)))
    total = sum(float(g.norm()) for g in expected.values())
    for term, gradient in expected.items():
        assert found[term] * float(gradient.norm()) == pytest.approx(total, rel=1e-9)


@pytest.mark.parametrize("name", PROBLEMS)
def test_scatters_of_weighted_gradients_are_equal(name: str) -> None:
    there = objective(name)
    expected = {k: g.std(correction=0).item() for k, g in gradients(there).items()}
    found = factors(weighed(there, pl.InverseDirichlet(momentum=0.0)))
    for term, scatter in expected.items():
        assert found[term] * scatter == pytest.approx(max(expected.values()), rel=1e-9)
    assert min(found.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("name", PROBLEMS)
def test_annealing_compares_with_the_largest_gradient_of_the_equations(name: str) -> None:
    there = objective(name)
    expected = gradients(there)
    equations = [t.name for t in there.terms_ if t.kind == "equation"]
    largest = sum(there.weights[k] * expected[k] for k in equations).abs().max()
    found = factors(weighed(there, pl.LRA(momentum=0.0)))
    assert set(found) == set(there.names) - set(equations)
    for term in found:
        assert found[term] == pytest.approx(float(largest / expected[term].abs().mean()), rel=1e-9)


@pytest.mark.parametrize("name", PROBLEMS)
def test_traces_of_weighted_kernels_are_equal(name: str) -> None:
    there = objective(name)
    traces = {k: float(s.sum() / len(s)) for k, s in row_squares(there).items()}
    found = factors(weighed(there, pl.NTK(points=None)))
    for term, trace in traces.items():
        assert found[term] * trace == pytest.approx(sum(traces.values()), rel=1e-9)


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("most", [1, 10**9])
def test_one_way_back_gives_the_gradients_of_all_residuals(name: str, most: int) -> None:
    there = objective(name)
    expected = row_squares(there)
    for term in there.terms_:
        if any(p.quadrature for p in term.placements):
            continue
        found = there.only([term.name]).squared_gradients(most)
        if there.state.unknowns and term.kind == "equation" and most > 1:
            assert found is None  # the coefficient is no weight of a layer
        else:
            scale = there.weights[term.name] / len(found)
            torch.testing.assert_close(found, scale * expected[term.name], rtol=1e-9, atol=0)


def test_sampled_traces_have_the_exact_mean() -> None:
    from pinnlab.weighting.ntk import measure

    there = objective("heat_flux")
    exact = measure(None, there, 0)[1]
    draws = [measure(4, there, step)[1] for step in range(40)]
    for name, squares in row_squares(there).items():
        own = squares.sum(1)
        mean = sum(draw[name] for draw in draws) / len(draws)
        # Drawn without repetition: the variance of a mean of 4 of n is that of single rows over 4,
        # times (n - 4)/(n - 1). Four standard errors of 40 such means.
        error = own.std(correction=0) * math.sqrt((len(own) - 4) / (len(own) - 1) / 4 / 40)
        assert abs(mean - exact[name]) <= 4 * float(error) + 1e-12 * exact[name]


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("points", [None, 5])
def test_traces_count_the_factors_of_single_points(name: str, points, generator) -> None:
    from pinnlab.weighting.ntk import measure

    there = objective(name)
    rows = row_squares(there)
    pointwise = [
        term.name for term in there.terms_ if not any(p.quadrature for p in term.placements)
    ]
    there.set_weights(
        {},
        {k: torch.rand(len(rows[k]), generator=generator, dtype=torch.float64) for k in pointwise},
    )
    numerator, sizes = measure(points, there, 3)
    assert numerator == pytest.approx(sum(sizes.values()))
    chosen = {}
    if points is not None:
        chosen = subset_rows(there.points, points, np.random.default_rng([there.seed, 3]))
        assert chosen
    for term in there.terms_:
        own = rows[term.name].sum(1)
        own = own * there.point_weights.get(term.name, torch.ones_like(own))
        kept = chosen.get(term.placements[0], torch.arange(len(own)))
        assert sizes[term.name] == pytest.approx(float(own[kept].mean()), rel=1e-9)


@pytest.mark.parametrize("rule", [pl.GradNorm, pl.NTK])
def test_factors_of_single_points_that_are_alike_are_a_factor_on_the_size(rule) -> None:
    there = objective("heat_flux")
    measure = rule().measure_of(there)
    plain = measure(there, 0)[1]
    count = len(there.residuals()["heat"])
    there.set_weights({}, {"heat": torch.full((count,), 1e-4, dtype=torch.float64)})
    found = measure(there, 0)[1]
    assert found == pytest.approx(plain | {"heat": 1e-4 * plain["heat"]}, rel=1e-9)


@pytest.mark.parametrize("rule", [pl.GradNorm, pl.InverseDirichlet, pl.LRA, pl.NTK])
def test_updates_are_moving_averages_at_their_intervals(rule) -> None:
    there = objective("poisson_line")
    target = dict(factors(weighed(there, rule(momentum=0.0))))
    there = objective("poisson_line")
    weights = Weights(there, [rule(every=3, momentum=0.75)])
    seen = []
    for step in range(4):
        weights.update(there, step)
        seen.append(factors(weights)["ends"])
    # The parameters stay, and so do the unweighted gradients: 1 and the target are averaged.
    first = 0.75 + 0.25 * target["ends"]
    assert seen[:3] == pytest.approx([first] * 3, rel=1e-9)
    assert seen[3] == pytest.approx(0.75 * first + 0.25 * target["ends"], rel=1e-9)


@pytest.mark.parametrize("rule", [pl.GradNorm(momentum=0.0), pl.InverseDirichlet(momentum=0.0)])
def test_weights_of_the_declaration_stay_factors(rule) -> None:
    plain, heavy = objective("poisson_line"), objective("poisson_line", weights={"ends": 7.0})
    factor = factors(weighed(plain, rule)), factors(weighed(heavy, rule))
    assert factor[0] == pytest.approx(factor[1])
    assert heavy.weights["ends"] == pytest.approx(7.0 * plain.weights["ends"])


@pytest.mark.parametrize("rule", [pl.GradNorm(), pl.InverseDirichlet(), pl.LRA(), pl.NTK()])
def test_a_term_without_gradient_keeps_its_weight_and_is_named(rule, caplog) -> None:
    problem = pl.Problem(
        pl.Interval("x", 0, 1),
        "u",
        {"poisson": "u.xx + 1"},
        {"ends": pl.Dirichlet(u=0), "idle": pl.Condition("u + 100", how="inequality")},
    )
    there = assembly(problem).objective
    weights = weighed(there, rule)
    assert "idle" not in factors(weights)
    assert factors(weights)["ends"] > 1
    assert there.weights["idle"] == 1.0
    (message,) = weights.messages
    assert type(rule).__name__ in message and "'idle'" in message and "stays" in message
    assert message in caplog.text


@pytest.mark.parametrize("rule", [pl.GradNorm(), pl.InverseDirichlet(), pl.LRA(), pl.NTK()])
def test_gradients_that_are_not_finite_change_nothing(rule) -> None:
    there = objective("poisson_line")
    weights = weighed(there, rule)
    before = dict(factors(weights))
    with torch.no_grad():
        there.parameters[0].fill_(float("nan"))
    weights.update(there, 0)
    assert factors(weights) == before
    assert "not finite" in weights.messages[0] or "no gradient" in weights.messages[0]


def test_a_term_of_weight_zero_takes_no_part() -> None:
    there = objective("poisson_line", weights={"ends": 0.0})
    assert factors(weighed(there, pl.GradNorm(momentum=0.0))) == pytest.approx({"poisson": 1.0})


def test_annealing_against_chosen_terms() -> None:
    there = objective("heat_flux")
    found = factors(weighed(there, pl.LRA(momentum=0.0, reference=["heat", "start"])))
    assert set(found) == {"flux", "cooling"}


RULES = [pl.GradNorm, pl.InverseDirichlet, pl.LRA, pl.NTK]


@pytest.mark.parametrize("rule", RULES)
def test_ratios_are_capped_before_they_are_averaged(rule) -> None:
    there = objective("heat_flux")
    free = factors(weighed(there, rule(momentum=0.25, limit=None)))
    ratios = {name: (weight - 0.25) / 0.75 for name, weight in free.items()}
    limit = sum(ratios.values()) / len(ratios)  # some ratios are above it, some below
    found = factors(weighed(there, rule(momentum=0.25, limit=limit)))
    assert found == pytest.approx({k: 0.25 + 0.75 * min(r, limit) for k, r in ratios.items()})
    assert max(found.values()) <= max(1.0, limit) < max(free.values())
    usual = factors(weighed(objective("heat_flux"), rule(momentum=0.25)))
    assert usual == free  # to the last bit


def test_the_limit_bounds_the_weight_of_a_vanishing_gradient_and_is_told_once() -> None:
    there, sizes = objective("heat_flux"), {"heat": 1.0, "flux": 1.0, "start": 1.0}
    weigher = RatioWeigher(pl.GradNorm(every=1, momentum=0.9), lambda *_: (1.0, dict(sizes)))
    told = []
    for step in range(200):
        sizes["flux"] = max(0.5 * sizes["flux"], 1e-12)
        weigher.update(there, step)
        told += [weigher.message] if weigher.message else []
    # The weight comes from one and moves towards the limit by a tenth of the distance a step.
    assert 0.99e6 < weigher.terms["flux"] <= 1e6
    assert weigher.terms["heat"] == pytest.approx(1.0)
    assert len(told) == 1 and "'flux'" in told[0] and "beyond 1e+06, the `limit`" in told[0]
    resumed = RatioWeigher(pl.GradNorm(every=1, momentum=0.9), lambda *_: (1.0, dict(sizes)))
    resumed.load_state_dict(weigher.state_dict())
    resumed.update(there, 200)
    assert resumed.message == ""


def test_without_limit_a_weight_follows_its_ratio() -> None:
    rule = pl.LRA(every=1, momentum=0.0, limit=None)
    weigher = RatioWeigher(rule, lambda *_: (1.0, {"flux": 1e-12}))
    weigher.update(objective("heat_flux"), 0)
    assert weigher.terms["flux"] == pytest.approx(1e12) and weigher.message == ""


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: pl.GradNorm(every=0), "every=0"),
        (lambda: pl.NTK(every=True), "every=True"),
        (lambda: pl.NTK(points=0), "points=0"),
        (lambda: pl.NTK(limit=0.0), "limit=0.0"),
        (lambda: pl.LRA(momentum=1.5), "a number in [0, 1]"),
        (lambda: pl.InverseDirichlet(momentum=-0.1), "momentum=-0.1"),
        (lambda: pl.LRA(reference="heat"), "a list of names"),
        (lambda: pl.LRA(reference=[]), "a list of names"),
        (lambda: pl.LRA(reference=["heet"]).start(objective()), "did you mean 'heat'"),
        (
            lambda: pl.LRA(reference=["poisson", "ends"]).start(objective("poisson_line")),
            "there are no others",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(make, words: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        make()
    assert words in str(caught.value)
