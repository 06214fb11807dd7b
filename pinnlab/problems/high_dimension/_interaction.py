"""Sums over groups of neighbouring coordinates, evaluated tile by tile.

A tile is some points and some neighbouring coordinates, small enough for the cache; what the terms
of a tile give is added up in float64.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import ClassVar

import torch
from torch import Tensor
from torch.func import jvp

from pinnlab.parallel import run_at_once
from pinnlab.problems.high_dimension._tiles import Arena, Arenas, Formula, tiles
from pinnlab.problems.high_dimension.coefficients import Coefficients
from pinnlab.problems.high_dimension.sums import Sums


@dataclass(frozen=True)
class TiledSum(ABC):
    """A sum S(x) of interactions of coordinates in a row, with coefficients from N(0, 1).

    Args:
        dim: Number of coordinates d.
        seed: Of the coefficients.
    """

    dim: int
    seed: int = 0

    # Coordinates that interact, less the first.
    reach: ClassVar[int]

    @cached_property
    def coefficients(self) -> Coefficients:
        """c, one for each group of neighbours."""
        return Coefficients(self.dim - self.reach, self.seed)

    @cached_property
    def _arenas(self) -> Arenas:
        return Arenas()

    @abstractmethod
    def temporaries(self, x: Tensor) -> int:
        """Arrays of the size of a tile that any formula of points like these works with."""

    @abstractmethod
    def formula(self, tile: Tensor) -> Callable[[Arena, int, int], Formula]:
        """The cheapest formula that is exact to rounding on a tile."""

    @abstractmethod
    def plain(self, tile: Tensor, c: Tensor) -> Tensor:
        """S, x·∇S, ΔS and |x|² of a tile ``(height, width)``, in operations that may be fused.

        For accelerators, which keep memory ready themselves. |x|² leaves out the last coordinates,
        with which no group begins.
        """

    # Memory that outlives the call must not belong to somebody's inference mode.
    @torch.inference_mode(mode=False)
    @torch.no_grad()
    def sums(self, x: Tensor) -> Sums:
        """The sum, and what the Laplacian of a product with it needs, at points ``(n, d)``.

        In float32, errors of x·∇S and ΔS are rounding beside that of 2 d S.
        """
        out = torch.zeros((4, len(x)), dtype=torch.float64, device=x.device)
        c, groups = self.coefficients.on(x), self.dim - self.reach
        if x.device.type != "cpu":
            for rows, terms in tiles(len(x), groups, cached=False):
                out[:, rows] += self.plain(x[rows, terms.start : terms.stop + self.reach], c[terms])
        else:
            self._add_tiles(out, x, c, list(tiles(len(x), groups, cached=True)))
        out[3] += x[:, groups:].double().square().sum(1)
        return Sums(*out)

    def _add_tiles(
        self, out: Tensor, x: Tensor, c: Tensor, places: list[tuple[slice, slice]]
    ) -> None:
        """Add what the tiles give, in their order whichever thread had which."""
        found: list[Tensor | None] = [None] * len(places)

        def evaluate(k: int) -> None:
            rows, terms = places[k]
            tile = x[rows, terms.start : terms.stop + self.reach]
            with self._arenas.borrow(x, self.temporaries(x)) as arena:
                kind = self.formula(arena.load(tile))
                part = arena.view(kind, tile.shape).sums(c[terms])
                found[k] = part.to(torch.float64, copy=True)  # the next tile writes it over

        run_at_once([partial(evaluate, k) for k in range(len(places))])
        for (rows, _), part in zip(places, found, strict=True):
            assert part is not None
            out[:, rows] += part

    @torch.inference_mode(mode=False)
    @torch.no_grad()
    def sums_along(self, x: Tensor, direction: Tensor) -> Sums:
        """The derivatives of :meth:`sums` along one direction ``(d,)``, in forward mode."""
        out = torch.zeros((4, len(x)), dtype=torch.float64, device=x.device)
        c, groups = self.coefficients.on(x), self.dim - self.reach
        for rows, terms in tiles(len(x), groups, cached=x.device.type == "cpu"):
            columns, own = slice(terms.start, terms.stop + self.reach), c[terms]
            if x.device.type == "cpu" and not direction[columns].any():
                continue  # of a unit vector all but one tile
            tile = x[rows, columns]
            tangent = direction[columns].expand_as(tile)
            out[:, rows] += jvp(lambda t, own=own: self.plain(t, own), (tile,), (tangent,))[1]
        rest = direction[groups:].double()
        out[3] += 2 * (x[:, groups:].double() @ rest)
        return Sums(*out)
