r"""Cells of a mesh cut into simplices that meet face to face, and the facets between them.

Every cell is *pulled* from its vertex v with the smallest point number: it is the union of the
cones from v over its faces that do not hold v, and a quadrilateral face is cut along the diagonal
through its own smallest vertex. Neighbours cut a common face by the same rule, so the pieces fit
together even where the four corners of a face lie in no plane; a hexahedron becomes six tets, a
wedge three, a pyramid two (Dompierre et al., 1999, "How to subdivide pyramids, prisms and
hexahedra into tetrahedra"). In the plane a quadrilateral is cut along the diagonal that gives the
better pair of triangles, because its edges stay whole either way.

After that only simplices remain, and facets, boundary and orientation follow from sorting:
a facet of one simplex bounds the region, a facet of two lies inside.
"""

from dataclasses import dataclass

import numpy as np

from pinnlab.errors import GeometryError
from pinnlab.geometry._mesh_reading import KINDS, some

# Faces by local corner; the order runs around each face
_FACES = {
    "tetra": [(0, 1, 2), (0, 1, 3), (1, 2, 3), (0, 2, 3)],
    "pyramid": [(0, 1, 2, 3), (0, 1, 4), (1, 2, 4), (2, 3, 4), (3, 0, 4)],
    "wedge": [(0, 1, 2), (3, 4, 5), (0, 1, 4, 3), (1, 2, 5, 4), (2, 0, 3, 5)],
    "hexahedron": [
        (0, 1, 2, 3), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7),
    ],
}  # fmt: skip

# A simplex thinner than this, relative to its longest edge to the power d, has no usable inverse.
_FLAT = 1e-14


def signed_volumes(points: np.ndarray, simplices: np.ndarray) -> np.ndarray:
    """Signed areas or volumes ``(s,)`` of simplices ``(s, d + 1)``."""
    edges = points[simplices[:, 1:]] - points[simplices[:, :1]]  # (s, d, d)
    if edges.shape[1] == 2:
        return 0.5 * (edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0])
    return np.einsum("ij,ij->i", np.cross(edges[:, 0], edges[:, 1]), edges[:, 2]) / 6.0


