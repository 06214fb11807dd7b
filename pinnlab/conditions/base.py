"""What every condition shares: where it holds, how much it counts, and how it becomes a term."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.calculus.formula import Formula
from pinnlab.calculus.jet import Jet
from pinnlab.conditions.context import Context
from pinnlab.conditions.placement import On, Placement
from pinnlab.errors import DeclarationError, nearest
from pinnlab.geometry.base import Geometry
from pinnlab.typing import Coordinates


@dataclass(frozen=True)
class Declared:
    """The declaration a condition is part of.

    Args:
        domain: The region, with time if there is one.
        fields: Names of the fields.
        parameters: Values for recording: numbers, first guesses of unknowns, formulas.
        regions: Named parts of the domain.
        unknowns: Names of the parameters that are to be found.
        equations: The equations by name, for conditions that are made from them.
    """

    domain: Geometry
    fields: tuple[str, ...]
    parameters: Mapping[str, Any]
    regions: Mapping[str, Geometry]
    unknowns: tuple[str, ...] = ()
    equations: Mapping[str, "Constraint"] = field(default_factory=dict)

    @property
    def coordinates(self) -> Coordinates:
        """Coordinates of the domain."""
        return self.domain.coordinates

    def check_field(self, name: str, owner: str) -> None:
        """Refuse a field that was not declared."""
        if name not in self.fields:
            raise DeclarationError(
                f"{owner} gives a value to '{name}', which is no field",
                expected=", ".join(self.fields),
                got=name,
                do=nearest(name, self.fields) or "declare the field or correct the name",
            )


class Constraint(ABC):
    """A condition as it is declared: frozen, printable, and not yet tied to points.

    Attributes:
        on: Boundary piece, pieces, or predicate of the coordinates.
        weight: Factor of its mean square in the loss.
        points: Number of points, or None for the run's default.
        sampler: Name of the sampler, or None for the run's default.
        hard: Built into the ansatz instead of the loss.
        random: Estimated along random directions, which every step draws anew.
    """

    on: On | None
    weight: float
    points: int | None
    sampler: str | None
    hard: bool = False
    random: bool = False

    @abstractmethod
    def placements(self, declared: Declared) -> tuple[Placement, ...]:
        """Where its points lie."""

    @abstractmethod
    def components(self, name: str, contexts: Sequence[Context]) -> Sequence[Any]:
        """The residual's columns, each a jet or a tensor that is zero at the solution."""

    @abstractmethod
    def describe(self) -> str:
        """The condition in one line."""

    def check(self, name: str, declared: Declared) -> None:  # noqa: B027
        """Refuse names that do not exist; by default there is nothing to refuse."""

    def within(self, declared: Declared) -> "Constraint":
        """The condition once its declaration is known: itself, unless it names other parts."""
        return self

    @property
    def kind(self) -> str:
        """Class name."""
        return type(self).__name__

    def __repr__(self) -> str:
        return f"{self.kind}({self.describe()})"


def check_weight(owner: str, weight: Any) -> float:
    """A weight as a float; refuses negative or non-numeric ones."""
    number = isinstance(weight, (int, float)) and not isinstance(weight, bool)
    if not number or not 0 <= weight < float("inf"):
        raise DeclarationError(
            f"The weight of {owner} is {weight!r}",
            expected="a number of at least 0",
            got=weight,
            do="use a positive weight, or leave the condition out",
        )
    return float(weight)


def check_points(owner: str, points: Any) -> None:
    """Refuse a number of points that is no whole number of at least one."""
    if points is None:
        return
    if isinstance(points, bool) or not isinstance(points, int) or points < 1:
        raise DeclarationError(
            f"{owner} cannot have points={points!r}",
            expected="a whole number of at least 1",
            got=repr(points),
            do="choose e.g. points=200, or leave it out for the default of the run",
        )


def as_on(on: Any, owner: str) -> On:
    """A piece name, a tuple of names, or a predicate."""
    if isinstance(on, str) or callable(on):
        return on
    if isinstance(on, (list, tuple)) and on and all(isinstance(piece, str) for piece in on):
        return tuple(on)
    raise DeclarationError(
        f"{owner} does not say where it holds",
        expected="a boundary piece, a list of pieces, or a predicate such as lambda x: x > 0",
        got=repr(on),
        do="set `on`",
    )


def on_text(on: On | None) -> str:
    """The place, printable."""
    if on is None:
        return "interior"
    if callable(on):
        return "predicate"
    return on if isinstance(on, str) else ", ".join(on)


def formulas(owner: str, values: Mapping[str, Any]) -> dict[str, Formula]:
    """Prescribed values by field; at least one."""
    if not values:
        raise DeclarationError(
            f"{owner} prescribes nothing",
            expected="a value for a field, such as u=0",
            got="no field",
            do="name the field and its value",
        )
    return {name.replace(".", "_"): Formula(value) for name, value in values.items()}


def column(value: Any, n: int, like: Tensor) -> Tensor:
    """One residual component as ``(n,)``."""
    if isinstance(value, Jet):
        tensor = value.value
    elif isinstance(value, (Tensor, int, float, np.ndarray, np.generic)):
        tensor = torch.as_tensor(value)
    else:
        raise DeclarationError(
            "A residual is no quantity on the points",
            expected="an expression of fields, coordinates and parameters, or a tuple of them",
            got=repr(value),
            do="return what must vanish, e.g. `return u.xx + 1`",
        )
    if tensor.ndim == 0:
        return tensor.to(like).expand(n)
    if tensor.shape != (n,):
        raise DeclarationError(
            "A residual has the wrong shape",
            expected=f"({n},), one number per point",
            got=tuple(tensor.shape),
            do="check for an array of shape (n, 1) beside one of shape (n,): "
            "their sum is silently (n, n)",
        )
    return tensor


def stack_columns(values: Sequence[Any], context: Context) -> Tensor:
    """Residual components side by side, ``(n, k)``."""
    n = len(context.points)
    columns = [column(value, n, context.points.x) for value in values]
    return columns[0].unsqueeze(-1) if len(columns) == 1 else torch.stack(columns, -1)


def frozen_set(owner: object, **values: Any) -> None:
    """Assign attributes of a frozen dataclass from its constructor."""
    check_points(type(owner).__name__, values.get("points"))
    names = {f.name for f in fields(owner)}  # type: ignore[arg-type]
    for name, value in values.items():
        assert name in names, name
        object.__setattr__(owner, name, value)
