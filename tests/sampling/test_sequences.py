import warnings

import numpy as np
import pytest
import torch

from pinnlab.errors import GeometryError
from pinnlab.sampling import RULES, SAMPLERS, rule, unit_points
from pinnlab.sampling.sequences import _primes


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("dim", [0, 1, 3, 50, 3000])
def test_points_fill_the_half_open_cube(sampler, dim):
    u = unit_points(sampler, 21, dim, np.random.default_rng(0))
    assert u.shape == (21, dim)
    assert u.dtype == np.float64
    assert np.all((u >= 0) & (u < 1))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_dimensions_beyond_the_sobol_numbers(sampler):
    u = unit_points(sampler, 5, 21_300, np.random.default_rng(0))
    assert u.shape == (5, 21_300)
    assert len(np.unique(u[:, -1])) == 5


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_moments_are_those_of_the_uniform_distribution(sampler):
    n, dim = 4096, 4
    u = unit_points(sampler, n, dim, np.random.default_rng(1))
    # Five standard errors of independent points; the others are much closer.
    for power in (1, 2, 3):
        spread = np.sqrt(1 / (2 * power + 1) - 1 / (power + 1) ** 2)
        assert np.abs((u**power).mean(axis=0) - 1 / (power + 1)).max() < 5 * spread / np.sqrt(n)
    cross = np.abs(u.T @ u / n - np.where(np.eye(dim), 1 / 3, 1 / 4))
    assert cross.max() < 5 * 0.3 / np.sqrt(n)


@pytest.mark.parametrize("sampler", ["sobol", "halton"])
def test_low_discrepancy_integrates_better_than_chance(sampler):
    n = 4096
    u = unit_points(sampler, n, 2, np.random.default_rng(2))
    error = abs(np.prod(np.sin(np.pi * u), axis=1).mean() - (2 / np.pi) ** 2)
    assert error < 0.1 * 0.3 / np.sqrt(n)


def test_latin_hypercube_has_one_point_in_every_slot():
    u = unit_points("lhs", 64, 7, np.random.default_rng(0))
    assert np.array_equal(np.sort((u * 64).astype(int), axis=0), np.tile(np.arange(64), (7, 1)).T)


@pytest.mark.parametrize("base, column", [(2, 0), (3, 1), (5, 2)])
def test_halton_is_stratified_in_its_base(base, column):
    u = unit_points("halton", base**3, 3, np.random.default_rng(0))[:, column]
    assert np.array_equal(np.sort((u * base**3).astype(int)), np.arange(base**3))


def test_primes():
    assert _primes(10).tolist() == [2, 3, 5, 7, 11, 13, 17, 19, 23, 29]
    assert _primes(1000)[-1] == 7919


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_same_seed_same_points_and_every_call_new_points(sampler):
    first, second = np.random.default_rng(3), np.random.default_rng(3)
    a = unit_points(sampler, 16, 3, first)
    assert np.array_equal(a, unit_points(sampler, 16, 3, second))
    assert not np.any(np.isin(a, unit_points(sampler, 16, 3, first)))


@pytest.mark.parametrize("sampler", RULES)
def test_nothing_global_is_touched_and_nothing_is_warned(sampler):
    torch_state = torch.get_rng_state()
    numpy_state = np.random.get_state()[1].copy()  # noqa: NPY002
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rule(sampler, 100, 3, np.random.default_rng(0))  # no power of two
    assert torch.equal(torch_state, torch.get_rng_state())
    assert np.array_equal(numpy_state, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize("sampler", RULES)
def test_weights_sum_to_one(sampler):
    u, weights = rule(sampler, 100, 2, np.random.default_rng(0))
    assert weights.shape == (len(u),)
    assert weights.sum() == pytest.approx(1.0, abs=1e-14)


@pytest.mark.parametrize(
    "n, dim, count", [(1, 3, 1), (26, 2, 25), (27, 3, 27), (7, 0, 1), (9, 1, 9)]
)
def test_gauss_rule_rounds_down_and_is_exact_for_polynomials(n, dim, count):
    u, weights = rule("gauss", n, dim, np.random.default_rng(0))
    assert u.shape == (count, dim)
    side = round(count ** (1 / dim)) if dim else 1
    for degree in range(2 * side):
        value = np.sum(weights * np.prod(u**degree, axis=1))
        assert value == pytest.approx((1 / (degree + 1)) ** dim, rel=1e-13)


@pytest.mark.parametrize("draw", [unit_points, rule])
def test_unknown_sampler_lists_the_names(draw):
    with pytest.raises(
        GeometryError, match=r"(?s)no sampler 'sobel'.*uniform, lhs, sobol.*'sobol'\?"
    ):
        draw("sobel", 4, 2, np.random.default_rng(0))


@pytest.mark.parametrize("n", [0, -1, 2.5, True])
def test_the_number_of_points_must_be_a_positive_integer(n):
    for sampler in ("uniform", "gauss"):
        with pytest.raises(GeometryError, match="positive integer"):
            rule(sampler, n, 2, np.random.default_rng(0))
