r"""Layers gated by two encodings of the input, evaluated as one operation.

With encodings U and V of the input x and layers z_k,

.. math:: h_1 = U + z_1(x) \odot (V - U), \qquad h_{k+1} = U + z_{k+1}(h_k) \odot (V - U),

and a last linear layer. U, V and z_1 read the same input: stacked, their weights are one layer
three times as wide, the first of a chain as :mod:`~pinnlab.calculus.chain` knows it. All layers
behind are those of a chain too; only a gate stands between them. So what this module adds is the
gate, on the jets of one block, forwards and backwards.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from pinnlab.calculus.block_layers import AffineStart, BlockLayer, Window
from pinnlab.calculus.blocks import Block
from pinnlab.calculus.calls import Call
from pinnlab.calculus.chain import Common, Layer, Pass, Shape, apply
from pinnlab.calculus.chain_gradients import Gradients, Inputs
from pinnlab.calculus.kernels import Arrays, kernel_of, leibniz_pulls
from pinnlab.calculus.layout import Layout
from pinnlab.calculus.slopes import Slopes
from pinnlab.calculus.strips import Program
from pinnlab.calculus.workspace import Slots


@dataclass(frozen=True, eq=False)
class GatedLayers:
    """What two gates and the layers between them consist of.

    Args:
        encoders: U, V and z_1: linear maps of the input, all followed by one function.
        hidden: z_2, z_3, …: linear maps of h, each followed by a function.
        last: A linear map without a function.
    """

    encoders: tuple[Layer, Layer, Layer]
    hidden: Sequence[Layer]
    last: Layer

    def stacked(self) -> list[Layer]:
        """All layers, the encoders as one."""
        weights, biases = [], []
        for layer in self.encoders:
            assert layer.weight is not None
            bias = layer.bias
            weights.append(layer.weight)
            biases.append(layer.weight.new_zeros(len(layer.weight)) if bias is None else bias)
        first = Layer(torch.cat(weights), torch.cat(biases), self.encoders[0].function)
        return [first, *self.hidden, self.last]


def evaluate_gated(
    start: Tensor, slopes: Tensor | Slopes | None, layers: GatedLayers, layout: Layout
) -> Tensor:
    """Gated layers applied to a jet, as a stacked jet ``(rows, out)``.

    Args:
        start: Stacked jet ``(rows, in)``, or the values ``(n, in)`` of something affine.
        slopes: Its first derivatives as in :func:`~pinnlab.calculus.chain.evaluate_affine`; None
            for a stacked jet.
        layers: What is applied.
        layout: Slots and points.
    """
    return apply(start, slopes, layers.stacked(), layout, _GatedPass)


class _GatedPass(Pass):
    """Encoders, gated layers and a last linear map; see :class:`Pass` for the arguments."""

    def __init__(self, block: Block, common: Common) -> None:
        super().__init__(block, common)
        shape = common.shape
        keep, width = shape.keep, shape.widths[1] // 3
        self._encoded = self._slots("encoded", 3 * width, kept=keep)
        self._d = self._slots("difference", width, kept=keep)
        self._u, self._v, z = self._thirds(self._encoded)
        self._g_encoded = self._slots("g encoded", 3 * width)
        self._g_u, self._g_d, g_z = self._thirds(self._g_encoded)
        self._g_h = self._slots("g h", width)
        self._g_out = self._slots("g out", shape.widths[-1])
        self._out = self._slots("out", shape.widths[-1])
        self._cotangent, self._result = Window(block, self._g_out), Window(block, self._out)
        self._encoders: BlockLayer | None = None
        if shape.affine:
            self._start = self._affine_start(self._encoded, self._g_encoded if keep else None)
        else:
            self._set_up_start()
        self._layers: list[BlockLayer] = []
        last = len(shape.functions) - 2
        self._gates = [self._gate(z, g_z, last=last == 0)]
        for number in range(1, last + 1):
            out, g = self._slots("z", width, kept=keep), self._slots("g z", width)
            self._layers.append(self._layer(number, self._gates[-1].h, self._g_h, out, g))
            self._gates.append(self._gate(out, g, last=number == last))
        own = self._map(self._gates[-1].h, self._out, self._g_out, self._g_u)
        self._last = BlockLayer(last + 1, own, None)

    @staticmethod
    def width(shape: Shape) -> int:
        """See :class:`Pass`."""
        return shape.widths[1] // 3

    def _thirds(self, stacked: Slots) -> list[Slots]:
        """The encodings that stand below each other."""
        block = self._block
        return [
            Slots(flat, len(block.numbers), block.points, block.inner)
            for flat in stacked.flat.chunk(3)
        ]

    def _set_up_start(self) -> None:
        width, keep = self._shape.widths[0], self._shape.keep
        start, g_start = self._slots("start", width, kept=keep), self._slots("g start", width)
        self._encoders = self._layer(0, start, g_start, self._encoded, self._g_encoded)
        self._start = Window(self._block, start)
        self._start_cotangent = Window(self._block, g_start)

    def _layer(self, number: int, a: Slots, g_a: Slots, out: Slots, g: Slots) -> BlockLayer:
        """A linear map and its function, from input, result and the cotangents of both."""
        function, width, keep = self._shape.functions[number], len(out.flat), self._shape.keep
        assert function is not None
        make = kernel_of(function)
        z = self._slots("argument", width, kept=keep and make.keeps_argument)
        pulled = self._slots("pulled", width)
        slope, room = self._slots("slope", width), self._room(width)
        arrays = Arrays(z, out, g if keep else None, pulled, slope, room, spare=True)
        kernel = make(self._block, arrays, function)
        return BlockLayer(number, self._map(a, z, pulled, g_a), kernel)

    def _gate(self, z: Slots, g_z: Slots, *, last: bool) -> "_Gate":
        h = self._slots("h", len(z.flat), kept=self._shape.keep)
        # What arrives at the last gate is the first of all that U and V − U collect.
        g_h = self._g_u if last else self._g_h
        encodings, pulled = (self._u, self._d), (g_z, self._g_d)
        return _Gate(self._block, encodings, z, h, g_h, pulled, first=last)

    def _calls(self, inputs: Inputs) -> Iterator[Call]:
        """See :class:`Pass`."""
        if isinstance(self._start, AffineStart):
            yield from self._start.forward(inputs)
        elif self._encoders is not None:
            yield from self._encoders.forward(inputs)
        yield partial(torch.sub, out=self._d.flat), (self._v.flat, self._u.flat)
        yield self._gates[0].forward()
        for layer, gate in zip(self._layers, self._gates[1:], strict=True):
            yield from layer.forward(inputs)
            yield gate.forward()
        yield from self._last.forward(inputs)

    def _calls_back(self, inputs: Inputs, gradients: Gradients) -> Iterator[Call]:
        """See :class:`Pass`."""
        yield from self._last.backward(inputs, gradients)
        *gates, last = self._gates
        yield last.backward()
        for layer, gate in zip(reversed(self._layers), reversed(gates), strict=True):
            yield from layer.backward(inputs, gradients)
            yield self._g_u.flat.add_, (self._g_h.flat,)
            yield gate.backward()
        # Of V − U; that of V stands where it belongs.
        yield self._g_u.flat.sub_, (self._g_d.flat,)
        if isinstance(self._start, AffineStart):
            yield from self._start.backward(gradients)
        elif self._encoders is not None:
            pull = gradients.start is not None
            yield from self._encoders.backward(inputs, gradients, pull=pull)


class _Gate:
    """h = u + z ⊙ d on one block, by Leibniz' rule.

    Args:
        block: Slots and points.
        encodings: The first, u, and the second less the first, d.
        z: The gate.
        h: The result.
        g: Where the cotangent of h stands.
        pulled: Where that of z goes, and where that of d is collected.
        first: Whether the latter is written, and not added to.
    """

    def __init__(
        self,
        block: Block,
        encodings: tuple[Slots, Slots],
        z: Slots,
        h: Slots,
        g: Slots,
        pulled: tuple[Slots, Slots],
        *,
        first: bool,
    ) -> None:
        self.h = h
        self._onwards, self._back = Program(h.flat), Program(h.flat)
        (u, d), (g_z, g_d) = encodings, pulled
        derived, mixed = len(block.numbers) > 1, leibniz_pulls(block.layout)
        program = self._onwards
        program.add(h.value, z.value, d.value, to=u.value)
        if derived:
            program.add(h.derivatives, z.derivatives, d.head[:, None], to=u.derivatives)
            program.add(h.derivatives, d.derivatives, z.head[:, None])
            for c, i, j, slot in mixed:
                program.add(h.parts[slot], z.parts[i], d.parts[j], factor=c)
        program = self._back
        collect = program.set if first else program.add
        program.set(g_z.value, g.value, d.value)
        collect(g_d.value, g.value, z.value)
        if derived:
            program.set(g_z.derivatives, g.derivatives, d.head[:, None])
            collect(g_d.derivatives, g.derivatives, z.head[:, None])
            for k in range(1, len(g.parts)):
                program.add(g_z.parts[0], g.parts[k], d.parts[k])
                program.add(g_d.parts[0], g.parts[k], z.parts[k])
            for c, i, j, slot in mixed:
                program.add(g_z.parts[i], g.parts[slot], d.parts[j], factor=c)
                program.add(g_d.parts[j], g.parts[slot], z.parts[i], factor=c)

    def forward(self) -> Call:
        """What writes ``h``."""
        return self._onwards.call()

    def backward(self) -> Call:
        """What writes the cotangent of z, and writes or adds that of d, from that of h."""
        return self._back.call()
