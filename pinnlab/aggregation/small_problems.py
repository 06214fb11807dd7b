r"""Small convex problems in the space of the coefficients.

A direction :math:`d = J^T w` follows from m numbers w, of which there are a few: arithmetic on
Python numbers is then several times faster than calls of an array library, and as exact. Vectors
are lists of m numbers, matrices lists of rows.
"""

from collections.abc import Callable, Iterable, Sequence
from math import isfinite, nan, sqrt
from operator import mul

import numpy as np
import torch
from torch import Tensor

Vector = list[float]
Matrix = list[list[float]]

# Squared sines of angles that count as zero: gradients in single precision are known to 1e-7.
SINGULAR = 1e-12
INDEPENDENT = 1e-6  # of which a quick solution is as exact as any
ROUNDING = 1e-12  # of float64 sums, with some room; relative to the numbers that are added


def on_host(rule: Callable[[Matrix], Vector], gramian: Tensor) -> Tensor:
    """What a rule on lists says of a tensor ``(m, m)``: ``(m,)``, in float64 on its device.

    Of gradients that are not finite no rule is asked: the coefficients are not numbers either.
    """
    rows = gramian.tolist()
    # Products of rows are finite if their squares are.
    finite = isfinite(sum(row[k] for k, row in enumerate(rows)))
    weights = rule(rows) if finite else [nan] * len(rows)
    return torch.tensor(weights, dtype=torch.float64, device=gramian.device)


def unit_gramian(gramian: Matrix) -> tuple[Vector, Matrix]:
    """Lengths of the gradients and cosines between them; zero where there is no gradient.

    What depends on directions alone is computed from the cosines, so that lengths of 1e-10 and
    1e10 do not meet in one matrix.
    """
    norms = [sqrt(max(row[k], 0.0)) for k, row in enumerate(gramian)]
    inverse = [1.0 / n if n > 0 else 0.0 for n in norms]
    cosines = [
        [a * s * t for a, t in zip(row, inverse, strict=True)]
        for row, s in zip(gramian, inverse, strict=True)
    ]
    return norms, cosines


def on_active(rule: Callable[[Vector, Matrix], Vector], gramian: Matrix) -> Vector:
    """Coefficients that a rule says of the terms that have a gradient; zero for the others.

    Args:
        rule: Coefficients of the gradients for their lengths, none of which is zero, and the
            cosines between them.
        gramian: Inner products of all gradients ``(m, m)``.
    """
    norms, cosines = unit_gramian(gramian)
    if all(norms):
        return rule(norms, cosines)
    active = [k for k, n in enumerate(norms) if n > 0]
    weights = [0.0] * len(norms)
    if active:
        hull = [[cosines[k][j] for j in active] for k in active]
        for k, value in zip(active, rule([norms[k] for k in active], hull), strict=True):
            weights[k] = value
    return weights


def product(matrix: Matrix, vector: Sequence[float]) -> Vector:
    """Matrix times vector."""
    return [dot(row, vector) for row in matrix]


def dot(left: Iterable[float], right: Iterable[float]) -> float:
    """Inner product, over the length of the shorter one."""
    return sum(map(mul, left, right))


def cholesky(matrix: Matrix, floor: float) -> tuple[Matrix, float]:
    """The lower factor L of LLᵀ, and its smallest squared pivot relative to the diagonal.

    Args:
        matrix: Symmetric, positive semi-definite, with a positive diagonal.
        floor: Least squared pivot relative to the diagonal; smaller ones are raised to it, and so
            a solution is long, rather than infinite, along what the matrix maps to zero.
    """
    factor: Matrix = []
    smallest = 1.0
    for i, given in enumerate(matrix):
        row: Vector = []
        for j in range(i):
            other = factor[j]
            row.append((given[j] - dot(row, other)) / other[j])
        pivot, least = given[i] - dot(row, row), floor * given[i]
        smallest = min(smallest, pivot / given[i])
        row.append(sqrt(max(pivot, least)))
        factor.append(row)
    return factor, smallest


def substitute(factor: Matrix, right: Sequence[float]) -> Vector:
    """The solution of LLᵀx = right."""
    solved: Vector = []
    for row, value in zip(factor, right, strict=True):
        solved.append((value - dot(row, solved)) / row[-1])
    for i in range(len(solved) - 1, -1, -1):
        row = factor[i]
        solved[i] /= row[-1]
        for j in range(i):
            solved[j] -= row[j] * solved[i]
    return solved


def nonnegative(matrix: Matrix, linear: Sequence[float]) -> Vector:
    r"""The minimiser of :math:`\tfrac12 z \cdot H z + q \cdot z` over :math:`z \ge 0`.

    An active-set method: one number after the other, that with the steepest descent first, is set
    free and all free ones are solved for; on the way to the solution those that would become
    negative are held at zero again. The value falls from one set to the next, so that no set comes
    back and the result is exact to rounding. It starts from all those that would increase by
    themselves, if together they are positive: of a few numbers that is often the solution.

    Args:
        matrix: H ``(m, m)``, symmetric, positive semi-definite.
        linear: q ``(m,)``; the value must be bounded below.

    References:
        Lawson and Hanson (1974), Solving Least Squares Problems, chapter 23.
    """
    m = len(linear)
    few = _few(matrix, linear)
    if few is not None:
        return few
    z, free = _guess(matrix, linear)
    refused: set[int] = set()
    for _ in range(20 * m):
        entering = _steepest(matrix, linear, z, free, refused)
        if entering is None:
            break
        free.append(entering)
        _solve_free(matrix, linear, z, free)
        # One that rounding sends back at once would be tried for ever.
        refused = set() if entering in free else refused | {entering}
    return z


