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
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from pinnlab.calculus.affine import AffineKernel, SlopeProducts
from pinnlab.calculus.block_layers import AffineStart, BlockLayer, Window
from pinnlab.calculus.blocks import LINE, Block, cut, shared_out
from pinnlab.calculus.calls import Call, carry_out
from pinnlab.calculus.chain_gradients import Gradients, Inputs, SplitGradients, Sums
from pinnlab.calculus.direction_chain import FEWEST_COMPILED, DirectionChain, Structure, fits
from pinnlab.calculus.kernels import Arrays, kernel_of
from pinnlab.calculus.layout import Layout
from pinnlab.calculus.linear_map import LinearMap
from pinnlab.calculus.pointwise import ENTIRE, Derivatives
from pinnlab.calculus.products import WIDEST
from pinnlab.calculus.row_split import Shares, Span
from pinnlab.calculus.slopes import Slopes, Units
from pinnlab.calculus.workspace import Scratch, Slots, as_array
from pinnlab.parallel import Task, one_thread, run_at_once, threads

# Numbers in all slots of a block: enough to amortise the calls, few enough to stay in the cache.
BLOCK_NUMBERS = 180_000
# Points of a block however many slots there are: of fewer the vector registers are not filled.
FEWEST_POINTS = 2 * LINE
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
    other = stand_in.get()
    if other is not None:
        return other(kind, functions, layout, units, start, slopes, *tensors)
    keep = torch.is_grad_enabled()
    affine = units is not None or slopes is not None
    if kind is BlockPass and affine and fits(layout, tensors[0::2], functions):
        lease = layout.workspace.lease(Structure, lambda: Structure.of(layout))
        if lease.item is not None:
            return DirectionChain.apply(lease, functions, keep, units, start, slopes, *tensors)  # type: ignore
    return _Chain.apply(kind, functions, layout, keep, units, start, slopes, *tensors)  # type: ignore


class Use:
    """One evaluation of a chain, and its way back.

    Args:
        kind: How a block goes through the layers.
        functions: Of the layers.
        inputs: What the chain reads.
        keep: Whether there may be a way back.
    """

    def __init__(
        self,
        kind: "type[Pass]",
        functions: tuple[Derivatives | None, ...],
        inputs: Inputs,
        *,
        keep: bool,
    ) -> None:
        layout, start = inputs.layout, inputs.start
        weights = tuple(None if weight is None else weight.shape for weight in inputs.weights)
        shape = Shape(functions, weights, inputs.widths, inputs.affine, keep)
        key = (kind, shape, start.dtype, start.device, BLOCK_NUMBERS, SHARE_NUMBERS, threads())
        self._inputs = inputs
        self._lease = layout.workspace.lease(key, lambda: Passes.of(kind, layout, shape, start))

    def forward(self) -> Tensor:
        """The result, a stacked jet ``(rows, out)``."""
        inputs, passes = self._inputs, self._lease.item
        inputs.products = passes.products
        if inputs.products is not None:
            inputs.products.forward(inputs.slopes)
        out = inputs.start.new_empty((inputs.widths[-1], inputs.layout.rows))
        tasks = [partial(_forward, share.passes, inputs, as_array(out)) for share in passes.shares]
        passes.run(tasks)
        return out.T

    def backward(self, grad: Tensor, needed: Sequence[bool]) -> list[Tensor | None]:
        """The cotangents of start, slopes, and every weight and bias in turn.

        Args:
            grad: That of the result.
            needed: Which of them are.
        """
        inputs, shares, grads = self._inputs, self._lease.item.shares, as_array(grad.T)
        split = inputs.layout.workspace.split
        if split is None:
            gradients = Gradients(inputs, needed, shares[0].sums)
        else:
            gradients = SplitGradients(inputs, needed, shares[0].sums, split)
        sums = [gradients, *(gradients.apart(share.sums) for share in shares[1:])]
        pairs = zip(shares, sums, strict=True)
        tasks = [partial(_backward, share.passes, inputs, grads, own) for share, own in pairs]
        self._lease.item.run(tasks)
        for other in sums[1:]:
            gradients.join(other)
        return gradients.finish()


# What evaluates chains instead, while operations are recorded.
stand_in: ContextVar[Callable[..., Tensor] | None] = ContextVar("stand_in", default=None)


def in_one(layout: Layout) -> bool:
    """Whether chains on a layout are one operation, or plain ones that torch differentiates."""
    recorded = stand_in.get() is not None and len(layout.first_order) < FEWEST_COMPILED
    return recorded or not layout.transparent


