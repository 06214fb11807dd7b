"""Operators over a vector coordinate on expressions, and on the random fields of recording."""

import pytest
import torch
from nested import Nested

import pinnlab as pl
from pinnlab.calculus.factor import factor_of
from pinnlab.calculus.functionals import (
    Biharmonic,
    DirectionalDerivative,
    GradientRows,
    Laplacian,
    PowerSum,
    SquaredGradient,
    WeightedTrace,
)
from pinnlab.calculus.jet import coordinate_jets, field_jets
from pinnlab.calculus.jet.contractions import contracted
from pinnlab.calculus.jet.known import known
from pinnlab.calculus.recording import FreeSource, RandomSource
from pinnlab.calculus.sources import reader
from pinnlab.errors import DeclarationError
from pinnlab.typing import Coordinates

F64 = torch.float64
D, N = 3, 5
HYPER = Coordinates(("x", "t"), (D, 1), time="t")
MATRIX = torch.tensor([[1.0, 0.5], [0.2, -1.0], [0.0, 2.0]], dtype=F64)
VECTOR = torch.tensor([1.0, -2.0, 0.5], dtype=F64)


def turned(x, t):
    return x[:, :, None] * MATRIX + t[:, None, None]


class At:
    """Jets and the same field as a function of points."""

    def __init__(self, seed=0):
        self.source = RandomSource(HYPER, N, seed=seed)
        jets = coordinate_jets(self.source)
        self.x, self.t = jets["x"], jets["t"]
        self.u = field_jets(self.source, "u")["u"]
        self.columns = {"x": self.x.value, "t": self.t.value}

    def wave(self, points):
        """The random field of the source, from its own numbers."""
        amplitude, wave, phase = self.source._of("u")
        offset = phase - self.source.x @ wave
        return torch.sin(points @ wave + offset[:1]) @ amplitude + 2.0


@pytest.fixture
def at():
    return At()


def full(factor, columns):
    """σ as a matrix at every point, ``(n, d, r)``."""
    sigma = factor.at(columns)
    if isinstance(factor.value, torch.Tensor):
        return sigma.diag() if sigma.ndim == 1 else sigma
    return sigma if sigma.ndim == 3 else torch.diag_embed(sigma)


def functionals(at):
    columns = at.columns
    traces = {
        "vector": factor_of(VECTOR, columns, "x"),
        "matrix": factor_of(MATRIX, columns, "x"),
        "expression": factor_of(known(1 + at.x * at.t), columns, "x"),
        "scalar": factor_of(known(pl.exp(at.t)), columns, "x"),
        "function": factor_of(turned, columns, "x"),
    }
    along = known(pl.sin(at.x) * at.t)
    out = {
        "laplacian": (Laplacian("x"), lambda u: u.laplacian()),
        "biharmonic": (Biharmonic("x"), lambda u: u.biharmonic()),
        "third powers": (PowerSum("x", 3), lambda u: u.power_sum(3)),
        "fourth powers": (PowerSum("x", 4), lambda u: u.power_sum(4)),
        "squared gradient": (SquaredGradient("x"), lambda u: (u.rows**2).sum(1)),
        "gradient": (GradientRows("x"), lambda u: u.rows),
        "direction": (
            DirectionalDerivative("x", direction=along),
            lambda u: u.along(along({"x": u.x[:, :D], "t": u.x[:, D]})),
        ),
    }
    for name, factor in traces.items():
        out[f"trace with a {name}"] = (
            WeightedTrace("x", factor=factor),
            lambda u, factor=factor: u.trace(full(factor, at.columns)),
        )
    return out


NAMES = tuple(functionals(At()))


@pytest.mark.parametrize("name", NAMES, ids=lambda n: n.replace(" ", "_"))
def test_of_random_waves(name, at):
    """Their closed form, from the symbol of each operator, on which equations are tried."""
    functional, expected = functionals(at)[name]
    u = Nested(at.wave, at.source.x, size=D)
    torch.testing.assert_close(at.source.functional("u", functional), expected(u).detach())


@pytest.mark.parametrize("name", NAMES, ids=lambda n: n.replace(" ", "_"))
def test_of_expressions_of_the_coordinates(name, at):
    """What stands in for a field in a manufactured solution, by the rules of calculus."""
    functional, expected = functionals(at)[name]
    jet = pl.exp(at.t) * pl.sin(at.x).sum(-1) + pl.dot(at.x, at.x) ** 2

    def function(p):
        x = p[:, :D]
        return p[:, D].exp() * x.sin().sum(1) + (x**2).sum(1) ** 2

    found = contracted(jet, functional, reader(at.source))
    u = Nested(function, at.source.x, size=D)
    torch.testing.assert_close(found.value, expected(u).detach())


