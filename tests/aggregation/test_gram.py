"""The small convex problems, against their optimality conditions and SciPy."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import nnls
from term_gradients import jacobians, matrix

from pinnlab.aggregation.small_problems import (
    cholesky,
    dot,
    least_squares,
    nonnegative,
    on_host,
    product,
    shortest,
    substitute,
    unit_gramian,
)


def gramian(jacobian):
    return (jacobian @ jacobian.T).tolist()


def test_on_host_keeps_float64():
    out = on_host(lambda rows: [sum(row) for row in rows], torch.eye(2, dtype=torch.float64))
    assert out.dtype is torch.float64
    assert out.tolist() == [1.0, 1.0]


@given(jacobians())
def test_cosines_are_those_of_the_gradients(jacobian):
    norms, found = unit_gramian(gramian(jacobian))
    assert norms == pytest.approx(torch.linalg.vector_norm(jacobian, dim=1).tolist(), rel=1e-14)
    for k, row in enumerate(found):
        assert row[k] == pytest.approx(float(norms[k] > 0), abs=1e-14)
        assert max(map(abs, row)) <= 1 + 1e-14


@given(st.integers(1, 8), st.integers(0, 1000))
def test_cholesky_solves(m, seed):
    rows = matrix(m, m + 3, seed)
    factor, pivot = cholesky(gramian(rows), floor=1e-14)
    right = matrix(1, m, seed + 1)[0]
    expected = torch.linalg.solve(rows @ rows.T, right)
    assert 0 < pivot <= 1
    assert substitute(factor, right.tolist()) == pytest.approx(expected.tolist(), rel=1e-8)


@given(st.integers(1, 7), st.integers(1, 7), st.integers(0, 1000))
def test_least_squares_is_the_pseudo_inverse(m, rank, seed):
    rows = matrix(m, rank, seed) @ matrix(rank, 9, seed + 1)
    _, unit = unit_gramian(gramian(rows))
    expected = torch.linalg.pinv(
        torch.tensor(unit, dtype=torch.float64), rtol=1e-12, hermitian=True
    ).sum(1)
    # The condition of random rows goes up to about 1e4.
    assert least_squares(unit, [1.0] * m, 1e-12) == pytest.approx(
        expected.tolist(), rel=1e-6, abs=1e-6
    )


@given(jacobians(8), st.integers(0, 1000))
def test_nonnegative_satisfies_its_optimality_conditions(jacobian, seed):
    _, h = unit_gramian(gramian(jacobian))
    # In the range of H, so that the value is bounded below.
    q = product(h, matrix(1, len(h), seed)[0].tolist())
    z = nonnegative(h, q)
    slopes = [a + b for a, b in zip(product(h, z), q, strict=True)]
    size = max(map(abs, [*z, *q]))
    assert min(z) >= 0
    assert min(slopes) >= -1e-10 * size
    assert dot(z, slopes) == pytest.approx(0, abs=1e-10 * size * max(*z, 1.0))


@given(st.integers(1, 10), st.integers(0, 1000))
def test_nonnegative_agrees_with_scipy(m, seed):
    a, b = matrix(m + 2, m, seed), matrix(1, m + 2, seed + 1)[0]
    expected = nnls(a.numpy(), b.numpy())[0]
    found = nonnegative((a.T @ a).tolist(), (-(a.T @ b)).tolist())
    np.testing.assert_allclose(found, expected, atol=1e-9 * max(1.0, expected.max()))


def test_nonnegative_goes_along_directions_that_cost_nothing():
    # min ½ (z0 + z1)² − 2 z0 − z1: along (1, −1) nothing is paid for the better of the two.
    found = nonnegative([[1.0, 1.0], [1.0, 1.0]], [-2.0, -1.0])
    assert found == pytest.approx([2.0, 0.0])
    assert nonnegative([[1.0, 1.0], [1.0, 1.0]], [-1.0, -2.0]) == pytest.approx([0.0, 2.0])


def test_what_has_no_column_stays_zero():
    assert nonnegative([[0.0, 0.0], [0.0, 1.0]], [-1.0, -1.0]) == [0.0, 1.0]


@given(jacobians(8))
def test_shortest_vector_of_the_hull(jacobian):
    rows = gramian(jacobian)
    alpha = shortest(rows)
    assert min(alpha) >= 0
    assert sum(alpha) == pytest.approx(1)
    vector = jacobian.T @ torch.tensor(alpha, dtype=torch.float64)
    # No point of the hull is closer: g_k · d ≥ ‖d‖² for all k, to rounding of the shortest row.
    sizes = torch.linalg.vector_norm(jacobian, dim=1)
    room = 1e-9 * float(sizes.min()) * sizes
    assert bool((jacobian @ vector >= vector @ vector - room).all())


def test_shortest_vector_where_a_row_is_zero():
    assert shortest([[0.0, 0.0], [0.0, 3.0]]) == [1.0, 0.0]
