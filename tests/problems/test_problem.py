import dataclasses

import numpy as np
import pytest
import torch
from cases import PROBLEMS

import pinnlab as pl
from pinnlab.calculus.formula import Formula
from pinnlab.errors import DeclarationError, PinnlabError

LINE = pl.Interval("x", 0, 1)
SQUARE = pl.Box(x=(0, 1), y=(0, 1))


def declare(domain=LINE, fields="u", equations=None, conditions=None, **parts):
    return pl.Problem(domain, fields, equations or {"e": "u.xx"}, conditions, **parts)


# --- what a declaration says ----------------------------------------------------------------
@pytest.mark.parametrize("name", PROBLEMS)
def test_terms_are_the_equations_and_the_soft_conditions(name):
    problem = PROBLEMS[name]()
    soft = [k for k, c in problem.conditions.items() if not c.hard]
    assert [term.name for term in problem.terms] == [*problem.equations, *soft]
    for term in problem.terms:
        assert term.components >= 1
        assert all(term.plans)
        assert term.text


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_replaced_problem_without_changes_is_the_same(name):
    problem = PROBLEMS[name]()
    same = problem.replace()
    assert [t.name for t in same.terms] == [t.name for t in problem.terms]
    assert [t.plans for t in same.terms] == [t.plans for t in problem.terms]
    assert repr(same) == repr(problem)


def test_a_problem_is_a_frozen_value():
    problem = PROBLEMS["poisson_line"]()
    with pytest.raises(dataclasses.FrozenInstanceError):
        problem.name = "other"
    assert "poisson_line" in repr(problem)
    assert "u.xx" in repr(problem)


def test_text_and_function_declare_the_same():
    by_text = declare(
        equations={"e": "u.t - nu*u.xx + u*u.x"},
        domain=LINE * pl.Time("t", 0, 1),
        parameters={"nu": 0.1},
    )
    by_function = declare(
        equations={"e": lambda u, *, nu: u.t - nu * u.xx + u * u.x},
        domain=LINE * pl.Time("t", 0, 1),
        parameters={"nu": 0.1},
    )
    assert by_text.terms[0].plans == by_function.terms[0].plans
    assert str(by_text.terms[0].plans[0]) == "u: 1, x, t, xx"


def test_parameters_are_numbers_texts_functions_or_unknowns():
    problem = declare(
        equations={"e": "a*u.xx + b*u + c*u.x + d + e1"},
        parameters={
            "a": 2,
            "b": "0.01/pi",
            "c": "sin(x)",
            "d": lambda x: x**2,
            "e1": pl.Unknown(3.0),
        },
    )
    assert problem.parameters["a"] == 2.0
    assert problem.parameters["b"] == pytest.approx(0.01 / np.pi)
    assert isinstance(problem.parameters["c"], Formula)
    assert isinstance(problem.parameters["d"], Formula)
    assert list(problem.unknowns) == ["e1"]
    assert problem.declared.parameters["e1"] == 3.0


def test_fields_may_be_one_text():
    problem = declare(fields="u v", equations={"e": "u.x + v"})
    assert problem.fields == ("u", "v")


def test_periods_come_from_hard_periodicity():
    problem = PROBLEMS["ring_advection"]()
    assert problem.periods == {"x": 2.0}
    assert PROBLEMS["wave_periodic"]().periods == {}


