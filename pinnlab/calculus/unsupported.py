"""What jets do not go through: operations without a rule, kinks, layers that join the points."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from pinnlab.calculus.pointwise import SMOOTHNESS
from pinnlab.errors import DeclarationError

if TYPE_CHECKING:
    from pinnlab.calculus.taylor import TaylorTensor

ORDINALS = {1: "first", 2: "second", 3: "third"}


class UnsupportedOperation(TypeError):
    """An operation that has no Taylor rule; the caller falls back to nested differentiation."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"no Taylor rule for {what}")


class UnfitModule(DeclarationError):
    """A network that cannot serve the equations, whatever its parameters."""


class NotSmooth(UnfitModule):
    """A function under a derivative that vanishes wherever it exists."""

    def __init__(self, name: str, least: int, order_: int) -> None:
        super().__init__(
            f"'{name}' has no useful {ORDINALS.get(least, f'{least}th')} derivative, and the "
            f"equations read order {order_}",
            expected="a smooth activation",
            got=name,
            do="use a smooth activation such as tanh, sin, silu or gelu",
        )


class TrainingMode(UnfitModule):
    """A layer in training mode, in which the output of one point depends on more than the point.

    Args:
        operation: Of torch, ``batch_norm`` or a dropout.
        layer: Where it is in the module, if that is known.
    """

    def __init__(self, operation: str, layer: str = "") -> None:
        self.operation, self.layer = operation, layer
        joins = operation == "batch_norm"
        why = "which joins the points" if joins else "which draws other numbers at every call"
        super().__init__(
            f"{operation} in training mode, {why}, has no derivatives by the point"
            + (f" (layer '{layer}')" if layer else ""),
            expected="a network that treats every point by itself, the same at every call",
            got=f"{operation} in training mode",
            do="call .eval() of the network before it is given, which leaves its parameters "
            f"trainable, or {'use LayerNorm' if joins else 'leave the layer out'}",
        )


def refuse_kinks(function: Callable, jet: "TaylorTensor | None") -> None:
    """Refuse a function of a jet that carries derivatives which the function does not have.

    Raises:
        NotSmooth: If the highest order is two above that of its last continuous derivative.
    """
    least = SMOOTHNESS.get(function, math.inf) + 2
    if jet is not None and jet.layout.order >= least:
        raise NotSmooth(function.__name__, int(least), jet.layout.order)
