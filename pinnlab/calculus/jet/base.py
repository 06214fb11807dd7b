"""The jet itself: its value, its derivatives by name, and what it is not."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pinnlab.calculus.jet.refusals import (
    UnknownDerivative,
    no_number,
    no_sequence,
    vector_coordinate,
)
from pinnlab.calculus.sources import Reader
from pinnlab.errors import DeclarationError, nearest

if TYPE_CHECKING:
    from pinnlab.calculus.directions import Ray


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
            return self._normal_derivative()
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
            raise vector_coordinate(name)
        return self.along(names.slice(name).start)

    def along(self, column: int) -> "Jet":
        """The derivative by one column of the coordinates."""
        return Derivation("_along", column)(self)

    def toward(self, ray: "Ray") -> "Jet":
        """The derivative along a random direction."""
        return Derivation("_toward", ray)(self)

    def _unknown(self, suffix: str, source: Reader) -> DeclarationError:
        coordinates = source.coordinates
        scalars = [n for n, s in zip(coordinates.names, coordinates.sizes, strict=True) if s == 1]
        short = self._short()
        if suffix in coordinates.names:
            return UnknownDerivative(*vector_coordinate(suffix).args)
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

    # Each leaf says how it answers the derivations; operations use the chain rule instead.

    def _derive(self, derivation: "Derivation") -> "Jet":
        return getattr(self, derivation.kind)(derivation.where)

    def _parts(self) -> tuple["Jet", ...]:
        """The jets of which it is made."""
        return ()

    def _along(self, column: int) -> "Jet":
        raise NotImplementedError

    def _toward(self, ray: "Ray") -> "Jet":
        return self._along(0)  # what is constant, or refuses, does so in all directions

    def _gradient(self, name: str) -> "Jet":
        raise NotImplementedError

    def _diagonal(self, name: str) -> "Jet":
        return self._gradient(name)

    def _laplacian(self, name: str) -> "Jet":
        raise NotImplementedError

    # -- arithmetic -------------------------------------------------------------------------

    def __pos__(self) -> "Jet":
        return self

    def __invert__(self) -> "Jet":
        return 1 - self

    __hash__ = object.__hash__

    # These make operations, which are jets themselves, so that `overloads` supplies them.

    if TYPE_CHECKING:

        def __neg__(self) -> "Jet": ...
        def __abs__(self) -> "Jet": ...
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
        def __getitem__(self, key: Any) -> "Jet": ...
        def sum(self, dim: int = -1) -> "Jet": ...  # noqa: D102
        def mean(self, dim: int = -1) -> "Jet": ...  # noqa: D102
        def _normal_derivative(self) -> "Jet": ...

    # -- what a jet is not ------------------------------------------------------------------

    def __bool__(self) -> bool:
        raise DeclarationError(
            f"'{self._short()}' differs from point to point and is neither true nor false",
            expected="an expression that holds at every point",
            got="a Python condition such as 'if', 'and', 'or' or 'not'",
            do="use pl.where(condition, a, b), and & or | between conditions",
        )

    def __float__(self) -> float:
        raise no_number(self._short(), "float")

    def __int__(self) -> int:
        raise no_number(self._short(), "int")

    def __len__(self) -> int:
        raise no_sequence(self._short())

    def __iter__(self) -> Any:
        if self._width:
            return iter([self[i] for i in range(self._width)])
        raise no_sequence(self._short())

    # -- text -------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return self._text()[0]

    def _text(self) -> tuple[str, float]:
        raise NotImplementedError


class Derivation:
    """One linear map of jets, ∂, ∇ or the diagonal of a Jacobian, with each node visited once."""

    __slots__ = ("kind", "memo", "where")

    def __init__(self, kind: str, where: Any) -> None:
        self.kind, self.where = kind, where
        self.memo: dict[int, tuple[Jet, Jet]] = {}

    def __call__(self, jet: Jet) -> Jet:
        """The derivative of a jet, kept beside the jet so that its id stays taken."""
        found = self.memo.get(id(jet))
        if found is None:
            found = self.memo[id(jet)] = (jet, jet._derive(self))
        return found[1]


def _evaluate_iteratively(root: Jet) -> Any:
    """Evaluate children before parents with an explicit stack, for graphs deeper than Python's."""
    stack = [root]
    while stack:
        node = stack[-1]
        waiting = [part for part in node._parts() if part._value is None]
        if waiting and node._value is None:
            stack.extend(waiting)
        else:
            stack.pop()._get()
    return root._get()
