"""Pointwise functions on the jets of one block, forwards and backwards, written by hand.

Autograd would record every factor of the chain rule; written by hand, a layer keeps one array or
two, and multiplication and accumulation are one operation. The way back needs no derivatives of
Faà di Bruno's formula: a small change of z changes the jet of f(z) by the product of two jets,

    δ f(z) = f'(z) δz,   so that the cotangent of z_V collects  Σ c f'(z)_U g_S

over the Leibniz terms (c, U, V) of all slots S. Only the jet of f'(z) is missing, the *slope*.
"""

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.calculus.blocks import Block
from pinnlab.calculus.fast_tanh import tanh
from pinnlab.calculus.layout import Bell, Layout
from pinnlab.calculus.pointwise import POINTWISE, Derivatives
from pinnlab.calculus.workspace import Slots

# tanh_backward(g, t) = g (1 − t²) in one pass.
_times_slope_of_tanh = torch.ops.aten.tanh_backward.grad_input


def compose_slot(f: list[Tensor], parts: list[Tensor], layout: Layout, slot: int) -> Tensor:
    """One slot of f(z) in plain operations, which can be differentiated in any mode.

    Args:
        f: Derivatives of f at all points.
        parts: The slots of z, points first.
        layout: Slots and points.
        slot: Number of the slot.
    """
    count = layout.counts[slot]
    cut = tuple(part[:count] for part in parts)
    out = f[1][:count] * cut[slot]
    for bell in layout.bells[slot]:
        if bell.k > 1:
            product = _product(cut, list(bell.factors))
            out = torch.addcmul(out, f[bell.k][:count], product, value=bell.coefficient)
    return out


@dataclass
class Arrays:
    """What a kernel works on.

    Args:
        z: The argument. It stays untouched until the way back if the kernel ``keeps_argument``.
        out: The result, which stays untouched until the way back.
        g: The cotangent of the result; None if there is no way back, as are the others.
        pulled: Where that of the argument goes.
        slope: Room for the jet of f'(z) at the points with derivatives.
    """

    z: Slots
    out: Slots
    g: Slots | None
    pulled: Slots | None
    slope: Slots


class Kernel(ABC):
    """One pointwise function on one block, bound to its arrays.

    Args:
        block: Slots and points.
        arrays: Of that block.
        function: The derivatives of f.
    """

    keeps_argument = False

    def __init__(self, block: Block, arrays: Arrays, function: Derivatives) -> None:
        self._layout, self._function = block.layout, function
        self._derived = len(block.numbers) > 1
        self._z, self._out, self._slope = arrays.z, arrays.out, arrays.slope
        self._g, self._pulled = arrays.g, arrays.pulled
        self._pulls = leibniz_pulls(block.layout)

    @abstractmethod
    def forward(self) -> None:
        """Write f(z) into ``out``."""

    @abstractmethod
    def backward(self) -> None:
        """Write the cotangent of z into ``pulled``, from that of f(z) in ``g``."""

    def _pull(self, scale: float) -> None:
        """Add to ``pulled`` all Leibniz terms of the cotangent that hold a derivative of f'(z).

        Args:
            scale: Of the derivatives, which are kept in ``slope`` up to this factor.
        """
        assert self._g is not None
        assert self._pulled is not None
        slope, g, pulled = self._slope.parts, self._g.parts, self._pulled.parts
        for k in range(1, len(g)):
            pulled[0].addcmul_(slope[k], g[k], value=scale)
        for c, u, v, s in self._pulls:
            pulled[v].addcmul_(slope[u], g[s], value=scale * c)


def leibniz_pulls(layout: Layout) -> tuple[tuple[float, int, int, int], ...]:
    """The Leibniz terms (c, U, V) of all slots S in which neither factor is a value."""
    return tuple(
        (c, u, v, s) for s, terms in enumerate(layout.products) for c, u, v in terms if u and v
    )


def kernel_of(function: Derivatives) -> type[Kernel]:
    """The fastest kernel that knows a function."""
    return TanhKernel if function is POINTWISE[torch.tanh] else BellKernel


