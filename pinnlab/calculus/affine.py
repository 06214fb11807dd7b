"""The first layer: a pointwise function of something affine in the points.

Where z is affine, its first derivatives s_i are numbers per feature and its higher ones vanish, so
that f(z)_S = f^{(k)}(z) P_S with the products of slopes P_S = Π s_i, k of them, or Σ c Π s_i for a
collapsed sum. They do not depend on the point: a slot costs one multiplication.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pinnlab.calculus.blocks import Block
from pinnlab.calculus.calls import Call
from pinnlab.calculus.fast_tanh import bound_tanh
from pinnlab.calculus.layout import Layout
from pinnlab.calculus.pointwise import POINTWISE, Derivatives
from pinnlab.calculus.strips import Input, Local, Operand, Program, set_tanh_derivatives
from pinnlab.calculus.workspace import Slots


class SlopeProducts:
    """All products P of a layout, from slopes, and the way back.

    Args:
        layout: Which products.
        like: A tensor ``(width, ...)`` of the right type.

    Attributes:
        values: The products, ``(P, width)``.
    """

    def __init__(self, layout: Layout, like: Tensor) -> None:
        self._terms = [product.terms for product in layout.slope_products]
        count, width = len(layout.directions), len(like)
        self._slopes, self._g_slopes = like.new_empty((2, 1, count, width))
        self._values, self._g_values = like.new_empty((2, 1, len(self._terms), width))
        self.values = self._values[0]
        self._onwards, self._back = Program(self._slopes), Program(self._slopes)
        self._room = like.new_empty((1, 1, width))
        self._set_up()
        self._set_up_way_back()

    def _set_up(self) -> None:
        program, room = self._onwards, self._onwards.local(self._room)[0]
        for out, terms in zip(self._values.unbind(1), self._terms, strict=True):
            write = program.set
            for c, rows in terms:
                write(out, *self._factors(program, room, rows), factor=c)
                write = program.add

    def _set_up_way_back(self) -> None:
        program, room = self._back, self._back.local(self._room)[0]
        pulled = self._g_slopes.unbind(1)
        for g, terms in zip(self._g_values.unbind(1), self._terms, strict=True):
            for c, rows in terms:
                for position, row in enumerate(rows):
                    others = rows[:position] + rows[position + 1 :]
                    if len(others) > 1:
                        program.set(room, *self._factors(program, room, others))
                        program.add(pulled[row], g, room, factor=c)
                    else:
                        factors = self._factors(program, room, others) if others else ()
                        program.add(pulled[row], g, *factors, factor=c)

    def _factors(self, program: Program, room: Local, rows: Sequence[int]) -> Sequence[Operand]:
        """One or two arrays, the product of which is that of some slopes."""
        slopes = [self._slopes[:, row] for row in rows]
        if len(slopes) < 3:
            return slopes
        program.set(room, slopes[0], slopes[1])
        for slope in slopes[2:-1]:
            program.set(room, room, slope)
        return room, slopes[-1]

    def forward(self, slopes: Tensor) -> None:
        """Write ``values``, from slopes ``(width, k)``."""
        self._slopes[0].copy_(slopes.T)
        self._onwards.run()

    def backward(self, g: Tensor) -> Tensor:
        """The cotangent of the slopes ``(width, k)`` from that of their products ``(width, P)``."""
        self._g_values[0].copy_(g.T)
        self._g_slopes.zero_()
        self._back.run()
        return self._g_slopes[0].T.clone()  # the next one writes over it


class AffineKernel:
    """f(z) on one block, for z affine.

    Args:
        function: The derivatives of f.
        block: Which points and slots.
        z: Where z is to be written before ``forward``, ``(width, points)``.
        out: Where f(z) goes.
        g: Where the cotangent of f(z) stands on the way back, or None if there is none.
        slopes: The products of slopes of the block's slots, ``(width, 1)`` each.
        take: Gives room of a name and a shape, whose contents others may overwrite later.

    Attributes:
        argument: The array ``z``; on the way back its cotangent.
        cotangents: What those of the products of slopes are the sums of, feature by feature,
            ``(width * products, inner)``.
    """

    def __init__(
        self,
        function: Derivatives,
        block: Block,
        z: Tensor,
        out: Slots,
        g: Slots | None,
        slopes: Sequence[Tensor],
        take: Callable[..., Tensor],
    ) -> None:
        self._function, self.argument, self._out = function, z, out
        self._keep, self._inner = g is not None, block.inner
        self._order, self._tanh = block.layout.order, None
        self._products = block.layout.slope_products
        self._slopes = slopes
        self._f: list[Tensor] = []
        self._backs: dict[tuple, Program] = {}  # by where they add up
        self._onwards, self._g, self._take = Program(z), g, take
        if function is POINTWISE[torch.tanh]:
            # Compiled code writes the result, which fetches it into the cache in time.
            self._tanh = bound_tanh(z, z)
            self._onwards.set(out.value, z)
        self._set_up(self._onwards, self._derivatives(self._onwards, self._order, take))
        if g is not None:
            self.cotangents = take("cotangents", len(z) * len(self._products), block.inner)

    def _derivatives(
        self, program: Program, order: int, take: Callable[..., Tensor]
    ) -> Sequence[Operand]:
        """f(z) and its derivatives; those of tanh follow from its values."""
        width, points = self.argument.shape
        if self._tanh is None:
            return [Input(k, points) for k in range(order + 1)]
        first = program.local(take("tangent's slope", width, 1, points))
        higher = program.local(take("tangent's derivatives", width, max(order - 1, 0), self._inner))
        f = [first[0], *(higher[k] for k in range(order - 1))][:order]
        set_tanh_derivatives(program, self._out.value, f)
        return [self._out.value, *f]

    def _set_up(self, program: Program, f: Sequence[Operand]) -> None:
        if self._tanh is None:
            program.set(self._out.value, f[0])
        written = set()
        for product, slope in zip(self._products, self._slopes, strict=True):
            write = program.add if product.slot in written else program.set
            write(self._out.parts[product.slot], f[product.order], slope)
            written.add(product.slot)

    def _way_back(self, biases: Tensor | None, products: Sequence[Tensor] | None) -> Program:
        program, g, take, width = Program(self.argument), self._g, self._take, len(self.argument)
        assert g is not None
        # The derivatives of tanh are computed again, which is faster than fetching them.
        f = self._derivatives(program, self._order + 1, take)
        combined = program.local(take("combined", width, 1, self._inner))[0]
        program.set(self.argument, g.value, f[1])
        own = [g.parts[product.slot] for product in self._products]
        orders = [product.order for product in self._products]
        if products is None:
            cotangents = self.cotangents.view(width, -1, self._inner).unbind(1)
            for cotangent, part, order in zip(cotangents, own, orders, strict=True):
                program.set(cotangent, part, f[order])
        else:
            for total, part, order in zip(products, own, orders, strict=True):
                program.add_sum(total, part, f[order])
        for order in sorted(set(orders)):
            first, *others = (k for k, one in enumerate(orders) if one == order)
            program.set(combined, own[first], self._slopes[first])
            for k in others:
                program.add(combined, own[k], self._slopes[k])
            program.add(self.argument[:, : self._inner], combined, f[order + 1])
        if biases is not None:
            program.add_sum(biases, self.argument)
        return program

    def forward(self) -> list[Call]:
        """What writes f(z)."""
        if self._tanh is not None:
            return [(self._tanh, ()), self._onwards.call()]
        return [(self._forward, ())]

    def backward(
        self, biases: Tensor | None = None, products: Sequence[Tensor] | None = None
    ) -> list[Call]:
        """What writes the cotangent of z over z.

        Args:
            biases: Where that is added up over the points, ``(width, 1)``.
            products: Where those of the products of slopes are added up, ``(width, 1)`` each; they
                are written into ``cotangents`` without it.
        """
        sums = [biases, *([None] if products is None else products)]
        key = tuple(None if total is None else total.data_ptr() for total in sums)
        if key not in self._backs:
            self._backs[key] = self._way_back(biases, products)
        back = self._backs[key]
        return [back.call() if self._tanh is not None else (self._run_back, (back,))]

    def _forward(self) -> None:
        f = self._function(self.argument, self._order + self._keep)
        self._onwards.run(*f)
        if self._keep:
            self._f = f

    def _run_back(self, program: Program) -> None:
        program.run(*self._f)
