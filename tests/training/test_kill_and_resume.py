"""A run that is killed and taken up again ends with the same weights, bit for bit."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pinnlab.io import read_log, read_solution

RUN = """
import sys, torch
torch.set_num_threads(1)
import pinnlab as pl

out, resume, slow, kind = sys.argv[1], sys.argv[2] == "1", sys.argv[3] == "1", sys.argv[4]

class Slow(pl.Callback):
    def on_step(self, trainer, record):
        if slow:
            import time
            time.sleep(0.01)

phases = {
    "adam": [pl.Adam(60, lr=1e-2, schedule=pl.Cosine(), resample=25)],
    "batch": [pl.Adam(60, lr=1e-2, batch=16)],
    "lbfgs": [pl.Adam(10), pl.LBFGS(50)],
}[kind]
problem = pl.Problem(
    pl.Interval("x", -1, 1) * pl.Time("t", 0, 1), "u",
    {"burgers": "u.t + u*u.x - nu*u.xx"},
    {"ends": pl.Dirichlet(u=0), "start": pl.Initial(u="-sin(pi*x)"),
     "seen": pl.Data({"x": [0.1, 0.2], "t": [0.5, 0.5], "u": [-0.1, -0.3]})},
    parameters={"nu": pl.Unknown(0.05, transform="log")},
)
callbacks = [Slow(), pl.EarlyStop(patience=1000)]
if kind == "lbfgs":
    callbacks.append(pl.Resample(15, share=0.5, candidates=200))
pl.solve(
    problem, pl.MLP(8, 2), points={"interior": 64, "boundary": 16}, phases=phases,
    callbacks=callbacks, dtype="float64", out=out, resume=resume, checkpoint_every=7,
    progress=False,
)
"""


def command(out: Path, kind: str, *, resume: bool = False, slow: bool = False) -> list[str]:
    return [sys.executable, "-c", RUN, str(out), str(int(resume)), str(int(slow)), kind]


def run(*args, **options) -> None:
    subprocess.run(command(*args, **options), check=True, capture_output=True, timeout=300)


@pytest.mark.parametrize("kind", ["adam", "batch", "lbfgs"])
def test_a_killed_run_ends_as_if_it_had_not_been_killed(tmp_path, kind):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    run(whole, kind)
    # Killed after a random time, once the first checkpoint is there.
    process = subprocess.Popen(
        command(broken, kind, slow=True), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while not list((broken / "checkpoints").glob("checkpoint-*.h5")):
        assert process.poll() is None, "the run ended before its first checkpoint"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(float(np.random.default_rng().uniform(0, 0.4)))
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the run was over before it was killed"
    assert not (broken / "solution.h5").exists()

    run(broken, kind, resume=True)

    first, second = read_solution(whole / "solution.h5"), read_solution(broken / "solution.h5")
    assert first.weights.keys() == second.weights.keys()
    assert "unknowns.nu" in first.weights
    for name, value in first.weights.items():
        assert np.array_equal(np.asarray(value), np.asarray(second.weights[name])), name
    assert first.unknowns == second.unknowns
    steps = [line["step"] for line in read_log(broken / "log.jsonl")]
    assert steps == sorted(set(steps))
    lines = zip(read_log(whole / "log.jsonl"), read_log(broken / "log.jsonl"), strict=True)
    assert all(a["loss"] == b["loss"] and a["terms"] == b["terms"] for a, b in lines)


def test_ctrl_c_ends_the_run_after_a_step_and_leaves_a_whole_folder(tmp_path):
    out = tmp_path / "run"
    process = subprocess.Popen(
        command(out, "adam", slow=True),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    while not (out / "log.jsonl").exists():
        assert process.poll() is None
        time.sleep(0.02)
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors.decode()
    assert read_solution(out / "solution.h5").metrics["status"] == "interrupted"
    assert (out / "report.html").exists()
