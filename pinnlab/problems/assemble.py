"""From a declaration and a surrogate to an objective with points."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from pinnlab.calculus.directions import Directions
from pinnlab.calculus.engine import values_of
from pinnlab.calculus.estimators import Estimator, check_use
from pinnlab.calculus.table import Demand, collapse, summands
from pinnlab.conditions.data import Data, DataPoints
from pinnlab.conditions.placement import Placement, draw_all
from pinnlab.conditions.recording import common_ratios
from pinnlab.errors import DeclarationError, nearest
from pinnlab.objective.objective import Objective
from pinnlab.objective.state import State
from pinnlab.problems.hard import ansatz_of
from pinnlab.problems.problem import Problem
from pinnlab.sampling.points import Points
from pinnlab.sampling.sequences import NAMES
from pinnlab.surrogates.base import Frame, Network, Specification, Surrogate


@dataclass(frozen=True)
class PointBudget:
    """How many points, and how they are drawn.

    Args:
        interior: Points for the equations.
        boundary: Points for each condition.
        sampler: ``sobol``, ``halton``, ``lhs``, ``uniform``, ``gauss`` on boxes, or ``radial`` in
            a :class:`~pinnlab.geometry.HyperBall`.
    """

    interior: int = 4000
    boundary: int = 400
    sampler: str = "sobol"

    def __post_init__(self) -> None:
        for name in ("interior", "boundary"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise DeclarationError(
                    f"The number of {name} points is {value!r}",
                    expected="a whole number of at least 1",
                    got=value,
                    do=f"set e.g. {name}=1000",
                )
        if self.sampler not in (*NAMES, "mesh"):
            raise DeclarationError(
                f"There is no sampler '{self.sampler}'",
                expected=", ".join((*NAMES, "mesh")),
                got=self.sampler,
                do="choose one of them",
            )

    def count(self, placement: Placement) -> int:
        """Points of a placement that does not ask for a number itself."""
        inside = placement.on is None and placement.interface is None
        return self.interior if inside and placement.mirror_of is None else self.boundary


@dataclass
class Assembly:
    """An objective together with what draws its points anew.

    Args:
        problem: The declaration.
        objective: Its residual blocks at the present points.
        budget: Numbers of points.
        rng: Source of all points.
        dtype: Precision.
        device: Where everything lives.
        placements: Where its points lie.
        derivatives: How derivatives over vector coordinates are obtained.
    """

    problem: Problem
    objective: Objective
    budget: PointBudget
    rng: np.random.Generator
    dtype: torch.dtype
    device: torch.device
    placements: tuple[Placement, ...] = field(default=())
    derivatives: Estimator | None = None

    def draw(self, replacing: Mapping[Placement, Points] | None = None) -> dict[Placement, Points]:
        """New points for every placement; given points stay.

        Args:
            replacing: Points that nobody reads any more; see
                :func:`~pinnlab.conditions.placement.draw_all`.
        """
        return draw_all(
            self.placements,
            self.problem.domain,
            self.problem.regions,
            counts=self.budget.count,
            sampler=self.budget.sampler,
            rng=self.rng,
            dtype=self.dtype,
            device=self.device,
            replacing=replacing,
        )

    def resample(self) -> None:
        """Replace the points of the objective by new ones.

        Points of very many dimensions are overwritten: to fetch memory for others takes a third of
        the time that drawing them does.
        """
        self.objective.set_points(self.draw(self.objective.points))

    def draw_at(self, placement: Placement, n: int) -> Points:
        """New points of one placement, another number of them than usual.

        Args:
            placement: Where.
            n: How many.
        """
        return replace(placement, count=n).points(
            self.problem.domain,
            self.problem.regions,
            count=n,
            sampler=self.budget.sampler,
            rng=self.rng,
            dtype=self.dtype,
            device=self.device,
        )


def check_estimator(problem: Problem, estimator: Estimator) -> None:
    """Refuse an estimator of derivatives of which the equations have no use.

    Raises:
        DeclarationError: See :func:`~pinnlab.calculus.estimators.check_use`.
    """
    read = {f for term in problem.terms for plan in term.plans for _, f in plan.functionals}
    check_use(estimator, read, problem.coordinates)


def demands_of(
    problem: Problem, directions: Directions, estimator: Estimator | None = None
) -> dict[Placement, Demand]:
    """What every point set of the problem needs, sums of derivatives collapsed where possible.

    Args:
        problem: The declaration.
        directions: Gives further directions of differentiation their numbers.
        estimator: How derivatives over vector coordinates are obtained.

    Raises:
        DeclarationError: If the equations have no use for an estimator.
    """
    if estimator is not None:
        check_estimator(problem, estimator)
    by_placement: dict[Placement, list] = {}
    for term in problem.terms:
        for placement, plan in zip(term.placements, term.plans, strict=True):
            by_placement.setdefault(placement, []).append((term, plan))
    demands = {}
    for placement, readers in by_placement.items():
        plan = readers[0][1]
        for _, other in readers[1:]:
            plan = plan | other
        terms = [term for term, _ in readers]
        tried = (
            collapse(members, common_ratios(terms, placement, problem.declared, members))
            for members in summands(plan)
        )
        sums = next(filter(None, tried), None)
        demands[placement] = Demand.of(plan, directions, estimator, sums)
    return demands


def frame_of(problem: Problem, scales: Mapping[str, float] | str | None) -> Frame:
    """What a surrogate needs to know of the problem."""
    _check_scales(problem, scales)
    low, high = problem.domain.bounds()
    scale = None
    if scales == "auto":
        found = field_scales(problem)
        scale = tuple(found.get(name, 1.0) for name in problem.fields)
        scale = None if all(s == 1.0 for s in scale) else scale
    elif isinstance(scales, Mapping):
        scale = tuple(float(scales.get(name, 1.0)) for name in problem.fields)
    return Frame(
        coordinates=problem.coordinates,
        fields=problem.fields,
        low=low,
        high=high,
        periods=problem.periods or None,
        output_scale=scale,
    )


def _check_scales(problem: Problem, scales: Mapping[str, float] | str | None) -> None:
    if scales is None or scales == "auto":
        return
    if not isinstance(scales, Mapping):
        raise DeclarationError(
            f"The scales are {scales!r}",
            expected="'auto', None, or a size for each field: {'u': 300.0}",
            got=repr(scales),
            do="name the fields and their sizes",
        )
    for name, value in scales.items():
        if name not in problem.fields:
            raise DeclarationError(
                f"There is a scale for '{name}', which is no field",
                expected=", ".join(problem.fields),
                got=name,
                do=nearest(name, problem.fields) or "use the names of the fields",
            )
        if not isinstance(value, (int, float)) or not 0 < value < float("inf"):
            raise DeclarationError(
                f"The scale of '{name}' is {value!r}",
                expected="a positive number, the typical size of the field",
                got=repr(value),
                do="leave it out for 1",
            )


def field_scales(problem: Problem) -> dict[str, float]:
    """Typical size of every field that data tell: the largest magnitude measured."""
    out: dict[str, float] = {}
    for condition in problem.conditions.values():
        if not isinstance(condition, Data):
            continue
        for placement in condition.placements(problem.declared):
            points = placement.fixed
            if not isinstance(points, DataPoints) or points.targets is None:
                continue
            for name, values in points.targets.items():
                size = float(values.abs().max())
                if name in problem.fields and size > 0:
                    out[name] = max(out.get(name, 0.0), size)
    return out


def assemble(
    problem: Problem,
    surrogate: Specification | nn.Module,
    *,
    budget: PointBudget,
    weights: Mapping[str, float] | None = None,
    derivatives: Estimator | None = None,
    scales: Mapping[str, float] | str | None = "auto",
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Assembly:
    """Build the surrogate, draw the points and join them in an objective.

    Args:
        problem: The declaration.
        surrogate: A specification such as ``MLP()``, or a module ``(n, d) -> (n, c)``.
        budget: Numbers of points.
        weights: Factor on the mean square of terms by name.
        derivatives: How derivatives over vector coordinates are obtained; exactly by default.
        scales: Size of every field by name, ``"auto"`` to read it off the data or, without data,
            to find it from the equations, None for 1.
        seed: Determines weights, points and random directions.
        dtype: Precision of everything.
        device: Where everything lives.

    Raises:
        DeclarationError: If the surrogate does not fit the problem.
        GeometryError: If a point set is empty.
    """
    device = torch.device(device)
    module = _module(surrogate, problem, scales, seed, dtype, device)
    constants: dict[str, Any] = {
        k: v for k, v in problem.parameters.items() if k not in problem.unknowns
    }
    state = State(
        module,
        ansatz_of(problem),
        problem.fields,
        problem.unknowns,
        constants,
        dtype=dtype,
        device=device,
    )
    directions = Directions(problem.coordinates)
    demands = demands_of(problem, directions, derivatives)
    wanted = [p for term in problem.terms for p in term.placements]
    placements = tuple(dict.fromkeys(wanted))
    if not placements:
        raise DeclarationError(
            "Nothing is left to train: every condition holds by construction",
            expected="at least one equation",
            got="no residual",
            do="declare an equation",
        )
    rng = np.random.default_rng(seed)
    points = draw_all(
        placements,
        problem.domain,
        problem.regions,
        counts=budget.count,
        sampler=budget.sampler,
        rng=rng,
        dtype=dtype,
        device=device,
    )
    ordered = {placement: demands[placement] for placement in placements}
    objective = Objective(
        problem.terms, state, ordered, points, weights, directions=directions, seed=seed
    )
    if scales == "auto" and len(problem.fields) == 1 and isinstance(surrogate, Network):
        if not field_scales(problem):
            module.set_output_scale(equation_scale(objective))  # type: ignore[operator]
        objective.redraw(0)
        objective.evaluations = 0
    return Assembly(problem, objective, budget, rng, dtype, device, placements, derivatives)


# A size within this factor of one is one: networks reach it without help.
SCALE_MATTERS = 10.0


@torch.no_grad()
def equation_scale(objective: Objective) -> float:
    r"""The size of the field that the equations ask for, or 1 if that is near.

    With the untrained network N, a residual of the field s N is about
    :math:`\rho_0 + s\,(\rho_1 - \rho_0)`, which is least for s near
    :math:`\|\rho_0\| / \|\rho_1 - \rho_0\|`; times the root mean square of N this is the size that
    the term asks for. The largest one counts: a homogeneous equation asks for none. A tanh network
    that has to grow to a size of hundreds by itself saturates on the way, and stops learning.
    """
    surrogate = objective.state.surrogate
    assert isinstance(surrogate, Surrogate)
    one = objective.residuals()
    surrogate.set_output_scale(0.0)
    zero = objective.residuals()
    surrogate.set_output_scale(1.0)
    outputs = torch.cat([surrogate(points.x).flatten() for points in objective.points.values()])
    norm = torch.linalg.vector_norm
    sizes = [float(norm(zero[name]) / norm(one[name] - zero[name])) for name in one]
    size = max((s for s in sizes if s < float("inf")), default=0.0)
    size *= float(outputs.square().mean().sqrt())
    if not 0 < size < float("inf") or 1 / SCALE_MATTERS < size < SCALE_MATTERS:
        return 1.0
    return float(f"{size:.1e}")


def _module(
    surrogate: Specification | nn.Module,
    problem: Problem,
    scales: Mapping[str, float] | str | None,
    seed: int,
    dtype: torch.dtype,
    device: torch.device,
) -> nn.Module:
    if isinstance(surrogate, Specification):
        generator = torch.Generator().manual_seed(seed)
        frame = frame_of(problem, scales)
        return surrogate.build(frame, generator=generator, dtype=dtype, device=device)
    if not isinstance(surrogate, nn.Module):
        raise DeclarationError(
            "The surrogate is neither a specification nor a module",
            expected="e.g. MLP(64, 4), or a torch.nn.Module from (n, d) to (n, c)",
            got=type(surrogate).__name__,
            do="choose a surrogate",
        )
    if problem.periods:
        raise DeclarationError(
            "A module of your own cannot be made periodic by construction",
            expected="a surrogate of pinnlab, or Periodic(hard=False)",
            got=type(surrogate).__name__,
            do="use hard=False, or build the period into the module",
        )
    module = surrogate.to(device=device, dtype=dtype)
    probe = torch.zeros(2, problem.coordinates.dim, dtype=dtype, device=device)
    with torch.enable_grad():  # a module may differentiate by the points itself
        shape = tuple(values_of(module, probe.requires_grad_()).shape)
    if shape != (2, len(problem.fields)):
        raise DeclarationError(
            "The module has outputs of the wrong shape",
            expected=f"(n, {len(problem.fields)}) for {', '.join(problem.fields)}",
            got=f"{shape} for 2 points",
            do="adapt its last layer",
        )
    return module
