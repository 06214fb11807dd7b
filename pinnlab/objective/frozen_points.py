"""The points of a loss and the directions of differentiation there, until new ones come.

Optimisers evaluate a loss many times at the same points. All point sets are joined into one batch,
once, and directions that an estimate of derivatives draws at random stay as well: each number of
draws belongs to one seed, so that a run that goes on draws what it would have drawn.
"""

import copy
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import torch

from pinnlab.calculus.directions import Directions, Drawn
from pinnlab.calculus.layout import Layout, Slot
from pinnlab.calculus.table import Batches, Demand
from pinnlab.conditions.placement import Placement
from pinnlab.objective.ansatz import Ansatz
from pinnlab.objective.inputs import Inputs
from pinnlab.sampling.points import Points


class FrozenPoints:
    """Point sets that are evaluated together.

    Args:
        demands: Per placement the slots it needs.
        points: Per placement its points.
        directions: What the demands call further directions of differentiation.
        seed: Of random directions.
        draws: How often directions were drawn anew.
    """

    def __init__(
        self,
        demands: Mapping[Placement, Demand],
        points: Mapping[Placement, Points],
        directions: Directions | None = None,
        seed: int = 0,
        draws: int = 0,
    ) -> None:
        self.demands = dict(demands)
        self.draws = draws
        self._directions, self._seed = directions, seed
        self._layouts: dict[tuple, Layout] = {}
        self._given: Inputs | None = None
        self._source: torch.Generator | None = None
        self._drawn: Drawn | None = None
        self._place(points)

    def _place(self, points: Mapping[Placement, Points]) -> None:
        self.points = dict(points)
        self.numbers = {placement: k for k, placement in enumerate(self.demands)}
        self._clear()

    def _clear(self) -> None:
        self._joined: dict[bool, Batches] = {}
        self._prepared: dict[bool, Any] = {}

    # --- others ------------------------------------------------------------------------------
    def at(self, points: Mapping[Placement, Points]) -> "FrozenPoints":
        """The same at other points."""
        other = copy.copy(self)
        other._place(points)
        return other

    def of(self, placements: Collection[Placement]) -> "FrozenPoints":
        """Some of the point sets."""
        other = copy.copy(self)
        other.demands = {p: demand for p, demand in self.demands.items() if p in placements}
        other._place({p: self.points[p] for p in other.demands})
        return other

    def reading(self, inputs: Inputs, source: torch.Generator | None = None) -> "FrozenPoints":
        """The same at points and along directions that may be written over.

        Args:
            inputs: Where points and directions lie.
            source: Draws directions instead, each time that the old ones are forgotten.
        """
        other = copy.copy(self)
        other._given, other._layouts = inputs, {}
        other._source, other._drawn = source, inputs.drawn
        other.forget()
        return other

    def forget(self) -> None:
        """Drop everything that was computed from the present points."""
        self._clear()
        if self._given is not None:  # an evaluation may have joined the points elsewhere
            self.points = dict(self._given.points)
        if self._source is not None:
            self._drawn = None

    # --- directions --------------------------------------------------------------------------
    @property
    def random(self) -> bool:
        """Whether derivatives are estimated along random directions."""
        return self._directions is not None and self._directions.random

    @property
    def direction_seed(self) -> int:
        """From which the present directions are drawn."""
        # One seed of two numbers, so that neighbouring pairs have nothing in common.
        mixed = np.random.SeedSequence([self._seed, self.draws]).generate_state(1, np.uint64)
        return int(mixed[0] >> 1)

    def redraw(self, draws: int | None = None) -> None:
        """Draw new directions of differentiation; the points stay.

        Args:
            draws: Which draw it shall be, to go on where another run stopped; by default the next.
        """
        self.draws = self.draws + 1 if draws is None else draws
        for batches in self._joined.values():
            self._draw(batches)
        self._prepared = {}

    def _draw(self, batches: Batches) -> None:
        if self._directions is None:
            return
        if self._given is None:
            generator = torch.Generator(batches.x.device).manual_seed(self.direction_seed)
            batches.draw(self._directions, generator)
            return
        if self._drawn is None and self._source is not None:
            self._drawn = batches.draw(self._directions, self._source)
        batches.drawn = self._drawn

    # --- as the engine takes them ------------------------------------------------------------
    def joined(self, transparent: bool) -> Batches:
        """All points.

        Args:
            transparent: See :class:`~pinnlab.calculus.layout.Layout`.
        """
        if transparent not in self._joined:
            batches = Batches(
                [self.points[placement] for placement in self.demands],
                list(self.demands.values()),
                transparent=transparent,
                layouts=self._layouts,
            )
            self._draw(batches)
            self._joined[transparent] = batches
            self.points |= dict(zip(self.demands, batches.points, strict=True))
        return self._joined[transparent]

    def prepared(self, ansatz: Ansatz, transparent: bool) -> Any:
        """Jets of an ansatz at all points, made once; never inside a function transform."""
        if transparent not in self._prepared:
            self._prepared[transparent] = ansatz.prepare(self.joined(transparent).start)
        return self._prepared[transparent]

    def some(self, placement: Placement, count: int, slots: Collection[Slot]) -> Batches:
        """The first points of one set by themselves, along the present directions.

        Args:
            placement: Of the set.
            count: The most points.
            slots: What is needed there.
        """
        points = self.points[placement]
        first = torch.arange(min(count, len(points)))
        demand = Demand(frozenset(slots), {})
        batches = Batches([points.take(first.to(points.x.device))], [demand], layouts=self._layouts)
        self._draw(batches)
        return batches
