"""What is said at the end of a run: one sentence, and about fifteen lines."""

import math
from collections.abc import Mapping

from pinnlab.report.data import RunData, last_finite
from pinnlab.report.numbers import clean, duration, error_name, metric_name, number
from pinnlab.report.tables import metric_table, term_table, unknown_table

# A residual this many times larger between the training points than at them means memorised points.
_MEMORISED = 10.0

# An error above this share of the best constant's is no solution.
_TRIVIAL = 0.9

# More rows than this of one table are left to the report.
_ROWS = 8


def verdict(run: RunData) -> tuple[str, str]:
    """How the run came out: a level and a sentence.

    The level is ``"good"`` for a run that ended as planned with an error below that of the best
    constant, ``"bad"`` for one that failed or whose solution is no better than a constant or not
    finite, and ``"open"`` where that cannot be told: an interrupted run, no reference, or a
    residual that is much larger between the training points than at them.
    """
    parts, levels = [], []
    if run.status == "failed":
        parts.append(_stopped("The run failed", run.message))
        levels.append("bad")
    elif run.status not in ("finished", "converged"):
        parts.append(_stopped(f"The run is {clean(run.status, 40)}", run.message))
        levels.append("open")
    level, sentence = _accuracy(run)
    parts.append(sentence)
    levels.append(level)
    for term in run.all_terms():
        if term.held_out is not None and term.held_out > _MEMORISED * term.mean_square > 0:
            ratio = number(term.held_out / term.mean_square, 2)
            parts.append(
                f"The residual of '{clean(term.name, 40)}' is {ratio} times larger (mean square) "
                "on held-out points than on the training points."
            )
            levels.append("open")
    worst = next((level for level in ("bad", "open") if level in levels), "good")
    return worst, " ".join(parts)


def _stopped(what: str, why: str) -> str:
    why = clean(why, 300).rstrip(".")
    return f"{what}: {why}." if why else f"{what}."


def main_metric(values: Mapping[str, float]) -> str | None:
    """The metric that a sentence quotes: the relative L2 error if there is one, else the first."""
    for name in ("relative_l2", "l2_relative", "rel_l2"):
        if name in values:
            return name
    return next(iter(values), None)


def _accuracy(run: RunData) -> tuple[str, str]:
    """Level and sentence about the errors."""
    quoted, level = [], "good"
    for field, values in run.metrics.items():
        metric = main_metric(values)
        if metric is None:
            continue
        error, constant = values[metric], run.baseline.get(field, {}).get(metric)
        text = f"{metric_name(metric)} error of {clean(field, 40)}: {number(error, 2)}"
        if constant is not None:
            text += f" (best constant: {number(constant, 2)})"
        quoted.append(text)
        good = error is not None and math.isfinite(error)
        if not good or (constant is not None and error >= _TRIVIAL * constant):
            level = "bad"
    if not quoted:
        return "open", _unmeasured(run)
    against = f", against {clean(run.reference, 60)}" if run.reference else ""
    sentence = "; ".join(quoted) + against + "."
    if level == "bad":
        sentence += " This is no solution: a field is not finite or no better than a constant."
    return level, sentence[0].upper() + sentence[1:]


def _unmeasured(run: RunData) -> str:
    """What can be said without errors at the end."""
    followed = run.history.errors if run.history is not None else {}
    if followed:
        last = [f"{error_name(k)} {number(last_finite(v), 2)}" for k, v in followed.items()]
        return f"Last measured errors: {'; '.join(last)}."
    terms = run.all_terms()
    loss = sum(term.weighted for term in terms)
    unknown = "No reference was compared with, so the error is unknown"
    if not terms or not math.isfinite(loss):
        return f"{unknown}."
    return f"{unknown}; the last weighted loss is {number(loss, 2)}, which is no measure of it."


def summary(run: RunData, *, color: bool = False, width: int = 100) -> str:
    """The lines that are printed at the end of a run.

    Args:
        run: What the run left behind.
        color: Whether to write colour codes for a terminal.
        width: Characters on a line.

    Returns:
        The verdict, the loss terms by name (raw and weighted), errors, unknowns, times, warnings
        and where the files are; about fifteen lines.
    """
    _, sentence = verdict(run)
    head = f"{clean(run.title, 60)}: {clean(run.status, 40)} after {_effort(run)}"
    lines = [head, *_wrapped(sentence, width)]
    if run.metrics:
        lines += ["", *_short(metric_table(run.metrics, run.baseline, color=color, width=width))]
    if run.unknowns:
        lines += ["", *_short(unknown_table(run.unknowns, color=color, width=width))]
    if run.all_terms():
        lines += ["", *_short(term_table(run.all_terms(), color=color, width=width))]
    for text in list(run.warnings)[:3]:
        lines += _wrapped(f"warning: {clean(text, 300)}", width)
    if len(run.warnings) > 3:
        lines.append(f"... and {len(run.warnings) - 3} more warnings")
    if run.folder:
        lines.append(f"files: {clean(run.folder)}")
    return "\n".join(lines)


def _effort(run: RunData) -> str:
    """Time and steps by phase, in words."""
    parts = []
    for phase in run.all_phases():
        steps = number(phase.last - phase.first)
        parts.append(f"{clean(phase.name, 24)} {steps} steps")
    if not parts and run.history is not None and len(run.history.step):
        parts.append(f"{number(float(run.history.step[-1]))} steps")
    time = duration(run.wall_time()) if run.wall_time() is not None else "an unknown time"
    return f"{time} ({', '.join(parts)})" if parts else time


def _short(text: str) -> list[str]:
    """A table of at most ``_ROWS`` rows below its two head lines; its last row always stays."""
    lines = text.splitlines()
    if len(lines) <= _ROWS + 2:
        return lines
    left_out = len(lines) - _ROWS - 2 + 1
    return [*lines[: _ROWS + 1], f"... {left_out} rows more", lines[-1]]


def _wrapped(text: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width, break_long_words=True)
