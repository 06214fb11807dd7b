"""Chains along many directions against the general chain, which treats each for itself."""

import pytest
import torch
from torch import nn

from pinnlab.calculus import chain, direction_chain
from pinnlab.calculus.direction_chain import Structure, _blocks, fits
from pinnlab.calculus.engine import propagate
from pinnlab.calculus.layout import Collapsed, Layout, closure
from pinnlab.calculus.pointwise import POINTWISE
from pinnlab.calculus.slopes import Rows, Slopes, Units
from pinnlab.calculus.taylor import seed

N, D, K = 40, 12, 9


class Sine(nn.Module):
    def forward(self, x):
        return torch.sin(x)


@pytest.fixture(autouse=True)
def from_few_directions_on(monkeypatch):
    monkeypatch.setattr(direction_chain, "FEWEST_COMPILED", direction_chain.FEWEST)


def network(activation=nn.Tanh):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(D, 16), activation(), nn.Linear(16, 24), activation(),
        nn.Linear(24, 16, bias=False), activation(), nn.Linear(16, 3),
    ).double()  # fmt: skip


def layout(groups, coefficients):
    sums = [
        Collapsed(tuple(((k, k), c) for k in group))
        for group, c in zip(groups, coefficients, strict=True)
    ]
    slots = closure(sums)
    return Layout(slots, (N,) * len(slots))


def one_sum(first=0):
    return layout([range(first, first + K)], [1.7])


def jet_and_gradients(net, x, carried, slopes, weights):
    net.zero_grad()
    x = x.clone().requires_grad_()
    data = propagate(net, x, carried, seed(x, carried, slopes)).data
    (torch.sin(data) * weights).sum().backward()
    return [data.detach(), x.grad, *(p.grad.clone() for p in net.parameters())]


def general(monkeypatch):
    monkeypatch.setattr(chain, "fits", lambda *_: False)


@pytest.mark.parametrize("activation", [nn.Tanh, Sine, nn.GELU])
@pytest.mark.parametrize("kind", ["columns", "units", "rows"])
@pytest.mark.parametrize("groups", [[range(9)], [range(5), range(5, 9)], [range(1, 9)]])
def test_agrees_with_the_general_chain(monkeypatch, activation, kind, groups):
    first = 0 if kind == "columns" else D
    numbers = [[k + first for k in group] for group in groups]
    carried = layout(numbers, [1.7, 0.3][: len(groups)])
    assert Structure.of(carried) is not None
    count = len(carried.first_order)
    slopes = {
        "columns": None,
        "units": Slopes([Units(torch.randperm(D)[:count], torch.rand(count).double() + 0.5)], D),
        "rows": Slopes([Rows(torch.randn(count, D).double())], D),
    }[kind]
    net, x = network(activation), torch.randn(N, D, dtype=torch.float64)
    weights = torch.randn(carried.rows, 3, dtype=torch.float64)
    found = jet_and_gradients(net, x, carried, slopes, weights)
    general(monkeypatch)
    for a, b in zip(found, jet_and_gradients(net, x, carried, slopes, weights), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_small_blocks_give_the_same(monkeypatch):
    net, x = network(), torch.randn(N, D, dtype=torch.float64)
    weights = torch.randn(one_sum().rows, 3, dtype=torch.float64)
    found = jet_and_gradients(net, x, one_sum(), None, weights)
    monkeypatch.setattr("pinnlab.calculus.direction_chain.BLOCK_NUMBERS", 1)
    for a, b in zip(found, jet_and_gradients(net, x, one_sum(), None, weights), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("activation", [nn.Tanh, nn.GELU])
def test_threads_give_the_same(count, activation, monkeypatch, torch_threads):
    net, x = network(activation), torch.randn(N, D, dtype=torch.float64)
    weights = torch.randn(one_sum().rows, 3, dtype=torch.float64)
    expected = jet_and_gradients(net, x, one_sum(), None, weights)
    monkeypatch.setattr("pinnlab.calculus.direction_chain.SHARE_NUMBERS", 1)
    monkeypatch.setattr("pinnlab.calculus.direction_chain.BLOCK_NUMBERS", 1)
    torch_threads(count)
    found, again = (jet_and_gradients(net, x, one_sum(), None, weights) for _ in range(2))
    for a, b, c in zip(found, expected, again, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
        assert torch.equal(a, c)  # the threads' sums are added in a fixed order


@pytest.mark.parametrize("n", [1, 2, 5])
def test_no_thread_gets_an_empty_share(n, monkeypatch, torch_threads):
    monkeypatch.setattr("pinnlab.calculus.direction_chain.SHARE_NUMBERS", 1)
    torch_threads(3)
    blocks = [
        b for share in _blocks(n, Structure.of(one_sum()), [torch.zeros(4, 2)]) for b in share
    ]
    assert all(b.stop > b.start for b in blocks)
    assert [k for b in blocks for k in range(b.start, b.stop)] == list(range(n))


def test_a_graph_that_is_kept_can_be_pulled_back_again():
    net, x, carried = network(), torch.randn(N, D, dtype=torch.float64), one_sum()
    out = propagate(net, x, carried).data.square().sum()
    parameters = list(net.parameters())
    first = torch.autograd.grad(out, parameters, retain_graph=True)
    propagate(net, 2 * x, carried).data.sum().backward()  # takes and returns arrays meanwhile
    for a, b in zip(first, torch.autograd.grad(out, parameters), strict=True):
        assert torch.equal(a, b)


def test_memory_is_reused():
    net, x, carried = network(), torch.randn(N, D, dtype=torch.float64), one_sum()

    def step():
        propagate(net, x, carried).data.sum().backward()
        lease = carried.workspace.lease(Structure, lambda: None)
        (arrays,) = lease.item.pools
        arrays.reclaim()
        return {id(array) for kept in arrays._free.values() for array in kept}

    assert step() == step()


def test_without_gradients_the_same_values():
    net, x, carried = network(nn.GELU), torch.randn(N, D, dtype=torch.float64), one_sum()
    with_graph = propagate(net, x, carried).data
    with torch.no_grad():
        assert torch.equal(propagate(net, x, carried).data, with_graph)


@pytest.mark.parametrize(
    "carried",
    [
        layout([range(3)], [1.0]),  # few directions
        Layout(closure([(0, 0, 0)]), (N,) * 4),  # another order
        layout([[0, 1, 2, 3, 5], [4]], [1.0, 1.0]),  # directions of a sum that are not adjacent
    ],
)
def test_other_layouts_are_left_to_the_general_chain(carried):
    assert Structure.of(carried) is None


@pytest.mark.parametrize("by, directions", [("torch", 4), ("compiled", 20)], indirect=["by"])
def test_it_takes_as_many_directions_as_pay(by, directions, monkeypatch):
    monkeypatch.setattr(direction_chain, "FEWEST_COMPILED", 20)
    weights, functions = [torch.zeros(2, 2)] * 2, [POINTWISE[torch.tanh], None]
    for count in (directions - 1, directions):
        assert fits(layout([range(count)], [1.0]), weights, functions) == (count == directions)


def test_unequal_coefficients_are_left_to_the_general_chain():
    slots = closure([Collapsed(tuple(((k, k), 1.0 + k) for k in range(6)))])
    assert Structure.of(Layout(slots, (N,) * len(slots))) is None
