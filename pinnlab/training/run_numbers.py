"""What a run says of itself in numbers: what it ran on, and how it ended."""

import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from pinnlab._version import __version__
from pinnlab.calculus import products, strips
from pinnlab.io._json import to_json
from pinnlab.training.solution import Solution
from pinnlab.training.trainer import Trainer


def versions(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What the run ran on, enough to repeat it."""
    return {
        "pinnlab": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": version("numpy"),
        "scipy": version("scipy"),
        "platform": platform.platform(),
        "processor": platform.machine(),
        "pointwise_arithmetic": "compiled" if strips.compiled() else "torch",
        "matrix_products": "compiled" if products.compiled() else "torch",
        "threads": torch.get_num_threads(),
        "device": settings["device"],
        "dtype": settings["dtype"],
        "seed": settings["seed"],
    }


def write_head(
    folder: Path, settings: Mapping[str, Any], config: str | None, resolved: str | None
) -> None:
    """What a run folder holds from the start.

    Args:
        folder: Of the run.
        settings: Of which the versions tell precision, device and seed.
        config: The configuration as it was given.
        resolved: The same with every default filled in.
    """
    if config is not None:
        (folder / "config.yaml").write_text(config, encoding="utf-8")
    if resolved is not None:
        (folder / "resolved.yaml").write_text(resolved, encoding="utf-8")
    (folder / "versions.json").write_text(
        json.dumps(versions(settings), indent=2) + "\n", encoding="utf-8"
    )


def metrics_of(trainer: Trainer, solution: Solution) -> dict[str, Any]:
    """Status, losses, errors and costs at the end of a run."""
    last = trainer.kept or (trainer.records[-1] if trainer.records else {})
    metrics: dict[str, Any] = {
        "status": trainer.status,
        "message": trainer.message,
        "steps": trainer.step,
        "seconds": trainer.elapsed,
        "phases": trainer.phase_times,
        "loss": last.get("loss"),
        "terms": last.get("terms", {}),
        "best": trainer.best,
        "kept": trainer.kept and {k: trainer.kept[k] for k in ("step", "monitor", "value")},
        "evaluations": trainer.objective.evaluations,
        "warnings": list(trainer.warnings),
        "parameters": solution.settings["parameters"],
    }
    if solution.problem.reference is not None:
        metrics["errors"] = solution.error()
    if solution.problem.unknowns:
        metrics["unknowns"] = unknowns_table(solution)
    metrics["held_out"] = held_out(trainer)
    return metrics


def unknowns_table(solution: Solution) -> dict[str, dict[str, float | None]]:
    """Per unknown its value, and its true value and relative error where known."""
    out: dict[str, dict[str, float | None]] = {}
    for name, value in solution.unknowns.items():
        true = solution.problem.unknowns[name].true
        error = abs(value - true) / abs(true) if true else None
        out[name] = {"value": value, "true": true, "relative_error": error}
    return out


def held_out(trainer: Trainer) -> dict[str, float]:
    """Mean squares of all terms on points that were not trained on."""
    assembly = trainer.assembly
    state = assembly.rng.bit_generator.state
    before = dict(assembly.objective.points)
    number = assembly.objective.batch_number
    assembly.objective.set_points(assembly.draw())  # the old points are put back below
    with torch.no_grad():
        squares = assembly.objective.terms().tolist()
    assembly.objective.set_points(before)
    assembly.objective.batch_number = number
    assembly.rng.bit_generator.state = state
    return dict(zip(assembly.objective.names, squares, strict=True))


def write_metrics(folder: Path, metrics: Mapping[str, Any]) -> None:
    """Final numbers of a run as JSON."""
    text = json.dumps(json.loads(to_json(dict(metrics))), indent=2)
    (folder / "metrics.json").write_text(text + "\n", encoding="utf-8")
