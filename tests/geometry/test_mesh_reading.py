"""Mesh files become regions with names, and broken ones are refused with the reason."""

import json
import struct
import warnings

import meshio
import numpy as np
import pytest
from geometry.mesh_cases import cube, icosphere, square, torus, two_blocks

from pinnlab.errors import GeometryError
from pinnlab.geometry import Mesh
from pinnlab.geometry._mesh_reading import read_mesh_file

# --- formats ---------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["msh", "vtu", "vtk", "xdmf", "inp", "mesh"])
@pytest.mark.parametrize("kind", ["tetra", "hexahedron"])
def test_formats_of_meshio(tmp_path, suffix, kind):
    points, cells = cube(kind, 2)
    path = tmp_path / f"box.{suffix}"
    meshio.write_points_cells(path, points, list(cells.items()))
    mesh = Mesh(path)
    assert mesh.coordinates.names == ("x", "y", "z")
    assert mesh.measure() == pytest.approx(1.0, rel=1e-6)
    assert mesh.pieces == ("surface",)
    assert mesh.measure("boundary") == pytest.approx(6.0, rel=1e-6)


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("version", ["gmsh22", "gmsh"])
def test_gmsh_versions_keep_names(tmp_path, version, binary):
    points, cells = square("triangle")
    middle = points[cells["triangle"]].mean(axis=1)
    g = np.flatnonzero(points[:, 1] == 0)
    floor = np.stack([g[:-1], g[1:]], axis=1)
    mesh = meshio.Mesh(
        np.pad(points, ((0, 0), (0, 1))),
        [("line", floor), ("triangle", cells["triangle"])],
        cell_data={
            "gmsh:physical": [np.full(4, 7), np.where(middle[:, 0] < 0.5, 1, 2)],
            "gmsh:geometrical": [np.full(4, 1), np.full(32, 1)],
        },
        field_data={"floor": np.array([7, 1]), "west": np.array([1, 2]), "east": np.array([2, 2])},
    )
    path = tmp_path / "square.msh"
    if version == "gmsh":  # one entity a group, as gmsh writes it
        _write_gmsh41(path, mesh, binary)
    else:
        meshio.gmsh.write(path, mesh, fmt_version="2.2", binary=binary)
    read = Mesh(path)
    assert read.pieces == ("floor", "rest")
    assert read.regions == ("west", "east")
    assert read.measure("floor") == pytest.approx(1.0)
    assert read.measure("west") == pytest.approx(middle_area(points, cells, middle[:, 0] < 0.5))
    assert read.interfaces == ("west|east",)


def middle_area(points, cells, mask):
    a, b, c = (points[cells["triangle"][mask][:, k]] for k in range(3))
    return (
        0.5
        * np.abs(
            np.cross(np.pad(b - a, ((0, 0), (0, 1))), np.pad(c - a, ((0, 0), (0, 1))))[:, 2]
        ).sum()
    )


def _write_gmsh41(path, mesh, binary):
    gmsh = pytest.importorskip(
        "gmsh", reason="needs gmsh to write MSH 4.1 (pip install pinnlab[mesh])"
    )
    gmsh.initialize(interruptible=False)
    try:
        gmsh.option.setNumber("General.Terminal", 0)
        names = {(int(v[1]), int(v[0])): name for name, v in mesh.field_data.items()}
        lines, cells = (block.data + 1 for block in mesh.cells)
        tags = mesh.cell_data["gmsh:physical"][1]
        first = gmsh.model.addDiscreteEntity(1)
        gmsh.model.addPhysicalGroup(1, [first], 7, name=names[1, 7])
        element = 1
        for k, tag in enumerate((1, 2)):
            entity = gmsh.model.addDiscreteEntity(2)
            gmsh.model.addPhysicalGroup(2, [entity], tag, name=names[2, tag])
            if k == 0:
                numbers = list(range(1, len(mesh.points) + 1))
                gmsh.model.mesh.addNodes(2, entity, numbers, mesh.points.ravel())
            rows = cells[tags == tag]
            ids = list(range(element, element + len(rows)))
            element += len(rows)
            gmsh.model.mesh.addElementsByType(entity, 2, ids, rows.ravel())
        ids = list(range(element, element + len(lines)))
        gmsh.model.mesh.addElementsByType(first, 1, ids, lines.ravel())
        gmsh.option.setNumber("Mesh.Binary", int(binary))
        gmsh.option.setNumber("Mesh.MshFileVersion", 4.1)
        gmsh.write(str(path))
    finally:
        gmsh.finalize()


