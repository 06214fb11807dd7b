"""References: layouts, ambiguity, and every real file at hand."""

from pathlib import Path

import numpy as np
import pytest

from pinnlab.errors import DataError
from pinnlab.io import Reference
from pinnlab.metrics import best_constant, relative_l2

FILES = Path(__file__).parents[2] / ".." / "shared" / "reference"


def real(name):
    path = FILES / name
    if not path.is_file():
        pytest.skip(f"the reference data set '{name}' is not beside this repository")
    return path


def field(x, y=0.0, t=0.0):
    return np.sin(x) + 10 * y + 100 * t


def check(reference):
    """Each value belongs to its point."""
    assert reference.fields["u"] == pytest.approx(field(**reference.columns))


X, Y, T = np.linspace(0, 1, 4), np.linspace(0, 1, 5), np.linspace(0, 1, 6)


@pytest.mark.parametrize("column", [True, False])
def test_grid(column):
    data = {"x": X[:, None] if column else X[None], "t": T, "u": field(X[:, None], t=T)}
    reference = Reference.load(data, ["x", "t"], ["u"])
    check(reference)
    assert reference.shape == (4, 6)
    assert reference.axes == (("x",), ("t",))
    assert reference.points[:2].tolist() == [[0, 0], [0, 0.2]]  # the last runs fastest


def test_transposed_grid_is_found_by_its_lengths():
    data = {"x": X, "t": T, "u": field(X, t=T[:, None])}
    reference = Reference.load(data, ["x", "t"], ["u"])
    check(reference)
    assert reference.shape == (4, 6)
    swapped = Reference.load(data, ["t", "x"], ["u"])
    check(swapped)
    assert swapped.shape == (6, 4)


def test_three_axes_and_scattered_space():
    grid = field(X[:, None, None], Y[:, None], T)
    check(Reference.load({"x": X, "y": Y, "t": T, "u": grid}, ["x", "y", "t"], ["u"]))
    y = X**2
    data = {"x": X, "y": y, "t": T, "u": field(X[:, None], y[:, None], T)}
    reference = Reference.load(data, ["x", "y", "t"], ["u"])
    check(reference)
    assert reference.axes == (("x", "y"), ("t",))
    check(Reference.load({**data, "u": data["u"].T}, ["x", "y", "t"], ["u"]))


def test_scattered_and_pointwise_layouts():
    data = {"x": X, "y": X**2, "u": field(X, X**2)[:, None]}
    check(Reference.load(data, ["x", "y"], ["u"]))
    x, t = np.meshgrid(X, T)
    reference = Reference.load({"x": x, "t": t, "u": field(x, t=t)}, ["x", "t"], ["u"])
    check(reference)
    assert reference.axes == (("x", "t"),)


def test_constants_ranges_and_lists():
    data = {"u": field(X, 0.0, 0.5)}
    where = {"x": X.tolist(), "y": {"value": 0}, "t": 0.5}
    reference = Reference.load(data, where, ["u"])
    check(reference)
    assert reference.axes == (("x",),)
    grid = {"u": field(X[:, None], t=T)}
    check(Reference.load(grid, {"x": {"start": 0, "stop": 1, "count": 4}, "t": list(T)}, ["u"]))
    check(Reference.load(grid, {"x": X}, ["u"], times={"start": 0, "stop": 1, "count": 6}))
    check(Reference.load(grid, {"x": X}, ["u"], times=T))
    one = Reference.load({"u": [[7.0]]}, {"x": 1.0}, ["u"])
    assert one.points.tolist() == [[1]]
    assert one.fields["u"].tolist() == [7]


def test_equal_lengths_are_refused_until_axes_are_given():
    data = {"x": X, "t": X, "u": field(X, t=X[:, None]), "v": field(X[:, None], t=X)}
    with pytest.raises(DataError, match=r"in 2 ways(.|\n)*\(4, 4\)(.|\n)*axes=\['x', 't'\]"):
        Reference.load(data, ["x", "t"], ["u"])
    check(Reference.load(data, ["x", "t"], ["u"], axes=["t", "x"]))
    check(Reference.load(data, ["x", "t"], {"u": "v"}, axes=["x", "t"]))
    both = Reference.load(data, ["x", "t"], ["u", "v"], axes={"u": ["t", "x"], "v": ["x", "t"]})
    assert np.array_equal(both.fields["u"], both.fields["v"])
    three = {"x": X, "y": X, "t": T, "u": field(X[:, None], X[:, None], T)}
    check(Reference.load(three, ["x", "y", "t"], ["u"], axes=[["x", "y"], "t"]))


