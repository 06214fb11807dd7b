r"""Jets: lazy, differentiable quantities on a batch of points.

An equation is written on jets. ``u.t + u*u.x - nu*u.xx`` builds a small graph: its leaves read
derivatives of fields, coordinates and normals from a :class:`~pinnlab.calculus.sources.JetSource`,
its inner nodes are arithmetic and elementary functions. Nothing is computed until ``.value`` is
asked for, and each leaf is read once per batch.

The graph differentiates itself. For a node :math:`f(a_1, \dots, a_m)` with local partial
derivatives :math:`f_i`, which are jets again,

.. math::
    \partial f = \sum_i f_i\, \partial a_i, \qquad
    \nabla f = \sum_i f_i \nabla a_i, \qquad
    \Delta f = \sum_i \left(\nabla f_i \cdot \nabla a_i + f_i\, \Delta a_i\right),

so that ``(k*u.x).x``, ``div(k*grad(u))`` and the Laplacian of a composite follow the chain and
product rules, whatever the surrogate. The derivative of a field leaf is the next leaf; a leaf never
differentiates a network.

Shapes: a jet is a scalar ``(n,)`` per point, or *rows* ``(n, size)`` for a vector coordinate and a
gradient over one. Constants may be numbers or 0-d tensors. A tensor of any other shape is refused
at once, so that ``(n,)`` against ``(n, 1)`` can never become ``(n, n)``.
"""

import builtins
import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.calculus import functions
from pinnlab.calculus.sources import JetSource, Reader, reader
from pinnlab.errors import DeclarationError, nearest
from pinnlab.typing import MultiIndex


class UnknownDerivative(DeclarationError, AttributeError):
    """An attribute of a jet that is no derivative; an AttributeError, so that hasattr works."""


