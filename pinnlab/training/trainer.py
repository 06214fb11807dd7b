"""The loop: phases of steps, with checkpoints from which a run goes on bit for bit."""

import contextlib
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pinnlab.aggregation.base import Aggregator
from pinnlab.aggregation.sum import Sum
from pinnlab.checks import check_count, check_positive
from pinnlab.conditions.data import DataPoints
from pinnlab.conditions.placement import Placement, subset
from pinnlab.errors import CheckpointError, DeclarationError
from pinnlab.io.run_log import RunLog, read_log
from pinnlab.io.state import CheckpointFolder
from pinnlab.objective.objective import Objective
from pinnlab.optim.base import Phase, Status, Stepper, StepReport
from pinnlab.parallel import threads_for_tasks
from pinnlab.problems.assemble import Assembly
from pinnlab.sampling.points import Points
from pinnlab.training.callbacks.base import Callback
from pinnlab.training.callbacks.resample import Resample
from pinnlab.training.conflicts import Conflicts
from pinnlab.training.progress import Progress
from pinnlab.training.solution import Solution
from pinnlab.training.staging import Staging
from pinnlab.weighting.base import Weighting, Weights

NON_FINITE_LIMIT = 3  # rejected steps in a row after which a phase gives up


class Trainer:
    """Runs phases of optimisation on one objective.

    Args:
        assembly: Objective and what redraws its points.
        phases: Stretches of training in order.
        aggregator: Direction from term gradients; None for their sum.
        weightings: Rules by which the weights of terms and points change.
        callbacks: Called between steps.
        folder: Run folder for log and checkpoints, or None to keep everything in memory.
        checkpoint_every: Steps between checkpoints.
        budget: Most seconds, or None.
        progress: Show a progress line.
        log_every: Steps between lines of the log; the first and last step are always logged.
        seed: Of mini-batches.
        warnings: What is to be known of the whole run; told in the first line of the log.

    Attributes:
        best: Least loss so far, with the weights of the declaration, and its step.
        kept: Of the state that :class:`~pinnlab.KeepBest` ended with: its step, what was followed
            and its value, loss and terms; None for the last state.

    Raises:
        DeclarationError: If phases, aggregator and objective cannot be combined.
    """

    def __init__(
        self,
        assembly: Assembly,
        phases: Sequence[Phase],
        *,
        aggregator: Aggregator | None = None,
        weightings: Sequence[Weighting] = (),
        callbacks: Sequence[Callback] = (),
        folder: Path | None = None,
        checkpoint_every: int = 1000,
        budget: float | None = None,
        progress: bool = True,
        log_every: int | None = None,
        seed: int = 0,
        warnings: Sequence[str] = (),
    ) -> None:
        if not phases:
            raise DeclarationError(
                "There is nothing to do",
                expected="at least one phase, such as Adam(2000)",
                got="no phase",
                do="give phases=[...]",
            )
        check_positive(self, budget=budget)
        check_count(self, checkpoint_every=checkpoint_every, log_every=log_every)
        self.assembly = assembly
        self.staging = Staging(assembly, phases)
        self.phases, self.aggregator = self.staging.phases, aggregator
        self.callbacks, self.folder = tuple(callbacks), folder
        self.warnings = tuple(warnings)
        self.checkpoint_every, self.budget = checkpoint_every, budget
        total = sum(phase.steps for phase in self.phases)
        self.log_every = log_every or max(1, total // 2000)
        # Estimates' deviations and, of a plain sum, the gradients of single terms cost extra steps.
        # An aggregator that takes the terms in turn is seen with each of them: no common divisor.
        self.look_every = max(2, total // 50)
        while gcd(self.look_every, len(assembly.objective.names)) > 1:
            self.look_every += 1
        self.rng = np.random.default_rng([seed, 1])
        # Building every stepper now refuses impossible combinations before the first step.
        steppers = [phase.start(assembly.objective, aggregator) for phase in self.phases]
        check_weightings(weightings, self.phases, steppers, self.callbacks, assembly.objective)
        self.weights = Weights(assembly.objective, weightings)
        seldom = all(stepper.summed for stepper in steppers)
        self.conflicts = Conflicts(assembly.objective.names, 1 if seldom else self.look_every // 2)
        self.step = 0
        self.phase_index, self.phase_step = 0, 0
        self.stepper: Stepper | None = None
        self.records: list[dict[str, Any]] = []
        self.phase_times: list[dict[str, Any]] = []
        self.best: dict[str, Any] = {"loss": float("inf"), "step": 0}
        self.kept: dict[str, Any] | None = None
        self.elapsed = 0.0
        self.last_step = False
        self.status, self.message = "running", ""
        self._stop = ""
        self._full_points: dict[Placement, Points] | None = None
        self._progress = Progress(total, assembly.objective.names) if progress else None
        self._log: RunLog | None = None
        self._checkpoints = CheckpointFolder(folder / "checkpoints") if folder else None
        for callback in self.callbacks:
            callback.check(self)

    @property
    def points(self) -> Mapping[Placement, Points]:
        """All points, also where the objective holds a mini-batch of them."""
        return self._full_points or self.objective.points

    @property
    def objective(self) -> Objective:
        """The objective that is trained."""
        return self.assembly.objective

    def resample(self, draw: Callable[[], None] | None = None) -> None:
        """Replace all points, also those of which a mini-batch is taken.

        Args:
            draw: What draws them; :meth:`Assembly.resample` by default.
        """
        (draw or self.assembly.resample)()
        self._full_points = None

    def stop(self, reason: str) -> None:
        """End the run after this step."""
        self._stop = reason

    def solution(self) -> Solution:
        """The present state as a solution that shares its parameters."""
        a = self.assembly
        return Solution(
            self.staging.declared,
            a.objective.state,
            dtype=a.dtype,
            device=a.device,
            records=self.records,
            metrics={"status": self.status},
            folder=self.folder,
        )

    # --- the loop ----------------------------------------------------------------------------
    def run(self) -> None:
        """Train to the end of the last phase, the budget, or a stop."""
        began = time.perf_counter() - self.elapsed
        if self.folder is not None:
            self._log = RunLog(self.folder / "log.jsonl", resume_after=self.step or None)
        for callback in self.callbacks:
            callback.on_start(self)
        with self._orderly_interrupt(), threads_for_tasks():
            while self.phase_index < len(self.phases) and not self._stop:
                self._run_phase(began)
        if self.status == "running":
            self.status, self.message = ("stopped", self._stop) if self._stop else ("finished", "")
        self.elapsed = time.perf_counter() - began
        for callback in self.callbacks:
            callback.on_finish(self)
        if self.kept is not None:
            told = "the {monitor} was {value:.3g} at step {step}, whose state is kept"
            self.message = "; ".join(filter(None, [self.message, told.format(**self.kept)]))
        if self._checkpoints is not None:
            self.save_checkpoint()
        self.staging.leave()
        if self._log is not None:
            self._log.close()
        if self._progress is not None:
            self._progress.close()

    @contextlib.contextmanager
    def _orderly_interrupt(self) -> Iterator[None]:
        """Let Ctrl-C end the run after the present step, so that nothing is half written."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def ask(signum: int, frame: Any) -> None:
            if self.status == "interrupted":
                raise KeyboardInterrupt
            self.status, self.message = "interrupted", "stopped by the keyboard"
            self.stop(self.message)

        before = signal.signal(signal.SIGINT, ask)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _run_phase(self, began: float) -> None:
        phase = self.phases[self.phase_index]
        if self.stepper is None:
            self.staging.enter(self.phase_index)
            self.stepper = phase.start(self.objective, self.aggregator)
        started, rejected = time.perf_counter(), 0
        outcome = ""
        while self.phase_step < phase.steps and not self._stop:
            if phase.resample and self.phase_step and self.phase_step % phase.resample == 0:
                self.resample()
            if phase.batch:
                self._take_batch(phase.batch)
            if self.objective.random:
                self.objective.redraw()
            self.weights.update(self.objective, self.step)
            self.stepper.detailed = self._looks(self.step + 1)
            self.objective.latest = {}  # of this step, or of none: checkpoints hold no residuals
            report = self.stepper.step(self.objective)
            self.weights.observe(self.objective)
            self.step += 1
            self.phase_step += 1
            self.elapsed = time.perf_counter() - began
            rejected = rejected + 1 if report.status is Status.NON_FINITE else 0
            if rejected >= NON_FINITE_LIMIT:
                self.status = "failed"
                self.message = f"{report.status.value} ({report.message}, step {self.step})"
                self.stop(self.message)
            if self.budget is not None and self.elapsed >= self.budget:
                self.stop(f"the budget of {self.budget:g} s is used up")
            ended = report.status in (Status.CONVERGED, Status.STALLED)
            done = ended or self.phase_step >= phase.steps
            self.last_step = bool(self._stop) or (done and self.phase_index + 1 == len(self.phases))
            self._after_step(phase, report, done)
            if ended:
                outcome = f"{report.status.name.lower()}: {report.message}"
                break
        self._restore_points()
        self.phase_times.append(
            {
                "name": phase.label,
                "first": self.step - self.phase_step,
                "last": self.step,
                "seconds": time.perf_counter() - started,
                "status": outcome or ("stopped" if self._stop else "finished"),
            }
        )
        for callback in self.callbacks:
            callback.on_phase_end(self)
        if outcome or self.phase_step >= phase.steps:  # else a resume goes on with this phase
            self.phase_index += 1
            self.phase_step, self.stepper = 0, None

    def _after_step(self, phase: Phase, report: StepReport, done: bool) -> None:
        self._observe(report)
        record: dict[str, Any] = {}
        logged = self.step == 1 or done or self.last_step or self.step % self.log_every == 0
        if logged or report.status is not Status.OK or self._read_now():
            record = self._record(phase, report)
        # Only into a record that is kept: the statistics begin anew with every entry.
        if logged and (conflicts := self.conflicts.summary(self.step, last=self.last_step)):
            record["conflicts"] = conflicts | self._made_by()
        if record and (loss := self.declared_loss(record)) < self.best["loss"]:
            self.best = {"loss": loss, "step": self.step}
        for callback in self.callbacks:
            callback.on_step(self, record)
        if record and (logged or "errors" in record or report.status is not Status.OK):
            self.records.append(record)
            if self._log is not None:
                self._log.write(**record)
            if self._progress is not None:
                self._progress.update(self.step, record)
        if self._checkpoints is not None and self.step % self.checkpoint_every == 0:
            self.save_checkpoint()

    def _observe(self, report: StepReport) -> None:
        """Take in how the gradients of the terms lie; where no step needs them, now and then."""
        objective, stepper = self.objective, self.stepper
        if report.status is Status.NON_FINITE or len(objective.names) < 2 or objective.recorded:
            return
        if report.gramian is None and self._looks(self.step) and stepper and stepper.summed:
            gramian = objective.gramian()
            report = replace(report, gramian=gramian, coefficients=torch.ones_like(gramian[0]))
        self.conflicts.observe(report)

    def _made_by(self) -> dict[str, Any]:
        """What makes the direction of a step, whether weights turn it, and whether others could."""
        summed = self.aggregator is None or self.stepper is None or self.stepper.summed
        maker = Sum() if summed else self.aggregator
        return {
            "aggregator": getattr(maker, "__name__", type(maker).__name__),
            "heeds_weights": getattr(maker, "heeds_weights", False),
            "eager": self.objective.compiled is None,
        }

    def _looks(self, step: int) -> bool:
        """Whether a step finds out how the gradients lie, and how far off estimates are."""
        return step % self.look_every == 1

    def _read_now(self) -> bool:
        """Whether a callback reads the numbers of this step."""
        if not self.objective.recorded:
            return bool(self.callbacks)
        return any(callback.reads(self) for callback in self.callbacks)

    def _record(self, phase: Phase, report: StepReport) -> dict[str, Any]:
        names, objective = self.objective.names, self.objective
        record: dict[str, Any] = {
            "step": self.step,
            "phase": phase.label,
            "time": round(self.elapsed, 4),
            "loss": float(report.loss),
            "terms": dict(zip(names, report.mean_squares.tolist(), strict=True)),
            "weights": dict(objective.weights),
        }
        if report.rate is not None:
            record["lr"] = report.rate
        if objective.random and (self.last_step or self._looks(self.step)):
            record["deviations"] = objective.estimate_deviations()
        if len(objective.state.unknowns):
            record["unknowns"] = objective.state.unknown_values()
        if report.status is not Status.OK:
            record["status"] = report.status.name.lower()
            record["message"] = report.message
        if self.step == 1 and self.warnings:
            record["warnings"] = list(self.warnings)
        if self.weights.messages:
            record["weighting"] = self.weights.messages
        return record

    def declared_loss(self, record: Mapping[str, Any]) -> float:
        """The loss of a record, with the weights of the declaration.

        Where weights follow the training, losses of different steps can be compared only so.
        """
        if not self.weights.weightings:
            return record["loss"]
        fixed = self.weights.fixed
        return 0.5 * sum(fixed[name] * square for name, square in record["terms"].items())

    def _take_batch(self, size: int) -> None:
        if self._full_points is None:
            self._full_points = dict(self.objective.points)
        self.objective.set_points(subset(self._full_points, size, self.rng))

    def _restore_points(self) -> None:
        if self._full_points is not None:
            self.objective.set_points(self._full_points)
            self._full_points = None

    # --- checkpoints -------------------------------------------------------------------------
    def save_checkpoint(self) -> None:
        """Write everything that the next step depends on."""
        assert self._checkpoints is not None
        points = self.points
        state = {
            "step": self.step,
            "terms": {term.name: term.text for term in self.objective.terms_},
            "phases": [_text(phase) for phase in self.phases],
            "phase_index": self.phase_index,
            "phase_step": self.phase_step,
            "module": dict(self.objective.state.state_dict()),
            "stepper": self.stepper.state_dict() if self.stepper else None,
            "points": [_pack(points[p]) for p in self.assembly.placements],
            "in_batches": self._full_points is not None,
            "batch_number": self.objective.batch_number,
            "draws": self.objective.draws,
            "points_rng": self.assembly.rng.bit_generator.state,
            "batch_rng": self.rng.bit_generator.state,
            "weights": dict(self.objective.weights),
            "weighting": self.weights.state_dict(),
            "conflicts": self.conflicts.state_dict(),
            "best": self.best,
            "phase_times": self.phase_times,
            "elapsed": self.elapsed,
            "callbacks": [callback.state_dict() for callback in self.callbacks],
        }
        self._checkpoints.save(self.step, state)

    def restore(self) -> None:
        """Take up the latest checkpoint of the run folder.

        Raises:
            CheckpointError: If there is none, or it belongs to another declaration.
        """
        found = self._checkpoints.latest() if self._checkpoints is not None else None
        if found is None:
            raise CheckpointError(
                f"'{self.folder}' holds no checkpoint to go on from",
                expected="a run folder with checkpoints",
                got="none",
                do="start the run anew in another folder",
            )
        _, state = found
        module = self.objective.state
        own, saved = module.state_dict(), state["module"]
        if {k: v.shape for k, v in own.items()} != {k: v.shape for k, v in saved.items()}:
            raise CheckpointError(
                "The checkpoint belongs to another surrogate or other unknowns",
                expected=", ".join(f"{k} {tuple(v.shape)}" for k, v in own.items()),
                got=", ".join(f"{k} {tuple(v.shape)}" for k, v in saved.items()),
                do="resume with the declaration that started the run",
            )
        self._refuse_other_run(state)
        module.load_state_dict(saved)
        self.step, self.phase_step = state["step"], state["phase_step"]
        self.phase_index = state["phase_index"]
        self.best, self.elapsed = state["best"], state["elapsed"]
        self.phase_times = list(state["phase_times"])
        self.assembly.rng.bit_generator.state = state["points_rng"]
        self.rng.bit_generator.state = state["batch_rng"]
        like = self.objective.points
        self.objective.set_points(
            {
                placement: _unpack(packed, like[placement])
                for placement, packed in zip(self.assembly.placements, state["points"], strict=True)
            }
        )
        if state.get("in_batches"):  # the end of the phase puts them all back
            self._full_points = dict(self.objective.points)
        self.objective.batch_number = state["batch_number"]
        self.objective.redraw(state["draws"])
        self.objective.weights.update(state["weights"])
        self.weights.load_state_dict(state["weighting"])
        self.conflicts.load_state_dict(state["conflicts"])
        if state["stepper"] is not None and self.phase_index < len(self.phases):
            stepper = self.phases[self.phase_index].start(self.objective, self.aggregator)
            stepper.load_state_dict(state["stepper"])
            self.stepper = stepper
        for callback, own_state in zip(self.callbacks, state["callbacks"], strict=True):
            callback.load_state_dict(own_state)
        if self.folder is not None and (self.folder / "log.jsonl").exists():
            self.records = [
                line
                for line in read_log(self.folder / "log.jsonl")
                if line.get("step", 0) <= self.step
            ]

    def _refuse_other_run(self, state: Mapping[str, Any]) -> None:
        """Refuse a checkpoint of other terms, phases or callbacks."""
        # Between two phases the objective is still that of the first one.
        trained = state["phase_index"] - (state["stepper"] is None)
        if 0 <= trained < len(self.phases):
            self.staging.take_up(trained)
        terms = {term.name: term.text for term in self.objective.terms_}
        if state["terms"] != terms or len(state["points"]) != len(self.assembly.placements):
            raise CheckpointError(
                "The checkpoint belongs to other equations or conditions",
                expected="; ".join(f"{k}: {v}" for k, v in terms.items()),
                got="; ".join(f"{k}: {v}" for k, v in state["terms"].items()),
                do="resume with the declaration that started the run",
            )
        phases = [_text(phase) for phase in self.phases]
        if phases[: len(state["phases"])] != list(state["phases"]):
            raise CheckpointError(
                "The checkpoint belongs to a run of other phases",
                expected=", ".join(state["phases"]),
                got=", ".join(phases),
                do="resume with the phases that started the run; append further ones to go on",
            )
        if len(state["callbacks"]) != len(self.callbacks):
            raise CheckpointError(
                "The checkpoint belongs to a run with other callbacks",
                expected=f"{len(state['callbacks'])} callbacks",
                got=f"{len(self.callbacks)}: "
                + ", ".join(type(c).__name__ for c in self.callbacks),
                do="resume with the callbacks that started the run, in the same order",
            )


def check_weightings(
    weightings: Sequence[Weighting],
    phases: Sequence[Phase],
    steppers: Sequence[Stepper],
    callbacks: Sequence[Callback],
    objective: Objective,
) -> None:
    """Refuse weights that cannot follow the training, or that lose their points before they do.

    A rule learns of a point when the term of the point is differentiated. Until every term had its
    turn the points must stay.

    Args:
        weightings: The rules.
        phases: That may draw points.
        steppers: Of these phases.
        callbacks: That may draw points as well.
        objective: What is trained.

    Raises:
        DeclarationError: With what to do instead.
    """
    if weightings and (objective.compiled is not None or objective.recorded):
        raise DeclarationError(
            "Weights that follow the training are not part of a compiled or recorded step",
            expected="execution='eager'",
            got=", ".join(type(weighting).__name__ for weighting in weightings),
            do="leave `execution` out, or use fixed weights",
        )
    rules = [type(weighting).__name__ for weighting in weightings if weighting.per_point]
    if not rules:
        return
    always = [(c.every, f"Resample({c.every})") for c in callbacks if isinstance(c, Resample)]
    for phase, stepper in zip(phases, steppers, strict=True):
        changes = 1 if phase.batch else phase.resample
        for every, text in [*([(changes, _text(phase))] if changes else []), *always]:
            if every <= stepper.turns:
                raise _points_go(rules[0], every, stepper.turns, text)


def _points_go(rule: str, every: int, turns: int, text: str) -> DeclarationError:
    """What to say of points that change too often, and of the phase or callback that does it."""
    learns = f", and learns of them every {turns} steps here, some terms at a time"
    instead = ", or an aggregator that differentiates all terms in every step"
    return DeclarationError(
        f"{rule} weighs single points, which must stay for a while" + (learns if turns > 1 else ""),
        expected="phases without `batch`, and `resample`, or the callback Resample, with more "
        f"steps than {turns}",
        got=text,
        do="use all points in every step and draw them less often, or use another weighting"
        + (instead if every > 1 else ""),
    )


def _text(phase: Phase) -> str:
    """A phase in words, without the addresses of objects that cannot print themselves."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(phase))


def _pack(points: Points) -> dict[str, Any]:
    packed: dict[str, Any] = {
        "x": points.x,
        "normals": points.normals,
        "weights": points.weights,
        "tag": points.tag,
    }
    if isinstance(points, DataPoints):
        packed["targets"] = dict(points.targets or {})
    return packed


def _unpack(packed: Mapping[str, Any], like: Points) -> Points:
    parts: dict[str, Any] = {
        k: packed[k].to(like.x) if packed[k] is not None else None
        for k in ("x", "normals", "weights")
    }
    if "targets" in packed:
        parts["targets"] = {k: v.to(like.x) for k, v in packed["targets"].items()}
    return replace(like, tag=packed["tag"], **parts)
