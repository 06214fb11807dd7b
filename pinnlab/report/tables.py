"""Tables as plain text of fixed width: pure functions from data to a text.

The text is read on a terminal and in a log file alike: only ASCII rules, numbers of a column in one
notation and aligned, no colour unless asked for. Numbers carry three or four significant digits.
A value that is missing is a dash.
"""

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pinnlab.report.data import Finding, Phase, RunData, Term, UnknownValue, as_record
from pinnlab.report.labels import short_labels
from pinnlab.report.numbers import (
    MISSING,
    clean,
    column,
    duration,
    metric_name,
    number,
    with_error,
)

if TYPE_CHECKING:
    from rich.text import Text

# A name longer than this is cut, so that a table keeps its shape.
_NAME = 40

_STYLES = {
    "ok": "green",
    "warning": "yellow",
    "error": "bold red",
    "finished": "green",
    "converged": "green",
    "failed": "bold red",
    "interrupted": "yellow",
}


def table(
    headers: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    numeric: Sequence[bool] | None = None,
    title: str = "",
    color: bool = False,
    width: int = 100,
) -> str:
    """A table of texts.

    Args:
        headers: One for each column.
        rows: Cells; anything with a ``str``.
        numeric: Which columns are set to the right; by default all but the first.
        title: Line above.
        color: Whether to write colour codes for a terminal.
        width: Characters on a line at most; longer texts wrap inside their cell.

    Returns:
        Lines without trailing blanks, and without a line break at the end.

    Example:
        >>> print(table(["term", "size"], [["ends", "0.25"], ["start", "1.00"]]))
        term   size
        -----  ----
        ends   0.25
        start  1.00
    """
    from rich.table import Table
    from rich.text import Text

    right = numeric if numeric is not None else [k > 0 for k in range(len(headers))]
    grid = Table(
        box=None, show_header=False, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0)
    )  # fmt: skip
    for is_number in right:
        grid.add_column(
            justify="right" if is_number else "left", overflow="fold", no_wrap=is_number
        )
    cells = [[clean(cell) for cell in row] for row in rows]
    # The rule is as wide as its column, but no wider than the page allows.
    lengths = [
        max([len(header), *(len(row[k]) for row in cells)]) for k, header in enumerate(headers)
    ]
    while sum(lengths) + 2 * (len(lengths) - 1) > width:
        widest = max(range(len(lengths)), key=lambda k: 0 if right[k] else lengths[k])
        if right[widest] or lengths[widest] <= 8:
            break
        lengths[widest] -= 1
    for k, spec in enumerate(grid.columns):
        spec.width = lengths[k]
    grid.add_row(*(Text(clean(header), style="bold") for header in headers))
    grid.add_row(*(Text("-" * length, style="dim") for length in lengths))
    for row in cells:
        grid.add_row(*(_cell(cell) for cell in row))
    total = sum(lengths) + 2 * len(lengths)
    text = _render(grid, max(width, total), color)
    return f"{clean(title)}\n{text}" if title else text


def _cell(text: str) -> "Text":
    from rich.text import Text

    return Text(text, style=_STYLES.get(text.strip(), ""))  # never read as markup


def _render(content: Any, width: int, color: bool) -> str:
    from rich.console import Console

    stream = io.StringIO()
    console = Console(
        file=stream, width=width, force_terminal=color, legacy_windows=False, highlight=False,
        color_system="standard" if color else None, no_color=not color, emoji=False, markup=False,
        _environ={},
    )  # fmt: skip
    console.print(content)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def term_table(terms: Iterable[Any], *, color: bool = False, width: int = 100) -> str:
    """The loss terms: raw mean square, weight, and their product, which is what is summed.

    Args:
        terms: :class:`Term` objects, or dictionaries or tuples of their parts.
        color: Whether to write colour codes.
        width: Characters on a line.

    Returns:
        The table, its last line the weighted total; columns for points, held-out mean squares and
        units only where a term has them.
    """
    items = [as_record(Term, term) for term in terms]
    if not items:
        return "no loss terms"
    headers, rows = term_rows(items)
    return table(headers, rows, numeric=[h not in ("term", "unit") for h in headers],
                 color=color, width=width)  # fmt: skip


