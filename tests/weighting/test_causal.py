"""Causal weights."""

import math

import pytest
import torch
from cases import PROBLEMS, assembly
from weighting.by_hand import objective

import pinnlab as pl
from pinnlab.errors import DeclarationError
from pinnlab.weighting.base import Weights
from pinnlab.weighting.causal import Placed, causal_weights

F64 = torch.float64


def by_hand(there, epsilon: float, bins: int, names, after) -> dict[str, torch.Tensor]:
    """The weights of all points from the present residuals, one bin after the other."""
    blocks = {k: r.detach().square().sum(1) for k, r in there.residuals().items()}
    times = {
        t.name: there.points[t.placements[0]].columns["t"] for t in there.terms_ if t.name in names
    }
    begin = min(float(t.min()) for t in times.values())
    end = max(float(t.max()) for t in times.values())
    edges = [begin + (end - begin) * i / bins for i in range(bins + 1)]
    before = sum(there.weights[k] * float(blocks[k].mean()) for k in after)
    found = {k: torch.zeros_like(t) for k, t in times.items()}
    for i in range(bins):
        total = 0.0
        for name, t in times.items():
            inside = (t >= edges[i]) & ((t < edges[i + 1]) | (i == bins - 1))
            found[name][inside] = math.exp(-epsilon * before)
            if inside.any():
                total += there.weights[name] * float(blocks[name][inside].mean())
        before += total
    return found


@pytest.mark.parametrize("bins", [1, 4, 50])  # the last with bins that hold no point
@pytest.mark.parametrize("name", ["heat_flux", "wave_periodic"])
def test_weights_follow_the_formula(name: str, bins: int) -> None:
    there = objective(name)
    weights = Weights(there, [pl.Causal(epsilons=(0.3,), bins=bins)])
    equations = [t.name for t in there.terms_ if t.kind == "equation"]
    weights.update(there, 0)
    expected = by_hand(there, 0.3, bins, equations, ["start"])
    assert set(there.point_weights) == set(equations)
    for term, factors in expected.items():
        torch.testing.assert_close(there.point_weights[term], factors)


def test_several_equations_share_the_weights() -> None:
    problem = pl.Problem(
        pl.Interval("x", 0, 1) * pl.Time("t", 0, 2),
        ["u", "v"],
        {"a": pl.Equation("u.t - v", weight=3.0, points=20), "b": "v.t + u - x"},
        {"start": pl.Initial(u=1, v=0, weight=2.0)},
    )
    there = assembly(problem).objective
    Weights(there, [pl.Causal(epsilons=(0.2,), bins=6)]).update(there, 0)
    for term, factors in by_hand(there, 0.2, 6, ["a", "b"], ["start"]).items():
        torch.testing.assert_close(there.point_weights[term], factors)


def test_weights_fall_with_time_and_begin_behind_the_start() -> None:
    losses = torch.rand(20, dtype=F64)
    weights = causal_weights(losses, 2.0, first=0.5)
    assert float(weights[0]) == pytest.approx(math.exp(-1.0))
    assert bool((weights[1:] < weights[:-1]).all())
    there = objective("wave_periodic")
    Weights(there, [pl.Causal()]).update(there, 0)
    times = there.points[there.terms_[0].placements[0]].columns["t"]
    factors = there.point_weights["wave"][times.argsort()]
    assert bool((factors[1:] <= factors[:-1]).all())


@pytest.mark.parametrize("epsilon", [1e-2, 1.0, 1e2])
def test_weights_are_one_where_residuals_vanish(epsilon: float) -> None:
    solved = causal_weights(torch.zeros(8, dtype=F64), epsilon)
    torch.testing.assert_close(solved, torch.ones(8, dtype=F64))
    small = causal_weights(torch.full((8,), 1e-12, dtype=F64), epsilon)
    assert float((1 - small).max()) < 1e-8


def test_means_of_bins() -> None:
    times = torch.tensor([0.0, 0.1, 0.5, 0.99, 1.0], dtype=F64)
    values = torch.tensor([1.0, 3.0, 5.0, 7.0, 9.0], dtype=F64)
    placed = Placed.of(times[:, None], times, 0.0, 1.0, 4)
    assert placed.bins.tolist() == [0, 0, 2, 3, 3]
    assert placed.averages(values).tolist() == [2.0, 0.0, 5.0, 8.0]


class Vanishing:
    """Scales the residuals that a weigher sees."""

    def __init__(self, there, factor: float) -> None:
        there.loss_and_gradient()
        there.latest = {k: factor * r for k, r in there.latest.items()}


