"""Operations on jets: rules that compute and differentiate, and the arithmetic made of them.

The functions `plus`, `times`, ... fold numbers and drop zeros and ones, so that derivatives stay
small.
"""

import math
from collections.abc import Callable
from typing import Any

from torch import Tensor

from pinnlab.calculus import functions
from pinnlab.calculus.jet.base import Derivation, Jet
from pinnlab.calculus.jet.constants import ONE, ZERO, Constant
from pinnlab.calculus.jet.refusals import opaque_derivative, unsupported
from pinnlab.calculus.sources import Reader
from pinnlab.errors import DeclarationError


class Rule:
    """What an operation does: its value, its local partial derivatives and how it prints.

    Args:
        name: The name; for functions the one they print with.
        forward: The value from the values of the arguments.
        partials: For each argument, the local partial derivative as a jet, given the arguments and
            the node; None where the operation is not differentiable.
        symbol: The infix symbol, if it prints as one.
        precedence: Higher binds tighter.
        derive: A derivation of the node, where the chain rule with local partials does not do.
    """

    __slots__ = ("derive", "forward", "name", "partials", "precedence", "symbol")

    def __init__(
        self,
        name: str,
        forward: Callable,
        partials: tuple[Callable[..., Any], ...] | None = None,
        symbol: str | None = None,
        precedence: float = 10,
        derive: "Callable[[Operation, Derivation], Jet] | None" = None,
    ) -> None:
        self.name, self.forward, self.partials = name, forward, partials
        self.symbol, self.precedence, self.derive = symbol, precedence, derive


class Operation(Jet):
    """A rule applied to jets."""

    __slots__ = ("args", "rule")

    def __init__(self, rule: Rule, args: tuple[Jet, ...], source: Reader | None, width: int = 0):
        self._reader, self._width, self._value = source, width, None
        self.rule, self.args = rule, args

    def _compute(self) -> Any:
        args = self.args
        if len(args) == 2:
            return self.rule.forward(args[0]._get(), args[1]._get())
        return self.rule.forward(*[a._get() for a in args])

    def _parts(self) -> tuple[Jet, ...]:
        return self.args

    def _derive(self, derivation: Derivation) -> Jet:
        rule, args = self.rule, self.args
        if rule.derive is not None:
            return rule.derive(self, derivation)
        if rule.partials is None:
            raise opaque_derivative(rule.name)
        total: Jet = ZERO
        for k, arg in enumerate(args):
            inner = derivation(arg)
            if inner._number == 0:
                continue
            if rule is MULTIPLY and k == 0:  # keeps the order a reader expects
                total = plus(total, times(inner, args[1]))
            else:
                total = plus(total, scaled(rule.partials[k](args, self), inner))
        return total

    def _text(self) -> tuple[str, float]:
        rule = self.rule
        if rule.name in ("spread", "fill"):
            return self.args[-1]._text()
        if rule.name == "component":
            return f"{self.args[0]}[{rule.symbol}]", 10
        if rule.name == "column_sum":
            return f"sum({self.args[0]})", 10
        if rule.symbol is None:
            return f"{rule.name}({', '.join(map(str, self.args))})", 10
        p = rule.precedence
        if len(self.args) == 1:
            return f"-{_bracketed(self.args[0], p + 0.5)}", p
        # a - (b + c), a / (b * c) and (a ** b) ** c need their brackets
        tight = 0.5 if rule.symbol in ("-", "/") else 0
        left = _bracketed(self.args[0], p + (0.5 if rule.symbol == "**" else 0))
        right = _bracketed(self.args[1], p + tight)
        if rule.symbol == "*" and has_rule(self.args[1], DIVIDE):
            right = f"({right})"
        space = " " if p < 2 else ""
        return f"{left}{space}{rule.symbol}{space}{right}", p


class Spread(Operation):
    """A scalar per point, repeated over the columns of rows."""

    __slots__ = ()

    def __init__(self, arg: Jet, width: int) -> None:
        super().__init__(SPREAD, (arg,), arg._reader, width)

    def _compute(self) -> Tensor:
        value = self.args[0]._get().unsqueeze(-1)
        return value.expand(*value.shape[:-1], self._width)


