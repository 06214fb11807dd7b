"""Values that are known before any field is: expressions of coordinates, numbers and normals."""

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


class Contents:
    """What tensors hold, read from a device once for each tensor and version of it.

    A tensor that an equation keeps is asked for at every evaluation, and each reading waits for
    the device. On a processor reading is cheap, and an array that shares the memory could change
    without a new version; there every tensor is read anew.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[Tensor], int, tuple]] = {}

    def __call__(self, tensor: Tensor) -> tuple:
        """What equal tensors share."""
        if tensor.device.type == "cpu" or tensor.is_inference():
            return self.read(tensor)
        key, version = id(tensor), tensor._version
        found = self._known.get(key)
        if found is None or found[0]() is not tensor or found[1] != version:
            forget = weakref.ref(tensor, lambda _: self._known.pop(key, None))
            found = self._known[key] = forget, version, self.read(tensor)
        return found[2]

    @staticmethod
    def read(tensor: Tensor) -> tuple:
        """The same, from the device."""
        # Inside a transform such as vjp every operation would wrap it, and its numbers be out of
        # reach.
        with torch._C._DisableFuncTorch():
            array = tensor.detach().cpu().numpy()
        return array.dtype.str, array.shape, array.tobytes()


_CONTENTS = Contents()


def content(tensor: Tensor) -> tuple:
    """What equal tensors share, so that an equation may make them anew whenever it is evaluated."""
    return _CONTENTS(tensor)


@dataclass(frozen=True, eq=False, repr=False)
class Known:
    """An expression of coordinates, normals, numbers and constant tensors, at any points.

    The direction of a directional derivative and the diagonal of a diffusion must be at hand before
    the derivatives are propagated, whatever the points. Two are equal if they are written alike.

    Args:
        key: What expressions that are written alike share.
        evaluate: The value from the coordinates by name, and the normals under ``n``.
        text: How it is written.
        reads: The coordinates on which it depends, and ``n`` if it reads the normals.
    """

    key: Any
    evaluate: Callable[[Mapping[str, Tensor]], Any]
    text: str
    reads: frozenset[str]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Known) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return self.text

    def __call__(self, columns: Mapping[str, Tensor]) -> Tensor:
        """Its value at points given by their coordinates, and by their normals if it reads them.

        Returns:
            ``(n,)`` or ``(n, size)``.
        """
        like = next(iter(columns.values()))
        value = self.evaluate(columns)
        return value.to(like) if isinstance(value, Tensor) else like.new_tensor(value)


def derivative_along(
    function: Callable[[Mapping[str, Tensor]], Tensor], columns: Mapping[str, Tensor], row: Tensor
) -> Tensor:
    """The derivative of a function of the points along one direction, in forward mode.

    Args:
        function: Of the coordinates by name.
        columns: The points by coordinate.
        row: The direction ``(d,)``, over the columns of all coordinates in their order.
    """
    tangents, start = [], 0
    for column in columns.values():
        stop = start + (column.shape[1] if column.ndim == 2 else 1)
        part = row[start:stop] if column.ndim == 2 else row[start]
        tangents.append(part.expand_as(column))
        start = stop
    names = tuple(columns)

    def of(*values: Tensor) -> Tensor:
        return function(dict(zip(names, values, strict=True)))

    return torch.func.jvp(of, tuple(columns.values()), tuple(tangents))[1]


def row_of(column: int, width: int, like: Tensor) -> Tensor:
    """The unit vector ``(width,)`` of a column."""
    row = like.new_zeros(width)
    row[column] = 1
    return row
