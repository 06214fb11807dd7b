"""Leaves: what a jet reads from its source, and bare symbols."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from pinnlab.calculus.differentiated import Step, Steps, differentiated
from pinnlab.calculus.differentiation import derivative_of, gradient_of, laplacian_of
from pinnlab.calculus.directions import Ray
from pinnlab.calculus.functionals import (
    AlongRay,
    Functional,
    GradientRows,
    Laplacian,
    size_of,
)
from pinnlab.calculus.jet.base import Jet
from pinnlab.calculus.jet.constants import ONE, ZERO, Constant
from pinnlab.calculus.jet.operations import NO_SLOPE, Operation, Rule, plus, times
from pinnlab.calculus.jet.refusals import unsupported
from pinnlab.calculus.sources import JetSource, Reader, reader
from pinnlab.errors import DeclarationError
from pinnlab.typing import MultiIndex


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

    def _toward(self, ray: Ray) -> Jet:
        reader: Reader = self._reader  # type: ignore[assignment]
        suffix = reader.coordinates.suffix(self.index) if self.index else ""
        what = AlongRay(ray.family.name, index=self.index, suffix=suffix, ray=ray)
        return Contraction(reader, self.field, what)

    def _gradient(self, name: str) -> Jet:
        return self.contracted(GradientRows(name))

    def _laplacian(self, name: str) -> Jet:
        return self.contracted(Laplacian(name))

    def contracted(self, what: Functional) -> Jet:
        """A linear contraction of it."""
        reader: Reader = self._reader  # type: ignore[assignment]
        suffix = reader.coordinates.suffix(self.index) if self.index else ""
        return Contraction(reader, self.field, differentiated(what, Steps(self.index, suffix)))

    def _text(self) -> tuple[str, float]:
        if not self.index:
            return self.field, 10
        return f"{self.field}.{self._reader.coordinates.suffix(self.index)}", 10  # type: ignore


class Contraction(Jet):
    """A contraction of a field's derivatives over a vector coordinate, such as its Laplacian."""

    __slots__ = ("field", "what")

    def __init__(self, source: Reader, field: str, what: Functional) -> None:
        self._reader, self._value = source, None
        self._width = size_of(what, source.coordinates)
        self.field, self.what = field, what

    def _compute(self) -> Tensor:
        return self._reader.functional(self.field, self.what)  # type: ignore[union-attr]

    def _along(self, column: int) -> Jet:
        return self._further(column)

    def _toward(self, ray: Ray) -> Jet:
        return self._further(ray)

    def _further(self, step: Step) -> Jet:
        reader: Reader = self._reader  # type: ignore[assignment]
        total: Jet = ZERO
        for factor, what in derivative_of(self.what, step, reader.coordinates):
            total = plus(total, times(Constant(factor), Contraction(reader, self.field, what)))
        return total

    def _gradient(self, name: str) -> Jet:
        what = gradient_of(self.what, name)
        if what is None:
            raise unsupported(f"The gradient of {self}")
        return Contraction(self._reader, self.field, what)  # type: ignore[arg-type]

    def _laplacian(self, name: str) -> Jet:
        """Of rows, the divergence."""
        what = laplacian_of(self.what, name)
        if what is None:
            raise unsupported(f"The {'divergence' if self._width else 'Laplacian'} of {self}")
        return Contraction(self._reader, self.field, what)  # type: ignore[arg-type]

    def _text(self) -> tuple[str, float]:
        return self.what.text(self.field), 10


def is_gradient(jet: Jet, name: str) -> bool:
    """Whether the jet is the gradient of a field over a coordinate."""
    return isinstance(jet, Contraction) and jet.what == GradientRows(name)


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
            return one_hot(self, column - self.column)
        return ZERO

    def _toward(self, ray: Ray) -> Jet:
        if self.column not in ray.family.columns:
            return ZERO
        made = RayRows if self._width else RayComponent
        return made(self._reader, ray, self.column, self._width)  # type: ignore[arg-type]

    def _gradient(self, name: str) -> Jet:
        if self._width:
            raise unsupported(f"The gradient of the vector coordinate '{self.name}'")
        return ZERO

    def _diagonal(self, name: str) -> Jet:
        return ONE if name == self.name else ZERO

    def _laplacian(self, name: str) -> Jet:
        return ZERO

    def _text(self) -> tuple[str, float]:
        return self.name, 10


class RayComponent(Jet):
    """One component of a random direction: the same number at all points of a batch."""

    __slots__ = ("column", "ray")

    def __init__(self, source: Reader, ray: Ray, column: int, width: int = 0) -> None:
        self._reader, self._width, self._value = source, width, None
        self.ray, self.column = ray, column

    def _compute(self) -> Tensor:
        directions = self._reader.directions(self.ray.family)  # type: ignore[union-attr]
        return directions[self.ray.member, self.column]

    def _along(self, column: int) -> Jet:
        return ZERO

    def _gradient(self, name: str) -> Jet:
        return ZERO

    def _laplacian(self, name: str) -> Jet:
        return ZERO

    def _text(self) -> tuple[str, float]:
        name = self._reader.coordinates.column_names[self.column]  # type: ignore[union-attr]
        return f"{self.ray}.{name}", 10


class RayRows(RayComponent):
    """A random direction over a vector coordinate, as rows ``(n, size)`` that are all alike."""

    __slots__ = ()

    def _compute(self) -> Tensor:
        reader: Reader = self._reader  # type: ignore[assignment]
        row = reader.directions(self.ray.family)[self.ray.member]
        return row[self.column : self.column + self._width].expand(reader.n, -1)

    def _text(self) -> tuple[str, float]:
        return str(self.ray), 10


