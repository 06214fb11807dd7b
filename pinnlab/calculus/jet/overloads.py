"""Python's operators and the functions of torch and NumPy on jets.

A sum of jets is an operation, and an operation is a jet, so that the class cannot be written in one
piece without a circle of imports. :mod:`base` declares the methods; this module, which comes last,
supplies them.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from pinnlab.calculus import functions
from pinnlab.calculus.jet.base import Jet
from pinnlab.calculus.jet.constants import Constant, as_jet, lift
from pinnlab.calculus.jet.derivations import normal_derivative
from pinnlab.calculus.jet.elementary import FUNCTIONS, call
from pinnlab.calculus.jet.operations import (
    EQUAL,
    GREATER,
    GREATER_EQUAL,
    LESS,
    LESS_EQUAL,
    NOT_EQUAL,
    Operation,
    Rule,
    elementwise,
    minus,
    negative,
    over,
    plus,
    power,
    times,
)
from pinnlab.calculus.jet.rows import indexed, row_mean, row_sum
from pinnlab.errors import DeclarationError


def _operator(make: Callable[[Jet, Jet], Jet]) -> tuple[Callable, Callable]:
    def forward(self: Jet, other: Any) -> Any:
        if not isinstance(other, Jet):
            other = lift(other, self)
            if other is NotImplemented:
                return other
        return make(self, other)

    def reflected(self: Jet, other: Any) -> Any:
        other = lift(other, self)
        return other if other is NotImplemented else make(other, self)

    return forward, reflected


def _comparison(rule: Rule) -> Callable[[Jet, Jet], Jet]:
    def make(a: Jet, b: Jet) -> Jet:
        if a._number is not None and b._number is not None:
            tensors = torch.tensor(a._number), torch.tensor(b._number)
            return Constant(float(rule.forward(*tensors)))
        return elementwise(rule, (a, b))

    return make


_OPERATORS: dict[str, Callable[[Jet, Jet], Jet]] = {
    "add": plus,
    "sub": minus,
    "mul": times,
    "truediv": over,
    "pow": power,
    "and": times,
    "or": lambda a, b: call("maximum", (a, b)),
}
_COMPARISONS = {
    "gt": GREATER,
    "ge": GREATER_EQUAL,
    "lt": LESS,
    "le": LESS_EQUAL,
    "eq": EQUAL,
    "ne": NOT_EQUAL,
}


def _binary(make: Callable[[Jet, Jet], Jet], swap: bool = False) -> Callable:
    def call(a: Any, b: Any) -> Jet:
        like = a if isinstance(a, Jet) else b
        a, b = as_jet(a, like=like), as_jet(b, like=like)
        return make(b, a) if swap else make(a, b)

    return call


def _named(name: str) -> Callable:
    return lambda *args: call(name, args)


def _foreign_functions() -> dict[str, Callable]:
    """The names in torch and NumPy of what a jet knows how to differentiate."""
    table: dict[str, Callable] = {name: _named(name) for name in FUNCTIONS}
    arithmetic = {
        "add": plus,
        "subtract": minus,
        "multiply": times,
        "divide": over,
        "power": power,
    }
    spellings = {
        "add": ("add", "__add__"),
        "subtract": ("sub", "subtract", "__sub__"),
        "multiply": ("mul", "multiply", "__mul__"),
        "divide": ("div", "divide", "true_divide", "__truediv__"),
        "power": ("pow", "power", "float_power", "__pow__"),
    }
    reflected = {
        "__radd__": plus,
        "rsub": minus,
        "__rsub__": minus,
        "__rmul__": times,
        "__rdiv__": over,
        "__rtruediv__": over,
        "__rpow__": power,
    }
    table |= {s: _binary(arithmetic[k]) for k, names in spellings.items() for s in names}
    table |= {name: _binary(make, swap=True) for name, make in reflected.items()}
    for short, rule in _COMPARISONS.items():
        long = rule.name
        table |= {n: _binary(_comparison(rule)) for n in (short, f"__{short}__", long)}
    aliases = {
        "arcsin": "asin",
        "arccos": "acos",
        "arctan": "atan",
        "absolute": "abs",
        "fabs": "abs",
        "special_erf": "erf",
        "special_expit": "sigmoid",
        "expit": "sigmoid",
    }
    table |= {alias: table[name] for alias, name in aliases.items()}
    table |= {
        "neg": lambda a: -a,
        "negative": lambda a: -a,
        "square": lambda a: a**2,
        "reciprocal": lambda a: 1 / a,
        "rsqrt": lambda a: 1 / functions.sqrt(a),
        "heaviside": lambda a, *at_zero: functions.heaviside(a),
    }
    return table


_FOREIGN: dict[str, Callable] = _foreign_functions()


def _opaque(name: str, func: Callable, args: tuple, kwargs: dict) -> Jet:
    """Any other torch function: its value is computed at once, and it has no derivative."""
    jets: list[Jet] = []

    def plain(item: Any) -> Any:
        if isinstance(item, Jet):
            jets.append(item)
            return item.value
        if isinstance(item, list | tuple):
            return type(item)(plain(i) for i in item)
        return item

    result = func(*plain(args), **{k: plain(v) for k, v in kwargs.items()})
    source = next((j._reader for j in jets if j._reader is not None), None)
    n = None if source is None else source.n
    shape = [*result.shape] if isinstance(result, Tensor) else None
    if shape is None or len(shape) > 2 or (n is not None and shape[:1] != [n]):
        raise DeclarationError(
            f"torch.{name} does not give one value per point",
            expected="shape (n,) or (n, k)" + ("" if n is None else f" with n = {n}"),
            got="no tensor" if shape is None else f"shape {tuple(shape)}",
            do="use pointwise functions, stack components along the last axis, and declare sums "
            "over points as an Integral",
        )
    node = Operation(Rule(name, lambda *values: result), tuple(jets), source)
    node._value = result
    node._width = shape[1] if len(shape) == 2 else 0
    return node


# torch's functions of rows ``(n, size)`` along their columns, ``torch.sum(x**2, -1)``.
_OVER_COLUMNS: dict[str, Callable] = {"sum": row_sum, "mean": row_mean}


def _along_columns(jet: Any = None, dim: Any = None, axis: Any = None, **others: Any) -> bool:
    """Whether torch is asked to join the columns of rows to one number a point."""
    joined = (dim if axis is None else axis) in (-1, 1)
    return joined and isinstance(jet, Jet) and jet._width > 0 and not others


def _pinnlab_function(cls: type, name: str, args: tuple) -> Jet:
    return call(name, args)


def _torch_function(
    cls: type, func: Callable, types: Iterable[type], args: tuple = (), kwargs: dict | None = None
) -> Any:
    name = getattr(func, "__name__", str(func))
    known = _FOREIGN.get(name)
    if known is not None and not kwargs:
        return known(*args)
    if name in _OVER_COLUMNS and _along_columns(*args, **(kwargs or {})):
        return _OVER_COLUMNS[name](args[0])
    return _opaque(name, func, args, kwargs or {})


def _array_ufunc(jet: Jet, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
    known = _FOREIGN.get(ufunc.__name__)
    if known is None or method != "__call__" or kwargs:
        raise DeclarationError(
            f"np.{ufunc.__name__} cannot be applied to '{jet._short()}'",
            expected="a function of pinnlab or torch",
            got=f"np.{ufunc.__name__}",
            do="use the function of that name from pinnlab or torch",
        )
    return known(*args)


_METHODS: dict[str, Any] = {
    "__neg__": negative,
    "__abs__": lambda jet: call("abs", (jet,)),
    "__getitem__": indexed,
    "sum": row_sum,
    "mean": row_mean,
    "_normal_derivative": normal_derivative,
    "__pinnlab_function__": classmethod(_pinnlab_function),
    "__torch_function__": classmethod(_torch_function),
    "__array_ufunc__": _array_ufunc,
}
for _name, _method in _METHODS.items():
    setattr(Jet, _name, _method)
for _name, _make in _OPERATORS.items():
    _forward, _reflected = _operator(_make)
    setattr(Jet, f"__{_name}__", _forward)
    setattr(Jet, f"__r{_name}__", _reflected)
for _name, _rule in _COMPARISONS.items():
    setattr(Jet, f"__{_name}__", _operator(_comparison(_rule))[0])
