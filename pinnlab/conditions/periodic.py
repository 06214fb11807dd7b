"""Equal values and derivatives on opposite pieces."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pinnlab.conditions.base import Constraint, Declared, as_on, check_weight, frozen_set
from pinnlab.conditions.context import Context
from pinnlab.conditions.placement import MovedPoints, Placement
from pinnlab.errors import DeclarationError
from pinnlab.sampling.points import Points


@dataclass(frozen=True, init=False, repr=False)
class Periodic(Constraint):
    r"""Periodicity: :math:`\partial^k u` agrees on two opposite flat pieces for k = 0 … order.

    Args:
        *fields: Fields that are periodic; all if none is named.
        on: The two pieces, e.g. ``("left", "right")``.
        order: Highest derivative across the pieces that must agree; one less than the order of
            the equation is enough.
        hard: Feed the network sin and cos of the coordinate, so that all derivatives agree to
            rounding. Then every field is periodic.
        weight: Factor of its mean square in the loss.
        points: Number of pairs of points.
        sampler: Name of the sampler.

    Raises:
        DeclarationError: If the pieces are not two flat pieces a shift apart.

    Example:
        >>> Periodic("u", on=("left", "right"))
        Periodic(u, derivatives up to order 1, left = right)
    """

    fields: tuple[str, ...]
    on: tuple[str, str]  # type: ignore[assignment]
    order: int
    hard: bool
    weight: float
    points: int | None
    sampler: str | None

    def __init__(
        self,
        *fields: str,
        on: Any = ("left", "right"),
        order: int = 1,
        hard: bool = False,
        weight: float = 1.0,
        points: int | None = None,
        sampler: str | None = None,
    ) -> None:
        pair = as_on(on, "Periodic")
        if not isinstance(pair, tuple) or len(pair) != 2 or pair[0] == pair[1]:
            raise DeclarationError(
                "Periodic needs two opposite pieces",
                expected="on=('left', 'right')",
                got=repr(on),
                do="name the two pieces that are glued together",
            )
        if isinstance(order, bool) or not isinstance(order, int) or order < 0:
            raise DeclarationError(
                "Periodic has no such order of derivatives",
                expected="a whole number of at least 0",
                got=order,
                do="use order=1 for second-order equations",
            )
        frozen_set(
            self,
            fields=tuple(fields),
            on=pair,
            order=order,
            hard=bool(hard),
            weight=check_weight("Periodic", weight),
            points=points,
            sampler=sampler,
        )

    def check(self, name: str, declared: Declared) -> None:
        """See :meth:`Constraint.check`."""
        for field in self.fields:
            declared.check_field(field, f"Condition '{name}'")
        self.axis(declared)
        if self.hard and self.fields and set(self.fields) != set(declared.fields):
            raise DeclarationError(
                f"Condition '{name}' is periodic by construction for some fields only",
                expected="all fields: " + ", ".join(declared.fields),
                got=", ".join(self.fields),
                do="drop the field names, or use hard=False",
            )

    def axis(self, declared: Declared) -> tuple[str, float, float]:
        """The coordinate along which the pieces are opposite, and its values on them."""
        space = declared.coordinates.space
        rng = np.random.default_rng(0)
        first, second = (
            declared.domain.sample_boundary(16, piece, sampler="uniform", rng=rng).x
            for piece in self.on
        )
        for k, name in enumerate(space.names):
            a, b = first[:, k], second[:, k]
            if np.ptp(a) < 1e-9 and np.ptp(b) < 1e-9 and abs(a[0] - b[0]) > 1e-9:
                return name, float(a[0]), float(b[0])
        raise DeclarationError(
            f"The pieces '{self.on[0]}' and '{self.on[1]}' are not opposite",
            expected="two flat pieces at different values of one coordinate",
            got="pieces that are curved, parallel to no axis, or the same",
            do="name two opposite sides of a box or interval",
        )

    def placements(self, declared: Declared) -> tuple[Placement, ...]:
        """See :meth:`Constraint.placements`."""
        name, a, b = self.axis(declared)
        here = Placement(on=self.on[0], count=self.points, sampler=self.sampler)
        column = declared.coordinates.slice(name).start
        return (here, Placement(mirror_of=here, shift=(column, b - a)))

    def components(self, name: str, contexts: Sequence[Context]) -> Sequence[Any]:
        """See :meth:`Constraint.components`."""
        here, there = contexts
        column = _column(here.points, there.points)
        out = []
        for field in self.fields or here.fields:
            a, b = here[field], there[field]
            for k in range(self.order + 1):
                out.append(a.value - b.value)
                if k < self.order:
                    a, b = a.along(column), b.along(column)
        return out

    def describe(self) -> str:
        """See :meth:`Constraint.describe`."""
        what = ", ".join(self.fields) or "all fields"
        how = "by construction" if self.hard else f"derivatives up to order {self.order}"
        return f"{what}, {how}, {self.on[0]} = {self.on[1]}"


def _column(here: Points, there: Points) -> int:
    """The one column in which the two sets differ: the coordinate across the pieces."""
    if isinstance(there, MovedPoints):
        return there.column
    return int((there.x[0] - here.x[0]).abs().argmax())
