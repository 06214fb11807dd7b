import itertools
import logging

import pytest
import torch
from cases import NETWORKS, OPTIONS, SMOOTH, TRAINED, build
from torch import nn

from pinnlab.calculus.engine import propagate, reference_jet
from pinnlab.calculus.layout import Collapsed, Layout, closure
from pinnlab.calculus.unsupported import NotSmooth
from pinnlab.errors import DeclarationError
from pinnlab.surrogates import MLP

# Rounding of order 1e-15 is amplified by the cancellation in Bell polynomials of order four.
TOLERANCE = 1e-10
LAPLACE = Collapsed((((0, 0), 1.0), ((1, 1), -0.5), ((0, 1), 0.25)))


def layout(slots, n=5, prefix=False, transparent=False):
    slots = closure(slots)
    counts = [n if not (prefix and slot) else max(1, n - k) for k, slot in enumerate(slots)]
    # A slot must cover what the slots above it cover: counts fall along the order of slots.
    return Layout(slots, tuple(counts), transparent)


def points(dim, n=5):
    generator = torch.Generator().manual_seed(dim)
    return 3 * torch.rand(n, dim, generator=generator, dtype=torch.float64) - 1


def assert_same_jet(found, expected, tolerance=TOLERANCE):
    assert found.data.shape == expected.data.shape
    for rows in found.layout.ranges:
        a, b = found.data[rows].detach(), expected.data[rows].detach()
        assert float((a - b).abs().max()) <= tolerance * max(1.0, float(b.abs().max()))


SPECS = {
    f"{name}-{option}": (type(spec), {**_fields} | values)
    for (name, spec), (option, values) in itertools.product(TRAINED.items(), OPTIONS.items())
    for _fields in [{k: getattr(spec, k) for k in spec.__dataclass_fields__}]
}


@pytest.mark.parametrize("name", SPECS)
def test_network_agrees_with_nested_differentiation(name):
    kind, values = SPECS[name]
    module, x = build(kind(**values)), points(2)
    of = layout([(0, 0, 1), (1, 1)], prefix=True)
    assert_same_jet(propagate(module, x, of), reference_jet(module, x, of))
    assert not getattr(module, "_taylor_unsupported", False)


@pytest.mark.parametrize("activation", SMOOTH)
@pytest.mark.parametrize("name", [n for n in NETWORKS if n != "SIREN"])
def test_activation_agrees_with_nested_differentiation(name, activation):
    spec = NETWORKS[name]
    values = {k: getattr(spec, k) for k in spec.__dataclass_fields__} | {"activation": activation}
    module, x = build(type(spec)(**values)), points(2)
    of = layout([(0, 0, 0), (0, 1), LAPLACE])
    assert_same_jet(propagate(module, x, of), reference_jet(module, x, of))


@pytest.mark.parametrize("dim", [1, 2, 3, 4])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_every_derivative_of_an_order_in_every_dimension(dim, order):
    indices = list(itertools.combinations_with_replacement(range(dim), order))[:12]
    module, x = build(MLP(width=5, depth=2), dim), points(dim, 3)
    of = layout(indices, n=3)
    assert_same_jet(propagate(module, x, of), reference_jet(module, x, of))


@pytest.mark.parametrize("name", NETWORKS)
def test_periodic_embedding(name):
    module = build(NETWORKS[name], 2, periods={"x": 3.0}, output_scale=(2.0, 5.0))
    x = points(2)
    of = layout([(0, 0), (0, 1), (1, 1)])
    jet = propagate(module, x, of)
    assert_same_jet(jet, reference_jet(module, x, of))
    shifted = propagate(module, x + torch.tensor([3.0, 0.0], dtype=x.dtype), of)
    assert_same_jet(shifted, jet, 1e-12)


