"""The report of a run as one HTML file that needs nothing else.

Pictures are inside the file, formulas are MathML, the style is inline, and there is no script and
no link to anywhere: the file can be mailed, archived and opened in ten years. Everything that comes
from a user is escaped. Parts that a run did not get to are said to be missing.
"""

import base64
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from pinnlab.errors import DataError
from pinnlab.report.conflict_remarks import Remark, conflict_remarks
from pinnlab.report.conflicts import gradient_rows, pair_rows, plot_conflicts
from pinnlab.report.data import History, RunData, Statement, UnknownValue, as_record
from pinnlab.report.figure import png
from pinnlab.report.formula import latex_of, name_latex
from pinnlab.report.html_style import CSS
from pinnlab.report.mathml import to_mathml
from pinnlab.report.numbers import clean, duration, error_name, number
from pinnlab.report.progress import plot_errors, plot_losses, plot_unknowns, plot_weights
from pinnlab.report.summary import main_metric, verdict
from pinnlab.report.tables import (
    count_findings,
    flat_settings,
    metric_rows,
    phase_rows,
    setting,
    sorted_findings,
    term_rows,
    unknown_rows,
)

_IMAGES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"<svg", "image/svg+xml"),  # inside <img>, where its scripts are dead
    (b"<?xml", "image/svg+xml"),
)

_RAW = "Mean squares are raw, before any weight."

_CONFLICT_NOTE = (
    "The length of the gradient of a weighted term, its effective weight and its share of the step "
    "are those at the end. The effective weight is what the raw gradient was multiplied by in the "
    "direction of the step; the share is the length of that part among those of all terms. A step "
    "is against a term if a small move along its direction lets the term grow. Two gradients "
    "oppose each other if their cosine is negative."
)

# A figure of 9.3 inches fills the page.
_PIXELS_PER_INCH = 104


def write_report(path: str | Path, run: RunData) -> Path:
    """Write the report of a run, whatever it got to.

    The file appears whole or not at all: it is written beside its place and then moved there.

    Args:
        path: File to write; folders that do not exist are made.
        run: What the run left behind.

    Returns:
        The path.

    Raises:
        DataError: If something in ``run.figures`` is no picture.
    """
    path = Path(path)
    text = html_report(run)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(name, 0o644)  # mkstemp gives it to nobody else
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def html_report(run: RunData) -> str:
    """The report as a text; see :func:`write_report`."""
    parts = [
        ("problem", "Problem", _problem(run)),
        ("result", "Result", _result(run)),
        ("training", "Training", _training(run)),
        ("check", "Check before training", _findings(run)),
        ("settings", "Settings", _settings(run)),
        ("versions", "Versions", _versions(run)),
    ]
    title = escape(clean(run.title, 120)) or "Run"
    links = "".join(f'<a href="#{key}">{heading}</a>' for key, heading, _ in parts)
    body = "\n".join(
        f'<section id="{key}">\n<h2>{heading}</h2>\n{content}\n</section>'
        for key, heading, content in parts
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="color-scheme" content="light dark">\n<title>{title}</title>\n'
        f"<style>{CSS}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>\n{_banner(run)}\n"
        f"{_facts(run)}\n{_warnings(run)}\n<nav>{links}</nav>\n</header>\n<main>\n{body}\n</main>\n"
        f"<footer>{_footer(run)}</footer>\n</body>\n</html>\n"
    )


# --- head ----------------------------------------------------------------------------------------


def _banner(run: RunData) -> str:
    level, sentence = verdict(run)
    return (
        f'<div class="banner {level}" role="status"><span class="status">'
        f"{escape(clean(run.status, 60))}</span><p>{escape(sentence)}</p></div>"
    )


def _facts(run: RunData) -> str:
    facts: list[tuple[str, str]] = []
    for field, values in list(run.metrics.items())[:3]:
        metric = main_metric(values)
        if metric is not None:
            facts.append((f"error of {clean(field, 24)}", number(values[metric])))
    for name, value in list(run.unknowns.items())[:2]:
        facts.append((clean(name, 24), number(as_record(UnknownValue, value).value, 4)))
    steps = max((phase.last for phase in run.all_phases()), default=None)
    if steps is None and run.history is not None and len(run.history.step):
        steps = float(run.history.step[-1])
    if steps is not None:
        facts.append(("steps", f"{steps:,.0f}".replace(",", "\u2009")))
    if run.wall_time() is not None:
        facts.append(("wall time", duration(run.wall_time())))
    if not facts:
        return ""
    cells = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in facts)
    return f'<dl class="facts">{cells}</dl>'


