"""Kinks are refused under every spelling, and nothing that is smooth is."""

import logging

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pinnlab.calculus.engine import propagate, reference_jet
from pinnlab.calculus.layout import Layout, closure
from pinnlab.calculus.unsupported import NotSmooth, UnfitModule

WIDTH = 8


class Between(nn.Module):
    """Something between two linear layers, behind an operation without a rule if asked for."""

    def __init__(self, function, behind=None):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = nn.Linear(2, WIDTH).double(), nn.Linear(WIDTH, 1).double()
        self.function, self.behind = function, behind or (lambda z: z)
        self.level = nn.Parameter(torch.tensor(-2.0, dtype=torch.float64))

    def forward(self, x):
        return self.last(self.function(self.behind(self.first(3 * x))))


def points(n=12):
    return 2 * torch.rand(n, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64) - 1


def jet(module, order=2, x=None, transparent=False):
    x = points() if x is None else x
    slots = closure([(0,) * order, (1,)])
    return propagate(module, x, Layout(slots, (len(x),) * len(slots), transparent))


def changed(z):
    out = torch.empty_like(z)
    out[:] = z
    return out.relu_()


class Recurrent(nn.Module):
    """A recurrent layer over the features of each point."""

    def __init__(self, nonlinearity):
        super().__init__()
        torch.manual_seed(1)
        self.layer = nn.RNN(1, WIDTH, nonlinearity=nonlinearity, batch_first=True).double()

    def forward(self, z):
        return self.layer(z[..., None])[0][:, -1]


KINKS = {
    "F.relu": F.relu,
    "torch.relu": torch.relu,
    "method relu": lambda z: z.relu(),
    "relu in place": lambda z: F.relu_(z.clone()),
    "method in place": lambda z: z.clone().relu_(),
    "array written to": changed,
    "module in place": nn.ReLU(inplace=True),
    "relu squared": lambda z: z.relu() ** 2,
    "leaky": F.leaky_relu,
    "prelu": nn.PReLU().double(),
    "selu": F.selu,
    "hardswish": F.hardswish,
    "softshrink": F.softshrink,
    "hardshrink": F.hardshrink,
    "threshold": lambda z: F.threshold(z, 0.0, 0.0),
    "clamp": lambda z: z.clamp(min=0),
    "clip": lambda z: torch.clip(z, -0.5, 0.5),
    "clamp in place": lambda z: (1.0 * z).clamp_min_(0),
    "maximum": lambda z: torch.maximum(z, torch.zeros_like(z)),
    "maxout": lambda z: torch.maximum(z[:, :4], z[:, 4:]).repeat(1, 2),
    "largest": lambda z: z.amax(-1, keepdim=True) * torch.ones(WIDTH).double(),
    "largest with its place": lambda z: z.max(1, keepdim=True)[0].expand(-1, WIDTH),
    "median": lambda z: z.median(1, keepdim=True)[0].expand(-1, WIDTH),
    "sorted": lambda z: z.sort(-1)[0],
    "pooled": lambda z: F.max_pool1d(z[:, None], 2).repeat(1, 1, 2)[:, 0],
    "torch.abs": torch.abs,
    "method abs": lambda z: z.abs(),
    "abs of Python": abs,
    "sign": torch.sign,
    "round": torch.round,
    "floor": lambda z: z.floor(),
    "where": lambda z: torch.where(z > 0, z, 0 * z),
    "times comparison": lambda z: z * (z > 0),
    "comparison as number": lambda z: z * z.gt(0).to(z.dtype),
    "written to where negative": lambda z: z.masked_fill(z < 0, 0.0),
    "recurrent": Recurrent("relu"),
    "scripted": torch.jit.script(nn.Sequential(nn.ReLU())),
}


@pytest.mark.parametrize("behind", [None, F.mish, lambda z: 10 * F.softmax(z, -1) - 1])
@pytest.mark.parametrize("name", KINKS, ids=lambda n: n.replace(" ", "_"))
def test_a_kink_is_refused_in_every_spelling_and_in_both_engines(name, behind):
    with pytest.raises(NotSmooth, match=r"no useful (first|second) derivative") as caught:
        jet(Between(KINKS[name], behind))
    assert "smooth activation such as tanh" in str(caught.value)


def test_a_kink_is_refused_when_second_derivatives_are_first_asked_for():
    module = Between(lambda z: z.abs(), F.mish)
    assert jet(module, 1).layout.order == 1
    for _ in range(2):
        with pytest.raises(NotSmooth, match="abs"):
            jet(module)


def series(z):
    """sin(z)/z, by its series where z is small."""
    small = z.abs() < 0.05
    safe = torch.where(small, torch.ones_like(z), z)
    return torch.where(small, 1 - z**2 / 6 + z**4 / 120, torch.sin(safe) / safe)


def stable(z):
    e = torch.exp(z - z.amax(-1, keepdim=True))
    return e / e.sum(-1, keepdim=True)


