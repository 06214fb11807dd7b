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
    columns = []
    for product in layout.slope_products:
        (c, rows), *others = product.terms
        column = _product(slopes, rows)
        column = column if c == 1.0 else column * c
        for c, rows in others:
            column = torch.add(column, _product(slopes, rows), alpha=c)
        columns.append(column)
    return torch.stack(columns, 1) if columns else slopes.new_empty((len(slopes), 0))


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
        slots = [product.slot for product in self._products]
        self._first = [k == 0 or slot != slots[k - 1] for k, slot in enumerate(slots)]
        orders = [product.order for product in self._products]
        self._by_order = [
            (order, [k for k, own in enumerate(orders) if own == order])
            for order in sorted(set(orders))
        ]
        self._f: list[Tensor] = []
        self._tanh = function is POINTWISE[torch.tanh]
        # Where tanh and its derivatives always stand, and what they are computed from.
        self._places = [out.head, *(array[:, : block.inner] for array in self._room)]
        self._constants = z.new_zeros(()), z.new_ones(())

    def forward(self, products: list[Tensor]) -> None:
        """Write f(z), from the products of slopes of the block's slots, ``(width, 1)`` each."""
        heads = self._evaluate()
        for product, slope, first in zip(self._products, products, self._first, strict=True):
            part, derivative = self._out.parts[product.slot], heads[product.order]
            if first:
                torch.mul(derivative, slope, out=part)
            else:
                part.addcmul_(derivative, slope)

    def _heads(self, f: list[Tensor]) -> list[Tensor]:
        """Where there are derivatives."""
        return [one[:, : self._inner] for one in f]

    def _evaluate(self) -> list[Tensor]:
        """Write f(z); the result are its derivatives as well, where they are asked for."""
        z, value = self.argument, self._out.value
        if self._tanh:
            tanh(z, out=value)
            self._derive(self._order)
            return self._places
        f = self._function(z, self._order + self._keep)
        value.copy_(f[0])
        if self._keep:
            self._f = f
        return self._heads(f)

    def _derive(self, order: int) -> list[Tensor]:
        """The derivatives of tanh, from its values."""
        return tanh_derivatives(self._out.value, order, self._room, self._constants)

    def backward(self, products: list[Tensor], receive: Callable[[int, Tensor], None]) -> None:
        """Write the cotangent of z over z.

        Args:
            products: As on the way forward.
            receive: Takes the number of a product, and the array ``(width, inner)`` whose columns
                add up to its cotangent; it holds something else afterwards.
        """
        # Those of tanh are computed again, which is faster than fetching them.
        f = self._derive(self._order + 1) if self._tanh else self._f
        heads, g, room = self._places if self._tanh else self._heads(f), self._g, self._product
        assert g is not None
        grad = torch.mul(g.value, f[1], out=self.argument)[:, : self._inner]
        for k, product in enumerate(self._products):
            receive(k, torch.mul(g.parts[product.slot], heads[product.order], out=room))
        for order, numbers in self._by_order:
            first, *others = numbers
            combined = torch.mul(g.parts[self._products[first].slot], products[first], out=room)
            for k in others:
                combined.addcmul_(g.parts[self._products[k].slot], products[k])
            grad.addcmul_(combined, heads[order + 1])
