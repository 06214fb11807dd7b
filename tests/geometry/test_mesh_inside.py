"""Which points lie inside, on a piece, or in a region."""

import numpy as np
import pytest
from geometry.mesh_cases import GEOMETRIES, cube, icosphere, square, torus

from pinnlab.geometry import Mesh
from pinnlab.geometry._mesh_search import BoxTree, distance_to
from pinnlab.geometry._winding import Enclosure, WindingTree, rim, solid_angles, winding_numbers

CELLS = ["triangle", "quad", "tetra", "hexahedron", "wedge", "pyramid"]


@pytest.mark.parametrize("kind", CELLS)
def test_volume_meshes_against_the_cube(kind, rng):
    points, cells = (square if kind in ("triangle", "quad") else cube)(kind)
    mesh = Mesh.from_arrays(points, cells)
    x = rng.uniform(-0.3, 1.3, (5000, mesh.coordinates.dim))
    assert np.array_equal(mesh.contains(x), ((x >= 0) & (x <= 1)).all(axis=1))


def test_the_region_is_closed(rng):
    mesh = Mesh.from_arrays(*cube("hexahedron"))
    wall = mesh.sample_boundary(500, rng=rng)
    assert mesh.contains(wall.x).all()
    assert mesh.contains(mesh.points).all()
    assert mesh.contains(wall.x + 0.5 * mesh.tolerance * wall.normals).all()
    assert not mesh.contains(wall.x + 1e-6 * wall.normals).any()


def test_graded_meshes(rng):
    points, cells = square("triangle", 24, jitter=0.0)
    points = points**6  # cells from 1e-8 to 0.2
    mesh = Mesh.from_arrays(points, cells)
    x = rng.uniform(0, 1, (3000, 2)) ** 6
    assert mesh.contains(x).all()
    assert not mesh.contains(x + np.array([1.001, 0.0])).any()


def test_points_that_are_not_finite_lie_nowhere():
    x = np.array([[np.nan, 0.5, 0.5], [np.inf, 0.0, 0.0]])
    points, cells = icosphere(1)
    for mesh in (Mesh.from_arrays(*cube("tetra")), Mesh.from_arrays(points, {"triangle": cells})):
        assert not mesh.contains(x).any()
        assert not mesh.on_piece(x, "boundary").any()


def test_no_points():
    mesh = Mesh.from_arrays(*square("triangle"))
    assert mesh.contains(np.empty((0, 2))).shape == (0,)
    assert mesh.on_piece(np.empty((0, 2)), "surface").shape == (0,)


# --- surfaces --------------------------------------------------------------------------------


def test_solid_angles_of_a_cube_seen_from_its_middle():
    points, cells = _box_surface()
    assert np.allclose(solid_angles(np.array([[0.5, 0.5, 0.5]]), points[cells]), 4 * np.pi / 12)
    x = np.array([[0.5, 0.5, 0.5], [0.9, 0.1, 0.2], [1.5, 0.5, 0.5], [-3, 2, 7]])
    assert np.allclose(winding_numbers(x, points[cells]), [1, 1, 0, 0], atol=1e-14)


def _box_surface():
    mesh = Mesh.from_arrays(*cube("tetra", 1))
    file = Mesh.from_arrays(mesh.points, {"triangle": mesh.facets})
    return file.points, file.facets


@pytest.mark.parametrize("shape", ["sphere", "torus"])
def test_enclosed_regions_against_formulas(shape, rng):
    points, cells = icosphere(3) if shape == "sphere" else torus(96, 48)
    mesh = Mesh.from_arrays(points, {"triangle": cells[rng.permutation(len(cells))]})
    x = rng.uniform(-1.5, 1.5, (20_000, 3))
    if shape == "sphere":
        level = np.linalg.norm(x, axis=1) - 1
    else:
        level = np.hypot(np.hypot(x[:, 0], x[:, 1]) - 1, x[:, 2]) - 0.4
    clear = np.abs(level) > 0.01  # the chords stay within this of the smooth surface
    assert np.array_equal(mesh.contains(x)[clear], level[clear] < 0)


def test_boxes_and_tree_agree_with_the_plain_sum(rng):
    points, cells = torus(64, 32)
    mesh = Mesh.from_arrays(points, {"triangle": cells})
    x = rng.uniform(-1.4, 1.4, (3000, 3)) * [1, 1, 0.3]
    plain = winding_numbers(x, mesh.points[mesh.facets])
    tree = WindingTree(mesh.points, mesh.facets)
    assert np.abs(tree(x) - plain).max() < 1e-12
    assert np.array_equal(Enclosure(mesh.points, mesh.facets).contains(x), plain > 0.5)


