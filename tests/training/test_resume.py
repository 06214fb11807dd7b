"""A run that is killed and resumed ends bit for bit where an uninterrupted one does."""

import signal

import numpy as np
import pytest
import torch
from cases import PROBLEMS, assembly
from training.runs import Kill, Remember, final, run, run_to_death, trainer

import pinnlab as pl
from pinnlab.errors import CheckpointError
from pinnlab.io.run_log import read_log
from pinnlab.training import Trainer

ADAM = pl.Adam(30, lr=1e-2)
RUNS = {
    "adam": {"phases": [ADAM]},
    "adam resample": {"phases": [pl.Adam(30, lr=1e-2, resample=7)]},
    "adam batch": {"phases": [pl.Adam(30, lr=1e-2, batch=8)]},
    "adam batch resample": {"phases": [pl.Adam(30, lr=1e-2, batch=8, resample=9)]},
    "adam schedule": {
        "phases": [pl.Adam(30, lr=1e-2, schedule=pl.Cosine(warmup=5), unknowns_lr=0.1)],
    },
    "con_fig": {"phases": [ADAM], "aggregator": pl.ConFIG()},
    "sgd": {"phases": [pl.Optimizer("SGD", 30, lr=1e-4, options={"momentum": 0.9})]},
    "lbfgs": {"phases": [pl.Adam(6, lr=1e-2), pl.LBFGS(24)]},
    "lbfgs resample": {"phases": [pl.Adam(3, lr=1e-2), pl.LBFGS(27, resample=6)]},
    "lbfgs pc_grad": {
        "phases": [pl.Adam(3, lr=1e-2), pl.LBFGS(27, resample=6)],
        "aggregator": pl.PCGrad(),
    },
    "adam again": {"phases": [pl.LBFGS(10), pl.Adam(20, lr=1e-3, batch=8)]},
    "two fields": {"phases": [pl.Adam(30, lr=1e-2, batch=5, resample=8)], "problem": "cavity"},
    "random directions": {"phases": [ADAM], "problem": "sampled_gradient"},
    "periodic": {"phases": [pl.Adam(30, lr=1e-2, batch=3)], "problem": "wave_periodic"},
    "soap": {"phases": [pl.SOAP(30, lr=1e-2, every=4)]},
    "curriculum": {
        "phases": [pl.Curriculum("k", [0.1, 0.4, 0.7], pl.Adam(10, lr=1e-2))],
        "problem": "heat_flux",
    },
    "windows": {
        "phases": [
            pl.Windows("t", [0.1, 0.3, 0.5], [pl.Adam(6, lr=1e-2, batch=8), pl.LBFGS(2)]),
            pl.Adam(6, lr=1e-2, resample=2),
        ],
        "problem": "heat_flux",
    },
    "march": {
        "phases": [pl.March([pl.Adam(10, lr=1e-2, resample=4), pl.SOAP(5)])],
        "problem": "heat_flux",
        "surrogate": pl.TimeMarching(pl.MLP(width=6, depth=2), [0.2, 0.5]),
    },
    "estimated": {
        "phases": [ADAM],
        "problem": "many_dimensions",
        "derivatives": pl.STDE(2),
    },
    "estimated batch resample": {
        "phases": [pl.Adam(12, lr=1e-2, batch=8), pl.Adam(18, lr=1e-3, resample=4)],
        "problem": "many_dimensions",
        "derivatives": pl.STDE(3, "gaussian", unbiased=True),
    },
}


def assert_same(a, b, path=""):
    """Equal to the last bit, tensors and plain values alike."""
    assert type(a) is type(b), path
    if isinstance(a, dict):
        assert list(a) == list(b), path
        for key in a:
            assert_same(a[key], b[key], f"{path}/{key}")
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), path
        for k, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_same(x, y, f"{path}/{k}")
    elif isinstance(a, torch.Tensor):
        assert a.dtype == b.dtype, path
        assert torch.equal(a, b), path
    else:
        assert a == b or (a != a and b != b), path


@pytest.mark.parametrize("name", RUNS, ids=lambda n: n.replace(" ", "_"))
def test_killed_twice_and_resumed(name, tmp_path):
    options = RUNS[name]
    run(**options, folder=tmp_path / "whole", callbacks=[pl.Callback(), Remember()])
    generator = np.random.default_rng(sum(map(ord, name)))
    first, second = sorted(generator.choice(np.arange(6, 30), 2, replace=False).tolist())
    for resume, kill in ((False, Kill(first)), (True, Kill(second, inside=True))):
        code = run_to_death(
            **options,
            folder=tmp_path / "killed",
            kill=kill,
            resume=resume,
            callbacks=[Remember()],
        )
        assert code == -signal.SIGKILL
    run(
        **options,
        folder=tmp_path / "killed",
        resume=True,
        callbacks=[pl.Callback(), Remember()],
    )
    whole, killed = final(tmp_path / "whole"), final(tmp_path / "killed")
    assert whole[0] == killed[0] == 30
    assert_same(whole[1], killed[1])
    assert_same(whole[2], killed[2])


def test_the_log_has_every_step_once(tmp_path):
    run_to_death([ADAM], tmp_path, Kill(18))
    lines = read_log(tmp_path / "log.jsonl")
    assert [line["step"] for line in lines] == list(range(1, 18))
    run([ADAM], tmp_path, resume=True, callbacks=[pl.Callback()])
    lines = read_log(tmp_path / "log.jsonl")
    assert [line["step"] for line in lines] == list(range(1, 31))


