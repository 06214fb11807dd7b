"""A chain of linear layers and pointwise functions, evaluated as one operation.

Most of a network is a chain z_l = W_l a_l + b_l, a_{l+1} = f_l(z_l). Evaluated layer by layer, each
layer reads and writes the jets of all points, more than the cache holds, and autograd keeps a node
and several arrays for each. Here the jets of some points, a block, go through all layers while
they are in the cache; on the way back the same blocks go through in reverse and leave the gradients
of all weights. One matrix product a layer serves all slots of a block; the bias moves only the
values.

Blocks are independent of each other. Several threads take some of them each, with memory and sums
of gradients of their own.
"""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from pinnlab.calculus.affine import AffineKernel, SlopeProducts
from pinnlab.calculus.blocks import LINE, Block, cut, shared_out
from pinnlab.calculus.chain_gradients import Gradients, Inputs, SplitGradients
from pinnlab.calculus.direction_chain import DirectionChain, Structure, fits
from pinnlab.calculus.kernels import Arrays, Kernel, kernel_of
from pinnlab.calculus.layout import Layout
from pinnlab.calculus.linear_map import LinearMap
from pinnlab.calculus.pointwise import ENTIRE, Derivatives
from pinnlab.calculus.products import NARROW
from pinnlab.calculus.row_split import Shares, Span
from pinnlab.calculus.slopes import Slopes, Units
from pinnlab.calculus.workspace import Scratch, Slots
from pinnlab.parallel import Task, one_thread, run_at_once, threads

# Numbers in all slots of a block: enough to amortise the calls, few enough to stay in the cache.
BLOCK_NUMBERS = 300_000
# Numbers in all slots that keep a thread busy: of shorter operations threads wait for each other.
SHARE_NUMBERS = 100_000
# Numbers that are rather computed for nothing than cut off into a block of their own.
SPARE_NUMBERS = 10_000


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
    return apply(data, None, layers, layout, BlockPass)


def evaluate_affine(
    value: Tensor, slopes: Tensor | Slopes, layers: Sequence[Layer], layout: Layout
) -> Tensor:
    """A chain applied to something affine in the points, as a stacked jet ``(rows, out)``.

    Args:
        value: Values ``(n, in)``.
        slopes: First derivatives ``(k, in)``, one row per direction of the layout; or multiples of
            unit vectors.
        layers: The chain; its first layer has a function.
        layout: Slots and points.
    """
    return apply(value, slopes, layers, layout, BlockPass)


def apply(
    start: Tensor,
    slopes: Tensor | Slopes | None,
    layers: Sequence[Layer],
    layout: Layout,
    kind: "type[Pass]",
) -> Tensor:
    """Layers applied to a jet as one operation, as a stacked jet ``(rows, out)``.

    Args:
        start: Stacked jet ``(rows, in)``, or the values ``(n, in)`` of something affine.
        slopes: Its first derivatives, see :func:`evaluate_affine`; None for a stacked jet.
        layers: What the pass reads.
        layout: Slots and points.
        kind: How a block goes through the layers.
    """
    units = None
    if isinstance(slopes, Slopes):
        units = slopes.units if layers[0].weight is not None else None
        slopes = slopes.dense() if units is None else None
    tensors = [t for layer in layers for t in (layer.weight, layer.bias)]
    functions = tuple(layer.function for layer in layers)
    keep = torch.is_grad_enabled()
    affine = units is not None or slopes is not None
    if kind is BlockPass and affine and fits(layout, tensors[0::2], functions):
        lease = layout.workspace.lease(Structure, lambda: Structure.of(layout))
        if lease.item is not None:
            return DirectionChain.apply(lease, functions, keep, units, start, slopes, *tensors)  # type: ignore
    return _Chain.apply(kind, layout, functions, keep, units, start, slopes, *tensors)  # type: ignore


