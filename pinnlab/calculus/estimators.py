r"""Estimators: which derivatives over a vector coordinate are exact, and which are sampled.

Every estimator answers the same question, from which slots a
:class:`~pinnlab.calculus.functionals.Functional` follows. The random ones differ in the directions
they draw. With H the Hessian of u, the estimate of the Laplacian of K directions has the variance

==============  ============================================================
sparse          :math:`\frac{d^2}{K}\left(1 - \frac{K}{d}\right) S^2`, with S² the variance of H_ii
rademacher      :math:`\frac{2}{K} \sum_{i \neq j} H_{ij}^2`
gaussian        :math:`\frac{2}{K} \|H\|_F^2`
skewed          :math:`\frac{2}{K} \sum_{i \neq j} H_{ij}^2 + \frac1K \sum_i H_{ii}^2`
sphere          :math:`\frac{2}{K}\frac{d}{d + 2}\left(\|H\|_F^2 - (\operatorname{tr} H)^2/d\right)`
==============  ============================================================

Sources: Shi et al. (2024), arXiv 2412.00088; Hutchinson (1990); Hu et al. (2024) for sampled
dimensions (SDGD) and for Hutchinson's estimator in residuals, arXiv 2312.14499; Baydin et al.
(2022), arXiv 2202.08587, for forward gradients.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

from torch import Tensor

from pinnlab.calculus.directions import Directions, Sampled
from pinnlab.calculus.distributions import DENSE, SPARSE
from pinnlab.calculus.functionals import Functional, Reading, place
from pinnlab.errors import DeclarationError, nearest
from pinnlab.typing import Coordinates

__all__ = ["SDGD", "STDE", "Estimator", "Exact", "ForwardGradient", "Hutchinson"]


KINDS = (
    "laplacian",
    "biharmonic",
    "power_sum",
    "squared_gradient",
    "weighted_trace",
    "gradient",
)


class Estimator(ABC):
    """How derivatives over a vector coordinate are obtained."""

    unbiased: bool = False
    estimates: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def reading(self, functional: Functional, directions: Directions, replica: int = 0) -> Reading:
        """The slots from which a functional follows.

        Args:
            functional: What is wanted.
            directions: Gives directions their numbers.
            replica: Readings that differ in it draw independent directions.
        """


@dataclass(frozen=True)
class Exact(Estimator):
    """All derivatives, collapsed into as few slots as there are.

    A Laplacian over d components carries d + 2 slots.
    """

    def reading(self, functional: Functional, directions: Directions, replica: int = 0) -> Reading:
        """See :meth:`Estimator.reading`."""
        return functional.exact(directions)


@dataclass(frozen=True)
class Stochastic(Estimator):
    """Random directions, drawn anew in every step and shared by all points of a batch.

    Args:
        samples: Number of directions K. From two on, check and log tell how far an estimate
            scatters; one sample has no deviation.
        directions: ``sparse`` for K distinct coordinates; ``rademacher``, ``gaussian``, ``sphere``
            or ``skewed`` for dense directions.
        unbiased: Multiply two independent estimates of a residual in the loss instead of squaring
            one. The square of an estimate has the mean r² + Var, which favours solutions of small
            variance; the product has the mean r², for twice the slots.

    Raises:
        DeclarationError: If the number or the kind of directions makes no sense.
    """

    samples: int = 16
    directions: str = SPARSE
    unbiased: bool = False
    kinds: ClassVar[tuple[str, ...]] = (SPARSE, *DENSE)
    estimates: ClassVar[tuple[str, ...]] = KINDS

    def __post_init__(self) -> None:
        name = type(self).__name__
        whole = isinstance(self.samples, Integral) and not isinstance(self.samples, bool)
        if not whole or self.samples < 1:
            raise DeclarationError(
                f"{name} got samples={self.samples!r}",
                expected="a whole number of at least 1",
                got=repr(self.samples),
                do="use e.g. samples=16",
            )
        if self.directions not in self.kinds:
            raise DeclarationError(
                f"{name} has no directions '{self.directions}'",
                expected=", ".join(self.kinds),
                got=repr(self.directions),
                do=nearest(str(self.directions), self.kinds) or "choose one of them",
            )
        if not isinstance(self.unbiased, bool):
            raise DeclarationError(
                f"{name} got unbiased={self.unbiased!r}",
                expected="True or False",
                got=repr(self.unbiased),
                do="leave it out to square one estimate",
            )
        object.__setattr__(self, "samples", int(self.samples))  # of NumPy as well

    @property
    def distribution(self) -> str:
        """How directions are drawn."""
        return self.directions

    def family(self, name: str, dim: int, replica: int) -> Sampled:
        """Directions in ``dim`` dimensions.

        Raises:
            DeclarationError: If more distinct coordinates are wanted than there are.
        """
        if self.distribution == SPARSE and self.samples > dim:
            raise DeclarationError(
                f"{self} samples more coordinates than '{name}' has",
                expected=f"at most {dim} samples",
                got=self.samples,
                do=f"use samples={dim} or fewer, or Exact(), which costs no more",
            )
        return Sampled(name, self.samples, self.distribution, replica)

    def reading(self, functional: Functional, directions: Directions, replica: int = 0) -> Reading:
        """See :meth:`Estimator.reading`."""
        return functional.sampled(self, directions, replica)

    def variance(self, hessian: Tensor) -> Tensor:
        """The variance of its estimate of the Laplacian.

        Args:
            hessian: H ``(..., d, d)``.

        Returns:
            ``(...)``.
        """
        d, k = hessian.shape[-1], self.samples
        diagonal = hessian.diagonal(dim1=-2, dim2=-1)
        if self.distribution == SPARSE:
            return d * d / k * (1 - k / d) * diagonal.var(-1)
        square = hessian.square().sum((-2, -1))
        if self.distribution == "rademacher":
            return 2 / k * (square - diagonal.square().sum(-1))
        if self.distribution == "skewed":
            return (2 * square - diagonal.square().sum(-1)) / k
        if self.distribution == "gaussian":
            return 2 / k * square
        return 2 / k * d / (d + 2) * (square - diagonal.sum(-1).square() / d)

    def __str__(self) -> str:
        return f"{type(self).__name__}({self.samples} {self.directions})"


@dataclass(frozen=True)
class STDE(Stochastic):
    """Stochastic Taylor derivative estimator: sampled directions, propagated by Taylor mode.

    Any contraction of derivatives of any order that is linear in them is estimated; arguments are
    those of :class:`Stochastic`.

    Example:
        >>> STDE(samples=16)
        STDE(samples=16, directions='sparse', unbiased=False)
    """


@dataclass(frozen=True)
class Hutchinson(Stochastic):
    """Hutchinson's trace estimator, with dense directions."""

    directions: str = "rademacher"
    kinds: ClassVar[tuple[str, ...]] = DENSE


