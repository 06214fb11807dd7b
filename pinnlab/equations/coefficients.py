"""What may stand for a coefficient of an equation.

A coefficient is a number, an unknown (a 0-d tensor), or a quantity that varies from point to point:
a jet, which the problem makes from a function or a text of the coordinates. Since equations are
written with the operators of :mod:`pinnlab.calculus`, the product rule then holds without further
ado. A vector coefficient has one component per space coordinate.
"""

from collections.abc import Sequence
from typing import TypeAlias

from torch import Tensor

from pinnlab.calculus import Jet, Vector

Coefficient: TypeAlias = float | Tensor | Jet
VectorCoefficient: TypeAlias = Sequence[Coefficient] | Vector | Jet
Residual: TypeAlias = Jet
Residuals: TypeAlias = tuple[Jet, ...]


def velocity(c: Coefficient | VectorCoefficient) -> VectorCoefficient:
    """A vector coefficient; a single number or scalar jet is the one component in one dimension."""
    if isinstance(c, Jet):
        return [c] if not c.is_vector else c
    return [c] if isinstance(c, int | float | Tensor) else c
