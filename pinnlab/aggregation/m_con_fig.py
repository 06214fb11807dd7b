"""Conflict-free inverse gradients of momenta."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnlab.aggregation.base import Aggregator, Combiner, Setup, cloned, combined, gramian_of
from pinnlab.aggregation.con_fig import equal_cosines
from pinnlab.aggregation.small_problems import on_host
from pinnlab.checks import check_choice, check_count
from pinnlab.errors import DeclarationError

SECOND = ("direction", "terms")


@dataclass(frozen=True)
class MConFIG(Aggregator):
    r"""ConFIG of the momenta of the terms, of which each step renews only one.

    With first moments :math:`m_k` of the terms that were renewed :math:`t_k` times and
    :class:`ConFIG`'s direction :math:`\mathcal G`, step t differentiates one term i, in turn, and

    .. math:: m_i \leftarrow \beta_1 m_i + (1 - \beta_1) g_i, \qquad
              \hat m = \mathcal G\bigl(m_1 / (1 - \beta_1^{t_1}), \dots\bigr)

    The second moment is that of the gradient c which would have made :math:`\hat m` a moment of
    its own, :math:`\mu = (1 - \beta_1^t)\,\hat m`,

    .. math:: c = \frac{\mu - \beta_1 \mu_-}{1 - \beta_1}, \qquad
              v \leftarrow \beta_2 v + (1 - \beta_2) c^2, \qquad
              d = \frac{\hat m}{\sqrt{v / (1 - \beta_2^t)} + \epsilon}

    with :math:`\mu_-` that of the step before; or, with ``second="terms"``, every term has a second
    moment :math:`v_k` of its own and :math:`d = \mathcal G\bigl(\hat m_1 / (\sqrt{\hat v_1} +
    \epsilon), \dots\bigr)`. The direction is a whole step, which the phase ``Adam`` takes as it is;
    its ``betas`` and ``eps`` are those above. A call on a matrix is the first step.

    Promise: to first order the momenta of all terms decrease along :math:`\hat m` at equal rates
    where they are linearly independent, as in :class:`ConFIG`; scaling by v, and terms whose
    momenta are not theirs any more, may turn single terms against it.

    Args:
        per_step: Terms that a step differentiates; as many as there are makes every momentum new
            in every step.
        second: Which second moments are kept: one of the ``direction``, or one for each of the
            ``terms``.

    References:
        Liu, Chu, Thuerey (2025), ICLR, arXiv 2408.11104, algorithm 1. Differs: the first step
        differentiates all terms, where the authors' code does not move until each had its turn.
    """

    per_step: int = 1
    second: str = "direction"

    def __post_init__(self) -> None:
        check_count(self, needed=True, per_step=self.per_step)
        check_choice(self, SECOND, second=self.second)

    def __call__(self, jacobian: Tensor) -> Tensor:
        """See :class:`Aggregator`."""
        setup = Setup([str(k) for k in range(len(jacobian))])
        return _MConFIGCombiner(self, setup)(jacobian, gramian_of(jacobian))

    def start(self, setup: Setup) -> Combiner:
        """See :class:`Aggregator`."""
        names = setup.names
        if self.per_step > len(names):
            raise DeclarationError(
                f"MConFIG cannot renew {self.per_step} terms in a step",
                expected=f"at most the {len(names)} of the problem: {', '.join(names)}",
                got=self.per_step,
                do=f"choose per_step={len(names)} or less",
            )
        return _MConFIGCombiner(self, setup)


class _MConFIGCombiner(Combiner):
    """Moments of the terms, and of the direction or of the terms again."""

    safe = True
    finished = True

    def __init__(self, aggregator: MConFIG, setup: Setup) -> None:
        super().__init__(aggregator)
        self._per_step, self._of_terms = aggregator.per_step, aggregator.second == "terms"
        self._betas, self._eps = setup.betas, setup.eps
        self._taken, self._renewed = 0, [0] * len(setup.names)
        self.turns = -(-len(setup.names) // aggregator.per_step)
        self._first: Tensor | None = None  # (m, p)
        self._second: Tensor | None = None  # (p,), or (m, p)
        self._pseudo: Tensor | None = None  # (p,), of the direction

    def wanted(self) -> Sequence[int] | None:
        """See :class:`Combiner`."""
        m = len(self._renewed)
        if self._taken == 0 or self._per_step == m:
            return None
        start = (self._taken - 1) * self._per_step
        return sorted((start + k) % m for k in range(self._per_step))

    def __call__(self, jacobian: Tensor, gramian: Tensor) -> Tensor:
        """See :class:`Combiner`."""
        if self._first is None or self._second is None:
            self._first = torch.zeros_like(jacobian)
            self._second = torch.zeros_like(jacobian if self._of_terms else jacobian[0])
        elif self._first.device != jacobian.device:  # restored
            self._first, self._second = self._first.to(jacobian), self._second.to(jacobian)
            self._pseudo = None if self._pseudo is None else self._pseudo.to(jacobian)
        wanted = self.wanted()
        numbers = range(len(self._renewed)) if wanted is None else wanted
        b1, b2 = self._betas
        for number, row in zip(numbers, jacobian, strict=True):
            self._renewed[number] += 1
            self._first[number].lerp_(row, 1 - b1)
            if self._of_terms:
                self._second[number].mul_(b2).addcmul_(row, row, value=1 - b2)
        self._taken += 1
        return self._along_terms() if self._of_terms else self._along_direction()

    def _along_direction(self) -> Tensor:
        assert self._first is not None and self._second is not None
        (b1, b2), t = self._betas, self._taken
        scales = [1 / (1 - b1**count) for count in self._renewed]
        direction = _conflict_free(self._first, scales)
        pseudo = direction * (1 - b1**t)
        change = pseudo if self._pseudo is None else pseudo.sub(self._pseudo, alpha=b1)
        self._pseudo = pseudo  # change is (1 - β₁) c
        self._second.mul_(b2).addcmul_(change, change, value=(1 - b2) / (1 - b1) ** 2)
        return direction.div_((self._second / (1 - b2**t)).sqrt_().add_(self._eps))

    def _along_terms(self) -> Tensor:
        assert self._first is not None and self._second is not None
        b1, b2 = self._betas
        corrections = [[1 - b1**count, 1 - b2**count] for count in self._renewed]
        first, second = torch.tensor(corrections).to(self._first)[:, :, None].unbind(1)  # (m, 1)
        rows = self._first / first / (self._second / second).sqrt_().add_(self._eps)
        return _conflict_free(rows, [1.0] * len(rows))

    def state_dict(self) -> dict[str, Any]:
        """See :class:`Combiner`."""
        return {
            "taken": self._taken,
            "renewed": list(self._renewed),
            "first": cloned(self._first),
            "second": cloned(self._second),
            "pseudo": cloned(self._pseudo),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :class:`Combiner`."""
        self._taken, self._renewed = state["taken"], list(state["renewed"])
        self._first, self._second = cloned(state["first"]), cloned(state["second"])
        self._pseudo = cloned(state["pseudo"])


def _conflict_free(rows: Tensor, scales: Sequence[float]) -> Tensor:
    """ConFIG's direction of rows ``(m, p)`` that are to be multiplied by positive numbers."""

    def scaled(gramian: list[list[float]]) -> list[float]:
        outer = [
            [a * s * t for a, t in zip(row, scales, strict=True)]
            for row, s in zip(gramian, scales, strict=True)
        ]
        return [w * s for w, s in zip(equal_cosines(outer), scales, strict=True)]

    return combined(on_host(scaled, gramian_of(rows)), rows)
