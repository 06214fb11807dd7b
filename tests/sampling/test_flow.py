import numpy as np
import pytest
import torch
from sampling.test_adaptive import chi_square
from torch.autograd.functional import jacobian

from pinnlab.errors import DeclarationError
from pinnlab.sampling import SplineFlow
from pinnlab.sampling.flow import inverse_spline, masks, spline

F64 = torch.float64


def moved(dim, size=0.15, **options):
    """A flow away from the identity, whose density varies by a factor of ten or more."""
    flow = SplineFlow(dim, generator=torch.Generator().manual_seed(1), **options)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(size * torch.randn(parameter.shape, dtype=F64))
        flow.single.add_(0.5 * torch.randn(flow.single.shape, dtype=F64))
    return flow


def midpoints(n, dim):
    """The midpoint rule on the cube."""
    x = (torch.arange(n, dtype=F64) + 0.5) / n
    return torch.cartesian_prod(*[x] * dim).reshape(-1, dim)


# --- the spline -----------------------------------------------------------------------------
def test_a_spline_of_zeros_is_the_identity():
    x = torch.rand(50, 3, dtype=F64)
    y, slope = spline(x, torch.zeros(50, 3, 16, dtype=F64))
    torch.testing.assert_close(y, x, rtol=0, atol=1e-15)
    torch.testing.assert_close(slope, torch.ones_like(x), rtol=1e-14, atol=0)


def test_a_spline_is_monotone_between_the_ends_with_the_slope_it_says():
    parameters = torch.randn(1, 1, 19, dtype=F64).expand(400, -1, -1)
    x = torch.linspace(0, 1, 400, dtype=F64)[:, None].requires_grad_()
    y, slope = spline(x, parameters)
    assert float(y[0].detach()) == 0.0
    assert float(y[-1].detach()) == pytest.approx(1.0, abs=1e-14)
    assert (y.diff(dim=0) > 0).all()
    torch.testing.assert_close(slope, torch.autograd.grad(y.sum(), x)[0], rtol=1e-10, atol=1e-12)


def test_the_slope_is_continuous_across_knots():
    parameters = torch.randn(1, 1, 13, dtype=F64)
    knots = parameters[0, 0, :4].softmax(0).mul(1 - 4e-3).add(1e-3).cumsum(0)[:3, None]
    many = parameters.expand(3, -1, -1)
    left, right = (spline(knots + step, many)[1] for step in (-1e-9, 1e-9))
    torch.testing.assert_close(left, right, rtol=1e-5, atol=0)


def test_the_inverse_of_a_spline():
    parameters = 2 * torch.randn(300, 4, 25, dtype=F64)
    x = torch.rand(300, 4, dtype=F64)
    x[0], x[1] = 0.0, 1.0
    back = inverse_spline(spline(x, parameters)[0], parameters)
    # The error of y, divided by the slope, which goes down to about a thousandth.
    torch.testing.assert_close(back, x, rtol=0, atol=1e-10)


# --- the flow -------------------------------------------------------------------------------
@pytest.mark.parametrize("dim", [1, 2, 3, 10])
def test_a_new_flow_is_uniform(dim):
    x = torch.rand(40, dim, dtype=F64)
    z, log_density = SplineFlow(dim)(x)
    torch.testing.assert_close(z, x, rtol=0, atol=1e-14)
    torch.testing.assert_close(log_density, torch.zeros(40, dtype=F64), rtol=0, atol=1e-13)


@pytest.mark.parametrize("dim", [1, 2, 3, 10])
def test_the_flow_and_its_inverse(dim):
    flow = moved(dim)
    z = torch.rand(500, dim, dtype=F64)
    x = flow.inverse(z)
    assert ((x >= 0) & (x <= 1)).all()
    torch.testing.assert_close(flow(x)[0], z, rtol=0, atol=1e-9)


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_the_density_is_the_determinant(dim):
    flow = moved(dim)
    x = torch.rand(4, dim, dtype=F64)
    for point, log_density in zip(x, flow.log_density(x), strict=True):
        matrix = jacobian(lambda a: flow(a[None])[0][0], point)
        torch.testing.assert_close(torch.linalg.det(matrix).log(), log_density)


@pytest.mark.parametrize("dim,n", [(1, 4000), (2, 300), (3, 60)])
def test_the_density_integrates_to_one(dim, n):
    # The midpoint rule has an error of about p''/24n², and p bends over a bin of an eighth.
    flow = moved(dim, 0.1, bins=4)
    with torch.no_grad():
        integral = float(flow.log_density(midpoints(n, dim)).exp().mean())
    assert integral == pytest.approx(1.0, abs={1: 1e-5, 2: 1e-3, 3: 1e-2}[dim])


def test_samples_follow_the_density(rng):
    flow = moved(2, 0.06)
    n, cells, fine = 6000, 6, 40
    x = flow.inverse(torch.as_tensor(rng.random((n, 2)))).numpy()
    with torch.no_grad():
        density = flow.log_density(midpoints(cells * fine, 2)).exp().numpy()
    expected = density.reshape(cells, fine, cells, fine).mean((1, 3)).ravel() / cells**2
    counts = np.histogram2d(*x.T, bins=cells, range=[[0, 1]] * 2)[0].ravel()
    assert expected.max() / expected.min() > 5
    assert expected.min() * n > 5
    assert chi_square(counts, n * expected / expected.sum()) > 1e-3


@pytest.mark.parametrize("dim", [2, 3, 7, 8, 64])
def test_couplings_let_each_coordinate_depend_on_each_other(dim):
    layers = len(SplineFlow(dim, width=1, bins=2).couplings)
    seen = torch.zeros(dim, dim, dtype=torch.bool)
    for mask in masks(dim, layers):
        assert mask.any() and not mask.all()
        seen |= mask[:, None] & ~mask[None]
    assert (seen | torch.eye(dim, dtype=torch.bool)).all()


def test_the_density_can_be_trained_through_its_gradient():
    flow = moved(2)
    x = torch.rand(20, 2, dtype=F64, requires_grad=True)
    (slope,) = torch.autograd.grad(flow.log_density(x).exp().sum(), x, create_graph=True)
    slope.square().sum().backward()
    for parameter in flow.parameters():
        assert torch.isfinite(parameter.grad).all() and parameter.grad.any()


@pytest.mark.parametrize(
    "options", [{"dim": 0}, {"layers": -1}, {"bins": 1}, {"width": 0}], ids=str
)
def test_impossible_flows_are_refused(options):
    with pytest.raises(DeclarationError, match="The flow has " + next(iter(options))):
        SplineFlow(**({"dim": 2} | options))
