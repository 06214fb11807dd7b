"""Degenerate input is refused where a shape is made; values print and stay as they are."""

import numpy as np
import pytest

from pinnlab.errors import DeclarationError, GeometryError
from pinnlab.geometry import (
    Ball,
    Box,
    Cuboid,
    Disk,
    Ellipse,
    HyperBall,
    Hypercube,
    Interval,
    Polygon,
    Sphere,
    Triangle,
)

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("ends", [(1, 1), (1, 0), (0, NAN), (-INF, 0), (0, 1, 2), (0,)])
def test_ends_must_enclose_something(ends):
    with pytest.raises(GeometryError, match="axis 'x' do not enclose"):
        Box(x=ends)
    with pytest.raises(GeometryError, match="axis 'y' do not enclose"):
        Cuboid(x=(0, 1), y=ends, z=(0, 1))
    if len(ends) == 2:
        with pytest.raises(GeometryError, match="do not enclose"):
            Interval("x", *ends)
        with pytest.raises(GeometryError, match="do not enclose"):
            Hypercube("x", 3, *ends)


def test_axes():
    with pytest.raises(GeometryError, match="at least one axis"):
        Box()
    with pytest.raises(GeometryError, match="three axes"):
        Cuboid(x=(0, 1), y=(0, 1))
    with pytest.raises(DeclarationError, match="cannot name a coordinate"):
        Interval("2x", 0, 1)
    with pytest.raises(DeclarationError, match="named twice"):
        Disk((0, 0), 1, axes=("x", "x"))


@pytest.mark.parametrize("radius", [0, -1, NAN, INF])
def test_radii_must_be_positive(radius):
    for make in (
        lambda r: Disk((0, 0), r),
        lambda r: Ball((0, 0, 0), r),
        lambda r: HyperBall("x", 3, r),
    ):
        with pytest.raises(GeometryError, match="radius must be positive"):
            make(radius)
    with pytest.raises(GeometryError, match=r"semi-axis must be positive|semi-axes cannot be used"):
        Ellipse((0, 0), (1, radius))


def test_centres_and_angles():
    with pytest.raises(GeometryError, match="centre cannot be used"):
        Disk((0, NAN), 1)
    with pytest.raises(GeometryError, match="centre cannot be used"):
        Ball((0, 0), 1)
    with pytest.raises(GeometryError, match="centre cannot be used"):
        HyperBall("x", 3, 1, center=[0, 0])
    with pytest.raises(GeometryError, match="angle cannot be used"):
        Ellipse((0, 0), (1, 2), NAN)
    with pytest.raises(GeometryError, match="corner cannot be used"):
        Triangle((0, 0), (1, INF), (0, 1))


@pytest.mark.parametrize("dim", [1, 0, 2.5, True])
def test_vector_coordinates_have_components(dim):
    for kind in (Hypercube, HyperBall):
        with pytest.raises(GeometryError, match="several components"):
            kind("x", dim)


@pytest.mark.parametrize(
    "vertices",
    [
        [(0, 0), (1, 0)],
        [(0, 0, 0), (1, 0, 0), (0, 1, 0)],
        [(0, 0), (1, NAN), (0, 1)],
    ],
)
def test_polygons_have_three_corners(vertices):
    with pytest.raises(GeometryError, match="at least three corners"):
        Polygon(vertices)


@pytest.mark.parametrize(
    "vertices",
    [
        [(0, 0), (1, 1), (1, 0), (0, 1)],  # a bow tie
        [(0, 0), (1, 0), (2, 0)],  # a line
        [(0, 0), (1, 0), (1, 0), (0, 1)],  # a corner twice
        [(0, 0), (2, 0), (2, 1), (1, 0), (0, 1)],  # a corner on another edge
        [(0, 0), (2, 0), (1, 0), (1, 1)],  # an edge that folds back
        [(0, 0), (1, 0), (0, 1), (0, 0)],  # the first corner again
    ],
)
def test_polygons_are_simple(vertices):
    with pytest.raises(GeometryError, match="cross or touch"):
        Polygon(vertices)


def test_collinear_corners_are_allowed():
    square = Polygon([(0, 0), (0.5, 0), (1, 0), (1, 1), (0, 1)])
    assert square.measure() == 1
    assert square.convex


def test_names_of_edges():
    square = [(0, 0), (1, 0), (1, 1), (0, 1)]
    shape = Polygon(square, names=["wall", "out", "wall", "in"], name="duct")
    assert shape.pieces == ("wall", "out", "in")
    assert shape.measure("wall") == 2
    assert shape.resolve("duct") == ("wall", "out", "in")
    with pytest.raises(GeometryError, match="named one by one"):
        Polygon(square, names=["wall"])


def test_direction_of_the_corners_does_not_matter():
    corners = [(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]
    there, back = Polygon(corners), Polygon(corners[::-1])
    x = np.random.default_rng(0).random((200, 2)) * 2.5
    assert np.allclose(there.level(x), back.level(x))
    assert there.measure() == back.measure() == 3
    s = back.sample_boundary(100, rng=np.random.default_rng(0))
    assert (back.level(s.x - 1e-6 * s.normals) < 0).all()


def test_levels_of_primitives_are_distances_inside():
    rng = np.random.default_rng(0)
    for shape in (Box(x=(0, 2), y=(0, 1)), Disk((0, 0), 1), Triangle((0, 0), (1, 0), (0, 1))):
        x = shape.sample(50, rng=rng).x
        surface = shape.sample_boundary(20_000, rng=rng).x
        nearest = np.linalg.norm(x[:, None] - surface, axis=2).min(axis=1)
        assert np.allclose(-shape.level(x), nearest, atol=1e-3)


def test_named_pieces_of_the_primitives():
    assert Disk((0, 0), 1).pieces == ("circle",)
    assert Disk((0, 0), 1, name="hole").pieces == ("hole",)
    assert Ellipse((0, 0), (1, 2)).pieces == ("ellipse",)
    assert Ball((0, 0, 0), 1).pieces == ("sphere",)
    assert Sphere is Ball
    assert Box(x=(0, 1), p=(0, 1)).pieces == ("left", "right", "p_low", "p_high")
    assert Interval("r", 0, 1).pieces == ("left", "right")


def test_printing():
    assert repr(Interval("x", -1, 1)) == "Interval('x', -1, 1)"
    assert repr(Box(x=(0, 2), y=(0, 1), name="b")) == "Box(x=(0, 2), y=(0, 1), name='b')"
    assert repr(Disk((0, 0), 1, name="hole")) == "Disk(center=(0.0, 0.0), radius=1, name='hole')"
    assert repr(Hypercube("x", 10)) == "Hypercube('x', dim=10, low=0, high=1)"


def test_bounds_are_copies():
    box = Box(x=(0, 2), y=(0, 1))
    box.bounds()[:] = 7
    assert box.bounds().tolist() == [[0, 0], [2, 1]]
    with pytest.raises(ValueError, match="read-only"):
        Polygon([(0, 0), (1, 0), (0, 1)]).vertices[0] = 3
