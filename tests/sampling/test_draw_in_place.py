"""Points of very many dimensions are drawn into the one array that stays."""

import resource
import subprocess
import sys

import numpy as np
import pytest
import torch

from pinnlab.errors import GeometryError
from pinnlab.geometry import HyperBall, Hypercube, Interval, RealSpace, Time
from pinnlab.sampling import draw
from pinnlab.sampling.sequences import MOST_SEQUENCE_COLUMNS

MANY = 2000
SPACES = {
    "cube": Hypercube("x", dim=MANY, low=-1, high=3),
    "ball": HyperBall("x", dim=MANY, radius=2, center=0.5),
    "shifted": HyperBall("x", dim=MANY, radius=2, center=np.linspace(0, 1, MANY)),
    "space": RealSpace("x", dim=MANY, center=1.0, scale=0.5),
}
BOUNDED = [name for name in SPACES if name != "space"]


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture
def only_tensors(monkeypatch):
    """Let every NumPy way of drawing fail."""

    def fail(*_, **__):
        raise AssertionError("drawn by NumPy")

    for kind in (Hypercube, HyperBall, RealSpace):
        for name in ("sample", "sample_boundary", "sample_jointly", "sample_boundary_jointly"):
            monkeypatch.setattr(kind, name, fail)


@pytest.mark.parametrize("time", [False, True])
@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_interior(name, time, dtype, only_tensors):
    space = SPACES[name]
    domain = space * Time("t", 1, 3) if time else space
    n = 50
    p = draw(domain, n, sampler="uniform", generator=rng(), dtype=dtype)
    assert p.x.shape == (n, MANY + time)
    assert p.x.dtype == p.weights.dtype == dtype
    assert p.normals is None
    assert p.tag == "interior"
    assert p.x.is_contiguous()
    # Single precision sees the boundary to rounding only.
    slack = 1e-4 if dtype == torch.float32 else 0.0
    x = p.x.double().numpy()
    center = np.asarray(getattr(space, "center", 1.0))
    assert domain.contains(np.column_stack([(x[:, :MANY] - center) * (1 - slack) + center,
                                            x[:, MANY:]])).all()  # fmt: skip
    again = draw(domain, n, sampler="uniform", generator=rng(), dtype=dtype)
    assert torch.equal(p.x, again.x)
    if time:
        t = p.columns["t"]
        assert 1 <= float(t.min()) < 1.3
        assert 2.7 < float(t.max()) <= 3


@pytest.mark.parametrize("name", BOUNDED)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_boundary(name, dtype, only_tensors):
    space = SPACES[name]
    p = draw(space, 20, on="boundary", sampler="uniform", generator=rng(), dtype=dtype)
    normals = p.normals
    assert normals.dtype == dtype
    assert normals is p.normals  # made once
    assert torch.allclose(torch.linalg.vector_norm(normals, dim=1), torch.ones(20, dtype=dtype))
    if isinstance(space, HyperBall):
        center = torch.as_tensor(space.center, dtype=dtype)
        assert torch.allclose(center + 2 * normals, p.x, atol=1e-6)
    else:
        rows = torch.arange(20)
        axis = normals.abs().argmax(dim=1)
        face = torch.where(normals[rows, axis] > 0, 3.0, -1.0).to(dtype)
        assert torch.equal(p.x[rows, axis], face)
        assert {-1.0, 3.0} == set(face.tolist())
    walls = draw(
        space * Time("t", 0, 1), 20, on="boundary", sampler="uniform", generator=rng(), dtype=dtype
    )
    assert walls.normals.shape == (20, MANY)
    assert walls.x.shape == (20, MANY + 1)


def test_normals_are_made_only_when_they_are_read(monkeypatch):
    made = []
    surface = HyperBall._fill_surface

    def spied(self, n, extra, noise):
        x, normals = surface(self, n, extra, noise)
        return x, lambda: made.append(1) or normals()

    monkeypatch.setattr(HyperBall, "_fill_surface", spied)
    p = draw(SPACES["ball"], 6, on="boundary", sampler="uniform", generator=rng())
    part = p.to(dtype=torch.float32).take(torch.tensor([1, 3]))
    assert not made
    assert part.normals.dtype == torch.float32
    assert torch.equal(part.normals, p.normals[[1, 3]].float())
    assert len(made) == 2


