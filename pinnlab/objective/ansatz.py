r"""From network outputs to fields: hard conditions hold by construction.

A field with hard conditions is written

.. math:: u(x) = g(x) + \varphi(x)\, N(x)

where N is the network's output, φ vanishes where the conditions hold and g has the prescribed
values there. Both are closed forms of the declared geometry; their jets depend only on the points,
are computed once a batch, and enter by Leibniz' rule.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from pinnlab.calculus.host_numbers import number_like
from pinnlab.calculus.taylor import TaylorTensor, constant
from pinnlab.typing import Coordinates

Columns = Mapping[str, TaylorTensor]
# Per hard field the jets of φ and of g, None where g is zero.
Prepared = Mapping[str, tuple[TaylorTensor, TaylorTensor | None]]


@dataclass(frozen=True)
class HardField:
    """The two closed forms of a field with hard conditions.

    Args:
        factor: φ from the coordinate jets.
        lift: g from the coordinate jets; a number stands for a constant.
        text: What holds by construction, printable.
    """

    factor: Callable[[Columns], Any]
    lift: Callable[[Columns], Any]
    text: str = ""


@dataclass(frozen=True)
class Ansatz:
    """Fields from network outputs.

    Args:
        coordinates: Names of the input columns.
        fields: Names of the network's outputs.
        hard: The closed forms of the fields that have hard conditions.
    """

    coordinates: Coordinates
    fields: tuple[str, ...]
    hard: Mapping[str, HardField] = field(default_factory=dict)

    @torch.no_grad()
    def prepare(self, start: TaylorTensor) -> Prepared:
        """Jets of φ and g for every hard field, from that of the points ``(n, d)``."""
        if not self.hard:
            return {}
        columns, layout, x = self.coordinates.columns(start), start.layout, start.value

        def jet(value: Any) -> TaylorTensor:
            if not isinstance(value, TaylorTensor):
                full = number_like(value, x).expand(len(x))
                value = constant(full, layout)
            return value.stacked()

        def lift(value: Any) -> TaylorTensor | None:
            nothing = isinstance(value, (int, float)) and value == 0
            return None if nothing else jet(value)

        return {
            name: (jet(closed.factor(columns)), lift(closed.lift(columns)))
            for name, closed in self.hard.items()
        }

    def apply(
        self, network: TaylorTensor, prepared: Prepared
    ) -> dict[str, tuple[TaylorTensor, int]]:
        """Per field its jet and the column of the jet that is meant."""
        out: dict[str, tuple[TaylorTensor, int]] = {}
        for column, name in enumerate(self.fields):
            if name in prepared:
                factor, lift = prepared[name]
                product = factor * network[:, column]
                out[name] = (product if lift is None else lift + product, 0)
            else:
                out[name] = (network, column)
        return out
