import numpy as np
import pytest

from pinnlab.errors import GeometryError
from pinnlab.geometry import Box, Disk, Hypercube, Interval
from pinnlab.geometry.predicates import select


def rng():
    return np.random.default_rng(9)


def plate():
    return Box(x=(0, 2), y=(0, 1)) - Disk((1, 0.5), 0.2, name="hole")


def test_points_and_weights_are_those_of_the_selected_part():
    s = plate().sample_boundary(200, lambda x, y: (y == 0) & (x > 0.5), rng=rng())
    assert len(s.x) == 200
    assert np.all((s.x[:, 1] == 0) & (s.x[:, 0] > 0.5))
    assert s.normals.tolist() == [[0.0, -1.0]] * 200
    assert s.weights.sum() == pytest.approx(1.5, rel=0.01)


def test_a_predicate_asks_for_what_it_needs():
    assert np.all(plate().sample_boundary(20, lambda y: y > 0.9, rng=rng()).x[:, 1] > 0.9)
    x = Hypercube("z", 3).sample(5, rng=rng()).x
    assert select(lambda z: z[:, 0] > 2, x, Hypercube("z", 3).coordinates).tolist() == [False] * 5


def test_narrow_parts_take_more_candidates():
    s = plate().sample_boundary(100, lambda x, y: (y == 0) & (abs(x - 1) < 0.01), rng=rng())
    assert len(s.x) == 100
    assert s.weights.sum() == pytest.approx(0.02, rel=0.1)


def test_what_is_hardly_there_gives_fewer_points():
    s = plate().sample_boundary(100, lambda x, y: (y == 0) & (abs(x - 1) < 1e-4), rng=rng())
    assert 0 < len(s.x) < 100


def test_isolated_points_are_not_searched_for_ever():
    s = Interval("x", 0, 1).sample_boundary(100, lambda x: x > 0.5, rng=rng())
    assert s.x.tolist() == [[1.0]]


def test_nothing_selected():
    with pytest.raises(GeometryError, match=r"(?s)selects no part of the boundary.*np.isclose"):
        plate().sample_boundary(20, lambda x: x > 5, rng=rng())


def test_unknown_coordinate():
    with pytest.raises(GeometryError, match="asks for 'z', which is no coordinate"):
        plate().sample_boundary(20, lambda x, z: x > z, rng=rng())


@pytest.mark.parametrize(
    "predicate", [lambda x: True, lambda x: x, lambda x: x[:2] > 0, lambda x: np.stack([x, x]) > 0]
)
def test_one_truth_value_for_each_point(predicate):
    with pytest.raises(GeometryError, match=r"(?s)one truth value for each point.*whole columns"):
        plate().sample_boundary(20, predicate, rng=rng())