SMOOTH = {
    "branches that meet smoothly": series,
    "shifted by the largest": stable,
    "bound that is not reached": lambda z: torch.tanh(z.clamp(-50, 50)),
    "guarded root": lambda z: torch.sqrt((z * z).sum(-1, keepdim=True).clamp_min(1e-12) + z * z),
    "comparison that always holds": lambda z: torch.tanh(z) * (z > -100.0),
    "steep softplus": lambda z: F.softplus(z, beta=30),
    "celu": F.celu,
    "softsign": F.softsign,
    "recurrent": Recurrent("tanh"),
    "softsign written": lambda z: z / (1 + z.abs()),
    "fast wave": lambda z: torch.sin(12 * F.mish(z)),
    "wrapped into a period": lambda z: torch.sin(2 * torch.pi * (z - torch.floor(z))),
}


@pytest.mark.parametrize("name", SMOOTH, ids=lambda n: n.replace(" ", "_"))
def test_smooth_uses_of_the_same_operations_are_accepted(name):
    module = Between(SMOOTH[name])
    found = jet(module)
    torch.testing.assert_close(found.data, reference_jet(module, points(), found.layout).data)


def test_what_parameters_alone_go_through_does_not_matter(caplog):
    module = Between(lambda z: torch.tanh(z))
    module.function = lambda z: F.mish(z) * module.level.abs() + module.level.relu()
    with caplog.at_level(logging.WARNING, logger="pinnlab"):
        jet(module)
    assert "mish" in caplog.text and "branches" not in caplog.text


def test_the_log_tells_of_branches(caplog):
    with caplog.at_level(logging.WARNING, logger="pinnlab"):
        jet(Between(series))
    assert "single branches where it takes points apart (abs, lt, where)" in caplog.text


def test_kinks_are_no_matter_to_first_derivatives():
    for name in ("F.relu", "where", "torch.abs", "largest"):
        module = Between(KINKS[name])
        found = jet(module, 1)
        torch.testing.assert_close(found.data, reference_jet(module, points(), found.layout).data)


@pytest.mark.parametrize("order", [1, 2])
def test_steps_have_no_first_derivative_either(order):
    with pytest.raises(NotSmooth, match="no useful first derivative"):
        jet(Between(torch.round, F.mish), order)


class Centred(nn.Module):
    def forward(self, x):
        return (x - x.mean(0)).sum(-1, keepdim=True)


class Noisy(nn.Module):
    def forward(self, x):
        return F.mish(x).sum(-1, keepdim=True) + torch.randn(len(x), 1)


@pytest.mark.parametrize(
    "module, words", [(Centred(), "with the points beside it"), (Noisy(), "at every call")]
)
def test_a_point_must_not_know_of_the_others_or_of_chance(module, words):
    with pytest.raises(UnfitModule, match=words):
        jet(module, 1)


# --- what looks like a jump and is none ------------------------------------------------------
class Formula(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x, torch.where(x[:, :1] > -9, x[:, :1], x[:, :1] ** 2))


FORMULAS = {
    "constant beside another": lambda x, y: torch.cat([y.sin(), 1 + 0 * y], 1),
    "constant to rounding": lambda x, y: torch.cat([y.sin(), y.sin() ** 2 + y.cos() ** 2], 1),
    "parabola": lambda x, y: 0.3 * y**2 + 0.7 * x[:, 1:] * y,
    "straight to rounding": lambda x, y: y * (y.sin() ** 2 + y.cos() ** 2),
    "steep front": lambda x, y: torch.tanh(20 * y),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("order", [2, 3, 4])
@pytest.mark.parametrize("name", FORMULAS, ids=lambda n: n.replace(" ", "_"))
def test_rounding_errors_are_no_jumps(name, order, dtype):
    assert jet(Formula(FORMULAS[name]), order, points().to(dtype)).layout.order == order


class Velocity(nn.Module):
    """The velocity of a stream function, by differentiation inside the module."""

    def __init__(self, function):
        super().__init__()
        self.stream = Between(function)

    def forward(self, x):
        psi = self.stream(x)
        (g,) = torch.autograd.grad(psi.sum(), x, create_graph=True)
        return torch.stack([g[:, 1], -g[:, 0]], 1)


def test_a_module_may_differentiate_by_the_points_itself():
    with torch.no_grad():
        found = jet(Velocity(torch.tanh))
    expected = reference_jet(Velocity(torch.tanh), points(), found.layout)
    torch.testing.assert_close(found.data, expected.data.detach())
    with pytest.raises(NotSmooth, match="relu"):
        jet(Velocity(F.relu))


def test_a_column_that_is_constant_hides_no_kink():
    def beside(x, y):
        return torch.cat([(y - 0.1).clamp_min(0), 1 + 0 * y], 1)

    with pytest.raises(NotSmooth, match="clamp_min"):
        jet(Formula(beside))
