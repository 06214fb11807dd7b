r"""Regions from mesh files: gmsh, VTK, STL, XDMF and everything else that meshio reads.

A mesh of triangles or quadrilaterals in a plane z = constant is a plane region; one of tets,
hexahedra, wedges or pyramids a region of space; a closed surface of triangles in space, such as an
STL file, stands for the region it encloses. The physical groups of the file become names: those of
facets name boundary pieces and interfaces, those of cells name regions.

Everything is exact for the straight-sided mesh: areas, volumes, sampling by measure, normals, and
which points lie inside. Cells that are no simplices are cut into such (see
:mod:`pinnlab.geometry._simplices`); curved cells are used with straight sides (see
:mod:`pinnlab.geometry._mesh_reading`).
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from pinnlab.errors import GeometryError, nearest
from pinnlab.geometry._distance_jets import FacetDistance
from pinnlab.geometry._mesh_assembly import Parts, assemble, build
from pinnlab.geometry._mesh_reading import KINDS, Block, MeshFile, check_points, read_mesh_file
from pinnlab.geometry._mesh_sampling import Deck
from pinnlab.geometry._mesh_search import CellSearch, FacetSearch
from pinnlab.geometry._simplices import area_vectors, facets_of
from pinnlab.geometry._winding import Enclosure
from pinnlab.geometry.base import JointlySampled, Sample, Where
from pinnlab.geometry.predicates import filter_boundary
from pinnlab.geometry.shape import allocate
from pinnlab.sampling.sequences import unit_points
from pinnlab.typing import Coordinates, MultiIndex

_TOLERANCE = 1e-9  # of the bounding box: nearer to a facet counts as on it, and as inside
_RULES = ("gauss", "mesh")
_MOST_CANDIDATES = 2**24


class Mesh(JointlySampled):
    """A region that a mesh file describes.

    Boundary pieces are the groups of facets in the file; facets in no group are ``rest``, or
    ``surface`` if there is no group at all. Groups of cells are :attr:`regions`. Inner facets that
    are in a group, and those between two regions (under the name ``"a|b"``), are
    :attr:`interfaces`: they can be sampled like pieces, with normals from the first region to the
    second, but do not belong to the boundary.

    Args:
        path: The file.
        names: Names of the coordinates, ``("x", "y")`` or ``("x", "y", "z")`` if left out.
        scale: Factor for all coordinates, such as 1e-3 for a file in millimetres.
        name: The region's own name.
        tags: Name of the cell array that numbers the groups, if it has an uncommon one.
        merge: Join points that coincide, for meshes whose parts or cells have points of their own.
            Surfaces are always joined.

    Raises:
        GeometryError: If the file cannot be read, or its cells are degenerate, overlap, or enclose
            no region.

    Example:
        >>> mesh = Mesh.from_arrays([(0, 0), (1, 0), (1, 1), (0, 1)], {"quad": [(0, 1, 2, 3)]},
        ...                         groups={"bottom": [(0, 1)]})
        >>> mesh.pieces, mesh.measure(), mesh.measure("rest")
        (('bottom', 'rest'), 1.0, 3.0)
    """

    def __init__(
        self,
        path: str | Path,
        names: Sequence[str] | None = None,
        scale: float = 1.0,
        *,
        name: str | None = None,
        tags: str | None = None,
        merge: bool = False,
    ) -> None:
        self.path = Path(path)
        _check_scale(scale)
        file = read_mesh_file(self.path, tags)
        self._set_up(assemble(file, self.path.name, scale=scale, merge=merge), names)
        self.name = name

    @classmethod
    def from_arrays(
        cls,
        points: Any,
        cells: Mapping[str, Any],
        *,
        groups: Mapping[str, Any] | None = None,
        regions: Mapping[str, Any] | None = None,
        names: Sequence[str] | None = None,
        name: str | None = None,
        merge: bool = False,
    ) -> "Mesh":
        """A mesh from point and cell arrays.

        Args:
            points: ``(n, 2)`` or ``(n, 3)``.
            cells: Corners by kind, in the order of VTK: ``{"triangle": (m, 3), "quad": ...}``.
            groups: Corners of the facets in each boundary group, ``(k, corners)``.
            regions: Numbers of the cells in each volume group, counted through all kinds.
            names: Names of the coordinates.
            name: The region's own name.
            merge: Join points that coincide.

        Raises:
            GeometryError: If the arrays do not describe a region.
        """
        file = _file_from_arrays(points, cells, groups or {}, regions or {})
        check_points(file, name or "from arrays")
        mesh = cls.__new__(cls)
        mesh.path, mesh.name = None, name
        mesh._set_up(assemble(file, name or "from arrays", scale=1.0, merge=merge), names)
        return mesh

    def _set_up(self, parts: Parts, names: Sequence[str] | None) -> None:
        d = parts.points.shape[1]
        if names is None:
            names = ("x", "y", "z")[:d]
        if len(names) != d:
            raise GeometryError(
                f"The mesh has {d} dimensions",
                expected=f"{d} coordinate names",
                got=", ".join(names),
                do="name one coordinate for each; a plane mesh must have a constant z",
            )
        self.coordinates = Coordinates(tuple(names), (1,) * d)
        self.name = None
        self._parts = parts
        vectors = area_vectors(parts.points[parts.facets])
        self._areas = np.linalg.norm(vectors, axis=1)

    def __repr__(self) -> str:
        what = "from_arrays" if self.path is None else f"'{self.path.name}'"
        cells = "surface" if self._parts.simplices is None else f"{len(self.simplices)} simplices"
        return f"Mesh({what}, {cells}, {len(self.facets)} boundary facets)"

    # --- what there is -----------------------------------------------------------------------

    @property
    def points(self) -> np.ndarray:
        """Positions of the vertices ``(n, d)``."""
        return self._parts.points

    @property
    def simplices(self) -> np.ndarray:
        """Triangles or tets that the cells were cut into, ``(s, d + 1)`` vertex numbers.

        Raises:
            GeometryError: If only the surface of the region is known.
        """
        if self._parts.simplices is None:
            raise _no_cells("cells")
        return self._parts.simplices

    @cached_property
    def facets(self) -> np.ndarray:
        """Boundary segments or triangles, ``(f, d)`` vertex numbers."""
        return self._parts.facets[self._mask("boundary")]

    @property
    def pieces(self) -> tuple[str, ...]:
        """Names of the boundary pieces; a facet may be in several."""
        return tuple(self._parts.pieces)

    @property
    def regions(self) -> tuple[str, ...]:
        """Names of the volume groups."""
        return tuple(self._parts.regions)

    @property
    def interfaces(self) -> tuple[str, ...]:
        """Names of inner surfaces."""
        return tuple(self._parts.interfaces)

    @property
    def aliases(self) -> Mapping[str, tuple[str, ...]]:
        """Interfaces may be named like pieces; ``boundary`` does not include them."""
        return {name: (name,) for name in self.interfaces if name not in self.pieces}

    def sides(self, interface: str) -> tuple[str, str]:
        """The regions before and behind an interface; its normals point from the first one on.

        Raises:
            GeometryError: If there is no such interface.
        """
        if interface not in self.interfaces:
            raise GeometryError(
                f"There is no interface '{interface}'",
                expected=", ".join(self.interfaces) or "no interface: the mesh has none",
                got=repr(interface),
                do=nearest(interface, self.interfaces) or "use one of the interfaces above",
            )
        return self._parts.sides[interface]

    def bounds(self) -> np.ndarray:
        """Bounding box ``(2, d)``."""
        used = self.points[self.facets.ravel()]
        return np.array([used.min(axis=0), used.max(axis=0)])

    @cached_property
    def tolerance(self) -> float:
        """The distance below which a point counts as on a facet."""
        low, high = self.bounds()
        return float(_TOLERANCE * np.linalg.norm(high - low) + 1e-13 * np.abs(self.points).max())

    def measure(self, piece: str | None = None) -> float:
        """Area or volume of the region, or length or area of a piece, alias or region."""
        if piece is None:
            return self._volume
        if piece in self.regions and piece not in (*self.pieces, *self.interfaces):
            return self._deck(piece).measure
        return float(self._areas[self._mask(piece)].sum())

    @cached_property
    def _volume(self) -> float:
        parts = self._parts
        if parts.volumes is not None:
            return float(parts.volumes.sum())
        # The divergence theorem on x/3, with the origin moved near for the sake of rounding.
        middle = parts.points[parts.facets].mean(axis=1) - parts.points.mean(axis=0)
        return float((np.einsum("ij,ij->i", middle, parts.normals) * self._areas).sum() / 3.0)

    def _mask(self, on: str | Sequence[str]) -> np.ndarray:
        """The facets ``(f,)`` of pieces and interfaces."""
        known = self._parts.interfaces | self._parts.pieces
        return np.any([known[name] for name in self.resolve(on)], axis=0)

    # --- inside --------------------------------------------------------------------------------

    @cached_property
    def _cells(self) -> CellSearch:
        return CellSearch(self.points[self.simplices])

    @cached_property
    def _walls(self) -> FacetSearch:
        return FacetSearch(self.points[self._parts.facets])

    @cached_property
    def _enclosure(self) -> Enclosure:
        return Enclosure(self.points, self.facets)

    def contains(self, x: np.ndarray) -> np.ndarray:
        """Which of the points ``(n, d)`` lie in the closed region, ``(n,)`` bool."""
        x = self._points(x)
        if self._parts.simplices is not None:
            return self._cells.locate(x, self.tolerance) >= 0
        inside = self._enclosure.contains(x)
        inside[~inside] = self._walls.touches(x[~inside], self.tolerance)
        return inside

    def in_region(self, x: np.ndarray, region: str) -> np.ndarray:
        """Which of the points ``(n, d)`` lie in the closed part of that name, ``(n,)`` bool.

        Points on an interface lie in both regions.

        Raises:
            GeometryError: If there is no such region.
        """
        self.check_region(region)
        mask = self._parts.regions[region]
        return self._cells.locate(self._points(x), self.tolerance, mask) >= 0

    def region(self, name: str) -> "Mesh":
        """One volume group as a mesh of its own.

        Its pieces are those of this mesh that bound it, and its interfaces with other regions.

        Raises:
            GeometryError: If there is no such region.
        """
        self.check_region(name)
        parts, kept = self._parts, self._parts.regions[name]
        assert parts.volumes is not None
        facets = facets_of(self.simplices[kept])
        found = facets.find(parts.facets)
        groups = {
            piece: np.unique(found[mask & (found >= 0)])
            for piece, mask in (parts.interfaces | parts.pieces).items()
        }
        regions = {n: mask[kept] for n, mask in parts.regions.items() if mask[kept].any()}
        part = type(self).__new__(type(self))
        part.path = self.path
        built = build(
            parts.points,
            self.simplices[kept],
            parts.volumes[kept],
            regions,
            facets,
            {piece: rows for piece, rows in groups.items() if len(rows)},
        )
        part._set_up(built, self.coordinates.names)
        part.name = name
        return part

    def on_piece(self, x: np.ndarray, piece: str) -> np.ndarray:
        """Which of the points ``(n, d)`` lie on the piece or interface, to rounding."""
        return self._walls.touches(self._points(x), self.tolerance, self._mask(piece))

    # --- sampling ------------------------------------------------------------------------------

    def sample_jointly(
        self,
        n: int,
        extra: int,
        *,
        sampler: str = "sobol",
        rng: np.random.Generator,
        region: str | None = None,
    ) -> tuple[Sample, np.ndarray]:
        """Draw interior points, uniformly, and further coordinates from one sequence.

        Args:
            n: Number of points. With ``gauss`` (or ``mesh``) the nodes of a quadrature rule of
                degree 2 or more in every cell: about ``n``, or more if there are that many cells.
            extra: Number of further coordinates.
            sampler: ``uniform``, ``lhs``, ``sobol``, ``halton``, ``gauss`` or ``mesh``.
            rng: Source of randomness.
            region: Name of a volume group, all of the mesh if left out.
        """
        self.check_region(region)
        if self._parts.simplices is None:
            return self._sample_enclosed(n, extra, sampler, rng)
        deck = self._deck(region)
        if sampler in _RULES:
            x, weights, _, further = deck.rule(n, extra)
            return Sample(x, weights), further
        u = unit_points(sampler, n, deck.numbers + extra, rng)
        x, _ = deck.draw(u[:, : deck.numbers])
        return Sample(x, np.full(n, deck.measure / n)), u[:, deck.numbers :]

    def _sample_enclosed(
        self, n: int, extra: int, sampler: str, rng: np.random.Generator
    ) -> tuple[Sample, np.ndarray]:
        """Fill the boxes that cover the region and keep what lies inside."""
        if sampler in _RULES:
            raise _no_cells("a quadrature rule of the interior")
        corners, width = self._enclosure.candidates()
        share = min(1.0, self._volume / (len(corners) * width**3))
        count = int(1.05 * n / share) + 16
        while True:
            u = unit_points(sampler, count, 4 + extra, rng)
            x = corners[(u[:, 0] * len(corners)).astype(int)] + width * u[:, 1:4]
            kept = np.flatnonzero(self._enclosure.contains(x))[:n]
            if len(kept) == n:
                return Sample(x[kept], np.full(n, self._volume / n)), u[kept, 4:]
            count *= 2

    def _deck(self, region: str | None) -> Deck:
        if region not in self._decks:
            parts = self._parts
            assert parts.simplices is not None
            assert parts.volumes is not None
            mask = slice(None) if region is None else parts.regions[region]
            self._decks[region] = Deck(parts.points[parts.simplices[mask]], parts.volumes[mask])
        return self._decks[region]

    @cached_property
    def _decks(self) -> dict[str | None, Deck]:
        return {}

    def sample_boundary_jointly(
        self, n: int, on: Where, extra: int, *, sampler: str = "sobol", rng: np.random.Generator
    ) -> tuple[Sample, np.ndarray]:
        """Draw boundary points and further coordinates, one sequence for each piece.

        With ``gauss`` (or ``mesh``) the nodes of a quadrature rule in every facet, about ``n``.
        """
        if callable(on):
            sample = filter_boundary(
                n,
                on,
                self.coordinates,
                lambda m: self.sample_boundary(m, sampler=sampler, rng=rng),
                rng,
            )
            return sample, self._independently(len(sample.x), extra, sampler, rng)
        decks = self._boundary_decks(self.resolve(on))
        counts = allocate(n, [deck.measure for deck, _ in decks])
        drawn = [
            self._draw_facets(k, extra, sampler, rng, deck, rows)
            for k, (deck, rows) in zip(counts, decks, strict=True)
        ]
        x, weights, normals, further = (np.concatenate(part) for part in zip(*drawn, strict=True))
        return Sample(x, weights, normals), further

    def _boundary_decks(self, names: tuple[str, ...]) -> list[tuple[Deck, np.ndarray]]:
        """One deck for each piece; a facet in several counts to the first of them."""
        if names not in self._facet_decks:
            left = np.ones(len(self._areas), dtype=bool)
            decks = []
            for name in names:
                rows = np.flatnonzero(self._mask(name) & left)
                left[rows] = False
                if len(rows):
                    corners = self.points[self._parts.facets[rows]]
                    decks.append((Deck(corners, self._areas[rows]), rows))
            self._facet_decks[names] = decks
        return self._facet_decks[names]

    @cached_property
    def _facet_decks(self) -> dict[tuple[str, ...], list[tuple[Deck, np.ndarray]]]:
        return {}

    def _draw_facets(
        self,
        n: int,
        extra: int,
        sampler: str,
        rng: np.random.Generator,
        deck: Deck,
        rows: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        if sampler in _RULES:
            x, weights, facet, further = deck.rule(n, extra)
        else:
            u = unit_points(sampler, n, deck.numbers + extra, rng)
            x, facet = deck.draw(u[:, : deck.numbers])
            weights, further = np.full(n, deck.measure / n), u[:, deck.numbers :]
        return x, weights, self._parts.normals[rows[facet]], further

    # --- distance ------------------------------------------------------------------------------

    def distance(self, columns: Mapping[str, Any], pieces: Sequence[str]) -> Any:
        """A smooth function that vanishes on the pieces and has unit slope there.

        The definition is in :mod:`pinnlab.geometry._distance_jets`. On tensors it can be
        differentiated any number of times by autograd, and up to four times under
        :mod:`torch.func`; on Taylor jets up to fourth order.
        """
        asked = [columns[name] for name in self.coordinates.names]
        return self._distance(pieces)(asked)

    def distance_derivatives(
        self, x: Tensor, pieces: Sequence[str], indices: Sequence[MultiIndex]
    ) -> dict[MultiIndex, Tensor]:
        """Value and partial derivatives of the distance function, in closed form.

        On the pieces themselves the value is exactly zero to rounding and the derivatives are those
        from inside.

        Args:
            x: Points ``(n, d)``, space columns only.
            pieces: Names of boundary pieces.
            indices: Multi-indices as sorted tuples of column numbers, of up to four entries.

        Returns:
            ``{index: (n,)}``.

        Raises:
            GeometryError: If a piece is unknown or a derivative is not available.
        """
        return self._distance(pieces).derivatives(x, indices)

    def _distance(self, pieces: str | Sequence[str]) -> FacetDistance:
        names = self.resolve(pieces)
        if names not in self._distances:
            mask = self._mask(names)
            parts = self._parts
            self._distances[names] = FacetDistance(
                parts.points[parts.facets[mask]], -parts.normals[mask]
            )
        return self._distances[names]

    @cached_property
    def _distances(self) -> dict[tuple[str, ...], FacetDistance]:
        return {}


def _check_scale(scale: float) -> None:
    if not isinstance(scale, int | float) or not np.isfinite(scale) or scale <= 0:
        raise GeometryError(
            "The scale of a mesh must be a positive number",
            expected="such as 1e-3 for a file in millimetres",
            got=repr(scale),
            do="give the length of one unit of the file",
        )


def _no_cells(what: str) -> GeometryError:
    return GeometryError(
        f"A closed surface has no {what}",
        expected="a mesh with tets, hexahedra, wedges or pyramids",
        got="triangles of a surface",
        do="mesh the volume, or use the samplers 'sobol', 'halton', 'lhs' or 'uniform'",
    )


def _file_from_arrays(
    points: Any, cells: Mapping[str, Any], groups: Mapping[str, Any], regions: Mapping[str, Any]
) -> MeshFile:
    blocks, count = [], 0
    for kind, nodes in cells.items():
        if kind not in KINDS or KINDS[kind][0] < 2:
            options = [k for k, (dim, _) in KINDS.items() if dim >= 2]
            raise GeometryError(
                f"There are no cells of kind '{kind}'",
                expected=", ".join(options),
                got=repr(kind),
                do=nearest(kind, options) or "use one of the kinds above",
            )
        block = Block(kind, np.asarray(nodes, dtype=np.int64).reshape(-1, KINDS[kind][1]))
        for name, rows in regions.items():
            inside = np.asarray(rows, dtype=int) - count
            inside = inside[(inside >= 0) & (inside < len(block.nodes))]
            if len(inside):
                block.tag(name, inside)
        blocks.append(block)
        count += len(block.nodes)
    file = MeshFile(_pad(np.asarray(points, dtype=np.float64)), blocks)
    for name, nodes in groups.items():
        nodes = np.asarray(nodes, dtype=np.int64)
        kind = (
            "line"
            if file.dim == 2 and nodes.shape[1] == 2
            else {3: "triangle", 4: "quad"}.get(nodes.shape[1], "line")
        )
        block = Block(kind, nodes)
        block.tag(name, np.arange(len(nodes)))
        blocks.append(block)
    return file


def _pad(points: np.ndarray) -> np.ndarray:
    return np.pad(points, ((0, 0), (0, 3 - points.shape[1])))
