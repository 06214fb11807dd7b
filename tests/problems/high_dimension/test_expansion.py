"""Polynomials of two variables that stand for smooth functions."""

import numpy as np
import pytest

from pinnlab.problems.high_dimension._expansion import expansion, monomials
from pinnlab.problems.high_dimension.two_body import _terms


@pytest.mark.parametrize("degree", [2, 3, 4, 5])
def test_keeps_its_tolerance_and_reaches_as_far_as_it_says(degree):
    made = expansion(_terms, degree, 1e-7, (1.0, 1.0, 1.0))
    x, y = made.reach * np.random.default_rng(0).uniform(-1, 1, (2, 5000))
    basis = np.stack([x**a * y**b for a, b in monomials(degree)])
    error = np.abs(made.coefficients @ basis - _terms(x, y)).max()
    assert 0.2e-7 < error <= 1.01e-7  # the grid that decides is finite


def test_polynomials_are_found_exactly():
    def terms(x, y):
        return np.stack([2 - x + 3 * x * y])

    made = expansion(terms, 2, 1e-9, (1.0,))
    wanted = {(0, 0): 2.0, (1, 0): -1.0, (1, 1): 3.0}
    assert made.reach == 1.0
    for c, power in zip(made.coefficients[0], monomials(2), strict=True):
        assert c == pytest.approx(wanted.get(power, 0.0), abs=1e-13)


def test_orders_monomials_by_what_they_need():
    assert monomials(2) == [(1, 0), (2, 0), (1, 1), (0, 1), (0, 2), (0, 0)]
