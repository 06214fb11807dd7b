"""Real meshes that others made, against scikit-fem and meshio; skipped where they are missing."""

import meshio
import numpy as np
import pytest
from geometry.mesh_cases import flux

from pinnlab.geometry import Mesh

STRAIGHT = {  # file -> (dimension, boundary pieces, regions, interfaces)
    "annulus.msh": (2, {"inter", "exter"}, ("all",), ()),
    "beams.msh": (3, {"fixed", "rest"}, ("all",), ()),
    "box.msh": (3, {"front", "back", "top", "rest"}, ("all",), ()),
    "cuubat.msh": (3, {"boundary_group", "rest"}, ("both",), ("interface",)),
    "cylinder_stokes.msh": (2, {"left", "bottom", "right", "top", "ball"}, (), ()),
    "disk.json": (2, {"perimeter"}, ("core", "annulus"), ("core|annulus",)),
    "interface.msh": (2, {"surface"}, ("both",), ("interfacee",)),
    "mixedtriquad.msh": (2, {"boundary"}, ("domain",), ()),
    "square.msh": (2, {"left", "right", "top", "rest"}, ("all",), ()),
    "tagged_gmsh4.msh": (2, {"tagged", "test", "rest"}, ("all",), ()),
    "troublesome_mesh.vtk": (2, {"surface"}, (), ()),
}
CURVED = ["quadratic_tri.msh", "quadratic_sphere_tet.msh"]
BY_SKFEM = sorted(set(STRAIGHT) - {"mixedtriquad.msh"})


@pytest.fixture
def folder(reference):
    path = reference / "meshes"
    if not path.is_dir():
        pytest.skip(f"no reference meshes at {path}")
    return path


@pytest.mark.parametrize("name", STRAIGHT)
def test_dimensions_and_names(folder, name):
    dim, pieces, regions, interfaces = STRAIGHT[name]
    mesh = Mesh(folder / name)
    assert mesh.coordinates.dim == dim
    assert set(mesh.pieces) == pieces
    assert mesh.regions == regions
    assert mesh.interfaces == interfaces


@pytest.mark.parametrize("name", [*STRAIGHT, *CURVED])
def test_divergence_theorem_and_closed_sets(folder, name, rng):
    mesh = Mesh(folder / name)
    nodes = mesh.sample_boundary(10, sampler="gauss", rng=rng)
    assert flux(nodes, mesh.coordinates.dim) == pytest.approx(mesh.measure(), rel=1e-12)
    total = np.sum(nodes.normals * nodes.weights[:, None], axis=0)
    assert np.abs(total).max() < 1e-12 * mesh.measure("boundary")
    inside, wall = mesh.sample(400, rng=rng), mesh.sample_boundary(400, rng=rng)
    assert mesh.contains(inside.x).all()
    assert mesh.contains(wall.x).all()
    assert mesh.on_piece(wall.x, "boundary").all()
    assert not mesh.on_piece(inside.x, "boundary").any()
    step = 1e-4 * np.ptp(mesh.bounds(), axis=0).max()
    outside = wall.x + step * wall.normals
    # where facets meet in an inner corner a step may lead into the region again
    assert np.mean(mesh.contains(outside)) < 0.02
    assert np.mean(mesh.contains(wall.x - step * wall.normals)) > 0.98


@pytest.mark.parametrize("name", BY_SKFEM)
def test_measures_of_skfem(folder, name):
    skfem = pytest.importorskip("skfem")
    mesh = Mesh(folder / name)
    other = _load_skfem(skfem, folder / name)
    assert mesh.measure() == pytest.approx(_volume(skfem, other), rel=1e-12)
    boundary = other.boundary_facets()
    assert mesh.measure("boundary") == pytest.approx(_length(skfem, other, boundary), rel=1e-12)
    for group, rows in (other.boundaries or {}).items():
        rows = np.asarray(rows)
        outer = np.intersect1d(rows, boundary)
        label = "boundary_group" if group == "boundary" and len(outer) < len(boundary) else group
        assert mesh.measure(label) == pytest.approx(_length(skfem, other, rows), rel=1e-12)
    for group, rows in (other.subdomains or {}).items():
        if group in mesh.regions:
            part = other.restrict(np.asarray(rows))
            assert mesh.measure(group) == pytest.approx(_volume(skfem, part), rel=1e-12)


def _load_skfem(skfem, path):
    if path.suffix == ".json":
        from skfem.io.json import from_file

        return from_file(str(path))
    import contextlib
    import io
    import logging

    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return skfem.Mesh.load(str(path))
    finally:
        logging.disable(logging.NOTSET)


def _element(skfem, mesh):
    name = type(mesh).__name__.removesuffix("1").removeprefix("Mesh")
    return getattr(skfem, f"Element{name}{'1' if name == 'Quad' else 'P1'}")()


def _volume(skfem, mesh):
    return float(skfem.Basis(mesh, _element(skfem, mesh)).dx.sum())


def _length(skfem, mesh, facets):
    return float(skfem.FacetBasis(mesh, _element(skfem, mesh), facets=facets).dx.sum())


def test_mixed_cells_against_the_file(folder):
    mesh = Mesh(folder / "mixedtriquad.msh")
    file = meshio.read(folder / "mixedtriquad.msh")
    area = 0.0
    for block in file.cells:
        if block.dim == 2:
            x, y, _ = file.points[block.data].transpose(2, 1, 0)
            area += 0.5 * np.abs((x * np.roll(y, -1, 0) - y * np.roll(x, -1, 0)).sum(0)).sum()
    assert mesh.measure() == pytest.approx(area, rel=1e-12)


def test_curved_meshes_approach_the_disk_and_the_ball(folder):
    # straight pieces through the middle nodes lose less than 1 % of a disk or ball of radius 1/2
    for name, exact in (("quadratic_tri.msh", np.pi / 4), ("quadratic_sphere_tet.msh", np.pi / 6)):
        assert 0.99 < Mesh(folder / name).measure() / exact < 1.0


@pytest.mark.parametrize("name", ["cuubat.msh", "interface.msh"])
def test_interfaces_within_one_region_face_one_way(folder, name, rng):
    mesh = Mesh(folder / name)
    sample = mesh.sample_boundary(200, mesh.interfaces[0], rng=rng)
    assert sample.weights.sum() == pytest.approx(mesh.measure(mesh.interfaces[0]))
    assert not mesh.on_piece(sample.x, "boundary").all()
    # each file has a plane interface
    assert np.allclose(sample.normals, sample.normals[0], atol=1e-9)


def test_annulus_against_circles(folder, rng):
    mesh = Mesh(folder / "annulus.msh")
    inner, outer = (mesh.sample_boundary(500, p, rng=rng) for p in ("inter", "exter"))
    assert (np.sum(inner.x * inner.normals, axis=1) < 0).all()  # out of the ring, into the hole
    assert (np.sum(outer.x * outer.normals, axis=1) > 0).all()
