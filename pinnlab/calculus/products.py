"""Matrix products of a layer, whose features are rows and whose points are columns.

Libraries of linear algebra are made for large matrices. A layer multiplies a small one, of twenty
or a hundred features, with one of thousands of columns. Compiled code for this case reads columns
where they lie and keeps a tile of the result in registers. With up to 100 features in single
precision it takes 1.2 to 1.6 times as many products a second as torch on one thread, and 1.2 to 5
times as many sums of gradients (``benchmarks/narrow_products.py``), and 1.05 to 1.3 times as many
products with points of a thousand coordinates and more. For more features, for other arrangements,
and where the compiled code is missing, torch does them.
"""

from itertools import chain

import torch
from torch import Tensor

from pinnlab.calculus.calls import Call, carry_out

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


class Product:
    """``out = x y``, with a bias in its first columns, for arrays that stay where they are.

    Args:
        y: ``(in, columns)``.
        out: ``(out, columns)``.
        values: How many columns are values, which a bias moves.
    """

    def __init__(self, y: Tensor, out: Tensor, values: int = 0) -> None:
        self._y, self._out, self._values = y, out, values

    def call(self, x: Tensor, bias: Tensor | None = None) -> Call:
        """What writes ``out``, for as long as x and the bias stay where they are.

        Args:
            x: ``(out, in)``.
            bias: b ``(out,)``, or None for zero.
        """
        y, out = self._y, self._out
        if out.stride(1) != 1 or not _fit(out, x, y) or not self._moved_by(bias):
            return self._by_torch, (x.detach(), bias)
        if y.stride(1) == 1 and max(x.shape) <= WIDEST:
            if bias is None:
                return _compiled_call(_TIMES, out, x, y)
            return _compiled_call(_TIMES, out, x, y, bias=bias[:, None], biased=self._values)
        if y.stride(0) == 1 == x.stride(1) and max(out.shape) <= WIDEST:
            # Points of very many coordinates, as they lie in memory.
            return self._by_rows, (_compiled_call(_DOTS, out, x, y.T), bias)
        return self._by_torch, (x.detach(), bias)

    def _moved_by(self, bias: Tensor | None) -> bool:
        out = self._out
        alike = bias is None or (bias.dtype, bias.device) == (out.dtype, out.device)
        return alike and (bias is None or bias.shape == out.shape[:1])

    def _by_rows(self, product: Call, bias: Tensor | None) -> None:
        carry_out([product])
        self._move(bias)

    def _by_torch(self, x: Tensor, bias: Tensor | None) -> None:
        torch.mm(x, self._y, out=self._out)
        self._move(bias)

    def _move(self, bias: Tensor | None) -> None:
        if bias is not None:
            self._out[:, : self._values].add_(bias.detach()[:, None])


class OuterProducts:
    """The sum of g aᵀ over the points, for arrays that stay where they are.

    Args:
        g: Cotangents of a layer's result, ``(out, points)``.
        a: The layer's inputs ``(in, points)``.
    """

    def __init__(self, g: Tensor, a: Tensor) -> None:
        self.g, self.a = g, a

    def call(self, total: Tensor, *, add: bool = True) -> Call:
        """What adds them to ``total (out, in)``, or writes them there."""
        g, a = self.g, self.a
        if _fit(total, g, a.T):
            if max(total.shape) <= WIDEST and g.stride(1) == a.stride(1) == 1:
                return _compiled_call(_DOTS, total, g, a, add=add)
            if max(g.shape) <= WIDEST and total.stride(1) == a.stride(0) == 1 and not add:
                # Points of very many coordinates, as they lie in memory.
                return _compiled_call(_TIMES, total, g, a.T)
        return self._by_torch, (total, add)

    def _by_torch(self, total: Tensor, add: bool) -> None:
        g, a = self.g, self.a
        if len(a) in NARROW and (not add or a.shape[1] > FEW):
            # A product that is written into a transpose is as slow.
            found = torch.mm(a, g.T).T
            total.add_(found) if add else total.copy_(found)
        elif add:
            total.addmm_(g, a.T)
        else:
            torch.mm(g, a.T, out=total)


def outer_products(g: Tensor, a: Tensor, total: Tensor | None = None) -> Tensor:
    """``total + g aᵀ``, in place; see :class:`OuterProducts`."""
    add = total is not None
    if total is None:
        total = g.new_empty((len(g), len(a)))
    carry_out([OuterProducts(g, a).call(total, add=add)])
    return total


def row_sums(g: Tensor) -> OuterProducts:
    """The sum over the columns of g, as a column."""
    return OuterProducts(g, g.new_ones((1, g.shape[1])))


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


def _compiled_call(
    kind: int,
    out: Tensor,
    x: Tensor,
    y: Tensor,
    *,
    add: bool = False,
    bias: Tensor | None = None,
    biased: int = 0,
) -> Call:
    """The call of the compiled code, which keeps the memory of all arrays."""
    assert _products is not None
    (m, inner), n = x.shape, out.shape[1]
    arrays = [None if t is None else t.detach() for t in (out, x, y, bias)]
    places = [(0, 0, 0) if t is None else (t.data_ptr(), *t.stride()) for t in arrays]
    head = _products.LEVELS - 1, kind, _BYTES[out.dtype], add, m, inner, n, biased
    return _products.product, (*head, *chain.from_iterable(places), arrays)