class Jet:
    """A scalar quantity on a batch of points that knows its derivatives.

    ``u.x``, ``u.xt``, ``u.x_t`` are derivatives by the named coordinates, ``u.n`` is the normal
    derivative on a boundary, ``u.value`` the tensor ``(n,)``. Arithmetic with numbers, tensors of
    shape ``()`` or ``(n,)`` and other jets gives jets; so do :mod:`pinnlab.calculus.functions` and
    the torch and NumPy functions of the same names. Other torch functions work for the value, but
    cannot be differentiated.
    """

    __slots__ = ("_reader", "_value", "_width")
    _number: float | int | None = None  # set on unnamed numeric constants, which are folded
    _reader: Reader | None
    _value: Any
    _width: int  # 0 for a scalar per point, else the number of columns

    # -- values -----------------------------------------------------------------------------

    @property
    def value(self) -> Tensor:
        """The values, ``(n,)`` (rows: ``(n, size)``; constants may be 0-d)."""
        try:
            value = self._get()
        except RecursionError:
            value = _evaluate_iteratively(self)
        return value if isinstance(value, Tensor) else torch.tensor(value, dtype=torch.float64)

    def _get(self) -> Any:
        value = self._value
        if value is None:
            value = self._value = self._compute()
        return value

    def _compute(self) -> Any:
        raise NotImplementedError

    @property
    def source(self) -> Reader | None:
        """What the leaves read from; None for a constant."""
        return self._reader

    @property
    def is_vector(self) -> bool:
        """Whether it has rows ``(n, size)``: a vector coordinate, or a gradient over one."""
        return self._width > 0

    # -- derivatives ------------------------------------------------------------------------

    def __getattr__(self, name: str) -> "Jet":
        if name.startswith("_"):
            raise AttributeError(name)
        if hasattr(type(self), name):  # a property failed inside: show its own error
            return object.__getattribute__(self, name)
        return self.derivative(name)

    def derivative(self, suffix: str) -> "Jet":
        """The derivative that a suffix such as ``"xxt"`` or ``"n"`` means.

        Raises:
            DeclarationError: If the suffix is no sequence of scalar coordinates.
        """
        if suffix == "n":
            return normal_derivative(self)
        source = self._reader
        if source is None:
            raise UnknownDerivative(
                f"'{self._short()}.{suffix}' differentiates a constant",
                expected="a field or an expression of fields and coordinates",
                got="a constant",
                do="drop the derivative, or give the constant as a function of the coordinates",
            )
        index = source.index(suffix)
        if index is None:
            raise self._unknown(suffix, source)
        result = self
        for column in index:
            result = result.along(column)
        return result

    def diff(self, name: str) -> "Jet":
        """The derivative by the scalar coordinate ``name``.

        Raises:
            DeclarationError: If the coordinate is unknown or a vector.
        """
        if self._reader is None:
            return self.along(0)  # zero for numbers, refused for values that vary unknown
        names = self._reader.coordinates
        if names.size(name) != 1:
            raise _vector_coordinate(name)
        return self.along(names.slice(name).start)

    def along(self, column: int) -> "Jet":
        """The derivative by one column of the coordinates."""
        return _Derivation("_along", column)(self)

    def _unknown(self, suffix: str, source: Reader) -> DeclarationError:
        coordinates = source.coordinates
        scalars = [n for n, s in zip(coordinates.names, coordinates.sizes, strict=True) if s == 1]
        short = self._short()
        if suffix in coordinates.names:
            return UnknownDerivative(*_vector_coordinate(suffix).args)
        if hasattr(torch, suffix):
            do = f"write {suffix}({short}) with pinnlab's or torch's function"
        else:
            examples = [*scalars, *(f"{a}{b}" for a in scalars for b in scalars), "n"]
            do = nearest(suffix, examples) or "use the names of the coordinates"
        return UnknownDerivative(
            f"'{short}.{suffix}' is no derivative",
            expected=f"{short}. followed by names out of {', '.join([*scalars, 'n'])}",
            got=suffix,
            do=do,
        )

    def _short(self) -> str:
        text = str(self)
        return text if len(text) <= 30 else "(...)"

    # Each leaf says how it answers the three derivations; operations use the chain rule instead.

    def _along(self, column: int) -> "Jet":
        raise NotImplementedError

    def _gradient(self, name: str) -> "Jet":
        raise NotImplementedError

    def _diagonal(self, name: str) -> "Jet":
        return self._gradient(name)

    def _laplacian(self, name: str) -> "Jet":
        raise NotImplementedError

    # -- arithmetic: filled in below from one table -----------------------------------------

    __hash__ = object.__hash__

    if TYPE_CHECKING:

        def __add__(self, other: Any) -> "Jet": ...
        def __radd__(self, other: Any) -> "Jet": ...
        def __sub__(self, other: Any) -> "Jet": ...
        def __rsub__(self, other: Any) -> "Jet": ...
        def __mul__(self, other: Any) -> "Jet": ...
        def __rmul__(self, other: Any) -> "Jet": ...
        def __truediv__(self, other: Any) -> "Jet": ...
        def __rtruediv__(self, other: Any) -> "Jet": ...
        def __pow__(self, other: Any) -> "Jet": ...
        def __rpow__(self, other: Any) -> "Jet": ...
        def __and__(self, other: Any) -> "Jet": ...
        def __or__(self, other: Any) -> "Jet": ...
        def __gt__(self, other: Any) -> "Jet": ...
        def __ge__(self, other: Any) -> "Jet": ...
        def __lt__(self, other: Any) -> "Jet": ...
        def __le__(self, other: Any) -> "Jet": ...

    def __pos__(self) -> "Jet":
        return self

    def __neg__(self) -> "Jet":
        return _negative(self)

    def __abs__(self) -> "Jet":
        return _call("abs", (self,))

    def __invert__(self) -> "Jet":
        return 1 - self

    def sum(self, dim: int = -1) -> "Jet":
        """The sum over the columns of rows ``(n, size)``."""
        _check_columns(self, dim, "sum")
        return _column_sum(self)

    def mean(self, dim: int = -1) -> "Jet":
        """The mean over the columns of rows ``(n, size)``."""
        _check_columns(self, dim, "mean")
        return _column_sum(self) / self._width

    def __getitem__(self, key: Any) -> "Jet":
        column = key[1] if isinstance(key, tuple) and len(key) == 2 else key
        whole = not isinstance(key, tuple) or key[0] in (slice(None), Ellipsis)
        if not self._width or not whole or not isinstance(column, int):
            raise DeclarationError(
                f"'{self._short()}' cannot be indexed so",
                expected="x[i], the i-th component of a vector coordinate or of its gradient",
                got=repr(key),
                do="use the fields and coordinates by name; points have no index in an equation",
            )
        if not -self._width <= column < self._width:
            raise DeclarationError(
                f"'{self._short()}' has no component {column}",
                expected=f"0 to {self._width - 1}",
                got=column,
                do="correct the index",
            )
        return _component(self, column % self._width)

    # -- what a jet is not ------------------------------------------------------------------

    def __bool__(self) -> bool:
        raise DeclarationError(
            f"'{self._short()}' differs from point to point and is neither true nor false",
            expected="an expression that holds at every point",
            got="a Python condition such as 'if', 'and', 'or' or 'not'",
            do="use pl.where(condition, a, b), and & or | between conditions",
        )

    def __float__(self) -> float:
        raise _no_number(self, "float")

    def __int__(self) -> int:
        raise _no_number(self, "int")

    def __len__(self) -> int:
        raise _no_sequence(self)

    def __iter__(self) -> Any:
        if self._width:
            return iter([self[i] for i in range(self._width)])
        raise _no_sequence(self)

    # -- foreign functions ------------------------------------------------------------------

    @classmethod
    def __pinnlab_function__(cls, name: str, args: tuple) -> "Jet":
        return _call(name, args)

    @classmethod
    def __torch_function__(
        cls, func: Callable, types: Iterable[type], args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        name = getattr(func, "__name__", str(func))
        known = _FOREIGN.get(name)
        if known is not None and not kwargs:
            return known(*args)
        return _opaque(name, func, args, kwargs or {})

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        known = _FOREIGN.get(ufunc.__name__)
        if known is None or method != "__call__" or kwargs:
            raise DeclarationError(
                f"np.{ufunc.__name__} cannot be applied to '{self._short()}'",
                expected="a function of pinnlab or torch",
                got=f"np.{ufunc.__name__}",
                do="use the function of that name from pinnlab or torch",
            )
        return known(*args)

    # -- text -------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return self._text()[0]

    def _text(self) -> tuple[str, float]:
        raise NotImplementedError


# ---------------------------------------------------------------------------------------------
# Leaves


class Field(Jet):
    """A derivative of a field; ``()`` is its value."""

    __slots__ = ("field", "index")

    def __init__(self, source: Reader, field: str, index: MultiIndex = ()) -> None:
        self._reader, self._width, self._value = source, 0, None
        self.field, self.index = field, index

    def _compute(self) -> Tensor:
        return self._reader.derivative(self.field, self.index)  # type: ignore[union-attr]

    def derivative(self, suffix: str) -> Jet:
        """The derivative that a suffix means, in one step."""
        index = self._reader.index(suffix)  # type: ignore[union-attr]
        if index is None:
            return super().derivative(suffix)
        if self.index:
            index = tuple(sorted(self.index + index))
        return Field(self._reader, self.field, index)  # type: ignore[arg-type]

    def _along(self, column: int) -> Jet:
        index = tuple(sorted((*self.index, column)))
        return Field(self._reader, self.field, index)  # type: ignore[arg-type]

    def _gradient(self, name: str) -> Jet:
        if self.index:
            raise _unsupported(f"The gradient of '{self}' over the vector coordinate '{name}'")
        return Gradient(self._reader, self.field, name)  # type: ignore[arg-type]

    def _laplacian(self, name: str) -> Jet:
        if self.index:
            raise _unsupported(f"The Laplacian of '{self}' over the vector coordinate '{name}'")
        return Laplacian(self._reader, self.field, name)  # type: ignore[arg-type]

    def _text(self) -> tuple[str, float]:
        if not self.index:
            return self.field, 10
        return f"{self.field}.{self._reader.coordinates.suffix(self.index)}", 10  # type: ignore


class Gradient(Jet):
    """The gradient of a field over a vector coordinate, rows ``(n, size)``."""

    __slots__ = ("field", "name")

    def __init__(self, source: Reader, field: str, name: str) -> None:
        self._reader, self._value = source, None
        self._width = source.coordinates.size(name)
        self.field, self.name = field, name

    def _compute(self) -> Tensor:
        return self._reader.gradient(self.field, self.name)  # type: ignore[union-attr]

    def _along(self, column: int) -> Jet:
        raise _unsupported(f"A derivative of {self}")

    def _gradient(self, name: str) -> Jet:
        raise _unsupported(f"A derivative of {self}")

    def _laplacian(self, name: str) -> Jet:
        raise _unsupported(f"A derivative of {self}")

    def _text(self) -> tuple[str, float]:
        return f"grad({self.field})", 10


class Laplacian(Jet):
    """The Laplacian of a field over a vector coordinate."""

    __slots__ = ("field", "name")

    def __init__(self, source: Reader, field: str, name: str) -> None:
        self._reader, self._width, self._value = source, 0, None
        self.field, self.name = field, name

    def _compute(self) -> Tensor:
        return self._reader.laplacian(self.field, self.name)  # type: ignore[union-attr]

    def _along(self, column: int) -> Jet:
        raise _unsupported(f"A derivative of {self}")

    def _gradient(self, name: str) -> Jet:
        raise _unsupported(f"A derivative of {self}")

    def _laplacian(self, name: str) -> Jet:
        raise _unsupported(f"A derivative of {self}")

    def _text(self) -> tuple[str, float]:
        return f"laplacian({self.field})", 10


class Coordinate(Jet):
    """A coordinate; a scalar, or rows for a vector coordinate."""

    __slots__ = ("column", "name")

    def __init__(self, source: Reader, name: str) -> None:
        part = source.coordinates.slice(name)
        size = part.stop - part.start
        self._reader, self._value = source, None
        self._width = size if size > 1 else 0
        self.name, self.column = name, part.start

    def _compute(self) -> Tensor:
        return self._reader.coordinate(self.name)  # type: ignore[union-attr]

    def _along(self, column: int) -> Jet:
        if not self._width:
            return ONE if column == self.column else ZERO
        if self.column <= column < self.column + self._width:
            return _one_hot(self, column - self.column)
        return ZERO

    def _gradient(self, name: str) -> Jet:
        if self._width:
            raise _unsupported(f"The gradient of the vector coordinate '{self.name}'")
        return ZERO

    def _diagonal(self, name: str) -> Jet:
        return ONE if name == self.name else ZERO

    def _laplacian(self, name: str) -> Jet:
        return ZERO

    def _text(self) -> tuple[str, float]:
        return self.name, 10


class Normal(Jet):
    """A component of the outward unit normal."""

    __slots__ = ("axis",)

    def __init__(self, source: Reader, axis: int) -> None:
        self._reader, self._width, self._value = source, 0, None
        self.axis = axis

    def _compute(self) -> Tensor:
        return self._reader.normal()[:, self.axis]  # type: ignore[union-attr]

    def _along(self, column: int) -> Jet:
        raise DeclarationError(
            "The normal cannot be differentiated",
            expected="derivatives of fields and coordinates",
            got=f"a derivative of {self}",
            do="differentiate first and multiply by the normal afterwards",
        )

    def _gradient(self, name: str) -> Jet:
        return self._along(0)

    def _laplacian(self, name: str) -> Jet:
        return self._along(0)

    def _text(self) -> tuple[str, float]:
        names = self._reader.coordinates.space  # type: ignore[union-attr]
        return f"n.{names.suffix((self.axis,))}", 10


class NormalRows(Normal):
    """All components of the normal over a vector coordinate, rows ``(n, size)``."""

    __slots__ = ("span",)

    def __init__(self, source: Reader, span: slice) -> None:
        super().__init__(source, span.start)
        self.span, self._width = span, span.stop - span.start

    def _compute(self) -> Tensor:
        return self._reader.normal()[:, self.span]  # type: ignore[union-attr]

    def _text(self) -> tuple[str, float]:
        return "n", 10


class Constant(Jet):
    """A number or a tensor ``()``, ``(n,)``, or a row ``(size,)``; it may carry a name."""

    __slots__ = ("_number", "name")

    def __init__(
        self,
        value: float | Tensor,
        name: str | None = None,
        source: Reader | None = None,
        width: int = 0,
    ) -> None:
        number = None if isinstance(value, Tensor) or name is not None else value
        if name is not None and not isinstance(value, Tensor):
            value = torch.tensor(value, dtype=torch.float64)
        self._reader, self._width, self._value = source, width, value
        self._number, self.name = number, name

    def _compute(self) -> Any:
        return self._value

    def _along(self, column: int) -> Jet:
        if isinstance(self._value, Tensor) and self._value.ndim and not self._width:
            raise DeclarationError(
                f"The derivative of {self} is not known",
                expected="a number, or a function or text of the coordinates",
                got=f"a tensor of shape {tuple(self._value.shape)}",
                do="declare the coefficient as a function or text, which can be differentiated",
            )
        return ZERO

    def _gradient(self, name: str) -> Jet:
        return self._along(0)

    def _laplacian(self, name: str) -> Jet:
        return self._along(0)

    def _text(self) -> tuple[str, float]:
        if self.name is not None:
            return self.name, 10
        value = self._value
        if isinstance(value, Tensor):
            if value.ndim:
                return f"<tensor of shape {tuple(value.shape)}>", 10
            value = value.detach().item()
        return number_text(value)


class _Nowhere(Reader):
    """Where bare symbols live: whoever asks for coordinates is refused."""

    __slots__ = ()

    def __init__(self) -> None:
        pass

    @property
    def coordinates(self) -> Any:  # type: ignore[override]
        raise _unsupported("A derivative of a bare symbol")


class Symbol(Jet):
    """A bare name that prints itself and its derivatives, and has no values."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self._reader, self._width, self._value = _Nowhere(), 0, None
        self.name = name

    def _compute(self) -> Tensor:
        raise DeclarationError(f"The symbol '{self.name}' has no values")

    def derivative(self, suffix: str) -> Jet:
        """The symbol with the suffix appended."""
        return Symbol(f"{self.name}.{suffix}")

    def _along(self, column: int) -> Jet:
        raise _unsupported(f"A derivative of the bare symbol '{self.name}'")

    def _gradient(self, name: str) -> Jet:
        return self._along(0)

    def _laplacian(self, name: str) -> Jet:
        return self._along(0)

    def _text(self) -> tuple[str, float]:
        return self.name, 10


ZERO = Constant(0)
ONE = Constant(1)


# ---------------------------------------------------------------------------------------------
# Operations


class Rule:
    """What an operation does: its value, its local partial derivatives and how it prints.

    Args:
        name: The name; for functions the one they print with.
        forward: The value from the values of the arguments.
        partials: For each argument, the local partial derivative as a jet, given the arguments and
            the node; None where the operation is not differentiable.
        symbol: The infix symbol, if it prints as one.
        precedence: Higher binds tighter.
        branches: Positions of the arguments of which one is picked per point. Such a node is
            differentiated branch by branch, because 0 * inf would spoil the chain rule.
    """

    __slots__ = ("branches", "forward", "name", "partials", "precedence", "symbol")

    def __init__(
        self,
        name: str,
        forward: Callable,
        partials: tuple[Callable[..., Any], ...] | None = None,
        symbol: str | None = None,
        precedence: float = 10,
        branches: bool = False,
    ) -> None:
        self.name, self.forward, self.partials = name, forward, partials
        self.symbol, self.precedence, self.branches = symbol, precedence, branches


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

    def _derive(self, derivation: "_Derivation") -> Jet:
        rule, args = self.rule, self.args
        if rule.name == "column_sum":
            return _derive_column_sum(self, derivation)
        if rule.name == "component":
            return _derive_component(self, derivation)
        if rule.name == "spread":
            return _derive_spread(self, derivation)
        if rule.branches:
            return _pick(self, derivation)
        if rule.partials is None:
            raise _opaque_derivative(rule.name)
        total: Jet = ZERO
        for k, arg in enumerate(args):
            inner = derivation(arg)
            if inner._number == 0:
                continue
            if rule is MULTIPLY and k == 0:  # keeps the order a reader expects
                total = _plus(total, _times(inner, args[1]))
            else:
                total = _plus(total, _scaled(rule.partials[k](args, self), inner))
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
        if rule.symbol == "*" and _is(self.args[1], DIVIDE):
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


class _Derivation:
    """One linear map of jets, ∂, ∇ or the diagonal of a Jacobian, with each node visited once."""

    __slots__ = ("kind", "memo", "where")

    def __init__(self, kind: str, where: Any) -> None:
        self.kind, self.where = kind, where
        self.memo: dict[int, tuple[Jet, Jet]] = {}

    def __call__(self, jet: Jet) -> Jet:
        if jet._number is not None:
            return ZERO
        if not isinstance(jet, Operation):
            return getattr(jet, self.kind)(self.where)
        found = self.memo.get(id(jet))
        if found is None:
            found = self.memo[id(jet)] = (jet, jet._derive(self))
        return found[1]


def _is(jet: Jet, rule: Rule) -> bool:
    return isinstance(jet, Operation) and jet.rule is rule


def _bracketed(jet: Jet, least: float) -> str:
    text, precedence = jet._text()
    return text if precedence >= least else f"({text})"


def _evaluate_iteratively(root: Jet) -> Any:
    """Evaluate children before parents with an explicit stack, for graphs deeper than Python's."""
    stack = [root]
    while stack:
        node = stack[-1]
        waiting = [a for a in node.args if a._value is None] if isinstance(node, Operation) else []
        if waiting and node._value is None:
            stack.extend(waiting)
        else:
            stack.pop()._get()
    return root._get()


def number_text(value: float) -> tuple[str, float]:
    """A number as a reader writes it, with π recognised; and its precedence."""
    if isinstance(value, float) and math.isfinite(value):
        ratio = value / math.pi
        if ratio and builtins.abs(ratio) < 1e3 and ratio == round(ratio):
            whole = round(ratio)
            return {1: ("pi", 10), -1: ("-pi", 1.5)}.get(
                whole, (f"{whole}*pi", 2 if whole > 0 else 1.5)
            )
        if value == int(value) and builtins.abs(value) < 1e15:
            value = int(value)
    return f"{value!r}" if isinstance(value, int) else f"{value:.12g}", 10 if value >= 0 else 1.5


# The smart constructors fold numbers and drop zeros and ones, so that derivatives stay small.


def _plus(a: Jet, b: Jet) -> Jet:
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
            return _join(SUBTRACT, a, Constant(-q))
    if isinstance(b, Operation) and b.rule is NEGATE:
        return _minus(a, b.args[0])
    return _join(ADD, a, b)


def _minus(a: Jet, b: Jet) -> Jet:
    p, q = a._number, b._number
    if p is not None:
        if q is not None:
            return Constant(p - q)
        if p == 0:
            return _negative(b)
    elif q == 0:
        return a
    if isinstance(b, Operation) and b.rule is NEGATE:
        return _join(ADD, a, b.args[0])
    return _join(SUBTRACT, a, b)


def _times(a: Jet, b: Jet) -> Jet:
    p, q = a._number, b._number
    if p is not None:
        if q is not None:
            return Constant(p * q)
        if p == 0:
            return ZERO
        if p == 1:
            return b
        if p == -1:
            return _negative(b)
    elif q is not None:
        if q == 0:
            return ZERO
        if q == 1:
            return a
        if q == -1:
            return _negative(a)
    if isinstance(a, Operation) and a.rule is NEGATE:
        return _negative(_times(a.args[0], b))
    if isinstance(b, Operation) and b.rule is NEGATE:
        return _negative(_times(a, b.args[0]))
    return _join(MULTIPLY, a, b)


def _over(a: Jet, b: Jet) -> Jet:
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
    return _join(DIVIDE, a, b)


def _power(a: Jet, b: Jet) -> Jet:
    p, q = a._number, b._number
    if q is not None:
        if p is not None:
            return Constant(_number_power(p, q))
        if q == 0:
            return ONE
        if q == 1:
            return a
    return _join(POWER, a, b)


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


def _negative(a: Jet) -> Jet:
    if a._number is not None:
        return Constant(-a._number)
    if isinstance(a, Operation):
        if a.rule is NEGATE:
            return a.args[0]
        if a.rule is SUBTRACT:
            return _join(SUBTRACT, a.args[1], a.args[0])
    return Operation(NEGATE, (a,), a._reader, a._width)


def _scaled(factor: Jet, inner: Jet) -> Jet:
    """The product factor * inner, written as inner / b where factor is 1 / b."""
    if _is(factor, DIVIDE) and factor.args[0]._number == 1:  # type: ignore[attr-defined]
        return _over(inner, factor.args[1])  # type: ignore[attr-defined]
    if inner._number is not None:
        return _times(inner, factor)
    return _times(factor, inner)


def _join(rule: Rule, a: Jet, b: Jet) -> Jet:
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


def _elementwise(rule: Rule, args: tuple[Jet, ...]) -> Jet:
    width = max(a._width for a in args)
    if width and any(a._width != width for a in args):
        args = _aligned(args)
    source = next((a._reader for a in args if a._reader is not None), None)
    return Operation(rule, args, source, width)


def _compared(compare: Callable) -> Callable:
    def forward(a: Any, b: Any) -> Tensor:
        # An indicator 0/1 in the dtype of the operands, so that it multiplies without promotion.
        dtype = a.dtype if isinstance(a, Tensor) and a.ndim else getattr(b, "dtype", None)
        return compare(a, b).to(dtype if dtype is not None else a.dtype)

    return forward


_NO_SLOPE = (lambda args, node: ZERO, lambda args, node: ZERO)

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
        lambda args, node: _over(ONE, args[1]),
        lambda args, node: _negative(_over(node, args[1])),
    ),
    "/",
    2,
)
POWER = Rule(
    "power",
    lambda a, b: a**b,
    (
        lambda args, node: _times(args[1], _power(args[0], _minus(args[1], ONE))),
        lambda args, node: _times(node, _call("log", (args[0],))),
    ),
    "**",
    4,
)
NEGATE = Rule("negate", lambda a: -a, (lambda args, node: Constant(-1),), "-", 1.5)
SPREAD = Rule("spread", lambda a: a, (lambda args, node: ONE,))
COLUMN_SUM = Rule("column_sum", lambda a: a.sum(-1), (lambda args, node: ONE,))
GREATER = Rule("greater", _compared(lambda a, b: a > b), _NO_SLOPE, ">", 0)
GREATER_EQUAL = Rule("greater_equal", _compared(lambda a, b: a >= b), _NO_SLOPE, ">=", 0)
LESS = Rule("less", _compared(lambda a, b: a < b), _NO_SLOPE, "<", 0)
LESS_EQUAL = Rule("less_equal", _compared(lambda a, b: a <= b), _NO_SLOPE, "<=", 0)
EQUAL = Rule("equal", _compared(lambda a, b: a == b), _NO_SLOPE, "==", 0)
NOT_EQUAL = Rule("not_equal", _compared(lambda a, b: a != b), _NO_SLOPE, "!=", 0)


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
    name: Rule(name, functions.torch_function(name), branches=True)
    for name in ("minimum", "maximum", "where")
}


