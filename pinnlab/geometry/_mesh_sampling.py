r"""Points on simplices: uniform in measure, or a quadrature rule.

One low-discrepancy sequence fills a whole mesh. Its first coordinate picks the simplex, by the
cumulative measure along a space-filling curve, so that any stretch of the sequence spreads evenly
over the region and each simplex gets its share to within about one point; the others place the
point in the simplex, by a map of constant density.
"""

import numpy as np

from pinnlab.geometry._mesh_search import morton_order
from pinnlab.sampling.sequences import gauss_rule


def place(corners: np.ndarray, u: np.ndarray) -> np.ndarray:
    r"""Map the unit cube to simplices with constant density.

    With the roots :math:`r_j = u_j^{1/(k - j)}`, j = 0 ... k - 1, the barycentric coordinates are
    1 - r_0, r_0 (1 - r_1), ..., r_0 r_1 ... r_{k-1}.

    Args:
        corners: ``(n, k + 1, d)``.
        u: ``(n, k)`` in [0, 1).

    Returns:
        Points ``(n, d)``.
    """
    k = u.shape[1]
    rest = np.ones(len(u))
    x = np.zeros((len(u), corners.shape[2]))
    for j in range(k):
        root = u[:, j] ** (1.0 / (k - j))
        x += (rest * (1.0 - root))[:, None] * corners[:, j]
        rest = rest * root
    return x + rest[:, None] * corners[:, k]


class Deck:
    """Simplices in the order of a space-filling curve, drawn by measure.

    Args:
        corners: ``(s, k + 1, d)``.
        measures: ``(s,)``.
    """

    def __init__(self, corners: np.ndarray, measures: np.ndarray) -> None:
        order = morton_order(corners.mean(axis=1))
        self.order, self.corners, self.measures = order, corners[order], measures[order]
        self.ends = np.cumsum(self.measures)

    @property
    def measure(self) -> float:
        """The sum of the measures."""
        return float(self.ends[-1])

    @property
    def numbers(self) -> int:
        """How many numbers in [0, 1) place a point: along a curve, one does for both purposes."""
        k = self.corners.shape[1] - 1
        return 1 if k == 1 else 1 + k

    def draw(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points for numbers ``(n, numbers)`` in [0, 1), and the simplex of each."""
        reach = u[:, 0] * self.measure
        at = np.minimum(np.searchsorted(self.ends, reach, side="right"), len(self.ends) - 1)
        within = u[:, 1:]
        if self.numbers == 1:
            within = np.clip((self.ends[at] - reach) / self.measures[at], 0.0, 1.0)[:, None]
        return place(self.corners[at], within), self.order[at]

    def rule(self, n: int, extra: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """A quadrature rule of about ``n`` nodes, at least of degree 2 in every simplex.

        Args:
            n: Number of nodes wanted.
            extra: Number of further coordinates in [0, 1), which get a Gauss rule of their own.

        Returns:
            Nodes ``(m, d)``, weights ``(m,)``, the simplex of each node, and ``(m, extra)``.
        """
        d = self.corners.shape[2]
        side = max(1, int(n ** (1.0 / (d + extra)))) if extra else 1
        further, shares = gauss_rule(side**extra, extra)
        k = self.corners.shape[1] - 1
        nodes, weights = simplex_rule(k, n // (len(shares) * len(self.corners)))
        x = np.einsum("qv,svd->sqd", nodes, self.corners).reshape(-1, d)
        weights, simplex = (
            np.outer(self.measures, weights).ravel(),
            np.repeat(self.order, len(nodes)),
        )
        times = len(shares)
        return (
            np.repeat(x, times, axis=0),
            np.outer(weights, shares).ravel(),
            np.repeat(simplex, times),
            np.tile(further, (len(x), 1)),
        )


def simplex_rule(k: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    r"""The best quadrature rule on a k-simplex with at most ``most`` nodes, of degree 2 or more.

    With k + 1 nodes the rule of Hammer & Stroud (1956) of degree 2; with m^k nodes, m > 1, a
    Gauss-Jacobi rule in collapsed coordinates, of degree 2m - 1. All weights are positive.

    Returns:
        Barycentric coordinates ``(q, k + 1)`` and weights ``(q,)`` that sum to one.
    """
    m = 1
    while (m + 1) ** k <= most and m < 12:
        m += 1
    if m**k <= k + 1:
        low = (k + 2 - np.sqrt(k + 2)) / ((k + 1) * (k + 2))
        nodes = np.full((k + 1, k + 1), low) + np.eye(k + 1) * (1.0 - (k + 1) * low)
        return nodes, np.full(k + 1, 1.0 / (k + 1))
    from scipy.special import roots_jacobi

    # rest: what remains of one after the earlier barycentric coordinates
    nodes, rest, weights = np.empty((1, 0)), np.ones(1), np.ones(1)
    for j in range(k):
        t, w = roots_jacobi(m, k - 1 - j, 0)
        t, w = 0.5 * (1.0 + t), w / w.sum()
        nodes = np.hstack([np.repeat(nodes, m, axis=0), np.outer(rest, t).reshape(-1, 1)])
        rest, weights = np.outer(rest, 1.0 - t).ravel(), np.outer(weights, w).ravel()
    return np.hstack([nodes, rest[:, None]]), weights
