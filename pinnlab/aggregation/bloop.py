"""Auxiliary terms that leave the main ones alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnlab.aggregation.base import Aggregator, Combiner, Setup, cloned
from pinnlab.checks import check_known, check_names, check_share
from pinnlab.errors import DeclarationError


@dataclass(frozen=True)
class Bloop(Aggregator):
    r"""The gradient of the main terms, and of all others what is orthogonal to it on average.

    With the gradients :math:`g` of the sum of the main terms and :math:`a` of that of the others,

    .. math:: d = g + a - \frac{a \cdot \bar g}{\|\bar g\|^2}\, \bar g, \qquad
              \bar g \leftarrow (1 - \rho)\, \bar g + \rho\, g

    where :math:`\bar g`, the mean before the step, begins as the first g. On changing points the
    mean is orthogonal to what the main terms ask for, which a single noisy g is not. How much the
    auxiliary terms count is said by their weights.

    A call on a matrix knows no names and no mean: its first rows are the main terms, as many as
    are named, and :math:`\bar g = g`.

    Promise: with :math:`\bar g = g`, in the first step or with ``rho=1`` and points that stay, the
    main terms together decrease to first order as fast as without the others.

    Args:
        main: Names of the main terms, or one name.
        rho: How fast the mean follows, in (0, 1].

    References:
        Hsieh et al. (2024), Careful with that scalpel: improving gradient surgery with an EMA,
        arXiv 2402.02998.
    """

    main: str | Sequence[str]
    rho: float = 0.01

    def __post_init__(self) -> None:
        names = (self.main,) if isinstance(self.main, str) else self.main
        check_names(self, needed=True, main=names)
        object.__setattr__(self, "main", tuple(names))
        check_share(self, one=True, rho=self.rho)

    @property
    def heeds_weights(self) -> bool:
        """See :class:`Aggregator`."""
        return True

    def __call__(self, jacobian: Tensor) -> Tensor:
        """See :class:`Aggregator`."""
        main = jacobian[: len(self.main)].sum(0)
        return main + orthogonal(jacobian[len(self.main) :].sum(0), main)

    def start(self, setup: Setup) -> Combiner:
        """See :class:`Aggregator`."""
        check_known(self, self.main, setup.names, "main")
        if len(self.main) == len(setup.names):
            raise DeclarationError(
                "Bloop has no auxiliary term: all terms are main terms",
                expected="at least one term that is not in `main`",
                got=", ".join(self.main),
                do="leave out the auxiliary terms of `main`, or use Sum()",
            )
        return _BloopCombiner(self, [name in self.main for name in setup.names])


class _BloopCombiner(Combiner):
    """Remembers the mean of the main gradient."""

    safe = True

    def __init__(self, aggregator: Bloop, main: Sequence[bool]) -> None:
        super().__init__(aggregator)
        self._rho = aggregator.rho
        self._parts = torch.tensor([main, [not own for own in main]])  # (2, m)
        self._mean: Tensor | None = None

    def __call__(self, jacobian: Tensor, gramian: Tensor) -> Tensor:
        """See :class:`Combiner`."""
        self._parts = self._parts.to(jacobian)
        main, others = self._parts @ jacobian
        mean = main.clone() if self._mean is None else self._mean.to(main.device)
        direction = main + orthogonal(others, mean)
        self._mean = mean.lerp_(main, self._rho)
        return direction

    def state_dict(self) -> dict[str, Any]:
        """See :class:`Combiner`."""
        return {"mean": cloned(self._mean)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :class:`Combiner`."""
        self._mean = cloned(state["mean"])


def orthogonal(vector: Tensor, to: Tensor) -> Tensor:
    """The part of a vector ``(p,)`` that is orthogonal to another; all of it if that is zero."""
    wide = to.double()
    squared = wide @ wide
    if not bool(squared > 0):
        return vector
    return vector - ((vector.double() @ wide) / squared).to(vector) * to