@pytest.mark.parametrize("axes", [["x"], ["t", "x"], ["x", "t", "y"], ["x", "z"], 3, [1, 2], "x"])
def test_wrong_axes(axes):
    data = {"x": X, "t": T, "u": field(X[:, None], t=T)}
    if axes == ["x", "t", "y"]:
        data["x"] = X[:-1]
    with pytest.raises(DataError, match="axes given for 'u'"):
        Reference.load(data, ["x", "t"], ["u"], axes=axes)


def test_mismatched_shapes():
    data = {"x": X, "t": T, "u": np.zeros((4, 7)), "time": np.zeros(7)}
    with pytest.raises(DataError, match=r"'u'.*does not fit(.|\n)*\(4, 7\)(.|\n)*'time' of the"):
        Reference.load(data, ["x", "t"], ["u"])
    with pytest.raises(DataError, match=r"does not fit(.|\n)*choose one axis of 't'"):
        Reference.load({**data, "t": np.zeros((6, 2))}, ["x", "t"], ["u"])


def test_fields_on_different_points():
    data = {"x": X, "t": X, "u": np.zeros((4, 4)), "v": np.zeros(4)}
    with pytest.raises(DataError, match="do not lie on the same points"):
        Reference.load(data, ["x", "t"], ["u", "v"], axes={"u": ["x", "t"], "v": [["x", "t"]]})


def test_not_finite():
    data = {"x": X, "t": T, "u": field(X[:, None], t=T)}
    data["u"][2, 3] = np.nan
    with pytest.raises(DataError, match=r"Field 'u'.*not finite(.|\n)*1 times(.|\n)*row 2"):
        Reference.load(data, ["x", "t"], ["u"])
    dropped = Reference.load(data, ["x", "t"], ["u"], nan="drop")
    check(dropped)
    assert len(dropped) == 23
    assert dropped.shape == (23,)
    data["u"][0, 0] = np.inf
    with pytest.raises(DataError, match="not finite"):
        Reference.load(data, ["x", "t"], ["u"], nan="drop")
    data["u"] = field(X[:, None], t=T)
    assert Reference.load(data, ["x", "t"], ["u"], nan="drop").shape == (4, 6)
    with pytest.raises(DataError, match="Coordinate 'x'"):
        Reference.load({**data, "x": X * np.nan}, ["x", "t"], ["u"])
    with pytest.raises(DataError, match="`nan` has an unknown value"):
        Reference.load(data, ["x", "t"], ["u"], nan="ignore")


@pytest.mark.parametrize(
    "where, words",
    [
        ({"x": {"start": 0}}, "start, stop and count"),
        ({"x": {"start": "a", "stop": 1, "count": 4}}, "not numbers"),
        ({"x": ["a", "b"]}, "not numbers"),
        ({"x": {"value": None}}, "not numbers"),
        ({}, "does not say what to read"),
    ],
)
def test_bad_coordinates(where, words):
    with pytest.raises(DataError, match=words):
        Reference.load({"u": X}, where, ["u"])


def test_times_twice():
    with pytest.raises(DataError, match="given twice"):
        Reference.load({"x": X, "t": T, "u": field(X[:, None], t=T)}, ["x", "t"], ["u"], times=T)


def test_the_record_checks_itself_and_is_frozen():
    with pytest.raises(DataError, match="points of a reference"):
        Reference(("x",), np.zeros(3), {})
    with pytest.raises(DataError, match=r"Field 'u'.*wrong shape(.|\n)*\(3, 1\)"):
        Reference(("x",), np.zeros((3, 1)), {"u": np.zeros((3, 1))})
    with pytest.raises(DataError, match=r"'u'.*not finite(.|\n)*\[1\]"):
        Reference(("x",), np.zeros((3, 1)), {"u": np.array([0, np.nan, 0])})
    with pytest.raises(DataError, match="grid of a reference"):
        Reference(("x",), np.zeros((3, 1)), {}, shape=(2,))
    values = np.zeros(3)
    reference = Reference(("x",), np.zeros((3, 1)), {"u": values, "v": values + 1}, "made")
    values[0] = 1
    assert reference.fields["u"][0] == 0
    with pytest.raises(ValueError, match="read-only"):
        reference.fields["u"][0] = 1
    assert reference.stacked().shape == (3, 2)
    assert reference.stacked(["v"]).tolist() == [[1], [1], [1]]
    with pytest.raises(DataError, match="has no field 'w'"):
        reference.stacked(["w"])
    assert len(reference.take(np.array([True, False, True]))) == 2
    assert repr(reference) == "Reference(3 points in x; u, v; made)"


