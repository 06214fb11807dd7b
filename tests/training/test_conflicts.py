import math
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from training.runs import Kill, final, run, run_to_death, trainer

import pinnlab as pl
from pinnlab.optim.base import Status, StepReport
from pinnlab.training.conflicts import HELD, Conflicts

NAMES = ("flow", "ends", "start", "gauge")


def report(jacobian=None, factors=None, slopes=None, status=Status.OK):
    """What a step with these gradients tells."""
    rows = None if jacobian is None else torch.as_tensor(jacobian, dtype=torch.float64)
    return StepReport(
        status,
        torch.tensor(1.0),
        torch.ones(len(NAMES)),
        1,
        gramian=None if rows is None else rows @ rows.T,
        coefficients=None if factors is None else torch.as_tensor(factors, dtype=torch.float64),
        slopes=None if slopes is None else torch.as_tensor(slopes),
    )


def steps(seed, count, m, zeros=0.0):
    """Gradients ``(count, m, 7)`` with some that vanish, and factors ``(count, m)``."""
    rng = np.random.default_rng(seed)
    jacobians = rng.normal(size=(count, m, 7)) * 10.0 ** rng.uniform(-8, 8, size=(count, m, 1))
    jacobians[rng.random((count, m)) < zeros] = 0.0
    return jacobians, rng.normal(size=(count, m))


def directly(names, jacobians, factors):
    """The entry of the log, step by step and term by term."""
    k = len(jacobians)
    told = {"conflicting": 0, "cosines": {}, "opposed": {}}
    norms = np.linalg.norm(jacobians, axis=2)
    for step in range(k):
        told["conflicting"] += any(
            jacobians[step, i] @ jacobians[step, j] < -1e-6 * norms[step, i] * norms[step, j]
            for i, j in combinations(range(len(names)), 2)
        )
    for i, j in combinations(range(len(names)), 2):
        known = [s for s in range(k) if norms[s, i] > 0 and norms[s, j] > 0]
        cosines = [jacobians[s, i] @ jacobians[s, j] / norms[s, i] / norms[s, j] for s in known]
        if known:
            told["cosines"].setdefault(names[i], {})[names[j]] = np.mean(cosines)
        if opposed := sum(c < -1e-6 for c in cosines):
            told["opposed"].setdefault(names[i], {})[names[j]] = opposed / k
    told["conflicting"] /= k
    told["norms"] = dict(zip(names, norms.mean(axis=0), strict=True))
    zero = (norms == 0).mean(axis=0)
    told["zero"] = {n: z for n, z in zip(names, zero, strict=True) if z}
    parts = np.abs(factors) * norms
    shares = [p / p.sum() for p in parts if p.sum() > 0]
    directions = np.einsum("km,kmp->kp", factors, jacobians)
    along = np.einsum("kmp,kp->km", jacobians, directions)
    length = norms * np.linalg.norm(directions, axis=1, keepdims=True)
    told["coefficients"] = dict(zip(names, factors.mean(axis=0), strict=True))
    told["shares"] = dict(zip(names, np.mean(shares, axis=0), strict=True)) if shares else {}
    told["against"] = dict(zip(names, (along < -1e-6 * length).mean(axis=0), strict=True))
    told["harmful"] = (along < -1e-6 * length).any(axis=1).mean()
    rates = np.divide(along, norms, out=np.zeros_like(along), where=norms > 0)
    fastest = np.abs(rates).max(axis=1, keepdims=True)
    gains = np.divide(np.maximum(rates, 0), fastest, out=np.zeros_like(rates), where=fastest > 0)
    told["gains"] = dict(zip(names, gains.mean(axis=0), strict=True))
    return told


def close(found, expected):
    """Whether nested numbers agree to the digits that are written."""
    if isinstance(expected, dict):
        assert set(found) == set(expected)
        for key, value in expected.items():
            close(found[key], value)
    else:
        assert found == pytest.approx(expected, rel=6e-4, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(1, 2 * HELD + 5),
    st.integers(2, 4),
    st.sampled_from([0.0, 0.3, 1.0]),
)
def test_an_entry_holds_the_numbers_of_a_direct_computation(seed, count, m, zeros):
    jacobians, factors = steps(seed, count, m, zeros)
    conflicts = Conflicts(NAMES[:m])
    for jacobian, weights in zip(jacobians, factors, strict=True):
        conflicts.observe(report(jacobian, weights))
    entry = conflicts.summary(count)
    assert entry.pop("steps") == entry.pop("combined") == entry.pop("judged") == count
    assert entry.pop("blocked") == 0
    close(entry, directly(NAMES[:m], jacobians, factors))


