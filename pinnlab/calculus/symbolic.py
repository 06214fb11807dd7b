"""Equations as SymPy expressions and as LaTeX.

:func:`to_sympy` turns a jet into SymPy, with fields as functions of the coordinates, for exact
algebra. :func:`latex` walks the graph itself, so that the terms keep the order in which they were
written and functions without a SymPy counterpart still print.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pinnlab.calculus import functions
from pinnlab.calculus import jet as jets
from pinnlab.calculus.differentiated import (
    Differentiated,
    GradientOf,
    GradientProduct,
    Steps,
    TurnedCoefficients,
)
from pinnlab.calculus.formula import Formula
from pinnlab.calculus.functionals import (
    AlongRay,
    DirectionalDerivative,
    Functional,
    PowerSum,
    WeightedTrace,
)
from pinnlab.calculus.jet import Jet, Operation
from pinnlab.calculus.known import Known
from pinnlab.calculus.recording import Equation, trace
from pinnlab.errors import DeclarationError
from pinnlab.typing import Coordinates

_GREEK = tuple(
    re.findall(
        r"\w+",
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau "
        "upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega",
    )
)
_LETTERS = dict(
    zip(
        "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩ",
        (f"\\{name}" for name in _GREEK),
        strict=True,
    )
)
_COMMANDS = {"sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "log"}
_COMPARISONS = {">": ">", ">=": r"\ge", "<": "<", "<=": r"\le", "==": "=", "!=": r"\ne"}


def to_sympy(jet: Jet) -> Any:
    """A jet as a SymPy expression.

    Fields become functions of all coordinates, their derivatives ``Derivative``; normals become
    symbols such as ``n_x``.

    Raises:
        DeclarationError: If a function or a vector coordinate in it has no SymPy counterpart.
    """
    import sympy

    return _sympy(jet, sympy, {})


def _sympy(jet: Jet, sympy: Any, memo: dict[int, Any]) -> Any:
    found = memo.get(id(jet))
    if found is None:
        found = memo[id(jet)] = _sympy_node(jet, sympy, memo)
    return found


def _sympy_node(jet: Jet, sympy: Any, memo: dict[int, Any]) -> Any:
    if isinstance(jet, jets.Constant):
        return _sympy_constant(jet, sympy)
    if isinstance(jet, jets.Field):
        coordinates = jet.source.coordinates  # type: ignore[union-attr]
        names = [coordinates.suffix((k,)) for k in range(coordinates.dim)]
        symbols = [sympy.Symbol(name, real=True) for name in names]
        function = sympy.Function(jet.field)(*symbols)
        by = [symbols[k] for k in jet.index]
        return sympy.Derivative(function, *by) if by else function
    if isinstance(jet, jets.Coordinate) and not jet._width:
        return sympy.Symbol(jet.name, real=True)
    if isinstance(jet, jets.Normal) and not jet._width:
        return sympy.Symbol(str(jet).replace(".", "_"), real=True)
    if isinstance(jet, jets.Symbol):
        return sympy.Symbol(jet.name.replace(".", "_"), real=True)
    if isinstance(jet, Operation) and not jet._width:
        args = [_sympy(a, sympy, memo) for a in jet.args]
        return _sympy_operation(jet, args, sympy)
    raise _no_counterpart(str(jet))


def _sympy_constant(jet: jets.Constant, sympy: Any) -> Any:
    if jet.name is not None:
        return sympy.Symbol(jet.name, real=True)
    if jet.value.ndim:
        raise _no_counterpart("a tensor")
    text = jets.number_text(jet.value.detach().item())[0]
    if "pi" in text:
        return sympy.sympify(text.replace("pi", "1")) * sympy.pi
    value = jet.value.item()
    return sympy.Integer(int(value)) if value == int(value) else sympy.Float(value, 17)


def _sympy_operation(node: Operation, args: list[Any], sympy: Any) -> Any:
    rule = node.rule
    if rule.name in ("minimum", "maximum", "where") or rule.name in jets.FUNCTIONS:
        return functions.apply(rule.name, *(sympy.sympify(a) for a in args))
    if rule.symbol in _COMPARISONS:
        return sympy.Rel(args[0], args[1], rule.symbol)
    if rule in (jets.ADD, jets.SUBTRACT, jets.MULTIPLY, jets.DIVIDE, jets.POWER, jets.NEGATE):
        return rule.forward(*args)
    raise _no_counterpart(rule.name)


def _no_counterpart(name: str) -> DeclarationError:
    return DeclarationError(
        f"'{name}' has no counterpart in SymPy",
        expected="scalar fields, coordinates and pinnlab's functions",
        got=name,
        do="use the numerical residual instead",
    )


def latex(
    formula: Formula | Equation | str,
    coordinates: Coordinates,
    fields: Sequence[str],
    coefficients: Mapping[str, Any] | None = None,
    normals: bool = False,
) -> str:
    r"""The equation in LaTeX, set equal to zero; several components stand in an ``aligned``.

    A formula that cannot be traced is given as its text, in ``\text{...}``.

    Args:
        formula: The equation.
        coordinates: The coordinates.
        fields: Names of the fields.
        coefficients: Values of the coefficients, which are printed by their names.
        normals: Whether the normal ``n`` is known.
    """
    formula = formula if isinstance(formula, Formula) else Formula(formula)
    try:
        parts = trace(formula, coordinates, fields, coefficients, normals)
    except Exception:  # any user code may stand there; a report must not fail on it
        escaped = formula.text.replace("_", r"\_").replace("^", r"\^{}")
        return rf"\text{{{escaped}}} = 0"
    lines = [f"{jet_latex(part)} = 0" for part in parts]
    if len(lines) == 1:
        return lines[0]
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def jet_latex(jet: Jet) -> str:
    r"""A jet in LaTeX, derivatives as subscripts: ``u_{t} + u\,u_{x} - \nu\,u_{xx}``."""
    return _latex(jet)[0]


def _name(name: str) -> str:
    head, _, tail = name.partition("_")
    if not tail and len(head) > 1 and head[-1].isdigit() and head.rstrip("0123456789") in _GREEK:
        letters = head.rstrip("0123456789")
        head, tail = letters, head[len(letters) :]
    head = _LETTERS.get(head) or (f"\\{head}" if head in _GREEK else head)
    if len(head) > 1 and not head.startswith("\\"):
        head = rf"\mathrm{{{head}}}"
    return f"{head}_{{{_name(tail)}}}" if tail else head


def _subscripted(name: str, subscript: str) -> str:
    base = _name(name)
    # A name that has a subscript already is bracketed, since TeX allows only one.
    return f"{{{base}}}_{{{subscript}}}" if "_" in base else f"{base}_{{{subscript}}}"


_CONTRACTIONS = {
    "gradient": r"\nabla {}",
    "laplacian": r"\Delta {}",
    "biharmonic": r"\Delta^2 {}",
    "squared_gradient": r"\left|\nabla {}\right|^2",
}


def _latex(jet: Jet) -> tuple[str, float]:
    if isinstance(jet, Operation):
        return _latex_operation(jet)
    if isinstance(jet, jets.Field):
        if not jet.index:
            return _name(jet.field), 10
        coordinates = jet.source.coordinates  # type: ignore[union-attr]
        names = [_name(coordinates.suffix((k,))) for k in jet.index]
        glue = "" if all(len(name) == 1 for name in names) else " "
        return _subscripted(jet.field, glue.join(names)), 10
    if isinstance(jet, jets.Contraction):
        return _latex_contraction(jet)
    if isinstance(jet, jets.Normal) and not jet._width:
        return f"n_{{{_name(str(jet).partition('.')[2])}}}", 10
    text, precedence = jet._text()
    if isinstance(jet, jets.Constant) and jet.name is None:
        return _latex_number(text), precedence
    return _name(text), precedence


def _latex_contraction(jet: jets.Contraction) -> tuple[str, float]:
    return _latex_functional(jet.what, _name(jet.field))


def _latex_functional(what: Functional, u: str) -> tuple[str, float]:
    if isinstance(what, Differentiated):
        text, precedence = _latex_functional(what.inner, _latex_steps(what.steps, u))
        for b in what.steps.along:
            text, precedence = rf"{_known(b)} \cdot \nabla {text}", 2
        return text, precedence
    if isinstance(what, GradientProduct):
        left, right = (_latex_steps(steps, u) for steps in (what.left, what.right))
        return rf"\nabla {left} \cdot \nabla {right}", 2
    if isinstance(what, GradientOf):
        return rf"\nabla {_latex_functional(what.inner, u)[0]}", 3
    if isinstance(what, AlongRay | TurnedCoefficients):
        return rf"\mathrm{{{what.text(u)}}}", 10
    if isinstance(what, DirectionalDerivative):
        return rf"{_known(what.direction)} \cdot \nabla {u}", 2
    if isinstance(what, WeightedTrace):
        sigma = _known(what.factor.value)
        return rf"\mathrm{{tr}}\left({sigma} {sigma}^\top \nabla^2 {u}\right)", 10
    if isinstance(what, PowerSum):
        return rf"\sum_i \partial_i^{{{what.power}}} {u}", 1
    return _CONTRACTIONS[what.kind].format(u), 3


def _latex_steps(steps: Steps, u: str) -> str:
    """The derivative of a field by columns and along random directions."""
    for name in filter(None, [steps.suffix, *map(str, steps.rays)]):
        u = rf"\partial_{{{_name(name)}}} {u}"
    return u


def _known(value: Any) -> str:
    """A known vector or matrix: as it is written where that is short, else a letter."""
    text = str(value)
    if text.isidentifier():
        return _name(text)
    return r"\mathbf{b}" if isinstance(value, Known) else r"\sigma"


def _latex_number(text: str) -> str:
    mantissa, _, exponent = text.partition("e")
    if exponent and not text.startswith("<"):
        return rf"{mantissa} \cdot 10^{{{int(exponent)}}}"
    return re.sub(r"\*?pi", lambda match: " \\pi" if match[0][0] == "*" else "\\pi", text)


def _latex_operation(node: Operation) -> tuple[str, float]:
    rule, args = node.rule, node.args
    if rule.name in ("spread", "fill"):
        return _latex(args[-1])
    if rule.name == "component":
        return f"{{{_latex(args[0])[0]}}}_{{{rule.symbol}}}", 10
    if rule.name in ("column_sum", "sum"):
        return _latex_row_sum(args[0])
    if rule is jets.DIVIDE:
        return rf"\frac{{{_latex(args[0])[0]}}}{{{_latex(args[1])[0]}}}", 3
    if rule is jets.POWER:
        return f"{_wrapped(args[0], 5)}^{{{_latex(args[1])[0]}}}", 4
    if rule is jets.MULTIPLY:
        return rf"{_wrapped(args[0], 2)}\,{_wrapped(args[1], 2)}", 2
    if rule is jets.NEGATE:
        return f"-{_wrapped(args[0], 2)}", 1.5
    if rule is jets.ADD:
        return f"{_wrapped(args[0], 1)} + {_wrapped(args[1], 1)}", 1
    if rule is jets.SUBTRACT:
        return f"{_wrapped(args[0], 1)} - {_wrapped(args[1], 2)}", 1
    if rule.symbol in _COMPARISONS:
        left, right = _wrapped(args[0], 1), _wrapped(args[1], 1)
        return f"{left} {_COMPARISONS[rule.symbol]} {right}", 0
    return _latex_function(rule.name, [_latex(a)[0] for a in args])


def _latex_row_sum(row: Jet) -> tuple[str, float]:
    """A sum over the components of a vector: a scalar product, or a squared length."""
    if isinstance(row, Operation) and row.rule is jets.MULTIPLY:
        left, right = (_wrapped(factor, 2) for factor in row.args)
        if left != right:
            return rf"{left} \cdot {right}", 2
        return rf"\left|{left}\right|^{{2}}", 4
    if isinstance(row, Operation) and row.rule is jets.POWER and _latex(row.args[1])[0] == "2":
        return rf"\left|{_latex(row.args[0])[0]}\right|^{{2}}", 4
    text, precedence = _latex(row)
    component = text if precedence >= 10 else rf"\left({text}\right)"
    return rf"\sum_i {component}_i", 1


def _latex_function(name: str, args: list[str]) -> tuple[str, float]:
    if name == "sqrt":
        return rf"\sqrt{{{args[0]}}}", 10
    if name == "abs":
        return rf"\left|{args[0]}\right|", 10
    escaped = name.replace("_", r"\_")
    command = f"\\{name}" if name in _COMMANDS else rf"\operatorname{{{escaped}}}"
    return rf"{command}\left({', '.join(args)}\right)", 10


def _wrapped(jet: Jet, least: float) -> str:
    text, precedence = _latex(jet)
    return text if precedence >= least else rf"\left({text}\right)"
