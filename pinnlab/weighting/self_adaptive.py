"""Weights that climb while the parameters descend."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnlab.checks import check_choice, check_positive
from pinnlab.errors import DeclarationError
from pinnlab.objective.objective import Objective
from pinnlab.weighting._losses import LossWeigher
from pinnlab.weighting._points import PointWeigher
from pinnlab.weighting._terms import hold_names, pointwise, terms_of
from pinnlab.weighting.base import Weigher, Weighting

PER = ("point", "term")
MASKS = ("power", "logistic")
ASCENTS = ("adam", "gradient")
BETAS = 0.9, 0.999


@dataclass(frozen=True)
class SelfAdaptive(Weighting):
    r"""Self-adaptive weights: a saddle point, minimal in the parameters, maximal in the weights.

    .. math:: \min_\theta \max_\lambda \tfrac12 \sum_k w_k
        \operatorname{mean}_i m(\lambda_{ki}) \|r_k(x_i)\|^2

    where the mask m increases, so that λ never decreases: points that are hard to fit gain weight
    until they give way. The mask is :math:`m(\lambda) = \lambda^q`, or with a ``ceiling`` C the
    logistic :math:`m(\lambda) = C / (1 + (C - 1) e^{-\lambda})`, which grows from 1 at zero. After
    every step λ moves along :math:`w_k m'(\lambda_{ki}) \|r_k(x_i)\|^2 / 2`, by a step of Adam with
    its own rate or by the gradient itself. One λ for each term, with the mean over its points, may
    take the place of one for each point. Weights of points need points that stay the same for a
    while; when they are drawn anew the weights start anew.

    Args:
        lr: Rate of the ascent.
        per: ``point`` or ``term``.
        mask: ``power`` or ``logistic``.
        exponent: q of the power.
        ceiling: C of the logistic, above 1.
        initial: λ at the start.
        ascent: ``adam`` or ``gradient``.
        terms: Names of the terms that are weighed; all by default, integrals only per term.

    Raises:
        DeclarationError: If a number or word makes no sense; when it starts, if a name is unknown
            or a term that was named is an integral.

    References:
        McClenny, Braga-Neto (2023), J. Comput. Phys. 474, 111722, arXiv 2009.04544; the ascent by
        Adam with this rate and the power 2 are those of the authors' program. Differs: λ starts the
        same everywhere instead of at random, and the momenta of Adam are the usual ones; a
        larger start for a condition is a fixed weight of the declaration.
    """

    lr: float = 5e-3
    per: str = "point"
    mask: str = "power"
    exponent: float = 2.0
    ceiling: float = 100.0
    initial: float = 1.0
    ascent: str = "adam"
    terms: Sequence[str] | None = None

    residuals = True

    def __post_init__(self) -> None:
        check_choice(self, PER, per=self.per)
        check_choice(self, MASKS, mask=self.mask)
        check_choice(self, ASCENTS, ascent=self.ascent)
        check_positive(self, needed=True, lr=self.lr, exponent=self.exponent, initial=self.initial)
        check_positive(self, needed=True, ceiling=self.ceiling)
        if not self.ceiling > 1:
            raise DeclarationError(
                f"SelfAdaptive cannot have ceiling={self.ceiling!r}",
                expected="a number above 1, from where the weights grow towards it",
                got=self.ceiling,
                do="choose e.g. ceiling=100",
            )
        hold_names(self, terms=self.terms)

    @property
    def per_point(self) -> bool:
        """See :class:`Weighting`."""
        return self.per == "point"

    def start(self, objective: Objective) -> Weigher:
        """See :class:`Weighting`."""
        names = objective.names if self.terms is None else tuple(self.terms)
        terms_of(self, objective, names)
        if self.per == "term":
            return TermAscent(self, names, objective)
        return PointAscent(self, pointwise(self, objective, self.terms, names), objective)

    def factor(self, climbed: Tensor) -> Tensor:
        """The mask m(λ)."""
        if self.mask == "power":
            return climbed**self.exponent
        return self.ceiling * torch.sigmoid(climbed - math.log(self.ceiling - 1))

    def slope(self, climbed: Tensor) -> Tensor:
        """Its derivative m'(λ)."""
        if self.mask == "power":
            return self.exponent * climbed ** (self.exponent - 1)
        factor = self.factor(climbed)
        return factor * (1 - factor / self.ceiling)

    def climb(self, kept: dict[str, Tensor], size: Tensor) -> dict[str, Tensor]:
        """λ and momenta after one step of the ascent.

        Args:
            kept: ``height`` λ; ``first``, ``second`` and ``count`` of Adam.
            size: w‖r‖²/2, of the shape of λ.
        """
        gradient = self.slope(kept["height"]) * size
        if self.ascent == "gradient":
            return kept | {"height": kept["height"] + self.lr * gradient}
        a, b = BETAS
        count = kept["count"] + 1
        first = a * kept["first"] + (1 - a) * gradient
        second = b * kept["second"] + (1 - b) * gradient.square()
        root = (second / (1 - b**count)).sqrt()
        least = torch.finfo(root.dtype).tiny  # a point without residual stays where it is
        move = self.lr * (first / (1 - a**count)) / root.clamp_min(least)
        return {"height": kept["height"] + move, "first": first, "second": second, "count": count}

    def ground(self, like: Tensor) -> dict[str, Tensor]:
        """λ and momenta at the start, of the shape of a tensor."""
        zero = torch.zeros_like(like)
        start = torch.full_like(like, self.initial)
        return {"height": start, "first": zero, "second": zero, "count": zero}


