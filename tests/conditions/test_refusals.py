"""Every misuse of a condition is refused where it is made, or where it meets the problem."""

import numpy as np
import pytest
import torch
from cases import CONDITIONS
from conditions.closed import DOMAINS

import pinnlab as pl
from pinnlab.conditions.base import Constraint
from pinnlab.errors import PinnlabError

BOX = DOMAINS["box"]
STRIP = DOMAINS["strip"]
REGIONS = {
    "first": pl.Box(x=(0, 1), y=(0, 1)),
    "second": pl.Box(x=(1, 2), y=(0, 1)),
    "far": pl.Box(x=(1.5, 2), y=(0, 1)),
}


def declare(condition, domain=BOX, fields="u v", **parts):
    """A problem with one condition; `condition` is made inside, so that its own errors count."""
    return pl.Problem(domain, fields, {"equation": "u + v"}, {"here": condition()}, **parts)


def column(u):
    return u.value[:, None] - 1


def square(u):
    return u.value[:, None] - u.value


def data(**table):
    return pl.Data({"x": [0.5, 1.0], "y": [0.5, 0.5]} | table)


COMMON = {
    "no field": (lambda: pl.Dirichlet(), "Dirichlet prescribes nothing", "such as u=0"),
    "no field n": (lambda: pl.Neumann(on="left"), "Neumann prescribes nothing", "u=0"),
    "no field r": (lambda: pl.Robin(on="left"), "Robin prescribes nothing", "u=0"),
    "no such field": (lambda: pl.Dirichlet(w=0), "value to 'w', which is no field", "u, v"),
    "no such field n": (lambda: pl.Neumann(uu=0), "'uu', which is no field", "did you mean 'u'"),
    "no such field r": (lambda: pl.Robin(w=0), "'w', which is no field", "u, v"),
    "option misspelt": (lambda: pl.Dirichlet(u=0, weigth=2), "'weigth', which is no field", "u"),
    "hard flux": (lambda: pl.Neumann(u=0, hard=True), "'hard', which is no field|wrong kind", "u"),
    "no place": (lambda: pl.Dirichlet(u=0, on=None), "does not say where it holds", "set `on`"),
    "place is a number": (lambda: pl.Dirichlet(u=0, on=3), "does not say where", "predicate"),
    "empty place": (lambda: pl.Neumann(u=0, on=[]), "does not say where", "list of pieces"),
    "no such piece": (lambda: pl.Dirichlet(u=0, on="lefft"), "lefft", "left"),
    "one of two pieces": (lambda: pl.Robin(u=0, on=["left", "rihgt"]), "rihgt", "right"),
    "predicate nowhere": (lambda: pl.Dirichlet(u=0, on=lambda x, y: x > 9),
                          "selects no part", "at least one point"),
    "predicate of no name": (lambda: pl.Dirichlet(u=0, on=lambda q: q > 0), "q", "x"),
    "predicate of no mask": (lambda: pl.Dirichlet(u=0, on=lambda x: 1.5), ".", ""),
    "negative weight": (lambda: pl.Dirichlet(u=0, weight=-1), "weight of Dirichlet", "at least 0"),
    "nan weight": (lambda: pl.Neumann(u=0, weight=float("nan")), "weight of Neumann", "number"),
    "infinite weight": (lambda: pl.Robin(u=0, weight=float("inf")), "weight of Robin", "number"),
    "text weight": (lambda: pl.Condition("u", weight="2"), "weight of Condition", "number"),
    "no points": (lambda: pl.Dirichlet(u=0, points=0), "points=0", "at least 1"),
    "half a point": (lambda: pl.Neumann(u=0, points=2.5), "points=2.5", "whole number"),
    "negative points": (lambda: pl.Condition("u", points=-4), "points=-4", "at least 1"),
    "no such sampler": (lambda: pl.Dirichlet(u=0, sampler="sobool"), "sobool", "sobol"),
    "unknown name": (lambda: pl.Dirichlet(u="a*x"), "'a'", "x, y"),
    "unknown argument": (lambda: pl.Dirichlet(u=lambda z: z), "'z'", "x"),
    "value of a wrong length": (lambda: pl.Dirichlet(u=lambda x: x.value[:3]), "shape", "("),
    "value is an array": (lambda: pl.Dirichlet(u=np.zeros(7)), ".", "number"),
    "value is a text of nothing": (lambda: pl.Dirichlet(u=""), ".", ""),
    "value is unsafe": (lambda: pl.Dirichlet(u="__import__('os')"), ".", ""),
    "robin factor": (lambda: pl.Robin(u=0, alpha="h"), "'h'", "x"),
    "normal inside": (lambda: pl.Condition("u.n"), "no derivative|normal", "boundary"),
    # shapes
    "square": (lambda: pl.Condition(square), "number of components that changes", "(n, n)"),
    "reads nothing": (lambda: pl.Condition("x - 1"), "reads no field", "residual of u, v"),
    "reads nothing at the boundary": (lambda: pl.Condition(lambda n: n[0], on="left"),
                                      "reads no field", "u, v"),
    "returns nothing": (lambda: pl.Condition(lambda u: None), "None|nothing", ""),
    "returns a text": (lambda: pl.Condition(lambda u: "u"), ".", ""),
    "not finite": (lambda: pl.Condition(lambda u, x: u / (x - x)), "not finite", "quotients"),
    "how": (lambda: pl.Condition("u", how="inequalty"), "as 'inequalty'",
             "did you mean 'inequality'"),
    "no function": (lambda: pl.Condition(None), ".", ""),
    # Initial
    "initial without time": (lambda: pl.Initial(u=0), "domain has no time", "Time('t'"),
    # Periodic
    "one piece": (lambda: pl.Periodic(on="left"), "two opposite pieces", "('left', 'right')"),
    "same piece": (lambda: pl.Periodic(on=("left", "left")), "two opposite pieces", "name the two"),
    "not opposite": (lambda: pl.Periodic(on=("left", "top")), "not opposite", "opposite sides"),
    "no such pieces": (lambda: pl.Periodic(on=("left", "rigt")), "rigt", "right"),
    "negative order": (lambda: pl.Periodic(order=-1), "no such order", "order=1"),
    "half order": (lambda: pl.Periodic(order=1.5), "no such order", "order=1"),
    "boolean order": (lambda: pl.Periodic(order=True), "no such order", "order=1"),
    "periodic field": (lambda: pl.Periodic("w"), "'w', which is no field", "u, v"),
    "periodic for some": (lambda: pl.Periodic("u", hard=True), "some fields only", "u, v"),
    # Data
    "no table": (lambda: pl.Data([1, 2, 3]), "Data has no table", "mapping"),
    "no such file": (lambda: pl.Data("nowhere.csv"), "nowhere.csv", "."),
    "coordinate missing": (lambda: pl.Data({"x": [1.0], "u": [1.0]}), "coordinate 'y'", "columns"),
    "nothing measured": (lambda: data(), "measure nothing", "u, v"),
    "measured in another name": (lambda: data(temperature=[1.0, 2.0]), "temperature", "u, v"),
    "other length": (lambda: data(u=[1.0, 2.0, 3.0]), "length|rows", ""),
    "not finite data": (lambda: data(u=[1.0, float("nan")]), "finite|nan", ""),
    "outside": (lambda: pl.Data({"x": [0.5, 9.0], "y": [0.5, 0.5], "u": [1, 2]}),
                "1 of 2 points outside", "units"),
    "negative sigma": (lambda: pl.Data({"x": [1]}, sigma=-1), "must be positive", "noise"),
    "zero sigma": (lambda: pl.Data({"x": [1]}, sigma={"u": 0.0}), "must be positive", "noise"),
    "text sigma": (lambda: pl.Data({"x": [1]}, sigma="0.1"), "must be positive|number", ""),
    "sigma of nothing": (
        lambda: pl.Data({"x": [1.0], "y": [0.5], "u": [1.0]}, sigma={"uu": 0.1}), "uu", "u"),
    "column missing": (
        lambda: pl.Data({"x": [1.0], "y": [0.5]}, columns={"x": "x", "y": "y", "u": "speed"}),
        "speed", ""),
    "no data points": (lambda: pl.Data({"x": [1.0], "y": [0.5], "u": [1.0]}, points=0),
                       "points=0", "at least 1"),
    # Integral
    "integral varies": (lambda: pl.Integral("u", "x"), "value", "number"),
    "integral of a field": (lambda: pl.Integral("u", "v"), "value", "number"),
    "integral of a vector": (lambda: pl.Integral(lambda u, v: (u, v), 0), "no quantity", ""),
    "integral reads nothing": (lambda: pl.Integral("x", 1), "reads no field", "u, v"),
    # Interface
    "one region": (lambda: pl.Interface(on="first", equal=["u"]), "two regions", "('first'"),
    "three regions": (lambda: pl.Interface(on=("a", "b", "c"), equal=["u"]), "two regions", ""),
    "couples nothing": (lambda: pl.Interface(on=("first", "second"), equal=[]),
                        "couples nothing", "pair"),
    "triple": (lambda: pl.Interface(on=("first", "second"), equal=[("u", "v", "u")]),
               "couples nothing", "pair"),
    "no such region": (lambda: pl.Interface(on=("first", "secnd"), equal=["u"]),
                       "secnd", "second"),
    "do not touch": (lambda: pl.Interface(on=("first", "far"), equal=["u"]),
                     "do not touch", "common boundary"),
}  # fmt: skip


