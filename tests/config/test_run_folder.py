"""Run folders, read back."""

import json
from pathlib import Path

import pytest

from pinnlab.config import parse_config
from pinnlab.config.run_folder import read_run_folder
from pinnlab.errors import CheckpointError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from config_texts import BURGERS

    out = tmp_path_factory.mktemp("runs") / "burgers"
    text = BURGERS.replace("nu: 0.01/pi", "nu: {kind: Unknown, initial: 0.1, true: 0.2}")
    parse_config(text).solve(out=out)
    return out


def test_finished_run(folder: Path) -> None:
    run = read_run_folder(folder)
    assert (run.title, run.status) == ("burgers", "finished")
    assert [term.name for term in run.terms] == ["burgers", "ends", "start"]
    assert [phase.name for phase in run.phases] == ["Adam", "LBFGS"]
    assert run.settings["run"]["seed"] == 1
    assert run.unknowns["nu"].true == 0.2  # type: ignore[union-attr]
    assert run.wall_time() is not None


def test_run_that_has_not_ended(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_bytes((folder / "log.jsonl").read_bytes())
    run = read_run_folder(tmp_path)
    assert run.status == "not ended"
    assert [term.name for term in run.all_terms()] == ["burgers", "ends", "start"]
    assert "nu" in run.unknowns


def test_damaged_and_foreign_folders(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no run folder"):
        read_run_folder(tmp_path)
    with pytest.raises(CheckpointError, match="no such folder"):
        read_run_folder(tmp_path / "nothing")
    (tmp_path / "metrics.json").write_text("{")
    with pytest.raises(CheckpointError, match="is damaged"):
        read_run_folder(tmp_path)
    (tmp_path / "metrics.json").write_text(json.dumps([1]))
    assert read_run_folder(tmp_path).status == "not ended"
