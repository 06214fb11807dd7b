"""Closed-form expressions in the place of fields, for manufactured and exact solutions."""

from collections.abc import Mapping

from torch import Tensor

from pinnlab.calculus.directions import Across
from pinnlab.calculus.functionals import Functional, size_of
from pinnlab.calculus.jet import Jet, as_jet, contracted
from pinnlab.calculus.sources import JetSource, Reader, reader
from pinnlab.typing import MultiIndex


class SubstitutedSource:
    """Closed-form expressions in the place of fields; every derivative is exact.

    This is what makes manufactured solutions exact: an equation reads this source as it would read
    a surrogate, and each derivative is taken symbolically on the expression's graph.

    Args:
        base: Supplies coordinates and normals, and any field that is not substituted.
        expressions: Per field a jet over the coordinates of ``base``
            (from :func:`~pinnlab.calculus.jet.coordinate_jets`) or a number.
    """

    def __init__(self, base: JetSource | Reader, expressions: Mapping[str, Jet | float]) -> None:
        self._base = reader(base)
        self.coordinates = self._base.coordinates
        self._jets: dict[tuple[str, MultiIndex], Jet] = {
            (name, ()): as_jet(expression, self._base) for name, expression in expressions.items()
        }

    def jet(self, field: str, index: MultiIndex = ()) -> Jet:
        """The expression of a derivative."""
        found = self._jets.get((field, index))
        if found is None:
            found = self._jets[field, index] = self.jet(field, index[:-1]).along(index[-1])
        return found

    def _has(self, field: str) -> bool:
        return (field, ()) in self._jets

    def derivative(self, field: str, index: MultiIndex) -> Tensor:
        """The derivative of a field, ``(n,)``."""
        if not self._has(field):
            return self._base.derivative(field, index)
        return self._full(self.jet(field, index))

    def functional(self, field: str, functional: Functional) -> Tensor:
        """A contraction of derivatives, ``(n,)`` or ``(n, size)``."""
        if not self._has(field):
            return self._base.functional(field, functional)
        value = self._full(contracted(self.jet(field), functional, self._base))
        size = size_of(functional, self.coordinates)
        return value.expand(-1, size) if size else value

    def directions(self, family: Across) -> Tensor:
        """The random directions of the base, ``(k, d)``."""
        return self._base.directions(family)

    def coordinate(self, name: str) -> Tensor:
        """The coordinate's values."""
        return self._base.coordinate(name)

    def normal(self) -> Tensor | None:
        """The normals of the base."""
        return self._base.source.normal()

    def _full(self, jet: Jet) -> Tensor:
        like = self._base.coordinate(self.coordinates.names[0])
        value = jet.value
        if value.ndim == 0:
            return value.to(like).expand(like.shape[0])
        return value
