"""Residuals as a loss counts them: mean squares, and factors of terms and of single points.

The mean squares of several residuals are one operation. Each by itself is a product, a quotient and
two views, with as many nodes of the graph; for small networks that is a noticeable part of a step.
Where twins or factors of single points come in, they are taken one by one.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from pinnlab.calculus.host_numbers import host_numbers


class _MeanSquares(torch.autograd.Function):
    @staticmethod
    def forward(ctx, *blocks: Tensor) -> Tensor:
        flat = [block.reshape(-1) for block in blocks]
        squares = torch.stack([torch.dot(r, r) for r in flat])
        counts = tuple(float(len(block)) for block in blocks)
        ctx.counts = host_numbers(counts, squares.dtype, squares.device)
        ctx.save_for_backward(*blocks)
        return squares.div_(ctx.counts)

    @staticmethod
    @once_differentiable
    def backward(ctx, *grad_outputs: Tensor):
        factors = (grad_outputs[0] / ctx.counts).mul_(2.0).unbind()
        return tuple(
            block * factor if needed else None
            for block, factor, needed in zip(
                ctx.saved_tensors, factors, ctx.needs_input_grad, strict=True
            )
        )


def mean_squares(blocks: Sequence[Tensor]) -> Tensor:
    """Mean over the points of the squared residual of every block, ``(m,)``.

    The result can be differentiated once.

    Args:
        blocks: Residuals ``(n_k, c_k)`` of one precision on one device.
    """
    return _MeanSquares.apply(*blocks)  # type: ignore[return-value]


def products(blocks: Mapping[str, Tensor], twins: Mapping[str, Tensor] | None = None) -> Tensor:
    """Mean over the points of every residual times its twin, or squared without one, ``(m,)``.

    Args:
        blocks: Residuals ``(n_k, c_k)`` by term.
        twins: Independent estimates of some of them, of the same shapes.
    """
    sums = []
    for name, r in blocks.items():
        flat, other = r.reshape(-1), (twins or {}).get(name, r).reshape(-1)
        sums.append(torch.dot(flat, other) / len(r))
    return torch.stack(sums)


def weighed(
    blocks: Mapping[str, Tensor], twins: Mapping[str, Tensor], factors: Mapping[str, Tensor]
) -> tuple[Tensor, Tensor]:
    """Mean squares ``(m,)`` with the factors of single points, and without and detached.

    Args:
        blocks: Residuals ``(n_k, c_k)`` by term.
        twins: Independent estimates of some of them.
        factors: λ ``(n_k,)`` by term; the points of all others count alike.
    """
    if not factors:
        squares = products(blocks, twins)
        return squares, squares.detach()
    own = {k: r * _rows(factors[k], r) if k in factors else r for k, r in blocks.items()}
    with torch.no_grad():
        raw = products(blocks, twins)
    return products(own, {**blocks, **twins}), raw


def scaled(
    blocks: Mapping[str, Tensor], weights: Mapping[str, float], factors: Mapping[str, Tensor]
) -> Tensor:
    """The stacked residual ``(r,)``, √(w_k λ_ki / n_k) r_k(x_i).

    Args:
        blocks: Residuals r ``(n_k, c_k)`` by term.
        weights: w by term.
        factors: λ ``(n_k,)`` by term; the points of all others count alike.
    """
    rows = []
    for name, r in blocks.items():
        own = r * (weights[name] / len(r)) ** 0.5
        if name in factors:
            own = own * _rows(factors[name].sqrt(), r)
        rows.append(own.reshape(-1))
    return torch.cat(rows)


def _rows(factors: Tensor, r: Tensor) -> Tensor:
    """Factors of points, to be multiplied with a residual."""
    return factors.view(-1, *[1] * (r.ndim - 1))
