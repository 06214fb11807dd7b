"""One named block of residuals: what is asked, where, and how much it counts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from pinnlab.calculus.recording import Plan
from pinnlab.conditions.context import Context
from pinnlab.conditions.placement import Placement

Residual = Callable[[Sequence[Context]], Tensor]


@dataclass(frozen=True, eq=False)
class Term:
    """A residual ``(n, k)`` that vanishes at the solution.

    Args:
        name: As declared; names the block in every loss, weight and plot.
        residual: Reads one context per placement and returns ``(n, k)``.
        placements: Where its points lie; two for conditions that compare two places.
        plans: The derivatives that it reads, one plan per placement.
        components: Number of columns k.
        weight: Factor of its mean square in the loss.
        kind: "equation" or the name of the condition, for tables and reports.
        text: The equation or condition, printable.
    """

    name: str
    residual: Residual
    placements: tuple[Placement, ...]
    plans: tuple[Plan, ...]
    components: int
    weight: float = 1.0
    kind: str = "equation"
    text: str = ""
