"""A gated network gives the same jets whether its layers are evaluated together or one by one."""

from dataclasses import replace

import pytest
import torch
from cases import OPTIONS, build

import pinnlab as pl
from pinnlab.calculus.layout import Layout, closure
from pinnlab.calculus.taylor import seed
from pinnlab.calculus.unsupported import NotSmooth
from pinnlab.surrogates.networks.modified_mlp import GatedLayers

N = 5


def carried(**options):
    slots = closure([(0, 0, 1), (1, 1)])
    return Layout(slots, (N, N, N, 4, 4, 3, 3), **options)


def points(generator):
    return torch.rand(N, 2, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("option", OPTIONS)
def test_the_same_jets(option, generator):
    module, x = build(pl.ModifiedMLP(6, 3, **OPTIONS[option])), points(generator)
    parameters = list(module.parameters())
    found, expected = (
        module(seed(x, of)).stacked().data for of in (carried(), carried(transparent=True))
    )
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    weights = torch.rand(found.shape, generator=generator, dtype=found.dtype)
    gradients = [torch.autograd.grad((y * weights).sum(), parameters) for y in (found, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(
    ("options", "together"),
    [({}, True), ({"weight_factorization": True}, True), ({"adaptive_activation": True}, False)],
    ids=["plain", "factorised", "trainable_slope"],
)
def test_fixed_activations_are_evaluated_together(options, together, generator):
    module, x = build(pl.ModifiedMLP(6, 3, **options)), points(generator)
    of = carried()
    layers = module.body._together(module.inputs(seed(x, of)))
    assert isinstance(layers, GatedLayers) == together
    assert module.body._together(x) is None
    assert module.body._together(seed(x, replace(of, transparent=True))) is None


def test_encoders_with_functions_of_their_own(generator):
    """Only encoders with the same function are one layer three times as wide."""
    module, x = build(pl.ModifiedMLP(6, 2)), points(generator)
    assert module.body._together(module.inputs(seed(x, carried()))) is not None
    module.body.second_gate[1] = torch.nn.Sigmoid()
    assert module.body._together(module.inputs(seed(x, carried()))) is None
    found, expected = (
        module(seed(x, of)).stacked().data for of in (carried(), carried(transparent=True))
    )
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_kinks_are_refused(generator):
    module = build(pl.ModifiedMLP(6, 2, activation="relu"))
    with pytest.raises(NotSmooth, match="relu"):
        module(seed(points(generator), carried()))
