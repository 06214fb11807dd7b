"""The first layer: a pointwise function of something affine in the points.

Where z is affine, its first derivatives s_i are numbers per feature and its higher ones vanish, so
that f(z)_S = f^{(k)}(z) P_S with the products of slopes P_S = Π s_i, k of them, or Σ c Π s_i for a
collapsed sum. They do not depend on the point: a slot costs one multiplication.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pinnlab.calculus.blocks import Block
from pinnlab.calculus.fast_tanh import tanh
from pinnlab.calculus.layout import Layout
from pinnlab.calculus.pointwise import POINTWISE, Derivatives
from pinnlab.calculus.strips import Input, Local, Operand, Program, set_tanh_derivatives
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
        take: Gives room of a name and a shape, whose contents others may overwrite later.

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
        take: Callable[..., Tensor],
    ) -> None:
        self._function, self.argument, self._out = function, z, out
        self._keep, self._inner = g is not None, block.inner
        self._order, self._tanh = block.layout.order, function is POINTWISE[torch.tanh]
        self._products = block.layout.slope_products
        self._slopes = z.new_empty((len(z), len(self._products)))
        self._f: list[Tensor] = []
        self._onwards, self._back = Program(z), Program(z)
        self._set_up(self._onwards, self._derivatives(self._onwards, self._order, take))
        if g is not None:
            shape = len(z), len(self._products), block.inner
            self._cotangents = take("cotangents of products", *shape)
            # Those of tanh are computed again, which is faster than fetching them.
            f = self._derivatives(self._back, self._order + 1, take)
            combined = self._back.local(take("combined", len(z), 1, block.inner))
            self._set_up_way_back(self._back, f, g, combined[0])

    def _derivatives(
        self, program: Program, order: int, take: Callable[..., Tensor]
    ) -> Sequence[Operand]:
        """f(z) and its derivatives; those of tanh follow from its values."""
        width, points = self.argument.shape
        if not self._tanh:
            return [Input(k, points) for k in range(order + 1)]
        first = program.local(take("tangent's slope", width, 1, points))
        higher = program.local(take("tangent's derivatives", width, max(order - 1, 0), self._inner))
        f = [first[0], *(higher[k] for k in range(order - 1))][:order]
        set_tanh_derivatives(program, self._out.value, f)
        return [self._out.value, *f]

    def _columns(self) -> tuple[Tensor, ...]:
        """The products of slopes, ``(width, 1)`` each."""
        return self._slopes.unsqueeze(-1).unbind(1)

    def _set_up(self, program: Program, f: Sequence[Operand]) -> None:
        if not self._tanh:
            program.set(self._out.value, f[0])
        written = set()
        for product, slope in zip(self._products, self._columns(), strict=True):
            write = program.add if product.slot in written else program.set
            write(self._out.parts[product.slot], f[product.order], slope)
            written.add(product.slot)

    def _set_up_way_back(
        self, program: Program, f: Sequence[Operand], g: Slots, combined: Local
    ) -> None:
        program.set(self.argument, g.value, f[1])
        own = [g.parts[product.slot] for product in self._products]
        orders = [product.order for product in self._products]
        for cotangent, part, order in zip(self._cotangents.unbind(1), own, orders, strict=True):
            program.set(cotangent, part, f[order])
        slopes = self._columns()
        for order in sorted(set(orders)):
            first, *others = (k for k, one in enumerate(orders) if one == order)
            program.set(combined, own[first], slopes[first])
            for k in others:
                program.add(combined, own[k], slopes[k])
            program.add(self.argument[:, : self._inner], combined, f[order + 1])

    def forward(self, products: Sequence[Tensor]) -> None:
        """Write f(z), from the products of slopes of the block's slots, ``(width, 1)`` each."""
        if products:
            torch.cat(list(products), 1, out=self._slopes)
        if self._tanh:
            tanh(self.argument, out=self._out.value)
            self._onwards.run()
            return
        f = self._function(self.argument, self._order + self._keep)
        self._onwards.run(*f)
        if self._keep:
            self._f = f

    def backward(self, receive: Callable[[int, Tensor], None]) -> None:
        """Write the cotangent of z over z.

        Args:
            receive: Takes the number of a product, and the array ``(width, inner)`` whose columns
                add up to its cotangent; it holds something else afterwards.
        """
        self._back.run(*self._f)
        for k, cotangent in enumerate(self._cotangents.unbind(1)):
            receive(k, cotangent)
