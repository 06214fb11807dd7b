"""Set operations: names, trimming, coinciding faces, and random trees."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pinnlab.errors import GeometryError
from pinnlab.geometry import Ball, Box, Disk, Ellipse, Hypercube, Interval, PointSet, Time


def rng():
    return np.random.default_rng(5)


def unit(**options):
    return Box(x=(0, 1), y=(0, 1), **options)


# ---- names --------------------------------------------------------------------------------------
def test_every_piece_keeps_its_name():
    holes = [Disk((0.2 + 0.2 * k, 0.5), 0.05, name=f"hole{k}") for k in range(4)]
    shape = unit()
    for hole in holes:
        shape = shape - hole
    assert shape.pieces == ("left", "right", "bottom", "top", "hole0", "hole1", "hole2", "hole3")
    assert shape.measure("hole3") == pytest.approx(0.1 * np.pi)


def test_one_name_for_several_primitives_makes_one_piece():
    shape = unit() - Disk((0.3, 0.5), 0.1, name="holes") - Disk((0.7, 0.5), 0.1, name="holes")
    assert shape.pieces[-1] == "holes"
    assert shape.measure("holes") == pytest.approx(0.4 * np.pi)


def test_names_qualify_only_where_they_must():
    assert unit(name="outer").resolve("outer") == ("left", "right", "bottom", "top")
    assert unit(name="outer").resolve("outer.left") == ("left",)
    frame = unit(name="outer") - Box(x=(0.4, 0.6), y=(0.4, 0.6))
    assert frame.pieces[0] == "outer.left"
    assert frame.pieces[4] == "left"  # the one without a name keeps the short ones
    assert frame.resolve("outer") == tuple(f"outer.{s}" for s in ("left", "right", "bottom", "top"))


def test_clashing_names_say_what_to_do():
    with pytest.raises(GeometryError, match=r"(?s)boundary piece 'left'.*name the primitives"):
        unit() | Box(x=(1, 2), y=(0, 1))
    with pytest.raises(GeometryError, match="boundary piece 'circle'"):
        unit() - Disk((0.3, 0.5), 0.1) - Disk((0.7, 0.5), 0.1)
    with pytest.raises(GeometryError, match="boundary piece 'left'"):
        unit() - Disk((0.3, 0.5), 0.1, name="left")


def test_an_unnamed_whole_boundary_is_refused():
    from pinnlab.geometry import SDF

    blob = SDF(lambda x, y: (x**2 + y**2).sqrt() - 0.5, {"x": (-1, 1), "y": (-1, 1)})
    with pytest.raises(GeometryError, match="region without a name"):
        unit() - blob


# ---- what is left -------------------------------------------------------------------------------
def test_a_swallowed_piece_has_no_measure_and_cannot_be_drawn():
    shape = unit() - Disk((5, 5), 1, name="slot")
    assert shape.measure("slot") == 0
    for on in ("slot", ["left", "slot"]):
        with pytest.raises(GeometryError, match="piece 'slot' got 0 points"):
            shape.sample_boundary(10, on, rng=rng())
    assert len(shape.sample_boundary(10, rng=rng()).x) == 10  # the boundary is what there is
    assert not shape.on_piece(np.array([[6.0, 5.0]]), "slot").any()


def test_an_empty_result_is_refused():
    with pytest.raises(GeometryError, match="intersection is empty"):
        unit(name="a") & Box(x=(2, 3), y=(0, 1), name="b")
    nothing = unit() - Disk((0.5, 0.5), 2, name="all")
    assert nothing.measure() == 0
    with pytest.raises(GeometryError, match="got 0 points"):
        nothing.sample(10, rng=rng())
    with pytest.raises(GeometryError, match="got 0 points"):
        nothing.sample_boundary(10, rng=rng())


def test_almost_nothing_gives_too_few_points():
    sliver = Box(x=(0, 1000), y=(0, 1000)) & Disk((0, 0), 0.03)
    assert len(sliver.sample(10, rng=rng()).x) == 10  # its bounding box is small
    dust = (unit() - Disk((0.5, 0.5), 0.7071, name="a")) - unit(name="most")
    with pytest.raises(GeometryError, match=r"got (0|too few) points"):
        dust.sample(10, rng=rng())


def test_faces_between_neighbours_vanish():
    both = Box(x=(0, 1), y=(0, 1), name="a") | Box(x=(1, 2), y=(0, 1), name="b")
    assert both.measure("a.right") == 0
    assert both.measure("b.left") == 0
    assert both.measure() == pytest.approx(2)
    assert both.contains(np.array([[1.0, 0.5]])).all()
    assert not both.on_piece(np.array([[1.0, 0.5]]), "boundary").any()


def test_coinciding_faces_count_once_and_belong_to_the_first():
    both = unit(name="a") & Box(x=(0, 2), y=(0.5, 2), name="b")
    assert both.measure("a.left") == pytest.approx(0.5)
    assert both.measure("b.left") == 0
    assert both.measure("boundary") == pytest.approx(3)
    notch = unit(name="a") - Box(x=(0, 0.5), y=(0, 0.5), name="b")
    assert notch.measure("a.left") == pytest.approx(0.5)
    assert notch.measure("b.left") == 0
    assert notch.measure("boundary") == pytest.approx(4)
    same = unit(name="a") | unit(name="b")
    assert same.measure("boundary") == pytest.approx(4)
    assert same.measure("b") == 0


def test_a_swallowed_face_takes_nothing_from_one_that_looks_the_other_way():
    quarter = Box(x=(0, 1), y=(0, 1), name="a") & Disk((0, 0), 1, name="arc")
    shape = quarter | Box(x=(0, 1), y=(1, 3), name="b")
    assert shape.measure("b.bottom") == pytest.approx(1, abs=1e-4)
    assert shape.measure() == pytest.approx(np.pi / 4 + 2, abs=1e-4)


def test_normals_of_what_is_subtracted_are_turned_round():
    ring = Disk((0, 0), 2, name="outer") - (
        Disk((0, 0), 1, name="hole") - Disk((0, 0), 0.5, name="core")
    )
    assert ring.measure() == pytest.approx(np.pi * (4 - 1 + 0.25))
    for piece, sign in (("outer", 1), ("hole", -1), ("core", 1)):
        s = ring.sample_boundary(50, piece, rng=rng())
        radial = s.x / np.linalg.norm(s.x, axis=1, keepdims=True)
        assert np.allclose(s.normals, sign * radial)


def test_a_region_that_only_touches_leaves_no_piece():
    # Distance of the centres 1.25 = 0.5 + 0.75, and a sample of the curve in the very point.
    shape = Disk((-0.25, 0), 0.5, name="a") - Disk((0.5, 1), 0.75, name="b")
    assert shape.measure("b") == 0
    assert shape.measure("a") == pytest.approx(np.pi)


def test_touching_regions_do_not_disturb_each_other():
    tangent = unit() - Disk((0.5, 0.25), 0.25, name="hole")
    assert tangent.measure("bottom") == pytest.approx(1, abs=1e-4)
    assert tangent.measure("hole") == pytest.approx(0.5 * np.pi, abs=1e-4)
    assert tangent.measure() == pytest.approx(1 - np.pi / 16, abs=1e-4)


def test_measures_far_from_the_origin_and_at_small_scale():
    for scale, shift in ((1e-6, 0.0), (1.0, 1e5), (1e6, -1e7)):
        ends = (shift, shift + scale)
        shape = Box(x=ends, y=ends) - Disk((shift, shift), 0.5 * scale, name="bite")
        assert shape.measure() == pytest.approx((1 - np.pi / 16) * scale**2, rel=1e-6)
        s = shape.sample_boundary(200, rng=rng())
        assert shape.on_piece(s.x, "boundary").all()


def test_boxes_in_four_dimensions():
    whole = Box(x=(0, 1), y=(0, 1), z=(0, 1), w=(0, 1), name="a")
    cut = whole - Box(x=(0.5, 1.5), y=(-1, 2), z=(-1, 2), w=(-1, 2), name="b")
    assert cut.measure() == pytest.approx(0.5, abs=2e-3)
    assert cut.measure("a.bottom") == pytest.approx(0.5, abs=2e-3)
    assert cut.measure("b.left") == pytest.approx(1, abs=2e-3)
    x = cut.sample_boundary(40, "b.left", rng=rng())
    assert np.all(x.x[:, 0] == 0.5)
    assert np.all(x.normals[:, 0] == 1)


def test_a_ball_in_a_ball():
    shell = Ball((0, 0, 0), 1, name="outer") - Ball((0, 0, 0), 0.5, name="inner")
    assert shell.measure() == pytest.approx(4 / 3 * np.pi * 7 / 8, rel=1e-6)
    assert shell.measure("inner") == pytest.approx(np.pi)
    r = np.linalg.norm(shell.sample_boundary(100, "inner", rng=rng()).x, axis=1)
    assert np.allclose(r, 0.5)


# ---- what takes no part -------------------------------------------------------------------------
@pytest.mark.parametrize(
    "other",
    [
        unit() * Time("t", 0, 1),
        Time("x", 0, 1),
        PointSet([[0.0, 0.0]]),
        Hypercube("x", dim=2),
    ],
)
def test_other_domains_take_no_part(other):
    with pytest.raises(GeometryError, match="takes no part in set operations"):
        unit() - other
    with pytest.raises(GeometryError, match="takes no part in set operations"):
        other | unit()


def test_coordinates_must_agree():
    with pytest.raises(GeometryError, match="same coordinates"):
        unit() & Disk((0, 0), 1, axes=("y", "x"))
    with pytest.raises(GeometryError, match="same coordinates"):
        unit() & Interval("x", 0, 1)


def test_space_time_of_a_combination():
    domain = (unit() - Disk((0.5, 0.5), 0.2, name="hole")) * Time("t", 0, 2)
    s = domain.sample_boundary(64, "hole", rng=rng())
    assert np.allclose(np.hypot(s.x[:, 0] - 0.5, s.x[:, 1] - 0.5), 0.2)
    assert s.normals.shape == (64, 2)
    assert s.weights.sum() == pytest.approx(0.8 * np.pi)


# ---- random trees -------------------------------------------------------------------------------
coordinate = st.integers(-8, 8).map(lambda k: k / 4)
size = st.integers(1, 8).map(lambda k: k / 4)


@st.composite
def primitives(draw):
    kind = draw(st.sampled_from(["box", "disk", "ellipse"]))
    x, y, w, h = draw(coordinate), draw(coordinate), draw(size), draw(size)
    if kind == "box":
        return ("box", x, y, w, h)
    return (kind, x, y, w, w if kind == "disk" else h)


trees = st.recursive(
    primitives(), lambda child: st.tuples(st.sampled_from("|&-"), child, child), max_leaves=4
)


def build(tree, counter):
    kind, *rest = tree
    if kind in "|&-":
        a, b = (build(child, counter) for child in rest)
        return {"|": a.__or__, "&": a.__and__, "-": a.__sub__}[kind](b)
    name = f"p{next(counter)}"
    x, y, w, h = rest
    if kind == "box":
        return Box(x=(x, x + w), y=(y, y + h), name=name)
    if kind == "disk":
        return Disk((x, y), w, name=name)
    return Ellipse((x, y), (w, h), 0.5, name=name)


def truth(tree, x):
    """Membership written down again, without level functions; None on a boundary."""
    kind, *rest = tree
    if kind in "|&-":
        a, b = (truth(child, x) for child in rest)
        return {"|": a | b, "&": a & b, "-": a & ~b}[kind]
    p, q, w, h = rest
    if kind == "box":
        return (x[:, 0] > p) & (x[:, 0] < p + w) & (x[:, 1] > q) & (x[:, 1] < q + h)
    angle = 0.5 if kind == "ellipse" else 0.0
    dx, dy = x[:, 0] - p, x[:, 1] - q
    u = dx * np.cos(angle) + dy * np.sin(angle)
    v = dy * np.cos(angle) - dx * np.sin(angle)
    return (u / w) ** 2 + (v / h) ** 2 < 1


@settings(max_examples=60, deadline=None, derandomize=True)
@given(trees)
def test_random_trees(tree):
    try:
        shape = build(tree, iter(range(100)))
    except GeometryError as error:
        if "intersection is empty" not in str(error):
            raise
        return
    grid = shape.bounds()[0] + np.ptp(shape.bounds(), axis=0) * rng().random((10_000, 2))
    assert np.array_equal(shape.level(grid) <= 0, truth(tree, grid))
    share, area = truth(tree, grid).mean(), np.prod(np.ptp(shape.bounds(), axis=0))
    # Five standard errors of the share of points; the measure itself is far better.
    assert abs(shape.measure() - share * area) < area * (5 * 0.5 / np.sqrt(len(grid)) + 1e-4)
    assume(share > 0.01)
    assert shape.contains(shape.sample(100, rng=rng()).x).all()
    s = shape.sample_boundary(300, rng=rng())
    assert shape.contains(s.x).all()
    assert shape.on_piece(s.x, "boundary").all()
    step = 1e-6 * s.normals
    # Points within a step of a corner or a tangent may see something else.
    assert np.mean(truth(tree, s.x - step)) > 0.98
    assert np.mean(truth(tree, s.x + step)) < 0.02
    flux = np.sum(s.weights * np.sum(s.x * s.normals, axis=1)) / 2
    assert flux == pytest.approx(shape.measure(), abs=0.05 * shape.measure("boundary"))
    for piece in shape.pieces:
        if shape.measure(piece) > 0:
            x = shape.sample_boundary(20, piece, rng=rng()).x
            assert shape.on_piece(x, piece).all()
