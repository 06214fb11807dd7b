import numpy as np
import pytest
import torch
from geometry.shape_cases import ring

from pinnlab.errors import GeometryError
from pinnlab.geometry import SDF, Box, Disk, Time

SQUARE = {"x": (-1.5, 1.5), "y": (-1.5, 1.5)}


def rng():
    return np.random.default_rng(4)


def circle(x, y):
    return (x**2 + y**2).sqrt() - 1


def test_boundary_points_lie_on_the_zero_level_to_rounding():
    shape = SDF(ring, SQUARE, name="walls")
    s = shape.sample_boundary(500, rng=rng())
    assert np.abs(shape.level(s.x)).max() < 1e-14
    radial = s.x / np.linalg.norm(s.x, axis=1, keepdims=True)
    outer = np.linalg.norm(s.x, axis=1) > 1
    assert np.allclose(s.normals, np.where(outer[:, None], radial, -radial))
    # Uniform in length: the outer circle has 1.2/2 of it.
    assert outer.mean() == pytest.approx(0.6, abs=5 * 0.5 / np.sqrt(500))


def test_it_need_not_be_a_distance():
    shape = SDF(lambda x, y: 100 * (x**4 + y**4 - 1), SQUARE)
    s = shape.sample_boundary(500, rng=rng())
    assert np.abs(np.sum(s.x**4, axis=1) - 1).max() < 1e-12
    theta = np.linspace(0, 2 * np.pi, 200_001)
    r = (np.cos(theta) ** 4 + np.sin(theta) ** 4) ** -0.25
    curve = r[:, None] * np.stack([np.cos(theta), np.sin(theta)], axis=1)
    length = np.linalg.norm(np.diff(curve, axis=0), axis=1).sum()
    assert shape.measure("boundary") == pytest.approx(length, rel=1e-4)
    area = 0.5 * np.sum(curve[:-1, 0] * np.diff(curve[:, 1]) - curve[:-1, 1] * np.diff(curve[:, 0]))
    assert shape.measure() == pytest.approx(area, rel=1e-4)


def test_it_may_ask_for_some_of_the_coordinates():
    slab = SDF(lambda y, x: torch.maximum(x.abs() - 1, y.abs() - 0.5), {"x": (-2, 2), "y": (-1, 1)})
    assert slab.measure() == pytest.approx(2, rel=1e-3)
    assert slab.measure("boundary") == pytest.approx(6, rel=1e-3)


def test_it_takes_part_in_set_operations_and_time():
    shape = Box(x=(-2, 2), y=(-2, 2)) - SDF(circle, SQUARE, name="hole")
    same = Box(x=(-2, 2), y=(-2, 2)) - Disk((0, 0), 1, name="hole")
    assert shape.measure() == pytest.approx(same.measure(), rel=1e-4)
    assert shape.measure("hole") == pytest.approx(same.measure("hole"), rel=1e-4)
    x = same.sample_boundary(50, "hole", rng=rng()).x
    assert shape.on_piece(x, "hole").all()
    s = (shape * Time("t", 0, 1)).sample_boundary(40, "hole", rng=rng())
    assert s.x.shape == (40, 3)
    assert len(np.unique(s.x[:, 2])) == 40


def test_evaluation_needs_no_grad_mode_and_leaves_no_graph():
    with torch.no_grad():
        s = SDF(circle, SQUARE).sample_boundary(10, rng=rng())
    assert np.allclose(np.linalg.norm(s.x, axis=1), 1)


@pytest.mark.parametrize(
    "fn, bounds, words",
    [
        (circle, {"x": (-2, 2), "z": (-2, 2)}, "asks for 'y', which is no coordinate"),
        (circle, {"x": (1, 1), "y": (0, 1)}, "do not enclose"),
        (lambda x, y: 1.0, SQUARE, "one value for each point"),
        (lambda x, y: x[:3], SQUARE, "one value for each point"),
        (lambda x, y: x**2 + y**2, SQUARE, "nowhere negative"),
        (circle, {"x": (-0.5, 1.5), "y": (-1.5, 1.5)}, "reaches its bounds"),
        (lambda x: x.abs() - 1, {"x": (-2, 2)}, "two coordinates or more"),
    ],
)
def test_what_is_refused(fn, bounds, words):
    with pytest.raises(GeometryError, match=words):
        SDF(fn, bounds)