class _Chain(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx,
        kind: "type[Pass]",
        functions: tuple[Derivatives | None, ...],
        layout: Layout,
        keep: bool,
        units: Units | None,
        start: Tensor,
        slopes: Tensor | None,
        *tensors: Tensor | None,
    ) -> Tensor:
        ctx.use = Use(kind, functions, Inputs(layout, start, units, slopes, tensors), keep=keep)
        ctx.save_for_backward(start, slopes, *tensors)
        return ctx.use.forward()

    @staticmethod
    @once_differentiable
    def backward(ctx, *grad_outputs: Tensor):
        _ = ctx.saved_tensors  # which refuses tensors that were written over meanwhile
        found = ctx.use.backward(grad_outputs[0], ctx.needs_input_grad[5:])
        return None, None, None, None, None, *found


def _forward(passes: list["Pass"], inputs: Inputs, out: Any) -> None:
    """What one thread does on the way forward."""
    for one in passes:
        one.forward(inputs, out)


def _backward(passes: list["Pass"], inputs: Inputs, grad: Any, gradients: Gradients) -> None:
    """What one thread does on the way back."""
    start = None if gradients.start is None else as_array(gradients.start.T)
    for one in reversed(passes):  # the last ones are still in the cache
        one.backward(inputs, grad, gradients, start)


@dataclass(frozen=True)
class Shape:
    """What the passes of a chain depend on, besides layout and type.

    Args:
        functions: Of the layers.
        weights: The shapes of the weights of all layers, None of those that have none.
        widths: Of the start and of every result.
        affine: Whether the chain starts from something affine in the points.
        keep: Whether there may be a way back.
    """

    functions: tuple[Derivatives | None, ...]
    weights: tuple[torch.Size | None, ...]
    widths: tuple[int, ...]
    affine: bool
    keep: bool

    @property
    def wide(self) -> bool:
        """Whether an affine chain reads more coordinates than are worth a copy."""
        return self.affine and self.linear(0) and self.widths[0] > WIDEST

    def linear(self, layer: int) -> bool:
        """Whether a layer has a weight."""
        return self.weights[layer] is not None


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
class Share:
    """What one thread does.

    Args:
        passes: Its blocks.
        sums: Where it adds up gradients.
    """

    passes: list["Pass"]
    sums: Sums


