"""Interior points of a region that is only known by a test: draw from its bounding box and keep."""

from collections.abc import Callable

import numpy as np

from pinnlab.errors import GeometryError
from pinnlab.sampling.sequences import unit_points

# Nothing among this many means an empty region; few among that many, one that hardly is there.
_MOST_MISSES, _MOST_CANDIDATES = 2**17, 2**21


def fill_by_rejection(
    bounds: np.ndarray,
    inside: Callable[[np.ndarray], np.ndarray],
    n: int,
    extra: int,
    sampler: str,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw ``n`` points of a box that pass a test, with further coordinates in [0, 1).

    The points are the first of one sequence that pass, so that a low-discrepancy sequence stays
    one: whenever too few pass, a longer sequence is drawn anew.

    Args:
        bounds: Box ``(2, d)``.
        inside: Test of points ``(m, d)``, returns ``(m,)`` bool.
        n: Number of points.
        extra: Number of further coordinates.
        sampler: Name of a sampler; ``gauss`` is refused, because its weights belong to the box.
        rng: Source of randomness.

    Returns:
        Points ``(n, d)`` and further coordinates ``(n, extra)``.

    Raises:
        GeometryError: If next to nothing of the box is inside.
    """
    refuse_gauss(sampler)
    d = bounds.shape[1]
    count = 2 * n + 16
    while True:
        u = unit_points(sampler, count, d + extra, rng)
        x = bounds[0] + (bounds[1] - bounds[0]) * u[:, :d]
        kept = np.flatnonzero(inside(x))
        if len(kept) >= n:
            return x[kept[:n]], u[kept[:n], d:]
        most = max(_MOST_CANDIDATES if len(kept) else _MOST_MISSES, 64 * n)
        if count >= most:
            raise GeometryError(
                "The region got 0 points" if not len(kept) else "The region got too few points",
                expected=f"{n} points",
                got=f"{len(kept)} of {count} points of its bounding box lie inside",
                do="check that the set operations leave something, or give tighter bounds",
            )
        share = (len(kept) + 1) / count
        count = int(max(2 * count, min(1.1 * n / share, 16 * count)))


def refuse_gauss(sampler: str) -> None:
    """Refuse the Gauss rule where no cube is mapped to the region.

    Raises:
        GeometryError: If the sampler is ``gauss``.
    """
    if sampler == "gauss":
        raise GeometryError(
            "This geometry has no Gauss rule",
            expected="a geometry that maps the unit cube to itself, such as a box or a disk",
            got="sampler='gauss'",
            do="use the sampler 'sobol', 'halton', 'lhs' or 'uniform'",
        )
