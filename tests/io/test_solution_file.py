"""Solution files: the round trip, and plain HDF5 readers."""

import datetime
import json
import shutil
import subprocess

import h5py
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnlab._version import __version__
from pinnlab.errors import CheckpointError
from pinnlab.io import SolutionRecord, read_solution, save_state, write_solution
from pinnlab.io.solution_file import _quote, _unquote


@pytest.fixture
def record():
    return SolutionRecord(
        problem={"fields": ["u"], "equations": {"heat": "u.t - u.xx"}, "none": None, "n": 3},
        config="surrogate: {kind: MLP}  # größe\n",
        weights={
            "layers.0.weight": torch.arange(6.0, dtype=torch.float64).reshape(2, 3),
            "low": torch.tensor([1.5, -2], dtype=torch.bfloat16),
            "part/with slash": torch.ones(1),
        },
        unknowns={"nu": 0.01, "field": np.ones(3), "k": {"value": 2, "std": 0.1, "unit": "m"}},
        metrics={"u": {"relative_l2": 1e-3, "worst": float("inf"), "bad": float("nan")}},
        history={"loss": [3, 2.5, 1], "step": np.arange(3)},
        coordinates={"x": np.linspace(0, 1, 4)},
        fields={"u": np.linspace(0, 1, 4) ** 2},
        extra={"note": "by hand"},
    )


def test_round_trip(tmp_path, record):
    assert write_solution(tmp_path / "s.h5", record) == tmp_path / "s.h5"
    found = read_solution(tmp_path / "s.h5")
    assert found.problem == record.problem
    assert found.config == record.config
    assert list(found.weights) == list(record.weights)
    for name, value in record.weights.items():
        assert torch.equal(found.weights[name], value)
        assert found.weights[name].dtype == value.dtype
    assert found.unknowns["nu"] == 0.01
    assert type(found.unknowns["k"]["value"]) is int
    assert found.unknowns["k"] == record.unknowns["k"]
    assert found.unknowns["field"].tolist() == [1, 1, 1]
    assert found.metrics["u"]["worst"] == float("inf")
    assert np.isnan(found.metrics["u"]["bad"])
    assert found.history["loss"].tolist() == [3, 2.5, 1]
    assert found.history["step"].dtype == np.int64
    assert found.coordinates["x"].tolist() == record.coordinates["x"].tolist()
    assert found.fields["u"].tolist() == record.fields["u"].tolist()
    assert found.extra == record.extra
    assert found.created == record.created
    assert found.pinnlab_version == __version__
    created = datetime.datetime.fromisoformat(found.created)
    assert created.utcoffset() == datetime.timedelta(0)


def test_empty_record(tmp_path):
    write_solution(tmp_path / "s.h5", SolutionRecord())
    found = read_solution(tmp_path / "s.h5")
    assert (found.weights, found.fields, found.problem) == ({}, {}, {})


def test_numpy_and_python_numbers(tmp_path):
    unknowns = {"a": np.float32(0.5), "b": True, "c": np.int64(3), "d": (1, 2), "e": np.array(7.0)}
    write_solution(tmp_path / "s.h5", SolutionRecord(unknowns=unknowns))
    found = read_solution(tmp_path / "s.h5").unknowns
    assert (found["a"], found["b"], found["c"]) == (0.5, True, 3)
    assert found["d"].tolist() == [1, 2]
    assert found["e"].shape == ()


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8))
@settings(max_examples=100, deadline=None)
def test_any_name_comes_back(name):
    assert _unquote(_quote(name)) == name
    with h5py.File("memory", "w", driver="core", backing_store=False) as file:
        file[_quote(name)] = 1
        assert [_unquote(key) for key in file] == [name]


