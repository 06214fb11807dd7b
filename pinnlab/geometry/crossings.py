r"""Uniform points on a surface that is only known by which side a point is on.

Lines along coordinate axis k, uniform over the box's side across it, cross a surface with density
|n_k| per unit of area, where n is the normal. So

.. math::
    |\Sigma| = \sum_k \int n_k^2 \, dA = \sum_k \frac{A_k}{m_k} \sum_\text{crossings} |n_k| ,
    \qquad
    |\Omega| = \frac1d \sum_k \frac{A_k}{m_k} \sum_\text{crossings} x_k \operatorname{sgn} n_k ,

with m_k lines over a side of area A_k; and crossings that are kept with probability |n_k|, with
equally many lines per area along each axis, are uniform in area. The integrands vanish where a line
only touches the surface, so that few lines tell the area well.

Nothing is asked of the level function but its sign and the direction of its gradient. Lines are
scanned in :data:`STEPS` steps; sheets closer than that are missed where a line passes both between
two samples.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pinnlab.sampling.sequences import unit_points

STEPS = 256
_BISECTIONS = 48
_BLOCK = 2**18


@dataclass(frozen=True, eq=False)
class Crossings:
    """Where lines along the axes cross a surface.

    Args:
        x: Points of the surface ``(k, d)``, to rounding.
        axis: The axis of the line of each point ``(k,)``.
        share: Area of the box's side over the number of lines, of each point ``(k,)``.
    """

    x: np.ndarray
    axis: np.ndarray
    share: np.ndarray


def cross(
    inside: Callable[[np.ndarray], np.ndarray],
    lines: int,
    bounds: np.ndarray,
    sampler: str,
    rng: np.random.Generator,
) -> Crossings:
    """Send lines along all axes through a box.

    Args:
        inside: Test of points ``(m, d)``, returns ``(m,)`` bool.
        lines: Number of lines in all, shared among the axes by the area of the box's sides.
        bounds: Box ``(2, d)`` around the surface.
        sampler: Sampler of the lines.
        rng: Source of randomness.

    Returns:
        The crossings, in random order.
    """
    span = bounds[1] - bounds[0]
    areas = np.prod(span) / span
    counts = np.ceil(lines * areas / areas.sum()).astype(int)
    points = [_along(inside, k, int(count), bounds, sampler, rng) for k, count in enumerate(counts)]
    sizes = [len(p) for p in points]
    order = rng.permutation(sum(sizes))
    return Crossings(
        np.concatenate(points)[order],
        np.repeat(np.arange(len(span)), sizes)[order],
        np.repeat(areas / counts, sizes)[order],
    )


def _along(
    inside: Callable[[np.ndarray], np.ndarray],
    axis: int,
    count: int,
    bounds: np.ndarray,
    sampler: str,
    rng: np.random.Generator,
) -> np.ndarray:
    low, high = bounds
    others = np.arange(len(low)) != axis
    base = low + (high - low) * np.insert(
        unit_points(sampler, count, len(low) - 1, rng), axis, 0.0, axis=1
    )
    found = [np.empty((0, len(low)))]
    rows = max(1, _BLOCK // STEPS)
    for start in range(0, count, rows):
        line = base[start : start + rows]
        # A shift of its own for each line, or one grid of samples could miss a thin sheet always.
        u = (np.arange(STEPS) + rng.random((len(line), 1))) / STEPS
        u = np.hstack([np.zeros((len(line), 1)), u, np.ones((len(line), 1))])
        t = low[axis] + (high[axis] - low[axis]) * u
        x = np.empty((*t.shape, len(low)))
        x[:, :, others], x[:, :, axis] = line[:, None, others], t
        state = inside(x.reshape(-1, len(low))).reshape(t.shape)
        at, step = np.nonzero(state[:, 1:] != state[:, :-1])
        x = line[at]
        before, after, first = t[at, step], t[at, step + 1], state[at, step]
        for _ in range(_BISECTIONS):
            x[:, axis] = (before + after) / 2
            same = inside(x) == first
            before, after = np.where(same, x[:, axis], before), np.where(same, after, x[:, axis])
        found.append(x)
    return np.concatenate(found)
