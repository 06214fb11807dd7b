r"""Gradient-enhanced residuals: where a residual vanishes, its derivatives vanish as well.

A residual r that is small at the points of training may oscillate between them. Its gradient in
the loss forbids that,

.. math:: L = \frac1n \sum_i r(x_i)^2 + w\, \frac1n \sum_i |\nabla r(x_i)|^2 .

An equation is an expression that differentiates itself, so that ∇r is known for every equation, and
the derivatives of the fields in it, one order higher, travel in the same pass of the surrogate.

The amortised form differentiates along K random directions instead, drawn anew in every step. With
:math:`\mathbb E\, v v^\top = I`,

.. math:: \mathbb E\, \frac1K \sum_{k=1}^K (v_k \cdot \nabla r)^2 = |\nabla r|^2 ,

and each direction carries every derivative that the residual needs once more, along v, however many
coordinates there are. From three coordinates on that is less than the whole gradient, and over a
vector coordinate it is the only form. What is estimated in the residual is differentiated term by
term: for :math:`r = \frac{d}{M} \sum_m \partial_{i_m}^2 u + \dots` the derivative along v is
:math:`\frac{d}{M} \sum_m \partial_v \partial_{i_m}^2 u + \dots`, so that nothing grows with d. Of
such a Laplacian a network then carries 3 M + 4 numbers for each neuron and point instead of M + 2.
"""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from pinnlab.calculus.directions import Across, Ray
from pinnlab.calculus.distributions import second_moment_weight
from pinnlab.calculus.estimators import STDE
from pinnlab.calculus.jet import Jet
from pinnlab.conditions.base import Constraint, Declared, check_weight, frozen_set
from pinnlab.conditions.condition import as_components
from pinnlab.conditions.context import Context
from pinnlab.conditions.placement import On, Placement
from pinnlab.errors import DeclarationError, nearest
from pinnlab.typing import Coordinates


