r"""Equations written as texts, set as mathematics.

``u.t + u*u.x - nu*u.xx`` is how an equation is typed; :func:`latex_of` writes it as
:math:`u_{t} + u u_{x} - \nu u_{xx}`. The text is read as a Python expression and never evaluated.
Only the grammar of declared equations is understood; anything else gives no LaTeX, and the report
shows the text as it is.
"""

import ast
import re

from pinnlab.report.figure import GREEK
from pinnlab.report.mathml_symbols import FUNCTIONS, LIMITS

_MAX = 2000

_OPERATORS = {
    "grad": r"\nabla {}", "div": r"\nabla \cdot {}", "curl": r"\nabla \times {}",
    "laplacian": r"\Delta {}", "biharmonic": r"\Delta^{{2}} {}", "sqrt": r"\sqrt{{{}}}",
    "abs": r"\left|{}\right|", "norm": r"\left\|{}\right\|",
}  # fmt: skip
_COMPARISONS = {ast.Eq: "=", ast.LtE: r"\leq", ast.GtE: r"\geq", ast.Lt: "<", ast.Gt: ">"}

# How tightly a piece holds together: a sum, a product, a factor that needs no brackets.
_SUM, _PRODUCT, _FACTOR = 0, 1, 2


class _Foreign(Exception):
    """Something that the grammar of equations does not have."""


def latex_of(text: str) -> str | None:
    r"""LaTeX of an equation typed as text, or nothing if it is not such a text.

    Args:
        text: An expression such as ``"u.t - nu*laplacian(u)"``; a single ``=`` is understood.

    Example:
        >>> latex_of("u.t + u*u.x - nu*u.xx")
        'u_{t} + u u_{x} - \\nu u_{xx}'
        >>> latex_of("-sin(pi*x)")
        '- \\sin\\left(\\pi x\\right)'
        >>> latex_of("import os") is None
        True
    """
    source = text.strip()
    if not 0 < len(source) <= _MAX:
        return None
    try:
        return _write(ast.parse(_comparison(source), mode="eval").body)[0]
    except (SyntaxError, ValueError, RecursionError, MemoryError, _Foreign):
        return None


def _comparison(source: str) -> str:
    """``a = b`` as ``a == b``, which is an expression; an ``=`` inside brackets stays."""
    depth, parts = 0, []
    for part in re.split(r"([()\[\]{}]|[=<>!]=|=)", source):
        depth += (part in ("(", "[", "{")) - (part in (")", "]", "}"))
        parts.append("==" if part == "=" and depth == 0 else part)
    return "".join(parts)


def name_latex(name: str) -> str:
    r"""A name as a symbol: ``nu`` as ν, ``k_1`` with an index, longer words upright.

    Example:
        >>> name_latex("nu"), name_latex("lambda_1"), name_latex("speed")
        ('\\nu', '\\lambda_{1}', '\\mathrm{speed}')
    """
    base, _, low = name.partition("_")
    if not base:
        base, low = name, ""
    match = re.fullmatch(r"([A-Za-z]+)(\d+)", base)
    if match and not low:
        base, low = match.groups()
    if base in GREEK:
        symbol = f"\\{base}"
    else:
        symbol = base if len(base) == 1 else rf"\mathrm{{{_escaped(base)}}}"
    return f"{symbol}_{{{_index(low)}}}" if low else symbol


def _index(text: str) -> str:
    return (
        text
        if text.isalnum() and (len(text) == 1 or text.isdigit())
        else rf"\mathrm{{{_escaped(text)}}}"
    )


def _escaped(text: str) -> str:
    return text.replace("\\", "").replace("_", r"\_").replace("{", "").replace("}", "")


def _write(node: ast.expr) -> tuple[str, int]:
    """LaTeX of a node and how tightly it holds together."""
    match node:
        case ast.Name(id=name):
            return name_latex(name), _FACTOR
        case ast.Constant(value=bool() | str() | bytes() | None):
            raise _Foreign
        case ast.Constant(value=value):
            return _constant(value)
        case ast.Attribute(value=inner, attr=attribute):
            base, _ = _write(inner)
            group = base if isinstance(inner, ast.Name) and "_" not in base else f"{{{base}}}"
            return f"{group}_{{{_escaped(attribute)}}}", _FACTOR
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return f"- {_within(operand, _PRODUCT)}", _SUM
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _write(operand)
        case ast.BinOp(left=left, op=operation, right=right):
            return _binary(left, operation, right)
        case ast.Compare(left=left, ops=[operation], comparators=[right]):
            sign = _COMPARISONS.get(type(operation))
            if sign is None:
                raise _Foreign
            return f"{_write(left)[0]} {sign} {_write(right)[0]}", _SUM
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _call(name, arguments)
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            inner = ",\\, ".join(_write(element)[0] for element in elements)
            return rf"\left({inner}\right)", _FACTOR
    raise _Foreign


