"""Columns of numbers in text files: csv, tsv, whitespace, and the exports of COMSOL.

What is recognised, in the order in which it is looked for:

* comment lines, which start with ``%``, ``#``, ``!`` or ``//``;
* a header: the first line if none of its entries is a number, else the last comment line above the
  data if it has one entry a column (``% X   Y   u (K) @ t=0   u (K) @ t=0.1``);
* the delimiter of the first row of data: semicolon, comma, tab, else white space.

A header entry may carry a unit and parameters. Columns that differ only in one parameter are one
*wide* quantity: ``u`` is then ``(rows, times)`` and ``t`` are the times.
"""

import csv
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pinnlab.errors import DataError

_COMMENT = ("%", "#", "!", "//")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eEdD][-+]?\d+)?|[-+]?(nan|inf|infinity)", re.I)
# One entry of a COMSOL header: u (m/s) @ 11: freq=3, t=0.1
_ENTRY = re.compile(
    r"(?P<base>[^\s@(][^\s@]*)(?:\s\((?P<unit>[^)]*)\))?(?:\s?@\s?(?:\d+:\s)?(?P<at>(?:[^\s,]+,\s)*[^\s,]+))?"
)
_PARAMETER = re.compile(r"([A-Za-z_]\w*)=([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)")


@dataclass(frozen=True)
class TextOptions:
    """How to read a text file where it does not show by itself.

    Args:
        encoding: Of the bytes; UTF-8 (or UTF-16 with its mark) if not given.
        delimiter: Between columns; found from the first row if not given.
        decimal: The decimal mark, ``"."`` or ``","``.
        header: Whether the first row that is no comment holds names; found if not given.
    """

    encoding: str | None = None
    delimiter: str | None = None
    decimal: str = "."
    header: bool | None = None


@dataclass(frozen=True, eq=False)
class TextColumns:
    """The columns of one text file, converted to numbers when they are read."""

    path: Path
    labels: tuple[str, ...]  # as written in the header; empty without one
    lines: list[int]  # line number of each row
    numbers: np.ndarray | None  # (rows, columns) where every entry is a number
    entries: list[list[str]] | None  # otherwise the texts

    @property
    def count(self) -> int:
        """Number of columns."""
        return self.numbers.shape[1] if self.numbers is not None else len((self.entries or [[]])[0])

    def column(self, index: int) -> np.ndarray:
        """Column ``index`` as numbers ``(rows,)``; an empty entry is NaN.

        Raises:
            DataError: If an entry is no number; the line is named.
        """
        if self.numbers is not None:
            return self.numbers[:, index]
        rows = self.entries or []
        return np.array([self._number(row[index], k, index) for k, row in enumerate(rows)])

    def _number(self, text: str, row: int, index: int) -> float:
        if not text:
            return np.nan
        if not _NUMBER.fullmatch(text):
            name = f"'{self.labels[index]}'" if self.labels else f"number {index}"
            raise DataError(
                f"Column {name} of '{self.path}' is not numeric",
                expected="a number in every row",
                got=f"{text!r} on line {self.lines[row]}",
                do="correct that line, or choose another column",
            )
        return float(text.replace("d", "e").replace("D", "e"))


def read_text(path: Path, options: TextOptions) -> TextColumns:
    """Read the rows of a text file.

    Raises:
        DataError: If the file is empty or binary, cannot be decoded, or has rows of different
            length.
    """
    lines = _decode(path, options.encoding)
    rows = [
        (number, line)
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.lstrip().startswith(_COMMENT)
    ]
    if not rows:
        raise DataError(
            f"'{path}' has no rows of data",
            expected="at least one row of numbers",
            got="an empty file" if not any(lines) else "comments only",
            do="check the path, or write the file again",
        )
    delimiter = options.delimiter or _find_delimiter(rows[0][1], options.decimal)
    comments = [line.lstrip().lstrip("%#!/").strip() for line in lines[: rows[0][0] - 1] if line]
    first = _split(rows[0][1], delimiter)
    header_line = rows[0][1]
    has_header = options.header
    if has_header is None:
        has_header = not any(_is_number(entry, options.decimal) for entry in first)
    if has_header:
        rows = rows[1:]
        if not rows:
            raise DataError(
                f"'{path}' has a header but no rows of data",
                expected="at least one row of numbers",
                got=f"only the line {first}",
                do="check that the file was written completely",
            )
        if options.delimiter is None and len(_split(rows[0][1], delimiter)) != len(first):
            delimiter = _find_delimiter(rows[0][1], options.decimal)
    numbers, entries = _parse(path, rows, delimiter, options.decimal)
    count = numbers.shape[1] if numbers is not None else len((entries or [[]])[0])
    if has_header:
        labels = _labels_of(first, count) or _split_labels(header_line, delimiter, count)
    else:
        labels = _split_labels(comments[-1], delimiter, count) if comments else ()
    return TextColumns(path, labels, [number for number, _ in rows], numbers, entries)


