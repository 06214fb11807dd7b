import pytest
import torch

from pinnlab.calculus import functions as f
from pinnlab.calculus.formula import Formula
from pinnlab.calculus.functionals import GradientRows, Laplacian, SquaredGradient
from pinnlab.calculus.jet import Constant, field_jets
from pinnlab.calculus.operators import div, dot, grad, laplacian
from pinnlab.calculus.recording import (
    FreeSource,
    Plan,
    RandomSource,
    components,
    dependence,
    linear,
    record,
    trace,
)
from pinnlab.calculus.sources import Reader
from pinnlab.errors import DeclarationError
from pinnlab.typing import Coordinates

XT = Coordinates(("x", "t"), (1, 1), time="t")
XY = Coordinates(("x", "y"), (1, 1))
HYPER = Coordinates(("x", "t"), (6, 1), time="t")


def burgers(u, *, nu):
    return u.t + u * u.x - nu * u.xx


def test_the_plan_lists_what_is_read():
    plan, count = record(Formula(burgers), XT, ["u"], {"nu": 0.1})
    assert count == 1
    assert plan.derivatives == {("u", ()), ("u", (0,)), ("u", (1,)), ("u", (0, 0))}
    assert not plan.functionals
    assert plan.order == 2
    assert plan.fields == ("u",)
    assert str(plan) == "u: 1, x, t, xx"
    assert repr(plan) == "Plan(u: 1, x, t, xx)"


def test_composites_record_the_leaves_of_the_product_rule():
    plan, _ = record(Formula("div([k*u.x, v])"), XY, ["u", "v"], {"k": Formula("x*u")})
    assert str(plan) == "u: 1, x, xx; v: y" or plan.derivatives == {
        ("u", ()),
        ("u", (0,)),
        ("u", (0, 0)),
        ("v", (1,)),
    }


def test_vector_coordinates_record_laplacians_and_gradients():
    def heat(u):
        return u.t - laplacian(u) + dot(grad(u), grad(u))

    plan, _ = record(Formula(heat), HYPER, ["u"])
    assert plan.functionals == {("u", Laplacian("x")), ("u", SquaredGradient("x"))}
    assert str(plan) == "u: t, dot(grad(u), grad(u)), laplacian(u)"
    assert plan.order == 2


def test_plans_unite_and_compare():
    a = Plan(frozenset({("u", (0,))}), coordinates=XT)
    b = Plan(frozenset({("u", ())}), functionals=frozenset({("v", GradientRows("x"))}))
    both = a | b
    assert both == Plan(frozenset({("u", ()), ("u", (0,))}), frozenset({("v", GradientRows("x"))}))
    assert hash(both) == hash(b | a)
    assert both.coordinates is XT
    assert not Plan()
    assert Plan().order == 0
    assert str(Plan()) == "nothing"
    assert str(b) == "u: 1; v: grad(v)"
    assert str(Plan(frozenset({("u", (0, 1))}))) == "u: (0, 1)"
    assert a != "plan"


@pytest.mark.parametrize(
    "function, count",
    [
        (lambda u, v: (u.x + v, v.t), 2),
        (lambda u, v: [u.x, [v.t, u]], 3),
        (lambda u, v: grad(u), 1),
        (lambda u, v: torch.stack([u.x, v.t, u], -1), 3),
        (lambda u, v: u.value * v.x.value, 1),
        (lambda u, v: torch.stack([u.value, v.value], 1), 2),
    ],
)
def test_components_are_counted(function, count):
    assert record(Formula(function), XT, ["u", "v"])[1] == count


@pytest.mark.parametrize(
    "function, reason",
    [
        (lambda u: None, "None"),
        (lambda u: 0, "returns a constant"),
        (lambda u: 0 * u, "returns a constant"),
        (lambda u: (u.x, 1.0), r"component 1"),
        ("[u.x, 2*k]", r"component 1"),
        (lambda u: u.value.sum(), "returns a constant"),
        (lambda u: u.value[:, None] - u.value[None], r"shape \(n, n\)"),
        (lambda u: u.value[:3], "one value per point"),
        (lambda u: u.value[:, None, None], "one value per point"),
        (lambda u: (), "empty sequence"),
        (lambda u: "u", "str 'u'"),
        (lambda x: x, "reads no field"),
        (lambda u: u / (u - u), "not finite"),
        (lambda u: f.log(-(u**2)), "not finite"),
        (lambda u: u.y, "no derivative"),
        (lambda u, q: u, "asks for 'q'"),
        (lambda u, n: u, "boundary pieces"),
    ],
)
def test_what_no_equation_returns_is_refused(function, reason):
    with pytest.raises(DeclarationError, match=reason):
        record(Formula(function), XT, ["u"], {"k": torch.tensor(0.5)})


