"""YAML as data that remembers where everything stands.

A file is read as YAML 1.2 (``1e-3`` is a number, ``on`` and ``no`` are texts) into a tree of
:class:`Node`: plain values, each with the position of itself and of its key. Duplicate keys, keys
that are no text, tags and tabs are findings; all but syntax errors are collected, so that a user
sees every one at once.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pinnlab.config.findings import Finding, Place, Source, refusal
from pinnlab.errors import ConfigError

_LARGEST = 100_000  # nodes; a few nested aliases could otherwise ask for billions
_TAG = "tag:yaml.org,2002:"
_FIXED = {"null": None, "true": True, "false": False}


@dataclass
class Node:
    """A value of the file.

    Args:
        place: Where it begins.
        value: A plain value; None for mappings and lists.
        entries: Nodes by key, of a mapping.
        items: Nodes, of a list.
        key: Where the key that leads to it stands, or where it begins.
        text: Whether the value is a text as it stands on its line, without escapes.
    """

    place: Place
    value: Any = None
    entries: "dict[str, Node] | None" = None
    items: "list[Node] | None" = None
    key: Place | None = None
    text: bool = False

    @property
    def data(self) -> Any:
        """As plain dictionaries, lists and values."""
        if self.entries is not None:
            return {key: node.data for key, node in self.entries.items()}
        if self.items is not None:
            return [node.data for node in self.items]
        return self.value

    def child(self, key: Any) -> "Node | None":
        """The entry or item, if there is one."""
        if self.entries is not None:
            return self.entries.get(key) if isinstance(key, str) else None
        if self.items is not None and isinstance(key, int) and 0 <= key < len(self.items):
            return self.items[key]
        return None

    def walk(self, path: tuple = ()) -> "Iterator[tuple[tuple, Node]]":
        """Itself and everything below it, each with its path."""
        yield path, self
        for key, node in (self.entries or {}).items():
            yield from node.walk((*path, key))
        for key, node in enumerate(self.items or []):
            yield from node.walk((*path, key))


@dataclass
class Document:
    """A file, or a text, as a tree.

    Args:
        source: Name and lines.
        root: The tree.
        folder: What relative paths count from.
        text: The text as given.
    """

    source: Source
    root: Node
    folder: Path
    text: str = field(repr=False)

    def locate(self, path: Sequence[Any]) -> tuple[tuple, Node]:
        """The node that a path leads to, or the last one on the way, and its path.

        Steps that do not exist are left out, because validators add steps of their own.
        """
        node, found = self.root, []
        for step in path:
            below = node.child(step)
            if below is not None:
                node = below
                found.append(step)
        return tuple(found), node


def read_document(path: str | Path) -> Document:
    """Read a YAML file.

    Raises:
        ConfigError: If it cannot be opened, is not UTF-8, or is no YAML mapping; all findings.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigError(
            f"'{path}' cannot be read: {reason}",
            expected="a YAML file",
            got=str(path),
            do="check the path, or write a new file with `pinnlab init`",
        ) from None
    return parse_document(text, name=str(path), folder=path.resolve().parent)


def parse_document(text: str, *, name: str = "<text>", folder: str | Path = ".") -> Document:
    """Read YAML from a text.

    Args:
        text: The YAML.
        name: What to call it in messages.
        folder: What relative paths count from.

    Raises:
        ConfigError: If it is no YAML mapping; all findings.
    """
    source = Source(name, tuple(text.splitlines()))
    findings: list[Finding] = []
    root = _tree(text, source, findings)
    if root.entries is None and not findings:
        empty = root.data is None
        findings.append(
            Finding(
                "The file is empty" if empty else "The file is no mapping",
                root.place,
                expected="keys such as `problem:` and `phases:`",
                got="nothing" if empty else "a list" if root.items is not None else "a text",
                do="see `pinnlab init poisson` for a complete file",
            )
        )
    if findings:
        raise refusal(findings)
    return Document(source, root, Path(folder), text)


def parse_value(text: str, name: str) -> Node:
    """Read one value, such as the right side of an override.

    Raises:
        ConfigError: If it is no YAML.
    """
    _, _, value = text.partition("=")
    source = Source(name, (text,))
    findings: list[Finding] = []
    # Blanks in place of the key keep the columns of the value.
    node = _tree(" " * (len(text) - len(value)) + value, source, findings)
    if findings:
        raise refusal(findings)
    return node


def _tree(text: str, source: Source, findings: list[Finding]) -> Node:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    start = Place(source)
    try:
        node = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        findings.append(_syntax(error, source))
        return Node(start)
    except (YAMLError, ValueError, RecursionError) as error:
        findings.append(Finding(f"This is no YAML: {str(error).splitlines()[0]}", start))
        return Node(start)
    return Node(start) if node is None else _Builder(source, findings).build(node, ())


