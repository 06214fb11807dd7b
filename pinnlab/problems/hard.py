"""Hard conditions as an ansatz: u = g + φ N with φ and g made from the declared geometry."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pinnlab.calculus.engine import reference_jet
from pinnlab.calculus.formula import Formula
from pinnlab.calculus.host_numbers import number_like
from pinnlab.calculus.jet import Jet
from pinnlab.calculus.jet.known import evaluate
from pinnlab.calculus.layout import Collapsed, Layout
from pinnlab.calculus.slopes import Rows, Slopes
from pinnlab.calculus.sources import PointSource
from pinnlab.calculus.taylor import TaylorTensor, constant
from pinnlab.calculus.unsupported import UnsupportedOperation
from pinnlab.conditions.context import Context
from pinnlab.conditions.dirichlet import Dirichlet
from pinnlab.conditions.initial import Initial
from pinnlab.conditions.periodic import Periodic
from pinnlab.errors import DeclarationError
from pinnlab.geometry.blending import blend
from pinnlab.objective.ansatz import Ansatz, Columns, HardField
from pinnlab.problems.problem import Problem
from pinnlab.sampling.draw import draw
from pinnlab.sampling.points import Points, probe_count
from pinnlab.typing import Coordinates, MultiIndex


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

    def evaluate(formula: Formula, columns: Columns, instant: float | None = None) -> Any:
        return on_columns(formula, columns, problem.coordinates, constants, instant)

    began = float(domain.bounds()[0][-1])  # time is the last column

    def start(columns: Columns) -> Any:
        """Taylor polynomial in time of the initial state."""
        since = domain.distance(columns, ["initial"])
        total: Any = evaluate(initial[0], columns, began)
        power: Any = since
        for order in orders[1:]:
            total = total + power * evaluate(initial[order], columns, began) / _factorial(order)
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


def on_columns(
    formula: Formula,
    columns: Mapping[str, Any],
    coordinates: Coordinates,
    constants: Any,
    instant: float | None = None,
) -> Any:
    """A value of coordinates and parameters on plain columns ``(n,)``, or on their jets.

    It is evaluated and differentiated as in an equation, so that whatever may be prescribed softly
    may be prescribed by construction as well. With an ``instant``, time stands still there.
    """
    parts = {name: columns[name] for name in coordinates.names}
    jets = [part for part in parts.values() if isinstance(part, TaylorTensor)]
    # The columns stay apart: in very many dimensions they are as large as all else together.
    x = {k: part.value if isinstance(part, TaylorTensor) else part for k, part in parts.items()}
    if instant is not None:
        x[coordinates.time or ""] = torch.full_like(x[coordinates.time or ""], instant)
    n = len(next(iter(x.values())))
    points = Points(next(iter(x.values())).new_empty(0, coordinates.dim), coordinates)
    if "context" in formula.arguments:
        points = Points(_joined(x), coordinates)
    result = formula(Context(PointSource.of_columns(coordinates, x), (), constants, points))
    if isinstance(result, Tensor) and result.ndim:
        raise DeclarationError(
            f"'{formula.text}' cannot hold by construction, because its derivatives are unknown",
            expected="an expression of coordinates and parameters",
            got="a tensor of values",
            do="write it with the coordinates themselves and pinnlab's or torch's functions",
        )
    if not isinstance(result, Jet):
        return result
    if not jets:
        return result.value.expand(n)
    still = None if instant is None else coordinates.slice(coordinates.time or "").start
    if max(jets[0].layout.directions, default=0) >= coordinates.dim:
        return _along_directions(result, coordinates, parts, x, still)
    return _slots(result, jets[0].layout, next(iter(x.values())), still)


def _joined(columns: Mapping[str, Tensor]) -> Tensor:
    """Columns ``(n,)`` or ``(n, size)`` as one array of points ``(n, d)``."""
    rows = [v if v.ndim == 2 else v[:, None] for v in columns.values()]
    return rows[0] if len(rows) == 1 else torch.cat(rows, -1)


def _along_directions(
    jet: Jet,
    coordinates: Coordinates,
    parts: dict[str, TaylorTensor],
    x: dict[str, Tensor],
    still: int | None,
) -> TaylorTensor:
    """The derivatives of an expression, some of them along other lines than the columns."""
    layout = next(iter(parts.values())).layout
    if still is not None and coordinates.time:
        parts = parts | {coordinates.time: constant(x[coordinates.time], layout)}
    try:
        found = evaluate(jet, parts)
    except (UnsupportedOperation, TypeError, AttributeError):
        found = _by_nesting(jet, coordinates, list(parts.values()), _joined(x), still)
    if isinstance(found, TaylorTensor):
        return found
    like = next(iter(x.values()))
    return constant(number_like(found, like).expand(len(like)), layout)


def _by_nesting(
    jet: Jet, coordinates: Coordinates, parts: list[TaylorTensor], x: Tensor, still: int | None
) -> TaylorTensor:
    """The same by nested differentiation, where an operation has no Taylor rule."""
    layout = parts[0].layout
    columns = [part.unsqueeze(-1) if part.ndim == 1 else part for part in parts]
    rows = []
    for k in layout.directions:
        if (k,) in layout.position:
            row = torch.cat([c.slot((k,)) for c in columns], 1)
            rows.append(F.pad(row, (0, 0, 0, len(x) - len(row))))
        else:  # a column that is read in a sum only
            rows.append((torch.arange(coordinates.dim, device=x.device) == k).to(x).expand_as(x))
    start = TaylorTensor(layout, value=x, slopes=Slopes([Rows(torch.stack(rows))], coordinates.dim))
    frozen = torch.arange(coordinates.dim, device=x.device) == (-1 if still is None else still)

    def value(points: Tensor) -> Tensor:
        moving = torch.where(frozen, x, points)
        result = torch.as_tensor(evaluate(jet, coordinates.columns(moving))).to(x)
        return result.expand(len(x))[:, None]

    with torch.no_grad():
        found = reference_jet(value, x, layout, start).data  # type: ignore[arg-type]
    return TaylorTensor(layout, found[:, 0])  # type: ignore[index]


def _slots(jet: Jet, layout: Layout, x: Tensor, still: int | None) -> TaylorTensor:
    """The derivatives of an expression that a layout asks for; zero by the column ``still``."""

    def derivative(index: MultiIndex) -> Tensor:
        if still in index:
            return x.new_zeros(len(x))
        if not index:
            return number_like(jet.value, x).expand(len(x))
        lower = jet
        for column in index:
            lower = lower.along(column)
        return number_like(lower.value, x).expand(len(x))

    rows: list[Any] = [
        sum(c * derivative(index) for index, c in slot.terms)
        if isinstance(slot, Collapsed)
        else derivative(slot)
        for slot in layout.slots
    ]
    return TaylorTensor(
        layout, torch.cat([r[:count] for r, count in zip(rows, layout.counts, strict=True)])
    )


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
            probe_count(64, problem.coordinates),
            on=list(pieces),
            sampler="uniform",
            generator=np.random.default_rng(3),
        )
        wanted = on_columns(value, points.columns, problem.coordinates, constants)
        wanted = torch.as_tensor(wanted, dtype=torch.float64)
        found = torch.as_tensor(start(points.columns), dtype=torch.float64)
        if not bool(((wanted - found).abs() <= 1e-12 * (1 + wanted.abs())).all()):
            return False
    return True
