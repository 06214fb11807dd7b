"""Linear operators known by their products with vectors."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class LinearOperator:
    """A matrix ``(rows, columns)`` known by its action.

    Args:
        shape: ``(rows, columns)``.
        mv: v ``(columns,)`` to A v ``(rows,)``.
        rmv: w ``(rows,)`` to Aᵀ w ``(columns,)``.
        like: A tensor whose dtype and device vectors have.
    """

    shape: tuple[int, int]
    mv: Callable[[Tensor], Tensor]
    rmv: Callable[[Tensor], Tensor]
    like: Tensor

    def dense(self) -> Tensor:
        """The matrix itself, from products along its shorter side."""
        rows, columns = self.shape
        count, product, axis = (rows, self.rmv, 0) if rows <= columns else (columns, self.mv, 1)
        eye = torch.eye(count, dtype=self.like.dtype, device=self.like.device)
        return torch.stack([product(e) for e in eye], axis)