@dataclass(frozen=True)
class SDGD(Stochastic):
    """Sampled dimensions: the sum over all coordinates from K distinct ones."""

    kinds: ClassVar[tuple[str, ...]] = (SPARSE,)


@dataclass(frozen=True)
class ForwardGradient(Stochastic):
    """Gradients from random directional derivatives; everything else stays exact."""

    directions: str = "gaussian"
    kinds: ClassVar[tuple[str, ...]] = DENSE
    estimates: ClassVar[tuple[str, ...]] = ("gradient", "squared_gradient")

    def reading(self, functional: Functional, directions: Directions, replica: int = 0) -> Reading:
        """See :meth:`Estimator.reading`."""
        if functional.kind in self.estimates:
            return functional.sampled(self, directions, replica)
        return functional.exact(directions)


@dataclass(frozen=True)
class Choice(Estimator):
    """An estimator for each kind of operator.

    Args:
        kinds: By name of the operator, such as ``laplacian``.
        otherwise: For all others.
    """

    kinds: Mapping[str, Estimator]
    otherwise: Estimator = Exact()

    def of(self, functional: Functional) -> Estimator:
        """The estimator of a functional."""
        return self.kinds.get(functional.kind, self.otherwise)

    def reading(self, functional: Functional, directions: Directions, replica: int = 0) -> Reading:
        """See :meth:`Estimator.reading`."""
        return self.of(functional).reading(functional, directions, replica)

    def __str__(self) -> str:
        return ", ".join(f"{name}: {estimator}" for name, estimator in self.kinds.items())

    @property
    def unbiased(self) -> bool:  # type: ignore[override]
        """Whether any of them multiplies two estimates."""
        return any(estimator.unbiased for estimator in self.kinds.values())


