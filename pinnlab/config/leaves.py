"""Numbers, texts and switches as a file may write them, and errors that say what was expected."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import PlainValidator, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from pinnlab.errors import PinnlabError, nearest


@dataclass(frozen=True)
class Form:
    """How one type is written.

    Args:
        type: The annotation for pydantic.
        takes: Whether a value has the right shape, so that its own errors are worth telling.
        expects: For messages, such as "a number".
    """

    type: Any
    takes: Callable[[Any], bool]
    expects: str


def refuse(
    what: str, *, expected: Any = "", got: Any = "", do: str = "", at: str = "value"
) -> PydanticCustomError:
    """An error for pydantic to collect; ``at`` says whether it concerns the value or its key."""
    parts = {"what": what, "expected": str(expected), "got": str(got), "do": do, "at": at}
    return PydanticCustomError("pinnlab", "{what}", parts)


def shown(value: Any) -> str:
    """A value as the file writes it, cut to a readable length."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a mapping with " + (", ".join(map(str, value)) or "no keys")
    text = f"'{value}'" if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _mismatch(expected: str, value: Any) -> PydanticCustomError:
    return refuse(f"This is not {expected}", expected=expected, got=shown(value))


def number(value: Any) -> float | int:
    """A number, or a text such as ``0.01/pi``."""
    if isinstance(value, str):
        from pinnlab.calculus.expression import number as evaluate

        try:
            return evaluate(value)
        except PinnlabError as error:
            raise refuse(
                f"'{value}' is no number", expected="a number, or arithmetic such as 0.01/pi",
                got=error.got or shown(value), do=error.do or "",
            ) from None  # fmt: skip
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise _mismatch("a number", value)
    return value


def whole(value: Any) -> int:
    """A whole number; ``1e4`` counts as one."""
    try:
        found = number(value) if isinstance(value, str) else value
    except PydanticCustomError:
        raise _mismatch("a whole number", value) from None
    real = isinstance(found, int | float) and not isinstance(found, bool)
    if not real or not math.isfinite(found) or found != int(found):
        raise _mismatch("a whole number", value)
    return int(found)


def switch(value: Any) -> bool:
    """``true`` or ``false``."""
    if not isinstance(value, bool):
        do = "write true or false" if str(value).lower() in ("yes", "no", "on", "off") else ""
        raise refuse(
            "This is neither true nor false", expected="true or false", got=shown(value), do=do
        )
    return value


def text(value: Any) -> str:
    """A text."""
    if not isinstance(value, str):
        do = f"put it in quotes: '{value}'" if isinstance(value, int | float) else ""
        raise refuse("This is not a text", expected="a text", got=shown(value), do=do)
    return value


def anything(value: Any) -> Any:
    """Whatever the constructor accepts: formulas, pieces, tables."""
    return value


def formula(value: Any) -> Any:
    """A number or a formula; its grammar is checked here, its names where they are known."""
    from pinnlab.calculus.formula import Formula

    Formula(value)
    return value


def path(value: Any, info: ValidationInfo) -> str:
    """A file, counted from the folder of the configuration."""
    return str(Path((info.context or {}).get("folder", ".")) / text(value))


def path_or_table(value: Any, info: ValidationInfo) -> Any:
    """A file, or columns by name."""
    if isinstance(value, Mapping):
        return value
    if not isinstance(value, str):
        raise _mismatch("a file or a mapping from names to columns", value)
    return path(value, info)


def leaf(check: Callable, schema: Mapping[str, Any], takes: Callable, expects: str) -> Form:
    """A form that one function checks."""
    kind = Annotated[Any, PlainValidator(check), WithJsonSchema(dict(schema))]
    return Form(kind, takes, expects)


def choice(*options: str, optional: bool = False) -> Form:
    """One of a few texts, or nothing."""

    def check(value: Any) -> str | None:
        if value not in options and not (optional and value is None):
            raise refuse(
                "This is none of the choices", expected=", ".join(options), got=shown(value),
                do=nearest(str(value), options),
            )  # fmt: skip
        return value

    allowed = [*options, None] if optional else list(options)
    return leaf(check, {"enum": allowed}, lambda v: v in allowed, " or ".join(options))


def of_length(count: int, expects: str) -> Callable[[Any], Any]:
    """Refuses lists of another length."""

    def check(value: Any) -> Any:
        if not isinstance(value, list | tuple) or len(value) != count:
            raise _mismatch(expects, value)
        return value

    return check


def _numeric(value: Any) -> bool:
    return isinstance(value, int | float | str) and not isinstance(value, bool)


def _textual(value: Any) -> bool:
    return isinstance(value, str)


NUMBER = leaf(number, {"type": ["number", "string"]}, _numeric, "a number")
WHOLE = leaf(whole, {"type": ["integer", "string"]}, _numeric, "a whole number")
SWITCH = leaf(switch, {"type": "boolean"}, lambda value: isinstance(value, bool), "true or false")
TEXT = leaf(text, {"type": "string"}, _textual, "a text")
PATH = leaf(path, {"type": "string"}, _textual, "a file")
TABLE = leaf(
    path_or_table, {"type": ["string", "object"]},
    lambda value: isinstance(value, str | Mapping), "a file, or columns by name",
)  # fmt: skip
FORMULA = leaf(
    formula, {"type": ["number", "string"]}, lambda value: not isinstance(value, Mapping),
    "a number or a formula",
)  # fmt: skip
ANY = leaf(anything, {}, lambda value: True, "a value")
LEAVES: dict[Any, Form] = {float: NUMBER, int: WHOLE, bool: SWITCH, str: TEXT, Any: ANY, Path: PATH}
