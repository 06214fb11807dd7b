import pytest
import sympy
import torch

from pinnlab.calculus import functions as f
from pinnlab.calculus.functionals import Laplacian
from pinnlab.calculus.jet import Constant, coordinate_jets, field_jets
from pinnlab.calculus.operators import (
    Vector,
    advect,
    biharmonic,
    curl,
    d,
    differential,
    div,
    dot,
    grad,
    laplacian,
    norm,
)
from pinnlab.calculus.recording import RandomSource
from pinnlab.errors import DeclarationError
from pinnlab.typing import Coordinates

XY = Coordinates(("x", "y"), (1, 1))
XYT = Coordinates(("x", "y", "t"), (1, 1, 1), time="t")
XYZT = Coordinates(("x", "y", "z", "t"), (1, 1, 1, 1), time="t")
HYPER = Coordinates(("x", "t"), (3, 1), time="t")
MIXED = Coordinates(("x", "y"), (3, 1))


def fields(coordinates, names="uvw", n=5):
    source = RandomSource(coordinates, n)
    return [field_jets(source, names)[name] for name in names]


def close(a, b, tolerance=1e-12):
    torch.testing.assert_close(
        a.value if hasattr(a, "value") else a, b.value, rtol=tolerance, atol=tolerance
    )


def exact(expression, source):
    """A SymPy expression of x, y, z, t at the points of a source."""
    names = source.coordinates.names
    function = sympy.lambdify(sympy.symbols(names), expression, "numpy")
    return torch.as_tensor(function(*source.x.T.numpy()))


