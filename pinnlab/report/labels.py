"""Short labels for names, of which no two are alike: what names differ in is not cut off."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from pinnlab.report.numbers import clean


def short_labels(names: Iterable[str], limit: int) -> dict[str, str]:
    """A label of at most ``limit`` characters for each of some different names.

    A name that is too long loses its end; where that makes labels alike, its middle, or what it
    begins with as others do; and where nothing else helps, its label ends with its number.

    Example:
        >>> print(short_labels(["wall", "a sensor at left", "a sensor at right"], 12))
        {'wall': 'wall', 'a sensor at left': 'a sen…t left', 'a sensor at right': 'a sen…right'}
    """
    known = list(dict.fromkeys(names))
    found = {name: clean(name, limit) for name in known}
    for alike in _alike(found):
        found |= _told_apart(alike, limit)
    for alike in _alike(found):
        found |= {name: _numbered(name, known.index(name) + 1, limit) for name in alike}
    return found


def _alike(found: dict[str, str]) -> list[list[str]]:
    """The names whose label others have as well, in lists of one label each."""
    often = [label for label, count in Counter(found.values()).items() if count > 1]
    return [[name for name, label in found.items() if label == one] for one in often]


def _told_apart(alike: Sequence[str], limit: int) -> dict[str, str]:
    """Labels for names that begin alike; the old ones, which are alike, if no cut helps."""
    texts = [clean(name) for name in alike]
    shortest = min(map(len, texts))
    common = next((k for k in range(shortest) if len({t[k] for t in texts}) > 1), shortest)
    cuts: list[Callable[[str], str]] = [
        lambda text: _without_middle(text, limit, limit // 2),
        lambda text: _without_middle(text, limit, 2 * limit // 3),
        lambda text: clean(f"{text[: limit // 3].rstrip()}…{text[max(common - 2, 0) :]}", limit),
    ]
    for cut in cuts:
        made = [text if len(text) <= limit else cut(text) for text in texts]
        if len(set(made)) == len(made):
            return dict(zip(alike, made, strict=True))
    return {}


def _without_middle(text: str, limit: int, end: int) -> str:
    return f"{text[: limit - 1 - end].rstrip()}…{text[-end:].lstrip()}"


def _numbered(name: str, number: int, limit: int) -> str:
    mark = f" #{number}"
    return clean(name, max(1, limit - len(mark))) + mark
