r"""Closed triangle surfaces and the region they enclose.

A point p is inside where the winding number

.. math:: w(p) = \frac{1}{4\pi} \sum_f \Omega_f(p),
    \qquad \tan\frac{\Omega_f}{2} =
    \frac{a \cdot (b \times c)}{|a||b||c| + (a \cdot b)|c| + (b \cdot c)|a| + (c \cdot a)|b|}

is one, with a, b, c the corners of the facet seen from p (van Oosterom & Strackee, 1983). The sum
is exact, and needs no ray that might hit an edge.

For many points on many facets two exact savings are made. Space is divided into boxes; in a
connected set of boxes that no facet touches the winding number is constant, so one evaluation
serves all. For the other points facets are grouped in a tree: seen from outside the bounding box of
a patch, the patch may be replaced by a fan over its rim, which has far fewer triangles
(Jacobson, Kavan & Sorkine-Hornung, 2013, section 5).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pinnlab.errors import GeometryError
from pinnlab.geometry._mesh_reading import some
from pinnlab.geometry._mesh_search import morton_order
from pinnlab.geometry._orientation import agree, ridges

_PAIRS = 2**20  # point-facet pairs evaluated at once: bounds the memory of temporaries
_LEAF = 64  # facets of a patch that are not worth dividing further
_BOXES = 48  # boxes along the longest side of the bounding box


def solid_angles(x: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Signed solid angles ``(n, f)`` of triangles ``(f, 3, 3)`` seen from points ``(n, 3)``.

    Positive where the triangle is seen from behind its normal (b - a) x (c - a).
    """
    a, b, c = (corners[None, :, k] - x[:, None] for k in range(3))
    la, lb, lc = (np.sqrt(np.einsum("nfi,nfi->nf", v, v)) for v in (a, b, c))
    above = (
        a[..., 0] * (b[..., 1] * c[..., 2] - b[..., 2] * c[..., 1])
        + a[..., 1] * (b[..., 2] * c[..., 0] - b[..., 0] * c[..., 2])
        + a[..., 2] * (b[..., 0] * c[..., 1] - b[..., 1] * c[..., 0])
    )
    below = la * lb * lc
    for (u, v), length in (((a, b), lc), ((b, c), la), ((c, a), lb)):
        below += np.einsum("nfi,nfi->nf", u, v) * length
    return 2.0 * np.arctan2(above, below)


