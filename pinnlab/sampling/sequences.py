r"""Points in the unit cube: the one source of randomness of every geometry.

=========== ==================================================================================
``uniform`` independent and uniform
``lhs``     Latin hypercube: each coordinate has one point in each of ``n`` equal slots
``sobol``   Sobol sequence with a random linear scramble and shift; the default
``halton``  Halton sequence with randomly permuted digits
``gauss``   tensor Gauss-Legendre rule with weights (only through :func:`rule`)
``radial``  uniform direction and uniform radius: only of a :class:`~pinnlab.geometry.HyperBall`
=========== ==================================================================================

All are drawn anew on every call from the generator they are given, so that resampling really
gives new points; the same generator state gives the same points. Sobol direction numbers exist for
21 201 coordinates: further columns are a Latin hypercube, whose one-dimensional projections are as
even. No sampler touches NumPy's or torch's global generator.

References:
    Joe & Kuo (2008), SIAM J. Sci. Comput. 30, 2635 (direction numbers); Owen (1998), J. Complexity
    14, 466 (scrambling); McKay, Beckman & Conover (1979), Technometrics 21, 239 (Latin hypercube).
"""

import numpy as np
import torch

from pinnlab.errors import GeometryError, nearest

SAMPLERS = ("uniform", "lhs", "sobol", "halton")
RULES = (*SAMPLERS, "gauss")
# Every name that a geometry may know.
NAMES = (*RULES, "radial")
# Beyond so many columns a low-discrepancy sequence is no more even than chance at the numbers of
# points that a network is trained on, but slow.
MOST_SEQUENCE_COLUMNS = 64

# Elements of a temporary block: keeps a sample of a million columns from needing a second copy.
_BLOCK = 2**22


def unit_points(sampler: str, n: int, dim: int, rng: np.random.Generator) -> np.ndarray:
    """Draw ``n`` points of the half-open unit cube.

    Args:
        sampler: ``uniform``, ``lhs``, ``sobol`` or ``halton``.
        n: Number of points.
        dim: Number of coordinates, from 0 up.
        rng: Source of randomness; advances, so that the next call gives other points.

    Returns:
        Points ``(n, dim)`` in [0, 1), float64.

    Raises:
        GeometryError: If the sampler is unknown or ``n`` is not a positive integer.
    """
    check_count(n)
    if sampler == "radial":
        raise GeometryError(
            "The sampler 'radial' needs a centre and a radius",
            expected="a HyperBall, alone or times Time",
            got="another geometry",
            do="use the sampler 'uniform' or 'sobol'",
        )
    if sampler not in _DRAW:
        raise GeometryError(
            f"There is no sampler '{sampler}'",
            expected=", ".join(SAMPLERS),
            got=repr(sampler),
            do=nearest(sampler, SAMPLERS) or "use one of the names above",
        )
    if dim == 0:
        return np.empty((n, 0))
    return _DRAW[sampler](n, dim, rng)


