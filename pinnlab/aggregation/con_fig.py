"""Conflict-free inverse gradients."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ConFIG:
    r"""A direction with the same positive cosine to the gradient of every term.

    With unit gradients :math:`\hat g_k` the direction :math:`d` solves
    :math:`\hat g_k \cdot d = 1` for all k with the least norm, and is scaled to

    .. math:: g = \Bigl(\sum_k g_k \cdot \hat d\Bigr)\, \hat d, \qquad \hat d = d / \|d\|

    so that all terms decrease at the same relative rate. Computed from the ``(m, m)`` Gramian of
    the unit gradients in float64; a singular Gramian is solved in the least-squares sense. Terms
    whose gradient is zero do not take part.

    References:
        Liu, Chu, Thuerey (2025), ICLR, arXiv 2408.11104, equation 2. Differs: the pseudo-inverse
        of the gradient matrix is replaced by that of its Gramian, which is the same direction.
    """

    def __call__(self, jacobian: Tensor) -> Tensor:
        """The direction for term gradients ``(m, p)``."""
        # In float64, because the null directions of dependent gradients are told from rounding by
        # the size of an eigenvalue, which is the square of that of the rounding.
        gradients = jacobian.double()
        norms = torch.linalg.vector_norm(gradients, dim=1)
        active = norms > 0
        if not bool(active.any()):
            return torch.zeros_like(jacobian[0])
        gradients = gradients[active]
        unit = gradients / norms[active, None]
        gramian = unit @ unit.T
        ones = torch.ones(len(gramian), dtype=gramian.dtype, device=gramian.device)
        direction = torch.linalg.pinv(gramian, rtol=1e-10, hermitian=True) @ ones @ unit
        length = torch.linalg.vector_norm(direction)
        # It is at least one where the cosines can be equal, and rounding where gradients oppose
        # each other so that no common descent direction exists.
        if not bool(length > 1e-6):
            return torch.zeros_like(jacobian[0])
        direction = direction / length
        return ((gradients @ direction).sum() * direction).to(jacobian.dtype)
