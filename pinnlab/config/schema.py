"""Constructor signatures as pydantic models, made on the fly.

The signature of a public class *is* its schema: :meth:`Schema.model` turns it into a pydantic model
with ``extra="forbid"``, :meth:`Schema.form` turns the type of a parameter into something that reads
YAML, and :class:`Component` chooses the class by ``kind:`` and calls its constructor. What a
constructor refuses becomes an error of the node that it was built from, like any other, so that
pydantic collects all of them in one go.
"""

import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from inspect import Parameter as P
from typing import Annotated, Any, Literal, Optional

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    create_model,
)
from pydantic_core import PydanticCustomError, core_schema

from pinnlab.config import leaves
from pinnlab.config.leaves import Form, refuse, shown
from pinnlab.config.registry import ROLES, Role, plain, role_of
from pinnlab.config.signature import Parameter, parameters, summary
from pinnlab.config.wording import invalid, reworded
from pinnlab.errors import PinnlabError, nearest

PLACEHOLDER = "x-definition"  # stands for a reference until the JSON schema is put together
_SEQUENCES = (list, Sequence, Iterable)
_MAPPINGS = (dict, Mapping)


class Schema:
    """Reads values of any declared type.

    Args:
        forms: By owner and parameter, where the annotation says less than a file may write.
        records: Readers of single classes that need more than a constructor call, by class name.
        components: Likewise of roles, by the name of the role.
    """

    def __init__(
        self,
        forms: "Mapping[tuple[str, str], Callable[[Schema], Form]] | None" = None,
        records: "Mapping[str, type[Record]] | None" = None,
        components: "Mapping[str, type[Component]] | None" = None,
    ) -> None:
        self.forms, self.records = dict(forms or {}), dict(records or {})
        self.components = dict(components or {})
        self._models: dict[tuple, type[BaseModel]] = {}

    # --- types -------------------------------------------------------------------------------
    def form(self, annotation: Any) -> Form | None:
        """How a type is written in YAML; None if it cannot be, such as a tensor."""
        origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
        if origin in (typing.Union, types.UnionType):
            return self._union(arguments)
        if origin is Literal:
            return leaves.choice(*arguments)
        if origin in _SEQUENCES:
            return _listed(self.form(arguments[0]))
        if origin in _MAPPINGS:
            value = self.form(arguments[1])
            return value and Form(dict[str, value.type], _is_mapping, f"{value.expects} by name")
        if origin is tuple:
            return self._tuple(arguments)
        if annotation in leaves.LEAVES:
            return leaves.LEAVES[annotation]
        found = role_of(annotation)
        if found is not None:
            return self.component(found)
        if isinstance(annotation, type) and annotation.__module__.startswith("pinnlab."):
            return self.record(annotation)
        return None

    def _tuple(self, arguments: tuple) -> Form | None:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return _listed(self.form(arguments[0]))
        items = [item for item in map(self.form, arguments) if item is not None]
        if len(items) < len(arguments):
            return None
        kinds = tuple[tuple(item.type for item in items)]  # type: ignore[misc]
        same = len({item.expects for item in items}) == 1
        what = _plural(items[0].expects) if same else "values"
        expects = f"a list of {len(items)} {what}"
        check = BeforeValidator(leaves.of_length(len(items), expects))
        return Form(Annotated[kinds, check], _is_list, expects)  # type: ignore[valid-type]

    def _union(self, arguments: tuple) -> Form | None:
        found = [self.form(a) for a in arguments if a is not type(None)]
        options = [option for option in found if option is not None]
        if not options:
            return None
        optional = type(None) in arguments
        if len(options) == 1:
            only = options[0]
            kind = Optional[only.type] if optional else only.type  # noqa: UP045
            return Form(kind, lambda v: (optional and v is None) or only.takes(v), only.expects)
        return either(options, optional)

    def component(self, role: Role) -> Form:
        """The form of a role."""
        reader = self.components.get(role.name, Component)(self, role)
        return Form(Annotated[Any, reader], reader.takes, reader.expects)

    def record(self, target: type) -> Form:
        """The form of one class."""
        reader = self.records.get(target.__name__, Record)(self, target)
        return Form(Annotated[Any, reader], reader.takes, reader.expects)

    def adapter(self, reader: Any) -> TypeAdapter:
        """What validates a single value by a reader or a type."""
        if isinstance(reader, Record | Component):
            return TypeAdapter(Annotated[Any, reader])
        return TypeAdapter(reader)

    # --- signatures --------------------------------------------------------------------------
    def parameter_form(self, owner: str, parameter: Parameter) -> Form | None:
        """How one argument is written."""
        special = self.forms.get((owner, parameter.name))
        return special(self) if special else self.form(parameter.annotation)

    def model(self, target: Callable, leave_out: tuple[str, ...] = ()) -> type[BaseModel]:
        """The pydantic model of a signature."""
        if (target, leave_out) not in self._models:
            self._models[target, leave_out] = self._model(target, leave_out)
        return self._models[target, leave_out]

    def _model(self, target: Callable, leave_out: tuple[str, ...]) -> type[BaseModel]:
        name = getattr(target, "__name__", str(target))
        fields: dict[str, Any] = {}
        extra: Any = None
        axis = axis_form(target)
        skipped = {*leave_out, *(("coordinate", *axis) if axis else ())}
        for parameter in parameters(target).values():
            skip = parameter.name in skipped
            found = None if skip else self.parameter_form(name, parameter)
            if found is None:
                continue
            if parameter.kind is P.VAR_KEYWORD:
                extra = found.type
            else:
                several = parameter.kind is P.VAR_POSITIONAL
                # A prefix, because pydantic keeps names such as `copy` and `json` for itself.
                fields["f_" + parameter.name] = (
                    list[found.type] if several else found.type,
                    _field(parameter),
                )
        if axis:
            extra = list[leaves.NUMBER.type]
        base = _open_base(extra) if extra is not None else _Closed
        return create_model(name, __base__=base, __doc__=summary(target), **fields)

    def keys(self, target: Callable, leave_out: tuple[str, ...] = ()) -> list[str]:
        """Keys that a mapping for this class may have, besides names of its own."""
        return [str(f.alias) for f in self.model(target, leave_out).model_fields.values()]

    def arguments(
        self,
        target: Callable,
        data: Mapping[str, Any],
        context: Any,
        leave_out: tuple[str, ...] = (),
    ) -> tuple[list[Any], dict[str, Any]]:
        """Validated arguments for a call.

        Raises:
            ValidationError: With every error found, in our words.
        """
        chosen = self.model(target, leave_out)
        try:
            found = chosen.model_validate(dict(data), context=context)
        except ValidationError as error:
            raise reworded(error, target, self.keys(target, leave_out)) from None
        given = [name for name in chosen.model_fields if name in found.model_fields_set]
        named = {name[2:]: getattr(found, name) for name in given}
        extra = dict(found.model_extra or {})
        axis = axis_form(target)
        if axis:
            named |= _axis(target, axis, extra)
            extra = {}
        several = [p.name for p in parameters(target).values() if p.kind is P.VAR_POSITIONAL]
        positional = [entry for name in several for entry in named.pop(name, [])]
        return positional, named | extra

    def construct(self, target: Callable, data: Mapping[str, Any], context: Any) -> Any:
        """Validate the arguments and call; what the constructor refuses is told as it says it."""
        positional, named = self.arguments(target, data, context)
        return call(target, *positional, **named)


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def _plural(expects: str) -> str:
    words = expects.removeprefix("a ").removeprefix("an ")
    simple = " " not in words.removeprefix("whole ")
    return words + "s" if simple else words


