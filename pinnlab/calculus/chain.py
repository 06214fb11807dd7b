"""A chain of linear layers and pointwise functions, evaluated as one operation.

Most of a network is a chain z_l = W_l a_l + b_l, a_{l+1} = f_l(z_l). Evaluated layer by layer, each
layer reads and writes the jets of all points, more than the cache holds, and autograd keeps a node
and several arrays for each. Here the jets of some points, a block, go through all layers while
they are in the cache; on the way back the same blocks go through in reverse and leave the gradients
of all weights. One matrix product a layer serves all slots of a block; the bias moves only the
values.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from pinnlab.calculus.affine import AffineKernel, slope_products, slope_products_backward
from pinnlab.calculus.kernels import Kernel, kernel
from pinnlab.calculus.layout import Block, Layout
from pinnlab.calculus.pointwise import Derivatives
from pinnlab.calculus.slopes import Slopes, Units
from pinnlab.calculus.workspace import Loan, Slots

# Numbers in one slot of a block: enough to amortise the calls, few enough to stay in the cache.
BLOCK_NUMBERS = 100_000


@dataclass(frozen=True, eq=False)
class Layer:
    """One link of a chain: a linear map, then a pointwise function.

    Args:
        weight: W ``(out, in)``, or None for the identity.
        bias: b ``(out,)``, or None for zero.
        function: The derivatives of f, or None for the identity.
    """

    weight: Tensor | None = None
    bias: Tensor | None = None
    function: Derivatives | None = None


def evaluate(data: Tensor, layers: Sequence[Layer], layout: Layout) -> Tensor:
    """A chain applied to a stacked jet ``(rows, in)``, as a stacked jet ``(rows, out)``."""
    return _apply(data, None, layers, layout)


def evaluate_affine(
    value: Tensor, slopes: Tensor | Slopes, layers: Sequence[Layer], layout: Layout
) -> Tensor:
    """A chain applied to something affine in the points, as a stacked jet ``(rows, out)``.

    Args:
        value: Values ``(n, in)``.
        slopes: First derivatives ``(k, in)``, one row per first-order slot; or multiples of unit
            vectors.
        layers: The chain; its first layer has a function.
        layout: Slots and points.
    """
    return _apply(value, slopes, layers, layout)


def _apply(
    start: Tensor, slopes: Tensor | Slopes | None, layers: Sequence[Layer], layout: Layout
) -> Tensor:
    units = None
    if isinstance(slopes, Slopes):
        units = slopes.units if layers[0].weight is not None else None
        slopes = slopes.dense() if units is None else None
    tensors = [t for layer in layers for t in (layer.weight, layer.bias)]
    functions = tuple(layer.function for layer in layers)
    keep = torch.is_grad_enabled()
    return _Chain.apply(layout, functions, keep, units, start, slopes, *tensors)  # type: ignore


class _Chain(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx,
        layout: Layout,
        functions: tuple[Derivatives | None, ...],
        keep: bool,
        units: Units | None,
        start: Tensor,
        slopes: Tensor | None,
        *tensors: Tensor | None,
    ) -> Tensor:
        inputs = _Inputs(layout, start, units, slopes, tensors)
        loan = Loan(layout.workspace, start)
        out = start.new_empty((inputs.widths[-1], layout.rows))
        passes = [_BlockPass(block, functions, keep, loan) for block in inputs.blocks()]
        for one in passes:
            one.forward(inputs, out)
        ctx.layout, ctx.passes, ctx.units = layout, passes, units
        ctx.save_for_backward(start, slopes, *tensors)
        return out.T

    @staticmethod
    @once_differentiable
    def backward(ctx, *grad_outputs: Tensor):
        start, slopes, *tensors = ctx.saved_tensors
        inputs = _Inputs(ctx.layout, start, ctx.units, slopes, tensors)
        gradients = _Gradients(inputs, ctx.needs_input_grad[4:])
        for one in ctx.passes:
            one.backward(inputs, grad_outputs[0].T, gradients)
        return None, None, None, None, *gradients.finish()


class _Inputs:
    """The tensors that a chain reads.

    Attributes:
        slopes: First derivatives of an affine start by the first layer's argument, ``(width, k)``.
        products: Their products, ``(width, slots - 1)``.
    """

    def __init__(
        self,
        layout: Layout,
        start: Tensor,
        units: Units | None,
        slopes: Tensor | None,
        tensors: Sequence[Tensor | None],
    ) -> None:
        self.layout, self.start, self.units, self.start_slopes = layout, start, units, slopes
        self.weights, self.biases = tensors[0::2], tensors[1::2]
        self.widths = [start.shape[1]]
        for weight in self.weights:
            self.widths.append(self.widths[-1] if weight is None else len(weight))
        first = self.weights[0]
        if units is not None:
            assert first is not None
            self.slopes = first[:, units.columns] * units.scale
        elif slopes is not None:
            self.slopes = slopes.T if first is None else first @ slopes.T
        if self.affine:
            self.products = slope_products(self.slopes, layout)

    @property
    def affine(self) -> bool:
        """Whether the chain starts from something affine in the points."""
        return self.units is not None or self.start_slopes is not None

    def blocks(self) -> tuple[Block, ...]:
        """The blocks of points that go through the chain one after the other."""
        if self.start.device.type != "cpu":  # a GPU wants few large operations instead
            return self.layout.blocks(max(self.layout.n, 1))
        return self.layout.blocks(max(BLOCK_NUMBERS // max(self.widths), 1))

    def products_of(self, block: Block) -> Tensor:
        """The products of slopes in the slots of a block."""
        if len(block.numbers) == len(self.layout.slots):
            return self.products
        return self.products[:, [k - 1 for k in block.numbers[1:]]]


class _BlockPass:
    """One block on its way through a chain and back.

    Args:
        block: Points and slots.
        functions: Of the layers.
        keep: Whether there may be a way back.
        loan: Where arrays come from.
    """

    def __init__(
        self, block: Block, functions: tuple[Derivatives | None, ...], keep: bool, loan: Loan
    ) -> None:
        self._block, self._functions, self._keep, self._loan = block, functions, keep, loan
        self._first: AffineKernel | None = None
        self._kernels: list[Kernel | None] = [None] * len(functions)
        self._inputs: list[Slots | None] = [None] * len(functions)

    def _take(self, width: int) -> Slots:
        return self._loan.take(width, len(self._block.numbers), self._block.points)

    # --- forwards ----------------------------------------------------------------------------
    def forward(self, inputs: _Inputs, out: Tensor) -> None:
        """Write the jets of the block's points into ``out (width, rows)``."""
        a = self._enter_affine(inputs) if inputs.affine else self._enter(inputs)
        for layer in range(int(inputs.affine), len(self._functions)):
            a = self._forward(layer, a, inputs.weights[layer], inputs.biases[layer])
        for part, rows in zip(a.parts, self._block.rows, strict=True):
            out[:, rows] = part
        if not self._keep or self._functions[-1] is None:  # else a kernel needs it
            self._loan.give(a)

    def _enter(self, inputs: _Inputs) -> Slots:
        a = self._take(inputs.widths[0])
        for part, rows in zip(a.parts, self._block.rows, strict=True):
            part.copy_(inputs.start[rows].T)
        return a

    def _enter_affine(self, inputs: _Inputs) -> Slots:
        function, weight, bias = self._functions[0], inputs.weights[0], inputs.biases[0]
        assert function is not None
        first = AffineKernel(function, inputs.widths[1], self._block, self._loan, keep=self._keep)
        x = inputs.start[self._block.start : self._block.stop].T
        if weight is None:
            first.argument.copy_(x)
        elif bias is None:
            torch.mm(weight, x, out=first.argument)
        else:
            torch.addmm(bias[:, None], weight, x, out=first.argument)
        self._first = first if self._keep else None
        return first.forward(inputs.products_of(self._block))

    def _forward(self, layer: int, a: Slots, weight: Tensor | None, bias: Tensor | None) -> Slots:
        z = self._copied(layer, a) if weight is None else self._linear(layer, a, weight, bias)
        function = self._functions[layer]
        if function is None:
            return z
        made = kernel(function, self._block, self._loan, keep=self._keep)
        a = made.forward(z)
        if self._keep:
            self._kernels[layer] = made
        else:
            made.forget()
        return a

    def _linear(self, layer: int, a: Slots, weight: Tensor, bias: Tensor | None) -> Slots:
        z = self._take(len(weight))
        torch.mm(weight, a.flat, out=z.flat)
        if bias is not None:
            z.value.add_(bias[:, None])
        if self._keep:
            self._inputs[layer] = a
        else:
            self._loan.give(a)
        return z

    def _copied(self, layer: int, a: Slots) -> Slots:
        """An argument that a function may write over, though the function before needs it."""
        if not self._keep or layer == 0:
            return a
        z = self._take(len(a.array))
        z.array.copy_(a.array)
        return z

    # --- backwards ---------------------------------------------------------------------------
    def backward(self, inputs: _Inputs, grad: Tensor, gradients: "_Gradients") -> None:
        """Add what the block's points contribute to the gradients; ``grad (width, rows)``."""
        g = self._take(inputs.widths[-1])
        for part, rows in zip(g.parts, self._block.rows, strict=True):
            part.copy_(grad[:, rows])
        for layer in reversed(range(int(inputs.affine), len(self._functions))):
            made, weight, a = self._kernels[layer], inputs.weights[layer], self._inputs[layer]
            if made is not None:
                g = made.backward(g)
            if weight is not None and a is not None:
                gradients.add(layer, g.flat, a.flat.T, g.value)
                lower = self._take(weight.shape[1])
                torch.mm(weight.T, g.flat, out=lower.flat)
                self._loan.give(g)
                g = lower
        if self._first is not None:
            argument, products = self._first.backward(g, inputs.products_of(self._block))
            gradients.add_affine(self._block, argument, products)
        else:
            gradients.add_start(self._block, g)
        self._loan.give(g)