def term_rows(items: Sequence[Term]) -> tuple[list[str], list[list[str]]]:
    """Headers and cells of the table of terms."""
    total = sum(term.weighted for term in items)
    short = short_labels([term.name for term in items], _NAME)
    columns: dict[str, list[str]] = {
        "term": [*(short[term.name] for term in items), "total"],
        "mean square": [*column([term.mean_square for term in items]), ""],
    }
    if any(term.held_out is not None for term in items):
        columns["held out"] = [*column([term.held_out for term in items]), ""]
    columns["weight"] = [*column([term.weight for term in items]), ""]
    columns["weighted"] = column([*(term.weighted for term in items), total])
    if any(term.points is not None for term in items):
        columns["points"] = [*(number(term.points) for term in items), ""]
    if any(term.unit for term in items):
        columns["unit"] = [*(clean(term.unit) for term in items), ""]
    return list(columns), [list(row) for row in zip(*columns.values(), strict=True)]


def metric_table(
    metrics: Mapping[str, Mapping[str, float]],
    baseline: Mapping[str, Mapping[str, float]] | None = None,
    *,
    color: bool = False,
    width: int = 100,
) -> str:
    """Errors by field, beside those of the best constant, a bar that any solution must clear.

    Args:
        metrics: {field: {metric: value}}.
        baseline: The same for the best constant.
        color: Whether to write colour codes.
        width: Characters on a line.

    Returns:
        A row for each field and, below it, for its best constant.
    """
    headers, rows = metric_rows(metrics, baseline or {})
    return table(headers, rows, color=color, width=width) if rows else "no errors were measured"


def metric_rows(
    metrics: Mapping[str, Mapping[str, float]], baseline: Mapping[str, Mapping[str, float]]
) -> tuple[list[str], list[list[str]]]:
    """Headers and cells of the table of errors."""
    names = list(dict.fromkeys(name for values in metrics.values() for name in values))
    labels, lines = [], []
    for field, values in metrics.items():
        labels.append(clean(field, _NAME))
        lines.append([values.get(name) for name in names])
        if field in baseline:
            labels.append("(best constant)")
            lines.append([baseline[field].get(name) for name in names])
    columns = [column([line[k] for line in lines]) for k in range(len(names))]
    rows = [[label, *(cells[i] for cells in columns)] for i, label in enumerate(labels)]
    return ["field", *(metric_name(name) for name in names)], rows


def unknown_table(unknowns: Mapping[str, Any], *, color: bool = False, width: int = 100) -> str:
    """Identified numbers with their standard errors, and how far they are from the truth if known.

    Args:
        unknowns: :class:`UnknownValue` by name, or a dictionary of its parts, or a number.
        color: Whether to write colour codes.
        width: Characters on a line.
    """
    if not unknowns:
        return "no unknowns"
    headers, rows = unknown_rows(unknowns)
    return table(headers, rows, numeric=[h not in ("unknown", "unit") for h in headers],
                 color=color, width=width)  # fmt: skip


