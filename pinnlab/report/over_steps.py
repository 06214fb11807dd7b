"""What figures over the steps of a training share: axes, phases, and lines of many points."""

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from pinnlab.errors import DataError
from pinnlab.report.data import History, Phase, as_record
from pinnlab.report.figure import MUTED, as_array, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# A line of more steps is thinned for drawing, keeping the extremes of each stretch.
_MANY = 4000


def series_of(history: History, name: str, values: Any) -> tuple[np.ndarray, np.ndarray]:
    """Steps and values of one series.

    Raises:
        DataError: If they are no numbers, or have another length than the steps.
    """
    step = as_array("step", history.step, (1,))
    series = as_array(name, values, (1,))
    if series.shape != step.shape:
        raise DataError(
            f"The history of '{name}' has another length than its steps",
            expected=f"{step.size} values",
            got=f"{series.size}",
            do="write nan for steps at which it was not recorded",
        )
    return step, series


def positive(values: np.ndarray) -> np.ndarray:
    """What a logarithmic axis can show, nan elsewhere."""
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)


def thin(step: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most about ``_MANY`` points of a line: the extremes of each stretch of steps stay."""
    if step.size <= _MANY:
        return step, values
    edges = np.linspace(0, step.size, _MANY // 2 + 1).astype(int)
    kept = {0, step.size - 1}
    for first, last in pairwise(edges.tolist()):
        part = values[first:last]
        good = np.flatnonzero(np.isfinite(part))
        if good.size < part.size:
            kept.add(int(first + np.flatnonzero(~np.isfinite(part))[0]))  # the gap stays
        if good.size:
            kept.update((first + good[part[good].argmin()], first + good[part[good].argmax()]))
    index = np.array(sorted(kept))
    return step[index], values[index]


def step_axis(axes: "Axes") -> None:
    """Whole steps, written out."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.set_xlabel("step")
    axes.xaxis.set_major_locator(MaxNLocator(7, integer=True))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:,.0f}".replace(",", " "))
    )


def log_axis(axes: "Axes") -> None:
    """A logarithmic ordinate with two labels at least, however little it spans."""
    from matplotlib.ticker import LogFormatterSciNotation, LogLocator, NullFormatter

    axes.set_yscale("log", nonpositive="mask")
    low, high = axes.get_ylim()
    if high < 10 * low:  # less than a decade would show no label at all
        axes.set_ylim(low / 2, high * 2)
    low, high = np.log10(axes.get_ylim())
    if np.floor(high) - np.ceil(low) >= 1:
        axes.yaxis.set_major_locator(LogLocator(numticks=8))
    else:  # a single power of ten would tell no scale
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
        every = (np.inf, np.inf)
        axes.yaxis.set_major_formatter(LogFormatterSciNotation(minor_thresholds=every))
    axes.yaxis.set_minor_formatter(NullFormatter())


def shade_phases(axes: "Axes", history: History, named: bool) -> None:
    """Every second phase shaded, names above the axes, dropped where they have no room."""
    from matplotlib.transforms import blended_transform_factory

    start, end = axes.get_xlim()
    where = blended_transform_factory(axes.transData, axes.transAxes)
    free_from = -np.inf  # right end of the last name, as a share of the width
    for index, phase in enumerate(as_record(Phase, phase) for phase in history.phases):
        first, last = max(phase.first, start), min(phase.last, end)
        if not first < last or end <= start:
            continue
        if index % 2 == 0:
            axes.axvspan(first, last, color="#64748b", alpha=0.08, lw=0, zorder=0)
        if index:
            axes.axvline(first, color="#c3c9d2", lw=0.8, zorder=0.5)
        text = plain(phase.name, 20)
        place, width = (first - start) / (end - start), 0.0155 * len(text)
        if named and place >= free_from:
            axes.text(
                first, 1.015, f" {text}", transform=where, fontsize=8, color=MUTED, va="bottom"
            )
            free_from = place + width