@pytest.mark.parametrize("name", NETWORKS)
def test_prefixes_are_those_of_the_full_jet(name):
    module, x = build(NETWORKS[name]), points(2, 7)
    slots = closure([(0, 0), (0, 1)])
    full = propagate(module, x, Layout(slots, (7,) * 5))
    part = propagate(module, x, Layout(slots, (7, 6, 6, 3, 1)))
    for slot, count in zip(slots, part.layout.counts, strict=True):
        torch.testing.assert_close(part.slot(slot), full.slot(slot)[:count], rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_collapsed_slot_is_the_sum_of_its_members(name):
    module, x = build(NETWORKS[name]), points(2)
    apart = propagate(module, x, layout([(0, 0), (0, 1), (1, 1)]))
    joined = propagate(module, x, layout([LAPLACE]))
    total = sum(c * apart.slot(index) for index, c in LAPLACE.terms)
    torch.testing.assert_close(joined.slot(LAPLACE), total, rtol=1e-11, atol=1e-11)


LAYOUTS = {
    "values": [],
    "second": [(0, 0), (0, 1)],
    "collapsed": [LAPLACE],
    "fourth": [(0, 0, 1, 1)],
    "mixed_orders": [Collapsed((((0, 0, 0), 0.5), ((1,), 2.0)))],
}


@pytest.mark.parametrize("slots", LAYOUTS)
@pytest.mark.parametrize("name", NETWORKS)
def test_parameter_gradient_of_both_paths_and_the_reference(name, slots):
    module, x = build(NETWORKS[name]), points(2, 4)
    parameters = [p for p in module.parameters() if p.requires_grad]
    generator = torch.Generator().manual_seed(5)

    def gradient(jet):
        weights = torch.randn(jet.data.shape, generator=generator.manual_seed(5), dtype=x.dtype)
        g = torch.autograd.grad(
            (jet.data * weights).sum(), parameters, allow_unused=True, materialize_grads=True
        )
        return torch.cat([part.reshape(-1) for part in g])

    by_hand = gradient(propagate(module, x, layout(LAYOUTS[slots], 4)))
    plain = gradient(propagate(module, x, layout(LAYOUTS[slots], 4, transparent=True)))
    nested = gradient(reference_jet(module, x, layout(LAYOUTS[slots], 4)))
    scale = max(1.0, float(nested.abs().max()))
    assert float((by_hand - plain).abs().max()) <= 1e-12 * scale
    assert float((by_hand - nested).abs().max()) <= TOLERANCE * scale


def test_transparent_path_is_differentiable_twice_and_forward():
    module, x = build(MLP(width=4, depth=1)), points(2, 3)
    of = layout([(0, 0)], 3, transparent=True)
    (weight, *_) = module.parameters()
    y = propagate(module, x, of).data.square().sum()
    (g,) = torch.autograd.grad(y, weight, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), weight)
    assert bool(h.isfinite().all())
    assert h.abs().max() > 0


# --- modules with operations that have no rule ----------------------------------------------
class Normalised(nn.Module):
    """GroupNorm between two layers."""

    def __init__(self):
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(2, 6), nn.GroupNorm(1, 6), nn.Linear(6, 2)

    def forward(self, x):
        return self.last(torch.tanh(self.norm(torch.tanh(self.first(x)))))


class Attending(nn.Module):
    """Softmax attention over features, each point by itself."""

    def __init__(self):
        super().__init__()
        self.queries, self.keys, self.out = nn.Linear(2, 4), nn.Linear(2, 4), nn.Linear(4, 2)

    def forward(self, x):
        q, k = torch.tanh(self.queries(x)), torch.tanh(self.keys(x))
        weights = torch.softmax(q[:, :, None] * k[:, None, :], -1)
        return self.out((weights * k[:, None, :]).sum(-1))


class Odd(nn.Module):
    """Methods, comparisons and in-place operations that a jet does not know."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, x):
        mean = x.mean(-1, keepdim=True)
        y = self.layer(torch.cat([x, mean], -1)).reshape(-1, 2)
        y = torch.where(mean > 100.0, y, torch.mish(y) if hasattr(torch, "mish") else y * y)
        return torch.add(y, mean.expand(-1, 2).sin(), alpha=0.5)


class Compared(nn.Module):
    """A comparison with a number, which is a plain TypeError on a jet."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, x):
        inside = (x > -10.0).to(x.dtype)
        return torch.tanh(self.layer(x)) * inside


class Flat(nn.Module):
    """Does not depend on the points at all."""

    def __init__(self):
        super().__init__()
        self.level = nn.Parameter(torch.ones(2))

    def forward(self, x):
        return self.level.expand(len(x), 2)


STRANGE = {c.__name__: c for c in (Normalised, Attending, Odd, Compared, Flat)}