def unknown_rows(unknowns: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Headers and cells of the table of unknowns."""
    items = {name: as_record(UnknownValue, value) for name, value in unknowns.items()}
    columns: dict[str, list[str]] = {
        "unknown": [clean(name, _NAME) for name in items],
        "estimate": [with_error(item.value, item.error) for item in items.values()],
    }
    if any(item.true is not None for item in items.values()):
        columns["true value"] = [number(item.true, 4) for item in items.values()]
        columns["relative error"] = [number(item.relative_error) for item in items.values()]
    if any(item.unit for item in items.values()):
        columns["unit"] = [clean(item.unit) for item in items.values()]
    return list(columns), [list(row) for row in zip(*columns.values(), strict=True)]


def finding_table(findings: Iterable[Any], *, color: bool = False, width: int = 100) -> str:
    """What a check found: level, what, where, what to do; errors first.

    Args:
        findings: :class:`Finding` objects, or dictionaries or tuples of their parts.
        color: Whether to write colour codes.
        width: Characters on a line.
    """
    items = sorted_findings(findings)
    if not items:
        return "nothing was checked"
    rows = [[item.level, item.what, item.where, item.do] for item in items]
    headers = ["", "what", "where", "do"]
    used = [k for k in range(4) if k < 2 or any(row[k] for row in rows)]
    body = table(
        [headers[k] for k in used], [[row[k] for k in used] for row in rows],
        numeric=[False] * len(used), color=color, width=width,
    )  # fmt: skip
    return f"{body}\n{count_findings(items)}"


def sorted_findings(findings: Iterable[Any]) -> list[Finding]:
    """Findings with errors first, then warnings, each in their order."""
    order = {"error": 0, "warning": 1}
    items = [as_record(Finding, finding) for finding in findings]
    return sorted(items, key=lambda item: order.get(item.level, 2))


def count_findings(findings: Sequence[Finding]) -> str:
    """How many of each level, in words."""
    parts = []
    for level in ("error", "warning", "ok"):
        count = sum(item.level == level for item in findings)
        word = level if level == "ok" or count == 1 else level + "s"
        if count:
            parts.append(f"{count} {word}")
    return ", ".join(parts) or "nothing was checked"


def phase_table(phases: Iterable[Any], *, color: bool = False, width: int = 100) -> str:
    """Phases with steps, times and how they ended.

    Args:
        phases: :class:`Phase` objects, or dictionaries or tuples of their parts.
        color: Whether to write colour codes.
        width: Characters on a line.
    """
    headers, rows = phase_rows([as_record(Phase, phase) for phase in phases])
    if not rows:
        return "no phase was run"
    return table(
        headers, rows, numeric=[False, True, True, True, False], color=color, width=width
    )  # fmt: skip


def phase_rows(phases: Sequence[Phase]) -> tuple[list[str], list[list[str]]]:
    """Headers and cells of the table of phases."""
    rows = []
    for phase in phases:
        steps = phase.last - phase.first
        each = phase.seconds / steps if phase.seconds is not None and steps > 0 else None
        rows.append([clean(phase.name, _NAME), number(steps), duration(phase.seconds),
                     duration(each), clean(phase.status)])  # fmt: skip
    return ["phase", "steps", "time", "per step", "status"], rows


def comparison_table(runs: Sequence[RunData], *, color: bool = False, width: int = 120) -> str:
    """Several runs side by side: the settings that differ, their errors, unknowns and times.

    Args:
        runs: The runs; one column each, headed by its title.
        color: Whether to write colour codes.
        width: Characters on a line.
    """
    if not runs:
        return "no runs"
    headers, rows = comparison_rows(runs)
    return table(headers, rows, color=color, width=width)


def comparison_rows(runs: Sequence[RunData]) -> tuple[list[str], list[list[str]]]:
    """Headers and cells of the comparison."""
    settings = [flat_settings(run.settings) for run in runs]
    rows: list[list[str]] = []
    for path in dict.fromkeys(path for each in settings for path in each):
        cells = [setting(each[path]) if path in each else MISSING for each in settings]
        if len(set(cells)) > 1:
            rows.append([clean(path, 48), *(clean(cell, 28) for cell in cells)])
    rows.append(["status", *(clean(run.status) for run in runs)])
    keys = [(f, m) for run in runs for f, values in run.metrics.items() for m in values]
    for field, metric in dict.fromkeys(keys):
        values = [run.metrics.get(field, {}).get(metric) for run in runs]
        rows.append([f"{clean(field, 24)} {metric_name(metric)}", *column(values)])
    for name in dict.fromkeys(name for run in runs for name in run.unknowns):
        cells = [run.unknowns.get(name) for run in runs]
        rows.append([clean(name, _NAME), *(MISSING if c is None else _estimate(c) for c in cells)])
    rows.append(["time", *(duration(run.wall_time()) for run in runs)])
    return ["", *(clean(run.title, 28) for run in runs)], rows


def _estimate(value: Any) -> str:
    item = as_record(UnknownValue, value)
    return with_error(item.value, item.error)


def flat_settings(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted path; an element of a list by its number from zero.

    Example:
        >>> flat_settings({"phases": [{"kind": "Adam", "steps": 5}], "seed": 0})
        {'phases.0.kind': 'Adam', 'phases.0.steps': 5, 'seed': 0}
    """
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            flat.update(flat_settings(value, path + "."))
        elif isinstance(value, list | tuple) and any(isinstance(v, Mapping) for v in value):
            flat.update(flat_settings({str(k): v for k, v in enumerate(value)}, path + "."))
        else:
            flat[path] = value
    return flat


def setting(value: object) -> str:
    """A setting as it would be written in a YAML file."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "null"
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.6g}"
    try:
        return json.dumps(value)
    except (TypeError, ValueError):
        return str(value)
