"""One training run of :mod:`conflict_free`: which problems, which methods, how they are trained."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

import pinnlab as pl
from pinnlab import aggregation, weighting
from pinnlab.aggregation.base import Aggregator
from pinnlab.metrics import pinnacle_l2
from pinnlab.objective.objective import Objective
from pinnlab.optim.base import Stepper, StepReport
from pinnlab.problems.assemble import PointBudget, assemble
from pinnlab.sampling.points import Points
from pinnlab.surrogates.base import LayerFactory

DATA = Path(__file__).parents[1] / "configs" / "data"
WARM_UP, TIMED = 15, 48  # steps of one measurement of speed
LONG = 5000  # steps of the run that it is cut from


# --- problems -----------------------------------------------------------------------------------
def four_holes(scale: float) -> pl.Problem:
    """Laplace's equation around four holes, in a domain that is ``scale`` times as large."""
    s = scale
    domain = pl.Box(x=(-s / 2, s / 2), y=(-s / 2, s / 2), name="outer")
    names = []
    for x in (-0.3, 0.3):
        for y in (-0.3, 0.3):
            names.append(f"hole{len(names)}")
            domain = domain - pl.Disk(center=(x * s, y * s), radius=0.1 * s, name=names[-1])
    one = pl.Reference.load(DATA / "poisson1_cg_data.dat", ["x", "y"], ["u"])
    return pl.Problem(
        domain=domain,
        fields=["u"],
        equations={"laplace": "laplacian(u)"},
        conditions={"outer": pl.Dirichlet(u=1, on="outer"), "holes": pl.Dirichlet(u=0, on=names)},
        reference=pl.Reference(("x", "y"), one.points * s, one.fields, source="COMSOL"),
    )


@dataclass(frozen=True)
class Case:
    """A problem with its settings.

    Args:
        make: Declares it.
        interior: Points of the equations, drawn anew in every step.
        boundary: Points of each condition, likewise.
        scale_inputs: Whether the network maps the domain to [-1, 1].
        steps: Fixed number of steps; None for as many as the budget allows.
        lr: Learning rate at the beginning.
        final: Share of it at the end.
        lrs: Other rates by method.
        bias: All biases at the start.
        two_losses: Take all conditions as one term, their mean.
    """

    make: Callable[[], pl.Problem]
    interior: int = 500
    boundary: int = 50
    scale_inputs: bool = False
    steps: int | None = None
    lr: float = 1e-3
    final: float = 0.1
    lrs: dict[str, float] = field(default_factory=dict)
    bias: float = 0.0
    two_losses: bool = False


CASES = {
    "burgers": Case(pl.conflict_free.burgers),
    "schrodinger": Case(pl.conflict_free.schrodinger),
    # Up to the moment of focus: the whole beat takes longer than the other problems.
    "schrodinger half": Case(lambda: pl.conflict_free.schrodinger(end=math.pi / 4)),
    "kovasznay": Case(pl.conflict_free.kovasznay),
    "beltrami": Case(pl.conflict_free.beltrami, boundary=100),
    # The published example, and the published test of Burgers' equation, as they are.
    "example": Case(
        pl.conflict_free.burgers,
        interior=2000,
        steps=5000,
        lr=1e-4,
        final=1.0,
        lrs={"MConFIG": 5e-4},
        bias=1e-3,
    ),
    "burgers full": Case(
        pl.conflict_free.burgers,
        interior=10_000,
        boundary=250,
        steps=30_000,
        bias=1e-3,
        two_losses=True,
    ),
    **{
        f"holes x{s}": Case(lambda s=s: four_holes(s), boundary=200, scale_inputs=True)
        for s in (1, 4, 16)
    },
}


@cache
def problem_of(case: str) -> pl.Problem:
    """The problem of a case, with its reference."""
    return CASES[case].make()


