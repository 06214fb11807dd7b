"""Pictures of a solution, chosen by the dimensions of its domain."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pinnlab.problems.comparison import as_points
from pinnlab.training.many_dimensions import draw_many_dimensions

if TYPE_CHECKING:
    from pinnlab.training.solution import Solution

HISTORY_CAPTIONS = ("Losses", "Errors", "Unknowns", "Conflicts")
LINE, PLANE, VOLUME = 401, 161, 41  # grid points a direction


def draw(solution: "Solution", folder: str | Path | None = None) -> dict[str, Any]:
    """Every field, beside the reference where there is one, and the course of the training.

    Args:
        solution: What to draw.
        folder: Save as PNG there.

    Returns:
        Caption to matplotlib figure.
    """
    from pinnlab.report.figure import save

    figures = _fields(solution) | _history(solution)
    if folder is not None:
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for caption, figure in figures.items():
            name = "".join(c if c.isalnum() else "-" for c in caption.lower()).strip("-")
            save(figure, folder / f"{name}.png")
    return figures


def _history(solution: "Solution") -> dict[str, Any]:
    from pinnlab.report.conflicts import plot_conflicts
    from pinnlab.report.data import History
    from pinnlab.report.progress import plot_errors, plot_losses, plot_unknowns

    history = History.from_records(solution.records)
    out: dict[str, Any] = {}
    if len(history.step) > 1:
        out["Losses"] = plot_losses(history)
        if history.errors:
            out["Errors"] = plot_errors(history)
        if history.unknowns:
            true = {k: u.true for k, u in solution.problem.unknowns.items() if u.true is not None}
            out["Unknowns"] = plot_unknowns(
                history,
                {k: {"value": v, "true": true.get(k)} for k, v in solution.unknowns.items()},
            )
        if history.conflicts is not None and len(history.conflicts.step) > 1:
            out["Conflicts"] = plot_conflicts(history)
    return out


def _fields(solution: "Solution") -> dict[str, Any]:
    coordinates = solution.problem.coordinates
    space = coordinates.space.dim
    if space > 3 or any(size > 1 for size in coordinates.sizes):
        return draw_many_dimensions(solution)
    if coordinates.dim == 1:
        return _line(solution)
    if coordinates.dim == 2:
        return _plane(solution)
    if space == 2 and coordinates.time:
        return _plane_in_time(solution)
    if space == 3:
        return _volume(solution)
    return {}


def _axes(solution: "Solution", count: int) -> list[np.ndarray]:
    low, high = solution.problem.domain.bounds()
    return [np.linspace(a, b, count) for a, b in zip(low, high, strict=True)]


def _line(solution: "Solution") -> dict[str, Any]:
    from pinnlab.report.curves import plot_1d

    (name,) = solution.problem.coordinates.names
    (x,) = _axes(solution, LINE)
    values = solution(**{name: x})
    reference = as_points(solution.problem)
    points = {}
    if reference is not None:
        points = {
            f"{k} reference": (reference.columns[name], v) for k, v in reference.fields.items()
        }
    return {"Solution": plot_1d(x, values, points=points, xlabel=name)}


def _plane(solution: "Solution") -> dict[str, Any]:
    from pinnlab.report.fields import plot_2d, plot_comparison

    names = solution.problem.coordinates.names
    time = solution.problem.coordinates.time
    reference = as_points(solution.problem)
    if reference is not None and set(reference.coordinates) == set(names):
        columns = reference.columns
        x, y = columns[names[0]], columns[names[1]]
        shared = [name for name in solution.problem.fields if name in reference.fields]
        here = solution(**{names[0]: x, names[1]: y})
        return {
            f"{field} beside the reference": plot_comparison(
                x,
                y,
                here[field],
                reference.fields[field],
                label=field,
                labels=(names[0], names[1]),
                time=time,
                inside=_inside(solution),
            )
            for field in shared
        }
    x, y = _axes(solution, PLANE)
    values = solution(**{names[0]: x[:, None], names[1]: y[None, :]})
    return {
        f"Field {field}": plot_2d(
            x,
            y,
            value,
            label=field,
            labels=(names[0], names[1]),
            time=time,
            inside=_inside(solution),
        )
        for field, value in values.items()
    }


def _inside(solution: "Solution") -> Any:
    return lambda points: solution.problem.domain.contains(np.asarray(points))


def _plane_in_time(solution: "Solution") -> dict[str, Any]:
    from pinnlab.report.snapshots import plot_snapshots

    domain = solution.problem.domain
    names = solution.problem.coordinates.space.names
    time = solution.problem.coordinates.time or "t"
    low, high = domain.bounds()
    x, y = (np.linspace(low[k], high[k], PLANE) for k in range(2))
    moments = np.linspace(low[2], high[2], 4)
    values = solution(
        **{
            names[0]: x[None, :, None],
            names[1]: y[None, None, :],
            time: moments[:, None, None],
        }
    )

    def inside(points: np.ndarray) -> np.ndarray:
        points = np.asarray(points)
        return domain.contains(np.column_stack([points, np.full(len(points), low[2])]))

    return {
        f"Field {field}": plot_snapshots(
            x,
            y,
            moments,
            value,
            label=field,
            labels=(names[0], names[1]),
            time=time,
            inside=inside,
        )
        for field, value in values.items()
    }


def _volume(solution: "Solution") -> dict[str, Any]:
    from pinnlab.report.volumes import plot_3d, plot_surface

    domain = solution.problem.domain
    coordinates = solution.problem.coordinates
    names, time = coordinates.space.names, coordinates.time
    low, high = domain.bounds()
    axes = [np.linspace(low[k], high[k], VOLUME) for k in range(3)]
    at = {time: float(high[3])} if time else {}
    grid = np.meshgrid(*axes, indexing="ij")
    values = solution(**dict(zip(names, grid, strict=True)), **at)

    def with_time(points: np.ndarray) -> np.ndarray:
        points = np.asarray(points)
        return np.column_stack([points, np.full(len(points), at[time])]) if time else points

    out: dict[str, Any] = {}
    labels = (names[0], names[1], names[2])
    surface = domain.sample_boundary(
        6000, "boundary", sampler="uniform", rng=np.random.default_rng(0)
    ).x[:, :3]
    on_surface = solution(**{n: surface[:, k] for k, n in enumerate(names)}, **at)
    for field, value in values.items():
        when = f" at {time} = {at[time]:g}" if time else ""
        out[f"Field {field}{when}"] = plot_3d(
            axes[0],
            axes[1],
            axes[2],
            value,
            label=field,
            labels=labels,
            inside=lambda points: domain.contains(with_time(points)),
        )
        out[f"Field {field} on the surface{when}"] = plot_surface(
            surface, on_surface[field], label=field, labels=labels
        )
    return out