def test_names_of_equations_stand_in_the_error():
    with pytest.raises(DeclarationError, match="Equation 'heat' reads no field"):
        record(Formula("x"), XT, ["u"], what="Equation 'heat'")
    assert record(Formula("x"), XT, ["u"], require_fields=False)[1] == 1


def test_an_equation_needs_to_be_finite_for_one_of_the_random_fields_only():
    for text in ("log(u) + u.x", "sqrt(-u) + u.t", "acos(u) - u.x"):
        record(Formula(text), XT, ["u"])


def test_given_points_are_used():
    seen = []

    def spy(u, x):
        seen.append(x.value.clone())
        return u

    x = torch.linspace(3, 4, 14, dtype=torch.float64).reshape(7, 2)
    record(Formula(spy), XT, ["u"], x=x)
    assert [len(s) for s in seen] == [5, 7]
    assert seen[1].tolist() == x[:, 0].tolist()


def test_normals_are_known_on_request():
    plan, _ = record(Formula(lambda u, n: u.n + n.x * u), XY, ["u"], normals=True)
    assert str(plan) == "u: 1, x, y"


@pytest.mark.parametrize("coordinates", [XT, HYPER], ids=["scalar", "vector"])
def test_random_fields_are_functions(coordinates):
    """Each derivative is that of the value: checked by central differences of the points."""
    base = RandomSource(coordinates, 4, seed=3, normals=True)
    h = 1e-4

    def at(column, step, index):
        x = base.x.clone()
        x[:, column] += step
        return RandomSource(coordinates, 4, seed=3, x=x).derivative("u", index)

    for index in [(), (0,), (0, 1), (1, 1, 1)]:
        for column in range(coordinates.dim):
            slope = (at(column, h, index) - at(column, -h, index)) / (2 * h)
            exact = base.derivative("u", tuple(sorted((*index, column))))
            torch.testing.assert_close(slope, exact, rtol=1e-6, atol=1e-6)  # O(h²) = 1e-8, /h
    size = coordinates.size("x")
    columns = [base.derivative("u", (k,)) for k in range(size)]
    torch.testing.assert_close(base.functional("u", GradientRows("x")), torch.stack(columns, 1))
    twice = sum(base.derivative("u", (k, k)) for k in range(size))
    torch.testing.assert_close(base.functional("u", Laplacian("x")), twice)
    assert torch.allclose(base.normal().norm(dim=1), torch.ones(4).double())
    assert not torch.allclose(base.derivative("u", ()), base.derivative("v", ()))


@pytest.mark.parametrize(
    "text, expected",
    [
        ("u.t - u.xx", True),
        ("u.t - k*u.xx + sin(x)*u - exp(t)", True),
        ("div([k*u.x]) + v - 3", True),
        ("u.t + u*u.x", False),
        ("u*v", False),
        ("u.x**2", False),
        ("abs(u)", False),
        ("max(u, 0)", False),
        ("u/v", False),
        ("u.t + 1e-3*u**3", False),
        ("sqrt(u)", False),
        ("where(x > 0.5, u, 2*u)", True),
        ("where(u > 0.5, u, 2*u)", False),
    ],
)
def test_linearity_is_decided(text, expected):
    assert linear(Formula(text), XT, ["u", "v"], {"k": Formula("1 + x**2")}) is expected


def test_linearity_over_vector_coordinates_and_normals():
    assert linear(Formula("u.t - laplacian(u) + dot(x, grad(u))"), HYPER, ["u"])
    assert not linear(Formula("u.t - dot(grad(u), grad(u))"), HYPER, ["u"])
    assert linear(Formula("u.n + 2*u - 1"), XY, ["u"], normals=True)
    assert not linear(Formula("u.n + u**4"), XY, ["u"], normals=True, x=torch.rand(9, 2))