@dataclass(frozen=True, init=False, repr=False)
class GradientEnhanced(Constraint):
    r"""The gradient of an equation's residual vanishes as the residual does.

    .. math:: \partial_i r = 0 \qquad \text{for every scalar coordinate } x_i

    Args:
        equation: Name of the equation.
        by: Coordinates by which its residual is differentiated; by default all, of which vector
            coordinates are left out if there are no samples.
        samples: Number K of random directions, along which the residual is differentiated instead
            of by each coordinate; fewer than there are columns of coordinates. None for every
            scalar coordinate by itself; vector coordinates need samples.
        directions: How they are drawn: ``rademacher``, ``gaussian``, ``sphere``, ``skewed``, or
            ``sparse`` for single coordinates, which cost least where a right side is a sum over
            very many coordinates: the derivative along one reads few of them.
        weight: Factor of the mean of |∇r|² in the loss. A gradient counts as much as the residual
            where it varies over a length of √weight.
        points: Number of points of its own; those of the equation by default, on which everything
            that both read is computed once.
        sampler: Name of the sampler of these points.

    Raises:
        DeclarationError: In a problem without that equation or coordinate; over a vector
            coordinate without samples; where the residual holds something whose derivative is not
            known, such as a tensor of values; with as many directions as coordinates.

    References:
        Yu, Lu, Meng and Karniadakis (2022), Comput. Methods Appl. Mech. Eng. 393, 114823. The
        amortised form: Shi, Hu, Lin and Kawaguchi (2024), arXiv 2412.00088, with single coordinates
        as directions; here that is ``directions="sparse"``.

    Example:
        >>> GradientEnhanced("burgers", by=["x", "t"], weight=0.1)
        GradientEnhanced(gradient of 'burgers' by x, t = 0)
        >>> GradientEnhanced("burgers", samples=1)
        GradientEnhanced(gradient of 'burgers' along 1 rademacher direction = 0)
    """

    equation: str
    by: tuple[str, ...] | None
    samples: int | None
    directions: str
    weight: float
    points: int | None
    sampler: str | None
    on: On | None
    of: Constraint | None

    def __init__(
        self,
        equation: str,
        by: Sequence[str] | str | None = None,
        samples: int | None = None,
        directions: str = "rademacher",
        weight: float = 0.01,
        points: int | None = None,
        sampler: str | None = None,
    ) -> None:
        if not isinstance(equation, str):
            raise DeclarationError(
                "GradientEnhanced does not say of which equation",
                expected="the name of an equation, such as 'burgers'",
                got=repr(equation),
                do="give the name that it has in `equations`",
            )
        # The same rules as for every estimator, and the same words.
        STDE(1 if samples is None else samples, directions)
        frozen_set(
            self,
            equation=equation,
            by=None if by is None else _names(by),
            samples=samples,
            directions=directions,
            weight=check_weight("GradientEnhanced", weight),
            points=points,
            sampler=sampler,
            on=None,
            of=None,
        )

    @property
    def random(self) -> bool:  # type: ignore[override]
        """See :class:`Constraint`."""
        return self.samples is not None

    def check(self, name: str, declared: Declared) -> None:
        """See :meth:`Constraint.check`."""
        if self.equation not in declared.equations:
            raise DeclarationError(
                f"'{name}' differentiates '{self.equation}', which is no equation",
                expected=", ".join(declared.equations),
                got=self.equation,
                do=nearest(self.equation, declared.equations) or "use the name of an equation",
            )
        coordinates = declared.coordinates
        for wanted in self.by or ():
            if wanted not in coordinates.names:
                raise DeclarationError(
                    f"'{name}' differentiates by '{wanted}', which is no coordinate",
                    expected=", ".join(coordinates.names),
                    got=wanted,
                    do=nearest(wanted, coordinates.names) or "name coordinates of the domain",
                )
        by = self._coordinates(coordinates)
        vectors = [one for one in by or coordinates.names if coordinates.size(one) > 1]
        columns = sum(coordinates.size(one) for one in by)
        if self.samples is None and (vectors or not by):
            raise DeclarationError(
                f"'{name}' differentiates by every component of a vector coordinate",
                expected="random directions over a vector coordinate",
                got=", ".join(f"'{n}' of {coordinates.size(n)} components" for n in vectors),
                do=f"draw them: GradientEnhanced('{self.equation}', samples=1)",
            )
        if self.samples is not None and self.samples >= columns:
            raise DeclarationError(
                f"'{name}' samples {self.samples} directions over {', '.join(by)}",
                expected=f"fewer than {columns}",
                got=self.samples,
                do="draw fewer, such as samples=1"
                if vectors
                else "leave `samples` out: the whole gradient costs no more",
            )

    def _coordinates(self, coordinates: Coordinates) -> tuple[str, ...]:
        """The coordinates by which the residual is differentiated."""
        if self.by is not None:
            return self.by
        return coordinates.names if self.samples is not None else _scalars(coordinates)

    def within(self, declared: Declared) -> "GradientEnhanced":
        """See :meth:`Constraint.within`."""
        found = copy(self)
        by = self._coordinates(declared.coordinates)
        frozen_set(found, by=by, of=declared.equations[self.equation])
        return found

    def placements(self, declared: Declared) -> tuple[Placement, ...]:
        """See :meth:`Constraint.placements`."""
        (place,) = declared.equations[self.equation].placements(declared)
        own = replace(place, count=self.points or place.count)
        return (replace(own, sampler=self.sampler or place.sampler),)

    def components(self, name: str, contexts: Sequence[Context]) -> Sequence[Any]:
        """See :meth:`Constraint.components`; by component of the residual, then by coordinate."""
        (at,) = contexts
        assert self.of is not None and self.by is not None
        residual = [self._expression(r) for r in as_components(self.of.components(name, contexts))]
        coordinates = at.source.coordinates
        if self.samples is None:
            columns = [(one, coordinates.slice(one).start) for one in self.by]
            return [
                self._differentiated(lambda r=r, c=c: r.along(c), f"by '{one}'")
                for r in residual
                for one, c in columns
            ]
        rays, factor = self._rays(self.samples, self.by, coordinates)
        return [
            factor * self._differentiated(lambda r=r, ray=ray: r.toward(ray), "along a direction")
            for r in residual
            for ray in rays
        ]

    def _rays(
        self, samples: int, by: tuple[str, ...], coordinates: Coordinates
    ) -> tuple[list[Ray], float]:
        """The random directions, and the factor with which squares along them are unbiased."""
        columns = _columns(by, coordinates)
        family = Across(", ".join(by), samples, columns, self.directions)
        weight = second_moment_weight(self.directions, samples, len(columns))
        return [Ray(family, k) for k in range(samples)], weight**0.5

    def _expression(self, residual: Any) -> Jet:
        if not isinstance(residual, Jet):
            raise DeclarationError(
                f"The residual of '{self.equation}' has values, but no derivatives",
                expected="an expression of fields, coordinates and parameters",
                got=type(residual).__name__,
                do="return the expression itself, without .value",
            )
        return residual

    def _differentiated(self, derivative: Callable[[], Jet], how: str) -> Jet:
        try:
            return derivative()
        except DeclarationError as reason:
            raise DeclarationError(
                f"The residual of '{self.equation}' cannot be differentiated {how}: {reason.what}",
                expected=reason.expected,
                got=reason.got,
                do=reason.do,
            ) from None

    def describe(self) -> str:
        """See :meth:`Constraint.describe`."""
        how = f" by {', '.join(self.by)}" if self.by else ""
        if self.samples is not None:
            plural = "s" if self.samples > 1 else ""
            how += f" along {self.samples} {self.directions} direction{plural}"
        return f"gradient of '{self.equation}'{how} = 0"


def _scalars(coordinates: Coordinates) -> tuple[str, ...]:
    """The coordinates of one column."""
    return tuple(
        name for name, size in zip(coordinates.names, coordinates.sizes, strict=True) if size == 1
    )


def _columns(by: Sequence[str], coordinates: Coordinates) -> tuple[int, ...] | range:
    """The columns of coordinates, as a range if vector coordinates among them are neighbours."""
    parts = [coordinates.slice(one) for one in by]
    if any(part.stop - part.start > 1 for part in parts):
        ordered = sorted(parts, key=lambda part: part.start)
        if all(a.stop == b.start for a, b in pairwise(ordered)):
            return range(ordered[0].start, ordered[-1].stop)
    return tuple(k for part in parts for k in range(part.start, part.stop))


def _names(by: Sequence[str] | str) -> tuple[str, ...]:
    names = (by,) if isinstance(by, str) else tuple(by)
    if not names or len(set(names)) != len(names) or not all(isinstance(n, str) for n in names):
        raise DeclarationError(
            "GradientEnhanced does not say by which coordinates",
            expected="different names, such as by=['x', 't']",
            got=repr(by),
            do="name each coordinate once, or leave `by` out for all of them",
        )
    return names
