"""A problem on a part of its time."""

from collections.abc import Callable, Mapping
from typing import Any

from pinnlab.conditions.base import Constraint
from pinnlab.conditions.data import Data
from pinnlab.conditions.initial import Initial
from pinnlab.errors import DeclarationError
from pinnlab.geometry.time import during
from pinnlab.problems.problem import Problem

# The value of "u", "u_t", ... as a function that a condition can take.
State = Callable[[str], Callable[..., Any]]


def time_span(problem: Problem) -> tuple[float, float]:
    """First and last moment of a problem.

    Raises:
        DeclarationError: If it has no time.
    """
    time = problem.coordinates.time
    if time is None:
        raise DeclarationError(
            "There are no windows of time in a problem without time",
            expected="a domain such as Interval('x', 0, 1) * Time('t', 0, 1)",
            got="coordinates " + ", ".join(problem.coordinates.names),
            do="multiply the domain by Time, or leave the windows out",
        )
    column = problem.coordinates.slice(time).start
    low, high = problem.domain.bounds()
    return float(low[column]), float(high[column])


def on_window(problem: Problem, start: float, end: float, state: State | None = None) -> Problem:
    """The same problem from ``start`` to ``end``.

    Equations and conditions hold at these times; of data, those that were taken then are left.

    Args:
        problem: The declaration.
        start: First moment.
        end: Last moment.
        state: Gives the initial state if ``start`` is not the problem's own first moment.

    Raises:
        DeclarationError: If a condition has no meaning on a part of time.
        GeometryError: If the domain is no product with time.
    """
    conditions = {
        name: _condition(name, condition, problem, start, end, state)
        for name, condition in problem.conditions.items()
    }
    return problem.replace(
        domain=during(problem.domain, start, end),
        conditions=conditions,
        regions={name: during(region, start, end) for name, region in problem.regions.items()},
    )


def _condition(
    name: str,
    condition: Constraint,
    problem: Problem,
    start: float,
    end: float,
    state: State | None,
) -> Constraint:
    if isinstance(condition, Data):
        return _data(name, condition, problem, start, end)
    if isinstance(condition, Initial):
        return condition if state is None else _initial(name, condition, state)
    first, last = time_span(problem)
    reason = ""
    for placement in condition.placements(problem.declared):
        pieces = (placement.on,) if isinstance(placement.on, str) else placement.on
        named = pieces if isinstance(pieces, tuple) else ()
        if placement.quadrature and named != ("initial",) and (start, end) != (first, last):
            reason = "is an integral over time"
        elif "final" in named and end != last:
            reason = "holds at the last moment"
        elif "initial" in named and start != first:
            reason = "holds at the first moment, but is no Initial"
    if reason:
        raise DeclarationError(
            f"Condition '{name}' {reason}, which a window from {start:g} to {end:g} does not have",
            expected="conditions that hold at every time, Initial and Data",
            got=condition.describe(),
            do="train the whole of time at once, or state it in another way",
        )
    return condition


def _data(name: str, condition: Data, problem: Problem, start: float, end: float) -> Data:
    kept = condition.between(problem.declared, start, end)
    if kept is None:
        raise DeclarationError(
            f"Nothing of '{name}' was measured in the window from {start:g} to {end:g}",
            expected="data in every window",
            got=condition.describe(),
            do="choose wider windows",
        )
    return kept


def _initial(name: str, condition: Initial, state: State) -> Initial:
    if condition.hard:
        raise DeclarationError(
            f"The initial condition '{name}' holds by construction, which fits one window only",
            expected="Initial(hard=False): each window starts from what the one before found",
            got=repr(condition),
            do="use hard=False with March, or Windows, which keep one network",
        )
    values: Mapping[str, Any] = {key: state(key) for key in condition.values}
    return Initial(
        weight=condition.weight, points=condition.points, sampler=condition.sampler, **values
    )
