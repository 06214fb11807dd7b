"""Memory that the passes of one layout reuse.

Memory that is allocated anew in every step is handed out by the system page by page, which can
cost as much as the arithmetic of a small network. So a :class:`Workspace` keeps what one pass has
set up, its arrays and the views into them, for the next pass of the same kind. Arrays whose
contents nothing needs any more when the next block of points arrives are views of one
:class:`Scratch`.
"""

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import torch
from torch import Tensor

if TYPE_CHECKING:
    from pinnlab.calculus.row_split import RowSplit

T = TypeVar("T")


class Slots:
    """The jet of some features on one block of points, and views of its parts.

    Features come first: a matrix product with many columns is faster than one with many rows, and
    a number per feature, such as a bias, is then constant along the fast axis. The first
    ``inner`` points carry derivatives, all ``points`` carry values.

    Args:
        flat: All of it, ``(width, points + (slots - 1) * inner)``.
        slots: Number of slots.
        points: Number of points.
        inner: Number of points with derivatives.

    Attributes:
        value: The values, ``(width, points)``.
        head: The values where there are derivatives, ``(width, inner)``.
        derivatives: All other slots, ``(width, slots - 1, inner)``.
        parts: The head and each of the derivatives, ``(width, inner)``.
    """

    __slots__ = ("derivatives", "flat", "head", "parts", "value")

    def __init__(self, flat: Tensor, slots: int, points: int, inner: int) -> None:
        self.flat = flat
        self.value, self.head = flat[:, :points], flat[:, :inner]
        self.derivatives = flat[:, points:].unflatten(1, (slots - 1, inner))
        self.parts = (self.head, *self.derivatives.unbind(1))


def as_array(x: Tensor) -> Any:
    """The same numbers for short copies: NumPy spends a fraction of torch's time on a call."""
    on_host = x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64)
    return x.detach().numpy() if on_host else x


class Scratch:
    """Arrays by name that hold nothing from one use to the next.

    Args:
        like: A tensor of the right type.
    """

    def __init__(self, like: Tensor) -> None:
        self._like = like.new_empty(0)
        self._arrays: dict[str, Tensor] = {}

    def take(self, name: str, *shape: int) -> Tensor:
        """A view of the array of that name; one that grows leaves older views as they are."""
        numbers = torch.Size(shape).numel()
        array = self._arrays.get(name)
        if array is None or array.numel() < numbers:
            array = self._arrays[name] = self._like.new_empty(numbers)
        return array[:numbers].view(shape)


class Pool:
    """Arrays by shape that are taken, given back and taken again."""

    def __init__(self) -> None:
        self._free: dict[tuple, list[Tensor]] = {}
        self._taken: dict[int, Tensor] = {}

    def take(self, like: Tensor, *shape: int) -> Tensor:
        """An array of that shape, its contents arbitrary."""
        free = self._free.get((shape, like.dtype, like.device))
        array = free.pop() if free else like.new_empty(shape)
        self._taken[id(array)] = array
        return array

    def give(self, *arrays: Tensor) -> None:
        """Take arrays back that nothing needs any more."""
        for array in arrays:
            del self._taken[id(array)]
            key = tuple(array.shape), array.dtype, array.device
            self._free.setdefault(key, []).append(array)

    def reclaim(self) -> None:
        """Take everything back."""
        self.give(*list(self._taken.values()))


class Lease(Generic[T]):
    """Something borrowed, which goes back when the lease is forgotten."""

    def __init__(self, item: T, free: list[T]) -> None:
        self.item, self._free = item, free

    def __del__(self) -> None:
        self._free.append(self.item)


class Workspace:
    """What past passes have set up, ready for the next one.

    Attributes:
        split: Whose gradients the next way back shall keep apart; None for one gradient of all.
    """

    KINDS = 32  # kept; who evaluates in ever new ways would fill the memory otherwise

    def __init__(self) -> None:
        self._free: dict[Hashable, list] = {}
        self.split: RowSplit | None = None

    def lease(self, key: Hashable, make: Callable[[], T]) -> Lease[T]:
        """Something of that kind that nobody uses now; made if there is none."""
        free = self._free.pop(key, [])
        self._free[key] = free  # the latest comes last
        if len(self._free) > self.KINDS:
            del self._free[next(iter(self._free))]
        return Lease(free.pop() if free else make(), free)
