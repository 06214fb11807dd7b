"""The benchmarks for a GPU run on a processor as well, small."""

import importlib
import json
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    """The scripts import each other by name, as they do when they are run."""
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.syspath_prepend(str(FOLDER / "gpu"))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if file.startswith(str(FOLDER)):
            del sys.modules[name]


def test_many_dimensions_train(tmp_path):
    script = importlib.import_module("million_dimensions")
    arguments = ["--dim", "40", "--steps", "30", "--batch", "12", "--samples", "4"]
    arguments += ["--test-points", "50", "--device", "cpu", "--out", str(tmp_path)]
    results = script.main(arguments)
    assert [r["problem"] for r in results] == list(script.PROBLEMS)
    for result in results:
        assert 0 < result["relative_l2"] < 2.0
        assert result["status"] == "finished" and result["fallbacks"] == []
        assert result["steps_per_s"] > 0 and 0 < result["share_of_bound"] < 1.5
        first, *_, last = result["losses"].values()
        assert last < 10 * first
    written = json.loads((tmp_path / "dimensions_40_steps_30.json").read_text())
    assert written["settings"]["execution"] == "eager"
    assert written["copy_bandwidth_gb_per_s"] > 0


def test_least_bytes_at_full_size():
    script = importlib.import_module("million_dimensions")
    moved = script.least_bytes(1_000_000, 100)
    # Seven passes over 0.4 GB of points, nine over 0.512 GB of weights.
    assert sum(moved.values()) == 7 * 400_000_000 + 9 * 512_000_000


def test_the_rate_leaves_the_first_line_out():
    script = importlib.import_module("million_dimensions")
    lines = [{"step": 1, "time": 9.0}, {"step": 10, "time": 10.0}, {"step": 30, "time": 12.0}]
    assert script.rate(lines) == pytest.approx(10.0)
    assert script.rate(lines[:1]) == pytest.approx(1 / 9)


def test_ways_of_stepping_are_compared(tmp_path):
    script = importlib.import_module("navier_stokes_graph")
    arguments = ["--points", "50", "--steps", "2", "--rounds", "2", "--device", "cpu"]
    result = script.main([*arguments, "--out", str(tmp_path)])
    assert set(result["ms_per_step"]) == {"eager"}
    assert result["ms_per_step"]["eager"] > 0
    assert (tmp_path / "navier_stokes_on_a_processor.json").is_file()


@pytest.mark.gpu
def test_ways_of_stepping_are_compared_on_a_gpu(tmp_path):
    script = importlib.import_module("navier_stokes_graph")
    result = script.main(
        ["--points", "500", "--rounds", "2", "--steps", "5", "--out", str(tmp_path)]
    )
    assert set(result["ms_per_step"]) == set(script.WAYS["cuda"])
    assert not any(result["fallbacks"].values())
