r"""Elementary functions that work on whatever an equation is made of.

``sin(x)`` takes a number, a NumPy array, a torch tensor, a :class:`~pinnlab.calculus.jet.Jet`, any
object with ``__torch_function__`` or a SymPy expression, and answers in kind. That is why one
equation can be evaluated, differentiated and printed. All functions go through one dispatcher,
:func:`apply`, which reads one row of a table; SymPy is never imported from here, because an
expression that reaches us proves that it already is.

At the jump, ``heaviside(0) = 1/2`` and ``sign(0) = 0`` in every arithmetic.
"""

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.errors import DeclarationError

pi = math.pi
e = math.e


def _torch_heaviside(x: Any) -> Any:  # autograd has no rule for torch.heaviside
    return (torch.sign(x) + 1) / 2


def _numpy_erf(x: Any) -> Any:
    return torch.erf(torch.as_tensor(np.asarray(x))).numpy()


def _sympy_where(sympy: Any, condition: Any, a: Any, b: Any) -> Any:
    if condition in (True, False):
        return a if condition else b
    return sympy.Piecewise((a, condition), (b, True))


# name: (number, numpy, torch, sympy given its module)
_TABLE: dict[str, tuple[Callable, Callable, Callable, Callable]] = {
    "sin": (math.sin, np.sin, torch.sin, lambda s, x: s.sin(x)),
    "cos": (math.cos, np.cos, torch.cos, lambda s, x: s.cos(x)),
    "tan": (math.tan, np.tan, torch.tan, lambda s, x: s.tan(x)),
    "asin": (math.asin, np.arcsin, torch.asin, lambda s, x: s.asin(x)),
    "acos": (math.acos, np.arccos, torch.acos, lambda s, x: s.acos(x)),
    "atan": (math.atan, np.arctan, torch.atan, lambda s, x: s.atan(x)),
    "sinh": (math.sinh, np.sinh, torch.sinh, lambda s, x: s.sinh(x)),
    "cosh": (math.cosh, np.cosh, torch.cosh, lambda s, x: s.cosh(x)),
    "tanh": (math.tanh, np.tanh, torch.tanh, lambda s, x: s.tanh(x)),
    "exp": (math.exp, np.exp, torch.exp, lambda s, x: s.exp(x)),
    "log": (math.log, np.log, torch.log, lambda s, x: s.log(x)),
    "sqrt": (math.sqrt, np.sqrt, torch.sqrt, lambda s, x: s.sqrt(x)),
    "abs": (math.fabs, np.abs, torch.abs, lambda s, x: s.Abs(x)),
    "sign": (
        lambda x: float((x > 0) - (x < 0)),
        np.sign,
        torch.sign,
        lambda s, x: s.sign(x),
    ),
    "erf": (math.erf, _numpy_erf, torch.erf, lambda s, x: s.erf(x)),
    "heaviside": (
        lambda x: ((x > 0) - (x < 0) + 1) / 2,
        lambda x: np.heaviside(x, 0.5),
        _torch_heaviside,
        lambda s, x: s.Heaviside(x),
    ),
    "sigmoid": (
        lambda x: (1 + math.tanh(x / 2)) / 2,
        lambda x: (1 + np.tanh(np.asarray(x) / 2)) / 2,
        torch.sigmoid,
        lambda s, x: 1 / (1 + s.exp(-x)),
    ),
    "minimum": (min, np.minimum, torch.minimum, lambda s, a, b: s.Min(a, b)),
    "maximum": (max, np.maximum, torch.maximum, lambda s, a, b: s.Max(a, b)),
    "pow": (math.pow, np.power, torch.pow, lambda s, a, b: s.Pow(a, b)),
    "where": (lambda c, a, b: a if c else b, np.where, torch.where, _sympy_where),
}
NAMES: tuple[str, ...] = tuple(_TABLE)


def torch_function(name: str) -> Callable:
    """The torch function behind ``name``; it takes tensors, and numbers beside a tensor."""
    function = _TABLE[name][2]
    return function if name not in _MIXED else lambda *args: _torch_mixed(name, args)


# These torch functions want tensors throughout; numbers beside a tensor take its dtype.
_MIXED = ("minimum", "maximum", "where", "pow")


