"""Equal scatter of gradients."""

from dataclasses import dataclass

from pinnlab.objective.objective import Objective
from pinnlab.weighting._ratios import Measure, RatioWeighting, sizes_of, unweighted_gradients


@dataclass(frozen=True)
class InverseDirichlet(RatioWeighting):
    r"""Weights that give the components of all term gradients the same standard deviation.

    .. math:: w_k \leftarrow \alpha w_k + (1 - \alpha)
        \frac{\max_j \operatorname{std}(\nabla_\theta L_j)}{\operatorname{std}(\nabla_\theta L_k)}

    with :math:`L_k = \tfrac12 \operatorname{mean}_i \lambda_{ki} \|r_k(x_i)\|^2`, λ being the
    factors of single points, and the standard deviation over the components of the gradient. The
    largest keeps its size. A term whose gradient vanishes keeps its weight.

    Args:
        every: Steps between updates, each as expensive as the gradients of all terms.
        momentum: Share α of the old weights that an update keeps.
        limit: Largest ratio that a weight moves towards, or None. Keeps the weight of a term whose
            gradient all but vanishes from running away.

    Raises:
        DeclarationError: If a number makes no sense.

    References:
        Maddu, Sturm, Müller, Sbalzarini (2022), Mach. Learn.: Sci. Technol. 3, 015026, arXiv
        2107.00940, with α = 0.5 as there. Differs: how often the weights are updated is our choice.
    """

    every: int = 10
    momentum: float = 0.5
    limit: float | None = 1e6

    def measure_of(self, objective: Objective) -> Measure:
        """See :class:`RatioWeighting`."""
        return measure


def measure(objective: Objective, step: int) -> tuple[float, dict[str, float]]:
    """See :data:`~pinnlab.weighting._ratios.Measure`."""
    names, rows = unweighted_gradients(objective)
    scatter = rows.std(dim=1, correction=0)
    return float(scatter.max()), sizes_of(names, scatter)