@dataclass(frozen=True, eq=False)
class Passes:
    """All blocks of points that go through a chain.

    Args:
        shares: Those of each thread.
        products: The products of slopes of an affine start.
        short: Whether several threads would only wait for each other.
    """

    shares: list[Share]
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
            points = max(BLOCK_NUMBERS // (width * len(layout.slots)), FEWEST_POINTS)
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
            number = len(layout.slope_products) if shape.affine else 0
            sums = Sums(shape.weights, (shape.widths[1], number), like, kept=not shape.wide)
            # The largest first: the others share its scratch, where each would else begin its own.
            share.sort(key=lambda block: block.size, reverse=True)
            shares.append(Share([kind(block, common) for block in share], sums))
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

    _start: Window | AffineStart
    _result: Window
    _cotangent: Window  # of the result
    _start_cotangent: Window

    def __init__(self, block: Block, common: Common) -> None:
        layout, products = common.layout, common.products
        self._block, self._shape, self._scratch = block, common.shape, common.scratch
        self._like = common.like.new_empty(0)
        present = set(block.numbers)
        self._products = [k for k, p in enumerate(layout.slope_products) if p.slot in present]
        self._slopes = []
        if products is not None:
            self._slopes = [products.values[k][:, None] for k in self._products]
        self._shares: dict[tuple[tuple[Span, ...], ...], Shares] = {}
        # What is to be done on both ways, and what that depends on.
        self._onwards: tuple[object, list[Call]] = None, []
        self._back: tuple[object, list[Call]] = None, []

    @staticmethod
    @abstractmethod
    def width(shape: Shape) -> int:
        """The features that determine how many points make a block."""

    @abstractmethod
    def _calls(self, inputs: Inputs) -> Iterable[Call]:
        """What leads from the start to the result."""

    @abstractmethod
    def _calls_back(self, inputs: Inputs, gradients: Gradients) -> Iterable[Call]:
        """What leads from the cotangent of the result to that of the start, and to gradients."""

    def forward(self, inputs: Inputs, out: Any) -> None:
        """Write the jets of the block's points into ``out (width, rows)``."""
        if self._onwards[0] != inputs.places:
            self._onwards = inputs.places, list(self._calls(inputs))
        if isinstance(self._start, AffineStart):
            self._start.read(inputs)
        else:
            self._start.read(inputs.points.T)
        carry_out(self._onwards[1])
        self._result.write(out)

    def backward(self, inputs: Inputs, grad: Any, gradients: Gradients, start: Any) -> None:
        """Add what the block's points contribute to the gradients.

        Args:
            inputs: What the chain reads.
            grad: The cotangent of the result, ``(width, rows)``.
            gradients: What is added to.
            start: That of a stacked start, ``(in, rows)``, or None if nobody needs it.
        """
        if not gradients.enter(self):
            return
        self._cotangent.read(grad)
        carry_out(self._known_back(inputs, gradients))
        if isinstance(self._start, AffineStart):
            self._start.write(inputs, gradients)
        elif start is not None:
            self._start_cotangent.write(start)

    def _known_back(self, inputs: Inputs, gradients: Gradients) -> Iterable[Call]:
        if gradients.key is None:
            return self._calls_back(inputs, gradients)
        key = gradients.key, inputs.places
        if key != self._back[0]:
            self._back = key, list(self._calls_back(inputs, gradients))
        return self._back[1]

    def shares(self, spans: tuple[tuple[Span, ...], ...]) -> Shares:
        """What quantities own of the block, see :class:`RowSplit`."""
        if spans not in self._shares:
            self._shares[spans] = Shares(self._block, spans, self._like)
        return self._shares[spans]

    def _slots(self, name: str, width: int, *, kept: bool = False) -> Slots:
        """An array of its own, or that of the name, which other blocks use as well."""
        block = self._block
        # Every row begins a line of the cache. Of an even number of lines many rows would share few
        # places in it.
        shape = (width, (-(-block.size // LINE) | 1) * LINE)
        room = self._like.new_empty(shape) if kept else self._scratch.take(name, *shape)
        flat = room[:, : block.size]
        return Slots(flat, len(block.numbers), block.points, block.inner)

    def _room(self, width: int) -> Tensor:
        """Two slots at the points with derivatives."""
        return self._scratch.take("room", width, 2, self._block.inner)

    def _map(self, a: Slots, z: Slots, g: Slots | None, pulled: Slots | None) -> LinearMap:
        """A linear map from its argument, its result, and the cotangents of both."""
        cotangents = (None if s is None else s.flat for s in (g, pulled))
        return LinearMap(a.flat, z.flat, self._block.points, *cotangents)

    def _affine_start(self, out: Slots, g: Slots | None) -> AffineStart:
        """The first layer of an affine start, from its result and the cotangent of that."""
        block, shape, function = self._block, self._shape, self._shape.functions[0]
        assert function is not None
        z = self._scratch.take("z", len(out.flat), block.points)
        kernel = AffineKernel(function, block, z, out, g, self._slopes, self._scratch.take)
        x = None
        if not shape.wide:
            x = self._like.new_empty((shape.widths[0], block.points)) if shape.linear(0) else z
        return AffineStart(block, kernel, x, self._products, linear=shape.linear(0))


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
        if shape.affine:
            a = self._slots("odd", shape.widths[1], kept=shape.keep)
            self._start = self._affine_start(a, self._g[1])
        else:
            a = self._slots("even", shape.widths[0], kept=shape.keep)
            self._start = Window(block, a)
        self._layers: list[BlockLayer] = []
        for layer in range(shape.affine, count):
            a = self._set_up(layer, a)
        self._result = Window(block, a)
        if self._g[-1] is not None:
            self._cotangent = Window(block, self._g[-1])
        if self._g[0] is not None:
            self._start_cotangent = Window(block, self._g[0])

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
            if shape.linear(layer):
                g = self._slots(next(names), shape.widths[layer])
        self._g[0] = g

    def _set_up(self, layer: int, a: Slots) -> Slots:
        """A layer on its argument; the result."""
        shape = self._shape
        function, width = shape.functions[layer], shape.widths[layer + 1]
        name, last = ("odd", "even")[layer % 2], layer + 1 == len(shape.functions)
        make = None if function is None else kernel_of(function)
        own, z = None, a
        if shape.linear(layer):
            if make is None and not last:
                z = self._slots(name, width, kept=shape.keep)
            else:
                kept = make is not None and make.keeps_argument and shape.keep
                z = self._slots("z", width, kept=kept)
            own = self._map(a, z, self._gz[layer], self._g[layer])
        out, kernel = z, None
        if make is not None and function is not None:
            out = self._slots(name, width, kept=shape.keep)
            slope = self._slots("slope", width)
            g, pulled, room = self._g[layer + 1], self._gz[layer], self._room(width)
            arrays = Arrays(z, out, g, pulled, slope, room, spare=own is not None)
            kernel = make(self._block, arrays, function)
        self._layers.append(BlockLayer(layer, own, kernel))
        return out

    def _calls(self, inputs: Inputs) -> Iterator[Call]:
        """See :class:`Pass`."""
        if isinstance(self._start, AffineStart):
            yield from self._start.forward(inputs)
        for layer in self._layers:
            yield from layer.forward(inputs)

    def _calls_back(self, inputs: Inputs, gradients: Gradients) -> Iterator[Call]:
        """See :class:`Pass`."""
        affine = isinstance(self._start, AffineStart)
        for layer in reversed(self._layers):
            pull = affine or layer is not self._layers[0] or gradients.start is not None
            yield from layer.backward(inputs, gradients, pull=pull)
        if isinstance(self._start, AffineStart):
            yield from self._start.backward(gradients)
