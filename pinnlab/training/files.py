"""Solutions as files: the HDF5 file that can be loaded again, and exports for other programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pinnlab.io.solution_file import SolutionRecord, write_solution
from pinnlab.report.data import History

if TYPE_CHECKING:
    from pinnlab.training.solution import Solution

SAMPLE = {1: 1001, 2: 101, 3: 31}  # grid points a direction kept in the solution file


def save_solution(solution: "Solution", path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a solution with everything needed to evaluate it again."""
    history = History.from_records(solution.records)
    series: dict[str, Any] = {"step": np.asarray(history.step), "loss": np.asarray(history.total)}
    for group in ("terms", "unknowns", "errors"):
        for name, values in getattr(history, group).items():
            series[f"{group}/{name}".replace(" ", "_")] = np.asarray(values)
    coordinates, fields = sample(solution)
    record = SolutionRecord(
        problem={
            "name": solution.problem.name,
            "coordinates": list(solution.problem.coordinates.names),
            "fields": list(solution.problem.fields),
            "equations": {k: e.describe() for k, e in solution.problem.equations.items()},
            "conditions": {k: c.describe() for k, c in solution.problem.conditions.items()},
            "dtype": str(solution.dtype).removeprefix("torch."),
        },
        config=solution.settings.get("resolved", ""),
        weights=solution.state.state_dict(),
        unknowns=solution.unknowns,
        metrics=solution.metrics,
        history={k: v for k, v in series.items() if len(v)},
        coordinates=coordinates,
        fields=fields,
    )
    return write_solution(path, record, overwrite=overwrite)


def sample(solution: "Solution") -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Fields on a coarse grid of the domain, so that the file shows them without this library."""
    coordinates = solution.problem.coordinates
    if coordinates.dim > 3 or any(size > 1 for size in coordinates.sizes):
        return {}, {}
    low, high = solution.problem.domain.bounds()
    count = SAMPLE[coordinates.dim]
    axes = [np.linspace(a, b, count) for a, b in zip(low, high, strict=True)]
    grid = np.stack([g.reshape(-1) for g in np.meshgrid(*axes, indexing="ij")], -1)
    grid = grid[solution.problem.domain.contains(grid)]
    columns = {name: grid[:, k] for k, name in enumerate(coordinates.names)}
    return columns, solution(**columns)


def export_solution(solution: "Solution", path: str | Path, *, points: int, times: int) -> Path:
    """Write the fields on the domain's mesh, or on a grid, for other programs."""
    from pinnlab.io.export import export_fields

    nodes, cells, inside = _space_nodes(solution, points)
    time = solution.problem.coordinates.time
    names = solution.problem.coordinates.space.names
    columns = {name: nodes[:, k] for k, name in enumerate(names)}

    def values(**at: Any) -> dict[str, np.ndarray]:
        found = solution(**columns, **at)
        return {k: np.where(inside, v, np.nan) for k, v in found.items()}

    if time is None or not names:
        return export_fields(path, nodes, values(), cells=cells)
    low, high = solution.problem.domain.bounds()
    moments = np.linspace(low[-1], high[-1], times)
    series = [values(**{time: np.full(len(nodes), t)}) for t in moments]
    stacked = {name: np.stack([moment[name] for moment in series]) for name in series[0]}
    return export_fields(path, nodes, stacked, cells=cells, times=moments)


def _space_nodes(solution: "Solution", count: int) -> tuple[np.ndarray, Any, np.ndarray]:
    """Nodes, cells and which nodes belong to the domain."""
    from pinnlab.io.export import grid

    domain = solution.problem.domain
    space = getattr(domain, "space", domain)
    mesh = getattr(space, "cells", None)
    if mesh is not None:
        return space.points, mesh, np.ones(len(space.points), dtype=bool)
    bounds = space.bounds()
    nodes, cells = grid(bounds, [count] * bounds.shape[1])
    return nodes, cells, space.contains(nodes)