def estimator_of(given: Estimator | Mapping[str, Estimator] | None) -> Estimator:
    """What a user gives for ``derivatives``, as one estimator.

    Raises:
        DeclarationError: If it is something else, or names an operator that does not exist.
    """
    if given is None:
        return Exact()
    if isinstance(given, Estimator):
        return given
    if not isinstance(given, Mapping):
        raise DeclarationError(
            "`derivatives` is no estimator",
            expected="e.g. STDE(samples=16), Exact(), or {'laplacian': STDE(16)}",
            got=repr(given),
            do="make one: derivatives=STDE(samples=16)",
        )
    for name, estimator in given.items():
        check_entry(name, estimator)
    exact = all(isinstance(estimator, Exact) for estimator in given.values())
    return Exact() if exact else Choice(dict(given))


def check_entry(name: Any, estimator: Any) -> None:
    """Refuse the estimator of one operator if there is no such operator, or it has no effect.

    Args:
        name: Of the operator.
        estimator: What is given for it.

    Raises:
        DeclarationError: With what the estimator is for.
    """
    if name not in KINDS:
        raise DeclarationError(
            f"There is no operator '{name}' to estimate",
            expected=", ".join(KINDS),
            got=repr(name),
            do=nearest(str(name), KINDS) or "use one of these names",
        )
    if not isinstance(estimator, Estimator):
        raise DeclarationError(
            f"What is given for '{name}' is no estimator",
            expected="e.g. STDE(samples=16) or Exact()",
            got=repr(estimator),
            do="make one: STDE(samples=16)",
        )
    if isinstance(estimator, Stochastic) and name not in estimator.estimates:
        raise DeclarationError(
            f"{estimator} does not estimate '{name}', which would stay exact",
            expected=f"{type(estimator).__name__} for {', '.join(estimator.estimates)}",
            got=f"one for '{name}'",
            do=f"use STDE, or leave '{name}' out",
        )


def check_use(estimator: Estimator, read: Collection[Functional], coordinates: Coordinates) -> None:
    """Refuse an estimator of which the equations have no use, or that does not fit them.

    Args:
        estimator: What is asked for.
        read: What the equations read over vector coordinates.
        coordinates: Of the equations.

    Raises:
        DeclarationError: If nothing is estimated, an operator is named that no equation reads, or
            the estimator has not the moments or samples for an operator.
    """
    kinds = sorted({functional.kind for functional in read} & {*KINDS})
    if isinstance(estimator, Choice):
        for name in estimator.kinds:
            if name not in kinds:
                raise DeclarationError(
                    f"There is an estimator for '{name}', which no equation reads",
                    expected=", ".join(kinds)
                    or "an equation with operators over a vector coordinate",
                    got=repr(name),
                    do=nearest(name, kinds) or f"leave '{name}' out of `derivatives`",
                )
    directions = Directions(coordinates)
    readings = [estimator.reading(functional, directions) for functional in sorted(read, key=place)]
    random = any(reading.family is not None for reading in readings)
    if random or isinstance(estimator, Exact | Choice):
        return
    texts = ", ".join(sorted(map(str, read)))
    raise DeclarationError(
        f"{estimator} has nothing to estimate",
        expected=f"equations that read {', '.join(estimator.estimates)} over a vector coordinate, "
        "such as that of Hypercube('x', dim=100)",
        got=f"equations that read {texts or 'derivatives by scalar coordinates only'}",
        do="use STDE, or leave `derivatives` out"
        if kinds
        else "leave `derivatives` out: exact derivatives are as cheap here",
    )