@dataclass(frozen=True, repr=False)
class BiasedMLP(pl.MLP):
    """A network whose biases all start from one number.

    Args:
        bias: That number.
    """

    bias: float = 0.0

    def body(self, d_in: int, d_out: int, make: LayerFactory) -> torch.nn.Module:
        """See :meth:`pinnlab.MLP.body`."""
        body = super().body(d_in, d_out, make)
        for layer in body.modules():
            if isinstance(layer, torch.nn.Linear):
                torch.nn.init.constant_(layer.bias, self.bias)
        return body


def network_of(case: str) -> BiasedMLP:
    """The network of a case."""
    settings = CASES[case]
    return BiasedMLP(width=50, depth=5, scale_inputs=settings.scale_inputs, bias=settings.bias)


# --- methods ------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Method:
    """How gradients or weights are chosen.

    Args:
        aggregator: Class name.
        weighting: Class name of what weighs the terms of a plain sum instead, or None.
        options: Arguments of the class.
        betas: Of the moments.
    """

    aggregator: str = "Sum"
    weighting: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    betas: tuple[float, float] = (0.9, 0.999)

    def arguments(self, problem: pl.Problem, two_losses: bool = False) -> dict[str, Any]:
        """The arguments of ``pinnlab.solve``."""
        if two_losses:
            conditions = list(problem.conditions)
            groups = [list(problem.equations), conditions]
            how = self.arguments(problem)["gradients"]
            if not isinstance(how, aggregation.Sum):
                how = pl.ConflictFree(how, groups=groups)
            return {"gradients": how, "weights": dict.fromkeys(conditions, 1 / len(conditions))}
        if self.weighting:
            rule = getattr(weighting, self.weighting)(**self.options)
            return {"weights": rule, "gradients": aggregation.Sum()}
        options = self.options
        if self.aggregator == "MultiAdam":  # equations and conditions, as published
            options = {"groups": [list(problem.equations), list(problem.conditions)]}
        elif self.aggregator == "Bloop":
            options = {"main": list(problem.equations)}
        return {"gradients": getattr(aggregation, self.aggregator)(**options)}


METHODS = {
    "Sum": Method(),
    # weights
    "ReLoBRaLo": Method(weighting="ReLoBRaLo"),
    "SelfAdaptive": Method(  # their MinMax
        weighting="SelfAdaptive", options={"per": "term", "exponent": 1.0, "lr": 1e-3}
    ),
    "LRA": Method(weighting="LRA"),
    "GradNorm": Method(weighting="GradNorm", options={"every": 100}),
    # directions
    "PCGrad": Method("PCGrad"),
    "GradVac": Method("GradVac"),
    "GradDrop": Method("GradDrop"),
    "IMTLG": Method("IMTLG"),
    "MGDA": Method("MGDA"),
    "CAGrad": Method("CAGrad"),
    "NashMTL": Method("NashMTL"),
    "AlignedMTL": Method("AlignedMTL"),
    "DualProj": Method("DualProj"),
    "UPGrad": Method("UPGrad"),
    "Bloop": Method("Bloop"),
    "SparseTraining": Method(
        "SparseTraining", options={"share": 0.5, "aggregator": aggregation.ConFIG()}
    ),
    "ConflictFree": Method("ConflictFree"),
    "MultiAdam": Method("MultiAdam", betas=(0.99, 0.99)),
    "ConFIG": Method("ConFIG"),
    "MConFIG": Method("MConFIG"),
}


# --- runs ---------------------------------------------------------------------------------------
class Measured(Exception):
    """Ends a run whose speed is known."""