def split_faces(nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut quadrilaterals ``(m, 4)`` through their smallest vertex.

    Returns:
        Triangles ``(2 m, 3)`` and the row of the quadrilateral that each came from.
    """
    start = nodes.argmin(axis=1)[:, None]
    turned = np.take_along_axis(nodes, (start + np.arange(4)) % 4, axis=1)
    triangles = turned[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3)
    return triangles, np.repeat(np.arange(len(nodes)), 2)


def split_cells(kind: str, nodes: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut cells ``(m, corners)`` of one kind into simplices.

    Args:
        kind: ``triangle``, ``quad``, ``tetra``, ``pyramid``, ``wedge`` or ``hexahedron``.
        nodes: Point numbers.
        points: All points, ``(n, d)``; only plane quadrilaterals need them.

    Returns:
        Simplices ``(s, d + 1)`` and the row of the cell that each came from.
    """
    rows = np.arange(len(nodes))
    if kind in ("triangle", "tetra", "line"):
        return nodes, rows
    if kind == "quad":
        return (_split_plane_quads if points.shape[1] == 2 else _split_quads)(nodes, points)
    simplices, parents = [], []
    pulled = nodes.argmin(axis=1)
    for apex in range(KINDS[kind][1]):
        mine = rows[pulled == apex]
        for face in _FACES[kind]:
            if apex in face or not len(mine):
                continue
            base, parent = nodes[mine][:, face], mine
            if len(face) == 4:
                base, row = split_faces(base)
                parent = mine[row]
            simplices.append(np.column_stack([nodes[parent, apex], base]))
            parents.append(parent)
    if not simplices:
        return np.empty((0, 4), dtype=np.int64), np.empty(0, dtype=np.int64)
    return np.concatenate(simplices), np.concatenate(parents)


def _split_quads(nodes: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return split_faces(nodes)


def _split_plane_quads(nodes: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut along the diagonal whose worse triangle is the larger one (handles non-convex ones)."""
    cuts = [nodes[:, [[0, 1, 2], [0, 2, 3]]], nodes[:, [[1, 2, 3], [1, 3, 0]]]]
    areas = [signed_volumes(points, cut.reshape(-1, 3)).reshape(-1, 2) for cut in cuts]
    sign = np.sign(areas[0].sum(axis=1, keepdims=True))
    worst = [(area * sign).min(axis=1) for area in areas]
    chosen = np.where((worst[1] > worst[0])[:, None, None], cuts[1], cuts[0])
    return chosen.reshape(-1, 3), np.repeat(np.arange(len(nodes)), 2)


def orient(points: np.ndarray, simplices: np.ndarray, cells: np.ndarray) -> tuple:
    """Turn every simplex to positive volume; drop empty slices of collapsed cells.

    Args:
        points: ``(n, d)``.
        simplices: ``(s, d + 1)``.
        cells: Number of the cell that each simplex came from, ``(s,)``.

    Returns:
        ``(simplices, cells, volumes, rows)``: oriented, without empty slices, and the rows kept.

    Raises:
        GeometryError: If a cell has no volume or folds over itself; it names the cells.
    """
    volumes = signed_volumes(points, simplices)
    corners = points[simplices]
    longest = np.ptp(corners, axis=1).max(axis=1)
    flat = np.abs(volumes) <= _FLAT * longest ** points.shape[1]
    total = np.bincount(cells, weights=volumes)[cells]
    repeated = (np.diff(np.sort(simplices, axis=1), axis=1) == 0).any(axis=1)
    empty = flat & ~(repeated & (np.abs(total) > _FLAT * longest ** points.shape[1]))
    if empty.any():
        names = np.unique(cells[empty])
        raise GeometryError(
            f"{len(names)} cells of the mesh have no volume",
            expected="cells with a positive area or volume",
            got=f"zero volume in cells {some(names)} (counted from 0 in the order of the file)",
            do="remove them or mesh again",
        )
    rows = np.flatnonzero(~flat)
    simplices, cells, volumes, total = (a[rows] for a in (simplices, cells, volumes, total))
    folded = np.unique(cells[volumes * total < 0])
    if len(folded):
        raise GeometryError(
            f"{len(folded)} cells of the mesh fold over themselves",
            expected="cells whose straight-sided pieces do not overlap",
            got=f"folded cells {some(folded)} (counted from 0 in the order of the file)",
            do="improve the mesh there, or mesh with triangles or tets",
        )
    negative = volumes < 0
    simplices = simplices.copy()
    simplices[negative, :2] = simplices[negative, 1::-1]
    return simplices, cells, np.abs(volumes), rows


@dataclass(frozen=True)
class Facets:
    """The facets of a set of simplices, each once.

    Args:
        nodes: Sorted point numbers ``(f, d)``.
        sides: The simplices on both sides ``(f, 2)``; the second is -1 on the boundary.
    """

    nodes: np.ndarray
    sides: np.ndarray

    @property
    def on_boundary(self) -> np.ndarray:
        """Which facets bound the region, ``(f,)`` bool."""
        return self.sides[:, 1] < 0

    def find(self, nodes: np.ndarray) -> np.ndarray:
        """The facet with each set of corners ``(k, d)``, -1 where there is none."""
        n = max(self.nodes.max(initial=0), nodes.max(initial=0)) + 1
        known, wanted = _keys(self.nodes, n), _keys(np.sort(nodes, axis=1), n)
        order = np.argsort(known)
        at = np.clip(np.searchsorted(known, wanted, sorter=order), 0, len(known) - 1)
        found = order[at]
        return np.where(known[found] == wanted, found, -1)


def _keys(nodes: np.ndarray, n: int) -> np.ndarray:
    """One sortable value for each row of point numbers below ``n``."""
    if n ** nodes.shape[1] < 2**62:
        key = nodes[:, 0].astype(np.int64)
        for column in range(1, nodes.shape[1]):
            key = key * n + nodes[:, column]
        return key
    rows = np.ascontiguousarray(nodes.astype(">i8"))  # big-endian bytes sort like the numbers
    return rows.view(f"S{8 * nodes.shape[1]}").ravel()


def facets_of(simplices: np.ndarray) -> Facets:
    """The facets of simplices ``(s, d + 1)``.

    Raises:
        GeometryError: If more than two simplices share a facet.
    """
    d = simplices.shape[1] - 1
    local = np.array([[c for c in range(d + 1) if c != left_out] for left_out in range(d + 1)])
    nodes = np.sort(simplices[:, local].reshape(-1, d), axis=1)
    owner = np.repeat(np.arange(len(simplices)), d + 1)
    keys = _keys(nodes, int(nodes.max(initial=0)) + 1)
    order = np.argsort(keys, kind="stable")
    first = np.flatnonzero(np.r_[True, keys[order][1:] != keys[order][:-1]])
    count = np.diff(np.r_[first, len(keys)])
    if (count > 2).any():
        raise GeometryError(
            "Cells of the mesh overlap",
            expected="at most two cells on each facet",
            got=f"{int((count > 2).sum())} facets with more",
            do="remove the cells that lie on top of others",
        )
    second = np.where(count == 2, owner[order[np.minimum(first + 1, len(keys) - 1)]], -1)
    sides = np.column_stack([owner[order[first]], second])
    return Facets(nodes[order[first]], sides)


def outward(points: np.ndarray, nodes: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Unit normals ``(f, d)`` of facets ``(f, d)`` that point away from the points ``inside``."""
    normals = area_vectors(points[nodes])
    away = np.einsum("ij,ij->i", normals, inside - points[nodes].mean(axis=1)) > 0
    normals[away] *= -1
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)


def area_vectors(corners: np.ndarray) -> np.ndarray:
    """Vectors ``(f, d)`` normal to facets ``(f, d, d)``, as long as their length or area.

    In the plane the tangent turned by -90 degrees; in space half the cross product of the edges.
    """
    if corners.shape[1] == 2:
        tangent = corners[:, 1] - corners[:, 0]
        return np.column_stack([tangent[:, 1], -tangent[:, 0]])
    return 0.5 * np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