def test_after_an_entry_the_statistics_begin_anew():
    jacobians, factors = steps(0, 3, 3)
    conflicts = Conflicts(NAMES[:3])
    for step, (jacobian, weights) in enumerate(zip(jacobians, factors, strict=True), 1):
        conflicts.observe(report(jacobian, weights))
        entry = conflicts.summary(step)
        assert entry["steps"] == 1
        close(entry["norms"], directly(NAMES[:3], jacobian[None], weights[None])["norms"])
    assert conflicts.summary(9) == {}


def test_entries_keep_their_distance_but_the_last_one_comes():
    conflicts = Conflicts(NAMES[:2], every=10)
    jacobian = np.eye(2)
    written = {}
    for step in range(1, 36):
        conflicts.observe(report(jacobian, [1, 1]))
        if entry := conflicts.summary(step, last=step == 35):
            written[step] = entry["steps"]
    assert written == {1: 1, 11: 10, 21: 10, 31: 10, 35: 4}


def test_opposite_parallel_and_orthogonal_gradients():
    conflicts = Conflicts(NAMES)
    conflicts.observe(report([[1, 0], [-2, 0], [3, 0], [0, 1]], np.ones(4)))
    entry = conflicts.summary(1)
    assert entry["cosines"]["flow"] == {"ends": -1, "start": 1, "gauge": 0}
    assert entry["opposed"] == {"flow": {"ends": 1}, "ends": {"start": 1}}
    assert entry["against"] == {"flow": 0, "ends": 1, "start": 0, "gauge": 0}
    shares = dict(zip(NAMES, np.array([1, 2, 3, 1]) / 7, strict=True))
    assert entry["shares"] == pytest.approx(shares, rel=1e-3)


def test_rounding_is_no_conflict():
    conflicts = Conflicts(NAMES[:2])
    conflicts.observe(report([[1.0, 0.0], [-1e-8, 1.0]], [1, 1]))
    entry = conflicts.summary(1)
    assert entry["conflicting"] == 0
    assert entry["opposed"] == {}


def test_a_direction_that_is_zero_is_counted_and_has_no_shares():
    conflicts = Conflicts(NAMES[:2])
    conflicts.observe(report([[1, 0], [-1, 0]], [0, 0]))
    entry = conflicts.summary(1)
    assert entry["blocked"] == 1
    assert entry["shares"] == {}
    assert entry["against"] == {"flow": 0, "ends": 0}


def test_directions_that_are_no_combination_have_no_factors():
    jacobians, _ = steps(1, 4, 3)
    conflicts = Conflicts(NAMES[:3])
    for k, jacobian in enumerate(jacobians):
        conflicts.observe(report(jacobian, np.full(3, 2.0) if k == 2 else None))
    entry = conflicts.summary(4)
    assert entry["steps"] == 4
    assert entry["combined"] == 1
    assert entry["coefficients"] == dict.fromkeys(NAMES[:3], 2.0)
    for jacobian in jacobians:
        conflicts.observe(report(jacobian))
    entry = conflicts.summary(8)
    assert entry["combined"] == 0
    assert not {"coefficients", "shares", "blocked", "against", "harmful"} & set(entry)


def test_slopes_go_before_what_follows_from_the_factors():
    jacobian = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [-0.1, 0.0, 1e-3]]
    conflicts = Conflicts(NAMES[:3])
    conflicts.observe(report(jacobian, [1, 1, 1]))  # against the last one: -0.1 + 0.01
    entry = conflicts.summary(1)
    assert entry["against"] == {"flow": 0, "ends": 0, "start": 1}
    assert entry["harmful"] == 1
    conflicts.observe(report(jacobian, [1, 1, 1], slopes=[1.0, 1.0, 1e-6]))
    entry = conflicts.summary(2)
    assert entry["judged"] == entry["combined"] == 1
    assert entry["harmful"] == 0
    conflicts.observe(report(jacobian, slopes=[-1.0, 1.0, -1e-12]))  # the last is rounding
    entry = conflicts.summary(3)
    assert entry["combined"] == 0
    assert entry["against"] == {"flow": 1, "ends": 0, "start": 0}
    assert entry["gains"] == {"flow": 0, "ends": 1, "start": 0}
    assert "shares" not in entry


def test_steps_without_a_gramian_or_with_one_that_is_not_finite_are_passed_over():
    conflicts = Conflicts(NAMES[:2])
    conflicts.observe(report())
    assert conflicts.summary(1) == {}
    conflicts.observe(report([[math.nan, 0], [1, 1]], [1, 1]))
    assert conflicts.summary(2) == {}
    conflicts.observe(report([[math.inf, 0], [1, 1]], [1, 1]))
    conflicts.observe(report([[1, 0], [1, 1]], [1, 1]))
    entry = conflicts.summary(3)
    assert entry["steps"] == 1
    assert entry["cosines"]["flow"]["ends"] == pytest.approx(math.sqrt(0.5), rel=1e-3)


