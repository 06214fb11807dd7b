"""Mesh files as arrays: cells by kind, and the groups that name them.

What counts as a name, in this order and all at once:

- gmsh physical groups (MSH 2 and 4), with several groups on one cell;
- meshio's ``cell_sets`` and ``point_sets`` (Abaqus, Exodus, ...) and MED families;
- whole-number cell arrays that are known to hold tags (``gmsh:physical``, ``medit:ref``, ...), or
  the one that the caller names; a tag without a name becomes ``group_<tag>``;
- the facet masks ``skfem:b:<name>`` and cell masks ``skfem:s:<name>`` of scikit-fem, and its JSON.

Curved cells are used with straight sides. Quadratic triangles and tets are first cut through their
mid-edge nodes, so that the nodes on a curved boundary stay on it; all other curved cells, and
meshes that mix them, are used by their corners.
"""

import contextlib
import io
import json
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pinnlab.errors import GeometryError, nearest
from pinnlab.geometry import _gmsh41

# kind of straight-sided cell -> (dimension, corners)
KINDS = {
    "vertex": (0, 1), "line": (1, 2), "triangle": (2, 3), "quad": (2, 4),
    "tetra": (3, 4), "pyramid": (3, 5), "wedge": (3, 6), "hexahedron": (3, 8),
}  # fmt: skip

_LAGRANGE = {
    "CURVE": "line", "TRIANGLE": "triangle", "QUADRILATERAL": "quad", "TETRAHEDRON": "tetra",
    "HEXAHEDRON": "hexahedron", "WEDGE": "wedge", "PYRAMID": "pyramid",
}  # fmt: skip

# Straight pieces of quadratic simplices by local node: after the corners come the middles of the
# edges (01)(12)(02) and, for tets, (03)(13)(23)
_PIECES = {
    "line3": [(0, 2), (2, 1)],
    "triangle6": [(0, 3, 5), (3, 1, 4), (5, 4, 2), (3, 4, 5)],
    "tetra10": [(0, 4, 6, 7), (4, 1, 5, 8), (6, 5, 2, 9), (7, 8, 9, 3),
                (4, 9, 6, 7), (4, 9, 7, 8), (4, 9, 8, 5), (4, 9, 5, 6)],
}  # fmt: skip

_TAG_ARRAYS = (
    "gmsh:physical", "medit:ref", "cell_tags", "celltags", "avsucd:material", "flac3d:group",
    "nastran:ref", "su2:tag", "name_to_read", "material", "materialid", "material_id", "region",
    "regionid", "region_id", "subdomain", "subdomains", "physical", "tag", "tags", "patchid",
)  # fmt: skip

# scikit-fem's order of a cell's facets, by local corner
_SKFEM_FACETS = {
    "triangle": [(0, 1), (1, 2), (0, 2)],
    "quad": [(0, 1), (1, 2), (2, 3), (0, 3)],
    "tetra": [(0, 1, 2), (0, 1, 3), (0, 2, 3), (1, 2, 3)],
}


@dataclass
class Block:
    """Cells of one kind, ``(m, corners)`` point numbers."""

    kind: str
    nodes: np.ndarray
    groups: dict[str, np.ndarray] = field(default_factory=dict)  # name -> (m,) bool

    @property
    def dim(self) -> int:
        """Topological dimension of the cells."""
        return KINDS[self.kind][0]

    def tag(self, name: str, rows: np.ndarray) -> None:
        """Put the cells at ``rows`` (a mask or indices) into group ``name``."""
        mask = self.groups.setdefault(name, np.zeros(len(self.nodes), dtype=bool))
        mask[rows] = True


