import math
import tracemalloc

import numpy as np
import pytest

from pinnlab.errors import GeometryError
from pinnlab.geometry import HyperBall, Hypercube

SAMPLERS = pytest.mark.parametrize("sampler", ["uniform", "lhs", "sobol", "halton"])


def rng():
    return np.random.default_rng(2)


@SAMPLERS
@pytest.mark.parametrize("dim", [2, 50, 3000])
def test_cube(sampler, dim):
    cube = Hypercube("x", dim=dim, low=-1, high=2)
    s = cube.sample(20, sampler=sampler, rng=rng())
    assert s.x.shape == (20, dim)
    assert cube.contains(s.x).all()
    assert not cube.on_piece(s.x, "boundary").any()
    b = cube.sample_boundary(20, sampler=sampler, rng=rng())
    assert cube.on_piece(b.x, "boundary").all()
    assert np.all(np.abs(b.normals).sum(axis=1) == 1)
    assert not cube.contains(b.x + 1e-3 * b.normals).any()


@SAMPLERS
@pytest.mark.parametrize("dim", [2, 50])
def test_ball(sampler, dim):
    ball = HyperBall("x", dim=dim, radius=2, center=np.arange(dim))
    s = ball.sample(20, sampler=sampler, rng=rng())
    assert ball.contains(s.x).all()
    b = ball.sample_boundary(20, sampler=sampler, rng=rng())
    assert ball.on_piece(b.x, "boundary").all()
    assert np.allclose(np.linalg.norm(b.normals, axis=1), 1)
    assert np.allclose(ball.center + 2 * b.normals, b.x)


def test_ball_is_filled_uniformly():
    n, d = 4096, 5
    x = HyperBall("x", dim=d).sample(n, rng=rng()).x
    assert np.mean(np.sum(x**2, axis=1)) == pytest.approx(d / (d + 2), abs=5e-3)
    second = x.T @ x / n
    assert np.allclose(second, np.eye(d) / (d + 2), atol=0.01)
    surface = HyperBall("x", dim=d).sample_boundary(n, rng=rng()).x
    assert np.allclose(surface.T @ surface / n, np.eye(d) / d, atol=0.01)


def test_divergence_theorem():
    cube = Hypercube("x", dim=4, low=-1, high=2)
    s = cube.sample_boundary(20_000, rng=rng())
    flux = np.sum(s.weights * np.sum(s.x * s.normals, axis=1))
    assert flux == pytest.approx(4 * cube.measure(), rel=0.03)
    ball = HyperBall("x", dim=4, radius=1.5)
    s = ball.sample_boundary(100, rng=rng())
    assert np.sum(s.weights * np.sum(s.x * s.normals, axis=1)) == pytest.approx(4 * ball.measure())


def test_measures():
    assert Hypercube("x", dim=3, low=0, high=2).measure() == pytest.approx(8)
    assert Hypercube("x", dim=3, low=0, high=2).measure("boundary") == pytest.approx(24)
    ball = HyperBall("x", dim=5, radius=1)
    assert ball.measure() == pytest.approx(8 * math.pi**2 / 15)
    assert ball.measure("boundary") == pytest.approx(8 * math.pi**2 / 3)


def test_measures_that_leave_the_number_range():
    cube = Hypercube("x", dim=100_000, low=-1, high=1)
    assert cube.measure() == math.inf
    assert cube.log_measure() == pytest.approx(100_000 * math.log(2))
    assert cube.sample(4, sampler="uniform", rng=rng()).weights.tolist() == [0.25] * 4
    ball = HyperBall("x", dim=10_000)
    assert ball.measure() == 0
    assert ball.sample(4, sampler="uniform", rng=rng()).weights.sum() == 1


def test_a_million_dimensions_need_no_more_than_sample_and_normals():
    n, dim = 3, 1_000_000
    cube = Hypercube("x", dim=dim)
    tracemalloc.start()
    s = cube.sample_boundary(n, sampler="uniform", rng=rng())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert s.x.shape == s.normals.shape == (n, dim)
    assert peak < 2.6 * n * dim * 8


def test_own_name_and_predicates():
    cube = Hypercube("x", dim=3, name="shell")
    assert cube.pieces == ("shell",)
    assert cube.resolve("boundary") == ("shell",)
    s = cube.sample_boundary(30, lambda x: x[:, 0] > 0.5, rng=rng())
    assert np.all(s.x[:, 0] > 0.5)
    assert len(s.x) == 30


def test_predicates_in_many_dimensions_draw_few_candidates():
    cube = Hypercube("x", dim=400_000)
    s = cube.sample_boundary(6, lambda x: x[:, 0] > 0.2, sampler="uniform", rng=rng())
    assert 0 < len(s.x) <= 6
    assert (s.x[:, 0] > 0.2).all()


def test_what_is_refused():
    cube = Hypercube("x", dim=3)
    with pytest.raises(GeometryError, match="no Gauss rule"):
        cube.sample(10, sampler="gauss", rng=rng())
    with pytest.raises(GeometryError, match="no Gauss rule"):
        cube.sample_boundary(10, sampler="gauss", rng=rng())
    with pytest.raises(GeometryError, match="no boundary piece 'left'"):
        cube.sample_boundary(10, "left", rng=rng())
    with pytest.raises(GeometryError, match="no region"):
        cube.sample(10, region="left", rng=rng())
