"""The product of two jets, by Leibniz' rule, forwards and backwards."""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from pinnlab.calculus.direction_slots import by_kind, weighted
from pinnlab.calculus.layout import Layout


class Product(torch.autograd.Function):
    """The product of two stacked jets ``(rows, ...)``: (ab)_S = Σ c a_T b_U.

    Autograd would fill a jet of zeros for every slot that is read; written by hand, each cotangent
    is one array that the terms add to.
    """

    @staticmethod
    def forward(ctx, a: Tensor, b: Tensor, layout: Layout) -> Tensor:
        """All slots of the product."""
        ctx.layout = layout
        ctx.save_for_backward(a, b)
        out = torch.empty_like(a)
        if layout.square_sums is not None:
            return _product_of_squares(a, b, layout, out)
        for part, terms in zip(_slots(out, layout), layout.products, strict=True):
            _sum_of_products(part, terms, _slots(a, layout), _slots(b, layout))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, *grad_outputs: Tensor):
        """Each factor receives the cotangent of the product times the other factor."""
        a, b = ctx.saved_tensors
        grad, layout = grad_outputs[0], ctx.layout
        if layout.square_sums is not None:
            return (
                _pull_squares(grad, b, layout) if ctx.needs_input_grad[0] else None,
                _pull_squares(grad, a, layout) if ctx.needs_input_grad[1] else None,
                None,
            )
        return (
            _pull(grad, b, layout, of_left=True) if ctx.needs_input_grad[0] else None,
            _pull(grad, a, layout, of_left=False) if ctx.needs_input_grad[1] else None,
            None,
        )


def _slots(data: Tensor, layout: Layout) -> list[Tensor]:
    return [data[rows] for rows in layout.ranges]


def _product_of_squares(a: Tensor, b: Tensor, layout: Layout, out: Tensor) -> Tensor:
    """(ab)_0 = a b, (ab)_k = a b_k + a_k b, and the sums a b_S + a_S b + 2 Σ c_k a_k b_k."""
    assert layout.square_sums is not None
    (a0, ak, a_sums), (b0, bk, b_sums) = by_kind(a, layout), by_kind(b, layout)
    value, first, sums = by_kind(out, layout)
    torch.mul(a0, b0, out=value)
    torch.mul(ak, b0, out=first).addcmul_(bk, a0)
    torch.mul(a_sums, b0, out=sums).addcmul_(b_sums, a0)
    products = ak * bk
    for s, part in zip(layout.square_sums, sums, strict=True):
        _, terms, factor = weighted(s, products)
        part.add_(terms.sum(0), alpha=2 * factor)
    return out


def _pull_squares(grad: Tensor, other: Tensor, layout: Layout) -> Tensor:
    """The cotangent of one factor, where the jets are those of :attr:`Layout.square_sums`."""
    assert layout.square_sums is not None
    out = torch.empty_like(grad)
    (g0, gk, g_sums), (b0, bk, b_sums) = by_kind(grad, layout), by_kind(other, layout)
    value, first, sums = by_kind(out, layout)
    torch.mul(g0, b0, out=value).add_((gk * bk).sum(0))
    torch.mul(gk, b0, out=first)
    torch.mul(g_sums, b0, out=sums)
    for s, g, b in zip(layout.square_sums, g_sums, b_sums, strict=True):
        value.addcmul_(g, b)
        rows, factors, factor = weighted(s, bk)
        first[rows].addcmul_(factors, g, value=2 * factor)
    return out


def _sum_of_products(
    out: Tensor, terms: tuple[tuple[float, int, int], ...], a: list[Tensor], b: list[Tensor]
) -> None:
    """Write Σ c a_i b_j on the points of ``out``."""
    n = len(out)
    (c, i, j), *others = terms
    torch.mul(a[i][:n], b[j][:n], out=out)
    if c != 1.0:
        out.mul_(c)
    for c, i, j in others:
        out.addcmul_(a[i][:n], b[j][:n], value=c)


def _pull(grad: Tensor, other: Tensor, layout: Layout, *, of_left: bool) -> Tensor:
    """The cotangent of one factor, from that of the product and the other factor."""
    out = torch.zeros_like(other)
    parts, g, factors = _slots(out, layout), _slots(grad, layout), _slots(other, layout)
    for slot, terms in enumerate(layout.products):
        n = layout.counts[slot]
        for c, i, j in terms:
            mine, its = (i, j) if of_left else (j, i)
            parts[mine][:n].addcmul_(g[slot], factors[its][:n], value=c)
    return out
