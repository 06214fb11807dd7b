"""Weights that let early times be solved before late ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnlab.checks import check_count, check_positive, check_share, is_list
from pinnlab.errors import DeclarationError
from pinnlab.objective.objective import Objective
from pinnlab.weighting._residuals import not_finite, residuals_now, squared_norms, sums_of
from pinnlab.weighting._terms import equations_of, hold_names, pointwise, terms_of
from pinnlab.weighting.base import Weigher, Weighting


@dataclass(frozen=True)
class Causal(Weighting):
    r"""Causal weights: a time counts once all times before it are solved.

    The span of time is cut into equal bins. With the mean square :math:`L_j` of the equations at
    the points of bin j, and :math:`L_0` that of the initial conditions with their weights, the
    points of bin i have the weight

    .. math:: w_i = \exp\Bigl(-\epsilon \bigl(L_0 + \sum_{j < i} L_j\bigr)\Bigr).

    The steepness ε goes through a list of rising values: the next one is taken when the last bin's
    weight exceeds the ``threshold``, or after so many steps. Weights follow from times, so that
    points may be drawn anew, also in every step.

    Args:
        epsilons: Values of ε, rising.
        bins: Number of bins of time.
        threshold: Weight δ of the last bin at which ε rises.
        patience: Steps after which ε rises in any case; None to wait.
        terms: Names of the terms whose points are weighed; all equations by default. Their mean
            squares add up with their declared weights.
        after: Names of the terms that make up L_0; all initial conditions by default.

    Raises:
        DeclarationError: If a number makes no sense; when it starts, if there is no time
            coordinate, or a name is unknown.

    References:
        Wang, Sankaran, Perdikaris (2024), Comput. Methods Appl. Mech. Eng. 421, 116813, arXiv
        2203.07404, algorithm 1 and its values of ε and δ. Differs: points lie anywhere in a bin
        instead of on slices of time; several equations share the weights; L_0 is only part of the
        weights, since initial conditions are terms of the loss by themselves; the residuals are
        those of the step before.
    """

    epsilons: Sequence[float] = (1e-2, 1e-1, 1.0, 10.0, 100.0)
    bins: int = 32
    threshold: float = 0.99
    patience: int | None = None
    terms: Sequence[str] | None = None
    after: Sequence[str] | None = None

    residuals = True

    def __post_init__(self) -> None:
        if not is_list(self.epsilons) or not self.epsilons:
            raise DeclarationError(
                f"Causal cannot have epsilons={self.epsilons!r}",
                expected="a list of rising numbers",
                got=self.epsilons,
                do="use e.g. epsilons=[0.01, 0.1, 1, 10, 100]",
            )
        object.__setattr__(self, "epsilons", tuple(self.epsilons))
        for value in self.epsilons:
            check_positive(self, needed=True, epsilons=value)
        if list(self.epsilons) != sorted(set(self.epsilons)):
            raise DeclarationError(
                "The values of epsilons do not rise",
                expected="each larger than the one before",
                got=", ".join(f"{value:g}" for value in self.epsilons),
                do="sort them",
            )
        check_count(self, needed=True, bins=self.bins)
        check_count(self, patience=self.patience)
        check_share(self, zero=True, one=True, threshold=self.threshold)
        hold_names(self, terms=self.terms, after=self.after)

    def start(self, objective: Objective) -> Weigher:
        """See :class:`Weighting`."""
        names = equations_of(self, objective, self.terms)
        names = pointwise(self, objective, self.terms, names)
        for term in terms_of(self, objective, names):
            coordinates = objective.points[term.placements[0]].coordinates
            if coordinates.time is None:
                raise DeclarationError(
                    f"Causal weighs '{term.name}' by its times, and there is no time coordinate",
                    expected="a domain such as Interval('x', 0, 1) * Time('t', 0, 1)",
                    got="coordinates " + ", ".join(coordinates.names),
                    do="leave the weighting out",
                )
        if self.after is None:
            after = tuple(term.name for term in objective.terms_ if term.kind == "Initial")
        else:
            after = tuple(term.name for term in terms_of(self, objective, self.after))
        return CausalWeigher(self, names, after, objective)


class CausalWeigher(Weigher):
    """The weight of every bin of time, and how far ε has risen.

    Args:
        rule: Its settings.
        names: Terms whose points are weighed.
        after: Terms that make up L_0.
        objective: With the declared weights.
    """

    def __init__(
        self, rule: Causal, names: Sequence[str], after: Sequence[str], objective: Objective
    ) -> None:
        super().__init__()
        self.rule, self.names, self.after = rule, tuple(names), tuple(after)
        self.declared = {name: objective.weights[name] for name in (*names, *after)}
        self.placements = [term.placements[0] for term in terms_of(rule, objective, names)]
        self.stage, self.steps = 0, 0
        self.weights: Tensor | None = None  # (bins,)
        # As each term was seen last: of its bins (bins,), and of those that make up L_0.
        self.losses: dict[str, Tensor] = {}
        self.before: dict[str, float] = {}
        self._placed: list[Placed] = []

    def observe(self, objective: Objective) -> None:
        """See :class:`Weigher`."""
        if not objective.latest:
            return
        self._learn(objective, objective.latest)
        if self.weights is None:
            return
        self.steps += 1
        patience = self.rule.patience
        risen = float(self.weights[-1]) > self.rule.threshold
        last = self.stage + 1 == len(self.rule.epsilons)
        if not last and (risen or (patience is not None and self.steps >= patience)):
            self.stage, self.steps = self.stage + 1, 0
            self._weigh(objective)

    def update(self, objective: Objective, step: int) -> None:
        """See :class:`Weigher`."""
        if any(name not in objective.point_weights for name in self.names):
            self._placed = []  # new points, perhaps written over the old ones
        if self.weights is None:
            self._learn(objective, residuals_now(objective))
        if self.weights is not None:
            for name, placed in zip(self.names, self._place(objective), strict=True):
                self.points[name] = self.weights.to(placed.x)[placed.bins]

    def _learn(self, objective: Objective, blocks: dict[str, Tensor]) -> None:
        """Take in the residuals of some terms at the present points."""
        squares = squared_norms(blocks, (*self.names, *self.after))
        sums = sums_of(squares)
        self.message = not_finite("Causal", sums)
        if self.message:
            return
        for name, placed in zip(self.names, self._place(objective), strict=True):
            if name in squares:
                self.losses[name] = self.declared[name] * placed.averages(squares[name])
        for name in self.after:
            if name in squares:
                self.before[name] = self.declared[name] * sums[name] / len(squares[name])
        self._weigh(objective)

    def _weigh(self, objective: Objective) -> None:
        """The weights of the bins, once all terms were seen."""
        if any(name not in self.losses for name in self.names):
            return
        device = objective.parameters[0].device
        losses = torch.stack([self.losses[name].to(device) for name in self.names])
        first = sum(self.before[name] for name in self.after if name in self.before)
        self.weights = causal_weights(losses.sum(0), self.rule.epsilons[self.stage], first)

    def _place(self, objective: Objective) -> "list[Placed]":
        """Where the present points of each term lie; worked out once for the same points."""
        sets = [objective.points[placement] for placement in self.placements]
        known = [placed.x for placed in self._placed]
        if len(known) != len(sets) or any(
            points.x is not x for points, x in zip(sets, known, strict=True)
        ):
            times = [points.columns[points.coordinates.time or ""] for points in sets]
            begin = min(float(t.min()) for t in times)
            end = max(float(t.max()) for t in times)
            self._placed = [
                Placed.of(points.x, t, begin, end, self.rule.bins)
                for points, t in zip(sets, times, strict=True)
            ]
        return self._placed

    def state_dict(self) -> dict[str, Any]:
        """See :class:`Weigher`."""
        own = {"stage": self.stage, "steps": self.steps, "weights": self.weights}
        seen = {"losses": dict(self.losses), "before": dict(self.before)}
        return super().state_dict() | own | seen

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :class:`Weigher`."""
        super().load_state_dict(state)
        self.stage, self.steps = state["stage"], state["steps"]
        self.weights = state["weights"]
        self.losses, self.before = dict(state.get("losses", {})), dict(state.get("before", {}))


