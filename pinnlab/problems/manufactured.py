"""Manufactured solutions: the same problem with source terms that make a given function exact."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from pinnlab.calculus.formula import Formula
from pinnlab.calculus.jet import as_jet
from pinnlab.calculus.substitution import SubstitutedSource
from pinnlab.conditions.base import Constraint
from pinnlab.conditions.condition import Condition, as_components
from pinnlab.conditions.context import Context
from pinnlab.conditions.dirichlet import Dirichlet
from pinnlab.conditions.equation import Equation
from pinnlab.conditions.gradient_enhanced import GradientEnhanced
from pinnlab.conditions.initial import Initial
from pinnlab.conditions.neumann import Neumann, Robin
from pinnlab.errors import DeclarationError
from pinnlab.io.reference import Reference
from pinnlab.problems.comparison import exact_values
from pinnlab.problems.problem import Problem
from pinnlab.sampling.points import Points


def manufactured(problem: Problem, points: int = 4096, **exact: Any) -> Problem:
    r"""A problem whose solution is known: :math:`F(u) = F(u^*)` in place of :math:`F(u) = 0`.

    The source term F(u*) is evaluated exactly, by differentiating the expression's graph. Every
    equation, Dirichlet, Neumann, Robin and general condition gets its own; initial conditions get
    the values of u*; gradients of residuals follow their equations. The exact solution becomes the
    reference.

    Args:
        problem: The declaration; unknown parameters stand at their first guess.
        points: Size of the reference.
        **exact: Expression of every field: a text or function of the coordinates.

    Raises:
        DeclarationError: If a field has no expression, or a condition cannot be adapted.

    Example:
        >>> import pinnlab as pl
        >>> line = pl.Problem(pl.Interval("x", 0, 1), "u", {"poisson": "u.xx"},
        ...                   {"ends": pl.Dirichlet(u=0)})
        >>> pl.verify.manufactured(line, u="sin(x)").reference.fields["u"].shape
        (4096,)
    """
    missing = [name for name in problem.fields if name not in exact]
    extra = [name for name in exact if name not in problem.fields]
    if missing or extra:
        raise DeclarationError(
            "The manufactured solution does not match the fields",
            expected=", ".join(f"{name}=..." for name in problem.fields),
            got=", ".join(exact) or "nothing",
            do="give one expression per field",
        )
    solution = {name: Formula(value) for name, value in exact.items()}
    equations = {
        name: Equation(
            _less_exact(equation.fn, solution, problem),
            region=equation.region,
            weight=equation.weight,
            points=equation.points,
            sampler=equation.sampler,
        )
        for name, equation in problem.equations.items()
    }
    conditions = {
        name: _adapted(name, condition, solution, problem)
        for name, condition in problem.conditions.items()
    }
    rng = np.random.default_rng(0)
    x = problem.domain.sample(points, sampler="sobol", rng=rng).x
    points_there = Points(torch.as_tensor(x, dtype=torch.float64), problem.coordinates)
    values = exact_values(problem, solution, points_there)
    reference = Reference(
        problem.coordinates.column_names,
        x,
        {k: v.numpy() for k, v in values.items()},
        source="manufactured solution",
    )
    guesses = {k: u.initial for k, u in problem.unknowns.items()}
    return problem.replace(
        equations=equations,
        conditions=conditions,
        reference=reference,
        parameters={**problem.parameters, **guesses},
    )


def _coordinates_only(source: Any, problem: Problem, points: Points) -> Context:
    """What the exact solution may read; parameters that depend on fields are left alone."""
    return Context(source, (), problem.declared.parameters, points)


class _LessExact:
    """F(u) − F(u*) as a residual function of the names that F reads."""

    def __init__(self, formula: Formula, solution: Mapping[str, Formula], problem: Problem) -> None:
        self.formula, self.solution, self.problem = formula, solution, problem

    def components(self, at: Context) -> list[Any]:
        """The difference, component by component."""
        base = at.source
        env = _coordinates_only(base, self.problem, at.points)
        expressions = {name: value(env) for name, value in self.solution.items()}
        exact = Context(
            SubstitutedSource(base, expressions),
            at.fields,
            self.problem.declared.parameters,
            at.points,
        )
        here = as_components(self.formula(at))
        there = as_components(self.formula(exact))
        return [a - b for a, b in zip(here, there, strict=True)]


def _less_exact(formula: Formula, solution: Mapping[str, Formula], problem: Problem) -> Any:
    difference = _LessExact(formula, solution, problem)

    def residual(context: Context) -> Sequence[Any]:
        return difference.components(context)

    residual.__name__ = f"{formula.name} - exact"
    return residual


def _adapted(
    name: str, condition: Constraint, solution: Mapping[str, Formula], problem: Problem
) -> Constraint:
    if isinstance(condition, Dirichlet):
        values: dict[str, Any] = {field: solution[field] for field in condition.values}
        return Dirichlet(
            on=condition.on,
            hard=condition.hard,
            weight=condition.weight,
            points=condition.points,
            sampler=condition.sampler,
            **values,
        )
    if isinstance(condition, (Neumann, Robin, Condition)):
        formula = Formula(lambda context: condition.components(name, [context]))
        return Condition(
            _less_exact(formula, solution, problem),
            on=condition.on,
            region=getattr(condition, "region", None),
            weight=condition.weight,
            points=condition.points,
            sampler=condition.sampler,
        )
    if isinstance(condition, GradientEnhanced):
        return condition  # of the adapted equation
    if isinstance(condition, Initial):
        return Initial(
            hard=condition.hard,
            weight=condition.weight,
            points=condition.points,
            sampler=condition.sampler,
            **{key: _time_derivative(key, solution, problem) for key in condition.values},
        )
    raise DeclarationError(
        f"Condition '{name}' cannot be adapted to a manufactured solution",
        expected="Dirichlet, Neumann, Robin, Initial, GradientEnhanced or Condition",
        got=condition.kind,
        do="leave it out of the problem that is manufactured",
    )


def _time_derivative(key: str, solution: Mapping[str, Formula], problem: Problem) -> Any:
    field, order = Initial.split(key, problem.declared)
    formula, time = solution[field], problem.coordinates.time or ""
    if order == 0:
        return formula

    def value(context: Context) -> Any:
        jet = as_jet(formula(_coordinates_only(context.source, problem, context.points)))
        for _ in range(order):
            jet = jet.diff(time)
        return jet

    value.__name__ = f"{key} of the exact solution"
    return value