def _listed(item: Form | None) -> Form | None:
    if item is None:
        return None
    return Form(list[item.type], _is_list, f"a list of {_plural(item.expects)}")


def axis_form(target: Callable) -> tuple[str, str] | None:
    """Names of the two ends, for constructors such as ``Interval("x", -1, 1)``.

    They are written ``x: [-1, 1]``, as the axes of a box are.
    """
    required = [p for p in parameters(target).values() if p.required]
    if [p.annotation for p in required] == [str, float, float] and required[0].name == "coordinate":
        return required[1].name, required[2].name
    return None


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


def _open_base(extra: Any) -> type[BaseModel]:
    namespace = {
        "__annotations__": {"__pydantic_extra__": dict[str, extra]},
        "__module__": __name__,
        "model_config": ConfigDict(extra="allow", arbitrary_types_allowed=True),
    }
    return type("_Open", (BaseModel,), namespace)


def _field(parameter: Parameter) -> Any:
    options: dict[str, Any] = {"alias": parameter.key, "description": parameter.text or None}
    if parameter.required:
        return Field(**options)
    default = parameter.default
    if isinstance(default, bool | int | float | str | tuple | None):
        return Field(default=default, **options)
    return Field(default_factory=lambda: None, **options)


class Either:
    """One of several forms; the errors told are those of the form whose shape fits."""

    def __init__(self, options: Sequence[Form], optional: bool) -> None:
        self.options, self.optional = options, optional
        self.adapters = [TypeAdapter(option.type) for option in options]
        self.expects = " or ".join(option.expects for option in options)

    def takes(self, value: Any) -> bool:
        """Whether some form has the shape."""
        return (self.optional and value is None) or any(o.takes(value) for o in self.options)

    def validate(self, value: Any, info: Any) -> Any:
        """The value as read by the first form that accepts it."""
        if self.optional and value is None:
            return None
        first: ValidationError | None = None
        for option, adapter in zip(self.options, self.adapters, strict=True):
            if option.takes(value):
                try:
                    return adapter.validate_python(value, context=info.context)
                except ValidationError as error:
                    first = first or error
        if first is not None:
            raise first
        raise refuse(f"This is not {self.expects}", expected=self.expects, got=shown(value))

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return core_schema.with_info_plain_validator_function(self.validate)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        options = [adapter.json_schema() for adapter in self.adapters]
        return {"anyOf": options + ([{"type": "null"}] if self.optional else [])}