@dataclass(frozen=True, eq=False)
class Placed:
    """Points in bins of time.

    Args:
        x: The points ``(n, d)``.
        bins: Number of the bin of each ``(n,)``.
        rows: Numbers of the points of each bin, filled up with any to the longest ``(bins, l)``.
        shares: 1 over the number of points of a bin where a row is one of them, else 0.
    """

    x: Tensor
    bins: Tensor
    rows: Tensor
    shares: Tensor

    @classmethod
    def of(cls, x: Tensor, times: Tensor, begin: float, end: float, count: int) -> "Placed":
        """Points whose times ``(n,)`` lie between two moments, in equal bins."""
        part = (times - begin) / max(end - begin, torch.finfo(times.dtype).tiny)
        bins = (part * count).floor().long().clamp(0, count - 1)
        counts = torch.bincount(bins, minlength=count)[:, None]
        place = torch.arange(int(counts.max()), device=x.device)
        rows = (counts.cumsum(0) - counts + place).clamp_max(len(x) - 1)
        shares = (place < counts).to(x) / counts.clamp_min(1)
        return cls(x, bins, torch.argsort(bins, stable=True)[rows], shares)

    def averages(self, values: Tensor) -> Tensor:
        """Means ``(bins,)`` of values ``(n,)`` over each bin; 0 where a bin is empty."""
        # Gathered, for sums by scattering depend on chance on some devices.
        return (values[self.rows] * self.shares).sum(1)


def causal_weights(losses: Tensor, epsilon: float, first: float = 0.0) -> Tensor:
    """exp(−ε (L_0 + Σ_{j<i} L_j)) ``(bins,)`` of the losses ``(bins,)`` in order of time.

    Example:
        >>> causal_weights(torch.tensor([1.0, 2.0, 4.0]), 1.0).log()
        tensor([ 0., -1., -3.])
    """
    before = losses.cumsum(0) - losses
    return torch.exp(-epsilon * (first + before))
