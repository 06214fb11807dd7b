"""Chains as operations of torch: recorded, they are what they were when they were evaluated."""

import gc

import pytest
import torch
from torch import nn
from torch.fx.experimental.proxy_tensor import make_fx

import pinnlab as pl
from pinnlab.calculus import recorded_chain, strips
from pinnlab.calculus.engine import propagate
from pinnlab.calculus.layout import Collapsed, Layout, closure
from pinnlab.calculus.recorded_chain import recording
from pinnlab.calculus.slopes import Rows, Slopes, Units
from pinnlab.calculus.taylor import seed
from pinnlab.surrogates.base import Frame
from pinnlab.typing import Coordinates

N, D = 13, 5
CPU = torch.device("cpu")

pytestmark = pytest.mark.skipif(
    not strips.compiled(), reason="pinnlab was installed without a compiler"
)


NETWORKS = {
    "tanh": pl.MLP(8, 2),
    "sine": pl.MLP(8, 2, activation="sin"),
    "gated": pl.ModifiedMLP(8, 2),
}
FRAME = Frame(Coordinates(("x",), (D,)), ("u", "v"), (-1.0,) * D, (1.0,) * D)


def layout(counts=(N, N, N - 2), transparent=True):
    slots = closure([Collapsed((((0, 0), 1.0), ((1, 1), -2.0)))])
    points = [counts[min(len(s) if isinstance(s, tuple) else 2, 2)] for s in slots]
    return Layout(slots, tuple(points), transparent=transparent)


def directions(kind, generator):
    if kind == "coordinates":
        return None
    if kind == "unit vectors":
        scale = torch.rand(2, generator=generator, dtype=torch.float64)
        return Slopes([Units(torch.tensor([3, 1]), scale)], D)
    return Slopes([Rows(torch.randn(2, D, generator=generator, dtype=torch.float64))], D)


def built(network):
    generator = torch.Generator().manual_seed(0)
    return NETWORKS[network].build(FRAME, generator=generator, dtype=torch.float64, device=CPU)


def evaluation(module, carried, slopes):
    """Loss and gradients as a function of points and parameters."""
    names = [name for name, _ in module.named_parameters()]

    def run(x, *values):
        leaves = [v.detach().requires_grad_() for v in (x, *values)]
        given = dict(zip(names, leaves[1:], strict=True))

        class Around(nn.Module):
            def forward(self, data):
                return torch.func.functional_call(module, given, (data,))

        jet = propagate(Around(), leaves[0], carried, seed(leaves[0], carried, slopes)).data
        loss = torch.sin(jet).sum()
        return (loss.detach(), *torch.autograd.grad(loss, leaves))

    return run, [v.detach() for v in module.parameters()]


@pytest.mark.parametrize("kind", ["coordinates", "unit vectors", "any vectors"])
@pytest.mark.parametrize("network", NETWORKS)
def test_what_is_recorded_is_what_was_evaluated(network, kind, generator):
    module, slopes = built(network), directions(kind, generator)
    x = torch.randn(N, D, generator=generator, dtype=torch.float64)
    run, values = evaluation(module, layout(), slopes)
    with recording(CPU) as plans:
        recorded = make_fx(run)(x, *values)
    assert len(plans) == 1
    targets = [str(node.target) for node in recorded.graph.nodes]
    assert targets.count("pinnlab.chain.default") == 1
    assert targets.count("pinnlab.chain_backward.default") == 1
    expected_at = evaluation(module, layout(transparent=False), slopes)[0]
    for _ in range(2):  # the same operations at other points and weights
        for found, expected in zip(recorded(x, *values), expected_at(x, *values), strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)
        x = torch.randn(N, D, generator=generator, dtype=torch.float64)
        values = [v + 0.1 * torch.randn_like(v) for v in values]


def test_shapes_and_strides_are_known_without_numbers():
    module = built("tanh")
    run, values = evaluation(module, layout(), None)
    x = torch.randn(N, D, dtype=torch.float64)
    with recording(CPU) as plans:
        make_fx(run)(x, *values)
    (number,) = (n for n, plan in recorded_chain._plans.items() if plan is plans[0])
    weights = [t for layer in (0, 2, 4) for t in values[layer : layer + 2]]
    rows = torch.eye(D, dtype=torch.float64)[:2]
    chain, back = torch.ops.pinnlab.chain.default, torch.ops.pinnlab.chain_backward.default
    arguments = number, x, None, None, rows, weights
    torch.library.opcheck(chain, arguments, test_utils="test_faketensor")
    out, needed = chain(*arguments), [True, False, *[True] * 6]
    gradients = back(number, out, torch.ones_like(out), needed)
    chain(*arguments)
    torch.library.opcheck(back, (number, out, out.clone(), needed), test_utils="test_faketensor")
    assert [g.shape for g in gradients] == [t.shape for t in (x, *weights)]


def test_a_plan_is_forgotten_with_what_was_recorded():
    run, values = evaluation(built("tanh"), layout(), None)
    before = len(recorded_chain._plans)
    with recording(CPU) as plans:
        make_fx(run)(torch.randn(N, D, dtype=torch.float64), *values)
    assert len(recorded_chain._plans) == before + 1
    del plans
    gc.collect()
    assert len(recorded_chain._plans) == before


@pytest.mark.parametrize("device", ["meta", "cuda"])
def test_on_other_devices_the_operations_of_layers_are_recorded(device):
    run, values = evaluation(built("tanh"), layout(), None)
    with recording(torch.device(device)) as plans:
        recorded = make_fx(run)(torch.randn(N, D, dtype=torch.float64), *values)
    assert plans == []
    assert "pinnlab" not in recorded.code