_HINTS = (
    ("\\t", "A tab stands where YAML allows spaces only", "indent with spaces"),
    ("mapping values are not allowed", "A second ':' stands on this line",
     "put quotes around the text, or begin a new line"),
    ("cannot start any token", "A text begins with a character that YAML reserves",
     "put quotes around the text"),
    ("undefined alias", "An alias has no anchor: a text that begins with '*' needs quotes",
     "put quotes around the text"),
    ("another document", "A second document begins", "keep one document in a file"),
    ("end of stream", "A quote is not closed", "add the closing quote"),
    ("expected ',' or ']'", "A list is not closed", "add the missing ',' or ']'"),
    ("expected ',' or '}'", "A mapping is not closed", "add the missing ',' or '}'"),
    ("expected <block end>", "The indentation does not fit the lines above",
     "align the keys of one mapping in one column"),
    ("could not find expected ':'", "A key has no ':'", "write `key: value`"),
    ("but found ','", "A ',' stands where a value belongs", "remove it"),
)  # fmt: skip


def _syntax(error: Any, source: Source) -> Finding:
    mark = error.problem_mark or error.context_mark
    # An unclosed bracket or quote is where the mistake is; the parser notices it further down.
    opened = error.context_mark
    if opened is not None and "scalar" in str(error.context):
        mark = opened
    place = Place(source, mark.line + 1, mark.column + 1) if mark else Place(source)
    line = source.lines[place.line - 1] if place.line <= len(source.lines) else ""
    said = str(error.problem)
    if "\t" in line[: place.column]:
        said = "\\t"
    for sign, what, do in _HINTS:
        if sign in said:
            return Finding(what, place, got=str(error.problem), do=do)
    return Finding(f"This is no YAML: {error.problem}", place)


class _Builder:
    """From ruamel's nodes to ours."""

    def __init__(self, source: Source, findings: list[Finding]) -> None:
        self.source, self.findings = source, findings
        self.count = 0
        self.open: list[int] = []

    def place(self, mark: Any) -> Place:
        return Place(self.source, mark.line + 1, mark.column + 1)

    def refuse(self, what: str, place: Place, path: tuple, **parts: str) -> None:
        self.findings.append(Finding(what, place, dotted(path), **parts))

    def build(self, node: Any, path: tuple) -> Node:
        place = self.place(node.start_mark)
        self.count += 1
        if id(node) in self.open or self.count > _LARGEST:
            if self.count <= _LARGEST + 1:
                self.refuse("An alias contains itself or grows too large", place, path)
            return Node(place)
        self.open.append(id(node))
        out = self._built(node, place, path)
        self.open.pop()
        return out

    def _built(self, node: Any, place: Place, path: tuple) -> Node:
        tag = str(node.tag or "")
        if not tag.startswith(_TAG):
            self.refuse(
                f"The tag '{tag}' is not known", place, path, expected="plain YAML values",
                do="remove it; what needs Python is declared in Python",
            )  # fmt: skip
        elif tag.removeprefix(_TAG) in ("map", "omap", "set") and isinstance(node.value, list):
            return self._mapping(node, place, path)
        elif isinstance(node.value, list):
            items = [self.build(item, (*path, k)) for k, item in enumerate(node.value)]
            return Node(place, items=items)
        else:
            return self._scalar(node, tag.removeprefix(_TAG), place, path)
        return Node(place)

    def _scalar(self, node: Any, kind: str, place: Place, path: tuple) -> Node:
        try:
            value = _value(node.value, kind)
        except ValueError:
            self.refuse(f"'{node.value}' is no {kind}", place, path, do="put quotes around it")
            value = None
        literal = node.style not in ("|", ">") and node.start_mark.line == node.end_mark.line
        if isinstance(value, str) and node.style in ("'", '"'):
            place = Place(self.source, place.line, place.column + 1)
        return Node(place, value=value, text=literal and isinstance(value, str))

    def _mapping(self, node: Any, place: Place, path: tuple) -> Node:
        entries: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key, value in node.value:
            where = self.place(key.start_mark)
            if key.tag == _TAG + "merge":
                merged |= self.build(value, path).entries or {}
                continue
            name = key.value
            if not isinstance(name, str) or key.tag == _TAG + "null":
                self.refuse(
                    "A key is no name", where, path, expected="a name such as `u`",
                    got=str(name)[:40], do="put it in quotes if it is meant as a name",
                )  # fmt: skip
                continue
            below = self.build(value, (*path, name))
            below.key = where
            if name in entries:
                first = entries[name].key
                self.refuse(
                    f"The key '{name}' is given twice", where, (*path, name),
                    expected="every key once",
                    got=f"a second '{name}'; the first stands in line {first.line if first else 0}",
                    do="remove or rename one of them",
                )  # fmt: skip
                continue
            entries[name] = below
        return Node(place, entries=merged | entries)


def _value(text: str, kind: str) -> Any:
    if kind == "null":
        return None
    if kind == "bool":
        return _FIXED[text.lower()]
    if kind == "int":
        digits = text.replace("_", "").lower()
        return int(digits, 0) if digits.lstrip("+-")[:2] in ("0x", "0o", "0b") else int(digits)
    if kind == "float":
        lowered = text.replace("_", "").lower()
        if lowered.endswith((".inf", ".nan")):
            return math.nan if "nan" in lowered else float(lowered.replace(".", ""))
        return float(lowered)
    return text  # texts, and dates, which are none of our types


def dotted(path: Sequence[Any]) -> str:
    """A path as it is written in messages and overrides."""
    return ".".join(str(step) for step in path)
