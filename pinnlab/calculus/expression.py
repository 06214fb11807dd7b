"""Texts as formulas: a small grammar over Python's ``ast``, without ``eval``.

A text such as ``"u.t + u*u.x - nu*u.xx"`` is parsed by Python's own parser into a tree, every node
of which must be on a whitelist: numbers, names, ``+ - * / **``, comparisons, derivatives such as
``u.xx``, brackets of components such as ``[u, v]``, and calls of the functions in
:data:`FUNCTIONS`. The tree becomes nested closures once; evaluating it runs those. There is no
access to attributes of objects, to builtins, or to anything that the caller did not name.
"""

import ast
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pinnlab.calculus import functions, operators
from pinnlab.calculus.jet import Jet
from pinnlab.errors import DeclarationError, nearest

CONSTANTS = {"pi": math.pi, "e": math.e}
_OPERATORS = (
    "d",
    "grad",
    "div",
    "laplacian",
    "biharmonic",
    "dot",
    "advect",
    "norm",
    "curl",
    "power_sum",
    "weighted_trace",
)
FUNCTIONS: dict[str, Callable] = {
    **{name: getattr(functions, name) for name in functions.NAMES},
    **{name: getattr(operators, name) for name in _OPERATORS},
    "step": functions.heaviside,
    "min": functions.minimum,
    "max": functions.maximum,
}
_ARGUMENTS = {
    **dict.fromkeys(FUNCTIONS, (1, 1)),
    **dict.fromkeys(("minimum", "maximum", "min", "max", "pow", "dot", "advect"), (2, 2)),
    **dict.fromkeys(("power_sum", "weighted_trace"), (2, 2)),
    "where": (3, 3),
    "d": (2, 20),
}
MAX_LENGTH, _MAX_DEPTH, _MAX_EXPONENT, _MAX_NUMBER = 5000, 100, 100, 1e300
# Python's parser nests once per bracket, so that brackets are counted before it is called.
_OPENING, _CLOSING = "([{", ")]}"

Closure = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True)
class Expression:
    """A parsed text.

    Attributes:
        text: The text as given.
        names: Free names in the order of their appearance, without ``pi`` and ``e``.
        attributes: Per name the derivative suffixes that are read, such as ``{"u": {"t", "xx"}}``.
    """

    text: str
    names: tuple[str, ...]
    attributes: Mapping[str, frozenset[str]] = field(hash=False)
    _run: Closure = field(repr=False, compare=False)

    def evaluate(self, env: Mapping[str, Any]) -> Any:
        """The value for the given names.

        Args:
            env: A value per free name; ``pi`` and ``e`` are known unless given.

        Raises:
            DeclarationError: If a name is missing or the arithmetic has no finite value.
        """
        try:
            return self._run(env)
        except KeyError as error:
            name = str(error.args[0])
            raise DeclarationError(
                f"'{self.text}' reads '{name}', which is not known here",
                expected=", ".join(map(str, env)) or "no names",
                got=name,
                do=nearest(name, [*map(str, env), *CONSTANTS]) or f"declare '{name}'",
            ) from None
        except (ZeroDivisionError, OverflowError, RecursionError, TypeError) as error:
            raise DeclarationError(
                f"'{self.text}' cannot be evaluated",
                expected="arithmetic with finite values",
                got=str(error),
                do="correct the text",
            ) from error

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple:
        return parse, (self.text,)


def parse(text: str) -> Expression:
    """Parse a formula.

    Args:
        text: For example ``"u.t + u*u.x - nu*u.xx"``.

    Raises:
        DeclarationError: If the text is no formula; the message points at the place.
    """
    if not isinstance(text, str):
        raise DeclarationError(
            "A formula has the wrong kind", expected="a text", got=type(text).__name__
        )
    _check_text(text)
    try:
        with warnings.catch_warnings():  # "2 is not callable" and the like become our errors
            warnings.simplefilter("ignore")
            tree = ast.parse(_joined(text), mode="eval")
    except SyntaxError as error:
        raise _error(text, (error.offset or len(text) + 1) - 1, f"{error.msg}") from None
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        raise _error(text, 0, f"the text cannot be read ({error})") from None
    compiler = _Compiler(text)
    run = compiler.compile(tree.body, 0)
    attributes = {name: frozenset(found) for name, found in compiler.attributes.items()}
    return Expression(text, tuple(compiler.names), attributes, run)


