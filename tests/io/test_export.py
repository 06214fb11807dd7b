"""Exports, read back by meshio and by VTK, which shares no code with the writer."""

import csv
import logging

import meshio
import numpy as np
import pytest
import torch

from pinnlab.errors import DataError
from pinnlab.io import (
    Grid,
    Reference,
    SolutionRecord,
    export_fields,
    grid,
    read_solution,
    write_solution,
)

pyvista = pytest.importorskip("pyvista")

BOUNDS = {"x": (0.0, 2.0), "y": (-1.0, 1.0), "z": (0.0, 0.5)}


def box(d):
    return grid(dict(list(BOUNDS.items())[:d]), (4, 3, 5)[:d])


def padded(points):
    return np.pad(points, ((0, 0), (0, 3 - points.shape[1])))


def vtk_read(path):
    if path.suffix != ".xdmf":
        return pyvista.read(path)
    from vtkmodules.vtkIOXdmf2 import vtkXdmfReader  # pyvista's reader wants a time series

    reader = vtkXdmfReader()
    reader.SetFileName(str(path))
    reader.Update()
    return pyvista.wrap(reader.GetOutputDataObject(0))


# ---------------------------------------------------------------------------------------------
# grids
# ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d, kind, measure", [(1, "line", 2), (2, "quad", 4), (3, "hexahedron", 2)])
def test_grid_cells_fill_the_box_with_the_right_orientation(tmp_path, d, kind, measure):
    found = box(d)
    assert found.cells[0][0] == kind
    assert found.shape == (4, 3, 5)[:d]
    values = np.arange(len(found.points)).reshape(found.shape)
    assert values[(1,) * d] == np.flatnonzero(
        np.isclose(found.points, [np.linspace(*BOUNDS[c], s)[1]
                                  for c, s in zip(found.coordinates, found.shape, strict=True)]
                   ).all(1)
    )  # fmt: skip
    mesh = pyvista.read(export_fields(tmp_path / "g.vtu", found, {}))
    sizes = mesh.compute_cell_sizes()
    size = sizes["Length"] if d == 1 else sizes["Area"] if d == 2 else sizes["Volume"]
    assert (size > 0).all()  # a turned-over hexahedron has a negative volume
    assert size.sum() == pytest.approx(measure)
    if d == 2:
        corners = found.points[found.cells[0][1]]
        (a, b), (c, e) = (corners[:, 1] - corners[:, 0]).T, (corners[:, 2] - corners[:, 1]).T
        assert (a * e - b * c > 0).all()  # counter-clockwise


def test_grids_of_many_dimensions_have_no_cells(tmp_path):
    found = grid({f"x{k}": (0, 1) for k in range(5)}, 2)
    assert found.cells == ()
    assert found.points.shape == (32, 5)
    with pytest.raises(DataError, match="at most three coordinates"):
        export_fields(tmp_path / "a.vtu", found, {})
    export_fields(tmp_path / "a.npz", found, {"u": found.points.sum(1)})
    again = Reference.load(tmp_path / "a.npz", found.coordinates, ["u"])
    assert np.array_equal(again.points, found.points)


@pytest.mark.parametrize(
    "bounds, shape, words",
    [
        ({}, 3, "shape of a grid"),
        ({"x": (0, 1)}, (3, 3), "shape of a grid"),
        ({"x": (0, 1)}, 1, "at least 2 nodes along each of x"),
        ({"x": (1, 0)}, 3, "bounds of 'x'"),
        ({"x": (0, np.inf)}, 3, "bounds of 'x'"),
    ],
)
def test_bad_grids(bounds, shape, words):
    with pytest.raises(DataError, match=words):
        grid(bounds, shape)


# ---------------------------------------------------------------------------------------------
# one time
# ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".vtu", ".vtk", ".xdmf"])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_fields_on_grids(tmp_path, suffix, d, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    found = box(d)
    n = len(found.points)
    rng = np.random.default_rng(0)
    fields = {
        "u": torch.tensor(rng.normal(size=n), requires_grad=True),
        "single": rng.normal(size=n).astype(np.float32),
        "label": np.arange(n),
        "inside": np.arange(n) % 2 == 0,
        "velocity": rng.normal(size=(n, 2)),
        "stress": rng.normal(size=(n, 9)),
    }
    with caplog.at_level(logging.WARNING):
        path = export_fields(tmp_path / "out" / f"a{suffix}", found, fields)
    assert not caplog.records
    for mesh, data, points in [
        ((m := meshio.read(path)), m.point_data, m.points),
        ((v := vtk_read(path)), v.point_data, v.points),
    ]:
        assert mesh is not None
        assert np.array_equal(points, padded(found.points))
        assert np.array_equal(data["u"], fields["u"].detach().numpy())
        assert np.array_equal(data["single"], fields["single"])
        assert data["single"].dtype.itemsize == 4
        assert np.array_equal(data["label"], np.arange(n))
        assert np.array_equal(data["inside"], fields["inside"])
        assert np.array_equal(data["velocity"], padded(fields["velocity"]))
        assert np.array_equal(data["stress"].reshape(n, 9), fields["stress"])
    assert m.cells[0].type == found.cells[0][0]
    assert np.array_equal(m.cells[0].data, found.cells[0][1])
    assert v.n_cells == len(found.cells[0][1])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out"]  # nothing beside it


