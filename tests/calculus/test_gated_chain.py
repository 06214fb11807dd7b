"""Gated layers as one operation give what sums and products of jets give one after the other."""

from dataclasses import replace

import pytest
import torch
from jets import HEAT, LAYOUTS, N, agree, cut_into_blocks, layout, random
from torch import nn
from torch.nn import functional as F

from pinnlab.calculus.chain import Layer
from pinnlab.calculus.gated_chain import GatedLayers, evaluate_gated
from pinnlab.calculus.pointwise import POINTWISE
from pinnlab.calculus.taylor import TaylorTensor, follow_gated, seed
from pinnlab.calculus.unsupported import UnsupportedOperation
from pinnlab.calculus.workspace import Workspace

pytestmark = pytest.mark.usefixtures("by")


class Gated(nn.Module):
    """Two gates, ``depth`` layers, one of them without bias, and a last linear map."""

    def __init__(self, function, generator, depth=3, dtype=torch.float64):
        super().__init__()
        self.function, self.depth = function, depth
        sizes = [(4, 2)] * 3 + [(4, 4)] * (depth - 1) + [(3, 4)]
        draw = {"generator": generator, "dtype": dtype}
        self.weights = nn.ParameterList(torch.randn(*s, **draw) for s in sizes)
        self.biases = nn.ParameterList(torch.randn(s[0], **draw) for s in sizes)
        self.without = {2, 4}

    def bias(self, k):
        return None if k in self.without else self.biases[k]

    def forward(self, x):
        def layer(k, a):
            return self.function(F.linear(a, self.weights[k], self.bias(k)))

        u, v = layer(0, x), layer(1, x)
        for k in range(2, 2 + self.depth):
            z = layer(k, x)
            x = u * (1.0 - z) + v * z
        return F.linear(x, self.weights[-1], self.biases[-1])

    def layers(self):
        f = POINTWISE[self.function]
        made = [Layer(self.weights[k], self.bias(k), f) for k in range(2 + self.depth)]
        first, second, third, *hidden = made
        return GatedLayers((first, second, third), hidden, Layer(self.weights[-1], self.biases[-1]))


@pytest.mark.parametrize("function", [torch.tanh, torch.sin], ids=["tanh", "sin"])
@pytest.mark.usefixtures("block_numbers")
def test_from_the_points(function, of, generator):
    network, x = Gated(function, generator), random(generator, N, 2).requires_grad_()
    expected = network(seed(x, replace(of, transparent=True))).data
    found = follow_gated(seed(x, of), network.layers()).data
    agree(found, expected, [x, *network.parameters()], random(generator, *expected.shape))


@pytest.mark.parametrize("function", [torch.tanh, torch.sin], ids=["tanh", "sin"])
@pytest.mark.usefixtures("block_numbers")
def test_from_a_stacked_jet(function, of, generator):
    network, data = Gated(function, generator), random(generator, of.rows, 2).requires_grad_()
    expected = network(TaylorTensor(replace(of, transparent=True), data)).data
    found = follow_gated(TaylorTensor(of, data), network.layers()).data
    agree(found, expected, [data, *network.parameters()], random(generator, *expected.shape))


@pytest.mark.usefixtures("shares")
@pytest.mark.parametrize("numbers", [1, 20, 10**6])
def test_threads_give_the_same(numbers, of, generator, monkeypatch):
    cut_into_blocks(monkeypatch, numbers)
    network, x = Gated(torch.tanh, generator), random(generator, N, 2).requires_grad_()
    expected = network(seed(x, replace(of, transparent=True))).data
    found = follow_gated(seed(x, of), network.layers()).data
    agree(found, expected, [x, *network.parameters()], random(generator, *expected.shape))


@pytest.mark.parametrize("depth", [1, 2])
def test_few_layers(depth, generator):
    of = replace(LAYOUTS["prefix_of_mixed_orders"], workspace=Workspace())
    network, x = Gated(torch.tanh, generator, depth), random(generator, N, 2).requires_grad_()
    expected = network(seed(x, replace(of, transparent=True))).data
    found = follow_gated(seed(x, of), network.layers()).data
    agree(found, expected, [x, *network.parameters()], random(generator, *expected.shape))


def test_along_directions_of_any_kind(of, generator):
    """An affine start whose slopes are no multiples of unit vectors, and are trained as well."""
    network = Gated(torch.tanh, generator)
    value, mix = random(generator, N, 2).requires_grad_(), random(generator, 2, 2).requires_grad_()

    def start(of):
        return seed(value, of) @ mix

    expected = network(start(replace(of, transparent=True))).data
    found = follow_gated(start(of), network.layers()).data
    agree(found, expected, [value, mix, *network.parameters()], random(generator, *expected.shape))


def test_single_precision(generator):
    of = replace(LAYOUTS["prefix_of_mixed_orders"], workspace=Workspace())
    network, x = Gated(torch.tanh, generator, dtype=torch.float32), random(generator, N, 2).float()
    expected = network(seed(x, replace(of, transparent=True))).data
    found = follow_gated(seed(x, of), network.layers()).data
    assert found.dtype is torch.float32
    weights = random(generator, *expected.shape).float()
    agree(found, expected, list(network.parameters()), weights, tolerance=1e-5)


@pytest.mark.usefixtures("block_numbers")
def test_nothing_changes_where_no_gradient_is_wanted(of, generator):
    network, x = Gated(torch.sin, generator), random(generator, N, 2)
    with torch.no_grad():
        alone = follow_gated(seed(x, of), network.layers()).data
    torch.testing.assert_close(alone, follow_gated(seed(x, of), network.layers()).data)


def test_a_second_evaluation_leaves_the_first_as_it_was(of, generator):
    network, x = Gated(torch.tanh, generator), random(generator, N, 2)

    def gradient(found):
        return torch.autograd.grad(found.square().sum(), network.weights[0])[0]

    expected = gradient(follow_gated(seed(x, of), network.layers()).data)
    first = follow_gated(seed(x, of), network.layers()).data
    gradient(follow_gated(seed(x + 1, of), network.layers()).data)
    torch.testing.assert_close(gradient(first), expected, rtol=0, atol=0)


def test_gradients_of_gradients_are_refused(generator):
    network, x = Gated(torch.tanh, generator), random(generator, N, 2)
    y = follow_gated(seed(x, layout([(0, 0)])), network.layers()).data.square().sum()
    (g,) = torch.autograd.grad(y, network.weights[0], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        g.sum().backward()


def test_jets_of_plain_operations_are_refused(generator):
    network, x = Gated(torch.tanh, generator), random(generator, N, 2)
    start = seed(x, replace(LAYOUTS["second"], transparent=True))
    with pytest.raises(UnsupportedOperation, match="gated layers"):
        follow_gated(start, network.layers())


def test_the_gradient_is_that_of_finite_differences(generator):
    of, network = layout([HEAT], (N, 8, 6)), Gated(torch.tanh, generator)
    data = random(generator, of.rows, 2).requires_grad_()
    layers = network.layers()
    assert torch.autograd.gradcheck(lambda d: evaluate_gated(d, None, layers, of), (data,))
