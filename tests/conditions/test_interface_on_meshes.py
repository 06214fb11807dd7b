"""Interfaces between the volume groups of a mesh: points lie on both, normals leave the first."""

from pathlib import Path

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.conditions.placement import Placement

MESH = Path(__file__).parents[2] / "geometries" / "two_materials.msh"


@pytest.mark.parametrize("in_time", [False, True])
@pytest.mark.parametrize("on", [("matrix", "inclusion"), ("inclusion", "matrix")])
def test_normals_leave_the_region_named_first(on, in_time):
    mesh = pl.Mesh(MESH)
    domain = mesh * pl.Time("t", 0, 1) if in_time else mesh
    points = Placement(interface=on).points(
        domain,
        {},
        count=200,
        sampler="sobol",
        rng=np.random.default_rng(0),
        dtype=torch.float64,
        device="cpu",
    )
    x, normals = points.x[:, :2].numpy(), points.normals.numpy()
    behind = mesh.in_region(x - 1e-6 * normals, on[0])
    ahead = mesh.in_region(x + 1e-6 * normals, on[1])
    assert len(x) == 200
    assert behind.all()
    assert ahead.all()
