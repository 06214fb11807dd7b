"""The section ``weights``: factors of terms by name, a rule for them, or a list of both."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic_core import PydanticCustomError, core_schema

from pinnlab.conditions.base import check_weight
from pinnlab.config import leaves
from pinnlab.config.leaves import Form, refuse, shown
from pinnlab.config.registry import role
from pinnlab.config.schema import PLACEHOLDER, Schema
from pinnlab.config.wording import Mistakes
from pinnlab.errors import DeclarationError, nearest
from pinnlab.weighting.base import Weighting

_ROLE = "weighting"


class WeightsForm:
    """``{pde: 10}``, ``{kind: ReLoBRaLo}``, or a list of both, which multiply.

    A term may be called ``kind``: its weight is a number, the kind of a rule is a name.

    Args:
        rule: How a single rule is written.
        schema: Reads it.
    """

    expects = "weights such as {pde: 10}, a rule such as {kind: ReLoBRaLo}, or a list of both"

    def __init__(self, rule: Form, schema: Schema) -> None:
        self.adapter = schema.adapter(rule.type)

    def takes(self, value: Any) -> bool:
        """Whether a value is meant as weights."""
        return value is None or isinstance(value, str | Mapping | list)

    def validate(self, value: Any, info: Any) -> Any:
        """Factors by term, a rule, or a list of them."""
        if value is None or not isinstance(value, list | tuple):
            return value if value is None else self._part(value, info)
        made, mistakes = [], Mistakes("weights")
        for k, part in enumerate(value):
            with mistakes.at(k):
                made.append(self._part(part, info))
        mistakes.tell()
        return made

    def _part(self, value: Any, info: Any) -> Any:
        if _is_rule(value):
            return self.adapter.validate_python(value, context=info.context)
        if not isinstance(value, Mapping):
            raise refuse("These are no weights", expected=self.expects, got=shown(value))
        made, mistakes = {}, Mistakes("weights")
        for name, given in value.items():
            with mistakes.at(name):
                made[str(name)] = _factor(str(name), given)
        mistakes.tell()
        return made

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return core_schema.with_info_plain_validator_function(self.validate)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        number = {"type": ["number", "string"]}
        fixed = {"type": "object", "additionalProperties": number}
        one = [{PLACEHOLDER: _ROLE}, fixed]
        several = {"type": "array", "items": {"anyOf": one}}
        return {"anyOf": [*one, several, {"type": "null"}]}


def _factor(name: str, given: Any) -> float:
    """The factor of one term."""
    rules = role(_ROLE)
    if isinstance(given, Mapping) and rules.find(name):
        raise refuse(
            f"'{name}' is a rule, which stands after `kind:`", expected=f"{{kind: {name}, ...}}",
            got=shown(given), do=f"write {{kind: {rules.find(name)}, ...}}",
        )  # fmt: skip
    number = leaves.number(given)
    try:
        return check_weight(f"term '{name}'", number)
    except DeclarationError as error:
        raise refuse(
            error.what, expected=error.expected, got=shown(given), do=error.do or ""
        ) from None


def _is_rule(value: Any) -> bool:
    """Whether a value is meant as a rule, one with a misspelt ``kind`` among them."""
    if isinstance(value, str):
        return True
    if not isinstance(value, Mapping):
        return False
    if "kind" in value:
        return not _is_number(value["kind"])
    return any(nearest(str(key), ["kind"]) and isinstance(v, str) and not _is_number(v)
               for key, v in value.items())  # fmt: skip


def _is_number(value: Any) -> bool:
    try:
        leaves.number(value)
    except PydanticCustomError:
        return False
    return True


def fixed_weights(weights: Any) -> Iterable[tuple[tuple, str]]:
    """The terms that a section as it was read gives a factor, each with its place."""
    parts = weights if isinstance(weights, list) else [weights]
    for k, part in enumerate(parts):
        if isinstance(part, Mapping):
            yield from (((k,) if isinstance(weights, list) else (), name) for name in part)


def named_terms(weights: Any) -> Iterable[tuple[tuple, str]]:
    """The terms that rules of the section name in lists, each with its place."""
    parts = weights if isinstance(weights, list) else [weights]
    for k, part in enumerate(parts):
        if not isinstance(part, Weighting):
            continue
        for argument in ("terms", "after", "reference"):
            for position, name in enumerate(getattr(part, argument, None) or ()):
                before = (k,) if isinstance(weights, list) else ()
                yield (*before, argument, position), name


def weights(schema: Schema) -> Form:
    """The form of the section."""
    rule = schema.form(Weighting)
    assert rule is not None
    reader = WeightsForm(rule, schema)
    return Form(Annotated[Any, reader], reader.takes, reader.expects)
