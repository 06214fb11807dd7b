import os
import signal
import threading

import numpy as np
import pytest
import torch
from cases import PROBLEMS, assembly
from training.runs import Remember, run, trainer

import pinnlab as pl
from pinnlab.errors import DeclarationError
from pinnlab.io.run_log import read_log
from pinnlab.optim.recorded import RecordedStepper
from pinnlab.training import Trainer


class Watch(pl.Callback):
    """Notes what the objective looks like after every step, and every call."""

    def __init__(self, look=lambda trainer: None):
        self.look, self.seen, self.calls = look, [], []

    def on_start(self, trainer):
        self.calls.append("start")

    def on_step(self, trainer, record):
        self.calls.append("step")
        self.seen.append(self.look(trainer))

    def on_phase_end(self, trainer):
        self.calls.append("phase end")

    def on_finish(self, trainer):
        self.calls.append("finish")


def interior(trainer):
    objective = trainer.objective
    term = objective.terms_[0]
    return objective.points[term.placements[0]].x.clone()


# --- the course of a run --------------------------------------------------------------------
def test_phases_follow_each_other():
    watch = Watch()
    made = run([pl.Adam(5), pl.LBFGS(3), pl.Adam(2)], callbacks=[watch])
    assert made.step == 10
    assert made.status == "finished"
    assert [(p["name"], p["first"], p["last"], p["status"]) for p in made.phase_times] == [
        ("Adam", 0, 5, "finished"),
        ("LBFGS", 5, 8, "finished"),
        ("Adam", 8, 10, "finished"),
    ]
    assert watch.calls == [
        "start",
        *["step"] * 5,
        "phase end",
        *["step"] * 3,
        "phase end",
        *["step"] * 2,
        "phase end",
        "finish",
    ]
    assert [r["phase"] for r in made.records] == ["Adam"] * 5 + ["LBFGS"] * 3 + ["Adam"] * 2
    assert [r["step"] for r in made.records] == list(range(1, 11))


def test_one_counter_of_steps_and_no_jump_of_the_loss():
    made = run([pl.Adam(20, lr=1e-2), pl.LBFGS(20)])
    before, after = made.records[19], made.records[20]
    assert after["phase"] == "LBFGS"
    assert after["loss"] < before["loss"]


def test_a_record_names_every_term_raw_beside_its_weight():
    made = trainer([pl.Adam(1)])
    squares = made.objective.terms().tolist()
    made.run()
    (record,) = made.records
    assert record["terms"] == dict(zip(made.objective.names, squares, strict=True))
    assert record["weights"] == made.objective.weights
    total = sum(0.5 * record["weights"][k] * v for k, v in record["terms"].items())
    assert record["loss"] == pytest.approx(total, rel=1e-12)
    assert set(record["unknowns"]) == {"k", "level"}
    assert record["lr"] == 1e-3


def test_the_log_is_what_the_records_say(tmp_path):
    made = run([pl.Adam(7)], tmp_path)
    lines = read_log(tmp_path / "log.jsonl")
    assert [line["loss"] for line in lines] == [r["loss"] for r in made.records]


def test_few_lines_are_kept_of_long_runs():
    made = run([pl.Adam(50)], log_every=10)
    assert [r["step"] for r in made.records] == [1, 10, 20, 30, 40, 50]


def test_the_best_is_the_lowest():
    made = run([pl.Adam(40, lr=0.3)])
    losses = [r["loss"] for r in made.records]
    assert made.best == {"loss": min(losses), "step": int(np.argmin(losses)) + 1}


@pytest.mark.parametrize("name", ["heat_flux", "cavity", "wave_periodic"])
def test_training_lowers_the_loss(name):
    made = run([pl.Adam(60, lr=1e-2)], problem=name)
    assert made.records[-1]["loss"] < 0.7 * made.records[0]["loss"]


def test_the_same_seed_gives_the_same_run_and_another_another():
    phases = [pl.Adam(10, lr=1e-2, batch=8, resample=4)]
    a, b, c = (run(phases, seed=s).objective.flat_parameters() for s in (3, 3, 4))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


