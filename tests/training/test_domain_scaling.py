"""MultiAdam does not see how large the domain is: the test of Yao et al. (2023).

On a domain that is s times as large, the residual of Poisson's equation falls as s⁻² and its share
of the loss as s⁻⁴, while the boundary stays as it is.
"""

import numpy as np
import pytest
import torch

import pinnlab as pl

BETAS = (0.99, 0.99)  # as published


def poisson(s: float) -> pl.Problem:
    """u = sin(πx/s) sin(πy/s) + x/s on (0, s)²."""
    exact = f"sin(pi*x/{s})*sin(pi*y/{s}) + x/{s}"
    return pl.Problem(
        pl.Box(x=(0, s), y=(0, s)),
        "u",
        {"poisson": f"laplacian(u) + 2*(pi/{s})**2*sin(pi*x/{s})*sin(pi*y/{s})"},
        {"walls": pl.Dirichlet(u=exact)},
        reference=pl.Reference.exact({"u": exact}, points=500),
    )


def train(s: float, steps: int, gradients=None, betas=BETAS, lr=1e-3, eps=1e-8) -> pl.Solution:
    return pl.solve(
        poisson(s),
        pl.MLP(width=16, depth=2),
        points={"interior": 128, "boundary": 64},
        gradients=gradients,
        phases=pl.Adam(steps, lr=lr, betas=betas, eps=eps, schedule=pl.Cosine(final=0.02)),
        callbacks=[],
        scales=None,
        dtype="float64",
        progress=False,
    )


def parameters(solution: pl.Solution) -> np.ndarray:
    return torch.cat([p.detach().flatten() for p in solution.state.parameters()]).numpy()


def distance(gradients, betas=BETAS) -> float:
    """How far apart the parameters are after 20 steps at s = 1 and at s = 8."""
    one, eight = (parameters(train(s, 20, gradients, betas, eps=1e-30)) for s in (1.0, 8.0))
    return float(np.abs(one - eight).max())


def test_steps_do_not_depend_on_the_scale_of_the_domain():
    # Scaling by a power of two is exact in binary numbers, and eps is next to nothing.
    assert distance(pl.MultiAdam()) < 1e-12
    assert distance(None, (0.9, 0.999)) > 1e-2


def test_errors_do_not_depend_on_the_scale_of_the_domain():
    def error(s, *how):
        return train(s, 400, *how, lr=1e-2).error()["u"]["relative_l2"]

    multi = [error(s, pl.MultiAdam()) for s in (1.0, 16.0)]
    adam = [error(s, None, (0.9, 0.999)) for s in (1.0, 16.0)]
    assert multi[1] == pytest.approx(multi[0], rel=0.2)
    assert multi[1] < 0.1
    assert adam[1] > 4 * multi[1]
