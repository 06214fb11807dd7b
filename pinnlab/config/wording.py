"""Errors of pydantic and of constructors in one wording, each kept at its place."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from pinnlab.config.document import Document, Node, dotted
from pinnlab.config.findings import Finding, Place
from pinnlab.config.leaves import refuse, shown
from pinnlab.config.signature import parameters
from pinnlab.errors import PinnlabError, nearest


def invalid(title: str, loc: tuple, *errors: PydanticCustomError) -> ValidationError:
    """An error at a place below the present one."""
    details = [InitErrorDetails(type=error, loc=loc, input=None) for error in errors]
    return ValidationError.from_exception_data(title, details)


def gathered(title: str, errors: Iterable[tuple[tuple, Exception]]) -> ValidationError:
    """Errors of several places as one."""
    details: list[InitErrorDetails] = []
    for loc, error in errors:
        if isinstance(error, ValidationError):
            inner = reworded(error)
            details += [
                InitErrorDetails(type=_again(e), loc=(*loc, *e["loc"]), input=None)
                for e in inner.errors()
            ]
        elif isinstance(error, PydanticCustomError):
            details.append(InitErrorDetails(type=error, loc=loc, input=None))
        else:
            details.append(
                InitErrorDetails(type="value_error", loc=loc, input=None, ctx={"error": error})
            )
    return ValidationError.from_exception_data(title, details)


class Mistakes:
    """Collects the errors of several places, so that all of them are told at once.

    Args:
        title: What is read.
        found: Errors by their places, known already.
    """

    def __init__(self, title: str, found: Iterable[tuple[tuple, Exception]] = ()) -> None:
        self.title = title
        self.found = list(found)

    @contextmanager
    def at(self, *loc: Any) -> Iterator[None]:
        """What is read inside belongs to this place; an error ends it there, and is kept."""
        try:
            yield
        except ValueError as error:
            self.found.append((loc, error))

    def tell(self) -> None:
        """Raise what was found, if anything was.

        Raises:
            ValidationError: With every error at its place.
        """
        if self.found:
            raise gathered(self.title, self.found)


def _again(detail: Mapping[str, Any]) -> PydanticCustomError | str:
    return PydanticCustomError("pinnlab", "{what}", dict(detail.get("ctx", {})))


# A signature that a file knows by another name.
_SPOKEN = {"solve": "The section `run`"}
_WORDS = {
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "string_type": "a text",
}


def reworded(
    error: ValidationError, target: Callable | None = None, known: Sequence[str] = ()
) -> ValidationError:
    """The same errors in our words; errors of a level below have been reworded there."""
    details: list[InitErrorDetails] = []
    for detail in error.errors(include_url=False):
        ctx = detail.get("ctx", {})
        kind: Any = _again(detail) if detail["type"] == "pinnlab" else None
        if kind is None and isinstance(ctx.get("error"), PinnlabError):
            kind = _told(ctx["error"])
        if kind is None:
            kind = _plain_error(detail, target, known)
        details.append(InitErrorDetails(type=kind, loc=detail["loc"], input=None))
    return ValidationError.from_exception_data(error.title, details)


def _told(error: PinnlabError) -> PydanticCustomError:
    """What a constructor said, its parts kept."""
    parts = {
        "what": error.what, "expected": _text(error.expected), "got": _text(error.got),
        "do": error.do or "", "at": "inside", "findings": getattr(error, "findings", []),
    }  # fmt: skip
    return PydanticCustomError("pinnlab", "{what}", parts)


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else shown(value)


def _plain_error(
    detail: Mapping[str, Any], target: Callable | None, known: Sequence[str]
) -> PydanticCustomError:
    kind, loc, value = detail["type"], detail["loc"], detail["input"]
    name = getattr(target, "__name__", "this") if target else "this"
    last = loc[-1] if loc else ""
    if kind == "missing" and isinstance(last, str):
        text = next(
            (p.text for p in parameters(target).values() if p.key == last) if target else iter(()),
            "",
        )
        return refuse(
            f"'{last}' is missing", expected=f"{last}: {text.split('. ')[0].rstrip('.')}",
            got=shown(value), do=f"add `{last}`", at="missing",
        )  # fmt: skip
    if kind == "extra_forbidden":
        return refuse(
            f"{_SPOKEN.get(name, name)} has no option '{last}'", expected=", ".join(known),
            got=str(last), do=nearest(str(last), known) or "remove it", at="key",
        )  # fmt: skip
    expected = _WORDS.get(kind, "")
    if expected:
        return refuse(f"This is not {expected}", expected=expected, got=shown(value))
    return refuse(str(detail["msg"]), got=shown(value))


def findings_of(error: ValidationError, document: Document) -> list[Finding]:
    """Every error as a finding at its place in the file."""
    out: list[Finding] = []
    for detail in reworded(error).errors(include_url=False):
        parts = detail.get("ctx", {})
        if parts.get("findings"):
            out += parts["findings"]
            continue
        path, node = document.locate(detail["loc"])
        place = _place(node, parts)
        if parts.get("at") == "inside":
            path, place = refine(path, node, parts)
        elif parts.get("at") == "missing":
            place = node.key or node.place
            path = tuple(detail["loc"])
        out.append(
            Finding(
                _headline(parts, place), place, dotted(path), parts.get("expected", ""),
                parts.get("got", ""), _quoting(document.locate(path)[1]) or parts.get("do", ""),
            )
        )  # fmt: skip
    return out


def _quoting(node: Node) -> str:
    """The advice for ``{poisson: d(u, x)}``, whose comma ends the text."""
    value, place = node.value, node.place
    if not node.text or value.count("(") <= value.count(")"):
        return ""
    line = place.source.lines[place.line - 1]
    cut = line[place.column - 1 + len(value) :].lstrip().startswith(",")
    return "inside { } a comma ends the text: put quotes around the formula" if cut else ""


def _headline(parts: Mapping[str, Any], place: Place) -> str:
    """The message without an excerpt that the quoted line shows already."""
    what = str(parts.get("what", ""))
    excerpt = _caret(what)
    quoted = place.quote()
    shown_already = excerpt is not None and bool(quoted) and excerpt[0] in quoted[0]
    return what.splitlines()[0] if shown_already else what


def _place(node: Node, parts: Mapping[str, Any]) -> Place:
    return (node.key if parts.get("at") == "key" else None) or node.place


def refine(path: tuple, node: Node, parts: Mapping[str, Any]) -> tuple[tuple, Place]:
    """Where below a node an error of its constructor belongs.

    Constructors know nothing of files. They say what they got, and where that is a word, it is
    looked for below the node: as a value, as a key, and as a word of a formula.
    """
    what = str(parts.get("what", ""))
    caret = _caret(what)
    word = str(parts.get("got", "")).strip("'\"")
    below = list(node.walk(path))
    if caret is not None:
        text, column = caret
        for where, found in below:
            if found.text and found.value == text:
                return where, _moved(found.place, column)
    if word:
        for where, found in below:
            if found.entries is None and found.items is None and str(found.value) == word:
                return where, found.place
        for where, found in below:
            if where != path and str(where[-1]).replace(".", "_") == word and found.key:
                return where, found.key
        for where, found in below:
            match = re.search(rf"(?<![\w.]){re.escape(word)}(?!\w)", str(found.value))
            if match and found.text:
                return where, _moved(found.place, match.start())
    for where, found in below:  # a file that the message names with its folder
        if found.text and "." in str(found.value) and str(found.value) in what:
            return where, found.place
    for where, found in below:  # the option that the message speaks of: "the radius", "lr=-1"
        if len(where) == len(path) + 1 and found.key and _speaks_of(what, str(where[-1])):
            return where, found.place
    return path, node.key or node.place


def _speaks_of(what: str, key: str) -> bool:
    word = rf"(?<![\w']){re.escape(key)}(?![\w'])|'{re.escape(key)}'"
    return re.search(rf"(?i){word}", what) is not None


def _moved(place: Place, columns: int) -> Place:
    return Place(place.source, place.line, place.column + columns)


def _caret(what: str) -> tuple[str, int] | None:
    """The formula and the column that a message about its grammar points at."""
    lines = what.splitlines()
    if len(lines) < 3 or lines[-1].strip() != "^":
        return None
    indent = len(lines[-2]) - len(lines[-2].lstrip())
    return lines[-2].strip(), len(lines[-1]) - 1 - indent
