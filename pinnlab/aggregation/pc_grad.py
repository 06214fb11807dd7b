"""Projecting conflicting gradients."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from pinnlab.aggregation._dice import Dice
from pinnlab.aggregation.base import Combiner, GramianAggregator, Setup, combined
from pinnlab.aggregation.small_problems import Matrix, Vector, dot, on_host, unit_gramian


@dataclass(frozen=True)
class PCGrad(GramianAggregator):
    r"""The sum of the gradients, each projected onto the normal planes of those it opposes.

    Every gradient g takes up the others in a random order, and

    .. math:: g \leftarrow g - \frac{g \cdot g_j}{\|g_j\|^2}\, g_j \qquad \text{if } g \cdot g_j < 0

    which is carried out on coefficients of the rows. Training draws new orders in every step, from
    the seed of the run; a call on a matrix always takes the same ones.

    Promise: with two terms, none increases to first order. With more, a later projection may turn
    a gradient back against an earlier one.

    References:
        Yu et al. (2020), Gradient surgery for multi-task learning, NeurIPS, arXiv 2001.06782,
        algorithm 1.
    """

    @property
    def heeds_weights(self) -> bool:
        """See :class:`Aggregator`."""
        return True

    def weights(self, gramian: Tensor) -> Tensor:
        """See :class:`GramianAggregator`."""
        orders = Dice(0).orders(len(gramian))
        return on_host(lambda matrix: surgery(matrix, orders), gramian)

    def start(self, setup: Setup) -> Combiner:
        """See :class:`Aggregator`."""
        return _PCGradCombiner(self, setup.seed)


class _PCGradCombiner(Combiner):
    """Draws an order for every step."""

    def __init__(self, aggregator: PCGrad, seed: int) -> None:
        super().__init__(aggregator)
        self._dice = Dice(seed)

    def __call__(self, jacobian: Tensor, gramian: Tensor) -> Tensor:
        """See :class:`Combiner`."""
        orders = self._dice.orders(len(gramian))
        self.coefficients = on_host(lambda matrix: surgery(matrix, orders), gramian)
        return combined(self.coefficients, jacobian)

    def state_dict(self) -> dict[str, Any]:
        """See :class:`Combiner`."""
        return self._dice.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :class:`Combiner`."""
        self._dice.load_state_dict(state)


def surgery(gramian: Matrix, orders: Sequence[Sequence[int]]) -> Vector:
    """Coefficients of the sum of the projected gradients.

    Args:
        gramian: Inner products ``(m, m)``.
        orders: The order in which each gradient takes up the others.
    """
    norms, cosines = unit_gramian(gramian)
    total = list(norms)
    for i, order in enumerate(orders):
        if min(cosines[i]) >= 0:
            continue
        own = [0.0] * len(norms)  # of the unit gradients
        own[i] = norms[i]
        for j in order:
            along = dot(own, cosines[j]) if j != i else 0.0
            if along < 0:
                own[j] -= along
                total[j] -= along
    return [t / n if n > 0 else 0.0 for t, n in zip(total, norms, strict=True)]
