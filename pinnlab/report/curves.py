"""Curves over one coordinate: a solution and its reference, or a family of them over time."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pinnlab.errors import DataError
from pinnlab.report.figure import (
    INK,
    as_array,
    colour_bar,
    finite,
    light_axes,
    limits,
    line_style,
    name_upright,
    new_figure,
    plain,
    say,
    styled,
    symbol,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# With more curves than this a colour bar names the times, since labels would not fit.
_MAX_LABELS = 7

# A curve to compare with: thin, dark, dashed, above the others.
_COMPARED: dict[str, Any] = {"color": INK, "lw": 1.0, "ls": (0, (4, 2.5)), "zorder": 3}


@styled
def plot_1d(
    x: Any,
    curves: Mapping[str, Any],
    *,
    points: Mapping[str, tuple[Any, Any]] | None = None,
    bands: Mapping[str, tuple[Any, Any]] | None = None,
    title: str = "",
    xlabel: str = "x",
    ylabel: str = "",
    log: bool = False,
    dashed: Collection[str] = ("reference", "exact"),
) -> "Figure":
    """Several curves over one coordinate.

    Args:
        x: Abscissas, (n,); they need not be sorted.
        curves: Ordinates by label, {label: (n,)}; nan leaves a gap.
        points: Single points by label, {label: (abscissas, ordinates)}, such as measurements.
        bands: A shaded band around the curve of that label, {label: (lower, upper)}.
        title: Heading.
        xlabel: Name of the coordinate.
        ylabel: Name of what is drawn.
        log: Whether the ordinate is logarithmic.
        dashed: Labels of curves to compare with, thin and dashed on top of the others, so that a
            curve that agrees with them is still seen.

    Returns:
        A figure with one panel.

    Raises:
        DataError: If a curve has another length than ``x``.
    """
    from matplotlib.ticker import AutoLocator

    x = as_array("x", x, (1,))
    order = np.argsort(x, kind="stable")
    figure = new_figure(6.4, 3.6)
    axes = figure.add_subplot()
    light_axes(axes)
    others = 0
    for label, values in curves.items():
        y = _same_length(label, values, x)
        if label in dashed:
            style = _COMPARED
        else:
            style, others = line_style(others), others + 1
        # A single point has no line: mark it, or nothing would be seen.
        marker = "o" if x.size == 1 else ""
        axes.plot(x[order], y[order], label=symbol(label), marker=marker, **style)
        if bands and label in bands:
            low, high = (_same_length(label, edge, x) for edge in bands[label])
            axes.fill_between(
                x[order], low[order], high[order], color=style["color"], alpha=0.18, lw=0
            )
    for label, (px, py) in (points or {}).items():
        px = as_array(label, px, (0, 1)).ravel()
        axes.plot(
            px, _same_length(label, np.ravel(py), px), "o", ms=4, mfc="white", mec=INK, mew=1.0,
            label=symbol(label), zorder=5,
        )  # fmt: skip
    if log:
        axes.set_yscale("log", nonpositive="mask")
    else:
        axes.yaxis.set_major_locator(AutoLocator())
    _finish(axes, x, xlabel, ylabel, title)
    if not any(finite(line.get_ydata()).size for line in axes.lines):  # pyright: ignore
        say(axes, "no finite values")
    elif len(axes.lines) > 1 or not ylabel:
        legend_beside(axes)
    return figure


@styled
def plot_family(
    x: Any,
    times: Any,
    values: Any,
    *,
    reference: Any = None,
    title: str = "",
    xlabel: str = "x",
    ylabel: str = "u",
    time: str = "t",
    max_curves: int = 9,
) -> "Figure":
    """One curve for each of several times, coloured by time; the reference dashed.

    Args:
        x: Abscissas, (n,).
        times: Times, (k,).
        values: Ordinates, (k, n).
        reference: Reference at the same places, (k, n).
        title: Heading.
        xlabel: Name of the coordinate.
        ylabel: Name of the field.
        time: Name of the time.
        max_curves: Of more times, this many, evenly chosen, first and last among them.

    Returns:
        A figure with one panel.

    Raises:
        DataError: If the shapes do not fit together.
    """
    import matplotlib
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize
    from matplotlib.lines import Line2D

    x, times = as_array("x", x, (1,)), as_array("times", times, (0, 1)).ravel()
    values = _family("values", values, times, x)
    exact = None if reference is None else _family("reference", reference, times, x)
    chosen = pick(times.size, max_curves)
    scale = Normalize(*limits(times))
    # The bright end of viridis is too pale for a line on white.
    colours = matplotlib.colormaps["viridis"].resampled(256)
    tint = [colours(0.9 * float(scale(t))) for t in times]
    order = np.argsort(x, kind="stable")
    figure = new_figure(6.4, 3.6)
    axes = figure.add_subplot()
    light_axes(axes)
    few = len(chosen) <= _MAX_LABELS
    for k in chosen:
        label = f"${_math(time)} = {times[k]:.4g}$" if few else "_"
        axes.plot(x[order], values[k][order], color=tint[k], label=label)
        if exact is not None:
            axes.plot(x[order], exact[k][order], label="_", **_COMPARED)
    _finish(axes, x, xlabel, ylabel, title)
    handles = [line for line in axes.lines if not str(line.get_label()).startswith("_")]
    if exact is not None:
        handles.append(Line2D([], [], label="reference", **_COMPARED))
    if not few:
        cut = ListedColormap(colours(np.linspace(0, 0.9, 256)))  # pyright: ignore[reportArgumentType]
        colour_bar(figure, ScalarMappable(scale, cut), axes, symbol(time))
        if exact is not None:
            axes.legend(handles=handles, loc="best")
    elif handles:
        axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1.01, 0.5))
    if not finite(values).size:
        say(axes, "no finite values")
    return figure


def pick(count: int, most: int) -> list[int]:
    """At most ``most`` of ``count`` indices, evenly spread, first and last among them."""
    if count <= most:
        return list(range(count))
    return sorted({round(i) for i in np.linspace(0, count - 1, max(most, 2))})


def legend_beside(axes: "Axes") -> None:
    """A legend right of the axes, where it never covers a curve."""
    count = len(axes.get_legend_handles_labels()[0])
    axes.legend(
        loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0,
        labelspacing=0.55 if count <= 12 else 0.25,
        fontsize=8.5 if count <= 12 else max(4.5, 8.5 * 12 / count),
    )  # fmt: skip


def _math(name: str) -> str:
    """A name inside mathematics."""
    text = symbol(name)
    return text.strip("$") if text.startswith("$") else rf"\mathrm{{{_letters(name)}}}"


def _letters(name: str) -> str:
    return "".join(c for c in name if c.isalnum()) or "t"


def _finish(axes: "Axes", x: np.ndarray, xlabel: str, ylabel: str, title: str) -> None:
    axes.set_xlabel(symbol(xlabel))
    name_upright(axes, ylabel)
    if title:
        axes.set_title(plain(title, 80), loc="left")
    inside = finite(x)
    if inside.size and inside.min() < inside.max():
        axes.set_xlim(inside.min(), inside.max())


def _same_length(label: str, values: Any, x: np.ndarray) -> np.ndarray:
    y = as_array(label, values, (0, 1))
    if y.ndim == 0:
        y = np.full(x.shape, float(y))
    if y.shape != x.shape:
        raise DataError(
            f"Curve '{label}' has another length than its abscissas",
            expected=f"{x.size} values",
            got=f"{y.size}",
            do="evaluate the curve at the points in x",
        )
    return y


def _family(name: str, values: Any, times: np.ndarray, x: np.ndarray) -> np.ndarray:
    array = as_array(name, values, (1, 2))
    array = np.atleast_2d(array)
    if array.shape != (times.size, x.size):
        raise DataError(
            f"'{name}' does not hold one curve for each time",
            expected=f"shape ({times.size}, {x.size}): times, points",
            got=f"{array.shape}",
            do="transpose it" if array.shape == (x.size, times.size) else "check the shapes",
        )
    return array
