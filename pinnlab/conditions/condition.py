"""Anything else that must hold somewhere: the general condition, integrals and interfaces."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from pinnlab.calculus.formula import Formula
from pinnlab.calculus.jet import Jet
from pinnlab.conditions.base import (
    Constraint,
    Declared,
    as_on,
    check_weight,
    column,
    frozen_set,
    on_text,
)
from pinnlab.conditions.context import Context
from pinnlab.conditions.placement import On, Placement
from pinnlab.errors import DeclarationError, nearest

KINDS = ("equality", "inequality")


@dataclass(frozen=True, init=False, repr=False)
class Condition(Constraint):
    r"""A residual that must vanish, or a quantity that must not be negative.

    .. math:: f(u, \nabla u, x, n) = 0 \qquad\text{or}\qquad f(u, \nabla u, x, n) \ge 0

    An inequality enters the loss with its negative part, :math:`\min(f, 0)`.

    Args:
        fn: Function or text of fields, coordinates, parameters and the normal ``n``.
        on: Boundary piece, pieces or predicate; None for the interior.
        how: ``"equality"`` or ``"inequality"``.
        region: Named part of the domain, for a condition in the interior.
        weight: Factor of its mean square in the loss.
        points: Number of points.
        sampler: Name of the sampler.

    Example:
        >>> Condition("u.n + 2*u - 1", on="right")
        Condition(u.n + 2*u - 1 = 0 on right)
    """

    fn: Formula
    on: On | None
    how: str
    region: str | None
    weight: float
    points: int | None
    sampler: str | None

    def __init__(
        self,
        fn: Any,
        on: Any = None,
        how: str = "equality",
        region: str | None = None,
        weight: float = 1.0,
        points: int | None = None,
        sampler: str | None = None,
    ) -> None:
        if how not in KINDS:
            raise DeclarationError(
                f"A condition cannot hold as '{how}'",
                expected=", ".join(KINDS),
                got=how,
                do=nearest(str(how), KINDS) or "choose one of them",
            )
        frozen_set(
            self,
            fn=Formula(fn),
            on=None if on is None else as_on(on, "Condition"),
            how=how,
            region=region,
            weight=check_weight("Condition", weight),
            points=points,
            sampler=sampler,
        )

    def placements(self, declared: Declared) -> tuple[Placement, ...]:
        """See :meth:`Constraint.placements`."""
        return (Placement(on=self.on, region=self.region, count=self.points, sampler=self.sampler),)

    def components(self, name: str, contexts: Sequence[Context]) -> Sequence[Any]:
        """See :meth:`Constraint.components`."""
        (at,) = contexts
        values = as_components(self.fn(at))
        if self.how == "equality":
            return values
        n = len(at.points)
        return [column(value, n, at.points.x).clamp(max=0) for value in values]

    def describe(self) -> str:
        """See :meth:`Constraint.describe`."""
        sign = "=" if self.how == "equality" else ">="
        return f"{self.fn.text} {sign} 0 on {on_text(self.on)}"


@dataclass(frozen=True, init=False, repr=False)
class Integral(Constraint):
    r"""A prescribed integral: :math:`\int f(u, \dots)\, dx = c`.

    Over the domain, a region of it, or a piece of its boundary, by the quadrature weights of the
    points; over time as well if the domain has time.

    Args:
        expression: Integrand f, a function or text.
        value: Prescribed value c: a number, or a text of parameters.
        on: Boundary piece, pieces or predicate; None for the interior.
        region: Named part of the domain.
        weight: Factor of its square in the loss.
        points: Number of quadrature points.
        sampler: Name of the sampler; ``"gauss"`` is exact for polynomials on boxes.

    Example:
        >>> Integral("p", 0)
        Integral(integral of p over interior = 0)
    """

    expression: Formula
    value: Formula
    on: On | None
    region: str | None
    weight: float
    points: int | None
    sampler: str | None

    def __init__(
        self,
        expression: Any,
        value: Any = 0.0,
        on: Any = None,
        region: str | None = None,
        weight: float = 1.0,
        points: int | None = None,
        sampler: str | None = None,
    ) -> None:
        frozen_set(
            self,
            expression=Formula(expression),
            value=Formula(value),
            on=None if on is None else as_on(on, "Integral"),
            region=region,
            weight=check_weight("Integral", weight),
            points=points,
            sampler=sampler,
        )

    def placements(self, declared: Declared) -> tuple[Placement, ...]:
        """See :meth:`Constraint.placements`."""
        return (
            Placement(
                on=self.on,
                region=self.region,
                count=self.points,
                sampler=self.sampler,
                quadrature=True,
            ),
        )

    def components(self, name: str, contexts: Sequence[Context]) -> Sequence[Any]:
        """The misfit of the integral, one number."""
        (at,) = contexts
        n = len(at.points)
        weights = at.points.weights
        if weights is None:
            weights = at.points.x.new_full((n,), 1.0 / n)
        integrand = column(self.expression(at), n, at.points.x)
        value = self.value(at)
        value = value.value if isinstance(value, Jet) else value
        if isinstance(value, torch.Tensor) and value.ndim:
            raise DeclarationError(
                "The value of an integral varies from point to point",
                expected="a number, or a text or function of parameters",
                got=self.value.text,
                do="move what depends on coordinates or fields into the expression",
            )
        return [(integrand @ weights - value).reshape(1)]

    def describe(self) -> str:
        """See :meth:`Constraint.describe`."""
        return f"integral of {self.expression.text} over {on_text(self.on)} = {self.value.text}"


@dataclass(frozen=True, init=False, repr=False)
class Interface(Constraint):
    r"""Coupling across the common boundary of two regions.

    Each pair of ``equal`` must agree there, such as the values and the fluxes
    :math:`u_1 = u_2`, :math:`k_1 \partial_n u_1 = k_2 \partial_n u_2`; n points out of the first
    region.

    Args:
        on: Names of the two regions.
        equal: Pairs of texts or functions that must agree, or single ones that must vanish.
        weight: Factor of its mean square in the loss.
        points: Number of points.
        sampler: Name of the sampler.

    Example:
        >>> Interface(on=("steel", "air"), equal=[("a", "b"), ("2*a.n", "b.n")])
        Interface(a = b, 2*a.n = b.n between steel and air)
    """

    on: tuple[str, str]  # type: ignore[assignment]
    equal: tuple[tuple[Formula, ...], ...]
    weight: float
    points: int | None
    sampler: str | None

    def __init__(
        self,
        on: Any,
        equal: Sequence[Any],
        weight: float = 1.0,
        points: int | None = None,
        sampler: str | None = None,
    ) -> None:
        pair = as_on(on, "Interface")
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise DeclarationError(
                "Interface needs two regions",
                expected="on=('first', 'second')",
                got=on,
                do="name the two regions",
            )
        if isinstance(equal, str) or callable(equal):
            equal = [equal]
        pairs = tuple(
            tuple(Formula(side) for side in item)
            if isinstance(item, (list, tuple))
            else (Formula(item),)
            for item in equal
        )
        if not pairs or any(len(sides) not in (1, 2) for sides in pairs):
            raise DeclarationError(
                "Interface couples nothing",
                expected="equal=[(left, right), ...]",
                got=equal,
                do="give at least one pair that must agree",
            )
        frozen_set(
            self,
            on=pair,
            equal=pairs,
            weight=check_weight("Interface", weight),
            points=points,
            sampler=sampler,
        )

    def placements(self, declared: Declared) -> tuple[Placement, ...]:
        """See :meth:`Constraint.placements`."""
        return (Placement(interface=self.on, count=self.points, sampler=self.sampler),)

    def components(self, name: str, contexts: Sequence[Context]) -> Sequence[Any]:
        """See :meth:`Constraint.components`."""
        (at,) = contexts
        return [
            sides[0](at) - sides[1](at) if len(sides) == 2 else sides[0](at) for sides in self.equal
        ]

    def describe(self) -> str:
        """See :meth:`Constraint.describe`."""
        pairs = ", ".join(
            " = ".join(side.text for side in sides) + (" = 0" if len(sides) == 1 else "")
            for sides in self.equal
        )
        return f"{pairs} between {self.on[0]} and {self.on[1]}"


def as_components(value: Any) -> list[Any]:
    """What a residual function returned, as a list of columns."""
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, torch.Tensor) and value.ndim == 2:
        return list(value.unbind(-1))
    if isinstance(value, (Jet, torch.Tensor)):
        return [value]
    if isinstance(value, (list, tuple)) or hasattr(value, "__iter__"):
        return list(value)
    return [value]
