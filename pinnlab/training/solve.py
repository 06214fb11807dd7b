"""From a declaration to a solution in one call."""

import dataclasses
import inspect
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pinnlab.aggregation.base import Aggregator
from pinnlab.aggregation.conflict_free import ConflictFree
from pinnlab.aggregation.sum import Sum
from pinnlab.calculus.estimators import Estimator, Exact, estimator_of
from pinnlab.conditions.base import check_weight
from pinnlab.errors import CheckpointError, DeclarationError, nearest
from pinnlab.objective.execution import Execution
from pinnlab.optim.base import Phase
from pinnlab.optim.first_order import Adam
from pinnlab.optim.lbfgs import LBFGS
from pinnlab.optim.least_squares import LeastSquares
from pinnlab.optim.schedules import Exponential, Linear
from pinnlab.optim.stage import March, innermost
from pinnlab.problems.assemble import PointBudget, assemble
from pinnlab.problems.bias import biases
from pinnlab.problems.problem import Problem
from pinnlab.surrogates import MLP, TimeMarching
from pinnlab.surrogates.base import Specification
from pinnlab.training.callbacks import Callback, Evaluate
from pinnlab.training.run_numbers import metrics_of, write_head
from pinnlab.training.solution import Solution
from pinnlab.training.trainer import Trainer
from pinnlab.weighting.base import Weighting

logger = logging.getLogger(__name__)

DTYPES = {"float32": torch.float32, "float64": torch.float64}


def solve(
    problem: Problem,
    surrogate: Specification | nn.Module | None = None,
    *,
    points: PointBudget | Mapping[str, Any] | None = None,
    gradients: Aggregator | None = None,
    weights: Mapping[str, float]
    | Weighting
    | Sequence[Mapping[str, float] | Weighting]
    | None = None,
    derivatives: Estimator | Mapping[str, Estimator] | None = None,
    phases: Sequence[Phase] | Phase | None = None,
    callbacks: Sequence[Callback] | Callback | None = None,
    scales: Mapping[str, float] | str | None = "auto",
    seed: int = 0,
    dtype: str | torch.dtype | None = None,
    device: str | torch.device = "auto",
    execution: Execution = "eager",
    budget: float | None = None,
    out: str | Path | None = None,
    checkpoint_every: int = 1000,
    progress: bool = True,
    resume: bool = False,
    config_text: str | None = None,
    resolved_text: str | None = None,
) -> Solution:
    """Solve a problem; every choice has a default, and the report says which was taken.

    Args:
        problem: What to solve.
        surrogate: ``MLP(64, 4)`` by default; any specification, or a module from points ``(n, d)``
            to fields ``(n, c)``.
        points: Numbers of points: ``PointBudget(interior=4000, boundary=400, sampler="sobol")``.
        gradients: How the gradients of the terms become one direction: ``Sum()``, ``ConFIG()``, ...
            By default ``ConflictFree()``, and ``Sum()`` where a rule weighs the terms, derivatives
            are estimated, or steps compiled or recorded.
        weights: Factor on the mean square of terms by name, a rule by which weights follow the
            training such as ``ReLoBRaLo()``, or a list of both, which multiply.
        derivatives: How operators over a vector coordinate are obtained: ``Exact()`` by default,
            ``STDE(samples=16)`` from random directions, or one for each operator:
            ``{"laplacian": STDE(16), "squared_gradient": Exact()}``.
        phases: Stretches of training: by default Adam with a decaying rate, then L-BFGS; one
            least-squares solve where surrogate and equations are linear.
        callbacks: Called between steps; by default errors are evaluated if there is a reference.
        scales: Size of every field by name, ``"auto"`` to read it off the data or, without data,
            to find it from the equations, None for 1.
        seed: Determines weights, points and batches.
        dtype: ``"float32"`` or ``"float64"``; by default float64 where a phase needs it.
        device: ``"cpu"``, ``"cuda"``, or ``"auto"`` for a GPU if there is one.
        execution: ``"eager"``, operation by operation; ``"compiled"``, loss and gradient as one
            function made by the compiler of torch; ``"graph"``, whole steps of Adam recorded and
            replayed on a GPU; or ``"compiled_graph"``. Results agree to rounding. On a processor
            compiling pays for small networks and estimated derivatives; wide networks and exact
            Laplacians of a hundred coordinates are faster without.
        budget: Most seconds of training.
        out: Run folder for log, checkpoints, pictures, solution and report.
        checkpoint_every: Steps between checkpoints.
        progress: Show a progress line.
        resume: Go on from the latest checkpoint in ``out``.
        config_text: Configuration as it was given, to be kept in the run folder.
        resolved_text: Configuration with every default filled in, likewise.

    Returns:
        The solution.

    Raises:
        DeclarationError: If the parts do not fit together.
        CheckpointError: If ``out`` holds another run and ``resume`` is not set.
    """
    given = {name for name, value in locals().items() if value is not DEFAULTS.get(name)}
    folder = _folder(out, resume)
    trainer, settings = prepared(
        problem,
        surrogate,
        points=points,
        gradients=gradients,
        weights=weights,
        derivatives=derivatives,
        phases=phases,
        callbacks=callbacks,
        scales=scales,
        seed=seed,
        dtype=dtype,
        device=device,
        execution=execution,
        budget=budget,
        folder=folder,
        checkpoint_every=checkpoint_every,
        progress=progress,
    )
    objective = trainer.objective
    defaults = [name for name in settings if name in DEFAULTS and name not in given]
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        write_head(folder, settings, config_text, resolved_text)
    if resume:
        trainer.restore()
    trainer.run()
    if objective.fallbacks:
        settings["execution"] = "; ".join([execution, *objective.fallbacks])
    solution = trainer.solution()
    solution.settings = settings | {"defaults": defaults, "resolved": resolved_text or ""}
    solution.metrics = metrics_of(trainer, solution)
    if folder is not None:
        from pinnlab.training.run_report import write_run

        write_run(trainer, solution, folder)
    return solution