@pytest.mark.parametrize("suffix", [".vtu", ".vtk", ".xdmf"])
def test_unstructured_mixed_cells_and_clouds(tmp_path, suffix):
    points = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [2, 0.5]], float)
    cells = {"quad": [[0, 1, 2, 3]], "triangle": [[1, 4, 2]]}
    u = np.arange(5.0)
    path = export_fields(tmp_path / f"m{suffix}", points, {"u": u}, cells=cells)
    mesh, view = meshio.read(path), vtk_read(path)
    assert {c.type: c.data.tolist() for c in mesh.cells} == cells
    assert view.compute_cell_sizes()["Area"] == pytest.approx([1, 0.5])
    assert np.array_equal(view["u"], u)
    pairs = [("triangle", np.array([[0, 1, 2], [0, 2, 3]])), ("triangle", [[1, 4, 2]])]
    path = export_fields(tmp_path / f"t{suffix}", points, {"u": u}, cells=pairs)
    assert vtk_read(path).n_cells == 3
    path = export_fields(tmp_path / f"c{suffix}", torch.tensor(points), {"u": u})
    cloud = vtk_read(path)
    assert cloud.n_cells == 5
    assert (cloud.celltypes == pyvista.CellType.VERTEX).all() or suffix == ".xdmf"
    assert np.array_equal(cloud.points, padded(points))


def test_csv_and_npz(tmp_path):
    found = box(2)
    rng = np.random.default_rng(0)
    u, v = rng.normal(size=12), rng.normal(size=(12, 2))
    u[3] = 0.1 + 0.2  # the text must read back to the last bit
    export_fields(tmp_path / "a.csv", found, {"u": u, "v": v})
    with (tmp_path / "a.csv").open() as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == ["x", "y", "u", "v_0", "v_1"]
    table = np.array(rows[1:], float)
    assert np.array_equal(table, np.column_stack([found.points, u, v]))
    export_fields(tmp_path / "a.npz", found, {"u": u, "v": v})
    with np.load(tmp_path / "a.npz") as arrays:
        assert np.array_equal(arrays["v"], v)
        assert np.array_equal(arrays["cells_0_quad"], found.cells[0][1])
    for name in ("a.csv", "a.npz"):
        again = Reference.load(tmp_path / name, ["x", "y"], ["u"])
        assert np.array_equal(again.points, found.points)
        assert np.array_equal(again.fields["u"], u)


# ---------------------------------------------------------------------------------------------
# time series
# ---------------------------------------------------------------------------------------------

TIMES = [0.0, 0.1, 0.5]


