import numpy as np
import pytest
import torch
from scipy.stats import chi2

from pinnlab.sampling import above_mean, drawn, largest, probabilities


def chi_square(counts: np.ndarray, expected: np.ndarray) -> float:
    """Probability of counts at least as far from the expected ones by chance."""
    return float(chi2.sf(((counts - expected) ** 2 / expected).sum(), len(counts) - 1))


# --- the density ----------------------------------------------------------------------------
@pytest.mark.parametrize("k", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("c", [0.0, 1.0, 3.0])
def test_probabilities_are_the_formula(k, c, rng):
    sizes = rng.exponential(size=50)
    density = sizes**k / np.mean(sizes**k) + c
    np.testing.assert_allclose(probabilities(sizes, k, c), density / density.sum(), rtol=1e-13)


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_only_relative_sizes_count(scale, rng):
    sizes = rng.exponential(size=20)
    np.testing.assert_allclose(probabilities(scale * sizes, 3.0), probabilities(sizes, 3.0))


def test_without_a_residual_the_density_is_even():
    np.testing.assert_allclose(probabilities(np.zeros(4), 2.0, 0.0), 0.25)


def test_what_is_not_finite_counts_like_the_largest():
    p = probabilities(np.array([1.0, np.nan, 3.0, np.inf]), 1.0, 0.0)
    np.testing.assert_allclose(p, np.array([1, 3, 3, 3]) / 10)


def test_drawn_points_follow_the_density(rng):
    # A hundred times as many candidates as points: drawing without replacement hardly shows.
    x = rng.random(200_000)
    p = probabilities(np.exp(-20 * (x - 0.3) ** 2), 1.0, 0.5)
    rows = drawn(p, 2000, rng)
    assert len(np.unique(rows)) == 2000
    edges = np.linspace(0, 1, 21)
    expected = 2000 * np.histogram(x, edges, weights=p)[0]
    assert chi_square(np.histogram(x[rows], edges)[0], expected) > 1e-3


def test_no_more_are_drawn_than_are_possible(rng):
    p = probabilities(np.array([0.0, 1.0, 2.0, 0.0]), 1.0, 0.0)
    assert sorted(drawn(p, 4, rng)) == [1, 2]


# --- choices --------------------------------------------------------------------------------
def test_the_largest_come_first():
    sizes = np.array([1.0, 5.0, np.nan, 3.0, 5.0])
    assert largest(sizes, 3).tolist() == [2, 1, 4]
    assert len(largest(sizes, 9)) == 5


def test_above_the_mean_is_strictly_above():
    assert above_mean(torch.tensor([1.0, 2.0, 3.0])).tolist() == [False, False, True]
    assert not above_mean(torch.full((5,), 2.0)).any()
    assert above_mean(torch.tensor([1.0, float("nan")])).all()
