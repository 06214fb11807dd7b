r"""Sums of partial derivatives as sums of derivatives along straight lines, where that is cheaper.

A slot for ∂^α needs all its sub-indices; a power of one directional derivative, ∂_v^m, needs m - 1
lower slots only. By polarisation

.. math:: \xi_1 \cdots \xi_m = \frac{1}{2^{m-1} m!}
          \sum_{s \in \{\pm 1\}^{m-1}} s_2 \cdots s_m\, (\xi_1 + s_2 \xi_2 + \dots + s_m \xi_m)^m,

every sum of derivatives of order m is a sum of such powers; of order two, the eigenvectors of its
matrix give the fewest. Columns share their lower slots, so that mixed derivatives are mostly
cheaper as they are, the biharmonic operator in any dimension among them; what few lines span, such
as :math:`(\partial_x + \partial_y)^2`, is cheaper along these.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import product

import numpy as np

from pinnlab.calculus.directions import Directions, Fixed
from pinnlab.calculus.layout import Collapsed, Slot, closure
from pinnlab.typing import MultiIndex

Line = tuple[tuple[int, float], ...]
_ROUNDING = 1e-12


def polarised(terms: Mapping[MultiIndex, float]) -> dict[Line, float]:
    """Lines v and weights w with Σ c_α ∂^α = Σ w ∂_v^m.

    Args:
        terms: Multi-indices of one length m and their coefficients.
    """
    m = len(next(iter(terms)))
    if m == 2:
        return _eigenvectors(terms)
    weights: dict[Line, float] = defaultdict(float)
    for index, coefficient in terms.items():
        scale = coefficient / (2 ** (m - 1) * math.factorial(m))
        for signs in product((1, -1), repeat=m - 1):
            line, factor = _line(index, (1, *signs))
            if line:
                weights[line] += scale * math.prod(signs) * factor**m
    largest = max(map(abs, weights.values()), default=0.0)
    return {line: w for line, w in weights.items() if abs(w) > _ROUNDING * largest}


def _line(index: MultiIndex, signs: tuple[int, ...]) -> tuple[Line, int]:
    """The sum of signed unit vectors as a primitive line with positive start, and its multiple."""
    components: dict[int, int] = defaultdict(int)
    for column, sign in zip(index, signs, strict=True):
        components[column] += sign
    kept = [(column, value) for column, value in sorted(components.items()) if value]
    if not kept:
        return (), 0
    factor = math.gcd(*(value for _, value in kept)) * (1 if kept[0][1] > 0 else -1)
    return tuple((column, float(value // factor)) for column, value in kept), factor


def _eigenvectors(terms: Mapping[MultiIndex, float]) -> dict[Line, float]:
    columns = sorted({column for index in terms for column in index})
    place = {column: k for k, column in enumerate(columns)}
    matrix = np.zeros((len(columns), len(columns)))
    for (i, j), coefficient in terms.items():
        matrix[place[i], place[j]] += coefficient / 2
        matrix[place[j], place[i]] += coefficient / 2
    values, vectors = np.linalg.eigh(matrix)
    kept = np.abs(values) > _ROUNDING * np.abs(values).max()
    return {
        tuple((c, float(x)) for c, x in zip(columns, vector, strict=True) if x): float(value)
        for value, vector in zip(values[kept], vectors.T[kept], strict=True)
    }


def cheapest(
    name: str, terms: Mapping[MultiIndex, float], others: Iterable[Slot], directions: Directions
) -> Collapsed:
    """The collapsed sum with the fewest slots beside the others that are needed anyway.

    Args:
        name: Coordinate for whose lines new directions are named.
        terms: Multi-indices and their coefficients; those of the highest order may be rewritten.
        others: Slots that are carried in any case.
        directions: Gives new directions their numbers, if lines are cheaper.
    """
    m, others = max(map(len, terms)), list(others)
    leading = {index: c for index, c in terms.items() if len(index) == m}
    plain = Collapsed(tuple(sorted(terms.items())))
    if m == 2 and all(i == j for i, j in leading):  # its directions are the eigenvectors
        return plain
    lower = {index: c for index, c in terms.items() if len(index) < m}
    others += [Collapsed(tuple(sorted(lower.items())))] if lower else []
    lines = polarised(leading)
    # Of each line, the first derivative up to the (m - 1)-th, and all share the sum.
    if len(closure([*others])) + (m - 1) * len(lines) + 1 >= len(closure([*others, plain])):
        return plain
    family = Fixed(name, len(lines), tuple(lines))
    numbers = directions.numbers(family)
    powers = (((k,) * m, w) for k, w in zip(numbers, lines.values(), strict=True))
    return Collapsed((*sorted(lower.items()), *powers))
