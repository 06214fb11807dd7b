"""Elementary functions of jets, their slopes, and functions that pick a branch per point."""

import math
from collections.abc import Callable
from typing import Any

from pinnlab.calculus import functions
from pinnlab.calculus.jet.base import Jet
from pinnlab.calculus.jet.constants import ZERO, Constant, as_jet
from pinnlab.calculus.jet.operations import (
    GREATER_EQUAL,
    LESS_EQUAL,
    Operation,
    Rule,
    elementwise,
    power,
)


def pick(node: Operation, of: Callable[[Jet], Jet]) -> Jet:
    """A branching node with a linear map applied to each branch."""
    if node.rule.name == "where":
        condition, a, b = node.args
    else:
        a, b = node.args
        condition = elementwise(
            LESS_EQUAL if node.rule.name == "minimum" else GREATER_EQUAL, (a, b)
        )
    inner_a, inner_b = of(a), of(b)
    if inner_a._number == 0 and inner_b._number == 0:
        return ZERO
    return elementwise(FUNCTIONS["where"], (condition, inner_a, inner_b))


def _slope(text: Callable[[Jet, Jet], Any]) -> tuple[Callable, ...]:
    return (lambda args, node: as_jet(text(args[0], node)),)


# The local derivative of each function of one argument, from its argument a and its value y.
_SLOPES: dict[str, Callable[[Any, Any], Any]] = {
    "sin": lambda a, y: functions.cos(a),
    "cos": lambda a, y: -functions.sin(a),
    "tan": lambda a, y: 1 + y * y,
    "asin": lambda a, y: 1 / functions.sqrt(1 - a * a),
    "acos": lambda a, y: -1 / functions.sqrt(1 - a * a),
    "atan": lambda a, y: 1 / (1 + a * a),
    "sinh": lambda a, y: functions.cosh(a),
    "cosh": lambda a, y: functions.sinh(a),
    "tanh": lambda a, y: 1 - y * y,
    "exp": lambda a, y: y,
    "log": lambda a, y: 1 / a,
    "sqrt": lambda a, y: 0.5 / y,
    "abs": lambda a, y: functions.sign(a),
    "sign": lambda a, y: 0,
    "erf": lambda a, y: 2 / math.sqrt(math.pi) * functions.exp(-a * a),
    "heaviside": lambda a, y: 0,
    "sigmoid": lambda a, y: y * (1 - y),
}


FUNCTIONS: dict[str, Rule] = {
    name: Rule(name, functions.torch_function(name), _slope(slope))
    for name, slope in _SLOPES.items()
} | {
    name: Rule(name, functions.torch_function(name), derive=pick)
    for name in ("minimum", "maximum", "where")
}


def call(name: str, args: tuple) -> Jet:
    """The elementary function ``name`` of jets and whatever is mixed with them."""
    like = next((a for a in args if isinstance(a, Jet)), None)
    jets = tuple(a if isinstance(a, Jet) else as_jet(a, like=like) for a in args)
    if name == "pow":
        return power(*jets)
    if name == "where" and jets[0]._number is not None:
        return jets[1] if jets[0]._number else jets[2]
    if all(a._number is not None for a in jets):
        return Constant(functions.apply(name, *(a._number for a in jets)))
    if len(jets) == 1:
        return Operation(FUNCTIONS[name], jets, jets[0]._reader, jets[0]._width)
    return elementwise(FUNCTIONS[name], jets)
