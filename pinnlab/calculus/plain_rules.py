"""Affine jets, products and pointwise functions by plain torch operations on slots.

Forward mode and second derivatives by the parameters need the rules of products and functions;
elsewhere :mod:`~pinnlab.calculus.product` and :mod:`~pinnlab.calculus.chain` give the same at less
cost.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pinnlab.calculus.direction_slots import by_kind, weighted_sums
from pinnlab.calculus.host_numbers import host_numbers
from pinnlab.calculus.kernels import compose_slot
from pinnlab.calculus.layout import Layout, SlopeProduct, terms_of
from pinnlab.calculus.pointwise import Derivatives


def write_affine(value: Tensor, first: Sequence[Tensor], layout: Layout) -> Tensor:
    """All slots ``(rows, ...)`` of an affine jet.

    Args:
        value: ``(n, ...)``.
        first: The derivative along each direction of the layout, ``(count, ...)``.
        layout: Of the result.
    """
    along = dict(zip(layout.directions, first, strict=True))
    parts = [value]
    for slot, count in zip(layout.slots[1:], layout.counts[1:], strict=True):
        own = [(along[i[0]][:count], c) for i, c in terms_of(slot) if len(i) == 1]
        if not own:
            parts.append(value.new_zeros((count, *value.shape[1:])))
        elif len(own) == 1 and own[0][1] == 1:
            parts.append(own[0][0])
        else:
            parts.append(sum(row * c for row, c in own))  # type: ignore[arg-type]
    return torch.cat(parts)


def join(parts: Sequence[Tensor], axis: int) -> Tensor:
    """Concatenate; the result of parts that lie in memory column by column does so as well."""
    if parts[0].ndim == 2 and parts[0].stride(0) == 1:
        return torch.cat([part.T for part in parts], 1 - axis).T
    return torch.cat(list(parts), axis)


def multiply_written(x: Tensor, y: Tensor, layout: Layout) -> Tensor:
    """All slots ``(rows, ...)`` of a product, by the rule of Leibniz.

    Args:
        x: All slots of one factor, ``(rows, ...)``.
        y: All slots of the other.
        layout: Of both.
    """
    if layout.square_sums is not None:
        return _multiply_directions(x, y, layout)
    left, right = ([d[rows] for rows in layout.ranges] for d in (x, y))
    out: list[Any] = []
    for n, terms in zip(layout.counts, layout.products, strict=True):
        total = None
        for c, i, j in terms:
            product = left[i][:n] * right[j][:n]
            total = c * product if total is None else torch.add(total, product, alpha=c)
        out.append(total)
    return torch.cat(out)


def compose_written(data: Tensor, layout: Layout, function: Derivatives) -> Tensor:
    """All slots ``(rows, ...)`` of a pointwise function, by the rule of Faà di Bruno.

    Args:
        data: All slots of its argument, ``(rows, ...)``.
        layout: Of both.
        function: By its derivatives.
    """
    f = function(data[: layout.n], layout.order)
    if layout.square_sums is not None:
        _, first, second = by_kind(data, layout)
        return joined(*compose_directions(f, first, second, layout))
    parts = [data[rows] for rows in layout.ranges]
    out = [compose_slot(f, parts, layout, k) for k in range(1, len(parts))]
    return torch.cat([f[0], *out])


def compose_affine(value: Tensor, slopes: Tensor, layout: Layout, function: Derivatives) -> Tensor:
    """The same of an affine argument, of which only first derivatives count.

    Args:
        value: Of the argument, ``(n, ...)``.
        slopes: Its first derivatives ``(k, ...)``.
        layout: Of the result.
        function: By its derivatives.
    """
    slopes = slopes.expand(len(slopes), *value.shape[1:])
    f = function(value, layout.order)
    if layout.square_sums is not None:
        return joined(*compose_directions(f, slopes[:, None], None, layout))
    out: list[Any] = [0.0] * len(layout.slots)
    for product in layout.slope_products:
        derivative = f[product.order][: layout.counts[product.slot]]
        out[product.slot] = out[product.slot] + derivative * _slope_product(product, slopes)
    return torch.cat([f[0], *out[1:]])


def compose_directions(
    f: Sequence[Tensor], first: Tensor, sums: Tensor | None, layout: Layout
) -> tuple[Tensor, Tensor, Tensor]:
    """A function of such a jet as :mod:`~pinnlab.calculus.direction_slots` takes apart.

    Args:
        f: The function and its derivatives at the values of the argument, ``(n, ...)`` each.
        first: First derivatives of the argument ``(k, n, ...)``, or ``(k, 1, ...)``.
        sums: Its sums of second derivatives ``(m, n, ...)``; None where they are zero.
        layout: Of the result.

    Returns:
        Values ``(n, ...)``, first derivatives ``(k, n, ...)`` and sums ``(m, n, ...)``.
    """
    curved = f[2] * torch.stack(weighted_sums(layout, first * first))
    return f[0], f[1] * first, curved if sums is None else curved + f[1] * sums


def _multiply_directions(x: Tensor, y: Tensor, layout: Layout) -> Tensor:
    """The product of two such jets."""
    (a, a_k, a_sums), (b, b_k, b_sums) = by_kind(x, layout), by_kind(y, layout)
    mixed = torch.stack(weighted_sums(layout, a_k * b_k))
    return joined(a * b, a * b_k + b * a_k, a * b_sums + b * a_sums + 2 * mixed)


def joined(value: Tensor, first: Tensor, sums: Tensor) -> Tensor:
    """Such a jet from its parts, ``(rows, ...)``."""
    return torch.cat([value[None], first, sums]).flatten(0, 1)


def _slope_product(product: SlopeProduct, slopes: Tensor) -> Tensor:
    """Σ c Π s_i as one weighted sum over the rows of the slopes."""
    device = slopes.device
    rows = host_numbers(tuple(rows for _, rows in product.terms), torch.long, device)
    weights = host_numbers(tuple(c for c, _ in product.terms), slopes.dtype, device)
    return torch.tensordot(weights, slopes[rows].prod(1), dims=1)