def rule(sampler: str, n: int, dim: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw points of the unit cube with weights that sum to one.

    Args:
        sampler: Any name of :data:`RULES`. ``gauss`` gives ``floor(n ** (1 / dim)) ** dim`` points,
            exact for polynomials of degree ``2 k - 1`` in each of the coordinates, where ``k`` is
            the number of points a side.
        n: Number of points wanted.
        dim: Number of coordinates, from 0 up.
        rng: Source of randomness (not used by ``gauss``).

    Returns:
        Points ``(m, dim)`` and weights ``(m,)``; ``m = n`` except for ``gauss``.

    Raises:
        GeometryError: If the sampler is unknown or ``n`` is not a positive integer.
    """
    if sampler == "gauss":
        check_count(n)
        return gauss_rule(n, dim)
    if sampler not in SAMPLERS and sampler != "radial":
        raise GeometryError(
            f"There is no sampler '{sampler}'",
            expected=", ".join(RULES),
            got=repr(sampler),
            do=nearest(sampler, RULES) or "use one of the names above",
        )
    return unit_points(sampler, n, dim, rng), np.full(n, 1.0 / n)


def gauss_rule(n: int, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Tensor Gauss-Legendre rule on the unit cube with at most ``n`` points (at least one)."""
    if dim == 0:
        return np.empty((1, 0)), np.ones(1)
    k = max(1, int(n ** (1.0 / dim)))
    while (k + 1) ** dim <= n:  # the floating-point root may be one too low
        k += 1
    nodes, weights = np.polynomial.legendre.leggauss(k)
    grid = np.meshgrid(*[(nodes + 1) / 2] * dim, indexing="ij")
    factors = np.meshgrid(*[weights / 2] * dim, indexing="ij")
    u = np.stack([g.ravel() for g in grid], axis=1)
    return u, np.prod([f.ravel() for f in factors], axis=0)


def check_count(n: int) -> None:
    """Refuse a number of points that is no positive integer.

    Raises:
        GeometryError: If it is none.
    """
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise GeometryError(
            "The number of points must be a positive integer",
            expected="an integer of at least 1",
            got=repr(n),
            do="ask for at least one point",
        )


def _uniform(n: int, dim: int, rng: np.random.Generator) -> np.ndarray:
    return rng.random((n, dim))


def _lhs(n: int, dim: int, rng: np.random.Generator) -> np.ndarray:
    u = np.empty((n, dim))
    slots = np.arange(n, dtype=np.float64)[:, None]
    width = max(1, _BLOCK // n)
    for start in range(0, dim, width):
        block = u[:, start : start + width]
        block[:] = rng.permuted(np.broadcast_to(slots, block.shape), axis=0)
        block += rng.random(block.shape)
        block /= n
    return np.minimum(u, np.nextafter(1.0, 0.0), out=u)


def _sobol(n: int, dim: int, rng: np.random.Generator) -> np.ndarray:
    most = torch.quasirandom.SobolEngine.MAXDIM
    engine = torch.quasirandom.SobolEngine(
        min(dim, most), scramble=True, seed=int(rng.integers(2**31))
    )
    u = engine.draw(n, dtype=torch.float64).numpy()
    # The engine has 30 bits; a shift below the last one keeps points off exact fractions, where
    # they would sit on interfaces and symmetry lines.
    u += rng.random(u.shape) * 2.0**-30
    return u if dim <= most else np.hstack([u, _lhs(n, dim - most, rng)])


def _halton(n: int, dim: int, rng: np.random.Generator) -> np.ndarray:
    u = np.empty((n, dim))
    for column, base in enumerate(_primes(dim)):
        index, scale = np.arange(n), 1.0
        # Digits above the highest of n - 1 are zero for all points, so that their permutations
        # amount to one common random shift.
        u[:, column] = 0.0
        while scale * n > 1.0:
            index, digit = np.divmod(index, base)
            scale /= base
            # A base above n never shows all of its digits: no need to permute them all.
            order = rng.choice(base, size=min(base, n), replace=False)
            u[:, column] += order[digit] * scale
        u[:, column] += rng.random() * scale
    return np.minimum(u, np.nextafter(1.0, 0.0), out=u)


def _primes(count: int) -> np.ndarray:
    """The first ``count`` primes, by the sieve of Eratosthenes."""
    # Rosser's bound: the k-th prime is below k (ln k + ln ln k) for k of at least 6.
    limit = max(15, int(count * (np.log(count) + np.log(np.log(max(count, 3))))) + 1)
    prime = np.ones(limit + 1, dtype=bool)
    prime[:2] = False
    for k in range(2, int(limit**0.5) + 1):
        if prime[k]:
            prime[k * k :: k] = False
    return np.flatnonzero(prime)[:count]


_DRAW = {"uniform": _uniform, "lhs": _lhs, "sobol": _sobol, "halton": _halton}
