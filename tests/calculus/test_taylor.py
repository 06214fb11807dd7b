import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from pinnlab.calculus.engine import reference_jet
from pinnlab.calculus.layout import Collapsed, Layout, closure
from pinnlab.calculus.taylor import TaylorTensor, constant, seed
from pinnlab.calculus.unsupported import NotSmooth, UnsupportedOperation

W = torch.tensor([[0.5, -0.3], [0.2, 0.7], [-0.4, 0.1]], dtype=torch.float64)
B = torch.tensor([0.1, -0.2, 0.3], dtype=torch.float64)
COLUMNS = torch.linspace(1, 2, 12, dtype=torch.float64).reshape(6, 2)
COLUMN = torch.tensor([[2.0], [3.0]], dtype=torch.float64)
LAPLACE = Collapsed((((0, 0), 1.0), ((1, 1), 1.0)))
LAYOUTS = {
    "second": Layout(closure([(0, 0), (0, 1), (1, 1)]), (6, 6, 6, 5, 4, 3)),
    "third": Layout(closure([(0, 0, 1)]), (6,) * 6),
    "collapsed": Layout(closure([LAPLACE]), (6, 6, 6, 4)),
    "mixed_orders": Layout(closure([Collapsed((((0, 0), 0.5), ((1,), 2.0)))]), (6, 6, 5)),
}


