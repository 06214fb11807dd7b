"""Pointwise functions on the jets of one block, forwards and backwards, written by hand.

Autograd would record every factor of the chain rule; written by hand, a layer keeps one array or
two, and multiplication and accumulation are one operation. The way back needs no derivatives of
Faà di Bruno's formula: a small change of z changes the jet of f(z) by the product of two jets,

    δ f(z) = f'(z) δz,   so that the cotangent of z_V collects  Σ c f'(z)_U g_S

over the Leibniz terms (c, U, V) of all slots S. Only the jet of f'(z) is missing, the *slope*.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.calculus.blocks import Block
from pinnlab.calculus.calls import Call
from pinnlab.calculus.fast_tanh import bound_tanh
from pinnlab.calculus.layout import Bell, Layout
from pinnlab.calculus.pointwise import POINTWISE, Derivatives
from pinnlab.calculus.strips import Input, Local, Operand, Program
from pinnlab.calculus.workspace import Slots


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
        room: More room at these points, two slots.
        spare: Whether nobody else reads the argument, so that it may be written over.
    """

    z: Slots
    out: Slots
    g: Slots | None
    pulled: Slots | None
    slope: Slots
    room: Tensor
    spare: bool


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
        self._onwards = Program(self._out.flat)
        self._backs: dict[int | None, Program] = {}  # by where they add up

    @abstractmethod
    def forward(self) -> list[Call]:
        """What writes f(z) into ``out``."""

    @abstractmethod
    def backward(self, biases: Tensor | None = None) -> list[Call]:
        """What writes the cotangent of z into ``pulled``, from that of f(z) in ``g``.

        Args:
            biases: Where that of the values shall be added up over the points, ``(width, 1)``.
        """

    @abstractmethod
    def _way_back(self) -> Program:
        """The arithmetic of :meth:`backward`."""

    def _back(self, biases: Tensor | None) -> Program:
        """The same, and the sums."""
        key = None if biases is None else biases.data_ptr()
        if key not in self._backs:
            program = self._backs[key] = self._way_back()
            if biases is not None:
                assert self._pulled is not None
                program.add_sum(biases, self._pulled.value)
        return self._backs[key]

    def _pull(self, program: Program, slope: Local, scale: float) -> None:
        """Add to ``pulled`` all Leibniz terms of the cotangent that hold a derivative of f'(z).

        Args:
            program: Gets the operations.
            slope: The derivatives of f'(z), up to a factor.
            scale: That factor.
        """
        assert self._g is not None
        assert self._pulled is not None
        g, pulled = self._g.parts, self._pulled.parts
        for k in range(1, len(g)):
            program.add(pulled[0], slope[k - 1], g[k], factor=scale)
        for c, u, v, s in self._pulls:
            program.add(pulled[v], slope[u - 1], g[s], factor=scale * c)


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
        place = self._z if arrays.spare else self._out
        self._tanh = bound_tanh(self._z.value, place.value)
        if arrays.spare:  # compiled code writes the result, which fetches it into the cache in time
            self._onwards.set(self._out.value, self._z.value)
        self._squares = [_halves(terms) for terms in block.layout.products]
        if self._derived:
            self._set_up_derivatives(block)

    def _set_up_derivatives(self, block: Block) -> None:
        program, z, out = self._onwards, self._z, self._out
        slope = program.local(self._slope.derivatives)
        program.times_slope_of_tanh(out.derivatives, z.derivatives, out.head[:, None])
        needed = {u for terms in block.layout.recurrence for _, u, _ in terms}
        for _, span in block.orders:
            slots = range(span.start + 1, span.stop + 1)
            for k in slots:
                for c, u, v in block.layout.recurrence[k]:
                    program.add(out.parts[k], slope[u - 1], z.parts[v], factor=-2 * c)
            self._add_slopes(program, slope, [k for k in slots if k in needed])

    def _add_slopes(self, program: Program, slope: Local, slots: Sequence[int]) -> None:
        """Some slots of −s/2, from those of a."""
        if not slots:
            return
        out = self._out
        few = slice(slots[0] - 1, slots[-1])
        program.set(slope[few], out.derivatives[:, few], out.head[:, None])
        for k in slots:
            for c, i, j in self._squares[k]:
                program.add(slope[k - 1], out.parts[i], out.parts[j], factor=c)

    def _way_back(self) -> Program:
        g, pulled, out = self._g, self._pulled, self._out
        program = Program(out.flat)
        assert g is not None
        assert pulled is not None
        program.times_slope_of_tanh(pulled.value, g.value, out.value)
        if self._derived:
            slope = program.local(self._slope.derivatives)
            program.times_slope_of_tanh(pulled.derivatives, g.derivatives, out.head[:, None])
            self._add_slopes(program, slope, range(1, len(out.parts)))
            self._pull(program, slope, -2.0)
        return program

    def forward(self) -> list[Call]:
        """See :meth:`Kernel.forward`."""
        return [(self._tanh, ()), self._onwards.call()]

    def backward(self, biases: Tensor | None = None) -> list[Call]:
        """See :meth:`Kernel.backward`."""
        return [self._back(biases).call()]


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
        self._room = arrays.room
        self._order = block.layout.order + (arrays.g is not None)
        self._f: list[Tensor] = []
        f = self._inputs = [Input(k, block.points) for k in range(self._order + 1)]
        self._onwards.set(self._out.value, f[0])
        self._compose(self._onwards, f, self._out.parts[1:])

    def _way_back(self) -> Program:
        g, pulled = self._g, self._pulled
        program, f = Program(self._out.flat), self._inputs
        assert g is not None
        assert pulled is not None
        program.set(pulled.value, g.value, f[1])
        if self._derived:
            slope = program.local(self._slope.derivatives)
            program.set(pulled.derivatives, g.derivatives, f[1])
            self._compose(program, f[1:], [slope[k] for k in range(len(g.parts) - 1)])
            self._pull(program, slope, 1.0)
        return program

    def _compose(self, program: Program, f: list[Input], out: Sequence[Tensor | Local]) -> None:
        """The derivatives of a function of z, given its derivatives ``f``."""
        room, z = program.local(self._room), self._z.parts
        for slot, bells in enumerate(self._layout.bells[1:], start=1):
            program.set(out[slot - 1], z[slot], f[1])
            for k in sorted({bell.k for bell in bells if bell.k > 1}):
                _set_polynomial(program, room, z, [bell for bell in bells if bell.k == k])
                program.add(out[slot - 1], room[0], f[k])

    def forward(self) -> list[Call]:
        """See :meth:`Kernel.forward`."""
        return [(self._forward, ())]

    def backward(self, biases: Tensor | None = None) -> list[Call]:
        """See :meth:`Kernel.backward`."""
        return [(self._run_back, (self._back(biases),))]

    def _forward(self) -> None:
        f = self._function(self._z.value, self._order)
        self._onwards.run(*f)
        self._f = f if self._g is not None else []

    def _run_back(self, program: Program) -> None:
        program.run(*self._f)


def _set_polynomial(
    program: Program, room: Local, z: tuple[Tensor, ...], bells: Sequence[Bell]
) -> None:
    """Σ c Π z_B into the first slot of ``room``; the second one is for products of factors."""
    for number, bell in enumerate(bells):
        first, *rest, last = bell.factors
        left: Operand = z[first]
        for k in rest:
            program.set(room[1], left, z[k])
            left = room[1]
        if number == 0:
            program.set(room[0], left, z[last], factor=bell.coefficient)
        else:
            program.add(room[0], left, z[last], factor=bell.coefficient)


def _product(z: tuple[Tensor, ...], factors: list[int]) -> Tensor:
    out = z[factors[0]]
    for k in factors[1:]:
        out = out * z[k]
    return out
