r"""A chain of layers along many directions, whose second derivatives are sums of squares.

A Laplacian over many coordinates, or its estimate along many directions, needs the first
derivatives z_i along each direction and a sum c Σ_i ∂_i² of second ones. All directions are then
treated alike,

.. math:: f(z)_i = f'(z)\, z_i, \qquad f(z)_S = f'(z)\, z_S + f''(z)\, c \sum_{i \in S} z_i^2,

so that one operation of torch serves all of them, where :mod:`~pinnlab.calculus.chain` would call
one for each. The arrays are ``(slots, points, width)``: what is common to all directions, such as
f'(z), is then broadcast along the slowest axis, and a block of few points keeps hundreds of
directions in the cache. Several threads take some of the blocks each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from pinnlab.calculus.fast_tanh import tanh
from pinnlab.calculus.layout import Layout
from pinnlab.calculus.pointwise import POINTWISE, Derivatives, tanh_derivatives
from pinnlab.calculus.products import outer_products
from pinnlab.calculus.slopes import Units
from pinnlab.calculus.strips import compiled
from pinnlab.calculus.workspace import Lease, Pool
from pinnlab.parallel import run_at_once, threads

# Directions from which this chain is the faster one: where torch treats each of them for itself,
# and where compiled code does, which has to be told of each when a chain is set up.
FEWEST = 4
FEWEST_COMPILED = 256
BLOCK_NUMBERS = 1 << 18  # in an array: 1 MiB in float32
SHARE_NUMBERS = 100_000  # in an array of all points: what keeps a thread busy, as in the chain


@dataclass(frozen=True)
class Sum:
    """One slot of second order, c Σ ∂_i².

    Args:
        slot: Its number.
        rows: The first-order slots i, counted from the first.
        coefficient: c.
    """

    slot: int
    rows: slice
    coefficient: float

    @property
    def directions(self) -> slice:
        """The same, counted among all slots."""
        return slice(self.rows.start + 1, self.rows.stop + 1)


@dataclass(frozen=True, eq=False)
class Structure:
    """What this module needs to know of a layout.

    Args:
        firsts: Number of first-order slots.
        sums: The slots of second order, which stand behind them.
        pools: Memory that its passes reuse, for each thread.
    """

    firsts: int
    sums: tuple[Sum, ...]
    pools: list[Pool]

    def pool(self, share: int) -> Pool:
        """The memory of one thread."""
        while len(self.pools) <= share:
            self.pools.append(Pool())
        return self.pools[share]

    @property
    def slots(self) -> int:
        """Number of all slots."""
        return 1 + self.firsts + len(self.sums)

    @property
    def directions(self) -> slice:
        """All first-order slots."""
        return slice(1, 1 + self.firsts)

    def products(self, slopes: Tensor) -> list[Tensor]:
        """Per sum c Σ s_i² of the slopes ``(k, width)`` of something affine."""
        return [s.coefficient * slopes[s.rows].square().sum(0) for s in self.sums]

    def pull(self, g: Tensor, slopes: Tensor) -> Tensor:
        """The cotangent of slopes from that of themselves and of their products, in place."""
        out = g[: self.firsts]
        for s in self.sums:
            out[s.rows].addcmul_(g[s.slot - 1], slopes[s.rows], value=2 * s.coefficient)
        return out

    def quadratics(self, z: Tensor, room: Tensor) -> list[Tensor]:
        """Per sum c Σ z_i² of a jet ``(slots, points, width)``; ``room`` is overwritten."""
        out = []
        for s in self.sums:
            squares = torch.mul(z[s.directions], z[s.directions], out=room[s.directions])
            q = squares.sum(0)
            out.append(q if s.coefficient == 1.0 else q.mul_(s.coefficient))
        return out

    @classmethod
    def of(cls, layout: Layout) -> "Structure | None":
        """The structure of a layout; None if it has another one."""
        firsts, sums = len(layout.first_order), layout.square_sums
        if layout.transparent or firsts < FEWEST or sums is None:
            return None
        found = [Sum(s.slot, *s.common) for s in sums if s.common is not None]
        return cls(firsts, tuple(found), []) if len(found) == len(sums) else None


def fits(
    layout: Layout, weights: Sequence[Tensor | None], functions: Sequence[Derivatives | None]
) -> bool:
    """Whether a chain is one of this kind: many directions, linear maps, functions between them."""
    *inner, last = functions
    if not inner or last is not None:
        return False
    alone = compiled() and weights[0] is not None and weights[0].device.type == "cpu"
    return (
        len(layout.first_order) >= (FEWEST_COMPILED if alone else FEWEST)
        and all(weight is not None for weight in weights)
        and all(function is not None for function in inner)
    )


class DirectionChain(torch.autograd.Function):
    """The chain as one operation.

    Its arguments are a lease of the structure, the functions, whether there may be a way back, unit
    vectors as directions or None, the points ``(n, d)``, other directions ``(k, d)`` or None, and
    every weight and bias in turn. The result is ``(rows, out)``, slot by slot.
    """

    @staticmethod
    def forward(
        ctx,
        lease: Lease[Structure],
        functions: tuple[Derivatives | None, ...],
        keep: bool,
        units: Units | None,
        start: Tensor,
        rows: Tensor | None,
        *tensors: Tensor,
    ) -> Tensor:
        """All slots, block by block."""
        structure = lease.item
        weights, biases = tensors[0::2], tensors[1::2]
        slopes = rows @ weights[0].T if units is None else units.linear(weights[0])  # type: ignore
        out = start.new_empty((structure.slots, len(start), len(weights[-1])))
        shares = []
        for number, blocks in enumerate(_blocks(len(start), structure, weights)):
            arrays = structure.pool(number)
            arrays.reclaim()  # nobody who used it before is left
            layers = functions, weights, biases
            shares.append(
                [_Pass(structure, arrays, *layers, points, keep=keep) for points in blocks]
            )
        tasks = [partial(_forward, passes, start, slopes, out) for passes in shares]
        run_at_once(tasks, every_step=True)
        ctx.lease, ctx.units, ctx.shares = lease, units, shares
        ctx.save_for_backward(start, rows, slopes, *tensors)
        return out.view(-1, out.shape[-1])

    @staticmethod
    @once_differentiable
    def backward(ctx, *grad_outputs: Tensor):
        """The cotangents of points, directions, weights and biases."""
        start, rows, slopes, *tensors = ctx.saved_tensors
        structure, units = ctx.lease.item, ctx.units
        weights, biases = tensors[0::2], tensors[1::2]
        g = grad_outputs[0].reshape(structure.slots, len(start), -1)
        grad_z = start.new_empty((len(start), len(weights[0])))
        sums = [_Gradients(weights, biases, slopes, structure.slots) for _ in ctx.shares]
        pairs = zip(ctx.shares, sums, strict=True)
        tasks = [partial(_backward, own, g, slopes, into, grad_z) for own, into in pairs]
        run_at_once(tasks, every_step=True)
        gradients, *others = sums
        for other in others:
            gradients.join(other)
        grad_slopes = structure.pull(gradients.products, slopes)
        first = outer_products(grad_z.T, start.T)
        if units is None:
            first.addmm_(grad_slopes.T, rows)
        else:
            first.index_add_(1, units.columns, (grad_slopes * units.scale[:, None]).T)
        gradients.weights[0] = first
        gradients.biases[0] = None if biases[0] is None else grad_z.sum(0)
        grad_start = torch.mm(grad_z, weights[0]) if ctx.needs_input_grad[4] else None
        grad_rows = grad_slopes @ weights[0] if ctx.needs_input_grad[5] else None
        pairs = zip(gradients.weights, gradients.biases, strict=True)
        return None, None, None, None, grad_start, grad_rows, *[t for pair in pairs for t in pair]


def _blocks(n: int, structure: Structure, weights: Sequence[Tensor]) -> list[list[slice]]:
    """All points in blocks of nearly equal size, those of each thread.

    On a processor they are small enough for its cache.
    """
    if weights[0].device.type != "cpu":
        return [[slice(0, n)]]
    numbers = structure.slots * max(len(weight) for weight in weights)  # of a point
    shares = max(min(threads(), n, n * numbers // SHARE_NUMBERS), 1)
    most = max(BLOCK_NUMBERS // numbers, 8)
    each = -(-n // (most * shares))
    cuts = [n * k // (each * shares) for k in range(each * shares + 1)]
    blocks = [slice(a, b) for a, b in pairwise(cuts)]
    return [blocks[k : k + each] for k in range(0, len(blocks), each)]


def _forward(passes: Sequence["_Pass"], start: Tensor, slopes: Tensor, out: Tensor) -> None:
    """What one thread does on the way forward."""
    first, last = passes[0].points, passes[-1].points
    # Of all its points at once: the weights of very many coordinates are read once.
    z = passes[0].first_linear(start[first.start : last.stop])
    for one in passes:
        own = slice(one.points.start - first.start, one.points.stop - first.start)
        one.forward(z[own], slopes, out)


def _backward(
    passes: Sequence["_Pass"], g: Tensor, slopes: Tensor, gradients: "_Gradients", grad_z: Tensor
) -> None:
    """What one thread does on the way back."""
    for one in passes:
        one.backward(g, slopes, gradients, grad_z)


class _Gradients:
    """Those of the weights and biases behind the first, summed over blocks.

    Attributes:
        products: That of the products of slopes, ``(slots - 1, width)``.
    """

    def __init__(
        self,
        weights: Sequence[Tensor],
        biases: Sequence[Tensor | None],
        slopes: Tensor,
        slots: int,
    ) -> None:
        self.weights: list[Tensor | None] = [None] * len(weights)
        self.biases: list[Tensor | None] = [None] * len(weights)
        self.products = slopes.new_zeros((slots - 1, slopes.shape[1]))
        self._with_bias = [bias is not None for bias in biases]

    def join(self, other: "_Gradients") -> None:
        """Add the sums of another thread."""
        for own, more in ((self.weights, other.weights), (self.biases, other.biases)):
            for a, b in zip(own, more, strict=True):
                if a is not None and b is not None:
                    a.add_(b)
        self.products.add_(other.products)

    def add(self, layer: int, g: Tensor, a: Tensor) -> None:
        """A linear layer's, from the cotangent of its result and its input, both stacked."""
        left, right = g.view(-1, g.shape[-1]).T, a.view(-1, a.shape[-1])
        known = self.weights[layer]
        self.weights[layer] = left @ right if known is None else known.addmm_(left, right)
        if self._with_bias[layer]:
            bias, more = self.biases[layer], g[0].sum(0)
            self.biases[layer] = more if bias is None else bias.add_(more)