def test_the_rim_of_a_closed_surface_is_empty():
    _, cells = icosphere(1)
    assert len(rim(cells)) == 0
    assert sorted(map(tuple, rim(cells[:1]))) == sorted(
        [tuple(cells[0, [0, 1]]), tuple(cells[0, [1, 2]]), tuple(cells[0, [2, 0]])]
    )


def test_cavities_and_islands(rng):
    points, cells = icosphere(2)
    n = len(points)
    shells = np.concatenate([points, 0.6 * points, 0.2 * points])
    mesh = Mesh.from_arrays(shells, {"triangle": np.concatenate([cells, cells + n, cells + 2 * n])})
    one = Mesh.from_arrays(points, {"triangle": cells}).measure()
    assert mesh.measure() == pytest.approx(one * (1 - 0.6**3 + 0.2**3))
    x = rng.uniform(-1, 1, (4000, 3))
    r = np.linalg.norm(x, axis=1)
    clear = np.min(np.abs(r[:, None] - [1, 0.6, 0.2]), axis=1) > 0.03
    assert np.array_equal(mesh.contains(x)[clear], (((r < 1) & (r > 0.6)) | (r < 0.2))[clear])
    wall = mesh.sample_boundary(900, rng=rng)
    out = np.sum(wall.x * wall.normals, axis=1) > 0
    radius = np.linalg.norm(wall.x, axis=1)
    assert np.array_equal(out, (radius > 0.8) | (radius < 0.4))


def test_points_on_a_surface_are_inside(rng):
    points, cells = torus()
    mesh = Mesh.from_arrays(points, {"triangle": cells})
    wall = mesh.sample_boundary(1000, rng=rng)
    assert mesh.contains(wall.x).all()
    assert mesh.contains(points).all()
    assert not mesh.contains(wall.x + 1e-6 * wall.normals).any()
    assert mesh.contains(wall.x - 1e-6 * wall.normals).all()


def test_a_real_part(rng):
    mesh = Mesh(GEOMETRIES / "part.stl")
    bend, bore, flange = np.array([3.0, 0, 0]), 1.0, 2.5
    x = rng.uniform(*mesh.bounds(), (4000, 3))
    inside = mesh.contains(x)
    # the share of the box agrees with the volume to four standard errors
    box = np.prod(np.diff(mesh.bounds(), axis=0))
    share = mesh.measure() / box
    assert inside.mean() == pytest.approx(share, abs=4 * (share * (1 - share) / 4000) ** 0.5)
    # nothing of it is in the bore of the bend, nor beyond the flanges
    elbow = (x[:, 2] > 0) & (x[:, 0] < 3)
    axis = np.hypot(np.hypot(x[:, 0] - bend[0], x[:, 2]) - 3.0, x[:, 1])
    assert not inside[elbow & (axis < 0.95 * bore)].any()
    assert inside[elbow & (axis > 1.03) & (axis < 1.35)].all()
    assert not inside[(x[:, 2] < 0) & (np.hypot(x[:, 0], x[:, 1]) > flange)].any()


# --- pieces ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["triangle", "tetra"])
def test_on_piece(kind, rng):
    points, cells = (square if kind == "triangle" else cube)(kind)
    mesh = Mesh.from_arrays(points, cells)
    wall = mesh.sample_boundary(300, rng=rng)
    assert mesh.on_piece(wall.x, "surface").all()
    assert not mesh.on_piece(wall.x - 1e-6 * wall.normals, "surface").any()
    assert not mesh.on_piece(mesh.sample(300, rng=rng).x, "surface").any()


def test_distances_to_segments_and_triangles(rng):
    """Against the smallest distance to a dense set of points of the facet."""
    for d in (2, 3):
        x, corners = rng.normal(size=(200, d)), rng.normal(size=(200, d, d))
        weights = rng.dirichlet(np.full(d, 0.4), 20_000)
        for k in range(0, 200, 10):
            dense = np.linalg.norm(weights @ corners[k] - x[k], axis=1).min()
            exact = distance_to(x[k : k + 1], corners[k : k + 1])[0]
            assert exact <= dense + 1e-12
            assert exact == pytest.approx(dense, abs=0.03)


def test_box_tree_finds_what_is_near(rng):
    corners = rng.random((500, 1, 3)) + 0.05 * rng.normal(size=(500, 3, 3))
    x = rng.random((100, 3))
    low, high = corners.min(axis=1), corners.max(axis=1)
    near = (np.maximum(low - x[:, None], x[:, None] - high) <= 0.02).all(axis=2)
    found = np.zeros_like(near)
    for rows, items in BoxTree(corners).near(x, 0.02):
        found[rows, items] = True
    assert np.array_equal(found, near)
