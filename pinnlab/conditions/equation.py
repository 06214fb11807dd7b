"""A differential equation in the interior."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pinnlab.calculus.formula import Formula
from pinnlab.conditions.base import Constraint, Declared, check_weight, frozen_set
from pinnlab.conditions.condition import as_components
from pinnlab.conditions.context import Context
from pinnlab.conditions.placement import On, Placement


@dataclass(frozen=True, init=False, repr=False)
class Equation(Constraint):
    """A residual that vanishes inside the domain or a named region of it.

    Args:
        fn: Function or text of fields, coordinates and parameters; several components may be
            returned as a tuple.
        region: Named part of the domain, or None for all of it.
        weight: Factor of its mean square in the loss.
        points: Number of points.
        sampler: Name of the sampler.

    Example:
        >>> Equation("u.t - u.xx")
        Equation(u.t - u.xx = 0)
    """

    fn: Formula
    region: str | None
    weight: float
    points: int | None
    sampler: str | None
    on: On | None = None

    def __init__(
        self,
        fn: Any,
        region: str | None = None,
        weight: float = 1.0,
        points: int | None = None,
        sampler: str | None = None,
    ) -> None:
        frozen_set(
            self,
            fn=Formula(fn),
            region=region,
            weight=check_weight("Equation", weight),
            points=points,
            sampler=sampler,
            on=None,
        )

    @property
    def kind(self) -> str:
        """Named "equation" in tables."""
        return "equation"

    def placements(self, declared: Declared) -> tuple[Placement, ...]:
        """See :meth:`Constraint.placements`."""
        return (Placement(region=self.region, count=self.points, sampler=self.sampler),)

    def components(self, name: str, contexts: Sequence[Context]) -> Sequence[Any]:
        """See :meth:`Constraint.components`."""
        (at,) = contexts
        return as_components(self.fn(at))

    def describe(self) -> str:
        """See :meth:`Constraint.describe`."""
        where = f" in {self.region}" if self.region else ""
        return f"{self.fn.text} = 0{where}"

    def __repr__(self) -> str:
        return f"Equation({self.describe()})"
