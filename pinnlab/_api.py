"""The two calls that join training with the description of a problem as text."""

from collections.abc import Mapping
from functools import wraps
from pathlib import Path
from typing import Any

import torch

from pinnlab.errors import CheckpointError, ConfigError
from pinnlab.io.run_log import read_log
from pinnlab.io.solution_file import SolutionRecord, read_solution
from pinnlab.problems.assemble import PointBudget, assemble
from pinnlab.problems.problem import Problem
from pinnlab.surrogates.base import Specification
from pinnlab.training.solution import Solution
from pinnlab.training.solve import DTYPES, check_arguments
from pinnlab.training.solve import solve as train

# Stands where a problem that was written in Python cannot be read from text.
PLACEHOLDER = {
    "domain": {"kind": "Interval", "x": [0, 1]},
    "fields": ["u"],
    "equations": {"e": "u.xx"},
}


@wraps(train)
def solve(problem: Problem, *args: Any, **options: Any) -> Solution:
    check_arguments(problem, **options)
    if options.get("resolved_text") is None:
        from pinnlab.config import to_config, to_yaml

        described = dict(zip(("surrogate",), args, strict=False)) | options
        options["resolved_text"] = to_yaml(to_config(problem, **described))
    return train(problem, *args, **options)


def load(
    path: str | Path, problem: Problem | None = None, surrogate: Any | None = None
) -> Solution:
    """A solution from its file or run folder.

    Args:
        path: ``solution.h5``, or the run folder that holds it.
        problem: The declaration, needed if it contains Python functions.
        surrogate: The module or specification, needed if it was a module of your own.

    Returns:
        The solution with the same values as when it was saved.

    Raises:
        CheckpointError: If the file is damaged, or does not fit the declaration.
    """
    from ruamel.yaml import YAML

    path = Path(path)
    file = path / "solution.h5" if path.is_dir() else path
    record = read_solution(file)
    data = YAML(typ="safe", pure=True).load(record.config) or {}
    if problem is None or surrogate is None:
        read = _declared(data, file, problem is not None)
        problem = read[0] if problem is None else problem
        surrogate = read[1] if surrogate is None else surrogate
    assert surrogate is not None
    dtype = DTYPES[str(record.problem["dtype"])]
    assembly = assemble(problem, surrogate, budget=PointBudget(1, 1), scales=None, dtype=dtype)
    state = assembly.objective.state
    _fill(state, record, file)
    log = file.parent / "log.jsonl"
    return Solution(
        problem,
        state,
        dtype=dtype,
        device=torch.device("cpu"),
        records=read_log(log) if path.is_dir() and log.exists() else (),
        metrics=record.metrics,
        folder=path if path.is_dir() else None,
        settings={"resolved": record.config},
    )


def _declared(
    data: Mapping[str, Any], file: Path, has_problem: bool
) -> tuple[Problem, Specification]:
    """Problem and surrogate as the file's configuration declares them."""
    from pinnlab.config import parse_config, to_yaml

    kept: dict[str, Any] = {
        "problem": PLACEHOLDER if has_problem else _without_marks(data.get("problem", {}))
    }
    if "surrogate" in data:
        kept["surrogate"] = data["surrogate"]
    try:
        config = parse_config(to_yaml(kept), folder=file.parent, name=str(file))
    except ConfigError as reason:
        raise CheckpointError(
            f"'{file}' does not say everything that is needed to load it",
            expected="a declaration made of texts and numbers",
            got=str(reason).splitlines()[0],
            do="pass what was written in Python: pinnlab.load(path, problem=..., surrogate=...)",
        ) from None
    return config.problem, config.options["surrogate"]


def _without_marks(problem: Mapping[str, Any]) -> dict[str, Any]:
    """The section without a reference that was an object in Python: it is not needed to load."""
    reference = problem.get("reference")
    marked = isinstance(reference, Mapping) and "file" not in reference
    return {k: v for k, v in problem.items() if not (marked and k == "reference")}


def _fill(state: torch.nn.Module, record: SolutionRecord, file: Path) -> None:
    own = {k: tuple(v.shape) for k, v in state.state_dict().items()}
    saved = {k: tuple(v.shape) for k, v in record.weights.items()}
    if own != saved:
        raise CheckpointError(
            f"The weights in '{file}' do not fit the declaration",
            expected=", ".join(f"{k} {shape}" for k, shape in own.items()),
            got=", ".join(f"{k} {shape}" for k, shape in saved.items()),
            do="pass the problem and surrogate that were solved",
        )
    state.load_state_dict({k: torch.as_tensor(v) for k, v in record.weights.items()})
