import math

import numpy as np
import pytest
import torch

from pinnlab.errors import GeometryError
from pinnlab.geometry import RealSpace, SpaceTime, Time, geometry_from_spec
from pinnlab.sampling import draw


def rng():
    return np.random.default_rng(6)


@pytest.mark.parametrize("sampler", ["uniform", "sobol", "halton", "lhs"])
def test_points_are_normally_distributed(sampler):
    n, d = 20_000, 4
    space = RealSpace("x", dim=d, center=[0.0, 1.0, -2.0, 0.5], scale=0.7)
    s = space.sample(n, sampler=sampler, rng=rng())
    z = (s.x - space.center) / 0.7
    # Six standard errors of independent points.
    assert np.abs(z.mean(axis=0)).max() < 6 / n**0.5
    assert np.abs(z.T @ z / n - np.eye(d)).max() < 6 * 2**0.5 / n**0.5
    assert np.abs((z**4).mean(axis=0) - 3).max() < 6 * 96**0.5 / n**0.5
    assert s.weights.sum() == pytest.approx(1)
    assert s.normals is None


def test_bounds_measure_and_inside():
    space = RealSpace("x", dim=3, center=1.0, scale=2.0)
    assert space.bounds().tolist() == [[-5.0] * 3, [7.0] * 3]
    assert RealSpace("x", 2, center=[0.0, 1.0]).bounds().tolist() == [[-3.0, -2.0], [3.0, 4.0]]
    assert space.measure() == space.log_measure() == math.inf
    x = np.array([[1e9, 0.0, -1e9], [0.0, np.inf, 0.0]])
    assert space.contains(x).tolist() == [True, False]
    assert "dim=3" in repr(space)


def test_product_with_time():
    domain = RealSpace("x", dim=3) * Time("t", 0, 2)
    assert isinstance(domain, SpaceTime)
    assert domain.pieces == ("initial", "final")
    assert domain.boundary_pieces == ()
    assert domain.measure() == domain.measure("initial") == math.inf
    assert domain.bounds().shape == (2, 4)
    for sampler in ("sobol", "uniform"):
        p = draw(domain, 16, sampler=sampler, generator=rng())
        assert p.x.shape == (16, 4)
        assert bool((p.columns["t"] > 0).all())
        end = draw(domain, 16, on="final", sampler=sampler, generator=rng())
        assert end.columns["t"].tolist() == [2.0] * 16
        both = draw(domain, 16, on=("initial", "final"), sampler=sampler, generator=rng())
        assert (both.columns["t"] == 0).sum() == 8
    t = torch.tensor([0.5])
    assert float(domain.distance({"x": torch.zeros(1, 3), "t": t}, ["initial"])) == 0.5
    assert domain.on_piece(np.array([[9.0, 9.0, 9.0, 2.0]]), "final").all()


@pytest.mark.parametrize("sampler", ["uniform", "sobol"])
@pytest.mark.parametrize("growth", [2.0, -2.0])
def test_variance_grows_in_time(sampler, growth):
    space = RealSpace("x", dim=50, center=1.5, scale=0.6**0.5, growth=growth)
    domain = space * Time("t", 0, 0.5)
    everywhere = draw(domain, 4000, sampler=sampler, generator=rng())
    ends = draw(domain, 400, on="final", sampler=sampler, generator=rng())
    start = draw(domain, 400, on="initial", sampler=sampler, generator=rng())
    for p in (everywhere, ends, start):
        variance = (0.6 + growth * p.columns["t"]).clamp(min=0)
        mean_square = ((p.columns["x"] - 1.5) ** 2).mean(1)
        # The mean of 50 squares has the relative deviation sqrt(2/50); six of them.
        assert bool(((mean_square - variance).abs() <= 6 * 0.2 * variance + 1e-12).all())
    assert float((ends.columns["x"] - 1.5).abs().max() == 0) == (growth < 0)
    assert "growth" in repr(space)


def test_refuses_an_endless_growth():
    with pytest.raises(GeometryError, match="growth cannot be used"):
        RealSpace("x", dim=3, growth=math.inf)


def test_there_is_no_boundary():
    space = RealSpace("x", dim=3)
    assert space.pieces == ()
    for ask in (
        lambda: space.resolve("boundary"),
        lambda: space.sample_boundary(5, rng=rng()),
        lambda: space.sample_boundary(5, sampler="uniform", rng=rng()),
        lambda: draw(space, 5, on="boundary", sampler="uniform", generator=rng()),
        lambda: draw(space * Time("t", 0, 1), 5, on="boundary", generator=rng()),
        lambda: space.distance({"x": torch.zeros(1, 3)}, ["boundary"]),
        lambda: space.on_piece(np.zeros((1, 3)), "boundary"),
        lambda: space.sample_boundary(5, lambda x: x[:, 0] > 0, rng=rng()),
    ):
        with pytest.raises(GeometryError, match=r"no boundary"):
            ask()


def test_what_is_refused():
    with pytest.raises(GeometryError, match="scale"):
        RealSpace("x", dim=3, scale=0)
    with pytest.raises(GeometryError, match="centre cannot be used"):
        RealSpace("x", dim=3, center=[0.0, 1.0])
    with pytest.raises(GeometryError, match="several components"):
        RealSpace("x", dim=1)


def test_specification():
    spec = {"kind": "RealSpace", "coordinate": "x", "dim": 7, "scale": 2}
    assert repr(geometry_from_spec(spec)) == "RealSpace('x', dim=7, scale=2)"
