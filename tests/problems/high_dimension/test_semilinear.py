"""The published values of u(0, T), recomputed where a solution depends on |x| and t only."""

import numpy as np
import pytest
import torch
from cases import F64, assembly
from scipy.linalg import expm
from torch import nn

import pinnlab as pl
from pinnlab.problems.high_dimension import semilinear
from pinnlab.sampling import draw

KINDS = (
    pl.high_dimension.semilinear_heat,
    pl.high_dimension.allen_cahn_in_time,
    pl.high_dimension.sine_gordon_in_time,
)


# How far in y what enters there cannot matter.
FAR = {10: 8.0, 100: 3.0, 1000: 1.2}


def radial(d: int, reaction, n: int = 601, steps: int = 60) -> float:
    """u(0, T) of a radial solution, in y = |x|²/d: u_t = (4y/d) u_yy + 2 u_y + g(u).

    Central differences in y, Strang splitting in time. What enters at the far end moves by 0.6 = 2T
    and diffuses by less than half of the rest.
    """
    y, h = np.linspace(0, FAR[d], n, retstep=True)
    first, second = np.zeros((n, n)), np.zeros((n, n))
    for k in range(1, n - 1):
        first[k, k - 1 : k + 2] = np.array([-1, 0, 1]) / (2 * h)
        second[k, k - 1 : k + 2] = np.array([1, -2, 1]) / h**2
    first[0, :3] = np.array([-3, 4, -1]) / (2 * h)
    first[-1, -3:] = np.array([1, -4, 3]) / (2 * h)
    step = semilinear.END / steps
    linear = expm(step * ((4 * y / d)[:, None] * second + 2 * first))
    u = 5 / (10 + 2 * d * y)
    for _ in range(steps):
        u = linear @ _react(u, reaction, step / 2)
        u = _react(u, reaction, step / 2)
    return u[0]


def _react(u: np.ndarray, g, step: float) -> np.ndarray:
    middle = u + 0.5 * step * g(u)
    return u + step * g(middle)


@pytest.mark.parametrize("d", FAR)
def test_semilinear_heat_agrees_with_its_radial_equation(d):
    value = radial(d, lambda u: (1 - u**2) / (1 + u**2))
    # The published values are simulations with an error of about 1e-3.
    assert value == pytest.approx(semilinear.HEAT[d], rel=3e-3)


@pytest.mark.parametrize("d", FAR)
def test_sine_gordon_agrees_with_its_radial_equation(d):
    assert radial(d, np.sin) == pytest.approx(semilinear.SINE_GORDON[d], rel=3e-3)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("d", [10, 10_000, 77])
def test_compares_at_the_one_known_position(kind, d):
    problem = kind(d)
    reference = problem.reference
    assert (reference is None) == (d == 77)
    if reference is not None:
        assert reference.at == {"x": 0.0, "t": 0.3} and len(reference) == 1


class Moving(nn.Module):
    """u = exp(-t) (1 + |x|²), whose derivatives are known."""

    def forward(self, z):
        return (torch.exp(-z[:, -1]) * (1 + (z[:, :-1] ** 2).sum(-1)))[:, None]


REACTIONS = {
    "semilinear_heat": lambda u, d: (1 - u**2) / (1 + u**2),
    "allen_cahn_in_time": lambda u, d: u - u**3,
    "sine_gordon_in_time": lambda u, d: d * torch.sin(u / d),
}
STARTS = {
    "semilinear_heat": lambda x, d: 5 / (10 + 2 * (x**2).sum(1)),
    "allen_cahn_in_time": lambda x, d: torch.atan(x.max(1).values),
    "sine_gordon_in_time": lambda x, d: 5 * d / (10 + 2 * (x**2).sum(1)),
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_residuals_are_those_of_the_printed_equations(kind):
    d = 6
    problem = kind(d)
    made = assembly(problem, Moving())
    inside, start = (made.objective.points[t.placements[0]] for t in problem.terms)
    u = torch.exp(-inside.columns["t"]) * (1 + (inside.columns["x"] ** 2).sum(1))
    laplacian = 2 * d * torch.exp(-inside.columns["t"])
    residual = -u - laplacian - REACTIONS[kind.__name__](u, d)
    first = 1 + (start.columns["x"] ** 2).sum(1) - STARTS[kind.__name__](start.columns["x"], d)
    wanted = torch.stack([(residual**2).mean(), (first**2).mean()])
    torch.testing.assert_close(made.objective.terms(), wanted, rtol=1e-12, atol=0)


def test_points_follow_paths_that_end_at_the_position():
    problem = pl.high_dimension.semilinear_heat(1000)
    points = draw(
        problem.domain, 50, sampler="uniform", generator=np.random.default_rng(0), dtype=F64
    )
    x, t = points.columns["x"], points.columns["t"]
    # The mean of 1000 squares has the relative deviation sqrt(2/1000).
    torch.testing.assert_close((x**2).mean(1), 2 * (0.3 - t), rtol=6 * 0.045, atol=0)


def test_refuses_one_dimension():
    with pytest.raises(pl.PinnlabError, match="several components"):
        pl.high_dimension.semilinear_heat(1)
