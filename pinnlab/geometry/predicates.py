"""Choosing boundary points by a function of the coordinates, ``on=lambda x, y: x > 0.5``.

A predicate gets NumPy columns by name, ``(n,)`` or ``(n, size)`` for a vector coordinate, asks for
any of them, and says for each point whether it is meant.
"""

import inspect
from collections.abc import Callable

import numpy as np

from pinnlab.errors import GeometryError, nearest
from pinnlab.geometry.base import Sample
from pinnlab.typing import Coordinates

_MOST_CANDIDATES = 2**18
_MOST_NUMBERS = 2**25  # of all candidates: 256 MiB


def select(predicate: Callable[..., object], x: np.ndarray, coordinates: Coordinates) -> np.ndarray:
    """Apply a predicate to points.

    Args:
        predicate: Function whose parameters are coordinate names.
        x: Points ``(n, d)``.
        coordinates: Names of the columns.

    Returns:
        Which points are meant, ``(n,)`` bool.

    Raises:
        GeometryError: If the predicate asks for something that is no coordinate, or returns
            anything but one truth value a point.
    """
    columns = coordinates.columns(x)
    asked = list(inspect.signature(predicate).parameters)
    for name in asked:
        if name not in columns:
            raise GeometryError(
                f"A predicate asks for '{name}', which is no coordinate here",
                expected=", ".join(columns),
                got=f"lambda {', '.join(asked)}: ...",
                do=nearest(name, columns) or "name its parameters after the coordinates",
            )
    chosen = np.asarray(predicate(*[columns[name] for name in asked]))
    if chosen.shape != (len(x),) or chosen.dtype != np.bool_:
        raise GeometryError(
            "A predicate must return one truth value for each point",
            expected=f"a bool array of shape ({len(x)},)",
            got=f"{chosen.dtype} of shape {chosen.shape}",
            do="compare whole columns, such as `x > 0.5`, and join with & and | instead of and, or",
        )
    return chosen


def filter_boundary(
    n: int,
    predicate: Callable[..., object],
    coordinates: Coordinates,
    candidates: Callable[[int], Sample],
    rng: np.random.Generator,
) -> Sample:
    """Draw boundary points that a predicate selects.

    Args:
        n: Number of points wanted.
        predicate: See :func:`select`.
        coordinates: Names of the columns.
        candidates: Draws a number of points of the whole boundary.
        rng: Chooses among more candidates than are wanted.

    Returns:
        At most ``n`` points; their weights sum to the measure of the selected part, estimated by
        the share of candidates that were selected.

    Raises:
        GeometryError: If none of the candidates is selected.
    """
    count, previous = max(4 * n, 2048), 0
    # In very many dimensions few candidates fill the memory.
    most = max(n, min(_MOST_CANDIDATES, _MOST_NUMBERS // coordinates.dim))
    count = min(count, most)
    while True:
        sample = candidates(count)
        kept = np.flatnonzero(select(predicate, sample.x, coordinates))
        # A boundary of isolated points has no more to give.
        exhausted = len(sample.x) == previous or count >= most
        if len(kept) >= n or exhausted:
            break
        count, previous = min(4 * count, most), len(sample.x)
    if not len(kept):
        raise GeometryError(
            "A predicate selects no part of the boundary",
            expected="at least one point",
            got=f"0 of {len(sample.x)} points of the boundary",
            do="check its bounds; compare with a tolerance, such as np.isclose(x, 1.0)",
        )
    measure = sample.weights[kept].sum()
    if len(kept) > n:
        kept = np.sort(rng.choice(kept, n, replace=False))
    weights = sample.weights[kept]
    normals = None if sample.normals is None else sample.normals[kept]
    return Sample(sample.x[kept], weights * (measure / weights.sum()), normals)