def either(options: Sequence[Form], optional: bool = False) -> Form:
    """A form that reads any of several."""
    chosen = Either(options, optional)
    return Form(Annotated[Any, chosen], chosen.takes, chosen.expects)


def _axis(target: Callable, ends: tuple[str, str], extra: Mapping[str, Any]) -> dict[str, Any]:
    name = getattr(target, "__name__", "")
    letter = "t" if ends[0] == "start" else "x"
    example = f"{{kind: {name}, {letter}: [0, 1]}}"
    if len(extra) != 1:
        raise invalid(name, (), refuse(
            f"{name} needs one coordinate with its two ends", expected=example,
            got=", ".join(extra) or "no coordinate", do="name the coordinate and its ends",
        ))  # fmt: skip
    ((coordinate, pair),) = extra.items()
    if len(pair) != 2:
        raise invalid(name, (coordinate,), refuse(
            f"The ends of '{coordinate}' are no pair", expected=example, got=shown(pair),
            do="give two numbers, the lower one first",
        ))  # fmt: skip
    return {"coordinate": coordinate, ends[0]: pair[0], ends[1]: pair[1]}


def call(target: Callable, /, *positional: Any, **named: Any) -> Any:
    """Call, with errors of Python and of the system as refusals."""
    try:
        return target(*positional, **named)
    except PinnlabError:
        raise
    except (TypeError, ValueError, OSError, RuntimeError, ArithmeticError, LookupError) as error:
        name = getattr(target, "__name__", str(target))
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise refuse(f"{name} cannot be made of this: {reason}") from error


