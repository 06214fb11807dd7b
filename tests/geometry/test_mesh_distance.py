"""The smooth distance to facets: zero on them, unit slope, exact derivatives of any kind."""

import numpy as np
import pytest
import torch
from geometry.mesh_cases import GEOMETRIES, cube, icosphere, square
from torch.func import hessian, jacfwd, vmap

from pinnlab.calculus.layout import Collapsed, Layout, closure
from pinnlab.calculus.taylor import seed
from pinnlab.errors import GeometryError
from pinnlab.geometry import Mesh, Time
from pinnlab.geometry import _distance_jets as jets
from pinnlab.geometry._distance_jets import FacetDistance, merge_collinear
from pinnlab.geometry._flat_patches import simplify
from pinnlab.geometry._series import atan_terms, atanc_terms, layout

INDICES = {
    2: [(), (0,), (1,), (0, 0), (0, 1), (1, 1), (0, 0, 1), (1, 1, 1), (0, 0, 1, 1)],
    3: [(), (0,), (2,), (0, 0), (0, 1), (1, 2), (0, 1, 2), (2, 2, 2), (0, 0, 2, 2)],
}


def columns(x):
    return dict(zip("xyz", x.unbind(1), strict=False))


def by_quadrature(mesh, x):
    """φ from its definition as an integral, for points away from the facets."""
    d = mesh.coordinates.dim
    p, constant = (2, 2.0) if d == 2 else (1, 2 * np.pi)
    wall = mesh.sample_boundary(40_000, sampler="gauss", rng=np.random.default_rng(0))
    r = np.linalg.norm(x[:, None] - wall.x, axis=2)
    return (constant / np.sum(wall.weights * r ** -(d - 1.0 + p), axis=1)) ** (1 / p)


def naive(corners, z):
    """φ at one point by the textbook formulas, for differentiation by torch.func."""
    v = corners - z
    r = v.norm(dim=2)
    if corners.shape[1] == 2:
        length = (corners[:, 1] - corners[:, 0]).norm(dim=1)
        product = r[:, 0] * r[:, 1]
        phi = length * r.sum(1) / (product * (product + (v[:, 0] * v[:, 1]).sum(1)))
        return (2 / phi.sum()) ** 0.5
    normal = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    top = (v[:, 0] * normal).sum(1).abs()
    dots = [(v[:, k] * v[:, (k + 1) % 3]).sum(1) * r[:, (k + 2) % 3] for k in range(3)]
    angle = 2 * torch.atan2(top, r.prod(1) + sum(dots))
    return 2 * torch.pi / (angle * normal.norm(dim=1) / top).sum()


def meshes():
    return [
        Mesh.from_arrays(*square("triangle", 5)),
        Mesh.from_arrays(*cube("tetra", 2)),
    ]


@pytest.mark.parametrize("mesh", meshes(), ids=["plane", "space"])
def test_the_closed_form_is_the_integral(mesh, rng):
    x = rng.uniform(0.25, 0.75, (30, mesh.coordinates.dim))
    phi = mesh.distance(columns(torch.from_numpy(x)), ["surface"]).numpy()
    assert phi == pytest.approx(by_quadrature(mesh, x), rel=1e-6)


@pytest.mark.parametrize("mesh", meshes(), ids=["plane", "space"])
def test_derivatives_against_torch_func(mesh):
    d = mesh.coordinates.dim
    x = 0.02 + 0.96 * torch.rand(40, d, dtype=torch.float64)
    corners = torch.from_numpy(mesh.points[mesh.facets])
    found = mesh.distance_derivatives(x, ["boundary"], INDICES[d])

    def function(z):
        return naive(corners, z)

    for order in range(5):
        exact = vmap(function)(x)
        for index in (i for i in INDICES[d] if len(i) == order):
            scale = exact.flatten(1).abs().amax(1) if order else exact.abs()
            # the textbook formula loses digits by cancellation close to the facets
            error = (found[index] - exact[(slice(None), *index)]).abs() / scale
            assert error.max() < 1e-11 * 1e2**order
        function = jacfwd(function)


def test_many_facets_and_few_are_the_same_function():
    fine, coarse = (Mesh.from_arrays(*cube("tetra", n, jitter=0.0)) for n in (10, 1))
    assert len(fine.facets) == 1200
    x = torch.rand(60, 3, dtype=torch.float64)
    whole = FacetDistance(coarse.points[coarse.facets], -coarse._parts.normals)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jets, "simplify", lambda corners, inward: (corners, inward))
        parts = FacetDistance(fine.points[fine.facets], -fine._parts.normals)
    assert (len(parts), len(whole)) == (1200, 12)
    a, b = (f.derivatives(x, INDICES[3]) for f in (parts, whole))
    for index in INDICES[3]:
        assert (a[index] - b[index]).abs().max() < 1e-9 * b[index].abs().max()
    assert len(fine._distance("boundary")) == 12


