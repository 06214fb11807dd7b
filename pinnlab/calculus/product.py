"""The product of two jets, by Leibniz' rule, forwards and backwards."""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

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
        for part, terms in zip(_slots(out, layout), layout.products, strict=True):
            _sum_of_products(part, terms, _slots(a, layout), _slots(b, layout))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, *grad_outputs: Tensor):
        """Each factor receives the cotangent of the product times the other factor."""
        a, b = ctx.saved_tensors
        grad, layout = grad_outputs[0], ctx.layout
        return (
            _pull(grad, b, layout, of_left=True) if ctx.needs_input_grad[0] else None,
            _pull(grad, a, layout, of_left=False) if ctx.needs_input_grad[1] else None,
            None,
        )


def _slots(data: Tensor, layout: Layout) -> list[Tensor]:
    return [data[rows] for rows in layout.ranges]


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