def prepared(  # noqa: D417 - the others are those of solve
    problem: Problem,
    surrogate: Specification | nn.Module | None = None,
    *,
    points: PointBudget | Mapping[str, Any] | None = None,
    gradients: Aggregator | None = None,
    weights: Any = None,
    derivatives: Estimator | Mapping[str, Estimator] | None = None,
    phases: Sequence[Phase] | Phase | None = None,
    callbacks: Sequence[Callback] | Callback | None = None,
    scales: Mapping[str, float] | str | None = "auto",
    seed: int = 0,
    dtype: str | torch.dtype | None = None,
    device: str | torch.device = "auto",
    execution: Execution = "eager",
    budget: float | None = None,
    folder: Path | None = None,
    checkpoint_every: int = 1000,
    progress: bool = True,
) -> tuple[Trainer, dict[str, Any]]:
    """What :func:`solve` trains with, made and checked but for the training itself.

    Whatever a run refuses it refuses here, where nothing has been written yet; ``pinnlab check``
    ends with it.

    Args:
        problem: As in :func:`solve`, and so is everything that is not named here.
        folder: Run folder, or None; it need not be there.

    Returns:
        The trainer, and every setting with the defaults filled in.

    Raises:
        DeclarationError: If the parts do not fit together.
    """
    check_arguments(
        problem,
        points=points,
        gradients=gradients,
        weights=weights,
        phases=phases,
        callbacks=callbacks,
        seed=seed,
    )
    fixed, weightings = split_weights(weights)
    estimator = estimator_of(derivatives)
    surrogate = surrogate if surrogate is not None else MLP()
    linear = isinstance(surrogate, Specification) and surrogate.linear
    if phases is None:
        moved = any(callback.resamples for callback in _listed(callbacks))
        phases = (
            [LeastSquares()]
            if linear
            else default_phases(estimator, random=problem.random, resample=not moved)
        )
        phases = [March(phases)] if isinstance(surrogate, TimeMarching) else phases
    phases = [phases] if isinstance(phases, Phase) else list(phases)
    budgeted = points if isinstance(points, PointBudget) else PointBudget(**(points or {}))
    precision = _dtype(dtype, phases)
    where = _device(device)
    if callbacks is None:
        callbacks = [Evaluate()] if problem.reference is not None else []
    callbacks = _listed(callbacks)
    assembly = assemble(
        problem,
        surrogate,
        budget=budgeted,
        weights=fixed,
        derivatives=estimator,
        scales=scales,
        seed=seed,
        dtype=precision,
        device=where,
    )
    check_aggregated(execution, gradients)
    if gradients is None:
        gradients = default_gradients(execution, weightings, estimator, random=problem.random)
    assembly.objective.execute(execution)
    warnings = [str(bias) for bias in biases(problem, assembly.objective.frozen.demands)]
    for warning in warnings:
        logger.warning("%s", warning)
    settings = {
        "surrogate": repr(surrogate)
        if isinstance(surrogate, Specification)
        else type(surrogate).__name__,
        "parameters": sum(p.numel() for p in assembly.objective.parameters),
        "points": {
            "interior": budgeted.interior,
            "boundary": budgeted.boundary,
            "sampler": problem.domain.sampler_for(budgeted.sampler),
        },
        "gradients": repr(gradients),
        "weights": dict(assembly.objective.weights),
        "weightings": [repr(weighting) for weighting in weightings],
        "derivatives": repr(derivatives or estimator),
        "phases": [repr(phase) for phase in phases],
        "scales": scales if isinstance(scales, (str, type(None))) else dict(scales),
        "sizes": _sizes(assembly.objective.state.surrogate, problem),
        "seed": seed,
        "dtype": str(precision).removeprefix("torch."),
        "device": str(where),
        "execution": execution,
        "budget": budget,
    }
    trainer = Trainer(
        assembly,
        phases,
        aggregator=gradients,
        weightings=weightings,
        callbacks=callbacks,
        folder=folder,
        checkpoint_every=checkpoint_every,
        budget=budget,
        progress=progress,
        seed=seed,
        warnings=warnings,
    )
    # Whatever cannot be evaluated is told here, before anything is written.
    with torch.no_grad():
        assembly.objective.terms()
    assembly.objective.evaluations = 0
    return trainer, settings


