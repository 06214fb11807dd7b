import gc
import weakref

import numpy as np
import pytest
import torch

from pinnlab.calculus import functions as f
from pinnlab.calculus.functionals import GradientRows, Laplacian
from pinnlab.calculus.jet import (
    Constant,
    Jet,
    Symbol,
    as_jet,
    coordinate_jets,
    field_jets,
    gradient_over,
    laplacian_over,
)
from pinnlab.calculus.operators import div, dot, grad, laplacian, norm, normal_jets
from pinnlab.calculus.recording import FreeSource, RandomSource
from pinnlab.calculus.sources import PointSource, Reader, reader, tensor_source
from pinnlab.calculus.substitution import SubstitutedSource
from pinnlab.errors import DeclarationError
from pinnlab.typing import Coordinates

XT = Coordinates(("x", "t"), (1, 1), time="t")
HYPER = Coordinates(("x", "t"), (4, 1), time="t")


class Counting:
    """A source that counts what is read."""

    def __init__(self, inner):
        self.inner, self.coordinates, self.reads = inner, inner.coordinates, []

    def __getattr__(self, name):
        def read(*args):
            self.reads.append((name, *args))
            return getattr(self.inner, name)(*args)

        return read


def setting(coordinates=XT, n=6, fields=("u", "v"), **options):
    source = Reader(RandomSource(coordinates, n, **options))
    return field_jets(source, fields) | coordinate_jets(source)


def by_autograd(function, coordinates, index, n=6):
    """A derivative of function(**coordinates) by nested autograd; the points are RandomSource's."""
    x = RandomSource(coordinates, n).x.clone().requires_grad_()
    y = function(**coordinates.columns(x))
    for column in index:
        y = torch.autograd.grad(y.sum(), x, create_graph=True)[0][:, column]
    return y


def close(a, b, tolerance=1e-11):
    torch.testing.assert_close(a, b.expand_as(a), rtol=tolerance, atol=tolerance)


# -- derivatives of expressions ----------------------------------------------------------------