class Of(torch.nn.Module):
    """A function as a module, so that the reference engine takes it."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def points(n=6, d=2):
    return 0.2 + torch.rand(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


# Every operation that has a rule, in each form in which a module may write it.
OPERATIONS = {
    "linear": lambda x: F.linear(x, W, B),
    "linear twice": lambda x: F.linear(torch.tanh(F.linear(x, W, B)), W.T),
    "cat": lambda x: torch.cat([x, torch.sin(x)], -1),
    "cat of affine": lambda x: torch.sin(torch.cat([x, 2 * x], dim=1)),
    "concat": lambda x: torch.concat([x, x * x], 1),
    "stack": lambda x: torch.stack([x[:, 0], torch.sin(x[:, 1])], -1),
    "add": lambda x: torch.add(x, torch.sin(x)) + torch.add(x, torch.sin(x), alpha=2),
    "rsub": lambda x: torch.rsub(torch.sin(x), 2.0),
    "add number": lambda x: 1.5 + torch.sin(x) + 2,
    "add vector": lambda x: torch.sin(x) + B[:2],
    "add to affine": lambda x: torch.sin(x + B[:2]),
    "add row": lambda x: torch.sin(x) + B[None, :2],
    "vector add": lambda x: B[:2] + torch.sin(x),
    "add broadcast": lambda x: torch.sin(x[:, :1]) + B,
    "add affine broadcast": lambda x: torch.sin(x[:, :1] + B),
    "jet broadcast": lambda x: torch.sin(x[:, :1]) + torch.cos(x),
    "sub": lambda x: torch.sub(torch.sin(x), x),
    "sub number": lambda x: 1 - torch.sin(x) - 0.5,
    "vector sub": lambda x: B[:2] - torch.sin(x),
    "sub vector": lambda x: torch.sin(x) - B[:2],
    "mul": lambda x: torch.mul(torch.sin(x), torch.exp(x)),
    "mul number": lambda x: 2 * torch.sin(x) * 3.0,
    "mul vector": lambda x: torch.sin(x) * B[:2],
    "value per point": lambda x: torch.sin(x) * COLUMNS + (x + COLUMNS) * COLUMNS - COLUMNS,
    "vector mul": lambda x: B[:2] * torch.sin(x),
    "mul affine": lambda x: x * x,
    "mul broadcast": lambda x: torch.sin(x[:, :1]) * torch.cos(x),
    "multiply": lambda x: torch.multiply(x, torch.sin(x)),
    "div": lambda x: torch.div(torch.sin(x), 2 + x),
    "true_divide": lambda x: torch.true_divide(x, 1 + x),
    "div number": lambda x: torch.sin(x) / 3,
    "div vector": lambda x: torch.sin(x) / B[:2],
    "vector div": lambda x: B[:2] / (1 + x),
    "number div": lambda x: 1 / (1 + x),
    "pow": lambda x: x**3 + torch.pow(x, 2),
    "pow one": lambda x: torch.sin(x) ** 1,
    "pow root": lambda x: x**0.5,
    "pow jet": lambda x: (1 + x) ** torch.sin(x),
    "number pow": lambda x: 2.0**x,
    "neg": lambda x: torch.neg(torch.sin(x)) + (-x),
    "matmul": lambda x: torch.matmul(torch.sin(x), W.T) + torch.sin(x) @ W.T,
    "matmul affine": lambda x: torch.sin(x @ W.T),
    "sum": lambda x: torch.sum(torch.sin(x), -1, keepdim=True) + torch.exp(x).sum(1, keepdim=True),
    "unsqueeze": lambda x: torch.sin(x).unsqueeze(1).squeeze(1) + torch.exp(x)[:, 0].unsqueeze(-1),
    "select": lambda x: torch.stack([torch.select(torch.sin(x), 1, 1), x[:, 0]], 1),
    "slice": lambda x: torch.sin(x)[:, 0:1],
    "ellipsis": lambda x: torch.sin(x)[..., 1].unsqueeze(1),
    "list index": lambda x: torch.sin(x)[:, [1, 0]],
    "none index": lambda x: torch.sin(x)[:, 0][:, None],
    "methods": lambda x: x.sin() + x.tanh() * x.exp(),
    "zeros_like": lambda x: torch.zeros_like(x) + torch.sin(x),
    "ones_like": lambda x: torch.ones_like(x) * torch.sin(x),
    "dropout in evaluation": lambda x: F.dropout(torch.sin(x), 0.5, training=False),
    "softplus of torch": lambda x: torch.nn.Softplus()(x),
    "gelu of torch": lambda x: torch.nn.GELU()(x),
    "silu of torch": lambda x: torch.nn.SiLU()(x),
    "cat of constants": lambda x: torch.cat([torch.sin(x), COLUMNS, x], -1),
    "cat of affine and constants": lambda x: torch.sin(torch.cat([COLUMNS, x], -1)),
    "hstack": lambda x: torch.hstack([torch.sin(x), x]),
    "column_stack": lambda x: torch.column_stack([torch.sin(x), x]),
    "stack of constants": lambda x: torch.stack([torch.sin(x)[:, 0], COLUMNS[:, 0]], 1),
    "split": lambda x: torch.cat([*reversed(torch.sin(x).split(1, -1)), *x.split([1, 1], 1)], 1),
    "unbind": lambda x: torch.stack([torch.sin(c) * k for k, c in enumerate(x.unbind(-1), 1)], 1),
    "unbind of sines": lambda x: torch.stack(torch.unbind(torch.sin(x), 1)[::-1], 1),
    "reshape": lambda x: torch.sin(x).reshape(6, 1, 2).reshape(-1, 2) + x.view(6, -1),
    "reshape of affine": lambda x: torch.sin(torch.reshape(x, (-1, 2, 1))).flatten(1),
    "flatten": lambda x: (torch.sin(x)[:, :, None] * torch.exp(x)[:, None, :]).flatten(1),
    "transpose": lambda x: (torch.sin(x)[:, :, None] * x[:, None]).transpose(1, 2).flatten(1, -1),
    "clone": lambda x: torch.sin(x).clone() + x.clone().contiguous() + torch.exp(x).contiguous(),
    "to": lambda x: torch.sin(x.to(torch.float64)).to(B) + x.double() + x.type_as(B),
    "addmm": lambda x: (
        torch.addmm(B, torch.sin(x), W.T, beta=2, alpha=0.5) + torch.addmm(B, x, W.T)
    ),
    "rsqrt": lambda x: torch.rsqrt(x) + torch.sin(x).rsqrt(),
    "log1p": lambda x: torch.log1p(x) + torch.sin(x).log1p(),
    "linear on three axes": lambda x: F.linear(torch.sin(x)[:, None], W, B).squeeze(1),
    "linear on three axes of affine": lambda x: torch.sin(F.linear(x[:, None], W, B)).squeeze(1),
    "sum over one axis in brackets": lambda x: torch.sin(x).sum(dim=(1,), keepdim=True),
    "number of numpy": lambda x: np.float64(2) * torch.sin(x) + np.float32(0.5) * x,
    "sizes": lambda x: torch.sin(x) * (x.shape[1] + x.size(1) + x.dim() + x.ndim + len(x)),
    "columns": lambda x: torch.stack([torch.sin(x[:, k]) for k in range(x.shape[1])], -1),
    "gate": lambda x: torch.sigmoid(x) * torch.tanh(x) + (1 - torch.sigmoid(x)) * x,
    "deep": lambda x: F.linear(torch.erf(F.linear(F.silu(F.linear(x, W)), W.T)), W, B),
}


@pytest.mark.parametrize("transparent", [False, True], ids=["by_hand", "transparent"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", OPERATIONS, ids=lambda n: n.replace(" ", "_"))
def test_operation_agrees_with_nested_differentiation(name, layout, transparent):
    of = LAYOUTS[layout]
    of = Layout(of.slots, of.counts, transparent)
    x, function = points(), OPERATIONS[name]
    found = function(seed(x, of)).stacked()
    expected = reference_jet(Of(function), x, of).data.detach()
    assert found.data.shape == expected.shape
    scale = float(expected.abs().max().clamp_min(1.0))
    assert float((found.data - expected).abs().max()) < 1e-12 * scale


def test_points_are_their_own_jet():
    of, x = LAYOUTS["second"], points()
    jet = seed(x, of)
    torch.testing.assert_close(jet.slot(()), x)
    torch.testing.assert_close(jet.slot((0,)), torch.tensor([[1.0, 0.0]]).double().expand(6, 2))
    torch.testing.assert_close(jet.slot((1, 1)), torch.zeros(3, 2).double())


def test_a_constant_has_no_derivatives():
    of = LAYOUTS["third"]
    jet = constant(points()[:, 0], of).stacked()
    torch.testing.assert_close(jet.data[: of.n], points()[:, 0])
    assert not jet.data[of.n :].any()


def test_a_jet_looks_like_a_tensor():
    jet = torch.sin(seed(points().float(), LAYOUTS["second"]))
    assert jet.shape == (6, 2)
    assert jet.dtype is torch.float32
    assert jet.device.type == "cpu"
    assert "shape=(6, 2)" in repr(jet)


UNSUPPORTED = {
    "group norm": (lambda x: F.group_norm(x, 1), "group_norm"),
    "sum over points": (lambda x: x.sum(0), "points axis"),
    "cat over points": (lambda x: torch.cat([x, x]), "points axis"),
    "cat with a row": (lambda x: torch.cat([x, B[None]], -1), "without a row for each point"),
    "mean over all": (lambda x: torch.mean(x), "mean over several axes"),
    "sum over all": (lambda x: x.sum(), "sum over several axes"),
    "split over points": (lambda x: x.split(2), "points axis"),
    "unbind over points": (lambda x: x.unbind(), "points axis"),
    "flatten over points": (lambda x: x.flatten(), "points axis"),
    "transpose over points": (lambda x: x.transpose(0, 1), "points axis"),
    "integers": (lambda x: x.to(torch.int64), "conversion to torch.int64"),
    "scripted": (torch.jit.script(torch.nn.Tanh()), "a module of torch.jit"),
    "traced": (torch.jit.trace(torch.nn.Tanh(), COLUMNS), "a module of torch.jit"),
    "greater": (lambda x: x > 0, "a comparison of values"),
    "equal": (lambda x: x == 0, "a comparison of values"),
    "product of two": (lambda x: torch.addmm(x, x, x.mT), "mT"),
    "points index": (lambda x: x[0], "points axis"),
    "unsqueeze of points": (lambda x: x.unsqueeze(0), "points axis"),
    "squeeze of points": (lambda x: x.squeeze(0), "points axis"),
    "values of other shape": (lambda x: x * points()[:, :1], "constant of shape"),
    "object": (lambda x: x + "a", "operand of type str"),
    "tanh gelu": (lambda x: F.gelu(x, approximate="tanh"), "approximate"),
    "steep softplus": (lambda x: F.softplus(x, beta=3), "beta"),
    "early softplus": (lambda x: F.softplus(x, threshold=1), "threshold"),
    "exponent": (lambda x: x ** torch.ones(2), "exponent of type Tensor"),
    "method": (lambda x: x.amax(-1), "amax"),
    "reshape": (lambda x: x.reshape(-1, 1), "reshape"),
    "shapes": (lambda x: torch.sin(x) + torch.sin(x[:, 0]), "shapes"),
}


@pytest.mark.parametrize("name", UNSUPPORTED, ids=lambda n: n.replace(" ", "_"))
def test_operation_without_a_rule_is_named(name):
    function, words = UNSUPPORTED[name]
    with pytest.raises(UnsupportedOperation, match=words):
        function(seed(points(), LAYOUTS["second"]))


def test_jets_of_different_layouts_do_not_mix():
    a, b = (torch.sin(seed(points(), LAYOUTS[k])) for k in ("second", "third"))
    with pytest.raises(UnsupportedOperation, match="different layouts"):
        a + b


def test_an_unknown_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="wavelength"):
        _ = seed(points(), LAYOUTS["second"]).wavelength


@pytest.mark.parametrize("function", [torch.relu, F.relu, F.leaky_relu, F.hardtanh])
def test_a_kinked_activation_is_refused_under_second_derivatives(function):
    with pytest.raises(NotSmooth, match="smooth activation such as tanh") as caught:
        function(seed(points(), LAYOUTS["second"]))
    assert "order 2" in str(caught.value)


def test_relu_is_fine_under_first_derivatives():
    of, x = Layout(closure([(0,), (1,)]), (6, 6, 6)), points() - 0.7
    jet = torch.relu(F.linear(seed(x, of), W))
    expected = reference_jet(Of(lambda t: torch.relu(F.linear(t, W))), x, of)
    torch.testing.assert_close(jet.data, expected.data)


def test_a_stacked_jet_reads_its_slots():
    of, x = LAYOUTS["collapsed"], points()
    jet = TaylorTensor.stacked(torch.sin(seed(x, of) @ COLUMN))
    # Δ sin(2x + 3y) = −13 sin(2x + 3y), on the points that the slot covers.
    expected = -13 * np.sin(2 * x[:4, :1].numpy() + 3 * x[:4, 1:].numpy())
    np.testing.assert_allclose(jet.slot(LAPLACE).numpy(), expected, rtol=1e-14 * math.e)