def test_div_of_k_grad_u_against_the_closed_form():
    source = RandomSource(XY, 7)
    c = coordinate_jets(source)
    x, y = c["x"], c["y"]
    k, u = 1 + x**2 * y, f.sin(2 * x) * f.exp(y)
    X, Y = sympy.symbols("x y")
    K, U = 1 + X**2 * Y, sympy.sin(2 * X) * sympy.exp(Y)
    expected = exact((K * U.diff(X)).diff(X) + (K * U.diff(Y)).diff(Y), source)
    torch.testing.assert_close(div(k * grad(u)).value, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(
        biharmonic(k * u).value,
        exact(_biharmonic(K * U, X, Y), source),
        rtol=1e-11,
        atol=1e-11,
    )


def _biharmonic(w, x, y):
    inner = w.diff(x, 2) + w.diff(y, 2)
    return inner.diff(x, 2) + inner.diff(y, 2)


def test_space_leaves_time_out():
    u, v, w = fields(XYT)
    close(laplacian(u), u.xx + u.yy)
    close(biharmonic(u), u.xxxx + 2 * u.xxyy + u.yyyy)
    assert len(grad(u)) == 2
    close(div([u, v]), u.x + v.y)
    close(div((u, v)), u.x + v.y)
    close(advect([u, v], w), u * w.x + v * w.y)
    close(advect((u, v), (u, w))[1], u * w.x + v * w.y)
    close(d(u * v, "x", "t"), (u * v).x.t)
    close(d(u), u)


def test_curl_in_two_and_three_dimensions():
    u, v, w = fields(XYT)
    close(curl([u, v]), v.x - u.y)
    close(curl(w)[0], w.y)
    close(curl(w)[1], -w.x)
    u, v, w = fields(XYZT)
    omega = curl((u, v, w))
    close(omega[0], w.y - v.z)
    close(omega[1], u.z - w.x)
    close(omega[2], v.x - u.y)
    torch.testing.assert_close(div(omega).value, torch.zeros(5).double(), rtol=0, atol=1e-13)
    close(curl(curl((u, v, w)))[0], grad(div((u, v, w)))[0] - laplacian(u), 1e-11)


def test_vectors_add_scale_and_index():
    u, v, w = fields(XY)
    g, h = grad(u), Vector([v, w])
    close((g + h)[0], u.x + v)
    close((h.__radd__([1, 2]))[1], 2 + w)
    close((g - (v, w))[1], u.y - w)
    close(([1, 2] - h)[1], 2 - w)
    close((2 * g)[0], 2 * u.x)
    close((g * u)[1], u.y * u)
    close((u * g)[1], u.y * u)
    close((torch.tensor(3.0) * g)[0], 3 * u.x)
    close((g / u)[0], u.x / u)
    close((-g)[0], -u.x)
    close(dot(g, h), u.x * v + u.y * w)
    close(norm(g), f.sqrt(u.x**2 + u.y**2))
    close(laplacian([u, v])[1], v.xx + v.yy)
    close(grad([u, v])[1][0], v.x)
    close(sum(g), u.x + u.y)
    assert str(g) == "(u.x, u.y)"


def test_constants_have_no_derivative():
    assert d(2.0, "x").value == 0
    assert laplacian(3).value == 0
    assert div([1.0, 2.0]).value == 0
    assert advect([1, 2], 5.0).value == 0
    assert curl([1, 2]).value == 0
    assert [c.value.item() for c in curl([1, 2, 3])] == [0, 0, 0]
    assert [c.value.item() for c in curl(1.0)] == [0, 0]
    u, _, _ = fields(XY)
    close(div([u, 2.0]), u.x)
    with pytest.raises(DeclarationError, match="gradient of a constant"):
        grad(2.0)
    with pytest.raises(DeclarationError, match="is not known"):
        laplacian(Constant(torch.ones(5)))


def test_vector_coordinates_use_rows():
    u, v, _ = fields(HYPER)
    close(dot(grad(u), grad(v)), (grad(u) * grad(v)).sum(-1))
    close(norm(grad(u)), f.sqrt(dot(grad(u), grad(u))))
    close(advect(grad(v), u), dot(grad(v), grad(u)))
    close(div(grad(u)), laplacian(u))
    mixed, _, _ = fields(MIXED)
    close(laplacian(mixed), mixed.yy + mixed.source.functional("u", Laplacian("x")))


@pytest.mark.parametrize(
    "wrong, reason",
    [
        (lambda u, v, w: div([u, v, w]), "wrong number of components(.|\n)*x, y"),
        (lambda u, v, w: div(u), "div needs a vector"),
        (lambda u, v, w: dot(grad(u), [u]), "different lengths"),
        (lambda u, v, w: grad(u) + 1, "added to something that is none"),
        (lambda u, v, w: grad(u) * grad(u), r"use dot\(a, b\)"),
        (lambda u, v, w: grad(u).__add__([u]), "different lengths"),
        (lambda u, v, w: torch.exp(grad(u)), r"each component"),
        (lambda u, v, w: grad(u).x, "no component 'x'"),
        (lambda u, v, w: advect([u], w), "wrong number of components"),
        (lambda u, v, w: curl([u, v, w]), "wrong number"),
        (lambda u, v, w: curl([u]), "two and three dimensions"),
        (lambda u, v, w: d(u, 0), "names of coordinates"),
        (lambda u, v, w: d(u, "q"), "no coordinate 'q'"),
        (lambda u, v, w: d("u", "x"), "cannot be taken of a str"),
        (lambda u, v, w: laplacian(None), "cannot be taken of a NoneType"),
    ],
)
def test_misuse_is_refused(wrong, reason):
    with pytest.raises(DeclarationError, match=reason):
        wrong(*fields(XY))


def test_misuse_over_vector_coordinates_is_refused():
    u, v, w = fields(HYPER)
    for wrong in (lambda: dot(grad(u), [u, v, w]), lambda: curl(grad(u))):
        with pytest.raises(DeclarationError, match=r"vector coordinate|three dimensions"):
            wrong()
    mixed, _, _ = fields(MIXED)
    for wrong in (lambda: grad(mixed), lambda: laplacian(coordinate_jets(mixed.source)["x"])):
        with pytest.raises(DeclarationError, match="scalar and vector coordinates"):
            wrong()
    assert not hasattr(grad(u), "_x")


def test_an_operator_is_a_table_of_coefficients():
    source = RandomSource(XYT, 6)
    u, x = field_jets(source, ["u"])["u"], coordinate_jets(source)["x"]
    found = differential(u, {"xxx": 2.0, "xt": x, "": -1})
    close(found, 2 * u.xxx + x * u.xt - u)
    with pytest.raises(DeclarationError, match="no coefficients"):
        differential(u, {})
    with pytest.raises(DeclarationError, match="no derivative"):
        differential(u, {"xz": 1})