# --- points ---------------------------------------------------------------------------------
def test_mini_batches_differ_and_the_full_set_comes_back():
    watch = Watch(interior)
    made = trainer([pl.Adam(6, batch=8)], callbacks=[watch])
    full = interior(made)
    made.run()
    assert {len(x) for x in watch.seen} == {8}
    assert len({tuple(x[:, 0].tolist()) for x in watch.seen}) == 6
    everything = set(full[:, 0].tolist())
    assert all(set(x[:, 0].tolist()) <= everything for x in watch.seen)
    assert torch.equal(interior(made), full)


def test_a_batch_draws_every_point_equally_often():
    watch = Watch(interior)
    run([pl.Adam(300, batch=6)], callbacks=[watch], log_every=1000)
    counts = np.unique(torch.cat(watch.seen)[:, 0].numpy(), return_counts=True)[1]
    # 24 points, 300 draws of 6: 75 each, with standard deviation √(300 ¼ ¾) = 7.5.
    assert len(counts) == 24
    assert abs(counts - 75).max() < 4 * 7.5


def test_the_gradient_of_a_batch_is_unbiased():
    made = trainer([pl.Adam(1, batch=6)], problem="poisson_line")
    made.objective.loss_and_gradient()
    exact, total = made.objective.flat_gradient(), 0
    for _ in range(400):
        made._take_batch(6)
        made.objective.loss_and_gradient()
        total = total + made.objective.flat_gradient() / 400
    # The mean of 400 batches; their spread is of the order of the gradient.
    assert float((total - exact).norm()) < 0.15 * float(exact.norm())


def test_paired_points_stay_pairs_in_a_batch():
    def pairs(trainer):
        here, there = trainer.objective.terms_[1].placements
        return trainer.objective.points[here].x, trainer.objective.points[there].x

    watch = Watch(pairs)
    run([pl.Adam(3, batch=2)], callbacks=[watch], problem="wave_periodic")
    for a, b in watch.seen:
        assert len(a) == len(b) == 2
        assert torch.equal(a[:, 1], b[:, 1])
        assert torch.equal(a[:, 0] + 1, b[:, 0])


def test_measured_values_stay_with_their_points_in_a_batch():
    def data(trainer):
        (placement,) = trainer.objective.terms_[3].placements
        points = trainer.objective.points[placement]
        return points.x[:, 0], points.targets["u"]

    watch = Watch(data)
    run([pl.Adam(4, batch=2)], callbacks=[watch])
    for x, u in watch.seen:
        assert len(x) == 2
        torch.testing.assert_close(u, x * (2 - x) + 0.5)


def test_integrals_are_whole_in_a_batch():
    def mean(trainer):
        (placement,) = trainer.objective.terms_[4].placements
        return float(trainer.objective.points[placement].weights.sum())

    watch = Watch(mean)
    run([pl.Adam(3, batch=4)], callbacks=[watch], problem="cavity")
    assert watch.seen == pytest.approx([1.0] * 3)


@pytest.mark.parametrize("batch", [None, 8])
@pytest.mark.parametrize("how", ["phase", "callback", "residual"])
def test_resampling_really_changes_the_points(how, batch):
    watch = Watch(lambda trainer: set(interior(trainer)[:, 0].tolist()))
    if how == "phase":
        phase, callbacks = pl.Adam(9, batch=batch, resample=3), [watch]
    else:
        phase = pl.Adam(9, batch=batch)
        again = pl.RAD(3, share=0.5, candidates=100) if how == "residual" else pl.Resample(3)
        callbacks = [watch, again]
    run([phase], callbacks=callbacks)
    groups = [set().union(*watch.seen[k : k + 3]) for k in (0, 3, 6)]
    assert not groups[0] & groups[1]
    assert not groups[1] & groups[2]