@pytest.mark.parametrize("name", COMMON, ids=lambda n: n.replace(" ", "_"))
def test_misuse_is_refused(name):
    make, words, help_ = COMMON[name]
    with pytest.raises(PinnlabError, match=words) as caught:
        declare(make, regions=REGIONS)
    message = str(caught.value)
    assert "expected:" in message
    assert "got:" in message or "^" in message  # texts are shown with a mark
    assert "do:" in message
    assert help_ in message


@pytest.mark.parametrize(
    "values, words",
    [({"u_x": 0}, "'u_x', which is no field"), ({"w": 0}, "'w'"), ({"u_tx": 0}, "'u_tx'")],
    ids=str,
)
def test_initial_keys_are_fields_and_time_derivatives(values, words):
    with pytest.raises(PinnlabError, match=words):
        declare(lambda: pl.Initial(**values), STRIP)


def test_the_error_names_the_condition():
    with pytest.raises(PinnlabError, match="Condition 'here'"):
        declare(lambda: pl.Condition("u.q"))


def test_flat_pieces_of_a_disk_are_not_opposite():
    with pytest.raises(PinnlabError, match=r"not opposite|circle|piece"):
        declare(lambda: pl.Periodic(on=("circle", "disk")), DOMAINS["disk"])


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_is_a_printable_value(name):
    condition = CONDITIONS[name]
    assert isinstance(condition, Constraint)
    assert repr(condition).startswith(f"{name}(")
    assert condition.describe() in repr(condition)
    assert condition.kind == name
    with pytest.raises((AttributeError, TypeError)):
        condition.weight = 3.0


