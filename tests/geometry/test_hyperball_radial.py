"""The laws of points in a ball of many dimensions."""

import numpy as np
import pytest
import torch

from pinnlab.geometry import HyperBall, Time
from pinnlab.sampling import draw

N = 20_000


def rng():
    return np.random.default_rng(4)


def distance_to_uniform(u):
    """Kolmogorov-Smirnov statistic of numbers against the uniform law on [0, 1]."""
    u, n = np.sort(np.asarray(u)), len(u)
    return max((u - np.arange(n) / n).max(), (np.arange(1, n + 1) / n - u).max())


@pytest.mark.parametrize("sampler", ["uniform", "radial"])
@pytest.mark.parametrize("dim", [2, 3, 20])
def test_radius_and_direction(sampler, dim):
    ball = HyperBall("x", dim=dim, radius=2.5, center=[0.3] * dim)
    s = ball.sample(N, sampler=sampler, rng=rng())
    y = s.x - 0.3
    r = np.linalg.norm(y, axis=1) / 2.5
    # P(r < s) is s^d for uniform points of the volume, s for uniform radii; the statistic exceeds
    # 1.95/sqrt(n) once in a thousand.
    law = r**dim if sampler == "uniform" else r
    assert distance_to_uniform(law) < 1.95 / N**0.5
    e = y / np.linalg.norm(y, axis=1, keepdims=True)
    # Directions: mean 0 and second moments 1/d, with six standard errors.
    assert np.abs(e.mean(axis=0)).max() < 6 / (dim * N) ** 0.5
    assert np.abs(e.T @ e / N - np.eye(dim) / dim).max() < 6 * 3**0.5 / dim / N**0.5
    # Radius and direction are independent.
    assert np.abs(np.corrcoef(np.column_stack([law, e]).T)[0, 1:]).max() < 6 / N**0.5


def test_radial_points_in_time_are_independent_of_time():
    p = draw(HyperBall("x", dim=10) * Time("t", 0, 2), N, sampler="radial", generator=rng())
    r = torch.linalg.vector_norm(p.columns["x"], dim=1).numpy()
    t = p.columns["t"].numpy() / 2
    assert distance_to_uniform(r) < 1.95 / N**0.5
    assert distance_to_uniform(t) < 1.95 / N**0.5
    assert abs(np.corrcoef(r, t)[0, 1]) < 6 / N**0.5


def test_radial_boundary_points_are_those_of_the_sphere():
    ball = HyperBall("x", dim=6, radius=3)
    b = ball.sample_boundary(50, sampler="radial", rng=rng())
    assert ball.on_piece(b.x, "boundary").all()
    assert np.allclose(b.normals * 3, b.x)


def test_uniform_points_of_many_dimensions_lie_at_the_surface_and_radial_ones_do_not():
    ball = HyperBall("x", dim=100_000)
    even = draw(ball, 40, sampler="uniform", generator=rng(), dtype=torch.float32)
    radial = draw(ball, 40, sampler="radial", generator=rng(), dtype=torch.float32)
    assert float(torch.linalg.vector_norm(even.x, dim=1).min()) > 0.999
    assert float(torch.linalg.vector_norm(radial.x, dim=1).min()) < 0.2
