"""Every equation against SymPy: a wrong sign, factor or derivative would show."""

import inspect

import pytest
import torch
from equations.equation_cases import (
    CASES,
    OVER_VECTORS,
    SCALAR,
    as_formula,
    by_library,
    by_sympy,
    points,
    residual,
    space_time,
)

from pinnlab import equations
from pinnlab.calculus import (
    Formula,
    PointSource,
    RandomSource,
    coordinate_jets,
    environment,
    linear,
    record,
)
from pinnlab.errors import DeclarationError
from pinnlab.typing import Coordinates


@pytest.mark.parametrize("name", CASES)
def test_the_residual_is_the_printed_equation(name):
    case = CASES[name]
    coordinates = space_time(case.coordinates)
    x = points(case, coordinates)
    expected = by_sympy(case, coordinates, x)
    got = by_library(name, coordinates, x, case.fields, case.coefficients)
    # Rounding only: up to fourth derivatives of numbers of order one to 1e3.
    torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-10)
    assert (expected.abs().amax(1) > 1e-3).all(), "a residual that vanishes would test nothing"


@pytest.mark.parametrize("name", CASES)
def test_every_coefficient_counts(name):
    case = CASES[name]
    coordinates = space_time(case.coordinates)
    x = points(case, coordinates)
    exact = by_library(name, coordinates, x, case.fields, case.coefficients)
    parameters = inspect.signature(equations.equation(name)).parameters.values()
    keywords = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    assert keywords == list(case.coefficients), "the table must set every coefficient"
    for keyword in keywords:
        value = case.coefficients[keyword]
        entries = value if isinstance(value, list) else [value]
        for k in range(len(entries)):
            changed = [f"1.1*({e}) + 0.01" if j == k else e for j, e in enumerate(entries)]
            perturbed = changed if isinstance(value, list) else changed[0]
            other = by_library(
                name, coordinates, x, case.fields, case.coefficients | {keyword: perturbed}
            )
            assert (other - exact).abs().max() > 1e-4, keyword


@pytest.mark.parametrize("name", CASES)
def test_the_plan_and_the_linearity_are_right(name):
    case = CASES[name]
    coordinates = space_time(case.coordinates)
    extra = {n: as_formula(value) for n, value in case.coefficients.items()}
    formula = Formula(equations.equation(name))
    plan, count = record(formula, coordinates, list(case.fields), extra)
    assert count == len(by_sympy(case, coordinates, points(case, coordinates)))
    assert set(plan.fields) == set(case.fields)
    assert linear(formula, coordinates, list(case.fields), extra) is case.linear


@pytest.mark.parametrize("name", SCALAR)
def test_what_an_equation_prints_means_the_same(name):
    """The printed text, read as a text again, has the same residual."""
    text = Formula(equations.equation(name)).text
    assert text != name
    # Texts have no indices, and take no single number for a vector, nor a list times a number.
    if "[0]" in text or name in ("advection_diffusion", "fokker_planck"):
        return
    case = CASES[name]
    coordinates = space_time(case.coordinates)
    x = points(case, coordinates)
    expected = by_library(name, coordinates, x, case.fields, case.coefficients)
    got = residual(Formula(f"[{text}]"), coordinates, x, case.fields, case.coefficients)
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", equations.names())
def test_every_equation_is_in_the_table_and_documented(name):
    function = equations.equation(name)
    assert name in CASES or name in OVER_VECTORS
    assert getattr(equations, name) is function
    text = inspect.getdoc(function) or ""
    assert ".. math::" in text
    assert "References:" in text
    assert "left minus right side" in text
    for parameter in inspect.signature(function).parameters:
        assert f"    {parameter}: " in text, parameter


def test_names_are_found_however_they_are_written():
    for spelling in ("navier_stokes_2d", "NavierStokes2D", "NAVIER-STOKES-2D", "navier stokes 2d"):
        assert equations.equation(spelling) is equations.navier_stokes_2d
    with pytest.raises(DeclarationError, match=r"'burger'(.|\n)*mean 'burgers'"):
        equations.equation("burger")
    assert list(equations.names()) == sorted(equations.names())


@pytest.mark.parametrize(
    "name", ["heat", "allen_cahn", "conduction", "fisher_kpp", "fokker_planck"]
)
def test_a_vector_coordinate_gives_the_same_residual_as_scalar_ones(name):
    """u(|x|², t) over x in R³, once with x, y, z and once with a vector."""
    coefficients = {
        "heat": {"alpha": 0.3, "f": "t*r"},
        "allen_cahn": {"D": 0.3, "R": 2.0},
        "conduction": {"k": "1 + r*t", "f": 0.1},
        "fisher_kpp": {"D": 0.3, "r": 2.0},
        "fokker_planck": {"D": "1 + r"},
    }[name]
    scalar = space_time("x y z t")
    vector = Coordinates(("x", "t"), (3, 1), time="t")
    x = points(CASES[name], scalar)
    out = []
    for coordinates in (scalar, vector):
        base = PointSource(coordinates, x)
        jets = coordinate_jets(base)
        parts = [jets[n] for n in "xyz"] if coordinates is scalar else [jets["x"]]
        r = (
            sum((p**2 for p in parts[1:]), parts[0] ** 2)
            if coordinates is scalar
            else ((parts[0] ** 2).sum(-1))
        )
        u = Formula("exp(-r*t) + sin(r)")({"r": r, "t": jets["t"]})
        env = {"u": u, "p": u} | {
            n: Formula(v)({"r": r, "t": jets["t"]}) for n, v in coefficients.items()
        }
        if name == "fokker_planck":
            env["b"] = [-p for p in parts] if coordinates is scalar else -parts[0]
        out.append(Formula(equations.equation(name))(env).value)
    torch.testing.assert_close(out[0], out[1], rtol=1e-11, atol=1e-11)


def test_a_single_number_is_no_velocity_in_two_dimensions():
    env = environment(RandomSource(space_time("x y t"), 3), ["u"], {"c": 1.0})
    with pytest.raises(DeclarationError, match="wrong number of components"):
        Formula(equations.advection)(env)


def test_unknown_coefficients_carry_gradients():
    nu = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
    source = RandomSource(space_time("x t"), 5)
    env = environment(source, ["u"], {"nu": nu})
    Formula(equations.burgers)(env).value.sum().backward()
    torch.testing.assert_close(nu.grad, -source.derivative("u", (0, 0)).sum())


def test_the_stress_of_a_uniform_stretch():
    base = PointSource(space_time("x y"), torch.rand(4, 2, dtype=torch.float64))
    c = coordinate_jets(base)
    sigma = equations.stress([0.1 * c["x"], 0.3 * c["x"] - 0.02 * c["y"]], 2.0, 3.0)
    values = [[entry.value.item() for entry in row] for row in sigma]
    # λ tr ε = 2 * 0.08; 2μ ε = 6 * [[0.1, 0.15], [0.15, -0.02]]
    for got, expected in zip(values, [[0.76, 0.9], [0.9, 0.04]], strict=True):
        assert got == pytest.approx(expected)