def _warnings(run: RunData) -> str:
    blocks = []
    if run.warnings:
        blocks.append(f"<h3>Warnings</h3>{_list(run.warnings)}")
    if run.notes:
        blocks.append(f"<h3>Notes</h3>{_list(run.notes)}")
    return "\n".join(blocks)


def _footer(run: RunData) -> str:
    parts = ["Written by pinnlab."]
    if run.folder:
        parts.append(f"Files: <code>{escape(clean(run.folder))}</code>")
    return " ".join(parts)


# --- problem -------------------------------------------------------------------------------------


def _problem(run: RunData) -> str:
    problem = run.problem
    if problem is None:
        return _missing("The problem was not recorded.")
    parts = []
    if problem.description:
        parts.append(f"<p>{escape(clean(problem.description))}</p>")
    rows = []
    if problem.fields:
        rows.append(("Fields", ", ".join(_math(name_latex(clean(f, 40))) for f in problem.fields)))
    if problem.domain:
        rows.append(("Domain", escape(clean(problem.domain))))
    if problem.parameters:
        shown = [_parameter(name, value) for name, value in problem.parameters.items()]
        rows.append(("Parameters", ", &ensp;".join(shown)))
    if problem.source:
        rows.append(("Source", escape(clean(problem.source))))
    if rows:
        cells = "".join(f"<tr><th>{k}</th><td>{v}</td></tr>" for k, v in rows)
        parts.append(f'<div class="scroll"><table>{cells}</table></div>')
    parts.append("<h3>Equations</h3>")
    parts.append(_statements(problem.equations, "No equation was recorded.", zero=True))
    parts.append("<h3>Conditions</h3>")
    parts.append(_statements(problem.conditions, "No condition was recorded."))
    return "\n".join(parts)


def _parameter(name: str, value: object) -> str:
    symbol = name_latex(clean(name, 40))
    if isinstance(value, bool | int | float | np.number):
        return f"{_math(symbol)} = {escape(number(float(value), 4))}"
    text = clean(value, 200)
    latex = latex_of(text)
    return (
        _math(f"{symbol} = {latex}") if latex else f"{_math(symbol)} = <code>{escape(text)}</code>"
    )


def _statements(statements: Iterable[Any], missing: str, zero: bool = False) -> str:
    cards = [_card(as_record(Statement, item), zero) for item in statements]
    return f'<div class="formulas">{"".join(cards)}</div>' if cards else _missing(missing)


def _card(item: Statement, zero: bool) -> str:
    head = [f"<strong>{escape(clean(item.name, 80))}</strong>"]
    head += [escape(clean(part)) for part in (item.kind, item.where) if part]
    latex = item.latex or latex_of(item.text) or ""
    if latex and zero and "=" not in latex:
        latex += " = 0"
    body = _math(latex, block=True) if latex else f"<code>{escape(clean(item.text))}</code>"
    return (
        f'<div class="formula"><div class="label">{" &middot; ".join(head)}</div>'
        f'<div class="body">{body}</div></div>'
    )


def _math(latex: str, block: bool = False) -> str:
    """A formula, or its source where it cannot be read."""
    latex = clean(latex)
    try:
        return to_mathml(latex, block=block)
    except DataError:
        return f"<code>{escape(latex)}</code>"


# --- result --------------------------------------------------------------------------------------


def _result(run: RunData) -> str:
    parts = ["<h3>Errors</h3>"]
    if run.metrics:
        if run.reference:
            parts.append(f"<p>Against {escape(clean(run.reference))}.</p>")
        headers, rows = metric_rows(run.metrics, run.baseline)
        parts.append(_table(headers, rows, {"(best constant)": "sub"}))
    else:
        parts.append(_missing("No errors were measured: there was no reference to compare with."))
    if run.unknowns:
        parts.append("<h3>Unknowns</h3>")
        parts.append(_table(*unknown_rows(run.unknowns), text=("unknown", "unit")))
        if run.history is not None and run.history.unknowns:
            parts.append(
                _own_figure("Course of the unknowns", plot_unknowns, run.history, run.unknowns)
            )
    if run.figures:
        parts += [_figure(clean(caption), picture) for caption, picture in run.figures.items()]
    else:
        parts.append(_missing("No figures were made."))
    return "\n".join(parts)


