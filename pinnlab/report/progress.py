"""The course of a training: losses, unknowns, errors and weights against the step.

Losses are drawn as raw mean squares by name, that is before any weight, and the weighted total that
was minimised as a dark line; phases are shaded and named at the top. On a logarithmic axis a value
that is zero or not finite leaves a gap, and a cross marks the step where a line stopped being
finite.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pinnlab.report.curves import legend_beside
from pinnlab.report.data import History, UnknownValue, as_record, last_finite
from pinnlab.report.figure import (
    INK,
    MUTED,
    PALETTE,
    finite,
    grid_shape,
    light_axes,
    line_style,
    new_figure,
    plain,
    say,
    styled,
    symbol,
)
from pinnlab.report.labels import short_labels
from pinnlab.report.numbers import error_name, with_error
from pinnlab.report.over_steps import (
    log_axis,
    positive,
    series_of,
    shade_phases,
    step_axis,
    thin,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@styled
def plot_losses(
    history: History, *, title: str = "Loss terms", learning_rate: bool = False
) -> "Figure":
    """One line for each loss term, its raw mean square, and the weighted total.

    Args:
        history: The course of the training.
        title: Heading.
        learning_rate: Whether to add a panel with the learning rate.

    Returns:
        A figure with one or two panels.

    Raises:
        DataError: If a series has another length than the steps.
    """
    with_rate = learning_rate and np.size(history.learning_rate) > 0
    figure, axes, below = _axes_for(history, with_rate)
    lines = {str(name): values for name, values in history.terms.items()}
    _draw_lines(axes, history, lines, log=True)
    if np.size(history.total):
        step, total = series_of(history, "total", history.total)
        axes.plot(*thin(step, positive(total)), color=INK, lw=1.1, ls="-", alpha=0.85,
                  label="½ weighted sum", zorder=1.9)  # fmt: skip
        _mark_failure(axes, step, total, INK)
    axes.set_ylabel("mean square")
    _finish(axes, history, title, log=True)
    if below is not None:
        step, rate = series_of(history, "learning_rate", history.learning_rate)
        below.plot(*thin(step, positive(rate)), color=MUTED, lw=1.2)
        below.set_ylabel("learning rate")
        _finish(below, history, "", log=True, named=False)
        axes.set_xlabel("")
        axes.tick_params(labelbottom=False)
    return figure


@styled
def plot_errors(
    history: History,
    *,
    baseline: Mapping[str, float] | None = None,
    title: str = "Error against the reference",
) -> "Figure":
    """Errors against the step, on a logarithmic axis.

    Args:
        history: The course of the training; steps without an error are passed over.
        baseline: The error of the best constant by the same label, a dotted line.
        title: Heading.

    Returns:
        A figure with one panel.

    Raises:
        DataError: If a series has another length than the steps.
    """
    figure, axes, _ = _axes_for(history, False)
    errors = {error_name(name): values for name, values in history.errors.items()}
    _draw_lines(axes, history, errors, log=True, gaps=False)
    names = list(errors)
    for key, level in (baseline or {}).items():
        name = error_name(key)
        if np.isfinite(level) and level > 0:
            colour = line_style(names.index(name))["color"] if name in names else MUTED
            label = f"{plain(name, 24)}: best constant"
            axes.axhline(level, color=colour, lw=1.0, ls=(0, (1.2, 1.6)), label=label)
    axes.set_ylabel("error")
    _finish(axes, history, title, log=True)
    return figure


@styled
def plot_weights(history: History, *, title: str = "Weights of the loss terms") -> "Figure":
    """The effective weight of each loss term against the step, on a logarithmic axis."""
    figure, axes, _ = _axes_for(history, False)
    _draw_lines(axes, history, history.weights, log=True, gaps=False)
    axes.set_ylabel("weight")
    _finish(axes, history, title, log=True)
    return figure


@styled
def plot_unknowns(
    history: History, values: Mapping[str, Any] | None = None, *, title: str = ""
) -> "Figure":
    """Each unknown against the step, with its true value dashed and a band of ± its standard error.

    Args:
        history: The course of the training.
        values: For each name the final estimate (:class:`UnknownValue`, or a dictionary of its
            parts, or a number), which brings the true value and the standard error. Names without
            a history get a panel as well.
        title: Heading.

    Returns:
        A figure with one panel an unknown, at most three in a row.

    Raises:
        DataError: If a series has another length than the steps.
    """
    known = {name: as_record(UnknownValue, value) for name, value in (values or {}).items()}
    names = list(dict.fromkeys([*history.unknowns, *known]))
    rows, columns = grid_shape(max(len(names), 1), 3)
    wide = {1: 6.4, 2: 4.0}.get(columns, 3.3)
    figure = new_figure(wide * columns, 2.7 * rows + (0.3 if title else 0.1))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[max(len(names), 1) :]:
        axes.set_visible(False)
    if not names:
        light_axes(grid[0])
        say(grid[0], "no unknowns")
    for axes, name in zip(grid, names, strict=False):
        _draw_unknown(axes, history, name, known.get(name))
    if title:
        figure.suptitle(plain(title, 80), x=0.01, ha="left", fontsize=11)
    return figure


def _draw_unknown(axes: "Axes", history: History, name: str, value: UnknownValue | None) -> None:
    step, course = series_of(
        history, name, history.unknowns.get(name, np.full(len(history.step), np.nan))
    )
    there = np.isfinite(course)
    step, course = step[there], course[there]
    estimate = value.value if value else last_finite(course)
    light_axes(axes)
    everything = [*course, estimate, *([value.true] if value and value.true is not None else [])]
    sizes = np.array([v for v in everything if np.isfinite(v)])
    log = sizes.size > 0 and sizes.min() > 0 and sizes.max() > 50 * sizes.min()
    if value is not None and value.error is not None and np.isfinite(value.error):
        axes.axhspan(
            estimate - value.error, estimate + value.error, color=PALETTE[0], alpha=0.16, lw=0,
            label="± standard error",
        )  # fmt: skip
    if course.size:
        marker = "o" if course.size == 1 else ""
        axes.plot(*thin(step, course), color=PALETTE[0], marker=marker, label="estimate")
    elif np.isfinite(estimate):
        axes.axhline(estimate, color=PALETTE[0], label="estimate")
    if value is not None and value.true is not None:
        axes.axhline(value.true, color=INK, lw=1.0, ls=(0, (4, 2.5)), label="true value", zorder=3)
    if log:
        axes.set_yscale("log", nonpositive="mask")
    reading = with_error(estimate, value.error if value else None)
    axes.set_title(f"{symbol(name, 24)} = {reading}", loc="left")
    step_axis(axes)
    if not sizes.size:
        say(axes, "no finite values")
    elif len(axes.get_legend_handles_labels()[0]) > 1:
        axes.legend(loc="best", handlelength=1.6, fontsize=7.5)
    if step.size > 1 and step[0] < step[-1]:
        axes.set_xlim(step[0], step[-1])


# --- pieces --------------------------------------------------------------------------------------


def _axes_for(history: History, two: bool) -> tuple["Figure", "Axes", "Axes | None"]:
    figure = new_figure(7.6, 4.9 if two else 3.8)
    if not two:
        return figure, figure.add_subplot(), None
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
    return figure, top, below


def _draw_lines(
    axes: "Axes", history: History, lines: Mapping[str, Any], log: bool, gaps: bool = True
) -> None:
    short = short_labels(lines, 28)
    for index, (name, values) in enumerate(lines.items()):
        step, series = series_of(history, name, values)
        style = line_style(index)
        if gaps:
            _mark_failure(axes, step, series, style["color"])
        else:  # recorded now and then: join what there is
            there = np.isfinite(series)
            step, series = step[there], series[there]
        shown = positive(series) if log else series
        marker = "o" if np.isfinite(shown).sum() == 1 else ""
        axes.plot(*thin(step, shown), marker=marker, ms=4, label=plain(short[name]), **style)


def _mark_failure(axes: "Axes", step: np.ndarray, values: np.ndarray, colour: str) -> None:
    """A cross at the last finite value, if the series does not stay finite."""
    good = np.isfinite(values) & (values > 0)
    if good.any() and np.size(values) and not np.isfinite(values[-1]):
        last = np.flatnonzero(good)[-1]
        axes.plot(step[last], values[last], "X", color=colour, ms=7, mec="white", mew=0.8, zorder=6)


def _finish(axes: "Axes", history: History, title: str, log: bool, named: bool = True) -> None:
    light_axes(axes)
    step = finite(history.step)
    drawn = [line for line in axes.lines if finite(line.get_ydata()).size]  # pyright: ignore
    if log and drawn:
        log_axis(axes)
    if step.size:
        alone = step.min() == step.max()  # room for a single mark
        axes.set_xlim(step.min() - alone, step.max() + alone)
    step_axis(axes)
    shade_phases(axes, history, named)
    if title:
        axes.set_title(plain(title, 80), loc="left", pad=20 if history.phases else 7)
    if not drawn:
        say(axes, "nothing was recorded")
        axes.set(xticks=[], yticks=[])
    elif named:
        legend_beside(axes)