def test_epsilon_rises_when_the_last_weight_exceeds_the_threshold() -> None:
    there = objective("heat_flux")
    weights = Weights(there, [pl.Causal(epsilons=(0.1, 1.0, 10.0), bins=4)])
    weigher = weights.weighers[0]
    weights.update(there, 0)
    Vanishing(there, 1.0)
    weights.observe(there)
    assert (weigher.stage, weigher.steps) == (0, 1)
    for stage in (1, 2, 2):
        Vanishing(there, 1e-6)
        weights.observe(there)
        assert weigher.stage == stage
    # The weights are those of the new steepness at once.
    assert bool((weigher.weights > 0.99).all())


def test_epsilon_rises_when_patience_ends() -> None:
    there = objective("heat_flux")
    weights = Weights(there, [pl.Causal(epsilons=(1.0, 10.0), bins=4, patience=3)])
    stages = []
    for step in range(8):
        weights.update(there, step)
        there.loss_and_gradient()
        weights.observe(there)
        stages.append(weights.weighers[0].stage)
    assert stages == [0, 0, 1, 1, 1, 1, 1, 1]


def test_terms_that_take_turns_make_the_weights_together() -> None:
    there, other = objective("heat_flux"), objective("heat_flux")
    rule = pl.Causal(epsilons=(1.0, 10.0), bins=4, patience=3)
    weights, others = Weights(there, [rule]), Weights(other, [rule])
    weights.update(there, 0)
    others.update(other, 0)
    flat = there.flat_parameters()
    for moved in (there, other):
        moved.set_flat_parameters(flat + 0.1 * torch.sin(torch.arange(len(flat), dtype=F64)))
    before = weights.weighers[0].weights
    seen = []
    for term in range(len(there.names)):
        there.gradients([term])
        weights.observe(there)
        seen.append(weights.weighers[0].weights)
    for _ in seen:
        other.gradients()
        others.observe(other)
    # The equation comes first, the initial condition last, and patience ends with the third step.
    assert not torch.equal(seen[0], before)
    assert torch.equal(seen[1], seen[0])
    torch.testing.assert_close(seen[2], seen[0] ** 10)
    torch.testing.assert_close(seen[3], others.weighers[0].weights)
    assert not torch.equal(seen[3], seen[2])


def test_new_points_have_the_weights_of_their_times() -> None:
    there = assembly(PROBLEMS["wave_periodic"]())
    weights = Weights(there.objective, [pl.Causal(bins=4)])
    weights.update(there.objective, 0)
    there.objective.loss_and_gradient()
    weights.observe(there.objective)
    kept = weights.weighers[0].weights.clone()
    evaluations = there.objective.evaluations
    there.resample()
    weights.update(there.objective, 1)
    assert there.objective.evaluations == evaluations
    times = there.objective.points[there.objective.terms_[0].placements[0]].columns["t"]
    part = (times - times.min()) / (times.max() - times.min())
    expected = kept[(part * 4).long().clamp_max(3)]
    torch.testing.assert_close(there.objective.point_weights["wave"], expected)


def test_it_trains_on_mini_batches_and_on_new_points_in_every_step() -> None:
    for options in ({"batch": 8}, {"resample": 1}):
        solution = pl.solve(
            PROBLEMS["heat_flux"](),
            pl.MLP(4, 1),
            points=pl.PointBudget(interior=24, boundary=6),
            phases=[pl.Adam(5, **options)],
            weights=pl.Causal(),
            progress=False,
        )
        assert solution.metrics["status"] == "finished"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: pl.Causal(epsilons=()), "a list of rising numbers"),
        (lambda: pl.Causal(epsilons=1.0), "a list of rising numbers"),  # type: ignore[arg-type]
        (lambda: pl.Causal(epsilons=(1.0, 0.1)), "do not rise"),
        (lambda: pl.Causal(epsilons=(0.0, 0.1)), "epsilons=0.0"),
        (lambda: pl.Causal(bins=0), "bins=0"),
        (lambda: pl.Causal(threshold=2.0), "threshold=2.0"),
        (lambda: pl.Causal(patience=0), "patience=0"),
        (lambda: pl.Causal().start(objective("poisson_line")), "no time coordinate"),
        (lambda: pl.Causal(terms=["heet"]).start(objective()), "did you mean 'heat'"),
        (lambda: pl.Causal(after=["stort"]).start(objective()), "did you mean 'start'"),
    ],
)
def test_what_makes_no_sense_is_refused(make, words: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        make()
    assert words in str(caught.value)