MSH41 = """$MeshFormat
4.1 0 8
$EndMeshFormat
$PhysicalNames
4
1 1 "inflow"
1 2 "cold wall"
2 3 "fluid"
2 1 "inflow"
$EndPhysicalNames
$Entities
0 2 1 0
1 0 0 0 0 1 0 2 1 -2 0
2 0 0 0 1 1 0 0 0
1 0 0 0 1 1 0 2 3 1 0
$EndEntities
$Nodes
1 5 10 50
2 1 0 5
10
20
30
40
50
0 0 0
1 0 0
1 1 0
0 1 0
9 9 9
$EndNodes
$Elements
3 4 1 4
1 1 1 1
1 40 10
1 2 1 1
2 10 20
2 1 2 2
3 10 20 30
4 10 40 30
$EndElements
"""


def test_msh41_with_several_groups_and_entities_without_one(tmp_path):
    path = tmp_path / "m.msh"
    path.write_text(MSH41)
    mesh = Mesh(path)
    # the curve is in two groups, one of them with a reversed sign; the other curve is in none
    assert mesh.pieces == ("inflow", "cold wall", "rest")
    assert mesh.measure("inflow") == mesh.measure("cold wall") == pytest.approx(1.0)
    assert mesh.measure("boundary") == pytest.approx(4.0)
    # one name for a curve and for a surface is no clash
    assert mesh.regions == ("inflow", "fluid")
    assert mesh.measure() == pytest.approx(1.0)
    assert len(mesh.points) == 4  # the unused node is gone, and with it the third dimension


def test_windows_line_ends(tmp_path):
    path = tmp_path / "m.msh"
    path.write_bytes(MSH41.replace("\n", "\r\n").encode())
    assert Mesh(path).measure() == pytest.approx(1.0)


def test_msh2_repeats_cells_for_each_group(tmp_path):
    path = tmp_path / "m.msh"
    path.write_text(
        '$MeshFormat\n2.2 0 8\n$EndMeshFormat\n$PhysicalNames\n2\n2 1 "all"\n2 2 "half"\n'
        "$EndPhysicalNames\n$Nodes\n4\n1 0 0 0\n2 1 0 0\n3 1 1 0\n4 0 1 0\n$EndNodes\n"
        "$Elements\n3\n1 2 2 1 1 1 2 3\n2 2 2 1 1 1 3 4\n3 2 2 2 1 1 2 3\n$EndElements\n"
    )
    mesh = Mesh(path)
    assert mesh.measure() == pytest.approx(1.0)
    assert mesh.regions == ("all", "half")
    assert mesh.measure("half") == pytest.approx(0.5)
    assert mesh.interfaces == ("all|half",)
    assert mesh.sides("all|half") == ("all", "half")


def test_tag_arrays_without_names(tmp_path):
    points, cells = square("quad")
    tags = np.arange(16) // 8
    path = tmp_path / "m.vtu"
    meshio.write_points_cells(
        path, np.pad(points, ((0, 0), (0, 1))), list(cells.items()), cell_data={"Material": [tags]}
    )
    assert Mesh(path).regions == ("group_1", "unnamed")
    meshio.write_points_cells(
        path, np.pad(points, ((0, 0), (0, 1))), list(cells.items()), cell_data={"odd": [tags + 4]}
    )
    assert Mesh(path).regions == ()
    assert Mesh(path, tags="odd").regions == ("group_4", "group_5")
    with pytest.raises(GeometryError, match=r"no cell array 'od'[\s\S]*did you mean 'odd'"):
        Mesh(path, tags="od")


