import math

import numpy as np
import pytest
import sympy
import torch

from pinnlab.calculus import functions
from pinnlab.calculus.jet import Coordinate
from pinnlab.calculus.sources import PointSource, reader
from pinnlab.errors import DeclarationError
from pinnlab.typing import Coordinates

# Arguments inside every domain, on both sides of zero where the domain allows.
UNARY = {
    "sin": 0.7,
    "cos": -0.7,
    "tan": 0.4,
    "asin": -0.3,
    "acos": 0.3,
    "atan": 2.0,
    "sinh": -0.8,
    "cosh": 0.8,
    "tanh": 1.2,
    "exp": -1.5,
    "log": 0.6,
    "sqrt": 2.5,
    "abs": -1.7,
    "sign": -3.0,
    "erf": 0.9,
    "heaviside": -0.2,
    "sigmoid": 0.35,
}
REFERENCE = {
    "abs": abs,
    "sign": lambda x: math.copysign(1, x),
    "heaviside": lambda x: float(x > 0),
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
}


def everywhere(name, *args):
    """The function of constant arguments in each arithmetic."""
    call = getattr(functions, name)
    t = [torch.full((3,), float(a), dtype=torch.float64) for a in args]
    source = reader(
        PointSource(Coordinates(("a", "b")[: len(args)], (1,) * len(args)), torch.stack(t, 1))
    )
    jets = [Coordinate(source, n) for n in source.coordinates.names]
    return {
        "number": call(*args),
        "numpy": call(*(np.full(3, a) for a in args))[0],
        "numpy scalar": call(*(np.float64(a) for a in args)),
        "torch": call(*t)[0].item(),
        "sympy": float(call(*(sympy.Float(a, 20) for a in args))),
        "jet": call(*jets).value[0].item(),
    }


@pytest.mark.parametrize("name", UNARY)
def test_every_arithmetic_gives_the_same_value(name):
    x = UNARY[name]
    expected = REFERENCE.get(name, getattr(math, name, None))(x)
    for kind, got in everywhere(name, x).items():
        assert got == pytest.approx(expected, rel=1e-14), kind


@pytest.mark.parametrize(
    "name, expected", [("minimum", -0.5), ("maximum", 2.0), ("pow", None)], ids=str
)
def test_two_arguments_give_the_same_value_in_every_arithmetic(name, expected):
    a, b = (2.0, -0.5)
    for kind, got in everywhere(name, a, b).items():
        assert got == pytest.approx(a**b if expected is None else expected, rel=1e-14), kind


@pytest.mark.parametrize("name", ["sign", "heaviside"])
def test_the_jump_has_its_middle_value_everywhere(name):
    for got in everywhere(name, 0.0).values():
        assert got == {"sign": 0.0, "heaviside": 0.5}[name]


def test_tensors_mix_with_numbers_and_keep_their_dtype():
    x = torch.tensor([-1.0, 1.0], dtype=torch.float64)
    third = 1 / 3  # not a float32 number
    assert functions.maximum(x, third).tolist() == [third, 1.0]
    assert functions.minimum(third, x).tolist() == [-1.0, third]
    assert functions.where(x > 0, third, x).tolist() == [-1.0, third]
    assert functions.where(x, 1.0, x).dtype == torch.float64
    assert functions.where(True, x, 0.0).tolist() == x.tolist()
    assert functions.pow(2.0, x).tolist() == [0.5, 2.0]
    assert functions.sin(x.float()).dtype == torch.float32


def test_where_picks_numbers_arrays_and_sympy():
    assert functions.where(True, 1.0, 2.0) == 1.0
    assert functions.where(np.array([True, False]), 1.0, 2.0).tolist() == [1.0, 2.0]
    x = sympy.Symbol("x")
    piecewise = functions.where(x > 0, x, -x)
    assert piecewise.subs(x, -3) == 3
    assert piecewise.subs(x, 4) == 4
    assert functions.where(sympy.true, x, 0) == x


def test_an_object_with_torch_function_is_handed_to_torch():
    class Loud:
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return func.__name__

    assert functions.tanh(Loud()) == "tanh"
    assert functions.minimum(Loud(), 1.0) == "minimum"


def test_a_number_outside_the_domain_is_refused():
    with pytest.raises(DeclarationError, match="no finite value"):
        functions.log(-1.0)
    with pytest.raises(DeclarationError, match="no finite value"):
        functions.exp(1e6)


def test_lists_are_refused_with_a_hint():
    with pytest.raises(DeclarationError, match="index a vector"):
        functions.sin([1.0, 2.0])


def test_step_is_another_name_and_the_constants_are_right():
    assert functions.step is functions.heaviside
    assert functions.sin(functions.pi) == pytest.approx(0, abs=1e-15)
    assert functions.log(functions.e) == 1
