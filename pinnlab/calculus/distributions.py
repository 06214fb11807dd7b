r"""Random directions whose moments turn derivatives along them into differential operators.

With :math:`\mathbb E\, v v^\top = I`, the mean of :math:`\partial_v^2 u` is the Laplacian; with the
fourth moments of a Gaussian the mean of :math:`\partial_v^4 u` is three times the biharmonic.

Sources: Shi, Hu, Lin, Kawaguchi (2024), Stochastic Taylor Derivative Estimator, arXiv 2412.00088,
section 4; Hutchinson (1990), Commun. Stat. Simul. Comput. 19, 433; Hu, Shukla, Karniadakis,
Kawaguchi (2024), Neural Netw. 176, 106369 (sampled dimensions).
"""

import math

import torch
from torch import Tensor

from pinnlab.calculus.slopes import Part, Rows, Units

SPARSE, REPEATED = "sparse", "repeated"
DENSE = ("rademacher", "gaussian", "sphere", "skewed")
_GOLDEN = (1 + math.sqrt(5)) / 2


def draw(distribution: str, count: int, dim: int, generator: torch.Generator, like: Tensor) -> Part:
    """Directions in ``dim`` dimensions.

    Args:
        distribution: ``sparse`` for distinct unit vectors, ``repeated`` for independent ones,
            ``rademacher`` (components ±1), ``gaussian``, ``sphere`` (of radius √dim), or ``skewed``
            (components φ and -1/φ with the golden ratio φ, so that E v = 0 and E v² = E v³ = 1).
        count: How many.
        dim: Number of components.
        generator: Source of randomness, on the device of ``like``.
        like: A tensor of the precision and device that are wanted.
    """
    if distribution in (SPARSE, REPEATED):
        distinct = distribution == SPARSE
        columns = (_distinct if distinct else _independent)(count, dim, generator, like.device)
        return Units(columns, like.new_ones(count))
    rows = like.new_empty(count, dim)
    if distribution == "rademacher":
        return Rows(rows.bernoulli_(0.5, generator=generator).mul_(2).sub_(1))
    if distribution == "skewed":
        rows.bernoulli_(1 / (_GOLDEN**2 + 1), generator=generator)
        return Rows(rows.mul_(_GOLDEN + 1 / _GOLDEN).sub_(1 / _GOLDEN))
    rows.normal_(generator=generator)
    if distribution == "sphere":
        rows.mul_(math.sqrt(dim) / torch.linalg.vector_norm(rows, dim=1, keepdim=True))
    return Rows(rows)


def _independent(count: int, dim: int, generator: torch.Generator, device: torch.device) -> Tensor:
    return torch.randint(dim, (count,), generator=generator, device=device)


def _distinct(count: int, dim: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """Distinct numbers below ``dim``, all sets equally likely."""
    if device.type != "cpu":  # no number leaves the device
        return torch.rand(dim, generator=generator, device=device).topk(count).indices
    # Floyd's algorithm: no permutation of a million columns for sixteen of them.
    numbers = torch.rand(count, generator=generator, dtype=torch.float64).tolist()
    chosen: dict[int, None] = {}
    for top, number in zip(range(dim - count, dim), numbers, strict=True):
        pick = int(number * (top + 1))
        chosen[top if pick in chosen else pick] = None
    return torch.tensor(list(chosen))


def second_moment_weight(distribution: str, count: int, dim: int) -> float:
    """The factor c for which c Σ_k v_k v_kᵀ has the mean I."""
    return dim / count if distribution in (SPARSE, REPEATED) else 1.0 / count


def moment_weight(distribution: str, count: int, dim: int, order: int) -> float | None:
    """The factor c for which c Σ_k ∂_{v_k}^order is an unbiased estimate; None if there is none.

    Of the Laplacian for order 2, of Σ_i ∂_i³ for order 3, and of the biharmonic operator for order
    4 of dense directions; of Σ_i ∂_i^order for unit vectors.
    """
    if order == 2 or distribution in (SPARSE, REPEATED):
        return second_moment_weight(distribution, count, dim)
    if order == 3 and distribution == "skewed":
        return 1.0 / count
    if order == 4 and distribution in ("gaussian", "sphere"):
        # E v_i² v_j² is 1 of a Gaussian, dim/(dim + 2) of the sphere; E v_i⁴ three times that.
        return (1.0 if distribution == "gaussian" else (dim + 2) / dim) / (3.0 * count)
    return None
