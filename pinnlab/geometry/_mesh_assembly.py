"""From a mesh file to what a region needs: simplices, facets with normals, and names for both."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pinnlab.errors import GeometryError
from pinnlab.geometry._mesh_reading import Block, MeshFile, some
from pinnlab.geometry._orientation import agree
from pinnlab.geometry._simplices import (
    Facets,
    area_vectors,
    facets_of,
    orient,
    outward,
    split_cells,
)
from pinnlab.geometry._winding import close_surface

_SAME = 1e-9  # points nearer than this part of the bounding box are one point when merged
_PLANE = 1e-9  # a mesh thinner than this part of its size in z is plane

Masks = dict[str, np.ndarray]


@dataclass(frozen=True)
class Parts:
    """A region of simplices, or enclosed by facets.

    Args:
        points: ``(n, d)``.
        facets: Boundary facets, then inner facets that have a name, ``(f, d)`` point numbers.
        normals: Unit normals ``(f, d)``: outward, or from the first region to the second.
        pieces: Boundary pieces as masks ``(f,)``.
        interfaces: Inner pieces as masks ``(f,)``.
        sides: The regions before and behind each interface.
        simplices: ``(s, d + 1)``, None if only the surface is known.
        volumes: ``(s,)``.
        regions: Volume groups as masks ``(s,)``.
    """

    points: np.ndarray
    facets: np.ndarray
    normals: np.ndarray
    pieces: Masks
    interfaces: Masks = field(default_factory=dict)
    sides: dict[str, tuple[str, str]] = field(default_factory=dict)
    simplices: np.ndarray | None = None
    volumes: np.ndarray | None = None
    regions: Masks = field(default_factory=dict)


def assemble(file: MeshFile, what: str, *, scale: float, merge: bool) -> Parts:
    """Make a region from a mesh file.

    Args:
        file: Points, cells and groups.
        what: The mesh's name in messages.
        scale: Factor for all coordinates.
        merge: Whether to join coincident points of a mesh with cells; a surface is always joined.

    Raises:
        GeometryError: If the cells enclose no region: flat, folded or overlapping cells, an open
            or one-sided surface.
    """
    points = file.points * scale
    cells = [block for block in file.blocks if block.dim == file.dim and len(block.nodes)]
    used = points[np.unique(np.concatenate([block.nodes.ravel() for block in cells]))]
    size = np.ptp(used, axis=0)
    plane = file.dim == 2 and size[2] <= _PLANE * size.max()
    surface = file.dim == 2 and not plane
    if merge or surface:
        new = _merged(points, _SAME * size.max())
        for block in file.blocks:
            block.nodes = new[block.nodes]
        file.point_groups = {name: new[rows] for name, rows in file.point_groups.items()}
    if surface:
        return _surface_parts(points, cells, file, what)
    points = points[:, :2] if plane else points
    return _volume_parts(points, cells, file, what, warn=not merge)


def _merged(points: np.ndarray, tolerance: float) -> np.ndarray:
    """For each point the lowest number among the points that coincide with it."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import KDTree

    finite = np.flatnonzero(np.isfinite(points).all(axis=1))
    pairs = finite[KDTree(points[finite]).query_pairs(tolerance, output_type="ndarray")]
    n = len(points)
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    _, label = connected_components(graph, directed=False)
    return np.unique(label, return_index=True)[1][label]


# surfaces


def _surface_parts(points: np.ndarray, cells: list[Block], file: MeshFile, what: str) -> Parts:
    triangles, parents = _split(points, cells)
    groups = file.in_order(_joined_groups(cells))
    distinct = (np.diff(np.sort(triangles, axis=1), axis=1) > 0).all(axis=1)
    triangles, parents = triangles[distinct], parents[distinct]
    triangles, first, same = _unique_cells(triangles)
    masks = {n: _any_of(m[parents], same, len(first)) for n, m in groups.items()}
    points, triangles = _used_only(points, triangles)
    triangles = close_surface(points, triangles, what)
    vectors = area_vectors(points[triangles])
    areas = np.linalg.norm(vectors, axis=1)
    full = areas > 1e-14 * np.ptp(points, axis=0).max() ** 2  # slivers have no normal
    pieces = _name_boundary({n: m[full] for n, m in masks.items()}, int(full.sum()))
    normals = vectors[full] / areas[full, None]
    return Parts(points, triangles[full], normals, pieces)