class PointAscent(PointWeigher):
    """One λ for every point.

    Args:
        rule: Its settings.
        names: Terms whose points are weighed.
        objective: With the declared weights.
    """

    def __init__(self, rule: SelfAdaptive, names: Sequence[str], objective: Objective) -> None:
        super().__init__("SelfAdaptive", names)
        self.rule = rule
        self.declared = {name: objective.weights[name] for name in names}

    def begin(self, objective: Objective) -> None:
        """See :class:`PointWeigher`."""
        terms = {term.name: term for term in objective.terms_}
        for name in self.names:
            like = objective.points[terms[name].placements[0]].x[:, 0]
            self._put(name, self.rule.ground(like))

    def learn(self, name: str, squares: Tensor) -> None:
        """See :class:`PointWeigher`."""
        self._put(name, self.rule.climb(self.memory[name], 0.5 * self.declared[name] * squares))

    def _put(self, name: str, kept: dict[str, Tensor]) -> None:
        self.memory[name] = kept
        self.points[name] = self.rule.factor(kept["height"])


class TermAscent(LossWeigher):
    """One λ for every term.

    Args:
        rule: Its settings.
        names: Terms that are weighed.
        objective: With the declared weights.
    """

    def __init__(self, rule: SelfAdaptive, names: Sequence[str], objective: Objective) -> None:
        super().__init__("SelfAdaptive")
        self.rule, self.names = rule, tuple(names)
        self.declared = torch.tensor([objective.weights[n] for n in names], dtype=torch.float64)
        self._put(rule.ground(self.declared))

    def learn(self, losses: dict[str, float]) -> None:
        """See :class:`LossWeigher`."""
        means = torch.tensor([losses[name] for name in self.names], dtype=torch.float64)
        self._put(self.rule.climb(self.kept, 0.5 * self.declared * means))

    def _put(self, kept: dict[str, Tensor]) -> None:
        self.kept = kept
        factors = self.rule.factor(kept["height"]).tolist()
        self.terms = dict(zip(self.names, factors, strict=True))

    def state_dict(self) -> dict[str, Any]:
        """See :class:`Weigher`."""
        return super().state_dict() | {"kept": dict(self.kept)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :class:`Weigher`."""
        super().load_state_dict(state)
        self.kept = dict(state["kept"])