def test_from_spec(tmp_path):
    np.savez(tmp_path / "a.npz", x=X, t=T, usol=field(X[:, None], t=T))
    spec = {"file": "a.npz", "coordinates": {"x": "x", "t": "t"}, "fields": {"u": "usol"}}
    check(Reference.from_spec(spec, tmp_path))
    check(Reference.from_spec({**spec, "file": str(tmp_path / "a.npz")}))
    with pytest.raises(DataError, match=r"no option 'axis'(.|\n)*did you mean 'axes'"):
        Reference.from_spec({**spec, "axis": ["x"]}, tmp_path)
    with pytest.raises(DataError, match="needs 'fields'"):
        Reference.from_spec({"file": "a.npz", "coordinates": ["x"]}, tmp_path)


def test_wide_table_without_names(tmp_path):
    rows = np.column_stack([X, field(X[:, None], t=T)])
    np.savetxt(tmp_path / "w.txt", rows)
    check(Reference.load(tmp_path / "w.txt", {"x": 0}, {"u": "1:"}, times=list(T)))
    check(Reference.load(tmp_path / "w.txt", {"x": 0}, {"u": [1, 2, 3, 4, 5, 6]}, times=T))
    np.savetxt(tmp_path / "n.txt", rows, header="x " + " ".join(f"u{k}" for k in range(6)))
    names = [f"u{k}" for k in range(6)]
    check(Reference.load(tmp_path / "n.txt", ["x"], {"u": names}, times=T))


# ---------------------------------------------------------------------------------------------
# real files: (file, arguments, points, shape, one row of numbers read off the file by hand)
# ---------------------------------------------------------------------------------------------

SPACE = {"x": "xy[:, 0]", "y": "xy[:, 1]", "t": "t"}
PERIOD = {"start": -1, "stop": 1, "count": 256}
REAL = [
    ("deepxde/Burgers.npz", ["x", "t"], {"u": "usol"}, {}, (256, 100)),
    ("deepxde/Allen_Cahn.mat", ["x", "t"], ["u"], {}, (201, 101)),
    ("deepxde/Lorenz.npz", ["t"], {c: f"y[:, {k}]" for k, c in enumerate("uvw")}, {}, (25,)),
    ("deepxde/Poisson_Lshape.npz", {"x": "X_test[:, 0]", "y": "X_test[:, 1]"}, {"u": "y_ref"},
     {"nan": "drop"}, (19521,)),
    ("deepxde/reaction.npz", ["x", "t"], {"a": "Ca", "b": "Cb"}, {"axes": ["x", "t"]}, (201, 201)),
    ("deepxde/stokes.npz", {"x": 0, "y": 1}, {"u": 2}, {}, (10201,)),
    ("deepxde/mf_hi_train.dat", ["x"], {"u": "y"}, {}, (5,)),
    ("deepxde/mf_lo_train.dat", ["x"], {"u": "y"}, {}, (51,)),
    ("deepxde/mf_hi_test.dat", {"x": 0}, {"u": 1}, {}, (1000,)),
    ("deepxde/dataset.train", {"x": 0}, {"u": 1}, {}, None),
    ("config/schrodinger_NLS.mat", {"x": "x", "t": "tt"},
     {"re": "real(uu)", "im": "imag(uu)", "h": "abs(uu)"}, {}, (256, 201)),
    ("config/burgers_simulation_data.npy", {"t": {"start": 0, "stop": 0.99, "count": 100},
     "x": PERIOD}, {"u": "data"}, {}, (100, 256)),
    ("pinnacle/burgers1d.dat", ["x", "t"], ["u"], {}, (101, 11)),
    ("pinnacle/heat_darcy.dat", ["x", "y", "t"], ["u"], {}, (983, 51)),
    ("pinnacle/heat_longtime.dat", ["x", "y", "t"], ["u"], {}, (192, 501)),
    ("pinnacle/lid_driven_a2.dat", ["x", "y"], ["u", "v", "p"], {}, (10201,)),
    ("pinnacle/lid_driven_a4.dat", ["x", "y"], ["u", "v", "p"], {}, (10201,)),
    ("pinnacle/lid_driven_a8.dat", ["x", "y"], ["u", "v", "p"], {}, (10201,)),
    ("pinnacle/ns2d.dat", ["x", "y"], ["u", "v", "p"], {}, (11980,)),
    ("pinnacle/ns_0_obstacle.dat", ["x", "y"], ["u", "v", "p"], {}, (12910,)),
    ("pinnacle/poisson1_cg_data.dat", ["x", "y"], ["u"], {}, (1246,)),
    ("pinnacle/poisson_boltzmann2d.dat", ["x", "y"], ["u"], {}, (3236,)),
    ("pinnacle/own/burgers1d_exact.npz", ["x", "t"], ["u"], {}, (101, 11)),
    ("pinnacle/own/burgers2d_0.npz", {"x": "x", "y": "x", "t": "t"},
     {"u": "uv[:, 0]", "v": "uv[:, 1]"}, {"axes": ["t", "x", "y"]}, (128, 128, 11)),
    ("pinnacle/own/grayscott.npz", ["x", "y", "t"], {"u": "uv_txy[:, 0]", "v": "uv_txy[:, 1]"},
     {"axes": ["t", "x", "y"]}, (100, 100, 21)),
    ("pinnacle/own/heat2d_lt.npz", SPACE, ["u"], {}, (192, 501)),
    ("pinnacle/own/heat2d_vc.npz", SPACE, {"u": "u_divergence"}, {}, (983, 51)),
    ("pinnacle/own/ns2d_lt.npz", SPACE, ["u", "v", "p"], {}, (6441, 51)),
    ("pinnacle/own/poisson2d_ms_divergence.npz", ["x", "y"], {"u": "u_xy"},
     {"axes": ["x", "y"]}, (201, 201)),
    ("pinnacle/rebuilt/burgers2d_init_0.npz", {"x": "x", "y": "x"}, {"u": "u_yx", "v": "v_yx"},
     {"axes": ["y", "x"]}, (512, 512)),
    ("pinnacle/rebuilt/heat_2d_coef_256.npz", ["x", "y"], {"a": "a_yx"},
     {"axes": ["y", "x"]}, (256, 256)),
]  # fmt: skip


