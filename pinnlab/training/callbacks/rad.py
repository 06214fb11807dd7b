"""Residual-based adaptive distribution."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch

from pinnlab.checks import check_count
from pinnlab.conditions.placement import Placement
from pinnlab.errors import DeclarationError
from pinnlab.sampling.adaptive import drawn, probabilities
from pinnlab.sampling.points import Points
from pinnlab.training.callbacks.following import Following, in_part

if TYPE_CHECKING:
    from pinnlab.training.trainer import Trainer


class RAD(Following):
    r"""Draw all points anew; those of equations with a density that grows with the residual.

    .. math:: p(x) \propto \frac{\rho(x)^k}{\operatorname{mean} \rho^k} + c

    among even candidates. All other points, also those of equations that are not followed, are
    drawn evenly at the same time; given points such as data stay.

    Args:
        every: Steps between redraws.
        share: Share of the points of each equation that follows the residual, 0 to 1; the others
            are even.
        k: Exponent of the residual.
        c: Even part of the density.
        candidates: Points among which are chosen; many more than the points of an equation, since
            none is taken twice.
        equations: Names of the equations that are followed; all by default.

    Raises:
        DeclarationError: If a number is out of range; in a run with fixed or quadrature points,
            with other callbacks or phases that draw points, with weights of single points, or in
            more than 1000 dimensions.

    References:
        Wu et al. (2023), Comput. Methods Appl. Mech. Eng. 403, 115671 (k = 1 and c = 1 by default,
        as found there to suit most problems).
    """

    def __init__(
        self,
        every: int = 1000,
        share: float = 1.0,
        k: float = 1.0,
        c: float = 1.0,
        candidates: int = 20_000,
        equations: Sequence[str] | str | None = None,
    ) -> None:
        super().__init__(every, equations)
        check_count(self, candidates=candidates)
        if not 0 < share <= 1 or k <= 0 or c < 0:
            raise DeclarationError(
                "RAD cannot draw like this",
                expected="0 < share <= 1, k > 0, c >= 0",
                got=f"share={share}, k={k}, c={c}",
                do="use e.g. share=1.0, k=1, c=1; Resample draws evenly",
            )
        self.share, self.k, self.c, self.candidates = share, k, c, candidates

    def moved(self, trainer: "Trainer") -> Mapping[Placement, Points]:
        """See :class:`Following`."""
        assembly = trainer.assembly
        points = assembly.draw()
        pools = {p: assembly.draw_at(p, self.candidates) for p in self.followed.placements}
        squares = self.followed.squares(pools)
        for placement, pool in pools.items():
            even = points[placement]
            sizes = squares[placement].double().sqrt().cpu().numpy()
            wanted = min(round(self.share * len(even)), len(pool))
            rows = drawn(probabilities(sizes, self.k, self.c), wanted, assembly.rng)
            taken = pool.take(torch.as_tensor(rows, device=pool.x.device))
            points[placement] = in_part(even, taken)
        return points
