"""The rules by which contractions are differentiated; what they give is in ``differentiated``."""

from dataclasses import replace

from pinnlab.calculus.differentiated import (
    Differentiated,
    GradientOf,
    GradientProduct,
    Step,
    Steps,
    TurnedCoefficients,
    TurnedDerivative,
    TurnedTrace,
    differentiated,
)
from pinnlab.calculus.directions import Ray
from pinnlab.calculus.functionals import (
    AlongRay,
    Biharmonic,
    DirectionalDerivative,
    Functional,
    GradientRows,
    Laplacian,
    SquaredGradient,
    WeightedTrace,
)
from pinnlab.calculus.known import Known
from pinnlab.errors import DeclarationError
from pinnlab.typing import Coordinates


def _taken_apart(functional: Functional) -> tuple[Functional, Steps]:
    """The contraction without the derivatives behind it, and these, which may be none."""
    if isinstance(functional, Differentiated):
        return functional.inner, functional.steps
    return functional, Steps()


def directed(inner: Functional, direction: Known) -> Functional:
    """b·∇ of a contraction with constant coefficients."""
    inner, steps = _taken_apart(inner)
    return differentiated(inner, replace(steps, along=(*steps.along, direction)))


def derivative_of(
    functional: Functional, step: Step, coordinates: Coordinates
) -> list[tuple[float, Functional]]:
    """The derivative of a contraction as a sum of contractions, with their factors.

    Args:
        functional: The contraction.
        step: A column of the points, or a random direction.
        coordinates: Names of the columns.

    Raises:
        DeclarationError: If coefficients are differentiated twice.
    """
    name = functional.name
    if isinstance(functional, SquaredGradient):
        right = Steps().then(step, coordinates)
        return [(2.0, GradientProduct(name, left=Steps(), right=right))]
    if isinstance(functional, GradientProduct):
        left, right = functional.left, functional.right
        return [
            (1.0, replace(functional, left=left.then(step, coordinates))),
            (1.0, replace(functional, right=right.then(step, coordinates))),
        ]
    inner, steps = _taken_apart(functional)
    for b in steps.along:
        if _varies(b.reads, step, coordinates):
            raise _twice(functional)
    turned = _turned_coefficients(inner, step, coordinates)
    return [
        (1.0, differentiated(inner, steps.then(step, coordinates))),
        *((factor, differentiated(found, steps)) for factor, found in turned),
    ]


def _turned_coefficients(
    inner: Functional, step: Step, coordinates: Coordinates
) -> list[tuple[float, Functional]]:
    """(∂_r L) u for coefficients that depend on the point."""
    name, suffix = inner.name, "" if isinstance(step, Ray) else coordinates.suffix((step,))
    if isinstance(inner, TurnedCoefficients):
        if _varies(inner.coefficients.reads, step, coordinates):
            raise _twice(inner)
    elif isinstance(inner, DirectionalDerivative):
        direction = inner.direction
        if _varies(direction.reads, step, coordinates):
            return [(1.0, TurnedDerivative(name, direction=direction, step=step, suffix=suffix))]
    elif isinstance(inner, WeightedTrace):
        factor = inner.factor
        if _varies(factor.reads, step, coordinates):
            return [(2.0, TurnedTrace(name, factor=factor, step=step, suffix=suffix))]
    return []


def gradient_of(functional: Functional, name: str) -> Functional | None:
    """The gradient of a contraction over its coordinate, as rows; None if there is no rule."""
    if isinstance(functional, AlongRay):
        return differentiated(GradientRows(name), _steps_of(functional))
    if functional.rows or functional.name != name or not _constant_coefficients(functional):
        return None
    return GradientOf(name, inner=functional)


def laplacian_of(functional: Functional, name: str) -> Functional | None:
    """The Laplacian of a contraction, of rows the divergence; None if there is no rule."""
    if isinstance(functional, AlongRay):
        return differentiated(Laplacian(name), _steps_of(functional))
    if isinstance(functional, GradientOf):
        return laplacian_of(functional.inner, name)
    inner, steps = _taken_apart(functional)
    if steps.along or inner.name != name:
        return None
    known = {GradientRows(name): Laplacian(name), Laplacian(name): Biharmonic(name)}
    found = known.get(inner)
    return None if found is None else differentiated(found, steps)


def rays_of(functional: Functional) -> tuple[Ray, ...]:
    """The random directions along which it differentiates what an equation reads."""
    if isinstance(functional, AlongRay):
        return (functional.ray,)
    if isinstance(functional, Differentiated):
        return (*functional.steps.rays, *rays_of(functional.inner))
    if isinstance(functional, GradientProduct):
        return (*functional.left.rays, *functional.right.rays)
    if isinstance(functional, GradientOf):
        return rays_of(functional.inner)
    if isinstance(functional, TurnedCoefficients):
        return (functional.step,) if isinstance(functional.step, Ray) else ()
    return ()


def _steps_of(functional: AlongRay) -> Steps:
    return Steps(functional.index, functional.suffix, (functional.ray,))


def _constant_coefficients(functional: Functional) -> bool:
    """Whether it commutes with derivatives over its coordinate."""
    if isinstance(functional, DirectionalDerivative):
        return not functional.direction.reads
    if isinstance(functional, WeightedTrace):
        return not functional.factor.reads
    if isinstance(functional, Differentiated):
        return _constant_coefficients(functional.inner) and not functional.steps.along
    return functional.linear and not isinstance(functional, TurnedCoefficients)


def _varies(reads: frozenset[str], step: Step, coordinates: Coordinates) -> bool:
    for name in reads:
        if name == "n":
            raise DeclarationError(
                "The normal cannot be differentiated",
                expected="derivatives of fields and coordinates",
                got="a derivative of what is multiplied by the normal",
                do="differentiate first and multiply by the normal afterwards",
            )
        part = coordinates.slice(name)
        if isinstance(step, Ray):
            if part.start in step.family.columns:
                return True
        elif part.start <= step < part.stop:
            return True
    return False


def _twice(functional: Functional) -> DeclarationError:
    return DeclarationError(
        f"A second derivative of the coefficients of {functional} is not available",
        expected="coefficients that depend on the point, differentiated once",
        got="a further derivative",
        do="leave one derivative out: differentiate the residual by a coordinate on which its "
        "coefficients do not depend, or not at all",
    )