def winding_numbers(x: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Winding numbers ``(n,)`` of an oriented triangle soup ``(f, 3, 3)``, summed exactly."""
    out = np.empty(len(x))
    step = max(1, _PAIRS // max(len(corners), 1))
    for start in range(0, len(x), step):
        out[start : start + step] = solid_angles(x[start : start + step], corners).sum(axis=1)
    return out / (4.0 * np.pi)


def rim(triangles: np.ndarray) -> np.ndarray:
    """Directed edges ``(e, 2)`` of oriented triangles that no neighbour runs the other way."""
    edges = triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    n = int(edges.max(initial=0)) + 1
    low, high = edges.min(axis=1), edges.max(axis=1)
    key, row = np.unique(low * n + high, return_inverse=True)
    net = np.bincount(row, weights=np.where(edges[:, 0] == low, 1, -1)).round().astype(int)
    left = np.repeat(np.arange(len(key)), np.abs(net))
    ends = np.column_stack([key[left] // n, key[left] % n])
    return np.where((net[left] > 0)[:, None], ends, ends[:, ::-1])


class WindingTree:
    """Winding numbers of a closed surface by patches and their rims.

    Args:
        points: ``(n, 3)``.
        triangles: Oriented facets ``(f, 3)``.
    """

    def __init__(self, points: np.ndarray, triangles: np.ndarray) -> None:
        self.points = points
        self.triangles = triangles[morton_order(points[triangles].mean(axis=1))]
        self._root = self._grow(0, len(triangles))

    def _grow(self, start: int, stop: int) -> tuple:
        patch = self.triangles[start:stop]
        corners = self.points[patch]
        low, high = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
        edges = rim(patch)
        fan = np.empty((len(edges), 3, 3))
        fan[:, 0], fan[:, 1:] = 0.5 * (low + high), self.points[edges]
        if len(patch) <= _LEAF:
            return low, high, (fan if len(fan) < len(patch) else corners), corners, ()
        middle = (start + stop) // 2
        return low, high, fan, corners, (self._grow(start, middle), self._grow(middle, stop))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Winding numbers ``(n,)`` at ``x`` ``(n, 3)``."""
        out = np.zeros(len(x))
        pending = [(self._root, np.arange(len(x)))]
        while pending:
            (low, high, fan, corners, halves), rows = pending.pop()
            near = ((x[rows] >= low) & (x[rows] <= high)).all(axis=1)
            if len(fan):
                out[rows[~near]] += winding_numbers(x[rows[~near]], fan)
            if not near.any():
                continue
            if halves:
                pending += [(half, rows[near]) for half in halves]
            else:
                out[rows[near]] += winding_numbers(x[rows[near]], corners)
        return out


@dataclass(frozen=True)
class Enclosure:
    """The region inside a closed, outward oriented surface.

    Args:
        points: ``(n, 3)``.
        triangles: Facets ``(f, 3)``, oriented outward.
    """

    points: np.ndarray
    triangles: np.ndarray

    @cached_property
    def _tree(self) -> WindingTree:
        return WindingTree(self.points, self.triangles)

    @cached_property
    def _boxes(self) -> tuple[np.ndarray, float, np.ndarray]:
        """Origin, width and state of the boxes: 0 outside, 1 inside, 2 touched by a facet."""
        from scipy.ndimage import label  # lazily: pinnlab must import quickly

        used = self.points[self.triangles]
        low, high = used.min(axis=(0, 1)), used.max(axis=(0, 1))
        width = float((high - low).max()) / _BOXES
        low = low - 1.5 * width  # a layer of empty boxes all around
        shape = np.ceil((high - low) / width).astype(int) + 2
        margin = 1e-6 * width
        first = np.floor((used.min(axis=1) - margin - low) / width).astype(int)
        last = np.floor((used.max(axis=1) + margin - low) / width).astype(int)
        state = np.zeros(shape, dtype=np.int8)
        for i, j in zip(first, last, strict=True):
            state[i[0] : j[0] + 1, i[1] : j[1] + 1, i[2] : j[2] + 1] = 2
        labels = np.empty(shape, dtype=np.int64)
        label(state == 0, output=labels)  # connected sets count from 1, touched boxes are 0
        _, one_of_each = np.unique(labels, return_index=True)
        at = np.array(np.unravel_index(one_of_each, shape)).T
        inside = self._tree(low + (at + 0.5) * width) > 0.5
        return low, width, np.where(state == 2, state, inside[labels])

    def contains(self, x: np.ndarray) -> np.ndarray:
        """Which points ``(n, 3)`` lie inside, ``(n,)`` bool; those on the surface are left open."""
        low, width, state = self._boxes
        at = np.floor((x - low) / width)
        known = ((at >= 0) & (at < state.shape)).all(axis=1)  # False for NaN too
        out = np.zeros(len(x), dtype=bool)
        box = state[tuple(at[known].astype(int).T)]
        inside = box == 1
        touched = box == 2
        if touched.any():
            inside[touched] = self._tree(x[known][touched]) > 0.5
        out[known] = inside
        return out

    def candidates(self) -> tuple[np.ndarray, float]:
        """Lower corners ``(b, 3)`` and width of the boxes that cover the region."""
        low, width, state = self._boxes
        return low + np.argwhere(state > 0) * width, width


def close_surface(points: np.ndarray, triangles: np.ndarray, what: str) -> np.ndarray:
    """Check that triangles enclose a region, and turn them outward.

    Each connected shell is oriented as a whole; a shell inside an odd number of others bounds a
    cavity and is turned inward to it.

    Args:
        points: ``(n, 3)``, coincident ones merged.
        triangles: ``(f, 3)``.
        what: The surface's name in messages.

    Returns:
        The triangles, oriented.

    Raises:
        GeometryError: If edges are open or shared by more than two facets, or if the surface
            cannot be oriented or encloses nothing.
    """
    _refuse_open(triangles, what)
    turned, shell, one_sided = agree(triangles)
    if one_sided.any():
        raise GeometryError(
            f"The surface '{what}' is one-sided",
            expected="a surface with an inside and an outside",
            got="facets that cannot be oriented consistently",
            do="repair it in the CAD or mesh program",
        )
    out = triangles.copy()
    out[turned] = out[turned][:, ::-1]
    volume = np.bincount(shell, weights=_cone_volumes(points, out))
    size = np.ptp(points[triangles.ravel()], axis=0).max()
    if (np.abs(volume) <= 1e-14 * size**3).any():
        raise GeometryError(
            f"A shell of the surface '{what}' encloses no volume",
            expected="closed shells with a volume",
            got=f"{int((np.abs(volume) <= 1e-14 * size**3).sum())} flat shells",
            do="remove double sheets from the surface",
        )
    inward = (volume < 0)[shell]
    out[inward] = out[inward][:, ::-1]
    cavity = _nesting(points, out, shell)[shell] % 2 == 1
    out[cavity] = out[cavity][:, ::-1]
    return out


def _cone_volumes(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    a, b, c = (points[triangles[:, k]] - points[triangles.ravel()].mean(axis=0) for k in range(3))
    return np.einsum("ij,ij->i", a, np.cross(b, c)) / 6.0


def _refuse_open(triangles: np.ndarray, what: str) -> None:
    found = ridges(triangles)
    if (found.count != 2).any():
        is_open, crowded = int((found.count == 1).sum()), int((found.count > 2).sum())
        worst = np.unique(found.owner[found.count[found.row] != 2])
        raise GeometryError(
            f"The surface '{what}' encloses no region",
            expected="a closed surface: each edge belongs to exactly two facets",
            got=f"{is_open} open edges and {crowded} edges with more than two facets, "
            f"at facets {some(worst)}",
            do="close the holes and remove inner walls in the CAD or mesh program; "
            "only a mesh in a plane z = constant is read as a 2-D region",
        )


def _nesting(points: np.ndarray, triangles: np.ndarray, shell: np.ndarray) -> np.ndarray:
    """The number of other shells around each shell, ``(shells,)``."""
    count = int(shell.max()) + 1
    depth = np.zeros(count, dtype=int)
    if count == 1:
        return depth
    first = np.unique(shell, return_index=True)[1]
    seeds = points[triangles[first]].mean(axis=1)
    for k in range(count):
        mine = points[triangles[shell == k]]
        near = ((seeds >= mine.min(axis=(0, 1))) & (seeds <= mine.max(axis=(0, 1)))).all(axis=1)
        near[k] = False
        depth[near] += winding_numbers(seeds[near], mine) > 0.5
    return depth
