"""Sums over a vector coordinate, whose gradient is the same in every column."""

import pytest
import torch

from pinnlab.calculus import functions as f
from pinnlab.calculus.jet import Constant, coordinate_jets, field_jets, laplacian_over
from pinnlab.calculus.operators import div, grad, laplacian
from pinnlab.calculus.recording import RandomSource
from pinnlab.errors import DeclarationError
from pinnlab.typing import Coordinates

HYPER = Coordinates(("x", "t"), (4, 1), time="t")


@pytest.fixture
def at():
    source = RandomSource(HYPER, 6)
    jets = coordinate_jets(source)
    return {"x": jets["x"], "t": jets["t"], "s": jets["x"].sum(), "u": field_jets(source, "u")["u"]}


def test_the_gradient_of_a_sum_is_one_in_every_column(at):
    torch.testing.assert_close(grad(at["s"]).value, torch.ones(6, 4, dtype=torch.float64))


def test_the_gradient_of_a_function_of_a_sum(at):
    """∇ sin(s t) = t cos(s t) in every column, Δ sin(s t) = -4 t² sin(s t)."""
    s, t = at["s"], at["t"]
    slope = grad(f.sin(s * t))
    expected = t * f.cos(s * t)
    for column in range(4):
        torch.testing.assert_close(slope[column].value, expected.value)
    minus = -4 * t**2 * f.sin(s * t)
    torch.testing.assert_close(div(slope).value, minus.value)
    torch.testing.assert_close(laplacian(f.sin(s * t)).value, minus.value)


def test_the_gradient_of_a_sum_in_time(at):
    slope = grad(at["s"] * f.sin(at["t"]))
    torch.testing.assert_close(slope.t.value, f.cos(at["t"]).value[:, None].expand(6, 4))
    assert div(slope)._number == 0
    assert laplacian(at["t"] ** 2)._number == 0


def test_what_a_vector_coordinate_does_not_supply(at):
    with pytest.raises(DeclarationError, match="The gradient of dot"):
        grad((grad(at["u"]) ** 2).sum(-1))
    with pytest.raises(DeclarationError, match="has no coordinates"):
        laplacian_over(Constant(torch.tensor(2.0), name="k"), "x")
    mixed = coordinate_jets(RandomSource(Coordinates(("x", "y"), (3, 1)), 5))
    with pytest.raises(DeclarationError, match="div is not defined over scalar and vector"):
        div(mixed["x"])
