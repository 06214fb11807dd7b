"""ReLoBRaLo and SoftAdapt: weights from the course of the losses."""

import itertools
import math

import numpy as np
import pytest
import torch
from weighting.by_hand import objective

import pinnlab as pl
from pinnlab.errors import DeclarationError
from pinnlab.weighting.relobralo import balanced
from pinnlab.weighting.softadapt import adapted, backward_difference


class Losses:
    """Stands in for an objective after steps of given losses: one point with residual √loss."""

    seed = 0

    def __init__(self, **losses: float) -> None:
        self.names = tuple(losses)
        self.show(**losses)

    def show(self, **losses: float) -> "Losses":
        """The next step."""
        self.latest = {k: torch.tensor([[v**0.5]], dtype=torch.float64) for k, v in losses.items()}
        return self


def course(weighting, losses: list[dict[str, float]]) -> list[dict[str, float]]:
    """The weights after each step."""
    weigher = weighting.start(Losses(**losses[0]))
    seen = []
    for step in losses:
        weigher.observe(Losses(**step))
        seen.append(dict(weigher.terms))
    return seen


def falling(count: int) -> list[dict[str, float]]:
    """Losses of which one falls, one stays and one rises."""
    return [{"a": 0.5**k, "b": 2.0, "c": 1.0 + 0.1 * k} for k in range(count)]


def softmax(values: np.ndarray) -> np.ndarray:
    shares = np.exp(values - values.max())
    return shares / shares.sum()


def test_relobralo_follows_its_formula() -> None:
    rule = pl.ReLoBRaLo(temperature=0.7, alpha=0.8, rho=0.6)
    losses = falling(12)
    table = np.array([list(step.values()) for step in losses])
    weights = np.ones(3)
    for t, seen in enumerate(course(rule, losses)):
        if t == 1:
            weights = 3 * softmax(table[1] / (0.7 * table[0]))
        elif t > 1:
            rho = float(np.random.default_rng([0, t]).random() < 0.6)
            lookback = 3 * softmax(table[t] / (0.7 * table[0]))
            now = 3 * softmax(table[t] / (0.7 * table[t - 1]))
            weights = 0.8 * (rho * weights + (1 - rho) * lookback) + 0.2 * now
        np.testing.assert_allclose(list(seen.values()), weights, rtol=1e-12)


def test_relobralo_weights_sum_to_the_number_of_terms() -> None:
    for seen in course(pl.ReLoBRaLo(alpha=0.5, rho=0.5), falling(30)):
        assert sum(seen.values()) == pytest.approx(3.0, rel=1e-12)


def test_relobralo_looks_back_as_often_as_asked() -> None:
    # With alpha = 1 the weights change only when it looks back.
    losses = [{"a": 1.0 + 0.01 * k, "b": 1.0} for k in range(2002)]
    seen = course(pl.ReLoBRaLo(alpha=1.0, rho=0.9), losses)
    changes = sum(x != y for x, y in itertools.pairwise(seen[1:]))
    assert abs(changes - 200) < 4 * math.sqrt(2000 * 0.9 * 0.1)


def test_equal_progress_means_equal_weights() -> None:
    assert balanced({"a": 3.0, "b": 0.03}, {"a": 6.0, "b": 0.06}, 0.1) == {"a": 1.0, "b": 1.0}


@pytest.mark.parametrize("least", [0.0, 1e-12])
def test_a_loss_that_was_next_to_nothing_leaves_the_other_terms_their_weights(least) -> None:
    losses = [{"a": 1.0, "b": 2.0, "c": least if k < 3 else 0.3} for k in range(12)]
    for found in course(pl.ReLoBRaLo(alpha=0.5, rho=0.5), losses):
        assert found == pytest.approx({"a": 1.0, "b": 1.0, "c": 1.0})


def test_a_loss_that_has_grown_too_much_stays_out_when_it_is_smaller_again() -> None:
    # All of the weights are those since the first step.
    rule = pl.ReLoBRaLo(alpha=1.0, rho=0.0, limit=100.0)
    losses = [{"a": 1.0, "b": 0.5**k, "c": c} for k, c in enumerate([1e-3, 0.09, 0.2, 0.05])]
    seen = course(rule, losses)
    assert seen[1]["c"] == pytest.approx(3.0)  # 90 times as much is within the limit
    for found in seen[2:]:
        assert found["c"] == 1.0 and found["a"] > found["b"]


def test_an_inequality_that_holds_at_the_start_does_not_take_all_the_weight() -> None:
    problem = pl.Problem(
        pl.Interval("x", -1, 1),
        "u",
        {"membrane": "u.xx + 4"},
        {
            "ends": pl.Dirichlet(u=0, hard=True),
            "below": pl.Condition("0.9 - u", how="inequality"),
        },
    )
    solution = pl.solve(
        problem,
        pl.MLP(8, 2),
        points={"interior": 30},
        weights=pl.ReLoBRaLo(every=20),
        phases=pl.Adam(61, lr=1e-2),
        progress=False,
        callbacks=[],
    )
    assert solution.records[0]["terms"]["below"] == 0.0
    assert solution.records[-1]["terms"]["below"] > 0.0
    for record in solution.records:
        assert list(record["weights"].values()) == pytest.approx([1.0, 1.0], rel=0.01)


def test_no_loss_to_compare_with_leaves_all_weights_at_one() -> None:
    assert balanced({"a": 3.0, "b": 0.0}, {}, 0.1) == {"a": 1.0, "b": 1.0}


