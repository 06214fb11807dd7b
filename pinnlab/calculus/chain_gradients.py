"""What a chain of layers reads, and the gradients of that, summed over blocks of points."""

from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pinnlab.calculus.affine import SlopeProducts
from pinnlab.calculus.blocks import Block
from pinnlab.calculus.calls import Call, carry_out
from pinnlab.calculus.layout import Layout
from pinnlab.calculus.linear_map import LinearMap
from pinnlab.calculus.products import OuterProducts, outer_products, row_sums
from pinnlab.calculus.row_split import RowSplit, Shares, Target
from pinnlab.calculus.slopes import Units
from pinnlab.calculus.workspace import as_array

if TYPE_CHECKING:
    from pinnlab.calculus.chain import Pass


def widths(start: Tensor, weights: Sequence[Tensor | None]) -> tuple[int, ...]:
    """The features of the start of a chain and of every layer's result."""
    found = [start.shape[1]]
    for weight in weights:
        found.append(found[-1] if weight is None else weight.shape[0])
    return tuple(found)


class Inputs:
    """The tensors that a chain reads.

    Attributes:
        slopes: First derivatives of an affine start by the first layer's argument, ``(width, k)``.
        products: Their products.
        places: What a list of calls depends on that reads them.
        points: The start, for short copies.
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
        self.widths = widths(start, self.weights)
        first = self.weights[0]
        if units is not None:
            assert first is not None
            self.slopes = first[:, units.columns] * units.scale
        elif slopes is not None:
            self.slopes = slopes.T if first is None else first @ slopes.T
        self.products: SlopeProducts | None = None
        self.places = tuple(None if t is None else _place(t) for t in tensors)
        self.points = as_array(start)

    @property
    def affine(self) -> bool:
        """Whether the chain starts from something affine in the points."""
        return self.units is not None or self.start_slopes is not None


def _place(x: Tensor) -> tuple:
    return x.data_ptr(), x.stride(), x.shape, x.dtype, x.device


class Sums:
    """Where one thread adds up the gradients of all weights, the same arrays in every step.

    Args:
        shapes: Of the weights of all layers, None of those that have none.
        products: The features of the first layer and the number of products of slopes.
        kept: Whether the first layer's gradient is among them; that of very many coordinates is
            not, of which a copy would cost more than the calls.
        like: A tensor of the right type.

    Attributes:
        weights: ``(out, in)`` each, None for the first one that is not among them.
        biases: ``(out, 1)`` each.
        products: Of the products of slopes, ``(width, products)``.
    """

    def __init__(
        self,
        shapes: Sequence[Sequence[int] | None],
        products: tuple[int, int],
        like: Tensor,
        *,
        kept: bool,
    ) -> None:
        wanted = []
        for layer, shape in enumerate(shapes):
            m, n = shape or (0, 0)
            wanted += [(m if layer or kept else 0, n), (m, 1)]
        wanted.append(products)
        self._all = like.new_zeros(sum(m * n for m, n in wanted))
        parts = self._all.split([m * n for m, n in wanted])
        *tensors, self.products = (p.view(shape) for p, shape in zip(parts, wanted, strict=True))
        self.weights: list[Tensor | None] = [*tensors[0::2]]
        self.biases = tensors[1::2]
        if not kept:
            self.weights[0] = None
        self._products_of: dict[int, Tensor] = {}

    def products_of(self, number: int) -> Tensor:
        """Those of the products of slopes by one of several quantities, ``(width, products)``."""
        if number not in self._products_of:
            self._products_of[number] = torch.zeros_like(self.products)
        return self._products_of[number]

    def clear_products(self) -> None:
        """Begin those with zeros."""
        for products in self._products_of.values():
            products.zero_()

    def clear(self) -> None:
        """Begin with zeros."""
        self._all.zero_()

    def join(self, other: "Sums") -> None:
        """Add those of another thread."""
        self._all.add_(other._all)

    def columns(self, numbers: Sequence[int]) -> list[Tensor]:
        """Those of some products of slopes."""
        return [self.products[:, k : k + 1] for k in numbers]


class Gradients:
    """The gradients of everything that a chain reads, summed over blocks.

    Args:
        inputs: What it reads.
        needed: What of start, slopes, and every weight and bias in turn needs a gradient.
        sums: Where those of weights are added up.

    Attributes:
        start: That of the start, or None if nobody needs it.
        key: What the calls depend on, besides the inputs; None if they are other ones every time.
    """

    def __init__(self, inputs: Inputs, needed: Sequence[bool], sums: Sums) -> None:
        self._inputs, self._sums = inputs, sums
        start_needed, self._slopes_needed, *tensors = needed
        self._needed = list(zip(tensors[0::2], tensors[1::2], strict=True))
        self.start = torch.empty_like(inputs.start) if start_needed else None
        self.key: tuple | None = tuple(needed)
        self._first: Tensor | None = None
        sums.clear()

    def apart(self, sums: Sums) -> "Gradients":
        """Sums of their own for another thread; that of the start, block by block, is the same."""
        other = copy(self)
        other._sums = sums
        sums.clear()
        return other

    def join(self, other: "Gradients") -> None:
        """Add the sums of another thread."""
        self._sums.join(other._sums)
        if self._first is None:
            self._first = other._first
        elif other._first is not None:
            self._first.add_(other._first)

    def enter(self, one: "Pass") -> bool:
        """Begin with a block; whether anybody needs it."""
        return True

    def bias(self, layer: int) -> Tensor | None:
        """Where whoever finds the cotangent of a layer's values adds it up, ``(out, 1)``."""
        return self._sums.biases[layer] if self._needed[layer][1] else None

    def products(self, numbers: Sequence[int]) -> list[Tensor] | None:
        """Where those of some products of slopes are added up, ``(width, 1)`` each."""
        return self._sums.columns(numbers)

    def add(self, layer: int, own: LinearMap, *, bias: bool = True) -> list[Call]:
        """What adds those of a linear layer on a block.

        Args:
            layer: Its number.
            own: The layer.
            bias: Whether :meth:`bias` was not asked for.
        """
        with_weight, with_bias = self._needed[layer]
        calls, total = [], self._sums.weights[layer]
        if with_weight and total is not None:
            calls.append(own.weights.call(total))
        if with_bias and bias:
            calls.append(own.biases.call(self._sums.biases[layer]))
        return calls

    def add_start(
        self, numbers: Sequence[int], cotangents: Tensor, own: LinearMap | None
    ) -> list[Call]:
        """What adds those of the first layer of an affine start that were not added up on the way.

        Args:
            numbers: Of the products of slopes.
            cotangents: See :class:`~pinnlab.calculus.affine.AffineKernel`.
            own: The layer, if it has a weight and few coordinates.
        """
        return [] if own is None else self.add(0, own, bias=False)

    def add_wide_start(self, own: LinearMap) -> None:
        """Add that of a first weight which reads many coordinates."""
        if self._needed[0][0]:
            self._first = outer_products(own.weights.g, own.weights.a, self._first)

    def write_start(self, block: Block, g: Tensor) -> None:
        """That of the start, from the cotangent of the first layer's argument."""
        weight = self._inputs.weights[0]
        if self.start is not None:
            grad = g.T if weight is None else g.T @ weight
            self.start[block.start : block.stop] = grad

    def finish(self) -> list[Tensor | None]:
        """Start, slopes, and every weight and bias in turn."""
        tensors: list[Tensor | None] = []
        sums = zip(self._needed, self._sums.weights, self._sums.biases, strict=True)
        for (with_weight, with_bias), weight, bias in sums:
            known = self._first if weight is None else weight.clone() if with_weight else None
            tensors += [known, bias[:, 0].clone() if with_bias else None]
        grad_slopes = None
        if self._inputs.products is not None:
            grad_slopes = self._finish_slopes(self._sums.products, tensors[0])
        return [self.start, grad_slopes, *tensors]

    def _finish_slopes(self, products: Tensor, gradient: Tensor | None) -> Tensor | None:
        """Add to the first weight's gradient what comes through the slopes; that of the slopes."""
        inputs = self._inputs
        assert inputs.products is not None
        g = inputs.products.backward(products)
        weight, units, slopes = inputs.weights[0], inputs.units, inputs.start_slopes
        if gradient is not None and units is not None:
            gradient.index_add_(1, units.columns, g * units.scale)
        elif gradient is not None and slopes is not None:
            gradient.addmm_(g, slopes)
        if not self._slopes_needed:
            return None
        return g.T if weight is None else g.T @ weight


