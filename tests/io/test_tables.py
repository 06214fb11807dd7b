"""Reading named arrays from every format, and saying what is wrong with a file."""

import pickle
import zipfile

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnlab.errors import DataError
from pinnlab.io import Table, load_table, read_columns
from pinnlab.io._text import wide_groups


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


# ---------------------------------------------------------------------------------------------
# formats
# ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "x,u\n1,2\n3,4\n",
        "x;u\n1;2\n3;4\n",
        "x\tu\r\n1\t2\r\n3\t4\r\n",
        "x u\n1 2\n3 4",
        "\ufeffx, u\n1, 2\n3, 4\n",
        "# made today\n# x, u\n1 2\n3 4\n",
        "% Model: a.mph\n% x      u (m/s)\n  1      2  \n  3      4\n\n",
        '"x","u"\n"1","2"\n"3","4"\n',
        "x,u\n1,2,\n3,4,\n",
        "x,u,\n1,2,\n3,4,\n",
        "x u\n1D0 2.0d+0\n3E0 .4e1\n",
        "// x u\n1 2\n3 4\n",
        "x u\n1 2\n% a remark\n3 4\n",
        "x (m),u (K)\n1,2\n3,4",
        "x (m)   u (K)\n1 2\n3 4",
        "x,u\r1,2\r3,4\r",
    ],
)
def test_text_dialects(tmp_path, text):
    table = load_table(write(tmp_path / "a.txt", text))
    assert list(table) == ["x", "u"]
    assert table.read("x").tolist() == [1, 3]
    assert table.read("U").tolist() == [2, 4]
    assert table.read(1).tolist() == [2, 4]
    assert table.read("0:").tolist() == [[1, 2], [3, 4]]


def test_text_without_names_and_with_options(tmp_path):
    plain = load_table(write(tmp_path / "a.dat", "1 2 3\n4 5 6\n"))
    assert len(plain) == 0
    assert plain.read("2").tolist() == [3, 6]
    prose = load_table(write(tmp_path / "p.dat", "# written on a Monday by hand\n1 2\n"))
    assert len(prose) == 0
    assert prose.read(0).tolist() == [1]
    comma = write(tmp_path / "b.csv", "x;u\n0,5;1,25\n1,5;2\n")
    assert load_table(comma, decimal=",").read("u").tolist() == [1.25, 2]
    pipe = write(tmp_path / "c.csv", "x|u\n1|2\n")
    assert load_table(pipe, delimiter="|").read("u").tolist() == [2]
    years = write(tmp_path / "d.csv", "2020,2021\n1,2\n")
    assert load_table(years).read(0).tolist() == [2020, 1]
    assert load_table(years, header=True).read("2021").tolist() == [2]
    latin = write(tmp_path / "e.csv", "größe,u\n1,2\n", "latin-1")
    assert load_table(latin, encoding="latin-1").read("größe").tolist() == [1]
    wide = write(tmp_path / "f.csv", "x,u\n1,2\n", "utf-16")
    assert load_table(wide).read("u").tolist() == [2]


