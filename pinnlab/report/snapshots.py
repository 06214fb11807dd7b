"""A field over a plane at several times: small multiples with one colour scale, and animations.

Values have the time first: (k, nx, ny) on a grid or (k, n) on points; see
:mod:`pinnlab.report.fields` for how points are given. One coordinate and time are better shown by
:func:`pinnlab.report.plot_family` or, as a plane of space and time, by
:func:`pinnlab.report.plot_2d`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pinnlab.errors import DataError
from pinnlab.report.curves import pick
from pinnlab.report.fields import Inside, Plane, outer_labels, panel_figure, plane
from pinnlab.report.figure import (
    INK,
    as_array,
    beyond,
    colour_bar,
    colour_scale,
    error_scale,
    grid_shape,
    light_axes,
    limits,
    name_upright,
    new_figure,
    plain,
    styled,
    symbol,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@styled
def plot_snapshots(
    x: Any,
    y: Any,
    times: Any,
    values: Any,
    *,
    reference: Any = None,
    inside: Inside = None,
    triangles: Any = None,
    title: str = "",
    label: str = "u",
    labels: tuple[str, str] = ("x", "y"),
    time: str = "t",
    signed: bool | None = None,
    most: int = 4,
) -> "Figure":
    """The field at several times in a row, all with one colour scale.

    Args:
        x: First coordinate.
        y: Second coordinate.
        times: Times, (k,).
        values: The field, (k, nx, ny) or (k, n).
        reference: Reference of the same shape; it adds a row, and a row of absolute errors.
        inside: What belongs to the domain.
        triangles: Indices of points (k, 3).
        title: Heading.
        label: Name of the field.
        labels: Names of the coordinates.
        time: Name of the time.
        signed: Whether zero is the middle of the colours; by default judged from the values.
        most: Of more times, this many, evenly chosen, first and last among them.

    Returns:
        A figure with one panel a time, or three with a reference.

    Raises:
        DataError: If the shapes do not fit together.
    """
    times, field = _in_time(times, values, label)
    where = plane(
        x, y, field.shape[1:], inside=inside, triangles=triangles, labels=labels, time=None
    )
    chosen = pick(times.size, most)
    rows: list[tuple[str, list[np.ndarray], Any]] = []
    shown = [where.values(label, field[k]) for k in chosen]
    if reference is None:
        rows.append((label, shown, colour_scale(*shown, signed=signed)))
    else:
        _, exact = _in_time(times, reference, "reference")
        known = [where.values("reference", exact[k]) for k in chosen]
        errors = [np.abs(a - b) for a, b in zip(shown, known, strict=True)]
        scale = colour_scale(*known, signed=signed)
        rows = [("prediction", shown, scale), ("reference", known, scale)]
        rows.append(("absolute error", errors, error_scale(np.stack(errors))))
    return _rows_of_panels(where, rows, [f"{symbol(time)} = {times[k]:.4g}" for k in chosen], title)


def _rows_of_panels(
    where: Plane, rows: list[tuple[str, list[np.ndarray], Any]], stamps: list[str], title: str
) -> "Figure":
    columns = len(stamps)
    if len(rows) == 1:  # a single field may wrap into several lines
        columns = grid_shape(columns, 4 if where.ratio < 2.2 else 2)[1]
    count = len(rows) * len(stamps)
    figure, panels = panel_figure(where, count, columns, single=False, ragged=True)
    # A row of panels has one bar, at its last panel.
    ends = {*range(columns - 1, count, columns), count - 1}
    for index, axes in enumerate(panels):
        name, values, (colours, scale) = rows[index // len(stamps)]
        now = values[index % len(stamps)]
        artist = where.draw(axes, now, colours, scale)
        if index in ends:
            colour_bar(figure, artist, axes, extend=beyond(np.stack(values), scale))
        stamp = stamps[index % len(stamps)]
        first = index % len(stamps) == 0
        named = f"{symbol(name)},  {stamp}" if first else stamp
        axes.set_title(named, loc="left")
    outer_labels(panels, columns)
    if title:
        figure.suptitle(plain(title, 80), x=0.01, ha="left", fontsize=11)
    return figure


def _in_time(times: Any, values: Any, label: str) -> tuple[np.ndarray, np.ndarray]:
    times, field = as_array("times", times, (0, 1)).ravel(), as_array(label, values, (2, 3))
    if field.shape[0] != times.size or not times.size:
        raise DataError(
            f"'{label}' does not hold one field for each time",
            expected=f"{times.size or 'at least one'} along the first axis",
            got=f"shape {field.shape}",
            do="put the time first: (times, nx, ny) or (times, points)",
        )
    return times, field


@styled
def animate(
    path: str | Path,
    times: Any,
    values: Any,
    *,
    x: Any,
    y: Any = None,
    reference: Any = None,
    inside: Inside = None,
    triangles: Any = None,
    title: str = "",
    label: str = "u",
    labels: tuple[str, str] = ("x", "y"),
    time: str = "t",
    signed: bool | None = None,
    frames_per_second: float = 12.0,
    dpi: int = 100,
) -> Path:
    """Write an animated GIF of a field over a line or a plane.

    Args:
        path: File to write, ``*.gif``; folders that do not exist are made.
        times: Times, (k,), one frame each.
        values: The field, (k, n) over a line; (k, nx, ny) or (k, n) over a plane.
        x: First coordinate.
        y: Second coordinate; none for a line.
        reference: Over a line, a second, dashed curve of the same shape.
        inside: What belongs to the domain of a plane.
        triangles: Indices of points (k, 3).
        title: Heading.
        label: Name of the field.
        labels: Names of the coordinates.
        time: Name of the time.
        signed: Whether zero is the middle of the colours; by default judged from the values.
        frames_per_second: Speed.
        dpi: Pixels per inch.

    Returns:
        The path.

    Raises:
        DataError: If the shapes do not fit together, or the ending is another one.
    """
    from matplotlib.animation import PillowWriter

    path = Path(path)
    if path.suffix.lower() != ".gif":
        raise DataError(
            f"An animation cannot be written as '{path.name}'",
            expected="a name that ends in .gif",
            got=path.suffix or "no ending",
            do="rename it; other programs turn a GIF into a film",
        )
    times, field = _in_time(times, values, label)
    if y is None:
        figure, show = _line_frames(times, field, x, reference, label, labels)
    else:
        figure, show = _plane_frames(
            times, field, x, y, label, labels, signed, inside=inside, triangles=triangles
        )
    axes = figure.axes[0]
    heading = f"{plain(title, 60)},  " if title else ""
    # A layout that is solved again for each frame would make the picture tremble.
    axes.set_title(f"{heading}{symbol(time)} = {times[-1]:.4g}", loc="left")
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = PillowWriter(fps=frames_per_second)  # pyright: ignore[reportArgumentType]
    with writer.saving(figure, str(path), dpi):
        for k, now in enumerate(times):
            show(k)
            axes.set_title(f"{heading}{symbol(time)} = {now:.4g}", loc="left")
            writer.grab_frame()
    return path


def _line_frames(
    times: np.ndarray, field: np.ndarray, x: Any, reference: Any, label: str,
    labels: tuple[str, str],
) -> tuple["Figure", Callable[[int], None]]:  # fmt: skip
    x = as_array(labels[0], x, (1,))
    if field.shape != (times.size, x.size):
        raise DataError(
            f"'{label}' does not fit the line",
            expected=f"shape ({times.size}, {x.size})",
            got=f"{field.shape}",
            do="give y as well for a field over a plane",
        )
    curves: list[tuple[np.ndarray, Any]] = [(field, {"color": "#0072B2", "label": symbol(label)})]
    if reference is not None:
        _, exact = _in_time(times, reference, "reference")
        style = {"color": INK, "lw": 1.0, "ls": (0, (4, 2.5)), "label": "reference"}
        curves.append((exact, style))
    figure = new_figure(6.0, 3.6)
    axes: Axes = figure.add_subplot()
    light_axes(axes)
    order = np.argsort(x, kind="stable")
    lines = [axes.plot(x[order], data[0][order], **style)[0] for data, style in curves]
    low, high = limits(*(data for data, _ in curves))
    margin = 0.06 * (high - low)
    axes.set_xlim(limits(x))
    axes.set_ylim(low - margin, high + margin)
    axes.set_xlabel(symbol(labels[0]))
    name_upright(axes, label)
    if reference is not None:
        axes.legend(loc="upper right")

    def show(k: int) -> None:
        for line, (data, _) in zip(lines, curves, strict=True):
            line.set_ydata(data[k][order])

    return figure, show


def _plane_frames(
    times: np.ndarray, field: np.ndarray, x: Any, y: Any, label: str, labels: tuple[str, str],
    signed: bool | None, **domain: Any,
) -> tuple["Figure", Callable[[int], None]]:  # fmt: skip
    where = plane(x, y, field.shape[1:], labels=labels, time=None, **domain)
    shown = [where.values(label, values) for values in field]
    colours, scale = colour_scale(*shown, signed=signed)
    figure, panels = panel_figure(where, 1, 1, single=True)
    axes = panels[0]
    artist = where.draw(axes, shown[0], colours, scale)
    colour_bar(figure, artist, axes, symbol(label), beyond(np.stack(shown), scale))

    def show(k: int) -> None:
        # Which nodes are known may change in time, so a frame is drawn anew, but not the bar.
        for old in [*axes.collections, *axes.texts]:
            old.remove()
        where.draw(axes, shown[k], colours, scale)

    return figure, show