def test_flat_patches_keep_their_area_and_volume(rng):
    mesh = Mesh(GEOMETRIES / "bracket_3d.msh")
    corners, normals = mesh.points[mesh.facets], mesh._parts.normals
    few, sides = simplify(corners, normals)
    assert len(few) < 0.5 * len(corners)

    def vectors(c):
        return 0.5 * np.cross(c[:, 1] - c[:, 0], c[:, 2] - c[:, 0])

    areas = np.linalg.norm(vectors(few), axis=1)
    assert areas.sum() == pytest.approx(mesh.measure("boundary"), rel=1e-12)
    assert np.allclose(vectors(few) / areas[:, None], sides, atol=1e-7)
    volume = np.einsum("ij,ij->", vectors(few), few.mean(axis=1)) / 3
    assert volume == pytest.approx(mesh.measure(), rel=1e-12)


def test_collinear_segments_are_joined():
    mesh = Mesh.from_arrays(*square("triangle", 8, jitter=0.0))
    corners, normals = mesh.points[mesh.facets], mesh._parts.normals
    few, sides = merge_collinear(corners, -normals)
    assert len(few) == 4
    assert np.allclose(np.linalg.norm(few[:, 1] - few[:, 0], axis=1), 1.0)
    assert np.allclose(np.abs(np.sum((few[:, 1] - few[:, 0]) * sides, axis=1)), 0.0)
    disk = Mesh(GEOMETRIES / "two_materials.msh")
    circle = disk._parts.interfaces["interface"]
    few, _ = merge_collinear(disk.points[disk._parts.facets[circle]], disk._parts.normals[circle])
    assert len(few) == circle.sum()


@pytest.mark.parametrize(("name", "piece"), [
    ("bracket_2d.msh", "hole_top"), ("bracket_2d.msh", "boundary"), ("two_materials.msh", "left"),
    ("bracket_3d.msh", "bolt_holes"), ("bracket_3d.msh", "base"), ("heat_sink.vtu", "surface"),
])  # fmt: skip
def test_zero_with_unit_slope_on_real_pieces(name, piece, rng):
    mesh = Mesh(GEOMETRIES / name)
    d = mesh.coordinates.dim
    wall = mesh.sample_boundary(60, piece, rng=rng)
    x = torch.from_numpy(wall.x)
    size = np.ptp(mesh.bounds(), axis=0).max()
    first = [(k,) for k in range(d)]
    found = mesh.distance_derivatives(x, [piece], [(), *first, (0, 0)])
    assert found[()].abs().max() < 1e-14 * size
    gradient = torch.stack([found[index] for index in first], dim=1).numpy()
    assert np.allclose(gradient, -wall.normals, atol=1e-6)
    assert torch.isfinite(found[0, 0]).all()
    inside = mesh.distance(columns(torch.from_numpy(mesh.sample(60, rng=rng).x)), [piece])
    assert (inside > 1e-6 * size).all()
    if not mesh.contains(wall.x - 1e-4 * size * wall.normals).all():
        return
    near = mesh.distance(columns(torch.from_numpy(wall.x - 1e-6 * size * wall.normals)), [piece])
    assert near.numpy() == pytest.approx(1e-6 * size, rel=0.01)


def test_zero_on_enclosed_surfaces(rng):
    points, cells = icosphere(2)
    mesh = Mesh.from_arrays(points, {"triangle": cells})
    wall = mesh.sample_boundary(50, rng=rng)
    found = mesh.distance_derivatives(torch.from_numpy(wall.x), ["surface"], [(), (0,), (1,), (2,)])
    assert found[()].abs().max() < 1e-14
    slopes = torch.stack([found[k,] for k in range(3)], 1).numpy()
    assert np.allclose(slopes, -wall.normals, atol=1e-6)
    # in the middle of a sphere of radius one: Φ = 4π / 1³
    middle = mesh.distance(columns(torch.zeros(1, 3, dtype=torch.float64)), ["surface"])
    assert middle.item() == pytest.approx(0.5, rel=0.02)


def test_at_vertices_the_value_is_zero_and_derivatives_are_finite():
    for mesh in meshes():
        d = mesh.coordinates.dim
        x = torch.from_numpy(mesh.points[np.unique(mesh.facets)])
        found = mesh.distance_derivatives(x, ["surface"], [(), (0,), (0, 1)])
        assert found[()].abs().max() < 1e-14
        assert torch.isfinite(found[0,]).all()
        assert torch.isfinite(found[0, 1]).all()
        flat = ((x == 0) | (x == 1)).sum(1) == 1  # vertices within a face: one-sided derivatives
        slope = torch.stack(
            [mesh.distance_derivatives(x, ["surface"], [(k,)])[k,] for k in range(d)], 1
        ).norm(dim=1)
        # taken 1e-5 of a facet beside the vertex
        assert (slope[flat] - 1).abs().max() < 1e-3


