"""Changes on the command line: ``phases.0.steps=10``."""

from collections.abc import Iterable

from pinnlab.config.document import Document, Node, dotted, parse_value
from pinnlab.config.findings import Finding, Place, Source, refusal
from pinnlab.errors import ConfigError, nearest


def override(document: Document, changes: Iterable[str]) -> None:
    """Put new values into the tree of a file; whether they are allowed is checked with the rest.

    Args:
        document: Changed in place.
        changes: Texts such as ``run.seed=3``; the right side is YAML.

    Raises:
        ConfigError: If a path leads nowhere; all findings.
    """
    findings: list[Finding] = []
    for change in changes:
        place = Place(Source("command line", (change,)))
        name, equals, _ = change.partition("=")
        if not equals or not name.strip():
            findings.append(
                Finding(
                    f"'{change}' changes nothing", place, expected="key.path=value",
                    got=change, do="write for example phases.0.steps=100",
                )
            )  # fmt: skip
            continue
        try:
            value = parse_value(change, "command line")
        except ConfigError as error:
            findings += error.findings
            continue
        value.key = place
        problem = _put(document.root, name.strip().split("."), value, place)
        if problem is not None:
            findings.append(problem)
    if findings:
        raise refusal(findings)


def _put(node: Node, steps: list[str], value: Node, place: Place) -> Finding | None:
    done: list[str] = []
    while True:
        _open_short_form(node)
        if node.entries is not None:
            key = _longest_key(node.entries, steps)
            used = key.count(".") + 1
        elif node.items is not None:
            key, used = steps[0], 1
            if not key.isdigit() or int(key) >= len(node.items):
                return _lost(done, key, place, [str(k) for k in range(len(node.items))])
        else:
            return _lost(done, steps[0], place, [])
        done, steps = [*done, key], steps[used:]
        if not steps:
            if node.entries is not None:
                node.entries[key] = value
            elif node.items is not None:
                node.items[int(key)] = value
            return None
        below = node.child(int(key) if node.items is not None else key)
        if below is None or (below.value is None and not (below.entries or below.items)):
            if steps[0].isdigit():
                return _lost(done, steps[0], place, [])
            below = Node(place, entries={}, key=place)
            assert node.entries is not None
            node.entries[key] = below
        node = below


def _longest_key(entries: dict[str, Node], steps: list[str]) -> str:
    """The first step, or several of them where a key has dots, such as ``u.t``."""
    for length in range(len(steps), 1, -1):
        if ".".join(steps[:length]) in entries:
            return ".".join(steps[:length])
    return steps[0]


def _open_short_form(node: Node) -> None:
    """``surrogate: MLP`` becomes ``{kind: MLP}``, so that it can take options."""
    if isinstance(node.value, str):
        node.entries = {"kind": Node(node.place, value=node.value, key=node.key, text=node.text)}
        node.value, node.text = None, False


def _lost(done: list[str], key: str, place: Place, known: list[str]) -> Finding:
    where = f"'{dotted(done)}'" if done else "the file"
    return Finding(
        f"There is no '{key}' in {where}", place, dotted([*done, key]),
        expected=", ".join(known) or "a key that leads to a value", got=key,
        do=nearest(key, known) or "correct the path",
    )  # fmt: skip
