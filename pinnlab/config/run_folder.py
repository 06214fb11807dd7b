"""Run folders as plain data: what a run left behind, without loading the run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pinnlab.errors import CheckpointError
from pinnlab.io._json import from_json
from pinnlab.report.conflict_remarks import conflict_remarks
from pinnlab.report.data import History, Phase, RunData, Term, UnknownValue

_FILES = ("metrics.json", "versions.json", "resolved.yaml", "log.jsonl")


def read_run_folder(folder: str | Path) -> RunData:
    """Everything that ``pinnlab show`` and ``compare`` print.

    Args:
        folder: A run folder; a run that has not ended is read from its log.

    Raises:
        CheckpointError: If it is no run folder or a file in it is damaged.
    """
    folder = Path(folder)
    if not is_run_folder(folder):
        raise CheckpointError(
            f"'{folder}' is no run folder",
            expected=f"a folder with {', '.join(_FILES)}",
            got="no such folder" if not folder.is_dir() else "none of them",
            do="check the path; `pinnlab run` prints it",
        )
    metrics, versions = _json(folder / "metrics.json"), _json(folder / "versions.json")
    records = _records(folder / "log.jsonl")
    last = records[-1] if records else {}
    errors = metrics.get("errors") or last.get("errors") or {}
    history = History.from_records(records) if records else None
    terms: Mapping[str, Any] = metrics.get("terms") or last.get("terms") or {}
    weights, held_out = last.get("weights", {}), metrics.get("held_out", {})
    return RunData(
        title=folder.name or str(folder),
        status=metrics.get("status", "not ended"),
        message=metrics.get("message", ""),
        settings=_settings(folder / "resolved.yaml"),
        versions=versions,
        phases=[Phase(**phase) for phase in metrics.get("phases", ())],
        history=history,
        terms=[
            Term(name, value, weights.get(name, 1.0), held_out.get(name))
            for name, value in terms.items()
        ],
        metrics={
            f: {k: v for k, v in e.items() if k != "best_constant"} for f, e in errors.items()
        },
        baseline={
            f: {"relative_l2": e["best_constant"]}
            for f, e in errors.items()
            if e.get("best_constant")  # zero of a single value, which is nothing to compare with
        },
        unknowns=_unknowns(metrics, last),
        warnings=[remark.text for remark in conflict_remarks(history) if remark.warning],
        seconds=metrics.get("seconds", last.get("time")),
        folder=str(folder),
    )


def is_run_folder(folder: Path) -> bool:
    """Whether a run has written there."""
    return folder.is_dir() and any((folder / name).is_file() for name in _FILES)


def _unknowns(metrics: Mapping[str, Any], last: Mapping[str, Any]) -> dict[str, UnknownValue]:
    if "unknowns" in metrics:
        return {
            name: UnknownValue(entry["value"], entry.get("error"), entry.get("true"))
            for name, entry in metrics["unknowns"].items()
        }
    return {name: UnknownValue(value) for name, value in last.get("unknowns", {}).items()}


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = from_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(
            f"'{path}' is damaged", expected="JSON", got=str(error), do="run again"
        ) from None
    return found if isinstance(found, dict) else {}


def _records(path: Path) -> list[dict[str, Any]]:
    from pinnlab.io.run_log import read_log

    return read_log(path) if path.is_file() else []


def _settings(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    from pinnlab.config.document import read_document

    return read_document(path).root.data
