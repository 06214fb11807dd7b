"""Problems whose fields are known functions, so that residuals can be compared with formulas."""

import numpy as np
import torch
from cases import assembly
from torch import nn

import pinnlab as pl


class Known(nn.Module):
    """Known functions of the columns in place of a network."""

    def __init__(self, *functions):
        super().__init__()
        self.functions = functions

    def forward(self, x):
        columns = [x[:, k] for k in range(x.shape[1])]
        return torch.stack([f(*columns) for f in self.functions], -1)


DOMAINS = {
    "line": pl.Interval("x", -1, 2),
    "strip": pl.Interval("x", -1, 2) * pl.Time("t", 0, 1),
    "box": pl.Box(x=(0, 2), y=(0, 1)),
    "disk": pl.Disk(center=(0, 0), radius=2.0),
    "disk in time": pl.Disk(center=(0, 0), radius=2.0) * pl.Time("t", 1, 3),
}
FIELD = {1: lambda x: torch.sin(x), 2: lambda x, y: torch.sin(x) * torch.cos(y)}
FIELD[3] = lambda x, y, t: torch.sin(x) * torch.cos(y) * torch.exp(-t)


def residual(domain, condition, *functions, fields=None, n=8, **parts):
    """Residual block of one condition where the fields are known functions.

    Returns:
        The block ``(n, k)`` and the points, as NumPy arrays by name, with ``n`` the normals.
    """
    fields = fields or ("u", "v")[: len(functions)]
    equation = " + ".join(fields)
    problem = pl.Problem(domain, fields, {"equation": equation}, {"condition": condition}, **parts)
    objective = assembly(
        problem, Known(*functions), pl.PointBudget(interior=64, boundary=n)
    ).objective
    block = objective.residuals()["condition"].detach().numpy()
    term = problem.terms[1]
    points = objective.points[term.placements[0]]
    columns = {k: v.numpy() for k, v in points.columns.items()}
    if points.normals is not None:
        columns["n"] = points.normals.numpy()
    return block, columns, term


def assert_residual(found, expected):
    expected = np.stack([np.broadcast_to(e, len(found)) for e in expected], -1)
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)
