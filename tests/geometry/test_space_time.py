import numpy as np
import pytest

from pinnlab.errors import GeometryError
from pinnlab.geometry import Box, Disk, Hypercube, Interval, PointSet, SpaceTime, Time


def rng():
    return np.random.default_rng(3)


def burgers():
    return Interval("x", -1, 1) * Time("t", 0, 3)


# ---- time alone ---------------------------------------------------------------------------------
def test_time_is_a_domain_of_its_own():
    time = Time("t", 1, 3)
    assert time.coordinates.time == "t"
    assert time.pieces == ("initial", "final")
    assert (time.measure(), time.measure("initial")) == (2.0, 1.0)
    s = time.sample(64, rng=rng())
    assert s.weights.sum() == pytest.approx(2)
    assert time.contains(s.x).all()
    assert not time.contains(np.array([[0.9], [3.1]])).any()
    assert np.array_equal(time.bounds(), [[1.0], [3.0]])


def test_instants_come_once_and_have_no_normals():
    time = Time("t", 1, 3)
    s = time.sample_boundary(10, ["initial", "final"], rng=rng())
    assert (s.x.tolist(), s.normals) == ([[1.0], [3.0]], None)
    assert time.on_piece(s.x, "final").tolist() == [False, True]
    late = time.sample_boundary(10, lambda t: t > 2, rng=rng())
    assert late.x.tolist() == [[3.0]]


def test_time_has_no_boundary_in_space():
    with pytest.raises(GeometryError, match="no boundary piece 'boundary'"):
        Time("t", 0, 1).sample_boundary(3, "boundary", rng=rng())
    with pytest.raises(GeometryError, match="no region"):
        Time("t", 0, 1).sample(3, region="core", rng=rng())


def test_gauss_in_time():
    s = Time("t", 0, 2).sample(5, sampler="gauss", rng=rng())
    assert np.sum(s.weights * s.x[:, 0] ** 9) == pytest.approx(2**10 / 10)


@pytest.mark.parametrize("ends", [(1, 1), (2, 1), (0, np.inf), (np.nan, 1)])
def test_time_must_run_forwards(ends):
    with pytest.raises(GeometryError, match="do not enclose anything"):
        Time("t", *ends)


# ---- products -----------------------------------------------------------------------------------
def test_pieces_and_measures():
    domain = burgers()
    assert domain.pieces == ("left", "right", "initial", "final")
    assert domain.boundary_pieces == ("left", "right")
    assert domain.coordinates.names == ("x", "t")
    assert domain.coordinates.time == "t"
    assert [domain.measure(p) for p in (None, "left", "initial", "boundary")] == [6, 3, 2, 6]
    assert np.array_equal(domain.bounds(), [[-1, 0], [1, 3]])
    assert isinstance(Time("t", 0, 1) * Interval("x", 0, 1), SpaceTime)


def test_space_and_time_are_filled_together():
    s = burgers().sample(1024, rng=rng())
    assert s.weights.sum() == pytest.approx(6)
    cells = np.floor((s.x - [-1, 0]) / [2 / 8, 3 / 8]).astype(int)
    # A (t, m, 2) net of 1024 points has 16 in each of 64 cells; drawn apart it would be 16 ± 4.
    counts = np.bincount(cells[:, 0] * 8 + cells[:, 1], minlength=64)
    assert np.abs(counts - 16).max() <= 1


@pytest.mark.parametrize("sampler", ["uniform", "lhs", "sobol", "halton", "gauss"])
def test_boundary_extends_through_time(sampler):
    s = burgers().sample_boundary(50, "left", sampler=sampler, rng=rng())
    assert np.all(s.x[:, 0] == -1)
    assert len(np.unique(s.x[:, 1])) == 50
    assert s.normals.tolist() == [[-1.0]] * 50
    assert s.weights.sum() == pytest.approx(3)


def test_boundary_means_space_only():
    s = burgers().sample_boundary(50, rng=rng())
    assert set(s.x[:, 0]) == {-1.0, 1.0}
    assert s.weights.sum() == pytest.approx(6)


