"""Directions from the gradients of several terms.

An aggregator maps the Jacobian of the weighted terms ``(m, p)`` to one direction ``(p,)`` that
takes the place of the gradient of their sum.
"""

from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Aggregator(Protocol):
    """``(m, p)`` term gradients to a ``(p,)`` direction."""

    def __call__(self, jacobian: Tensor) -> Tensor:
        """The direction."""
        ...