@pytest.mark.parametrize("cut", [1, 40, HELD, 90])
def test_a_saved_state_goes_on_with_the_same_numbers(cut):
    jacobians, factors = steps(2, 100, 4, zeros=0.1)
    whole, first, second = (Conflicts(NAMES, every=1000) for _ in range(3))
    for conflicts in (whole, first, second):
        conflicts.observe(report(jacobians[0], factors[0]))
        conflicts.summary(1)
    for k in range(100):
        (first if k < cut else second).observe(report(jacobians[k], factors[k]))
        whole.observe(report(jacobians[k], factors[k]))
        if k + 1 == cut:
            whole.state_dict()  # saving changes nothing
            second.load_state_dict(first.state_dict())
    assert second.summary(500) == {}  # it remembers when the last entry was
    assert second.summary(500, last=True) == whole.summary(500, last=True)


# --- in runs -------------------------------------------------------------------------------------
class Look(pl.Callback):
    """Keeps the Gramian after every step."""

    def __init__(self):
        self.gramians = {}

    def on_step(self, trainer, record):
        """Evaluate it."""
        self.gramians[trainer.step] = trainer.objective.gramian()


def test_a_plain_sum_is_looked_at_now_and_then():
    look = Look()
    made = run([pl.Adam(200)], callbacks=[look])
    told = {r["step"]: r["conflicts"] for r in made.records if "conflicts" in r}
    assert 40 <= len(told) <= 60
    names = made.objective.names
    for step, entry in told.items():
        gramian = look.gramians[step].numpy()
        norms = np.sqrt(np.diag(gramian))
        close(entry["norms"], dict(zip(names, norms, strict=True)))
        close(entry["coefficients"], dict.fromkeys(names, 1.0))
        cosine = gramian[0, 1] / norms[0] / norms[1]
        assert entry["cosines"][names[0]][names[1]] == pytest.approx(cosine, rel=1e-3, abs=1e-6)


def test_looking_changes_nothing(monkeypatch):
    looked = run([pl.Adam(20), pl.LBFGS(10)])
    monkeypatch.setattr("pinnlab.training.trainer.Trainer._observe", lambda *_: None)
    blind = run([pl.Adam(20), pl.LBFGS(10)])
    assert not any("conflicts" in record for record in blind.records)
    assert looked.objective.evaluations == blind.objective.evaluations
    assert [r["loss"] for r in looked.records] == [r["loss"] for r in blind.records]


def test_every_step_with_an_aggregator_is_counted():
    made = run([pl.Adam(300)], aggregator=pl.ConFIG(), log_every=7)
    entries = [record["conflicts"] for record in made.records if "conflicts" in record]
    assert sum(entry["steps"] for entry in entries) == 300
    assert sum(entry["combined"] for entry in entries) == 300
    assert all(set(entry["against"].values()) == {0.0} for entry in entries)


@pytest.mark.parametrize("aggregator", [pl.ConFIG(), pl.UPGrad()])
def test_steps_of_lbfgs_on_several_terms_go_against_none(aggregator):
    made = run([pl.Adam(20), pl.LBFGS(25)], aggregator=aggregator)
    entries = [r["conflicts"] for r in made.records if r["step"] > 21 and "conflicts" in r]
    assert sum(entry["judged"] for entry in entries) >= 5
    assert all(entry["harmful"] == 0 for entry in entries)


@pytest.mark.parametrize("aggregator", [pl.GradDrop(), pl.MultiAdam()])
def test_directions_that_are_no_combination_are_judged_as_well(aggregator):
    made = run([pl.Adam(40)], aggregator=aggregator)
    entries = [r["conflicts"] for r in made.records if "conflicts" in r]
    assert sum(entry["judged"] for entry in entries) == 40
    assert all(set(entry["against"]) == set(entry["norms"]) for entry in entries)


class Judge(pl.Callback):
    """Sees by itself whether the move of a step goes along or against the gradients before it."""

    def __init__(self):
        self.against, self.gains = {}, {}

    def on_start(self, trainer):
        """Remember where the first step begins."""
        self.before = trainer.objective.flat_parameters(), trainer.objective.gradients_aside()

    def on_step(self, trainer, record):
        """Judge the step."""
        (origin, rows), objective = self.before, trainer.objective
        rates = -(rows @ (objective.flat_parameters() - origin)) / rows.norm(dim=1)
        self.against[trainer.step] = (rates < 0).double().tolist()
        self.gains[trainer.step] = (rates.clamp_min(0) / rates.abs().max()).tolist()
        self.before = objective.flat_parameters(), objective.gradients_aside()