@dataclass
class MeshFile:
    """What a mesh file says.

    Args:
        points: Positions ``(n, 3)``.
        blocks: Cells of every dimension.
        point_groups: Names of sets of points, as in Abaqus.
        order: Names in the order in which the file declares them.
    """

    points: np.ndarray
    blocks: list[Block]
    point_groups: dict[str, np.ndarray] = field(default_factory=dict)
    order: tuple[str, ...] = ()

    def in_order(self, groups: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Groups in the order of the file; those it does not declare last."""
        place = {name: k for k, name in enumerate(dict.fromkeys(self.order))}
        return {n: groups[n] for n in sorted(groups, key=lambda n: place.get(n, len(place)))}

    @property
    def dim(self) -> int:
        """The highest dimension among the cells, -1 without cells."""
        return max((block.dim for block in self.blocks if len(block.nodes)), default=-1)


def read_mesh_file(path: Path, tags: str | None = None) -> MeshFile:
    """Read a mesh file of any format that gmsh, scikit-fem's JSON or meshio knows.

    Args:
        path: The file.
        tags: Name of the cell array that numbers the groups, if it has an uncommon one.

    Raises:
        GeometryError: If the file is missing, cannot be read, is cut off, or has no such array.
    """
    if not path.is_file():
        siblings = [p.name for p in path.parent.glob("*")] if path.parent.is_dir() else []
        raise GeometryError(
            f"There is no mesh file '{path}'",
            expected="a file such as part.msh, part.vtu or part.stl",
            got="nothing there" if not path.exists() else "a folder",
            do=nearest(path.name, siblings) or "correct the path",
        )
    if path.suffix.lower() == ".json":
        found = _read_skfem_json(path)
    elif (
        path.suffix.lower() == ".msh" and tags is None and _is_gmsh41(content := path.read_bytes())
    ):
        found = _read_gmsh41(path, content)
    else:
        found = _read_meshio(path, tags)
    check_points(found, path.name)
    return found


def check_points(found: MeshFile, what: str) -> None:
    """Refuse meshes without cells, and cells with points that are missing or not finite."""
    if found.dim < 2:
        kinds = sorted({block.kind for block in found.blocks if len(block.nodes)})
        raise GeometryError(
            f"The mesh '{what}' has no cells that enclose an area or a volume",
            expected="triangles, quads, tets, hexes, wedges or pyramids",
            got=f"only cells of kind {', '.join(kinds)}" if kinds else "no cells at all",
            do="mesh the surface or the volume; a 1-D domain is pl.Interval",
        )
    used = np.unique(np.concatenate([block.nodes.ravel() for block in found.blocks]))
    if used[0] < 0 or used[-1] >= len(found.points):
        raise GeometryError(
            f"Cells of the mesh '{what}' name points that do not exist",
            expected=f"point numbers from 0 to {len(found.points) - 1}",
            got=f"numbers from {used[0]} to {used[-1]}",
            do="write the mesh again",
        )
    bad = used[~np.isfinite(found.points[used]).all(axis=1)]
    if len(bad):
        raise GeometryError(
            f"Points of the mesh '{what}' are not finite",
            expected="finite coordinates",
            got=f"{len(bad)} points with NaN or infinity: {some(bad)}",
            do="repair the mesh where it is made",
        )


def some(ids: Iterable[int], most: int = 5) -> str:
    """A few numbers as text: ``"3, 4, 5, ... (12 in all)"``."""
    numbers = [int(i) for i in ids]
    text = ", ".join(str(i) for i in numbers[:most])
    return text if len(numbers) <= most else f"{text}, ... ({len(numbers)} in all)"


def _unreadable(path: Path, reason: str) -> GeometryError:
    return GeometryError(
        f"The mesh file '{path}' cannot be read",
        expected="a complete file of a format that meshio or gmsh writes, by its suffix",
        got=reason or "an unknown fault",
        do="open it in gmsh or ParaView; if it opens there, save it again as .msh or .vtu",
    )


def _base_kind(kind: str) -> str:
    """The straight kind behind ``triangle6``, ``hexahedron27`` or ``VTK_LAGRANGE_WEDGE``."""
    if kind.startswith("VTK_LAGRANGE_"):
        return _LAGRANGE.get(kind.removeprefix("VTK_LAGRANGE_"), kind)
    return kind.rstrip("0123456789")


def _straighten(kinds: list[str], nodes: list[np.ndarray], what: str) -> list[tuple]:
    """Straight blocks ``(kind, nodes, repeats)``; ``repeats`` pieces came from each cell."""
    bases = [_base_kind(kind) for kind in kinds]
    for kind, base in zip(kinds, bases, strict=True):
        if base not in KINDS:
            raise GeometryError(
                f"Cells of kind '{kind}' in '{what}' are not supported",
                expected="triangle, quad, tetra, hexahedron, wedge or pyramid, straight or curved",
                got=kind,
                do="split general polygons and polyhedra into such cells",
            )
    top = max((KINDS[base][0] for base in bases), default=0)
    solids = {kind for kind, base in zip(kinds, bases, strict=True) if KINDS[base][0] == top}
    cut = solids <= set(_PIECES)  # mid-edge nodes of all neighbours must be used, or of none
    out = []
    for kind, base, rows in zip(kinds, bases, nodes, strict=True):
        if cut and kind in _PIECES:
            pieces = np.array(_PIECES[kind])
            out.append((base, rows[:, pieces].reshape(-1, pieces.shape[1]), len(pieces)))
        else:
            out.append((base, rows[:, : KINDS[base][1]], 1))
    return out


# gmsh


def _is_gmsh41(content: bytes) -> bool:
    """Whether the file is for our own reader, which leaves cell arrays (of scikit-fem) alone."""
    return _gmsh41.version(content[:4096]) in ("4", "4.1") and b'"skfem:' not in content


def _read_gmsh41(path: Path, content: bytes) -> MeshFile:
    names = _gmsh41.physical_names(content)
    try:
        points, elements = _gmsh41.read(content)
    except GeometryError as fault:
        raise _unreadable(path, str(fault)) from fault
    except (ValueError, IndexError, OverflowError, MemoryError) as fault:
        raise _unreadable(path, f"{type(fault).__name__}: {fault}") from fault
    nodes = [
        n[:, [0, 1, 2, 3, 4, 5, 6, 7, 9, 8]] if k == "tetra10" else n for k, n, _, _ in elements
    ]
    straight = _straighten([kind for kind, *_ in elements], nodes, path.name)
    blocks = []
    for (kind, rows, _), (_, _, dim, physical) in zip(straight, elements, strict=True):
        block = Block(kind, rows)
        for tag in physical:
            block.tag(names.get((dim, tag), f"group_{tag}"), np.arange(len(rows)))
        blocks.append(block)
    return MeshFile(points, blocks, order=tuple(names.values()))


# scikit-fem


def _read_skfem_json(path: Path) -> MeshFile:
    """Points ``p``, cells ``t``, ``boundaries`` by facet and ``subdomains`` by cell number."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        points, cells = np.array(content["p"], dtype=float), np.array(content["t"], dtype=int)
        kind = {(2, 3): "triangle", (2, 4): "quad", (3, 4): "tetra"}[
            points.shape[1], cells.shape[1]
        ]
    except (ValueError, KeyError, IndexError, TypeError) as fault:
        raise _unreadable(path, f"{type(fault).__name__}: {fault}") from fault
    block = Block(kind, cells)
    for name, rows in (content.get("subdomains") or {}).items():
        block.tag(name, np.array(rows, dtype=int))
    local = np.array(_SKFEM_FACETS[kind])
    facets = np.unique(np.sort(cells[:, local].reshape(-1, local.shape[1]), axis=1), axis=0)
    sides = Block("line" if points.shape[1] == 2 else "triangle", facets)
    for name, rows in (content.get("boundaries") or {}).items():
        sides.tag(name, np.array(rows, dtype=int))
    return MeshFile(_in_space(points), [block, sides])


def _tag_skfem_facets(block: Block, name: str, masks: np.ndarray) -> Block:
    """The facets that the bits of a cell mask choose, as a block of their own."""
    local = _SKFEM_FACETS[block.kind]
    chosen = [block.nodes[(masks >> k) & 1 == 1][:, corners] for k, corners in enumerate(local)]
    facets = Block("line" if block.dim == 2 else "triangle", np.concatenate(chosen))
    facets.tag(name, np.arange(len(facets.nodes)))
    return facets


# meshio


def _read_meshio(path: Path, tags: str | None) -> MeshFile:
    import meshio  # lazily: pinnlab must import quickly

    talk = io.StringIO()  # meshio prints, and leaves by sys.exit when it cannot read
    try:
        with (
            contextlib.redirect_stdout(talk),
            contextlib.redirect_stderr(talk),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")  # its STL reader overflows where it guesses a format
            mesh = meshio.read(path)
    except (Exception, SystemExit) as fault:
        reason = str(fault) if not isinstance(fault, SystemExit) else talk.getvalue()
        kind = "" if isinstance(fault, SystemExit) else f"{type(fault).__name__}: "
        raise _unreadable(path, f"{kind}{' '.join(reason.split())[-300:]}") from fault
    if "not closed" in talk.getvalue():
        raise _unreadable(path, " ".join(talk.getvalue().split()))
    cells = [np.asarray(block.data) for block in mesh.cells]
    straight = _straighten([block.type for block in mesh.cells], cells, path.name)
    blocks = [Block(kind, nodes.astype(np.int64)) for kind, nodes, _ in straight]
    repeats = [repeat for *_, repeat in straight]
    _name_cell_sets(mesh, blocks, repeats)
    _name_tag_arrays(mesh, blocks, repeats, path, tags)
    blocks += _name_skfem_masks(mesh, blocks)
    points = {name: np.asarray(rows, dtype=int) for name, rows in mesh.point_sets.items()}
    space = _in_space(np.asarray(mesh.points, dtype=float))
    return MeshFile(space, blocks, points, order=tuple(mesh.field_data))


def _in_space(points: np.ndarray) -> np.ndarray:
    missing = 3 - points.shape[1]
    return np.pad(points, ((0, 0), (0, missing))) if missing > 0 else points


def _name_cell_sets(mesh, blocks: list[Block], repeats: list[int]) -> None:
    for name, members in mesh.cell_sets.items():
        if name.startswith("gmsh:"):
            continue
        for block, rows, repeat in zip(blocks, members, repeats, strict=True):
            if rows is not None and len(rows):
                rows = np.asarray(rows, dtype=int)
                block.tag(name, (rows[:, None] * repeat + np.arange(repeat)).ravel())


def _name_tag_arrays(
    mesh, blocks: list[Block], repeats: list[int], path: Path, tags: str | None
) -> None:
    arrays = {key: key.lower() in _TAG_ARRAYS for key in mesh.cell_data}
    if tags is not None:
        if tags not in arrays:
            raise GeometryError(
                f"The mesh '{path.name}' has no cell array '{tags}'",
                expected=", ".join(arrays) or "a mesh with cell arrays",
                got=tags,
                do=nearest(tags, arrays) or "name one of its cell arrays",
            )
        arrays = dict.fromkeys(arrays, False) | {tags: True}
    known = _known_names(mesh, path)
    for key in (key for key, chosen in arrays.items() if chosen):
        for block, values, repeat in zip(blocks, mesh.cell_data[key], repeats, strict=True):
            values = np.asarray(values)
            if values.ndim != 1 or not np.array_equal(values, np.round(values)):
                continue
            for tag in np.unique(values[values != 0]):
                rows = np.repeat(values == tag, repeat)
                for name in known(block.dim, int(tag)):
                    block.tag(name, rows)


def _known_names(mesh, path: Path):
    """A function from (dimension, tag) to names: MED families have several, gmsh groups one."""
    families = getattr(mesh, "cell_tags", None) or {}
    if path.suffix.lower() == ".msh":
        # meshio's own table loses a name that is used in two dimensions
        names = _gmsh41.physical_names(path.read_bytes())
    else:
        names = {(int(v[1]), int(v[0])): name for name, v in mesh.field_data.items() if len(v) == 2}

    def known(dim: int, tag: int) -> list[str]:
        if families:
            return list(families.get(tag, ()))
        return [names.get((dim, abs(tag)), f"group_{abs(tag)}")]

    return known


def _name_skfem_masks(mesh, blocks: list[Block]) -> list[Block]:
    sides = []
    for key, members in mesh.cell_data.items():
        _, _, name = key.partition("skfem:b:") if key.startswith("skfem:b:") else ("", "", "")
        region = key.removeprefix("skfem:s:") if key.startswith("skfem:s:") else ""
        for block, values in zip(blocks, members, strict=True):
            if region:
                block.tag(region, np.asarray(values) > 0)
            elif name and block.kind in _SKFEM_FACETS:
                sides.append(_tag_skfem_facets(block, name, np.asarray(values).astype(np.int64)))
    return sides
