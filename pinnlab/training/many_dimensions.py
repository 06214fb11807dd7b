"""Pictures of a solution that has too many coordinates for a grid.

Two things can be seen of it: how its values agree with those of the reference, point by point, and
what it looks like along lines through the middle of the domain: the first axis, the diagonal, on
which all coordinates are equal, and one in a random direction, which is what almost every line
through the domain is like.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pinnlab.calculus.formula import Formula
from pinnlab.io.exact_reference import ExactReference
from pinnlab.problems.comparison import exact_parts, exact_values
from pinnlab.sampling.points import Points

if TYPE_CHECKING:
    from pinnlab.geometry.base import Geometry
    from pinnlab.training.solution import Solution

MOMENTS = 3
_NUMBERS = 2**24  # of the points along one line: 64 MiB in single precision


def draw_many_dimensions(solution: "Solution") -> dict[str, Any]:
    """Caption to figure."""
    return _agreement(solution) | _lines(solution)


def _agreement(solution: "Solution") -> dict[str, Any]:
    from pinnlab.report.agreement import plot_agreement

    problem = solution.problem
    time = problem.coordinates.time
    middle = torch.as_tensor(problem.domain.bounds().mean(axis=0))
    distances, times = [], []
    found: dict[str, list[np.ndarray]] = {}
    true: dict[str, list[np.ndarray]] = {}
    for points, exact in _known(solution):
        here = solution(**points.columns)
        distances.append(_numpy(_distance(points, middle)))
        if time:
            times.append(_numpy(points.columns[time]))
        for field, values in exact.items():
            found.setdefault(field, []).append(_numpy(here[field]))
            true.setdefault(field, []).append(_numpy(values))
    if sum(map(len, distances)) < 2:
        return {}  # one position, such as of a reference value: its error says all
    return {
        f"{field} against the reference": plot_agreement(
            np.concatenate(true[field]),
            np.concatenate(found[field]),
            np.concatenate(distances),
            time=np.concatenate(times) if time else None,
            label=field,
            time_label=time or "t",
        )
        for field in true
    }


def _known(solution: "Solution") -> Iterator[tuple[Points, dict[str, torch.Tensor]]]:
    """Points with the true values of fields, a part of them at a time."""
    problem, reference = solution.problem, solution.problem.reference
    kind = {"dtype": solution.dtype, "device": solution.device}
    if isinstance(reference, ExactReference):
        yield from exact_parts(problem, reference, **kind)
    elif reference is not None:
        columns = [reference.columns[name] for name in problem.coordinates.column_names]
        x = torch.as_tensor(np.column_stack(columns), **kind)
        values = {
            name: torch.as_tensor(np.array(values), **kind)
            for name, values in reference.fields.items()
            if name in problem.fields
        }
        yield Points(x, problem.coordinates), values


def _distance(points: Points, middle: torch.Tensor) -> torch.Tensor:
    """Distance in space from the middle of the domain, ``(n,)``."""
    coordinates = points.coordinates
    square = torch.zeros_like(points.x[:, 0])
    for name in coordinates.space.names:
        columns = coordinates.slice(name)
        part = points.x[:, columns] - middle[columns].to(points.x)
        square += part.square_().sum(dim=1)
    return square.sqrt()


def _numpy(values: torch.Tensor) -> np.ndarray:
    return values.detach().double().cpu().numpy()


def _lines(solution: "Solution") -> dict[str, Any]:
    from pinnlab.report.lines import Line, plot_lines

    problem = solution.problem
    coordinates, domain = problem.coordinates, problem.domain
    d = coordinates.space.dim
    low, high = domain.bounds()
    times = np.linspace(low[-1], high[-1], MOMENTS) if coordinates.time else np.empty(0)
    count = int(np.clip(_NUMBERS // d, 21, 201)) | 1  # odd, so that the middle is among them
    middle = (low[:d] + high[:d]) / 2
    formulas = {}
    if isinstance(problem.reference, ExactReference) and not problem.reference.at:
        formulas = {field: Formula(value) for field, value in problem.reference.exact.items()}
    found: dict[str, list[Line]] = {field: [] for field in problem.fields}
    for name, direction in _directions(d).items():
        ends = reach(getattr(domain, "space", domain), middle, direction)
        s = np.linspace(*ends, count)
        points = _along(solution, middle, direction, s)
        rows, known = [], []
        for moment in times if coordinates.time else [None]:
            if moment is not None:
                points.x[:, -1] = moment
            rows.append(solution(**points.columns))
            known.append(exact_values(problem, formulas, points))
        for field, lines in found.items():
            values = np.stack([_numpy(row[field]) for row in rows])
            exact = np.stack([_numpy(k[field]) for k in known]) if field in formulas else None
            lines.append(Line(name, s, values, exact))
    return {
        f"{field} along lines through the middle": plot_lines(
            lines, times=times.tolist(), label=field, time=coordinates.time or "t"
        )
        for field, lines in found.items()
    }


def _along(
    solution: "Solution", middle: np.ndarray, direction: np.ndarray, s: np.ndarray
) -> Points:
    """Points of a line; in time, with a last column that is still empty."""
    coordinates = solution.problem.coordinates
    kind = {"dtype": solution.dtype, "device": solution.device}
    x = torch.empty(len(s), coordinates.dim, **kind)
    space = x[:, : len(middle)].copy_(torch.as_tensor(middle, **kind))
    space.addcmul_(torch.as_tensor(s, **kind)[:, None], torch.as_tensor(direction, **kind))
    return Points(x, coordinates)


def _directions(d: int) -> dict[str, np.ndarray]:
    """Unit vectors ``(d,)`` by name."""
    axis = np.zeros(d)
    axis[0] = 1.0
    random = np.random.default_rng(0).standard_normal(d)
    return {
        "first axis": axis,
        "diagonal": np.full(d, d**-0.5),
        "random direction": random / np.linalg.norm(random),
    }


def reach(domain: "Geometry", middle: np.ndarray, direction: np.ndarray) -> tuple[float, float]:
    """From where to where a line through a point of the domain runs inside, by bisection.

    Args:
        domain: The region of space.
        middle: A point ``(d,)``.
        direction: A unit vector ``(d,)``.

    Returns:
        Signed distances from the point; those at which the line leaves the bounding box, if the
        point is outside.
    """
    low, high = domain.bounds()
    room = (
        np.where(direction > 0, high - middle, middle - low),
        np.where(direction > 0, middle - low, high - middle),
    )
    size = np.abs(direction)
    ends = []
    for sign, space in zip((1.0, -1.0), room, strict=True):
        with np.errstate(divide="ignore"):
            far = float(np.min(np.where(size > 0, space / size, np.inf)))
        if not domain.contains(middle[None])[0] or _inside(domain, middle, sign * far, direction):
            ends.append(sign * far)
            continue
        near = 0.0
        for _ in range(40):
            half = (near + far) / 2
            if _inside(domain, middle, sign * half, direction):
                near = half
            else:
                far = half
        ends.append(sign * near)
    return ends[1], ends[0]


def _inside(domain: "Geometry", middle: np.ndarray, s: float, direction: np.ndarray) -> bool:
    return bool(domain.contains((middle + s * direction)[None])[0])
