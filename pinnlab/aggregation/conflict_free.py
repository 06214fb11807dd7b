"""What is done where nothing else is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor

from pinnlab.aggregation.base import Aggregator, Combiner, Setup
from pinnlab.aggregation.groups import declared_groups, numbered_groups
from pinnlab.aggregation.up_grad import UPGrad
from pinnlab.errors import DeclarationError


@dataclass(frozen=True)
class ConflictFree(Aggregator):
    r"""The default: groups of terms that do not raise each other, in first-order phases.

    With :math:`g_i` the gradient of the sum of the terms of group i, a first-order phase steps by
    what ``aggregator`` makes of :math:`g_1, \dots, g_n`. Terms that read the same points, such as
    the equations of a system, are one group, so that the gradients of all groups follow from one
    way back through the network and a step costs hardly more than one along the gradient of the
    loss. Phases with curvature of their own, such as ``LBFGS``, go along the gradient of the loss,
    and so does every step of a problem with one group.

    A term that is meant to yield, such as one with a small weight because no surrogate can meet it,
    is not let go of by any such direction; there ``Sum()`` is the better choice.

    Promise: that of ``aggregator``, of groups in the place of terms. With ``UPGrad()``, none
    increases, and without conflict the step is that of the plain sum, with all its weights.

    Args:
        aggregator: Makes one direction of the gradients of the groups.
        groups: ``"points"`` for the terms that read the same points, or lists of names of terms,
            such as the equations and all conditions.
    """

    aggregator: Aggregator = UPGrad()
    groups: Literal["points"] | Sequence[Sequence[str]] = "points"

    def __post_init__(self) -> None:
        if not isinstance(self.aggregator, Aggregator) or isinstance(self.aggregator, ConflictFree):
            raise DeclarationError(
                "ConflictFree needs an aggregator for the gradients of the groups",
                expected="an aggregator such as UPGrad() or ConFIG()",
                got=self.aggregator,
                do="write e.g. ConflictFree(ConFIG())",
            )
        if self.groups != "points":
            object.__setattr__(self, "groups", declared_groups(self, self.groups, "'points', or "))

    @property
    def heeds_weights(self) -> bool:
        """See :class:`Aggregator`."""
        return self.aggregator.heeds_weights

    def __call__(self, jacobian: Tensor) -> Tensor:
        """See :class:`Aggregator`; every row is a group."""
        return self.aggregator(jacobian)

    def members(self, setup: Setup) -> list[list[int]]:
        """The numbers of the terms of every group."""
        if self.groups != "points":
            return numbered_groups(self, self.groups, setup.names)
        together = setup.together or [[name] for name in setup.names]
        return numbered_groups(self, together, setup.names)

    def start(self, setup: Setup) -> Combiner:
        """See :class:`Aggregator`."""
        members = self.members(setup)
        names = [" + ".join(setup.names[k] for k in group) for group in members]
        combiner = self.aggregator.start(replace(setup, names=names, together=()))
        if combiner.groups is not None:
            raise DeclarationError(
                f"{type(self.aggregator).__name__} has groups of its own, within ConflictFree's",
                expected="groups of one of the two",
                got=self,
                do=f"use {type(self.aggregator).__name__} by itself",
            )
        if len(members) < len(setup.names):
            combiner.groups = members
        return combiner
