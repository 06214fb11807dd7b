r"""Derivatives of contractions: by coordinates, and along directions.

A contraction such as :math:`\Delta u = \sum_i \partial_i^2 u` reads slots :math:`(i, i)` with
coefficients. Its derivative along r reads :math:`(i, i, r)` with the same coefficients,

.. math:: \partial_r\, L u = L\, \partial_r u + (\partial_r L)\, u,

where L has constant coefficients, and a second term where they depend on the point: for a
direction b(x) the derivative along :math:`\partial_r b`, for a diffusion
:math:`2 \operatorname{tr}(\sigma\, (\partial_r \sigma)^\top \nabla^2 u)`. An estimate of a
contraction is differentiated term by term, along the same random directions, and is an unbiased
estimate of the derivative. The square of the gradient is no linear operator, and follows the
product rule, :math:`\partial_r |\nabla u|^2 = 2\, \nabla u \cdot \nabla \partial_r u`.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from pinnlab.calculus.directions import Along, Directions, Mapped, Ray, Turned
from pinnlab.calculus.distributions import second_moment_weight
from pinnlab.calculus.factor import Factor
from pinnlab.calculus.functionals import (
    Functional,
    GradientRows,
    Reading,
    WeightedTrace,
)
from pinnlab.calculus.known import Known, derivative_along, row_of
from pinnlab.calculus.layout import Collapsed, Slot, terms_of
from pinnlab.calculus.slopes import Part
from pinnlab.typing import Coordinates, MultiIndex

if TYPE_CHECKING:
    from pinnlab.calculus.estimators import Stochastic

Step = int | Ray


@dataclass(frozen=True)
class Steps:
    r"""Single derivatives behind a contraction: :math:`\partial^\alpha \partial_v (b\cdot\nabla)`.

    Args:
        index: α, columns of the points.
        suffix: How equations write it.
        rays: Random directions v.
        along: Known directions b, over the vector coordinate.
    """

    index: MultiIndex = ()
    suffix: str = ""
    rays: tuple[Ray, ...] = ()
    along: tuple[Known, ...] = ()

    def __len__(self) -> int:
        return len(self.index) + len(self.rays) + len(self.along)

    def then(self, step: Step, coordinates: Coordinates) -> "Steps":
        """One more derivative."""
        if isinstance(step, Ray):
            return replace(self, rays=(*self.rays, step))
        index = tuple(sorted((*self.index, step)))
        return replace(self, index=index, suffix=coordinates.suffix(index))

    def numbers(self, name: str, directions: Directions) -> MultiIndex:
        """The directions of all derivatives."""
        rays = [directions.numbers(ray.family)[ray.member] for ray in self.rays]
        known = [directions.numbers(Along(name, 1, b))[0] for b in self.along]
        return (*self.index, *rays, *known)

    def symbol(self, name: str, wave: Tensor, columns: Mapping[str, Tensor]) -> Tensor:
        """Their product for wave numbers ``(d, k)``, ``(k,)`` or ``(n, k)``."""
        out = wave[list(self.index)].prod(0)
        for ray in self.rays:
            out = out * (ray.family.example(len(wave), wave)[ray.member] @ wave)
        for b in self.along:
            over = wave[_span(columns, name)]
            n = len(next(iter(columns.values())))
            out = out * (b(columns).expand(n, len(over)) @ over)
        return out

    def written(self, field: str) -> str:
        """The derivative of a field by columns."""
        return f"{field}.{self.suffix}" if self.suffix else field

    def behind(self, text: str) -> str:
        """A contraction of it with the other derivatives, which come after it."""
        for b in self.along:
            text = f"dot({b}, grad({text}))"
        return text + "".join(f" along {ray}" for ray in self.rays)


def _span(columns: Mapping[str, Tensor], name: str) -> slice:
    """The columns of a coordinate among those of all."""
    start = 0
    for other, column in columns.items():
        size = column.shape[1] if column.ndim == 2 else 1
        if other == name:
            return slice(start, start + size)
        start += size
    raise AssertionError("unreachable")


def _appended(slot: Slot, numbers: MultiIndex) -> Slot:
    if not isinstance(slot, Collapsed):
        return tuple(sorted((*slot, *numbers)))
    return Collapsed(tuple((tuple(sorted((*i, *numbers))), c) for i, c in slot.terms))


def _behind(reading: Reading, numbers: MultiIndex) -> Reading:
    """What a reading becomes if every derivative in it is taken further."""
    return replace(
        reading,
        slots=tuple(_appended(slot, numbers) for slot in reading.slots),
        samples=tuple((_appended(slot, numbers), c) for slot, c in reading.samples),
    )


@dataclass(frozen=True)
class Differentiated(Functional):
    r""":math:`L\, \partial^\alpha \partial_v u` for a linear contraction L.

    Args:
        inner: L.
        steps: The derivatives behind it.
    """

    inner: Functional = field(kw_only=True)
    steps: Steps = field(kw_only=True)
    whole: ClassVar[bool] = True

    @property
    def kind(self) -> str:  # type: ignore[override]
        """The operator by whose estimator it is estimated."""
        return self.inner.kind

    @property
    def order(self) -> int:  # type: ignore[override]
        """Order of differentiation."""
        return self.inner.order + len(self.steps)

    @property
    def rows(self) -> bool:  # type: ignore[override]
        """Whether its value is rows ``(n, size)``."""
        return self.inner.rows

    def symbol(self, wave: Tensor, columns: Mapping[str, Tensor]) -> Tensor:
        """See :meth:`Functional.symbol`; ``wave`` has the rows of all columns."""
        inner = self.inner.symbol(self._inside(wave, columns), columns)
        return inner * self.steps.symbol(self.name, wave, columns)

    def _inside(self, wave: Tensor, columns: Mapping[str, Tensor]) -> Tensor:
        """The wave numbers that the contraction takes."""
        return wave if self.inner.whole else wave[_span(columns, self.name)]

    def waves(
        self, amplitude: Tensor, wave: Tensor, phase: Tensor, columns: Mapping[str, Tensor]
    ) -> Tensor:
        """See :meth:`Functional.waves`."""
        amplitude = amplitude * self.steps.symbol(self.name, wave, columns)
        phase = phase + len(self.steps) * torch.pi / 2
        return self.inner.waves(amplitude, self._inside(wave, columns), phase, columns)

    def exact(self, directions: Directions) -> Reading:
        """See :meth:`Functional.exact`."""
        numbers = self.steps.numbers(self.name, directions)
        return _behind(self.inner.exact(directions), numbers)

    def sampled(self, estimator: "Stochastic", directions: Directions, replica: int) -> Reading:
        """See :meth:`Functional.sampled`; along the directions of the contraction itself."""
        numbers = self.steps.numbers(self.name, directions)
        return _behind(self.inner.sampled(estimator, directions, replica), numbers)

    def text(self, field: str) -> str:
        """See :meth:`Functional.text`."""
        return self.steps.behind(self.inner.text(self.steps.written(field)))


@dataclass(frozen=True)
class GradientProduct(Functional):
    r""":math:`\nabla \partial^\alpha u \cdot \nabla \partial^\beta u`, as a sum or an estimate.

    Args:
        left: The first derivatives, ∂^α.
        right: The second, ∂^β.
    """

    left: Steps = field(kw_only=True)
    right: Steps = field(kw_only=True)
    kind: ClassVar[str] = "squared_gradient"
    linear: ClassVar[bool] = False
    whole: ClassVar[bool] = True

    @property
    def order(self) -> int:  # type: ignore[override]
        """Order of differentiation."""
        return 1 + max(len(self.left), len(self.right))

    @property
    def factors(self) -> tuple[Functional, Functional]:
        """See :attr:`Functional.factors`."""
        rows = GradientRows(self.name)
        return differentiated(rows, self.left), differentiated(rows, self.right)

    def waves(
        self, amplitude: Tensor, wave: Tensor, phase: Tensor, columns: Mapping[str, Tensor]
    ) -> Tensor:
        """See :meth:`Functional.waves`."""
        left, right = (
            Differentiated(self.name, inner=GradientRows(self.name), steps=steps)
            for steps in (self.left, self.right)
        )
        given = amplitude, wave, phase, columns
        return (left.waves(*given) * right.waves(*given)).sum(-1)

    def exact(self, directions: Directions) -> Reading:
        """See :meth:`Functional.exact`."""
        part = directions.coordinates.slice(self.name)
        return self._reading(range(part.start, part.stop), 1.0, directions)

    def sampled(self, estimator: "Stochastic", directions: Directions, replica: int) -> Reading:
        """See :meth:`Functional.sampled`; along the directions of the squared gradient."""
        dim = directions.coordinates.size(self.name)
        family = estimator.family(self.name, dim, replica)
        weight = second_moment_weight(family.distribution, family.count, dim)
        found = self._reading(directions.numbers(family), weight, directions)
        return replace(found, text=str(estimator), family=family)

    def _reading(self, numbers: Sequence[int], weight: float, directions: Directions) -> Reading:
        left, right = (s.numbers(self.name, directions) for s in (self.left, self.right))
        slots = [_appended((k,), left) for k in numbers]
        slots += [_appended((k,), right) for k in numbers]

        def combine(values: Sequence[Tensor], part: Part | None) -> Tensor:
            half = len(values) // 2
            total = values[0] * values[half]
            for a, b in zip(values[1:half], values[half + 1 :], strict=True):
                total = torch.addcmul(total, a, b)
            return total if weight == 1.0 else total * weight

        return Reading(tuple(slots), combine)

    def text(self, field: str) -> str:
        """See :meth:`Functional.text`."""
        parts = (s.behind(f"grad({s.written(field)})") for s in (self.left, self.right))
        return f"dot({', '.join(parts)})"


@dataclass(frozen=True)
class GradientOf(Functional):
    r""":math:`\nabla (L u)` for a contraction L with constant coefficients, rows ``(n, size)``.

    Args:
        inner: L.
    """

    inner: Functional = field(kw_only=True)
    rows: ClassVar[bool] = True
    whole: ClassVar[bool] = True

    @property
    def kind(self) -> str:  # type: ignore[override]
        """The operator by whose estimator it is estimated."""
        return self.inner.kind

    @property
    def order(self) -> int:  # type: ignore[override]
        """Order of differentiation."""
        return self.inner.order + 1

    def waves(
        self, amplitude: Tensor, wave: Tensor, phase: Tensor, columns: Mapping[str, Tensor]
    ) -> Tensor:
        """See :meth:`Functional.waves`; here ``(n, size)``."""
        inside = wave if self.inner.whole else wave[_span(columns, self.name)]
        phase = phase + self.inner.order * torch.pi / 2
        amplitude = amplitude * self.inner.symbol(inside, columns)
        return (torch.cos(phase) * amplitude) @ wave[_span(columns, self.name)].T

    def exact(self, directions: Directions) -> Reading:
        """See :meth:`Functional.exact`."""
        return self._rows(self.inner.exact(directions), directions)

    def sampled(self, estimator: "Stochastic", directions: Directions, replica: int) -> Reading:
        """See :meth:`Functional.sampled`; every component from the same directions."""
        return self._rows(self.inner.sampled(estimator, directions, replica), directions)

    def _rows(self, reading: Reading, directions: Directions) -> Reading:
        part = directions.coordinates.slice(self.name)
        each = [_behind(reading, (k,)) for k in range(part.start, part.stop)]
        count = len(reading.slots)

        def combine(values: Sequence[Tensor], part: Part | None) -> Tensor:
            groups = [values[k : k + count] for k in range(0, len(values), count)]
            return torch.stack([reading.combine(group, part) for group in groups], -1)

        slots = tuple(slot for one in each for slot in one.slots)
        return replace(reading, slots=slots, combine=combine, samples=())

    def text(self, field: str) -> str:
        """See :meth:`Functional.text`."""
        return f"grad({self.inner.text(field)})"


@dataclass(frozen=True)
class TurnedCoefficients(Functional):
    r""":math:`(\partial_r L)\, u`: how coefficients that depend on the point turn along r.

    Args:
        step: r.
        suffix: How equations write a column r.
    """

    step: Step = field(kw_only=True)
    suffix: str = field(kw_only=True)
    whole: ClassVar[bool] = True

    @property
    @abstractmethod
    def coefficients(self) -> Known | Factor:
        """What turns."""

    def _row(self, wave: Tensor) -> Tensor:
        """The step as a row ``(d,)``, to try an equation on."""
        if isinstance(self.step, Ray):
            return self.step.family.example(len(wave), wave)[self.step.member]
        return row_of(self.step, len(wave), wave)

    def _numbers(self, family: Along | Mapped, directions: Directions) -> range:
        """Numbers of the derivatives of directions; what they follow from is numbered before."""
        directions.numbers(family)
        if isinstance(self.step, Ray):
            directions.numbers(self.step.family)
        return directions.numbers(Turned(family.name, len(family), family, self.step))

    def _written(self) -> str:
        """The turned coefficients as an equation writes them."""
        what, step = self.coefficients, self.step
        return f"{what} along {step}" if isinstance(step, Ray) else f"d({what}, {self.suffix})"


@dataclass(frozen=True)
class TurnedDerivative(TurnedCoefficients):
    r""":math:`(\partial_r b) \cdot \nabla u`: how a direction b(x) turns along r.

    Args:
        direction: b.
    """

    direction: Known = field(kw_only=True)
    kind: ClassVar[str] = "directional_derivative"
    order: ClassVar[int] = 1

    @property
    def coefficients(self) -> Known:
        """What turns, b."""
        return self.direction

    def at(self, columns: Mapping[str, Tensor], row: Tensor) -> Tensor:
        """∂_r b at points, for r as a row ``(d,)``."""
        return derivative_along(self.direction, columns, row)

    def symbol(self, wave: Tensor, columns: Mapping[str, Tensor]) -> Tensor:
        """See :meth:`Functional.symbol`; ``wave`` has the rows of all columns."""
        over, n = wave[_span(columns, self.name)], len(next(iter(columns.values())))
        return self.at(columns, self._row(wave)).expand(n, len(over)) @ over

    def exact(self, directions: Directions) -> Reading:
        """See :meth:`Functional.exact`."""
        family = Along(self.name, 1, self.direction)
        return Reading(((self._numbers(family, directions)[0],),))

    def sampled(self, estimator: "Stochastic", directions: Directions, replica: int) -> Reading:
        """Its exact value, which costs one direction."""
        return self.exact(directions)

    def text(self, field: str) -> str:
        """See :meth:`Functional.text`."""
        return f"dot({self._written()}, grad({field}))"


@dataclass(frozen=True)
class TurnedTrace(TurnedCoefficients):
    r""":math:`\operatorname{tr}(\sigma\, (\partial_r \sigma)^\top \nabla^2 u)`.

    Args:
        factor: σ.
    """

    factor: Factor = field(kw_only=True)
    kind: ClassVar[str] = "weighted_trace"

    @property
    def coefficients(self) -> Factor:
        """What turns, σ."""
        return self.factor

    def symbol(self, wave: Tensor, columns: Mapping[str, Tensor]) -> Tensor:
        """See :meth:`Functional.symbol`; ``wave`` has the rows of all columns."""
        over = wave[_span(columns, self.name)]
        square = derivative_along(
            lambda given: self.factor.wave_square(over, given), columns, self._row(wave)
        )
        return square / 2

    def exact(self, directions: Directions) -> Reading:
        """See :meth:`Functional.exact`."""
        family = Mapped(self.name, self.factor.rank, self.factor, None)
        reading = WeightedTrace(self.name, factor=self.factor).exact(directions)
        return self._turned(reading, family, directions)

    def sampled(self, estimator: "Stochastic", directions: Directions, replica: int) -> Reading:
        """See :meth:`Functional.sampled`; along the directions of the diffusion itself."""
        trace = WeightedTrace(self.name, factor=self.factor)
        reading = trace.sampled(estimator, directions, replica)
        assert isinstance(reading.family, Mapped)
        return self._turned(reading, reading.family, directions)

    def _turned(self, reading: Reading, family: Mapped, directions: Directions) -> Reading:
        """One of the two derivatives of every term along the turned direction."""
        turned = self._numbers(family, directions)
        of = dict(zip(directions.numbers(family), turned, strict=True))

        def turn(slot: Slot) -> Collapsed:
            return Collapsed(
                tuple((tuple(sorted((k, of[k]))), c) for (k, _), c in terms_of(slot))  # type: ignore
            )

        samples = tuple((turn(slot), c) for slot, c in reading.samples)
        return replace(reading, slots=tuple(map(turn, reading.slots)), samples=samples)

    def text(self, field: str) -> str:
        """See :meth:`Functional.text`."""
        return f"weighted_trace({field}, {self.factor}, {self._written()})"


def differentiated(inner: Functional, steps: Steps) -> Functional:
    """A contraction of a derivative of a field, with as few layers as can be."""
    if not len(steps):
        return inner
    return Differentiated(inner.name, inner=inner, steps=steps)