@pytest.mark.parametrize("name", STRANGE)
def test_module_without_rules_falls_back_and_says_so_once(name, caplog):
    torch.manual_seed(1)
    module, x = STRANGE[name]().double(), points(2)
    of = layout([(0, 0), (0, 1)])
    with caplog.at_level(logging.WARNING, logger="pinnlab"):
        first = propagate(module, x, of)
        second = propagate(module, x, of)
    assert_same_jet(first, reference_jet(module, x, of), 0.0)
    assert_same_jet(second, first, 0.0)
    (record,) = caplog.records
    assert "nested differentiation, which is slower" in record.getMessage()
    assert name in record.getMessage()
    gradient = torch.autograd.grad(first.data.square().sum(), next(module.parameters()))
    assert bool(gradient[0].isfinite().all())


def test_the_warning_names_the_layer(caplog):
    module = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.GroupNorm(1, 4), nn.Linear(4, 1)).double()
    with caplog.at_level(logging.WARNING, logger="pinnlab"):
        propagate(module, points(2), layout([(0,)]))
    assert "group_norm in layer '2'" in caplog.text


@pytest.mark.parametrize("name", STRANGE)
def test_transparent_fallback_is_the_same_jet(name):
    torch.manual_seed(1)
    module, x = STRANGE[name]().double(), points(2)
    slots = [(0, 0), (0, 1), LAPLACE]
    found = propagate(module, x, layout(slots, transparent=True))
    assert_same_jet(found, reference_jet(module, x, layout(slots)), 1e-12)


def test_fallback_knows_the_derivatives_of_a_closed_form():
    class Closed(nn.Module):
        def forward(self, x):
            return torch.stack([x.prod(-1), (x**3).sum(-1)], -1)

    x = points(2)
    jet = propagate(Closed(), x, layout([(0, 0), (0, 1)]))
    torch.testing.assert_close(jet.slot((0, 1))[:, 0].detach(), torch.ones(5, dtype=x.dtype))
    torch.testing.assert_close(jet.slot((0, 0))[:, 1].detach(), 6 * x[:, 0])


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.LeakyReLU(), nn.Hardtanh()], ids=str)
def test_kinked_activation_is_refused_under_second_derivatives(activation):
    module = nn.Sequential(nn.Linear(2, 4), activation, nn.Linear(4, 1)).double()
    with pytest.raises(NotSmooth, match="no useful second derivative"):
        propagate(module, points(2), layout([(0, 0)]))
    assert propagate(module, points(2), layout([(0,)])).data.shape == (10, 1)


def test_errors_of_the_module_itself_are_not_hidden():
    module = nn.Sequential(nn.Linear(3, 4)).double()
    with pytest.raises(DeclarationError, match="does not take points of shape") as caught:
        propagate(module, points(2), layout([(0,)]))
    assert "shapes cannot be multiplied" in str(caught.value) and "layer '0'" in str(caught.value)


# --- modules that fail on jets, or on tensors -----------------------------------------------
class Guarded(nn.Module):
    """Takes tensors only, and says so."""

    def __init__(self, guard):
        super().__init__()
        self.guard, self.layer = guard, nn.Linear(2, 1).double()

    def forward(self, x):
        self.guard(x)
        return torch.tanh(self.layer(x))


def asserting(x):
    assert isinstance(x, torch.Tensor), "a tensor, please"


def raising(x):
    if not isinstance(x, torch.Tensor):
        raise ValueError("a tensor, please")


def looking_up(x):
    {torch.Tensor: 1}[type(x)]


@pytest.mark.parametrize("guard", [asserting, raising, looking_up])
def test_a_module_that_takes_tensors_only_falls_back_whatever_it_raises(guard, caplog):
    module, of = Guarded(guard), layout([(0, 0), (0, 1)])
    assert_same_jet(propagate(module, points(2), of), reference_jet(module, points(2), of), 0.0)
    assert "Guarded: it does not take jets" in caplog.text


class Returns(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *args):
        return self.function(*args)


@pytest.mark.parametrize(
    "function, words",
    [(lambda x: {"u": x}, "a tensor of shape"), (lambda x: x.prod(-1), "wrong shape"),
     (lambda x, t: x + t, r"one tensor \(n, d\)"), (lambda x: x.nothing, "no attribute"),
     (lambda x: x @ torch.ones(3, 1), "does not take points of shape")],
)  # fmt: skip
def test_what_a_module_must_take_and_return_is_said(function, words):
    with pytest.raises(DeclarationError, match=words) as caught:
        propagate(Returns(function), points(2), layout([(0,)]))
    assert "number of fields" in str(caught.value)


