"""Layers beyond linear maps and activations, and activations that are not smooth everywhere."""

import pytest
import torch
from torch import nn

from pinnlab.calculus.engine import propagate, reference_jet
from pinnlab.calculus.layout import Collapsed, Layout, closure
from pinnlab.calculus.taylor import TaylorTensor, seed
from pinnlab.calculus.unsupported import NotSmooth, TrainingMode

SLOTS = closure([(0, 0, 1), (1, 1), Collapsed((((0, 0), 1.0), ((1, 1), 2.0)))])
LAYOUT = Layout(SLOTS, (5,) * len(SLOTS))


def body(*middle, width=6):
    torch.manual_seed(0)
    layers = [nn.Linear(2, width), nn.Tanh(), *middle, nn.LazyLinear(2)]
    module = nn.Sequential(*layers).double()
    with torch.no_grad():
        module(points())
    return module.eval()


def points():
    return torch.rand(5, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def normalised():
    norm = nn.BatchNorm1d(6)
    norm.running_mean += torch.linspace(-1, 1, 6)
    norm.running_var *= 3
    nn.init.uniform_(norm.weight)
    return norm


class Means(nn.Module):
    def forward(self, x):
        return torch.cat([x, torch.mean(x, -1, keepdim=True) * x[:, :1]], -1)


LAYERS = {
    "layer norm": nn.LayerNorm(6),
    "layer norm without weights": nn.LayerNorm(6, elementwise_affine=False, bias=False),
    "batch norm": normalised(),
    "gated linear unit": nn.GLU(),
    "mean of features": Means(),
    "elu, above its kink": nn.ELU(),
    "softsign": nn.Softsign(),
}


class Written(nn.Module):
    """A layer norm of elementary operations: torch's own has wrong third derivatives."""

    def __init__(self, norm):
        super().__init__()
        self.norm = norm

    def forward(self, x):
        centered = x - x.mean(-1, keepdim=True)
        y = centered / torch.sqrt(centered.square().mean(-1, keepdim=True) + self.norm.eps)
        return y if self.norm.weight is None else y * self.norm.weight + self.norm.bias


def reference(module, x, layout):
    written = [Written(m) if isinstance(m, nn.LayerNorm) else m for m in module]
    return reference_jet(nn.Sequential(*written), x, layout)


@pytest.mark.parametrize("name", LAYERS)
def test_layers_have_rules(name):
    low = name in ("elu, above its kink", "softsign")  # third derivatives are refused
    slots = closure([(0, 1), (1, 1)]) if low else SLOTS
    layout = Layout(slots, (5,) * len(slots))
    module, x = body(LAYERS[name]), points()
    assert isinstance(module(seed(x, layout)), TaylorTensor)  # no fallback
    found = propagate(module, x, layout)
    expected = reference(module, x, layout)
    torch.testing.assert_close(found.data, expected.data, rtol=1e-9, atol=1e-9)


def test_gradients_pass_through_a_norm():
    module, x = body(nn.LayerNorm(6)), points()
    grads = []
    for jet in (propagate(module, x, LAYOUT), reference(module, x, LAYOUT)):
        grads.append(torch.autograd.grad(jet.data.square().sum(), list(module.parameters())))
    for a, b in zip(*grads, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(
    "activation, order, word",
    [(nn.ReLU(), 2, "second"), (nn.ELU(), 3, "third"), (nn.Softsign(), 3, "third"),
     (nn.Hardswish(), 2, "second"), (nn.CELU(), 4, "third")],
    ids=lambda v: type(v).__name__,
)  # fmt: skip
def test_orders_above_the_smoothness_are_refused(activation, order, word):
    slots = closure([(0,) * order])
    layout = Layout(slots, (5,) * len(slots))
    with pytest.raises(NotSmooth, match=f"no useful {word} derivative") as caught:
        propagate(body(activation), points(), layout)
    assert "tanh" in str(caught.value)


@pytest.mark.parametrize(
    "layer, words", [(nn.BatchNorm1d(6), "joins the points"), (nn.Dropout(), "at every call")]
)
@pytest.mark.parametrize("behind", [nn.Tanh(), nn.Mish()], ids=["jets", "nested"])
@pytest.mark.parametrize("order", [0, 1, 2])
def test_training_mode_is_refused_with_the_layer_named(layer, words, behind, order):
    module, slots = body(layer, behind).train(), closure([(0,) * order])
    of = Layout(slots, (5,) * len(slots))
    with pytest.raises(TrainingMode, match=words) as caught:
        propagate(module, points(), of)
    assert "layer '2'" in str(caught.value) and ".eval()" in str(caught.value)
    assert propagate(module.eval(), points(), of).layout is of