class _Gradients:
    """The gradients of everything that a chain reads, summed over blocks."""

    def __init__(self, inputs: _Inputs, needed: Sequence[bool]) -> None:
        self._inputs = inputs
        self._start_needed, self._slopes_needed, *tensors = needed
        self._needed = list(zip(tensors[0::2], tensors[1::2], strict=True))
        self._weights: list[Tensor | None] = [None] * len(self._needed)
        self._biases: list[Tensor | None] = [None] * len(self._needed)
        self._start = torch.empty_like(inputs.start) if self._start_needed else None
        self._products = torch.zeros_like(inputs.products) if inputs.affine else None

    def add(self, layer: int, g: Tensor, a: Tensor, value: Tensor) -> None:
        """A linear layer's.

        Args:
            layer: Its number.
            g: The cotangent of its result in all slots, ``(width, slots * points)``.
            a: Its input ``(slots * points, in)``.
            value: The cotangent of its values, ``(width, points)``.
        """
        with_weight, with_bias = self._needed[layer]
        if with_weight:
            known = self._weights[layer]
            self._weights[layer] = torch.mm(g, a) if known is None else known.addmm_(g, a)
        if with_bias:
            known, more = self._biases[layer], value.sum(1)
            self._biases[layer] = more if known is None else known.add_(more)

    def add_start(self, block: Block, g: Slots) -> None:
        """That of a stacked start."""
        if self._start is not None:
            for part, rows in zip(g.parts, block.rows, strict=True):
                self._start[rows] = part.T

    def add_affine(self, block: Block, argument: Tensor, products: Tensor) -> None:
        """Those of the first layer, from the cotangents of its argument and slope products."""
        assert self._products is not None
        points = slice(block.start, block.stop)
        self.add(0, argument, self._inputs.start[points], argument)
        for k, number in enumerate(block.numbers[1:]):
            self._products[:, number - 1] += products[:, k]
        weight = self._inputs.weights[0]
        if self._start is not None:
            self._start[points] = argument.T if weight is None else argument.T @ weight

    def finish(self) -> list[Tensor | None]:
        """Start, slopes, and every weight and bias in turn."""
        grad_slopes = None
        inputs = self._inputs
        if self._products is not None:
            g = slope_products_backward(inputs.slopes, inputs.layout, self._products)
            weight, units, slopes = inputs.weights[0], inputs.units, inputs.start_slopes
            if self._weights[0] is not None and units is not None:
                self._weights[0].index_add_(1, units.columns, g * units.scale)
            elif self._weights[0] is not None and slopes is not None:
                self._weights[0].addmm_(g, slopes)
            if self._slopes_needed:
                grad_slopes = g.T if weight is None else g.T @ weight
        tensors = [t for pair in zip(self._weights, self._biases, strict=True) for t in pair]
        return [self._start, grad_slopes, *tensors]
