"""Whatever stands anywhere in a file, it loads or is refused at a place: nothing else escapes."""

import copy

import pytest

from pinnlab.config import parse_config, to_yaml
from pinnlab.config.document import parse_document
from pinnlab.errors import ConfigError

VALUES = [None, -1.5, "a b (", [1, "q"], {"a": 1}, True, float("inf")]


def paths(value, path=()):
    yield path
    if isinstance(value, dict | list):
        for key, entry in value.items() if isinstance(value, dict) else enumerate(value):
            yield from paths(entry, (*path, key))


def replaced(root, path, value):
    out = copy.deepcopy(root)
    node = out
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return out


@pytest.mark.parametrize("k", range(len(VALUES)), ids=lambda k: repr(VALUES[k]))
def test_replaced_values(burgers: str, k: int) -> None:
    root = parse_document(burgers).root.data
    every = [path for path in paths(root) if path]
    assert len(every) > 40
    for path in every[k % 2 :: 2]:  # half of them for each value, to stay within seconds
        text = to_yaml(replaced(root, path, VALUES[k]))
        try:
            parse_config(text)
        except ConfigError as error:
            assert error.findings
            for finding in error.findings:
                assert finding.what
                assert finding.place.quote(), (path, str(finding))


def test_removed_keys(burgers: str) -> None:
    root = parse_document(burgers).root.data
    for path in [path for path in paths(root) if path]:
        out = copy.deepcopy(root)
        node = out
        for key in path[:-1]:
            node = node[key]
        del node[path[-1]]
        try:
            parse_config(to_yaml(out))
        except ConfigError as error:
            assert all(f.what and f.place.quote() for f in error.findings)