def test_sets_of_points_and_cells(tmp_path):
    points, cells = square("quad", 2, jitter=0.0)
    mesh = meshio.Mesh(
        np.pad(points, ((0, 0), (0, 1))),
        list(cells.items()),
        point_sets={"LOW": np.flatnonzero(points[:, 1] == 0), "ONE": np.array([0])},
        cell_sets={"LEFT": [np.array([0, 1])]},
    )
    path = tmp_path / "m.inp"
    meshio.write(path, mesh)
    read = Mesh(path)
    assert read.pieces == ("LOW", "rest")
    assert read.measure("LOW") == pytest.approx(1.0)
    assert read.measure("LEFT") == pytest.approx(0.5)


def test_skfem_json(tmp_path):
    path = tmp_path / "m.json"
    content = {
        "p": [[0, 0], [1, 0], [1, 1], [0, 1]],
        "t": [[0, 1, 2], [0, 2, 3]],
        "boundaries": {"floor": [0]},  # facets in lexicographic order: (0, 1) is the first
        "subdomains": {"lower": [0]},
    }
    path.write_text(json.dumps(content))
    mesh = Mesh(path)
    assert mesh.pieces == ("floor", "rest")
    assert mesh.bounds().tolist() == [[0, 0], [1, 1]]
    assert mesh.measure("lower") == pytest.approx(0.5)
    path.write_text('{"p": [[0, 0]]}')
    with pytest.raises(GeometryError, match="cannot be read"):
        Mesh(path)


def _write_stl(path, points, cells, binary=True):
    triangles = points[cells].astype("<f4")
    if not binary:
        lines = ["solid part"]
        for t in triangles:
            lines += ["facet normal 0 0 0", "outer loop"]
            lines += [f"vertex {v[0]:.9g} {v[1]:.9g} {v[2]:.9g}" for v in t]
            lines += ["endloop", "endfacet"]
        path.write_text("\n".join([*lines, "endsolid part\n"]))
        return
    with path.open("wb") as file:
        file.write(b"solid but binary".ljust(80) + struct.pack("<I", len(triangles)))
        for t in triangles:
            file.write(struct.pack("<12fH", 0, 0, 0, *t.ravel(), 0))


@pytest.mark.parametrize("binary", [True, False])
def test_stl(tmp_path, binary):
    points, cells = icosphere(1)
    path = tmp_path / "ball.stl"
    _write_stl(path, points, cells, binary)
    mesh = Mesh(path, scale=2.0, name="ball")
    assert mesh.name == "ball"
    assert len(mesh.points) == len(points)  # the corners of the triangles are joined
    flat = Mesh.from_arrays(points, {"triangle": cells})
    assert mesh.measure() == pytest.approx(8 * flat.measure(), rel=1e-6)  # STL has single precision


@pytest.mark.parametrize(("kind", "measure"), [("triangle6", np.pi), ("tetra10", 4 * np.pi / 3)])
def test_quadratic_cells_use_their_middle_nodes(tmp_path, kind, measure):
    gmsh = pytest.importorskip("gmsh", reason="needs gmsh (pip install pinnlab[mesh])")
    gmsh.initialize(interruptible=False)
    try:
        gmsh.option.setNumber("General.Terminal", 0)
        gmsh.option.setNumber("Mesh.MeshSizeMax", 0.5)
        d = 2 if kind == "triangle6" else 3
        gmsh.model.occ.addDisk(0, 0, 0, 1, 1) if d == 2 else gmsh.model.occ.addSphere(0, 0, 0, 1)
        gmsh.model.occ.synchronize()
        gmsh.model.mesh.generate(d)
        gmsh.option.setNumber("Mesh.Binary", 1)
        gmsh.write(str(tmp_path / "straight.msh"))
        gmsh.model.mesh.setOrder(2)
        gmsh.write(str(tmp_path / "curved.msh"))
        gmsh.write(str(tmp_path / "curved.vtk"))
    finally:
        gmsh.finalize()
    straight = measure - Mesh(tmp_path / "straight.msh").measure()
    for name in ("curved.msh", "curved.vtk"):
        error = measure - Mesh(tmp_path / name).measure()
        # half the length of the chords: a quarter of the error
        assert 0 < error == pytest.approx(straight / 4, rel=0.1)


