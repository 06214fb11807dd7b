"""The section ``derivatives``: one estimator, or one for each operator by name."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic_core import core_schema

from pinnlab.calculus.estimators import KINDS, Choice, Estimator, check_entry, estimator_of
from pinnlab.config.leaves import Form, refuse
from pinnlab.config.schema import PLACEHOLDER, Schema
from pinnlab.config.wording import Mistakes
from pinnlab.errors import PinnlabError, nearest

_ROLE = "derivatives"


class DerivativesForm:
    """``{kind: STDE, samples: 16}``, or ``{laplacian: {kind: STDE}, ...}``; others are exact then.

    Args:
        one: How a single estimator is written.
        schema: Reads it.
    """

    expects = "an estimator such as {kind: STDE, samples: 16}, or one for each operator by name"

    def __init__(self, one: Form, schema: Schema) -> None:
        self.adapter = schema.adapter(one.type)

    def takes(self, value: Any) -> bool:
        """Whether a value is meant as estimators."""
        return value is None or isinstance(value, str | Mapping)

    def validate(self, value: Any, info: Any) -> Any:
        """An estimator, or a mapping from operators to estimators."""
        if value is None or not _by_operator(value):
            return value and self.adapter.validate_python(value, context=info.context)
        made, mistakes = {}, Mistakes(_ROLE)
        for name, given in value.items():
            with mistakes.at(name):
                _check_operator(name)
                made[name] = self.adapter.validate_python(given, context=info.context)
                check_entry(name, made[name])
        mistakes.tell()
        return made

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return core_schema.with_info_plain_validator_function(self.validate)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        one = {PLACEHOLDER: _ROLE}
        several = {
            "type": "object",
            "properties": dict.fromkeys(KINDS, one),
            "additionalProperties": False,
        }
        return {"anyOf": [one, several, {"type": "null"}]}


def _check_operator(name: Any) -> None:
    if name not in KINDS:
        raise refuse(
            f"There is no operator '{name}' to estimate", expected=", ".join(KINDS), got=name,
            do=nearest(str(name), KINDS) or "use one of these names", at="key",
        )  # fmt: skip


def _by_operator(value: Any) -> bool:
    """Whether the keys are meant as names of operators, misspelt ones among them."""
    if not isinstance(value, Mapping) or "kind" in value:
        return False
    return any(
        name in KINDS or isinstance(given, Mapping) or nearest(str(name), KINDS)
        for name, given in value.items()
    )


def fitting(
    problem: Any, given: Estimator | Mapping[str, Estimator] | None
) -> Iterator[tuple[tuple, Exception]]:
    """What is wrong with estimators for a problem, and where in the section it is said."""
    from pinnlab.problems.assemble import check_estimator

    whole: dict[tuple, Estimator]
    if isinstance(given, Mapping):
        whole = {(name,): Choice({name: one}) for name, one in given.items()}
    else:
        whole = {(): estimator_of(given)}
    for place, one in whole.items():
        try:
            check_estimator(problem, one)
        except PinnlabError as mistake:
            yield place, mistake


def derivatives(schema: Schema) -> Form:
    """The form of the section."""
    one = schema.form(Estimator)
    assert one is not None
    reader = DerivativesForm(one, schema)
    return Form(Annotated[Any, reader], reader.takes, reader.expects)
