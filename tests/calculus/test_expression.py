import contextlib
import math
import pickle
import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnlab.calculus.expression import FUNCTIONS, number, parse
from pinnlab.calculus.jet import coordinate_jets, field_jets
from pinnlab.calculus.operators import d, div, laplacian
from pinnlab.calculus.recording import RandomSource
from pinnlab.errors import DeclarationError
from pinnlab.typing import Coordinates

XT = Coordinates(("x", "t"), (1, 1), time="t")


def env(coordinates=XT):
    source = RandomSource(coordinates, 5, normals=True)
    return field_jets(source, ["u", "v"]) | coordinate_jets(source) | {"nu": 0.3, "ν": 0.3}


@pytest.mark.parametrize(
    "text, function",
    [
        ("u.t + u*u.x - nu*u.xx", lambda u, x, t: u.t + u * u.x - 0.3 * u.xx),
        ("u.x_t - 2", lambda u, x, t: u.xt - 2),
        ("-x**2/2 + 3e-1*t", lambda u, x, t: -(x**2) / 2 + 0.3 * t),
        ("+x - -t", lambda u, x, t: x + t),
        ("2**-x**2", lambda u, x, t: 2 ** -(x**2)),
        ("d(u*u, x, x)", lambda u, x, t: d(u * u, "x", "x")),
        ('d(u, "t")', lambda u, x, t: u.t),
        ("div([nu*u.x])", lambda u, x, t: div([0.3 * u.x])),
        ("dot(grad(u), grad(u))", lambda u, x, t: u.x * u.x),
        ("laplacian(u) - pi*e", lambda u, x, t: laplacian(u) - math.pi * math.e),
        (
            "where(x > 0.5, u, max(x, t))",
            lambda u, x, t: FUNCTIONS["where"](x > 0.5, u, _max(x, t)),
        ),
        ("(0.2 < x)*(x <= 0.7)*(x >= 0)*(x != 3)*(x == x)", lambda u, x, t: (x > 0.2) * (x <= 0.7)),
        ("ν*u.xx", lambda u, x, t: 0.3 * u.xx),
        ("advect([u], t*u)", lambda u, x, t: u * t * u.x),
        ("tanh(u)*sigmoid(x)\n  + step(t)", lambda u, x, t: _tanh(u, x)),
        ("1_000*x + 0x10", lambda u, x, t: 1000 * x + 16),
    ],
)
def test_a_text_is_the_same_thing_as_a_function(text, function):
    e = env()
    got = parse(text).evaluate(e).value
    torch.testing.assert_close(got, function(e["u"], e["x"], e["t"]).value, rtol=1e-13, atol=1e-13)


def _max(x, t):
    return FUNCTIONS["maximum"](x, t)


def _tanh(u, x):
    return FUNCTIONS["tanh"](u) * FUNCTIONS["sigmoid"](x) + 1


def test_names_and_derivatives_are_known_without_evaluating():
    parsed = parse("u.t + u*u.x - nu*u.xx + grad(v) + d(w, x) + pi")
    assert parsed.names == ("u", "nu", "v", "w")
    assert parsed.attributes == {"u": {"t", "x", "xx"}}
    assert str(parsed) == parsed.text


def test_a_text_runs_on_numbers_arrays_and_tensors_too():
    assert parse("sin(pi*x)/x").evaluate({"x": 0.5}) == 2.0
    assert parse("2 < 3").evaluate({}) is True
    x = torch.tensor([1.0, 2.0])
    assert parse("x**2 - 1").evaluate({"x": x}).tolist() == [0.0, 3.0]
    assert parse("e*x").evaluate({"x": 1.0, "e": 5.0}) == 5.0  # a declared name comes first
    assert parse("k.x").evaluate({"k": 2.0}) == 0.0
    assert parse("[x, -x]").evaluate({"x": 1.0}) == [1.0, -1.0]


def test_components_of_the_normal_are_read_as_suffixes():
    from pinnlab.calculus.operators import normal_jets

    source = RandomSource(XT, 4, normals=True)
    got = parse("n.x*u.x").evaluate({"n": normal_jets(source)} | field_jets(source, ["u"]))
    torch.testing.assert_close(got.value, field_jets(source, ["u"])["u"].n.value)


def test_expressions_are_values():
    assert parse("u + 1") == parse("u + 1") != parse("u + 2")
    assert hash(parse("u.x")) == hash(parse("u.x"))
    again = pickle.loads(pickle.dumps(parse("2*x")))
    assert again.evaluate({"x": 3}) == 6


