"""Exact solutions at points: for errors, a part of the points at a time, and for pictures."""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor

from pinnlab.calculus.formula import Formula
from pinnlab.calculus.jet import Jet
from pinnlab.calculus.sources import tensor_source
from pinnlab.conditions.context import Context
from pinnlab.io.exact_reference import ExactReference
from pinnlab.io.reference import Reference
from pinnlab.problems.problem import Problem
from pinnlab.sampling.draw import draw
from pinnlab.sampling.points import Points

_MOST = 20_000  # points at once
_ELEMENTS = 1 << 24  # numbers at once, but never fewer points than the next line
_LEAST = 100


def exact_values(
    problem: Problem, fields: Mapping[str, Formula], points: Points
) -> dict[str, Tensor]:
    """Values of known fields at points, each ``(n,)``, without a graph.

    Parameters stand at their first guess; those that depend on fields cannot be read.
    """
    base = tensor_source(problem.coordinates, points.x)
    with torch.no_grad():
        env = Context(base, (), problem.declared.parameters, points)
        out = {}
        for name, formula in fields.items():
            value = formula(env)
            value = value.value if isinstance(value, Jet) else torch.as_tensor(value)
            out[name] = value.to(points.x).expand(len(points))
    return out


def exact_parts(
    problem: Problem,
    reference: ExactReference,
    *,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> Iterator[tuple[Points, dict[str, Tensor]]]:
    """The points of an exact reference with the values there, part by part.

    The points follow from the seed of the reference and the precision alone, so that they are the
    same in every comparison. A part is overwritten by the next.

    Raises:
        DataError: If the reference does not fit the problem.
    """
    reference.check_fits(problem.coordinates.names, problem.fields)
    fields = {k: Formula(f) for k, f in reference.exact.items()}
    if reference.at:
        points = _position(problem, reference.at, dtype, device)
        yield points, exact_values(problem, fields, points)
        return
    rng = np.random.default_rng(reference.seed)
    size = min(_MOST, max(_LEAST, _ELEMENTS // problem.coordinates.dim))
    kept = None
    for start in range(0, reference.points, size):
        points = draw(
            problem.domain,
            min(size, reference.points - start),
            sampler=reference.sampler,
            generator=rng,
            dtype=dtype,
            device=device,
            into=kept,
        )
        kept = points.x
        yield points, exact_values(problem, fields, points)


def as_points(problem: Problem) -> Reference | None:
    """The problem's reference as points with values; for pictures, so for few coordinates."""
    reference = problem.reference
    if not isinstance(reference, ExactReference):
        return reference
    parts = [
        (points.x.numpy().copy(), {k: v.numpy().copy() for k, v in values.items()})
        for points, values in exact_parts(problem, reference)
    ]
    return Reference(
        problem.coordinates.column_names,
        np.concatenate([x for x, _ in parts]),
        {k: np.concatenate([values[k] for _, values in parts]) for k in reference.fields},
        source=reference.source,
    )


def _position(
    problem: Problem, at: Mapping[str, float], dtype: torch.dtype, device: torch.device | str
) -> Points:
    coordinates = problem.coordinates
    x = torch.empty((1, coordinates.dim), dtype=dtype, device=device)
    for name, value in at.items():
        x[:, coordinates.slice(name)] = value
    return Points(x, coordinates)