def _pick(node: Operation, of: Callable[[Jet], Jet]) -> Jet:
    """A branching node with a linear map applied to each branch."""
    if node.rule.name == "where":
        condition, a, b = node.args
    else:
        a, b = node.args
        condition = _elementwise(
            LESS_EQUAL if node.rule.name == "minimum" else GREATER_EQUAL, (a, b)
        )
    inner_a, inner_b = of(a), of(b)
    if inner_a._number == 0 and inner_b._number == 0:
        return ZERO
    return _elementwise(FUNCTIONS["where"], (condition, inner_a, inner_b))


def _call(name: str, args: tuple) -> Jet:
    """The elementary function ``name`` of jets and whatever is mixed with them."""
    like = next((a for a in args if isinstance(a, Jet)), None)
    jets = tuple(a if isinstance(a, Jet) else as_jet(a, like=like) for a in args)
    if name == "pow":
        return _power(*jets)
    if name == "where" and jets[0]._number is not None:
        return jets[1] if jets[0]._number else jets[2]
    if all(a._number is not None for a in jets):
        return Constant(functions.apply(name, *(a._number for a in jets)))
    if len(jets) == 1:
        return Operation(FUNCTIONS[name], jets, jets[0]._reader, jets[0]._width)
    return _elementwise(FUNCTIONS[name], jets)


