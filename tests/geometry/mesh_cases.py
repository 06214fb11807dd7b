"""Meshes with known measures, made without a mesh generator."""

from pathlib import Path

import numpy as np

from pinnlab.geometry import Mesh

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT.parent / "shared" / "reference" / "meshes"
GEOMETRIES = ROOT / "geometries"

# Hexahedra into tets, wedges and pyramids; corners in the order of VTK
_TETS = [(0, 1, 2, 6), (0, 2, 3, 6), (0, 3, 7, 6), (0, 7, 4, 6), (0, 4, 5, 6), (0, 5, 1, 6)]
_WEDGES = [(0, 1, 2, 4, 5, 6), (0, 2, 3, 4, 6, 7)]
_SIDES = [(0, 1, 2, 3), (4, 7, 6, 5), (0, 4, 5, 1), (1, 5, 6, 2), (2, 6, 7, 3), (3, 7, 4, 0)]


def square(kind, n=4, jitter=0.2, seed=0):
    """The unit square in triangles or quads, inner points displaced: points and cells."""
    g = np.arange(n + 1)
    i, j = np.meshgrid(g, g, indexing="ij")
    points = np.stack([i.ravel(), j.ravel()], axis=1) / n
    points += (
        _inner(points) * np.random.default_rng(seed).uniform(-jitter, jitter, points.shape) / n
    )
    i, j = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    a = (i * (n + 1) + j).ravel()
    quads = np.stack([a, a + n + 1, a + n + 2, a + 1], axis=1)
    if kind == "quad":
        return points, {"quad": quads}
    return points, {"triangle": np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])}


def cube(kind, n=3, jitter=0.15, seed=0):
    """The unit cube in tets, wedges, pyramids or hexahedra with warped inner faces."""
    g = np.arange(n + 1)
    points = np.stack(np.meshgrid(g, g, g, indexing="ij"), axis=-1).reshape(-1, 3) / n
    points += (
        _inner(points) * np.random.default_rng(seed).uniform(-jitter, jitter, points.shape) / n
    )
    c = np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    step = np.array([(n + 1) ** 2, n + 1, 1])
    corner = [
        (0, 0, 0),
        (1, 0, 0),
        (1, 1, 0),
        (0, 1, 0),
        (0, 0, 1),
        (1, 0, 1),
        (1, 1, 1),
        (0, 1, 1),
    ]
    hexes = np.stack([(c + np.array(o)) @ step for o in corner], axis=1)
    if kind == "hexahedron":
        return points, {"hexahedron": hexes}
    if kind == "tetra":
        return points, {"tetra": hexes[:, _TETS].reshape(-1, 4)}
    if kind == "wedge":
        return points, {"wedge": hexes[:, _WEDGES].reshape(-1, 6)}
    tips = len(points) + np.arange(len(hexes))
    points = np.concatenate([points, points[hexes].mean(axis=1)])
    pyramids = np.concatenate([np.column_stack([hexes[:, side], tips]) for side in _SIDES])
    return points, {"pyramid": pyramids}


def _inner(points):
    return ((points > 0) & (points < 1)).all(axis=1, keepdims=True)


def icosphere(levels=2):
    """A triangulated unit sphere: points and triangles, outward."""
    t = (1 + 5**0.5) / 2
    points = np.array([(-1, t, 0), (1, t, 0), (-1, -t, 0), (1, -t, 0), (0, -1, t), (0, 1, t),
                       (0, -1, -t), (0, 1, -t), (t, 0, -1), (t, 0, 1), (-t, 0, -1),
                       (-t, 0, 1)])  # fmt: skip
    cells = np.array([(0, 11, 5), (0, 5, 1), (0, 1, 7), (0, 7, 10), (0, 10, 11), (1, 5, 9),
                      (5, 11, 4), (11, 10, 2), (10, 7, 6), (7, 1, 8), (3, 9, 4), (3, 4, 2),
                      (3, 2, 6), (3, 6, 8), (3, 8, 9), (4, 9, 5), (2, 4, 11), (6, 2, 10),
                      (8, 6, 7), (9, 8, 1)])  # fmt: skip
    for _ in range(levels):
        corners = points[cells]
        middles = 0.5 * (corners + np.roll(corners, -1, axis=1))
        n = len(points) + 3 * np.arange(len(cells))
        ab, bc, ca = n, n + 1, n + 2
        points = np.concatenate([points, middles.reshape(-1, 3)])
        a, b, c = cells.T
        cells = np.concatenate(
            [np.stack(t, axis=1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))]
        )
        rounded, inverse = np.unique(points.round(9), axis=0, return_inverse=True)
        points, cells = rounded, inverse.ravel()[cells]
    return points / np.linalg.norm(points, axis=1, keepdims=True), cells


def torus(n=48, m=24, big=1.0, small=0.4):
    """A triangulated torus around the z axis."""
    i, j = np.meshgrid(np.arange(n), np.arange(m), indexing="ij")
    u, v = 2 * np.pi * i / n, 2 * np.pi * j / m
    r = big + small * np.cos(v)
    points = np.stack([r * np.cos(u), r * np.sin(u), small * np.sin(v)], axis=-1).reshape(-1, 3)
    a, b = i * m + j, (i + 1) % n * m + j
    c, d = (i + 1) % n * m + (j + 1) % m, i * m + (j + 1) % m
    cells = np.stack([np.stack([a, b, c], -1), np.stack([a, c, d], -1)], axis=2).reshape(-1, 3)
    return points, cells


def two_blocks(n=4):
    """The unit square whose halves are the regions 'left_half' and 'right_half'."""
    points, cells = square("triangle", n, jitter=0.0)
    middle = points[cells["triangle"]].mean(axis=1)
    regions = {
        "left_half": np.flatnonzero(middle[:, 0] < 0.5),
        "right_half": np.flatnonzero(middle[:, 0] > 0.5),
    }
    g = np.flatnonzero(points[:, 0] == 0)
    floor = g[np.argsort(points[g, 1])]
    groups = {"wall": np.stack([floor[:-1], floor[1:]], axis=1)}
    return Mesh.from_arrays(points, cells, groups=groups, regions=regions)


def flux(sample, d):
    """∮ x·n dS / d, the volume by the divergence theorem."""
    return float(np.sum(np.sum(sample.x * sample.normals, axis=1) * sample.weights)) / d
