"""Residual-based attention."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnlab.checks import check_positive
from pinnlab.errors import DeclarationError
from pinnlab.objective.objective import Objective
from pinnlab.weighting._points import PointWeigher
from pinnlab.weighting._residuals import residuals_now, squared_norms
from pinnlab.weighting._terms import equations_of, hold_names, pointwise
from pinnlab.weighting.base import Weigher, Weighting


@dataclass(frozen=True)
class RBA(Weighting):
    r"""Residual-based attention: points whose residual stays large gain weight.

    .. math:: a_i \leftarrow \gamma a_i + \eta \frac{\|r(x_i)\|}{\max_j \|r(x_j)\|}

    after every step, for each term by itself. As a factor on the residual, a counts squared in the
    loss, :math:`\lambda_i = a_i^2`. It never exceeds the larger of ``first`` and η/(1 − γ). The
    points must stay the same for a while; when they are drawn anew the weights start anew, with
    η = ``first`` once.

    Args:
        eta: η.
        gamma: γ below 1, by which older residuals fade.
        first: η of the first step on new points.
        terms: Names of the terms whose points are weighed; all equations by default.

    Raises:
        DeclarationError: If a number makes no sense; when it starts, if a name is unknown or the
            term is an integral.

    References:
        Anagnostopoulos, Toscano, Stergiopulos, Karniadakis (2024), Comput. Methods Appl. Mech. Eng.
        421, 116805, arXiv 2307.00379; of the two starts of its algorithm 1 the one that weighs by
        the first residuals, with ``first = 1``; the other is ``first = eta``. Differs: the
        residuals are those of the step before.
    """

    eta: float = 0.01
    gamma: float = 0.999
    first: float = 1.0
    terms: Sequence[str] | None = None

    residuals = True

    def __post_init__(self) -> None:
        check_positive(self, needed=True, eta=self.eta, gamma=self.gamma, first=self.first)
        hold_names(self, terms=self.terms)
        if not self.gamma < 1:
            raise DeclarationError(
                f"RBA cannot have gamma={self.gamma!r}",
                expected="a number below 1, so that the weights stay bounded",
                got=self.gamma,
                do="choose e.g. gamma=0.999",
            )

    @property
    def per_point(self) -> bool:
        """See :class:`Weighting`."""
        return True

    def start(self, objective: Objective) -> Weigher:
        """See :class:`Weighting`."""
        names = equations_of(self, objective, self.terms)
        return AttentionWeigher(self, pointwise(self, objective, self.terms, names))


class AttentionWeigher(PointWeigher):
    """The attention ``a`` of every point.

    Args:
        rule: Its settings.
        names: Terms whose points are weighed.
    """

    def __init__(self, rule: RBA, names: Sequence[str]) -> None:
        super().__init__("RBA", names)
        self.rule = rule

    def begin(self, objective: Objective) -> None:
        """See :class:`PointWeigher`."""
        squares = squared_norms(residuals_now(objective), self.names)
        for name, square in squares.items():
            self._put(name, self.rule.first * relative_size(square))

    def learn(self, name: str, squares: Tensor) -> None:
        """See :class:`PointWeigher`."""
        attention = self.memory[name]["attention"]
        self._put(name, self.rule.gamma * attention + self.rule.eta * relative_size(squares))

    def _put(self, name: str, attention: Tensor) -> None:
        self.memory[name] = {"attention": attention}
        self.points[name] = attention.square()


def relative_size(squares: Tensor) -> Tensor:
    """‖r‖ / max ‖r‖ ``(n,)``; where all residuals vanish or one is not finite, ones."""
    sizes = squares.sqrt()
    largest = sizes.max()
    shares = sizes / largest.clamp_min(torch.finfo(sizes.dtype).tiny)
    return torch.where((largest > 0) & largest.isfinite(), shares, torch.ones_like(sizes))