@pytest.mark.parametrize(
    "aggregator",
    [
        pl.MConFIG(),
        pl.MConFIG(per_step=2, second="terms"),
        pl.SparseTraining(0.5, pl.MConFIG()),
        pl.ConflictFree(pl.MConFIG(), groups=[["heat", "sensors"], ["left", "right"]]),
    ],
)
def test_steps_that_know_some_terms_only_are_judged_by_all(aggregator):
    judge = Judge()
    phases = [pl.Adam(90, lr=0.1, clip=0.5)]
    made = run(phases, aggregator=aggregator, callbacks=[judge], log_every=1)
    told = {r["step"]: r["conflicts"] for r in made.records if "conflicts" in r}
    assert len(told) >= 25
    for step, entry in told.items():
        assert entry["steps"] == entry["judged"] == 1
        assert list(entry["against"].values()) == judge.against[step]
        expected = dict(zip(made.objective.names, judge.gains[step], strict=True))
        assert entry["gains"] == pytest.approx(expected, rel=2e-3, abs=2e-3)
        assert entry["aggregator"] == type(aggregator).__name__
    assert any(entry["harmful"] for entry in told.values())


@pytest.mark.parametrize("steps", [80, 150, 200, 600])
def test_every_turn_of_an_aggregator_is_looked_at(steps):
    made = trainer([pl.Adam(steps)], aggregator=pl.MConFIG())
    terms = len(made.objective.names)
    looked = [step for step in range(1, steps + 1) if made._looks(step)]
    assert {step % terms for step in looked} == set(range(terms))


@pytest.mark.parametrize("aggregator", [pl.MConFIG(), pl.UPGrad()])
def test_looking_changes_no_step_of_an_aggregator(aggregator, monkeypatch):
    looked = run([pl.Adam(30)], aggregator=aggregator, weightings=[pl.SoftAdapt()])
    monkeypatch.setattr("pinnlab.training.trainer.Trainer._looks", lambda *_: False)
    blind = run([pl.Adam(30)], aggregator=aggregator, weightings=[pl.SoftAdapt()])
    assert looked.objective.evaluations == blind.objective.evaluations
    assert [r["terms"] for r in looked.records] == [r["terms"] for r in blind.records]


@pytest.mark.parametrize(
    ("aggregator", "name", "heeds"),
    [
        (None, "Sum", True),
        (pl.Sum(), "Sum", True),
        (pl.ConflictFree(), "ConflictFree", True),
        (pl.ConflictFree(pl.ConFIG()), "ConflictFree", False),
        (pl.ConFIG(), "ConFIG", False),
        (lambda jacobian: jacobian.sum(0), "<lambda>", False),
    ],
)
def test_an_entry_names_what_made_the_direction(aggregator, name, heeds):
    made = run([pl.Adam(3)], aggregator=aggregator)
    entry = made.records[0]["conflicts"]
    assert (entry["aggregator"], entry["heeds_weights"]) == (name, heeds)
    assert entry["eager"]


def test_entries_that_a_callback_reads_are_not_lost():
    made = run([pl.Adam(60)], aggregator=pl.ConFIG(), log_every=20, callbacks=[Look()])
    assert sum(r["conflicts"]["steps"] for r in made.records if "conflicts" in r) == 60


def test_a_single_term_has_no_conflicts():
    made = trainer([pl.Adam(10)])
    made.conflicts.names = made.objective.names = made.objective.names[:1]
    made._observe(StepReport(Status.OK, torch.tensor(1.0), torch.ones(1), 1))
    assert made.conflicts.summary(1) == {}


@pytest.mark.parametrize("aggregator", [None, pl.ConFIG()])
def test_a_run_that_was_killed_writes_the_same_entries(aggregator, tmp_path):
    options = {"aggregator": aggregator, "checkpoint_every": 25}
    run([pl.Adam(120)], tmp_path / "whole", **options)
    assert run_to_death([pl.Adam(120)], tmp_path / "part", Kill(70), **options) < 0
    run([pl.Adam(120)], tmp_path / "part", resume=True, callbacks=[Silent()], **options)
    whole, part = (final(tmp_path / name)[2] for name in ("whole", "part"))
    assert whole == part
    assert sum("conflicts" in line for line in part) >= 40


class Silent(pl.Callback):
    """Stands where the callback that killed stood."""
