r"""Differential operators of vector calculus on jets, for any number of space coordinates.

They combine derivatives that jets already know, so each works on fields and on composites alike:
``div(k*grad(u))`` follows the product rule. Space is every coordinate but time. Over scalar
coordinates a vector is a :class:`Vector` of jets (tuples and lists are accepted); over one vector
coordinate, such as that of a hypercube, it is a single jet with rows ``(n, size)``, and
``laplacian(u)`` reads the one quantity that a stochastic estimator can supply.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from typing import Any, TypeVar

from torch import Tensor

from pinnlab.calculus import functions
from pinnlab.calculus.jet import (
    ZERO,
    Jet,
    Normal,
    NormalRows,
    Symbol,
    as_jet,
    divergence_over,
    gradient_over,
    is_bare,
    laplacian_over,
    power_sum_over,
    weighted_trace_over,
)
from pinnlab.calculus.sources import JetSource, Reader, reader
from pinnlab.errors import DeclarationError
from pinnlab.typing import Coordinates

Operator = TypeVar("Operator", bound=Callable)


class Vector:
    """A few jets that belong together, such as a gradient; adds, scales, indexes and iterates.

    Args:
        components: Jets, numbers or tensors, one per direction.
        names: Names of the directions; then ``vector.x`` is a component.
    """

    __slots__ = ("components", "names")

    def __init__(self, components: Sequence[Any], names: tuple[str, ...] = ()) -> None:
        like = next((c for c in components if isinstance(c, Jet)), None)
        self.components: tuple[Jet, ...] = tuple(as_jet(c, like=like) for c in components)
        self.names = names

    def __getattr__(self, name: str) -> Jet:
        if name.startswith("_"):
            raise AttributeError(name)
        return self.derivative(name)

    def derivative(self, suffix: str) -> Jet:
        """The component in the direction of that name.

        Raises:
            DeclarationError: If no direction has that name.
        """
        if suffix in self.names:
            return self.components[self.names.index(suffix)]
        raise DeclarationError(
            f"A vector has no component '{suffix}'",
            expected=", ".join(self.names) or f"an index from 0 to {len(self) - 1}",
            got=suffix,
            do="index the vector, or differentiate with d(v[0], 'x')",
        )

    def __len__(self) -> int:
        return len(self.components)

    def __iter__(self) -> Iterator[Jet]:
        return iter(self.components)

    def __getitem__(self, index: int) -> Jet:
        return self.components[index]

    def __add__(self, other: Any) -> "Vector":
        return self._paired(other, lambda a, b: a + b)

    __radd__ = __add__

    def __sub__(self, other: Any) -> "Vector":
        return self._paired(other, lambda a, b: a - b)

    def __rsub__(self, other: Any) -> "Vector":
        return self._paired(other, lambda a, b: b - a)

    def __mul__(self, factor: Any) -> "Vector":
        return self._scaled(factor, lambda a: a * factor)

    def __rmul__(self, factor: Any) -> "Vector":
        return self._scaled(factor, lambda a: factor * a)

    def __truediv__(self, factor: Any) -> "Vector":
        return self._scaled(factor, lambda a: a / factor)

    def __neg__(self) -> "Vector":
        return Vector([-a for a in self])

    @classmethod
    def __torch_function__(
        cls, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        # A tensor that stands left of a vector arrives here; anything else is a misuse.
        name = getattr(func, "__name__", "")
        if name in ("mul", "__mul__", "__rmul__"):
            a, b = args
            return b.__rmul__(a) if isinstance(b, Vector) else a.__mul__(b)
        raise DeclarationError(
            f"torch.{name} cannot be applied to a vector of jets",
            expected="components",
            got="a vector",
            do="apply it to each component, v[0], v[1], ...",
        )

    __array_ufunc__ = None  # NumPy scalars leave the arithmetic to this class

    def __repr__(self) -> str:
        return f"({', '.join(map(str, self))})"

    def _paired(self, other: Any, combine: Callable[[Jet, Jet], Jet]) -> "Vector":
        if not isinstance(other, Vector | list | tuple):
            raise DeclarationError(
                "A vector is added to something that is none",
                expected=f"a vector of {len(self)} components",
                got=type(other).__name__,
                do="add vectors to vectors, or take a component",
            )
        _same_length(self, other)
        return Vector([combine(a, as_jet(b, like=a)) for a, b in zip(self, other, strict=True)])

    def _scaled(self, factor: Any, scale: Callable[[Jet], Jet]) -> "Vector":
        if isinstance(factor, Vector | list | tuple):
            raise DeclarationError(
                "Two vectors are multiplied with *",
                expected="a scalar factor",
                got="a vector",
                do="use dot(a, b)",
            )
        return Vector([scale(a) for a in self])


def _same_length(a: Sequence | Vector, b: Sequence | Vector) -> None:
    if len(a) != len(b):
        raise DeclarationError(
            "Vectors of different lengths meet",
            expected=f"{len(a)} components",
            got=f"{len(b)} components",
            do="combine vectors over the same coordinates",
        )


def _is_vector(value: Any) -> bool:
    return isinstance(value, Vector | list | tuple) or (isinstance(value, Jet) and value._width > 0)


def _vector(value: Any, what: str) -> Vector | Jet:
    if isinstance(value, Vector) or (isinstance(value, Jet) and value._width):
        return value
    if isinstance(value, list | tuple):
        return Vector(value)
    raise DeclarationError(
        f"{what} needs a vector",
        expected="grad(u), a list such as [u, v], or a vector coordinate",
        got=f"'{value}'",
        do="put the components in brackets, such as [u, v]",
    )


def _row(value: Any, beside: Any) -> Any:
    """A constant vector beside rows over a vector coordinate, as a jet."""
    if not isinstance(beside, Jet) or not beside._width:
        return value
    if isinstance(value, Vector | list | tuple) and len(value) == beside._width:
        numbers = [part for part in value if isinstance(part, int | float)]
        if len(numbers) == len(value) and beside.source is not None:
            like = beside.source.coordinate(beside.source.coordinates.names[0])
            value = like.new_tensor(numbers)
    return as_jet(value, like=beside) if isinstance(value, Tensor) else value


def _coordinates(value: Any, what: str) -> Coordinates | None:
    """Coordinates of a jet or vector; None if nothing in it depends on a point."""
    parts = value if isinstance(value, Vector) else [value]
    for part in parts:
        if isinstance(part, Jet):
            if part.source is not None:
                return part.source.coordinates
        elif not isinstance(part, int | float) and not hasattr(part, "__torch_function__"):
            raise DeclarationError(
                f"{what} cannot be taken of a {type(part).__name__}",
                expected="a field or an expression of fields and coordinates",
                got=repr(part),
                do="apply differential operators inside an equation or condition",
            )
    return None


def _space_names(space: Coordinates, count: int, what: str) -> tuple[str, ...]:
    """The scalar space coordinates, of which there must be ``count``."""
    if any(size > 1 for size in space.sizes) or len(space.names) != count:
        raise DeclarationError(
            f"{what} got the wrong number of components",
            expected=f"one per space coordinate {', '.join(space.names)}",
            got=f"{count}",
            do="give one component per space coordinate, in their order",
        )
    return space.names


def _prints(operator: Operator) -> Operator:
    """Let an operator of bare symbols print as it is written: they have no coordinates."""

    @wraps(operator)
    def apply(*args: Any, **named: Any) -> Any:
        given = (*args, *named.values())
        if any(_is_bare(value) for value in given):
            return Symbol(f"{operator.__name__}({', '.join(map(_written, given))})")
        return operator(*args, **named)

    return apply  # type: ignore[return-value]


def _is_bare(value: Any) -> bool:
    if isinstance(value, Vector | list | tuple):
        return any(map(is_bare, value))
    return is_bare(value)


def _written(value: Any) -> str:
    if isinstance(value, Vector | list | tuple):
        return f"[{', '.join(map(str, value))}]"
    return str(value)


@_prints
def d(u: Any, *names: str) -> Jet:
    """The derivative of ``u`` by each named coordinate in turn: ``d(u, "x", "x")`` is u_xx.

    Args:
        u: A field or an expression.
        *names: Scalar coordinates; a name may come several times.

    Raises:
        DeclarationError: If a name is unknown or a vector coordinate.
    """
    _coordinates(u, "A derivative")
    jet = as_jet(u)
    for name in names:
        if not isinstance(name, str):
            raise DeclarationError(
                "d takes the names of coordinates",
                expected='d(u, "x", "x")',
                got=repr(name),
                do="put the name of the coordinate in quotes",
            )
        jet = jet.diff(name)
    return jet


def differential(u: Any, table: Mapping[str, Any]) -> Jet:
    r"""A linear differential operator given by its coefficients, :math:`\sum_α c_α ∂^α u`.

    Args:
        u: A field or an expression.
        table: By derivative suffix the coefficient: ``{"xxx": 1, "xyy": -2, "": 0.5}`` is
            u_xxx - 2 u_xyy + u/2. Numbers and expressions are allowed.

    Raises:
        DeclarationError: If the table is empty or a suffix is no derivative.
    """
    if not table:
        raise DeclarationError(
            "A differential operator has no coefficients",
            expected='a table such as {"xxx": 1, "xyy": -2}',
            got="an empty table",
            do="name at least one derivative",
        )
    total: Jet = ZERO
    for suffix, coefficient in table.items():
        jet = as_jet(u)
        total = total + coefficient * (jet.derivative(suffix) if suffix else jet)
    return total


@_prints
def grad(u: Any) -> Any:
    """The gradient over the space coordinates.

    Returns:
        A :class:`Vector` with one jet per scalar coordinate, or one jet with rows ``(n, size)`` if
        space is a vector coordinate.
    """
    if _is_vector(u):
        return [grad(component) for component in _vector(u, "grad")]
    coordinates = _coordinates(u, "A gradient")
    if coordinates is None:
        raise DeclarationError(
            "The gradient of a constant has no known number of components",
            expected="a field or an expression of fields and coordinates",
            got=f"'{u}'",
            do="drop the term",
        )
    space = coordinates.space
    if len(space.names) == 1 and space.sizes[0] > 1:
        return gradient_over(u, space.names[0])
    if any(size > 1 for size in space.sizes):
        raise _mixed(space, "grad")
    return Vector([u.diff(name) for name in space.names])


def _mixed(space: Coordinates, what: str) -> DeclarationError:
    return DeclarationError(
        f"{what} is not defined over scalar and vector coordinates together",
        expected="either scalar space coordinates or one vector coordinate",
        got=", ".join(f"{n}[{s}]" for n, s in zip(space.names, space.sizes, strict=True)),
        do="write the terms per coordinate with d(u, ...) and laplacian(u)",
    )


@_prints
def div(v: Any) -> Jet:
    """The divergence of a vector with one component per space coordinate."""
    v = _vector(v, "div")
    coordinates = _coordinates(v, "A divergence")
    if coordinates is None:
        return ZERO
    space = coordinates.space
    if isinstance(v, Jet):
        if len(space.names) != 1:
            raise _mixed(space, "div")
        return divergence_over(v, space.names[0])
    names = _space_names(space, len(v), "div")
    total: Jet = ZERO
    for component, name in zip(v, names, strict=True):
        total = total + component.diff(name)
    return total


@_prints
def curl(v: Any) -> Any:
    r"""The curl: in 2-D of (v, w) the scalar :math:`w_x - v_y`, in 3-D a vector.

    Of a scalar ψ in 2-D it is the vector :math:`(ψ_y, -ψ_x)`, the velocity of a stream function.
    """
    if not _is_vector(v):
        coordinates = _coordinates(v, "A curl")
        if coordinates is None:
            return Vector([ZERO, ZERO])
        x, y = _space_names(coordinates.space, 2, "curl of a scalar")
        return Vector([v.diff(y), -v.diff(x)])
    v = _vector(v, "curl")
    coordinates = _coordinates(v, "A curl")
    if isinstance(v, Jet) or len(v) not in (2, 3):
        raise DeclarationError(
            "curl is defined in two and three dimensions",
            expected="two or three components",
            got=f"{v._width if isinstance(v, Jet) else len(v)}",
            do="use scalar coordinates such as x, y, z",
        )
    if coordinates is None:
        return ZERO if len(v) == 2 else Vector([ZERO, ZERO, ZERO])
    names = _space_names(coordinates.space, len(v), "curl")
    if len(v) == 2:
        return v[1].diff(names[0]) - v[0].diff(names[1])
    x, y, z = names
    return Vector(
        [
            v[2].diff(y) - v[1].diff(z),
            v[0].diff(z) - v[2].diff(x),
            v[1].diff(x) - v[0].diff(y),
        ]
    )


@_prints
def laplacian(u: Any) -> Any:
    """The sum of second derivatives over the space coordinates; of a vector, per component."""
    if _is_vector(u):
        if isinstance(u, Jet):
            raise _mixed(u.source.coordinates, "laplacian of rows")  # type: ignore[union-attr]
        return Vector([laplacian(component) for component in u])
    coordinates = _coordinates(u, "A Laplacian")
    if coordinates is None:
        return as_jet(u).along(0)  # zero, or refused if it varies in an unknown way
    total: Jet = ZERO
    for name in coordinates.space.names:
        total = total + laplacian_over(u, name)
    return total


def biharmonic(u: Any) -> Any:
    """The Laplacian of the Laplacian."""
    return laplacian(laplacian(u))


@_prints
def weighted_trace(u: Any, sigma: Any) -> Jet:
    r"""The diffusion :math:`\mathrm{tr}(\sigma\sigma^\top \nabla^2 u)` over a vector coordinate.

    Args:
        u: A scalar field.
        sigma: A number; an expression of the coordinates, one value a component, for a diagonal σ;
            a tensor ``(d,)`` or ``(d, r)``; or a function of the coordinates by name that returns
            ``(n, d, r)``.

    Raises:
        DeclarationError: If sigma has the wrong shape, or reads a field or something trained.
    """
    return weighted_trace_over(as_jet(u), _vector_coordinate(u, "weighted_trace"), sigma)


@_prints
def power_sum(u: Any, order: int) -> Jet:
    r"""The operator :math:`\sum_i \partial^m u / \partial x_i^m` over a vector coordinate.

    Args:
        u: A scalar field.
        order: m, from 1 on.
    """
    if not isinstance(order, int) or isinstance(order, bool) or order < 1:
        raise DeclarationError(
            f"power_sum got the order {order!r}",
            expected="a whole number of at least 1",
            got=repr(order),
            do="write for example power_sum(u, 3)",
        )
    return power_sum_over(as_jet(u), _vector_coordinate(u, "power_sum"), order)


def _vector_coordinate(u: Any, what: str) -> str:
    """The one vector coordinate of space."""
    coordinates = _coordinates(u, what)
    space = None if coordinates is None else coordinates.space
    if space is None or len(space.names) != 1 or space.sizes[0] == 1:
        raise DeclarationError(
            f"{what} is defined over a vector coordinate",
            expected="a field over a domain such as Hypercube('x', dim=100)",
            got="a constant" if space is None else f"the coordinates {', '.join(space.names)}",
            do="write the terms one by one, for example 2*u.xx + u.xy",
        )
    return space.names[0]


@_prints
def dot(a: Any, b: Any) -> Jet:
    """The scalar product of two vectors."""
    a, b = _vector(_row(a, beside=b), "dot"), _vector(_row(b, beside=a), "dot")
    if isinstance(a, Jet) and isinstance(b, Jet):
        return (a * b).sum(-1)
    if isinstance(a, Jet) or isinstance(b, Jet):
        raise DeclarationError(
            "dot got a vector coordinate and a list of components",
            expected="two vectors over the same coordinates",
            got=f"{a} and {b}",
            do="write both over the vector coordinate",
        )
    _same_length(a, b)
    total: Jet = ZERO
    for left, right in zip(a, b, strict=True):
        total = total + left * right
    return total


@_prints
def advect(a: Any, w: Any) -> Any:
    """Transport of ``w`` by the velocity ``a``: ``advect((u, v), w)`` is u w_x + v w_y.

    Args:
        a: The velocity, one component per space coordinate.
        w: A scalar, or a vector, which is then transported per component.
    """
    if isinstance(w, Vector | list | tuple):
        return Vector([advect(a, component) for component in w])
    a = _vector(a, "advect")
    coordinates = _coordinates(w, "A gradient")
    if coordinates is None:
        return ZERO
    if isinstance(a, Vector):
        _space_names(coordinates.space, len(a), "advect")
    return dot(a, grad(w))


def norm(v: Any) -> Jet:
    """The Euclidean length of a vector."""
    return functions.sqrt(dot(v, v))


def normal_jets(source: JetSource | Reader) -> Vector | Jet:
    """The outward normal ``n``: ``n.x`` and ``n[0]`` are components, ``dot(n, grad(u))`` is u.n."""
    shared = reader(source)
    space = shared.coordinates.space
    if len(space.names) == 1 and space.sizes[0] > 1:
        return NormalRows(shared, space.slice(space.names[0]))
    names = [space.suffix((k,)) for k in range(space.dim)]
    return Vector([Normal(shared, k) for k in range(space.dim)], tuple(names))


__all__ = [
    "Vector",
    "advect",
    "biharmonic",
    "curl",
    "d",
    "differential",
    "div",
    "dot",
    "grad",
    "laplacian",
    "norm",
    "normal_jets",
    "power_sum",
    "weighted_trace",
]
