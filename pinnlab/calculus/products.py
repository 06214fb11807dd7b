"""Matrix products of a layer, whose features are rows and whose points are columns.

Libraries of linear algebra are made for large matrices. A layer multiplies a small one, of twenty
or a hundred features, with one of thousands of columns. Compiled code for this case reads columns
where they lie and keeps a tile of the result in registers: on one thread it does more products a
second than torch, 1.5 times as many at 10 features and 1.2 times at 50. From some hundred features
on, for other arrangements, and where the compiled code is missing, torch does them.
"""

import torch
from torch import Tensor

try:
    from pinnlab.calculus import _products
except ImportError:  # no compiler when the package was installed
    _products = None

# The features up to which compiled code is the faster one.
WIDEST = 256
_BYTES = {torch.float32: 4, torch.float64: 8}
_TIMES, _DOTS = range(2)

# Of a network on a few coordinates the gradient of the first weight is a narrow product, with
# thousands of points in the middle. Libraries take two to eight times as long for it as for its
# transpose: columns for which the transpose is the faster one, of more points than a few.
NARROW = range(2, 16)
FEW = 200


def compiled() -> bool:
    """Whether the compiled code is there and knows this processor."""
    return _products is not None and _products.LEVELS > 0


def product(x: Tensor, y: Tensor, out: Tensor) -> None:
    """Let ``out = x y``, with ``x (out, in)`` and ``y (in, columns)``."""
    if max(x.shape) <= WIDEST and y.stride(1) == out.stride(1) == 1 and _fit(out, x, y):
        _run(_TIMES, out, x, y, add=False)
    else:
        torch.mm(x, y, out=out)


def outer_products(g: Tensor, inputs: Tensor) -> Tensor:
    """The sum of g aᵀ over the points, ``(out, in)``.

    Args:
        g: Cotangents of a layer's result, ``(out, points)``.
        inputs: The layer's inputs a, ``(points, in)``.
    """
    if _are_dots(g, inputs):
        out = g.new_empty((len(g), inputs.shape[1]))
        if _fit(out, g, inputs):
            _run(_DOTS, out, g, inputs.T, add=False)
            return out
    if inputs.shape[1] in NARROW:
        return torch.mm(inputs.T, g.T).T
    return torch.mm(g, inputs)


def add_outer_products(total: Tensor, g: Tensor, inputs: Tensor) -> Tensor:
    """Add it to ``total (out, in)``, which is the result."""
    if _are_dots(g, inputs) and _fit(total, g, inputs):
        _run(_DOTS, total, g, inputs.T, add=True)
        return total
    if inputs.shape[1] in NARROW and len(inputs) > FEW:
        # A product that is written into a transpose is as slow.
        return total.add_(torch.mm(inputs.T, g.T).T)
    return total.addmm_(g, inputs)


def _are_dots(g: Tensor, inputs: Tensor) -> bool:
    """Whether both factors have their points next to each other, and not too many features."""
    return max(len(g), inputs.shape[1]) <= WIDEST and g.stride(1) == inputs.stride(0) == 1


def _fit(out: Tensor, x: Tensor, y: Tensor) -> bool:
    """Whether the compiled code may multiply them; torch refuses what does not match."""
    return (
        compiled()
        and out.dtype in _BYTES
        and out.dtype == x.dtype == y.dtype
        and out.device.type == x.device.type == y.device.type == "cpu"
        and x.shape[1] == y.shape[0] > 0
        and out.shape == (x.shape[0], y.shape[1])
    )


def _run(kind: int, out: Tensor, x: Tensor, y: Tensor, *, add: bool) -> None:
    assert _products is not None
    (m, inner), n = x.shape, out.shape[1]
    matrices = [number for t in (out, x, y) for number in (t.data_ptr(), *t.stride())]
    level = _products.LEVELS - 1
    _products.product(level, kind, _BYTES[out.dtype], add, m, inner, n, *matrices)
