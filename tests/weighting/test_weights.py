"""What all weightings have in common: products, resuming, company."""

import itertools
import json
from pathlib import Path

import pytest
import torch
from cases import AGGREGATORS, PROBLEMS, WEIGHTINGS, assembly
from weighting.by_hand import objective

import pinnlab as pl
from pinnlab.config import describe_object
from pinnlab.errors import DeclarationError
from pinnlab.training import Trainer
from pinnlab.weighting import Weighting, Weights

BUDGET = pl.PointBudget(interior=24, boundary=4)
STEPS = 13


def trainer(weightings, folder=None, phases=None, device="cpu", **options) -> Trainer:
    """A small run of a problem in time."""
    return Trainer(
        assembly(PROBLEMS["heat_flux"](), budget=BUDGET, device=torch.device(device)),
        phases or [pl.Adam(STEPS, lr=1e-2, resample=5)],
        weightings=weightings,
        folder=folder,
        checkpoint_every=4,
        progress=False,
        **options,
    )


def state(run: Trainer) -> dict[str, torch.Tensor]:
    """Parameters and weights at the end of a run."""
    there = run.objective
    return {
        "parameters": there.flat_parameters(),
        "weights": torch.tensor(list(there.weights.values()), dtype=torch.float64),
        **{name: factors.clone() for name, factors in there.point_weights.items()},
    }


