"""Hand-written forward and backward passes of the three operations that fill a training step.

Autograd would record every elementwise factor of the chain rule; written by hand, each layer
keeps only its pre-activation and the derivatives of its activation, and its backward pass fuses
multiplication and accumulation. Each operation can be differentiated once; where forward-mode or
second derivatives with respect to the *parameters* are needed, a layout with
``transparent=True`` computes the same in plain torch operations (see :mod:`.taylor`).
"""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from pinnlab.calculus.layout import Layout
from pinnlab.calculus.pointwise import Derivatives


def _product(parts: list[Tensor], factors: tuple[int, ...], count: int) -> Tensor:
    out = parts[factors[0]][:count]
    for k in factors[1:]:
        out = out * parts[k][:count]
    return out


def compose_slot(f: list[Tensor], parts: list[Tensor], layout: Layout, slot: int) -> Tensor:
    """One slot of f(z) by Faà di Bruno, from the derivatives of f and the slots of z."""
    count = layout.counts[slot]
    by_order: dict[int, Tensor] = {}
    for bell in layout.bells[slot]:
        product = _product(parts, bell.factors, count)
        if bell.coefficient != 1.0:
            product = product * bell.coefficient
        by_order[bell.k] = by_order[bell.k] + product if bell.k in by_order else product
    out = None
    for k, polynomial in by_order.items():
        df = f[k][:count]
        out = df * polynomial if out is None else torch.addcmul(out, df, polynomial)
    assert out is not None
    return out


class Compose(torch.autograd.Function):
    """f(z) for a stacked jet z: ``(rows, ...) -> (rows, ...)``."""

    @staticmethod
    def forward(ctx, data: Tensor, function: Derivatives, layout: Layout) -> Tensor:
        parts = [data[rows] for rows in layout.ranges]
        f = function(parts[0], layout.order)
        out = torch.empty_like(data)
        out[layout.ranges[0]] = f[0]
        for slot in range(1, len(parts)):
            rows, count = layout.ranges[slot], layout.counts[slot]
            target = out[rows]
            bells = layout.bells[slot]
            if len(bells) == 1:
                torch.mul(f[1][:count], parts[slot], out=target)
                continue
            torch.mul(f[1][:count], parts[slot], out=target)
            higher: dict[int, Tensor] = {}
            for bell in bells[1:] if bells[0].k == 1 else bells:
                if bell.k == 1:
                    continue
                _accumulate(higher, bell.k, parts, bell.factors, bell.coefficient, count)
            for k, polynomial in higher.items():
                target.addcmul_(f[k][:count], polynomial)
        ctx.function, ctx.layout = function, layout
        ctx.save_for_backward(data, *f)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, *grad_outputs: Tensor):
        layout: Layout = ctx.layout
        grad = grad_outputs[0].contiguous()
        data, *f = ctx.saved_tensors
        parts = [data[rows] for rows in layout.ranges]
        if layout.order:
            f = ctx.function(parts[0], layout.order + 1)
        else:
            f = ctx.function(parts[0], 1)
        out = torch.empty_like(data)
        grads = [out[rows] for rows in layout.ranges]
        torch.mul(grad[layout.ranges[0]], f[1], out=grads[0])
        for slot in range(1, len(parts)):
            torch.mul(grad[layout.ranges[slot]], f[1][: layout.counts[slot]], out=grads[slot])
        for slot in range(1, len(parts)):
            count = layout.counts[slot]
            g = grad[layout.ranges[slot]]
            into_value = grads[0][:count]
            # d/dz of f^{(k)}(z) Π z_B: f^{(k+1)} towards the value, and the product rule.
            into_value.addcmul_(g * parts[slot], f[2][:count])
            powers: dict[int, Tensor] = {}
            for bell in layout.bells[slot]:
                if bell.k == 1:
                    continue
                if bell.k not in powers:
                    powers[bell.k] = g * f[bell.k][:count]
                gf = powers[bell.k]
                a, *others = bell.factors
                if len(others) == 1:
                    b = others[0]
                    if a == b:
                        grads[a][:count].addcmul_(gf, parts[a][:count], value=2 * bell.coefficient)
                    else:
                        grads[a][:count].addcmul_(gf, parts[b][:count], value=bell.coefficient)
                        grads[b][:count].addcmul_(gf, parts[a][:count], value=bell.coefficient)
                else:
                    for position, factor in enumerate(bell.factors):
                        rest = bell.factors[:position] + bell.factors[position + 1 :]
                        grads[factor][:count].addcmul_(
                            gf, _product(parts, rest, count), value=bell.coefficient
                        )
            higher: dict[int, Tensor] = {}
            for bell in layout.bells[slot]:
                if bell.k > 1:
                    _accumulate(higher, bell.k, parts, bell.factors, bell.coefficient, count)
            for k, polynomial in higher.items():
                into_value.addcmul_(polynomial.mul_(g), f[k + 1][:count])
        return out, None, None