def test_plain_h5py_understands_it(tmp_path, record):
    write_solution(tmp_path / "s.h5", record)
    # the signature stands where the HDF5 standard looks for it: at 0, 512, 1024 …
    assert (tmp_path / "s.h5").read_bytes()[512:520] == b"\x89HDF\r\n\x1a\n"
    with h5py.File(tmp_path / "s.h5", "r") as file:
        assert file.attrs["format"] == "pinnlab-solution"
        assert file.attrs["schema"] == 1
        assert file.attrs["pinnlab_version"] == __version__
        assert json.loads(file["problem"].asstr()[()]) == record.problem
        assert file["weights/layers.0.weight"][()].tolist() == [[0, 1, 2], [3, 4, 5]]
        assert file["unknowns/k/std"][()] == 0.1
        assert file["fields/values/u"][-1] == 1
        assert json.loads(file["metrics"].asstr()[()])["u"]["bad"] == "NaN"  # strict JSON


@pytest.mark.skipif(shutil.which("h5dump") is None, reason="h5dump is not installed")
def test_h5dump_reads_it(tmp_path, record):
    write_solution(tmp_path / "s.h5", record)
    out = subprocess.run(
        ["h5dump", "-d", "/unknowns/nu", tmp_path / "s.h5"], capture_output=True, text=True
    )
    assert "0.01" in out.stdout


def test_existing_files_are_kept(tmp_path, record):
    write_solution(tmp_path / "s.h5", record)
    with pytest.raises(CheckpointError, match=r"exists already(.|\n)*overwrite=True"):
        write_solution(tmp_path / "s.h5", SolutionRecord())
    assert read_solution(tmp_path / "s.h5").extra == record.extra
    write_solution(tmp_path / "s.h5", SolutionRecord(), overwrite=True)
    assert read_solution(tmp_path / "s.h5").extra == {}


def test_damage_is_told(tmp_path, record):
    path = tmp_path / "s.h5"
    write_solution(path, record)
    raw = path.read_bytes()
    for broken in (raw[:-1], raw[:600], raw[:100], raw[:4000] + b"\xff" + raw[4001:], b""):
        path.write_bytes(broken)
        with pytest.raises(CheckpointError, match=r"truncated|damaged|not written by"):
            read_solution(path)
    save_state(path, {})
    with pytest.raises(CheckpointError, match="another kind of file"):
        read_solution(path)


def test_a_file_changed_by_other_tools(tmp_path, record):
    path = tmp_path / "s.h5"
    write_solution(path, record)
    with h5py.File(path, "r+") as file:
        file.attrs["comment"] = "looked at"
    with pytest.raises(CheckpointError, match=r"damaged|truncated"):
        read_solution(path)
    assert read_solution(path, verify=False).unknowns["nu"] == 0.01
    with h5py.File(path, "r+") as file:
        del file["weights"]
    with pytest.raises(CheckpointError, match="damaged"):
        read_solution(path, verify=False)


@pytest.mark.parametrize(
    "part, words",
    [
        ({"problem": {"f": print}}, r"`problem`(.|\n)*\['f'\] is a builtin"),
        ({"metrics": {1: 2}}, r"`metrics`(.|\n)*a key of the value is not a text but 1"),
        ({"weights": {"w": print}}, r"weights\['w'\] of a solution(.|\n)*builtin"),
        ({"unknowns": {"a": {"b": None}}}, r"unknowns\['a'\]\['b'\]"),
        ({"unknowns": {"a": 10**30}}, r"unknowns\['a'\]"),
        ({"history": {"h": [[1], [1, 2]]}}, r"history\['h'\]"),
        ({"weights": {"w": torch.ones(2).to_sparse()}}, "not a dense tensor"),
        ({"weights": {"w": np.zeros(2, [("a", float)])}}, "keeps without pickle"),
    ],
)
def test_what_cannot_be_stored_is_named(tmp_path, part, words):
    with pytest.raises(CheckpointError, match=words):
        write_solution(tmp_path / "s.h5", SolutionRecord(**part))
    assert list(tmp_path.iterdir()) == []
