"""Points on meshes: uniform in measure, exact weights, names, quadrature."""

import numpy as np
import pytest
from geometry.mesh_cases import GEOMETRIES, cube, flux, icosphere, square, torus, two_blocks

from pinnlab.errors import GeometryError
from pinnlab.geometry import Mesh, Time
from pinnlab.geometry._mesh_sampling import simplex_rule

CELLS = ["triangle", "quad", "tetra", "hexahedron", "wedge", "pyramid"]
SAMPLERS = ["uniform", "lhs", "sobol", "halton"]


def unit_mesh(kind, **options):
    points, cells = (square if kind in ("triangle", "quad") else cube)(kind, **options)
    return Mesh.from_arrays(points, cells)


@pytest.mark.parametrize("kind", CELLS)
def test_warped_cells_fill_the_cube_exactly(kind):
    mesh = unit_mesh(kind)
    d = mesh.coordinates.dim
    # cut by a common rule: were neighbours cut differently, there would be gaps and inner facets
    assert mesh.measure() == pytest.approx(1.0, rel=1e-13)
    assert mesh.measure("boundary") == pytest.approx(2 * d, rel=1e-13)
    on_cube = np.isclose(mesh.points[mesh.facets], 0) | np.isclose(mesh.points[mesh.facets], 1)
    assert on_cube.all(axis=1).any(axis=1).all()


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("kind", CELLS)
def test_moments(kind, sampler, rng):
    mesh = unit_mesh(kind)
    n = 4096
    sample = mesh.sample(n, sampler=sampler, rng=rng)
    assert sample.weights.sum() == pytest.approx(1.0, rel=1e-13)
    # standard error of a mean of uniform numbers is 0.29 / sqrt(n); four of them
    assert np.abs(sample.x.mean(axis=0) - 0.5).max() < 4 * 0.29 / n**0.5
    second = (sample.x[:, :, None] * sample.x[:, None, :]).mean(axis=0)
    exact = 0.25 + np.eye(mesh.coordinates.dim) / 12
    assert np.abs(second - exact).max() < 4 * 0.3 / n**0.5


def test_low_discrepancy_survives_the_mesh():
    mesh = unit_mesh("tetra")
    f = lambda x: np.exp(x.sum(axis=1))  # noqa: E731
    exact, n = (np.e - 1) ** 3, 4096
    errors = {
        sampler: np.sqrt(np.mean([
            (np.sum(f(s.x) * s.weights) - exact) ** 2
            for seed in range(8)
            for s in [mesh.sample(n, sampler=sampler, rng=np.random.default_rng(seed))]
        ]))
        for sampler in ("uniform", "sobol")
    }  # fmt: skip
    assert errors["sobol"] < 0.3 * errors["uniform"]


def test_every_cell_gets_its_share(rng):
    mesh = unit_mesh("triangle")
    areas = np.abs(np.linalg.det(np.diff(mesh.points[mesh.simplices], axis=1))) / 2
    n = 2**14
    located = mesh._cells.locate(mesh.sample(n, rng=rng).x, 0.0)
    counts = np.bincount(located, minlength=len(areas))
    assert np.abs(counts - n * areas).max() <= 3


@pytest.mark.parametrize("kind", CELLS)
def test_quadrature_is_exact_for_quadratics(kind, rng):
    mesh = unit_mesh(kind)
    d = mesh.coordinates.dim
    for sampler in ("gauss", "mesh"):
        nodes = mesh.sample(1, sampler=sampler, rng=rng)
        second = np.einsum("n,ni,nj->ij", nodes.weights, nodes.x, nodes.x)
        assert np.allclose(second, 0.25 + np.eye(d) / 12, rtol=0, atol=1e-13)
    wall = mesh.sample_boundary(1, sampler="gauss", rng=rng)
    # ∮ x_i² x·n dS = ∫ (d + 2) x_i² dx
    cubic = np.sum(wall.weights * wall.x[:, 0] ** 2 * np.sum(wall.x * wall.normals, axis=1))
    assert cubic == pytest.approx((d + 2) / 3, rel=1e-12)


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("most", [1, 9, 30, 70])
def test_simplex_rules(k, most):
    nodes, weights = simplex_rule(k, most)
    assert (weights > 0).all()
    assert (nodes > 0).all()
    assert np.allclose(nodes.sum(axis=1), 1)
    m = round(len(weights) ** (1 / k))
    degree = 2 * m - 1 if m**k == len(weights) and m > 1 else 2
    # ∫ λ_0^a over a simplex of measure one is k! a! / (a + k)!
    from math import factorial

    for a in range(degree + 1):
        exact = factorial(k) * factorial(a) / factorial(a + k)
        assert weights @ nodes[:, 0] ** a == pytest.approx(exact, rel=1e-12)
        assert weights @ nodes[:, -1] ** a == pytest.approx(exact, rel=1e-12)


def test_more_nodes_are_used_where_they_are_asked_for(rng):
    mesh = unit_mesh("triangle")
    few, many = (len(mesh.sample(n, sampler="gauss", rng=rng).x) for n in (10, 1000))
    assert few == 3 * 32
    assert 500 < many <= 1000


