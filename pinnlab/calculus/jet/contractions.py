"""Operators over a vector coordinate, of fields and of expressions of the coordinates."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from pinnlab.calculus.differentiated import (
    Differentiated,
    GradientOf,
    GradientProduct,
    Steps,
    TurnedDerivative,
    TurnedTrace,
)
from pinnlab.calculus.directions import Ray
from pinnlab.calculus.factor import factor_of
from pinnlab.calculus.functionals import (
    AlongRay,
    Biharmonic,
    DirectionalDerivative,
    Functional,
    GradientRows,
    Laplacian,
    PowerSum,
    SquaredGradient,
    WeightedTrace,
)
from pinnlab.calculus.jet.base import Jet
from pinnlab.calculus.jet.constants import ZERO, Constant, as_jet
from pinnlab.calculus.jet.derivations import gradient_over, laplacian_over
from pinnlab.calculus.jet.known import known
from pinnlab.calculus.jet.leaves import Coordinate, Field, fill
from pinnlab.calculus.jet.operations import plus, source_of, times
from pinnlab.calculus.jet.rows import column_sum
from pinnlab.calculus.known import derivative_along, row_of
from pinnlab.calculus.sources import Reader
from pinnlab.errors import DeclarationError


def power_sum_over(jet: Jet, name: str, power: int) -> Jet:
    r""":math:`\sum_i \partial_i^m` of a jet over a vector coordinate."""
    if power == 1:  # one direction, (1, …, 1)
        ones = fill(1.0, Coordinate(source_of(jet), name))
        return column_sum(times(ones, gradient_over(jet, name)))
    if power == 2:
        return laplacian_over(jet, name)
    if isinstance(jet, Field):
        return jet.contracted(PowerSum(name, power))
    if jet._number is not None:
        return ZERO
    total: Jet = ZERO
    part = source_of(jet).coordinates.slice(name)
    for column in range(part.start, part.stop):
        one = jet
        for _ in range(power):
            one = one.along(column)
        total = plus(total, one)
    return total


def weighted_trace_over(jet: Jet, name: str, sigma: Any) -> Jet:
    r""":math:`\operatorname{tr}(\sigma\sigma^\top\nabla^2)` of a jet over a vector coordinate.

    Args:
        jet: A field, or an expression of the coordinates.
        name: The vector coordinate.
        sigma: A number, an expression, a tensor, or a function; see
            :func:`~pinnlab.calculus.factor.factor_of`.
    """
    if isinstance(sigma, int | float) or (isinstance(sigma, Tensor) and not sigma.ndim):
        return times(Constant(sigma**2), laplacian_over(jet, name))
    source = source_of(jet)
    if isinstance(sigma, Jet):
        found = known(sigma)
        if found is None:
            raise DeclarationError(
                f"The factor '{sigma._short()}' of a weighted trace is not known beforehand",
                expected="an expression of coordinates, numbers and row tensors alone",
                got="one that reads a field, something trained, or a value at these points only",
                do="write trained factors in front, k**2*weighted_trace(u, x), or write the "
                "equation over scalar coordinates",
            )
        sigma = found
    columns = source.places
    trace = WeightedTrace(name, factor=factor_of(sigma, columns, name))
    if isinstance(jet, Field):
        return jet.contracted(trace)
    return contracted(jet, trace, source)


def contracted(jet: Jet, functional: Functional, source: Reader) -> Jet:
    """A functional of an expression of the coordinates, by the rules of calculus."""
    name = functional.name
    if isinstance(functional, AlongRay):
        return _stepped(jet, Steps(functional.index, rays=(functional.ray,)))
    if isinstance(functional, Differentiated):
        steps = functional.steps
        jet = contracted(_stepped(jet, steps), functional.inner, source)
        for b in steps.along:
            jet = contracted(jet, DirectionalDerivative(name, direction=b), source)
        return jet
    if isinstance(functional, GradientProduct):
        left, right = (
            gradient_over(_stepped(jet, steps), name)
            for steps in (functional.left, functional.right)
        )
        return column_sum(times(left, right))
    if isinstance(functional, GradientRows):
        return gradient_over(jet, name)
    if isinstance(functional, Laplacian):
        return laplacian_over(jet, name)
    if isinstance(functional, Biharmonic):
        return laplacian_over(laplacian_over(jet, name), name)
    if isinstance(functional, PowerSum):
        return power_sum_over(jet, name, functional.power)
    gradient = gradient_over(jet, name)
    if isinstance(functional, SquaredGradient):
        return column_sum(times(gradient, gradient))
    columns = source.places
    if isinstance(functional, DirectionalDerivative):
        return column_sum(times(as_jet(functional.direction(columns), like=gradient), gradient))
    if isinstance(functional, TurnedDerivative):
        row = _row(functional.step, source)
        direction = derivative_along(functional.direction, columns, row)
        return column_sum(times(as_jet(direction, like=gradient), gradient))
    if isinstance(functional, GradientOf):
        return gradient_over(contracted(jet, functional.inner, source), name)
    assert isinstance(functional, WeightedTrace | TurnedTrace)
    return _trace(jet, functional, columns, source)


def _row(step: int | Ray, source: Reader) -> Tensor:
    """A step as a direction ``(d,)``."""
    if isinstance(step, Ray):
        return source.directions(step.family)[step.member]
    coordinates = source.coordinates
    return row_of(step, coordinates.dim, source.coordinate(coordinates.names[0]))


def _stepped(jet: Jet, steps: Steps) -> Jet:
    """Derivatives of an expression by columns and along random directions."""
    for column in steps.index:
        jet = jet.along(column)
    for ray in steps.rays:
        jet = jet.toward(ray)
    return jet


def _trace(
    jet: Jet, trace: WeightedTrace | TurnedTrace, columns: Mapping[str, Tensor], source: Reader
) -> Jet:
    """Σ_ij (σσᵀ)_ij ∂_i∂_j, diagonal or full; turned, with half of the derivative of σσᵀ."""
    factor = trace.factor
    part = source.coordinates.slice(trace.name)
    sigma = factor.at(columns)
    diagonal = sigma.ndim == 1 or (sigma.ndim == 2 and not isinstance(factor.value, Tensor))

    def square(given: Mapping[str, Tensor]) -> Tensor:
        sigma = factor.at(given)
        return sigma.square() if diagonal else sigma @ sigma.transpose(-1, -2)

    if isinstance(trace, TurnedTrace):
        weights = derivative_along(square, columns, _row(trace.step, source)) / 2
    else:
        weights = square(columns)
    pairs = [(i, i) for i in range(factor.dim)]
    if not diagonal:
        pairs = [(i, j) for i in range(factor.dim) for j in range(factor.dim)]
    total: Jet = ZERO
    for i, j in pairs:
        second = jet.along(part.start + i).along(part.start + j)
        weight = weights[..., i] if diagonal else weights[..., i, j]
        total = plus(total, times(as_jet(weight, source), second))
    return total
