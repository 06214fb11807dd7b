"""A formula: a function, a text or a number of named things, all used in the same way.

Names bind arguments. The function ``def burgers(u, *, nu)`` asks for ``u`` and ``nu``, the text
``"u.t + u*u.x - nu*u.xx"`` does the same, and whoever evaluates a :class:`Formula` hands over a
mapping of everything that is known at the points: fields, coordinates, coefficients, the normal.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from pinnlab.calculus.expression import MAX_LENGTH, Expression, parse
from pinnlab.calculus.jet import Symbol, as_jet, coordinate_jets, field_jets, number_text
from pinnlab.calculus.operators import Vector, normal_jets
from pinnlab.calculus.sources import JetSource, Reader, reader
from pinnlab.errors import DeclarationError, nearest

_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Formula:
    """Something that gives a value for named arguments.

    Args:
        source: A callable, a text, a number, a 0-d tensor, or another formula.

    Attributes:
        source: What was given.
        positional: Names that a callable takes before ``*``; of a text, all its names.
        keywords: Names that a callable takes after ``*``; empty for a text.
        optional: Names that have a default and are passed only if they are known.

    Raises:
        DeclarationError: If the source is none of these, a table of values, or a callable with
            ``*args`` or ``**kwargs``.

    Example:
        >>> Formula("2*x + a")({"x": 3.0, "a": 1.0})
        7.0
        >>> Formula(lambda u, *, nu: u * nu).keywords
        ('nu',)
    """

    source: Any
    positional: tuple[str, ...]
    keywords: tuple[str, ...]
    optional: frozenset[str]
    expression: Expression | None

    def __init__(self, source: Any) -> None:
        source = source.source if isinstance(source, Formula) else source
        expression, positional, keywords, optional = None, (), (), frozenset()
        if isinstance(source, str):
            expression = parse(source)
            positional = expression.names
        elif callable(source):
            positional, keywords, optional = _parameters(source)
        else:
            source = _scalar(source)
        values = {
            "source": source,
            "positional": positional,
            "keywords": keywords,
            "optional": optional,
            "expression": expression,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @classmethod
    def vector(cls, components: Sequence[str | float]) -> "Formula":
        """A list of texts and numbers as the one text of a vector.

        Raises:
            DeclarationError: If a component is neither, or they are too many for a text.

        Example:
            >>> Formula.vector(("1 + y", -2))
            Formula([1 + y, -2])
        """
        for component in components:
            if not isinstance(component, str | int | float) or isinstance(component, bool):
                raise DeclarationError(
                    "A component of a vector has the wrong kind",
                    expected="a number or a text",
                    got=f"{type(component).__name__} {component!r:.60}",
                    do='write for example ("1 + y", 0), or one function that returns a list',
                )
        written = "[" + ", ".join(map(str, components)) + "]"
        if len(written) > MAX_LENGTH:
            raise DeclarationError(
                f"A vector of {len(components)} components is too long for a formula",
                expected=f"up to {MAX_LENGTH} characters",
                got=f"{len(written)} characters",
                do="write the equation as a function that holds them as a tensor, such as "
                "lambda u: pl.weighted_trace(u, sigma)",
            )
        return cls(written)

    @property
    def arguments(self) -> tuple[str, ...]:
        """All names it takes, positional ones first."""
        return self.positional + self.keywords

    @property
    def constant(self) -> bool:
        """Whether it is a number, whatever the point."""
        return not callable(self.source) and not self.arguments

    @property
    def name(self) -> str:
        """The name of a callable, the text or the number otherwise."""
        if callable(self.source):
            named = getattr(self.source, "func", self.source)  # of a functools.partial
            return getattr(named, "__name__", type(named).__name__)
        return self.text

    @property
    def text(self) -> str:
        """Something to print: the text, the number, or what a callable writes on bare symbols."""
        if self.expression is not None:
            return self.expression.text
        if callable(self.source):
            return _traced_text(self) or self.name
        value = self.source.item() if isinstance(self.source, Tensor) else self.source
        return number_text(value)[0]

    def __call__(self, env: Mapping[str, Any]) -> Any:
        """The value, given everything that is known by name.

        Args:
            env: A value per name; more than needed may be given.

        Raises:
            DeclarationError: If a needed name is missing.
        """
        if self.expression is not None:
            return self.expression.evaluate(env)
        if not callable(self.source):
            return self.source
        arguments = {}
        for name in self.positional + self.keywords:
            if name in env:
                arguments[name] = env[name]
            elif name not in self.optional:
                raise self._missing(name, env)
        return self.source(**arguments)

    def _missing(self, name: str, env: Mapping[str, Any]) -> DeclarationError:
        do = nearest(name, env) or f"declare '{name}', or rename the argument"
        if name == "n":
            do = "the normal 'n' is known on boundary pieces only, for example on='right'"
        return DeclarationError(
            f"'{self.name}' asks for '{name}', which is not known here",
            expected=", ".join(env) or "no names",
            got=name,
            do=do,
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Formula):
            return NotImplemented
        if isinstance(self.source, Tensor) or isinstance(other.source, Tensor):
            return self.source is other.source
        return type(self.source) is type(other.source) and bool(self.source == other.source)

    def __hash__(self) -> int:
        return hash((type(self.source), self.source))

    def __repr__(self) -> str:
        return f"Formula({self.text})"


def _parameters(function: Callable) -> tuple[tuple[str, ...], tuple[str, ...], frozenset[str]]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):
        raise DeclarationError(
            f"The arguments of {function!r} cannot be read",
            expected="a Python function whose arguments are named",
            got="a built-in function",
            do="wrap it in a lambda, such as lambda x: f(x)",
        ) from None
    for parameter in parameters:
        if parameter.kind not in _BY_NAME:
            star = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}
            raise DeclarationError(
                f"{getattr(function, '__name__', function)!r} takes "
                f"{star.get(parameter.kind, 'positional-only ')}{parameter.name}, "
                "but arguments are bound by their names",
                expected="named arguments, such as def f(u, v, *, nu)",
                got=str(inspect.signature(function)),
                do="name every field, coordinate and coefficient that is needed",
            )
    keyword_only = inspect.Parameter.KEYWORD_ONLY
    return (
        tuple(p.name for p in parameters if p.kind != keyword_only),
        tuple(p.name for p in parameters if p.kind == keyword_only),
        frozenset(p.name for p in parameters if p.default is not p.empty),
    )


def _scalar(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, np.generic | np.ndarray) and value.ndim == 0 and value.dtype.kind in "iuf":
        return value.item()
    if isinstance(value, Tensor) and value.ndim == 0:
        return value
    shape = getattr(value, "shape", None)
    if shape is not None and len(shape):
        raise DeclarationError(
            "A table of values is no formula, because the points may change",
            expected="a number, a text or a function of the coordinates",
            got=f"values of shape {tuple(shape)}",
            do="give a function, or declare measured values as Data",
        )
    raise DeclarationError(
        "A formula has the wrong kind",
        expected="a number, a text or a function",
        got=f"{type(value).__name__} {value!r:.60}",
        do='write for example u=0, u="sin(pi*x)" or u=lambda x: pl.sin(x)',
    )


def _traced_text(formula: Formula) -> str | None:
    """What the callable writes when it is called with bare symbols, if that works."""
    try:
        result = formula({name: Symbol(name) for name in formula.arguments})
        parts = result if isinstance(result, tuple | list | Vector) else [result]
        return ", ".join(str(as_jet(part)) for part in parts)
    except Exception:  # any user code may stand there; then only its name is printed
        return None


def environment(
    source: JetSource | Reader,
    fields: tuple[str, ...] | list[str] = (),
    extra: Mapping[str, Any] | None = None,
    normals: bool = False,
) -> dict[str, Any]:
    """Everything that is known by name at the points of a source.

    Args:
        source: Where fields, coordinates and normals are read.
        fields: Names of the fields.
        extra: Coefficients by name: numbers, tensors, jets, or formulas of coordinates, fields and
            earlier coefficients, which are evaluated here to jets that can be differentiated.
        normals: Whether the outward normal ``n`` is known.

    Returns:
        A jet per field and coordinate, ``n`` if asked for, and the coefficients.
    """
    shared = reader(source)
    env: dict[str, Any] = coordinate_jets(shared)
    if normals:
        env["n"] = normal_jets(shared)
    env |= field_jets(shared, fields)
    for name, value in (extra or {}).items():
        env[name] = value(env) if isinstance(value, Formula) else value
    return env
