"""Random directions have the moments that turn derivatives along them into operators."""

import itertools
import math
from collections import Counter

import pytest
import torch

from pinnlab.calculus.distributions import DENSE, draw, moment_weight, second_moment_weight
from pinnlab.calculus.slopes import Rows, Units

F64 = torch.float64
LIKE = torch.zeros(1, dtype=F64)
N = 40_000
ALL = ("sparse", "repeated", *DENSE)


def rows(distribution, dim, generator, count=N):
    """Many directions as ``(count, dim)``; distinct ones are drawn one at a time."""
    return draw(distribution, count, dim, generator, LIKE).dense(dim)


def assert_mean(samples, expected, sigmas=5.0):
    """The mean of independent samples ``(n, ...)``, within its standard error."""
    error = samples.std(0) / math.sqrt(len(samples))
    gap = (samples.mean(0) - expected).abs()
    assert bool((gap <= sigmas * error + 1e-12).all()), (samples.mean(0), expected)


@pytest.mark.parametrize("distribution", [*DENSE, "repeated"])
def test_second_moments_are_the_identity(distribution, generator):
    v = rows(distribution, 3, generator)
    products = v[:, :, None] * v[:, None, :]
    weight = second_moment_weight(distribution, 1, 3)
    assert_mean(weight * products, torch.eye(3, dtype=F64))


@pytest.mark.parametrize("distribution", ["gaussian", "sphere"])
def test_fourth_moments_give_three_times_the_biharmonic(distribution, generator):
    """c E v_i v_j v_k v_l is a third of δ_ij δ_kl + δ_ik δ_jl + δ_il δ_jk."""
    dim = 3
    v = rows(distribution, dim, generator)
    weight = moment_weight(distribution, 1, dim, 4)
    for index in itertools.combinations_with_replacement(range(dim), 4):
        i, j, k, m = index
        pairings = (i == j) * (k == m) + (i == k) * (j == m) + (i == m) * (j == k)
        assert_mean(weight * v[:, list(index)].prod(1), pairings / 3)


def test_golden_components_have_third_moments_like_unit_vectors(generator):
    """E v_i v_j v_k = 1 where i = j = k, else 0; the mean is 0, the square 1."""
    v = rows("skewed", 3, generator)
    golden = (1 + math.sqrt(5)) / 2
    values = v.unique()
    torch.testing.assert_close(values, torch.tensor([-1 / golden, golden], dtype=F64))
    assert_mean(v, torch.zeros(3, dtype=F64))
    for index in itertools.combinations_with_replacement(range(3), 3):
        assert_mean(v[:, list(index)].prod(1), float(len(set(index)) == 1))
    # The two values and their probabilities p = 1/(φ² + 1) satisfy this exactly.
    p = 1 / (golden**2 + 1)
    for power, moment in ((1, 0), (2, 1), (3, 1)):
        exact = p * golden**power + (1 - p) * (-1 / golden) ** power
        assert exact == pytest.approx(moment, abs=1e-14)


def test_components_of_each_kind(generator):
    assert set(rows("rademacher", 5, generator).flatten().tolist()) == {-1.0, 1.0}
    radius = torch.linalg.vector_norm(rows("sphere", 7, generator, 100), dim=1)
    torch.testing.assert_close(radius, torch.full((100,), math.sqrt(7), dtype=F64))


def test_sparse_directions_are_distinct_unit_vectors(generator):
    for dim, count in itertools.product((2, 5, 9), (1, 2, 5, 9)):
        if count > dim:
            continue
        part = draw("sparse", count, dim, generator, LIKE)
        assert isinstance(part, Units)
        assert len(set(part.columns.tolist())) == count
        assert 0 <= int(part.columns.min()) <= int(part.columns.max()) < dim
        assert part.scale.tolist() == [1.0] * count


def chi_square(counts, expected):
    return sum((count - expected) ** 2 / expected for count in counts)


def test_all_sets_of_coordinates_are_equally_likely(generator):
    """Chi-square over the 20 sets of 3 out of 6, 19 degrees of freedom: 50 has p = 1e-4."""
    sets: Counter[frozenset[int]] = Counter()
    for _ in range(8000):
        sets[frozenset(draw("sparse", 3, 6, generator, LIKE).columns.tolist())] += 1
    assert len(sets) == 20
    assert chi_square(sets.values(), 8000 / 20) < 50


def test_repeated_coordinates_are_independent(generator):
    """All 16 pairs of two coordinates out of 4 are equally likely, equal ones among them."""
    pairs: Counter[tuple[int, ...]] = Counter()
    for _ in range(8000):
        pairs[tuple(draw("repeated", 2, 4, generator, LIKE).columns.tolist())] += 1
    assert len(pairs) == 16
    assert chi_square(pairs.values(), 8000 / 16) < 44  # 15 degrees of freedom, p = 1e-4


def test_few_out_of_a_million_cost_nothing_of_that_size(generator):
    """Floyd's algorithm draws as many numbers as there are samples."""
    before = generator.get_state()
    columns = draw("sparse", 16, 1_000_000, generator, LIKE).columns
    assert len(set(columns.tolist())) == 16
    other = torch.Generator()
    other.set_state(before)
    torch.rand(16, generator=other, dtype=F64)
    assert torch.equal(other.get_state(), generator.get_state())


@pytest.mark.parametrize("distribution", ALL)
@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_the_seed_determines_them(distribution, dtype):
    def once(seed):
        g = torch.Generator().manual_seed(seed)
        return draw(distribution, 4, 6, g, torch.zeros(1, dtype=dtype)).dense(6)

    assert torch.equal(once(3), once(3))
    assert not torch.equal(once(3), once(4))
    assert once(3).dtype == dtype
    assert once(3).shape == (4, 6)


@pytest.mark.parametrize("distribution", ALL)
def test_kinds(distribution, generator):
    kind = Units if distribution in ("sparse", "repeated") else Rows
    assert isinstance(draw(distribution, 2, 5, generator, LIKE), kind)


def test_where_the_moments_are_wrong_there_is_no_weight():
    assert moment_weight("rademacher", 4, 10, 3) is None
    assert moment_weight("rademacher", 4, 10, 4) is None
    assert moment_weight("skewed", 4, 10, 4) is None
    assert moment_weight("gaussian", 4, 10, 3) is None
    assert moment_weight("gaussian", 4, 10, 6) is None
    assert moment_weight("sparse", 4, 10, 6) == moment_weight("sparse", 4, 10, 2) == 2.5