@pytest.mark.parametrize("name", SPACES)
def test_instants(name, only_tensors):
    domain = SPACES[name] * Time("t", 1, 3)
    start = draw(domain, 10, on="initial", sampler="uniform", generator=rng())
    assert start.columns["t"].tolist() == [1.0] * 10
    assert start.normals is None
    assert len(set(start.x[:, 0].tolist())) == 10
    ends = draw(domain, 10, on=("initial", "final"), sampler="uniform", generator=rng())
    assert sorted(ends.columns["t"].tolist()) == [1.0] * 5 + [3.0] * 5
    if name in BOUNDED:
        # The measures are 0 or infinite as numbers: every part gets the same share.
        p = draw(domain, 10, on=("initial", "boundary"), sampler="uniform", generator=rng())
        assert (p.columns["t"] == 1).sum() == 5


def test_too_long_sequences_become_independent_points(only_tensors):
    for name in ("sobol", "halton"):
        domain = SPACES["cube"] * Time("t", 0, 1)
        assert domain.sampler_for(name) == "uniform"
        assert draw(domain, 5, sampler=name, generator=rng()).x.shape == (5, MANY + 1)
    few = Hypercube("x", dim=MOST_SEQUENCE_COLUMNS)
    assert few.sampler_for("sobol") == "sobol"
    assert SPACES["cube"].sampler_for("lhs") == "lhs"
    assert Interval("x", 0, 1).sampler_for("sobol") == "sobol"


def test_samplers_that_need_numpy_still_work():
    p = draw(SPACES["ball"], 8, sampler="lhs", generator=rng(), dtype=torch.float32)
    assert p.x.shape == (8, MANY)
    chosen = draw(
        Hypercube("x", dim=3), 8, on=lambda x: x[:, 0] > 0.5, sampler="uniform", generator=rng()
    )
    assert bool((chosen.x[:, 0] > 0.5).all())


def test_what_is_refused():
    for domain in (SPACES["cube"], SPACES["cube"] * Time("t", 0, 1), Interval("x", 0, 1)):
        with pytest.raises(GeometryError, match=r"(?s)'radial' needs a centre.*HyperBall"):
            draw(domain, 5, sampler="radial", generator=rng())
    with pytest.raises(GeometryError, match="no region 'core'"):
        draw(SPACES["cube"], 5, region="core", sampler="uniform", generator=rng())
    with pytest.raises(GeometryError, match="positive integer"):
        draw(SPACES["cube"], 0, sampler="uniform", generator=rng())
    with pytest.raises(GeometryError, match="no boundary piece 'lid'"):
        draw(SPACES["cube"], 5, on="lid", sampler="uniform", generator=rng())
    with pytest.raises(GeometryError, match="no sampler 'sobel'"):
        draw(SPACES["cube"], 5, sampler="sobel", generator=rng())


def test_arrays_are_used_again():
    old = draw(SPACES["ball"] * Time("t", 0, 1), 5, sampler="radial", generator=rng()).x
    new = draw(SPACES["ball"] * Time("t", 0, 1), 5, sampler="radial", generator=rng(1), into=old)
    assert new.x.data_ptr() == old.data_ptr()
    fresh = draw(SPACES["ball"] * Time("t", 0, 1), 5, sampler="radial", generator=rng(1))
    assert torch.equal(new.x, fresh.x)


MEMORY = """
import resource
import numpy as np, torch
from pinnlab.geometry import HyperBall, Hypercube, RealSpace, Time
from pinnlab.sampling import draw

n, d = 20, 1_000_000
torch.set_num_threads(1)
small = draw(HyperBall("x", dim=10), 5, sampler="radial", generator=np.random.default_rng(0))
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before = peak()
for space, sampler in (
    (HyperBall("x", dim=d), "radial"), (Hypercube("x", dim=d), "sobol"),
    (RealSpace("x", dim=d), "uniform"),
):
    for domain in (space, space * Time("t", 0, 1)):
        for on in (None, "boundary", "initial"):
            if on == "boundary" and not space.pieces or on == "initial" and domain is space:
                continue
            p = draw(
                domain, n, on=on, sampler=sampler, generator=np.random.default_rng(0),
                dtype=torch.float32,
            )
            del p
print((peak() - before) / (n * d * 4))
"""


@pytest.mark.skipif(not hasattr(resource, "RUSAGE_SELF"), reason="no ru_maxrss")
def test_a_million_dimensions_need_one_array():
    run = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    # One array in single precision; a tenth for everything else, centres and bounds among it.
    assert float(run.stdout) < 1.1
