"""What can be said of a problem before training: in seconds, without moving a parameter."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from pinnlab.calculus.directions import Directions
from pinnlab.calculus.engine import propagate
from pinnlab.calculus.estimators import Estimator, estimator_of
from pinnlab.calculus.formula import Formula
from pinnlab.calculus.layout import Layout, closure
from pinnlab.calculus.table import Demand
from pinnlab.calculus.unsupported import UnfitModule
from pinnlab.conditions.dirichlet import Dirichlet
from pinnlab.conditions.initial import Initial
from pinnlab.conditions.periodic import Periodic
from pinnlab.conditions.placement import Placement
from pinnlab.conditions.recording import record_term
from pinnlab.errors import GeometryError
from pinnlab.geometry.base import Geometry
from pinnlab.io.exact_reference import ExactReference
from pinnlab.objective.deviations import single_samples
from pinnlab.problems.assemble import Assembly, PointBudget, assemble, demands_of
from pinnlab.problems.bias import biases
from pinnlab.problems.hard_check import COUNT, contradictions, worst_violation
from pinnlab.problems.problem import Problem
from pinnlab.sampling.draw import draw
from pinnlab.sampling.points import probe_count
from pinnlab.surrogates import MLP
from pinnlab.surrogates.base import Specification


@dataclass(frozen=True)
class Finding:
    """One line of a check.

    Args:
        level: ``"ok"``, ``"warning"`` or ``"error"``.
        what: What was found.
        where: The part of the declaration.
        do: What to do about it.
    """

    level: str
    what: str
    where: str = ""
    do: str = ""


@dataclass(frozen=True)
class CheckReport:
    """Everything that a check found; ``print`` it.

    Args:
        findings: In the order of the declaration.
        seconds: How long it took.
    """

    findings: tuple[Finding, ...]
    seconds: float = field(default=0.0, compare=False)

    @property
    def ok(self) -> bool:
        """Whether nothing is an error."""
        return all(finding.level != "error" for finding in self.findings)

    def __str__(self) -> str:
        signs = {"ok": "ok     ", "warning": "WARNING", "error": "ERROR  "}
        width = max((len(f.where) for f in self.findings), default=0)
        lines = []
        for finding in self.findings:
            lines.append(f"{signs[finding.level]}  {finding.where.ljust(width)}  {finding.what}")
            if finding.do:
                lines.append(f"{' ' * (11 + width)}-> {finding.do}")
        errors = sum(f.level == "error" for f in self.findings)
        warnings = sum(f.level == "warning" for f in self.findings)
        lines.append(f"{errors} errors, {warnings} warnings in {self.seconds:.1f} s")
        return "\n".join(lines)


def check(
    problem: Problem,
    *,
    surrogate: Specification | None = None,
    points: PointBudget | Mapping[str, Any] | None = None,
    weights: Mapping[str, float] | None = None,
    derivatives: Estimator | Mapping[str, Estimator] | None = None,
    seed: int = 0,
    quick: bool = False,
) -> CheckReport:
    """Findings on a problem before any training.

    Args:
        problem: The declaration; names and shapes were checked when it was made.
        surrogate: The network whose derivatives are compared with finite differences.
        points: Numbers of points.
        weights: As in :func:`pinnlab.solve`.
        derivatives: As in :func:`pinnlab.solve`.
        seed: Of points and weights.
        quick: Leave out what evaluates the surrogate.

    Returns:
        The findings.
    """
    began = time.perf_counter()
    budget = points if isinstance(points, PointBudget) else PointBudget(**(points or {}))
    estimator = estimator_of(derivatives)
    findings = [
        *_declaration(problem),
        *_coverage(problem),
        *_initial_order(problem),
        *_point_counts(problem, budget),
        *_plans(problem, estimator),
    ]
    if not quick and all(f.level != "error" for f in findings):
        try:
            assembly = assemble(
                problem,
                surrogate or MLP(),
                budget=_small(budget, problem),
                weights=weights,
                derivatives=estimator,
                seed=seed,
                dtype=torch.float64,
            )
            for part in (_hard_conditions, _derivatives, _sizes, _deviations):
                findings += part(assembly)
        except UnfitModule as refused:
            findings.append(Finding("error", refused.what, "surrogate", refused.do or ""))
    return CheckReport(tuple(findings), time.perf_counter() - began)


def _small(budget: PointBudget, problem: Problem) -> PointBudget:
    interior, boundary = (probe_count(n, problem.coordinates) for n in (512, 128))
    return PointBudget(
        min(budget.interior, interior), min(budget.boundary, boundary), budget.sampler
    )


def _declaration(problem: Problem) -> list[Finding]:
    d = problem.coordinates
    columns = ", ".join(
        f"{n}" if s == 1 else f"{n} ({s} columns)" for n, s in zip(d.names, d.sizes, strict=True)
    )
    unknowns = "".join(f", unknown {name}" for name in problem.unknowns)
    out = [
        Finding("ok", f"fields {', '.join(problem.fields)} of {columns}{unknowns}", "declaration")
    ]
    read = {f for term in problem.terms for plan in term.plans for f in plan.fields}
    in_equations = {
        f
        for term in problem.terms
        if term.kind == "equation"
        for plan in term.plans
        for f in plan.fields
    }
    for name in problem.fields:
        if name not in read:
            out.append(
                Finding(
                    "error",
                    f"field '{name}' is read by nothing, so nothing determines it",
                    "fields",
                    f"write an equation for '{name}' or drop it",
                )
            )
        elif name not in in_equations:
            out.append(
                Finding(
                    "warning",
                    f"field '{name}' is in no equation, only in conditions",
                    "fields",
                    "check that data or conditions determine it everywhere",
                )
            )
    used = _used_names(problem)
    for name in problem.parameters:
        if name not in used and "context" not in used:
            out.append(
                Finding(
                    "error" if name in problem.unknowns else "warning",
                    f"parameter '{name}' is used by no equation or condition",
                    "parameters",
                    "use it, or drop it",
                )
            )
    return out


def _used_names(problem: Problem) -> set[str]:
    """Every name that a formula of the declaration asks for."""
    used: set[str] = set()

    def visit(value: Any) -> None:
        if isinstance(value, Formula):
            used.update(value.arguments)
        elif isinstance(value, Mapping):
            for part in value.values():
                visit(part)
        elif isinstance(value, tuple):
            for part in value:
                visit(part)

    for item in (*problem.equations.values(), *problem.conditions.values()):
        visit(dict(vars(item)))
    visit(problem.parameters)
    if isinstance(problem.reference, ExactReference):
        visit({name: Formula(exact) for name, exact in problem.reference.exact.items()})
    return used


def _coverage(problem: Problem) -> list[Finding]:
    """Pieces of the boundary on which no condition holds."""
    domain = problem.domain
    rng = np.random.default_rng(0)
    out, uncovered = [], []
    boundary = tuple(getattr(domain, "boundary_pieces", domain.pieces))
    for piece in boundary:
        if piece in problem.free or any(
            _covers(c, piece, domain, rng) for c in problem.conditions.values()
        ):
            continue
        uncovered.append(piece)
    if boundary and not uncovered:
        out.append(Finding("ok", f"every piece is covered: {', '.join(boundary)}", "boundary"))
    for piece in uncovered:
        out.append(
            Finding(
                "warning",
                f"no condition holds on piece '{piece}'",
                "boundary",
                f"add one, or declare it free: free=['{piece}']",
            )
        )
    return out


def _covers(condition: Any, piece: str, domain: Geometry, rng: np.random.Generator) -> bool:
    on = condition.on
    if on is None:
        return False
    if callable(on):
        sample = domain.sample_boundary(32, piece, sampler="uniform", rng=rng)
        columns = domain.coordinates.columns(sample.x)
        return bool(np.any(np.asarray(Formula(on)(columns))))
    pieces = (on,) if isinstance(on, str) else on
    aliases = getattr(domain, "aliases", {})
    known = {p for name in pieces for p in aliases.get(name, (name,))}
    return "boundary" in pieces or piece in known


def _initial_order(problem: Problem) -> list[Finding]:
    """Initial conditions against the order in time of each field."""
    time_name = problem.coordinates.time
    if time_name is None:
        return []
    column = problem.coordinates.slice(time_name).start
    out = []
    for name in problem.fields:
        order = max(
            (
                index.count(column)
                for term in problem.terms
                if term.kind == "equation"
                for plan in term.plans
                for f, index in plan.derivatives
                if f == name
            ),
            default=0,
        )
        given = {
            Initial.split(key, problem.declared)[1]
            for condition in problem.conditions.values()
            if isinstance(condition, Initial)
            for key in condition.values
            if Initial.split(key, problem.declared)[0] == name
        }
        if any(
            isinstance(c, Dirichlet) and _on_instant(c) and name in c.values
            for c in problem.conditions.values()
        ):
            given.add(0)
        missing = [k for k in range(order) if k not in given]
        if not missing:
            continue
        text = ", ".join(name if k == 0 else f"{name}_{time_name * k}" for k in missing)
        periodic = any(isinstance(c, Periodic) for c in problem.conditions.values())
        hint = "" if not periodic else ", unless the problem is periodic in time"
        data = any(c.kind == "Data" for c in problem.conditions.values())
        out.append(
            Finding(
                "warning",
                f"the equations have order {order} in {time_name} for '{name}', but the initial "
                f"{text} is not given",
                "initial",
                f"add Initial({text.split(', ')[0]}=...)"
                + (" unless the data determine it" if data else hint),
            )
        )
    if not out:
        out.append(Finding("ok", "the initial state fits the order in time", "initial"))
    return out


def _on_instant(condition: Dirichlet) -> bool:
    """Whether values are given at the start, or at the end of an equation that runs backwards."""
    on = condition.on
    pieces = (on,) if isinstance(on, str) else on
    return isinstance(pieces, tuple) and bool({"initial", "final"} & set(pieces))


def _point_counts(problem: Problem, budget: PointBudget) -> list[Finding]:
    """How many points each term gets, and how they are drawn if not as asked for."""
    out = []
    most = probe_count(10**9, problem.coordinates)
    shared: dict[Placement, list[str]] = {}
    for term in problem.terms:
        for placement in term.placements[:1]:
            shared.setdefault(placement, []).append(term.name)
    for placement, names in shared.items():
        wanted = placement.count or budget.count(placement)
        # Whether there are any is told by few; the number is a surprise in few dimensions only.
        tried = replace(placement, count=min(wanted, most))
        try:
            points = tried.points(
                problem.domain,
                problem.regions,
                count=wanted,
                sampler=budget.sampler,
                rng=np.random.default_rng(0),
                dtype=torch.float64,
                device="cpu",
            )
        except GeometryError as reason:
            out.append(Finding("error", reason.what, ", ".join(names), reason.do or ""))
            continue
        count = wanted if wanted > most and placement.fixed is None else len(points)
        asked = placement.sampler or budget.sampler
        drawn = problem.domain.sampler_for(asked)
        how = "" if drawn == asked else f", {drawn}: {asked} is of no use in so many columns"
        what = f"{count} points: {placement.describe()}{how}"
        out.append(Finding("ok", what, ", ".join(names)))
    return out


def _plans(problem: Problem, estimator: Estimator) -> list[Finding]:
    """The derivatives that are read, and what carrying them costs."""
    out = []
    directions = Directions(problem.coordinates)
    demands = demands_of(problem, directions, estimator)
    biased = biases(problem, demands)
    for term in problem.terms:
        for placement, plan in zip(term.placements[:1], term.plans[:1], strict=True):
            demand = demands[placement]
            cost = f"{len(closure(demand.slots))} numbers per neuron and point"
            out.append(Finding("ok", f"reads {plan}; {cost}{_how(demand, problem)}", term.name))
            out += [
                Finding("warning", bias.what, bias.term, bias.do)
                for bias in biased
                if bias.term == term.name
            ]
    return out


def _how(demand: Demand, problem: Problem) -> str:
    """In brackets, how sums of derivatives are carried."""
    estimated = (
        f"{functional}: {reading.text}"
        for functional, reading in demand.readings.items()
        if reading.family is not None
    )
    said = list(dict.fromkeys(estimated))
    if demand.shares:
        ((collapsed, _),) = demand.shares.values()
        along = max(collapsed.directions) >= problem.coordinates.dim
        said.append(
            f"derivatives of order {collapsed.order} carried as one sum"
            + (f" along {len(collapsed.terms)} lines" if along else "")
        )
    return f" ({'; '.join(said)})" if said else ""


def _hard_conditions(assembly: Assembly) -> list[Finding]:
    """Evaluate the ansatz where hard conditions hold, with the untrained network."""
    problem = assembly.problem
    out = []
    for name, condition in problem.hard.items():
        term = record_term(name, condition, problem.declared)
        worst, scale = worst_violation(assembly, term)
        holds = worst <= 1e-9 * max(1.0, scale)
        out.append(
            Finding(
                "ok" if holds else "error",
                f"{'holds' if holds else 'does not hold'} by construction: largest violation "
                f"{worst:.1e} at {probe_count(COUNT, problem.coordinates)} points",
                name,
                "" if holds else "values that meet on the boundary must agree; or use hard=False",
            )
        )
    for names, what in contradictions(problem):
        out.append(
            Finding(
                "warning",
                f"the pieces meet, but {what}",
                names,
                "let the values agree there, or use hard=False: the fields are singular at it",
            )
        )
    return out


def _derivatives(assembly: Assembly) -> list[Finding]:
    """First derivatives of the surrogate against central differences."""
    problem, state = assembly.problem, assembly.objective.state
    x = draw(
        problem.domain,
        probe_count(16, problem.coordinates),
        sampler="uniform",
        generator=np.random.default_rng(5),
        dtype=torch.float64,
    ).x
    columns = _some_columns(problem)
    slots = closure([(k,) for k in columns])
    with torch.no_grad():
        jet = propagate(state.surrogate, x, Layout(slots, (len(x),) * len(slots)))
        bounds = problem.domain.bounds()
        worst = 0.0
        for k in columns:
            h = 1e-5 * float(bounds[1][k] - bounds[0][k])
            shift = torch.zeros(x.shape[1], dtype=torch.float64)
            shift[k] = h
            difference = (state.surrogate(x + shift) - state.surrogate(x - shift)) / (2 * h)
            exact = jet.slot((k,))
            scale = max(1e-12, float(exact.abs().max()))
            worst = max(worst, float((exact - difference).abs().max()) / scale)
    good = worst < 1e-6
    return [
        Finding(
            "ok" if good else "error",
            f"first derivatives agree with finite differences to {worst:.0e}",
            "surrogate",
            "" if good else "the module must treat every point by itself",
        )
    ]


def _some_columns(problem: Problem) -> list[int]:
    """Every scalar coordinate, and of each vector coordinate its first and its last component."""
    out: list[int] = []
    for name in problem.coordinates.names:
        part = problem.coordinates.slice(name)
        out += sorted({part.start, part.stop - 1})
    return out


def _deviations(assembly: Assembly) -> list[Finding]:
    """How much estimated operators scatter with the untrained network."""
    objective = assembly.objective
    return [
        *(
            Finding("ok", f"{name} is estimated with a relative standard deviation of {found:.1%}")
            for name, found in objective.estimate_deviations().items()
        ),
        *(
            Finding("ok", f"{name} is estimated from one sample, which has no deviation")
            for name in single_samples(objective.terms_, objective.frozen)
        ),
    ]


def _sizes(assembly: Assembly) -> list[Finding]:
    """Size and gradient of every term at the start."""
    objective = assembly.objective
    jacobian, squares = objective.gradients()
    norms = torch.linalg.vector_norm(jacobian, dim=1)
    out = []
    for name, square, norm in zip(objective.names, squares.tolist(), norms.tolist(), strict=True):
        finding = f"mean square {square:.2e}, gradient {norm:.2e} at the start"
        if not np.isfinite(square) or not np.isfinite(norm):
            out.append(Finding("error", finding, name, "look for a division by zero or a root"))
        elif norm == 0:
            out.append(
                Finding(
                    "warning",
                    f"{finding}: it moves no parameter",
                    name,
                    "it is fulfilled already, or does not see the network",
                )
            )
        else:
            out.append(Finding("ok", finding, name))
    return out