@pytest.mark.parametrize(
    "condition, text",
    [
        (pl.Dirichlet(u=0, v="sin(x)", on=["left", "top"]), "u = 0, v = sin(x) on left, top"),
        (pl.Dirichlet(u=0, hard=True), "u = 0 on boundary, by construction"),
        (pl.Neumann(u=1, on=lambda x: x > 0), "u.n = 1 on predicate"),
        (pl.Robin(u=1, alpha="a + b", beta=2, on="top"), "(a + b)*u + 2*u.n = 1 on top"),
        (pl.Initial(u=1, u_t=2), "u = 1, u_t = 2 at the start"),
        (pl.Periodic(hard=True), "all fields, by construction, left = right"),
        (pl.Integral("p", 2, on="top"), "integral of p over top = 2"),
        (pl.Condition("u", on="top", how="inequality"), "u >= 0 on top"),
        (pl.Equation("u", region="core"), "u = 0 in core"),
        (pl.Interface(on=("a", "b"), equal=["u", ("v", "w")]), "u = 0, v = w between a and b"),
        (pl.Data({"x": [1, 2], "u": [3, 4]}), "u at 2 points"),
        (pl.GradientEnhanced("heat", by="t"), "gradient of 'heat' by t = 0"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_a_condition_says(condition, text):
    assert condition.describe() == text


def test_a_column_is_one_component():
    problem = declare(lambda: pl.Condition(column))
    assert problem.terms[1].components == 1


def test_hard_conditions_are_checked_as_well():
    with pytest.raises(PinnlabError, match="'w', which is no field"):
        declare(lambda: pl.Dirichlet(w=0, hard=True))
    with pytest.raises(PinnlabError, match="lefft"):
        declare(lambda: pl.Dirichlet(u=0, on="lefft", hard=True))


def test_a_residual_of_torch_operations_is_taken():
    problem = declare(lambda: pl.Condition(lambda u, v: torch.sin(u) * v - 1))
    assert problem.terms[1].components == 1
