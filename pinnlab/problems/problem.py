"""A problem as it stands in a textbook: domain, fields, equations, conditions, parameters."""

import keyword
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.calculus.expression import number
from pinnlab.calculus.formula import Formula
from pinnlab.conditions.base import Constraint, Declared
from pinnlab.conditions.equation import Equation
from pinnlab.conditions.periodic import Periodic
from pinnlab.conditions.recording import record_term
from pinnlab.conditions.term import Term
from pinnlab.errors import DeclarationError, nearest
from pinnlab.geometry.base import Geometry
from pinnlab.geometry.foreign import from_deepxde
from pinnlab.io.exact_reference import ExactReference
from pinnlab.io.reference import Reference
from pinnlab.objective.unknown import Unknown
from pinnlab.typing import Coordinates

RESERVED = ("n", "e", "pi", "context")


@dataclass(frozen=True, init=False)
class Problem:
    """Everything that defines a solution, and nothing about how it is found.

    Args:
        domain: Region, with time if there is one: ``Interval("x", -1, 1) * Time("t", 0, 1)``;
            an object of ``deepxde.geometry`` is taken as well.
        fields: Names of the unknown functions.
        equations: Residuals by name: functions of fields, coordinates and parameters, texts of
            the same, or :class:`Equation` with a region, a weight or points of its own.
        conditions: Conditions by name.
        parameters: Numbers, lists of them, texts or functions of the coordinates, or
            :class:`Unknown`, by name.
        regions: Named parts of the domain, for equations that hold in a part only.
        free: Boundary pieces on which no condition is meant to hold.
        reference: Reference solution, for errors and plots: points with values, or functions.
        name: For titles and files.

    Raises:
        DeclarationError: If the parts do not fit together; every name and shape is checked here.

    Example:
        >>> import pinnlab as pl
        >>> problem = pl.Problem(
        ...     domain=pl.Interval("x", 0, 1),
        ...     fields=["u"],
        ...     equations={"poisson": "u.xx + 1"},
        ...     conditions={"ends": pl.Dirichlet(u=0)},
        ... )
        >>> problem.fields
        ('u',)
    """

    domain: Geometry
    fields: tuple[str, ...]
    equations: Mapping[str, Equation]
    conditions: Mapping[str, Constraint]
    parameters: Mapping[str, float | Formula | Unknown]
    regions: Mapping[str, Geometry]
    free: tuple[str, ...]
    reference: Reference | ExactReference | None
    name: str
    # Name and arguments of the function of the catalogue that made it.
    recipe: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)

    def __init__(
        self,
        domain: Geometry,
        fields: Sequence[str] | str,
        equations: Mapping[str, Any],
        conditions: Mapping[str, Constraint] | None = None,
        parameters: Mapping[str, Any] | None = None,
        regions: Mapping[str, Geometry] | None = None,
        free: Sequence[str] = (),
        reference: Reference | ExactReference | None = None,
        name: str = "problem",
    ) -> None:
        if type(domain).__module__.startswith("deepxde."):
            domain = from_deepxde(domain)
        if not isinstance(domain, Geometry):
            raise DeclarationError(
                "The domain is no geometry",
                expected="e.g. Interval('x', 0, 1), Box(x=(0, 1), y=(0, 1)), Mesh('part.msh')",
                got=type(domain).__name__,
                do="use a geometry of pinnlab or deepxde",
            )
        if reference is not None and not isinstance(reference, Reference | ExactReference):
            raise DeclarationError(
                "The reference is no Reference",
                expected="Reference.load('file', ...), Reference.exact({'u': ...}) or "
                "Reference(coordinates, points, fields)",
                got=type(reference).__name__,
                do="load the reference solution first",
            )
        values = {
            "domain": domain,
            "fields": _field_names(fields, domain.coordinates),
            "parameters": _parameters(parameters or {}),
            "regions": dict(regions or {}),
            "free": (free,) if isinstance(free, str) else tuple(free),
            "reference": reference,
            "name": name,
        }
        for key, value in values.items():
            object.__setattr__(self, key, value)
        self._check_names(equations, conditions or {})
        object.__setattr__(
            self,
            "equations",
            {k: e if isinstance(e, Equation) else Equation(e) for k, e in equations.items()},
        )
        object.__setattr__(self, "conditions", dict(conditions or {}))
        self._check_regions()
        self._check_pieces()
        self._check_reference()
        assert self.terms is not None  # recorded now, so that nothing fails later
        for key, condition in self.hard.items():
            record_term(
                key, condition, self.declared
            )  # no term of its own, but as strictly checked

    # --- what the declaration says -----------------------------------------------------------
    @property
    def coordinates(self) -> Coordinates:
        """Coordinates of the domain."""
        return self.domain.coordinates

    @cached_property
    def unknowns(self) -> dict[str, Unknown]:
        """Parameters that are to be found."""
        return {k: v for k, v in self.parameters.items() if isinstance(v, Unknown)}

    @cached_property
    def declared(self) -> Declared:
        """The declaration as conditions see it; unknowns stand at their first guess."""
        # Tensors, because a first guess of 0 must not make its terms vanish from the plan.
        guesses = {
            k: torch.tensor(v.initial, dtype=torch.float64) if isinstance(v, Unknown) else v
            for k, v in self.parameters.items()
        }
        return Declared(
            self.domain,
            self.fields,
            guesses,
            self.regions,
            tuple(self.unknowns),
            self.equations,
        )

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """Every equation and every condition that is not built in, as a residual block."""
        items = {**self.equations, **self.conditions}
        return tuple(
            record_term(name, item, self.declared) for name, item in items.items() if not item.hard
        )

    @property
    def hard(self) -> dict[str, Constraint]:
        """Conditions that are built into the ansatz."""
        return {name: c for name, c in self.conditions.items() if c.hard}

    @property
    def random(self) -> bool:
        """Whether any condition is estimated along random directions."""
        return any(condition.random for condition in self.conditions.values())

    @property
    def periods(self) -> dict[str, float]:
        """Period of every coordinate that is periodic by construction."""
        out = {}
        for condition in self.hard.values():
            if isinstance(condition, Periodic):
                axis, a, b = condition.axis(self.declared)
                out[axis] = abs(b - a)
        return out

    def replace(self, **changes: Any) -> "Problem":
        """The same problem with some parts exchanged."""
        parts = {
            "domain": self.domain,
            "fields": self.fields,
            "equations": self.equations,
            "conditions": self.conditions,
            "parameters": self.parameters,
            "regions": self.regions,
            "free": self.free,
            "reference": self.reference,
            "name": self.name,
        }
        return Problem(**(parts | changes))

    def check(self, **options: Any):
        """Findings before training; see :func:`pinnlab.problems.check.check`."""
        from pinnlab.problems.check import check

        return check(self, **options)

    # --- construction checks -----------------------------------------------------------------
    def _check_names(self, equations: Mapping[str, Any], conditions: Mapping[str, Any]) -> None:
        if not isinstance(equations, Mapping) or not equations:
            raise DeclarationError(
                "The problem has no equation",
                expected="equations={'name': residual}",
                got=equations,
                do="declare at least one",
            )
        if not isinstance(conditions, Mapping):
            raise DeclarationError(
                "The conditions have no names",
                expected="conditions={'name': condition}",
                got=repr(conditions),
                do="give each a name, by which weights and reports call it",
            )
        for name in equations:
            if name in conditions:
                raise DeclarationError(
                    f"'{name}' names an equation and a condition",
                    expected="different names",
                    got=name,
                    do="rename one of them",
                )
        for name, condition in conditions.items():
            if not isinstance(condition, Constraint) or isinstance(condition, Equation):
                raise DeclarationError(
                    f"Condition '{name}' is no condition",
                    expected="Dirichlet, Neumann, Robin, Periodic, Initial, Data, Integral, "
                    "Interface, GradientEnhanced or Condition",
                    got=type(condition).__name__,
                    do="wrap a function: Condition(fn, on='right')",
                )
        taken = set(self.fields) | set(self.coordinates.names)
        for name in self.parameters:
            if name in taken:
                raise DeclarationError(
                    f"'{name}' names a parameter and a field or coordinate",
                    expected="different names",
                    got=name,
                    do="rename one of them",
                )

    def _check_regions(self) -> None:
        for name, region in self.regions.items():
            if not isinstance(region, Geometry) or region.coordinates != self.coordinates:
                own = getattr(region, "coordinates", None)
                raise DeclarationError(
                    f"Region '{name}' has other coordinates than the domain",
                    expected=", ".join(self.coordinates.names),
                    got=", ".join(own.names) if own else type(region).__name__,
                    do="give it the same coordinates, and multiply it by Time as the domain",
                )
        known = (*self.regions, *self.domain.regions)
        for name, item in {**self.equations, **self.conditions}.items():
            region = getattr(item, "region", None)
            if region is not None and region not in known:
                raise DeclarationError(
                    f"'{name}' holds in '{region}', which is no region",
                    expected=", ".join(known) or "a name given in `regions`",
                    got=region,
                    do=nearest(region, known) or "declare it: Problem(regions={...})",
                )

    def _check_reference(self) -> None:
        reference = self.reference
        if not isinstance(reference, ExactReference):
            return
        reference.check_fits(self.coordinates.names, self.fields)
        known = (*self.coordinates.names, *self.parameters)
        for name_of, exact in reference.exact.items():
            for name in set(Formula(exact).arguments) - Formula(exact).optional:
                if name not in known:
                    raise DeclarationError(
                        f"The exact solution '{name_of}' asks for '{name}', which is not known",
                        expected=", ".join(known),
                        got=name,
                        do=nearest(name, known) or "write it in coordinates and parameters",
                    )

    def _check_pieces(self) -> None:
        for piece in self.free:
            if piece not in self.domain.pieces:
                raise DeclarationError(
                    f"'{piece}' is declared free, but is no boundary piece",
                    expected=", ".join(self.domain.pieces),
                    got=piece,
                    do=nearest(piece, self.domain.pieces) or "correct `free`",
                )


