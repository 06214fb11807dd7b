"""Layers that go to the engine as one chain give what they give one after the other."""

import pytest
import torch
from torch import nn

from pinnlab.calculus.layout import Layout, closure
from pinnlab.calculus.taylor import follow, seed
from pinnlab.calculus.unsupported import NotSmooth, UnsupportedOperation
from pinnlab.surrogates.base import Activation, FactorizedLinear, Layers

F64 = torch.float64
N = 5


def linear(d_in, d_out, generator):
    layer = nn.Linear(d_in, d_out, dtype=F64)
    for p in layer.parameters():
        p.data = torch.randn(p.shape, generator=generator, dtype=F64)
    return layer


def factorized(d_in, d_out, generator):
    draw = [torch.randn(s, generator=generator, dtype=F64) for s in ((d_out, d_in), d_out, d_out)]
    return FactorizedLinear(*draw)


MODULES = {
    "plain": lambda g: [linear(2, 4, g), Activation("tanh"), linear(4, 1, g)],
    "two linear maps in a row": lambda g: [linear(2, 4, g), linear(4, 3, g), Activation("sin")],
    "an activation first": lambda g: [Activation("silu"), linear(2, 3, g)],
    "others between": lambda g: [
        linear(2, 4, g),
        Activation("tanh", torch.tensor(1.3, dtype=F64)),
        factorized(4, 4, g),
        Activation("gelu"),
        nn.Identity(),
        linear(4, 2, g),
    ],
}


def carried(**options):
    slots = closure([(0, 0, 1), (1, 1)])
    return Layout(slots, (N,) * len(slots), **options)


@pytest.mark.parametrize("name", MODULES, ids=lambda n: n.replace(" ", "_"))
@pytest.mark.parametrize("transparent", [False, True])
def test_the_same_jets(name, transparent, generator):
    modules = MODULES[name](generator)
    x = torch.randn(N, 2, generator=generator, dtype=F64)
    start = seed(x, carried(transparent=transparent))
    together, alone = Layers(*modules)(start), nn.Sequential(*modules)(start)
    assert together.shape == alone.shape
    torch.testing.assert_close(together.stacked().data, alone.stacked().data)
    torch.testing.assert_close(Layers(*modules)(x), nn.Sequential(*modules)(x))


def test_kinks_are_refused(generator):
    modules = [linear(2, 4, generator), Activation("relu"), linear(4, 1, generator)]
    with pytest.raises(NotSmooth, match="relu"):
        Layers(*modules)(seed(torch.zeros(N, 2, dtype=F64), carried()))


def test_nothing_to_follow_leaves_a_jet_as_it_is():
    start = seed(torch.zeros(N, 2, dtype=F64), carried())
    assert follow(start, []) is start


def test_jets_of_plain_operations_are_refused():
    start = seed(torch.zeros(N, 2, dtype=F64), carried(transparent=True))
    with pytest.raises(UnsupportedOperation, match="chain of layers"):
        follow(start, [])