def test_autograd_of_any_order():
    for mesh in meshes():
        d = mesh.coordinates.dim
        x = (0.1 + 0.8 * torch.rand(20, d, dtype=torch.float64)).requires_grad_()
        exact = mesh.distance_derivatives(x, ["surface"], [(0,), (0, 1), (0, 1, 1), (0, 0, 1, 1)])
        value = mesh.distance(columns(x), ["surface"])
        for path in ((0,), (0, 1), (0, 1, 1), (0, 1, 1, 0)):
            value_k = value
            for k in path:
                (gradient,) = torch.autograd.grad(value_k.sum(), x, create_graph=True)
                value_k = gradient[:, k]
            wanted = exact[tuple(sorted(path))]
            assert torch.allclose(value_k, wanted, rtol=1e-10, atol=1e-8)
    small = x[:3].detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: mesh.distance(columns(z), ["surface"]), small)


def test_functional_transforms():
    for mesh in meshes():
        x = 0.1 + 0.8 * torch.rand(10, mesh.coordinates.dim, dtype=torch.float64)
        exact = mesh.distance_derivatives(x, ["surface"], [(0, 0), (0, 1)])

        def function(z, mesh=mesh):
            return mesh.distance(columns(z[None]), ["surface"])[0]

        for second in (vmap(hessian(function))(x), vmap(jacfwd(jacfwd(function)))(x)):
            assert torch.allclose(second[:, 0, 0], exact[0, 0], rtol=1e-9)
            assert torch.allclose(second[:, 0, 1], exact[0, 1], rtol=1e-9)


@pytest.mark.parametrize("name", ["bracket_2d.msh", "bracket_3d.msh"])
def test_taylor_jets(name, rng):
    """The engine's jets see the same function, boundary points included, in space and time."""
    mesh = Mesh(GEOMETRIES / name)
    d = mesh.coordinates.dim
    piece = mesh.pieces[0]
    inside, wall = mesh.sample(20, rng=rng).x, mesh.sample_boundary(20, piece, rng=rng).x
    x = torch.from_numpy(np.concatenate([inside, wall]))
    t = torch.rand(40, 1, dtype=torch.float64)
    laplacian = Collapsed(tuple(((k, k), 1.0) for k in range(d)))
    slots = closure([(0, 1), (0, d), laplacian])
    domain = mesh * Time("t", 0, 1)
    jet = domain.distance(
        domain.coordinates.columns(seed(torch.cat([x, t], 1), Layout(slots, (40,) * len(slots)))),
        [piece],
    )
    exact = mesh.distance_derivatives(x, [piece], [(), (0,), (0, 1), *[(k, k) for k in range(d)]])
    for index in ((), (0,), (0, 1)):
        assert torch.allclose(jet.slot(index), exact[index], rtol=1e-12, atol=1e-12)
    assert jet.slot((0, d)).abs().max() == 0
    total = sum(exact[k, k] for k in range(d))
    assert torch.allclose(jet.slot(laplacian), total, rtol=1e-9)


def test_single_precision_and_chunks(monkeypatch):
    mesh = meshes()[1]
    x = torch.rand(50, 3, dtype=torch.float64)
    whole = mesh.distance_derivatives(x, ["surface"], [(), (0, 2)])
    monkeypatch.setattr(jets, "_NUMBERS", 1)
    one_by_one = mesh.distance_derivatives(x, ["surface"], [(), (0, 2)])
    for index, value in whole.items():
        assert torch.allclose(one_by_one[index], value, rtol=1e-12)
    half = mesh.distance(columns(x.float()), ["surface"])
    assert half.dtype == torch.float32
    assert torch.allclose(half.double(), whole[()], rtol=1e-4)
    assert mesh.distance(columns(x[:0]), ["surface"]).shape == (0,)


def test_refusals():
    mesh = meshes()[0]
    x = torch.rand(3, 2, dtype=torch.float64)
    with pytest.raises(GeometryError, match="derivative of the distance function"):
        mesh.distance_derivatives(x, ["surface"], [(0, 0, 0, 0, 0)])
    with pytest.raises(GeometryError, match="entries from 0 to 1"):
        mesh.distance_derivatives(x, ["surface"], [(2,)])
    with pytest.raises(GeometryError, match="no boundary piece 'walls'"):
        mesh.distance(columns(x), ["walls"])


# --- truncated Taylor polynomials ------------------------------------------------------------


def test_layouts_hold_every_index_once():
    table = layout(3, 4)
    assert len(table.indices) == 35
    assert len(set(table.indices)) == 35
    assert table.factors[table.position[0, 0, 0, 2]] == 6


@pytest.mark.parametrize("t", [0.0, 1e-9, 0.03, -0.099, 0.11, 0.6, 1.0])
def test_taylor_coefficients_of_atan(t):
    z = torch.tensor(t, dtype=torch.float64)

    def atanc(s):  # its integral is smooth where the quotient is 0 / 0
        nodes, weights = np.polynomial.legendre.leggauss(40)
        u = torch.from_numpy(0.5 * (nodes + 1))
        return (torch.from_numpy(0.5 * weights) / (1 + (s * u) ** 2)).sum()

    atan = atan_terms(z, 4)
    for function, found in ((torch.atan, atan), (atanc, atanc_terms(z, 4, atan))):
        factorial = 1.0
        for k in range(5):
            assert found[k].item() * factorial == pytest.approx(
                function(z).item(), abs=2e-10, rel=1e-9
            )
            function, factorial = jacfwd(function), factorial * (k + 1)