def test_undecodable_comments_do_no_harm(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("% Beschreibung: Größe\n% x   u\n1 2\n".encode("latin-1"))
    assert load_table(path).read("u").tolist() == [2]


def test_text_columns_that_are_not_read_may_hold_text(tmp_path):
    path = write(tmp_path / "a.csv", "sensor,x,u\nnorth,1,2\n,3,\n")
    table = load_table(path)
    assert table.read("x").tolist() == [1, 3]
    assert np.isnan(table.read("u")[1])
    assert "sensor (not numeric)" in table.describe()
    with pytest.raises(DataError, match=r"Column 'sensor'.*not numeric(.|\n)*'north' on line 2"):
        table.read("sensor")


def test_wide_comsol_tables(tmp_path):
    text = (
        "% X    Y    u (K) @ t=0    v (m/s) @ t=0    u (K) @ t=0.5    v (m/s) @ t=0.5\n"
        "0 1 10 20 11 21\n2 3 30 40 31 41\n"
    )
    table = load_table(write(tmp_path / "a.txt", text))
    assert list(table) == ["u", "v", "X", "Y", "t"]
    assert table.read("u").tolist() == [[10, 11], [30, 31]]
    assert table.read("v").tolist() == [[20, 21], [40, 41]]
    assert table.read("t").tolist() == [0, 0.5]
    single = "% x   u @ Re=100   p (Pa) @ Re=100\n1 2 3\n"
    assert list(load_table(write(tmp_path / "b.txt", single))) == ["x", "u", "p"]


def test_wide_headers():
    one = wide_groups(("x", "u @ 1: freq=3, t=0", "u @ 2: freq=3, t=1e-1"))
    assert one["u"][0] == "t"
    assert one["u"][1].tolist() == [0, 0.1]
    assert one["u"][2] == [1, 2]
    assert wide_groups(("u @ a=1, t=0", "u @ a=2, t=1", "u @ a=1, t=2")) == {}  # two vary
    assert wide_groups(("u @ t=0", "u @ t=0")) == {}


def test_wide_tables_must_agree_on_times(tmp_path):
    text = "% u @ t=0   u @ t=1   v @ t=0   v @ t=2\n1 2 3 4\n"
    with pytest.raises(DataError, match="do not agree on 't'"):
        load_table(write(tmp_path / "a.txt", text))


def test_binary_formats(tmp_path):
    x, u = np.arange(3.0), np.arange(6).reshape(3, 2)
    c = u + 1j
    np.savez(tmp_path / "a.npz", x=x, u=u, c=c)
    np.save(tmp_path / "a.npy", u)
    scipy.io.savemat(tmp_path / "a.mat", {"x": x, "u": u, "c": c, "s": scipy.sparse.csc_matrix(u)})
    scipy.io.savemat(tmp_path / "old.mat", {"x": x, "u": u, "c": c}, format="4")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"], file["group/u"], file["c"] = x, u, c
    with h5py.File(tmp_path / "new.mat", "w", userblock_size=512) as file:
        file["x"], file["u"] = x[:, None], u.T  # MATLAB stores columns first
        pair = np.zeros((2, 3), [("real", float), ("imag", float)])
        pair["real"], pair["imag"] = u.T, 1
        file["c"] = pair
        file["#refs#/a"] = 1
    with (tmp_path / "new.mat").open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64")
    for name in ("a.npz", "a.mat", "old.mat", "a.h5", "new.mat"):
        table = load_table(tmp_path / name)
        assert table.read("x").reshape(-1).tolist() == [0, 1, 2], name
        selector = "group/u" if name == "a.h5" else "u"
        assert table.read(selector).tolist() == u.tolist(), name
        assert table.read("real(c)").tolist() == u.tolist(), name
        assert (table.read("imag(c[:, 1])") == 1).all()
        assert table.read("abs(c)") == pytest.approx(abs(c))
        assert table.read("angle(c)") == pytest.approx(np.angle(c))
    assert "#refs#/a" not in load_table(tmp_path / "new.mat")
    assert load_table(tmp_path / "a.mat").read("s").tolist() == u.tolist()
    assert load_table(tmp_path / "a.npy").read("data[:, 1]").tolist() == [1, 3, 5]
    assert load_table(tmp_path / "a.npy").read(1).tolist() == [1, 3, 5]
    assert isinstance(load_table(tmp_path / "a.npy"), Table)
    assert dict(load_table(tmp_path / "a.npy"))["data"].shape == (3, 2)


@given(
    st.lists(
        st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 3), min_size=1, max_size=5
    )
)
@settings(max_examples=40, deadline=None)
def test_text_round_trip(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("t") / "a.csv"
    path.write_text("a,b,c\n" + "\n".join(",".join(map(repr, row)) for row in rows))
    table = load_table(path)
    assert table.read(["a", "b", "c"]).tolist() == [list(row) for row in rows]


# ---------------------------------------------------------------------------------------------
# selectors
# ---------------------------------------------------------------------------------------------


def test_selectors():
    table = Table("here", {"a": lambda: np.arange(24).reshape(2, 3, 4), "A": lambda: np.zeros(2)})
    assert table.read("a[:, 0]").shape == (2, 4)
    assert table.read("a[1, :, 1:3]").tolist() == [[13, 14], [17, 18], [21, 22]]
    assert table.read("a[-1]").shape == (3, 4)
    assert table.read("A").shape == (2,)
    assert table.read(["A", "A"]).shape == (2, 2)
    with pytest.raises(KeyError):
        table["b"]
    with pytest.raises(DataError, match=r"no 'q' in 'here'(.|\n)*a \(2, 3, 4\)"):
        table.read("q")
    with pytest.raises(DataError, match=r"cannot be taken(.|\n)*\(2, 3, 4\)(.|\n)*\[9\]"):
        table.read("a[9]")
    for bad in ("a[]", "a[,]", "a[0, 0, 0, 0]"):
        with pytest.raises(DataError, match="cannot be taken"):
            table.read(bad)
    for bad in (None, True, 1.5, []):
        with pytest.raises(DataError, match="does not select anything"):
            table.read(bad)


def test_column_numbers():
    table = Table("here", {"a": lambda: np.eye(3)})
    assert table.read(2).tolist() == [0, 0, 1]
    with pytest.raises(DataError, match=r"no column 3(.|\n)*0 to 2"):
        table.read(3)
    two = Table("here", {"a": lambda: np.eye(3), "b": lambda: np.eye(2)})
    with pytest.raises(DataError, match="not unique"):
        two.read(0)


def test_nearest_name_is_offered(tmp_path):
    np.savez(tmp_path / "a.npz", usol=np.zeros(2), x=np.zeros(2))
    with pytest.raises(DataError, match=r"usol \(2,\), x \(2,\)(.|\n)*did you mean 'usol'"):
        load_table(tmp_path / "a.npz").read("usoll")


def test_values_must_be_real_numbers():
    table = Table("here", {"c": lambda: np.ones(2) * 1j, "s": lambda: np.array(["a"])})
    with pytest.raises(DataError, match=r"'c' of 'here' is complex(.|\n)*real\(c\)"):
        table.read("c")
    with pytest.raises(DataError, match="does not hold numbers"):
        table.read("s")


# ---------------------------------------------------------------------------------------------
# what can be wrong with a file
# ---------------------------------------------------------------------------------------------


def test_missing_files(tmp_path):
    write(tmp_path / "burgers.csv", "1,2")
    with pytest.raises(DataError, match=r"no file(.|\n)*did you mean 'burgers.csv'"):
        load_table(tmp_path / "burger.csv")
    with pytest.raises(DataError, match=r"no file(.|\n)*that folder has: burgers.csv"):
        load_table(tmp_path / "zzz")
    with pytest.raises(DataError, match=r"folder '.*none' is not there"):
        load_table(tmp_path / "none" / "a.csv")
    with pytest.raises(DataError, match=r"got: +a folder"):
        load_table(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no files"):
        load_table(tmp_path / "empty" / "a")


@pytest.mark.parametrize(
    "text, words",
    [
        ("", r"no rows of data(.|\n)*an empty file"),
        ("% a\n% b\n", r"no rows of data(.|\n)*comments only"),
        ("x,u\n", "a header but no rows"),
        ("x,u\n1,2\n1\n3,4\n5,6,7\n", r"different length(.|\n)*2 columns(.|\n)*1 on line 3, 3 on"),
        ("x u\n1 2\n1 a\n", None),
        ("x\0u\n", "not a text file"),
    ],
)
def test_broken_text(tmp_path, text, words):
    path = write(tmp_path / "a.csv", text)
    if words is None:
        with pytest.raises(DataError, match=r"Column 'u'(.|\n)*'a' on line 3"):
            load_table(path).read("u")
        return
    with pytest.raises(DataError, match=words):
        load_table(path)


def test_ragged_rows_are_counted(tmp_path):
    rows = ["1,2"] * 20 + ["1"] * 8
    with pytest.raises(DataError, match="and 3 more"):
        load_table(write(tmp_path / "a.csv", "\n".join(rows)))


def test_encodings(tmp_path):
    path = write(tmp_path / "a.csv", "x,u\n1,2\n3,4°\n", "latin-1")
    with pytest.raises(DataError, match=r"not encoded in utf-8(.|\n)*line 3(.|\n)*latin-1"):
        load_table(path)
    with pytest.raises(DataError, match=r"cannot be decoded(.|\n)*'klingon'"):
        load_table(path, encoding="klingon")


class Evil:
    """Touches a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_pickles_are_never_loaded(tmp_path):
    mark = tmp_path / "mark"
    evil = np.array([Evil(str(mark))], dtype=object)
    np.save(tmp_path / "a.npy", evil, allow_pickle=True)
    np.savez(tmp_path / "a.npz", x=np.zeros(2), evil=evil)
    torch.save({"a": torch.ones(2)}, tmp_path / "a.pt")
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(Evil(str(mark))))
    (tmp_path / "b.dat").write_bytes(pickle.dumps(Evil(str(mark))))
    with pytest.raises(DataError, match="pickled objects"):
        load_table(tmp_path / "a.npy")
    table = load_table(tmp_path / "a.npz")
    assert table.read("x").shape == (2,)
    with pytest.raises(DataError, match="pickled objects"):
        table.read("evil")
    for name in ("a.pt", "a.pkl", "b.dat"):
        with pytest.raises(DataError, match=r"not read(.|\n)*numpy.savez"):
            load_table(tmp_path / name)
    assert not mark.exists()


def test_damaged_binaries(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(100.0))
    np.save(tmp_path / "a.npy", np.arange(100.0))
    scipy.io.savemat(tmp_path / "a.mat", {"x": np.arange(100.0)})
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.arange(100.0)
    for name in ("a.npz", "a.npy", "a.mat", "a.h5"):
        path = tmp_path / name
        path.write_bytes(path.read_bytes()[:-300])
        with pytest.raises(DataError, match="cannot be read"):
            load_table(path).read("x")
        path.write_bytes(b"<html>not found</html>")
        with pytest.raises(DataError, match=r"is not a|cannot be read"):
            load_table(path)
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("x.npy", b"nonsense")
    with pytest.raises(DataError, match="'x' is not an array"):
        load_table(tmp_path / "b.npz").read("x")
    with zipfile.ZipFile(tmp_path / "b.xlsx", "w") as archive:
        archive.writestr("sheet.xml", b"<a/>")
    with pytest.raises(DataError, match="a format that is not read"):
        load_table(tmp_path / "b.xlsx")


# ---------------------------------------------------------------------------------------------
# columns of sensors
# ---------------------------------------------------------------------------------------------


def test_read_columns(tmp_path):
    path = write(tmp_path / "s.csv", "x,t,u\n0,1,2\n3,4,5\n")
    found = read_columns(path, {"x": "x", "t": 1, "speed": "u"})
    assert {name: values.tolist() for name, values in found.items()} == {
        "x": [0, 3], "t": [1, 4], "speed": [2, 5],
    }  # fmt: skip
    assert read_columns(path, ["u"])["u"].tolist() == [2, 5]
    array = np.arange(6.0).reshape(3, 2)
    assert read_columns(torch.tensor(array), {"x": 0})["x"].tolist() == [0, 2, 4]
    given = {"x": torch.arange(3, requires_grad=False), "u": [[1], [2], [3]]}
    assert read_columns(given, ["x", "u"])["u"].tolist() == [1, 2, 3]
    assert read_columns({"x": [5.0]}, ["x"])["x"].tolist() == [5]
    assert read_columns(load_table(path), ["x"])["x"].tolist() == [0, 3]


def test_read_columns_refuses(tmp_path):
    path = write(tmp_path / "s.csv", "x,t,u\n0,1,2\n3,nan,5\n6,,1\n7,8,inf\n")
    with pytest.raises(DataError, match=r"Column 't'.*not finite(.|\n)*2 times.*line 3, line 4"):
        read_columns(path, ["x", "t"])
    assert read_columns(path, ["x", "t"], nan="drop")["x"].tolist() == [0, 7]
    with pytest.raises(DataError, match=r"Column 'u'.*not finite"):
        read_columns(path, ["x", "u"], nan="drop")
    with pytest.raises(DataError, match=r"different lengths(.|\n)*x: 2, u: 3"):
        read_columns({"x": np.zeros(2), "u": np.zeros(3)}, ["x", "u"])
    with pytest.raises(DataError, match="is not a column"):
        read_columns({"x": np.zeros((2, 2))}, ["x"])
    with pytest.raises(DataError, match=r"no option 'delimeter'(.|\n)*did you mean 'delimiter'"):
        read_columns(path, ["x"], delimeter=";")
    for columns in ({}, [], "x", [1]):
        with pytest.raises(DataError, match="does not say what to read"):
            read_columns(path, columns)
