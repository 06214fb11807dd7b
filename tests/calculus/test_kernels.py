import pytest
import torch

from pinnlab.calculus.blocks import cut
from pinnlab.calculus.calls import carry_out
from pinnlab.calculus.kernels import Arrays, BellKernel, TanhKernel, compose_slot, kernel_of
from pinnlab.calculus.layout import Collapsed, Layout, closure
from pinnlab.calculus.pointwise import POINTWISE
from pinnlab.calculus.workspace import Slots

LAPLACE = Collapsed((((0, 0), 1.0), ((1, 1), 2.5)))
MIXED = Collapsed((((0, 0), 1.0), ((0, 1), -0.5)))
QUARTIC = Collapsed((((0, 0, 0, 0), 1.0), ((0, 0, 1, 1), -0.5), ((1, 1, 1, 1), 2.0)))
HEAT = Collapsed((((0, 0), -0.3), ((1,), 1.0)))
KORTEWEG = Collapsed((((0, 0, 0), 0.7), ((1,), 1.0), ((0, 1), 2.0)))
N, M, WIDTH = 5, 3, 2  # points, points with derivatives, features

pytestmark = pytest.mark.usefixtures("by")

SLOTS = {
    "values": [],
    "first": [(0,), (1,)],
    "second": [(0, 0), (0, 1)],
    "collapsed": [LAPLACE],
    "collapsed_mixed": [MIXED, (1, 1)],
    "third": [(0, 0, 1)],
    "third_and_first": [(0, 0, 0), (1,)],
    "fourth": [(0, 0, 1, 1)],
    "fourth_in_one": [(0, 0, 0, 0)],
    "fourth_collapsed": [QUARTIC],
    "orders_one_and_two": [HEAT],
    "orders_one_to_three": [KORTEWEG, (0, 0)],
}


def layout(slots, points):
    slots = closure(slots)
    return Layout(slots, (points,) + (M,) * (len(slots) - 1))


@pytest.fixture(params=SLOTS)
def slots(request):
    return SLOTS[request.param]


def random(generator, *shape):
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def plainly(z, function, of):
    """The same by plain operations, one slot after the other."""
    parts = [part.T for part in z.split(of.counts, 1)]
    f = function(parts[0], of.order)
    out = [f[0]] + [compose_slot(f, parts, of, k) for k in range(1, len(parts))]
    return torch.cat([slot.T for slot in out], 1)


def check(kind, function, of, generator, *, spare):
    """Values and cotangents of a kernel against autograd through plain operations, twice."""
    z = random(generator, WIDTH, of.rows).requires_grad_()
    weights = random(generator, *z.shape)
    expected = plainly(z, function, of)
    (gradient,) = torch.autograd.grad((expected * weights).sum(), z)
    (block,) = cut(of, N)

    def slots(flat):
        return Slots(flat.clone(), len(block.numbers), block.points, block.inner)

    empty = torch.full_like(weights, torch.nan)
    room = torch.full((WIDTH, 2, block.inner), torch.nan, dtype=z.dtype)
    arrays = Arrays(*map(slots, (z.detach(), empty, weights, empty, empty)), room, spare)
    one = kind(block, arrays, function)
    carry_out(one.forward())
    torch.testing.assert_close(arrays.out.flat, expected.detach(), rtol=1e-13, atol=1e-13)
    if not spare:
        assert torch.equal(arrays.z.flat, z)
    if not kind.keeps_argument:
        arrays.z.flat.fill_(torch.nan)
    for _ in range(2):
        carry_out(one.backward())
        torch.testing.assert_close(arrays.pulled.flat, gradient, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("points", [M, N], ids=["same_points", "more_values"])
@pytest.mark.parametrize("function", [torch.sin, torch.tanh, torch.nn.functional.silu])
def test_bell_kernel_agrees_with_plain_operations_and_their_gradient(
    function, slots, points, generator
):
    check(BellKernel, POINTWISE[function], layout(slots, points), generator, spare=False)


@pytest.mark.parametrize("spare", [False, True], ids=["argument_stays", "argument_is_spare"])
@pytest.mark.parametrize("points", [M, N], ids=["same_points", "more_values"])
def test_tanh_kernel_agrees_with_plain_operations_and_their_gradient(
    slots, points, spare, generator
):
    check(TanhKernel, POINTWISE[torch.tanh], layout(slots, points), generator, spare=spare)


def test_tanh_has_its_own_kernel():
    assert kernel_of(POINTWISE[torch.tanh]) is TanhKernel
    assert kernel_of(POINTWISE[torch.sin]) is BellKernel
