import subprocess
import sys

import pytest
import sympy
import torch

from pinnlab.calculus import functions as f
from pinnlab.calculus.formula import Formula
from pinnlab.calculus.jet import Constant, Symbol, coordinate_jets
from pinnlab.calculus.operators import dot, grad, laplacian
from pinnlab.calculus.recording import RandomSource, trace
from pinnlab.calculus.symbolic import jet_latex, latex, to_sympy
from pinnlab.errors import DeclarationError
from pinnlab.typing import Coordinates

XT = Coordinates(("x", "t"), (1, 1), time="t")
LONG = Coordinates(("xi", "y_1", "t"), (1, 1, 1), time="t")
HYPER = Coordinates(("x", "t"), (5, 1), time="t")


def test_an_equation_becomes_sympy():
    x, t, nu = sympy.symbols("x t nu", real=True)
    u = sympy.Function("u")(x, t)
    (jet,) = trace(Formula("u.t + u*u.x - nu*u.xx"), XT, ["u"], {"nu": 0.1})
    assert to_sympy(jet) - (u.diff(t) + u * u.diff(x) - nu * u.diff(x, 2)) == 0
    # An exact solution, substituted and simplified, leaves nothing.
    wave = -2 * nu * sympy.diff(sympy.log(2 + sympy.exp(-nu * t) * sympy.cos(x)), x)
    assert sympy.simplify(to_sympy(jet).subs(u, wave).doit()) == 0


@pytest.mark.parametrize(
    "text",
    [
        "x**2*sin(pi*x)/(1 + t) - 0.3",
        "exp(-x)*cos(2*pi*t) + 3",
        "abs(x - t) + sqrt(x)*erf(t) - sigmoid(x)",
        "where(x > t, x, t) + max(x, 0.4)*min(t, 0.6)",
        "tanh(-x)**2 + step(x - t) + sign(t - x)",
        "where(x <= t, 1, 0)*2*x",
    ],
)
def test_expressions_keep_their_value_in_sympy(text):
    source = RandomSource(XT, 6)
    jet = Formula(text)(coordinate_jets(source))
    values = [
        float(to_sympy(jet).subs(dict(zip(sympy.symbols("x t", real=True), point, strict=True))))
        for point in source.x.tolist()
    ]
    torch.testing.assert_close(jet.value, torch.tensor(values, dtype=torch.float64))


def test_leaves_in_sympy():
    source = RandomSource(XT, 3, normals=True)
    (jet,) = trace(Formula("u.n"), XT, ["u"], normals=True)
    assert "n_x" in map(str, to_sympy(jet).free_symbols)
    assert to_sympy(Symbol("u.x")) == sympy.Symbol("u_x", real=True)
    assert to_sympy(Constant(2.0)) == 2
    assert to_sympy(Constant(0.5)) == sympy.Float(0.5, 17)
    assert to_sympy(Constant(f.pi)) == sympy.pi
    opaque = torch.clamp(coordinate_jets(source)["x"], 0.0)
    for jet in (opaque, torch.ones(3).double() * coordinate_jets(source)["x"]):
        with pytest.raises(DeclarationError, match="no counterpart in SymPy"):
            to_sympy(jet)
    (jet,) = trace(Formula("laplacian(u)"), HYPER, ["u"])
    with pytest.raises(DeclarationError, match="no counterpart in SymPy"):
        to_sympy(jet)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("u.t + u*u.x - nu*u.xx", r"u_{t} + u\,u_{x} - \nu\,u_{xx} = 0"),
        ("u.t - (u.xx + u)/2", r"u_{t} - \frac{u_{xx} + u}{2} = 0"),
        ("sin(pi*x)*u**2 - 1e-9", r"\sin\left(\pi\,x\right)\,u^{2} - 1 \cdot 10^{-9} = 0"),
        ("-(u + 1)*u", r"-\left(u + 1\right)\,u = 0"),
        ("(-u)**2 - (u - 1)", r"\left(-u\right)^{2} - \left(u - 1\right) = 0"),
        ("sqrt(u) + abs(u.x)", r"\sqrt{u} + \left|u_{x}\right| = 0"),
        ("where(u > 0, u, 0)", r"\operatorname{where}\left(u > 0, u, 0\right) = 0"),
        ("(u >= 2*pi)*u", r"\left(u \ge 2 \pi\right)\,u = 0"),
        ("k_0*speed*u", r"k_{0}\,\mathrm{speed}\,u = 0"),
    ],
)
def test_equations_in_latex(text, expected):
    names = {"nu": 0.1, "k_0": 1.0, "speed": 2.0, "ν2": 1.0}
    assert latex(text, XT, ["u"], names) == expected


def test_latex_of_other_names():
    assert latex("theta.xi_y_1 + theta", LONG, ["theta"]) == (r"\theta_{\xi y_{1}} + \theta = 0")
    assert latex("ν*alpha2*T_in.t", LONG, ["T_in"], {"ν": 1.0, "alpha2": 1.0}) == (
        r"\nu\,\alpha_{2}\,{T_{\mathrm{in}}}_{t} = 0"
    )
    assert latex("n.x*u.x - u.n", XT, ["u"], normals=True) == r"n_{x}\,u_{x} - n_{x}\,u_{x} = 0"
    assert latex(lambda u: (u.x, u.t), XT, ["u"]) == (
        "\\begin{aligned}\nu_{x} = 0 \\\\\nu_{t} = 0\n\\end{aligned}"
    )


def test_latex_of_vector_coordinates():
    def equation(u, x):
        return u.t - laplacian(u) + (x * grad(u)).sum() + x[0]

    assert latex(equation, HYPER, ["u"]) == (r"u_{t} - \Delta u + x \cdot \nabla u + {x}_{0} = 0")


@pytest.mark.parametrize(
    "equation, expected",
    [
        (lambda u, x: laplacian(u) + dot(x, x) * u, r"\Delta u + \left|x\right|^{2}\,u = 0"),
        (lambda u, x: u + torch.sum(x**2, -1), r"u + \left|x\right|^{2} = 0"),
        (lambda u, x: u - dot(f.sin(x), x), r"u - \sin\left(x\right) \cdot x = 0"),
        (lambda u, x: u * torch.sum(x, -1), r"u\,\left(\sum_i x_i\right) = 0"),
        (
            lambda u, x: u - torch.sum(f.sin(x), -1),
            r"u - \left(\sum_i \sin\left(x\right)_i\right) = 0",
        ),
    ],
)
def test_latex_of_sums_over_components(equation, expected):
    assert latex(equation, HYPER, ["u"]) == expected


def test_values_of_a_function_are_printed_by_its_name():
    source = Formula(lambda x: torch.cos(x.value).sum(-1))
    assert latex("laplacian(u) - f", HYPER, ["u"], {"f": source}) == r"\Delta u - f = 0"


def test_what_cannot_be_traced_is_printed_as_text():
    def odd_name(u):
        return u.value

    assert latex(odd_name, XT, ["u"]) == r"\text{odd\_name} = 0"
    assert jet_latex(Constant(1e-3, name="eps")) == r"\mathrm{eps}"


def test_sympy_is_not_imported_before_it_is_needed():
    code = (
        "import sys; from pinnlab.calculus import Formula; from pinnlab.calculus.functions import "
        "sin; Formula('u.x'); sin(1.0); "
        "assert not {'sympy', 'scipy', 'deepxde', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
