"""Whatever stands anywhere in a file, it loads or is refused at a place: nothing else escapes."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from pinnlab.config import Finding, parse_config, to_yaml
from pinnlab.config.document import parse_document
from pinnlab.errors import ConfigError

VALUES = [None, -1.5, "a b (", [1, "q"], {"a": 1}, True, float("inf")]


def paths(value: Any, path: tuple = ()) -> Iterator[tuple]:
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, entry in value.items() if isinstance(value, dict) else enumerate(value):
            yield from paths(entry, (*path, key))


def parent(root: Any, path: tuple) -> tuple[Any, Any]:
    """A copy of the tree, and in it what holds the path's last key."""
    out = copy.deepcopy(root)
    node = out
    for key in path[:-1]:
        node = node[key]
    return out, node


def findings(data: Any) -> list[Finding] | None:
    try:
        parse_config(to_yaml(data))
    except ConfigError as error:
        return error.findings
    return None


def check(found: list[Finding] | None, path: tuple) -> None:
    if found is not None:
        assert found, path
        for finding in found:
            assert finding.what, path
            assert finding.place.quote(), (path, str(finding))


@pytest.mark.parametrize("k", range(len(VALUES)), ids=lambda k: repr(VALUES[k]))
def test_replaced_values(burgers: str, k: int) -> None:
    root = parse_document(burgers).root.data
    every = list(paths(root))
    assert len(every) > 40
    for path in every:
        data, node = parent(root, path)
        node[path[-1]] = VALUES[k]
        check(findings(data), path)


def test_removed_keys(burgers: str) -> None:
    root = parse_document(burgers).root.data
    for path in paths(root):
        data, node = parent(root, path)
        del node[path[-1]]
        check(findings(data), path)


def test_added_keys(burgers: str) -> None:
    # Where extra keys are fields or names of the user's, they are refused for another reason.
    root = parse_document(burgers).root.data
    for path in [("problem",), ("surrogate",), ("points",), ("phases", 0), ("run",)]:
        data, node = parent(root, (*path, "qqq"))
        node["qqq"] = 1
        (found,) = findings(data) or []
        assert found.path.endswith("qqq")
