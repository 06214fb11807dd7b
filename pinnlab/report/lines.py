"""A field of many coordinates along straight lines through the middle of its domain."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pinnlab.errors import DataError
from pinnlab.report.figure import (
    INK,
    as_array,
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
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Line:
    """What a field is along one line.

    Args:
        name: Which line it is.
        s: Signed distance from the middle, (n,).
        values: The field, one row for each time or a single row, (k, n).
        exact: The true field likewise, if it is known.
    """

    name: str
    s: np.ndarray
    values: np.ndarray
    exact: np.ndarray | None = None


@styled
def plot_lines(
    lines: Sequence[Line],
    *,
    times: Sequence[float] = (),
    label: str = "u",
    time: str = "t",
    title: str = "",
) -> "Figure":
    """One panel for each line, all with the same ordinate.

    Args:
        lines: At least one.
        times: The time of each row of values; none where there is no time.
        label: Name of the field.
        time: Name of the time.
        title: Heading.

    Returns:
        A figure with a panel a line.

    Raises:
        DataError: If there is no line, or the arrays of one do not fit together.
    """
    if not lines:
        raise DataError(
            "There is no line to draw", expected="at least one", got="none", do="give one"
        )
    rows = max(len(times), 1)
    for line in lines:
        for what in ("values", "exact"):
            values = getattr(line, what)
            if values is not None and as_array(what, values, (2,)).shape != (rows, len(line.s)):
                raise DataError(
                    f"The {what} along line '{line.name}' have the wrong shape",
                    expected=f"({rows}, {len(line.s)}): times, points",
                    got=np.shape(values),
                    do="give one row for each time",
                )
    figure = new_figure(max(6.4, 2.9 * len(lines) + 0.6), 3.0)
    panels: Any = figure.subplots(1, len(lines), sharey=True, squeeze=False)[0]
    for axes, line in zip(panels, lines, strict=True):
        light_axes(axes)
        for k in range(rows):
            named = f"{symbol(time)} = {times[k]:.3g}" if len(times) else None
            axes.plot(line.s, line.values[k], label=named, **line_style(k))
            if line.exact is not None:
                told = "exact" if k == rows - 1 else None
                axes.plot(line.s, line.exact[k], color=INK, lw=1.0, ls=(0, (4, 2.5)), label=told)
        axes.set_title(plain(line.name), loc="left")
        axes.set_xlabel("distance from the middle")
        axes.set_xlim(*limits(line.s))
        if not finite(line.values).size:
            say(axes, "no finite values")
    name_upright(panels[0], label)
    if panels[-1].get_legend_handles_labels()[0]:
        panels[-1].legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0)
    if title:
        figure.suptitle(plain(title, 80), x=0.01, ha="left", fontsize=10)
    return figure