class TimedStepper(Stepper):
    """A stepper with a watch.

    Args:
        inner: Takes the steps.
    """

    def __init__(self, inner: Stepper) -> None:
        self.inner, self.taken, self.began = inner, 0, 0.0

    def step(self, objective: Objective) -> StepReport:
        """See :meth:`Stepper.step`."""
        if self.taken == WARM_UP:
            self.began = time.process_time()
        if self.taken == WARM_UP + TIMED:
            raise Measured(time.process_time() - self.began)
        self.taken += 1
        return self.inner.step(objective)

    def state_dict(self) -> dict[str, Any]:
        """See :meth:`Stepper.state_dict`."""
        return self.inner.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :meth:`Stepper.load_state_dict`."""
        self.inner.load_state_dict(state)


class TimedAdam(pl.Adam):
    """Adam that ends after some steps by saying how long they took.

    A run that is as short as a measurement would look at itself more often than a long one, and
    one with a callback does so in every step.
    """

    def start(self, objective: Objective, aggregator: Aggregator | None) -> Stepper:
        """See :meth:`Phase.start`."""
        return TimedStepper(super().start(objective, aggregator))


class Best(pl.Callback):
    """The least mean squared errors so far, as the published example reports them.

    Args:
        look: The errors of a solution by name.
        every: Steps between two looks.

    Attributes:
        least: By the names of ``look``, with ``best_`` before them.
        seconds: Processor time of all looks.
    """

    def __init__(self, look: Callable[[pl.Solution], dict[str, float]], every: int) -> None:
        self.look, self.every = look, every
        self.least: dict[str, float] = {}
        self.seconds = 0.0

    def reads(self, trainer: Any) -> bool:
        """See :class:`pinnlab.Callback`."""
        return trainer.step % self.every == 0

    def on_step(self, trainer: Any, record: dict[str, Any]) -> None:
        """See :class:`pinnlab.Callback`."""
        if trainer.step % self.every == 0:
            began = time.process_time()
            for name, value in self.look(trainer.solution()).items():
                self.least[f"best_{name}"] = min(value, self.least.get(f"best_{name}", math.inf))
            self.seconds += time.process_time() - began


def solve(
    case: str,
    method: str,
    steps: int,
    seed: int,
    callbacks: Sequence[pl.Callback] = (),
    phase: type[pl.Adam] = pl.Adam,
) -> pl.Solution:
    """Train one network by one method."""
    settings, how = CASES[case], METHODS[method]
    schedule = None
    if settings.final < 1:
        schedule = pl.Cosine(final=settings.final, warmup=min(100, max(1, steps // 100)))
    lr = settings.lrs.get(method, settings.lr)
    problem = problem_of(case)
    return pl.solve(
        problem,
        network_of(case),
        points={
            "interior": settings.interior,
            "boundary": settings.boundary,
            "sampler": "lhs",
        },
        phases=phase(steps, lr=lr, schedule=schedule, betas=how.betas, resample=1),
        callbacks=list(callbacks),
        scales=None,
        seed=seed,
        dtype="float32",
        device="cpu",
        progress=False,
        **how.arguments(problem, settings.two_losses),
    )


def figures(solution: pl.Solution, data: np.ndarray | None = None) -> dict[str, float]:
    """Relative L2 error of all fields stacked, and their mean squared error as published.

    Args:
        solution: Of a problem with a reference.
        data: Other values of a single field at the points of the reference, ``(n,)``.
    """
    reference = solution.problem.reference
    assert isinstance(reference, pl.Reference)
    found = {name: np.asarray(solution(**reference.columns)[name]) for name in reference.fields}
    squares = [np.mean((found[k] - reference.fields[k]) ** 2) for k in reference.fields]
    complex_field = solution.problem.name == "schrodinger"  # published as the sum of both parts
    out = {
        "relative_l2": float(pinnacle_l2(found, reference.fields)),
        "mse": float(np.sum(squares) if complex_field else np.mean(squares)),
    }
    if data is not None:
        (values,) = found.values()
        out["data_mse"] = float(np.mean((values - data) ** 2))
    return out


def speed(case: str, method: str) -> dict[str, Any]:
    """Milliseconds of processor time per step."""
    try:
        solve(case, method, LONG, 0, phase=TimedAdam)
    except Measured as found:
        return {"ms": 1e3 * found.args[0] / TIMED}
    raise RuntimeError("the run ended before it was measured")


def train(
    case: str, method: str, seed: int, steps: int, every: int = 50, data: str | None = None
) -> dict[str, Any]:
    """The figures of one run.

    Args:
        case: One of :data:`CASES`.
        method: One of :data:`METHODS`.
        seed: Of weights and points.
        steps: Of the optimiser.
        every: Steps between two looks at the error, where the number of steps is that of a case.
        data: File of published values of a field over time and one coordinate, ``(t, x)``.
    """
    given = None if data is None else np.load(data).T.ravel()  # the reference goes along x first

    def look(solution: pl.Solution) -> dict[str, float]:
        return figures(solution, given)

    best = Best(look, every) if CASES[case].steps else None
    wall, processor = time.perf_counter(), time.process_time()
    solution = solve(case, method, steps, seed, [best] if best else ())
    looking = best.seconds if best else 0.0
    times = {
        "processor_seconds": round(time.process_time() - processor - looking, 2),
        "wall_seconds": round(time.perf_counter() - wall, 2),
    }
    found = look(solution) | (best.least if best else {})
    return (
        found | times | {"steps": solution.metrics["steps"], "status": solution.metrics["status"]}
    )


def follow(
    case: str, method: str, path: str, every: int = 0, data: str | None = None
) -> dict[str, Any]:
    """Steps from weights and on points that somebody else has used.

    Args:
        case: One of :data:`CASES`, of Burgers' equation.
        method: One of :data:`METHODS`.
        path: File with points ``(steps, n, 2)`` of every term, and all weights ``before`` and
            ``after``.
        every: Steps between two looks at the error; none by default.
        data: As in :func:`train`.

    Returns:
        ``difference``: norm of the difference to the weights ``after``, relative to the way that
        was gone; and the figures of :func:`train`.
    """
    settings, problem = CASES[case], problem_of(case)
    given = {name: torch.from_numpy(array).float() for name, array in np.load(path).items()}
    objective = assemble(
        problem,
        network_of(case),
        budget=PointBudget(interior=2, boundary=2, sampler="lhs"),
        scales=None,
    ).objective
    objective.set_flat_parameters(given["before"])
    phase = pl.Adam(100, lr=settings.lrs.get(method, settings.lr))
    stepper = phase.start(objective, METHODS[method].arguments(problem)["gradients"])
    reference = problem.reference
    assert isinstance(reference, pl.Reference)
    truths = {"mse": reference.fields["u"]}
    if data is not None:
        truths["data_mse"] = np.load(data).T.ravel()
    at = np.stack([reference.columns[name] for name in problem.coordinates.names], 1)
    grid = torch.from_numpy(at).float()

    def look() -> dict[str, float]:
        with torch.no_grad():
            found = objective.state.surrogate(grid)[:, 0].numpy()
        return {name: float(np.mean((found - truth) ** 2)) for name, truth in truths.items()}

    names = ("pde", "boundary", "initial")  # in the order of the problem's terms
    best: dict[str, float] = {}
    looking, began = 0.0, time.process_time()
    for k, batches in enumerate(zip(*(given[name] for name in names), strict=True), 1):
        objective.set_points(
            {
                term.placements[0]: Points(x, problem.coordinates)
                for term, x in zip(problem.terms, batches, strict=True)
            }
        )
        stepper.step(objective)
        if every and k % every == 0:
            since = time.process_time()
            for name, value in look().items():
                best[f"best_{name}"] = min(value, best.get(f"best_{name}", math.inf))
            looking += time.process_time() - since
    seconds = time.process_time() - began - looking
    gone = given["after"] - given["before"]
    difference = float((objective.flat_parameters() - given["after"]).norm() / gone.norm())
    return {"difference": difference} | look() | best | {"processor_seconds": round(seconds, 2)}


def answer(do: str, **arguments: Any) -> dict[str, Any]:
    """What the worker answers; a failure is an answer too, so that the others go on."""
    torch.set_num_threads(1)
    try:
        return {"speed": speed, "train": train, "follow": follow}[do](**arguments)
    except Exception as reason:
        return {"failed": f"{type(reason).__name__}: {str(reason).splitlines()[0]}"}


if __name__ == "__main__":
    from _measure import serve

    serve(answer)
