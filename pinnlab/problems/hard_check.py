"""Proof that hard conditions hold: their residual under the untrained ansatz."""

import numpy as np
import torch

from pinnlab.calculus.engine import propagate
from pinnlab.calculus.table import Batches, Demand, FieldTable
from pinnlab.conditions.context import Context
from pinnlab.conditions.placement import draw_all
from pinnlab.conditions.term import Term
from pinnlab.problems.assemble import Assembly

COUNT = 128


@torch.no_grad()
def worst_violation(assembly: Assembly, term: Term) -> tuple[float, float]:
    """Largest residual of a hard condition, and the size of the fields there."""
    problem, state = assembly.problem, assembly.objective.state
    points = draw_all(
        term.placements,
        problem.domain,
        problem.regions,
        counts=lambda _: COUNT,
        sampler="uniform",
        rng=np.random.default_rng(4),
        dtype=torch.float64,
        device="cpu",
    )
    sets = [points[p] for p in term.placements]
    demands = [Demand.of(plan, problem.coordinates, None) for plan in term.plans]
    batches = Batches(sets, demands)
    prepared = state.ansatz.prepare(batches.x, batches.layout)
    jets = state.ansatz.apply(propagate(state.surrogate, batches.x, batches.layout), prepared)
    table = FieldTable(jets, [*batches.starts, batches.layout.n])
    contexts = [
        Context(batches.window(k, table), state.fields, state.values(), sets[k])
        for k in range(len(sets))
    ]
    block = term.residual(contexts)
    size = max(float(jet.data[: batches.layout.n].abs().max()) for jet, _ in jets.values())  # type: ignore[index]
    return float(block.abs().max()), size