def _torch_mixed(name: str, args: tuple) -> Any:
    if name == "pow":  # ``**`` keeps a number a number, which torch evaluates faster
        return args[0] ** args[1]
    like = next((a for a in args if isinstance(a, Tensor) and a.is_floating_point()), None)
    place = next((a for a in args if isinstance(a, Tensor)), None)
    foreign = not all(isinstance(a, Tensor | int | float | np.generic) for a in args)
    default = torch.float64 if foreign else torch.get_default_dtype()  # 0-d: does not promote
    dtype = default if like is None else like.dtype
    device = None if place is None else place.device

    def tensor(a: Any) -> Any:
        number = isinstance(a, int | float | np.generic)
        return torch.full((), float(a), dtype=dtype, device=device) if number else a

    if name == "where":
        condition, *values = args
        if isinstance(condition, bool | np.bool_):
            condition = torch.tensor(bool(condition), device=device)
        if isinstance(condition, Tensor) and condition.dtype != torch.bool:
            condition = condition != 0
        return torch.where(condition, *map(tensor, values))
    return _TABLE[name][2](*map(tensor, args))


def _is_sympy(value: object) -> bool:
    return type(value).__module__.partition(".")[0] == "sympy"


def apply(name: str, *args: Any) -> Any:
    """Call the elementary function ``name`` on arguments of any one kind, numbers mixed in.

    Args:
        name: One of :data:`NAMES`.
        *args: Its arguments.

    Returns:
        A value of the kind of the arguments.

    Raises:
        DeclarationError: If an argument is of no known kind, or a number lies outside the domain.
    """
    for value in args:
        hook = getattr(type(value), "__pinnlab_function__", None)
        if hook is not None:  # a Jet: skips torch's slower dispatcher
            return hook(name, args)
    on_number, on_numpy, _, on_sympy = _TABLE[name]
    if any(hasattr(type(value), "__torch_function__") for value in args):
        return torch_function(name)(*args)
    if any(_is_sympy(value) for value in args):
        return on_sympy(sys.modules["sympy"], *args)
    if any(isinstance(value, np.ndarray | np.generic) for value in args):
        return on_numpy(*args)
    if all(isinstance(value, int | float) for value in args):
        try:
            return on_number(*args)
        except (ValueError, OverflowError, ZeroDivisionError) as error:
            raise DeclarationError(
                f"{name}({', '.join(map(repr, args))}) has no finite value",
                expected="a number in the domain of the function",
                got=str(error),
                do="correct the constant",
            ) from None
    raise DeclarationError(
        f"{name} cannot be applied",
        expected="numbers, tensors, arrays, fields or coordinates",
        got=", ".join(type(value).__name__ for value in args),
        do="index a vector or list and apply the function to its components",
    )


def sin(x: Any) -> Any:
    """Sine."""
    return apply("sin", x)


def cos(x: Any) -> Any:
    """Cosine."""
    return apply("cos", x)


def tan(x: Any) -> Any:
    """Tangent."""
    return apply("tan", x)


def asin(x: Any) -> Any:
    """Inverse sine."""
    return apply("asin", x)


def acos(x: Any) -> Any:
    """Inverse cosine."""
    return apply("acos", x)


def atan(x: Any) -> Any:
    """Inverse tangent."""
    return apply("atan", x)


def sinh(x: Any) -> Any:
    """Hyperbolic sine."""
    return apply("sinh", x)


def cosh(x: Any) -> Any:
    """Hyperbolic cosine."""
    return apply("cosh", x)


def tanh(x: Any) -> Any:
    """Hyperbolic tangent."""
    return apply("tanh", x)


def exp(x: Any) -> Any:
    """Exponential."""
    return apply("exp", x)


def log(x: Any) -> Any:
    """Natural logarithm."""
    return apply("log", x)


def sqrt(x: Any) -> Any:
    """Square root."""
    return apply("sqrt", x)


def abs(x: Any) -> Any:
    """Absolute value; its derivative is ``sign``."""
    return apply("abs", x)


def sign(x: Any) -> Any:
    """Sign, 0 at 0; its derivative is taken as zero everywhere."""
    return apply("sign", x)


def erf(x: Any) -> Any:
    """Error function."""
    return apply("erf", x)


def heaviside(x: Any) -> Any:
    """Unit step, 1/2 at the jump; its derivative is taken as zero everywhere."""
    return apply("heaviside", x)


step = heaviside


def sigmoid(x: Any) -> Any:
    """Logistic function 1 / (1 + exp(-x))."""
    return apply("sigmoid", x)


def minimum(a: Any, b: Any) -> Any:
    """The smaller of two values, pointwise."""
    return apply("minimum", a, b)


def maximum(a: Any, b: Any) -> Any:
    """The larger of two values, pointwise."""
    return apply("maximum", a, b)


def pow(a: Any, b: Any) -> Any:
    """``a`` to the power ``b``."""
    return apply("pow", a, b)


def where(condition: Any, a: Any, b: Any) -> Any:
    """``a`` where the condition holds, ``b`` elsewhere; differentiated branch by branch."""
    return apply("where", condition, a, b)
