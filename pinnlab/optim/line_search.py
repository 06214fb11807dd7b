"""Line search for the strong Wolfe conditions."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Trial(Generic[T]):
    """One evaluation along the line.

    Args:
        step: Step length α.
        value: φ(α).
        slope: φ'(α).
        payload: Whatever the caller wants back with it, such as the gradient.
        others: Values and slopes of further functions that shall not rise.
    """

    step: float
    value: float
    slope: float
    payload: T
    others: tuple[tuple[float, float], ...] = ()


def strong_wolfe(
    evaluate: Callable[[float], Trial[T]],
    start: Trial[T],
    first_step: float,
    *,
    decrease: float = 1e-4,
    curvature: float = 0.9,
    largest: int = 25,
    rounding: float = 0.0,
) -> tuple[Trial[T] | None, int]:
    r"""A step α with sufficient decrease and a small slope.

    .. math::
        \varphi(\alpha) \le \varphi(0) + c_1 \alpha \varphi'(0), \qquad
        |\varphi'(\alpha)| \le c_2 |\varphi'(0)|

    Bracketing, then bisection safeguarded by cubic interpolation. A trial with sufficient decrease
    is returned even if rounding hides the curvature condition.

    With further functions :math:`\varphi_k`, each with a negative slope at 0, sufficient decrease
    is asked of all of them,

    .. math:: \varphi_k(\alpha) \le \varphi_k(0) + c_1 \alpha \varphi_k'(0),

    and where one of them stops the line before φ has become flat, a step is long enough at which
    any of them has: :math:`\varphi_k'(\alpha) \ge c_2 \varphi_k'(0)` for some k. Where the first
    of them touches its bound its slope is at least :math:`c_1 \varphi_k'(0)`: such steps exist.

    Args:
        evaluate: φ and φ' at a step length; may return non-finite values.
        start: The trial at 0, with negative slopes.
        first_step: First step length to try.
        decrease: c₁.
        curvature: c₂.
        largest: Most evaluations.
        rounding: Of the values of further functions, relative.

    Returns:
        The accepted trial, or None, and the number of evaluations.

    References:
        Nocedal and Wright (2006), Numerical Optimization, algorithms 3.5 and 3.6. Several
        functions: Lucambio Pérez and Prudente (2019), ACM Trans. Math. Softw. 45(4), 37; differs:
        the curvature is that of φ, or of any one function, in place of the steepest one.
    """

    def falls(t: Trial[T]) -> list[bool]:
        """Sufficient decrease of every further function, up to rounding."""
        return [
            math.isfinite(value)
            and value <= first + decrease * t.step * slope + rounding * abs(first)
            for (value, _), (first, slope) in zip(t.others, start.others, strict=True)
        ]

    def armijo(t: Trial[T]) -> bool:
        lower = math.isfinite(t.value) and t.value <= start.value + decrease * t.step * start.slope
        return lower and all(falls(t))

    def flat(t: Trial[T]) -> bool:
        return abs(t.slope) <= -curvature * start.slope

    def one_is_flat(t: Trial[T]) -> bool:
        """Whether the line ends here for one of the functions, which stopped it further on."""
        return any(
            slope >= curvature * first
            for (_, slope), (_, first) in zip(t.others, start.others, strict=True)
        )

    low, high = start, None
    step = first_step
    best: Trial[T] | None = None
    stopped = False
    for count in range(1, largest + 1):
        trial = evaluate(step)
        if armijo(trial):
            if flat(trial) or (stopped and one_is_flat(trial)):
                return trial, count
            if best is None or trial.value < best.value:
                best = trial
        elif not all(falls(trial)):
            stopped = True
            if low.step > 0 and one_is_flat(low):
                return low, count
        if not armijo(trial) or (low.step > 0 and trial.value >= low.value):
            high = trial
        else:
            towards = 1.0 if high is None else high.step - low.step
            if trial.slope * towards >= 0:
                high = low
            low = trial
        if high is None:
            step = min(10.0 * step, 4.0 * _extrapolate(low, start))
            continue
        width = abs(high.step - low.step)
        if width <= 1e-14 * max(1.0, abs(low.step)):
            return best, count
        step = _between(low, high, falls(high))
    return best, largest


def _extrapolate(low: Trial, start: Trial) -> float:
    """The minimum of the secant model of the slope, if it has one beyond the trial."""
    if low.slope <= start.slope:  # not convex along the line: go far
        return math.inf
    return low.step - low.slope * (low.step - start.step) / (low.slope - start.slope)


def _between(low: Trial, high: Trial, falls: list[bool]) -> float:
    """The next step inside a bracket: the shortest that a function which did not fall asks for."""
    if all(falls):
        return _interpolate(low, high)
    return min(
        _interpolate(Trial(low.step, *a, None), Trial(high.step, *b, None))
        for a, b, fell in zip(low.others, high.others, falls, strict=True)
        if not fell
    )


def _interpolate(a: Trial, b: Trial) -> float:
    """Minimiser of the cubic through two trials, kept inside the middle 80 % of the bracket."""
    lower, upper = min(a.step, b.step), max(a.step, b.step)
    middle, margin = 0.5 * (lower + upper), 0.1 * (upper - lower)
    if not (math.isfinite(b.value) and math.isfinite(b.slope)):
        return a.step + 0.25 * (b.step - a.step)
    d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.step - b.step)
    square = d1 * d1 - a.slope * b.slope
    if square < 0:
        return middle
    d2 = math.copysign(math.sqrt(square), b.step - a.step)
    denominator = b.slope - a.slope + 2 * d2
    if denominator == 0:
        return middle
    step = b.step - (b.step - a.step) * (b.slope + d2 - d1) / denominator
    return min(max(step, lower + margin), upper - margin) if math.isfinite(step) else middle