def test_other_curved_cells_are_used_by_their_corners(tmp_path):
    points = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)]
    points += [(0.5, -0.1, 0), (1, 0.5, 0), (0.5, 1, 0), (0, 0.5, 0)]
    path = tmp_path / "m.vtu"
    meshio.write_points_cells(path, points, [("quad8", [list(range(8))])])
    assert Mesh(path).measure() == pytest.approx(1.0)


def test_scale_and_names():
    points, cells = square("quad")
    mesh = Mesh.from_arrays(points, cells, names=("r", "s"))
    assert mesh.coordinates.names == ("r", "s")
    with pytest.raises(GeometryError, match="has 2 dimensions"):
        Mesh.from_arrays(points, cells, names=("x", "y", "z"))
    with pytest.raises(GeometryError, match="scale of a mesh"):
        Mesh("any.msh", scale=-1)


# --- names -----------------------------------------------------------------------------------


def test_rest_and_surface():
    points, cells = square("quad", 2)
    assert Mesh.from_arrays(points, cells).pieces == ("surface",)
    floor = [(0, 3), (3, 6)]
    assert Mesh.from_arrays(points, cells, groups={"floor": floor}).pieces == ("floor", "rest")
    taken = Mesh.from_arrays(points, cells, groups={"rest": floor})
    assert taken.pieces == ("rest", "unnamed")
    assert taken.measure("unnamed") == pytest.approx(3.0)


def test_a_group_called_boundary():
    points, cells = square("quad", 2)
    edge = {"boundary": [(0, 3), (3, 6)]}
    assert Mesh.from_arrays(points, cells, groups=edge).pieces == ("boundary_group", "rest")
    all_of_it = [(0, 3), (3, 6), (6, 7), (7, 8), (8, 5), (5, 2), (2, 1), (1, 0)]
    whole = Mesh.from_arrays(points, cells, groups={"boundary": all_of_it})
    assert whole.pieces == ("boundary",)
    assert whole.measure("boundary") == pytest.approx(4.0)


def test_regions_and_their_interface():
    mesh = two_blocks()
    assert mesh.regions == ("left_half", "right_half")
    assert mesh.interfaces == ("left_half|right_half",)
    assert mesh.sides("left_half|right_half") == ("left_half", "right_half")
    assert mesh.measure("left_half|right_half") == pytest.approx(1.0)
    assert mesh.measure("boundary") == pytest.approx(4.0)  # without the interface
    sample = mesh.sample_boundary(20, "left_half|right_half", rng=np.random.default_rng(0))
    assert np.allclose(sample.x[:, 0], 0.5)
    assert np.allclose(sample.normals, [1.0, 0.0])  # from the first region to the second
    with pytest.raises(GeometryError, match=r"no interface 'left\|right'"):
        mesh.sides("left|right")
    with pytest.raises(GeometryError, match="no region 'left'"):
        mesh.region("left")


def test_a_region_is_a_mesh_of_its_own():
    mesh = two_blocks()
    left = mesh.region("left_half")
    assert left.name == "left_half"
    assert left.pieces == ("left_half|right_half", "wall", "rest")
    assert left.measure() == pytest.approx(0.5)
    assert left.measure("boundary") == pytest.approx(3.0)
    sample = left.sample_boundary(20, "left_half|right_half", rng=np.random.default_rng(0))
    assert np.allclose(sample.normals, [1.0, 0.0])


def test_inner_groups_within_one_region_face_one_way():
    points, cells = square("triangle", 4, jitter=0.0)
    line = np.flatnonzero(points[:, 0] == 0.5)
    edges = np.stack([line[:-1], line[1:]], axis=1)
    edges[::2] = edges[::2, ::-1]
    mesh = Mesh.from_arrays(points, cells, groups={"cut": edges})
    assert mesh.pieces == ("surface",)
    assert mesh.interfaces == ("cut",)
    normals = mesh.sample_boundary(30, "cut", rng=np.random.default_rng(0)).normals
    assert np.allclose(normals, [1.0, 0.0])
    points, cells = cube("tetra", 2, jitter=0.0)
    quads = [(a, a + 1, a + 4, a + 3) for a in (9, 10, 12, 13)]  # the plane x = 1/2
    mesh = Mesh.from_arrays(points, cells, groups={"wall": quads})
    assert np.allclose(
        mesh.sample_boundary(30, "wall", rng=np.random.default_rng(0)).normals, [1, 0, 0]
    )


