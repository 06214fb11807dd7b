import copy
import dataclasses
import math

import pytest
import torch
from cases import NETWORKS, OPTIONS, TRAINED, build
from torch.nn import functional as F

import pinnlab as pl
from pinnlab.errors import DeclarationError
from pinnlab.surrogates.base import ACTIVATIONS, Frame, LayerFactory, Specification
from pinnlab.typing import Coordinates

SPECS = [*NETWORKS.values()] + [
    dataclasses.replace(spec, **options)
    for spec in TRAINED.values()
    for options in OPTIONS.values()
    if options
]


def points(n=7, dim=2, dtype=torch.float64):
    x = 3 * torch.rand(n, dim, generator=torch.Generator().manual_seed(2), dtype=dtype) - 1
    return x


@pytest.mark.parametrize("spec", SPECS, ids=repr)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_a_network_maps_points_to_fields(spec, dtype):
    module = build(spec, 3, ("u", "v", "p"), dtype=dtype)
    y = module(points(dim=3, dtype=dtype))
    assert y.shape == (7, 3)
    assert y.dtype is dtype
    assert {p.dtype for p in module.parameters()} == {dtype}
    assert bool(y.isfinite().all())


@pytest.mark.parametrize("spec", SPECS, ids=repr)
def test_every_row_comes_from_its_own_point(spec):
    module, x = build(spec), points()
    alone = torch.cat([module(row[None]) for row in x])
    torch.testing.assert_close(module(x), alone, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("spec", NETWORKS.values(), ids=repr)
def test_the_seed_decides_the_weights_and_the_global_stream_is_untouched(spec):
    before = torch.get_rng_state()
    first, same, other = (build(spec, seed=s).state_dict() for s in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[k], same[k]) for k in first)
    assert any(not torch.equal(first[k], other[k]) for k in first)


@pytest.mark.parametrize("spec", SPECS, ids=repr)
def test_every_parameter_takes_part(spec):
    module = build(spec)
    module(points()).square().sum().backward()
    for name, p in module.named_parameters():
        assert p.grad is not None, name
        assert bool(p.grad.any()), name


@pytest.mark.parametrize("spec", NETWORKS.values(), ids=repr)
def test_a_saved_network_is_the_same_function(spec):
    module, other = build(spec, seed=0), build(spec, seed=1)
    other.load_state_dict(copy.deepcopy(module.state_dict()))
    assert torch.equal(module(points()), other(points()))


@pytest.mark.parametrize("spec", SPECS, ids=repr)
def test_a_specification_prints_what_differs_from_the_default(spec):
    assert eval(repr(spec), vars(pl).copy()) == spec


def test_a_specification_is_a_value():
    assert pl.MLP(20, 3) == pl.MLP(width=20, depth=3)
    assert hash(pl.MLP(20, 3)) == hash(pl.MLP(20, 3))
    with pytest.raises(dataclasses.FrozenInstanceError):
        pl.MLP().width = 3  # type: ignore[misc]


# --- the formulas of the papers, evaluated independently ------------------------------------
def scaled(x):
    """The box [-1, 2]² mapped to [-1, 1]²."""
    return (x - 0.5) / 1.5


def values(module):
    return {k: v.detach() for k, v in module.state_dict().items()}


def test_mlp():
    module, x = build(pl.MLP(width=4, depth=2, activation="silu")), points()
    w = values(module)
    h = F.silu(scaled(x) @ w["body.0.weight"].T + w["body.0.bias"])
    h = F.silu(h @ w["body.2.weight"].T + w["body.2.bias"])
    torch.testing.assert_close(module(x), h @ w["body.4.weight"].T + w["body.4.bias"])


