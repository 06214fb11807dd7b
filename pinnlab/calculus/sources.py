"""Where the values of a jet come from.

A :class:`JetSource` answers one question: what is this derivative of this field at these points? A
network answers by Taylor propagation, a basis in closed form, a grid by a sparse matrix. The
source here knows no surrogate: :class:`PointSource` has coordinates and normals only. A
:class:`Reader` stands between a source and the nodes that read it, and asks for each thing once.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from torch import Tensor

from pinnlab.errors import DeclarationError, nearest
from pinnlab.typing import Coordinates, MultiIndex

if TYPE_CHECKING:
    from pinnlab.calculus.directions import Across
    from pinnlab.calculus.functionals import Functional


@runtime_checkable
class JetSource(Protocol):
    """Anything that yields the derivatives of named fields on a batch of ``n`` points."""

    coordinates: Coordinates

    def derivative(self, field: str, index: MultiIndex) -> Tensor:
        """The derivative with the given sorted columns, ``(n,)``; ``()`` is the value."""
        ...

    def functional(self, field: str, functional: "Functional") -> Tensor:
        """A contraction of derivatives over a vector coordinate, ``(n,)`` or ``(n, size)``."""
        ...

    def directions(self, family: "Across") -> Tensor:
        """The random directions of this batch, ``(k, d)``."""
        ...

    def coordinate(self, name: str) -> Tensor:
        """The coordinate's values, ``(n,)`` or ``(n, size)``."""
        ...

    def normal(self) -> Tensor | None:
        """Outward unit normals over the space columns, ``(n, d_space)``, on a boundary."""
        ...


@lru_cache(maxsize=4096)
def _parse(coordinates: Coordinates, suffix: str) -> MultiIndex | None:
    # A pure function of hashable values; parsing costs more than the arithmetic of a small batch.
    return coordinates.parse(suffix)


class Reader:
    """A source that is asked for each derivative, coordinate and normal only once.

    It holds tensors and no nodes, so that nodes and reader form no reference cycle: the memory of
    a batch is free as soon as its last node is.

    Args:
        source: The source that is read.
    """

    __slots__ = ("_values", "coordinates", "source")

    def __init__(self, source: JetSource) -> None:
        self.source = source
        self.coordinates: Coordinates = source.coordinates
        self._values: dict[object, Tensor | None] = {}

    @property
    def n(self) -> int:
        """Number of points of the batch."""
        return self.coordinate(self.coordinates.names[0]).shape[0]

    def index(self, suffix: str) -> MultiIndex | None:
        """The multi-index of a derivative suffix, or None if it is none."""
        return _parse(self.coordinates, suffix)

    def derivative(self, field: str, index: MultiIndex) -> Tensor:
        """The derivative of a field, ``(n,)``."""
        key = (field, index)
        value = self._values.get(key)
        if value is None:
            value = self._values[key] = self.source.derivative(field, index)
        return value

    def functional(self, field: str, functional: "Functional") -> Tensor:
        """A contraction of derivatives over a vector coordinate, ``(n,)`` or ``(n, size)``."""
        key = (field, functional)
        value = self._values.get(key)
        if value is None:
            value = self._values[key] = self.source.functional(field, functional)
        return value

    def directions(self, family: "Across") -> Tensor:
        """The random directions of this batch, ``(k, d)``."""
        value = self._values.get(family)
        if value is None:
            value = self._values[family] = self.source.directions(family)
        return value

    def coordinate(self, name: str) -> Tensor:
        """A coordinate, ``(n,)`` or ``(n, size)``."""
        key = ("coordinate", name)
        value = self._values.get(key)
        if value is None:
            value = self._values[key] = self.source.coordinate(name)
        return value

    def normal(self) -> Tensor:
        """The outward normals, ``(n, d_space)``.

        Raises:
            DeclarationError: If the points have none.
        """
        value = self._values.get("normal")
        if value is None:
            value = self._values["normal"] = self.source.normal()
        if value is None:
            raise _no_normal()
        return value

    @property
    def places(self) -> "Places":
        """Coordinates and normals by name."""
        return Places({k: self.coordinate(k) for k in self.coordinates.names}, self.normal)