class _Pass:
    """One block of points on its way through the chain and back."""

    def __init__(
        self,
        structure: Structure,
        arrays: Pool,
        functions: Sequence[Derivatives | None],
        weights: Sequence[Tensor],
        biases: Sequence[Tensor | None],
        points: slice,
        *,
        keep: bool,
    ) -> None:
        self._structure, self._arrays = structure, arrays
        self._functions, self.points = functions, points
        self._weights, self._biases, self._keep = weights, biases, keep
        self._first: list[Tensor] = []
        self._inner: list[_Composition | _Tanh] = []
        self._outputs: list[Tensor] = []

    def _take(self, like: Tensor, width: int) -> Tensor:
        return self._arrays.take(like, self._structure.slots, len(like), width)

    def first_linear(self, x: Tensor) -> Tensor:
        """The argument of the first function at points ``(k, d)``, ``(k, width)``."""
        z = torch.mm(x, self._weights[0].T)
        return z if self._biases[0] is None else z.add_(self._biases[0])

    def forward(self, z: Tensor, slopes: Tensor, out: Tensor) -> None:
        """Write the jets of the block's points into ``out (slots, n, c)``.

        Args:
            z: The argument of the first function there, ``(points, width)``.
            slopes: Its first derivatives ``(k, width)``.
            out: Of all points.
        """
        structure = self._structure
        f = self._first = _derivatives(self._functions[0], z, 2 + self._keep)
        a = self._take(z, z.shape[1])
        a[0] = f[0]
        torch.mul(f[1], slopes[:, None], out=a[structure.directions])
        for s, product in zip(structure.sums, structure.products(slopes), strict=True):
            torch.mul(f[2], product, out=a[s.slot])
        self._outputs.append(a)
        inner = zip(self._functions[1:-1], self._weights[1:-1], self._biases[1:-1], strict=True)
        for function, weight, bias in inner:
            z = self._linear(a, weight, bias)
            layer = _composition(function, structure, self._arrays, keep=self._keep)
            if not self._keep:
                self._arrays.give(a)
            a = layer.forward(z)
            self._inner.append(layer)
            self._outputs.append(a)
        result = a.view(-1, a.shape[-1]) @ self._weights[-1].T
        out[:, self.points] = result.view(structure.slots, -1, result.shape[-1])
        if self._biases[-1] is not None:
            out[0, self.points].add_(self._biases[-1])
        if not self._keep:
            self._arrays.give(a)

    def _linear(self, a: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        z = self._take(a[0], len(weight))
        torch.mm(a.view(-1, a.shape[-1]), weight.T, out=z.view(-1, len(weight)))
        if bias is not None:
            z[0].add_(bias)
        return z

    def backward(
        self,
        grad: Tensor,
        slopes: Tensor,
        gradients: _Gradients,
        grad_z: Tensor,
    ) -> None:
        """Add what the block's points contribute to the gradients.

        Args:
            grad: Cotangent of the result, ``(slots, n, c)``.
            slopes: First derivatives of the first layer's argument, ``(k, width)``.
            gradients: What is added to.
            grad_z: Cotangent of the first layer's argument, of which the block's rows are written.
        """
        arrays = self._arrays
        g = grad[:, self.points].contiguous()
        for layer in reversed(range(1, len(self._weights))):
            weight, a = self._weights[layer], self._outputs[layer - 1]
            last = layer == len(self._weights) - 1
            if not last:
                self._inner[layer - 1].backward(g)
            gradients.add(layer, g, a)
            lower = self._take(a[0], weight.shape[1])
            torch.mm(g.view(-1, len(weight)), weight, out=lower.view(-1, weight.shape[1]))
            if not last:
                arrays.give(g)
            g = lower
        self._leave(g, slopes, grad_z[self.points], gradients.products)
        arrays.give(g)

    def _leave(self, g: Tensor, slopes: Tensor, grad_z: Tensor, grad_products: Tensor) -> None:
        """Through the first layer, from the cotangent of its result."""
        structure, f = self._structure, self._first
        room = self._take(g[0], g.shape[-1])
        directions = structure.directions
        torch.mul(g[directions], slopes[:, None], out=room[directions])
        along = torch.sum(room[directions], 0, out=room[0])
        torch.mul(g[0], f[1], out=grad_z).addcmul_(along, f[2])
        for s, product in zip(structure.sums, structure.products(slopes), strict=True):
            grad_z.addcmul_(torch.mul(g[s.slot], product, out=room[1]), f[3])
            g[s.slot].mul_(f[2])
        g[directions].mul_(f[1])
        grad_products.add_(g[1:].sum(1))
        self._arrays.give(room)


class _Composition:
    r"""A function between two linear layers.

    With q_S = c Σ z_i² the cotangent of its argument z is

        f′ g_0 + f″ Σ_k g_k z_k + f‴ Σ_S g_S q_S    for the value, k over all derivatives,
        f′ g_i + 2 c f″ g_S z_i                        for a first derivative,
        f′ g_S                                         for a sum of second ones.
    """

    def __init__(
        self, function: Derivatives, structure: Structure, arrays: Pool, *, keep: bool
    ) -> None:
        self._function, self._keep = function, keep
        self._structure, self._arrays = structure, arrays
        self._argument: Tensor | None = None
        self._f: list[Tensor] = []
        self._quadratics: list[Tensor] = []

    def forward(self, z: Tensor) -> Tensor:
        """f(z); z belongs to it."""
        structure = self._structure
        out = self._arrays.take(z, *z.shape)
        f = self._function(z[0], 2 + self._keep)
        quadratics = structure.quadratics(z, out)
        torch.mul(z[1:], f[1], out=out[1:])
        for s, q in zip(structure.sums, quadratics, strict=True):
            out[s.slot].addcmul_(f[2], q)
        out[0] = f[0]
        if self._keep:
            self._argument, self._f, self._quadratics = z, f, quadratics
        else:
            self._arrays.give(z)
        return out

    def backward(self, g: Tensor) -> None:
        """Turn the cotangent of f(z) into that of z."""
        structure, z, f = self._structure, self._argument, self._f
        assert z is not None
        room = self._arrays.take(g, *g.shape)
        torch.mul(g[1:], z[1:], out=room[1:])
        value = torch.sum(room[1:], 0, out=room[0]).mul_(f[2])
        for s, q in zip(structure.sums, self._quadratics, strict=True):
            value.addcmul_(f[3], torch.mul(g[s.slot], q, out=room[s.slot]))
            torch.mul(g[s.slot], f[2], out=room[s.slot])
        g.mul_(f[1])
        g[0].add_(value)
        for s in structure.sums:
            g[s.directions].addcmul_(room[s.slot], z[s.directions], value=2 * s.coefficient)
        self._arrays.give(room)


class _Tanh:
    r"""The hyperbolic tangent, written over its argument.

    With t = f, s = f′ = 1 − t² and f″ = −2ts, the result a is all that is needed: f″ z_i = −2t a_i,
    and with w_S = s q_S the cotangent of the value is s (g_0 − 2 Σ_S g_S w_S) − 2t Σ_k g_k a_k.
    """

    def __init__(self, structure: Structure, arrays: Pool, *, keep: bool) -> None:
        self._structure, self._arrays, self._keep = structure, arrays, keep
        self._known: tuple[Tensor, Tensor] | None = None
        self._quadratics: list[Tensor] = []

    def forward(self, z: Tensor) -> Tensor:
        """f(z); z belongs to it."""
        structure = self._structure
        t = tanh(z[0], out=z[0])
        slope = torch.addcmul(t.new_ones(()), t, t, value=-1)
        room = self._arrays.take(z, *z.shape)
        quadratics = [q.mul_(slope) for q in structure.quadratics(z, room)]
        self._arrays.give(room)
        z[1:].mul_(slope)
        for s, w in zip(structure.sums, quadratics, strict=True):
            z[s.slot].addcmul_(t, w, value=-2)
        if self._keep:
            self._known, self._quadratics = (z, slope), quadratics
        return z

    def backward(self, g: Tensor) -> None:
        """Turn the cotangent of f(z) into that of z."""
        assert self._known is not None
        structure, (a, slope) = self._structure, self._known
        room = self._arrays.take(g, *g.shape)
        torch.mul(g[1:], a[1:], out=room[1:])
        along = torch.sum(room[1:], 0, out=room[0])
        for s, w in zip(structure.sums, self._quadratics, strict=True):
            g[0].addcmul_(g[s.slot], w, value=-2)
            torch.mul(g[s.slot], a[0], out=room[s.slot])
        g.mul_(slope)
        g[0].addcmul_(a[0], along, value=-2)
        for s in structure.sums:
            g[s.directions].addcmul_(room[s.slot], a[s.directions], value=-4 * s.coefficient)
        self._arrays.give(room)


def _composition(
    function: Derivatives | None, structure: Structure, arrays: Pool, *, keep: bool
) -> _Composition | _Tanh:
    assert function is not None
    if function is POINTWISE[torch.tanh]:
        return _Tanh(structure, arrays, keep=keep)
    return _Composition(function, structure, arrays, keep=keep)


def _derivatives(function: Derivatives | None, z: Tensor, order: int) -> list[Tensor]:
    assert function is not None
    if function is POINTWISE[torch.tanh]:
        return tanh_derivatives(tanh(z, out=torch.empty_like(z)), order)
    return function(z, order)
