"""Gradients of terms for the tests of aggregators: of every rank and size, and in conflict."""

from dataclasses import dataclass

import numpy as np
import torch
from hypothesis import strategies as st
from scipy.optimize import nnls
from torch import Tensor

F64 = torch.float64
KINDS = ("free", "free", "zero", "parallel", "opposite")
EXPONENTS = (-10, -5, 0, 5, 10)


def matrix(m: int, p: int, seed: int = 0, dtype: torch.dtype = F64) -> Tensor:
    """Normal numbers ``(m, p)``."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(m, p, generator=generator, dtype=F64).to(dtype)


def sized(jacobian: Tensor, exponents: list[int]) -> Tensor:
    """The rows times powers of ten."""
    scales = [10.0**exponent for exponent in exponents]
    return jacobian * torch.tensor(scales, dtype=jacobian.dtype)[:, None]


@st.composite
def jacobians(draw, most: int = 5) -> Tensor:
    """Matrices ``(m, p)`` of any rank, with rows that are zero, parallel or opposite to others."""
    m, seed = draw(st.integers(1, most)), draw(st.integers(0, 10_000))
    rank = draw(st.integers(1, m))
    rows = matrix(m, rank, seed) @ matrix(rank, draw(st.integers(m, 12)), seed + 1)
    for k in range(1, m):
        kind, other = draw(st.sampled_from(KINDS)), draw(st.integers(0, k - 1))
        factor = {"free": None, "zero": 0.0, "parallel": 1.7, "opposite": -0.6}[kind]
        if factor is not None:
            rows[k] = factor * rows[other]
    exponents = draw(st.lists(st.sampled_from(EXPONENTS), min_size=m, max_size=m))
    return sized(rows, exponents)


@dataclass(frozen=True)
class Rates:
    """First-order decrease of the terms along a direction.

    Args:
        values: ĝ_k · d of the unit gradients, ``(m,)``; zero for terms without gradient.
        size: Σ |w_k| ‖g_k‖ of the coefficients: rounding is relative to it.
    """

    values: Tensor
    size: float


def rates(jacobian: Tensor, coefficients: Tensor) -> Rates:
    """Rates of a combination of the rows, in float64."""
    rows = jacobian.double()
    norms = torch.linalg.vector_norm(rows, dim=1)
    units = torch.where(norms[:, None] > 0, rows / norms.clamp_min(1e-300)[:, None], 0.0)
    # Summed row by row with unit gradients, so that sizes do not meet before they must.
    parts = coefficients * norms
    return Rates(units @ (units.T @ parts), float(parts.abs().sum()))


def cosines(jacobian: Tensor, direction: Tensor) -> Tensor:
    """Cosines ``(m,)`` of a direction with the gradients."""
    jacobian, direction = jacobian.double(), direction.double()
    norms = torch.linalg.vector_norm(jacobian, dim=1) * torch.linalg.vector_norm(direction)
    return jacobian @ direction / norms


def common_descent(jacobian: Tensor) -> float:
    """Length of the shortest vector of the convex hull of the unit gradients, by SciPy."""
    rows = jacobian.double()
    norms = torch.linalg.vector_norm(rows, dim=1)
    units = (rows[norms > 0] / norms[norms > 0][:, None]).numpy()
    if not len(units):
        return 0.0
    stacked = np.vstack([units.T, np.ones(len(units))])
    z = nnls(stacked, np.eye(len(stacked))[-1])[0]
    return float(np.linalg.norm(units.T @ (z / z.sum())))
