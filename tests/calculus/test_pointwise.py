import pytest
import torch
import torch.nn.functional as F

from pinnlab.calculus.pointwise import POINTWISE, power

POSITIVE = {torch.log, torch.sqrt, torch.reciprocal}
KINKED = {torch.abs, torch.relu, F.relu}
ORDER = 5


def nested(function, z, order):
    """All derivatives by repeated autograd: independent of every closed form."""
    z = z.clone().requires_grad_()
    values = [function(z)]
    for _ in range(order):
        last = values[-1]
        if last.requires_grad:
            (g,) = torch.autograd.grad(last.sum(), z, create_graph=True, allow_unused=True)
        else:
            g = None
        values.append(torch.zeros_like(z) if g is None else g)
    return [value.detach() for value in values]


def points(function):
    if function in POSITIVE:
        return torch.linspace(0.3, 3.0, 41, dtype=torch.float64)
    if function is torch.tan:
        return torch.linspace(-1.2, 1.2, 41, dtype=torch.float64)
    # An even number of points, so that 0 is none of them: relu and abs have a kink there.
    return torch.linspace(-3.0, 3.0, 40, dtype=torch.float64)


def agree(found, expected):
    scale = expected.abs().max().clamp_min(1.0)
    # Recurrences of order five lose about two digits.
    assert float(((found - expected).abs() / scale).max()) < 1e-12


@pytest.mark.parametrize("function", POINTWISE, ids=lambda f: f.__name__)
def test_derivatives_agree_with_nested_differentiation(function):
    z = points(function)
    expected = nested(function, z, ORDER)
    for order in range(ORDER + 1):
        found = POINTWISE[function](z, order)
        assert len(found) == order + 1
        for k in range(order + 1):
            agree(found[k], expected[k])


@pytest.mark.parametrize("exponent", [-2, -1, -0.5, 0.5, 1.5, 2, 2.0, 3, 4])
def test_derivatives_of_powers(exponent):
    z = torch.linspace(0.4, 2.0, 17, dtype=torch.float64)
    expected = nested(lambda x: x**exponent, z, ORDER)
    for found, true in zip(power(exponent)(z, ORDER), expected, strict=True):
        agree(found, true)


def test_a_natural_power_is_a_polynomial_also_at_zero():
    z = torch.tensor([0.0, -1.0, 2.0], dtype=torch.float64)
    cube, slope, curve, third, fourth = power(3)(z, 4)
    torch.testing.assert_close(cube, z**3)
    torch.testing.assert_close(slope, 3 * z**2)
    torch.testing.assert_close(curve, 6 * z)
    torch.testing.assert_close(third, torch.full_like(z, 6.0))
    torch.testing.assert_close(fourth, torch.zeros_like(z))


@pytest.mark.parametrize("function", POINTWISE, ids=lambda f: f.__name__)
def test_precision_of_the_argument_is_kept(function):
    z = points(function).float()
    assert all(value.dtype is torch.float32 for value in POINTWISE[function](z, 3))


@pytest.mark.parametrize("function", [torch.tanh, F.silu, F.gelu, F.softplus, torch.sigmoid])
def test_saturated_activations_stay_finite(function):
    z = torch.tensor([-300.0, -40.0, 40.0, 300.0], dtype=torch.float64)
    assert all(bool(value.isfinite().all()) for value in POINTWISE[function](z, 4))
