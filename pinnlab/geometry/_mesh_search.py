r"""Which cells or facets are near a point: boxes in a tree, tested for all points at once.

The items are sorted along a Morton curve and packed in fours, and the packs again, so that the
tree needs no pointers: pack k of a level holds packs 4k to 4k + 3 of the level below. A search goes
down level by level with an array of (point, pack) pairs; the cost is a few array operations per
level, on any mesh, however graded.
"""

from collections.abc import Iterator

import numpy as np

_FAN = 4
_POINTS = 2**15  # points searched at once: bounds the memory of the pairs


def morton_order(x: np.ndarray) -> np.ndarray:
    """Order of points ``(n, d)``, d <= 3, along a space-filling Morton curve, ``(n,)``."""
    span = np.ptp(x, axis=0)
    bits = 20
    cells = ((x - x.min(axis=0)) / np.where(span > 0, span, 1.0) * (2**bits - 1)).astype(np.int64)
    key = np.zeros(len(x), dtype=np.int64)
    for bit in range(bits):
        for column in range(x.shape[1]):
            key |= ((cells[:, column] >> bit) & 1) << (bit * x.shape[1] + column)
    return np.argsort(key, kind="stable")


class BoxTree:
    """Bounding boxes of many items, searched by distance.

    Args:
        corners: Corner positions of the items, ``(m, k, d)``.
    """

    def __init__(self, corners: np.ndarray) -> None:
        low, high = corners.min(axis=1), corners.max(axis=1)
        self.order = morton_order(0.5 * (low + high))
        self.levels = [(low[self.order], high[self.order])]
        while len(self.levels[-1][0]) > _FAN:
            low, high = self.levels[-1]
            starts = np.arange(0, len(low), _FAN)
            self.levels.append(
                (np.minimum.reduceat(low, starts), np.maximum.reduceat(high, starts))
            )

    def near(self, x: np.ndarray, radius: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pairs (point, item) whose box comes within ``radius`` of the point, in batches."""
        for start in range(0, len(x), _POINTS):
            rows, items = self._pairs(x[start : start + _POINTS], radius)
            yield rows + start, items

    def _pairs(self, x: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
        top = len(self.levels[-1][0])
        rows = np.repeat(np.arange(len(x)), top)
        items = np.tile(np.arange(top), len(x))
        for level in range(len(self.levels) - 1, -1, -1):
            low, high = self.levels[level]
            beyond = np.maximum(low[items] - x[rows], x[rows] - high[items])
            keep = (beyond <= radius).all(axis=1)  # a cube of this radius; false for NaN
            rows, items = rows[keep], items[keep]
            if level:
                count = len(self.levels[level - 1][0])
                rows = np.repeat(rows, _FAN)
                items = (items[:, None] * _FAN + np.arange(_FAN)).ravel()
                rows, items = rows[items < count], items[items < count]
        return rows, self.order[items]


class CellSearch:
    """Finds the simplex that holds a point.

    Args:
        corners: Corner positions ``(s, d + 1, d)`` of simplices with positive volume.
    """

    def __init__(self, corners: np.ndarray) -> None:
        self.tree = BoxTree(corners)
        self.origin = corners[:, 0]
        edges = np.swapaxes(corners[:, 1:] - corners[:, :1], 1, 2)  # columns are edges
        gradients = np.linalg.inv(edges)  # rows: gradients of barycentric coordinates 1..d
        first = -gradients.sum(axis=1, keepdims=True)
        self.gradients = np.concatenate([first, gradients], axis=1)  # (s, d + 1, d)
        # dividing a barycentric coordinate by the length of its gradient gives a distance
        self.scale = 1.0 / np.linalg.norm(self.gradients, axis=2)

    def depth(self, x: np.ndarray, cells: np.ndarray) -> np.ndarray:
        """How deep points lie in the paired simplices: distance to the nearest face plane."""
        barycentric = np.einsum("nij,nj->ni", self.gradients[cells], x - self.origin[cells])
        barycentric[:, 0] += 1.0
        return (barycentric * self.scale[cells]).min(axis=1)

    def locate(
        self, x: np.ndarray, tolerance: float, among: np.ndarray | None = None
    ) -> np.ndarray:
        """The simplex that holds each point best, -1 if none does within ``tolerance``.

        Args:
            x: ``(n, d)``.
            tolerance: How far outside a simplex a point may lie.
            among: Mask ``(s,)`` of the simplices that count, all if None.
        """
        found = np.full(len(x), -1)
        best = np.full(len(x), -tolerance)
        for rows, cells in self.tree.near(x, tolerance):
            if among is not None:
                rows, cells = rows[among[cells]], cells[among[cells]]
            depth = self.depth(x[rows], cells)
            order = np.argsort(depth, kind="stable")  # later writes win: the deepest one
            rows, cells, depth = rows[order], cells[order], depth[order]
            good = depth >= best[rows]
            found[rows[good]] = cells[good]
        return found


class FacetSearch:
    """Finds the facets that a point lies on.

    Args:
        corners: Corner positions ``(f, d, d)`` of segments or triangles.
    """

    def __init__(self, corners: np.ndarray) -> None:
        self.corners = corners
        self.tree = BoxTree(corners)

    def touches(self, x: np.ndarray, tolerance: float, among: np.ndarray | None = None):
        """Which points ``(n, d)`` lie within ``tolerance`` of a facet (of the mask), ``(n,)``."""
        out = np.zeros(len(x), dtype=bool)
        for rows, facets in self.tree.near(x, tolerance):
            if among is not None:
                rows, facets = rows[among[facets]], facets[among[facets]]
            close = distance_to(x[rows], self.corners[facets]) <= tolerance
            out[rows[close]] = True
        return out


def distance_to(x: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Distances ``(n,)`` of points ``(n, d)`` to paired segments or triangles ``(n, d, d)``."""
    if corners.shape[1] == 2:
        return _to_segment(x, corners[:, 0], corners[:, 1])
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    normal = np.cross(b - a, c - a)
    area = np.einsum("ij,ij->i", normal, normal)
    height = np.einsum("ij,ij->i", x - a, normal)
    above = area > 0
    for start, end in ((a, b), (b, c), (c, a)):
        side = np.einsum("ij,ij->i", np.cross(normal, end - start), x - start)
        above &= side >= 0
    edges = [_to_segment(x, start, end) for start, end in ((a, b), (b, c), (c, a))]
    plane = np.abs(height) / np.sqrt(np.where(area > 0, area, 1.0))
    return np.where(above, plane, np.minimum.reduce(edges))


def _to_segment(x: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    along = end - start
    square = np.einsum("ij,ij->i", along, along)
    at = np.einsum("ij,ij->i", x - start, along) / np.where(square > 0, square, 1.0)
    foot = start + np.clip(at, 0.0, 1.0)[:, None] * along
    return np.linalg.norm(x - foot, axis=1)
