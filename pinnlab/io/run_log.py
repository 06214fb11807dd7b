"""The log of a run: one JSON object a line, safe to read while the run goes on.

Each line is written and flushed as one piece, so that a reader sees whole lines and a killed
process loses at most the one it was writing. A run that is taken up again from step ``k`` first
removes the lines after it, so that no step stands twice in the file.

NaN and infinities are written as the texts ``"NaN"``, ``"Infinity"``, ``"-Infinity"`` (JSON has no
such numbers) and read back as numbers.

Example:
    >>> import tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "log.jsonl")
    >>> with RunLog(path) as log:
    ...     log.write(step=0, loss=1.5)
    ...     log.write(step=1, loss=float("nan"))
    >>> read_log(path)
    [{'step': 0, 'loss': 1.5}, {'step': 1, 'loss': nan}]
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from pinnlab.errors import DataError
from pinnlab.io._json import from_json, to_json


class RunLog:
    """Appends lines to a log; use as a context, or call `close`.

    Args:
        path: The file; its folder is made. Lines already there are kept.
        resume_after: Keep only the lines up to this ``step``; the others belong to a part of the
            run that is done again. Lines without a step are kept up to the first removed one.
        fsync: Whether to force each line to the disk, for machines that lose power.

    Raises:
        DataError: If the existing file is not a log, or on `write` if a value is not plain.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        resume_after: int | None = None,
        fsync: bool = False,
    ) -> None:
        self.path, self._fsync = Path(path), fsync
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            _truncate(self.path, resume_after)
        # Unbuffered and appending: each line is one system call.
        self._stream: BinaryIO | None = self.path.open("ab", buffering=0)

    def write(self, **entry: Any) -> None:
        """Append one line of named values: numbers, texts, lists, mappings, arrays, tensors.

        Raises:
            DataError: If a value is none of these, or the log is closed.
        """
        if self._stream is None:
            raise DataError(
                f"The log '{self.path}' is closed",
                expected="an open log",
                got="a line to write",
                do="open the log again; its lines are kept",
            )
        try:
            line = to_json(entry)
        except TypeError as error:
            raise DataError(
                f"A line of the log '{self.path}' cannot be written",
                expected="numbers, texts, booleans, None, lists and mappings of them",
                got=error,
                do="convert the value first",
            ) from error
        self._stream.write(line.encode("ascii") + b"\n")
        if self._fsync:
            os.fsync(self._stream.fileno())

    def close(self) -> None:
        """Close the file; harmless if it is closed."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_log(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """All whole lines of a log; a last line that is only half written is left out.

    Args:
        path: The file.

    Returns:
        One dictionary a line.

    Raises:
        DataError: If there is no such file, or a line before the last is not a JSON object.
    """
    return [entry for _, _, entry in _lines(Path(path))]


def _lines(path: Path) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Where each whole line starts and ends, and what it says."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"The log '{path}' cannot be read",
            expected="a file of JSON lines",
            got=f"{type(error).__name__}: {error}",
            do="check the path; a run folder keeps it as 'log.jsonl'",
        ) from error
    start = 0
    whole = raw.split(b"\n")[:-1]  # what follows the last line end is half written
    for number, line in enumerate(whole, 1):
        end = start + len(line) + 1
        if line.strip():
            entry = None
            with contextlib.suppress(ValueError, RecursionError):
                entry = from_json(line.decode("utf-8"))
            if not isinstance(entry, dict):
                if end == len(raw):
                    return  # a power failure may leave blank bytes in the last line
                raise DataError(
                    f"Line {number} of the log '{path}' is not a JSON object",
                    expected='a line such as {"step": 10, "loss": 0.5}',
                    got=repr(line[:60].decode("utf-8", "replace")),
                    do="remove that line, or start a new log",
                )
            yield start, end, entry
        start = end


def _truncate(path: Path, after: int | None) -> None:
    """Cut off a half-written end and, if given, all from the first step beyond ``after``."""
    keep = 0
    for _, end, entry in _lines(path):
        step = entry.get("step")
        if after is not None and isinstance(step, (int, float)) and step > after:
            break
        keep = end
    if keep < path.stat().st_size:
        with path.open("r+b") as stream:
            stream.truncate(keep)
            stream.flush()
            os.fsync(stream.fileno())