# ---------------------------------------------------------------------------------------------
# Rows: vector coordinates and gradients over them


def _check_columns(jet: Jet, dim: int, name: str) -> None:
    if not jet._width or dim not in (-1, 1):
        raise DeclarationError(
            f"{name} needs the columns of a vector coordinate or gradient",
            expected="rows (n, size) and dim=-1",
            got=f"'{jet._short()}' with dim={dim}",
            do="for an integral over the domain declare an Integral condition",
        )


def _column_sum(jet: Jet) -> Jet:
    return Operation(COLUMN_SUM, (jet,), jet._reader)


def _summed(jet: Jet, width: int) -> Jet:
    """The sum over ``width`` columns of rows, or of a scalar that all columns share."""
    return _column_sum(jet) if jet._width else _times(Constant(width), jet)


def _component(jet: Jet, column: int) -> Jet:
    rule = Rule("component", lambda a: a[..., column], (lambda args, node: ONE,), str(column))
    if not jet._width:  # all columns share it
        return jet
    if _is(jet, SPREAD):
        return jet.args[0]  # type: ignore[attr-defined]
    return Operation(rule, (jet,), jet._reader)


def _fill(number: float, like: Coordinate) -> Jet:
    rule = Rule("fill", lambda a, c: torch.full_like(a, c), _NO_SLOPE)
    return Operation(rule, (like, Constant(number)), like._reader, like._width)