def test_lbfgs_goes_on_after_new_points():
    made = run([pl.LBFGS(20, resample=5)], problem="poisson_line")
    assert made.step == 20
    assert made.records[-1]["loss"] < 1e-2 * made.records[0]["loss"]


# --- ends -----------------------------------------------------------------------------------
def test_the_budget_ends_the_run():
    made = run([pl.Adam(10**6)], budget=0.3, log_every=10**6)
    assert made.status == "stopped"
    assert "budget of 0.3 s" in made.message
    assert 0.3 <= made.elapsed < 3
    assert made.records[-1]["step"] == made.step


@pytest.mark.parametrize("budget", [0, -1.0, float("nan"), "1 h"])
def test_a_budget_that_makes_no_sense_is_refused(budget):
    with pytest.raises(DeclarationError, match="budget"):
        trainer([pl.Adam(5)], budget=budget)


@pytest.mark.parametrize("every", [0, 2.5])
def test_a_checkpoint_interval_that_makes_no_sense_is_refused(every):
    with pytest.raises(DeclarationError, match="checkpoint_every"):
        trainer([pl.Adam(5)], checkpoint_every=every)


def test_a_converged_phase_hands_over():
    phases = [pl.LBFGS(2000, tolerance_gradient=10.0), pl.Adam(3)]
    made = run(phases, problem="poisson_line")
    assert made.phase_times[0]["status"].startswith("converged: largest gradient entry")
    assert made.phase_times[1]["name"] == "Adam"
    assert made.step == made.phase_times[0]["last"] + 3
    assert made.status == "finished"


def singular():
    return pl.Problem(
        pl.Interval("x", 0, 1),
        "u",
        {"pole": "u.xx + log(u)", "other": "u.x"},
        {"ends": pl.Dirichlet(u=0)},
    )


def test_a_run_that_is_not_finite_fails_and_says_where():
    built = assembly(singular())
    with torch.no_grad():
        for p in built.objective.parameters:
            p.fill_(-3.0)
    before = built.objective.flat_parameters()
    made = Trainer(built, [pl.Adam(50)], progress=False)
    made.run()
    assert made.status == "failed"
    assert made.step == 3
    assert "term 'pole' is nan at x = " in made.message
    assert "lower the learning rate or use float64" in made.message
    assert torch.equal(built.objective.flat_parameters(), before)
    assert made.records[-1]["status"] == "non_finite"


class Interrupt(pl.Callback):
    """Press Ctrl-C after a step."""

    def __init__(self, step, times=1):
        self.step, self.times = step, times

    def on_step(self, trainer, record):
        if trainer.step == self.step:
            for _ in range(self.times):
                os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_ends_the_run_in_order(tmp_path):
    handler = signal.getsignal(signal.SIGINT)
    made = run([pl.Adam(30, lr=1e-2)], tmp_path, callbacks=[Interrupt(7)])
    assert made.status == "interrupted"
    assert made.step == 7
    assert made.phase_times[-1]["status"] == "stopped"
    assert signal.getsignal(signal.SIGINT) is handler
    again = run([pl.Adam(30, lr=1e-2)], tmp_path, resume=True, callbacks=[pl.Callback()])
    assert again.status == "finished"
    whole = run([pl.Adam(30, lr=1e-2)])
    assert torch.equal(again.objective.flat_parameters(), whole.objective.flat_parameters())


def test_a_second_ctrl_c_ends_it_at_once():
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run([pl.Adam(30)], callbacks=[Interrupt(4, times=2)])
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_run_in_another_thread_leaves_signals_alone():
    made = trainer([pl.Adam(3)])
    thread = threading.Thread(target=made.run)
    thread.start()
    thread.join()
    assert made.step == 3
    assert made.status == "finished"


# --- early stop -----------------------------------------------------------------------------
def test_a_target_ends_the_run():
    stop = pl.EarlyStop(target=10.0)
    made = run([pl.Adam(3000, lr=1e-2)], callbacks=[stop], problem="poisson_line")
    assert made.status == "stopped"
    assert "loss reached" in made.message
    assert made.records[-1]["loss"] <= 10.0
    assert all(r["loss"] > 10.0 for r in made.records[:-1])


