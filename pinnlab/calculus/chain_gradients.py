"""What a chain of layers reads, and the gradients of that, summed over blocks of points."""

from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pinnlab.calculus.affine import AffineKernel, SlopeProducts
from pinnlab.calculus.blocks import Block
from pinnlab.calculus.layout import Layout
from pinnlab.calculus.linear_map import LinearMap
from pinnlab.calculus.products import outer_products
from pinnlab.calculus.row_split import RowSplit, Shares, Target
from pinnlab.calculus.slopes import Units

if TYPE_CHECKING:
    from pinnlab.calculus.chain import Pass


class Inputs:
    """The tensors that a chain reads.

    Attributes:
        slopes: First derivatives of an affine start by the first layer's argument, ``(width, k)``.
        products: Their products.
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
        widths = [start.shape[1]]
        for weight in self.weights:
            widths.append(widths[-1] if weight is None else weight.shape[0])
        self.widths = tuple(widths)
        first = self.weights[0]
        if units is not None:
            assert first is not None
            self.slopes = first[:, units.columns] * units.scale
        elif slopes is not None:
            self.slopes = slopes.T if first is None else first @ slopes.T
        self.products: SlopeProducts | None = None

    @property
    def affine(self) -> bool:
        """Whether the chain starts from something affine in the points."""
        return self.units is not None or self.start_slopes is not None


class Gradients:
    """The gradients of everything that a chain reads, summed over blocks.

    Attributes:
        start: That of the start, or None if nobody needs it.
    """

    def __init__(self, inputs: Inputs, needed: Sequence[bool]) -> None:
        self._inputs = inputs
        start_needed, self._slopes_needed, *tensors = needed
        self._needed = list(zip(tensors[0::2], tensors[1::2], strict=True))
        self._weights: list[Tensor | None] = [None] * len(self._needed)
        self._biases: list[Tensor | None] = [None] * len(self._needed)
        self.start = torch.empty_like(inputs.start) if start_needed else None
        self._products = None
        if inputs.products is not None:
            self._products = inputs.products.values.T.new_zeros(inputs.products.values.T.shape)

    def apart(self) -> "Gradients":
        """Sums of their own for another thread; that of the start, block by block, is the same."""
        other = copy(self)
        other._weights, other._biases = [None] * len(self._needed), [None] * len(self._needed)
        if self._products is not None:
            other._products = torch.zeros_like(self._products)
        return other

    def join(self, other: "Gradients") -> None:
        """Add the sums of another thread."""
        for own, more in ((self._weights, other._weights), (self._biases, other._biases)):
            for k, (a, b) in enumerate(zip(own, more, strict=True)):
                own[k] = b if a is None else a if b is None else a.add_(b)
        if self._products is not None and other._products is not None:
            self._products.add_(other._products)

    def enter(self, one: "Pass") -> bool:
        """Begin with a block; whether anybody needs it."""
        return True

    def add_products(self, numbers: Sequence[int], first: AffineKernel) -> None:
        """Those of some products of slopes."""
        assert self._products is not None
        columns = first.sums.added_to(None).view(len(self._products), len(numbers))
        _add_to_columns(self._products, numbers, columns)

    def add(self, layer: int, own: LinearMap) -> None:
        """Those of a linear layer, given its number, on one block."""
        with_weight, with_bias = self._needed[layer]
        if with_weight:
            self._weights[layer] = own.weights.added_to(self._weights[layer])
        if with_bias:
            self._biases[layer] = own.biases.added_to(self._biases[layer])

    def add_affine(self, block: Block, own: LinearMap) -> None:
        """Those of the first layer at the block's points."""
        self._add_entry(own)
        argument, weight = own.weights.g, self._inputs.weights[0]
        if self.start is not None:
            grad = argument.T if weight is None else argument.T @ weight
            self.start[block.start : block.stop] = grad

    def _add_entry(self, own: LinearMap) -> None:
        self.add(0, own)

    def finish(self) -> list[Tensor | None]:
        """Start, slopes, and every weight and bias in turn."""
        grad_slopes = None
        if self._products is not None:
            grad_slopes = self._finish_slopes(self._products, self._weights[0])
        biases = [None if column is None else column[:, 0] for column in self._biases]
        tensors = [t for pair in zip(self._weights, biases, strict=True) for t in pair]
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


def _add_to_columns(out: Tensor, numbers: Sequence[int], columns: Tensor) -> None:
    if len(numbers) == out.shape[1]:
        out.add_(columns)
    else:
        out[:, numbers] += columns


class SplitGradients(Gradients):
    """The same, those of weights and biases apart for every quantity of a split.

    They go to the split; autograd gets none.
    """

    def __init__(self, inputs: Inputs, needed: Sequence[bool], split: RowSplit) -> None:
        super().__init__(inputs, needed)
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
        self._products_of: dict[int, Tensor] = {}

    def apart(self) -> "SplitGradients":
        """See :class:`Gradients`."""
        other = copy(self)
        other._into = [
            (None if weight is None else weight.apart(), None if bias is None else bias.apart())
            for weight, bias in self._into
        ]
        if self._products is not None:
            other._products = torch.zeros_like(self._products)
        other._products_of = {}
        return other

    def join(self, other: Gradients) -> None:
        """See :class:`Gradients`."""
        assert isinstance(other, SplitGradients)
        for own, more in zip(self._into, other._into, strict=True):
            for target, found in zip(own, more, strict=True):
                if target is not None and found is not None:
                    target.whole.add_(found.whole)
        for number, products in other._products_of.items():
            if number in self._products_of:
                self._products_of[number].add_(products)
            else:
                self._products_of[number] = products

    def enter(self, one: "Pass") -> bool:
        """See :class:`Gradients`."""
        self._shares = one.shares(self._split.spans)
        return bool(self._shares.parts)

    def add_products(self, numbers: Sequence[int], first: AffineKernel) -> None:
        """See :class:`Gradients`."""
        assert self._products is not None
        assert self._shares is not None
        for part in self._shares.parts:
            if part.inner and part.number not in self._products_of:
                fresh = not self._products_of
                total = self._products if fresh else torch.zeros_like(self._products)
                self._products_of[part.number] = total
            for a, b in part.inner:
                columns = first.cotangents[..., a:b].sum(2)
                _add_to_columns(self._products_of[part.number], numbers, columns)

    def add(self, layer: int, own: LinearMap) -> None:
        """See :class:`Gradients`."""
        assert self._shares is not None
        weights, biases = self._into[layer]
        of_weights, of_biases = self._shares.of(own)
        if weights is not None:
            for number, products in of_weights:
                products.added_to(weights.parts[number])
        if biases is not None:
            of_biases.added_to(biases.whole)

    def _add_entry(self, own: LinearMap) -> None:
        assert self._shares is not None
        weights, biases = self._into[0]
        g, a = own.weights.g, own.weights.a
        if weights is not None:
            for part in self._shares.parts:
                for i, j in part.points:
                    outer_products(g[:, i:j], a[:, i:j], weights.parts[part.number])
        if biases is not None:
            outer_products(self._shares.owners, g, biases.whole)

    def finish(self) -> list[Tensor | None]:
        """See :class:`Gradients`."""
        weights = self._into[0][0]
        slopes = [
            self._finish_slopes(products, None if weights is None else weights.parts[k])
            for k, products in self._products_of.items()
        ]
        found = [g for g in slopes if g is not None]
        grad_slopes = torch.stack(found).sum(0) if found else None
        return [self.start, grad_slopes, *[None] * (2 * len(self._needed))]