EXPRESSIONS = {
    "sum": lambda x, t: x + 2 * t - 3,
    "difference": lambda x, t: 2 - x - (t - x * t),
    "product": lambda x, t: x * t * x * (x + t),
    "quotient": lambda x, t: (1 + x * t) / (2 + x) / (1 + t**2),
    "power": lambda x, t: x**3 + t**-2 + x**0.5 + x**1 + x**0,
    "power of expressions": lambda x, t: x ** (1 + t) + 2**x,
    "negation": lambda x, t: -(x * -t) + (-x) * (-t) - (-t),
    "sin": lambda x, t: f.sin(x * t),
    "cos": lambda x, t: f.cos(x * t),
    "tan": lambda x, t: f.tan(x * t),
    "asin": lambda x, t: f.asin(x * t),
    "acos": lambda x, t: f.acos(x * t),
    "atan": lambda x, t: f.atan(x * t),
    "sinh": lambda x, t: f.sinh(x * t),
    "cosh": lambda x, t: f.cosh(x * t),
    "tanh": lambda x, t: f.tanh(x * t),
    "exp": lambda x, t: f.exp(x * t),
    "log": lambda x, t: f.log(x * t),
    "sqrt": lambda x, t: f.sqrt(x * t),
    "abs": lambda x, t: f.abs(x - t) + abs(t - 2 * x),
    "sign": lambda x, t: f.sign(x - t) * x,
    "erf": lambda x, t: f.erf(x * t),
    "heaviside": lambda x, t: f.heaviside(x - t) * x**2,
    "sigmoid": lambda x, t: f.sigmoid(x * t),
    "minimum": lambda x, t: f.minimum(x**2, t) * f.minimum(x, 0.5),
    "maximum": lambda x, t: f.maximum(x**2, t**3) + f.maximum(0.5, t * t),
    "where": lambda x, t: f.where(x > t, x**2 * t, f.sin(t)) * f.where(x >= 0.5, 1 + 0 * x, 0.3),
    "conditions": lambda x, t: f.where((x > 0.3) & (t < 0.6), x**3, f.where(x <= t, t * x, 0.0)),
    "long": lambda x, t: f.exp(-((x - 0.4) ** 2) / 0.1) * f.cos(3 * t) / (1 + x**2 * t),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
@pytest.mark.parametrize(
    "index", [(), (0,), (1,), (0, 0), (0, 1), (0, 0, 1), (0, 0, 0, 0)], ids=str
)
def test_derivatives_of_expressions_agree_with_autograd(name, index):
    def shifted(x, t):  # keeps autograd's graph alive where a derivative is constant
        return EXPRESSIONS[name](x, t) + 0 * (x * t) ** 5

    x = setting()
    value = EXPRESSIONS[name](x["x"], x["t"])
    for column in index:
        value = value.along(column)
    close(by_autograd(shifted, XT, index), value.value, 1e-9)


def test_a_composite_of_fields_follows_the_product_and_chain_rules():
    s = setting()
    u, v, x = s["u"], s["v"], s["x"]
    close((x * u.x).x.value, u.x.value + x.value * u.xx.value)
    close((u * v).xx.value, (u.xx * v + 2 * u.x * v.x + u * v.xx).value)
    close((u * v).xt.value, (u.xt * v + u.x * v.t + u.t * v.x + u * v.xt).value)
    close(f.exp(u * v).t.value, (f.exp(u * v) * (u.t * v + u * v.t)).value)
    close((u / v).x.value, ((u.x * v - u * v.x) / v**2).value)


def test_suffixes_name_mixed_and_separated_derivatives():
    s = setting()
    u = s["u"]
    close(u.xt.value, u.tx.value)
    close(u.x_t.value, u.xt.value)
    close(u.x.x.t.value, u.xxt.value)
    close(u.diff("x").value, u.x.value)
    source = RandomSource(XT, 6)
    close(u.xxt.value, source.derivative("u", (0, 0, 1)))


def test_a_closed_form_field_is_differentiated_exactly_through_a_source():
    points = RandomSource(XT, 6)
    xs = coordinate_jets(points)
    exact = f.sin(f.pi * xs["x"]) * f.exp(-xs["t"])
    u = field_jets(SubstitutedSource(points, {"u": exact}), ["u"])["u"]
    close((u.t - u.xx / f.pi**2).value, torch.zeros(6, dtype=torch.float64))
    assert u.xxxx.value.shape == (6,)
    flat = field_jets(SubstitutedSource(points, {"u": xs["x"], "c": 2}), ["u", "c"])
    assert flat["u"].x.value.tolist() == [1.0] * 6
    assert flat["u"].xx.value.tolist() == [0.0] * 6
    assert flat["c"].value.tolist() == [2.0] * 6


def test_a_partly_substituted_source_leaves_the_other_fields_alone():
    base = RandomSource(HYPER, 5, normals=True)
    x = coordinate_jets(base)["x"]
    source = SubstitutedSource(base, {"w": (x**2).sum()})
    jet = field_jets(source, ["w", "u"])
    close(jet["u"].value, base.derivative("u", ()))
    close(source.functional("u", Laplacian("x")), base.functional("u", Laplacian("x")))
    close(source.functional("u", GradientRows("x")), base.functional("u", GradientRows("x")))
    close(source.normal(), base.normal())
    close(laplacian(jet["w"]).value, torch.full((5,), 8.0, dtype=torch.float64))
    close(grad(jet["w"]).value, 2 * base.coordinate("x"))


# -- reading ------------------------------------------------------------------------------------


def test_each_derivative_is_read_once_and_only_if_needed():
    source = Counting(RandomSource(XT, 6))
    shared = reader(source)
    u = field_jets(shared, ["u"])["u"]
    unused = u.tt
    result = u.t + u * u.x - 0.1 * u.xx + u.xx * u * field_jets(shared, ["u"])["u"]
    assert source.reads == []
    result.value.sum()
    result.value.sum()
    derivatives = [read[1:] for read in source.reads if read[0] == "derivative"]
    assert sorted(derivatives) == [("u", ()), ("u", (0,)), ("u", (0, 0)), ("u", (1,))]
    assert unused.source is shared


def test_coordinates_and_normals_are_read_once():
    source = Counting(RandomSource(XT, 6, normals=True))
    s = Reader(source)
    x, n = coordinate_jets(s)["x"], normal_jets(s)
    (x * x + n[0] * n[0]).value.sum()
    (coordinate_jets(s)["x"] + normal_jets(s)[0]).value.sum()
    assert sorted(source.reads) == [("coordinate", "x"), ("normal",)]


def test_a_batch_is_freed_without_the_garbage_collector():
    gc.disable()
    try:
        s = setting()
        u = s["u"]
        result = f.tanh(u * u.x).x
        result.value.sum()
        alive = weakref.ref(result.value)
        del s, u, result
        assert alive() is None
    finally:
        gc.enable()


def test_gradients_flow_to_what_the_source_returns():
    source = FreeSource(XT, 4, requires_grad=True)
    u = field_jets(source, ["u"])["u"]
    (u * u.x).value.sum().backward()
    close(source.slots["u", ()].grad, source.slots["u", (0,)].detach())


# -- arithmetic with what is not a jet ----------------------------------------------------------


def test_numbers_and_tensors_stand_on_either_side():
    u = setting()["u"]
    value = u.value
    row = torch.linspace(1, 2, 6, dtype=torch.float64)
    zero_d = torch.tensor(1.5, dtype=torch.float64)
    for other in (2, 0.3, row, zero_d, np.float64(0.7), np.array(0.7), True):
        number = float(other) if isinstance(other, np.ndarray | bool) else other
        close((u + other).value, value + number)
        close((other + u).value, number + value)
        close((u - other).value, value - number)
        close((other - u).value, number - value)
        close((u * other).value, value * number)
        close((other * u).value, number * value)
        close((u / other).value, value / number)
        close((other / u).value, number / value)
        close((u**other).value, value**number)
        close((other**u).value, torch.as_tensor(number, dtype=torch.float64) ** value)


def test_comparisons_are_indicators_in_the_fields_dtype():
    u = setting()["u"]
    value = u.value
    for got, expected in [
        (u > 2, value > 2),
        (u >= 2, value >= 2),
        (torch.tensor(2.0) < u, value > 2),
        (u < 2, value < 2),
        (u <= 2, value <= 2),
        (u == value, value == value),
        (u != value, value != value),
        ((u > 1.9) & (u < 2.1), (value > 1.9) & (value < 2.1)),
        ((u < 1.9) | (u > 2.1), (value < 1.9) | (value > 2.1)),
        (~(u < 2), value >= 2),
        (value[0].clone() < u, value > value[0]),
    ]:
        assert got.value.dtype == torch.float64
        assert got.value.tolist() == expected.double().tolist()
    assert (u > 2).x.value.item() == 0


def test_the_functions_of_torch_and_numpy_are_the_same_nodes():
    s = setting()
    u, v = s["u"], s["v"]
    pairs = [
        (torch.sin(u), f.sin(u)),
        (np.sin(u), f.sin(u)),
        (torch.special.expit(u), f.sigmoid(u)),
        (np.arctan(u), f.atan(u)),
        (torch.square(u), u**2),
        (torch.reciprocal(u), 1 / u),
        (torch.rsqrt(u), 1 / f.sqrt(u)),
        (torch.neg(u), -u),
        (np.negative(u), -u),
        (torch.maximum(u, v), f.maximum(u, v)),
        (torch.where(u > v, u, v), f.maximum(u, v)),
        (torch.add(u, v), u + v),
        (torch.sub(u, 2), u - 2),
        (torch.rsub(u, 2), 2 - u),
        (torch.mul(2, u), 2 * u),
        (torch.div(u, v), u / v),
        (torch.pow(u, 3), u**3),
        (np.float64(2) ** u, 2**u),
        (np.add(1.0, u), 1 + u),
        (np.maximum(u, 2.0), f.maximum(u, 2)),
        (torch.heaviside(u, torch.tensor(0.5)), f.heaviside(u)),
        (torch.gt(u, v), u > v),
        (np.less(u, v), u < v),
        (+u, u),
    ]
    for got, expected in pairs:
        close(got.value, expected.value)
        close(got.x.value, expected.x.value)


def test_another_torch_function_gives_values_but_no_derivative():
    u = setting()["u"]
    other = torch.clamp(u, 1.9, 2.1)
    close(other.value, u.value.clamp(1.9, 2.1))
    close((other * u + torch.lerp(u, 2 * u, 0.5)).value, other.value * u.value + 1.5 * u.value)
    with pytest.raises(DeclarationError, match="'clamp' cannot be differentiated"):
        _ = (other * u).x
    stacked = torch.stack([u, u.x], dim=-1)
    assert stacked.value.shape == (6, 2)
    with pytest.raises(DeclarationError, match="one value per point"):
        torch.stack([u, u.x])
    with pytest.raises(DeclarationError, match="one value per point"):
        torch.broadcast_tensors(u, u)
    with pytest.raises(DeclarationError, match="Integral"):
        torch.mean(u)  # would depend on which points are drawn


def test_dtype_and_precision_follow_the_source():
    class Single:
        coordinates = XT

        def derivative(self, field, index):
            return torch.tensor([0.5, -0.5])

        def coordinate(self, name):
            return torch.tensor([0.5, 0.25])

        def normal(self):
            return None

    u = field_jets(Single(), ["u"])["u"]
    third = torch.tensor(1 / 3, dtype=torch.float64)
    for value in (
        0.1 * u + 1 / 3,
        third * u,
        f.where(u > 0, 0.1, 0.2),
        f.maximum(u, 0.1),
        (u > 0) * 0.1,
        u * Constant(0.3, name="nu"),
    ):
        assert value.value.dtype == torch.float32
    wide = setting()["u"]
    assert f.where(wide > 0, 1 / 3, 0.1).value.tolist() == [1 / 3] * 6
    assert ((wide > 0) / 3).value.tolist() == [1 / 3] * 6


def test_small_constants_are_folded():
    u = setting()["u"]
    assert (u + 0) is u
    assert (0 + u) is u
    assert (u * 1) is u
    assert (u**1) is u
    assert (u - 0) is u
    assert (u / 1) is u
    negative = -u
    assert -negative is u
    assert (u * 0)._number == 0
    assert (u**0)._number == 1
    assert f.sin(Constant(0.5))._number == pytest.approx(np.sin(0.5))
    assert (Constant(2) > Constant(1))._number == 1
    assert f.where(Constant(1), u, 2.0) is u


# -- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(6, 1), (1, 6), (1,), (5,), (6, 6), (6, 1, 1)], ids=str)
def test_a_tensor_of_any_other_shape_is_refused_at_once(shape):
    u = setting()["u"]
    wrong = torch.ones(shape, dtype=torch.float64)
    for combine in (lambda: u * wrong, lambda: wrong * u, lambda: u - wrong, lambda: wrong < u):
        with pytest.raises(DeclarationError, match=r"expected: +shape \(n,\) = \(6,\)"):
            combine()
    with pytest.raises(DeclarationError, match=r"expected: +shape \(n,\) = \(6,\)"):
        f.maximum(u, wrong)


def test_the_shape_error_says_what_came():
    u = setting()["u"]
    with pytest.raises(DeclarationError, match=r"\(n, 1\) = \(6, 1\)(.|\n)*squeeze"):
        u * torch.ones(6, 1)


def test_arrays_are_refused():
    with pytest.raises(DeclarationError, match="NumPy array"):
        setting()["u"] * np.ones(6)
    with pytest.raises(DeclarationError, match="NumPy array"):
        np.ones(6) * setting()["u"]


def test_other_kinds_are_refused():
    u = setting()["u"]
    with pytest.raises(TypeError):
        u + "x"
    with pytest.raises(DeclarationError, match="wrong kind"):
        as_jet("x")
    with pytest.raises(DeclarationError, match=r"np\.floor"):
        np.floor(u)


def test_the_derivative_of_a_closed_over_tensor_is_not_silently_zero():
    s = setting()
    varying = torch.ones(6, dtype=torch.float64) * s["u"]
    assert varying.value.shape == (6,)
    with pytest.raises(DeclarationError, match=r"is not known(.|\n)*function or text"):
        _ = varying.x
    close((torch.tensor(2.0, dtype=torch.float64) * s["u"]).x.value, 2 * s["u"].x.value)
    with pytest.raises(DeclarationError, match="is not known"):
        as_jet(torch.ones(6)).diff("x")


def test_unknown_derivatives_name_the_coordinates_and_the_nearest():
    u = setting()["u"]
    with pytest.raises(DeclarationError, match=r"'u.y' is no derivative(.|\n)*x, t, n"):
        _ = u.y
    with pytest.raises(DeclarationError, match="did you mean 'xx'"):
        _ = u.xxy
    with pytest.raises(DeclarationError, match=r"\(u \* |u\*u.x.y' is no derivative"):
        _ = (u * u.x).y
    with pytest.raises(DeclarationError, match=r"write exp\(u\)"):
        u.exp()
    with pytest.raises(DeclarationError, match="differentiates a constant"):
        _ = Constant(2.0).x
    assert not hasattr(u, "shape")
    assert not hasattr(u, "__array_interface__")
    assert not hasattr(u, "_private")


def test_an_error_inside_a_source_is_not_mistaken_for_a_missing_derivative():
    class Broken(RandomSource):
        def derivative(self, field, index):
            raise AttributeError("the inner reason")

    u = field_jets(Broken(XT, 3), ["u"])["u"]
    with pytest.raises(AttributeError, match="the inner reason"):
        _ = u.value


def test_what_a_jet_is_not():
    u = setting()["u"]
    with pytest.raises(DeclarationError, match=r"pl\.where"):
        bool(u > 0)
    with pytest.raises(DeclarationError, match=r"pl\.sin instead of math\.sin"):
        float(u)
    with pytest.raises(DeclarationError, match=r"pl\.sin instead of math\.sin"):
        int(u)
    with pytest.raises(DeclarationError, match="not a sequence"):
        len(u)
    with pytest.raises(DeclarationError, match="not a sequence"):
        [*_] = u
    with pytest.raises(DeclarationError, match="cannot be indexed"):
        _ = u[0]
    with pytest.raises(DeclarationError, match="columns of a vector"):
        u.sum()
    with pytest.raises(DeclarationError, match="divided by the number zero"):
        u / 0
    with pytest.raises(DeclarationError, match="no finite real value"):
        Constant(-1.0) ** 0.5
    with pytest.raises(NotImplementedError):
        Jet().__repr__()


def test_points_without_normals_and_fields_are_refused_clearly():
    points = tensor_source(XT, torch.rand(3, 2))
    x = coordinate_jets(points)["x"]
    with pytest.raises(DeclarationError, match="on the boundary"):
        _ = (x * x).n.value
    for read in (
        lambda: points.derivative("u", ()),
        lambda: points.functional("u", Laplacian("x")),
        lambda: points.functional("u", GradientRows("x")),
    ):
        with pytest.raises(DeclarationError, match="no field 'u'"):
            read()
    with pytest.raises(DeclarationError, match=r"shape \(n, 2\)"):
        tensor_source(XT, torch.rand(3, 3))
    with pytest.raises(DeclarationError, match="no coordinate 'y'"):
        points.coordinate("y")
    with pytest.raises(DeclarationError, match="normal cannot be differentiated"):
        _ = (normal_jets(RandomSource(XT, 3, normals=True))[0] * x).x


# -- normals ------------------------------------------------------------------------------------


def test_the_normal_derivative_is_the_scalar_product_with_the_normal():
    xyt = Coordinates(("x", "y", "t"), (1, 1, 1), time="t")
    source = Reader(RandomSource(xyt, 5, normals=True))
    u = field_jets(source, ["u"])["u"]
    n = source.normal()
    close(u.n.value, n[:, 0] * u.x.value + n[:, 1] * u.y.value)
    close((u * u).n.value, 2 * u.value * u.n.value)
    normal = normal_jets(source)
    close(dot(normal, grad(u)).value, u.n.value)
    close(normal.y.value, n[:, 1])
    assert str(u.n) == "n.x*u.x + n.y*u.y"


def test_given_normals_reach_value_formulas():
    x = torch.rand(3, 2, dtype=torch.float64)
    source = PointSource(XT, x, torch.tensor([[1.0], [-1.0], [1.0]], dtype=torch.float64))
    assert (coordinate_jets(source)["x"] ** 2).n.value.tolist() == (
        2 * x[:, 0] * torch.tensor([1, -1, 1])
    ).tolist()


# -- vector coordinates -------------------------------------------------------------------------
@pytest.mark.parametrize(
    "total",
    [
        lambda x: torch.sum(x**2, -1),
        lambda x: torch.sum(x**2, dim=1),
        lambda x: torch.sum(x**2, axis=-1),
        lambda x: 4 * torch.mean(x**2, -1),
        lambda x: (x**2).sum(-1),
    ],
)
def test_sums_and_means_of_torch_along_columns_can_be_differentiated(total):
    x = coordinate_jets(RandomSource(HYPER, 6))["x"]
    jet = total(x)
    close(jet.value, (x.value**2).sum(1))
    close(laplacian(jet).value.expand(6), torch.full((6,), 8.0, dtype=torch.float64))


def test_other_sums_are_values_only():
    x = coordinate_jets(RandomSource(HYPER, 6))["x"]
    kept = torch.sum(x, -1, keepdim=True)
    close(kept.value, x.value.sum(1, keepdim=True))
    with pytest.raises(DeclarationError, match="does not give one value per point"):
        torch.sum(x, 0)


ROWS = {
    "square": lambda x, t: (x**2).sum(-1) * t,
    "sine of a sum": lambda x, t: f.sin(x.sum()) * f.exp(-t),
    "norm": lambda x, t: norm(x) ** 3,
    "mean": lambda x, t: f.exp(f.cos(2 * x).mean(-1)) + t,
    "component": lambda x, t: x[0] ** 3 * x[2] + f.sin(x[1]) * x[-1],
    "products with time": lambda x, t: (f.sin(x * t) / (2 + t)).sum(-1) ** 2,
    "where": lambda x, t: f.where(x.sum() > 2, (x**3).sum(), x.sum() * (x**2).sum()),
    "constant row": lambda x, t: (
        (torch.tensor([1.0, 2, 3, 4], dtype=torch.float64) * x).sum(-1) ** 2
    ),
    "torch spelling": lambda x, t: torch.sin((x * x).sum(dim=-1)),
}


@pytest.mark.parametrize("name", ROWS)
def test_gradients_and_laplacians_over_a_vector_coordinate_agree_with_autograd(name):
    function = ROWS[name]
    s = setting(HYPER, fields=())
    jet = function(s["x"], s["t"])

    def tensors(x, t):
        return EAGER[name](x, t) + 0 * (x**5).sum(1) * t

    close(jet.value, by_autograd(tensors, HYPER, ()))
    gradient = torch.stack([by_autograd(tensors, HYPER, (k,)) for k in range(4)], 1)
    close(gradient_over(jet, "x").value, gradient)
    close(
        laplacian(jet).value.expand(6), sum(by_autograd(tensors, HYPER, (k, k)) for k in range(4))
    )
    close(jet.t.value.expand(6), by_autograd(tensors, HYPER, (4,)))


# The same functions where torch spells them differently.
EAGER = ROWS | {
    "norm": lambda x, t: (x**2).sum(1) ** 1.5,
    "component": lambda x, t: x[:, 0] ** 3 * x[:, 2] + torch.sin(x[:, 1]) * x[:, -1],
    "sine of a sum": lambda x, t: torch.sin(x.sum(1)) * torch.exp(-t),
    "products with time": lambda x, t: (torch.sin(x * t[:, None]) / (2 + t[:, None])).sum(-1) ** 2,
    "where": lambda x, t: torch.where(x.sum(1) > 2, (x**3).sum(1), x.sum(1) * (x**2).sum(1)),
}


def test_fields_over_a_vector_coordinate_use_the_laplacian_and_gradient_of_the_source():
    counting = Counting(RandomSource(HYPER, 6))
    s = reader(counting)
    u, x = field_jets(s, ["u"])["u"], coordinate_jets(s)["x"]
    value, first, second = (
        s.derivative("u", ()),
        s.functional("u", GradientRows("x")),
        s.functional("u", Laplacian("x")),
    )
    close(laplacian(u).value, second)
    close(laplacian(u**2).value, 2 * value * second + 2 * (first**2).sum(1))
    close(div(u * grad(u)).value, value * second + (first**2).sum(1))
    close(
        div(grad(u) / (1 + u)).value, (second / (1 + value) - (first**2).sum(1) / (1 + value) ** 2)
    )
    close(div(x).value.expand(6), torch.full((6,), 4.0, dtype=torch.float64))
    close(div(f.sin(x)).value, torch.cos(s.coordinate("x")).sum(1))
    close((x * grad(u)).sum(-1).value, (s.coordinate("x") * first).sum(1))
    laplacians = [read for read in counting.reads if read[-1] == Laplacian("x")]
    assert laplacians == [("functional", "u", Laplacian("x"))]


def test_what_a_vector_coordinate_cannot_give_is_refused():
    s = setting(HYPER, normals=True)
    u, x = s["u"], s["x"]
    for wrong in (
        lambda: div(x * grad(u)),  # Σ_j ∂_j (x_j u_j) needs each u_jj, not their sum
        lambda: laplacian(laplacian(laplacian(u))),
        lambda: grad((grad(u) ** 2).sum()),
        lambda: grad((x * u).sum()),
        lambda: gradient_over(x, "x"),
        lambda: laplacian(norm(grad(u))),
    ):
        with pytest.raises(DeclarationError, match="not available"):
            wrong()
    for wrong in (lambda: u.x, lambda: u.diff("x"), lambda: (u * u).x):
        with pytest.raises(DeclarationError, match=r"vector coordinate(.|\n)*laplacian"):
            wrong()
    with pytest.raises(DeclarationError, match="no component 4"):
        _ = x[4]
    with pytest.raises(DeclarationError, match="cannot be indexed"):
        _ = x[0:2]
    with pytest.raises(DeclarationError, match="different lengths"):
        x * Constant(torch.ones(3), width=3)
    with pytest.raises(DeclarationError, match="wrong shape"):
        x * torch.ones(6)  # one number per point is a field's shape, not a row's
    with pytest.raises(DeclarationError, match="cannot be differentiated"):
        div(torch.clamp(grad(u), 0.0))
    with pytest.raises(DeclarationError, match="cannot be differentiated"):
        laplacian(torch.clamp(u, 0.0))


def test_components_of_a_vector_coordinate():
    s = setting(HYPER, normals=True)
    x, u = s["x"], s["u"]
    value = x.value
    close(x[1].value, value[:, 1])
    close(x[:, 1].value, value[:, 1])
    close(x[..., -1].value, value[:, 3])
    close(sum(x).value, value.sum(1))
    close((x * s["t"])[2].value, value[:, 2] * s["t"].value)
    close((x * s["t"])[2].t.value, value[:, 2])
    close((s["t"] + 0 * x + x)[1].value, value[:, 1] + s["t"].value)
    close((x * torch.ones(6, 4, dtype=torch.float64)).value, value)
    close(u.n.value, (u.source.normal() * grad(u).value).sum(1))
    close(normal_jets(u.source).value, u.source.normal())
    close(x[1].along(1).value.expand(6), torch.ones(6, dtype=torch.float64))
    close(x[1].along(2).value.expand(6), torch.zeros(6, dtype=torch.float64))


def test_laplacian_over_a_scalar_coordinate_is_the_second_derivative():
    u = setting()["u"]
    close(laplacian_over(u * u, "x").value, (u * u).xx.value)
    assert laplacian_over(Constant(2), "x")._number == 0


# -- text ---------------------------------------------------------------------------------------

TEXTS = {
    "u.t + u*u.x - nu*u.xx": lambda u, x, nu: u.t + u * u.x - nu * u.xx,
    "u - (x - nu)": lambda u, x, nu: u - (x - nu),
    "u/(x*nu)": lambda u, x, nu: u / (x * nu),
    "u*(x/nu)": lambda u, x, nu: u * (x / nu),
    "(u*x)**2": lambda u, x, nu: (u * x) ** 2,
    "(-x)**2": lambda u, x, nu: (-x) ** 2,
    "-(u + x)*nu": lambda u, x, nu: -(u + x) * nu,
    "-sin(pi*x)": lambda u, x, nu: -f.sin(f.pi * x),
    "cos(2*pi*x) - 0.5": lambda u, x, nu: f.cos(2 * f.pi * x) - 0.5,
    "where(x > 0.5, u, 0)": lambda u, x, nu: f.where(x > 0.5, u, 0.0),
    "u**(-2)": lambda u, x, nu: u**-2,
    "x - u": lambda u, x, nu: -(u - x),
}


@pytest.mark.parametrize("text", TEXTS)
def test_jets_print_as_in_a_textbook(text):
    s = setting()
    assert str(TEXTS[text](s["u"], s["x"], Constant(0.1, name="nu"))) == text


def test_leaves_print_their_names():
    s = setting(HYPER, normals=True)
    assert str(grad(s["u"])) == "grad(u)"
    assert str(laplacian(s["u"])) == "laplacian(u)"
    assert str((s["x"] * s["t"]).sum()) == "sum(x*t)"
    assert str(s["x"][1]) == "x[1]"
    assert str(normal_jets(s["u"].source)) == "n"
    assert str(Symbol("u").xx + 1) == "u.xx + 1"
    ones = torch.ones(6, dtype=torch.float64)
    assert str(ones * s["u"]).startswith("<tensor of shape (6,)>")
    with pytest.raises(DeclarationError, match="has no values"):
        _ = Symbol("u").value
    with pytest.raises(DeclarationError, match="bare symbol"):
        _ = (Symbol("u") * 2).x


# -- size ---------------------------------------------------------------------------------------


def test_a_very_long_sum_is_evaluated():
    u = setting()["u"]
    total = u
    for k in range(5000):
        total = total + (k % 2) * u
    close(total.value, 2501 * u.value)


def test_repeated_derivatives_share_their_nodes():
    x = setting()["x"]
    jet = f.tanh(x * x) * f.exp(x)
    for _ in range(6):
        jet = jet.x

    def nodes(jet, seen):
        if id(jet) not in seen:
            seen[id(jet)] = jet
            for arg in getattr(jet, "args", ()):
                nodes(arg, seen)
        return len(seen)

    assert nodes(jet, {}) < 6000