# --- training ------------------------------------------------------------------------------------


def _training(run: RunData) -> str:
    parts = []
    terms = run.all_terms()
    if terms:
        parts.append("<h3>Loss terms at the end</h3>")
        parts.append(_table(*term_rows(terms), {"total": "total"}, text=("term", "unit")))
        parts.append(f'<p class="label">{_RAW} {_minimised(run)}</p>')
    else:
        parts.append(_missing("No loss was recorded."))
    parts += _courses(run)
    parts += _conflicts(run)
    phases = run.all_phases()
    parts.append("<h3>Phases</h3>")
    if phases:
        parts.append(_table(*phase_rows(phases), text=("phase", "status")))
    else:
        parts.append(_missing("No phase was run."))
    return "\n".join(parts)


def _minimised(run: RunData) -> str:
    """What the steps went down."""
    conflicts = run.history.conflicts if run.history is not None else None
    if conflicts is None or conflicts.summed:
        return "The weighted total is what was minimised."
    return "Steps, or some of them, were made of the gradients of the terms (below), not of that " \
           "of the total."  # fmt: skip


def _courses(run: RunData) -> list[str]:
    history = run.history
    if history is None or not len(history.step):
        return [_missing("The course of the training was not recorded.")]
    figures = [_own_figure("Raw mean square of each loss term, and the weighted total", plot_losses,
                           history, learning_rate=len(history.learning_rate) > 0)]  # fmt: skip
    if history.errors:
        levels = {f"{f} {m}": v for f, values in run.baseline.items() for m, v in values.items()}
        followed = {error_name(name) for name in history.errors}
        levels = {name: v for name, v in levels.items() if error_name(name) in followed}
        figures.append(
            _own_figure("Error against the reference", plot_errors, history, baseline=levels)
        )
    if _vary(history):
        figures.append(_own_figure("Effective weights of the loss terms", plot_weights, history))
    return figures


def _conflicts(run: RunData) -> list[str]:
    """How the gradients of the terms pulled on each other; nothing if that was not looked at."""
    remarks = conflict_remarks(run.history)
    conflicts = run.history.conflicts if run.history is not None else None
    if not remarks and conflicts is None:
        return []
    parts = ["<h3>Gradients of the loss terms</h3>", _remarks(remarks)]
    if conflicts is None:
        return parts
    parts.append(_own_figure("Cosines of gradients, share of steps in which two opposed each "
                             "other, sizes of gradients, and what each term got of the step",
                             plot_conflicts, run.history))  # fmt: skip
    parts.append(_table(*gradient_rows(conflicts), text=("term",)))
    parts.append(_table(*pair_rows(conflicts), text=("gradients of",)))
    parts.append(f'<p class="label">{escape(_CONFLICT_NOTE)}</p>')
    return parts


def _remarks(remarks: Iterable[Remark]) -> str:
    """Sentences as a list; a number stays with its sign of per cent."""
    texts = (escape(clean(remark.text)).replace(" %", "&nbsp;%") for remark in remarks)
    return "<ul>" + "".join(f"<li>{text}</li>" for text in texts) + "</ul>"


def _vary(history: History) -> bool:
    series = [np.asarray(values, dtype=float) for values in history.weights.values()]
    return any(s.size and np.nanmin(s) != np.nanmax(s) for s in series if not np.isnan(s).all())


# --- check, settings, versions -------------------------------------------------------------------


def _findings(run: RunData) -> str:
    items = sorted_findings(run.findings)
    if not items:
        return _missing("No check was recorded.")
    levels = {"ok": "good", "warning": "open", "error": "bad"}
    rows = []
    for item in items:
        kind = levels.get(item.level, "plain")
        tag = f'<span class="tag {kind}">{escape(clean(item.level))}</span>'
        cells = [tag, *(escape(clean(part)) for part in (item.what, item.where, item.do))]
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    head = "<tr><th></th><th>what</th><th>where</th><th>do</th></tr>"
    body = f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"
    return f'<p>{count_findings(items)}</p><div class="scroll">{body}</div>'


