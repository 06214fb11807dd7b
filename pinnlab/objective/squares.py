"""Mean squares of several residuals as one operation.

Each by itself is a product, a quotient and two views, with as many nodes of the graph; for small
networks that is a noticeable part of a step.
"""

from collections.abc import Sequence

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
