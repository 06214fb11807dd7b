"""Products and pointwise functions of jets by plain torch operations on their slots.

Forward mode and second derivatives by the parameters go through these; elsewhere the operations of
:mod:`~pinnlab.calculus.product` and :mod:`~pinnlab.calculus.chain` give the same at less cost.
"""

from typing import Any

import torch
from torch import Tensor

from pinnlab.calculus.host_numbers import host_numbers
from pinnlab.calculus.kernels import compose_slot
from pinnlab.calculus.layout import Layout, SlopeProduct
from pinnlab.calculus.pointwise import Derivatives


def multiply_written(x: Tensor, y: Tensor, layout: Layout) -> Tensor:
    """All slots ``(rows, ...)`` of a product, by the rule of Leibniz.

    Args:
        x: All slots of one factor, ``(rows, ...)``.
        y: All slots of the other.
        layout: Of both.
    """
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
    out: list[Any] = [0.0] * len(layout.slots)
    for product in layout.slope_products:
        derivative = f[product.order][: layout.counts[product.slot]]
        out[product.slot] = out[product.slot] + derivative * _slope_product(product, slopes)
    return torch.cat([f[0], *out[1:]])


def _slope_product(product: SlopeProduct, slopes: Tensor) -> Tensor:
    """Σ c Π s_i as one weighted sum over the rows of the slopes."""
    device = slopes.device
    rows = host_numbers(tuple(rows for _, rows in product.terms), torch.long, device)
    weights = host_numbers(tuple(c for c, _ in product.terms), slopes.dtype, device)
    return torch.tensordot(weights, slopes[rows].prod(1), dims=1)
