"""Problems in YAML: equations, parameters, references, and the check of the whole."""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

from pydantic import ValidationError
from pydantic_core import core_schema

from pinnlab.config.leaves import FORMULA, Form, refuse, shown
from pinnlab.config.registry import plain
from pinnlab.config.schema import PLACEHOLDER, Record, Schema, call
from pinnlab.config.signature import parameters
from pinnlab.config.wording import gathered, invalid
from pinnlab.errors import PinnlabError, nearest
from pinnlab.io.exact_reference import ExactReference


class EquationForm(Record):
    """A text, ``{fn: text, region: ...}``, or ``{kind: name}`` from the library of equations."""

    @property
    def expects(self) -> str:
        """For messages."""
        return "an equation such as u.t - u.xx"

    def takes(self, value: Any) -> bool:
        """Whether a value has the right shape."""
        return isinstance(value, str | Mapping)

    def validate(self, value: Any, info: Any) -> Any:
        """The equation of a text or a mapping."""
        if isinstance(value, str):
            return self.build({"fn": value}, info.context)
        if isinstance(value, Mapping) and "kind" in value and not _is(value["kind"], "equation"):
            return self._from_library(dict(value), info.context)
        return super().validate(value, info)

    def _from_library(self, data: dict[str, Any], context: Any) -> Any:
        name = data.pop("kind")
        if "fn" in data:
            raise invalid("equation", ("fn",), refuse(
                "An equation of the library has its function already", expected="kind or fn",
                got="both", do="remove one of them", at="key",
            ))  # fmt: skip
        try:
            function = library_equation(name)
        except PinnlabError as error:
            raise invalid("equation", ("kind",), refuse(
                error.what, expected=error.expected or "", got=shown(name), do=error.do or ""
            )) from None  # fmt: skip
        _, options = self.schema.arguments(_options, data, context)
        return call(self.target, function, **options)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {
            "anyOf": [{"type": "string"}, super().__get_pydantic_json_schema__(schema, handler)]
        }


def _options(
    region: str | None = None,
    weight: float = 1.0,
    points: int | None = None,
    sampler: str | None = None,
) -> None:
    """What stands beside an equation of the library."""


def _is(kind: Any, name: str) -> bool:
    return isinstance(kind, str) and plain(kind) == plain(name)


def library_equation(name: Any) -> Any:
    """A ready residual function by name.

    Raises:
        PinnlabError: If there is none of that name.
    """
    import pinnlab.equations as library

    find = getattr(library, "equation", None)
    if find is None or not isinstance(name, str):
        raise PinnlabError(
            f"There is no ready equation {shown(name)}", do="write it as a text: {fn: ...}"
        )
    return find(name)


class ParameterForm:
    """A number, a formula of the coordinates, or an unknown."""

    def __init__(self, schema: Schema, unknown: type) -> None:
        self.unknown = schema.record(unknown)
        self.adapter = schema.adapter(self.unknown.type)

    def validate(self, value: Any, info: Any) -> Any:
        """The parameter; the problem itself reads numbers and formulas."""
        if isinstance(value, Mapping):
            return self.adapter.validate_python(value, context=info.context)
        if isinstance(value, list):
            return tuple(value)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise refuse(
                "This is no parameter", got=shown(value),
                expected="a number, a formula, a list of them, or {kind: Unknown, ...}",
            )  # fmt: skip
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return core_schema.with_info_plain_validator_function(self.validate)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {"anyOf": [{"type": ["number", "string", "array"]}, {PLACEHOLDER: "Unknown"}]}


class ReferenceForm(Record):
    """``{file: ..., coordinates: ..., fields: ...}`` of ``Reference.load``, or ``{exact: ...}``."""

    @property
    def expects(self) -> str:
        """For messages."""
        return "a mapping with file, coordinates and fields, or with exact"

    def build(self, data: Mapping[str, Any], context: Any) -> Any:
        """Read the file, or keep the functions."""
        if "exact" in data:
            return self.schema.construct(ExactReference, data, context)
        return call(self.target.from_spec, data, (context or {}).get("folder", "."))

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        names = {"type": ["object", "array"]}
        known = {
            name: {"description": p.text}
            for name, p in parameters(self.target.load).items()
            if name not in ("source", "text", "coordinates", "fields")
        }
        from_file = {
            "type": "object",
            "properties": {"file": {"type": "string"}, "coordinates": names, "fields": names}
            | known,
            "required": ["file", "coordinates", "fields"],
        }
        described = {
            name: {"description": p.text} for name, p in parameters(ExactReference).items()
        }
        known_everywhere = {
            "type": "object", "properties": described, "required": ["exact"],
            "additionalProperties": False,
        }  # fmt: skip
        return {"anyOf": [from_file, known_everywhere]}


