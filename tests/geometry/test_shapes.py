"""What every shape promises: measures, normals, uniform points, names."""

import numpy as np
import pytest
from geometry.shape_cases import EXACT, shape_of

from pinnlab.errors import GeometryError
from pinnlab.geometry import Box, Disk
from pinnlab.geometry.shape import allocate

CASES = pytest.mark.parametrize("case", EXACT)


def make(case):
    _, volume, pieces, tolerance = EXACT[case]
    return shape_of(case), volume, pieces, tolerance


def rng():
    return np.random.default_rng(7)


@CASES
def test_measures(case):
    shape, volume, pieces, tolerance = make(case)
    assert shape.measure() == pytest.approx(volume, rel=tolerance)
    for piece, measure in pieces.items():
        assert shape.measure(piece) == pytest.approx(measure, rel=tolerance, abs=1e-12)


@CASES
def test_weights_sum_to_the_measure(case):
    shape, *_ = make(case)
    assert shape.sample(100, rng=rng()).weights.sum() == pytest.approx(shape.measure())
    for piece in shape.pieces:
        if shape.measure(piece) > 0:
            weights = shape.sample_boundary(50, piece, rng=rng()).weights
            assert weights.sum() == pytest.approx(shape.measure(piece), rel=1e-9)


@CASES
def test_divergence_theorem(case):
    shape, volume, *_ = make(case)
    s = shape.sample_boundary(4000, rng=rng())
    # The integral of n is zero, that of x·n is d times the volume; shapes whose boundary points are
    # random rather than evenly spread (trimmed surfaces, SDFs) are the coarser ones.
    scale = shape.measure("boundary") * np.ptp(shape.bounds(), axis=0).max()
    flux = np.sum(s.weights * np.sum(s.x * s.normals, axis=1)) / s.x.shape[1]
    assert abs(flux - volume) < 0.03 * scale / s.x.shape[1]
    closed = np.abs(s.weights @ s.normals)
    assert closed.max() < 0.05 * shape.measure("boundary")


@CASES
def test_normals_are_unit_vectors_that_point_outwards(case):
    shape, *_ = make(case)
    s = shape.sample_boundary(400, rng=rng())
    assert np.allclose(np.linalg.norm(s.normals, axis=1), 1)
    step = 1e-5 * np.ptp(shape.bounds(), axis=0).max()
    assert np.mean(shape.level(s.x - step * s.normals) < 0) == 1
    assert np.mean(shape.level(s.x + step * s.normals) > 0) == 1


@CASES
def test_points_are_where_they_belong(case):
    shape, *_ = make(case)
    inside = shape.sample(300, rng=rng()).x
    assert inside.shape == (300, shape.coordinates.dim)
    assert shape.contains(inside).all()
    low, high = shape.bounds()
    assert np.all((inside >= low) & (inside <= high))
    assert not shape.contains(high + (high - low)[None]).any()
    for piece in shape.pieces:
        if shape.measure(piece) > 0:
            x = shape.sample_boundary(100, piece, rng=rng()).x
            assert shape.on_piece(x, piece).all()
            assert shape.on_piece(x, "boundary").all()
            assert shape.contains(x).all()
            assert not shape.on_piece(inside, piece).any()


@CASES
def test_interior_points_are_uniform(case):
    shape, *_ = make(case)
    n = 4096
    x = shape.sample(n, rng=rng()).x
    low, high = shape.bounds()
    # Against an independent draw from the bounding box, within five standard errors of chance.
    grid = low + (high - low) * np.random.default_rng(1).random((200_000, len(low)))
    grid = grid[shape.level(grid) <= 0]
    spread = grid.std(axis=0)
    error = np.abs(x.mean(axis=0) - grid.mean(axis=0)) / spread
    assert error.max() < 5 * np.sqrt(1 / n + 1 / len(grid))
    square = np.abs((x**2).mean(axis=0) - (grid**2).mean(axis=0)) / (grid**2).std(axis=0)
    assert square.max() < 5 * np.sqrt(1 / n + 1 / len(grid))


@pytest.mark.parametrize("case", ["disk", "ellipse", "ball", "ring", "torus", "lens", "corner"])
def test_boundary_points_are_uniform(case):
    shape, *_ = make(case)
    n = 4000
    s = shape.sample_boundary(n, rng=rng())
    # Cut by planes: the share of points must be the share of the measure, told independently by a
    # shell: volume between the surface and one a little inside, from uniform points of the box.
    low, high = shape.bounds()
    box = low + (high - low) * np.random.default_rng(2).random((1_000_000, len(low)))
    level = shape.level(box)
    gradient = 1.0
    if case in ("ellipse", "torus"):  # these level functions are no distances
        h = 1e-5
        steps = np.eye(len(low)) * h
        near = np.abs(level) < 0.05
        box, level = box[near], level[near]
        slopes = [(shape.level(box + e) - shape.level(box - e)) / (2 * h) for e in steps]
        gradient = np.linalg.norm(slopes, axis=0)
    shell = box[np.abs(level / gradient) < 0.01]
    for direction in np.eye(len(low)):
        cut = np.median(shell @ direction)
        share = np.mean(s.x @ direction < cut)
        assert abs(share - 0.5) < 5 * 0.5 * np.sqrt(1 / n + 1 / len(shell)) + 0.005