@pytest.mark.parametrize("kind", ["triangle", "tetra"])
def test_boundary_points_are_uniform(kind, rng):
    mesh = unit_mesh(kind)
    d = mesh.coordinates.dim
    n = 6000
    sample = mesh.sample_boundary(n, rng=rng)
    assert sample.weights.sum() == pytest.approx(2 * d)
    assert np.allclose(np.linalg.norm(sample.normals, axis=1), 1.0)
    for axis in range(d):
        for side in (0, 1):
            face = np.isclose(sample.x[:, axis], side)
            assert face.sum() == pytest.approx(n / (2 * d), rel=0.01)
            assert np.allclose(sample.normals[face, axis], 2 * side - 1)
            rest = np.delete(sample.x[face], axis, axis=1)
            assert np.abs(rest.mean(axis=0) - 0.5).max() < 0.03


def test_points_along_a_curve_are_stratified(rng):
    mesh = two_blocks(8)
    y = np.sort(mesh.sample_boundary(64, "wall", rng=rng).x[:, 1])
    assert np.diff(y).max() < 2 / 64 + 1e-9  # one in each 1/64


def test_pieces_share_the_points(rng):
    mesh = two_blocks()
    sample = mesh.sample_boundary(40, ["wall", "rest"], rng=rng)
    assert np.isclose(sample.x[:, 0], 0).sum() == 10
    few = mesh.sample_boundary(2, ["wall", "rest"], rng=rng)
    assert np.isclose(few.x[:, 0], 0).sum() == 1
    both = mesh.sample_boundary(50, ["wall", "left_half|right_half"], rng=rng)
    assert both.weights.sum() == pytest.approx(2.0)


def test_a_facet_in_two_pieces_is_drawn_once(rng):
    points, cells = square("quad", 2, jitter=0.0)
    mesh = Mesh.from_arrays(points, cells, groups={"a": [(0, 3), (3, 6)], "b": [(3, 6), (6, 7)]})
    assert mesh.pieces == ("a", "b", "rest")
    assert mesh.measure("boundary") == pytest.approx(4.0)
    assert mesh.sample_boundary(30, ["a", "b"], rng=rng).weights.sum() == pytest.approx(1.5)
    x = mesh.sample_boundary(300, "b", rng=rng).x
    assert mesh.on_piece(x, "b").all()
    assert mesh.on_piece(x, "a").mean() == pytest.approx(0.5, abs=0.05)


def test_predicates(rng):
    mesh = unit_mesh("tetra")
    sample = mesh.sample_boundary(200, lambda x, z: (x > 0.999) & (z < 0.5), rng=rng)
    assert len(sample.x) == 200
    assert sample.weights.sum() == pytest.approx(0.5, rel=0.1)
    assert (sample.x[:, 0] == 1).mean() > 0.95
    with pytest.raises(GeometryError, match="selects no part"):
        mesh.sample_boundary(10, lambda x: x > 2, rng=rng)


def test_regions(rng):
    mesh = two_blocks()
    sample = mesh.sample(500, rng=rng, region="right_half")
    assert sample.weights.sum() == pytest.approx(0.5)
    assert (sample.x[:, 0] >= 0.5).all()
    assert mesh.in_region(sample.x, "right_half").all()
    assert not mesh.in_region(sample.x[sample.x[:, 0] > 0.501], "left_half").any()
    on_it = np.array([[0.5, 0.3]])
    assert mesh.in_region(on_it, "left_half").all()
    assert mesh.in_region(on_it, "right_half").all()


def test_the_same_seed_gives_the_same_points():
    mesh = unit_mesh("hexahedron")
    a, b = (mesh.sample(50, rng=np.random.default_rng(5)).x for _ in range(2))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, mesh.sample(50, rng=np.random.default_rng(6)).x)


@pytest.mark.parametrize("kind", ["triangle", "surface"])
def test_space_time_is_filled_jointly(kind, rng):
    if kind == "surface":
        points, cells = icosphere(1)
        space = Mesh.from_arrays(points, {"triangle": cells})
    else:
        space = unit_mesh(kind)
    domain = space * Time("t", 0, 2)
    sample = domain.sample(1024, rng=rng)
    assert sample.weights.sum() == pytest.approx(2 * space.measure())
    corner = (sample.x[:, -1] < 1) & (sample.x[:, 0] < sample.x[:, 0].mean())
    assert corner.mean() == pytest.approx(0.25, abs=0.04)
    wall = domain.sample_boundary(64, rng=rng)
    assert wall.x.shape == (64, space.coordinates.dim + 1)
    assert wall.normals.shape == (64, space.coordinates.dim)
    assert domain.contains(wall.x).all()


