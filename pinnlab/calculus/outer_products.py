"""Sums of outer products over points, the gradients of linear layers.

Of a network on a few coordinates the first such product is narrow, with thousands of points in the
middle. Libraries of linear algebra take two to eight times as long for it as for its transpose.
"""

import torch
from torch import Tensor

# Columns for which the transpose is the faster one, of more points than a few.
NARROW = range(2, 16)
FEW = 200


def outer_products(g: Tensor, inputs: Tensor) -> Tensor:
    """The sum of g aᵀ over the points, ``(out, in)``.

    Args:
        g: Cotangents of a layer's result, ``(out, points)``.
        inputs: The layer's inputs a, ``(points, in)``.
    """
    if inputs.shape[1] in NARROW:
        return torch.mm(inputs.T, g.T).T
    return torch.mm(g, inputs)


def add_outer_products(total: Tensor, g: Tensor, inputs: Tensor) -> Tensor:
    """Add it to ``total (out, in)``, which is the result."""
    if inputs.shape[1] in NARROW and len(inputs) > FEW:
        # A product that is written into a transpose is as slow.
        return total.add_(torch.mm(inputs.T, g.T).T)
    return total.addmm_(g, inputs)
