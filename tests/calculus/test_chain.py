from dataclasses import replace

import pytest
import torch
from jets import LAPLACE, N, agree, cut_into_blocks, layout, random
from torch import nn
from torch.nn import functional as F

from pinnlab.calculus import chain
from pinnlab.calculus.blocks import LINE
from pinnlab.calculus.chain import BlockPass, Layer, evaluate, evaluate_affine
from pinnlab.calculus.pointwise import POINTWISE, power
from pinnlab.calculus.taylor import TaylorTensor, seed
from pinnlab.calculus.workspace import Scratch

pytestmark = pytest.mark.usefixtures("by")


class Network(nn.Module):
    """Every combination of links: with and without bias, two functions, two linear maps."""

    def __init__(self, function, generator):
        super().__init__()
        self.function = function
        sizes = [(4, 2), (5, 4), (5, 5), (3, 5), (2, 3)]
        self.weights = nn.ParameterList(
            torch.randn(*size, generator=generator, dtype=torch.float64) / 2 for size in sizes
        )
        self.biases = nn.ParameterList(
            torch.randn(size[0], generator=generator, dtype=torch.float64) for size in sizes
        )

    def forward(self, x):
        x = self.function(F.linear(x, self.weights[0], self.biases[0]))
        x = self.function(F.linear(x, self.weights[1]))
        x = torch.tanh(self.function(F.linear(x, self.weights[2], self.biases[2])))
        return F.linear(
            F.linear(x, self.weights[3], self.biases[3]), self.weights[4], self.biases[4]
        )

    def layers(self):
        f = POINTWISE[self.function]
        w, b = self.weights, self.biases
        return [
            Layer(w[0], b[0], f),
            Layer(w[1], None, f),
            Layer(w[2], b[2], f),
            Layer(None, None, POINTWISE[torch.tanh]),
            Layer(w[3], b[3]),
            Layer(w[4], b[4]),
        ]


@pytest.mark.parametrize("function", [torch.tanh, torch.sin], ids=["tanh", "sin"])
@pytest.mark.usefixtures("block_numbers")
def test_chain_agrees_with_plain_operations(function, of, generator):
    network = Network(function, generator)
    x = random(generator, N, 2).requires_grad_()
    expected = network(seed(x, replace(of, transparent=True))).data
    start = seed(x, of)
    found = evaluate_affine(start.value, start.slopes, network.layers(), of)
    inputs = [x, *network.parameters()]
    agree(found, expected, inputs, random(generator, *expected.shape))


@pytest.mark.usefixtures("block_numbers")
def test_chain_from_a_stacked_jet_agrees_with_plain_operations(of, generator):
    network = Network(torch.tanh, generator)
    data = random(generator, of.rows, 2).requires_grad_()
    plain = TaylorTensor(replace(of, transparent=True), data)
    expected = network(plain).data
    found = evaluate(data, network.layers(), of)
    agree(found, expected, [data, *network.parameters()], random(generator, *expected.shape))


@pytest.mark.parametrize("affine", [True, False], ids=["affine", "stacked"])
@pytest.mark.parametrize("function", [torch.tanh, torch.sin], ids=["tanh", "sin"])
@pytest.mark.usefixtures("block_numbers")
def test_one_feature_at_the_end(function, affine, of, generator):
    net = nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 5), nn.Linear(5, 1)).double()
    f = POINTWISE[function]
    layers = [
        Layer(net[0].weight, net[0].bias, f),
        Layer(net[1].weight, net[1].bias, f),
        Layer(net[2].weight, net[2].bias),
    ]
    transparent = replace(of, transparent=True)
    if affine:
        x = random(generator, N, 2).requires_grad_()
        start, plain = seed(x, of), seed(x, transparent)
        found = evaluate_affine(start.value, start.slopes, layers, of)
    else:
        x = random(generator, of.rows, 2).requires_grad_()
        plain = TaylorTensor(transparent, x)
        found = evaluate(x, layers, of)
    expected = net[2](function(net[1](function(net[0](plain))))).data
    inputs = [x, *net.parameters()]
    agree(found, expected, inputs, random(generator, *expected.shape))


def test_small_blocks_are_several(generator, monkeypatch):
    cut_into_blocks(monkeypatch, 20)
    cuts, cut = [], chain.cut
    monkeypatch.setattr(chain, "cut", lambda *given: cuts.append(cut(*given)) or cuts[-1])
    of = layout([LAPLACE])
    network = Network(torch.tanh, generator)
    evaluate(random(generator, of.rows, 2), network.layers(), of)
    assert len(cuts[0]) == N