def _settings(run: RunData) -> str:
    if not run.settings:
        return _missing("The settings were not recorded.")
    flat = flat_settings(run.settings)
    defaults = set(run.defaults)
    groups: dict[str, list[str]] = {}
    given = 0
    for path, value in flat.items():
        group, _, rest = path.partition(".")
        default = _is_default(path, defaults)
        given += not default
        mark = '<span class="tag plain">default</span>' if default else ""
        style = ' class="default"' if default else ""
        groups.setdefault(group if rest else "", []).append(
            f"<tr{style}><td>{escape(clean(rest or path))}</td>"
            f"<td><code>{escape(clean(setting(value), 400))}</code></td><td>{mark}</td></tr>"
        )
    blocks = "".join(
        f"<section>{f'<h3>{escape(clean(name))}</h3>' if name else ''}"
        f"<table>{''.join(rows)}</table></section>"
        for name, rows in groups.items()
    )
    count = f"{given} given, {len(flat) - given} by default"
    return f'<details open><summary>{count}</summary><div class="settings">{blocks}</div></details>'


def _is_default(path: str, defaults: set[str]) -> bool:
    """Whether a path or something above it is among the defaults."""
    parts = path.split(".")
    return any(".".join(parts[: k + 1]) in defaults for k in range(len(parts)))


def _versions(run: RunData) -> str:
    if not run.versions:
        return _missing("No versions were recorded.")
    rows = [[str(name), setting(value)] for name, value in run.versions.items()]
    return _table(["", ""], rows, text=("",), head=False)


# --- pieces --------------------------------------------------------------------------------------


def _missing(text: str) -> str:
    return f'<p class="missing">{escape(text)}</p>'


def _list(items: Iterable[object]) -> str:
    return "<ul>" + "".join(f"<li>{escape(clean(item))}</li>" for item in items) + "</ul>"


def _table(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    marks: Mapping[str, str] | None = None,
    *,
    text: Sequence[str] = ("field",),
    head: bool = True,
) -> str:
    """A table; columns not in ``text`` hold numbers; ``marks`` gives classes by the first cell."""
    kinds = ["" if header in text else ' class="number"' for header in headers]
    top = "".join(f"<th{k}>{escape(h)}</th>" for k, h in zip(kinds, headers, strict=True))
    lines = []
    for row in rows:
        mark = (marks or {}).get(row[0])
        cells = "".join(f"<td{k}>{escape(clean(c))}</td>" for k, c in zip(kinds, row, strict=True))
        lines.append(f'<tr class="{mark}">{cells}</tr>' if mark else f"<tr>{cells}</tr>")
    heading = f"<thead><tr>{top}</tr></thead>" if head else ""
    return f'<div class="scroll"><table>{heading}<tbody>{"".join(lines)}</tbody></table></div>'


def _figure(caption: str, picture: Any) -> str:
    """A picture with its caption.

    Figures are drawn with more pixels than they take up, so that they are sharp on any screen and
    their letters as large as those around them.
    """
    text = escape(caption)
    size = ""
    if hasattr(picture, "get_figwidth"):
        size = f' width="{round(_PIXELS_PER_INCH * float(picture.get_figwidth()))}"'
    source = _data_uri(caption, picture)
    return (
        f'<figure><img src="{source}" alt="{text}"{size}><figcaption>{text}</figcaption></figure>'
    )


def _data_uri(caption: str, picture: Any) -> str:
    """A picture as text.

    Raises:
        DataError: If it is neither a Matplotlib figure nor the bytes of a known format.
    """
    data = png(picture) if hasattr(picture, "savefig") else picture
    if isinstance(data, bytes | bytearray):
        for magic, kind in _IMAGES:
            if bytes(data[:64]).lstrip().startswith(magic):
                return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
    raise DataError(
        f"Figure '{clean(caption, 80)}' is no picture",
        expected="a Matplotlib figure, or the bytes of a PNG, JPEG, GIF or SVG",
        got=type(picture).__name__,
        do="pass the figure itself or the content of the file",
    )


def _own_figure(caption: str, plot: Callable[..., Any], *args: Any, **options: Any) -> str:
    """A figure that the report draws from the history.

    A run can break off with records of any kind; that must not cost the rest of its report.
    """
    try:
        return _figure(caption, plot(*args, **options))
    except Exception as error:
        return _missing(f"{caption}: could not be drawn ({clean(error, 200)}).")