def test_a_target_of_one_term():
    made = run(
        [pl.Adam(3000, lr=1e-2)],
        callbacks=[pl.EarlyStop("ends", target=1e-3)],
        problem="poisson_line",
    )
    assert made.records[-1]["terms"]["ends"] <= 1e-3
    assert "ends reached" in made.message


def test_patience_ends_the_run():
    # A rate that rounds away leaves the loss as it is.
    made = run([pl.Adam(100, lr=1e-30)], callbacks=[pl.EarlyStop(patience=5)])
    assert made.step == 6
    assert "has not fallen for 5 steps" in made.message


def with_reference(name="poisson_line"):
    x = np.linspace(0, 1, 21)
    reference = pl.Reference(("x",), x[:, None], {"u": np.sin(np.pi * x)})
    return PROBLEMS[name]().replace(reference=reference)


def test_evaluate_records_errors_and_early_stop_reads_them():
    built = assembly(with_reference(), pl.MLP(width=6, depth=2))
    made = Trainer(
        built,
        [pl.Adam(3000, lr=2e-2)],
        progress=False,
        callbacks=[pl.Evaluate(10), pl.EarlyStop("error", target=0.5)],
    )
    made.run()
    errors = {r["step"]: r["errors"]["u"]["relative_l2"] for r in made.records if "errors" in r}
    assert all(step % 10 == 0 for step in errors)
    assert min(errors.values()) <= 0.5
    assert "error reached" in made.message
    solution = made.solution()
    assert list(errors.values())[-1] == pytest.approx(solution.error()["u"]["relative_l2"])


def test_the_last_step_is_evaluated():
    made = Trainer(
        assembly(with_reference()), [pl.Adam(7)], callbacks=[pl.Evaluate(100)], progress=False
    )
    made.run()
    assert "errors" in made.records[-1]


# --- keep best ------------------------------------------------------------------------------
def jumping(callbacks, weights=None):
    """A run that gets better at first, and then worse."""
    made = Trainer(
        assembly(with_reference(), pl.MLP(width=6, depth=2)),
        [pl.Adam(40, lr=3e-2), pl.Adam(20, lr=0.5)],
        progress=False,
        callbacks=callbacks,
        weightings=weights or [],
    )
    made.run()
    return made


def test_a_run_ends_with_the_state_of_least_loss():
    watch = Watch(lambda trainer: trainer.objective.loss().item())
    made = jumping([watch, pl.KeepBest(every=3)])
    looked = {step: watch.seen[step - 1] for step in range(3, 61, 3)}
    best = min(looked, key=looked.get)
    assert best < 60  # else the test shows nothing
    assert made.kept["step"] == best
    assert made.objective.loss().item() == pytest.approx(looked[best])
    assert made.kept["value"] == pytest.approx(looked[best])
    assert f"at step {best}, whose state is kept" in made.message


def test_the_state_of_least_error_is_kept():
    made = jumping([pl.Evaluate(5), pl.KeepBest("error")])
    errors = {r["step"]: r["errors"]["u"]["relative_l2"] for r in made.records if "errors" in r}
    assert made.kept["step"] == min(errors, key=errors.get) < 60
    found = made.solution().error()["u"]["relative_l2"]
    assert found == pytest.approx(min(errors.values()))


def test_where_weights_follow_the_training_the_declared_loss_counts():
    made = jumping([pl.KeepBest(every=1)], [pl.LRA(every=1)])
    declared = {r["step"]: 0.5 * sum(r["terms"].values()) for r in made.records}
    assert made.best["step"] == min(declared, key=declared.get)
    assert made.best["loss"] == pytest.approx(min(declared.values()))
    assert made.best["step"] != min(made.records, key=lambda r: r["loss"])["step"]
    # The record of a step tells of the state before it.
    terms = made.objective.terms().tolist()
    assert made.kept["value"] == pytest.approx(0.5 * sum(terms))
    assert made.kept["value"] <= min(list(declared.values())[1:])


