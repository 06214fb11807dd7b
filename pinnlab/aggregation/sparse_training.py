"""Training of a part of the parameters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnlab.aggregation.base import Aggregator, Combiner, Setup, checked, gramian_of
from pinnlab.aggregation.sum import Sum
from pinnlab.checks import check_share
from pinnlab.errors import DeclarationError


@dataclass(frozen=True)
class SparseTraining(Aggregator):
    r"""A fixed random part of the parameters moves, by any other aggregator.

    .. math:: d = S^T A(J S^T)

    with the ``(s, p)`` selection S of parameters that the seed of the run draws once, and an
    aggregator A, which sees the gradients by these alone. Fewer parameters are shared by fewer
    causes of conflict. Parameters outside stay as they are, except under weight decay; unknown
    coefficients may be among them. A call on a matrix always draws the same.

    Promise: what the other aggregator promises.

    Args:
        share: Of the parameters that move, in (0, 1].
        aggregator: Direction of these.

    References:
        Zhang et al. (2024), Proactive gradient conflict mitigation in multi-task learning: a
        sparse training perspective, arXiv 2411.18615. Differs: drawn at random from all
        parameters, where the paper chooses for every neuron by the size of its weights.
    """

    share: float
    aggregator: Aggregator = Sum()

    def __post_init__(self) -> None:
        check_share(self, one=True, share=self.share)
        if not isinstance(self.aggregator, Aggregator):
            raise DeclarationError(
                "SparseTraining needs an aggregator for the parameters that move",
                expected="an aggregator such as ConFIG()",
                got=self.aggregator,
                do="write e.g. SparseTraining(share=0.3, aggregator=ConFIG())",
            )

    @property
    def heeds_weights(self) -> bool:
        """See :class:`Aggregator`."""
        return self.aggregator.heeds_weights

    def __call__(self, jacobian: Tensor) -> Tensor:
        """See :class:`Aggregator`."""
        selected = drawn(self.share, jacobian.shape[1], 0).to(jacobian.device)
        return spread(self.aggregator(jacobian[:, selected]), selected, jacobian.shape[1])

    def start(self, setup: Setup) -> Combiner:
        """See :class:`Aggregator`."""
        return _SparseCombiner(self, self.aggregator.start(setup), setup.seed)


class _SparseCombiner(Combiner):
    """Knows the parameters that move."""

    def __init__(self, aggregator: SparseTraining, inner: Combiner, seed: int) -> None:
        super().__init__(aggregator)
        self._share, self._inner, self._seed = aggregator.share, inner, seed
        self.name = inner.name
        self.finished, self.turns, self.groups = inner.finished, inner.turns, inner.groups
        self._selected: Tensor | None = None

    def wanted(self) -> Sequence[int] | None:
        """See :class:`Combiner`."""
        return self._inner.wanted()

    def __call__(self, jacobian: Tensor, gramian: Tensor) -> Tensor:
        """See :class:`Combiner`."""
        p = jacobian.shape[1]
        if self._selected is None:
            self._selected = drawn(self._share, p, self._seed)
        selected = self._selected = self._selected.to(jacobian.device)
        rows = jacobian.index_select(1, selected)
        part = self._inner(rows, gramian_of(rows))
        return spread(checked(part, rows, f"The direction of {self._inner.name}"), selected, p)

    def found_finite(self, direction: Tensor) -> bool:
        """See :class:`Combiner`."""
        return self._inner.found_finite(direction)

    def state_dict(self) -> dict[str, Any]:
        """See :class:`Combiner`."""
        inner = self._inner.state_dict()
        return {"seed": self._seed, "selected": self._selected, "inner": inner}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :class:`Combiner`."""
        self._seed, self._selected = state["seed"], state["selected"]
        self._inner.load_state_dict(state["inner"])


def drawn(share: float, p: int, seed: int) -> Tensor:
    """Numbers of the parameters that move, in order; at least one."""
    generator = torch.Generator().manual_seed(seed)
    count = max(1, round(share * p))
    return torch.randperm(p, generator=generator)[:count].sort().values


def spread(part: Tensor, selected: Tensor, p: int) -> Tensor:
    """A direction ``(p,)`` that is zero outside of some parameters."""
    return part.new_zeros(p).index_copy_(0, selected, part)
