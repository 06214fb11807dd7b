"""The same promise from outside: a process of its own is killed or interrupted, and taken up."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch

import pinnlab as pl
from pinnlab.io import read_log, read_solution

DECLARATION = """
import pinnlab as pl

problem = pl.Problem(
    pl.Interval("x", -1, 1) * pl.Time("t", 0, 1), "u",
    {"burgers": "u.t + u*u.x - nu*u.xx"},
    {"ends": pl.Dirichlet(u=0), "start": pl.Initial(u="-sin(pi*x)"),
     "seen": pl.Data({"x": [0.1, 0.2], "t": [0.5, 0.5], "u": [-0.1, -0.3]})},
    parameters={"nu": pl.Unknown(0.05, transform="log")},
)


class Pause(pl.Callback):
    def __init__(self, seconds):
        self.seconds = seconds

    def on_step(self, trainer, record):
        import time
        time.sleep(self.seconds)


def run(out, resume=False, pause=0.0):
    return pl.solve(
        problem, pl.MLP(8, 2), points={"interior": 64, "boundary": 16},
        phases=[pl.Adam(60, lr=1e-2, batch=16), pl.LBFGS(40)],
        callbacks=[Pause(pause), pl.RAD(15, share=0.5, candidates=200)],
        dtype="float64", out=out, resume=resume, checkpoint_every=7, progress=False,
    )
"""
WORK = DECLARATION + "\nimport sys, torch\ntorch.set_num_threads(1)\nrun(sys.argv[1], pause=0.02)\n"


def here() -> dict:
    """The declaration, executed in this process."""
    names: dict = {}
    exec(DECLARATION, names)
    return names


def send(sign: signal.Signals, out: Path, first_step: int) -> tuple[int, str]:
    """Start a run in a process of its own and send it a signal once it is under way."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORK, str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not (out / "log.jsonl").exists() or _last_step(out) < first_step:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(sign)
    _, errors = process.communicate(timeout=120)
    return process.returncode, errors


def _last_step(out: Path) -> int:
    lines = (out / "log.jsonl").read_text().splitlines()
    try:
        return json.loads(lines[-1])["step"] if lines else 0
    except ValueError:  # a line that is being written
        return 0


def test_a_killed_process_is_taken_up_bit_for_bit(tmp_path):
    code, _ = send(signal.SIGKILL, tmp_path / "broken", first_step=20)
    assert code == -signal.SIGKILL
    assert not (tmp_path / "broken" / "solution.h5").exists()
    whole, again = here()["run"](tmp_path / "whole"), here()["run"](tmp_path / "broken", True)
    for key, value in whole.state.state_dict().items():
        assert torch.equal(value, again.state.state_dict()[key]), key
    assert whole.unknowns == again.unknowns
    first, second = (read_log(tmp_path / name / "log.jsonl") for name in ("whole", "broken"))
    assert [a["step"] for a in second] == list(range(1, second[-1]["step"] + 1))
    assert [(a["loss"], a["terms"]) for a in first] == [(b["loss"], b["terms"]) for b in second]


def test_an_interrupted_process_leaves_a_whole_folder(tmp_path):
    code, errors = send(signal.SIGINT, tmp_path / "run", first_step=10)
    assert code == 0, errors
    assert "Traceback" not in errors
    record = read_solution(tmp_path / "run" / "solution.h5")
    assert record.metrics["status"] == "interrupted"
    assert record.metrics["steps"] < 100
    assert (tmp_path / "run" / "report.html").exists()
    assert isinstance(pl.load(tmp_path / "run"), pl.Solution)
