import functools

import numpy as np
import pytest
import torch

from pinnlab.calculus import functions as f
from pinnlab.calculus.formula import Formula, environment
from pinnlab.calculus.operators import Vector, advect, d, div, dot, grad, laplacian
from pinnlab.calculus.recording import RandomSource
from pinnlab.errors import DeclarationError
from pinnlab.typing import Coordinates

XT = Coordinates(("x", "t"), (1, 1), time="t")


def burgers(u, *, nu):
    return u.t + u * u.x - nu * u.xx


def test_names_bind_arguments():
    formula = Formula(burgers)
    assert formula.positional == ("u",)
    assert formula.keywords == ("nu",)
    assert formula.arguments == ("u", "nu")
    assert formula.name == "burgers"
    assert Formula(lambda a, *, b: a - b)({"b": 1, "a": 3, "c": 9}) == 2
    assert Formula("a - b")({"b": 1, "a": 3, "c": 9}) == 2
    assert Formula("a - b").arguments == ("a", "b")


def test_defaults_are_passed_only_if_known():
    formula = Formula(lambda x, k=2.0, *, f=1.0: k * x + f)
    assert formula.optional == {"k", "f"}
    assert formula({"x": 3.0}) == 7.0
    assert formula({"x": 3.0, "f": 0.0, "k": 1.0}) == 3.0


def test_objects_and_partials_are_callables():
    class Flux:
        def __call__(self, u):
            return 2 * u

    assert Formula(Flux())({"u": 2}) == 4
    assert Formula(Flux()).name == "Flux"
    partial = Formula(functools.partial(burgers, nu=0.1))
    assert partial.optional == {"nu"}
    assert partial.name == "burgers"


@pytest.mark.parametrize("value", [2, 2.0, np.float64(2), np.array(2.0), torch.tensor(2.0), "2"])
def test_numbers_are_constant(value):
    formula = Formula(value)
    assert formula.constant
    assert formula.arguments == ()
    assert float(formula({})) == 2.0
    assert formula.text == "2"


def test_a_formula_of_a_formula_is_itself():
    assert Formula(Formula("u.x")) == Formula("u.x")


def test_printing_shows_what_is_written():
    assert Formula(burgers).text == "u.t + u*u.x - nu*u.xx"
    assert Formula(lambda x: -f.sin(f.pi * x)).text == "-sin(pi*x)"
    assert Formula(lambda u, v: (u.x + v.y, u.n - 1)).text == "u.x + v.y, u.n - 1"
    assert Formula(lambda x: torch.exp(-(x**2)) if x is not None else 0).text == "exp(-x**2)"
    assert repr(Formula("u.x  - 1")) == "Formula(u.x  - 1)"
    assert Formula(0.5 * f.pi).text == "1.57079632679"


def test_operators_print_as_they_are_written():
    assert Formula(lambda u: u.t - laplacian(u)).text == "u.t - laplacian(u)"
    assert Formula(lambda u, k: -div(k * grad(u))).text == "-div(k*grad(u))"
    assert Formula(lambda u, v: advect((u, 2 * v), u)).text == "advect([u, 2*v], u)"
    assert Formula(lambda w, k: d(k * w.xx, "x", "x")).text == "d(k*w.xx, x, x)"
    assert Formula(lambda p: grad(p)[0] / 2).text == "grad(p)[0]/2"
    assert Formula(lambda u: dot(a=grad(u), b=[1, 2])).text == "dot(grad(u), [1, 2])"


def test_what_cannot_be_traced_prints_its_name():
    def branching(u):
        return u.x if u > 0 else u.t

    def unpacking(u):
        u_x, u_y = grad(u)
        return u_x - u_y

    assert Formula(unpacking).text == "unpacking"
    assert Formula(branching).text == "branching"
    assert Formula(lambda u: torch.clamp(u, 0)).text == "<lambda>"


def test_equality_and_hash():
    def other(u, *, nu):
        return u.t

    values = [Formula(burgers), Formula(other), Formula("u"), Formula("v"), Formula(1), Formula(2)]
    assert len(set(values)) == 6
    assert Formula(burgers) == Formula(burgers)
    assert Formula("u") != Formula(1)
    assert Formula("u") != "u"
    t = torch.tensor(1.0)
    assert Formula(t) == Formula(t) != Formula(torch.tensor(1.0))
    with pytest.raises(AttributeError):
        Formula("u").source = "v"  # type: ignore[misc]


@pytest.mark.parametrize(
    "source, reason",
    [
        (lambda *args: 0, r"takes \*args(.|\n)*name every field"),
        (lambda **options: 0, r"takes \*\*options"),
        (lambda u, /: 0, "positional-only u"),
        (np.sin, "wrap it in a lambda|takes"),
        (max, r"cannot be read(.|\n)*wrap it in a lambda"),
        (dict.fromkeys, "wrap it in a lambda|takes"),
        (np.ones(3), r"table of values(.|\n)*\(3,\)"),
        (torch.ones(3), r"table of values(.|\n)*\(3,\)"),
        (None, "wrong kind"),
        (True, "wrong kind"),
        ([1, 2], "wrong kind"),
        ("u +", "no formula"),
        (1j, "wrong kind"),
        (np.array("x"), "wrong kind"),
    ],
)
def test_other_sources_are_refused(source, reason):
    with pytest.raises(DeclarationError, match=reason):
        Formula(source)


def test_a_missing_name_is_told():
    with pytest.raises(DeclarationError, match=r"'burgers' asks for 'nu'(.|\n)*did you mean 'nux'"):
        Formula(burgers)({"u": 1.0, "nux": 0.1})
    with pytest.raises(DeclarationError, match="boundary pieces only"):
        Formula(lambda u, n: u)({"u": 1.0})
    with pytest.raises(DeclarationError, match="declare 'qqq'"):
        Formula(lambda qqq: 0)({})


def test_the_environment_knows_everything_by_name():
    source = RandomSource(XT, 4, normals=True)
    env = environment(
        source,
        ["u"],
        {"k": Formula("1 + x**2"), "q": Formula(lambda k, t: k * t), "nu": 0.1},
        normals=True,
    )
    assert set(env) == {"u", "x", "t", "n", "k", "q", "nu"}
    assert isinstance(env["n"], Vector)
    # A coefficient of the coordinates is differentiated with them.
    torch.testing.assert_close(env["q"].x.value, 2 * source.x[:, 0] * source.x[:, 1])
    torch.testing.assert_close((env["k"] * env["u"].x).x.value, _product_rule(source))
    assert "n" not in environment(source, ["u"])


def _product_rule(source):
    x = source.x[:, 0]
    first, second = source.derivative("u", (0,)), source.derivative("u", (0, 0))
    return 2 * x * first + (1 + x**2) * second


def test_a_vector_is_the_text_of_its_components():
    vector = Formula.vector(("1 + y", -2, 1e-20))
    assert vector == Formula("[1 + y, -2, 1e-20]")
    assert vector.arguments == ("y",)
    assert vector({"y": 2.0}) == [3.0, -2, 1e-20]


@pytest.mark.parametrize("component", [None, True, lambda x: x])
def test_a_component_is_a_number_or_a_text(component):
    with pytest.raises(DeclarationError, match=r"component of a vector(.|\n)*number or a text"):
        Formula.vector((1.0, component))
