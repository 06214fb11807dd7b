import pytest
import torch

from pinnlab.calculus.kernels import AffineCompose, Compose, JetLinear, compose_slot
from pinnlab.calculus.layout import Collapsed, Layout, closure, order
from pinnlab.calculus.pointwise import POINTWISE

LAPLACE = Collapsed((((0, 0), 1.0), ((1, 1), 2.5)))
MIXED = Collapsed((((0, 0), 1.0), ((0, 1), -0.5)))


def layout(slots, counts=None):
    slots = closure(slots)
    return Layout(slots, counts or (3,) * len(slots))


LAYOUTS = {
    "values": layout([]),
    "first": layout([(0,), (1,)]),
    "second": layout([(0, 0), (0, 1)]),
    "collapsed": layout([LAPLACE]),
    "collapsed mixed": layout([MIXED, (1, 1)]),
    "third": layout([(0, 0, 1)]),
    "fourth": layout([(0, 0, 1, 1)]),
    "prefix": layout([(0, 0), (0, 1)], (5, 4, 3, 3, 1)),
    "prefix collapsed": layout([LAPLACE], (5, 4, 4, 2)),
}


@pytest.fixture(params=LAYOUTS, ids=lambda name: name.replace(" ", "_"))
def of(request):
    return LAYOUTS[request.param]


def random(generator, *shape):
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def test_composition_has_the_gradient_of_its_values(of, generator):
    z = random(generator, of.rows, 2).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda data: Compose.apply(data, POINTWISE[torch.tanh], of), (z,)
    )


def test_composition_and_its_gradient_agree_with_plain_operations(of, generator):
    z = random(generator, of.rows, 2).requires_grad_()
    weights = random(generator, of.rows, 2)
    function = POINTWISE[torch.sin]

    def plain(data):
        f = function(data[: of.n], of.order)
        parts = [data[rows] for rows in of.ranges]
        return torch.cat([f[0]] + [compose_slot(f, parts, of, k) for k in range(1, len(parts))])

    by_hand = Compose.apply(z, function, of)
    torch.testing.assert_close(by_hand, plain(z), rtol=1e-13, atol=1e-13)
    (g,) = torch.autograd.grad((by_hand * weights).sum(), z)
    (h,) = torch.autograd.grad((plain(z) * weights).sum(), z)
    torch.testing.assert_close(g, h, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("of", [of for of in LAYOUTS.values() if of.order], ids=str)
def test_affine_composition_has_the_gradient_of_its_values(of, generator):
    orders = tuple(order(slot) for slot in of.slots)
    value = random(generator, of.n, 2).requires_grad_()
    slopes = random(generator, len(of.slots) - 1, 2).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda v, s: AffineCompose.apply(v, s, POINTWISE[torch.tanh], of, orders), (value, slopes)
    )


@pytest.mark.parametrize("with_bias", [True, False])
def test_linear_layer_has_the_gradient_of_its_values(of, with_bias, generator):
    data = random(generator, of.rows, 2).requires_grad_()
    weight = random(generator, 3, 2).requires_grad_()
    bias = random(generator, 3).requires_grad_() if with_bias else None
    assert torch.autograd.gradcheck(
        lambda d, w, b: JetLinear.apply(d, w, b, of.n), (data, weight, bias)
    )


def test_bias_moves_values_only(of, generator):
    data, weight = random(generator, of.rows, 2), random(generator, 3, 2)
    moved = JetLinear.apply(data, weight, torch.ones(3, dtype=torch.float64), of.n)
    still = JetLinear.apply(data, weight, None, of.n)
    torch.testing.assert_close(moved[: of.n], still[: of.n] + 1)
    torch.testing.assert_close(moved[of.n :], still[of.n :])


def test_a_second_backward_pass_is_refused(generator):
    of = LAYOUTS["second"]
    z = random(generator, of.rows, 2).requires_grad_()
    y = Compose.apply(z, POINTWISE[torch.tanh], of).square().sum()
    (g,) = torch.autograd.grad(y, z, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        g.sum().backward()