# --- refusals -------------------------------------------------------------------------------
REFUSED = {
    "no geometry": (lambda: declare(domain=(0, 1)), "domain is no geometry"),
    "no field": (lambda: declare(fields=[]), "problem has no field"),
    "empty text of fields": (lambda: declare(fields=" "), "problem has no field"),
    "field is no name": (lambda: declare(fields=["u.x"]), "cannot name a field"),
    "field is a number": (lambda: declare(fields=[3]), "cannot name a field"),
    "field is n": (lambda: declare(fields=["n"]), "cannot name a field"),
    "field is a keyword": (lambda: declare(fields=["lambda"]), "cannot name a field"),
    "field is private": (lambda: declare(fields=["_u"]), "cannot name a field"),
    "field is the context": (lambda: declare(fields=["context"]), "cannot name a field"),
    "field is a coordinate": (lambda: declare(fields=["x"]), "field and a coordinate"),
    "field twice": (lambda: declare(fields=["u", "u"]), "named twice"),
    "no equation": (lambda: pl.Problem(LINE, "u", {}), "no equation"),
    "equations in a list": (lambda: pl.Problem(LINE, "u", ["u.xx"]), "no equation"),
    "equation and condition": (
        lambda: declare(conditions={"e": pl.Dirichlet(u=0)}),
        "an equation and a condition",
    ),
    "condition is a function": (
        lambda: declare(conditions={"c": lambda u: u}),
        "is no condition",
    ),
    "condition is an equation": (
        lambda: declare(conditions={"c": pl.Equation("u")}),
        "is no condition",
    ),
    "conditions in a list": (lambda: declare(conditions=[pl.Dirichlet(u=0)]), "condition"),
    "parameter is a field": (lambda: declare(parameters={"u": 1}), "parameter and a field"),
    "parameter is a coordinate": (lambda: declare(parameters={"x": 1}), "parameter and a field"),
    "parameter is pi": (lambda: declare(parameters={"pi": 3}), "cannot name a parameter"),
    "parameter is no name": (lambda: declare(parameters={"a b": 3}), "cannot name a parameter"),
    "parameter is a keyword": (
        lambda: declare(parameters={"lambda": 3}),
        "cannot name a parameter",
    ),
    "parameter is nothing": (lambda: declare(parameters={"a": None}), "."),
    "parameter is a table": (lambda: declare(parameters={"a": np.ones((3, 2))}), "table of values"),
    "parameter of unknown names": (
        lambda: declare(equations={"e": "u.xx + a"}, parameters={"a": "b + 1"}),
        "'b'",
    ),
    "parameters in a circle": (
        lambda: declare(equations={"e": "u.xx + a"}, parameters={"a": "b", "b": "a"}),
        "itself|circle|each other",
    ),
    "no such region": (
        lambda: declare(equations={"e": pl.Equation("u.xx", region="core")}),
        "'core', which is no region",
    ),
    "region is no geometry": (
        lambda: declare(regions={"core": "left"}),
        "Region 'core' has other coordinates",
    ),
    "region of other coordinates": (
        lambda: declare(regions={"core": SQUARE}),
        "Region 'core' has other coordinates",
    ),
    "free is no piece": (lambda: declare(free=["lefft"]), "did you mean 'left'"),
    "unknown name": (lambda: declare(equations={"e": "u.xx + k"}), "'k'"),
    "unknown derivative": (lambda: declare(equations={"e": "u.xy"}), "'u.xy'|no derivative"),
    "no such function": (lambda: declare(equations={"e": "sinus(u)"}), "sinus"),
    "text of nothing": (lambda: declare(equations={"e": "u.xx +"}), "formula"),
    "code": (lambda: declare(equations={"e": "u.__class__"}), "."),
    "unknown argument": (lambda: declare(equations={"e": lambda u, k: u + k}), "'k'"),
    "unknown keyword": (lambda: declare(equations={"e": lambda u, *, k: u + k}), "'k'"),
    "reads no field": (lambda: declare(equations={"e": "x"}), "reads no field"),
    "shape": (lambda: declare(equations={"e": lambda u: u.value[:3]}), "wrong shape"),
    "square": (
        lambda: declare(equations={"e": lambda u: u.xx.value[:, None] - u.value}),
        "changes with the number of points",
    ),
    "not finite": (lambda: declare(equations={"e": "u.xx/(x - x)"}), "not finite"),
    "equation of nothing": (lambda: declare(equations={"e": None}), "."),
    "equation weight": (
        lambda: declare(equations={"e": pl.Equation("u.xx", weight=-1)}),
        "weight of Equation",
    ),
    "equation points": (lambda: pl.Equation("u.xx", points=0), "points=0"),
    "reference": (lambda: declare(reference={"x": [1]}), "reference"),
}


@pytest.mark.parametrize("name", REFUSED, ids=lambda n: n.replace(" ", "_"))
def test_misuse_is_refused(name):
    make, words = REFUSED[name]
    with pytest.raises(PinnlabError, match=words) as caught:
        make()
    message = str(caught.value)
    assert "expected:" in message
    assert "do:" in message
    assert "got:" in message or "^" in message


def test_an_error_of_the_users_own_function_is_not_hidden():
    def broken(u):
        raise RuntimeError("my own mistake")

    with pytest.raises(RuntimeError, match="my own mistake"):
        declare(equations={"e": broken})


def test_a_wrong_name_says_what_there_is():
    with pytest.raises(DeclarationError) as caught:
        declare(equations={"e": "u.xx + nu"}, parameters={"mu": 1.0})
    message = str(caught.value)
    assert "Equation 'e'" in message
    assert "mu" in message


# --- vectors of numbers ---------------------------------------------------------------------
@pytest.mark.parametrize("make", [list, tuple, torch.tensor, np.array])
def test_a_parameter_of_several_numbers(make):
    """A tensor is as good as a list, as a factor and beside a gradient."""
    numbers = [1.0, -2.0, 0.5]
    row = torch.tensor(numbers, dtype=torch.float64)

    def plans(equation, **parts):
        domain = pl.HyperBall("x", dim=3)
        return pl.Problem(domain, "u", {"e": equation}, free=["boundary"], **parts).terms[0].plans

    given = plans("weighted_trace(u, s) - dot(s, grad(u))", parameters={"s": make(numbers)})
    held = plans(lambda u: pl.weighted_trace(u, row) - pl.dot(row, pl.grad(u)))
    assert {kind.kind for _, kind in given[0].functionals} == {
        "weighted_trace", "directional_derivative",
    }  # fmt: skip
    assert str(given[0]) == str(held[0])


def test_a_parameter_of_very_many_numbers_is_refused():
    with pytest.raises(DeclarationError, match="vector of 2000 components is too long") as caught:
        declare(parameters={"s": torch.ones(2000)})
    assert "holds them as a tensor" in str(caught.value)
    with pytest.raises(DeclarationError, match="table of values"):
        declare(parameters={"s": torch.ones(3, 3)})