def number(text: str | float) -> float:
    """A number written as a text, such as ``"0.01/pi"``.

    Raises:
        DeclarationError: If it is no finite number.
    """
    if not isinstance(text, str) and not isinstance(text, bool):
        value = float(text)
    else:
        expression = parse(text)  # type: ignore[arg-type]  # refuses a bool
        if expression.names:
            raise DeclarationError(
                f"'{text}' is no number",
                expected="numbers, pi, e and elementary functions",
                got=f"the name '{expression.names[0]}'",
                do="write the number itself",
            )
        value = expression.evaluate({})
        if isinstance(value, Jet) and value._number is not None:
            value = value._number
        value = float(value) if isinstance(value, int | float) else math.nan
    if not math.isfinite(value):
        raise DeclarationError(
            f"'{text}' is no finite number",
            expected="a finite number",
            got=str(value),
            do="correct the text",
        )
    return value


def _joined(text: str) -> str:
    # A YAML text may run over several lines.
    return text.replace("\n", " ").replace("\r", " ").replace("\t", " ").strip()


def _check_text(text: str) -> None:
    if not text.strip():
        raise _error(text, 0, "the text is empty")
    if len(text) > MAX_LENGTH:
        raise _error(text[:60] + "...", 0, f"it is longer than {MAX_LENGTH} characters")
    depth, text = 0, _joined(text)
    for column, character in enumerate(text):
        depth += (character in _OPENING) - (character in _CLOSING)
        if depth > _MAX_DEPTH:
            raise _error(text, column, f"brackets nest deeper than {_MAX_DEPTH}")
    if (column := text.find("^")) >= 0:
        raise _error(text, column, "'^' is no power here", do="write ** for powers, such as x**2")
    for bad, kind in (("#", "a comment"), ("\\", "a backslash"), ("\0", "a null character")):
        if (column := text.find(bad)) >= 0:  # '#' would hide the rest of a text of several lines
            raise _error(text, column, f"{kind} is not allowed here")


def _error(text: str, column: int, what: str, do: str | None = None) -> DeclarationError:
    shown = _joined(text) if text.strip() else repr(text)
    column = max(0, min(column, len(shown)))
    start = max(0, column - 60)
    excerpt = shown[start : start + 120]
    return DeclarationError(
        f"The text is no formula: {what}\n    {excerpt}\n    {' ' * (column - start)}^",
        expected="numbers, names, + - * / **, derivatives such as u.xx, and known functions",
        do=do or "correct the text at the mark",
    )


def _power(a: Any, b: Any) -> Any:
    if isinstance(a, int | float) and isinstance(b, int | float):
        result = float(a) ** float(b)
        if isinstance(result, complex):
            raise TypeError("a negative number has no real fractional power")
        return result
    return a**b


_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: _power,
}
_COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
}


