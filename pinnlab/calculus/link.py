"""Linear layers and pointwise functions that were put off, until a chain of them is evaluated."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pinnlab.calculus.chain import Layer

if TYPE_CHECKING:
    from pinnlab.calculus.taylor import TaylorTensor


@dataclass(eq=False)
class Link:
    """A linear layer or pointwise function that was put off.

    Args:
        before: What it is applied to, a jet or the link of one.
        layer: The operation.
        width: Columns of the result.
        owner: The jet that it gives, as long as someone holds it.
    """

    before: "TaylorTensor | Link"
    layer: Layer
    width: int
    owner: "Callable[[], TaylorTensor | None]" = lambda: None

    @property
    def start(self) -> "TaylorTensor":
        """The jet from which all links before started."""
        node = self.before
        while isinstance(node, Link):
            node = node.before
        return node

    def chain(self, jet: "TaylorTensor") -> "tuple[TaylorTensor, list[Layer]]":
        """An evaluated jet, and the layers that lead from it to ``jet``.

        A jet on the way that someone still holds may be read later, as in a skip connection. It is
        evaluated first, so that no layer is evaluated twice.
        """
        layers: list[Layer] = []
        node: TaylorTensor | Link = self
        while isinstance(node, Link):
            owner = node.owner()
            if owner is not None and owner is not jet:
                node = owner
                break
            layers.append(node.layer)
            node = node.before
        node._settle()
        return node, merged(layers[::-1])


def merged(layers: list[Layer]) -> list[Layer]:
    """Each function together with the linear map before it."""
    out: list[Layer] = []
    for layer in layers:
        if layer.weight is None and out and out[-1].function is None:
            out[-1] = Layer(out[-1].weight, out[-1].bias, layer.function)
        else:
            out.append(layer)
    return out