@pytest.mark.parametrize("in_place", [True, False])
def test_a_compiled_layer_is_refused_with_its_name(in_place):
    inner = nn.Sequential(nn.Linear(2, 4), nn.Tanh())
    if in_place:
        inner.compile(backend="eager")
    else:
        inner = torch.compile(inner, backend="eager")
    module = nn.Sequential(inner, nn.Linear(4, 1)).double()
    with pytest.raises(DeclarationError, match=r"compiled module.*layer '0'") as caught:
        propagate(module, points(2), layout([(0, 0)]))
    assert "give the module itself" in str(caught.value)


class Once(torch.autograd.Function):
    """A slope that has no derivative."""

    @staticmethod
    def forward(ctx, g, z):
        return g * z.cos()

    @staticmethod
    def backward(ctx, *_):
        raise NotImplementedError("derivative of Once is not implemented")


class Opaque(torch.autograd.Function):
    """A sine that is differentiable once; torch says so, or silently gives zero."""

    telling = True

    @staticmethod
    def forward(ctx, z):
        ctx.save_for_backward(z)
        return z.sin()

    @staticmethod
    def backward(ctx, g):
        (z,) = ctx.saved_tensors
        return Once.apply(g, z) if Opaque.telling else g * z.detach().cos()


@pytest.mark.parametrize(
    "telling, words",
    [(True, "cannot be differentiated 2 times"), (False, "no useful second derivative")],
)
def test_what_torch_cannot_differentiate_often_enough_is_told(telling, words, monkeypatch):
    monkeypatch.setattr(Opaque, "telling", telling)
    module = Returns(lambda x: Opaque.apply(x if torch.is_tensor(x) else x.mish()))
    with pytest.raises(DeclarationError, match=words):
        propagate(module, points(2), layout([(0, 0)]))


def test_memory_that_runs_out_is_no_error_of_the_module():
    def exhausted(x):
        raise torch.OutOfMemoryError("no memory")

    module = Returns(exhausted)
    with pytest.raises(torch.OutOfMemoryError):
        propagate(module, points(2), layout([(0,)]))
    assert not module._taylor_unsupported


class Encoder(nn.Module):
    """A transformer over the coordinates of each point."""

    def __init__(self):
        super().__init__()
        self.embed, self.last = nn.Linear(1, 8), nn.Linear(8, 1)
        self.layer = nn.TransformerEncoderLayer(
            8, 2, 16, dropout=0.0, batch_first=True, activation="gelu"
        )

    def forward(self, x):
        return self.last(self.layer(self.embed(x[..., None])).mean(1))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("transparent", [True, False])
def test_attention_layers_are_differentiated(training, transparent):
    torch.manual_seed(0)
    module, x, h = Encoder().double().train(training), points(2), 1e-3
    of = layout([(0, 0)], transparent=transparent)
    with torch.no_grad():
        shift = torch.tensor([h, 0.0], dtype=x.dtype)
        second = (module(x + shift) - 2 * module(x) + module(x - shift)) / h**2
        found = propagate(module, x, of).slot((0, 0))
    torch.testing.assert_close(found, second, rtol=1e-4, atol=1e-5)


class NormBehind(nn.Module):
    """A layer norm behind an operation without a rule, torch's own or written out."""

    def __init__(self, written):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = nn.Linear(2, 6), nn.Linear(6, 1)
        self.norm, self.written = nn.LayerNorm(6), written

    def forward(self, x):
        z = nn.functional.mish(self.first(x))
        if not self.written:
            return self.last(self.norm(z))
        z = z - z.mean(-1, keepdim=True)
        return self.last(z / (z.square().mean(-1, keepdim=True) + self.norm.eps).sqrt())


@pytest.mark.parametrize("transparent", [True, False])
@pytest.mark.parametrize("index", [(0, 0), (0, 0, 1), (0, 0, 0, 1)])
def test_a_norm_in_the_fallback_has_right_derivatives_and_gradients(index, transparent):
    x, gradients = points(2), []
    for written in (True, False):
        module = NormBehind(written).double()
        jet = propagate(module, x, layout([index], transparent=transparent and not written))
        loss = jet.slot(index).square().sum()
        gradients.append(
            [jet.slot(index).detach(), *torch.autograd.grad(loss, module.first.weight)]
        )
    for found, expected in zip(*gradients[::-1], strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_reference_refuses_outputs_of_the_wrong_shape():
    class Squeezed(nn.Module):
        def forward(self, x):
            return x.sum(-1)

    with pytest.raises(DeclarationError, match="outputs of the wrong shape"):
        reference_jet(Squeezed(), points(2), layout([(0,)]))
