"""Sums over very many columns, tile by tile, so that temporaries stay in the cache.

An array ``(n, d)`` of points at d = 1 000 000 is larger than any cache, and a formula of twenty
operations would stream it twenty times through memory and hold as many copies. A tile is small
enough that all temporaries of the formula stay close to the processor, and one arena serves all
tiles.

A tile is a contiguous copy of some rows and columns, and is worked on as one flat array: the right
neighbour of every element is the flat array shifted by one, and no operation has to step from row
to row. What meets its neighbour across the end of a row is nonsense that no sum reads.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor

HEIGHT = 50  # points in a tile on a CPU
CACHED = 1 << 17  # elements of a tile on a CPU: a few float32 temporaries of it fill 2 MiB
LARGE = 1 << 22  # on an accelerator launches cost more than the traffic of 16 MiB


class Arena:
    """Memory for one evaluation, and the ways in which formulas look at it.

    Args:
        like: Gives precision and device.
        temporaries: Most arrays that a formula uses.
    """

    def __init__(self, like: Tensor, temporaries: int) -> None:
        self._temporaries = temporaries
        self._memory = like.new_empty(0)
        self._views: dict[tuple, Any] = {}

    def arrays(self, count: int, size: int) -> Tensor:
        """The first temporaries ``(count, size)``; the tile itself is number 0."""
        if self._memory.numel() < self._temporaries * size:
            self._memory = self._memory.new_empty(self._temporaries * size)
            self._views.clear()
        return self._memory[: count * size].view(count, size)

    def load(self, tile: Tensor) -> Tensor:
        """Copy a tile ``(height, width)`` to its place; it is returned flat."""
        flat = self.arrays(1, tile.numel())[0]
        flat.view(tile.shape).copy_(tile)
        return flat

    def view(self, kind: "Callable[[Arena, int, int], Formula]", shape: torch.Size) -> "Formula":
        """A formula's view of the arena for a shape of tile, made once."""
        key = (kind, *shape)
        if key not in self._views:
            if len(self._views) > 16:
                self._views.clear()
            made = kind(self, *shape)
            self._views[key] = made
        return self._views[key]


class Formula(Protocol):
    """What is summed, with temporaries for one shape of tile."""

    def sums(self, c: Tensor) -> Tensor:
        """Row sums of the loaded tile with factors c: S, x·∇S, ΔS and |x|², ``(4, height)``."""
        ...


class Arenas:
    """Arenas of past evaluations; each serves one evaluation at a time."""

    def __init__(self) -> None:
        self._free: dict[tuple, list[Arena]] = {}

    @contextmanager
    def borrow(self, like: Tensor, temporaries: int) -> Iterator[Arena]:
        """An arena for the precision and device of a tensor.

        Args:
            like: The tensor.
            temporaries: Most arrays that a formula uses there.
        """
        free = self._free.setdefault((like.dtype, like.device), [])
        try:
            arena = free.pop()
        except IndexError:  # or another thread was faster
            arena = Arena(like, temporaries)
        yield arena
        free.append(arena)


def tiles(n: int, terms: int, *, cached: bool) -> Iterator[tuple[slice, slice]]:
    """Rows and terms of tiles of about equal size, several ones for threads unless they are small.

    Args:
        n: Points.
        terms: Terms of the sum, about one per column.
        cached: Whether a tile is to stay in a processor's cache.
    """
    size = CACHED if cached else LARGE
    height = max(1, n if not cached or 2 * n * terms <= size else min(n, HEIGHT))
    count = -(-terms * height // size)
    width = -(-terms // count)
    for left in range(0, terms, width):
        for top in range(0, n, height):
            yield slice(top, min(n, top + height)), slice(left, min(terms, left + width))
