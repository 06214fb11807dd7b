"""Learning-rate annealing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from pinnlab.errors import DeclarationError
from pinnlab.objective.objective import Objective
from pinnlab.weighting._ratios import Measure, RatioWeighting, sizes_of, unweighted_gradients
from pinnlab.weighting._terms import equations_of, hold_names


@dataclass(frozen=True)
class LRA(RatioWeighting):
    r"""Learning-rate annealing: conditions are weighed against the equations.

    .. math:: w_k \leftarrow \alpha w_k + (1 - \alpha)
        \frac{\max |\nabla_\theta L_r|}{\operatorname{mean} |\nabla_\theta L_k|}

    over the components of the gradients, for all terms except those that make up L_r, the sum of
    the equations with their declared weights; these keep the weight 1. A term whose gradient
    vanishes keeps its weight.

    Args:
        every: Steps between updates, each as expensive as the gradients of all terms.
        momentum: Share α of the old weights that an update keeps.
        reference: Names of the terms of L_r; all equations by default.
        limit: Largest ratio that a weight moves towards, or None. Keeps the weight of a term whose
            gradient all but vanishes from running away.

    Raises:
        DeclarationError: If a number makes no sense; when it starts, if a name is unknown or no
            term is left to be weighed.

    References:
        Wang, Teng, Perdikaris (2021), SIAM J. Sci. Comput. 43, A3055-A3081, arXiv 2001.04536,
        algorithm 1. The momentum is that of the authors' program, whose 0.9 belongs to the old
        weights; in the paper it belongs to the new ones. Differs from that program: ∇L_k is that of
        the term without its weight, as in the paper.
    """

    every: int = 10
    momentum: float = 0.9
    reference: Sequence[str] | None = None
    limit: float | None = 1e6

    def __post_init__(self) -> None:
        super().__post_init__()
        hold_names(self, reference=self.reference)

    def measure_of(self, objective: Objective) -> Measure:
        """See :class:`RatioWeighting`."""
        reference = equations_of(self, objective, self.reference)
        if len(reference) == len(objective.names):
            raise DeclarationError(
                "LRA weighs all other terms against the equations, and there are no others",
                expected="at least one condition",
                got="terms " + ", ".join(objective.names),
                do="leave the weighting out, or name fewer terms in `reference`",
            )
        declared = {name: objective.weights[name] for name in reference}
        return partial(measure, declared)


def measure(
    reference: Mapping[str, float], objective: Objective, step: int
) -> tuple[float, dict[str, float]]:
    """See :data:`~pinnlab.weighting._ratios.Measure`.

    Args:
        reference: Declared weights of the terms that the others are weighed against.
        objective: What is measured.
        step: Steps of the run so far.
    """
    names, rows = unweighted_gradients(objective)
    declared = torch.tensor([reference.get(name, 0.0) for name in names], dtype=rows.dtype)
    largest = (declared.to(rows.device) @ rows).abs().max()
    sizes = sizes_of(names, rows.abs().mean(dim=1))
    return float(largest), {k: v for k, v in sizes.items() if k not in reference}
