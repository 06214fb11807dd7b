"""Hard conditions as an ansatz: u = g + φ N with φ and g made from the declared geometry."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from pinnlab.calculus.formula import Formula
from pinnlab.conditions.dirichlet import Dirichlet
from pinnlab.conditions.initial import Initial
from pinnlab.conditions.periodic import Periodic
from pinnlab.errors import DeclarationError
from pinnlab.geometry.blending import blend
from pinnlab.objective.ansatz import Ansatz, Columns, HardField
from pinnlab.problems.problem import Problem
from pinnlab.sampling.draw import draw


def ansatz_of(problem: Problem) -> Ansatz:
    """The ansatz under which every hard condition of the problem holds.

    Raises:
        DeclarationError: If a hard condition cannot be built in.
    """
    hard: dict[str, HardField] = {}
    for field in problem.fields:
        boundary: list[tuple[Sequence[str], Formula]] = []
        initial: dict[int, Formula] = {}
        for name, condition in problem.hard.items():
            if isinstance(condition, Dirichlet) and field in condition.values:
                value = condition.values[field]
                _check_value(name, value, problem)
                boundary.append((_pieces(name, condition), value))
            elif isinstance(condition, Initial):
                for key, value in condition.values.items():
                    target, order = Initial.split(key, problem.declared)
                    if target == field:
                        _check_value(name, value, problem)
                        initial[order] = value
        if boundary or initial:
            hard[field] = _closed_form(problem, field, boundary, initial)
    for name, condition in problem.hard.items():
        if not isinstance(condition, (Dirichlet, Initial, Periodic)):
            raise DeclarationError(
                f"Condition '{name}' cannot hold by construction",
                expected="Dirichlet, Initial or Periodic",
                got=condition.kind,
                do="use hard=False",
            )
    return Ansatz(problem.coordinates, problem.fields, hard)


def _pieces(name: str, condition: Dirichlet) -> Sequence[str]:
    if callable(condition.on):
        raise DeclarationError(
            f"Condition '{name}' cannot hold by construction on a predicate",
            expected="boundary pieces by name",
            got="a function",
            do="name the pieces, or use hard=False",
        )
    return (condition.on,) if isinstance(condition.on, str) else condition.on


def _check_value(name: str, value: Formula, problem: Problem) -> None:
    trained = [a for a in value.arguments if a in problem.unknowns or a in problem.fields]
    if trained:
        raise DeclarationError(
            f"Condition '{name}' cannot hold by construction, because its value is trained",
            expected="a value of coordinates and known parameters",
            got=f"{value.text}, which reads '{trained[0]}'",
            do="use hard=False",
        )


def _closed_form(
    problem: Problem,
    field: str,
    boundary: list[tuple[Sequence[str], Formula]],
    initial: dict[int, Formula],
) -> HardField:
    domain = problem.domain
    constants = {k: v for k, v in problem.parameters.items() if k not in problem.unknowns}
    orders = sorted(initial)
    if orders and orders != list(range(len(orders))):
        raise DeclarationError(
            f"The initial state of '{field}' cannot hold by construction",
            expected="the value and every lower time derivative",
            got=f"time derivatives of order {orders}",
            do=f"give {field} itself as well, or use hard=False",
        )

    def evaluate(formula: Formula, columns: Columns) -> Any:
        env: dict[str, Any] = dict(columns)
        for name, value in constants.items():
            env[name] = value(env) if isinstance(value, Formula) else value
        return formula(env)

    def start(columns: Columns) -> Any:
        """Taylor polynomial in time of the initial state."""
        since = domain.distance(columns, ["initial"])
        total: Any = evaluate(initial[0], columns)
        power: Any = since
        for order in orders[1:]:
            total = total + power * evaluate(initial[order], columns) / _factorial(order)
            power = power * since
        return total

    def elapsed(columns: Columns) -> Any:
        since: Any = domain.distance(columns, ["initial"])
        return since ** len(orders)

    factors: list[Callable[[Columns], Any]] = [
        lambda columns, pieces=pieces: domain.distance(columns, list(pieces))
        for pieces, _ in boundary
    ]
    values: list[Callable[[Columns], Any]] = [
        lambda columns, value=value: evaluate(value, columns) for _, value in boundary
    ]
    if initial:
        factors.append(elapsed)
        values.append(start)

    def factor(columns: Columns) -> Any:
        product = factors[0](columns)
        for other in factors[1:]:
            product = product * other(columns)
        return product

    # Values that agree where they meet need no blending: the initial state often fulfils the
    # boundary condition already, and constants may be the same everywhere.
    texts = {value.text for _, value in boundary}

    def blended(columns: Columns) -> Any:
        return blend([f(columns) for f in factors], [v(columns) for v in values])

    if len(values) == 1 or (not initial and len(texts) == 1):
        lift = values[0]
    elif initial and _state_fits_boundary(problem, boundary, start):
        lift = start
    else:
        lift = blended

    text = "; ".join(
        [f"{field} = {value.text} on {', '.join(pieces)}" for pieces, value in boundary]
        + [f"{field} = {value.text} at the start" for value in initial.values()]
    )
    return HardField(factor, lift, text)


def _factorial(k: int) -> float:
    out = 1.0
    for i in range(2, k + 1):
        out *= i
    return out


def _state_fits_boundary(
    problem: Problem,
    boundary: list[tuple[Sequence[str], Formula]],
    start: Callable[[Any], Any],
) -> bool:
    """Whether the initial polynomial has the boundary values on the boundary at all times."""
    constants = {k: v for k, v in problem.parameters.items() if k not in problem.unknowns}
    for pieces, value in boundary:
        points = draw(
            problem.domain,
            64,
            on=list(pieces),
            sampler="uniform",
            generator=np.random.default_rng(3),
        )
        env: dict[str, Any] = dict(points.columns)
        for name, constant in constants.items():
            env[name] = constant(env) if isinstance(constant, Formula) else constant
        wanted = torch.as_tensor(value(env), dtype=torch.float64)
        found = torch.as_tensor(start(points.columns), dtype=torch.float64)
        if not bool(((wanted - found).abs() <= 1e-12 * (1 + wanted.abs())).all()):
            return False
    return True