def test_modified_mlp():
    module, x = build(NETWORKS["ModifiedMLP"]), points()
    w, h = values(module), scaled(points())

    def layer(name, h):
        return torch.tanh(h @ w[f"body.{name}.0.weight"].T + w[f"body.{name}.0.bias"])

    u, v = layer("first_gate", h), layer("second_gate", h)
    for k in range(2):
        z = layer(f"layers.{k}", h)
        h = (1 - z) * u + z * v
    torch.testing.assert_close(module(x), h @ w["body.last.weight"].T + w["body.last.bias"])


def test_pirate_net():
    module, x = build(pl.PirateNet(width=5, depth=2, nonlinearity=0.4)), points()
    w, h = values(module), scaled(points())
    assert w["body.embedding.frequencies"].shape == (3, 2)  # 5 neurons rounded up to 6

    def layer(name, h):
        return torch.tanh(h @ w[f"body.{name}.0.weight"].T + w[f"body.{name}.0.bias"])

    angle = 2 * math.pi * h @ w["body.embedding.frequencies"].T
    h = torch.cat([angle.cos(), angle.sin()], -1)
    u, v = layer("first_gate", h), layer("second_gate", h)
    for k, alpha in enumerate(w["body.skips"]):
        f = layer(f"layers.{3 * k + 0}", h)
        z = f * u + (1 - f) * v
        g = layer(f"layers.{3 * k + 1}", z)
        z = g * u + (1 - g) * v
        h = alpha * layer(f"layers.{3 * k + 2}", z) + (1 - alpha) * h
    torch.testing.assert_close(module(x), h @ w["body.last.weight"].T + w["body.last.bias"])


def test_pirate_net_starts_linear_in_its_features():
    spec = pl.PirateNet(width=6, depth=2)
    generator = torch.Generator().manual_seed(0)
    frame = Frame(Coordinates(("x",), (1,)), ("u",), (-1.0,), (1.0,))
    module = spec.build(frame, generator=generator, dtype=torch.float64, device=torch.device("cpu"))
    x = torch.linspace(-1, 1, 9, dtype=torch.float64)[:, None]
    w = values(module)
    angle = 2 * math.pi * x @ w["body.embedding.frequencies"].T
    features = torch.cat([angle.cos(), angle.sin()], -1)
    torch.testing.assert_close(module(x), features @ w["body.last.weight"].T)


def test_fourier_features():
    spec = pl.FourierFeatures(width=4, depth=1, features=200, scales=(0.5, 10.0))
    module, x = build(spec), points()
    w = values(module)
    frequencies = w["body.0.frequencies"]
    assert frequencies.shape == (400, 2)
    # Standard deviation of 400 normal numbers is known to a few percent.
    assert float(frequencies[:200].std()) == pytest.approx(0.5, rel=0.15)
    assert float(frequencies[200:].std()) == pytest.approx(10.0, rel=0.15)
    angle = 2 * math.pi * scaled(x) @ frequencies.T
    h = torch.cat([angle.cos(), angle.sin()], -1)
    h = torch.tanh(h @ w["body.1.weight"].T + w["body.1.bias"])
    torch.testing.assert_close(module(x), h @ w["body.3.weight"].T + w["body.3.bias"])
    assert all("frequencies" not in name for name, _ in module.named_parameters())


def test_siren_is_spread_as_in_the_paper():
    spec = pl.SIREN(width=64, depth=3, omega_first=6.0, omega=3.0)
    frame = Frame(Coordinates(("x", "y"), (1, 1)), ("u",), (-1.0, -1.0), (1.0, 1.0))
    module = spec.build(
        frame,
        generator=torch.Generator().manual_seed(0),
        dtype=torch.float64,
        device=torch.device("cpu"),
    )
    w = values(module)
    assert float(w["body.0.weight"].abs().max()) <= 6.0 / 2
    later = math.sqrt(6 / 64)  # ω times √(6/width)/ω
    for name in ("body.2.weight", "body.4.weight"):
        assert float(w[name].abs().max()) <= later
        assert float(w[name].std()) == pytest.approx(later / 3**0.5, rel=0.1)
    x = 2 * torch.rand(500, 2, generator=torch.Generator().manual_seed(1)).double() - 1
    z = module.body[:4](x).detach()
    assert float((z @ w["body.4.weight"].T).std()) == pytest.approx(1.0, rel=0.25)


