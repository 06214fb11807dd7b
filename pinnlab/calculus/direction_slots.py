"""Parts of a jet that carries a value, first derivatives and weighted sums of second ones.

Such a jet, that of :attr:`~pinnlab.calculus.layout.Layout.square_sums`, is an array
``(slots, n, ...)``: one operation serves all directions, where others need one for each.
"""

from torch import Tensor

from pinnlab.calculus.host_numbers import host_numbers
from pinnlab.calculus.layout import Layout, SquareSum


def by_kind(data: Tensor, layout: Layout) -> tuple[Tensor, Tensor, Tensor]:
    """Values ``(n, ...)``, first derivatives ``(k, n, ...)`` and sums ``(m, n, ...)``."""
    array = data.view(len(layout.slots), layout.n, *data.shape[1:])
    firsts = len(layout.first_order)
    # Of one split autograd joins the cotangents at once, of slices one after the other.
    value, first, sums = array.split([1, firsts, len(array) - firsts - 1])
    return value[0], first, sums


def weighted(s: SquareSum, terms: Tensor) -> tuple[slice, Tensor, float]:
    """Which terms ``(k, n, ...)`` count in a sum, weighted up to a common factor."""
    if s.common is not None:
        rows, coefficient = s.common
        whole = rows == slice(0, len(terms))
        return rows, terms if whole else terms[rows], coefficient
    weights = host_numbers(s.coefficients, terms.dtype, terms.device)
    return slice(None), terms * weights.view(-1, *[1] * (terms.ndim - 1)), 1.0


def weighted_sums(layout: Layout, terms: Tensor) -> list[Tensor]:
    """Σ c_k t_k of terms ``(k, n, ...)``, for every sum of a jet."""
    assert layout.square_sums is not None
    out = []
    for s in layout.square_sums:
        _, chosen, factor = weighted(s, terms)
        out.append(chosen.sum(0) if factor == 1.0 else chosen.sum(0) * factor)
    return out