def test_intervals_of_relobralo() -> None:
    seen = course(pl.ReLoBRaLo(every=4), falling(10))
    changed = [k for k in range(1, 10) if seen[k] != seen[k - 1]]
    assert changed == [4, 8]


@pytest.mark.parametrize("order", range(1, 9))
def test_differences_are_exact_for_polynomials(order: int) -> None:
    times = np.arange(-order, 1.0)
    coefficients = backward_difference(order)
    for power in range(order + 1):
        slope = 1.0 if power == 1 else 0.0
        assert coefficients @ times**power == pytest.approx(slope, abs=1e-8)


@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize("loss_weighted", [False, True])
def test_softadapt_follows_its_formula(normalized: bool, loss_weighted: bool) -> None:
    rule = pl.SoftAdapt(0.3, 2, normalized=normalized, loss_weighted=loss_weighted)
    losses = falling(6)
    seen = course(rule, losses)
    assert seen[0] == seen[1] == {}
    for t in range(2, 6):
        last = np.array([list(step.values()) for step in losses[t - 2 : t + 1]])
        slopes = 0.5 * last[0] - 2.0 * last[1] + 1.5 * last[2]
        slopes = slopes / np.abs(slopes).sum() if normalized else slopes
        shares = np.exp(0.3 * slopes) * (last.mean(axis=0) if loss_weighted else 1.0)
        np.testing.assert_allclose(list(seen[t].values()), 3 * shares / shares.sum(), rtol=1e-10)


def test_softadapt_favours_what_rises_and_leaves_equal_slopes_alone() -> None:
    (*_, seen) = course(pl.SoftAdapt(beta=1.0, order=1), falling(4))
    assert seen["c"] > seen["b"] > seen["a"]
    assert sum(seen.values()) == pytest.approx(3.0)
    (*_, seen) = course(pl.SoftAdapt(beta=-1.0, order=1), falling(4))
    assert seen["c"] < seen["b"] < seen["a"]
    history = [{"a": 4.0 - t, "b": 9.0 - t} for t in range(6)]
    assert adapted(history, pl.SoftAdapt()) == pytest.approx({"a": 1.0, "b": 1.0})


def test_softadapt_of_losses_that_stand_still_or_vanish() -> None:
    assert adapted([{"a": 1.0, "b": 2.0}] * 6, pl.SoftAdapt()) == {"a": 1.0, "b": 1.0}
    zero = adapted([{"a": 0.0, "b": 0.0}] * 6, pl.SoftAdapt(loss_weighted=True))
    assert zero == {"a": 1.0, "b": 1.0}


@pytest.mark.parametrize(
    "rule", [pl.ReLoBRaLo(), pl.SoftAdapt(order=1), pl.SelfAdaptive(per="term")]
)
def test_losses_that_are_not_finite_change_nothing_and_are_named(rule) -> None:
    there = objective("poisson_line")
    weigher = rule.start(there)
    there.keep_latest = True
    for _ in range(3):
        there.loss_and_gradient()
        weigher.observe(there)
    before = weigher.state_dict()
    there.latest["ends"][0] = float("nan")
    weigher.observe(there)
    assert "'ends'" in weigher.message and "not finite" in weigher.message
    assert str(weigher.state_dict()) == str(before)
    there.loss_and_gradient()
    weigher.observe(there)
    assert weigher.message == ""


def test_nothing_is_learnt_until_all_terms_were_seen() -> None:
    there = objective("poisson_line")
    for rule in (pl.ReLoBRaLo(), pl.SoftAdapt(), pl.SelfAdaptive(per="term")):
        weigher = rule.start(there)
        before = dict(weigher.terms)
        weigher.observe(there)
        assert weigher.terms == before and weigher.message == ""


@pytest.mark.parametrize(
    "rule",
    [
        pl.ReLoBRaLo(alpha=0.8, rho=0.6, every=2),
        pl.SoftAdapt(0.3, 2, loss_weighted=True),
        pl.SelfAdaptive(lr=0.1, per="term", terms=["ends"]),
    ],
)
def test_terms_seen_one_after_the_other_count_as_seen_at_once(rule) -> None:
    there = objective("poisson_line")
    at_once, in_turn = rule.start(there), rule.start(there)
    for k in range(9):
        shown = Losses(poisson=0.5**k, ends=1.0 + 0.1 * k).latest
        there.latest = shown
        at_once.observe(there)
        before = dict(in_turn.terms)
        there.latest = {"ends": shown["ends"]}
        in_turn.observe(there)
        assert in_turn.terms == before
        saved, in_turn = in_turn.state_dict(), rule.start(there)
        in_turn.load_state_dict(saved)
        there.latest = {"poisson": shown["poisson"]}
        in_turn.observe(there)
        assert str(in_turn.state_dict()) == str(at_once.state_dict())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: pl.ReLoBRaLo(temperature=0), "temperature=0"),
        (lambda: pl.ReLoBRaLo(alpha=1.1), "alpha=1.1"),
        (lambda: pl.ReLoBRaLo(rho=-1), "rho=-1"),
        (lambda: pl.ReLoBRaLo(limit=0), "limit=0"),
        (lambda: pl.ReLoBRaLo(every=0.5), "every=0.5"),  # type: ignore[arg-type]
        (lambda: pl.SoftAdapt(beta=float("nan")), "beta=nan"),
        (lambda: pl.SoftAdapt(order=0), "order=0"),
        (lambda: pl.SoftAdapt(order=9), "rounding errors"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(make, words: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        make()
    assert words in str(caught.value)
