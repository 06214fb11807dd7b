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

from pinnlab.calculus.layout import Bell, Layout
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
        """Value and slots of f(z)."""
        parts = [data[rows] for rows in layout.ranges]
        # The backward pass needs one derivative more; taken now, it costs no second evaluation.
        f = function(parts[0], layout.order + int(ctx.needs_input_grad[0]))
        out = torch.empty_like(data)
        out[layout.ranges[0]] = f[0]
        for slot in range(1, len(parts)):
            count = layout.counts[slot]
            target = out[layout.ranges[slot]]
            torch.mul(f[1][:count], parts[slot], out=target)
            for k, polynomial in _bell_polynomials(parts, layout, slot).items():
                target.addcmul_(f[k][:count], polynomial)
        ctx.layout = layout
        ctx.save_for_backward(data, *f[1:])
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, *grad_outputs: Tensor):
        """Pull a cotangent back through Faà di Bruno's formula.

        With a_S = Σ_k f^{(k)}(z) B_{k,S} the value receives Σ_S ḡ_S Σ_k f^{(k+1)} B_{k,S}, where
        B_{1,S} = z_S, and every factor of B_{k,S} what the product rule gives it.
        """
        layout: Layout = ctx.layout
        grad = grad_outputs[0].contiguous()
        data, *derivatives = ctx.saved_tensors
        f = [derivatives[0], *derivatives]  # f[0] is not read
        parts = [data[rows] for rows in layout.ranges]
        cotangents = [grad[rows] for rows in layout.ranges]
        out = torch.empty_like(data)
        grads = [out[rows] for rows in layout.ranges]
        for slot, count in enumerate(layout.counts):
            torch.mul(cotangents[slot], f[1][:count], out=grads[slot])
        _pull_first(grads[0], cotangents, parts, f, layout)
        for slot in range(1, len(parts)):
            if len(layout.bells[slot]) > 1:
                _pull_higher(grads, cotangents[slot], parts, f, layout, slot)
        return out, None, None


def _pull_first(
    into: Tensor, cotangents: list[Tensor], parts: list[Tensor], f: list[Tensor], layout: Layout
) -> None:
    """Add f'' Σ_S ḡ_S z_S to the cotangent of the value, the sum formed first."""
    if len(parts) == 1:
        return
    # Slots in falling order of their points, so that each adds to a prefix of the sum.
    order = sorted(range(1, len(parts)), key=lambda slot: -layout.counts[slot])
    total = cotangents[order[0]] * parts[order[0]]
    for slot in order[1:]:
        total[: layout.counts[slot]].addcmul_(cotangents[slot], parts[slot])
    count = len(total)
    into[:count].addcmul_(total, f[2][:count])


def _pull_higher(
    grads: list[Tensor], g: Tensor, parts: list[Tensor], f: list[Tensor], layout: Layout, slot: int
) -> None:
    """What the products of lower slots in one slot give back to their factors."""
    count = layout.counts[slot]
    scaled: dict[int, Tensor] = {}
    for bell in layout.bells[slot]:
        if bell.k == 1:
            continue
        if bell.k not in scaled:
            scaled[bell.k] = g * f[bell.k][:count]
        _pull_product(grads, scaled[bell.k], parts, bell, count)
    for k, polynomial in _bell_polynomials(parts, layout, slot).items():
        grads[0][:count].addcmul_(polynomial.mul_(g), f[k + 1][:count])


def _pull_product(
    grads: list[Tensor], g: Tensor, parts: list[Tensor], bell: Bell, count: int
) -> None:
    """The product rule for one term of a Bell polynomial."""
    c, factors = bell.coefficient, bell.factors
    if len(factors) == 2 and factors[0] == factors[1]:
        grads[factors[0]][:count].addcmul_(g, parts[factors[0]][:count], value=2 * c)
        return
    for position, factor in enumerate(factors):
        rest = factors[:position] + factors[position + 1 :]
        grads[factor][:count].addcmul_(g, _product(parts, rest, count), value=c)


def _bell_polynomials(parts: list[Tensor], layout: Layout, slot: int) -> dict[int, Tensor]:
    """B_{k,S} for k ≥ 2: sums of products of lower slots, fresh tensors."""
    count = layout.counts[slot]
    sums: dict[int, Tensor] = {}
    for bell in layout.bells[slot]:
        k, factors, c = bell.k, bell.factors, bell.coefficient
        if k == 1:
            continue
        if k in sums and len(factors) == 2:
            left, right = (parts[factor][:count] for factor in factors)
            sums[k].addcmul_(left, right, value=c)
            continue
        product = _product(parts, factors, count)
        if c != 1.0:
            product = product * c
        sums[k] = sums[k].add_(product) if k in sums else product
    return sums


class AffineCompose(torch.autograd.Function):
    """f(z) where z is affine in the points: slot S of the result is f^{(|S|)}(z) P_S.

    The products of slopes P_S, ``(slots - 1, ...)``, do not depend on the point, so that the first
    layer of a network costs one multiplication a slot.
    """

    @staticmethod
    def forward(
        ctx,
        value: Tensor,
        slopes: Tensor,
        function: Derivatives,
        layout: Layout,
        orders: tuple[int, ...],
    ) -> Tensor:
        """Value and slots of f(z)."""
        f = function(value, layout.order + int(ctx.needs_input_grad[0]))
        out = value.new_empty((layout.rows, *value.shape[1:]))
        out[: layout.n] = f[0]
        for slot in range(1, len(layout.slots)):
            torch.mul(
                f[orders[slot]][: layout.counts[slot]],
                slopes[slot - 1],
                out=out[layout.ranges[slot]],
            )
        ctx.layout, ctx.orders = layout, orders
        ctx.save_for_backward(slopes, *f[1:])
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, *grad_outputs: Tensor):
        """Pull back to the value and to the products of slopes."""
        layout: Layout = ctx.layout
        grad = grad_outputs[0]
        slopes, *derivatives = ctx.saved_tensors
        f = [derivatives[0], *derivatives]  # f[0] is not read
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
        """Wz + b in the values, Wz in the derivatives."""
        out = data @ weight.T
        if bias is not None:
            out[:n] += bias
        ctx.n, ctx.with_bias = n, bias is not None
        ctx.save_for_backward(data, weight)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, *grad_outputs: Tensor):
        """One product for all slots in each direction."""
        grad = grad_outputs[0]
        data, weight = ctx.saved_tensors
        grad_data = grad @ weight if ctx.needs_input_grad[0] else None
        grad_weight = grad.T @ data if ctx.needs_input_grad[1] else None
        grad_bias = grad[: ctx.n].sum(0) if ctx.with_bias else None
        return grad_data, grad_weight, grad_bias, None
