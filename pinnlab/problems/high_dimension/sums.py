"""What the sums inside an exact solution give at points."""

from typing import NamedTuple, Protocol

from torch import Tensor


class Sums(NamedTuple):
    """A sum S(x) of many terms with its derivatives, each ``(n,)`` in float64.

    Args:
        value: S.
        radial: x·∇S.
        laplacian: ΔS.
        square: |x|².
    """

    value: Tensor
    radial: Tensor
    laplacian: Tensor
    square: Tensor


class Interaction(Protocol):
    """A sum over neighbouring coordinates that can be a factor of an exact solution."""

    dim: int
    seed: int

    def sums(self, x: Tensor) -> Sums:
        """The sum and its derivatives at points ``(n, d)``, without a graph."""
        ...

    def sums_along(self, x: Tensor, direction: Tensor) -> Sums:
        """The derivatives of all of them along one direction ``(d,)``, without a graph."""
        ...
