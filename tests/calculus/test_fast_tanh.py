import pytest
import torch

from pinnlab.calculus import fast_tanh


@pytest.fixture(params=[torch.float32, torch.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture(params=[10, 0], ids=["numpy", "torch"])
def path(request, monkeypatch):
    monkeypatch.setattr(fast_tanh, "THREADS", request.param)
    monkeypatch.setattr(fast_tanh, "SHARED_FROM", 0)


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("size", [1e-6, 1e-2, 1.0, 30.0])
def test_tanh_is_accurate_to_a_few_units_in_the_last_place(size, dtype, generator):
    x = torch.randn(999, generator=generator, dtype=torch.float64).mul_(size).to(dtype)
    found = fast_tanh.tanh(x, out=torch.empty_like(x))
    relative = (found.double() / torch.tanh(x.double()) - 1).abs().max()
    assert relative < 2 * torch.finfo(dtype).eps


@pytest.mark.usefixtures("path")
def test_tanh_writes_over_its_argument_and_into_views(dtype, generator):
    x = torch.randn(3, 5, 4, generator=generator, dtype=torch.float64).to(dtype)
    before = x.clone()
    out = fast_tanh.tanh(x[:, 1], out=x[:, 1])
    assert out.data_ptr() == x[:, 1].data_ptr()
    torch.testing.assert_close(x[:, 1], torch.tanh(before[:, 1]))
    assert torch.equal(x[:, 0], before[:, 0])


@pytest.mark.usefixtures("path")
def test_tanh_of_values_that_are_not_finite(dtype):
    x = torch.tensor([torch.inf, -torch.inf, torch.nan], dtype=dtype)
    found = fast_tanh.tanh(x, out=torch.empty_like(x))
    torch.testing.assert_close(found, torch.tanh(x), equal_nan=True)