@pytest.mark.parametrize("sampler", ["uniform", "lhs", "sobol", "halton"])
def test_every_sampler_serves_every_kind_of_piece(sampler):
    for case in ("box", "disk", "corner", "ball", "plate", "bitten cube", "ring"):
        shape, *_ = make(case)
        assert len(shape.sample(33, sampler=sampler, rng=rng()).x) == 33
        assert len(shape.sample_boundary(33, sampler=sampler, rng=rng()).x) == 33


@CASES
def test_resampling_gives_new_points_and_a_seed_the_same(case):
    shape, *_ = make(case)
    generator = rng()
    first, second = (shape.sample(20, rng=generator).x for _ in range(2))
    assert not np.any(np.isin(first, second))
    assert np.array_equal(first, shape.sample(20, rng=rng()).x)
    generator = rng()
    first, second = (shape.sample_boundary(20, rng=generator).x for _ in range(2))
    assert len(first) < 20 or not np.array_equal(first, second)
    assert np.array_equal(first, shape.sample_boundary(20, rng=rng()).x)


@pytest.mark.parametrize("case", ["box", "cuboid", "interval"])
def test_gauss_rule_is_exact_for_polynomials(case):
    shape, *_ = make(case)
    d = shape.coordinates.dim
    s = shape.sample(70, sampler="gauss", rng=rng())
    side = int(70 ** (1 / d) + 1e-9)
    assert len(s.x) == side**d
    low, high = shape.bounds()
    exact = np.prod((high ** (2 * side) - low ** (2 * side)) / (2 * side))
    assert np.sum(s.weights * np.prod(s.x ** (2 * side - 1), axis=1)) == pytest.approx(exact)


def test_gauss_rule_on_a_face_and_in_a_disk():
    face = Box(x=(0, 2), y=(0, 3)).sample_boundary(5, "right", sampler="gauss", rng=rng())
    assert np.sum(face.weights * face.x[:, 1] ** 9) == pytest.approx(3**10 / 10)
    disk = Disk((0, 0), 2).sample(400, sampler="gauss", rng=rng())
    assert np.sum(disk.weights * disk.x[:, 0] ** 2) == pytest.approx(np.pi * 4, rel=1e-9)


@pytest.mark.parametrize("case", ["corner", "plate", "ring"])
def test_gauss_rule_needs_a_map_from_the_cube(case):
    with pytest.raises(GeometryError, match="no Gauss rule"):
        make(case)[0].sample(20, sampler="gauss", rng=rng())


@pytest.mark.parametrize("case", ["bitten cube", "ring"])
def test_gauss_rule_is_refused_on_trimmed_surfaces(case):
    shape, _, pieces, _ = make(case)
    with pytest.raises(GeometryError, match="no Gauss rule"):
        shape.sample_boundary(20, list(pieces)[-1], sampler="gauss", rng=rng())


def test_gauss_rule_on_a_trimmed_curve():
    s = make("bitten")[0].sample_boundary(30, "left", sampler="gauss", rng=rng())
    assert s.weights.sum() == pytest.approx(0.6)


@CASES
def test_shapes_print_and_say_their_pieces(case):
    shape, *_ = make(case)
    assert repr(shape)
    assert len(set(shape.pieces)) == len(shape.pieces)
    assert shape.resolve("boundary") == shape.pieces


def test_unknown_piece_lists_the_pieces_and_the_nearest():
    with pytest.raises(
        GeometryError, match=r"(?s)no boundary piece 'hoole'.*left, right.*'hole'\?"
    ):
        make("plate")[0].sample_boundary(3, "hoole", rng=rng())
    with pytest.raises(GeometryError, match="No boundary piece is named"):
        make("plate")[0].sample_boundary(3, [], rng=rng())


def test_unknown_region():
    with pytest.raises(GeometryError, match="no region 'core'"):
        make("plate")[0].sample(3, region="core", rng=rng())


def test_wrong_shape_of_points():
    with pytest.raises(GeometryError, match="wrong shape"):
        make("plate")[0].contains(np.zeros((4, 3)))


def test_several_pieces_share_points_by_measure():
    shape, *_ = make("box")
    s = shape.sample_boundary(30, ["left", "top"], rng=rng())
    assert np.sum(s.x[:, 0] == 0) == 10
    assert np.sum(s.x[:, 1] == 1) == 20


def test_the_ends_of_an_interval_come_once():
    line, *_ = make("interval")
    s = line.sample_boundary(100, rng=rng())
    assert s.x.tolist() == [[-1.0], [1.0]]
    assert s.normals.tolist() == [[-1.0], [1.0]]
    assert s.weights.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("n", [3, 4, 10, 101])
def test_allocation_gives_every_piece_a_point(n):
    counts = allocate(n, [1e-9, 3.0, 1.0])
    assert sum(counts) == n
    assert min(counts) >= 1
    assert allocate(1, [1.0, 1.0]) == [1, 1]


def test_on_piece_is_closed():
    box, *_ = make("box")
    ends = np.array([[0.0, 0.0], [0.0, 1.0]])
    assert box.on_piece(ends, "left").all()
    assert box.on_piece(ends[:1], "bottom").all()
    plate, *_ = make("plate")
    assert plate.on_piece(ends, "left").all()
