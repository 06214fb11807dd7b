"""A batch of points with everything that belongs to them."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, Self, overload

import torch
from torch import Tensor

from pinnlab.errors import DeclarationError
from pinnlab.typing import Coordinates

_MOST_NUMBERS = 2**22  # of the points of a check: 32 MiB in double precision


def probe_count(n: int, coordinates: Coordinates) -> int:
    """How many of ``n`` points a check draws: few where each is very many numbers."""
    return max(4, min(n, _MOST_NUMBERS // coordinates.dim))


class _WhenRead:
    """A tensor of a record that may be given as a function, called when it is first read."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.slot = f"_{name}"

    @overload
    def __get__(self, record: None, owner: type) -> None: ...

    @overload
    def __get__(self, record: object, owner: type) -> Tensor | None: ...

    def __get__(self, record: object | None, owner: type) -> Tensor | None:
        if record is None:
            return None  # the default of the field
        value: Any = vars(record)[self.slot]
        if callable(value):
            value = vars(record)[self.slot] = value()
        return value

    def __set__(self, record: object, value: Tensor | Callable[[], Tensor] | None) -> None:
        vars(record)[self.slot] = value


@dataclass(frozen=True, eq=False)
class Points:
    """Points with their normals, quadrature weights and origin.

    Args:
        x: Positions, ``(n, d)``, columns in the order of ``coordinates``.
        coordinates: Names of the columns.
        normals: Outward unit normals in space, ``(n, d_space)``, on boundary points; or a function
            that gives them, called when they are first read: few conditions ask for them, and in
            very many dimensions they are as large as the points.
        weights: Quadrature weights, ``(n,)``; they sum to the measure of the sampled set.
        tag: The region or boundary piece the points were drawn from.

    Raises:
        DeclarationError: If the shapes do not fit together.
    """

    x: Tensor
    coordinates: Coordinates
    normals: _WhenRead = _WhenRead()
    weights: Tensor | None = None
    tag: str = ""

    def __post_init__(self) -> None:
        if self.x.ndim != 2 or self.x.shape[1] != self.coordinates.dim:
            raise DeclarationError(
                f"Points '{self.tag}' have the wrong shape",
                expected=f"(n, {self.coordinates.dim}) for {', '.join(self.coordinates.names)}",
                got=tuple(self.x.shape),
                do="give one column per coordinate",
            )
        n = len(self.x)
        for what, value in (("normals", vars(self)["_normals"]), ("weights", self.weights)):
            if value is not None and not callable(value) and len(value) != n:
                raise DeclarationError(
                    f"The {what} of points '{self.tag}' have the wrong length",
                    expected=n,
                    got=len(value),
                    do=f"give one row of {what} per point",
                )

    def __len__(self) -> int:
        return len(self.x)

    @property
    def columns(self) -> dict[str, Tensor]:
        """Each coordinate by name, ``(n,)`` or ``(n, size)``."""
        return self.coordinates.columns(self.x)

    def to(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> Self:
        """The same points on another device or in another precision."""
        return self._changed(lambda tensor: tensor.to(device=device, dtype=dtype))

    def held_in(self, x: Tensor) -> Self:
        """The same points, whose positions lie in another array; nothing else is touched."""
        held = copy(self)
        object.__setattr__(held, "x", x)
        return held

    def take(self, rows: Tensor) -> Self:
        """The points at ``rows``, an index or mask tensor."""
        return self._changed(lambda tensor: tensor[rows])

    def _changed(self, change: Callable[[Tensor], Tensor]) -> Self:
        """Apply a change to every tensor; to normals that were not read yet, when they are."""
        given: Any = vars(self)["_normals"]

        def changed() -> Tensor:
            return change(given())

        normals = changed if callable(given) else None if given is None else change(given)
        weights = None if self.weights is None else change(self.weights)
        return replace(self, x=change(self.x), normals=normals, weights=weights)


def joined(sets: Sequence[Tensor]) -> Tensor:
    """Arrays of points ``(n_k, d)`` below each other, ``(n, d)``.

    Where they are windows of one array already, one after the other, it is that array: new points
    of very many dimensions, drawn over old ones, are not copied.
    """
    first = sets[0]
    if len(sets) == 1:
        return first
    end, memory = first.storage_offset(), first.untyped_storage().data_ptr()
    for x in sets:
        inside = x.untyped_storage().data_ptr() == memory and x.storage_offset() == end
        if not inside or not x.is_contiguous() or x.requires_grad or x.dtype != first.dtype:
            return torch.cat(list(sets))
        end += x.numel()
    rows = sum(len(x) for x in sets)
    return first.as_strided((rows, first.shape[1]), first.stride())
