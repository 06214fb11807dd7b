"""Matrix products of a layer, whose features are rows and whose points are columns.

Libraries of linear algebra are made for large matrices. A layer multiplies a small one, of twenty
or a hundred features, with one of thousands of columns. Compiled code for this case reads columns
where they lie and keeps a tile of the result in registers. With 6 000 columns and up to 100
features it takes 1.1 to 1.5 times as many products a second as torch on one thread, and 1.2 to 2.4
times as many sums of gradients (``benchmarks/narrow_products.py``). For more features, for other
arrangements, and where the compiled code is missing, torch does them.
"""

from itertools import chain

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
_OUT = slice(8, 11)  # where the place of the result stands among the arguments

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

    Where x and the bias lie may change; what follows from the places of all is found out once.

    Args:
        y: ``(in, columns)``.
        out: ``(out, columns)``.
        values: How many columns are values, which a bias moves.
    """

    def __init__(self, y: Tensor, out: Tensor, values: int = 0) -> None:
        self._y, self._out, self._values = y, out, values
        self._key: tuple | None = None
        self._arguments: tuple[int, ...] | None = None

    def __call__(self, x: Tensor, bias: Tensor | None = None) -> None:
        """Write ``out``.

        Args:
            x: ``(out, in)``.
            bias: b ``(out,)``, or None for zero.
        """
        key = _place(x), None if bias is None else _place(bias)
        if key != self._key:
            self._key, self._arguments = key, self._found(x, bias)
        if self._arguments is not None:
            _run(self._arguments)
            return
        torch.mm(x, self._y, out=self._out)
        if bias is not None:
            self._out[:, : self._values].add_(bias[:, None])

    def _found(self, x: Tensor, bias: Tensor | None) -> tuple[int, ...] | None:
        """What the compiled code is told; None if torch has to do it."""
        y, out = self._y, self._out
        if max(x.shape) > WIDEST or out.stride(1) != 1 or y.stride(1) != 1 or not _fit(out, x, y):
            return None
        if bias is None:
            return _arguments(_TIMES, out, x, y)
        if bias.dtype != out.dtype or bias.device != out.device or bias.shape != out.shape[:1]:
            return None
        return _arguments(_TIMES, out, x, y, bias=bias[:, None], biased=self._values)


class OuterProducts:
    """The sum of g aᵀ over the points, for arrays that stay where they are.

    Args:
        g: Cotangents of a layer's result, ``(out, points)``.
        a: The layer's inputs ``(in, points)``.
    """

    def __init__(self, g: Tensor, a: Tensor) -> None:
        self.g, self.a = g, a
        self._key: tuple | None = None
        self._arguments: tuple[tuple[int, ...], tuple[int, ...]] | None = None

    def added_to(self, total: Tensor | None) -> Tensor:
        """``total (out, in)``, to which the sum was added; None for zero."""
        add = total is not None
        if total is None:
            total = self.g.new_empty((len(self.g), len(self.a)))
        key = total.shape, total.dtype, total.is_cpu, add
        if key != self._key:
            self._key, self._arguments = key, self._found(total, add)
        if self._arguments is not None:
            before, behind = self._arguments
            _run((*before, total.data_ptr(), *total.stride(), *behind))
            return total
        g, a = self.g, self.a
        if len(a) in NARROW and (not add or a.shape[1] > FEW):
            # A product that is written into a transpose is as slow.
            found = torch.mm(a, g.T).T
            return total.add_(found) if add else found
        return total.addmm_(g, a.T) if add else torch.mm(g, a.T, out=total)

    def _found(self, out: Tensor, add: bool) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """What the compiled code is told before and behind the place of the result, or None."""
        g, a = self.g, self.a
        if max(out.shape) > WIDEST or g.stride(1) != 1 or a.stride(1) != 1 or not _fit(out, g, a.T):
            return None
        told = _arguments(_DOTS, out, g, a, add=add)
        return told[: _OUT.start], told[_OUT.stop :]


def outer_products(g: Tensor, a: Tensor, total: Tensor | None = None) -> Tensor:
    """``total + g aᵀ``, in place; see :class:`OuterProducts`."""
    return OuterProducts(g, a).added_to(total)


def row_sums(g: Tensor) -> OuterProducts:
    """The sum over the columns of g, as a column."""
    return OuterProducts(g, g.new_ones((1, g.shape[1])))


def _place(x: Tensor) -> tuple:
    """What the compiled code depends on."""
    return x.data_ptr(), x.stride(), x.shape, x.dtype, x.is_cpu


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


def _arguments(
    kind: int,
    out: Tensor,
    x: Tensor,
    y: Tensor,
    *,
    add: bool = False,
    bias: Tensor | None = None,
    biased: int = 0,
) -> tuple[int, ...]:
    """What the compiled code is told."""
    assert _products is not None
    (m, inner), n = x.shape, out.shape[1]
    places = [(0, 0, 0) if t is None else (t.data_ptr(), *t.stride()) for t in (out, x, y, bias)]
    level = _products.LEVELS - 1
    return level, kind, _BYTES[out.dtype], add, m, inner, n, biased, *chain.from_iterable(places)


def _run(arguments: tuple[int, ...]) -> None:
    assert _products is not None
    _products.product(*arguments)