def _is_name(name: Any) -> bool:
    """Whether a text can name a field or parameter in functions and in texts."""
    return (
        isinstance(name, str)
        and name.isidentifier()
        and not keyword.iskeyword(name)
        and not name.startswith("_")
        and name not in RESERVED
    )


def _field_names(fields: Sequence[str] | str, coordinates: Coordinates) -> tuple[str, ...]:
    names = tuple(fields.split()) if isinstance(fields, str) else tuple(fields)
    if not names:
        raise DeclarationError(
            "The problem has no field",
            expected="fields=['u']",
            got=fields,
            do="name the unknown functions",
        )
    for name in names:
        if not _is_name(name):
            raise DeclarationError(
                f"{name!r} cannot name a field",
                expected=f"a Python identifier such as 'u', and none of {', '.join(RESERVED)}",
                got=name,
                do="rename the field",
            )
        if name in coordinates.names:
            raise DeclarationError(
                f"'{name}' names a field and a coordinate",
                expected="different names",
                got=name,
                do="rename one of them",
            )
    if len(set(names)) != len(names):
        raise DeclarationError(
            "A field is named twice",
            expected="different names",
            got=", ".join(names),
            do="rename one of them",
        )
    return names


def _parameters(given: Mapping[str, Any]) -> dict[str, float | Formula | Unknown]:
    out: dict[str, float | Formula | Unknown] = {}
    for name, value in given.items():
        if not _is_name(name):
            raise DeclarationError(
                f"{name!r} cannot name a parameter",
                expected=f"a Python identifier, and none of {', '.join(RESERVED)}",
                got=name,
                do="rename the parameter",
            )
        out[name] = value if isinstance(value, Unknown) else _parameter(value)
    _refuse_circles(out)
    return out


def _refuse_circles(parameters: Mapping[str, float | Formula | Unknown]) -> None:
    """Refuse parameters that are defined by themselves, directly or through others."""

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise DeclarationError(
                f"Parameter '{name}' is defined by itself",
                expected="parameters of numbers, coordinates, fields and other parameters",
                got=" -> ".join((*path[path.index(name) :], name)),
                do="give one of them a value of its own",
            )
        value = parameters.get(name)
        for argument in value.arguments if isinstance(value, Formula) else ():
            visit(argument, (*path, name))

    for name in parameters:
        visit(name, ())


def _parameter(value: Any) -> float | Formula:
    """A number where the value is one, a formula of the coordinates or a vector otherwise."""
    if isinstance(value, Tensor | np.ndarray) and value.ndim == 1 and len(value):
        value = value.tolist()  # as good as a list of numbers
    formula = Formula.vector(value) if isinstance(value, list | tuple) else Formula(value)
    if not formula.constant or isinstance(formula({}), list):
        return formula
    return number(value) if isinstance(value, str) else float(formula.source)