def test_glorot_weights():
    factory = LayerFactory(pl.MLP(), torch.Generator().manual_seed(0), torch.float64)
    layer = factory.linear(300, 100)
    assert float(layer.weight.detach().std()) == pytest.approx(math.sqrt(2 / 400), rel=0.02)
    assert not layer.bias.detach().any()


def test_factorised_weights_start_as_the_weights_they_factor():
    factory = LayerFactory(
        pl.MLP(weight_factorization=True), torch.Generator().manual_seed(0), torch.float64
    )
    weight = torch.arange(6.0, dtype=torch.float64).reshape(2, 3)
    bias = torch.tensor([1.0, -1.0], dtype=torch.float64)
    layer, x = factory.linear_from(weight, bias), points(dim=3)
    torch.testing.assert_close(layer(x), F.linear(x, weight, bias))
    assert {name for name, _ in layer.named_parameters()} == {"scale", "direction", "bias"}


def test_an_adaptive_slope_starts_at_one():
    plain, adaptive = (
        pl.MLP(width=4, depth=2, adaptive_activation=a).build(
            Frame(Coordinates(("x",), (1,)), ("u",), (0.0,), (1.0,)),
            generator=torch.Generator().manual_seed(0),
            dtype=torch.float64,
            device=torch.device("cpu"),
        )
        for a in (False, True)
    )
    x = points(dim=1)
    torch.testing.assert_close(plain(x), adaptive(x))
    slopes = [name for name, _ in adaptive.named_parameters() if "slope" in name]
    assert len(slopes) == 2


def test_networks_per_field_are_independent():
    module = build(pl.MLP(width=4, depth=1, per_field=True))
    module(points())[:, 0].sum().backward()
    with_gradient = {n for n, p in module.named_parameters() if p.grad is not None and p.grad.any()}
    assert with_gradient
    assert all(name.startswith("body.networks.0") for name in with_gradient)


def test_inputs_are_scaled_to_the_unit_box():
    corners = torch.tensor([[-1.0, -1.0], [2.0, 2.0], [0.5, 0.5]], dtype=torch.float64)
    mapped = build(pl.MLP(width=3, depth=1)).inputs(corners)
    torch.testing.assert_close(mapped, torch.tensor([[-1.0, -1], [1, 1], [0, 0]]).double())
    same = build(pl.MLP(width=3, depth=1, scale_inputs=False)).inputs(corners)
    assert torch.equal(same, corners)


@pytest.mark.parametrize(
    "domain, factor",
    [
        (pl.HyperBall("x", dim=5), 1.0),
        (pl.Hypercube("x", dim=5, low=-1, high=1), 1.0),
        (pl.HyperBall("x", dim=5, radius=4), 0.25),
        (pl.RealSpace("x", dim=5, scale=2.0), 1 / 6),
    ],
)
def test_a_box_that_needs_no_scaling_is_not_copied(domain, factor):
    frame = Frame(domain.coordinates, ("u",), *domain.bounds())
    module = pl.MLP(width=3, depth=1).build(
        frame,
        generator=torch.Generator().manual_seed(0),
        dtype=torch.float64,
        device=torch.device("cpu"),
    )
    x = torch.rand(7, 5, dtype=torch.float64)
    mapped = module.inputs(x)
    assert (mapped is x) == (factor == 1)
    torch.testing.assert_close(mapped, factor * x)
    assert module.inputs.factor.ndim == module.inputs.shift.ndim == 0  # one number for all columns


@pytest.mark.parametrize("spec", NETWORKS.values(), ids=repr)
def test_periodic_coordinates_close(spec):
    module, x = build(spec, periods={"y": 3.0}), points()
    shifted = x + torch.tensor([0.0, 3.0], dtype=torch.float64)
    torch.testing.assert_close(module(x), module(shifted), rtol=1e-12, atol=1e-12)
    assert not torch.allclose(module(x), module(x + 1.5))


