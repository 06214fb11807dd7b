r"""What an equation can ask of a field over a vector coordinate beside single derivatives.

With ``d`` components x_1 … x_d no equation names them one by one: it reads contractions of the
derivatives such as :math:`\Delta u` or :math:`|\nabla u|^2`. A :class:`Functional` says what is
wanted; :meth:`Functional.exact` and :meth:`Functional.sampled` say from which slots it follows.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from pinnlab.calculus.directions import Along, Directions, Family, Mapped, Ray, Sampled
from pinnlab.calculus.distributions import REPEATED, SPARSE, moment_weight, second_moment_weight
from pinnlab.calculus.factor import Factor
from pinnlab.calculus.known import Known
from pinnlab.calculus.layout import Collapsed, Slot
from pinnlab.calculus.polarisation import cheapest
from pinnlab.calculus.slopes import Part
from pinnlab.errors import DeclarationError
from pinnlab.typing import Coordinates, MultiIndex

if TYPE_CHECKING:
    from pinnlab.calculus.estimators import Stochastic


Combine = Callable[[Sequence[Tensor], Part | None], Tensor]


def _first(values: Sequence[Tensor], part: Part | None) -> Tensor:
    return values[0]


@dataclass(frozen=True, eq=False)
class Reading:
    """How a functional follows from the slots of a jet.

    Args:
        slots: What it reads.
        combine: Its value from theirs and the random directions.
        text: What is carried, for reports.
        family: The random directions, if any.
        samples: The single terms of which the value is the mean, as slots with a factor.
        exponent: Power of the slots in these terms.
        rows: Whether each term is a vector, the slot times its direction.
        share: Which share of all terms there are is drawn, where none is drawn twice.
    """

    slots: tuple[Slot, ...]
    combine: Combine = _first
    text: str = "exact"
    family: Family | None = None
    samples: tuple[tuple[Slot, float], ...] = ()
    exponent: int = 1
    rows: bool = False
    share: float = 0.0

    def relative_deviation(
        self, values: Sequence[Tensor], directions: Tensor | None = None
    ) -> float:
        """Standard deviation of the estimate over its root mean square, from one draw.

        Args:
            values: The slots of ``samples`` at some points, each ``(n,)``.
            directions: The random directions ``(k, d)``, for terms that are vectors.
        """
        factors = [factor for _, factor in self.samples]
        terms = torch.stack([c * v**self.exponent for c, v in zip(factors, values, strict=True)])
        if directions is not None:  # of vectors t_k v_k the scalar products tell all
            products = directions @ directions.T
            square = torch.einsum("kn,kl,ln->n", terms, products, terms) / len(terms) ** 2
            scatter = products.diagonal() @ terms.square() - len(terms) * square
            variance = scatter / (len(terms) - 1)
        else:
            square, variance = terms.mean(0).square(), terms.var(0)
        variance = variance / len(terms) * (1 - self.share)
        return float((variance.mean() / square.mean()).sqrt())


@dataclass(frozen=True)
class Functional(ABC):
    """A contraction of the derivatives of a field, mostly over one vector coordinate.

    Args:
        name: The coordinate.
    """

    name: str
    kind: ClassVar[str]
    order: ClassVar[int] = 2
    linear: ClassVar[bool] = True
    # Whether its value is rows (n, size), and whether its symbol takes the rows of all columns.
    rows: ClassVar[bool] = False
    whole: ClassVar[bool] = False

    def span(self, coordinates: Coordinates) -> slice:
        """The columns over which it is taken."""
        return slice(0, coordinates.dim) if self.whole else coordinates.slice(self.name)

    @property
    def factors(self) -> "tuple[Functional, Functional] | None":
        """The rows of which it is the scalar product, if it is not linear."""
        return None

    def symbol(self, wave: Tensor, columns: Mapping[str, Tensor]) -> Tensor:
        """The polynomial p of the operator, for sin(w·x): p(w) sin(w·x + order π/2).

        Rows have one for each component, and what is not linear has none; both give their
        :meth:`waves` themselves instead.

        Args:
            wave: Wave numbers over the coordinate, ``(size, k)``.
            columns: The points by coordinate.

        Returns:
            ``(k,)``, or ``(n, k)`` if the operator depends on the point.
        """
        raise NotImplementedError(f"{self} has no symbol")

    @abstractmethod
    def exact(self, directions: Directions) -> Reading:
        """The slots that give its exact value."""

    def sampled(self, estimator: "Stochastic", directions: Directions, replica: int) -> Reading:
        """The slots that give an unbiased estimate.

        Raises:
            DeclarationError: If the estimator has no right moments for it.
        """
        raise self._refused(estimator)

    def _refused(self, estimator: "Stochastic") -> DeclarationError:
        return DeclarationError(
            f"The moments of {estimator} do not fit {self}",
            expected=f"directions with the right moments of order {self.order}, such as sparse ones"
            if self.order != 4
            else "sparse, gaussian or sphere directions",
            got=f"directions='{estimator.distribution}'",
            do=f"choose other directions, or give each operator its own; {self.kind} is exact if "
            "it is not named: derivatives={'laplacian': STDE(16)}",
        )

    def waves(
        self, amplitude: Tensor, wave: Tensor, phase: Tensor, columns: Mapping[str, Tensor]
    ) -> Tensor:
        """Its value ``(n,)`` for Σ_k a_k sin(phase_k) with phases ``(n, k)``."""
        shifted = torch.sin(phase + self.order * torch.pi / 2)
        return (shifted * (amplitude * self.symbol(wave, columns))).sum(-1)

    @abstractmethod
    def text(self, field: str) -> str:
        """How an equation writes it."""

    def __str__(self) -> str:
        return self.text("u")


def _powers(numbers: Sequence[int], order: int, weight: float) -> Collapsed:
    return Collapsed(tuple(((k,) * order, weight) for k in numbers))


def _columns(directions: Directions, name: str) -> range:
    part = directions.coordinates.slice(name)
    return range(part.start, part.stop)


def _sampled_powers(
    functional: Functional,
    order: int,
    estimator: "Stochastic",
    directions: Directions,
    replica: int,
) -> Reading:
    """An estimate of Σ_i ∂_i^order, or for dense directions of the operator of their moments."""
    dim = directions.coordinates.size(functional.name)
    family = estimator.family(functional.name, dim, replica)
    numbers = directions.numbers(family)
    weight = moment_weight(family.distribution, family.count, dim, order)
    if weight is None:
        raise functional._refused(estimator)
    return Reading(
        (_powers(numbers, order, weight),),
        text=str(estimator),
        family=family,
        samples=tuple(((k,) * order, weight * family.count) for k in numbers),
        share=_share(family, dim),
    )


def _share(family: Sampled, dim: int) -> float:
    return family.count / dim if family.distribution == SPARSE else 0.0


@dataclass(frozen=True)
class Laplacian(Functional):
    r""":math:`\Delta u = \sum_i \partial_i^2 u`."""

    kind: ClassVar[str] = "laplacian"

    def symbol(self, wave: Tensor, columns: Mapping[str, Tensor]) -> Tensor:
        """See :meth:`Functional.symbol`."""
        return wave.square().sum(0)

    def exact(self, directions: Directions) -> Reading:
        """See :meth:`Functional.exact`."""
        return Reading((_powers(_columns(directions, self.name), 2, 1.0),))

    def sampled(self, estimator: "Stochastic", directions: Directions, replica: int) -> Reading:
        """See :meth:`Functional.sampled`."""
        return _sampled_powers(self, 2, estimator, directions, replica)

    def text(self, field: str) -> str:
        """See :meth:`Functional.text`."""
        return f"laplacian({field})"


@dataclass(frozen=True)
class Biharmonic(Functional):
    r""":math:`\Delta^2 u = \sum_{ij} \partial_i^2 \partial_j^2 u`."""

    kind: ClassVar[str] = "biharmonic"
    order: ClassVar[int] = 4

    def symbol(self, wave: Tensor, columns: Mapping[str, Tensor]) -> Tensor:
        """See :meth:`Functional.symbol`."""
        return wave.square().sum(0).square()

    def exact(self, directions: Directions) -> Reading:
        """See :meth:`Functional.exact`."""
        columns = _columns(directions, self.name)
        terms: dict[MultiIndex, float] = {}
        for i in columns:
            for j in columns:
                if i <= j:
                    terms[i, i, j, j] = 1.0 if i == j else 2.0
        return Reading((cheapest(self.name, terms, [()], directions),))

    def sampled(self, estimator: "Stochastic", directions: Directions, replica: int) -> Reading:
        """See :meth:`Functional.sampled`."""
        if estimator.distribution != SPARSE:
            return _sampled_powers(self, 4, estimator, directions, replica)
        dim = directions.coordinates.size(self.name)
        # Pairs (i, j), each component independent: d²/K Σ ∂_i² ∂_j².
        count, weight = estimator.samples, dim * dim / estimator.samples
        family = Sampled(self.name, 2 * count, REPEATED, replica)
        numbers = directions.numbers(family)
        pairs = zip(numbers[:count], numbers[count:], strict=True)
        indices = [(i, i, j, j) for i, j in pairs]
        return Reading(
            (Collapsed(tuple((index, weight) for index in indices)),),
            text=str(estimator),
            family=family,
            samples=tuple((index, float(dim * dim)) for index in indices),
        )

    def text(self, field: str) -> str:
        """See :meth:`Functional.text`."""
        return f"biharmonic({field})"


@dataclass(frozen=True)
class PowerSum(Functional):
    r""":math:`\sum_i \partial_i^m u`.

    Args:
        power: m, from 3 on.
    """

    power: int = 3
    kind: ClassVar[str] = "power_sum"

    @property
    def order(self) -> int:  # type: ignore[override]
        """Order of differentiation, m."""
        return self.power

    def symbol(self, wave: Tensor, columns: Mapping[str, Tensor]) -> Tensor:
        """See :meth:`Functional.symbol`."""
        return (wave**self.power).sum(0)

    def exact(self, directions: Directions) -> Reading:
        """See :meth:`Functional.exact`."""
        return Reading((_powers(_columns(directions, self.name), self.power, 1.0),))

    def sampled(self, estimator: "Stochastic", directions: Directions, replica: int) -> Reading:
        """See :meth:`Functional.sampled`."""
        if estimator.distribution != SPARSE and self.power > 3:  # dense ones mix the directions
            raise self._refused(estimator)
        return _sampled_powers(self, self.power, estimator, directions, replica)

    def text(self, field: str) -> str:
        """See :meth:`Functional.text`."""
        return f"power_sum({field}, {self.power})"


@dataclass(frozen=True)
class SquaredGradient(Functional):
    r""":math:`|\nabla u|^2`, of which :math:`(v \cdot \nabla u)^2` is an unbiased estimate."""

    kind: ClassVar[str] = "squared_gradient"
    order: ClassVar[int] = 1
    linear: ClassVar[bool] = False

    @property
    def factors(self) -> tuple[Functional, Functional]:
        """See :attr:`Functional.factors`."""
        rows = GradientRows(self.name)
        return rows, rows

    def waves(
        self, amplitude: Tensor, wave: Tensor, phase: Tensor, columns: Mapping[str, Tensor]
    ) -> Tensor:
        """See :meth:`Functional.waves`."""
        return (torch.cos(phase) @ (amplitude * wave).T).square().sum(-1)

    def exact(self, directions: Directions) -> Reading:
        """See :meth:`Functional.exact`."""
        return self._reading(_columns(directions, self.name), 1.0)

    def sampled(self, estimator: "Stochastic", directions: Directions, replica: int) -> Reading:
        """See :meth:`Functional.sampled`."""
        dim = directions.coordinates.size(self.name)
        family = estimator.family(self.name, dim, replica)
        weight = second_moment_weight(family.distribution, family.count, dim)
        found = self._reading(directions.numbers(family), weight)
        return Reading(
            found.slots,
            found.combine,
            str(estimator),
            family,
            samples=tuple((slot, weight * family.count) for slot in found.slots),
            exponent=2,
            share=_share(family, dim),
        )

    def _reading(self, numbers: Sequence[int], weight: float) -> Reading:
        def combine(values: Sequence[Tensor], part: Part | None) -> Tensor:
            total = values[0].square()
            for value in values[1:]:
                total = torch.addcmul(total, value, value)
            return total if weight == 1.0 else total * weight

        return Reading(tuple((k,) for k in numbers), combine)

    def text(self, field: str) -> str:
        """See :meth:`Functional.text`."""
        return f"dot(grad({field}), grad({field}))"


@dataclass(frozen=True)
class DirectionalDerivative(Functional):
    r""":math:`b(x) \cdot \nabla u` for a known b: one direction, whatever the dimension.

    Args:
        direction: b.
    """

    direction: Known = field(kw_only=True)
    kind: ClassVar[str] = "directional_derivative"
    order: ClassVar[int] = 1

    def symbol(self, wave: Tensor, columns: Mapping[str, Tensor]) -> Tensor:
        """See :meth:`Functional.symbol`."""
        n = len(next(iter(columns.values())))
        return self.direction(columns).expand(n, len(wave)) @ wave

    def exact(self, directions: Directions) -> Reading:
        """See :meth:`Functional.exact`."""
        (number,) = directions.numbers(Along(self.name, 1, self.direction))
        return Reading(((number,),))

    def sampled(self, estimator: "Stochastic", directions: Directions, replica: int) -> Reading:
        """Its exact value, which costs one direction."""
        return self.exact(directions)

    def text(self, field: str) -> str:
        """See :meth:`Functional.text`."""
        return f"dot({self.direction}, grad({field}))"


@dataclass(frozen=True)
class WeightedTrace(Functional):
    r""":math:`\operatorname{tr}(\sigma\sigma^\top \nabla^2 u)` for a known σ.

    Args:
        factor: σ.
    """

    factor: Factor = field(kw_only=True)
    kind: ClassVar[str] = "weighted_trace"

    def symbol(self, wave: Tensor, columns: Mapping[str, Tensor]) -> Tensor:
        """See :meth:`Functional.symbol`."""
        return self.factor.wave_square(wave, columns)

    def exact(self, directions: Directions) -> Reading:
        """See :meth:`Functional.exact`."""
        numbers = directions.numbers(Mapped(self.name, self.factor.rank, self.factor, None))
        return Reading((_powers(numbers, 2, 1.0),))

    def sampled(self, estimator: "Stochastic", directions: Directions, replica: int) -> Reading:
        """See :meth:`Functional.sampled`."""
        base = estimator.family(self.name, self.factor.rank, replica)
        family = Mapped(self.name, base.count, self.factor, base)
        numbers = directions.numbers(family)
        weight = second_moment_weight(base.distribution, base.count, self.factor.rank)
        return Reading(
            (_powers(numbers, 2, weight),),
            text=str(estimator),
            family=family,
            samples=tuple(((k, k), weight * base.count) for k in numbers),
            share=_share(base, self.factor.rank),
        )

    def text(self, field: str) -> str:
        """See :meth:`Functional.text`."""
        return f"weighted_trace({field}, {self.factor})"


@dataclass(frozen=True)
class GradientRows(Functional):
    r""":math:`\nabla u` itself, rows ``(n, size)``.

    Where directions are sampled, :math:`\frac1K \sum_k (v_k \cdot \nabla u)\, v_k`.
    """

    kind: ClassVar[str] = "gradient"
    order: ClassVar[int] = 1
    rows: ClassVar[bool] = True

    def waves(
        self, amplitude: Tensor, wave: Tensor, phase: Tensor, columns: Mapping[str, Tensor]
    ) -> Tensor:
        """See :meth:`Functional.waves`; here ``(n, size)``."""
        return (torch.cos(phase) * amplitude) @ wave.T

    def exact(self, directions: Directions) -> Reading:
        """See :meth:`Functional.exact`."""
        slots = tuple((k,) for k in _columns(directions, self.name))
        return Reading(slots, lambda values, part: torch.stack(list(values), -1))

    def sampled(self, estimator: "Stochastic", directions: Directions, replica: int) -> Reading:
        """See :meth:`Functional.sampled`."""
        dim = directions.coordinates.size(self.name)
        family = estimator.family(self.name, dim, replica)
        weight = second_moment_weight(family.distribution, family.count, dim)

        def combine(values: Sequence[Tensor], part: Part | None) -> Tensor:
            assert part is not None
            return weight * (torch.stack(list(values), -1) @ part.dense(dim))

        slots = tuple((k,) for k in directions.numbers(family))
        return Reading(
            slots,
            combine,
            str(estimator),
            family=family,
            samples=tuple((slot, weight * family.count) for slot in slots),
            rows=True,
            share=_share(family, dim),
        )

    def text(self, field: str) -> str:
        """See :meth:`Functional.text`."""
        return f"grad({field})"


@dataclass(frozen=True)
class AlongRay(Functional):
    r""":math:`\partial_v \partial^\alpha u` with a random direction v.

    Args:
        index: α.
        suffix: How equations write it.
        ray: v.
    """

    index: MultiIndex = field(kw_only=True)
    suffix: str = field(kw_only=True)
    ray: Ray = field(kw_only=True)
    kind: ClassVar[str] = "along_ray"
    whole: ClassVar[bool] = True

    @property
    def order(self) -> int:  # type: ignore[override]
        """Order of differentiation."""
        return len(self.index) + 1

    def symbol(self, wave: Tensor, columns: Mapping[str, Tensor]) -> Tensor:
        """See :meth:`Functional.symbol`."""
        direction = self.ray.family.example(len(wave), wave)[self.ray.member]
        return wave[list(self.index)].prod(0) * (direction @ wave)

    def exact(self, directions: Directions) -> Reading:
        """See :meth:`Functional.exact`; it is exact for this direction, whatever the estimator."""
        number = directions.numbers(self.ray.family)[self.ray.member]
        return Reading(((*self.index, number),))

    def sampled(self, estimator: "Stochastic", directions: Directions, replica: int) -> Reading:
        """See :meth:`Functional.sampled`."""
        return self.exact(directions)

    def text(self, field: str) -> str:
        """See :meth:`Functional.text`."""
        return f"{field}{'.' if self.suffix else ''}{self.suffix} along {self.ray}"


def size_of(functional: Functional, coordinates: Coordinates) -> int:
    """Columns of its value; 0 if it is one number a point."""
    return coordinates.size(functional.name) if functional.rows else 0


def place(functional: Functional) -> tuple[str, str, str]:
    """An order that is the same in every process, so that a seed gives the same directions."""
    inner = getattr(functional, "inner", functional)
    known: Any = getattr(inner, "factor", None) or getattr(inner, "direction", None)
    # Two tensors of one shape are written alike; their contents differ.
    return str(functional), repr(known.key if known else None), repr(functional)
