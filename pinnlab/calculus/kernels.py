"""Pointwise functions on the jets of one block, forwards and backwards, written by hand.

Autograd would record every factor of the chain rule; written by hand, a layer keeps one array, and
multiplication and accumulation are one operation. With z the argument, q_S the quadratic part of a
second-order slot S (z_i z_j for a mixed derivative, Σ c_ij z_i z_j for a collapsed sum) and g the
cotangents of the result,

    f(z)_S = f'(z) z_S + f''(z) q_S + …    (Faà di Bruno),

and the cotangent of the value collects f^{(k+1)} wherever f^{(k)} stands.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from pinnlab.calculus.fast_tanh import tanh
from pinnlab.calculus.layout import Bell, Block, Layout
from pinnlab.calculus.pointwise import POINTWISE, Derivatives
from pinnlab.calculus.workspace import Loan, Slots


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


class Kernel(ABC):
    """One pointwise function on one block."""

    @abstractmethod
    def forward(self, z: Slots) -> Slots:
        """f(z), which must stay untouched until ``backward``; z belongs to the kernel."""

    @abstractmethod
    def backward(self, g: Slots) -> Slots:
        """The cotangent of z from that of f(z), which may be overwritten."""

    @abstractmethod
    def forget(self) -> None:
        """Give back what only ``backward`` would need."""


def kernel(function: Derivatives, block: Block, loan: Loan, *, keep: bool) -> Kernel:
    """The fastest kernel that knows a function up to the order of a block.

    Args:
        function: The derivatives of f.
        block: Slots and points.
        loan: Where arrays come from.
        keep: Whether there may be a way back.
    """
    if function is POINTWISE[torch.tanh] and block.layout.order <= 2:
        return TanhKernel(block, loan)
    return BellKernel(function, block, loan, keep=keep)


class BellKernel(Kernel):
    """Any function given by its derivatives, any order, by Faà di Bruno's formula.

    It keeps the argument and the derivatives, one more than the result needs.
    """

    def __init__(self, function: Derivatives, block: Block, loan: Loan, *, keep: bool) -> None:
        self._function, self._layout, self._loan = function, block.layout, loan
        self._order = block.layout.order + keep
        self._z: Slots | None = None
        self._f: list[Tensor] = []

    def forward(self, z: Slots) -> Slots:
        """See :meth:`Kernel.forward`."""
        self._z, self._f = z, self._function(z.value, self._order)
        return self._compose(z, self._f)

    def forget(self) -> None:
        """See :meth:`Kernel.forget`."""
        assert self._z is not None
        self._loan.give(self._z)

    def _compose(self, z: Slots, f: list[Tensor]) -> Slots:
        out = self._loan.take(*z.array.shape)
        out.value.copy_(f[0])
        for slot, bells in enumerate(self._layout.bells[1:], start=1):
            target = torch.mul(f[1], z.parts[slot], out=out.parts[slot])
            for k, polynomial in _polynomials(z.parts, bells).items():
                target.addcmul_(f[k], polynomial)
        return out

    def backward(self, g: Slots) -> Slots:
        """See :meth:`Kernel.backward`."""
        assert self._z is not None
        z, f = self._z.parts, self._f
        out = self._loan.take(*g.array.shape)
        torch.mul(g.array, f[1][:, None], out=out.array)
        for slot, bells in enumerate(self._layout.bells[1:], start=1):
            out.value.addcmul_(g.parts[slot] * z[slot], f[2])
            for k, polynomial in _polynomials(z, bells).items():
                out.value.addcmul_(polynomial.mul_(g.parts[slot]), f[k + 1])
            _to_factors(out, g.parts[slot], f, z, bells)
        self._loan.give(g)
        return out


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


def _to_factors(
    out: Slots, g: Tensor, f: list[Tensor], z: tuple[Tensor, ...], bells: tuple[Bell, ...]
) -> None:
    """Add to the cotangent of every factor of a Bell term that of the term times the others."""
    scaled: dict[int, Tensor] = {}
    for bell in bells:
        if bell.k == 1:
            continue
        if bell.k not in scaled:
            scaled[bell.k] = g * f[bell.k]
        for position, factor in enumerate(bell.factors):
            others = [*bell.factors[:position], *bell.factors[position + 1 :]]
            product = _product(z, others)
            out.parts[factor].addcmul_(scaled[bell.k], product, value=bell.coefficient)


class TanhKernel(Kernel):
    r"""tanh up to second derivatives, in place and from the result alone.

    With t the value, s = 1 − t² = f' and f'' = −2ts, the result is a_i = s z_i for first and
    a_S = s z_S − 2t w_S with w_S = s q_S for second derivatives. Because f''z_i = −2t a_i and
    f''z_S + f'''q_S = −2t a_S − 2s w_S, the cotangents of z follow from a and w without z:

        s (g_0 − 2 Σ_S g_S w_S) − 2t Σ_k g_k a_k    for the value, k over all derivatives,
        s g_i − 2t Σ_S g_S ∂q_S/∂z_i(a)             for a first derivative,
        s g_S                                       for a second derivative.
    """

    def __init__(self, block: Block, loan: Loan) -> None:
        self._quadratics, self._loan = block.layout.quadratics, loan
        self._a: Slots | None = None
        self._w: Slots | None = None

    def forward(self, z: Slots) -> Slots:
        """See :meth:`Kernel.forward`; the result is written over z."""
        self._a = z
        t = tanh(z.value, out=z.value)
        if len(z.parts) == 1:
            return z
        s = self._slope(t)
        w = self._w = self._temporary(t, len(self._quadratics))
        for (_, terms), part in zip(self._quadratics, w.parts if w else (), strict=True):
            _quadratic(z.parts, terms, part)
        if w:
            w.array.mul_(s.array)
        z.derivatives.mul_(s.array)
        for (slot, _), part in zip(self._quadratics, w.parts if w else (), strict=True):
            z.parts[slot].addcmul_(t, part, value=-2)
        self._loan.give(s)
        return z

    def forget(self) -> None:
        """See :meth:`Kernel.forget`."""
        if self._w:
            self._loan.give(self._w)

    def _temporary(self, like: Tensor, slots: int) -> Slots | None:
        return self._loan.take(len(like), slots, like.shape[1]) if slots else None

    def _slope(self, t: Tensor) -> Slots:
        s = self._loan.take(len(t), 1, t.shape[1])
        torch.mul(t, t, out=s.value)
        torch.sub(1, s.value, out=s.value)
        return s

    def backward(self, g: Slots) -> Slots:
        """See :meth:`Kernel.backward`; the cotangent is written over g."""
        assert self._a is not None
        a, t = self._a.parts, self._a.value
        s = self._slope(t)
        if len(a) == 1:
            g.value.mul_(s.value)
            self._loan.give(s)
            return g
        sums = self._loan.take(len(t), 1, t.shape[1])
        torch.mul(g.parts[1], a[1], out=sums.value)
        for slot in range(2, len(a)):
            sums.value.addcmul_(g.parts[slot], a[slot])
        scaled = self._scaled(g, t)
        g.array.mul_(s.array)
        g.value.addcmul_(t, sums.value, value=-2)
        for (_, terms), tg in zip(self._quadratics, scaled.parts if scaled else (), strict=True):
            for c, i, j in terms:
                g.parts[i].addcmul_(tg, a[j], value=-4 * c if i == j else -2 * c)
                if i != j:
                    g.parts[j].addcmul_(tg, a[i], value=-2 * c)
        self._loan.give(s, sums, *([scaled] if scaled else []))
        return g

    def _scaled(self, g: Slots, t: Tensor) -> Slots | None:
        """The products t g_S; on the way g_0 becomes g_0 − 2 Σ g_S w_S."""
        scaled = self._temporary(t, len(self._quadratics))
        if scaled and self._w:
            for k, (slot, _) in enumerate(self._quadratics):
                g.value.addcmul_(g.parts[slot], self._w.parts[k], value=-2)
                torch.mul(g.parts[slot], t, out=scaled.parts[k])
        return scaled


def _quadratic(
    z: tuple[Tensor, ...], terms: tuple[tuple[float, int, int], ...], out: Tensor
) -> None:
    """Write Σ c z_i z_j."""
    (c, i, j), *others = terms
    torch.mul(z[i], z[j], out=out)
    if c != 1.0:
        out.mul_(c)
    for c, i, j in others:
        out.addcmul_(z[i], z[j], value=c)