def _sizes(surrogate: nn.Module, problem: Problem) -> dict[str, float]:
    """The size of every field that the surrogate is scaled to."""
    scale = getattr(surrogate, "output_scale", None)
    if not isinstance(scale, torch.Tensor):
        return {}
    return dict(zip(problem.fields, scale.tolist(), strict=True))


DEFAULTS = {
    name: parameter.default
    for name, parameter in inspect.signature(solve).parameters.items()
    if parameter.default is not parameter.empty
}


def check_arguments(
    problem: Any,
    *,
    points: Any = None,
    gradients: Any = None,
    weights: Any = None,
    phases: Any = None,
    callbacks: Any = None,
    seed: Any = 0,
    **_: Any,
) -> None:
    """Refuse arguments of :func:`solve` that are of the wrong kind, before anything is built.

    Raises:
        DeclarationError: With what was expected and what came.
    """
    if not isinstance(problem, Problem):
        raise DeclarationError(
            "There is no problem to solve",
            expected="pinnlab.Problem(...)",
            got=repr(problem),
            do="declare the problem first; `pinnlab run` takes files",
        )
    if isinstance(points, Mapping):
        known = [field.name for field in dataclasses.fields(PointBudget)]
        for name in points:
            if name not in known:
                raise DeclarationError(
                    f"There are no points '{name}'",
                    expected=", ".join(known),
                    got=name,
                    do=nearest(name, known) or "set `points` of the equation or condition itself",
                )
    elif points is not None and not isinstance(points, PointBudget):
        raise DeclarationError(
            "The numbers of points have no names",
            expected="points={'interior': 4000, 'boundary': 400}",
            got=repr(points),
            do="say which points",
        )
    if gradients is not None and (isinstance(gradients, type) or not callable(gradients)):
        raise DeclarationError(
            "`gradients` is no aggregator",
            expected="e.g. ConFIG() or Sum(), an object that maps (m, p) to (p,)",
            got=repr(gradients),
            do="make one: gradients=ConFIG()",
        )
    split_weights(weights)
    _check_all("phases", phases, Phase, "a phase such as Adam(2000) or LBFGS(500)")
    _check_all("callbacks", callbacks, Callback, "a callback such as Evaluate(every=100)")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise DeclarationError(
            f"The seed is {seed!r}",
            expected="a whole number of at least 0",
            got=repr(seed),
            do="use e.g. seed=0",
        )


def split_weights(weights: Any) -> tuple[dict[str, float], tuple[Weighting, ...]]:
    """The fixed factors by term, and the rules, of the argument ``weights`` of :func:`solve`.

    Raises:
        DeclarationError: If it holds anything else.
    """
    parts = weights if isinstance(weights, (list, tuple)) else [weights]
    fixed: dict[str, float] = {}
    rules: list[Weighting] = []
    for part in parts:
        if isinstance(part, Weighting):
            rules.append(part)
        elif isinstance(part, Mapping):
            for name, factor in part.items():
                check_weight(f"term '{name}'", factor)
                fixed[name] = fixed.get(name, 1.0) * factor
        elif part is not None or len(parts) > 1:
            raise DeclarationError(
                "The weights have no names",
                expected="weights={'term': 10.0}, a weighting such as ReLoBRaLo(), or a list",
                got=repr(part),
                do="name the equations and conditions that they belong to",
            )
    return fixed, tuple(rules)


