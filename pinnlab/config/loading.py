"""Solutions from files: the configuration in the file says what to build, the weights fill it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from pinnlab.config.run_config import RunConfig, parse_config
from pinnlab.errors import CheckpointError
from pinnlab.io.solution_file import SolutionRecord, read_solution
from pinnlab.problems.assemble import PointBudget, assemble
from pinnlab.problems.problem import Problem
from pinnlab.surrogates import MLP
from pinnlab.training.solution import Solution


def load_solution(
    path: str | Path, problem: Problem | None = None, surrogate: Any = None
) -> Solution:
    """Read a solution that was saved, ready to be evaluated.

    Args:
        path: A solution file, or a run folder that holds ``solution.h5``.
        problem: The problem, where it was declared with Python functions.
        surrogate: The surrogate, where it was an own module.

    Raises:
        CheckpointError: If the file is no solution, or does not fit the problem.
        ConfigError: If the problem needs Python and was not passed.
    """
    path = Path(path)
    file = path / "solution.h5" if path.is_dir() else path
    record = read_solution(file)
    options: Mapping[str, Any] = {}
    if problem is None or (surrogate is None and record.config):
        declared = _declared(record, file, problem is None)
        if declared is not None:
            problem = problem or declared.problem
            options = declared.options
    assert problem is not None
    dtype = getattr(torch, record.problem.get("dtype", "float64"))
    assembly = assemble(
        problem,
        surrogate or options.get("surrogate") or MLP(),
        budget=PointBudget(interior=16, boundary=16),
        scales=options.get("scales", "auto"),
        dtype=dtype,
    )
    try:
        assembly.objective.state.load_state_dict(record.weights)
    except RuntimeError as error:
        raise CheckpointError(
            f"The weights in '{file}' do not fit this problem and surrogate",
            expected="those that the solution was made with",
            got=str(error).splitlines()[-1].strip(),
            do="pass the same problem= and surrogate=",
        ) from None
    return Solution(
        problem,
        assembly.objective.state,
        dtype=dtype,
        device=assembly.device,
        metrics=record.metrics,
        folder=path if path.is_dir() else None,
        settings={"resolved": record.config},
    )


def _declared(record: SolutionRecord, file: Path, needed: bool) -> RunConfig | None:
    if record.config:
        try:
            return parse_config(record.config, folder=file.parent, name=f"{file} (configuration)")
        except Exception:
            if needed:
                raise
            return None
    if needed:
        raise CheckpointError(
            f"'{file}' does not say what problem it solves",
            expected="a solution of a run from a file",
            got="a solution of a problem declared in Python",
            do="pass it: load(path, problem=problem)",
        )
    return None