def test_only_states_of_the_last_stage_are_compared():
    problem = pl.Problem(
        domain=pl.Interval("x", 0, 1),
        fields=["u"],
        parameters={"k": 8.0},
        equations={"poisson": "u.xx + k"},
        conditions={"ends": pl.Dirichlet(u=0)},
    )
    made = Trainer(
        assembly(problem),
        [pl.Curriculum("k", [0.0, 8.0], pl.Adam(10))],
        callbacks=[pl.KeepBest(every=1)],
        progress=False,
    )
    made.run()
    assert made.best["step"] <= 10
    assert made.kept["step"] > 10


@pytest.mark.parametrize(
    "callback, words",
    [
        (pl.Evaluate(), "nothing to compare with"),
        (pl.EarlyStop("error", target=1.0), "which nothing evaluates"),
        (pl.EarlyStop("hea", target=1.0), "cannot follow 'hea'"),
        (pl.KeepBest("error"), "which nothing evaluates"),
        (pl.KeepBest("hea"), "cannot follow 'hea'"),
        (pl.PlotFields(), "no folder to draw into"),
    ],
)
def test_callbacks_that_cannot_work_are_refused_before_anything_is_written(callback, words):
    with pytest.raises(DeclarationError, match=words) as caught:
        trainer([pl.Adam(5)], callbacks=[callback])
    assert "do:" in str(caught.value)


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: pl.EarlyStop(), "never stop"),
        (lambda: pl.EarlyStop(patience=0), "patience=0"),
        (lambda: pl.EarlyStop(target="low"), "target"),
        (lambda: pl.EarlyStop(patience=3, improvement=-1), "improvement"),
        (lambda: pl.Evaluate(0), "every=0"),
        (lambda: pl.KeepBest(every=0), "every=0"),
        (lambda: pl.PlotFields(2.5), "every=2.5"),
        (lambda: pl.Resample(0), "every=0"),
        (lambda: pl.RAD(share=1.5), "RAD cannot draw"),
        (lambda: pl.RAD(share=0.5, k=0), "RAD cannot draw"),
        (lambda: pl.RAD(candidates=0), "candidates=0"),
    ],
)
def test_callbacks_that_make_no_sense_are_refused(make, words):
    with pytest.raises(DeclarationError) as caught:
        make()
    assert words in str(caught.value)


def test_a_trainer_needs_a_phase():
    with pytest.raises(DeclarationError, match="nothing to do"):
        trainer([])


def test_combinations_are_refused_before_the_first_step():
    with pytest.raises(DeclarationError, match="minimises the sum of the terms"):
        trainer([pl.Adam(5), pl.LeastSquares()], aggregator=pl.ConFIG())


def test_callbacks_keep_their_state(tmp_path):
    remember = Remember()
    run([pl.Adam(9)], tmp_path, callbacks=[remember])
    other = Remember()
    made = trainer([pl.Adam(9)], tmp_path, callbacks=[other])
    made.restore()
    assert other.total == remember.total > 0


@pytest.mark.parametrize("recorded", [False, True])
def test_records_that_nobody_reads_are_not_made_ahead_of_a_device(recorded):
    seen = []

    class Now(pl.Callback):
        def reads(self, trainer):
            return trainer.step % 5 == 0

        def on_step(self, trainer, record):
            seen.append((trainer.step, bool(record)))

    made = assembly(PROBLEMS["poisson_line"]())
    trainer = Trainer(
        made, [pl.Adam(12)], callbacks=[Now(), pl.Resample(100)], progress=False, log_every=100
    )
    trainer.stepper = RecordedStepper(pl.Adam(12).start(made.objective, None), record=False)
    made.objective.recorded = recorded
    trainer.run()
    full = [step for step, given in seen if given]
    assert full == ([1, 5, 10, 12] if recorded else list(range(1, 13)))
