"""Gradient vaccine."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import torch
from torch import Tensor

from pinnlab.aggregation._dice import Dice
from pinnlab.aggregation.base import Combiner, GramianAggregator, Setup, combined
from pinnlab.aggregation.small_problems import Matrix, Vector, dot, on_host, unit_gramian
from pinnlab.checks import check_share


@dataclass(frozen=True)
class GradVac(GramianAggregator):
    r"""The sum of the gradients, each turned towards those it resembles less than it used to.

    Every gradient g takes up the others in a random order. If its cosine φ with :math:`g_j` is
    below the running mean :math:`\hat\varphi` of that cosine,

    .. math:: g \leftarrow g + \frac{\|g\| \bigl(\hat\varphi \sqrt{1 - \varphi^2}
              - \varphi \sqrt{1 - \hat\varphi^2}\bigr)}{\|g_j\| \sqrt{1 - \hat\varphi^2}}\, g_j

    has the cosine :math:`\hat\varphi`; then :math:`\hat\varphi \leftarrow (1 - \beta) \hat\varphi
    + \beta \varphi`. The means begin at zero, so that the first step, and a call on a matrix, is
    that of :class:`PCGrad`. Training draws new orders in every step, from the seed of the run.

    Promise: none; where gradients oppose each other for long, they are left to it.

    Args:
        beta: How fast the means follow, in (0, 1].

    References:
        Wang et al. (2021), Gradient vaccine, ICLR, arXiv 2010.05874, algorithm 1.
    """

    beta: float = 0.01

    def __post_init__(self) -> None:
        check_share(self, one=True, beta=self.beta)

    @property
    def heeds_weights(self) -> bool:
        """See :class:`Aggregator`."""
        return True

    def weights(self, gramian: Tensor) -> Tensor:
        """See :class:`GramianAggregator`."""
        m = len(gramian)
        goals, orders = [[0.0] * m for _ in range(m)], Dice(0).orders(m)
        return on_host(lambda matrix: vaccinated(matrix, orders, goals, self.beta), gramian)

    def start(self, setup: Setup) -> Combiner:
        """See :class:`Aggregator`."""
        return _GradVacCombiner(self, len(setup.names), setup.seed)


class _GradVacCombiner(Combiner):
    """Draws an order for every step and remembers mean cosines."""

    def __init__(self, aggregator: GradVac, m: int, seed: int) -> None:
        super().__init__(aggregator)
        self._beta, self._dice = aggregator.beta, Dice(seed)
        self._goals = [[0.0] * m for _ in range(m)]

    def __call__(self, jacobian: Tensor, gramian: Tensor) -> Tensor:
        """See :class:`Combiner`."""
        orders = self._dice.orders(len(gramian))
        self.coefficients = on_host(
            lambda matrix: vaccinated(matrix, orders, self._goals, self._beta), gramian
        )
        return combined(self.coefficients, jacobian)

    def state_dict(self) -> dict[str, Any]:
        """See :class:`Combiner`."""
        goals = torch.tensor(self._goals, dtype=torch.float64)
        return {"goals": goals, "dice": self._dice.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :class:`Combiner`."""
        self._goals = state["goals"].tolist()
        self._dice.load_state_dict(state["dice"])


def vaccinated(
    gramian: Matrix, orders: Sequence[Sequence[int]], goals: Matrix, beta: float
) -> Vector:
    """Coefficients of the sum of the turned gradients.

    Args:
        gramian: Inner products ``(m, m)``.
        orders: The order in which each gradient takes up the others.
        goals: Mean cosines ``(m, m)``, which follow those of this step.
        beta: How fast.
    """
    norms, cosines = unit_gramian(gramian)
    total = [0.0] * len(norms)
    for i, order in enumerate(orders):
        own = [0.0] * len(norms)  # of the unit gradients
        own[i] = norms[i]
        products = [norms[i] * c for c in cosines[i]]  # of g with the unit gradients
        for j in order:
            length = sqrt(max(dot(own, products), 0.0))
            if j == i or not (length > 0 and norms[j] > 0):
                continue
            cosine, goal = min(max(products[j] / length, -1.0), 1.0), goals[i][j]
            sine = sqrt(1.0 - goal * goal)
            if cosine < goal and sine > 1e-6:  # no finite step makes them parallel
                added = length * (goal * sqrt(1.0 - cosine * cosine) / sine - cosine)
                own[j] += added
                products = [p + added * c for p, c in zip(products, cosines[j], strict=True)]
            goals[i][j] = (1.0 - beta) * goal + beta * cosine
        total = [t + o for t, o in zip(total, own, strict=True)]
    return [t / n if n > 0 else 0.0 for t, n in zip(total, norms, strict=True)]
