import numpy as np
import pytest
import torch

from pinnlab.sampling import Noise
from pinnlab.sampling.noise import _normal_levels

BLOCK = 2**20


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("kind", ["normal", "uniform"])
@pytest.mark.parametrize("d", [8, 100])
def test_moments(kind, dtype, d):
    n = 400_000
    x = getattr(Noise(np.random.default_rng(0), dtype), kind)(n // d, d)
    assert x.dtype == dtype
    x = x.double()
    mean, variance, fourth = (0.0, 1.0, 3.0) if kind == "normal" else (0.5, 1 / 12, 1 / 80)
    # Six standard errors of the mean, or the rounding of bfloat16 (2^-9).
    rounding = 2e-3 if dtype == torch.bfloat16 else 0.0
    assert abs(float(x.mean()) - mean) < 6 * (variance / n) ** 0.5 + rounding
    spread = (x - mean).square()
    assert abs(float(spread.mean()) - variance) < 6 * (fourth / n) ** 0.5 + rounding
    assert abs(float(spread.square().mean()) - fourth) < 0.02 * fourth + 4 * rounding
    if kind == "uniform":
        assert 0 < float(x.min()) < 1e-2


@pytest.mark.parametrize("d", [8, 1000])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_normal_numbers_follow_the_law(d, dtype):
    n = 1_000_000
    x = Noise(np.random.default_rng(2), dtype).normal(n // d, d).double().view(-1)
    law = torch.special.ndtr(x).sort().values
    steps = torch.arange(n, dtype=torch.float64) / n
    # Kolmogorov-Smirnov: above 1.95/sqrt(n) once in a thousand; 16 bits add less than 1e-5.
    assert float((law - steps).abs().max()) < 1.95 / n**0.5
    # Neighbours, in the row and in the column, are uncorrelated to five standard errors.
    rows = x.view(n // d, d)
    assert abs(float((rows[:, 1:] * rows[:, :-1]).mean())) < 5 / n**0.5
    assert abs(float((rows[1:] * rows[:-1]).mean())) < 5 / n**0.5


def test_levels_of_coarse_normal_numbers():
    levels = _normal_levels().astype(float)
    assert len(levels) == 2**16
    assert np.array_equal(levels, -levels[::-1])
    assert np.mean(levels**2) == pytest.approx(1, abs=1e-8)
    assert np.mean(levels**4) == pytest.approx(3, rel=1e-4)
    edges = torch.special.ndtr(torch.from_numpy(levels)).numpy()
    assert np.abs(edges - (np.arange(2**16) + 0.5) / 2**16).max() < 1e-5
    # A million components or more use the levels evenly.
    x = Noise(np.random.default_rng(3), torch.float32).normal(4, 2**20).view(-1).numpy()
    counts = np.bincount(np.searchsorted(levels, x - 1e-9), minlength=2**16)
    chi2 = np.sum((counts - 64.0) ** 2) / 64
    assert abs(chi2 - 2**16) < 5 * (2 * 2**16) ** 0.5


def test_uniform_numbers_in_single_precision_are_never_at_the_ends():
    x = Noise(np.random.default_rng(2), torch.float32).uniform(30, 2**20)
    low, high = x.aminmax()
    assert 0 < float(low) < 1e-6
    assert 1 - 1e-6 < float(high) < 1
    # Multiples of 2^-24: nothing was rounded.
    assert bool((x[0].double() * 2**24 % 2 == 1).all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("ends", [(-1.0, 1.0), (2.0, 3.0), (0.1, 0.1001), (-1e4, 3e4)])
def test_uniform_numbers_stay_between_their_ends(ends, dtype):
    low, high = torch.tensor(ends, dtype=dtype).tolist()
    if low == high:
        pytest.skip("the ends are the same number in this precision")
    x = Noise(np.random.default_rng(2), dtype).uniform(3, 2**20, low, high).double()
    assert low < float(x.min())
    assert float(x.max()) < high
    # Six standard errors, and the rounding of the numbers.
    spread = (high - low) / 12**0.5
    slack = 6 * spread / x.numel() ** 0.5 + torch.finfo(dtype).eps * max(abs(low), abs(high))
    assert abs(float(x.mean()) - (low + high) / 2) < slack


def test_the_state_of_the_numpy_generator_decides():
    rng = np.random.default_rng(3)
    noise = Noise(rng, torch.float32)
    first, second = noise.normal(4, 5), noise.normal(4, 5)
    assert not torch.equal(first, second)
    again = np.random.default_rng(3)
    assert torch.equal(first, Noise(again, torch.float32).normal(4, 5))
    assert torch.equal(second, Noise(again, torch.float32).normal(4, 5))
    assert rng.bit_generator.state == again.bit_generator.state


@pytest.mark.parametrize("kind", ["normal", "uniform"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_threads_change_nothing(kind, dtype, torch_threads):
    shape = (3, BLOCK + 7)  # a block that ends within a row, and a last one of 21 numbers
    one = getattr(Noise(np.random.default_rng(1), dtype), kind)(*shape)
    torch_threads(2)
    two = getattr(Noise(np.random.default_rng(1), dtype), kind)(*shape)
    assert torch.equal(one, two)
    flat = one.view(-1)
    assert not torch.equal(flat[: BLOCK // 2], flat[BLOCK : BLOCK + BLOCK // 2])
    assert bool(flat.isfinite().all())


def test_an_array_is_used_again_if_it_fits():
    old = torch.full((4, 6), 7.0)
    noise = Noise(np.random.default_rng(0), torch.float32, into=old)
    assert noise.uniform(4, 1).data_ptr() != old.data_ptr()
    new = noise.normal(4, 6)
    assert new.data_ptr() == old.data_ptr()
    assert torch.equal(new[:, :1], old[:, :1])
    assert noise.normal(4, 6).data_ptr() != old.data_ptr()  # only once
    for other in (old.double(), torch.zeros(6, 4).T, torch.zeros(4, 7)):
        fresh = Noise(np.random.default_rng(0), torch.float32, into=other).normal(4, 6)
        assert fresh.data_ptr() != other.data_ptr()


def test_constants():
    assert Noise(np.random.default_rng(0), torch.float32).constant(2, 0.5).tolist() == [0.5, 0.5]


def test_global_generators_are_not_touched():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    Noise(np.random.default_rng(0), torch.float32).normal(10, 10)
    assert torch.equal(before, torch.get_rng_state())