class _Chain(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx,
        kind: "type[Pass]",
        layout: Layout,
        functions: tuple[Derivatives | None, ...],
        keep: bool,
        units: Units | None,
        start: Tensor,
        slopes: Tensor | None,
        *tensors: Tensor | None,
    ) -> Tensor:
        inputs = Inputs(layout, start, units, slopes, tensors)
        linear = tuple(weight is not None for weight in inputs.weights)
        shape = Shape(functions, linear, inputs.widths, inputs.affine, keep)
        key = (kind, shape, start.dtype, start.device, BLOCK_NUMBERS, SHARE_NUMBERS, threads())
        ctx.lease = layout.workspace.lease(key, lambda: Passes.of(kind, layout, shape, start))
        shares, inputs.products = ctx.lease.item.shares, ctx.lease.item.products
        if inputs.products is not None:
            inputs.products.forward(inputs.slopes)
        out = start.new_empty((inputs.widths[-1], layout.rows))
        tasks = [partial(_forward, share, inputs, out) for share in shares]
        ctx.lease.item.run(tasks)
        ctx.inputs = inputs
        ctx.save_for_backward(start, slopes, *tensors)
        return out.T

    @staticmethod
    @once_differentiable
    def backward(ctx, *grad_outputs: Tensor):
        _ = ctx.saved_tensors  # which refuses tensors that were written over meanwhile
        inputs, shares, needed = ctx.inputs, ctx.lease.item.shares, ctx.needs_input_grad[5:]
        split, grad = inputs.layout.workspace.split, grad_outputs[0].T
        if split is None:
            gradients = Gradients(inputs, needed)
        else:
            gradients = SplitGradients(inputs, needed, split)
        sums = [gradients, *(gradients.apart() for _ in shares[1:])]
        pairs = zip(shares, sums, strict=True)
        tasks = [partial(_backward, share, inputs, grad, own) for share, own in pairs]
        ctx.lease.item.run(tasks)
        for other in sums[1:]:
            gradients.join(other)
        return None, None, None, None, None, *gradients.finish()


def _forward(share: list["Pass"], inputs: Inputs, out: Tensor) -> None:
    """What one thread does on the way forward."""
    for one in share:
        one.forward(inputs, out)


def _backward(share: list["Pass"], inputs: Inputs, grad: Tensor, gradients: Gradients) -> None:
    """What one thread does on the way back."""
    for one in share:
        one.backward(inputs, grad, gradients)


@dataclass(frozen=True)
class Shape:
    """What the passes of a chain depend on, besides layout and type.

    Args:
        functions: Of the layers.
        linear: Which layers have weights.
        widths: Of the start and of every result.
        affine: Whether the chain starts from something affine in the points.
        keep: Whether there may be a way back.
    """

    functions: tuple[Derivatives | None, ...]
    linear: tuple[bool, ...]
    widths: tuple[int, ...]
    affine: bool
    keep: bool


@dataclass(frozen=True, eq=False)
class Common:
    """What all blocks of a thread share.

    Args:
        layout: Of all points.
        shape: Of the chain.
        products: The products of slopes of an affine start.
        scratch: Memory.
        like: A tensor of the right type.
    """

    layout: Layout
    shape: Shape
    products: SlopeProducts | None
    scratch: Scratch
    like: Tensor


