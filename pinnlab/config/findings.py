"""What is wrong with a configuration, and where: findings that quote the line they belong to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pinnlab.errors import ConfigError


@dataclass(frozen=True)
class Source:
    """Where text came from.

    Args:
        name: File name as the user wrote it, or "command line".
        lines: Its lines.
    """

    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """A position in a source; both numbers count from one."""

    source: Source
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"

    def quote(self) -> list[str]:
        """The line and a caret under the column."""
        if not 0 < self.line <= len(self.source.lines):
            return []
        line = self.source.lines[self.line - 1].replace("\t", " ").rstrip()
        start = max(0, self.column - 70)  # a long line is cut, so that the caret stays in view
        margin = f"{self.line:5d} | "
        caret = " " * (len(margin) - 2) + "| " + " " * (self.column - 1 - start) + "^"
        return [margin + line[start : start + 100], caret]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Args:
        what: The sentence that names it.
        place: File, line and column.
        path: Keys that lead there, such as ``problem.conditions.ends.on``.
        expected: What would have been right.
        got: What came instead.
        do: What to do about it.
    """

    what: str
    place: Place
    path: str = ""
    expected: str = ""
    got: str = ""
    do: str = ""

    def __str__(self) -> str:
        lines = [f"{self.place}  {self.path}".rstrip(), *self.place.quote()]
        lines += [f"  {line}" for line in self.what.splitlines()]
        for name in ("expected", "got", "do"):
            value = getattr(self, name)
            if value:
                lines.append(f"    {name + ':':<10}{value}")
        return "\n".join(lines)


def refusal(findings: Iterable[Finding]) -> ConfigError:
    """All findings as one error, in the order of the files."""
    ordered = unique(findings)
    name = ordered[0].place.source.name
    count = f"{len(ordered)} errors" if len(ordered) > 1 else "1 error"
    text = "\n\n".join([f"{name} cannot be used: {count}", *map(str, ordered)])
    return ConfigError(text, findings=ordered)


def unique(findings: Iterable[Finding]) -> Sequence[Finding]:
    """Without repetition, sorted by position; equal positions stay in the order found."""
    kept = list(dict.fromkeys(findings))
    return sorted(kept, key=lambda f: (f.place.source.name, f.place.line, f.place.column))