def _check_all(name: str, given: Any, kind: type, expected: str) -> None:
    if given is None or isinstance(given, kind):
        return
    parts = given if isinstance(given, (list, tuple)) else [given]
    for part in parts:
        if not isinstance(part, kind):
            raise DeclarationError(
                f"`{name}` holds something that is no {kind.__name__.lower()}",
                expected=expected,
                got=repr(part),
                do=f"give a list: {name}=[...]",
            )


def default_gradients(
    execution: str,
    weightings: Sequence[Weighting] = (),
    estimator: Estimator | None = None,
    *,
    random: bool = False,
) -> Aggregator:
    """What :func:`solve` makes of the gradients of the terms where nothing is said.

    A rule that weighs the terms was made for their sum. Along random directions the gradients of
    single terms are hardly known; and of a first layer for a million coordinates one gradient is
    enough to keep.

    Args:
        execution: As in :func:`solve`.
        weightings: Rules by which weights follow the training.
        estimator: How derivatives over vector coordinates are obtained.
        random: Whether a condition draws random directions by itself.
    """
    estimated = random or not isinstance(estimator, Exact | None)
    if execution != "eager" or weightings or estimated:
        return Sum()
    return ConflictFree()


def check_aggregated(execution: str, gradients: Aggregator | None) -> None:
    """Refuse to compile or record what needs the gradient of every term.

    Raises:
        DeclarationError: With what to do instead.
    """
    if execution != "eager" and not isinstance(gradients, Sum | None):
        raise DeclarationError(
            f"execution='{execution}' knows the gradient of the whole loss only",
            expected="gradients=Sum()",
            got=repr(gradients),
            do="leave `execution` or `gradients` out",
        )


def _listed(callbacks: Sequence[Callback] | Callback | None) -> Sequence[Callback]:
    """The callbacks as a sequence."""
    return [callbacks] if isinstance(callbacks, Callback) else callbacks or []


def default_phases(
    estimator: Estimator | None = None, *, random: bool = False, resample: bool = True
) -> list[Phase]:
    """Adam with a decaying rate to find the basin, L-BFGS to go down in it.

    With estimated derivatives Adam alone, on new points in every step.

    Args:
        estimator: How derivatives over vector coordinates are obtained.
        random: Whether a condition draws random directions by itself.
        resample: Whether the phases draw new points; not if a callback does.
    """

    def every(steps: int) -> int | None:
        return steps if resample else None

    if random or not isinstance(estimator, Exact | None):
        return [Adam(10_000, lr=1e-3, schedule=Linear(), resample=every(1))]
    return [
        Adam(4000, lr=2e-3, schedule=Exponential(rate=0.5, every=1000), resample=every(1000)),
        LBFGS(2000, resample=every(500)),
    ]


def _dtype(dtype: str | torch.dtype | None, phases: Sequence[Phase]) -> torch.dtype:
    if dtype is None:
        second = any(isinstance(phase, (LBFGS, LeastSquares)) for phase in innermost(phases))
        return torch.float64 if second else torch.float32
    if isinstance(dtype, torch.dtype) and dtype in DTYPES.values():
        return dtype
    if dtype not in DTYPES:
        raise DeclarationError(
            f"There is no precision '{dtype}'",
            expected=", ".join(DTYPES),
            got=dtype,
            do="use float32 for first-order phases, float64 for the last digits",
        )
    return DTYPES[str(dtype)]


def _device(device: str | torch.device) -> torch.device:
    if str(device) == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        where = torch.device(device)
    except RuntimeError:
        raise DeclarationError(
            f"There is no device '{device}'",
            expected="auto, cpu, cuda, cuda:0, ...",
            got=device,
            do="use device='auto'",
        ) from None
    if where.type == "cuda" and not torch.cuda.is_available():
        raise DeclarationError(
            "There is no CUDA device on this machine",
            expected="device='cpu' or 'auto'",
            got=device,
            do="use device='auto'",
        )
    return where


def _folder(out: str | Path | None, resume: bool) -> Path | None:
    if out is None:
        if resume:
            raise DeclarationError(
                "There is nothing to resume without a run folder",
                expected="out='runs/name'",
                got=None,
                do="give the folder of the run",
            )
        return None
    folder = Path(out)
    if not resume and folder.exists() and (folder.is_file() or any(folder.iterdir())):
        raise CheckpointError(
            f"'{folder}' exists already and is not empty",
            expected="a new folder",
            got="files of an earlier run",
            do="choose another folder, or go on with it: resume=True, or `pinnlab resume`",
        )
    if resume and not folder.is_dir():
        raise CheckpointError(
            f"'{folder}' is no run folder",
            expected="a folder that an earlier run wrote",
            got="nothing there",
            do="check the path",
        )
    return folder
