"""How far estimates of derivatives may be off."""

from collections.abc import Sequence

import torch

from pinnlab.calculus.engine import propagate
from pinnlab.calculus.table import FieldTable
from pinnlab.conditions.term import Term
from pinnlab.objective.frozen_points import FrozenPoints
from pinnlab.objective.state import State

MOST_POINTS = 32  # at which the terms of estimates are evaluated one by one


@torch.no_grad()
def estimate_deviations(
    terms: Sequence[Term], state: State, frozen: FrozenPoints
) -> dict[str, float]:
    """Relative standard deviation of every estimated operator, at the present directions.

    The terms of which an estimate is the mean are evaluated one by one at a few points; their
    scatter tells how far the estimate may be off.

    Args:
        terms: Residuals, which read the operators.
        state: Surrogate and ansatz.
        frozen: Points and directions.

    Returns:
        The deviations by the text of the operator, in its order.
    """
    out: dict[str, float] = {}
    for placement, demand in frozen.demands.items():
        readings = {
            functional: reading
            for functional, reading in demand.readings.items()
            if len(reading.samples) > 1
        }
        if not readings:
            continue
        slots = {slot for r in readings.values() for slot, _ in r.samples}
        batches = frozen.some(placement, MOST_POINTS, slots)
        network = propagate(state.surrogate, batches.x, batches.layout, batches.start)
        jets = state.ansatz.apply(network, state.ansatz.prepare(batches.start))
        n = batches.layout.n
        table = FieldTable(jets, [0, n])
        plans = [
            plan
            for term in terms
            for own, plan in zip(term.placements, term.plans, strict=True)
            if own == placement
        ]
        for field, functional in {pair for plan in plans for pair in plan.functionals}:
            if functional in readings:
                reading = readings[functional]
                values = [table.read(field, slot, 0, n) for slot, _ in reading.samples]
                out[functional.text(field)] = reading.relative_deviation(values)
    return dict(sorted(out.items()))