def _accumulate(
    sums: dict[int, Tensor],
    k: int,
    parts: list[Tensor],
    factors: tuple[int, ...],
    coefficient: float,
    count: int,
) -> None:
    """Add coefficient · Π z_factors to the Bell polynomial of order k, in place where possible."""
    if len(factors) == 2 and k in sums:
        sums[k].addcmul_(parts[factors[0]][:count], parts[factors[1]][:count], value=coefficient)
        return
    product = _product(parts, factors, count)
    if coefficient != 1.0:
        product = product * coefficient
    if k in sums:
        sums[k].add_(product)
    else:
        sums[k] = product


class AffineCompose(torch.autograd.Function):
    """f(z) where z is affine in the points: slot S of the result is f^{(|S|)}(z) P_S.

    The products of slopes P_S, ``(slots - 1, ...)``, do not depend on the point, so that the first
    layer of a network costs one multiplication a slot.
    """

    @staticmethod
    def forward(
        ctx, value: Tensor, slopes: Tensor, function: Derivatives, layout: Layout,
        orders: tuple[int, ...],
    ) -> Tensor:
        f = function(value, layout.order)
        out = value.new_empty((layout.rows, *value.shape[1:]))
        out[: layout.n] = f[0]
        for slot in range(1, len(layout.slots)):
            torch.mul(
                f[orders[slot]][: layout.counts[slot]], slopes[slot - 1],
                out=out[layout.ranges[slot]],
            )
        ctx.function, ctx.layout, ctx.orders = function, layout, orders
        ctx.save_for_backward(value, slopes)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, *grad_outputs: Tensor):
        layout: Layout = ctx.layout
        grad = grad_outputs[0]
        value, slopes = ctx.saved_tensors
        f = ctx.function(value, layout.order + 1)
        grad_value = grad[: layout.n] * f[1]
        grad_slopes = torch.empty_like(slopes)
        for slot in range(1, len(layout.slots)):
            count, k = layout.counts[slot], ctx.orders[slot]
            g = grad[layout.ranges[slot]]
            torch.sum(g * f[k][:count], dim=0, out=grad_slopes[slot - 1])
            grad_value[:count].addcmul_(g * slopes[slot - 1], f[k + 1][:count])
        return grad_value, grad_slopes, None, None, None


class JetLinear(torch.autograd.Function):
    """One matrix product for all slots; the bias moves only the values."""

    @staticmethod
    def forward(ctx, data: Tensor, weight: Tensor, bias: Tensor | None, n: int) -> Tensor:
        out = data @ weight.T
        if bias is not None:
            out[:n] += bias
        ctx.n, ctx.with_bias = n, bias is not None
        ctx.save_for_backward(data, weight)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, *grad_outputs: Tensor):
        grad = grad_outputs[0]
        data, weight = ctx.saved_tensors
        grad_data = grad @ weight if ctx.needs_input_grad[0] else None
        grad_weight = grad.T @ data if ctx.needs_input_grad[1] else None
        grad_bias = grad[: ctx.n].sum(0) if ctx.with_bias else None
        return grad_data, grad_weight, grad_bias, None
