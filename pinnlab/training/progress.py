"""The line that says how far a run is."""

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
        self._width = 0

    def update(self, step: int, record: Mapping[str, Any]) -> None:
        """Show the state of a step, at most every 0.2 s on a terminal, every 10 s elsewhere."""
        now = time.perf_counter()
        self._errors = record.get("errors", self._errors)
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
        parts += [f"{k} = {v:.5g}" for k, v in record.get("unknowns", {}).items()]
        parts += [f"error {k} {v['relative_l2']:.2e}" for k, v in self._errors.items()]
        if rate:
            parts.append(f"{rate:.0f} steps/s" if rate >= 10 else f"{1 / rate:.2g} s/step")
            parts.append(f"{left / 60:.0f} min left" if left > 90 else f"{left:.0f} s left")
        return " | ".join(parts)

    def _write(self, text: str) -> None:
        if self.live:
            self.stream.write("\r" + text.ljust(self._width))
            self._width = len(text)
        else:
            self.stream.write(text + "\n")
        self.stream.flush()

    def close(self) -> None:
        """End the line."""
        if self.live and self._width:
            self.stream.write("\n")
            self.stream.flush()
