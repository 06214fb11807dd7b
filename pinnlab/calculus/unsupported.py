"""What jets do not go through: operations without a rule, and functions with kinks."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from pinnlab.calculus.pointwise import SMOOTHNESS
from pinnlab.errors import DeclarationError

if TYPE_CHECKING:
    from pinnlab.calculus.taylor import TaylorTensor

ORDINALS = {2: "second", 3: "third", 4: "fourth"}


class UnsupportedOperation(TypeError):
    """An operation that has no Taylor rule; the caller falls back to nested differentiation."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"no Taylor rule for {what}")


class NotSmooth(DeclarationError):
    """A function under a derivative that vanishes wherever it exists."""

    def __init__(self, name: str, least: int, order_: int) -> None:
        super().__init__(
            f"'{name}' has no useful {ORDINALS.get(least, f'{least}th')} derivative, and the "
            f"equations read order {order_}",
            expected="a smooth activation",
            got=name,
            do="use a smooth activation such as tanh, sin, silu or gelu",
        )


def refuse_kinks(function: Callable, jet: "TaylorTensor | None") -> None:
    """Refuse a function of a jet that carries derivatives which the function does not have.

    Raises:
        NotSmooth: If the highest order is two above that of its last continuous derivative.
    """
    least = SMOOTHNESS.get(function, math.inf) + 2
    if jet is not None and jet.layout.order >= least:
        raise NotSmooth(function.__name__, int(least), jet.layout.order)
