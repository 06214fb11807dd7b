"""A chain of layers along many directions, by plain torch operations.

The same as :mod:`~pinnlab.calculus.direction_chain`, for those who differentiate the result in
forward mode or twice, and for compilers. Between two matrix products a compiler makes few kernels
of it if values, first derivatives and sums stay apart; they are joined for the products alone.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from pinnlab.calculus.chain import Layer
from pinnlab.calculus.direction_slots import by_kind
from pinnlab.calculus.layout import Layout
from pinnlab.calculus.plain_rules import compose_directions, joined
from pinnlab.calculus.slopes import Slopes

Parts = tuple[Tensor, Tensor, Tensor]


def evaluate_plainly(data: Tensor, layers: Sequence[Layer], layout: Layout) -> Tensor:
    """A chain applied to a stacked jet ``(rows, in)`` of values, first derivatives and sums."""
    parts = by_kind(data, layout)
    for layer in layers:
        parts = _layer(parts, layer, layout)
    return joined(*parts)


def evaluate_affine_plainly(
    value: Tensor, slopes: Tensor | Slopes, layers: Sequence[Layer], layout: Layout
) -> Tensor:
    """A chain applied to something affine in the points, as a stacked jet ``(rows, out)``.

    Args:
        value: Values ``(n, in)``.
        slopes: First derivatives along the directions of the layout, ``(k, in)``.
        layers: The chain; its first layer has a function.
        layout: Slots and points.
    """
    weight, bias, function = layers[0].weight, layers[0].bias, layers[0].function
    assert function is not None
    if weight is None:
        first = slopes.dense() if isinstance(slopes, Slopes) else slopes
    else:
        value = F.linear(value, weight, bias)
        if isinstance(slopes, Slopes):
            first = slopes.linear(weight)
        else:
            first = F.linear(slopes, weight)
    parts = compose_directions(function(value, 2), first[:, None], None, layout)
    for layer in layers[1:]:
        parts = _layer(parts, layer, layout)
    return joined(*parts)


def _layer(parts: Parts, layer: Layer, layout: Layout) -> Parts:
    """One linear map, then one function."""
    if layer.weight is not None:
        parts = by_kind(F.linear(joined(*parts), layer.weight), layout)
    value, first, sums = parts
    if layer.bias is not None:
        value = value + layer.bias
    if layer.function is None:
        return value, first, sums
    return compose_directions(layer.function(value, 2), first, sums, layout)
