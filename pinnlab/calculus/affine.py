"""The first layer: a pointwise function of something affine in the points.

Where z is affine, its first derivatives s_i are numbers per feature and its higher ones vanish, so
that f(z)_S = f^{(k)}(z) P_S with the products of slopes P_S = Π s_i, k of them, or Σ c Π s_i for a
collapsed sum. They do not depend on the point: a slot costs one multiplication.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from pinnlab.calculus.blocks import Block
from pinnlab.calculus.fast_tanh import tanh
from pinnlab.calculus.layout import Layout
from pinnlab.calculus.pointwise import POINTWISE, Derivatives, tanh_derivatives
from pinnlab.calculus.workspace import Slots


def slope_products(slopes: Tensor, layout: Layout) -> Tensor:
    """All products P of a layout, ``(width, products)``, from slopes ``(width, k)``."""
    out = slopes.new_zeros((len(slopes), len(layout.slope_products)))
    for column, product in zip(out.unbind(1), layout.slope_products, strict=True):
        for coefficient, rows in product.terms:
            column.add_(_product(slopes, rows), alpha=coefficient)
    return out


def slope_products_backward(slopes: Tensor, layout: Layout, g: Tensor) -> Tensor:
    """The cotangent of the slopes ``(width, k)`` from that of their products."""
    out = torch.zeros_like(slopes)
    for column, product in zip(g.unbind(1), layout.slope_products, strict=True):
        for coefficient, rows in product.terms:
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
        block: Which points and slots.
        z: Where z is to be written before ``forward``, ``(width, points)``.
        out: Where f(z) goes.
        g: Where the cotangent of f(z) stands on the way back, or None if there is none.
        room: Arrays like ``z``, two more than the order of the block.

    Attributes:
        argument: The array ``z``; on the way back its cotangent.
    """

    def __init__(
        self,
        function: Derivatives,
        block: Block,
        z: Tensor,
        out: Slots,
        g: Slots | None,
        room: list[Tensor],
    ) -> None:
        self._function, self.argument = function, z
        self._order, self._keep = block.layout.order, g is not None
        self._out, self._g, self._inner = out, g, block.inner
        self._product, self._room = room[0][:, : block.inner], room[1:]
        self._products = block.layout.slope_products
        self._f: list[Tensor] = []

    def forward(self, products: list[Tensor]) -> None:
        """Write f(z), from the products of slopes of the block's slots, ``(width, 1)`` each."""
        heads = self._heads(self._evaluate())
        written: set[int] = set()
        for product, slope in zip(self._products, products, strict=True):
            part, derivative = self._out.parts[product.slot], heads[product.order]
            if product.slot in written:
                part.addcmul_(derivative, slope)
            else:
                torch.mul(derivative, slope, out=part)
            written.add(product.slot)

    def _heads(self, f: list[Tensor]) -> list[Tensor]:
        """Where there are derivatives."""
        return [one[:, : self._inner] for one in f]

    def _evaluate(self) -> list[Tensor]:
        """Write f(z); the result are its derivatives as well."""
        z, value = self.argument, self._out.value
        if self._function is POINTWISE[torch.tanh]:
            return tanh_derivatives(tanh(z, out=value), self._order, self._room)
        f = self._function(z, self._order + self._keep)
        value.copy_(f[0])
        if self._keep:
            self._f = f
        return f

    def _again(self) -> list[Tensor]:
        """All derivatives on the way back; computing those of tanh is faster than fetching them."""
        if self._function is POINTWISE[torch.tanh]:
            return tanh_derivatives(self._out.value, self._order + 1, self._room)
        return self._f

    def backward(self, products: list[Tensor], receive: Callable[[int, Tensor], None]) -> None:
        """Write the cotangent of z over z.

        Args:
            products: As on the way forward.
            receive: Takes the number of a product, and the array ``(width, inner)`` whose columns
                add up to its cotangent; it holds something else afterwards.
        """
        f, g = self._again(), self._g
        assert g is not None
        heads, room = self._heads(f), self._product
        grad = torch.mul(g.value, f[1], out=self.argument)[:, : self._inner]
        for k, (product, slope) in enumerate(zip(self._products, products, strict=True)):
            part, lower, upper = g.parts[product.slot], *heads[product.order : product.order + 2]
            receive(k, torch.mul(part, lower, out=room))
            grad.addcmul_(torch.mul(part, upper, out=room), slope)
