"""The first layer: a pointwise function of something affine in the points.

Where z is affine, its first derivatives s_i are numbers per feature and its higher ones vanish, so
that f(z)_S = f^{(|S|)}(z) P_S with the products of slopes P_S = Π s_i, or Σ c_ij s_i s_j for a
collapsed sum. They do not depend on the point: a slot costs one multiplication.
"""

import torch
from torch import Tensor

from pinnlab.calculus.fast_tanh import tanh
from pinnlab.calculus.layout import Block, Layout
from pinnlab.calculus.pointwise import POINTWISE, Derivatives, tanh_derivatives
from pinnlab.calculus.workspace import Loan, Slots


def slope_products(slopes: Tensor, layout: Layout) -> Tensor:
    """P_S for every slot but the value, ``(width, slots - 1)``, from slopes ``(width, k)``."""
    out = slopes.new_zeros((len(slopes), len(layout.slots) - 1))
    for column, terms in zip(out.unbind(1), layout.slope_terms, strict=True):
        for coefficient, rows in terms:
            column.add_(_product(slopes, rows), alpha=coefficient)
    return out


def slope_products_backward(slopes: Tensor, layout: Layout, g: Tensor) -> Tensor:
    """The cotangent of the slopes ``(width, k)`` from that of their products."""
    out = torch.zeros_like(slopes)
    for column, terms in zip(g.unbind(1), layout.slope_terms, strict=True):
        for coefficient, rows in terms:
            for position, row in enumerate(rows):
                others = rows[:position] + rows[position + 1 :]
                if others:
                    out[:, row].addcmul_(column, _product(slopes, others), value=coefficient)
                else:
                    out[:, row].add_(column, alpha=coefficient)
    return out


def _product(slopes: Tensor, rows: tuple[int, ...]) -> Tensor:
    out = slopes[:, rows[0]]
    for row in rows[1:]:
        out = out * slopes[:, row]
    return out


class AffineKernel:
    """f(z) on one block, for z affine.

    Args:
        function: The derivatives of f.
        width: Number of features.
        block: Which points and slots.
        loan: Where arrays come from.
        keep: Whether there may be a way back.

    Attributes:
        argument: Where z is to be written before ``forward``, ``(width, points)``.
    """

    def __init__(
        self, function: Derivatives, width: int, block: Block, loan: Loan, *, keep: bool
    ) -> None:
        self._function, self._block = function, block
        self._order = block.layout.order + keep
        self._out = loan.take(width, len(block.numbers), block.points)
        self._f: list[Tensor] = []
        self.argument = self._out.value

    def forward(self, products: Tensor) -> Slots:
        """f(z) in all slots, from the products of slopes ``(width, slots - 1)`` of the block."""
        f = self._f = self._derivatives(self.argument)
        for k, slots in self._block.orders:
            derivatives = products[:, slots.start - 1 : slots.stop - 1, None]
            torch.mul(f[k][:, None], derivatives, out=self._out.array[:, slots])
        self._out.value.copy_(f[0])  # over z, which nothing needs any more
        return self._out

    def _derivatives(self, z: Tensor) -> list[Tensor]:
        if self._function is not POINTWISE[torch.tanh]:
            return self._function(z, self._order)
        return tanh_derivatives(tanh(z, out=torch.empty_like(z)), self._order)

    def backward(self, g: Slots, products: Tensor) -> tuple[Tensor, Tensor]:
        """The cotangents of z ``(width, points)`` and of the products, from that of f(z).

        The first is written over that of the value.
        """
        f = self._f
        grad_products = torch.empty_like(products)
        g.value.mul_(f[1])
        for k, slots in self._block.orders:
            for slot in range(slots.start, slots.stop):
                scaled = g.parts[slot] * products[:, slot - 1, None]
                g.value.addcmul_(scaled, f[k + 1])
            part = g.array[:, slots].mul_(f[k][:, None])
            torch.sum(part, -1, out=grad_products[:, slots.start - 1 : slots.stop - 1])
        return g.value, grad_products
