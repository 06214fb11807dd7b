"""The Jacobian of a function of one vector, as an operator and as a matrix."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import jvp, vjp

from pinnlab.linalg.operators import LinearOperator

CHUNK = 64  # columns that are found side by side, so that memory stays bounded

Function = Callable[[Tensor], Tensor]


def jacobian_operator(function: Function, at: Tensor) -> tuple[Tensor, LinearOperator]:
    """A function's value and Jacobian, known by its products.

    Args:
        function: Of a vector ``(p,)``, of operations that torch differentiates in forward mode.
        at: The vector.

    Returns:
        The value ``(r,)``, detached, and the Jacobian ``(r, p)``.
    """
    value, pull = vjp(function, at)[:2]
    operator = LinearOperator(
        shape=(len(value), len(at)),
        mv=lambda v: jvp(function, (at,), (v,))[1],
        rmv=lambda w: pull(w)[0],
        like=at,
    )
    return value.detach(), operator


def jacobian_matrix(function: Function, at: Tensor) -> tuple[Tensor, Tensor]:
    """A function's value ``(r,)`` and Jacobian ``(r, p)``, both detached.

    Args:
        function: As for :func:`jacobian_operator`.
        at: The vector ``(p,)``.
    """
    # Forward mode: one pass a column, many of them side by side.
    columns = torch.func.vmap(lambda v: jvp(function, (at,), (v,))[1], out_dims=1, chunk_size=CHUNK)
    eye = torch.eye(len(at), dtype=at.dtype, device=at.device)
    return function(at).detach(), columns(eye).detach()
