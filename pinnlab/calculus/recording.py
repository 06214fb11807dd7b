r"""What an equation reads, found by running it once on a few random points.

An equation is a black box that reads derivatives. :func:`record` runs it on a smooth closed-form
source, where every derivative exists, notes which ones it asked for (the :class:`Plan`) and checks
what it returned. :func:`linear` decides whether it is affine in the fields, and :func:`dependence`
gives its partial derivative by every derivative it reads, ∂F/∂u_α, from one backward pass; from
that come sparse Jacobians and collapsed Laplacians.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor

from pinnlab.calculus.directions import Across
from pinnlab.calculus.formula import environment
from pinnlab.calculus.functionals import Functional
from pinnlab.calculus.jet import Constant, Jet, PointFunction
from pinnlab.calculus.operators import Vector
from pinnlab.calculus.plan import Plan as Plan
from pinnlab.calculus.random_sources import FreeSource as FreeSource
from pinnlab.calculus.random_sources import RandomSource as RandomSource
from pinnlab.calculus.sources import JetSource, Reader
from pinnlab.errors import DeclarationError
from pinnlab.typing import Coordinates, MultiIndex

Equation: TypeAlias = Callable[[Mapping[str, Any]], Any]
_SIZES = (5, 7)  # two sizes, so that a shape which only fits by chance is seen
_ATTEMPTS = 4


class _Recorder:
    """A source that notes what is read from the source inside."""

    def __init__(self, inner: JetSource | Reader) -> None:
        self.inner = inner
        self.coordinates = inner.coordinates
        self.derivatives: dict[tuple[str, MultiIndex], Tensor] = {}
        self.functionals: dict[tuple[str, Functional], Tensor] = {}

    def derivative(self, field: str, index: MultiIndex) -> Tensor:
        return self._keep(self.derivatives, (field, index), self.inner.derivative(field, index))

    def functional(self, field: str, functional: Functional) -> Tensor:
        value = self.inner.functional(field, functional)
        return self._keep(self.functionals, (field, functional), value)

    def directions(self, family: Across) -> Tensor:
        return self.inner.directions(family)

    def coordinate(self, name: str) -> Tensor:
        return self.inner.coordinate(name)

    def normal(self) -> Tensor | None:
        return self.inner.normal()

    def _keep(self, where: dict, key: tuple, value: Tensor) -> Tensor:
        where[key] = value
        return value

    def plan(self) -> Plan:
        return Plan(
            frozenset(self.derivatives),
            frozenset(self.functionals),
            self.coordinates,
        )


class _Slots(_Recorder):
    """A recorder whose values are leaves of autograd, one per slot."""

    def _keep(self, where: dict, key: tuple, value: Tensor) -> Tensor:
        if key not in where:
            where[key] = value.detach().clone().requires_grad_()
        return where[key]

    def functional(self, field: str, functional: Functional) -> Tensor:
        if functional.factors is not None:  # no slot of its own
            left, right = (self.functional(field, rows) for rows in functional.factors)
            return (left * right).sum(-1)
        return super().functional(field, functional)


class _Combined:
    """Σ c_i times the fields of several sources over the same points; none gives zero."""

    def __init__(self, parts: Sequence[FreeSource], base: FreeSource) -> None:
        self.parts, self.base, self.coordinates = parts, base, base.coordinates

    def _sum(self, values: list[Tensor], zero: Tensor) -> Tensor:
        return sum(values, torch.zeros_like(zero))

    def derivative(self, field: str, index: MultiIndex) -> Tensor:
        values = [part.derivative(field, index) for part in self.parts]
        return self._sum(values, self.base.derivative(field, index))

    def functional(self, field: str, functional: Functional) -> Tensor:
        if functional.factors is not None:
            left, right = (self.functional(field, rows) for rows in functional.factors)
            return (left * right).sum(-1)
        values = [part.functional(field, functional) for part in self.parts]
        return self._sum(values, self.base.functional(field, functional))

    def directions(self, family: Across) -> Tensor:
        return self.base.directions(family)

    def coordinate(self, name: str) -> Tensor:
        return self.base.coordinate(name)

    def normal(self) -> Tensor | None:
        return self.base.normal()


# ---------------------------------------------------------------------------------------------


def components(result: Any, n: int, what: str = "The equation") -> list[Tensor]:
    """The components ``(n,)`` of what an equation returned.

    Args:
        result: A jet, a tensor ``(n,)`` or ``(n, k)``, a vector, or a sequence of these.
        n: Number of points.
        what: Name for the error message.

    Raises:
        DeclarationError: If it is anything else.
    """
    if isinstance(result, Vector | list | tuple):
        if not len(result):
            raise _bad_result(what, "an empty sequence", n)
        return [part for entry in result for part in components(entry, n, what)]
    value = result.value if isinstance(result, Jet) else result
    if isinstance(result, Jet) and value.ndim == 0:  # an expression that is the same everywhere
        return [value.expand(n)]
    if not isinstance(value, Tensor):
        raise _bad_result(
            what, "None" if value is None else f"{type(value).__name__} {value!r:.40}", n
        )
    if value.ndim == 1 and value.shape[0] == n:
        return [value]
    if value.ndim == 2 and value.shape[0] == n:
        return list(value.unbind(1))
    raise _bad_result(what, f"shape {tuple(value.shape)}", n)


def _bad_result(what: str, got: str, n: int) -> DeclarationError:
    return DeclarationError(
        f"{what} does not return one value per point",
        expected=f"shape (n,) or (n, k) with n = {n}, or a tuple of such components",
        got=got,
        do="return the residual, left minus right side, written with the fields",
    )


def record(
    function: Equation,
    coordinates: Coordinates,
    fields: Sequence[str],
    extra: Mapping[str, Any] | None = None,
    normals: bool = False,
    *,
    what: str = "The equation",
    x: Tensor | None = None,
    require_fields: bool = True,
) -> tuple[Plan, int]:
    """Run an equation on random smooth fields, and say what it reads and returns.

    Args:
        function: Takes an environment of names (see
            :func:`~pinnlab.calculus.formula.environment`), returns the residual.
        coordinates: The coordinates.
        fields: Names of the fields.
        extra: Coefficients by name; formulas of the coordinates are evaluated to jets.
        normals: Whether the normal ``n`` is known, as on a boundary.
        what: Name of the equation for error messages.
        x: At least 7 points ``(m, d)`` in the domain; random ones in a unit cube otherwise.
        require_fields: Whether an equation that reads no field is refused.

    Returns:
        The plan and the number of components.

    Raises:
        DeclarationError: If the result is not one finite value per point and component, or reads
            no field.
    """
    counts, finite, plan = [], [False] * len(_SIZES), Plan(coordinates=coordinates)
    for attempt in range(_ATTEMPTS):
        for k, n in enumerate(_SIZES):
            points = None if x is None else x[:n]
            shift = (2.0, 0.0, -2.0, 0.5)[attempt]
            source = RandomSource(coordinates, n, attempt, shift, normals, points)
            recorder = _Recorder(source)
            result = function(environment(recorder, tuple(fields), extra, normals))
            _refuse_constants(result, what)
            found = components(result, n, what)
            counts.append(len(found))
            plan = plan | recorder.plan()
            finite[k] = finite[k] or all(bool(torch.isfinite(part).all()) for part in found)
        if all(finite):
            break
    if len(set(counts)) > 1:
        raise _bad_result(
            what,
            f"{counts[0]} components on {_SIZES[0]} points, "
            f"{counts[1]} on {_SIZES[1]}: a value of shape (n, n)",
            _SIZES[0],
        )
    if require_fields and not plan:
        raise DeclarationError(
            f"{what} reads no field",
            expected=f"at least one of the fields {', '.join(fields) or '(none declared)'}",
            got="an expression of coordinates and coefficients only",
            do="use the fields in it, or remove it",
        )
    if not all(finite):
        raise DeclarationError(
            f"{what} gives values that are not finite",
            expected="finite values for smooth fields",
            got="nan or inf for each of four random fields",
            do="look for divisions by zero, and for roots and logarithms of negative numbers",
        )
    return plan, counts[0]


def _refuse_constants(result: Any, what: str) -> None:
    parts = result if isinstance(result, Vector | list | tuple) else [result]
    for k, part in enumerate(parts):
        value = part.value if isinstance(part, Jet) else part
        if isinstance(value, int | float) or (isinstance(value, Tensor) and value.ndim == 0):
            place = f" (component {k})" if len(parts) > 1 else ""
            raise DeclarationError(
                f"{what} returns a constant{place}",
                expected="an expression that reads a field",
                got=str(part),
                do="write left minus right side with the fields, such as u.t - u.xx",
            )


def trace(
    function: Equation,
    coordinates: Coordinates,
    fields: Sequence[str],
    names: Mapping[str, Any] | None = None,
    normals: bool = False,
) -> list[Jet]:
    """The equation as expression graphs, one per component, for printing.

    Args:
        function: Takes an environment of names.
        coordinates: The coordinates.
        fields: Names of the fields.
        names: Coefficients, which are printed by their names. A number stands for itself in the
            arithmetic; anything else is evaluated as in :func:`record`.
        normals: Whether the normal ``n`` is known.

    Raises:
        DeclarationError: If the equation returns anything but jets.
    """
    extra = {
        name: Constant(float(value), name=name) if isinstance(value, int | float) else value
        for name, value in (names or {}).items()
    }
    source = RandomSource(coordinates, _SIZES[0], normals=normals)
    env = environment(source, tuple(fields), extra, normals)
    for name in extra:
        value = env[name].value if isinstance(env[name], PointFunction) else env[name]
        if isinstance(value, Tensor) and value.ndim == 1:
            env[name] = Constant(value, name=name)  # values of a function of the points
    result = function(env)
    parts = list(result) if isinstance(result, Vector | list | tuple) else [result]
    if not all(isinstance(part, Jet) for part in parts):
        raise DeclarationError(
            "The equation cannot be printed",
            expected="jets",
            got=", ".join(type(part).__name__ for part in parts),
            do="return expressions of the fields, not their values",
        )
    return parts


def linear(
    function: Equation,
    coordinates: Coordinates,
    fields: Sequence[str],
    extra: Mapping[str, Any] | None = None,
    normals: bool = False,
    *,
    x: Tensor | None = None,
    seed: int = 0,
) -> bool:
    """Whether the residual is affine in the fields: F(a+b) - F(a) - F(b) + F(0) = 0.

    The test runs on random numbers in every slot at 16 points, so that an equation passes by
    chance with probability zero; it is exact up to rounding.
    """
    n = 16 if x is None else len(x)
    base = RandomSource(coordinates, n, seed, normals=normals, x=x)
    a, b = (FreeSource(coordinates, n, seed + k, base=base) for k in (1, 2))
    values = []
    for parts in ((a, b), (a,), (b,), ()):
        env = environment(_Combined(parts, a), tuple(fields), extra, normals)
        values.append(torch.stack(components(function(env), n)))
    both, first, second, zero = values
    scale = torch.stack(values).abs().max()
    gap = (both - first - second + zero).abs().max()
    tolerance = 1e4 * torch.finfo(scale.dtype).eps
    return bool(torch.isfinite(scale)) and bool(gap <= tolerance * scale)


@dataclass(frozen=True)
class Dependence:
    """Partial derivatives of one residual component by everything it reads.

    Attributes:
        derivatives: Per field and multi-index ``(n,)``.
        functionals: Per field and functional ``(n,)`` or ``(n, size)``.
    """

    derivatives: Mapping[tuple[str, MultiIndex], Tensor]
    functionals: Mapping[tuple[str, Functional], Tensor]


def dependence(
    function: Equation,
    source: JetSource | Reader,
    fields: Sequence[str],
    extra: Mapping[str, Any] | None = None,
    normals: bool = False,
) -> list[Dependence]:
    """∂F/∂u_α at every point, for each component of a residual.

    Args:
        function: Takes an environment of names.
        source: The state at which it is differentiated: a surrogate's source, or a
            :class:`FreeSource` for random values.
        fields: Names of the fields.
        extra: Coefficients by name.
        normals: Whether the normal ``n`` is known.

    Returns:
        One :class:`Dependence` per component. Slots that a component does not read hold zeros.
    """
    slots = _Slots(source)
    n = source.coordinate(source.coordinates.names[0]).shape[0]
    with torch.enable_grad():
        parts = components(function(environment(slots, tuple(fields), extra, normals)), n)
    leaves = [
        *slots.derivatives.values(),
        *slots.functionals.values(),
    ]
    out = []
    for k, part in enumerate(parts):
        if part.requires_grad and leaves:
            found = torch.autograd.grad(
                part.sum(), leaves, retain_graph=k + 1 < len(parts), allow_unused=True
            )
        else:
            found = [None] * len(leaves)
        zeros = [torch.zeros_like(leaf) for leaf in leaves]
        filled = iter([z if g is None else g for g, z in zip(found, zeros, strict=True)])
        out.append(
            Dependence(
                {key: next(filled) for key in slots.derivatives},
                {key: next(filled) for key in slots.functionals},
            )
        )
    return out
