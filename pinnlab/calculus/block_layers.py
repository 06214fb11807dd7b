"""Layers on one block of points, as the calls that carry them out, and the ends of their chain."""

from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor

from pinnlab.calculus.affine import AffineKernel
from pinnlab.calculus.blocks import Block
from pinnlab.calculus.calls import Call, carry_out
from pinnlab.calculus.chain_gradients import Gradients, Inputs
from pinnlab.calculus.kernels import Kernel
from pinnlab.calculus.linear_map import LinearMap
from pinnlab.calculus.workspace import Slots, as_array


class BlockLayer:
    """A linear map and the function behind it.

    Args:
        number: Of the layer.
        own: The linear map, or None for the identity.
        kernel: The function, or None for the identity.
    """

    def __init__(self, number: int, own: LinearMap | None, kernel: Kernel | None) -> None:
        self._number, self._map, self._kernel = number, own, kernel

    def forward(self, inputs: Inputs) -> Iterator[Call]:
        """What writes the result."""
        weight = inputs.weights[self._number]
        if self._map is not None and weight is not None:
            yield self._map.forward(weight, inputs.biases[self._number])
        if self._kernel is not None:
            yield from self._kernel.forward()

    def backward(
        self, inputs: Inputs, gradients: Gradients, *, pull: bool = True
    ) -> Iterator[Call]:
        """What adds the gradients and writes the cotangent of the argument.

        Args:
            inputs: What the chain reads.
            gradients: What is added to.
            pull: Whether anybody reads that cotangent.
        """
        biases, weight = None, inputs.weights[self._number]
        if self._kernel is not None:
            biases = gradients.bias(self._number)
            yield from self._kernel.backward(biases)
        if self._map is not None and weight is not None:
            yield from gradients.add(self._number, self._map, bias=biases is None)
            if pull:
                yield self._map.backward(weight)


class Window:
    """The part of a stacked jet ``(width, rows)`` that belongs to one block.

    Args:
        block: Points and slots.
        a: The block's array for it.
    """

    def __init__(self, block: Block, a: Slots) -> None:
        self._rows, self._flat = block.rows, as_array(a.flat)
        self._parts = [as_array(part) for part in (a.value, *a.parts[1:])]

    def read(self, stacked: Any) -> None:
        """Copy it from the whole jet, zeros where that has none."""
        if self._flat.shape == stacked.shape:
            self._flat[...] = stacked
            return
        for part, own in zip(self._parts, self._rows, strict=True):
            length = own.stop - own.start
            if length < part.shape[1]:
                part[:, length:] = 0
            part[:, :length] = stacked[:, own]

    def write(self, stacked: Any) -> None:
        """Copy it to the whole jet."""
        if self._flat.shape == stacked.shape:
            stacked[...] = self._flat
            return
        for part, own in zip(self._parts, self._rows, strict=True):
            stacked[:, own] = part[:, : own.stop - own.start]


class AffineStart:
    """The first layer of a chain on one block, applied to something affine in the points.

    Args:
        block: Points and slots.
        kernel: Its function.
        x: Room for the points, features first, which products read faster there; None if they are
            too many coordinates for a copy.
        products: The numbers of the products of slopes.
        linear: Whether the layer has a weight; ``x`` is the argument of the function otherwise.
    """

    def __init__(
        self,
        block: Block,
        kernel: AffineKernel,
        x: Tensor | None,
        products: Sequence[int],
        *,
        linear: bool,
    ) -> None:
        self._block, self._kernel, self._products = block, kernel, products
        self._x = None if x is None else as_array(x)
        self._entry = None if x is None or not linear else self._map(x)

    def _map(self, x: Tensor) -> LinearMap:
        z = self._kernel.argument
        return LinearMap(x, z, self._block.points, z)

    def _wide(self, inputs: Inputs) -> LinearMap:
        """The linear map where the points themselves are read."""
        return self._map(inputs.start[self._block.start : self._block.stop].T)

    def read(self, inputs: Inputs) -> None:
        """Begin with the block's points."""
        if self._x is not None:
            self._x[...] = inputs.points[self._block.start : self._block.stop].T
            return
        weight, bias = inputs.weights[0], inputs.biases[0]
        assert weight is not None
        carry_out([self._wide(inputs).forward(weight, bias)])

    def forward(self, inputs: Inputs) -> Iterator[Call]:
        """What writes the result, from then on."""
        weight, bias = inputs.weights[0], inputs.biases[0]
        if self._entry is not None and weight is not None:
            yield self._entry.forward(weight, bias)
        yield from self._kernel.forward()

    def backward(self, gradients: Gradients) -> Iterator[Call]:
        """What adds the gradients, from the cotangent of the result."""
        numbers, kernel = self._products, self._kernel
        yield from kernel.backward(gradients.bias(0), gradients.products(numbers))
        yield from gradients.add_start(numbers, kernel.cotangents, self._entry)

    def write(self, inputs: Inputs, gradients: Gradients) -> None:
        """End with what reads the points themselves."""
        if self._x is None:
            gradients.add_wide_start(self._wide(inputs))
        gradients.write_start(self._block, self._kernel.argument)
