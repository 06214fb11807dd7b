"""Residual-based adaptive refinement."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch

from pinnlab.checks import check_count
from pinnlab.conditions.placement import Placement
from pinnlab.errors import DeclarationError
from pinnlab.sampling.adaptive import drawn, largest, probabilities
from pinnlab.sampling.points import Points
from pinnlab.training.callbacks.following import Following, joined_points

if TYPE_CHECKING:
    from pinnlab.training.trainer import Trainer


class RAR(Following):
    r"""Add points where the residual is large; the point sets of equations grow.

    Among even candidates those with the largest residuals are added (RAR-G), or some at random
    with the density :math:`\rho^k / \operatorname{mean} \rho^k + c` (RAR-D, ``greedy=False``). All
    points that there were, also those of conditions, stay.

    Args:
        every: Steps between the additions.
        add: Points added to each set.
        candidates: Points among which are chosen.
        largest: Points of a set beyond which it grows no further, or None. A step takes as much
            longer as the sets have grown.
        greedy: Add the worst points; otherwise draw them.
        k: Exponent of the residual in that draw.
        c: Even part of the density in that draw.
        equations: Names of the equations that are followed; all by default.

    Raises:
        DeclarationError: If a number is out of range; in a run with fixed or quadrature points,
            with other callbacks or phases that draw points, with weights of single points, or in
            more than 1000 dimensions.

    References:
        Lu, Meng, Mao & Karniadakis (2021), SIAM Rev. 63, 208 (RAR); Wu et al. (2023), Comput.
        Methods Appl. Mech. Eng. 403, 115671 (RAR-G and RAR-D).
    """

    def __init__(
        self,
        every: int = 1000,
        add: int = 100,
        candidates: int = 20_000,
        largest: int | None = None,
        greedy: bool = True,
        k: float = 2.0,
        c: float = 0.0,
        equations: Sequence[str] | str | None = None,
    ) -> None:
        super().__init__(every, equations)
        check_count(self, add=add, candidates=candidates, largest=largest)
        if k <= 0 or c < 0 or add > candidates:
            raise DeclarationError(
                "RAR cannot add points like this",
                expected="k > 0, c >= 0, and at least as many candidates as points to add",
                got=f"k={k}, c={c}, add={add}, candidates={candidates}",
                do="use e.g. add=100, candidates=20_000",
            )
        self.add, self.candidates, self.largest = add, candidates, largest
        self.greedy, self.k, self.c = greedy, k, c

    def check(self, trainer: "Trainer") -> None:
        """See :class:`Callback`."""
        super().check(trainer)
        for placement in self.followed.placements:
            count = len(trainer.points[placement])
            if self.largest is not None and count >= self.largest:
                raise DeclarationError(
                    f"RAR would add nothing: '{placement.describe()}' has all its points already",
                    expected=f"largest > {count}",
                    got=self.largest,
                    do="start with fewer points, or raise `largest`",
                )

    def _room(self, trainer: "Trainer", placement: Placement) -> int:
        """How many points are added to a set."""
        if self.largest is None:
            return self.add
        return max(0, min(self.add, self.largest - len(trainer.points[placement])))

    def due(self, trainer: "Trainer") -> bool:
        """See :class:`Following`."""
        room = any(self._room(trainer, p) for p in self.followed.placements)
        return room and super().due(trainer)

    def moved(self, trainer: "Trainer") -> Mapping[Placement, Points]:
        """See :class:`Following`."""
        points, assembly = dict(trainer.points), trainer.assembly
        wanted = {p: self._room(trainer, p) for p in self.followed.placements}
        pools = {p: assembly.draw_at(p, self.candidates) for p in wanted}
        squares = self.followed.squares(pools)
        for placement, pool in pools.items():
            sizes = squares[placement].double().sqrt().cpu().numpy()
            if self.greedy:
                rows = largest(sizes, wanted[placement])
            else:
                rows = drawn(probabilities(sizes, self.k, self.c), wanted[placement], assembly.rng)
            # A copy: rows of NumPy may have steps that torch does not know.
            added = pool.take(torch.as_tensor(rows.copy(), device=pool.x.device))
            points[placement] = joined_points(points[placement], added)
            self.tell("points", placement, len(points[placement]))
        return points