class Record:
    """Objects of one class, written as a mapping of its arguments."""

    def __init__(self, schema: Schema, target: type) -> None:
        self.schema, self.target = schema, target

    @property
    def expects(self) -> str:
        """For messages."""
        return f"a mapping with {', '.join(self.schema.keys(self.target)[:4])}"

    def takes(self, value: Any) -> bool:
        """Whether a value has the right shape."""
        return isinstance(value, Mapping)

    def build(self, data: Mapping[str, Any], context: Any) -> Any:
        """The object; overridden where more than a call is needed."""
        return self.schema.construct(self.target, data, context)

    def validate(self, value: Any, info: Any) -> Any:
        """The object of a mapping."""
        if not isinstance(value, Mapping):
            raise refuse(f"This is not {self.expects}", expected=self.expects, got=shown(value))
        data = dict(value)
        name = self.target.__name__
        kind = data.pop("kind", name)
        if not isinstance(kind, str) or plain(kind) != plain(name):
            raise invalid(name, ("kind",), refuse(
                f"This cannot be of the kind {shown(kind)}", expected=name, got=shown(kind),
                do="leave `kind` out here",
            ))  # fmt: skip
        return self.build(data, info.context)

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return core_schema.with_info_plain_validator_function(self.validate)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {PLACEHOLDER: self.target.__name__}


class Component:
    """One of the classes of a role, chosen by ``kind:``; a bare name stands for all defaults."""

    def __init__(self, schema: Schema, role: Role) -> None:
        self.schema, self.role = schema, role

    def kinds(self) -> list[str]:
        """What may stand after ``kind:``."""
        return list(self.role.members())

    @property
    def expects(self) -> str:
        """For messages."""
        return self.role.what

    def takes(self, value: Any) -> bool:
        """Whether a value has the right shape."""
        return isinstance(value, str | Mapping)

    def build(self, kind: str, data: dict[str, Any], context: Any) -> Any:
        """The object of a known kind."""
        return self.schema.construct(self.role.members()[kind], data, context)

    def find(self, kind: str) -> str | None:
        """The public name of a kind."""
        return self.role.find(kind)

    def validate(self, value: Any, info: Any) -> Any:
        """The object of a mapping or a bare name."""
        if isinstance(value, str):
            return self.build(self._known(value, ()), {}, info.context)
        if not isinstance(value, Mapping):
            raise refuse(
                f"This is not {self.expects}",
                expected=f"{{kind: ...}} with one of {', '.join(self.kinds())}", got=shown(value),
            )  # fmt: skip
        data = dict(value)
        if "kind" not in data:
            raise self._without_kind(data)
        kind = self._known(data.pop("kind"), ("kind",))
        return self.build(kind, data, info.context)

    def _known(self, kind: Any, where: tuple) -> str:
        found = self.find(kind) if isinstance(kind, str) else None
        if found is None:
            error = refuse(
                f"There is no {self.role.what.removeprefix('a ').removeprefix('an ')} "
                f"{shown(kind)}",
                expected=", ".join(self.kinds()), got=shown(kind), do=self._hint(kind),
            )  # fmt: skip
            raise invalid(self.role.name, where, error) if where else error
        return found

    def _hint(self, kind: Any) -> str:
        close = nearest(str(kind), self.kinds())
        if close:
            return close
        spelled = {plain(name): name for name in self.kinds()}
        close = nearest(plain(str(kind)), spelled)
        if close:
            return f"did you mean '{spelled[close.split(chr(39))[1]]}'?"
        for other in ROLES:
            found = other.find(str(kind)) if other is not self.role else None
            if found:
                return f"{found} is {other.what}, which does not belong here"
        return "choose one of them"

    def _without_kind(self, data: Mapping[str, Any]) -> PydanticCustomError:
        do = "add `kind:`"
        near = next((k for k in data if nearest(str(k), ["kind"])), None)
        only = self.find(next(iter(data))) if len(data) == 1 else None
        if near:
            do = f"did you mean 'kind' instead of '{near}'?"
        elif only:
            do = f"write {{kind: {only}, ...}}"
        return refuse(
            f"This does not say which kind of {self.role.name} it is",
            expected=f"kind: with one of {', '.join(self.kinds())}", got=shown(data), do=do,
        )  # fmt: skip

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return core_schema.with_info_plain_validator_function(self.validate)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {PLACEHOLDER: self.role.name}