def _constant(value: object) -> tuple[str, int]:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    if "e" in text:
        digits, exponent = text.split("e")
        power = f"10^{{{int(exponent)}}}"
        return (power if digits == "1" else rf"{digits} \cdot {power}"), _PRODUCT
    return text, _FACTOR


def _within(node: ast.expr, needed: int) -> str:
    """A piece in brackets if it holds together less tightly than needed."""
    text, binding = _write(node)
    return text if binding >= needed else rf"\left({text}\right)"


def _binary(left: ast.expr, operation: ast.operator, right: ast.expr) -> tuple[str, int]:
    match operation:
        case ast.Add():
            second = _within(right, _PRODUCT) if _negative(right) else _write(right)[0]
            return f"{_write(left)[0]} + {second}", _SUM
        case ast.Sub():
            return f"{_write(left)[0]} - {_within(right, _PRODUCT)}", _SUM
        case ast.Mult():
            first, second = _within(left, _PRODUCT), _within(right, _PRODUCT)
            dot = r" \cdot " if second[:1].isdigit() else " "
            return f"{first}{dot}{second}", _PRODUCT
        case ast.Div():
            return rf"\frac{{{_write(left)[0]}}}{{{_write(right)[0]}}}", _PRODUCT
        case ast.Pow():
            base, binding = _write(left)
            simple = binding == _FACTOR and not isinstance(left, ast.Call)
            base = f"{{{base}}}" if simple else rf"\left({base}\right)"
            return f"{base}^{{{_write(right)[0]}}}", _FACTOR
        case ast.MatMult():
            return rf"{_within(left, _PRODUCT)} \cdot {_within(right, _PRODUCT)}", _PRODUCT
    raise _Foreign


def _negative(node: ast.expr) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)


def _call(name: str, arguments: list[ast.expr]) -> tuple[str, int]:
    if name == "d" and len(arguments) >= 2:
        return _derivative(arguments)
    if name == "dot" and len(arguments) == 2:
        return rf"{_within(arguments[0], _FACTOR)} \cdot {_within(arguments[1], _FACTOR)}", _PRODUCT
    if name == "advect" and len(arguments) == 2:
        wind, what = (_within(argument, _FACTOR) for argument in arguments)
        return rf"\left({wind} \cdot \nabla\right) {what}", _PRODUCT
    if name in ("sqrt", "abs", "norm") and len(arguments) == 1:
        return _OPERATORS[name].format(_write(arguments[0])[0]), _FACTOR
    if name in _OPERATORS and len(arguments) == 1:
        return _OPERATORS[name].format(_within(arguments[0], _FACTOR)), _PRODUCT
    inner = ",\\, ".join(_write(argument)[0] for argument in arguments)
    head = f"\\{name}" if name in FUNCTIONS | LIMITS else name_latex(name)
    return rf"{head}\left({inner}\right)", _FACTOR


def _derivative(arguments: list[ast.expr]) -> tuple[str, int]:
    """d(u, "x", "x") as ∂²u/∂x²."""
    names = []
    for argument in arguments[1:]:
        if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str):
            raise _Foreign
        names.append(argument.value)
    powers = {name: names.count(name) for name in names}
    below = " ".join(
        rf"\partial {name_latex(name)}" + (f"^{{{count}}}" if count > 1 else "")
        for name, count in powers.items()
    )
    order = f"^{{{len(names)}}}" if len(names) > 1 else ""
    inner, binding = _write(arguments[0])
    if binding == _FACTOR and not isinstance(arguments[0], ast.Call):
        return rf"\frac{{\partial{order} {inner}}}{{{below}}}", _PRODUCT
    return rf"\frac{{\partial{order}}}{{{below}}} \left({inner}\right)", _PRODUCT