def series(d):
    found = box(d)
    t = np.array(TIMES)[:, None]
    return found, {
        "u": found.points[:, 0] + 10 * t,
        "v": np.stack([found.points] * 3) * t[..., None],
    }


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("suffix", [".xdmf", ".pvd"])
def test_time_series(tmp_path, suffix, d, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")  # nothing may be written here
    found, fields = series(d)
    path = export_fields(tmp_path / "out" / f"s{suffix}", found, fields, times=TIMES)
    assert not list((tmp_path / "elsewhere").iterdir())
    reader = pyvista.get_reader(path)
    assert list(reader.time_values) == TIMES
    for step, time in enumerate(TIMES):
        reader.set_active_time_value(time)
        mesh = reader.read()[0]
        assert np.array_equal(mesh.points, padded(found.points))
        assert np.array_equal(mesh["u"], fields["u"][step])
        v = fields["v"][step]
        assert np.array_equal(mesh["v"], padded(v))
        assert mesh.n_cells == len(found.cells[0][1])


def test_xdmf_series_by_meshio(tmp_path, monkeypatch):
    found, fields = series(2)
    path = export_fields(tmp_path / "s.xdmf", found, fields, times=TIMES)
    with meshio.xdmf.TimeSeriesReader(path) as reader:
        points, cells = reader.read_points_cells()
        assert np.array_equal(points, padded(found.points))
        assert np.array_equal(cells[0].data, found.cells[0][1])
        assert reader.num_steps == 3
        for step in range(3):
            time, data, _ = reader.read_data(step)
            assert time == TIMES[step]
            assert np.array_equal(data["u"], fields["u"][step])


def test_pvd_leaves_no_files_of_a_longer_series(tmp_path):
    found, fields = series(2)
    export_fields(tmp_path / "s.pvd", found, fields, times=TIMES)
    shorter = {name: values[:2] for name, values in fields.items()}
    export_fields(tmp_path / "s.pvd", found, shorter, times=TIMES[:2])
    names = sorted(p.name for p in (tmp_path / "s").iterdir())
    assert names == ["s_00000.vtu", "s_00001.vtu"]
    assert np.array_equal(meshio.read(tmp_path / "s" / names[1]).point_data["u"], fields["u"][1])


@pytest.mark.parametrize("suffix", [".csv", ".npz"])
def test_series_come_back_as_references(tmp_path, suffix):
    found, fields = series(2)
    path = export_fields(tmp_path / f"s{suffix}", found, {"u": fields["u"]}, times=TIMES)
    again = Reference.load(path, ["x", "y", "t"], ["u"])
    assert len(again) == 36
    assert again.fields["u"] == pytest.approx(again.points[:, 0] + 10 * again.points[:, 2])


# ---------------------------------------------------------------------------------------------
# misuse
# ---------------------------------------------------------------------------------------------

P = np.array([[0.0, 0], [1, 0], [0, 1]])
U = {"u": np.zeros(3)}


@pytest.mark.parametrize(
    "name, arguments, words",
    [
        ("a.vtx", (P, U), r"no known ending(.|\n)*did you mean '.vt"),
        ("a", (P, U), r"no known ending(.|\n)*none"),
        ("a.vtu", (P, {"u": np.zeros(4)}), r"Field 'u'(.|\n)*\(3,\) or \(3, k\)(.|\n)*\(4,\)"),
        ("a.vtu", (P, {"u": np.zeros((3, 2, 2))}), "Field 'u'"),
        ("a.pvd", (P, U, None, [0, 1]), r"points and times(.|\n)*\(2, 3\) or \(2, 3, k\)"),
        ("a.vtu", (P, {"u": np.zeros((1, 3))}, None, [0]), "hold one time"),
        ("a.pvd", (P, U), "is a time series"),
        ("a.xdmf", (P, U, None, [1, 0]), "not in order"),
        ("a.xdmf", (P, U, None, []), "not in order"),
        ("a.vtu", (P[:, 0], U), r"positions \(n, d\)"),
        ("a.vtu", (P * np.nan, U), "NaN or infinity"),
        ("a.vtu", (P[:0], {}), "not usable"),
        ("a.vtu", (P, {"u": np.zeros(3) * 1j}), r"real numbers(.|\n)*imaginary part"),
        ("a.vtu", (P, {"u": np.array(["a"] * 3)}), "real numbers"),
        ("a.vtu", (P, {"a b": np.zeros(3)}), "cannot be exported as 'a b'"),
        ("a.vtu", (P, {"x": np.zeros(3)}), "cannot be exported as 'x'"),
        ("a.vtu", (P, U, {"triangel": [[0, 1, 2]]}), r"kind of cell(.|\n)*'triangle'"),
        ("a.vtu", (P, U, {"triangle": [[0, 1]]}), r"wrong shape(.|\n)*\(cells, 3\)"),
        ("a.vtu", (P, U, {"triangle": [[0.5, 1, 2]]}), "wrong shape"),
        ("a.vtu", (P, U, {"triangle": [[1, 2, 3]]}), r"do not exist(.|\n)*0 to 2(.|\n)*1 to 3"),
        ("a.csv", (P, U, None, None, ["x"]), "names of the coordinates"),
        ("a.csv", (P, {"u": np.zeros((1, 3))}, None, [0], ["x", "t"]), "none of them 't'"),
        ("a.csv", (P, {"v_0": np.zeros(3), "v": np.zeros((3, 1))}), "named 'v_0'"),
    ],
)  # fmt: skip
def test_misuse(tmp_path, name, arguments, words):
    with pytest.raises(DataError, match=words):
        export_fields(tmp_path / name, *arguments)


def test_unwritable(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        export_fields(tmp_path / "file" / "a.vtu", P, U)


@pytest.mark.parametrize("times", [None, [0.0]])
def test_xdmf_spares_other_files(tmp_path, times):
    fields = U if times is None else {"u": np.zeros((1, 3))}
    path = tmp_path / "solution.xdmf"
    for _ in range(2):  # its own numbers may be replaced
        export_fields(path, P, fields, times=times)
    write_solution(tmp_path / "solution.h5", SolutionRecord(config="mine"), overwrite=True)
    for _ in range(2):
        with pytest.raises(DataError, match=r"would replace 'solution.h5'"):
            export_fields(path, P, fields, times=times)
        path.unlink(missing_ok=True)
    assert read_solution(tmp_path / "solution.h5").config == "mine"
    (tmp_path / "data.h5").write_bytes(b"measured")
    with pytest.raises(DataError, match="belongs to something else"):
        export_fields(tmp_path / "data.xdmf", P, fields, times=times)


def test_low_precision_is_widened(tmp_path):
    fields = {"h": np.ones(3, np.float16), "b": torch.ones(3, dtype=torch.bfloat16)}
    mesh = pyvista.read(export_fields(tmp_path / "a.vtu", P, fields))
    assert mesh["h"].dtype == mesh["b"].dtype == np.float32
    assert isinstance(grid({"x": (0, 1)}, 2), Grid)