def test_quadrature_in_space_and_time(rng):
    domain = unit_mesh("triangle") * Time("t", 0, 2)
    nodes = domain.sample(2000, sampler="gauss", rng=rng)
    value = np.sum(nodes.weights * nodes.x[:, 0] ** 2 * nodes.x[:, 2] ** 3)
    assert value == pytest.approx(4 / 3, rel=1e-12)
    wall = domain.sample_boundary(500, sampler="gauss", rng=rng)
    assert np.sum(wall.weights * wall.x[:, 2] ** 3) == pytest.approx(16.0, rel=1e-12)


# --- surfaces --------------------------------------------------------------------------------


def test_area_and_volume_of_a_sphere_converge():
    area, volume = [], []
    for levels in (1, 2, 3):
        points, cells = icosphere(levels)
        mesh = Mesh.from_arrays(points, {"triangle": cells})
        area.append(4 * np.pi - mesh.measure("boundary"))
        volume.append(4 * np.pi / 3 - mesh.measure())
    for errors in (area, volume):  # second order
        assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)
        assert errors[1] / errors[2] == pytest.approx(4, rel=0.05)


@pytest.mark.parametrize("shape", ["sphere", "torus"])
def test_sampling_of_enclosed_regions(shape, rng):
    points, cells = icosphere(2) if shape == "sphere" else torus()
    mesh = Mesh.from_arrays(points, {"triangle": cells})
    a, b, c = points[cells].transpose(1, 0, 2)
    exact_area = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1).sum()
    exact_volume = np.abs(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)
    assert mesh.measure("boundary") == pytest.approx(exact_area, rel=1e-12)
    assert mesh.measure() == pytest.approx(exact_volume, rel=1e-12)
    wall = mesh.sample_boundary(20_000, rng=rng)
    assert wall.weights.sum() == pytest.approx(exact_area, rel=1e-12)
    assert flux(wall, 3) == pytest.approx(exact_volume, rel=2e-3)
    assert flux(mesh.sample_boundary(1, sampler="gauss", rng=rng), 3) == pytest.approx(exact_volume)
    inside = mesh.sample(3000, rng=rng)
    assert inside.weights.sum() == pytest.approx(exact_volume, rel=1e-12)
    assert mesh.contains(inside.x).all()
    assert np.abs(inside.x.mean(axis=0)).max() < 0.03
    r2 = np.sum(inside.weights * np.sum(inside.x**2, axis=1))
    gauss = mesh.sample_boundary(50_000, sampler="gauss", rng=rng)  # ∫ r² = ∮ r² x·n / 5
    by_wall = np.sum(gauss.weights * np.sum(gauss.x**2, 1) * np.sum(gauss.x * gauss.normals, 1)) / 5
    assert r2 == pytest.approx(by_wall, rel=0.02)


# --- the domains of the project --------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["bracket_2d.msh", "bracket_3d.msh", "two_materials.msh", "part.stl", "heat_sink.vtu"]
)
def test_shipped_meshes(name, rng):
    mesh = Mesh(GEOMETRIES / name)
    nodes = mesh.sample_boundary(1, sampler="gauss", rng=rng)
    assert flux(nodes, mesh.coordinates.dim) == pytest.approx(mesh.measure(), rel=1e-6)
    assert sum(mesh.measure(p) for p in mesh.pieces) == pytest.approx(mesh.measure("boundary"))
    assert mesh.contains(mesh.sample(200, rng=rng).x).all()
    assert (GEOMETRIES / name).stat().st_size < 1_000_000


def test_measures_of_the_bracket():
    mesh = Mesh(GEOMETRIES / "bracket_3d.msh")
    assert mesh.pieces == ("base", "bolt_holes", "bore", "rest")
    assert mesh.regions == ("steel",)
    # drawn: rounded rectangle 8 x 6 with radius 0.8 less four discs; chords lose up to 3 %
    base = 48 - (4 - np.pi) * 0.64 - 4 * np.pi * 0.16
    assert mesh.measure("base") == pytest.approx(base, rel=0.01)
    assert mesh.measure("bolt_holes") == pytest.approx(4 * 2 * np.pi * 0.4 * 0.8, rel=0.03)
    assert mesh.measure("bore") == pytest.approx(2 * np.pi * 0.9 * 2, rel=0.03)


def test_two_materials(rng):
    mesh = Mesh(GEOMETRIES / "two_materials.msh")
    assert mesh.regions == ("matrix", "inclusion")
    assert mesh.interfaces == ("interface", "matrix|inclusion")
    assert mesh.sides("interface") == ("matrix", "inclusion")
    assert mesh.measure("inclusion") == pytest.approx(np.pi / 16, rel=0.01)
    sample = mesh.sample_boundary(100, "interface", rng=rng)
    assert (np.sum((sample.x - 0.5) * sample.normals, axis=1) < 0).all()  # into the inclusion


def test_large_meshes_take_seconds(rng):
    import time

    start = time.process_time()
    points, cells = cube("tetra", 32)  # 196 608 tets
    mesh = Mesh.from_arrays(points, cells)
    sample = mesh.sample(10_000, rng=rng)
    assert mesh.contains(sample.x).all()
    mesh.sample_boundary(10_000, rng=rng)
    assert time.process_time() - start < 20  # about 3 s on an idle core