def _one_hot(like: Coordinate, column: int) -> Jet:
    def forward(a: Tensor) -> Tensor:
        out = torch.zeros_like(a)
        out[:, column] = 1
        return out

    rule = Rule("one_hot", forward, (lambda args, node: ZERO,))
    return Operation(rule, (like,), like._reader, like._width)


def _derive_column_sum(node: Operation, derivation: _Derivation) -> Jet:
    rows = node.args[0]
    if derivation.kind == "_gradient":  # ∂_i Σ_j w_j = ∂_i w_i, as rows are elementwise in x
        return _Derivation("_diagonal", derivation.where)(rows)
    return _summed(derivation(rows), rows._width)


def _derive_component(node: Operation, derivation: _Derivation) -> Jet:
    rows, column = node.args[0], int(str(node.rule.symbol))
    if derivation.kind != "_gradient":
        return _component(derivation(rows), column)
    slope = _Derivation("_diagonal", derivation.where)(rows)
    if slope._number == 0:
        return ZERO
    return _times(slope, _one_hot(Coordinate(_source_of(node), derivation.where), column))


def _derive_spread(node: Operation, derivation: _Derivation) -> Jet:
    if derivation.kind == "_diagonal":
        if gradient_over(node.args[0], derivation.where, rows=False)._number != 0:
            raise _unsupported(
                f"The gradient of a sum over columns in which '{node.args[0]._short()}' varies"
            )
        return ZERO
    inner = derivation(node.args[0])
    if inner._number is not None:
        return inner
    return Spread(inner, node._width)


