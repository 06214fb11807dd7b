"""Equal norms of gradients."""

from dataclasses import dataclass

import torch

from pinnlab.objective.objective import Objective
from pinnlab.weighting._ratios import Measure, RatioWeighting, sizes_of, unweighted_gradients


@dataclass(frozen=True)
class GradNorm(RatioWeighting):
    r"""Weights that give the gradients of all terms the same norm.

    .. math:: w_k \leftarrow \alpha w_k + (1 - \alpha)
        \frac{\sum_j \|\nabla_\theta L_j\|}{\|\nabla_\theta L_k\|}

    with :math:`L_k = \tfrac12 \operatorname{mean}_i \lambda_{ki} \|r_k(x_i)\|^2`, λ being the
    factors of single points. A term whose gradient vanishes keeps its weight.

    Args:
        every: Steps between updates, each as expensive as the gradients of all terms.
        momentum: Share α of the old weights that an update keeps.
        limit: Largest ratio that a weight moves towards, or None. Keeps the weight of a term whose
            gradient all but vanishes from running away.

    Raises:
        DeclarationError: If a number makes no sense.

    References:
        Wang, Sankaran, Wang, Perdikaris (2023), arXiv 2308.08468, algorithm 1 and its defaults. Not
        the method of Chen et al. (2018) of the same name, which trains the weights.
    """

    every: int = 1000
    momentum: float = 0.9
    limit: float | None = 1e6

    def measure_of(self, objective: Objective) -> Measure:
        """See :class:`RatioWeighting`."""
        return measure


def measure(objective: Objective, step: int) -> tuple[float, dict[str, float]]:
    """See :data:`~pinnlab.weighting._ratios.Measure`."""
    names, rows = unweighted_gradients(objective)
    norms = torch.linalg.vector_norm(rows, dim=1)
    return float(norms.sum()), sizes_of(names, norms)
