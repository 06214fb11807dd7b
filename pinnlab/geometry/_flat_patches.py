"""Fewer triangles for the same surface, where it is flat.

The potential of :mod:`pinnlab.geometry._distance_jets` is an integral over the surface, so that
within a flat patch any triangulation gives the same. The ends of the faces of a part from a CAD
program need a few triangles only, however fine the mesh. Vertices inside a patch, and those on a
straight part of its rim, are removed one by one by sliding them onto a neighbour, as long as no
triangle turns over or becomes a needle. Patches need not fit together along their rims.
"""

from collections.abc import Iterable

import numpy as np

from pinnlab.geometry._orientation import ridges

_PARALLEL = 1e-10  # largest difference of unit normals within a patch
_NEEDLE = 1e-3  # smallest area of a new triangle, relative to its longest edge squared


def simplify(corners: np.ndarray, normals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Replace the triangles of flat patches by fewer that cover the same.

    Args:
        corners: Triangles ``(f, 3, 3)``.
        normals: Unit normals ``(f, 3)``; a patch has one side.

    Returns:
        Triangles and normals.
    """
    nodes, index = np.unique(corners.reshape(-1, 3), axis=0, return_inverse=True)
    triangles = index.reshape(-1, 3)
    doubled = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    wrong = np.einsum("ij,ij->i", doubled, normals) < 0
    triangles = np.where(wrong[:, None], triangles[:, ::-1], triangles)
    out, kept = [], []
    for rows in _patches(triangles, normals):
        patch = triangles[rows]
        if len(rows) > 2:
            patch = np.array(_Patch(patch, nodes, normals[rows[0]]).thin())
        out.append(patch)
        kept.append(np.full(len(patch), rows[0]))
    return nodes[np.concatenate(out)], normals[np.concatenate(kept)]


def _patches(triangles: np.ndarray, normals: np.ndarray) -> Iterable[np.ndarray]:
    """Rows of connected triangles with the same normal."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    found = ridges(triangles)
    paired = np.flatnonzero(found.count[found.row] == 2)
    one, other = found.owner[paired[np.argsort(found.row[paired], kind="stable")].reshape(-1, 2)].T
    flat = np.linalg.norm(normals[one] - normals[other], axis=1) < _PARALLEL
    f = len(triangles)
    links = coo_array((np.ones(int(flat.sum())), (one[flat], other[flat])), shape=(f, f))
    label = connected_components(links, directed=False)[1]
    order = np.argsort(label, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(label[order])) + 1)


class _Patch:
    """A flat patch that is thinned out.

    Args:
        triangles: ``(t, 3)``, turning left around the normal.
        nodes: Positions of all nodes ``(n, 3)``.
        normal: Its unit normal.
    """

    def __init__(self, triangles: np.ndarray, nodes: np.ndarray, normal: np.ndarray) -> None:
        axis = int(np.abs(normal).argmin())
        first = np.cross(normal, np.eye(3)[axis])
        first /= np.linalg.norm(first)
        used = np.unique(triangles)
        plane = nodes[used] @ np.column_stack([first, np.cross(normal, first)])
        self.place = {int(v): (float(x), float(y)) for v, (x, y) in zip(used, plane, strict=True)}
        self.triangles = {k: tuple(int(v) for v in t) for k, t in enumerate(triangles)}
        self.around: dict[int, set[int]] = {int(v): set() for v in used}
        for k, triangle in self.triangles.items():
            for v in triangle:
                self.around[v].add(k)

    def thin(self) -> list[tuple[int, ...]]:
        """Remove vertices until none can be removed."""
        pending = set(self.around)
        while pending:
            removed: set[int] = set()
            for v in sorted(pending):
                if v in self.around:
                    removed |= self._remove(v)
            pending = removed & set(self.around)
        return list(self.triangles.values())

    def _remove(self, v: int) -> set[int]:
        """Slide a vertex onto its best neighbour; returns the vertices around it if it went."""
        best, onto = _NEEDLE, None
        for u in self._targets(v):
            quality = self._quality_after(v, u)
            if quality > best:
                best, onto = quality, u
        if onto is None:
            return set()
        changed: set[int] = set()
        for k in self.around.pop(v):
            triangle = self.triangles[k]
            changed.update(triangle)
            if onto in triangle:
                del self.triangles[k]
                for w in triangle:
                    if w != v:
                        self.around[w].discard(k)
            else:
                self.triangles[k] = tuple(onto if w == v else w for w in triangle)
                self.around[onto].add(k)
        return changed

    def _targets(self, v: int) -> list[int]:
        """Where a vertex may go: any neighbour from inside, along the rim if that is straight."""
        leaving = {t[(t.index(v) + 1) % 3] for t in map(self.triangles.get, self.around[v]) if t}
        coming = {t[(t.index(v) + 2) % 3] for t in map(self.triangles.get, self.around[v]) if t}
        rim = leaving ^ coming
        if not rim:
            return sorted(leaving)
        if len(rim) != 2:
            return []
        (ax, ay), (bx, by) = (
            (self.place[u][0] - self.place[v][0], self.place[u][1] - self.place[v][1]) for u in rim
        )
        straight = abs(ax * by - ay * bx) <= _PARALLEL * (ax * ax + ay * ay + bx * bx + by * by)
        return sorted(rim) if straight and ax * bx + ay * by < 0 else []

    def _quality_after(self, v: int, u: int) -> float:
        """The smallest relative area of the triangles that change, 0 if the move is not allowed."""
        shared = self.around[v] & self.around[u]
        beside = {w for k in shared for w in self.triangles[k]} - {u, v}
        if self._neighbours(v) & self._neighbours(u) != beside:
            return 0.0
        worst = 1.0
        for k in self.around[v] - shared:
            worst = min(worst, self._shape([u if w == v else w for w in self.triangles[k]]))
        return worst

    def _neighbours(self, v: int) -> set[int]:
        return {w for k in self.around[v] for w in self.triangles[k]} - {v}

    def _shape(self, triangle: list[int]) -> float:
        (ax, ay), (bx, by), (cx, cy) = (self.place[v] for v in triangle)
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        longest = max(
            (bx - ax) ** 2 + (by - ay) ** 2,
            (cx - bx) ** 2 + (cy - by) ** 2,
            (ax - cx) ** 2 + (ay - cy) ** 2,
        )
        return area / longest