def test_a_group_on_both_sides_is_split():
    points, cells = square("quad", 2, jitter=0.0)
    mesh = Mesh.from_arrays(points, cells, groups={"cross": [(0, 3), (3, 4)]})
    assert mesh.pieces == ("cross", "rest")
    assert mesh.interfaces == ("cross_inside",)


# --- refusals --------------------------------------------------------------------------------


def test_missing_files(tmp_path):
    (tmp_path / "bracket.msh").write_text("")
    with pytest.raises(GeometryError, match=r"no mesh file[\s\S]*did you mean 'bracket.msh'"):
        Mesh(tmp_path / "braket.msh")
    with pytest.raises(GeometryError, match="a folder"):
        Mesh(tmp_path)


@pytest.mark.parametrize("suffix", ["msh", "vtu", "vtk", "stl", "xdmf", "json", "xyz", "msh41"])
def test_unreadable_files(tmp_path, suffix, capsys):
    path = tmp_path / f"broken.{suffix[:3] if suffix == 'msh41' else suffix}"
    path.write_text(
        "$MeshFormat\n4.1 0 8\n$EndMeshFormat\n$Nodes\n1 9"
        if suffix == "msh41"
        else "nothing of use"
    )
    with pytest.raises(GeometryError, match=r"cannot be read|no cells at all"):
        Mesh(path)
    assert capsys.readouterr().out == ""  # meshio talks