class StopAt(pl.Callback):
    """End a run after a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step(self, trainer, record):
        """Stop."""
        if trainer.step == self.step:
            trainer.stop("told to")


@pytest.mark.parametrize("name", WEIGHTINGS)
@pytest.mark.parametrize("at", [4, 10])  # ten: points are drawn before the next step
def test_a_run_goes_on_bit_for_bit(name: str, at: int, tmp_path: Path) -> None:
    whole = trainer([WEIGHTINGS[name]])
    whole.run()
    first = trainer([WEIGHTINGS[name]], tmp_path, callbacks=[StopAt(at)])
    first.run()
    second = trainer([WEIGHTINGS[name]], tmp_path, callbacks=[StopAt(100)])
    second.restore()
    assert second.step == at
    second.run()
    expected, found = state(whole), state(second)
    assert set(expected) == set(found)
    for key, value in expected.items():
        assert torch.equal(found[key], value), key


TURNS = {  # aggregators by which a step evaluates some of the four terms
    "one": pl.MConFIG(),
    "two": pl.SparseTraining(0.6, pl.MConFIG(per_step=2, second="terms")),
}
DRAWN = {"never": {}, "batch": {"batch": 8}, "resample": {"resample": 5}, "new": {"resample": 1}}
STEPS_OF_A_TURN = {None: 1, "one": 4, "two": 2}
PER_POINT = [name for name, rule in WEIGHTINGS.items() if rule.per_point]
REFUSED = [(name, drawn) for name in PER_POINT for drawn in ("batch", "new")]
TAKEN = [pair for pair in itertools.product(WEIGHTINGS, DRAWN) if pair not in REFUSED]


@pytest.mark.parametrize("turns", TURNS)
@pytest.mark.parametrize("name, drawn", TAKEN)
def test_a_run_of_terms_in_turn_goes_on_bit_for_bit(name, drawn, turns, tmp_path: Path) -> None:
    options = {
        "phases": [pl.Adam(STEPS, lr=1e-2, **DRAWN[drawn])],
        "aggregator": TURNS[turns],
    }
    whole = trainer([WEIGHTINGS[name]], **options)
    whole.run()
    trainer([WEIGHTINGS[name]], tmp_path, callbacks=[StopAt(10)], **options).run()
    # As if it had been killed between two checkpoints, where terms are yet to have their turn.
    next((tmp_path / "checkpoints").glob("*step-10*")).unlink()
    second = trainer([WEIGHTINGS[name]], tmp_path, callbacks=[StopAt(100)], **options)
    second.restore()
    assert second.step == 8
    second.run()
    expected, found = state(whole), state(second)
    assert set(expected) == set(found)
    for key, value in expected.items():
        assert torch.equal(found[key], value), key


@pytest.mark.parametrize("name, drawn", TAKEN)
def test_weights_go_on_where_terms_take_turns(name: str, drawn: str) -> None:
    run = trainer(
        [WEIGHTINGS[name]],
        phases=[pl.Adam(24, lr=1e-2, **DRAWN[drawn])],
        aggregator=pl.MConFIG(),
    )
    seen = []

    class Watch(pl.Callback):
        def on_step(self, trainer, record):
            (weigher,) = trainer.weights.weighers
            seen.append(str((weigher.terms, weigher.points, getattr(weigher, "weights", None))))

    run.callbacks = (Watch(),)
    run.run()
    assert run.status == "finished"
    assert len(set(seen[12:])) > 2


@pytest.mark.parametrize("name", PER_POINT)
def test_points_stay_until_every_term_had_its_turn(name: str) -> None:
    phases = [pl.Adam(5), pl.Adam(9, resample=4)]
    for aggregator in (pl.MConFIG(), pl.ConflictFree(pl.MConFIG())):
        with pytest.raises(DeclarationError) as caught:
            trainer([WEIGHTINGS[name]], phases=phases, aggregator=aggregator)
        for words in (
            f"{name} weighs single points, which must stay for a while, and learns of them every 4",
            "more steps than 4",
            "resample=4",
            "an aggregator that differentiates all terms",
        ):
            assert words in str(caught.value)
    drawing = [pl.Resample(3)]
    with pytest.raises(DeclarationError, match=r"more steps than 4[\s\S]*Resample\(3\)"):
        trainer([WEIGHTINGS[name]], aggregator=pl.MConFIG(), callbacks=drawing)
    trainer([WEIGHTINGS[name]], phases=phases, aggregator=pl.MConFIG(per_step=2))
    trainer([WEIGHTINGS[name]], phases=phases, aggregator=pl.ConFIG())


@pytest.mark.gpu
@pytest.mark.parametrize("aggregator", [None, pl.MConFIG()], ids=repr)
@pytest.mark.parametrize("name", WEIGHTINGS)
def test_a_run_goes_on_on_a_device(name: str, aggregator, tmp_path: Path) -> None:
    pair, options = [WEIGHTINGS[name], pl.RBA()], {"device": "cuda", "aggregator": aggregator}
    whole = trainer(pair, **options)
    whole.run()
    trainer(pair, tmp_path, callbacks=[StopAt(4)], **options).run()
    second = trainer(pair, tmp_path, callbacks=[StopAt(100)], **options)
    second.restore()
    second.run()
    expected, found = state(whole), state(second)
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, msg=key)


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_weights_change_and_are_told(name: str) -> None:
    run = trainer([WEIGHTINGS[name]])
    run.run()
    assert run.status == "finished"
    terms = [record["weights"] for record in run.records]
    points = run.objective.point_weights
    assert terms[-1] != terms[0] or any(float(f.std()) > 0 for f in points.values())


@pytest.mark.parametrize("aggregator", ["ConFIG", "MConFIG"])
@pytest.mark.parametrize("name", WEIGHTINGS)
def test_with_aggregators(name: str, aggregator: str) -> None:
    names = list(objective("heat_flux").names)
    run = trainer([WEIGHTINGS[name]], aggregator=AGGREGATORS[aggregator](names))
    before = run.objective.loss().item()
    run.run()
    assert run.status == "finished"
    run.objective.set_weights(run.weights.fixed)
    assert run.objective.loss().item() < before


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_with_a_line_search(name: str) -> None:
    run = trainer([WEIGHTINGS[name]], phases=[pl.Adam(5, lr=1e-2), pl.LBFGS(12)])
    numbers = []

    class Watch(pl.Callback):
        def on_step(self, trainer, record):
            numbers.append(trainer.objective.batch_number)

    run.callbacks = (Watch(),)
    before = run.objective.loss().item()
    run.run()
    assert run.status == "finished"
    # A loss with other weights is another function, and evaluated anew.
    assert numbers == sorted(numbers) and len(set(numbers)) > 1
    run.objective.set_weights(run.weights.fixed)
    assert run.objective.loss().item() < before


def test_fixed_adaptive_and_causal_weights_multiply() -> None:
    there = objective("heat_flux", weights={"start": 5.0})
    parts = [pl.GradNorm(momentum=0.0), pl.ReLoBRaLo(alpha=0.5), pl.Causal(), pl.RBA()]
    weights = Weights(there, parts)
    for step in range(3):
        weights.update(there, step)
        there.loss_and_gradient()
        weights.observe(there)
    weights.update(there, 3)
    norm, balance, causal, attention = weights.weighers
    declared = {"heat": 1.0, "flux": 1.0, "cooling": 3.0, "start": 5.0}
    for name, factor in declared.items():
        expected = factor * norm.terms[name] * balance.terms[name]
        assert there.weights[name] == pytest.approx(expected, rel=1e-14)
    expected = causal.points["heat"] * attention.points["heat"]
    torch.testing.assert_close(there.point_weights["heat"], expected)
    # The loss is what they say it is.
    blocks = there.residuals()
    loss = sum(
        0.5 * there.weights[k] * (there.point_weights.get(k, torch.ones(len(r)))[:, None] * r**2)
        .sum() / len(r)
        for k, r in blocks.items()
    )  # fmt: skip
    assert there.loss().item() == pytest.approx(loss.item(), rel=1e-13)


def test_a_factor_alike_for_all_points_is_one_for_the_term() -> None:
    a, b = objective("poisson_line"), objective("poisson_line")
    a.set_weights({}, {"ends": torch.full((2,), 7.0, dtype=torch.float64)})
    b.set_weights({"ends": 7.0})
    torch.testing.assert_close(a.gradients()[0], b.gradients()[0])


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_without_steps_in_between_an_update_changes_nothing(name: str) -> None:
    there = objective("heat_flux")
    weights = Weights(there, [WEIGHTINGS[name]])
    weights.update(there, 1)
    first = dict(there.weights), {k: v.clone() for k, v in there.point_weights.items()}
    weights.update(there, 1)
    assert there.weights == first[0]
    assert all(torch.equal(there.point_weights[k], v) for k, v in first[1].items())


def test_another_problem_begins_anew() -> None:
    there = objective("heat_flux", weights={"start": 5.0})
    weights = Weights(there, [pl.GradNorm(momentum=0.5, every=100)])
    weights.update(there, 0)
    first = dict(there.weights)
    weights.update(there, 100)
    assert there.weights != first
    there.redeclare(list(there.terms_), there.frozen.demands, there.points)
    weights.update(there, 107)  # at once, and from the declared weights
    assert there.weights == pytest.approx(first)
    weights.update(there, 108)
    assert there.weights == pytest.approx(first)


def test_windows_of_time_begin_anew() -> None:
    run = trainer(
        [pl.Causal(epsilons=(0.1, 1.0), patience=2), pl.ReLoBRaLo(alpha=0.5)],
        phases=[pl.Windows("t", [0.25, 0.5], [pl.Adam(4, lr=1e-3)])],
    )
    stages = []

    class Watch(pl.Callback):
        def on_step(self, trainer, record):
            causal, balance = trainer.weights.weighers
            stages.append((causal.stage, balance.observed))

    run.callbacks = (Watch(),)
    run.run()
    assert stages == [(0, 1), (1, 2), (1, 3), (1, 4)] * 2


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_they_are_values_that_print_and_compare(name: str) -> None:
    rule = WEIGHTINGS[name]
    assert rule == type(rule)(**{f: getattr(rule, f) for f in rule.__dataclass_fields__})
    assert hash(rule) == hash(rule)
    described = describe_object(rule)
    assert described["kind"] == type(rule).__name__
    json.dumps(described)


@pytest.mark.parametrize("turns", [None, *TURNS])
@pytest.mark.parametrize("name, drawn", REFUSED)
def test_weights_of_points_need_points_that_stay(name: str, drawn: str, turns: str | None) -> None:
    phases = [pl.Adam(5), pl.Adam(5, **DRAWN[drawn])]
    with pytest.raises(DeclarationError) as caught:
        trainer([WEIGHTINGS[name]], phases=phases, aggregator=TURNS[turns] if turns else None)
    said = str(caught.value)
    assert f"{name} weighs single points, which must stay" in said
    assert f"more steps than {STEPS_OF_A_TURN[turns]}" in said
    assert ", ".join(f"{key}={value}" for key, value in DRAWN[drawn].items()) in said
    assert "an aggregator" not in said  # none helps


@pytest.mark.parametrize("name", PER_POINT)
def test_weights_of_points_need_points_that_stay_whoever_draws_them(name: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        trainer([WEIGHTINGS[name]], phases=[pl.Adam(5)], callbacks=[pl.Resample(1)])
    assert name in str(caught.value)
    assert "must stay" in str(caught.value)
    assert "Resample(1)" in str(caught.value)
    run = trainer([WEIGHTINGS[name]], phases=[pl.Adam(5)], callbacks=[pl.Resample(2)])
    run.run()
    assert run.status == "finished"


def test_weights_of_terms_go_with_mini_batches() -> None:
    rules = [r for r in WEIGHTINGS.values() if not r.per_point]
    run = trainer(rules, phases=[pl.Adam(8, batch=8)])
    run.run()
    assert run.status == "finished"


def test_solve_takes_a_list_and_says_what_was_taken() -> None:
    solution = pl.solve(
        PROBLEMS["heat_flux"](),
        pl.MLP(4, 1),
        points=BUDGET,
        phases=[pl.Adam(3)],
        weights=[{"start": 10.0}, pl.Causal(), pl.SoftAdapt()],
        progress=False,
    )
    assert solution.records[-1]["weights"]["start"] == 10.0
    assert "Causal" in str(solution.settings["weightings"])
    with pytest.raises(DeclarationError, match="no names"):
        pl.solve(PROBLEMS["heat_flux"](), weights=[pl.Causal(), 3.0])  # type: ignore[list-item]


def test_what_could_not_be_weighed_is_in_the_log(tmp_path: Path) -> None:
    from pinnlab.io.run_log import read_log

    problem = pl.Problem(
        pl.Interval("x", 0, 1),
        "u",
        {"poisson": "u.xx + 1"},
        {"ends": pl.Dirichlet(u=0), "idle": pl.Condition("u + 100", how="inequality")},
    )
    solution = pl.solve(
        problem,
        pl.MLP(4, 1),
        points=BUDGET,
        phases=[pl.Adam(3)],
        weights=pl.InverseDirichlet(every=1),
        out=tmp_path / "run",
        progress=False,
    )
    (message,) = solution.records[-1]["weighting"]
    assert "the gradient of 'idle' is zero" in message
    assert read_log(tmp_path / "run" / "log.jsonl")[-1]["weighting"] == [message]
    assert (tmp_path / "run" / "report.html").exists()


def test_a_rule_of_your_own() -> None:
    from pinnlab.weighting import Weigher

    class Doubled(Weigher):
        def update(self, objective, step):
            self.terms = {"start": 2.0 ** (step + 1)}

    class Doubling(Weighting):
        def start(self, objective):
            return Doubled()

    run = trainer([Doubling()], phases=[pl.Adam(4)])
    run.run()
    assert run.objective.weights["start"] == 16.0