def has_rule(jet: Jet, rule: Rule) -> bool:
    """Whether the jet is an operation of that rule."""
    return isinstance(jet, Operation) and jet.rule is rule


def _bracketed(jet: Jet, least: float) -> str:
    text, precedence = jet._text()
    return text if precedence >= least else f"({text})"


def source_of(jet: Jet) -> Reader:
    """What the jet reads from; a constant reads nothing and is refused."""
    if jet._reader is None:
        raise DeclarationError(
            f"'{jet._short()}' has no coordinates",
            expected="a field or an expression of fields and coordinates",
            got="a constant",
            do="apply differential operators to fields",
        )
    return jet._reader


def plus(a: Jet, b: Jet) -> Jet:
    """The sum a + b."""
    p, q = a._number, b._number
    if p is not None:
        if q is not None:
            return Constant(p + q)
        if p == 0:
            return b
    elif q is not None:
        if q == 0:
            return a
        if q < 0:
            return join(SUBTRACT, a, Constant(-q))
    if isinstance(b, Operation) and b.rule is NEGATE:
        return minus(a, b.args[0])
    return join(ADD, a, b)


def minus(a: Jet, b: Jet) -> Jet:
    """The difference a - b."""
    p, q = a._number, b._number
    if p is not None:
        if q is not None:
            return Constant(p - q)
        if p == 0:
            return negative(b)
    elif q == 0:
        return a
    if isinstance(b, Operation) and b.rule is NEGATE:
        return join(ADD, a, b.args[0])
    return join(SUBTRACT, a, b)


def times(a: Jet, b: Jet) -> Jet:
    """The product a * b; a zero factor gives zero."""
    p, q = a._number, b._number
    if p is not None:
        if q is not None:
            return Constant(p * q)
        if p == 0:
            return ZERO
        if p == 1:
            return b
        if p == -1:
            return negative(b)
    elif q is not None:
        if q == 0:
            return ZERO
        if q == 1:
            return a
        if q == -1:
            return negative(a)
    if isinstance(a, Operation) and a.rule is NEGATE:
        return negative(times(a.args[0], b))
    if isinstance(b, Operation) and b.rule is NEGATE:
        return negative(times(a, b.args[0]))
    return join(MULTIPLY, a, b)


def over(a: Jet, b: Jet) -> Jet:
    """The quotient a / b; the number zero is refused as divisor."""
    p, q = a._number, b._number
    if q == 0:
        raise DeclarationError(
            f"'{a._short()}' is divided by the number zero",
            expected="a divisor other than zero",
            got="0",
            do="correct the constant",
        )
    if p is not None:
        if q is not None:
            return Constant(p / q)
        if p == 0:
            return ZERO
    elif q == 1:
        return a
    return join(DIVIDE, a, b)


def power(a: Jet, b: Jet) -> Jet:
    """The power a ** b."""
    p, q = a._number, b._number
    if q is not None:
        if p is not None:
            return Constant(_number_power(p, q))
        if q == 0:
            return ONE
        if q == 1:
            return a
    return join(POWER, a, b)


def _number_power(a: float, b: float) -> float:
    try:
        result = a**b
        if isinstance(result, complex):
            raise ValueError("a complex number")
        return float(result) if isinstance(result, float) or math.isfinite(result) else result
    except (ValueError, OverflowError, ZeroDivisionError) as error:
        raise DeclarationError(
            f"{a!r}**{b!r} has no finite real value",
            expected="a real power",
            got=str(error),
            do="correct the constant",
        ) from None


def negative(a: Jet) -> Jet:
    """The negative -a."""
    if a._number is not None:
        return Constant(-a._number)
    if isinstance(a, Operation):
        if a.rule is NEGATE:
            return a.args[0]
        if a.rule is SUBTRACT:
            return join(SUBTRACT, a.args[1], a.args[0])
    return Operation(NEGATE, (a,), a._reader, a._width)


def scaled(factor: Jet, inner: Jet) -> Jet:
    """The product factor * inner, written as inner / b where factor is 1 / b."""
    if has_rule(factor, DIVIDE) and factor.args[0]._number == 1:  # type: ignore[attr-defined]
        return over(inner, factor.args[1])  # type: ignore[attr-defined]
    if inner._number is not None:
        return times(inner, factor)
    return times(factor, inner)