@pytest.mark.parametrize("suffix", ["msh", "vtu", "stl"])
def test_truncated_files(tmp_path, suffix):
    points, cells = icosphere(1)
    path = tmp_path / f"ball.{suffix}"
    meshio.write_points_cells(
        path, points, [("triangle", cells)], **({"binary": True} if suffix != "msh" else {})
    )
    content = path.read_bytes()
    path.write_bytes(content[: int(0.6 * len(content))])
    with pytest.raises(GeometryError, match=r"cannot be read|encloses no region|no cells"):
        Mesh(path)


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.9, 0.99])
def test_truncated_msh2(tmp_path, cut):
    points, cells = square("triangle")
    path = tmp_path / "m.msh"
    mesh = meshio.Mesh(np.pad(points, ((0, 0), (0, 1))), list(cells.items()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        meshio.gmsh.write(path, mesh, fmt_version="2.2", binary=False)
    content = path.read_text()
    path.write_text(content[: int(cut * len(content))])
    with pytest.raises(GeometryError, match="cannot be read"):
        Mesh(path)


@pytest.mark.parametrize("cut", [0.4, 0.6, 0.8, 0.95])
def test_truncated_msh41(tmp_path, cut):
    path = tmp_path / "m.msh"
    path.write_text(MSH41[: int(cut * len(MSH41))])
    with pytest.raises(GeometryError, match="cut off"):
        Mesh(path)
    lines = MSH41.replace("3 10 20 30\n", "")
    path.write_text(lines)
    with pytest.raises(GeometryError, match="cut off"):
        Mesh(path)


def test_msh41_oddities(tmp_path):
    path = tmp_path / "m.msh"
    path.write_text(MSH41 + "$PartitionedEntities\n$EndPartitionedEntities\n")
    with pytest.raises(GeometryError, match="partitioned"):
        Mesh(path)
    path.write_text(MSH41.replace("2 1 2 2\n", "2 1 99 2\n"))
    with pytest.raises(GeometryError, match="element type 99"):
        Mesh(path)


def test_no_cells(tmp_path):
    path = tmp_path / "m.vtu"
    meshio.write_points_cells(path, [(0, 0, 0), (1, 0, 0)], [("line", [[0, 1]])])
    with pytest.raises(
        GeometryError, match=r"enclose an area or a volume[\s\S]*kind line[\s\S]*pl.Interval"
    ):
        Mesh(path)
    with pytest.raises(GeometryError, match="no cells at all"):
        Mesh.from_arrays([(0, 0)], {})
    with pytest.raises(GeometryError, match="no cells of kind 'triangel'"):
        Mesh.from_arrays([(0, 0)], {"triangel": [[0, 0, 0]]})


def test_general_polygons(tmp_path):
    path = tmp_path / "m.vtu"
    points = [(0, 0, 0), (2, 0, 0), (3, 1, 0), (1, 2, 0), (0, 1, 0)]
    meshio.write_points_cells(path, points, [("polygon", [[0, 1, 2, 3, 4]])])
    with pytest.raises(GeometryError, match="kind 'polygon"):
        Mesh(path)


def test_bad_points():
    points, cells = square("triangle")
    points[7, 0] = np.nan
    with pytest.raises(GeometryError, match=r"not finite[\s\S]*1 points with NaN or infinity: 7"):
        Mesh.from_arrays(points, cells)
    with pytest.raises(GeometryError, match="points that do not exist"):
        Mesh.from_arrays([(0, 0), (1, 0), (0, 1)], {"triangle": [[0, 1, 3]]})


def test_unused_points_may_be_anything():
    points, cells = square("triangle")
    points = np.concatenate([points, [[np.nan, 3.0]]])
    mesh = Mesh.from_arrays(points, cells)
    assert len(mesh.points) == 25
    assert mesh.bounds().tolist() == [[0, 0], [1, 1]]


def test_inverted_cells_are_turned_and_flat_ones_refused():
    points, cells = cube("tetra", 2)
    cells["tetra"][::2] = cells["tetra"][::2][:, [1, 0, 2, 3]]
    mesh = Mesh.from_arrays(points, cells)
    assert mesh.measure() == pytest.approx(1.0)
    cells["tetra"][5, 3] = cells["tetra"][5, 2]
    with pytest.raises(GeometryError, match=r"1 cells of the mesh have no volume[\s\S]*cells 5 "):
        Mesh.from_arrays(points, cells)


def test_collapsed_hexahedra_are_wedges():
    points = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (0, 1, 1)]
    mesh = Mesh.from_arrays(points, {"hexahedron": [(0, 1, 2, 2, 3, 4, 5, 5)]})
    assert mesh.measure() == pytest.approx(0.5)
    assert mesh.measure("boundary") == pytest.approx(3.0 + 2**0.5)


def test_folded_and_overlapping_cells():
    with pytest.raises(GeometryError, match=r"fold over themselves[\s\S]*folded cells 0 "):
        Mesh.from_arrays([(0, 0), (1, 1), (1, 0), (0, 0.9)], {"quad": [(0, 1, 2, 3)]})
    with pytest.raises(GeometryError, match=r"overlap[\s\S]*same side, at cells 0, 1 "):
        Mesh.from_arrays([(0, 0), (1, 0), (0, 1), (0.2, 0.9)], {"triangle": [(0, 1, 2), (0, 1, 3)]})
    with pytest.raises(GeometryError, match="at most two cells on each facet"):
        Mesh.from_arrays(
            [(0, 0), (1, 0), (0, 1), (0.2, 0.9), (0, -1)],
            {"triangle": [(0, 1, 2), (0, 1, 3), (0, 1, 4)]},
        )


def test_concave_quads_are_cut_the_right_way():
    dart = [(0, 0), (1, 0.9), (2, 0), (1, 2)]
    for turn in range(4):
        corners = tuple(np.roll(range(4), turn))
        assert Mesh.from_arrays(dart, {"quad": [corners]}).measure() == pytest.approx(1.1)


def test_open_and_crowded_surfaces():
    points, cells = icosphere(1)
    with pytest.raises(GeometryError, match=r"encloses no region[\s\S]*3 open edges and 0 edges"):
        Mesh.from_arrays(points, {"triangle": cells[1:]})
    far = np.argmin(points @ points[cells[0, 0]])
    fin = np.concatenate([cells, [[*cells[0, :2], far]]])
    with pytest.raises(GeometryError, match="2 open edges and 1 edges with more than two"):
        Mesh.from_arrays(points, {"triangle": fin})


def test_one_sided_surfaces():
    n, m = 24, 8  # a Klein bottle: once around, the small circle comes back mirrored
    i, j = np.meshgrid(np.arange(n), np.arange(m), indexing="ij")

    def node(a, b):
        return np.where(a == n, -b % m, a * m + b % m)

    a, b, c, d = node(i, j), node(i + 1, j), node(i + 1, j + 1), node(i, j + 1)
    cells = np.stack([np.stack([a, b, c], -1), np.stack([a, c, d], -1)], axis=2).reshape(-1, 3)
    points = np.random.default_rng(0).random((n * m, 3))
    with pytest.raises(GeometryError, match="one-sided"):
        Mesh.from_arrays(points, {"triangle": cells})


def test_flat_shells():
    points = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1e-17), (0.3, 0.3, 0)]
    sheet = [(0, 1, 4), (1, 2, 4), (2, 0, 4), (0, 1, 3), (1, 2, 3), (2, 0, 3)]
    solid = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]) + 5.0
    tet = np.array([(0, 1, 2), (0, 1, 3), (1, 2, 3), (2, 0, 3)]) + 5
    with pytest.raises(GeometryError, match=r"encloses no volume|encloses no region"):
        Mesh.from_arrays(
            np.concatenate([points, solid]), {"triangle": np.concatenate([sheet, tet])}
        )


