"""How far estimates of derivatives may be off."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from pinnlab.calculus.differentiation import rays_of
from pinnlab.calculus.directions import Across
from pinnlab.calculus.distributions import SPARSE
from pinnlab.calculus.engine import propagate
from pinnlab.calculus.functionals import Functional, Reading
from pinnlab.calculus.plan import written
from pinnlab.calculus.table import Batches
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
        The deviations by the text of the operator, in its order; those that are written alike are
        numbered in the order of the terms. An operator that several sets of points read has the
        largest one. One sample alone does not scatter: what has no second one is left out.
    """
    names = written(term.plans for term in terms)
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
        table = batches.table(jets)
        plans = [
            plan
            for term in terms
            for own, plan in zip(term.placements, term.plans, strict=True)
            if own == placement
        ]
        for field, functional in {pair for plan in plans for pair in plan.functionals}:
            if functional in readings:
                reading, name = readings[functional], names[field, functional]
                values = [table.read(field, slot, 0, n) for slot, _ in reading.samples]
                found = reading.relative_deviation(values, _rows(reading, functional, batches))
                out[name] = max(found, out.get(name, 0.0))
    return dict(sorted(out.items()))


def sampled_gradients(terms: Sequence[Term]) -> dict[str, Across]:
    """The terms that hold derivatives of a residual along random directions, and these."""
    found = {}
    for term in terms:
        read = (what for plan in term.plans for _, what in plan.functionals)
        families = {ray.family for what in read for ray in rays_of(what)}
        if len(families) == 1:
            found[term.name] = families.pop()
    return found


def gradient_deviations(
    families: Mapping[str, Across], blocks: Mapping[str, Tensor]
) -> dict[str, float]:
    """Relative standard deviation of the mean squares of gradients along random directions.

    Args:
        families: Per term its directions, as above.
        blocks: Per term its residual ``(n, c K)``, K columns along the directions for each of c
            components.
    """
    out = {}
    for name, family in families.items():
        if len(family) > 1:
            along = blocks[name].unflatten(1, (-1, len(family))).square().mean((0, 1))
            sparse = family.distribution == SPARSE
            share = len(family) / len(family.columns) if sparse else 0.0
            out[mean_square(name)] = float(
                (along.var() * (1 - share) / len(along)).sqrt() / along.mean()
            )
    return out


def mean_square(name: str) -> str:
    """What is estimated of a term along random directions."""
    return f"mean square of {name}"


def single_samples(terms: Sequence[Term], frozen: FrozenPoints) -> list[str]:
    """What is estimated, as above, from one sample, which has no deviation."""
    names = written(term.plans for term in terms)
    found = {
        names[pair]
        for term in terms
        for placement, plan in zip(term.placements, term.plans, strict=True)
        for pair in plan.functionals
        if len(frozen.demands[placement].readings[pair[1]].samples) == 1
    }
    gradients = sampled_gradients(terms).items()
    return sorted([*found, *(mean_square(name) for name, family in gradients if len(family) == 1)])


def _rows(reading: Reading, functional: Functional, batches: Batches) -> Tensor | None:
    """The directions of an estimate that is a vector."""
    if not reading.rows or reading.family is None or batches.drawn is None:
        return None
    size = batches.points[0].coordinates.size(functional.name)
    return batches.drawn.families[reading.family].dense(size)
