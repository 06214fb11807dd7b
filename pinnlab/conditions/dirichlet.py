"""Prescribed values on the boundary."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pinnlab.calculus.formula import Formula
from pinnlab.conditions.base import (
    Constraint,
    Declared,
    as_on,
    check_weight,
    formulas,
    frozen_set,
    on_text,
)
from pinnlab.conditions.context import Context
from pinnlab.conditions.placement import On, Placement


@dataclass(frozen=True, init=False, repr=False)
class Dirichlet(Constraint):
    r"""Prescribed values: :math:`u = g` on a piece of the boundary.

    Args:
        on: Boundary piece, pieces, ``"boundary"`` for all, or a predicate of the coordinates.
        hard: Build the condition into the ansatz, so that it holds to rounding.
        weight: Factor of its mean square in the loss.
        points: Number of points.
        sampler: Name of the sampler.
        **values: Field and value: a number, a text, or a function of coordinates and parameters.

    Raises:
        DeclarationError: If no field is named or a field does not exist.

    Example:
        >>> Dirichlet(u=0, on=["left", "right"])
        Dirichlet(u = 0 on left, right)
    """

    on: On
    hard: bool
    weight: float
    points: int | None
    sampler: str | None
    values: Mapping[str, Formula]

    def __init__(
        self,
        on: Any = "boundary",
        hard: bool = False,
        weight: float = 1.0,
        points: int | None = None,
        sampler: str | None = None,
        **values: Any,
    ) -> None:
        frozen_set(
            self,
            on=as_on(on, "Dirichlet"),
            hard=bool(hard),
            weight=check_weight("Dirichlet", weight),
            points=points,
            sampler=sampler,
            values=formulas("Dirichlet", values),
        )

    def check(self, name: str, declared: Declared) -> None:
        """See :meth:`Constraint.check`."""
        for field in self.values:
            declared.check_field(field, f"Condition '{name}'")

    def placements(self, declared: Declared) -> tuple[Placement, ...]:
        """See :meth:`Constraint.placements`."""
        return (Placement(on=self.on, count=self.points, sampler=self.sampler),)

    def components(self, name: str, contexts: Sequence[Context]) -> Sequence[Any]:
        """See :meth:`Constraint.components`."""
        (at,) = contexts
        return [at[field] - value(at) for field, value in self.values.items()]

    def describe(self) -> str:
        """See :meth:`Constraint.describe`."""
        left = ", ".join(f"{field} = {value.text}" for field, value in self.values.items())
        return f"{left} on {on_text(self.on)}" + (", by construction" if self.hard else "")
