"""Distance functions: zero on the pieces, positive elsewhere, unit slope, differentiable."""

import numpy as np
import pytest
import torch
from geometry.shape_cases import EXACT, distance, shape_of

from pinnlab.calculus.engine import propagate, reference_jet
from pinnlab.calculus.layout import Layout, closure
from pinnlab.errors import GeometryError
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
    SpaceTime,
    Time,
)
from pinnlab.geometry.rfunctions import conjunction, disjunction, equivalence, trim

# Piece by piece and together; SDFs whose gradient is not one are normalised only on request.
SINGLE = [
    (case, piece)
    for case in EXACT
    for piece in shape_of(case).pieces
    if shape_of(case).measure(piece) > 0
]
WHOLE = list(EXACT)


def rng():
    return np.random.default_rng(11)


def slopes(shape, x, pieces):
    points = torch.tensor(x, requires_grad=True)
    (gradient,) = torch.autograd.grad(distance(shape, points, pieces).sum(), points)
    return gradient.numpy()


def check_zero_and_positive(shape, pieces):
    size = np.ptp(shape.bounds(), axis=0).max()
    on = shape.sample_boundary(300, pieces, rng=rng()).x
    assert distance(shape, on, pieces).abs().max() < 1e-12 * size
    inside = distance(shape, shape.sample(500, rng=rng()).x, pieces)
    assert inside.min() > 0
    # Elsewhere on the boundary it is positive, too, up to the corners where pieces meet.
    rest = shape.sample_boundary(500, rng=rng()).x
    rest = rest[~np.any([shape.on_piece(rest, piece) for piece in pieces], axis=0)]
    if len(rest):
        assert distance(shape, rest, pieces).min() > 0


@pytest.mark.parametrize("case, piece", SINGLE)
def test_one_piece(case, piece):
    shape = shape_of(case)
    check_zero_and_positive(shape, [piece])


@pytest.mark.parametrize("case", WHOLE)
def test_all_pieces(case):
    check_zero_and_positive(shape_of(case), ["boundary"])


@pytest.mark.parametrize("case, piece", SINGLE)
def test_unit_slope_along_the_inward_normal(case, piece):
    if case == "torus":
        pytest.skip("its level function has no gradient of length one")
    shape = shape_of(case)
    s = shape.sample_boundary(300, piece, rng=rng())
    step = 1e-6 * np.ptp(shape.bounds(), axis=0).max()
    slope = -np.sum(slopes(shape, s.x - step * s.normals, [piece]) * s.normals, axis=1)
    assert np.abs(slope - 1).max() < 1e-3


@pytest.mark.parametrize("pieces", [["left", "right"], ["hole"], ["left", "hole"], ["hole", "top"]])
def test_unit_slope_on_separate_pieces(pieces):
    shape = shape_of("plate")
    for piece in pieces:
        s = shape.sample_boundary(200, piece, rng=rng())
        slope = -np.sum(slopes(shape, s.x - 1e-7 * s.normals, pieces) * s.normals, axis=1)
        assert np.abs(slope - 1).max() < 1e-4


@pytest.mark.parametrize("case", ["box", "cuboid", "triangle", "frame", "stadium", "plate"])
def test_touching_pieces_have_unit_slope_on_average(case):
    shape = shape_of(case)
    s = shape.sample_boundary(2000, rng=rng())
    step = 1e-7 * np.ptp(shape.bounds(), axis=0).max()
    slope = -np.sum(slopes(shape, s.x - step * s.normals, ["boundary"]) * s.normals, axis=1)
    assert 0.5 < slope.mean() < 2
    assert slope.min() > 0


def test_both_ends_of_an_interval():
    line = Interval("x", -1, 3)
    x = torch.linspace(-1, 3, 9, dtype=torch.float64)[:, None]
    expected = (x[:, 0] + 1) * (3 - x[:, 0]) / 4
    assert torch.allclose(distance(line, x, ["boundary"]), expected, atol=1e-15)
    assert torch.equal(distance(line, x, ["left"]), x[:, 0] + 1)


@pytest.mark.parametrize("case", ["box", "plate", "corner", "ellipse", "half ring", "bitten cube"])
def test_second_derivatives_are_finite_inside(case):
    shape = shape_of(case)
    points = torch.tensor(shape.sample(300, rng=rng()).x, requires_grad=True)
    value = distance(shape, points, ["boundary"])
    (first,) = torch.autograd.grad(value.sum(), points, create_graph=True)
    for k in range(points.shape[1]):
        (second,) = torch.autograd.grad(first[:, k].sum(), points, retain_graph=True)
        assert torch.isfinite(second).all()


def test_products_are_smooth_at_the_corners_of_a_box():
    x = torch.tensor([[1e-9, 1e-9], [0.0, 0.0]], dtype=torch.float64, requires_grad=True)
    value = distance(Box(x=(0, 2), y=(0, 1)), x, ["boundary"])
    (first,) = torch.autograd.grad(value.sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first[:, 0].sum(), x)
    assert second.abs().max() < 10


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_precision_is_that_of_the_points(dtype):
    plate = shape_of("plate")
    x = torch.tensor(plate.sample(20, rng=rng()).x, dtype=dtype)
    assert distance(plate, x, ["boundary"]).dtype == dtype
    corner = torch.zeros(1, 2, dtype=dtype)
    assert distance(plate, corner, ["boundary"]).item() == 0
    assert distance(shape_of("corner"), corner, ["boundary"]).item() == 0


