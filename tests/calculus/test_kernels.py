import pytest
import torch

from pinnlab.calculus.kernels import BellKernel, TanhKernel, compose_slot, kernel
from pinnlab.calculus.layout import Collapsed, Layout, closure
from pinnlab.calculus.pointwise import POINTWISE
from pinnlab.calculus.workspace import Loan, Slots, Workspace

LAPLACE = Collapsed((((0, 0), 1.0), ((1, 1), 2.5)))
MIXED = Collapsed((((0, 0), 1.0), ((0, 1), -0.5)))
N, WIDTH = 3, 2


def layout(slots):
    slots = closure(slots)
    return Layout(slots, (N,) * len(slots))


LAYOUTS = {
    "values": layout([]),
    "first": layout([(0,), (1,)]),
    "second": layout([(0, 0), (0, 1)]),
    "collapsed": layout([LAPLACE]),
    "collapsed_mixed": layout([MIXED, (1, 1)]),
    "third": layout([(0, 0, 1)]),
    "fourth": layout([(0, 0, 1, 1)]),
}
UP_TO_SECOND = {name: of for name, of in LAYOUTS.items() if of.order <= 2}


@pytest.fixture(params=LAYOUTS)
def of(request):
    return LAYOUTS[request.param]


def random(generator, *shape):
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def plainly(z, function, of):
    """The same by plain operations, slots first."""
    parts = [part.T for part in z.unbind(1)]
    f = function(parts[0], of.order)
    slots = [f[0]] + [compose_slot(f, parts, of, k) for k in range(1, len(parts))]
    return torch.stack([slot.T for slot in slots], 1)


def check(make, function, of, generator):
    """Values and cotangents of a kernel against autograd through plain operations."""
    z = random(generator, WIDTH, len(of.slots), N).requires_grad_()
    weights = random(generator, *z.shape)
    expected = plainly(z, function, of)
    (gradient,) = torch.autograd.grad((expected * weights).sum(), z)
    (block,) = of.blocks(N)
    one = make(block, Loan(Workspace(), z.detach()))
    found = one.forward(Slots(z.detach().clone()))
    torch.testing.assert_close(found.array, expected.detach(), rtol=1e-13, atol=1e-13)
    pulled = one.backward(_lent(one, weights))
    torch.testing.assert_close(pulled.array, gradient, rtol=1e-12, atol=1e-12)


def _lent(one, weights):
    """Cotangents in an array that the kernel may give back."""
    g = one._loan.take(*weights.shape)
    g.array.copy_(weights)
    return g


@pytest.mark.parametrize("function", [torch.sin, torch.tanh, torch.nn.functional.silu])
def test_bell_kernel_agrees_with_plain_operations_and_their_gradient(function, of, generator):
    f = POINTWISE[function]
    check(lambda block, loan: BellKernel(f, block, loan, keep=True), f, of, generator)


@pytest.mark.parametrize("name", UP_TO_SECOND)
def test_tanh_kernel_agrees_with_plain_operations_and_their_gradient(name, generator):
    f = POINTWISE[torch.tanh]
    check(lambda block, loan: TanhKernel(block, loan), f, LAYOUTS[name], generator)


def test_tanh_has_its_own_kernel_up_to_second_derivatives():
    loan = Loan(Workspace(), torch.zeros(()))
    for of in LAYOUTS.values():
        (block,) = of.blocks(N)
        made = kernel(POINTWISE[torch.tanh], block, loan, keep=True)
        assert isinstance(made, TanhKernel) == (of.order <= 2)
        assert isinstance(kernel(POINTWISE[torch.sin], block, loan, keep=True), BellKernel)
