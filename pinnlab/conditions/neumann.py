"""Prescribed normal derivatives, alone or beside the value."""

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
class Robin(Constraint):
    r"""A combination of value and normal derivative: :math:`\alpha u + \beta\,\partial_n u = g`.

    Args:
        on: Boundary piece, pieces, ``"boundary"``, or a predicate of the coordinates.
        alpha: Factor of the value: a number, a text, or a function of coordinates and parameters.
        beta: Factor of the outward normal derivative, likewise.
        weight: Factor of its mean square in the loss.
        points: Number of points.
        sampler: Name of the sampler.
        **values: Field and right side g.

    Raises:
        DeclarationError: If no field is named or a field does not exist.

    Example:
        >>> Robin(T=20, alpha=5, beta=1, on="top")
        Robin(5*T + 1*T.n = 20 on top)
    """

    on: On
    alpha: Formula
    beta: Formula
    weight: float
    points: int | None
    sampler: str | None
    values: Mapping[str, Formula]

    def __init__(
        self,
        on: Any = "boundary",
        alpha: Any = 1.0,
        beta: Any = 1.0,
        weight: float = 1.0,
        points: int | None = None,
        sampler: str | None = None,
        **values: Any,
    ) -> None:
        frozen_set(
            self,
            on=as_on(on, "Robin"),
            alpha=Formula(alpha),
            beta=Formula(beta),
            weight=check_weight("Robin", weight),
            points=points,
            sampler=sampler,
            values=formulas("Robin", values),
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
        alpha, beta = self.alpha(at), self.beta(at)
        return [
            alpha * at[field] + beta * at[field].n - value(at)
            for field, value in self.values.items()
        ]

    def describe(self) -> str:
        """See :meth:`Constraint.describe`."""
        left = ", ".join(
            f"{_factor(self.alpha)}*{field} + {_factor(self.beta)}*{field}.n = {value.text}"
            for field, value in self.values.items()
        )
        return f"{left} on {on_text(self.on)}"


def _factor(formula: Formula) -> str:
    simple = formula.text.replace(".", "").replace("_", "").isalnum()
    return formula.text if simple else f"({formula.text})"


@dataclass(frozen=True, init=False, repr=False)
class Neumann(Constraint):
    r"""Prescribed outward normal derivative: :math:`\partial_n u = g`.

    Args:
        on: Boundary piece, pieces, ``"boundary"``, or a predicate of the coordinates.
        weight: Factor of its mean square in the loss.
        points: Number of points.
        sampler: Name of the sampler.
        **values: Field and normal derivative: a number, a text, or a function.

    Raises:
        DeclarationError: If no field is named or a field does not exist.

    Example:
        >>> Neumann(u="sin(y)", on="right")
        Neumann(u.n = sin(y) on right)
    """

    on: On
    weight: float
    points: int | None
    sampler: str | None
    values: Mapping[str, Formula]

    def __init__(
        self,
        on: Any = "boundary",
        weight: float = 1.0,
        points: int | None = None,
        sampler: str | None = None,
        **values: Any,
    ) -> None:
        frozen_set(
            self,
            on=as_on(on, "Neumann"),
            weight=check_weight("Neumann", weight),
            points=points,
            sampler=sampler,
            values=formulas("Neumann", values),
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
        return [at[field].n - value(at) for field, value in self.values.items()]

    def describe(self) -> str:
        """See :meth:`Constraint.describe`."""
        left = ", ".join(f"{field}.n = {value.text}" for field, value in self.values.items())
        return f"{left} on {on_text(self.on)}"