def test_dependence_is_the_partial_derivative_by_each_slot():
    source = FreeSource(XT, 6)
    (found,) = dependence(Formula(burgers), source, ["u"], {"nu": 0.1})
    slots = source.slots
    ones = torch.ones(6, dtype=torch.float64)
    assert set(found.derivatives) == {("u", ()), ("u", (0,)), ("u", (1,)), ("u", (0, 0))}
    torch.testing.assert_close(found.derivatives["u", ()], slots["u", (0,)])
    torch.testing.assert_close(found.derivatives["u", (0,)], slots["u", ()])
    torch.testing.assert_close(found.derivatives["u", (1,)], ones)
    torch.testing.assert_close(found.derivatives["u", (0, 0)], -0.1 * ones)


def test_dependence_gives_the_newton_step_of_a_residual():
    """F(u + εv) - F(u) = ε Σ_α ∂F/∂u_α v_α + O(ε²) for real functions u and v."""
    u = RandomSource(XY, 6, seed=1)
    v = RandomSource(XY, 6, seed=2, x=u.x, shift=0.0)

    class Shifted(RandomSource):
        def derivative(self, field, index):
            return u.derivative(field, index) + 1e-6 * v.derivative(field, index)

    def equations(u, w):
        return div(grad(u) * (1 + u**2)) - w, u.x * w.y + f.exp(w)

    def values(source):
        env = field_jets(source, ["u", "w"])
        return components(equations(**env), 6)

    parts = dependence(Formula(equations), Reader(u), ["u", "w"])
    assert len(parts) == 2
    for part, a, b in zip(parts, values(Shifted(XY, 6, x=u.x)), values(u), strict=True):
        step = sum(g * v.derivative(*key) for key, g in part.derivatives.items())
        torch.testing.assert_close((a - b) / 1e-6, step, rtol=1e-4, atol=1e-5)
    assert parts[0].derivatives["w", (1,)].tolist() == [0.0] * 6


def test_dependence_of_laplacians_and_gradients():
    def equation(u):
        return u * laplacian(u) - 2.0 * dot(grad(u), grad(u))

    source = FreeSource(HYPER, 5, requires_grad=True)
    (found,) = dependence(Formula(equation), source, ["u"])
    torch.testing.assert_close(
        found.functionals["u", Laplacian("x")], source.slots["u", ()].detach()
    )
    gradient = source.slots["u", GradientRows("x")].detach()
    torch.testing.assert_close(found.functionals["u", GradientRows("x")], -4.0 * gradient)
    (nothing,) = dependence(Formula("t + 0*u"), source, ["u"])
    assert nothing.derivatives == {}


def test_an_expression_that_is_the_same_everywhere_fills_the_points():
    assert components(Constant(2.0), 3)[0].tolist() == [2.0] * 3
    with pytest.raises(DeclarationError, match="one value per point"):
        components(torch.tensor(2.0), 3)


def test_free_slots_are_independent_and_reproducible():
    a, b = FreeSource(XT, 200, seed=1), FreeSource(XT, 200, seed=1)
    keys = [(), (0,), (0, 0), (1,)]
    drawn = torch.stack([a.derivative("u", k) for k in keys])
    assert torch.equal(drawn, torch.stack([b.derivative("u", k) for k in keys]))
    # Correlations of 200 independent draws stay below 4/sqrt(200).
    off = torch.corrcoef(drawn) - torch.eye(4).double()
    assert off.abs().max() < 0.29
    assert a.normal() is None
    assert FreeSource(XT, 3, normals=True).normal().shape == (3, 1)


def test_a_trace_keeps_the_names_of_coefficients():
    (jet,) = trace(Formula(burgers), XT, ["u"], {"nu": 0.1})
    assert str(jet) == "u.t + u*u.x - nu*u.xx"
    parts = trace(Formula(lambda u, v: (u.x, v.t)), XT, ["u", "v"])
    assert [str(p) for p in parts] == ["u.x", "v.t"]
    with pytest.raises(DeclarationError, match="cannot be printed"):
        trace(Formula(lambda u: u.value), XT, ["u"])