class Field(torch.nn.Module):
    def __init__(self, shape, pieces):
        super().__init__()
        self.shape, self.pieces = shape, pieces

    def forward(self, x):
        columns, start = {}, 0
        names = self.shape.coordinates
        for name, size in zip(names.names, names.sizes, strict=True):
            columns[name] = x[:, start] if size == 1 else x[:, start : start + size]
            start += size
        return torch.stack([self.shape.distance(columns, self.pieces)], -1)


@pytest.mark.parametrize(
    "shape, pieces",
    [
        (Box(x=(0, 2), y=(0, 1)), ["boundary"]),
        (shape_of("plate"), ["boundary"]),
        (shape_of("corner"), ["edge3", "edge4"]),
        (shape_of("stadium"), ["circle", "left"]),
        (Ellipse((0, 0), (2, 1), 0.3), ["ellipse"]),
        (Hypercube("x", 4, -1, 1), ["boundary"]),
        (HyperBall("x", 4, center=[0.1, 0.2, 0.3, 0.4]), ["boundary"]),
        (Box(x=(0, 2), y=(0, 1)) * Time("t", 0, 3), ["left", "top", "initial"]),
    ],
)
def test_taylor_mode_reads_the_same_function(shape, pieces):
    x = torch.tensor(shape.sample(9, rng=rng()).x)
    slots = closure([(0, 0), (0, 1), (1, 1)])
    layout, field = Layout(slots, (len(x),) * len(slots)), Field(shape, pieces)
    fast = propagate(field, x, layout)
    assert not getattr(field, "_taylor_unsupported", False)
    for slot in slots:
        reference = reference_jet(field, x, layout).slot(slot).detach()
        assert torch.allclose(fast.slot(slot), reference, rtol=1e-11, atol=1e-11)


def test_space_time_distances():
    domain = Interval("x", 0, 1) * Time("t", 1, 3)
    x = torch.tensor([[0.25, 2.0], [0.5, 1.0]], dtype=torch.float64)
    assert distance(domain, x, ["initial"]).tolist() == [1.0, 0.0]
    assert distance(domain, x, ["final"]).tolist() == [1.0, 2.0]
    assert distance(domain, x, ["initial", "final"]).tolist() == [0.5, 0.0]
    assert distance(domain, x, ["left"]).tolist() == [0.25, 0.5]
    assert distance(domain, x, ["left", "initial"]).tolist() == [0.125, 0.0]
    assert isinstance(domain, SpaceTime)


def test_hypercube_distance_is_zero_on_faces_and_normalised():
    cube = Hypercube("x", 6, -1, 1)
    s = cube.sample_boundary(50, rng=rng())
    assert distance(cube, s.x, ["boundary"]).abs().max() == 0
    near = torch.tensor(s.x - 1e-7 * s.normals)
    assert torch.allclose(
        distance(cube, near, ["boundary"]) / 1e-7, torch.ones(50).double(), rtol=1e-4
    )


def test_a_re_entrant_polygon_cannot_cut_others():
    star = Polygon([(0, 0), (2, 0), (2, 2), (1, 0.5), (0, 2)], name="star")
    both = Disk((0, 0), 1, name="disk") | star
    with pytest.raises(GeometryError, match="no smooth implicit function"):
        distance(both, both.sample(5, rng=rng()).x, ["disk"])


def test_a_function_that_cannot_be_right_is_refused():
    from pinnlab.geometry.distances import DistancePlan

    box = Box(x=(0, 1), y=(0, 1))
    plan = DistancePlan(box, box.parts("left"))
    plan._groups = [list(box.parts("bottom"))]
    with pytest.raises(GeometryError, match="No smooth distance function is known for left"):
        plan._verify(box.parts("left"))


def test_nested_unions_and_differences_have_distances():
    pads = Cuboid(x=(0, 2), y=(0, 1), z=(0, 1), name="bar") | Ball((2, 0.5, 0.5), 0.5, name="cap")
    for piece in ("bar", "cap"):
        check_zero_and_positive(pads, [piece])
    cut = (Box(x=(0, 1), y=(0, 1), name="a") | Box(x=(0.5, 1.5), y=(0.5, 1.5), name="b")) - Disk(
        (0.75, 0.75), 0.2, name="hole"
    )
    for piece in ("a", "b", "hole", "a.top", "b.left", "boundary"):
        check_zero_and_positive(cut, [piece])


# ---- the algebra --------------------------------------------------------------------------------
def test_r_functions_have_the_signs_of_logic():
    a, b = (torch.tensor(v, dtype=torch.float64) for v in ([1.0, 1, -1, -1], [2.0, -2, 2, -2]))
    assert (conjunction([a, b]) > 0).tolist() == [True, False, False, False]
    assert (disjunction([a, b]) > 0).tolist() == [True, True, True, False]


def test_equivalence_is_the_harmonic_sum():
    a, b, c = (torch.tensor(v, dtype=torch.float64) for v in (0.5, 0.25, 2.0))
    assert equivalence([a, b, c]).item() == pytest.approx(1 / (2 + 4 + 0.5))
    zero = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    value = equivalence([zero, zero * 2])
    (gradient,) = torch.autograd.grad(value, zero)
    assert value.item() == 0
    assert torch.isfinite(gradient).all()


def test_trimming_agrees_with_the_paper_for_unit_length():
    f = torch.linspace(-0.5, 0.5, 11, dtype=torch.float64)
    t = torch.linspace(-0.3, 0.4, 11, dtype=torch.float64)
    expected = torch.sqrt(f**2 + ((torch.sqrt(t**2 + f**4) - t) / 2) ** 2)
    assert torch.allclose(trim(f, t, 1.0), expected)
    ones = torch.ones(1, dtype=torch.float64)
    assert trim(0 * ones, -ones, 1.0).item() == pytest.approx(1.0)  # the distance to the end
    assert trim(0 * ones, ones, 1.0).item() == 0
