r"""Truncated Taylor polynomials in a few variables, on arrays of expansion points.

A quantity near x is :math:`q(x + \delta) = \sum_\alpha q_\alpha \delta^\alpha` over the
multi-indices with at most ``order`` entries, and its derivatives are
:math:`\partial^\alpha q = \alpha!\, q_\alpha`. Sums and products follow the rules of polynomials; a
function of one variable is composed by Horner's scheme. Coefficients that are zero by structure are
None and cost nothing, which matters because distances start from linear and quadratic polynomials.
"""

import itertools
import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor


class Layout:
    """The multi-indices in ``dim`` variables up to ``order``, and how products combine them."""

    def __init__(self, dim: int, order: int) -> None:
        self.dim, self.order = dim, order
        self.indices = [
            index
            for k in range(order + 1)
            for index in itertools.combinations_with_replacement(range(dim), k)
        ]
        self.position = {index: k for k, index in enumerate(self.indices)}
        self.factors = [
            math.prod(math.factorial(index.count(i)) for i in range(dim)) for index in self.indices
        ]
        self.products = [
            (i, j, self.position[tuple(sorted(a + b))])
            for i, a in enumerate(self.indices)
            for j, b in enumerate(self.indices)
            if len(a) + len(b) <= order
        ]


@lru_cache(maxsize=32)
def layout(dim: int, order: int) -> Layout:
    """The layout, made once."""
    return Layout(dim, order)


class Series:
    """A truncated Taylor polynomial; every coefficient broadcasts against the value."""

    __slots__ = ("coefficients", "layout")

    def __init__(self, layout: Layout, coefficients: list[Tensor | None]) -> None:
        self.layout, self.coefficients = layout, coefficients

    @classmethod
    def polynomial(
        cls, layout: Layout, value: Tensor, slopes: Sequence[Tensor] = (), square: float = 0.0
    ) -> "Series":
        """``value + slopes . delta + square |delta|^2``."""
        coefficients: list[Tensor | None] = [None] * len(layout.indices)
        coefficients[0] = value
        if layout.order >= 1:
            coefficients[1 : 1 + len(slopes)] = slopes
        if layout.order >= 2 and square:
            for i in range(layout.dim):
                coefficients[layout.position[i, i]] = torch.full_like(value, square)
        return cls(layout, coefficients)

    @property
    def value(self) -> Tensor:
        """The constant coefficient."""
        first = self.coefficients[0]
        assert first is not None
        return first

    def __add__(self, other: "Series | float") -> "Series":
        if not isinstance(other, Series):
            return Series(self.layout, [self.value + other, *self.coefficients[1:]])
        pairs = zip(self.coefficients, other.coefficients, strict=True)
        return Series(
            self.layout, [b if a is None else a if b is None else a + b for a, b in pairs]
        )

    def __sub__(self, other: "Series") -> "Series":
        return self + other.map(torch.neg)

    def __mul__(self, other: "Series | Tensor | float") -> "Series":
        if not isinstance(other, Series):
            return self.map(lambda c: c * other)
        out: list[Tensor | None] = [None] * len(self.coefficients)
        for i, j, k in self.layout.products:
            a, b, sum_ = self.coefficients[i], other.coefficients[j], out[k]
            if a is not None and b is not None:
                out[k] = a * b if sum_ is None else torch.addcmul(sum_, a, b)
        return Series(self.layout, out)

    def map(self, function) -> "Series":
        """Apply a linear function to every coefficient."""
        return Series(self.layout, [None if c is None else function(c) for c in self.coefficients])

    def choose(self, mask: Tensor, other: "Series") -> "Series":
        """This series where the mask holds, the other one elsewhere."""
        zero = torch.zeros((), dtype=self.value.dtype, device=self.value.device)
        pairs = zip(self.coefficients, other.coefficients, strict=True)
        return Series(
            self.layout,
            [
                None if a is None and b is None
                else torch.where(mask, zero if a is None else a, zero if b is None else b)
                for a, b in pairs
            ],
        )  # fmt: skip

    def compose(self, coefficients: Sequence[Tensor]) -> "Series":
        """f(q) by the Taylor coefficients f⁽ᵏ⁾(value) / k! of f, one for each order."""
        step = Series(self.layout, [None, *self.coefficients[1:]])
        out = Series.polynomial(self.layout, coefficients[-1])
        for coefficient in reversed(coefficients[:-1]):
            out = step * out
            out.coefficients[0] = coefficient
        return out

    def power(self, exponent: float) -> "Series":
        """Raise to a constant power; the value must be positive."""
        terms, factor = [], 1.0
        for k in range(self.layout.order + 1):
            terms.append(factor * self.value ** (exponent - k))
            factor *= (exponent - k) / (k + 1)
        return self.compose(terms)

    def sqrt(self) -> "Series":
        """Square root of a positive value."""
        terms = [torch.sqrt(self.value)]
        for k in range(self.layout.order):
            terms.append(terms[-1] / self.value * ((0.5 - k) / (k + 1)))
        return self.compose(terms)

    def reciprocal(self) -> "Series":
        """One over a value that is not zero."""
        terms = [1.0 / self.value]
        for _ in range(self.layout.order):
            terms.append(-terms[-1] * terms[0])
        return self.compose(terms)


def atan_terms(t: Tensor, order: int) -> list[Tensor]:
    """Taylor coefficients of atan at ``t``, from the recurrence of its derivative 1 / (1 + t²)."""
    inverse = 1.0 / (1.0 + t * t)
    slopes = [inverse]
    for k in range(1, order):
        before = slopes[k - 2] if k >= 2 else torch.zeros_like(t)
        slopes.append(-(2.0 * t * slopes[k - 1] + before) * inverse)
    return [torch.atan(t), *[slopes[k - 1] / k for k in range(1, order + 1)]]


SMALL, _TERMS = 0.1, 9  # 0.1^18 times the largest binomial coefficient is near rounding


def atanc_terms(t: Tensor, order: int, atan: list[Tensor] | None = None) -> list[Tensor]:
    """Taylor coefficients of atan(t) / t.

    Args:
        t: Where to expand.
        order: The highest order.
        atan: Coefficients of atan, used where the magnitude of t is not below :data:`SMALL`.
            Without them only the power series is used, and only small arguments are right.
    """
    square = t * t
    small = torch.ones_like(t, dtype=torch.bool) if atan is None else t.abs() < SMALL
    out: list[Tensor] = []
    for k in range(order + 1):
        first = (k + 1) // 2
        series = torch.zeros_like(t)
        for m in range(_TERMS - 1, first - 1, -1):
            series.mul_(square).add_((-1) ** m * math.comb(2 * m, k) / (2 * m + 1))
        if k % 2:
            series = series * t
        if atan is not None:
            by_recurrence = (atan[k] - out[k - 1] if k else atan[k]) / torch.where(small, 1.0, t)
            series = torch.where(small, series, by_recurrence)
        out.append(series)
    return out