def test_outputs_are_scaled():
    plain = build(pl.MLP(width=4, depth=1))
    scaled_ = build(pl.MLP(width=4, depth=1), output_scale=(10.0, 1e-3), output_shift=(5.0, 0.0))
    expected = plain(points()) * torch.tensor([10.0, 1e-3]) + torch.tensor([5.0, 0.0])
    torch.testing.assert_close(scaled_(points()), expected.double())


# --- random features ------------------------------------------------------------------------
def test_random_features_are_linear_in_their_parameters():
    module, x = build(pl.RandomFeatures(features=30)), points()
    (name,) = dict(module.named_parameters())
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(2, 30, generator=generator, dtype=torch.float64) for _ in range(2))

    def at(weights):
        return torch.func.functional_call(module, {name: weights}, (x,))

    torch.testing.assert_close(at(2 * a - 3 * b), 2 * at(a) - 3 * at(b))
    assert pl.RandomFeatures.linear
    assert not pl.MLP.linear


def test_random_features_start_at_zero_with_their_slopes_in_the_domain():
    frame = Frame(Coordinates(("x", "y"), (1, 1)), ("u",), (0.0, 0.0), (1.0, 1.0))
    module = pl.RandomFeatures(features=500, scale=3.0).build(
        frame,
        generator=torch.Generator().manual_seed(0),
        dtype=torch.float64,
        device=torch.device("cpu"),
    )
    assert not module(torch.rand(5, 2).double()).any()
    basis = module.body[0]
    assert float(basis.weight.abs().max()) <= 3.0
    # The hyperplane w·x + b = 0 crosses the box: |b| ≤ Σ|w|.
    assert bool((basis.bias.abs() <= basis.weight.abs().sum(-1)).all())


# --- misuse ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: pl.MLP(width=0), "width=0"),
        (lambda: pl.MLP(depth=2.0), "depth=2.0"),
        (lambda: pl.MLP(width=True), "width=True"),
        (lambda: pl.MLP(width="64"), "width='64'"),
        (lambda: pl.MLP(activation="tanhh"), "did you mean 'tanh'?"),
        (lambda: pl.MLP(activation=torch.tanh), "no activation"),
        (lambda: pl.SIREN(activation="tanh"), "SIREN has sine activations"),
        (lambda: pl.SIREN(omega=0), "must be positive"),
        (lambda: pl.FourierFeatures(features=0), "needs frequencies"),
        (lambda: pl.FourierFeatures(scales=()), "needs frequencies"),
        (lambda: pl.FourierFeatures(scales=(1.0, -1.0)), "needs frequencies"),
        (lambda: pl.RandomFeatures(features=0), "RandomFeatures cannot be made"),
        (lambda: pl.RandomFeatures(features=2.5), "RandomFeatures cannot be made"),
        (lambda: pl.RandomFeatures(scale=-1), "RandomFeatures cannot be made"),
        (lambda: pl.RandomFeatures(activation="cosine"), "RandomFeatures cannot be made"),
        (lambda: pl.PirateNet(scale=0), "PirateNet"),
    ],
)
def test_misuse_is_refused(make, words):
    with pytest.raises(DeclarationError) as caught:
        make()
    assert words in str(caught.value)
    assert "expected" in str(caught.value)


def test_one_scale_may_be_a_number():
    assert pl.FourierFeatures(scales=3).scales == (3.0,)


def test_every_activation_is_a_function_of_tensors():
    for activation in ACTIVATIONS.values():
        assert activation(torch.zeros(3)).shape == (3,)


@pytest.mark.parametrize("spec", NETWORKS.values(), ids=repr)
def test_networks_are_specifications(spec):
    assert isinstance(spec, Specification)