class SplitGradients(Gradients):
    """The same, those of weights and biases apart for every quantity of a split.

    They go to the split; autograd gets none.
    """

    def __init__(self, inputs: Inputs, needed: Sequence[bool], sums: Sums, split: RowSplit) -> None:
        super().__init__(inputs, needed, sums)
        self._split = split
        self._shares: Shares | None = None
        if self.start is not None:
            self.start.zero_()  # blocks that nobody owns are passed over

        def wanted(tensor: Tensor | None, needed: bool) -> Target | None:
            return split.into(tensor) if tensor is not None and needed else None

        self._into = [
            (wanted(weight, needs[0]), wanted(bias, needs[1]))
            for weight, bias, needs in zip(inputs.weights, inputs.biases, self._needed, strict=True)
        ]
        self._used: set[int] = set()
        sums.clear_products()
        self.key = None
        if split.lasting and not split.others:
            into = [None if t is None else _place(t.whole) for pair in self._into for t in pair]
            self.key = split.spans, tuple(into), self.start is None

    def apart(self, sums: Sums) -> "SplitGradients":
        """See :class:`Gradients`."""
        other = copy(self)
        other._into = [
            (None if weight is None else weight.apart(), None if bias is None else bias.apart())
            for weight, bias in self._into
        ]
        other._sums, other._used, other.key = sums, set(), None
        sums.clear_products()
        return other

    def join(self, other: Gradients) -> None:
        """See :class:`Gradients`."""
        assert isinstance(other, SplitGradients)
        for own, more in zip(self._into, other._into, strict=True):
            for target, found in zip(own, more, strict=True):
                if target is not None and found is not None:
                    target.whole.add_(found.whole)
        for number in other._used:
            self._sums.products_of(number).add_(other._sums.products_of(number))
        self._used |= other._used

    def enter(self, one: "Pass") -> bool:
        """See :class:`Gradients`."""
        self._shares = one.shares(self._split.spans)
        self._used.update(part.number for part in self._shares.parts if part.inner)
        return bool(self._shares.parts)

    def bias(self, layer: int) -> None:
        """See :class:`Gradients`; every quantity has its own."""
        return

    def products(self, numbers: Sequence[int]) -> None:
        """See :class:`Gradients`."""
        return

    def add(self, layer: int, own: LinearMap, *, bias: bool = True) -> list[Call]:
        """See :class:`Gradients`."""
        assert self._shares is not None
        weights, biases = self._into[layer]
        of_weights, of_biases = self._shares.of(own)
        calls = []
        if weights is not None:
            calls += [part.call(weights.parts[number]) for number, part in of_weights]
        if biases is not None:
            calls.append(of_biases.call(biases.whole))
        return calls

    def add_start(
        self, numbers: Sequence[int], cotangents: Tensor, own: LinearMap | None
    ) -> list[Call]:
        """See :class:`Gradients`."""
        assert self._shares is not None
        calls = [] if own is None else self._of_start(own)
        for part in self._shares.parts:
            for a, b in part.inner:
                calls += self._of_products(numbers, cotangents[:, a:b], part.number)
        return calls

    def _of_products(self, numbers: Sequence[int], columns: Tensor, number: int) -> list[Call]:
        total = self._sums.products_of(number)
        found = columns.new_empty((len(total), len(numbers)))
        call = row_sums(columns).call(found.view(-1, 1), add=False)
        return [call, (_add_to_columns, (total, numbers, found))]

    def _of_start(self, own: LinearMap) -> list[Call]:
        assert self._shares is not None
        weights, biases = self._into[0]
        g, a = own.weights.g, own.weights.a
        calls = []
        if weights is not None:
            for part in self._shares.parts:
                total = weights.parts[part.number]
                calls += [OuterProducts(g[:, i:j], a[:, i:j]).call(total) for i, j in part.points]
        if biases is not None:
            calls.append(OuterProducts(self._shares.owners, g).call(biases.whole))
        return calls

    def add_wide_start(self, own: LinearMap) -> None:
        """See :class:`Gradients`."""
        carry_out(self._of_start(own))

    def finish(self) -> list[Tensor | None]:
        """See :class:`Gradients`."""
        weights = self._into[0][0]
        slopes = [
            self._finish_slopes(
                self._sums.products_of(k), None if weights is None else weights.parts[k]
            )
            for k in sorted(self._used if self._inputs.products is not None else ())
        ]
        found = [g for g in slopes if g is not None]
        grad_slopes = torch.stack(found).sum(0) if found else None
        return [self.start, grad_slopes, *[None] * (2 * len(self._needed))]


def _add_to_columns(out: Tensor, numbers: Sequence[int], columns: Tensor) -> None:
    if len(numbers) == out.shape[1]:
        out.add_(columns)
    else:
        out[:, numbers] += columns
