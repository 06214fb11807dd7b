"""Prescribed values and time derivatives at the first moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pinnlab.calculus.formula import Formula
from pinnlab.conditions.base import Constraint, Declared, check_weight, formulas, frozen_set
from pinnlab.conditions.context import Context
from pinnlab.conditions.placement import On, Placement
from pinnlab.errors import DeclarationError


@dataclass(frozen=True, init=False, repr=False)
class Initial(Constraint):
    r"""Initial state: :math:`u = u_0`, :math:`\partial_t u = v_0` at the first moment.

    Args:
        hard: Build the condition into the ansatz, so that it holds to rounding.
        weight: Factor of its mean square in the loss.
        points: Number of points.
        sampler: Name of the sampler.
        **values: ``u=...`` for a field's value, ``u_t=...`` for its time derivative (in YAML also
            ``u.t``), ``u_tt`` and so on; numbers, texts, or functions of the coordinates.

    Raises:
        DeclarationError: If the domain has no time, or a name is no field or time derivative.

    Example:
        >>> Initial(u="-sin(pi*x)")
        Initial(u = -sin(pi*x) at the start)
    """

    hard: bool
    weight: float
    points: int | None
    sampler: str | None
    values: Mapping[str, Formula]
    on: On | None = "initial"

    def __init__(
        self,
        hard: bool = False,
        weight: float = 1.0,
        points: int | None = None,
        sampler: str | None = None,
        **values: Any,
    ) -> None:
        frozen_set(
            self,
            hard=bool(hard),
            weight=check_weight("Initial", weight),
            points=points,
            sampler=sampler,
            values=formulas("Initial", values),
            on="initial",
        )

    def check(self, name: str, declared: Declared) -> None:
        """See :meth:`Constraint.check`."""
        time = declared.coordinates.time
        if time is None:
            raise DeclarationError(
                f"Condition '{name}' is initial, but the domain has no time",
                expected="a domain such as Interval('x', 0, 1) * Time('t', 0, 1)",
                got="coordinates " + ", ".join(declared.coordinates.names),
                do="multiply the domain by Time, or use Dirichlet",
            )
        for key in self.values:
            self.split(key, declared)

    @staticmethod
    def split(key: str, declared: Declared) -> tuple[str, int]:
        """Field and order of the time derivative that a key such as ``u_tt`` means."""
        time = declared.coordinates.time or ""
        if key in declared.fields:
            return key, 0
        field, _, suffix = key.rpartition("_")
        if field in declared.fields and suffix and not suffix.replace(time, ""):
            return field, len(suffix) // len(time)
        declared.check_field(key, "An initial condition")
        raise AssertionError("unreachable")

    def placements(self, declared: Declared) -> tuple[Placement, ...]:
        """See :meth:`Constraint.placements`."""
        only_time = len(declared.coordinates.names) == 1
        count = 1 if only_time else self.points
        return (Placement(on="initial", count=count, sampler=self.sampler),)

    def components(self, name: str, contexts: Sequence[Context]) -> Sequence[Any]:
        """See :meth:`Constraint.components`."""
        (at,) = contexts
        time = at.source.coordinates.time or ""
        out = []
        for key, value in self.values.items():
            if key in at:
                state = at[key]
            else:
                field, _, suffix = key.rpartition("_")
                state = at[field]
                for _ in range(len(suffix) // len(time)):
                    state = state.diff(time)
            out.append(state - value(at))
        return out

    def describe(self) -> str:
        """See :meth:`Constraint.describe`."""
        left = ", ".join(f"{key} = {value.text}" for key, value in self.values.items())
        return f"{left} at the start" + (", by construction" if self.hard else "")
