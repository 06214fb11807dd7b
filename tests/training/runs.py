"""Runs of a small inverse problem, in this process or in one that is killed."""

import multiprocessing
import os
import signal
from pathlib import Path

from cases import PROBLEMS, RANDOM, assembly

import pinnlab as pl
from pinnlab.io.run_log import read_log
from pinnlab.io.state import CheckpointFolder
from pinnlab.training import Trainer

BUDGET = pl.PointBudget(interior=24, boundary=4)


class Kill(pl.Callback):
    """Kill the own process with SIGKILL after a step, or inside an evaluation of the objective."""

    def __init__(self, step: int, *, inside: bool = False) -> None:
        self.step, self.inside = step, inside

    def on_start(self, trainer):
        """Arrange for a death in the middle of a step."""
        if not self.inside:
            return

        def deadly(*_):
            if trainer.step >= self.step:
                os.kill(os.getpid(), signal.SIGKILL)

        trainer.objective.state.surrogate.register_forward_pre_hook(deadly)

    def on_step(self, trainer, record):
        """Die before the checkpoint of the step."""
        if not self.inside and trainer.step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


class Remember(pl.Callback):
    """Keeps a sum over all steps, to see whether a callback's state survives."""

    def __init__(self):
        self.total = 0.0

    def on_step(self, trainer, record):
        """Add the loss."""
        self.total += record["loss"]

    def state_dict(self):
        """The sum."""
        return {"total": self.total}

    def load_state_dict(self, state):
        """Take it up."""
        self.total = state["total"]


def trainer(
    phases,
    folder=None,
    *,
    problem="inverse",
    surrogate=None,
    derivatives=None,
    callbacks=(),
    aggregator=None,
    seed=0,
    **options,
):
    """A trainer of a small problem with its first state drawn from ``seed``."""
    declared, network = (PROBLEMS | RANDOM)[problem](), surrogate or pl.MLP(width=6, depth=2)
    built = assembly(declared, network, BUDGET, seed=seed, derivatives=derivatives)
    defaults = {"checkpoint_every": 4, "progress": False, "log_every": 1}
    if folder is not None:
        Path(folder).mkdir(parents=True, exist_ok=True)
    return Trainer(
        built,
        phases,
        aggregator=aggregator,
        callbacks=callbacks,
        folder=folder,
        seed=seed,
        **(defaults | options),
    )


def run(phases, folder=None, *, resume=False, **options):
    """Train to the end, from the start or from the last checkpoint."""
    made = trainer(phases, folder, **options)
    if resume:
        made.restore()
    made.run()
    return made


def run_to_death(phases, folder, kill, *, resume=False, callbacks=(), **options) -> int:
    """Run in a process of its own until it is killed; its exit code."""

    def work():
        # The callback that kills comes first and keeps no state, like the one it stands for.
        run(phases, folder, resume=resume, callbacks=(kill, *callbacks), **options)

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join(60)
    return process.exitcode


def final(folder):
    """The last checkpoint and the lines of the log, without times."""
    step, state = CheckpointFolder(Path(folder) / "checkpoints").latest()
    lines = read_log(Path(folder) / "log.jsonl")
    for line in lines:
        line.pop("time")
    state.pop("elapsed")
    state["phase_times"] = [
        {k: v for k, v in phase.items() if k != "seconds"} for phase in state["phase_times"]
    ]
    return step, state, lines
