"""Weights from the neural tangent kernel."""

import copy
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from pinnlab.conditions.placement import subset
from pinnlab.objective.objective import Objective
from pinnlab.weighting._checks import check_share, check_whole
from pinnlab.weighting._ratios import RatioWeigher
from pinnlab.weighting.base import Weigher, Weighting

ROWS = 32  # of the Jacobian, pulled side by side
MOST_NUMBERS = 2**22  # of these rows


@dataclass(frozen=True)
class NTK(Weighting):
    r"""Weights that give the tangent kernels of all terms the same trace.

    Under gradient flow the residuals of a term fall at rates that are the eigenvalues of its kernel
    :math:`K_k = J_k J_k^T`, with :math:`J_k` the Jacobian of its residuals by the parameters. Equal
    traces mean equal mean rates:

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

    def __post_init__(self) -> None:
        check_whole(self, every=self.every)
        check_share(self, momentum=self.momentum)
        if self.points is not None:
            check_whole(self, points=self.points)

    def start(self, objective: Objective) -> Weigher:
        """See :class:`Weighting`."""
        return RatioWeigher("NTK", self.every, self.momentum, partial(measure, self.points))


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
    chosen = objective.points
    if points is not None:
        chosen = subset(chosen, points, np.random.default_rng([objective.seed, step]))
    looked_at.set_points(chosen)
    traces = mean_traces(looked_at)
    return sum(traces.values()), traces


def mean_traces(objective: Objective) -> dict[str, float]:
    """tr(K_k) / n_k of every weighted term, √w_k r_k, by pulls of single rows."""
    with torch.no_grad():
        rows = {name: block.numel() for name, block in objective.residuals().items()}
    value, operator = objective.jacobian()
    at_once = max(1, min(ROWS, MOST_NUMBERS // operator.shape[1]))
    squares = []
    for start in range(0, len(value), at_once):
        numbers = torch.arange(start, min(start + at_once, len(value)), device=value.device)
        units = torch.nn.functional.one_hot(numbers, len(value)).to(value)
        pulled = torch.func.vmap(operator.rmv)(units)  # rows of the Jacobian
        squares.append(pulled.double().square().sum(1))
    sums = [part.sum() for part in torch.cat(squares).split(list(rows.values()))]
    return dict(zip(rows, torch.stack(sums).tolist(), strict=True))