def _source_of(jet: Jet) -> Reader:
    if jet._reader is None:
        raise DeclarationError(
            f"'{jet._short()}' has no coordinates",
            expected="a field or an expression of fields and coordinates",
            got="a constant",
            do="apply differential operators to fields",
        )
    return jet._reader


def gradient_over(jet: Jet, name: str, rows: bool = True) -> Jet:
    """The gradient over a vector coordinate, rows ``(n, size)``.

    Args:
        jet: A scalar jet.
        name: The vector coordinate.
        rows: Whether a constant gradient is spread to rows, or stays a number.
    """
    if jet._width:
        raise _unsupported(f"The gradient of the vector '{jet._short()}'")
    result = _Derivation("_gradient", name)(jet)
    if rows and not result._width:
        coordinate = Coordinate(_source_of(jet), name)
        if result._number is not None:
            return _fill(result._number, coordinate)
        return Spread(result, coordinate._width)
    return result


def laplacian_over(jet: Jet, name: str) -> Jet:
    r"""The Laplacian over a coordinate, :math:`\Delta f = \sum_i (∇f_i·∇a_i + f_i Δa_i)`.

    Args:
        jet: A scalar jet.
        name: A scalar coordinate (then the second derivative) or a vector one.
    """
    if jet._number is not None:
        return ZERO
    coordinates = _source_of(jet).coordinates
    if coordinates.size(name) == 1:
        column = coordinates.slice(name).start
        return jet.along(column).along(column)
    return _laplacian_node(jet, name, {})


def _laplacian_node(jet: Jet, name: str, memo: dict[int, tuple[Jet, Jet]]) -> Jet:
    if jet._number is not None:
        return ZERO
    if not isinstance(jet, Operation):
        return jet._laplacian(name)
    found = memo.get(id(jet))
    if found is None:
        found = memo[id(jet)] = (jet, _laplacian_operation(jet, name, memo))
    return found[1]


