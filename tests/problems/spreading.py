"""Objectives that carry every derivative by itself, beside those that carry sums."""

import torch

from pinnlab.calculus.directions import Directions
from pinnlab.calculus.table import Demand
from pinnlab.objective import Objective


def spread(made):
    """The same objective with every derivative carried by itself."""
    declared, objective = made.problem, made.objective
    plans = {}
    for term in declared.terms:
        for placement, plan in zip(term.placements, term.plans, strict=True):
            plans[placement] = plans[placement] | plan if placement in plans else plan
    directions = Directions(declared.coordinates)
    demands = {p: Demand.of(plans[p], directions) for p in objective.points}
    return Objective(
        objective.terms_, objective.state, demands, objective.points, directions=directions
    )


def assert_same_loss_and_gradient(objective, apart, rtol):
    """Both have one loss, the same terms and one gradient, to rounding."""
    loss, squares = objective.loss_and_gradient()
    gradient = objective.flat_gradient()
    other_loss, other_squares = apart.loss_and_gradient()
    torch.testing.assert_close(loss, other_loss, rtol=rtol, atol=0)
    torch.testing.assert_close(squares, other_squares, rtol=rtol, atol=1e-14)
    scale = float(gradient.abs().max())
    assert float((gradient - apart.flat_gradient()).abs().max()) < rtol * scale
