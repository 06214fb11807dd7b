from xml.etree import ElementTree

import pytest

from pinnlab.errors import DataError
from pinnlab.report.formula import latex_of, name_latex
from pinnlab.report.mathml import to_mathml


def tree(latex):
    """The element; fails if it is not well formed."""
    return ElementTree.fromstring(to_mathml(latex))


def text(latex):
    return "".join(tree(latex).itertext())


def test_fractions_scripts_and_greek():
    assert (
        to_mathml(r"\frac{\partial u}{\partial x}")
        == '<math><mfrac><mrow><mi mathvariant="normal">∂</mi><mi>u</mi></mrow>'
        '<mrow><mi mathvariant="normal">∂</mi><mi>x</mi></mrow></mfrac></math>'
    )
    assert to_mathml("x_i^2") == "<math><msubsup><mi>x</mi><mi>i</mi><mn>2</mn></msubsup></math>"
    assert to_mathml(r"\nu") == "<math><mi>ν</mi></math>"
    assert to_mathml("u''_x").count("′′") == 1
    assert to_mathml("x^23").endswith("<mn>2</mn></msup><mn>3</mn></mrow></math>")


@pytest.mark.parametrize(
    ("latex", "tag"),
    [
        (r"\sqrt{x}", "msqrt"),
        (r"\sqrt[3]{x}", "mroot"),
        (r"\sum_{k=0}^n k", "munderover"),
        (r"\int_0^1 x\,dx", "msubsup"),
        (r"\hat{u}", "mover"),
        (r"\begin{cases} x & \text{if } x > 0 \\ 0 \end{cases}", "mtable"),
        (r"\left[\begin{matrix}1 & x\\2 & 3\end{matrix}\right]", "mtr"),
        (r"\max_x f", "munder"),
    ],
)
def test_structures(latex, tag):
    assert tree(latex).iter(tag).__next__() is not None


def test_brackets_grow_only_when_told():
    assert 'stretchy="true">(' in to_mathml(r"\left(x\right)")
    assert 'stretchy="false">(' in to_mathml("(x)")
    assert text(r"\left. x \right|") == "x|"


def test_functions_and_words():
    assert text(r"\sin x \cdot \operatorname{erf}\left(y\right)") == "sinx⋅erf(y)"
    assert "mspace" in to_mathml(r"\sin x")
    assert "mspace" not in to_mathml(r"\sin\left(x\right)")
    assert text(r"\mathbf{u} \in \mathbb{R}") == "𝐮∈ℝ"
    assert text(r"\text{for } x") == "for\u00a0x"


def test_what_sympy_writes_is_read():
    import sympy

    x, t, nu = sympy.symbols("x t nu")
    u = sympy.Function("u")(x, t)
    expression = sympy.Eq(
        u.diff(t) + u * u.diff(x) - nu * u.diff(x, 2) + sympy.sqrt(x) * sympy.exp(-(x**2) / 2), 0
    )
    assert text(sympy.latex(expression)).endswith("=0")
    piecewise = sympy.Piecewise((x, x > 0), (sympy.Abs(x), True))
    assert "otherwise" in text(sympy.latex(piecewise))
    assert (
        tree(sympy.latex(sympy.Matrix([[1, x], [2, sympy.pi]]))).iter("mtd").__next__() is not None
    )
    assert "∫" in text(sympy.latex(sympy.Integral(u, (x, 0, 1))))


@pytest.mark.parametrize(
    "latex",
    ["<script>alert(1)</script>", r"\text{<b>}", r"\mathrm{<i>&}", r"\foo{<u>}", r"\& \# \%"],
)
def test_everything_is_escaped(latex):
    tags = {element.tag for element in tree(latex).iter()}
    assert not tags & {"script", "b", "i", "u"}


@pytest.mark.parametrize(
    "latex",
    [
        "",
        "x^",
        "_",
        "^2",
        r"\unknown x",
        r"\%",
        "漢字",
        "x " * 400,
        r"\left\{x\right\}",
    ],
)
def test_odd_input_is_well_formed(latex):
    try:
        tree(latex)
    except DataError:
        assert latex in ("x^", "_")


@pytest.mark.parametrize(
    "latex",
    [
        "{x", "x}", r"\frac{1}", r"\left(x", r"\right)", r"\begin{cases} x", "x & y", r"\sqrt[3",
        r"\text{x", "{" * 200 + "}" * 200, "x" * 30_000, r"\begin{cases}x\end{matrix}",
    ],
)  # fmt: skip
def test_unbalanced_formulas_are_refused(latex):
    with pytest.raises(DataError, match="cannot be shown as mathematics"):
        to_mathml(latex)


@pytest.mark.parametrize(
    ("typed", "latex"),
    [
        ("u.t + u*u.x - nu*u.xx", r"u_{t} + u u_{x} - \nu u_{xx}"),
        ("laplacian(u) + k**2*u = 0", r"\Delta u + {k}^{2} u = 0"),
        ("div(k*grad(u))", r"\nabla \cdot \left(k \nabla u\right)"),
        ("d(u, 'x', 'x')", r"\frac{\partial^{2} u}{\partial x^{2}}"),
        ("d(u*v, 'x')", r"\frac{\partial}{\partial x} \left(u v\right)"),
        ("a - (b - c)", r"a - \left(b - c\right)"),
        ("a - -b", r"a - \left(- b\right)"),
        ("(-x)**2", r"\left(- x\right)^{2}"),
        ("0.01/pi", r"\frac{0.01}{\pi}"),
        ("2e-5*u", r"2 \cdot 10^{-5} u"),
        ("u >= 0", r"u \geq 0"),
        ("sqrt(x) + abs(y)", r"\sqrt{x} + \left|y\right|"),
        ("advect(w, u) + dot(a, b)", r"\left(w \cdot \nabla\right) u + a \cdot b"),
        ("f(x, 1)", r"f\left(x,\, 1\right)"),
        ("x*2", r"x \cdot 2"),
    ],
)
def test_typed_equations_become_latex(typed, latex):
    assert latex_of(typed) == latex
    tree(latex)


@pytest.mark.parametrize(
    "typed",
    ["", "import os", "lambda u: u", "[x for x in y]", "f'{x}'", "a if b else c", "'text'", "x[0]",
     "d(u, 1)", "f(x=1)", "a < b < c", "a != b", "~x", "x" * 5000, "a % b", "not x"],
)  # fmt: skip
def test_other_texts_give_no_latex(typed):
    assert latex_of(typed) is None


def test_names():
    assert name_latex("x1") == "x_{1}"
    assert name_latex("p_in") == r"p_{\mathrm{in}}"
    assert name_latex("_x") == r"\mathrm{\_x}"