def _laplacian_operation(node: Operation, name: str, memo: dict[int, tuple[Jet, Jet]]) -> Jet:
    rule, args = node.rule, node.args
    if rule.name == "column_sum":
        diagonal = _Derivation("_diagonal", name)
        twice = _Derivation("_diagonal", name)(diagonal(args[0]))
        return _summed(twice, args[0]._width)
    if rule.name == "component":
        twice = _Derivation("_diagonal", name)(_Derivation("_diagonal", name)(args[0]))
        return _component(twice, int(str(rule.symbol)))
    if rule.branches:
        return _pick(node, lambda a: _laplacian_node(a, name, memo))
    if rule.partials is None:
        raise _opaque_derivative(rule.name)
    total: Jet = ZERO
    width = _source_of(node).coordinates.size(name)
    for k, arg in enumerate(args):
        first = gradient_over(arg, name, rows=False)
        if first._number == 0:
            continue
        partial = rule.partials[k](args, node)
        second = gradient_over(partial, name, rows=False)
        if second._number != 0:
            total = _plus(total, _summed(_times(second, first), width))
        inner = _laplacian_node(arg, name, memo)
        if inner._number != 0:
            total = _plus(total, _scaled(partial, inner))
    return total


def divergence_over(rows: Jet, name: str) -> Jet:
    """The divergence of rows ``(n, size)`` over the vector coordinate ``name``.

    It needs the rows to be built from gradients and the coordinate by sums, by scalar factors and
    by elementwise functions of the coordinate: then no off-diagonal second derivative occurs.

    Raises:
        DeclarationError: If an off-diagonal second derivative would be needed.
    """
    if rows._number is not None:
        return ZERO
    if isinstance(rows, Gradient) and rows.name == name:
        return Laplacian(rows._reader, rows.field, name)  # type: ignore[arg-type]
    if isinstance(rows, Coordinate):
        return Constant(rows._width if rows.name == name else 0)
    if not isinstance(rows, Operation):
        return rows._laplacian(name) if rows._width else ZERO
    if rows.rule is SPREAD:
        slope = gradient_over(rows.args[0], name, rows=False)
        return ZERO if slope._number == 0 else _summed(slope, rows._width)
    if rows.rule.partials is None or rows.rule.branches:
        raise _opaque_derivative(rows.rule.name)
    total: Jet = ZERO
    for k, arg in enumerate(rows.args):
        factor = rows.rule.partials[k](rows.args, rows)
        total = _plus(total, _divergence_term(factor, arg, name))
    return total


def _uniform(rows: Jet) -> Jet | None:
    """The scalar that all columns share, or None if they differ."""
    if not rows._width:
        return rows
    if not isinstance(rows, Operation) or rows.rule.partials is None:
        return None
    if rows.rule is SPREAD:
        return rows.args[0]
    shared = [_uniform(arg) for arg in rows.args]
    if any(arg is None for arg in shared):
        return None
    return _elementwise(rows.rule, tuple(shared))  # type: ignore[arg-type]


def _divergence_term(factor: Jet, arg: Jet, name: str) -> Jet:
    """Σ_j factor_j ∂arg_j/∂x_j."""
    if _is(arg, SPREAD):
        slope = gradient_over(arg.args[0], name, rows=False)  # type: ignore[attr-defined]
        return ZERO if slope._number == 0 else _summed(_times(factor, slope), arg._width)
    uniform = _uniform(factor)
    if uniform is not None:
        return _scaled(uniform, divergence_over(arg, name))
    diagonal = _Derivation("_diagonal", name)(arg)
    return ZERO if diagonal._number == 0 else _summed(_times(factor, diagonal), arg._width)


def normal_derivative(jet: Jet) -> Jet:
    """The outward normal derivative, Σ n_i ∂jet/∂x_i over the space coordinates."""
    source = _source_of(jet)
    space, total = source.coordinates.space, ZERO
    for name in space.names:
        span = space.slice(name)
        if space.size(name) == 1:
            total = _plus(total, _times(Normal(source, span.start), jet.diff(name)))
        else:
            product = _times(NormalRows(source, span), gradient_over(jet, name))
            total = _plus(total, _column_sum(product))
    return total


# ---------------------------------------------------------------------------------------------
# Foreign values and functions


def as_jet(value: Any, source: JetSource | Reader | None = None, like: Jet | None = None) -> Jet:
    """A number, tensor or jet as a jet.

    Args:
        value: A jet, a number, or a tensor of shape ``()`` or ``(n,)``; beside rows ``(n, size)``
            also ``(size,)`` and ``(n, size)``.
        source: What a constant's coordinates are, so that it can be differentiated (to zero).
        like: The jet beside which the value stands; its shape decides which tensors fit.

    Raises:
        DeclarationError: If the value is of another kind or shape.
    """
    if isinstance(value, Jet):
        return value
    result = _lift(value, like, reader(source) if source is not None else None)
    if result is NotImplemented:
        raise DeclarationError(
            "A value in an equation has the wrong kind",
            expected="a number, a tensor, a field, a coordinate or an expression of them",
            got=type(value).__name__,
            do="use the components of vectors and lists one by one",
        )
    return result


def _lift(value: Any, like: Jet | None, source: Reader | None = None) -> Any:
    if isinstance(value, int | float):  # bool is an int: True is 1
        return Constant(value + 0, source=source)
    if isinstance(value, Tensor):
        if value.ndim == 0:
            return Constant(value, source=source)
        return _lift_tensor(value, like, source or (None if like is None else like._reader))
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return Constant(value.item(), source=source)
    if isinstance(value, np.ndarray):
        raise DeclarationError(
            "A NumPy array stands in an equation",
            expected="a number, a torch tensor () or (n,), or an expression",
            got=f"an array of shape {value.shape}",
            do="give coefficients as functions or texts of the coordinates",
        )
    return NotImplemented