def test_records_before_the_kill_are_part_of_the_resumed_run(tmp_path):
    run_to_death([ADAM], tmp_path, Kill(18))
    resumed = run([ADAM], tmp_path, resume=True, callbacks=[pl.Callback()])
    assert [record["step"] for record in resumed.records] == list(range(1, 31))
    assert resumed.best["loss"] == min(record["loss"] for record in resumed.records)


def test_unknowns_are_restored(tmp_path):
    phases = [pl.Adam(10, lr=0.1)]
    whole = run(phases, tmp_path)
    values = whole.objective.state.unknown_values()
    again = trainer(phases, tmp_path)
    assert again.objective.state.unknown_values() != values
    again.restore()
    assert again.objective.state.unknown_values() == values


def test_the_best_of_before_is_not_forgotten(tmp_path):
    first = trainer([ADAM], tmp_path)
    first.best = {"loss": 1e-30, "step": 3}
    first.run()
    assert run([ADAM], tmp_path, resume=True).best == {"loss": 1e-30, "step": 3}


def test_a_finished_run_has_nothing_to_resume(tmp_path):
    whole = run([ADAM], tmp_path)
    again = run([ADAM], tmp_path, resume=True)
    assert again.step == 30
    assert again.status == "finished"
    assert torch.equal(whole.objective.flat_parameters(), again.objective.flat_parameters())
    assert len(read_log(tmp_path / "log.jsonl")) == 30


def test_patience_is_counted_across_the_interruption(tmp_path):
    # A rate that rounds away: the loss never falls, and the run ends at step 13.
    phases = [pl.Adam(100, lr=1e-30)]
    code = run_to_death(phases, tmp_path, Kill(10), callbacks=[pl.EarlyStop(patience=12)])
    assert code == -signal.SIGKILL
    made = run(phases, tmp_path, resume=True, callbacks=[pl.Callback(), pl.EarlyStop(patience=12)])
    assert made.step == 13
    assert "has not fallen for 12 steps" in made.message


def test_the_best_state_of_before_is_kept(tmp_path):
    keep = [pl.Callback(), pl.KeepBest(every=1)]
    whole = run([pl.Adam(30, lr=0.3)], tmp_path / "whole", callbacks=keep)
    assert (
        run_to_death(
            [pl.Adam(30, lr=0.3)], tmp_path / "killed", Kill(20), callbacks=[pl.KeepBest(every=1)]
        )
        == -signal.SIGKILL
    )
    keep = [pl.Callback(), pl.KeepBest(every=1)]
    killed = run([pl.Adam(30, lr=0.3)], tmp_path / "killed", resume=True, callbacks=keep)
    assert whole.kept == killed.kept
    assert torch.equal(whole.objective.flat_parameters(), killed.objective.flat_parameters())


def test_time_is_counted_across_the_interruption(tmp_path):
    run_to_death([ADAM], tmp_path, Kill(18))
    made = trainer([ADAM], tmp_path, callbacks=[pl.Callback()])
    made.restore()
    before = made.elapsed
    assert before > 0
    made.run()
    assert made.elapsed > before


def test_a_cut_checkpoint_falls_back_to_the_one_before(tmp_path):
    run_to_death([ADAM], tmp_path, Kill(18))
    newest = sorted((tmp_path / "checkpoints").glob("checkpoint-*"))[-1]
    assert "step-16" in newest.name
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])
    made = trainer([ADAM], tmp_path, callbacks=[pl.Callback()])
    with pytest.warns(UserWarning, match="is passed over"):
        made.restore()
    assert made.step == 12
    made.run()
    whole = run([ADAM])
    assert torch.equal(made.objective.flat_parameters(), whole.objective.flat_parameters())
    assert [line["step"] for line in read_log(tmp_path / "log.jsonl")] == list(range(1, 31))


# --- what cannot be resumed -----------------------------------------------------------------
def test_a_folder_without_checkpoints(tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint to go on from"):
        trainer([ADAM], tmp_path).restore()


def test_another_surrogate_is_refused(tmp_path):
    run([ADAM], tmp_path)
    other = assembly(PROBLEMS["inverse"](), pl.MLP(width=7, depth=2))
    made = Trainer(other, [ADAM], folder=tmp_path, progress=False)
    with pytest.raises(CheckpointError, match="another surrogate or other unknowns"):
        made.restore()


def test_another_problem_is_refused(tmp_path):
    run([ADAM], tmp_path, problem="poisson_line")
    with pytest.raises(CheckpointError, match=r"another surrogate|other equations"):
        trainer([ADAM], tmp_path, problem="obstacle").restore()


@pytest.mark.parametrize(
    "phases",
    [[pl.LBFGS(30)], [pl.Optimizer("SGD", 30)], [pl.Adam(5), pl.Adam(25)], [pl.Adam(60, lr=1e-2)]],
    ids=str,
)
def test_other_phases_are_refused(phases, tmp_path):
    run_to_death([ADAM], tmp_path, Kill(18))
    with pytest.raises(CheckpointError, match="other phases") as caught:
        trainer(phases, tmp_path, callbacks=[pl.Callback()]).restore()
    assert "append further ones" in str(caught.value)


def test_appended_phases_go_on(tmp_path):
    run([ADAM], tmp_path)
    made = run([ADAM, pl.LBFGS(5)], tmp_path, resume=True)
    assert made.step == 35
    assert torch.equal(
        made.objective.flat_parameters(), run([ADAM, pl.LBFGS(5)]).objective.flat_parameters()
    )


def test_other_callbacks_are_refused(tmp_path):
    run([ADAM], tmp_path, callbacks=[Remember()])
    with pytest.raises(CheckpointError, match="other callbacks"):
        trainer([ADAM], tmp_path).restore()