def wide_groups(labels: tuple[str, ...]) -> dict[str, tuple[str, np.ndarray, list[int]]]:
    """The quantities of a header that stand in several columns, one a parameter value.

    Args:
        labels: The entries of the header.

    Returns:
        For each: the name of the parameter, its values ``(k,)`` and its ``k`` columns.
    """
    columns: dict[str, list[tuple[int, dict[str, float]]]] = {}
    for index, label in enumerate(labels):
        entry = _ENTRY.fullmatch(label)
        if entry and entry["at"]:
            values = {name: float(value) for name, value in _PARAMETER.findall(entry["at"])}
            columns.setdefault(entry["base"], []).append((index, values))
    groups = {}
    for base, found in columns.items():
        varying = [
            name
            for name in found[0][1]
            if len({values.get(name) for _, values in found}) == len(found) > 1
        ]
        constant = all(
            len({values.get(name) for _, values in found}) == 1
            for name in {n for _, values in found for n in values} - set(varying)
        )
        if len(varying) == 1 and constant:
            values = np.array([values[varying[0]] for _, values in found])
            groups[base] = (varying[0], values, [index for index, _ in found])
    return groups


def base_name(label: str) -> str:
    """The name in a header entry, without unit and parameters: ``u (m/s) @ t=0`` is ``u``."""
    entry = _ENTRY.fullmatch(label)
    return entry["base"] if entry else label


def _decode(path: Path, encoding: str | None) -> list[str]:
    raw = path.read_bytes()
    if encoding is None:
        encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = raw.decode(encoding, errors="replace")
    except LookupError as error:
        raise DataError(
            f"'{path}' cannot be decoded",
            expected="the name of an encoding, such as 'utf-8' or 'latin-1'",
            got=repr(encoding),
            do="correct the option `encoding`",
        ) from error
    if "\0" in text:
        raise DataError(
            f"'{path}' is not a text file",
            expected="text, or one of npz, npy, mat, h5",
            got="binary data",
            do="convert it with the program that wrote it",
        )
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, line in enumerate(lines, 1):
        # Comments in an old encoding carry no data; a replaced character elsewhere may.
        if "\ufffd" in line and not line.lstrip().startswith(_COMMENT):
            raise DataError(
                f"'{path}' is not encoded in {encoding}",
                expected="text in the given encoding",
                got=f"undecodable bytes on line {number}",
                do="give `encoding`, for example 'latin-1' or 'gbk', or save the file as UTF-8",
            )
    return lines


def _find_delimiter(line: str, decimal: str) -> str | None:
    for candidate in (";", ",", "\t"):
        if candidate in line and candidate != decimal:
            return candidate
    return None


def _split(line: str, delimiter: str | None) -> list[str]:
    if delimiter is None or delimiter == " ":
        return line.split()
    if '"' in line:
        return [entry.strip() for entry in next(csv.reader([line], delimiter=delimiter))]
    return [entry.strip() for entry in line.split(delimiter)]


def _is_number(entry: str, decimal: str) -> bool:
    return _NUMBER.fullmatch(entry.replace(decimal, ".")) is not None


def _parse(
    path: Path, rows: list[tuple[int, str]], delimiter: str | None, decimal: str
) -> tuple[np.ndarray | None, list[list[str]] | None]:
    texts = [line for _, line in rows]
    if decimal != ".":
        texts = [text.replace(decimal, ".") for text in texts]
    try:  # the fast path, for tables of numbers only
        return np.loadtxt(texts, delimiter=delimiter, comments=None, ndmin=2), None
    except ValueError:
        pass
    entries = [_split(text, delimiter) for text in texts]
    if all(len(row) > 1 and not row[-1] for row in entries):
        entries = [row[:-1] for row in entries]  # each row ends with the delimiter
    lengths = Counter(len(row) for row in entries)
    usual = lengths.most_common(1)[0][0]
    odd = [(rows[k][0], len(row)) for k, row in enumerate(entries) if len(row) != usual]
    if odd:
        some = ", ".join(f"{length} on line {number}" for number, length in odd[:5])
        raise DataError(
            f"'{path}' has rows of different length",
            expected=f"{usual} columns in every row, as in most",
            got=some + (f" and {len(odd) - 5} more" if len(odd) > 5 else ""),
            do="complete or remove those lines, or give the right `delimiter`",
        )
    return None, entries


def _labels_of(entries: list[str], count: int) -> tuple[str, ...]:
    """The entries of a header row, where there is one a column."""
    if len(entries) == count + 1 and not entries[-1]:
        entries = entries[:-1]  # the row ends with the delimiter
    return tuple(entries) if len(entries) == count else ()


def _split_labels(line: str, delimiter: str | None, count: int) -> tuple[str, ...]:
    """The entries of a header line, if some way of splitting gives one a column."""
    ways = [
        [match.group(0).strip() for match in _ENTRY.finditer(line)],
        re.split(r"\s{2,}", line.strip()),
        line.split(),
    ]
    for mark in filter(None, (",", ";", "\t", delimiter)):
        if mark in line:
            ways.insert(0, [entry.strip() for entry in line.split(mark)])
    for entries in ways:
        if len(entries) == count and all(entries):
            return tuple(entry.strip('"') for entry in entries)
    return ()
