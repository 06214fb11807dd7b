"""Shapes that the generic tests of geometry run over, with their exact measures."""

from functools import cache

import numpy as np
import torch

from pinnlab.geometry import (
    SDF,
    Ball,
    Box,
    Cuboid,
    Disk,
    Ellipse,
    Geometry,
    Interval,
    Polygon,
    Shape,
    Triangle,
)

PI = np.pi


def ring(x, y):
    return ((x**2 + y**2).sqrt() - 1).abs() - 0.2


def plate():
    return Box(x=(0, 2), y=(0, 1)) - Disk(center=(1, 0.5), radius=0.2, name="hole")


def half_bitten():
    return Box(x=(0, 2), y=(0, 1)) - Disk(center=(0, 0.5), radius=0.2, name="bite")


def corner():
    return Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)])


def frame():
    return Box(x=(0, 1), y=(0, 1), name="outer") - Box(x=(0.4, 0.6), y=(0.4, 0.6), name="inner")


def stadium():
    return Box(x=(0, 2), y=(0, 1)) | Disk(center=(2, 0.5), radius=0.5)


def lens():
    return Disk((0, 0), 1, name="a") & Disk((1, 0), 1, name="b")


def stairs():
    return Box(x=(0, 1), y=(0, 1), name="a") | Box(x=(1, 2), y=(0, 0.5), name="b")


# name: (maker, volume, {piece: measure}, relative tolerance)
EXACT: dict[str, tuple] = {
    "interval": (lambda: Interval("x", -1, 1), 2, {"left": 1, "right": 1}, 1e-12),
    "box": (
        lambda: Box(x=(0, 2), y=(0, 1)),
        2,
        {"left": 1, "right": 1, "bottom": 2, "top": 2, "boundary": 6},
        1e-12,
    ),
    "other axes": (lambda: Box(r=(1, 2), q=(0, 3)), 3, {"r_low": 3, "q_high": 1}, 1e-12),
    "cuboid": (
        lambda: Cuboid(x=(0, 1), y=(0, 2), z=(0, 3)),
        6,
        {"left": 6, "right": 6, "bottom": 3, "top": 3, "back": 2, "front": 2},
        1e-12,
    ),
    "box 4": (lambda: Box(x=(0, 1), y=(0, 2), z=(0, 3), w=(0, 4)), 24, {"w_low": 6}, 1e-12),
    "disk": (lambda: Disk((0.3, 0.2), 0.5), PI / 4, {"circle": PI}, 1e-12),
    # Perimeter 4 a E(m) with a = 2, m = 15/16, from tables of the complete elliptic integral.
    "ellipse": (lambda: Ellipse((1, 0), (2, 0.5), 0.3), PI, {"ellipse": 8.578421775}, 1e-9),
    "triangle": (
        lambda: Triangle((0, 0), (0, 2), (1, 0)),
        1,
        {"edge0": 2, "edge1": 5**0.5, "edge2": 1},
        1e-12,
    ),
    "corner": (corner, 3, {"edge0": 2, "edge3": 1, "boundary": 8}, 1e-12),
    "ball": (lambda: Ball((0, 0, 1), 2), 32 * PI / 3, {"sphere": 16 * PI}, 1e-12),
    "plate": (plate, 2 - 0.04 * PI, {"left": 1, "top": 2, "hole": 0.4 * PI}, 1e-10),
    "bitten": (half_bitten, 2 - 0.02 * PI, {"left": 0.6, "bite": 0.2 * PI}, 1e-9),
    "frame": (frame, 0.96, {"outer": 4, "inner": 0.8, "inner.left": 0.2}, 1e-10),
    "stadium": (stadium, 2 + PI / 8, {"right": 0, "circle": PI / 2, "boundary": 5 + PI / 2}, 1e-6),
    "lens": (lens, 2 * PI / 3 - 3**0.5 / 2, {"a": 2 * PI / 3, "b": 2 * PI / 3}, 1e-9),
    "stairs": (stairs, 1.5, {"a.right": 0.5, "b.left": 0, "b": 2.5, "boundary": 6}, 1e-10),
    # The arc meets the box at tangents, where a few 1e-6 are undecided.
    "quarter": (
        lambda: Box(x=(0, 1), y=(0, 1)) & Disk((0, 0), 1),
        PI / 4,
        {"circle": PI / 2},
        1e-5,
    ),
    "slit line": (
        lambda: Interval("x", 0, 3, name="all") - Interval("x", 1, 2, name="gap"),
        2,
        {"all": 2, "gap": 2},
        1e-10,
    ),
    "bitten cube": (
        lambda: Cuboid(x=(0, 1), y=(0, 1), z=(0, 1)) - Ball((1, 1, 1), 0.5, name="bite"),
        1 - PI / 48,
        {"left": 1, "right": 1 - PI / 16, "bite": PI / 8},
        2e-5,
    ),
    "ring": (
        lambda: SDF(ring, {"x": (-1.5, 1.5), "y": (-1.5, 1.5)}, name="walls"),
        0.8 * PI,
        {"walls": 4 * PI},
        1e-5,
    ),
    "half ring": (
        lambda: (
            Box(x=(-2, 2), y=(0, 2)) & SDF(ring, {"x": (-1.5, 1.5), "y": (-1.5, 1.5)}, name="walls")
        ),
        0.4 * PI,
        {"bottom": 0.8, "walls": 2 * PI},
        1e-4,
    ),
    "torus": (
        lambda: SDF(
            lambda x, y, z: ((x**2 + y**2 + 1e-30).sqrt() - 1) ** 2 + z**2 - 0.09,
            {"x": (-1.5, 1.5), "y": (-1.5, 1.5), "z": (-0.5, 0.5)},
            name="skin",
        ),
        2 * PI**2 * 0.09,
        {"skin": 4 * PI**2 * 0.3},
        2e-3,
    ),
}


@cache
def shape_of(case: str) -> Shape:
    """The shape of a case, made once: shapes never change, and their measures are cached."""
    return EXACT[case][0]()


def distance(shape: Geometry, x: np.ndarray | torch.Tensor, pieces) -> torch.Tensor:
    """The distance function on a point array."""
    points = torch.as_tensor(x)
    return shape.distance(shape.coordinates.columns(points), pieces)