def test_blocks_of_several_sizes_share_one_scratch(generator, monkeypatch):
    cut_into_blocks(monkeypatch, 1_000)
    places, take, cut, cuts = {}, Scratch.take, chain.cut, []

    def noted(self, name, *shape):
        room = take(self, name, *shape)
        places.setdefault(name, set()).add(room.data_ptr())
        return room

    monkeypatch.setattr(Scratch, "take", noted)
    monkeypatch.setattr(chain, "cut", lambda *given: cuts.append(cut(*given)) or cuts[-1])
    of = layout([LAPLACE], (300, 200, 200, 200))
    weight = random(generator, 5, 5).requires_grad_()
    layers = [Layer(weight, None, POINTWISE[torch.tanh]), Layer(weight)]
    evaluate(random(generator, of.rows, 5), layers, of)
    assert max(block.size for block in cuts[0]) > cuts[0][0].size
    assert all(len(own) == 1 for own in places.values())


def test_rows_of_a_block_begin_in_all_places_of_the_cache(generator, monkeypatch):
    strides, slots = set(), BlockPass._slots

    def noted(self, *given, **options):
        found = slots(self, *given, **options)
        strides.add(found.flat.stride(0))
        return found

    monkeypatch.setattr(BlockPass, "_slots", noted)
    for n in (16, 17, 32, 33, 100):
        of = layout([LAPLACE], (n,) * 4)
        evaluate(random(generator, of.rows, 2), Network(torch.tanh, generator).layers(), of)
    assert all(stride % (2 * LINE) == LINE for stride in strides)


@pytest.mark.usefixtures("shares")
@pytest.mark.parametrize("numbers", [1, 20, 10**6])
@pytest.mark.parametrize("function", [torch.tanh, torch.sin], ids=["tanh", "sin"])
def test_threads_give_the_same(function, numbers, of, generator, monkeypatch):
    cut_into_blocks(monkeypatch, numbers)
    network = Network(function, generator)
    x = random(generator, N, 2).requires_grad_()
    expected = network(seed(x, replace(of, transparent=True))).data
    start, weights = seed(x, of), random(generator, *expected.shape)
    found = evaluate_affine(start.value, start.slopes, network.layers(), of)
    agree(found, expected, [x, *network.parameters()], weights)
    data = random(generator, of.rows, 2).requires_grad_()
    expected = network(TaylorTensor(replace(of, transparent=True), data)).data
    found = evaluate(data, network.layers(), of)
    agree(found, expected, [data, *network.parameters()], weights)


@pytest.mark.usefixtures("shares")
def test_threads_add_in_a_fixed_order(generator, monkeypatch):
    cut_into_blocks(monkeypatch, 20)
    of, network = layout([LAPLACE, (0, 1)]), Network(torch.tanh, generator)
    data = random(generator, of.rows, 2)

    def gradients():
        out = evaluate(data, network.layers(), of)
        inputs = list(network.parameters())
        return torch.autograd.grad(out.square().sum(), inputs, materialize_grads=True)

    first = gradients()
    for _ in range(5):
        assert all(torch.equal(a, b) for a, b in zip(gradients(), first, strict=True))


def test_slopes_of_an_affine_start_have_gradients(generator):
    of = layout([LAPLACE, (0, 1)])
    value, slopes = random(generator, N, 3).requires_grad_(), random(generator, 2, 3)
    slopes.requires_grad_()
    layers = [Layer(function=POINTWISE[torch.sin])]
    assert torch.autograd.gradcheck(lambda v, s: evaluate_affine(v, s, layers, of), (value, slopes))


def test_bias_moves_values_only(of, generator):
    data, weight = random(generator, of.rows, 2), random(generator, 3, 2)
    moved = evaluate(data, [Layer(weight, torch.ones(3, dtype=torch.float64))], of)
    still = evaluate(data, [Layer(weight)], of)
    torch.testing.assert_close(moved[: of.n], still[: of.n] + 1)
    torch.testing.assert_close(moved[of.n :], still[of.n :])


