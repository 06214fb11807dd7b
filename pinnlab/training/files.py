"""Solutions as files: the HDF5 file that can be loaded again, and exports for other programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pinnlab.io.solution_file import SolutionRecord, write_solution
from pinnlab.report.data import History
from pinnlab.sampling.draw import draw

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
    """Write the fields on the domain's mesh, or on a grid, for other programs.

    A format without time (``.vtu``, ``.vtk``) shows a problem in one or two space dimensions as a
    block of space and time, and one in three at its last moment. Of more than three dimensions in
    space there is no grid: ``points`` points are drawn from the domain.
    """
    from pinnlab.io.export import export_fields

    domain, coordinates = solution.problem.domain, solution.problem.coordinates
    time = coordinates.time
    if coordinates.space.dim > 3 or any(size > 1 for size in coordinates.sizes):
        return _export_points(solution, path, points)
    single = Path(path).suffix in (".vtu", ".vtk")
    if time is None or len(coordinates.names) == 1 or (single and coordinates.space.dim < 3):
        nodes, cells, inside = _nodes(domain, points)
        columns = {name: nodes[:, k] for k, name in enumerate(coordinates.names)}
        return export_fields(path, nodes, _masked(solution, columns, inside), cells=cells)
    nodes, cells, inside = _nodes(getattr(domain, "space", domain), points)
    columns = {name: nodes[:, k] for k, name in enumerate(coordinates.space.names)}
    low, high = domain.bounds()
    moments = high[-1:] if single else np.linspace(low[-1], high[-1], times)
    series = [_masked(solution, columns | {time: np.full(len(nodes), t)}, inside) for t in moments]
    if single:
        return export_fields(path, nodes, series[0], cells=cells)
    stacked = {name: np.stack([moment[name] for moment in series]) for name in series[0]}
    return export_fields(path, nodes, stacked, cells=cells, times=moments)


def _export_points(solution: "Solution", path: str | Path, count: int) -> Path:
    """Write the fields at points drawn from the domain."""
    from pinnlab.io.export import export_points

    sampled = draw(
        solution.problem.domain,
        count,
        sampler="uniform",
        generator=np.random.default_rng(0),
        dtype=solution.dtype,
    )
    fields = {name: values.cpu() for name, values in solution(**sampled.columns).items()}
    return export_points(path, sampled.columns, fields)


def _masked(
    solution: "Solution", columns: dict[str, np.ndarray], inside: np.ndarray
) -> dict[str, np.ndarray]:
    """All fields at nodes, NaN outside the domain."""
    return {k: np.where(inside, v, np.nan) for k, v in solution(**columns).items()}


def _nodes(domain: Any, count: int) -> tuple[np.ndarray, Any, np.ndarray]:
    """Nodes, cells and which nodes belong to the domain."""
    from pinnlab.io.export import grid

    cells = getattr(domain, "cells", None)
    if cells is not None:
        return domain.points, cells, np.ones(len(domain.points), dtype=bool)
    low, high = domain.bounds()
    names = domain.coordinates.names
    box = grid({n: (float(a), float(b)) for n, a, b in zip(names, low, high, strict=True)}, count)
    return box.points, box.cells, domain.contains(box.points)
