r"""A first layer whose neurons share one weight vector over blocks of coordinates.

With d coordinates in m blocks of B, the map

.. math:: y = W \sigma(z) + b, \qquad z_k = w \cdot x_{kB \dots kB + B - 1} + c

has B + 1 + m h numbers instead of d h: for a million coordinates, blocks of 50 and 128 neurons 2.6
million instead of 128 million. A unit vector :math:`e_i` moves the one feature k = ⌊i/B⌋ by
:math:`\omega = w_{i \bmod B}`, so that every derivative along it is a gathered column,

.. math:: \partial^m_i y = \sigma^{(m)}(z_k)\, \omega^m\, W_{\cdot k},

and no array of features is made for a direction.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from pinnlab.calculus.layout import Layout, terms_of
from pinnlab.calculus.pointwise import POINTWISE, Derivatives
from pinnlab.calculus.slopes import Units
from pinnlab.calculus.taylor import TaylorTensor, compose
from pinnlab.calculus.unsupported import refuse_kinks


def shared_linear(
    x: Tensor | TaylorTensor,
    shared: Tensor,
    offset: Tensor,
    activation: Callable,
    weight: Tensor,
    bias: Tensor,
) -> Tensor | TaylorTensor:
    """Apply W σ(w·x_block + c) + b to points or to a jet of them.

    Args:
        x: Points ``(n, m*B)``.
        shared: w ``(B,)``.
        offset: c ``()``.
        activation: σ, a pointwise function of torch that has a Taylor rule.
        weight: W ``(h, m)``.
        bias: b ``(h,)``.

    Returns:
        ``(n, h)``.
    """
    if not isinstance(x, TaylorTensor):
        return F.linear(activation(_blocks(x, shared) + offset), weight, bias)
    refuse_kinks(activation, x)
    function = POINTWISE[activation]
    directions = x.directions
    units = None if directions is None else directions.units
    if units is not None:
        z = _blocks(x.value, shared) + offset
        return _gathered(z, units, shared, function, weight, bias, x.layout)
    if directions is None or directions.varying:
        z = x.stacked()._linear_map(lambda t: _blocks(t, shared)) + offset
    else:
        slopes = torch.cat([_blocks(p.dense(x.shape[1]), shared) for p in directions.parts])
        value = _blocks(x.value, shared) + offset
        z = TaylorTensor(x.layout, value=value, slopes=slopes)
    return F.linear(compose(z, function), weight, bias)  # type: ignore[arg-type]


def _blocks(x: Tensor, shared: Tensor) -> Tensor:
    """The product of every block of columns with w, ``(n, m)``."""
    return x.unflatten(-1, (-1, len(shared))) @ shared


def _gathered(
    z: Tensor,
    units: Units,
    shared: Tensor,
    function: Derivatives,
    weight: Tensor,
    bias: Tensor,
    layout: Layout,
) -> TaylorTensor:
    """All slots along multiples of unit vectors."""
    block = units.columns // len(shared)
    omega = shared[units.columns % len(shared)] * units.scale  # (k,)
    columns = weight.T[block]  # (k, h)
    f = function(z.index_select(1, block).T, layout.order)  # each (k, n)
    row = {direction: k for k, direction in enumerate(layout.directions)}

    def factor(index: tuple[int, ...]) -> Tensor:
        """The product of ω, zero where directions move different features."""
        rows = [row[i] for i in index]
        out = omega[rows[0]]
        for k in rows[1:]:
            out = out * omega[k] * (block[k] == block[rows[0]])
        return out

    parts = [F.linear(function(z, 0)[0], weight, bias)]
    for slot, count in zip(layout.slots[1:], layout.counts[1:], strict=True):
        terms, pieces = terms_of(slot), []
        for m in {len(index) for index, _ in terms}:
            own = [(index, c) for index, c in terms if len(index) == m]
            rows = torch.tensor([row[index[0]] for index, _ in own], device=z.device)
            factors = torch.stack([c * factor(index) for index, c in own])
            slopes = f[m][rows, :count] * factors[:, None]  # (terms, count)
            pieces.append(slopes.T @ columns[rows])
        parts.append(sum(pieces[1:], start=pieces[0]))
    return TaylorTensor(layout, torch.cat(parts))