def ready_problems() -> dict[str, Callable[..., Any]]:
    """Problems of the catalogue: what may stand after ``kind:`` in the section ``problem``."""
    from pinnlab.problems import conflict_free, high_dimension

    packages = (high_dimension, conflict_free)
    return {name: getattr(package, name) for package in packages for name in package.__all__}


class ProblemForm(Record):
    """A problem, or ``{kind: name, ...}`` from the catalogue.

    If its parts do not fit together, every part is tried alone to find every error.
    """

    def validate(self, value: Any, info: Any) -> Any:
        """The problem of a mapping."""
        if isinstance(value, Mapping) and "kind" in value and not _is(value["kind"], "problem"):
            return self._from_catalogue(dict(value), info.context)
        return super().validate(value, info)

    def _from_catalogue(self, data: dict[str, Any], context: Any) -> Any:
        kind, known = data.pop("kind"), ready_problems()
        for name, function in known.items():
            if _is(kind, name):
                return self.schema.construct(function, data, context)
        raise invalid("problem", ("kind",), refuse(
            f"There is no ready problem {shown(kind)}", expected=", ".join(known), got=shown(kind),
            do=nearest(str(kind), known) or "choose one of them, or declare the problem",
        ))  # fmt: skip

    def build(self, data: Mapping[str, Any], context: Any) -> Any:
        """The problem."""
        _, named = self.schema.arguments(self.target, data, context)
        try:
            return call(self.target, **named)
        except PinnlabError as first:
            errors = list(self._alone(named))
            raise gathered("problem", errors or [((), first)]) from None

    def _alone(self, named: Mapping[str, Any]) -> Iterator[tuple[tuple, Exception]]:
        """Errors of the parts, each in an otherwise faultless problem."""
        fields = named["fields"]
        sound = {"domain": named["domain"], "fields": fields}
        first = fields.split()[:1] if isinstance(fields, str) else list(fields)[:1]
        if not first:
            return
        # An equation that holds for every declaration; it only keeps the problem complete.
        filler = {"_filler": str(first[0])}
        error = self._error(**sound, equations=filler)
        if error is not None:
            yield ("fields",), error
            return
        # A sound value stands in for one that is refused, so that its readers are not refused too.
        for section, sound_value in (("parameters", 1.0), ("regions", named["domain"])):
            kept: dict[str, Any] = {}
            for name, value in (named.get(section) or {}).items():
                error = self._error(**sound, equations=filler, **{section: {name: value}})
                if error is None:
                    kept[name] = value
                    continue
                yield (section, name), error
                stand_in = {section: {name: sound_value}}
                if self._error(**sound, equations=filler, **stand_in) is None:
                    kept[name] = sound_value
            sound[section] = kept
        for piece in named.get("free") or ():
            error = self._error(**sound, equations=filler, free=[piece])
            if error is not None:
                yield ("free",), error
        for name, equation in (named.get("equations") or {}).items():
            error = self._error(**sound, equations={name: equation})
            if error is not None:
                yield ("equations", name), error
        for name, condition in (named.get("conditions") or {}).items():
            error = self._error(**sound, equations=filler, conditions={name: condition})
            if error is not None:
                yield ("conditions", name), self._hinted(error, condition)

    def _hinted(self, error: Exception, condition: Any) -> Exception:
        """A misspelt option of a condition looks like a field; say so."""
        if not isinstance(error, PinnlabError) or error.got is None:
            return error
        close = nearest(str(error.got), self.schema.keys(type(condition)))
        if not close or str(error.got) in getattr(condition, "on", ()):
            return error
        return PinnlabError(error.what, expected=error.expected, got=error.got, do=close)

    def _error(self, **parts: Any) -> Exception | None:
        try:
            call(self.target, **parts)
        except (PinnlabError, ValidationError, ValueError) as error:
            return error
        return None


def equations(schema: Schema) -> Form:
    """The form of the section ``equations``."""
    from pinnlab.conditions.equation import Equation

    entry = schema.record(Equation)
    return Form(dict[str, entry.type], lambda v: isinstance(v, Mapping), "equations by name")


def parameters_section(schema: Schema) -> Form:
    """The form of the section ``parameters``."""
    from pinnlab.objective.unknown import Unknown

    kind = Annotated[Any, ParameterForm(schema, Unknown)]
    return Form(dict[str, kind], lambda v: isinstance(v, Mapping), "parameters by name")


EXACT = Form(dict[str, FORMULA.type], lambda v: isinstance(v, Mapping), "texts or numbers by field")
RECORDS = {"Equation": EquationForm, "Reference": ReferenceForm, "Problem": ProblemForm}
