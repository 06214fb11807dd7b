"""Gradients and Jacobians of terms by plain autograd, for comparison."""

import torch
from cases import PROBLEMS, assembly

from pinnlab.objective.objective import Objective
from pinnlab.weighting.base import Weighting, Weights


def objective(name: str = "heat_flux", **options) -> Objective:
    """A small one with declared weights that differ."""
    return assembly(PROBLEMS[name](), **options).objective


def gradients(objective: Objective) -> dict[str, torch.Tensor]:
    """∇ ½ mean ‖r_k‖² ``(p,)`` by term, without any weight."""
    found = {}
    for name in objective.names:
        block = objective.residuals()[name]
        loss = 0.5 * block.square().sum() / len(block)
        found[name] = flat(torch.autograd.grad(loss, objective.parameters, allow_unused=True),
                           objective)  # fmt: skip
    return found


def row_squares(objective: Objective) -> dict[str, torch.Tensor]:
    """‖∂r/∂θ‖² ``(n_k, c_k)`` of every residual, one by one."""
    found = {}
    for name, block in objective.residuals().items():
        rows = [
            flat(
                torch.autograd.grad(
                    value, objective.parameters, retain_graph=True, allow_unused=True
                ),
                objective,
            )
            .square()
            .sum()
            for value in block.reshape(-1)
        ]
        found[name] = torch.stack(rows).view(block.shape)
    return found


def flat(parts, objective: Objective) -> torch.Tensor:
    """One vector ``(p,)``, zero where a parameter does not take part."""
    filled = [
        torch.zeros_like(p) if g is None else g
        for g, p in zip(parts, objective.parameters, strict=True)
    ]
    return torch.cat([g.reshape(-1) for g in filled])


def weighed(objective: Objective, weighting: Weighting, steps: int = 1) -> Weights:
    """The weights after so many updates at the same parameters, each followed by a step."""
    weights = Weights(objective, [weighting])
    for step in range(steps):
        weights.update(objective, step)
        objective.loss_and_gradient()
        weights.observe(objective)
    return weights