def _lift_tensor(value: Tensor, like: Jet | None, source: Reader | None) -> Jet:
    width = 0 if like is None else like._width
    shape = tuple(value.shape)
    if width and len(shape) in (1, 2) and shape[-1] == width:
        n = None if source is None or len(shape) == 1 else source.n
        if n is None or shape[0] in (1, n):
            return Constant(value, source=source, width=width)
    n = None if source is None else source.n
    if width or len(shape) != 1 or (n is not None and shape[0] != n):
        raise DeclarationError(
            "A tensor of the wrong shape meets a field or coordinate"
            + ("" if like is None else f" in '{like._short()}'"),
            expected=f"shape ({width},), (n, {width}) or ()"
            if width
            else f"shape (n,){'' if n is None else f' = ({n},)'}, or () for one number",
            got=f"shape ({', '.join('n' if s == n else str(s) for s in shape)}) = {shape}",
            do="use tensor[:, 0] or tensor.squeeze(-1); scalars on points have no column axis",
        )
    return Constant(value, source=source)


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


def _operator(make: Callable[[Jet, Jet], Jet]) -> tuple[Callable, Callable]:
    def forward(self: Jet, other: Any) -> Any:
        if not isinstance(other, Jet):
            other = _lift(other, self)
            if other is NotImplemented:
                return other
        return make(self, other)

    def reflected(self: Jet, other: Any) -> Any:
        other = _lift(other, self)
        return other if other is NotImplemented else make(other, self)

    return forward, reflected


def _comparison(rule: Rule) -> Callable[[Jet, Jet], Jet]:
    def make(a: Jet, b: Jet) -> Jet:
        if a._number is not None and b._number is not None:
            tensors = torch.tensor(a._number), torch.tensor(b._number)
            return Constant(float(rule.forward(*tensors)))
        return _elementwise(rule, (a, b))

    return make


_OPERATORS: dict[str, Callable[[Jet, Jet], Jet]] = {
    "add": _plus,
    "sub": _minus,
    "mul": _times,
    "truediv": _over,
    "pow": _power,
    "and": lambda a, b: _times(a, b),
    "or": lambda a, b: _call("maximum", (a, b)),
}
_COMPARISONS = {
    "gt": GREATER,
    "ge": GREATER_EQUAL,
    "lt": LESS,
    "le": LESS_EQUAL,
    "eq": EQUAL,
    "ne": NOT_EQUAL,
}
for _name, _make in _OPERATORS.items():
    _forward, _reflected = _operator(_make)
    setattr(Jet, f"__{_name}__", _forward)
    setattr(Jet, f"__r{_name}__", _reflected)
for _name, _rule in _COMPARISONS.items():
    setattr(Jet, f"__{_name}__", _operator(_comparison(_rule))[0])


def _binary(make: Callable[[Jet, Jet], Jet], swap: bool = False) -> Callable:
    def call(a: Any, b: Any) -> Jet:
        like = a if isinstance(a, Jet) else b
        a, b = as_jet(a, like=like), as_jet(b, like=like)
        return make(b, a) if swap else make(a, b)

    return call


def _named(name: str) -> Callable:
    return lambda *args: _call(name, args)


def _foreign_functions() -> dict[str, Callable]:
    """The names in torch and NumPy of what a jet knows how to differentiate."""
    table: dict[str, Callable] = {name: _named(name) for name in FUNCTIONS}
    arithmetic = {
        "add": _plus,
        "subtract": _minus,
        "multiply": _times,
        "divide": _over,
        "power": _power,
    }
    spellings = {
        "add": ("add", "__add__"),
        "subtract": ("sub", "subtract", "__sub__"),
        "multiply": ("mul", "multiply", "__mul__"),
        "divide": ("div", "divide", "true_divide", "__truediv__"),
        "power": ("pow", "power", "float_power", "__pow__"),
    }
    reflected = {
        "__radd__": _plus,
        "rsub": _minus,
        "__rsub__": _minus,
        "__rmul__": _times,
        "__rdiv__": _over,
        "__rtruediv__": _over,
        "__rpow__": _power,
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


# ---------------------------------------------------------------------------------------------
# Making leaves


def field_jets(source: JetSource | Reader, names: Iterable[str]) -> dict[str, Jet]:
    """The fields of a source as jets that share what they read."""
    shared = reader(source)
    return {name: Field(shared, name) for name in names}


def coordinate_jets(source: JetSource | Reader) -> dict[str, Jet]:
    """The coordinates of a source as jets."""
    shared = reader(source)
    return {name: Coordinate(shared, name) for name in shared.coordinates.names}


# ---------------------------------------------------------------------------------------------
# Errors


def _vector_coordinate(name: str) -> DeclarationError:
    return DeclarationError(
        f"'{name}' is a vector coordinate, so there is no single derivative by it",
        expected="a scalar coordinate",
        got=f"the vector coordinate '{name}'",
        do="use grad(u), laplacian(u) or div(...)",
    )


def _unsupported(what: str) -> DeclarationError:
    return DeclarationError(
        f"{what} is not available",
        expected="values, gradients and Laplacians of fields over a vector coordinate",
        got="a further derivative",
        do="declare scalar coordinates, or introduce the inner quantity as a field of its own",
    )


def _opaque_derivative(name: str) -> DeclarationError:
    return DeclarationError(
        f"The function '{name}' cannot be differentiated here",
        expected="a function of pinnlab, such as pl.sin, pl.exp, pl.where",
        got=name,
        do="write the expression with pinnlab's functions, or differentiate the fields only",
    )


def _no_number(jet: Jet, kind: str) -> DeclarationError:
    return DeclarationError(
        f"'{jet._short()}' has one value per point and is no single number",
        expected="pointwise arithmetic",
        got=f"{kind}(...), or a function of Python's math module",
        do="use the functions of pinnlab, such as pl.sin instead of math.sin",
    )


def _no_sequence(jet: Jet) -> DeclarationError:
    return DeclarationError(
        f"'{jet._short()}' is one quantity on all points, not a sequence",
        expected="the field itself",
        got="len(), iteration or unpacking",
        do="name each component as a field of its own, such as fields=['u', 'v']",
    )