def test_orientation_of_surfaces_does_not_matter():
    points, cells = torus()
    rng = np.random.default_rng(3)
    flipped = np.where(rng.random(len(cells))[:, None] < 0.5, cells, cells[:, ::-1])
    a, b = (Mesh.from_arrays(points, {"triangle": c}) for c in (cells, flipped))
    assert a.measure() == pytest.approx(b.measure(), rel=1e-12)
    assert a.measure() > 0


def test_parts_that_are_not_joined():
    points = [(0, 0), (1, 0), (1, 1), (0, 1), (1, 0), (2, 0), (2, 1), (1, 1)]
    cells = {"quad": [(0, 1, 2, 3), (4, 5, 6, 7)]}
    with pytest.warns(UserWarning, match="4 boundary points.*merge=True"):
        apart = Mesh.from_arrays(points, cells)
    assert apart.measure("boundary") == pytest.approx(8.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        joined = Mesh.from_arrays(points, cells, merge=True)
    assert joined.measure("boundary") == pytest.approx(6.0)


def test_groups_of_facets_that_bound_no_cell():
    points, cells = square("quad", 2)
    with pytest.warns(UserWarning, match="1 facets in groups .* are no face of any cell"):
        mesh = Mesh.from_arrays(points, cells, groups={"odd": [(0, 3), (0, 8)]})
    assert mesh.pieces == ("odd", "rest")


def test_unknown_names():
    mesh = two_blocks()
    generator = np.random.default_rng(0)
    with pytest.raises(GeometryError, match=r"no boundary piece 'wal'[\s\S]*did you mean 'wall'"):
        mesh.sample_boundary(3, "wal", rng=generator)
    with pytest.raises(GeometryError, match=r"no region 'left_haf'[\s\S]*did you mean 'left_half'"):
        mesh.sample(3, rng=generator, region="left_haf")
    with pytest.raises(GeometryError, match="wrong shape"):
        mesh.contains(np.zeros((3, 3)))


def test_surfaces_have_no_cells():
    points, cells = icosphere(0)
    mesh = Mesh.from_arrays(points, {"triangle": cells})
    with pytest.raises(GeometryError, match="has no cells"):
        _ = mesh.simplices
    with pytest.raises(GeometryError, match="quadrature rule of the interior"):
        mesh.sample(10, sampler="gauss", rng=np.random.default_rng(0))


def test_a_plane_mesh_off_the_xy_plane_is_an_open_surface(tmp_path):
    points, cells = square("triangle", 2)
    tilted = np.column_stack([points[:, 0], np.zeros(9), points[:, 1]])
    with pytest.raises(GeometryError, match="only a mesh in a plane z = constant"):
        Mesh.from_arrays(tilted, cells)


def test_reading_keeps_every_block(tmp_path):
    points, cells = square("triangle", 2)
    path = tmp_path / "m.vtk"
    meshio.write_points_cells(
        path,
        np.pad(points, ((0, 0), (0, 1))),
        [*cells.items(), ("vertex", [[0]]), ("line", [[0, 1]])],
    )
    assert {block.kind for block in read_mesh_file(path).blocks} == {"triangle", "vertex", "line"}