class Places(Mapping[str, Tensor]):
    """The coordinates of points by name; beside them, under ``n``, the outward normals.

    Normals are asked for only where they are read: few conditions do, and in very many dimensions
    they are as large as the points.

    Args:
        columns: Per coordinate ``(n,)`` or ``(n, size)``.
        normal: Gives the normals over the space columns, ``(n, d_space)``; None if there are none.
    """

    def __init__(
        self, columns: Mapping[str, Tensor], normal: Callable[[], Tensor | None] | None = None
    ) -> None:
        self._columns, self._normal = columns, normal

    def __getitem__(self, name: str) -> Tensor:
        if name != "n":
            return self._columns[name]
        value = self._normal() if self._normal is not None else None
        if value is None:
            raise _no_normal()
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)


def reader(source: "JetSource | Reader") -> Reader:
    """The source as a :class:`Reader`; a reader stays itself and keeps what it has read."""
    return source if isinstance(source, Reader) else Reader(source)


class PointSource:
    """Coordinates and normals of a batch of points, without any field.

    Args:
        coordinates: Names of the columns.
        x: The points, ``(n, d)``.
        normals: Outward unit normals, ``(n, d_space)``, if the points lie on a boundary.

    Raises:
        DeclarationError: If the number of columns is not that of the coordinates.
    """

    def __init__(self, coordinates: Coordinates, x: Tensor, normals: Tensor | None = None) -> None:
        if x.ndim != 2 or x.shape[1] != coordinates.dim:
            raise DeclarationError(
                "The points do not fit the coordinates",
                expected=f"shape (n, {coordinates.dim}) for {', '.join(coordinates.names)}",
                got=f"shape {tuple(x.shape)}",
                do="give one column per coordinate",
            )
        self.coordinates = coordinates
        self._columns: Mapping[str, Tensor] = coordinates.columns(x)
        self._normals = normals

    @classmethod
    def of_columns(cls, coordinates: Coordinates, columns: Mapping[str, Tensor]) -> "PointSource":
        """A source of points whose columns ``(n,)`` or ``(n, size)`` do not lie in one array."""
        made = cls(coordinates, next(iter(columns.values())).new_empty(0, coordinates.dim))
        made._columns = columns
        return made

    def derivative(self, field: str, index: MultiIndex) -> Tensor:
        """Refused: there are no fields."""
        raise _no_field(field, ())

    def functional(self, field: str, functional: "Functional") -> Tensor:
        """Refused: there are no fields."""
        raise _no_field(field, ())

    def directions(self, family: "Across") -> Tensor:
        """Refused: nothing is drawn here."""
        raise DeclarationError(
            "Points alone have no random directions",
            expected="the points of a condition of a problem",
            got=f"{family.count} directions over {family.name}",
            do="differentiate by the coordinates",
        )

    def coordinate(self, name: str) -> Tensor:
        """The coordinate's values, ``(n,)`` or ``(n, size)``."""
        self.coordinates.slice(name)  # raises for an unknown name
        return self._columns[name]

    def normal(self) -> Tensor | None:
        """The normals, if any."""
        return self._normals


def tensor_source(
    coordinates: Coordinates, x: Tensor, normals: Tensor | None = None
) -> PointSource:
    """A source of the points ``x`` ``(n, d)``, to evaluate formulas of coordinates on them."""
    return PointSource(coordinates, x, normals)


def _no_normal() -> DeclarationError:
    return DeclarationError(
        "The normal is read where there is none",
        expected="points on a boundary piece",
        got="points without normals",
        do="let the condition sit on the boundary, for example on='right'",
    )


def _no_field(field: str, fields: tuple[str, ...]) -> DeclarationError:
    return DeclarationError(
        f"There is no field '{field}' here",
        expected=", ".join(fields) or "coordinates and numbers only",
        got=field,
        do=nearest(field, fields) or "use the coordinates, or declare the field",
    )
