"""The line that says how far a run is."""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

SHOWN_TERMS = 6


class Progress:
    """A progress line that names every term; on a terminal it is redrawn, else printed rarely.

    Args:
        total: Steps of the run.
        names: Names of the terms.
        stream: Where to write; standard error by default.
    """

    def __init__(self, total: int, names: Sequence[str], stream: Any = None) -> None:
        self.total, self.names = total, names
        self.stream = stream or sys.stderr
        self.live = bool(getattr(self.stream, "isatty", lambda: False)())
        self._began = self._shown = time.perf_counter()
        self._first: int | None = None
        self._errors: dict[str, Any] = {}
        self._conflicts = _Conflicts()
        self._width = 0

    def update(self, step: int, record: Mapping[str, Any]) -> None:
        """Show the state of a step, at most every 0.2 s on a terminal, every 10 s elsewhere."""
        now = time.perf_counter()
        self._errors = record.get("errors", self._errors)
        self._conflicts.add(record.get("conflicts", {}))
        if self._first is None:
            self._first = step
        pause = 0.2 if self.live else 10.0
        if now - self._shown < pause and step < self.total and step > self._first:
            return
        self._shown = now
        self._write(self.line(step, record, now - self._began))

    def line(self, step: int, record: Mapping[str, Any], seconds: float) -> str:
        """The text for one step: mean squares of the terms are unweighted."""
        done = step - (self._first or 0)
        rate = done / seconds if seconds > 0 and done else 0.0
        left = (self.total - step) / rate if rate else 0.0
        terms = list(record["terms"].items())
        shown = [f"{name} {value:.1e}" for name, value in terms[:SHOWN_TERMS]]
        if len(terms) > SHOWN_TERMS:
            shown.append(f"+{len(terms) - SHOWN_TERMS} more")
        parts = [
            f"{record['phase']} {step}/{self.total}",
            f"loss {record['loss']:.3e}",
            "mean squares: " + ", ".join(shown),
        ]
        if conflicts := self._conflicts.text():
            parts.append(conflicts)
        parts += [f"{k} = {v:.5g}" for k, v in record.get("unknowns", {}).items()]
        parts += [f"error {k} {v['relative_l2']:.2e}" for k, v in self._errors.items()]
        if rate:
            parts.append(f"{rate:.0f} steps/s" if rate >= 10 else f"{1 / rate:.2g} s/step")
            parts.append(f"{left / 60:.0f} min left" if left > 90 else f"{left:.0f} s left")
        return " | ".join(parts)

    def _write(self, text: str) -> None:
        if self.live:
            room = self._room()
            if room and len(text) > room:  # a line that wraps cannot be drawn over
                text = text[: room - 1] + "…"
            self.stream.write("\r" + text.ljust(self._width))
            self._width = len(text)
        else:
            self.stream.write(text + "\n")
        self.stream.flush()

    def _room(self) -> int:
        """Characters on a line of the terminal; 0 if that cannot be told."""
        try:
            return os.get_terminal_size(self.stream.fileno()).columns - 1
        except (OSError, AttributeError, ValueError):
            return 0

    def close(self) -> None:
        """End the line."""
        if self.live and self._width:
            self.stream.write("\n")
            self.stream.flush()


class _Conflicts:
    """How often gradients opposed each other since the line was last shown, and which most."""

    def __init__(self) -> None:
        self._text = ""
        self._begin()

    def _begin(self) -> None:
        self._steps, self._conflicting = 0, 0.0
        self._cosines: dict[tuple[str, str], float] = {}

    def add(self, entry: Mapping[str, Any]) -> None:
        """Take in an entry ``conflicts`` of the log."""
        steps = entry.get("steps", 0)
        if not steps:
            return
        self._steps += steps
        self._conflicting += steps * entry["conflicting"]
        for first, row in entry["cosines"].items():
            for second, cosine in row.items():
                sum_ = self._cosines.get((first, second), 0.0)
                self._cosines[first, second] = sum_ + steps * cosine

    def text(self) -> str:
        """The words for all since the last call; the old ones if there is nothing new."""
        if not self._steps:
            return self._text
        self._text = f"conflicts {100 * self._conflicting / self._steps:.0f} %"
        if self._cosines:
            pair = min(self._cosines, key=lambda pair: self._cosines[pair])
            cosine = self._cosines[pair] / self._steps
            if cosine < 0:
                self._text += f" ({' · '.join(pair)} {cosine:.2f})"
        self._begin()
        return self._text
