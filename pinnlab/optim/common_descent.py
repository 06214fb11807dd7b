r"""Directions along which every term of a loss falls.

With the gradients :math:`g_k` of the terms and a symmetric positive definite H, the inverse of some
Hessian, a combination of the columns :math:`H g_k` is determined by the inner products

.. math:: G_{kl} = g_k \cdot H g_l, \qquad d = -\sum_k w_k H g_k, \qquad g_k \cdot d = -(G w)_k,

so that whatever an aggregator promises for the Gramian G holds in the metric of H: with
:math:`Gw > 0` all terms fall to first order, and at equal rates if all entries of :math:`Gw`
divided by their :math:`\sqrt{G_{kk}}` are equal.

Of all directions of one length the *steepest common descent* is the one whose smallest rate is
largest. It is the shortest vector of the convex hull of the unit gradients, whose length ν is the
cosine between it and the gradients that it is made of. A point with ν = 0 is *Pareto stationary*:
no direction lowers all terms.

References:
    Fliege and Svaiter (2000), Math. Methods Oper. Res. 51, 479-494; with H of a convex combination
    of the terms, Lapucci and Mansueto (2023), Comput. Optim. Appl. 85, 33-73. Differs: the
    gradients are divided by their lengths, so that units of the terms do not matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.aggregation.small_problems import on_host, shortest

# Of the rate of the steepest common descent, that every term shall have. Terms that fall slowly
# rise again after short steps: with a hundredth, projections onto the directions that let no term
# rise, which make rates of zero, take steps several times as short.
LEAST_RATE = 0.3


@dataclass(frozen=True)
class CommonDescent:
    """The steepest common descent of some gradients.

    Args:
        shares: Of the unit gradients in it, ``(m,)``, not negative, of sum one; zero for terms
            without gradient.
        norms: Lengths of the gradients ``(m,)``.
        cosines: Of the gradients with each other ``(m, m)``.
        rate: Its length ν: the smallest cosine of it with any gradient.
    """

    shares: Tensor
    norms: Tensor
    cosines: Tensor
    rate: float

    @property
    def weights(self) -> Tensor:
        """Coefficients ``(m,)`` of the gradients in it."""
        return torch.where(self.norms > 0, self.shares / self.norms.clamp_min(_TINY), 0.0)

    def opponents(self, names: Sequence[str]) -> str:
        """In words, the terms that it is made of and how they oppose each other."""
        members = [k for k, share in enumerate(self.shares.tolist()) if share > 1e-3]
        quoted = [f"'{names[k]}'" for k in members]
        if len(members) < 2:
            return " and ".join(quoted)
        text = ", ".join(quoted[:-1]) + f" and {quoted[-1]}"
        if len(members) > 2:
            return f"{text} pull apart"
        cosine = float(self.cosines[members[0], members[1]])
        return f"{text} oppose each other (cosine {cosine:.4f})"


_TINY = torch.finfo(torch.float64).tiny


def steepest_common_descent(gramian: Tensor) -> CommonDescent:
    """The shortest vector of the convex hull of the unit gradients.

    Args:
        gramian: Inner products of the gradients ``(m, m)``, float64, in any metric.
    """
    norms = gramian.diagonal().clamp_min(0).sqrt()
    scale = torch.where(norms > 0, 1 / norms.clamp_min(_TINY), 0.0)
    cosines = gramian * scale[:, None] * scale
    active = (norms > 0).nonzero().reshape(-1)
    shares = torch.zeros_like(norms)
    if len(active):
        shares[active] = on_host(shortest, cosines[active][:, active])
    rate = float(torch.dot(shares, cosines @ shares).clamp_min(0).sqrt())
    return CommonDescent(shares, norms, cosines, rate)


def with_common_descent(weights: Tensor, gramian: Tensor, steepest: CommonDescent) -> Tensor:
    r"""Weights that make every term fall, as close to the given ones as that allows.

    Directions in which a term would not fall, or at less than three tenths of the rate that all
    terms can have, are turned towards the steepest common descent until it does. With unit
    gradients :math:`\hat g_k`, directions of equal length :math:`\|d\|` and their mixture
    :math:`(1 - t)\, d + t\, d^*`,

    .. math:: (1 - t)\, \hat g_k \cdot d + t\, \hat g_k \cdot d^* \ge 0.3\, \nu \|d\|.

    Args:
        weights: Coefficients of the gradients ``(m,)``.
        gramian: Their inner products ``(m, m)``.
        steepest: Their steepest common descent, with a positive rate.

    Returns:
        Coefficients ``(m,)``.
    """
    active = steepest.norms > 0
    norms = steepest.norms.clamp_min(_TINY)
    length = torch.dot(weights, gramian @ weights).clamp_min(0).sqrt()
    if not bool(length > 0):
        length = (steepest.norms * steepest.shares).sum()
        return steepest.weights * length / steepest.rate
    other = steepest.weights * (length / steepest.rate)
    rates = (gramian @ weights) / norms
    best = (gramian @ other) / norms
    needed = LEAST_RATE * steepest.rate * length
    lacking = active & (rates < needed)
    if not bool(lacking.any()):
        return weights
    share = ((needed - rates) / (best - rates))[lacking].max().clamp(0, 1)
    return (1 - share) * weights + share * other
