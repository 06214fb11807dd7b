"""Conflict-free inverse gradients."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.aggregation.base import GramianAggregator


@dataclass(frozen=True)
class ConFIG(GramianAggregator):
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

    def weights(self, gramian: Tensor) -> Tensor:
        """See :class:`GramianAggregator`."""
        norms = gramian.diagonal().sqrt()
        active = norms > 0
        scale = torch.where(active, 1 / norms.clamp_min(torch.finfo(norms.dtype).tiny), 0.0)
        unit = gramian * scale[:, None] * scale
        solved = torch.linalg.pinv(unit, rtol=1e-10, hermitian=True) @ active.to(unit)
        length = torch.dot(solved, unit @ solved).clamp_min(0).sqrt()
        # It is at least one where the cosines can be equal, and rounding where gradients oppose
        # each other so that no common descent direction exists.
        if not bool(length > 1e-6):
            return torch.zeros_like(norms)
        return solved * scale * ((norms * (unit @ solved)).sum() / length**2)
