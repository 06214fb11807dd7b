"""Weights from the neural tangent kernel."""

import copy
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from pinnlab.checks import check_count
from pinnlab.conditions.placement import Placement, subset_rows, taken
from pinnlab.conditions.term import Term
from pinnlab.objective.objective import Objective
from pinnlab.weighting._ratios import Measure, RatioWeighting

BLOCK = 16  # points that are evaluated at once
MOST_NUMBERS = 2**22  # of the rows of the Jacobian that are pulled side by side


@dataclass(frozen=True)
class NTK(RatioWeighting):
    r"""Weights that give the tangent kernels of all terms the same trace.

    Under gradient flow the residuals of a term fall at rates that are the eigenvalues of its kernel
    :math:`K_k = J_k J_k^T`, with :math:`J_k` the Jacobian of its residuals
    :math:`\sqrt{\lambda_{ki}}\, r_k(x_i)` by the parameters, λ being the factors of single points.
    Equal traces mean equal mean rates:

    .. math:: w_k \leftarrow \alpha w_k + (1 - \alpha)
        \frac{\sum_j \tau_j}{\tau_k}, \qquad \tau_k = \operatorname{tr}(K_k) / n_k .

    The trace is the sum of the squared gradients of single residuals. Where there are more points
    than ``points``, so many are drawn from each set; their mean is an unbiased estimate of
    :math:`\tau_k` whose scatter is that of single gradients, and so much smaller than that of
    random probes of a kernel with few large eigenvalues.

    Args:
        every: Steps between updates.
        momentum: Share α of the old weights that an update keeps.
        points: Points of each set that are looked at; None for all.
        limit: Largest ratio that a weight moves towards, or None. Keeps the weight of a term whose
            gradient all but vanishes from running away.

    Raises:
        DeclarationError: If a number makes no sense.

    References:
        Wang, Yu, Perdikaris (2022), J. Comput. Phys. 449, 110768, arXiv 2007.14527, algorithm 1.
        The traces are divided by the numbers of points, since the loss is a mean, as in Wang et al.
        (2023), arXiv 2308.08468; where all terms have equally many points this is the rule of the
        paper. Differs: points are sampled.
    """

    every: int = 100
    momentum: float = 0.0
    points: int | None = 64
    limit: float | None = 1e6

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count(self, points=self.points)

    def measure_of(self, objective: Objective) -> Measure:
        """See :class:`RatioWeighting`."""
        return partial(measure, self.points)


def measure(points: int | None, objective: Objective, step: int) -> tuple[float, dict[str, float]]:
    """See :data:`~pinnlab.weighting._ratios.Measure`.

    Args:
        points: Of each set that are looked at.
        objective: What is measured.
        step: Steps of the run so far.
    """
    looked_at = copy.copy(objective)
    looked_at.keep_latest = False
    looked_at.weights = dict.fromkeys(objective.names, 1.0)
    rows: dict[Placement, Tensor] = {}
    if points is not None:
        rng = np.random.default_rng([objective.seed, step])
        rows = subset_rows(objective.points, points, rng)
    looked_at.set_points(taken(objective.points, rows))
    first = {term.name: term.placements[0] for term in objective.terms_}
    looked_at.set_weights(
        {},
        {
            name: factors[rows[first[name]]] if first[name] in rows else factors
            for name, factors in objective.point_weights.items()
        },
    )
    traces = {term.name: mean_trace(looked_at, term) for term in objective.terms_}
    return sum(traces.values()), traces


def mean_trace(objective: Objective, term: Term) -> float:
    """tr(K_k) / n_k of a term of weight one, by gradients of single residuals."""
    part = objective.only([term.name])
    sets, factors = dict(part.points), dict(part.point_weights)
    counts = {p: len(points) for p, points in sets.items() if not p.quadrature}
    if len(set(counts.values())) != 1:  # an integral, or sets that cannot be divided alike
        return float(squared_rows(part).sum())
    if len(counts) == len(sets):
        squares = part.squared_gradients(MOST_NUMBERS)
        if squares is not None:
            return float(squares.sum())
    (count,) = set(counts.values())
    total = 0.0
    for start in range(0, count, BLOCK):
        # A residual depends on its own point: the others of a pull are in vain.
        size = min(BLOCK, count - start)
        rows = torch.arange(start, start + size, device=objective.parameters[0].device)
        part.set_points({p: own.take(rows) if p in counts else own for p, own in sets.items()})
        part.set_weights({}, {name: own[rows] for name, own in factors.items()})
        total += float(squared_rows(part).sum()) * size
    return total / count


def squared_rows(objective: Objective) -> Tensor:
    """Squared lengths ``(r,)`` of the rows of the Jacobian of the scaled residual, in float64."""
    value, operator = objective.jacobian()
    at_once = max(1, min(len(value), MOST_NUMBERS // operator.shape[1]))
    squares = []
    for numbers in torch.arange(len(value), device=value.device).split(at_once):
        units = torch.nn.functional.one_hot(numbers, len(value)).to(value)
        squares.append(torch.func.vmap(operator.rmv)(units).double().square().sum(1))
    return torch.cat(squares)
