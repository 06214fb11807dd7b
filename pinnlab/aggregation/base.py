r"""Directions from the gradients of several terms.

An aggregator maps the Jacobian of the weighted terms ``(m, p)`` to one direction ``(p,)`` that
takes the place of the gradient of their sum. Most need no more than the inner products of the
gradients, the Gramian :math:`G = JJ^T` ``(m, m)``, and combine the rows,

.. math:: d = J^T w(G),

which makes them cheap, and independent of the inner product that is used.

An aggregator is a frozen value. What it remembers from step to step lives in the
:class:`Combiner` that :meth:`Aggregator.start` makes.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinnlab.errors import DeclarationError

COLUMNS = 2**20  # of a Jacobian that are held in double precision at once


@dataclass(frozen=True)
class Setup:
    """What a phase tells an aggregator that is to combine its gradients.

    Args:
        names: Of the terms.
        betas: Decay of first and second moments; for finished steps.
        eps: Added to the root of the second moment, likewise.
        seed: Of whatever is random.
        together: The names again, in lists of terms that read the same points; empty where no two
            do.
    """

    names: Sequence[str]
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    seed: int = 0
    together: Sequence[Sequence[str]] = ()


class Combiner:
    """The mutable part of an aggregator while it trains.

    Args:
        combine: Maps ``(m, p)`` to ``(p,)``.

    Attributes:
        name: What it is called in messages.
        safe: Whether the direction is finite by construction if the gradients are.
        finished: Whether the direction is a whole step, with momentum and scaling of its own, by
            which the parameters move without any further optimiser: θ ← θ − lr·d.
        turns: Steps after which the gradient of every term was wanted once.
        groups: Numbers of the terms whose gradients are taken as one, their sum, with every term
            in one list; None to take each by itself. Where there are groups, they are meant by
            everything below that is said of terms.
        coefficients: Of the term gradients in the last direction, ``(m,)``, in float64; None if
            it was no combination of them.
    """

    safe = False
    finished = False
    turns = 1
    groups: Sequence[Sequence[int]] | None = None

    def __init__(self, combine: Callable[[Tensor], Tensor]) -> None:
        self._combine = combine
        self.name: str = getattr(combine, "__name__", type(combine).__name__)
        self.coefficients: Tensor | None = None

    def wanted(self) -> Sequence[int] | None:
        """Numbers of the terms whose gradients the next step needs; None for all."""
        return None

    def __call__(self, jacobian: Tensor, gramian: Tensor) -> Tensor:
        """The direction ``(p,)``.

        Args:
            jacobian: Gradients of the wanted terms, ``(k, p)``.
            gramian: Their inner products ``(k, k)``, in float64.
        """
        return self._combine(jacobian)

    def found_finite(self, direction: Tensor) -> bool:
        """Whether the last direction ``(p,)`` is finite, by as little as tells it."""
        if self.coefficients is not None:
            return math.isfinite(sum(self.coefficients.tolist()))
        return self.safe or math.isfinite(direction.sum().item())

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next direction depends on, as tensors and plain values."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on as if the steps before had been taken here."""


class Aggregator(ABC):
    """``(m, p)`` term gradients to a ``(p,)`` direction."""

    @property
    def heeds_weights(self) -> bool:
        """Whether a larger weight of a term always turns the direction towards its gradient."""
        return False

    @abstractmethod
    def __call__(self, jacobian: Tensor) -> Tensor:
        """The direction for term gradients ``(m, p)``."""

    def start(self, setup: Setup) -> Combiner:
        """What combines the gradients of one phase.

        Args:
            setup: Of the phase.

        Raises:
            DeclarationError: If the aggregator names a term that does not exist.
        """
        return Combiner(self)


class GramianAggregator(Aggregator):
    """A combination of the rows that follows from their inner products."""

    @abstractmethod
    def weights(self, gramian: Tensor) -> Tensor:
        """The coefficients ``(m,)`` for inner products ``(m, m)`` in float64."""

    def __call__(self, jacobian: Tensor) -> Tensor:
        """See :class:`Aggregator`."""
        return combined(self.weights(gramian_of(jacobian)), jacobian)

    def start(self, setup: Setup) -> Combiner:
        """See :class:`Aggregator`."""
        return GramianCombiner(self)


class GramianCombiner(Combiner):
    """Combines rows by weights of their Gramian.

    Args:
        aggregator: Says the weights.
    """

    def __init__(self, aggregator: GramianAggregator) -> None:
        super().__init__(aggregator)
        self._aggregator = aggregator

    def __call__(self, jacobian: Tensor, gramian: Tensor) -> Tensor:
        """See :class:`Combiner`."""
        weights = self._aggregator.weights(gramian)
        self.coefficients = checked(weights, gramian, f"The coefficients of {self.name}")
        return combined(self.coefficients, jacobian)


def gramian_of(jacobian: Tensor) -> Tensor:
    """JJᵀ ``(m, m)`` in float64: its smallest eigenvalue is the square of a small length."""
    if jacobian.shape[1] <= COLUMNS:
        rows = jacobian.double()
        return rows @ rows.T
    gramian = jacobian.new_zeros((len(jacobian),) * 2, dtype=torch.float64)
    for part in jacobian.split(COLUMNS, 1):
        rows = part.double()
        gramian.addmm_(rows, rows.T)
    return gramian


def checked(vector: Any, matrix: Tensor, what: str) -> Tensor:
    """A vector with one number for each column of a matrix, in its precision.

    Args:
        vector: What an aggregator has made of the matrix.
        matrix: ``(k, n)``.
        what: The vector in words, for the message.

    Raises:
        DeclarationError: If it is none.
    """
    if isinstance(vector, Tensor) and vector.shape == matrix.shape[1:]:
        if vector.dtype == matrix.dtype:
            return vector
        if vector.dtype.is_floating_point:
            return vector.to(matrix)
    found = type(vector).__name__
    if isinstance(vector, Tensor):
        found = f"{tuple(vector.shape)} in {str(vector.dtype).removeprefix('torch.')}"
    raise DeclarationError(
        f"{what} cannot be used",
        expected=f"a tensor of real numbers, ({matrix.shape[1]},)",
        got=found,
        do="correct what was given as `gradients`",
    )


def combined(weights: Tensor, jacobian: Tensor) -> Tensor:
    """Jᵀw ``(p,)`` in the precision of J."""
    return weights.to(jacobian) @ jacobian


def grouped(jacobian: Tensor, groups: Sequence[Sequence[int]]) -> Tensor:
    """The gradients of groups ``(g, p)`` from those of their terms ``(m, p)``."""
    return torch.stack([jacobian[list(group)].sum(0) for group in groups])


def spread(coefficients: Tensor, groups: Sequence[Sequence[int]]) -> Tensor:
    """Coefficients of terms ``(m,)`` from those of their groups ``(g,)``."""
    out = coefficients.new_empty(sum(map(len, groups)))
    for group, value in zip(groups, coefficients, strict=True):
        out[list(group)] = value
    return out


def cloned(value: Tensor | None) -> Tensor | None:
    """A copy of what a combiner may not have yet."""
    return None if value is None else value.clone()


def combiner_of(aggregator: Callable[[Tensor], Tensor], setup: Setup) -> Combiner:
    """The mutable part of an aggregator, or of any function ``(m, p) -> (p,)``."""
    if isinstance(aggregator, Aggregator):
        return aggregator.start(setup)
    return Combiner(aggregator)