def test_initial_points_fill_space():
    domain = (Box(x=(0, 2), y=(0, 1)) - Disk((1, 0.5), 0.2, name="hole")) * Time("t", 1, 2)
    s = domain.sample_boundary(100, "initial", rng=rng())
    assert s.x.shape == (100, 3)
    assert np.all(s.x[:, 2] == 1)
    assert s.normals is None
    assert s.weights.sum() == pytest.approx(2 - 0.04 * np.pi)
    assert domain.on_piece(s.x, "initial").all()
    assert not domain.on_piece(s.x, "final").any()


def test_walls_and_instants_together():
    domain = burgers()
    s = domain.sample_boundary(100, ["left", "initial"], rng=rng())
    assert len(s.x) == 100
    assert s.normals is None
    assert s.weights.sum() == pytest.approx(5)
    assert np.sum(domain.on_piece(s.x, "initial")) == 40
    both = domain.sample_boundary(100, ["initial", "final"], rng=rng())
    assert np.mean(both.x[:, 1]) == pytest.approx(1.5)


def test_membership():
    domain = burgers()
    x = np.array([[0.0, 1.0], [-1.0, 1.0], [-1.0, 4.0], [0.0, 3.0]])
    assert domain.contains(x).tolist() == [True, True, False, True]
    assert domain.on_piece(x, "left").tolist() == [False, True, False, False]
    assert domain.on_piece(x, "final").tolist() == [False, False, False, True]


def test_predicates_may_ask_for_time():
    s = burgers().sample_boundary(40, lambda x, t: (x > 0) & (t < 1), rng=rng())
    assert len(s.x) == 40
    assert np.all((s.x[:, 0] == 1) & (s.x[:, 1] < 1))
    assert s.normals.tolist() == [[1.0]] * 40
    assert s.weights.sum() == pytest.approx(1, rel=0.02)


def test_gauss_rule_over_space_and_time():
    s = burgers().sample(26, sampler="gauss", rng=rng())
    assert len(s.x) == 25
    exact = (2 / 9) * 3**10 / 10
    assert np.sum(s.weights * s.x[:, 0] ** 8 * s.x[:, 1] ** 9) == pytest.approx(exact)


def test_spaces_that_are_no_maps_of_the_cube():
    cloud = PointSet(np.random.default_rng(0).random((30, 2)), pieces={"wall": [0, 1, 2]})
    domain = cloud * Time("t", 0, 2)
    s = domain.sample(20, rng=rng())
    assert s.x.shape == (20, 3)
    assert len(np.unique(s.x[:, 2])) == 20
    assert len(domain.sample_boundary(9, "wall", rng=rng()).x) == 3
    with pytest.raises(GeometryError, match="no Gauss rule"):
        domain.sample(20, sampler="gauss", rng=rng())
    with pytest.raises(GeometryError, match="no Gauss rule"):
        domain._independently(3, 1, "gauss", rng())


def test_many_dimensions_and_time():
    domain = Hypercube("x", dim=100) * Time("t", 0, 1)
    assert domain.sample(8, rng=rng()).x.shape == (8, 101)
    s = domain.sample_boundary(8, rng=rng())
    assert (s.x.shape, s.normals.shape) == ((8, 101), (8, 100))
    by_predicate = domain.sample_boundary(8, lambda t: t > 0.5, rng=rng())
    assert np.all(by_predicate.x[:, -1] > 0.5)


def test_what_cannot_be_multiplied():
    with pytest.raises(GeometryError, match="Only a region of space"):
        Interval("x", 0, 1) * Interval("y", 0, 1)
    with pytest.raises(GeometryError, match="already has a time"):
        burgers() * Time("s", 0, 1)
    with pytest.raises(GeometryError, match="already has a time"):
        Time("s", 0, 1) * Time("t", 0, 1)
    with pytest.raises(GeometryError, match="named 'initial'"):
        Disk((0, 0), 1, name="initial") * Time("t", 0, 1)
