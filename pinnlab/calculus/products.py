"""Matrix products of a layer, whose features are rows and whose points are columns.

Libraries of linear algebra are made for large matrices. A layer multiplies a small one, of twenty
or a hundred features, with one of thousands of columns. Compiled code for this case reads columns
where they lie and keeps a tile of the result in registers. With 6 000 columns and up to 100
features it takes 1.1 to 1.5 times as many products a second as torch on one thread, and 1.2 to 2.4
times as many sums of gradients (``benchmarks/narrow_products.py``). For more features, for other
arrangements, and where the compiled code is missing, torch does them.
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

# Factors with few features are arranged anew if that is the faster way. Of a network on a few
# coordinates the gradient of the first weight is such a product, with thousands of points in the
# middle, for which libraries take two to eight times as long as for its transpose.
NARROW = range(2, 16)
FEW = 200


def compiled() -> bool:
    """Whether the compiled code is there and knows this processor."""
    return _products is not None and _products.LEVELS > 0


def product(x: Tensor, y: Tensor, out: Tensor) -> None:
    """Let ``out = x y``, with ``x (out, in)`` and ``y (in, columns)``."""
    linear(x, None, y, out, 0)


def linear(weight: Tensor, bias: Tensor | None, a: Tensor, out: Tensor, values: int) -> None:
    """Let ``out = W a``, and add b to its first columns.

    Args:
        weight: W ``(out, in)``.
        bias: b ``(out,)``, or None for zero.
        a: ``(in, columns)``.
        out: ``(out, columns)``.
        values: How many columns are values, which the bias moves.
    """
    if max(weight.shape) <= WIDEST and out.stride(1) == 1 and _fit(out, weight, a):
        if a.stride(1) != 1 and len(a) < NARROW.stop:
            a = a.contiguous()
        if a.stride(1) == 1 and (bias is None or _is_bias(bias, out)):
            _run(_TIMES, out, weight, a, bias=bias, biased=values)
            return
    torch.mm(weight, a, out=out)
    if bias is not None:
        out[:, :values].add_(bias[:, None])


def outer_products(g: Tensor, inputs: Tensor) -> Tensor:
    """The sum of g aᵀ over the points, ``(out, in)``.

    Args:
        g: Cotangents of a layer's result, ``(out, points)``.
        inputs: The layer's inputs a, ``(points, in)``.
    """
    out = g.new_empty((len(g), inputs.shape[1]))
    if _add_dots(out, g, inputs, add=False):
        return out
    if inputs.shape[1] in NARROW:
        return torch.mm(inputs.T, g.T).T
    return torch.mm(g, inputs)


def add_outer_products(total: Tensor, g: Tensor, inputs: Tensor) -> Tensor:
    """Add it to ``total (out, in)``, which is the result."""
    if _add_dots(total, g, inputs, add=True):
        return total
    if inputs.shape[1] in NARROW and len(inputs) > FEW:
        # A product that is written into a transpose is as slow.
        return total.add_(torch.mm(inputs.T, g.T).T)
    return total.addmm_(g, inputs)


def _add_dots(out: Tensor, g: Tensor, inputs: Tensor, *, add: bool) -> bool:
    """Let compiled code do it if it is made for that; whether it did."""
    if max(out.shape) > WIDEST or g.stride(1) != 1 or not _fit(out, g, inputs):
        return False
    if inputs.stride(0) != 1 and inputs.shape[1] < NARROW.stop:
        inputs = inputs.T.contiguous().T
    if inputs.stride(0) != 1:
        return False
    _run(_DOTS, out, g, inputs.T, add=add)
    return True


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


def _is_bias(bias: Tensor, out: Tensor) -> bool:
    """Whether a bias has a number for each row of a result."""
    alike = bias.dtype == out.dtype and bias.device == out.device
    return alike and bias.shape == out.shape[:1]


def _run(
    kind: int,
    out: Tensor,
    x: Tensor,
    y: Tensor,
    *,
    add: bool = False,
    bias: Tensor | None = None,
    biased: int = 0,
) -> None:
    assert _products is not None
    (m, inner), n = x.shape, out.shape[1]
    numbers = [number for t in (out, x, y) for number in (t.data_ptr(), *t.stride())]
    if bias is None:
        numbers += 0, 0, 0
        biased = 0
    else:
        numbers += bias.data_ptr(), bias.stride(0), 0
    level = _products.LEVELS - 1
    _products.product(level, kind, _BYTES[out.dtype], add, m, inner, n, biased, *numbers)
