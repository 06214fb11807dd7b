"""Turning the facets of a curve or surface so that neighbours agree.

A facet is oriented by the order of its corners: a segment from start to end, a triangle by its
sense of rotation. Two segments agree at a common point if one ends where the other starts; two
triangles agree along a common edge if they run along it in opposite senses.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ridges:
    """What facets have in common: points of segments, edges of triangles.

    Args:
        owner: The facet of each entry ``(k,)``.
        row: Number of the ridge of each entry ``(k,)``.
        forward: Whether the facet runs along the ridge in its own sense ``(k,)``.
        count: Facets on each ridge.
    """

    owner: np.ndarray
    row: np.ndarray
    forward: np.ndarray
    count: np.ndarray


def ridges(facets: np.ndarray) -> Ridges:
    """The ridges of segments ``(f, 2)`` or triangles ``(f, 3)``."""
    owner = np.repeat(np.arange(len(facets)), facets.shape[1])
    if facets.shape[1] == 2:
        key, forward = facets.ravel(), np.tile([False, True], len(facets))
    else:
        edges = facets[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
        low, high = edges.min(axis=1), edges.max(axis=1)
        key, forward = low * (int(high.max(initial=0)) + 1) + high, edges[:, 0] == low
    _, row, count = np.unique(key, return_inverse=True, return_counts=True)
    return Ridges(owner, row, forward, count)


def agree(facets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which facets to turn so that neighbours agree.

    Every facet stands twice in a graph, as it is and turned; neighbours on a ridge of two facets
    are joined in the states that agree. Each connected part of the surface then has two components,
    its orientations; a facet that is in one component with its own turned copy lies on a one-sided
    surface.

    Returns:
        Which facets to turn ``(f,)``, the connected part of each ``(f,)``, and whether that part is
        one-sided ``(f,)``.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    f, found = len(facets), ridges(facets)
    paired = np.flatnonzero(found.count[found.row] == 2)
    order = paired[np.argsort(found.row[paired], kind="stable")].reshape(-1, 2)
    one, other = found.owner[order].T
    opposed = found.forward[order[:, 0]] == found.forward[order[:, 1]]
    rows = np.concatenate([one, one + f])
    columns = np.concatenate([other + f * opposed, other + f * ~opposed])
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(2 * f, 2 * f))
    label = connected_components(graph, directed=False)[1]
    as_is, turned = label[:f], label[f:]
    _, part = np.unique(np.minimum(as_is, turned), return_inverse=True)
    return as_is > turned, part, as_is == turned