@dataclass(frozen=True, eq=False)
class Passes:
    """All blocks of points that go through a chain.

    Args:
        shares: Those of each thread.
        products: The products of slopes of an affine start.
        short: Whether several threads would only wait for each other.
    """

    shares: list[list["Pass"]]
    products: SlopeProducts | None
    short: bool

    @classmethod
    def of(cls, kind: "type[Pass]", layout: Layout, shape: Shape, like: Tensor) -> "Passes":
        """All passes of one kind."""
        width = kind.width(shape)
        entire = all(f is None or f in ENTIRE for f in shape.functions)
        spare = SPARE_NUMBERS // width if entire else 0
        if like.device.type == "cpu":
            count = max(min(threads(), layout.rows * width // SHARE_NUMBERS), 1)
            points = max(BLOCK_NUMBERS // (width * len(layout.slots)), 1)
            blocks = cut(layout, points, spare, count)
        else:
            blocks = cut(layout, layout.n, spare)  # a GPU wants few large operations instead
            count = 1
        products = None
        if shape.affine:
            products = SlopeProducts(layout, like.new_empty((shape.widths[1], 0)))
        shares = []
        for share in shared_out(blocks, count):
            common = Common(layout, shape, products, Scratch(like), like)
            shares.append([kind(block, common) for block in share])
        short = like.device.type == "cpu" and layout.rows * max(shape.widths) < 2 * SHARE_NUMBERS
        return cls(shares, products, short)

    def run(self, tasks: Sequence[Task]) -> None:
        """Carry out what is to be done with each share."""
        with one_thread() if self.short else nullcontext():
            run_at_once(tasks, every_step=True)


class Pass(ABC):
    """One block on its way through layers and back.

    Args:
        block: Points and slots.
        common: What all blocks of a thread share.
    """

    def __init__(self, block: Block, common: Common) -> None:
        layout, products = common.layout, common.products
        self._block, self._shape, self._scratch = block, common.shape, common.scratch
        self._like = common.like.new_empty(0)
        self._whole = block.size == layout.rows
        present = set(block.numbers)
        self._products = [k for k, p in enumerate(layout.slope_products) if p.slot in present]
        self._slopes = []
        if products is not None:
            self._slopes = [products.values[k][:, None] for k in self._products]
        self._shares: dict[tuple[tuple[Span, ...], ...], Shares] = {}
        self._first_map: LinearMap | None = None

    @staticmethod
    @abstractmethod
    def width(shape: Shape) -> int:
        """The features that determine how many points make a block."""

    @abstractmethod
    def forward(self, inputs: Inputs, out: Tensor) -> None:
        """Write the jets of the block's points into ``out (width, rows)``."""

    def backward(self, inputs: Inputs, grad: Tensor, gradients: Gradients) -> None:
        """Add what the block's points contribute to the gradients; ``grad (width, rows)``."""
        if gradients.enter(self):
            self._backward(inputs, grad, gradients)

    @abstractmethod
    def _backward(self, inputs: Inputs, grad: Tensor, gradients: Gradients) -> None:
        """The same, if anybody needs the block."""

    def shares(self, spans: tuple[tuple[Span, ...], ...]) -> Shares:
        """What quantities own of the block, see :class:`RowSplit`."""
        if spans not in self._shares:
            self._shares[spans] = Shares(self._block, spans, self._like)
        return self._shares[spans]

    def _slots(self, name: str, width: int, *, kept: bool = False) -> Slots:
        """An array of its own, or that of the name, which other blocks use as well."""
        block = self._block
        shape = (width, -(-block.size // LINE) * LINE)  # every row begins a line of the cache
        room = self._like.new_empty(shape) if kept else self._scratch.take(name, *shape)
        flat = room[:, : block.size]
        return Slots(flat, len(block.numbers), block.points, block.inner)

    def _room(self, width: int) -> Tensor:
        """Two slots at the points with derivatives."""
        return self._scratch.take("room", width, 2, self._block.inner)

    def _affine_kernel(self, out: Slots, g: Slots | None) -> AffineKernel:
        """The first layer of an affine start, from its result and the cotangent of that."""
        block, width, function = self._block, len(out.flat), self._shape.functions[0]
        assert function is not None
        z = self._scratch.take("z", width, block.points)
        if self._shape.widths[0] < NARROW.stop:
            x = self._like.new_empty((self._shape.widths[0], block.points))
            self._first_map = LinearMap(x, z, block.points, z)
        return AffineKernel(function, block, z, out, g, self._slopes, self._scratch.take)

    def _enter_affine(self, first: AffineKernel, inputs: Inputs) -> None:
        weight, bias = inputs.weights[0], inputs.biases[0]
        if weight is None:
            first.argument.copy_(self._points_of(inputs))
        else:
            self._entered(first, inputs, write=True).forward(weight, bias)
        first.forward()

    def _leave_affine(self, first: AffineKernel, inputs: Inputs, gradients: Gradients) -> None:
        first.backward()
        gradients.add_products(self._products, first)
        gradients.add_affine(self._block, self._entered(first, inputs, write=False))

    def _entered(self, first: AffineKernel, inputs: Inputs, *, write: bool) -> LinearMap:
        """The first layer; few coordinates are copied to where products read them faster."""
        if self._first_map is None:
            z = first.argument
            return LinearMap(self._points_of(inputs), z, self._block.points, z)
        if write:
            self._first_map.weights.a.copy_(self._points_of(inputs))
        return self._first_map

    def _points_of(self, inputs: Inputs) -> Tensor:
        return inputs.start[self._block.start : self._block.stop].T

    def _read(self, a: Slots, stacked: Tensor) -> None:
        """Copy the block's part of a stacked jet ``(width, rows)``, zeros where it has none."""
        if self._whole:
            a.flat.copy_(stacked)
            return
        rows = self._block.rows
        a.value.copy_(stacked[:, rows[0]])
        for part, own in zip(a.parts[1:], rows[1:], strict=True):
            length = own.stop - own.start
            if length < self._block.inner:
                part[:, length:] = 0
                part = part[:, :length]
            part.copy_(stacked[:, own])

    def _write(self, a: Slots, stacked: Tensor) -> None:
        """Copy to the block's part of a stacked jet ``(width, rows)``."""
        if self._whole:
            stacked.copy_(a.flat)
            return
        rows = self._block.rows
        for part, own in zip((a.value, *a.parts[1:]), rows, strict=True):
            stacked[:, own] = part[:, : own.stop - own.start]


class BlockPass(Pass):
    """One layer after the other; see :class:`Pass` for the arguments."""

    def __init__(self, block: Block, common: Common) -> None:
        super().__init__(block, common)
        shape = common.shape
        # The cotangents of the results of all layers, and of what their linear maps give.
        count = len(shape.functions)
        self._g: list[Slots | None] = [None] * (count + 1)
        self._gz: list[Slots | None] = [None] * count
        if shape.keep:
            self._set_up_cotangents()
        # The inputs of all layers, their linear maps and functions.
        self._a: list[Slots] = []
        self._maps: list[LinearMap | None] = []
        self._kernels: list[Kernel | None] = []
        self._first = self._set_up_affine() if shape.affine else None
        if self._first is None:
            self._a.append(self._slots("even", shape.widths[0], kept=shape.keep))
        for layer in range(shape.affine, count):
            self._set_up(layer)

    @staticmethod
    def width(shape: Shape) -> int:
        """See :class:`Pass`."""
        return max(shape.widths[shape.affine :])  # an affine start is never written out

    def _set_up_cotangents(self) -> None:
        names = itertools.cycle(("g", "h"))
        shape = self._shape
        g = self._slots(next(names), shape.widths[-1])
        for layer in reversed(range(len(shape.functions))):
            self._g[layer + 1] = g
            if layer == 0 and shape.affine:
                return
            if shape.functions[layer] is not None:
                g = self._slots(next(names), shape.widths[layer + 1])
            self._gz[layer] = g
            if shape.linear[layer]:
                g = self._slots(next(names), shape.widths[layer])
        self._g[0] = g

    def _set_up_affine(self) -> AffineKernel:
        out = self._slots("odd", self._shape.widths[1], kept=self._shape.keep)
        self._a += [out, out]  # the start itself is never written out
        self._maps.append(None)
        self._kernels.append(None)
        return self._affine_kernel(out, self._g[1])

    def _set_up(self, layer: int) -> None:
        shape = self._shape
        function, width = shape.functions[layer], shape.widths[layer + 1]
        name, last = ("odd", "even")[layer % 2], layer + 1 == len(shape.functions)
        make = None if function is None else kernel_of(function)
        if not shape.linear[layer]:
            z = self._a[layer]
        elif make is None and not last:
            z = self._slots(name, width, kept=shape.keep)
        else:
            kept = make is not None and make.keeps_argument and shape.keep
            z = self._slots("z", width, kept=kept)
        self._maps.append(self._map(layer, z) if shape.linear[layer] else None)
        if make is None:
            self._a.append(z)
            self._kernels.append(None)
            return
        out = self._slots(name, width, kept=shape.keep)
        slope = self._slots("slope", width)
        arrays = Arrays(z, out, self._g[layer + 1], self._gz[layer], slope, self._room(width))
        self._a.append(out)
        assert function is not None
        self._kernels.append(make(self._block, arrays, function))

    def _map(self, layer: int, z: Slots) -> LinearMap:
        g, pulled = (None if s is None else s.flat for s in (self._gz[layer], self._g[layer]))
        return LinearMap(self._a[layer].flat, z.flat, self._block.points, g, pulled)

    def forward(self, inputs: Inputs, out: Tensor) -> None:
        """See :class:`Pass`."""
        if self._first is not None:
            self._enter_affine(self._first, inputs)
        else:
            self._read(self._a[0], inputs.start.T)
        for layer in range(self._shape.affine, len(self._kernels)):
            own, weight, made = self._maps[layer], inputs.weights[layer], self._kernels[layer]
            if own is not None and weight is not None:
                own.forward(weight, inputs.biases[layer])
            if made is not None:
                made.forward()
        self._write(self._a[-1], out)

    def _backward(self, inputs: Inputs, grad: Tensor, gradients: Gradients) -> None:
        """See :class:`Pass`."""
        top = self._g[-1]
        assert top is not None
        self._read(top, grad)
        for layer in reversed(range(self._shape.affine, len(self._kernels))):
            own, weight, made = self._maps[layer], inputs.weights[layer], self._kernels[layer]
            if made is not None:
                made.backward()
            if own is not None and weight is not None:
                gradients.add(layer, own)
                if layer or gradients.start is not None:
                    own.backward(weight)
        if self._first is not None:
            self._leave_affine(self._first, inputs, gradients)
        elif gradients.start is not None and self._g[0] is not None:
            self._write(self._g[0], gradients.start.T)