@pytest.mark.usefixtures("block_numbers")
def test_nothing_changes_where_no_gradient_is_wanted(of, generator):
    network, x = Network(torch.sin, generator), random(generator, N, 2)
    with_gradient = network(seed(x, of)).data.detach()
    with torch.no_grad():
        without = network(seed(x, of)).data
    torch.testing.assert_close(with_gradient, without, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("limit, expected", [(10**6, 1), (1, 2)], ids=["short", "long"])
def test_only_short_chains_keep_operations_to_one_thread(
    limit, expected, generator, torch_threads, monkeypatch
):
    torch_threads(2)
    monkeypatch.setattr(chain, "SHARE_NUMBERS", limit)
    counts, run = [], chain.run_at_once

    def counted(tasks, **options):
        counts.append(torch.get_num_threads())
        run(tasks, **options)

    monkeypatch.setattr(chain, "run_at_once", counted)
    of, network = layout([LAPLACE], (1, 1, 1, 1)), Network(torch.tanh, generator)
    network(seed(random(generator, 1, 2), of)).data.sum().backward()  # a point cannot be shared
    assert counts == [expected, expected]
    assert torch.get_num_threads() == 2


def test_two_passes_before_their_backward_passes_do_not_share_memory(generator):
    of, network = layout([LAPLACE]), Network(torch.tanh, generator)
    x, y = random(generator, N, 2), random(generator, N, 2)
    alone = [
        torch.autograd.grad(network(seed(p, of)).data.square().sum(), network.weights[1])
        for p in (x, y)
    ]
    first, second = network(seed(x, of)).data, network(seed(y, of)).data
    together = [
        torch.autograd.grad(data.square().sum(), network.weights[1]) for data in (first, second)
    ]
    torch.testing.assert_close(together, alone, rtol=0, atol=0)


@pytest.mark.parametrize("function", [torch.tanh, torch.sin], ids=["tanh", "sin"])
@pytest.mark.usefixtures("block_numbers")
def test_what_was_written_down_follows_what_the_chain_reads(function, of, generator):
    """Weights that change, move, lie otherwise, or need no gradient; other points."""
    network = Network(function, generator)

    def check():
        x = random(generator, N, 2)
        expected = network(seed(x, replace(of, transparent=True))).data
        start = seed(x, of)
        found = evaluate_affine(start.value, start.slopes, network.layers(), of)
        wanted = [p for p in network.parameters() if p.requires_grad]
        agree(found, expected, wanted, random(generator, *expected.shape))

    with torch.no_grad():
        for change in (
            lambda p: p.mul_(-0.5),
            lambda p: p.set_(p.clone()),
            lambda p: p.set_(p.t().contiguous().t()),
            lambda p: p.set_(torch.stack([p, p], -1)[..., 0]),
        ):
            for parameter in network.parameters():
                change(parameter)
            with torch.enable_grad():
                check()
                check()
    for frozen in ((0, 3), (1,), range(5)):
        for number, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
            weight.requires_grad_(number not in frozen)
            bias.requires_grad_(number in frozen)
        check()
        check()


def test_superfluous_slots_are_only_computed_where_they_are_finite(generator):
    """The third derivative of z^{5/2}, which the gradient of the second needs, is not, at 0."""
    of = layout([(0, 0)], (N, N, N - 2))
    value = torch.rand(N, 1, generator=generator, dtype=torch.float64)
    value[N - 2 :] = 0.0
    weight = torch.ones(1, 1, dtype=torch.float64, requires_grad=True)
    layers = [Layer(weight, None, power(2.5))]
    evaluate_affine(value, torch.ones_like(weight), layers, of).sum().backward()
    assert weight.grad.isfinite().all()


def test_memory_is_used_again(generator):
    of, network = layout([LAPLACE]), Network(torch.tanh, generator)
    x = random(generator, N, 2)

    def free():
        network(seed(x, of)).data.square().sum().backward()
        return [id(one) for passes in of.workspace._free.values() for one in passes]

    assert free() == free() != []


def test_a_second_derivative_is_refused(generator):
    network, x = Network(torch.tanh, generator), random(generator, N, 2)
    y = network(seed(x, layout([(0, 0)]))).data.square().sum()
    (g,) = torch.autograd.grad(y, network.weights[0], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        g.sum().backward()


def test_layers_are_put_off_until_something_else_is_asked_for(generator, monkeypatch):
    network, x = Network(torch.tanh, generator), random(generator, N, 2)
    evaluated = []
    plain = chain.apply
    monkeypatch.setattr(
        chain, "apply", lambda *args: evaluated.append(len(args[2])) or plain(*args)
    )
    jet = network(seed(x, layout([LAPLACE])))
    assert jet.shape == (N, 2)
    assert jet.dtype is torch.float64
    assert not evaluated
    assert jet.data is not None
    assert evaluated == [6]


def test_a_jet_that_is_read_again_is_evaluated_once(generator, monkeypatch):
    weight, x = random(generator, 2, 2), random(generator, N, 2)
    evaluated = []
    plain = chain.apply
    monkeypatch.setattr(
        chain, "apply", lambda *args: evaluated.append(len(args[2])) or plain(*args)
    )
    hidden = torch.tanh(F.linear(seed(x, layout([LAPLACE])), weight))
    result = torch.tanh(F.linear(hidden, weight)) + hidden
    assert result.data is not None
    assert evaluated == [1, 1]