class _Compiler:
    """Turns a tree into closures and collects the names it reads."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.names: dict[str, None] = {}
        self.attributes: dict[str, set[str]] = {}

    def fail(self, node: ast.AST, what: str, do: str | None = None) -> DeclarationError:
        # ast counts bytes of UTF-8, a caret counts characters.
        line = _joined(self.text).encode()
        column = len(line[: getattr(node, "col_offset", 0)].decode(errors="ignore"))
        return _error(self.text, column, what, do)

    def compile(self, node: ast.AST, depth: int) -> Closure:
        if depth > _MAX_DEPTH:
            raise self.fail(node, f"it nests deeper than {_MAX_DEPTH}")
        handler = getattr(self, f"_{type(node).__name__.lower()}", None)
        if handler is None:
            raise self.fail(node, f"{_KINDS.get(type(node), 'this construct')} is not allowed here")
        return handler(node, depth + 1)

    def _constant(self, node: ast.Constant, depth: int) -> Closure:
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.fail(node, f"{value!r:.40} is no number")
        if abs(value) > _MAX_NUMBER:
            raise self.fail(node, "the number is too large")
        return lambda env: value

    def _name(self, node: ast.Name, depth: int) -> Closure:
        name = node.id
        self._check_name(node, name)
        if name in CONSTANTS:
            constant = CONSTANTS[name]
            return lambda env: env.get(name, constant)
        if name in FUNCTIONS and name not in ("d", "e"):
            raise self.fail(node, f"the function '{name}' is not called", f"write {name}(...)")
        self.names[name] = None
        return lambda env: env[name]

    def _check_name(self, node: ast.AST, name: str) -> None:
        if name.startswith("_") or len(name) > 100:
            raise self.fail(node, f"the name '{name:.40}' is not allowed")

    def _attribute(self, node: ast.Attribute, depth: int) -> Closure:
        if not isinstance(node.value, ast.Name):
            raise self.fail(
                node,
                "a derivative stands on something that is no name",
                'write d(..., "x") for the derivative of an expression',
            )
        name, suffix = node.value.id, node.attr
        self._check_name(node, name)
        self._check_name(node, suffix)
        self.names[name] = None
        self.attributes.setdefault(name, set()).add(suffix)
        return lambda env: _derivative(env[name], name, suffix)

    def _binop(self, node: ast.BinOp, depth: int) -> Closure:
        operation = _BINARY.get(type(node.op))
        if operation is None:
            raise self.fail(node, "only + - * / and ** are allowed between values")
        if isinstance(node.op, ast.Pow):
            exponent = _plain_number(node.right)
            if exponent is not None and abs(exponent) > _MAX_EXPONENT:
                raise self.fail(node.right, f"the exponent is larger than {_MAX_EXPONENT}")
        left, right = self.compile(node.left, depth), self.compile(node.right, depth)
        return lambda env: operation(left(env), right(env))

    def _unaryop(self, node: ast.UnaryOp, depth: int) -> Closure:
        if not isinstance(node.op, ast.USub | ast.UAdd):
            raise self.fail(node, "only + and - may stand before a value")
        operand = self.compile(node.operand, depth)
        return operand if isinstance(node.op, ast.UAdd) else lambda env: -operand(env)

    def _compare(self, node: ast.Compare, depth: int) -> Closure:
        if len(node.ops) != 1:
            raise self.fail(node, "comparisons cannot be chained", "multiply them: (0 < x)*(x < 1)")
        operation = _COMPARE.get(type(node.ops[0]))
        if operation is None:
            raise self.fail(node, "only < <= > >= == != compare values")
        left = self.compile(node.left, depth)
        right = self.compile(node.comparators[0], depth)
        return lambda env: operation(left(env), right(env))

    def _list(self, node: ast.List | ast.Tuple, depth: int) -> Closure:
        parts = [self.compile(element, depth) for element in node.elts]
        if not parts:
            raise self.fail(node, "the brackets are empty")
        return lambda env: [part(env) for part in parts]

    _tuple = _list

    def _call(self, node: ast.Call, depth: int) -> Closure:
        if not isinstance(node.func, ast.Name):
            raise self.fail(node, "only functions by their name can be called")
        name = node.func.id
        function = FUNCTIONS.get(name)
        if function is None:
            hint = nearest(name, FUNCTIONS) or "use " + ", ".join(FUNCTIONS)
            raise self.fail(node.func, f"there is no function '{name:.40}'", hint)
        if node.keywords:
            raise self.fail(node, f"{name} takes no named arguments")
        least, most = _ARGUMENTS[name]
        if not least <= len(node.args) <= most:
            count = f"{least}" if least == most else f"{least} to {most}"
            raise self.fail(node, f"{name} takes {count} arguments, not {len(node.args)}")
        if name == "d":
            by = [self._coordinate(argument) for argument in node.args[1:]]
            operand = self.compile(node.args[0], depth)
            return lambda env: function(operand(env), *by)
        parts = [self.compile(argument, depth) for argument in node.args]
        if len(parts) == 1:
            only = parts[0]
            return lambda env: function(only(env))
        return lambda env: function(*[part(env) for part in parts])

    def _coordinate(self, node: ast.AST) -> str:
        """The argument x or "x" of d(u, x)."""
        if isinstance(node, ast.Name):
            return node.id
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        raise self.fail(node, "d takes the names of coordinates", "write d(u, x, x)")


_KINDS: dict[type, str] = {
    ast.Subscript: "an index",
    ast.Lambda: "a lambda",
    ast.BoolOp: "'and' or 'or'",
    ast.IfExp: "'if' (use where)",
    ast.JoinedStr: "a string",
    ast.Dict: "a dictionary",
    ast.Set: "a set",
    ast.Starred: "a star",
    ast.NamedExpr: "an assignment",
    ast.ListComp: "a comprehension",
    ast.GeneratorExp: "a comprehension",
    ast.Await: "'await'",
    ast.Yield: "'yield'",
}


def _plain_number(node: ast.AST) -> float | None:
    if isinstance(node, ast.UnaryOp):
        return _plain_number(node.operand)
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return node.value
    return None


def _derivative(value: Any, name: str, suffix: str) -> Any:
    if isinstance(value, Jet | operators.Vector):
        return value.derivative(suffix)
    if isinstance(value, int | float):
        return 0.0
    raise DeclarationError(
        f"'{name}.{suffix}' differentiates something that has no derivatives",
        expected="a field, or a coefficient given as a function of the coordinates",
        got=type(value).__name__,
        do=f"use '{name}' without a derivative here",
    )
