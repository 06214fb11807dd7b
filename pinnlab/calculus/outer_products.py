"""Sums of outer products over points, the gradients of linear layers.

Of a network on a few coordinates the first such product is narrow, with thousands of points in the
middle. Libraries of linear algebra take two to eight times as long for it as for its transpose.
"""

import torch
from torch import Tensor

# Columns for which the transpose is the faster one.
NARROW = range(2, 16)


def outer_products(g: Tensor, a: Tensor) -> Tensor:
    """The sum of g aᵀ over the points, ``(out, in)``.

    Args:
        g: Cotangents of a layer's result, ``(out, points)``.
        a: Its input ``(in, points)``.
    """
    return torch.mm(a, g.T).T if len(a) in NARROW else torch.mm(g, a.T)


def add_outer_products(total: Tensor, g: Tensor, a: Tensor) -> Tensor:
    """Add it to ``total (out, in)``, which is the result."""
    if len(a) in NARROW:
        total.T.addmm_(a, g.T)
    else:
        total.addmm_(g, a.T)
    return total