@pytest.mark.parametrize(
    "text, reason",
    [
        ("", "empty"),
        ("   ", "empty"),
        ("x^2", r"write \*\* for powers"),
        ("x +", "invalid syntax"),
        ("x)", "unmatched"),
        ("(" * 101 + "x" + ")" * 101, "deeper than 100"),
        ("-" * 101 + "x", "deeper than 100"),
        ("x" + "*x" * 101, "deeper than 100"),
        ("x + " * 1300 + "x", "longer than 5000"),
        ("x**101", "larger than 100"),
        ("x**-101", "larger than 100"),
        ("1e301*x", "too large"),
        ("10" * 200, "too large"),
        ("9" * 4400, "cannot be read|too large|digit"),
        ("foo(x)", "no function 'foo'"),
        ("sinn(x)", "did you mean 'sin'"),
        ("sin", "not called"),
        ("sin(x, x)", "takes 1 arguments, not 2"),
        ("where(x, x)", "takes 3 arguments"),
        ("d(u)", "takes 2 to 20"),
        ("d(u, 1)", "names of coordinates"),
        ("sin(x=1)", "named arguments"),
        ("x.y.z", "no name"),
        ("(u*u).x", "no name"),
        ("u.__class__", "not allowed"),
        ("__import__('os')", "no function"),
        ("_x", "not allowed"),
        ("u.sin(x)", "by their name"),
        ("x[0]", "an index"),
        ("lambda: 1", "a lambda"),
        ("x and y", "'and' or 'or'"),
        ("x if y else z", "use where"),
        ("not x", r"only \+ and -"),
        ("~x", r"only \+ and -"),
        ("x // 2", r"only \+ - \* /"),
        ("x % 2", r"only \+ - \* /"),
        ("x @ y", r"only \+ - \* /"),
        ("0 < x < 1", "chained(.|\n)*multiply"),
        ("x is y", "only < <="),
        ("'text'", "no number"),
        ("f'{x}'", "a string"),
        ("True", "no number"),
        ("1j*x", "no number"),
        ("...", "no number"),
        ("{}", "a dictionary"),
        ("{x}", "a set"),
        ("[]", "empty"),
        ("()", "empty"),
        ("[*x]", "a star"),
        ("[x for x in y]", "a comprehension"),
        ("(x := 1)", "an assignment"),
        ("x = 1", "invalid syntax|cannot assign"),
        ("x; y", "invalid syntax"),
        ("x # + y", "a comment"),
        ("x \\\n + y", "a backslash"),
        ("x\0", "null"),
        ("await x", "'await'"),
        ("x" * 101, "not allowed"),
    ],
)
def test_whatever_is_no_formula_is_refused_with_its_reason(text, reason):
    with pytest.raises(DeclarationError, match=reason):
        parse(text)


@pytest.mark.parametrize("text, column", [("  u + x^2", 5), ("α*β + foo(x)", 6), ("u +\n q[0]", 5)])
def test_a_caret_points_at_the_place(text, column):
    with pytest.raises(DeclarationError) as caught:
        parse(text)
    line = str(caught.value).splitlines()[2]
    assert line.index("^") - 4 == column


def test_a_text_must_be_a_text():
    with pytest.raises(DeclarationError, match="wrong kind"):
        parse(3)  # type: ignore[arg-type]


def test_a_missing_name_is_told_with_the_nearest():
    with pytest.raises(DeclarationError, match=r"reads 'viscosty'(.|\n)*did you mean 'viscosity'"):
        parse("viscosty*x").evaluate({"viscosity": 1.0, "x": 1.0})


@pytest.mark.parametrize("text", ["1/0", "0**-1", "(-1)**0.5", "(1e200)**3", "[1] + 2 - [3]"])
def test_arithmetic_without_a_value_is_refused(text):
    with pytest.raises(DeclarationError, match="cannot be evaluated"):
        parse(text).evaluate({})


def test_derivatives_of_a_tensor_are_refused():
    with pytest.raises(DeclarationError, match="no derivatives"):
        parse("k.x").evaluate({"k": torch.ones(3)})


@pytest.mark.parametrize(
    "text, value",
    [("0.01/pi", 0.01 / math.pi), ("1e-3", 1e-3), (3, 3.0), (0.5, 0.5), ("-sqrt(2)", -(2**0.5))],
)
def test_numbers(text, value):
    assert number(text) == value


@pytest.mark.parametrize(
    "text, reason",
    [
        ("x", "the name 'x'"),
        ("[1]", "no finite number"),
        (float("inf"), "no finite"),
        (True, "kind"),
    ],
)
def test_what_is_no_number_is_refused(text, reason):
    with pytest.raises(DeclarationError, match=reason):
        number(text)


TOKENS = st.sampled_from(
    [*"uxtν+-*/().,[]<>= \n'\"#@!%&|^~:;{}\\0123456789", "**", "pi", "e", ".x", "1e9", "9" * 30]
    + [f"{name}(" for name in FUNCTIONS]
    + ["lambda ", "if ", " for ", " in ", "__", "100", "grad(u)"]
)


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(TOKENS, max_size=40).map("".join)))
def test_random_texts_raise_nothing_else_and_take_no_time(text):
    start = time.perf_counter()
    with contextlib.suppress(DeclarationError):
        parse(text).evaluate(env())
    assert time.perf_counter() - start < 1


@settings(max_examples=100, deadline=None)
@given(st.lists(TOKENS, max_size=30).map("".join))
def test_random_numbers_are_finite_or_refused(text):
    with contextlib.suppress(DeclarationError):
        assert math.isfinite(number(text))