class PointFunction(Jet):
    """A function of one coordinate that is known in closed form, but not as an expression.

    Its derivatives along columns and random directions are exact; it has no others.

    Args:
        coordinate: The coordinate.
        function: The values ``(n,)`` from the coordinate ``(n, size)``.
        slope: The derivative ``(n,)`` from the coordinate and a direction ``(size,)``.
    """

    __slots__ = ("coordinate", "function", "slope")

    def __init__(
        self,
        coordinate: Coordinate,
        function: Callable[[Tensor], Tensor],
        slope: Callable[[Tensor, Tensor], Tensor],
    ) -> None:
        self._reader, self._width, self._value = coordinate._reader, 0, None
        self.coordinate, self.function, self.slope = coordinate, function, slope

    def _compute(self) -> Tensor:
        return self.function(self.coordinate._get())

    def _slope(self, direction: Jet) -> Jet:
        """The derivative along a direction, rows; it has no derivatives of its own."""
        if direction._number == 0:
            return ZERO

        def forward(x: Tensor, rows: Tensor) -> Tensor:
            return self.slope(x, rows[0])

        rule = Rule(f"derivative of {self}", forward)
        return Operation(rule, (self.coordinate, direction), self._reader)

    def _along(self, column: int) -> Jet:
        return self._slope(self.coordinate._along(column))

    def _toward(self, ray: Ray) -> Jet:
        return self._slope(self.coordinate._toward(ray))

    def _gradient(self, name: str) -> Jet:
        raise unsupported(f"The gradient of {self}")

    def _laplacian(self, name: str) -> Jet:
        raise unsupported(f"The Laplacian of {self}")

    def _text(self) -> tuple[str, float]:
        function = self.function
        return f"{getattr(function, '__name__', type(function).__name__)}({self.coordinate})", 10

    def tabulated(self, directions: Sequence[Tensor]) -> Tensor:
        """Its values, and its derivatives along directions ``(d,)``, as ``(1 + k, n)``."""
        x = self.coordinate._get()
        columns = slice(self.coordinate.column, self.coordinate.column + x.shape[1])
        return torch.stack([self.function(x), *(self.slope(x, v[columns]) for v in directions)])


class TabulatedFunction(PointFunction):
    """The same with its values at the present points, for those who evaluate it beforehand.

    Args:
        coordinate: The coordinate.
        table: See :meth:`PointFunction.tabulated`.
        rays: The directions of the derivatives in it.
    """

    __slots__ = ("rays", "table")

    def __init__(self, coordinate: Coordinate, table: Tensor, rays: Sequence[Ray]) -> None:
        super().__init__(coordinate, lambda x: table[0], lambda x, row: table[0])
        self.table, self.rays = table, tuple(rays)

    def _slope(self, direction: Jet) -> Jet:
        if direction._number == 0:
            return ZERO
        raise unsupported(f"The derivative of {self} by a column")

    def _toward(self, ray: Ray) -> Jet:
        if self.coordinate.column not in ray.family.columns:
            return ZERO
        return Constant(self.table[1 + self.rays.index(ray)], source=self._reader)


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


class _Nowhere(Reader):
    """Where bare symbols live: whoever asks for coordinates is refused."""

    __slots__ = ()

    def __init__(self) -> None:
        pass

    @property
    def coordinates(self) -> Any:  # type: ignore[override]
        raise unsupported("A derivative of a bare symbol")


class Symbol(Jet):
    """A bare name that prints itself and its derivatives, and has no values.

    It may stand for a scalar or a vector: nothing about it is known but how it is written.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self._reader, self._width, self._value = _Nowhere(), 0, None
        self.name = name

    def _compute(self) -> Tensor:
        raise DeclarationError(f"The symbol '{self.name}' has no values")

    @property
    def is_vector(self) -> bool:
        """True, as it may be one."""
        return True

    def __getitem__(self, key: Any) -> Jet:
        return Symbol(f"{self.name}[{key}]")

    def derivative(self, suffix: str) -> Jet:
        """The symbol with the suffix appended."""
        return Symbol(f"{self.name}.{suffix}")

    def _along(self, column: int) -> Jet:
        raise unsupported(f"A derivative of the bare symbol '{self.name}'")

    def _gradient(self, name: str) -> Jet:
        return self._along(0)

    def _laplacian(self, name: str) -> Jet:
        return self._along(0)

    def _text(self) -> tuple[str, float]:
        return self.name, 10


def is_bare(value: Any) -> bool:
    """Whether the value is a jet made of bare symbols."""
    return isinstance(value, Jet) and isinstance(value.source, _Nowhere)


def fill(number: float, like: Coordinate) -> Jet:
    """The same number in every column and point of a vector coordinate."""
    rule = Rule("fill", lambda a, c: torch.full_like(a, c), NO_SLOPE)
    return Operation(rule, (like, Constant(number)), like._reader, like._width)


def one_hot(like: Coordinate, column: int) -> Jet:
    """One in the given column of a vector coordinate, zero in the others."""

    def forward(a: Tensor) -> Tensor:
        out = torch.zeros_like(a)
        out[:, column] = 1
        return out

    rule = Rule(f"one_hot_{column}", forward, (lambda args, node: ZERO,))
    return Operation(rule, (like,), like._reader, like._width)


def field_jets(source: JetSource | Reader, names: Iterable[str]) -> dict[str, Jet]:
    """The fields of a source as jets that share what they read."""
    shared = reader(source)
    return {name: Field(shared, name) for name in names}


def coordinate_jets(source: JetSource | Reader) -> dict[str, Jet]:
    """The coordinates of a source as jets."""
    shared = reader(source)
    return {name: Coordinate(shared, name) for name in shared.coordinates.names}