@pytest.mark.parametrize("name, coordinates, fields, options, shape", REAL)
def test_real_files(name, coordinates, fields, options, shape):
    reference = Reference.load(real(name), coordinates, fields, **options)
    assert shape is None or reference.shape == shape
    assert set(reference.fields) == set(fields)
    assert name.rsplit("/", 1)[1] in reference.source
    for values in reference.fields.values():
        assert values.dtype == np.float64
        assert best_constant(values) > 0.05  # no field is flat


@pytest.mark.parametrize("name", ["poisson_a_coef.dat", "poisson_f_coef.dat"])
def test_real_tables_of_numbers(name):
    from pinnlab.io import load_table

    table = load_table(real(f"pinnacle/{name}"))
    expected = np.loadtxt(FILES / "pinnacle" / name, ndmin=2)
    assert np.array_equal(table.read("0:"), expected)


def test_real_values_stand_at_their_points():
    burgers = Reference.load(real("deepxde/Burgers.npz"), ["x", "t"], {"u": "usol"})
    start = burgers.points[:, 1] == 0
    x = burgers.points[start, 0]
    assert burgers.fields["u"][start] == pytest.approx(-np.sin(np.pi * x), abs=1e-12)
    allen = Reference.load(real("deepxde/Allen_Cahn.mat"), ["x", "t"], ["u"])
    start = allen.points[:, 1] == 0
    x = allen.points[start, 0]
    assert allen.fields["u"][start] == pytest.approx(x**2 * np.cos(np.pi * x), abs=1e-6)
    wave = Reference.load(
        real("config/schrodinger_NLS.mat"),
        {"x": "x", "t": "tt"},
        {"u": "real(uu)", "v": "imag(uu)", "h": "abs(uu)"},
    )
    start = wave.points[:, 1] == 0
    assert wave.fields["u"][start] == pytest.approx(2 / np.cosh(wave.points[start, 0]), abs=1e-6)
    both = np.hypot(wave.fields["u"], wave.fields["v"])
    assert wave.fields["h"] == pytest.approx(both, abs=1e-12)


def test_real_comsol_times_come_from_the_header():
    wide = Reference.load(real("pinnacle/burgers1d.dat"), ["x", "t"], ["u"])
    assert np.unique(wide.points[:, 1]) == pytest.approx(np.linspace(0, 1, 11))
    row = (wide.points == [-0.98, 0.1]).all(1)
    assert wide.fields["u"][row] == [0.047599793441306694]  # as printed in the file
    exact = Reference.load(real("pinnacle/own/burgers1d_exact.npz"), ["x", "t"], ["u"])
    assert exact.points == pytest.approx(wide.points, abs=1e-12)
    # the folder's notes give the distance of the two references as 1.33 %
    assert relative_l2(wide.fields["u"], exact.fields["u"]) == pytest.approx(0.0133, abs=1e-4)
    given = Reference.load(
        FILES / "pinnacle/burgers1d.dat", ["x"], ["u"],
        times={"start": 0, "stop": 1, "count": 11},
    )  # fmt: skip
    assert np.array_equal(given.fields["u"], wide.fields["u"])


def test_real_ambiguous_file_is_refused():
    with pytest.raises(DataError, match="in 2 ways"):
        Reference.load(real("deepxde/reaction.npz"), ["x", "t"], {"a": "Ca"})
    with pytest.raises(DataError, match="not finite"):
        Reference.load(
            real("deepxde/Poisson_Lshape.npz"),
            {"x": "X_test[:, 0]", "y": "X_test[:, 1]"},
            {"u": "y_ref"},
        )