def join(rule: Rule, a: Jet, b: Jet) -> Jet:
    """A rule of two arguments; scalars per point are spread over the columns of rows."""
    if a._width != b._width:
        a, b = _aligned((a, b))
    return Operation(rule, (a, b), a._reader or b._reader, a._width or b._width)


def _aligned(args: tuple[Jet, ...]) -> tuple[Jet, ...]:
    """Let scalars per point meet rows: each scalar is spread over the columns."""
    width = max(a._width for a in args)
    other = {a._width for a in args} - {0, width}
    if other:
        raise DeclarationError(
            "Vectors of different lengths meet",
            expected=f"{width} components",
            got=f"{other.pop()} components",
            do="combine vectors over the same coordinate",
        )
    return tuple(a if a._width or a._number is not None else Spread(a, width) for a in args)


def elementwise(rule: Rule, args: tuple[Jet, ...]) -> Jet:
    """A rule of any number of arguments, as :func:`join`."""
    width = max(a._width for a in args)
    if width and any(a._width != width for a in args):
        args = _aligned(args)
    source = next((a._reader for a in args if a._reader is not None), None)
    return Operation(rule, args, source, width)


def _derive_spread(node: Operation, derivation: Derivation) -> Jet:
    if derivation.kind == "_diagonal":
        if Derivation("_gradient", derivation.where)(node.args[0])._number != 0:
            raise unsupported(
                f"The gradient of a sum over columns in which '{node.args[0]._short()}' varies"
            )
        return ZERO
    inner = derivation(node.args[0])
    if inner._number is not None:
        return inner
    return Spread(inner, node._width)


def _compared(compare: Callable) -> Callable:
    def forward(a: Any, b: Any) -> Tensor:
        # An indicator 0/1 in the dtype of the operands, so that it multiplies without promotion.
        dtype = a.dtype if isinstance(a, Tensor) and a.ndim else getattr(b, "dtype", None)
        return compare(a, b).to(dtype if dtype is not None else a.dtype)

    return forward


NO_SLOPE = (lambda args, node: ZERO, lambda args, node: ZERO)


ADD = Rule(
    "add",
    lambda a, b: a + b,
    (lambda args, node: ONE, lambda args, node: ONE),
    "+",
    1,
)


SUBTRACT = Rule(
    "subtract",
    lambda a, b: a - b,
    (lambda args, node: ONE, lambda args, node: Constant(-1)),
    "-",
    1,
)


MULTIPLY = Rule(
    "multiply",
    lambda a, b: a * b,
    (lambda args, node: args[1], lambda args, node: args[0]),
    "*",
    2,
)


DIVIDE = Rule(
    "divide",
    lambda a, b: a / b,
    (
        lambda args, node: over(ONE, args[1]),
        lambda args, node: negative(over(node, args[1])),
    ),
    "/",
    2,
)


POWER = Rule(
    "power",
    lambda a, b: a**b,
    (
        lambda args, node: times(args[1], power(args[0], minus(args[1], ONE))),
        lambda args, node: times(node, functions.log(args[0])),
    ),
    "**",
    4,
)


NEGATE = Rule("negate", lambda a: -a, (lambda args, node: Constant(-1),), "-", 1.5)


SPREAD = Rule("spread", lambda a: a, (lambda args, node: ONE,), derive=_derive_spread)


GREATER = Rule("greater", _compared(lambda a, b: a > b), NO_SLOPE, ">", 0)


GREATER_EQUAL = Rule("greater_equal", _compared(lambda a, b: a >= b), NO_SLOPE, ">=", 0)


LESS = Rule("less", _compared(lambda a, b: a < b), NO_SLOPE, "<", 0)


LESS_EQUAL = Rule("less_equal", _compared(lambda a, b: a <= b), NO_SLOPE, "<=", 0)


EQUAL = Rule("equal", _compared(lambda a, b: a == b), NO_SLOPE, "==", 0)


NOT_EQUAL = Rule("not_equal", _compared(lambda a, b: a != b), NO_SLOPE, "!=", 0)