# volumes


def _volume_parts(
    points: np.ndarray, cells: list[Block], file: MeshFile, what: str, *, warn: bool
) -> Parts:
    simplices, parents = _split(points, cells)
    _, first, same = _unique_cells(simplices)  # MSH 2 repeats a cell for each of its groups
    regions = {
        name: _any_of(mask[parents], same, len(first))
        for name, mask in file.in_order(_joined_groups(cells)).items()
    }
    kept, cell_of, volumes, rows = orient(points, simplices[first], parents[first])
    regions = {name: mask[rows] for name, mask in regions.items() if mask[rows].any()}
    facets = facets_of(kept)
    _refuse_overlap(points, kept, cell_of, facets)
    named = _facet_groups(file, facets, points.shape[1], what)
    return build(points, kept, volumes, regions, facets, named, warn=what if warn else None)


def build(
    points: np.ndarray,
    simplices: np.ndarray,
    volumes: np.ndarray,
    regions: Masks,
    facets: Facets,
    named: Mapping[str, np.ndarray],
    *,
    warn: str | None = None,
) -> Parts:
    """Parts from oriented simplices and the named ones among their facets.

    Args:
        points: ``(n, d)``.
        simplices: ``(s, d + 1)``.
        volumes: ``(s,)``.
        regions: Masks of the simplices.
        facets: All facets of the simplices.
        named: Facet numbers by group.
        warn: Name of the mesh if points that coincide on the boundary are to be reported.
    """
    if regions and not np.any(list(regions.values()), axis=0).all():
        regions = regions | {"unnamed": ~np.any(list(regions.values()), axis=0)}
    pairs = _region_pairs(regions, facets)
    inner = np.unique(np.concatenate([pairs.rows, *_inner_of(named, facets)]).astype(int))
    order = np.concatenate([np.flatnonzero(facets.on_boundary), inner])
    place = np.full(len(facets.nodes), -1)
    place[order] = np.arange(len(order))
    bounding = int(facets.on_boundary.sum())

    def mask(rows: np.ndarray) -> np.ndarray:
        out = np.zeros(len(order), dtype=bool)
        out[place[rows]] = True
        return out

    outer = {n: rows[facets.on_boundary[rows]] for n, rows in named.items()}
    groups = {n: mask(rows)[:bounding] for n, rows in outer.items() if len(rows)}
    pieces = {n: np.pad(m, (0, len(inner))) for n, m in _name_boundary(groups, bounding).items()}
    interfaces, sides = {}, {}
    for name, rows in named.items():
        rows = rows[~facets.on_boundary[rows]]
        if len(rows):
            label = f"{name}_inside" if name in pieces or name == "boundary" else name
            interfaces[label], sides[label] = mask(rows), pairs.around(rows)
    for label, sides_of, rows in pairs.each():
        interfaces.setdefault(label, mask(rows))
        sides.setdefault(label, sides_of)
    nodes, before = facets.nodes[order], facets.sides[order, 0]
    before = np.where(pairs.swapped[order], facets.sides[order, 1], before)
    middles = points[simplices].mean(axis=1)
    normals = outward(points, nodes, middles[before])
    _smooth_same(points, nodes, normals, np.flatnonzero(pairs.alike[order]))
    if warn is not None:
        _report_unjoined(points, nodes[:bounding], warn)
    used, (nodes, simplices) = _renumber(points, nodes, simplices)
    return Parts(used, nodes, normals, pieces, interfaces, sides, simplices, volumes, regions)


def _split(points: np.ndarray, cells: list[Block]) -> tuple[np.ndarray, np.ndarray]:
    """Simplices of all cells, and the number of the cell that each came from."""
    parts, parents, count = [], [], 0
    for block in cells:
        simplices, rows = split_cells(block.kind, block.nodes, points)
        parts.append(simplices)
        parents.append(rows + count)
        count += len(block.nodes)
    return np.concatenate(parts), np.concatenate(parents)