def _few(matrix: Matrix, linear: Sequence[float]) -> Vector | None:
    """The minimiser if one or two numbers of it are positive, as is common for a few terms."""
    z = [0.0] * len(linear)
    free = [j for j, q in enumerate(linear) if q < 0]
    while free:
        if len(free) > 2 or not _solve_few(matrix, linear, z, free):
            return None
        entering, least = -1, 0.0
        for k, row in enumerate(matrix):
            if k not in free:
                slope = linear[k]
                for j in free:
                    slope += row[j] * z[j]
                if slope < least:
                    entering, least = k, slope
        if entering < 0:
            return z
        free.append(entering)
    return z


def _solve_few(matrix: Matrix, linear: Sequence[float], z: Vector, free: list[int]) -> bool:
    """Minimise over one or two numbers; whether both are clearly told apart, and positive."""
    i, j = free[0], free[-1]
    a, b, c = matrix[i][i], matrix[j][j], matrix[i][j]
    if i == j:
        z[i] = -linear[i] / a if a > 0 else 0.0
        return z[i] > 0
    determinant = a * b - c * c
    if not determinant > INDEPENDENT * a * b:
        return False
    z[i] = (c * linear[j] - b * linear[i]) / determinant
    z[j] = (c * linear[i] - a * linear[j]) / determinant
    return z[i] > 0 and z[j] > 0


def _guess(matrix: Matrix, linear: Sequence[float]) -> tuple[Vector, list[int]]:
    """Where to start, and which numbers are free there."""
    z = [0.0] * len(linear)
    free = [j for j, q in enumerate(linear) if q < 0 and matrix[j][j] > 0]
    wanted, pivot = _minimum(matrix, linear, free)
    if not pivot > 1e-6 or min(wanted, default=0.0) <= 0:
        return z, []
    for i, value in zip(free, wanted, strict=True):
        z[i] = value
    return z, free


def _minimum(matrix: Matrix, linear: Sequence[float], free: Sequence[int]) -> tuple[Vector, float]:
    """The minimiser over some numbers, of any sign, and the smallest pivot on the way."""
    if len(free) == 1:
        (k,) = free
        return [-linear[k] / matrix[k][k]], 1.0
    factor, pivot = cholesky([[matrix[i][j] for j in free] for i in free], floor=1e-14)
    return substitute(factor, [-linear[i] for i in free]), pivot


def _steepest(
    matrix: Matrix, linear: Sequence[float], z: Vector, free: list[int], refused: set[int]
) -> int | None:
    """The number whose increase lowers the value most, per length of its column; or None."""
    best, found = 0.0, None
    for j, (row, q) in enumerate(zip(matrix, linear, strict=True)):
        if j in free or j in refused or not row[j] > 0:
            continue
        slope = -q - dot(row, z)
        if slope <= best * sqrt(row[j]):
            continue
        if slope > ROUNDING * (abs(q) + dot(map(abs, row), z)):
            best, found = slope / sqrt(row[j]), j
    return found


def _solve_free(matrix: Matrix, linear: Sequence[float], z: Vector, free: list[int]) -> None:
    """Minimise over the free numbers; those that would become negative are held at zero again."""
    while free:
        wanted, _ = _minimum(matrix, linear, free)
        if min(wanted) > 0:
            for i, value in zip(free, wanted, strict=True):
                z[i] = value
            return
        # Shares of the way at which numbers reach zero.
        ends = {
            i: z[i] / (z[i] - value) if z[i] > 0 else 0.0
            for i, value in zip(free, wanted, strict=True)
            if value <= 0
        }
        share = min(ends.values())
        for i, value in zip(free, wanted, strict=True):
            z[i] += share * (value - z[i])
        for i, end in ends.items():
            if end <= share:
                z[i] = 0.0
                free.remove(i)


def shortest(gramian: Matrix) -> Vector:
    r"""Coefficients of the shortest vector of the convex hull of the rows, :math:`\alpha \ge 0` of
    sum one.

    They are the proportions of the solution of :math:`\min_{z \ge 0} z \cdot Gz + (\sum_k z_k -
    1)^2`: with :math:`z = s\alpha` the best s leaves :math:`\ell / (1 + \ell)`, which grows with
    the squared length :math:`\ell = \alpha \cdot G\alpha`.
    """  # noqa: D205
    size = min((row[k] for k, row in enumerate(gramian)), default=0.0)
    if not size > 0:  # a zero row is as short as can be
        return [float(k == _first_zero(gramian)) for k in range(len(gramian))]
    z = nonnegative([[a / size + 1.0 for a in row] for row in gramian], [-1.0] * len(gramian))
    total = sum(z)
    return [value / total for value in z]


def _first_zero(gramian: Matrix) -> int:
    return next(k for k, row in enumerate(gramian) if not row[k] > 0)


def least_squares(matrix: Matrix, right: Sequence[float], least: float) -> Vector:
    """Solution of least norm for a symmetric semi-definite matrix.

    Args:
        matrix: ``(m, m)``.
        right: ``(m,)``.
        least: Eigenvalues below this share of the largest count as zero.
    """
    factor, pivot = cholesky(matrix, floor=least)
    if pivot > INDEPENDENT:
        return substitute(factor, right)
    values, vectors = np.linalg.eigh(np.array(matrix))
    kept = values > least * values[-1]
    vectors = vectors[:, kept]
    return (vectors @ ((vectors.T @ np.array(right)) / values[kept])).tolist()
