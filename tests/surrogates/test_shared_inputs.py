"""Shared first-layer weights against the dense layer that they abbreviate."""

import pytest
import torch
from cases import F64, build
from torch import nn
from torch.nn import functional as F

import pinnlab as pl
from pinnlab.calculus.engine import propagate, reference_jet
from pinnlab.calculus.layout import Collapsed, Layout, closure
from pinnlab.calculus.slopes import Rows, Slopes, Units
from pinnlab.calculus.taylor import seed
from pinnlab.calculus.unsupported import NotSmooth
from pinnlab.errors import DeclarationError
from pinnlab.surrogates.base import Frame
from pinnlab.surrogates.networks.mlp import SharedInputs
from pinnlab.typing import Coordinates

D, BLOCK = 7, 3  # two blocks and one column that is left over


def network(d: int = D, block: int = BLOCK, kind=pl.MLP, **options) -> nn.Module:
    spec = kind(width=5, depth=2, share_inputs=block, **options)
    frame = Frame(Coordinates(("x",), (d,)), ("u",), (-1.0,) * d, (1.0,) * d)
    module = spec.build(
        frame,
        generator=torch.Generator().manual_seed(0),
        dtype=F64,
        device=torch.device("cpu"),
    )
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return module


def first(module: nn.Module) -> SharedInputs:
    return next(m for m in module.modules() if isinstance(m, SharedInputs))


def dense(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The same network with its first layer written as a matrix with mostly zeros."""
    layer = first(module)
    shared = (
        layer.shared if layer.activation.slope is None else layer.shared * layer.activation.slope
    )
    offset = (
        layer.offset if layer.activation.slope is None else layer.offset * layer.activation.slope
    )
    covered = layer.features * BLOCK
    matrix = torch.block_diag(*[shared[None]] * layer.features)
    features = torch.tanh(F.linear(x[:, :covered], matrix) + offset)
    y = layer.linear(torch.cat([features, x[:, covered:]], 1))
    for after in module.body[1:]:
        y = after(y)
    return y


def points(n: int = 6, d: int = D) -> torch.Tensor:
    return torch.rand(n, d, dtype=F64) * 2 - 1


@pytest.mark.parametrize("d", [6, 7, 8])
@pytest.mark.parametrize("option", ["adaptive_activation", "weight_factorization", None])
def test_values_are_those_of_a_dense_layer(d, option):
    module = network(d, **({option: True} if option else {}))
    x = points(d=d)
    torch.testing.assert_close(module(x), dense(module, x), rtol=1e-13, atol=1e-13)


LAPLACE = Collapsed(tuple(((k, k), 1.0 + k) for k in range(D)))
MIXED = Collapsed((((0, 1), 1.0), ((0, 4), 2.0), ((3, 3), -1.0)))
LAYOUTS = {
    "gradient": closure([(k,) for k in range(D)]),
    "one block": closure([(0, 1), (2, 2)]),
    "two blocks": closure([(0, 3), (1, 5), (6, 6), (0, 6)]),
    "third": closure([(0, 0, 1), (3, 4, 5)]),
    "laplacian": closure([LAPLACE]),
    "mixed sum": closure([MIXED]),
}


@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("name", LAYOUTS)
def test_derivatives_are_exact(name, transparent):
    module, x = network(), points()
    slots = LAYOUTS[name]
    counts = tuple(6 - k % 3 if k else 6 for k in range(len(slots)))
    counts = tuple(min(c, counts[0]) for c in counts)
    layout = Layout(slots, (6,) * len(slots), transparent=transparent)
    jet, exact = propagate(module, x, layout), reference_jet(module, x, layout)
    torch.testing.assert_close(jet.data, exact.data, rtol=1e-11, atol=1e-12)


def test_slots_of_some_points_only():
    module, x = network(), points()
    slots = closure([(0, 0), (0, 1)])
    layout = Layout(slots, (6, 6, 5, 4, 3))
    jet, exact = propagate(module, x, layout), reference_jet(module, x, layout)
    torch.testing.assert_close(jet.data, exact.data, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("kind", ["units", "rows", "varying units", "varying rows"])
def test_directions_of_any_kind(kind):
    module, x = network(), points()
    columns = torch.tensor([4, 1, 4, 6])
    scale = torch.tensor([1.5, -2.0, 0.5, 1.0], dtype=F64)
    parts = {
        "units": Units(columns, scale),
        "rows": Rows(torch.randn(4, D, dtype=F64)),
        "varying units": Units(columns, scale[:, None] * (1 + torch.rand(4, 6, dtype=F64))),
        "varying rows": Rows(torch.randn(4, 6, D, dtype=F64)),
    }
    directions = range(D, D + 4)
    slots = closure([(k, k) for k in directions] + [(D, D + 2), (D, D + 1)])
    layout = Layout(slots, (6,) * len(slots))
    start = seed(x, layout, Slopes([parts[kind]], D))
    jet = module(start).stacked()
    exact = reference_jet(module, x, layout, seed(x, layout, Slopes([parts[kind]], D)))
    torch.testing.assert_close(jet.data, exact.data, rtol=1e-11, atol=1e-12)


def test_gradients_are_those_of_the_dense_layer():
    module, x = network(), points()
    layout = Layout(closure([LAPLACE]), (6,) * (D + 2))
    weights = torch.randn(6 * (D + 2), 1, dtype=F64)
    parameters = list(module.parameters())

    def gradients(jet):
        return torch.autograd.grad((jet.data * weights).sum(), parameters)

    fast, slow = (
        gradients(propagate(module, x, layout)),
        gradients(reference_jet(module, x, layout)),
    )
    for a, b in zip(fast, slow, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-11)


def test_a_first_layer_of_very_many_coordinates_is_small():
    module = network(100_000, 50)
    assert sum(p.numel() for p in module.parameters()) < 5 * (2000 + 20) + 51


@pytest.mark.parametrize("option", ["adaptive_activation", "weight_factorization", None])
@pytest.mark.parametrize("name", LAYOUTS)
def test_gated_networks_share_in_both_encodings_and_the_first_layer(name, option):
    options = {option: True} if option else {}
    module, x = network(kind=pl.ModifiedMLP, **options), points()
    assert sum(isinstance(m, SharedInputs) for m in module.modules()) == 3
    layout = Layout(LAYOUTS[name], (6,) * len(LAYOUTS[name]))
    jet, exact = propagate(module, x, layout), reference_jet(module, x, layout)
    torch.testing.assert_close(jet.data, exact.data, rtol=1e-11, atol=1e-12)


def test_solves_a_problem_in_time():
    problem = pl.high_dimension.semilinear_heat(10)
    s = pl.solve(
        problem,
        pl.MLP(width=16, depth=2, share_inputs=5),
        points={"interior": 32, "boundary": 32},
        phases=[pl.Adam(20, lr=1e-2)],
        progress=False,
    )
    losses = [r["loss"] for r in s.records]
    assert losses[-1] < losses[0]


def test_refuses_what_cannot_be_shared():
    with pytest.raises(DeclarationError, match="share_inputs=0"):
        pl.MLP(share_inputs=0)
    with pytest.raises(DeclarationError, match="ModifiedMLP cannot have share_inputs"):
        pl.ModifiedMLP(share_inputs=2.5)
    with pytest.raises(DeclarationError, match="fewer inputs than share weights"):
        build(pl.MLP(share_inputs=4), dim=3)
    module, x = network(activation="relu"), points()
    layout = Layout(closure([(0, 0)]), (6, 6, 6))
    with pytest.raises(NotSmooth, match="no useful second derivative"):
        propagate(module, x, layout)
