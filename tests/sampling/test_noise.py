import numpy as np
import pytest
import torch

from pinnlab.sampling import Noise

BLOCK = 2**20


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_moments(kind, dtype):
    n = 400_000
    x = getattr(Noise(np.random.default_rng(0), dtype), kind)(n // 8, 8)
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
        assert 0 <= float(x.min()) < 1e-3


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
def test_threads_change_nothing(kind, dtype):
    shape = (3, BLOCK + 7)  # a block that ends within a row, and a last one of 21 numbers
    one = getattr(Noise(np.random.default_rng(1), dtype), kind)(*shape)
    torch.set_num_threads(2)
    try:
        two = getattr(Noise(np.random.default_rng(1), dtype), kind)(*shape)
    finally:
        torch.set_num_threads(1)
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
