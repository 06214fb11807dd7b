import logging

import numpy as np
import pytest

from pinnlab.errors import GeometryError
from pinnlab.geometry import PointSet

XY = np.random.default_rng(0).random((20, 2))


def rng():
    return np.random.default_rng(1)


def cloud(**options):
    mask = np.zeros(20, dtype=bool)
    mask[10:13] = True
    return PointSet(XY, pieces={"inlet": [0, 1, 2, 3], "wall": mask}, **options)


def test_samples_are_points_without_repetition():
    c = cloud()
    s = c.sample(8, rng=rng())
    assert len(np.unique(s.x, axis=0)) == 8
    assert c.contains(s.x).all()
    assert not c.on_piece(s.x, "boundary").any()
    assert c.pieces == ("inlet", "wall")


def test_who_asks_for_more_gets_all_and_is_told(caplog):
    with caplog.at_level(logging.INFO):
        s = cloud().sample(100, rng=rng())
    assert len(s.x) == 13
    assert "100 points asked for, all 13 taken" in caplog.text
    assert len(cloud().sample_boundary(100, rng=rng()).x) == 7


def test_normals_and_weights_go_with_the_points():
    normals = np.tile([[0.0, 1.0]], (20, 1))
    normals[0] = [1.0, 0.0]
    weights = np.arange(20.0)
    c = cloud(normals=normals, weights=weights)
    assert c.measure("inlet") == 6
    s = c.sample_boundary(4, "inlet", rng=rng())
    assert np.array_equal(s.normals, normals[:4])
    assert np.array_equal(s.weights, weights[:4])
    part = c.sample_boundary(2, "inlet", rng=rng())
    assert part.weights.sum() == pytest.approx(6)
    assert c.measure() == weights[[*range(4, 10), *range(13, 20)]].sum()


def test_left_out_weights_are_means():
    assert cloud().measure() == 1
    assert cloud().sample(5, rng=rng()).weights.tolist() == [0.2] * 5
    assert cloud().sample_boundary(2, "wall", rng=rng()).normals is None


def test_predicates_and_regions():
    c = cloud(regions={"core": [4, 5]})
    s = c.sample_boundary(10, lambda x: x > 0.3, rng=rng())
    assert np.all(s.x[:, 0] > 0.3)
    assert len(c.sample(10, region="core", rng=rng()).x) == 2
    with pytest.raises(GeometryError, match="selects no part"):
        c.sample_boundary(10, lambda x: x > 2, rng=rng())
    with pytest.raises(GeometryError, match="no region 'shell'"):
        c.sample(10, region="shell", rng=rng())


def test_membership():
    c = cloud()
    assert c.contains(np.vstack([XY[:3], [[2.0, 2.0]]])).tolist() == [True, True, True, False]
    assert c.on_piece(XY, "wall").sum() == 3
    assert np.array_equal(c.bounds(), [XY.min(axis=0), XY.max(axis=0)])
    assert "20 points" in repr(c)


def test_it_has_no_distance_function():
    with pytest.raises(GeometryError, match=r"(?s)no smooth distance function.*hard=False"):
        cloud().distance({}, ["wall"])


def test_a_cloud_of_boundary_points_has_no_interior():
    with pytest.raises(GeometryError, match="interior got 0 points"):
        PointSet([[0.0, 0.0]], pieces={"wall": [0]}).sample(1, rng=rng())
    with pytest.raises(GeometryError, match="no Gauss rule"):
        cloud().sample(1, sampler="gauss", rng=rng())


@pytest.mark.parametrize(
    "x, options, words",
    [
        ([[0.0, 1.0, 2.0]], {}, "points of a cloud have the wrong shape"),
        (np.empty((0, 2)), {}, "points of a cloud have the wrong shape"),
        ([[0.0, np.nan]], {}, "points of a cloud are not all finite"),
        ([[0.0, 1.0]], {"normals": np.zeros((2, 2))}, "normals of a cloud have the wrong shape"),
        ([[0.0, 1.0]], {"weights": [1.0, 2.0]}, "weights of a cloud have the wrong shape"),
        ([[0.0, 1.0]], {"weights": [np.inf]}, "weights of a cloud are not all finite"),
        ([[0.0, 1.0]], {"pieces": {"a": [True, False]}}, "rows of 'a' do not fit"),
        ([[0.0, 1.0]], {"pieces": {"a": [1]}}, "rows of 'a' do not fit"),
        ([[0.0, 1.0]], {"pieces": {"a": [0.5]}}, "rows of 'a' do not fit"),
        ([[0.0, 1.0]], {"pieces": {"a": [False]}}, "piece 'a' got 0 points"),
    ],
)
def test_what_is_refused(x, options, words):
    with pytest.raises(GeometryError, match=words):
        PointSet(x, **options)
