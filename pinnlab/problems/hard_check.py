"""Proof that hard conditions hold: their residual under the untrained ansatz."""

import itertools

import numpy as np
import torch

from pinnlab.calculus.engine import propagate
from pinnlab.calculus.formula import Formula
from pinnlab.calculus.layout import Layout, closure
from pinnlab.calculus.table import exact_batches
from pinnlab.calculus.taylor import TaylorTensor, seed
from pinnlab.conditions.context import Context
from pinnlab.conditions.dirichlet import Dirichlet
from pinnlab.conditions.initial import Initial
from pinnlab.conditions.placement import draw_all
from pinnlab.conditions.term import Term
from pinnlab.problems.assemble import Assembly
from pinnlab.problems.hard import on_columns
from pinnlab.problems.problem import Problem
from pinnlab.sampling.draw import draw
from pinnlab.sampling.points import Points, probe_count

COUNT = 128
NEAR_COUNT = 4096
NEAR = 2e-3  # of the domain's size: about eight points of a boundary piece of that size


@torch.no_grad()
def worst_violation(assembly: Assembly, term: Term) -> tuple[float, float]:
    """Largest residual of a hard condition, and the size of the fields there."""
    problem, state = assembly.problem, assembly.objective.state
    points = draw_all(
        term.placements,
        problem.domain,
        problem.regions,
        counts=lambda _: probe_count(COUNT, problem.coordinates),
        sampler="uniform",
        rng=np.random.default_rng(4),
        dtype=torch.float64,
        device="cpu",
    )
    sets = [points[p] for p in term.placements]
    batches = exact_batches(sets, term.plans)
    network = propagate(state.surrogate, batches.x, batches.layout, batches.start)
    jets = state.ansatz.apply(network, state.ansatz.prepare(batches.start))
    table = batches.table(jets)
    contexts = [
        Context(batches.window(k, table), state.fields, state.values(), sets[k])
        for k in range(len(sets))
    ]
    block = term.residual(contexts)
    size = max(float(jet.value.abs().max()) for jet, _ in jets.values())
    return float(block.abs().max()), size


def contradictions(problem: Problem) -> list[tuple[str, str]]:
    """Hard values of one field that differ where their pieces meet, as (names, what differs).

    Each holds on its own piece, but between them the ansatz is as steep as the distance is small.
    """
    found = []
    for field in problem.fields:
        walls = [
            (name, condition, condition.values[field])
            for name, condition in problem.hard.items()
            if isinstance(condition, Dirichlet) and field in condition.values
        ]
        starts = [
            (name, order, value)
            for name, condition in problem.hard.items()
            if isinstance(condition, Initial)
            for key, value in condition.values.items()
            for target, order in [Initial.split(key, problem.declared)]
            if target == field
        ]
        for first, second in itertools.combinations(walls, 2):
            gap = _gap(problem, first[1], first[2], second[1], second[2])
            if gap:
                found.append((f"{first[0]}, {second[0]}", f"{field} differs by {gap:.2g}"))
        for (wall, condition, value), (start, order, state) in itertools.product(walls, starts):
            gap = _gap_at_start(problem, condition, value, state, order)
            if gap:
                what = field if order == 0 else f"time derivative {order} of {field}"
                found.append((f"{wall}, {start}", f"{what} differs by {gap:.2g} at the start"))
    return found


def _gap(
    problem: Problem, first: Dirichlet, a: Formula, second: Dirichlet, b: Formula
) -> float | None:
    """Largest difference of two values at points of one's pieces that lie nearest the other's."""
    points = draw(
        problem.domain, probe_count(NEAR_COUNT, problem.coordinates), on=first.on,
        sampler="uniform", generator=np.random.default_rng(6),
    )  # fmt: skip
    pieces = [second.on] if isinstance(second.on, str) else list(second.on)  # type: ignore[arg-type]
    away = torch.as_tensor(problem.domain.distance(points.columns, pieces)).expand(len(points))
    size = float(np.ptp(problem.domain.bounds(), axis=0).max())
    near = away < NEAR * size
    if not bool(near.any()):
        return None
    left, right = (_values(problem, value, points) for value in (a, b))
    # What a smooth function changes over so short a way is no contradiction.
    scale = float(left.abs().max() + right.abs().max())
    gap = float((left - right)[near].abs().max())
    return gap if gap > 20 * NEAR * scale else None


def _gap_at_start(
    problem: Problem, condition: Dirichlet, value: Formula, state: Formula, order: int
) -> float | None:
    """Difference of a boundary value's time derivative and the prescribed one, at the start."""
    points = draw(
        problem.domain, probe_count(COUNT, problem.coordinates), on=condition.on,
        sampler="uniform", generator=np.random.default_rng(6),
    )  # fmt: skip
    coordinates = problem.coordinates
    column = coordinates.slice(coordinates.time or "").start
    x = points.x.clone()
    x[:, column] = float(problem.domain.bounds()[0][column])
    slots = closure([(column,) * order])
    columns = coordinates.columns(seed(x, Layout(slots, (len(x),) * len(slots))))
    constants = {k: v for k, v in problem.parameters.items() if k not in problem.unknowns}
    wall = on_columns(value, columns, coordinates, constants)
    if isinstance(wall, TaylorTensor):
        there = wall.slot((column,) * order)
    else:
        there = torch.as_tensor(wall if order == 0 else 0.0, dtype=x.dtype).expand(len(x))
    here = _values(problem, state, Points(x, coordinates))
    gap = float((here - there).abs().max())
    return gap if gap > 1e-9 * (1 + float(there.abs().max())) else None


def _values(problem: Problem, formula: Formula, points: Points) -> torch.Tensor:
    constants = {k: v for k, v in problem.parameters.items() if k not in problem.unknowns}
    value = on_columns(formula, points.columns, problem.coordinates, constants)
    return torch.as_tensor(value, dtype=points.x.dtype).expand(len(points))