class TanhKernel(Kernel):
    r"""The hyperbolic tangent, from whose result alone the way back follows.

    With a = tanh z, the slope is the jet s = 1 − a². Leibniz' rule on ∂a = s ∂z and on a² gives

        a_S = s_0 z_S + Σ c s_U z_V,    s_U = −2 (a_0 a_U + ½ Σ c a_i a_j),

    where the sums hold lower derivatives only, so that the slots follow one after the other.
    In ``slope`` stands −s/2.
    """

    def __init__(self, block: Block, arrays: Arrays, function: Derivatives) -> None:
        super().__init__(block, arrays, function)
        out, slope = self._out, self._slope
        self._tangent = out.head[:, None]
        self._squares = [_halves(terms) for terms in block.layout.products]
        needed = {u for terms in block.layout.recurrence for _, u, _ in terms}
        self._steps = []
        for _, span in block.orders:
            slots = range(span.start + 1, span.stop + 1)
            wanted = [k for k in slots if k in needed]
            few = slice(wanted[0] - 1, wanted[-1]) if wanted else slice(0)
            self._steps.append((slots, wanted, out.derivatives[:, few], slope.derivatives[:, few]))

    def forward(self) -> None:
        """See :meth:`Kernel.forward`."""
        z, out, slope = self._z, self._out, self._slope
        tanh(z.value, out=out.value)
        if not self._derived:
            return
        _times_slope_of_tanh(z.derivatives, self._tangent, grad_input=out.derivatives)
        for slots, wanted, a, s in self._steps:
            for k in slots:
                for c, u, v in self._layout.recurrence[k]:
                    out.parts[k].addcmul_(slope.parts[u], z.parts[v], value=-2 * c)
            if wanted:
                torch.mul(a, self._tangent, out=s)
                self._add_squares(wanted)

    def _add_squares(self, slots: list[int] | range) -> None:
        a, slope = self._out.parts, self._slope.parts
        for k in slots:
            for c, i, j in self._squares[k]:
                slope[k].addcmul_(a[i], a[j], value=c)

    def backward(self) -> None:
        """See :meth:`Kernel.backward`."""
        g, pulled, out = self._g, self._pulled, self._out
        assert g is not None
        assert pulled is not None
        _times_slope_of_tanh(g.value, out.value, grad_input=pulled.value)
        if not self._derived:
            return
        _times_slope_of_tanh(g.derivatives, self._tangent, grad_input=pulled.derivatives)
        torch.mul(out.derivatives, self._tangent, out=self._slope.derivatives)
        self._add_squares(range(1, len(out.parts)))
        self._pull(-2.0)


def _halves(terms: tuple[tuple[float, int, int], ...]) -> list[tuple[float, int, int]]:
    """½ Σ c a_i a_j over the terms of a square in which neither factor is the value."""
    joined: Counter[tuple[int, int]] = Counter()
    for c, i, j in terms:
        if i and j:
            joined[min(i, j), max(i, j)] += c / 2  # type: ignore[assignment]
    return [(float(c), i, j) for (i, j), c in joined.items()]


class BellKernel(Kernel):
    """Any function given by its derivatives, by Faà di Bruno's formula.

    It keeps the argument and the derivatives, one more than the result needs.
    """

    keeps_argument = True

    def __init__(self, block: Block, arrays: Arrays, function: Derivatives) -> None:
        super().__init__(block, arrays, function)
        self._order = block.layout.order + (arrays.g is not None)
        self._inner = block.inner
        self._f: list[Tensor] = []

    def forward(self) -> None:
        """See :meth:`Kernel.forward`."""
        self._f = self._function(self._z.value, self._order)
        self._out.value.copy_(self._f[0])
        self._compose(self._heads(), self._out)
        if self._g is None:
            self._f = []

    def _heads(self) -> list[Tensor]:
        return [f[:, : self._inner] for f in self._f]

    def _compose(self, f: list[Tensor], out: Slots) -> None:
        """Write the derivatives of a function of z, given its derivatives ``f``."""
        z = self._z.parts
        for slot, bells in enumerate(self._layout.bells[1:], start=1):
            target = torch.mul(f[1], z[slot], out=out.parts[slot])
            for k, polynomial in _polynomials(z, bells).items():
                target.addcmul_(f[k], polynomial)

    def backward(self) -> None:
        """See :meth:`Kernel.backward`."""
        g, pulled = self._g, self._pulled
        assert g is not None
        assert pulled is not None
        torch.mul(g.value, self._f[1], out=pulled.value)
        if not self._derived:
            return
        f = self._heads()
        torch.mul(g.derivatives, f[1][:, None], out=pulled.derivatives)
        self._compose(f[1:], self._slope)
        self._pull(1.0)


def _polynomials(z: tuple[Tensor, ...], bells: tuple[Bell, ...]) -> dict[int, Tensor]:
    """Per order k > 1 the sum Σ c Π z_B that stands beside f^{(k)}."""
    sums: dict[int, Tensor] = {}
    for bell in bells:
        if bell.k == 1:
            continue
        *rest, last = bell.factors
        left = _product(z, rest)
        if bell.k in sums:
            sums[bell.k].addcmul_(left, z[last], value=bell.coefficient)
        else:
            sums[bell.k] = left * z[last]
            if bell.coefficient != 1.0:
                sums[bell.k].mul_(bell.coefficient)
    return sums


def _product(z: tuple[Tensor, ...], factors: list[int]) -> Tensor:
    out = z[factors[0]]
    for k in factors[1:]:
        out = out * z[k]
    return out