def _joined_groups(cells: list[Block]) -> Masks:
    """The groups of all blocks as masks over all cells."""
    names = dict.fromkeys(name for block in cells for name in block.groups)
    return {
        name: np.concatenate(
            [b.groups.get(name, np.zeros(len(b.nodes), dtype=bool)) for b in cells]
        )
        for name in names
    }


def _unique_cells(nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows with different corners in their order, their first places, and the copies of each."""
    ordered = np.sort(nodes, axis=1)
    order = np.lexsort(ordered.T[::-1])
    new = np.r_[True, (np.diff(ordered[order], axis=0) != 0).any(axis=1)]
    copy_of = np.empty(len(nodes), dtype=int)
    copy_of[order] = order[new][np.cumsum(new) - 1]  # lexsort is stable: the first of each
    first, same = np.unique(copy_of, return_inverse=True)
    return nodes[first], first, same


def _any_of(mask: np.ndarray, same: np.ndarray, count: int) -> np.ndarray:
    out = np.zeros(count, dtype=bool)
    out[same[mask]] = True
    return out


def _refuse_overlap(
    points: np.ndarray, simplices: np.ndarray, cells: np.ndarray, facets: Facets
) -> None:
    """Neighbours must lie on different sides of their common facet."""
    inner = ~facets.on_boundary
    corners = points[facets.nodes[inner]]
    vectors, middle = area_vectors(corners), corners.mean(axis=1)
    centers = points[simplices].mean(axis=1)
    heights = [
        np.einsum("ij,ij->i", vectors, centers[facets.sides[inner, k]] - middle) for k in (0, 1)
    ]
    wrong = facets.sides[inner][heights[0] * heights[1] > 0]
    if len(wrong):
        raise GeometryError(
            "Cells of the mesh overlap",
            expected="neighbours on different sides of their common facet",
            got=f"{len(wrong)} pairs on the same side, at cells {some(np.unique(cells[wrong]))} "
            "(counted from 0 in the order of the file)",
            do="repair inverted cells where the mesh is made",
        )


def _facet_groups(file: MeshFile, facets: Facets, d: int, what: str) -> dict[str, np.ndarray]:
    """Numbers of the facets in each group of lower cells, or of points."""
    found: dict[str, list[np.ndarray]] = {}
    missing = 0
    for block in file.blocks:
        if block.dim != d - 1 or not block.groups:
            continue
        nodes, parents = split_cells(block.kind, block.nodes, file.points)
        rows = facets.find(nodes)
        missing += int(((rows < 0) & np.any(list(block.groups.values()), axis=0)[parents]).sum())
        for name, mask in block.groups.items():
            found.setdefault(name, []).append(rows[mask[parents] & (rows >= 0)])
    if missing:
        warnings.warn(
            f"{missing} facets in groups of the mesh '{what}' are no face of any cell and are "
            "left out; if parts of the mesh are not joined, read it with merge=True",
            stacklevel=2,
        )
    for name, members in file.point_groups.items():
        marked = np.zeros(len(file.points), dtype=bool)
        marked[members] = True
        found.setdefault(name, []).append(
            np.flatnonzero(facets.on_boundary & marked[facets.nodes].all(axis=1))
        )
    joined = {name: np.unique(np.concatenate(rows)) for name, rows in found.items()}
    return file.in_order({name: rows for name, rows in joined.items() if len(rows)})


def _name_boundary(groups: Masks, count: int) -> Masks:
    """Name what no group holds ``rest``, or all of it ``surface``; guard the name ``boundary``."""
    if not groups:
        return {"surface": np.ones(count, dtype=bool)}
    pieces = {
        f"{name}_group" if name == "boundary" and not mask.all() else name: mask
        for name, mask in groups.items()
    }
    rest = ~np.any(list(pieces.values()), axis=0)
    if rest.any():
        pieces["unnamed" if "rest" in pieces else "rest"] = rest
    return pieces


def _inner_of(named: Mapping[str, np.ndarray], facets: Facets) -> list[np.ndarray]:
    return [rows[~facets.on_boundary[rows]] for rows in named.values()]


@dataclass(frozen=True)
class _Pairs:
    """Inner facets between different regions.

    Args:
        names: All regions.
        before: Number of the region before each facet, ``(facets,)``.
        behind: Number of the region behind it, -1 outside.
        rows: Facets between different regions.
        swapped: Where the second side of a facet is the one before it, ``(facets,)``.
        on_boundary: Facets with one side only, ``(facets,)``.
    """

    names: list[str]
    before: np.ndarray
    behind: np.ndarray
    rows: np.ndarray
    swapped: np.ndarray
    on_boundary: np.ndarray

    @property
    def alike(self) -> np.ndarray:
        """Inner facets with one region, or none, on both sides, ``(facets,)``."""
        out = ~self.on_boundary
        out[self.rows] = False
        return out

    def each(self) -> list[tuple[str, tuple[str, str], np.ndarray]]:
        """Label, regions and facets of every pair of neighbours."""
        out = []
        pairs = np.column_stack([self.before[self.rows], self.behind[self.rows]])
        for a, b in np.unique(pairs, axis=0):
            sides = self.names[a], self.names[b]
            out.append(("|".join(sides), sides, self.rows[(pairs == (a, b)).all(axis=1)]))
        return out

    def around(self, rows: np.ndarray) -> tuple[str, str]:
        """The regions on both sides of a group of facets, several joined by commas."""
        sides = []
        for numbers in (self.before[rows], self.behind[rows]):
            sides.append(",".join(self.names[k] for k in np.unique(numbers)) if self.names else "")
        return sides[0], sides[1]


def _region_pairs(regions: Masks, facets: Facets) -> _Pairs:
    """Where regions meet; a simplex in several counts to the smallest of them."""
    names = list(regions)
    swapped = np.zeros(len(facets.nodes), dtype=bool)
    if not names:
        none = np.full(len(facets.nodes), -1)
        return _Pairs(names, none, none, np.empty(0, dtype=int), swapped, facets.on_boundary)
    own = np.zeros(len(regions[names[0]]), dtype=int)
    for k in sorted(range(len(names)), key=lambda k: -regions[names[k]].sum()):
        own[regions[names[k]]] = k
    sides = own[facets.sides]
    swapped = ~facets.on_boundary & (sides[:, 0] > sides[:, 1])
    before, behind = sides.min(axis=1), sides.max(axis=1)
    rows = np.flatnonzero(~facets.on_boundary & (before != behind))
    return _Pairs(names, before, behind, rows, swapped, facets.on_boundary)


def _smooth_same(
    points: np.ndarray, nodes: np.ndarray, normals: np.ndarray, rows: np.ndarray
) -> None:
    """Let the normals of an inner surface within one region point to one side, in place.

    Which side is arbitrary: the one where the largest component of their sum is positive.
    """
    if not len(rows):
        return
    turned, part, _ = agree(nodes[rows])
    vectors = area_vectors(points[nodes[rows]]) * np.where(turned, -1.0, 1.0)[:, None]
    total = np.zeros((int(part.max()) + 1, vectors.shape[1]))
    np.add.at(total, part, vectors)
    largest = np.take_along_axis(total, np.abs(total).argmax(axis=1)[:, None], axis=1)[:, 0]
    vectors *= np.where(largest < 0, -1.0, 1.0)[part][:, None]
    normals[rows] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _report_unjoined(points: np.ndarray, boundary: np.ndarray, what: str) -> None:
    from scipy.spatial import KDTree

    nodes = np.unique(boundary)
    size = np.ptp(points[nodes], axis=0).max()
    distance = KDTree(points[nodes]).query(points[nodes], k=2)[0][:, 1]
    count = int((distance <= _SAME * size).sum())
    if count:
        warnings.warn(
            f"{count} boundary points of the mesh '{what}' coincide with others: its parts are not "
            "joined there (or it has a slit); read it with merge=True to join them",
            stacklevel=2,
        )


def _renumber(points: np.ndarray, *groups: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Leave out points that nothing uses."""
    used = np.unique(np.concatenate([g.ravel() for g in groups]))
    new = np.full(len(points), -1)
    new[used] = np.arange(len(used))
    return points[used], [new[g] for g in groups]


def _used_only(points: np.ndarray, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    points, (nodes,) = _renumber(points, nodes)
    return points, nodes
