"""Chains of plain operations along many directions against the hand-written ones."""

import pytest
import torch
from torch import nn

from pinnlab.calculus.engine import propagate
from pinnlab.calculus.layout import Collapsed, Layout, closure
from pinnlab.calculus.slopes import Rows, Slopes, Units
from pinnlab.calculus.taylor import seed

N, D, K = 7, 5, 4
F64 = torch.float64


class Sines(nn.Module):
    """A function at the start, and one without a linear layer before it."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(D, 3)

    def forward(self, x):
        return torch.exp(torch.sin(self.linear(torch.cos(x))))


NETWORKS = {
    "mlp": lambda: nn.Sequential(
        nn.Linear(D, 8), nn.Tanh(), nn.Linear(8, 6, bias=False), nn.GELU(), nn.Linear(6, 2)
    ),
    "sines": Sines,
    "affine": lambda: nn.Linear(D, 2),
}


def layouts():
    """One sum, two sums, and one of unequal coefficients, each with all first derivatives."""
    for groups in [[{0: 1.7, 1: 1.7, 2: 1.7, 3: 1.7}], [{0: 1.0, 1: 1.0}, {2: 0.3, 3: 0.3}],
                   [{0: 1.0, 2: -2.0, 3: 0.5, 1: 4.0}]]:  # fmt: skip
        sums = [Collapsed(tuple(((k, k), c) for k, c in group.items())) for group in groups]
        slots = closure(sums)
        yield tuple(slots), (N,) * len(slots)


def data_of(net, x, carried, slopes=None):
    """All slots of a network, ``(rows, out)``."""
    data = propagate(net, x, carried, seed(x, carried, slopes)).data
    assert data is not None
    return data


def jet_and_gradients(net, x, carried, slopes, weights):
    net.zero_grad()
    x = x.clone().requires_grad_()
    data = data_of(net, x, carried, slopes)
    (torch.sin(data) * weights).sum().backward()
    return [data.detach(), x.grad, *(p.grad.clone() for p in net.parameters())]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("kind", ["columns", "units", "rows"])
@pytest.mark.parametrize("slots", layouts())
def test_agrees_with_the_chain_written_by_hand(name, kind, slots, generator):
    torch.manual_seed(0)
    net = NETWORKS[name]().double()
    x = torch.randn(N, D, generator=generator, dtype=F64)
    scale = torch.rand(K, generator=generator, dtype=F64) + 0.5
    slopes = {
        "columns": None,
        "units": Slopes([Units(torch.tensor([4, 0, 2, 1]), scale)], D),
        "rows": Slopes([Rows(torch.randn(K, D, generator=generator, dtype=F64))], D),
    }[kind]
    outputs = data_of(net, x, Layout(*slots), slopes).shape
    weights = torch.randn(outputs, generator=generator, dtype=F64)
    by_hand, plain = (
        jet_and_gradients(net, x, Layout(*slots, transparent=transparent), slopes, weights)
        for transparent in (False, True)
    )
    for a, b in zip(plain, by_hand, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_it_can_be_differentiated_forwards_and_twice():
    torch.manual_seed(0)
    net, carried = NETWORKS["mlp"]().double(), Layout(*next(layouts()), transparent=True)
    x = torch.randn(N, D, dtype=F64)

    def of(weight):
        return torch.func.functional_call(Jet(net, carried), {"net.0.weight": weight}, (x,))

    weight = net[0].weight.detach()
    direction, step = torch.randn_like(weight), 1e-6
    forward = torch.func.jvp(of, (weight,), (direction,))[1]
    difference = (of(weight + step * direction) - of(weight - step * direction)) / (2 * step)
    torch.testing.assert_close(forward, difference, rtol=1e-6, atol=1e-7)
    assert torch.autograd.gradgradcheck(lambda w: of(w).sum(), (weight.requires_grad_(),))


class Jet(nn.Module):
    """All slots of a network as a module."""

    def __init__(self, net, carried):
        super().__init__()
        self.net, self._carried = net, carried

    def forward(self, x):
        return data_of(self.net, x, self._carried)