PRODUCTS = {
    "laplacian": (lambda u, x, t: pl.laplacian(t * u**2), lambda u: u.laplacian()),
    "gradient": (lambda u, x, t: pl.grad(t * u**2)[1], lambda u: u.rows[:, 1]),
    "squared gradient": (
        lambda u, x, t: pl.dot(pl.grad(t * u**2), pl.grad(t * u**2)),
        lambda u: (u.rows**2).sum(1),
    ),
    "direction": (
        lambda u, x, t: pl.dot(x, pl.grad(t * u**2)),
        lambda u: u.along(u.x[:, :D]),
    ),
    "first powers": (lambda u, x, t: pl.power_sum(t * u**2, 1), lambda u: u.power_sum(1)),
    "third powers": (lambda u, x, t: pl.power_sum(t * u**2, 3), lambda u: u.power_sum(3)),
    "trace with a number": (
        lambda u, x, t: pl.weighted_trace(t * u**2, 2),
        lambda u: 4 * u.laplacian(),
    ),
    "trace with a matrix": (
        lambda u, x, t: pl.weighted_trace(t * u**2, MATRIX),
        lambda u: u.trace(MATRIX),
    ),
    "trace with an expression": (
        lambda u, x, t: pl.weighted_trace(t * u**2, x),
        lambda u: u.trace(torch.diag_embed(u.x[:, :D])),
    ),
}


@pytest.mark.parametrize("name", PRODUCTS, ids=lambda n: n.replace(" ", "_"))
def test_of_expressions_of_a_field(name, at):
    jet_of, expected = PRODUCTS[name]
    u = Nested(lambda p: p[:, D] * at.wave(p) ** 2, at.source.x, size=D)
    found = jet_of(at.u, at.x, at.t)
    torch.testing.assert_close(found.value, expected(u).detach())


def test_what_vanishes(at):
    assert pl.power_sum(at.t, 3)._number == 0
    assert pl.laplacian(at.t)._number == 0
    assert pl.weighted_trace(at.t**2, 3)._number == 0
    torch.testing.assert_close(pl.power_sum(at.t, 1).value, torch.zeros(N, dtype=F64))


def test_free_numbers_are_consistent(at):
    """|∇u|² of random numbers in the slots is the square of the numbers for ∇u."""
    free = FreeSource(HYPER, N, seed=3)
    rows = free.functional("u", GradientRows("x"))
    torch.testing.assert_close(free.functional("u", SquaredGradient("x")), (rows**2).sum(1))
    assert free.functional("u", Laplacian("x")).shape == (N,)


def test_texts_are_what_equations_write(at):
    written = [found.text("w") for found, _ in functionals(at).values()]
    assert written == [
        "laplacian(w)",
        "biharmonic(w)",
        "power_sum(w, 3)",
        "power_sum(w, 4)",
        "dot(grad(w), grad(w))",
        "grad(w)",
        "dot(sin(x)*t, grad(w))",
        "weighted_trace(w, <tensor of shape (3,)>)",
        "weighted_trace(w, <tensor of shape (3, 2)>)",
        "weighted_trace(w, 1 + x*t)",
        "weighted_trace(w, exp(t))",
        "weighted_trace(w, turned)",
    ]


def test_derivatives_of_contractions(at):
    """They are those of the same function's derivatives, whose sums are written out."""
    u, columns = at.u, range(D)
    second = [u.along(i).along(i) for i in columns]
    written = {
        pl.laplacian: sum(second[1:], second[0]),
        lambda u: pl.power_sum(u, 3): sum(second[i].along(i) for i in columns),
        lambda u: pl.dot(pl.grad(u), pl.grad(u)): sum(u.along(i) ** 2 for i in columns),
    }
    for operator, expected in written.items():
        for act in (lambda jet: pl.d(jet, "t"), lambda jet: pl.power_sum(jet, 3)):
            torch.testing.assert_close(
                act(operator(u)).value, act(expected).value, rtol=1e-12, atol=1e-12
            )


def test_what_is_not_known_of_contractions_is_refused(at):
    with pytest.raises(DeclarationError, match="The Laplacian of biharmonic"):
        pl.laplacian(pl.biharmonic(at.u))
    with pytest.raises(DeclarationError, match="The gradient of dot"):
        pl.grad(pl.dot(pl.grad(at.u), pl.grad(at.u)))
