"""A field of many coordinates, which no plane shows: its values at points against the true ones.

The left panel has a point for each reference value, on the diagonal where the two agree. The right
one shows where the error is, as its size against the distance from the middle of the domain; in
time, colours tell when.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from pinnlab.errors import DataError
from pinnlab.report.figure import (
    INK,
    MUTED,
    PALETTE,
    as_array,
    colour_bar,
    finite,
    light_axes,
    limits,
    new_figure,
    plain,
    say,
    styled,
    symbol,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# More points make a picture darker, not clearer.
_MOST = 3000
_BINS = 20


@styled
def plot_agreement(
    exact: Any,
    predicted: Any,
    distance: Any,
    *,
    time: Any = None,
    label: str = "u",
    time_label: str = "t",
    title: str = "",
) -> "Figure":
    """Values against true ones, and the error against the distance from the middle.

    Args:
        exact: True values, (n,).
        predicted: Values at the same points, (n,).
        distance: Distance of the points from the middle of the domain, (n,).
        time: Their times, (n,), if there is time.
        label: Name of the field.
        time_label: Name of the time.
        title: Heading.

    Returns:
        A figure with two panels.

    Raises:
        DataError: If the arrays have different lengths.
    """
    given = {"exact": exact, "predicted": predicted, "distance": distance}
    arrays = {name: as_array(name, values, (1,)) for name, values in given.items()}
    if time is not None:
        arrays["time"] = as_array("time", time, (1,))
    lengths = {name: len(values) for name, values in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(
            "The values and the points have different lengths",
            expected="one number for each point",
            got=", ".join(f"{name}: {n}" for name, n in lengths.items()),
            do="evaluate both at the points of the reference",
        )
    some = np.unique(np.linspace(0, max(lengths["exact"] - 1, 0), _MOST).astype(int))
    true, found, r = (arrays[name][some] for name in given)
    moments = arrays["time"][some] if time is not None else None
    figure = new_figure(8.2 if moments is None else 8.8, 3.7)
    left, right = figure.subplots(1, 2)
    _pairs(left, true, found, moments, label)
    drawn = _errors(right, np.abs(found - true), r, moments, label)
    if drawn is not None and moments is not None:
        bar = colour_bar(figure, drawn, right, symbol(time_label))
        bar.solids.set_alpha(1.0)
    if title:
        figure.suptitle(plain(title, 80), x=0.01, ha="left", fontsize=10)
    return figure


def _style(moments: np.ndarray | None) -> dict[str, Any]:
    """Dots in one colour, or coloured by time."""
    style: dict[str, Any] = {"s": 7, "alpha": 0.5, "linewidths": 0, "rasterized": True}
    return style | ({"color": PALETTE[0]} if moments is None else {"c": moments, "cmap": "viridis"})


def _pairs(
    axes: "Axes", true: np.ndarray, found: np.ndarray, moments: np.ndarray | None, label: str
) -> None:
    light_axes(axes)
    low, high = limits(true, found)
    margin = 0.04 * (high - low)
    ends = (low - margin, high + margin)
    axes.plot(ends, ends, color=INK, lw=0.9, zorder=1)
    axes.scatter(true, found, zorder=2, **_style(moments))
    axes.set(xlim=ends, ylim=ends, aspect="equal", xlabel=f"exact {symbol(label)}")
    axes.set_ylabel(f"predicted {symbol(label)}")
    if not finite(found - true).size:
        say(axes, "no finite values")


def _errors(
    axes: "Axes", error: np.ndarray, r: np.ndarray, moments: np.ndarray | None, label: str
) -> Any:
    light_axes(axes)
    axes.set(yscale="log", xlabel="distance from the middle of the domain")
    axes.set_ylabel(f"absolute error of {symbol(label)}")
    shown = np.isfinite(error) & (error > 0) & np.isfinite(r)
    if not shown.any():
        say(axes, "no error to show")
        return None
    when = None if moments is None else moments[shown]
    drawn = axes.scatter(r[shown], error[shown], **_style(when))
    middles, medians = _running_median(r[shown], error[shown])
    if middles.size > 1:
        axes.plot(middles, medians, color=INK, lw=1.3, label="median")
        axes.legend(loc="best", labelcolor=MUTED)
    # A few points that happen to be exact would squeeze all others.
    axes.set_ylim(bottom=max(float(error[shown].min()), 1e-5 * float(error[shown].max())) * 0.7)
    return drawn


def _running_median(r: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Medians over stretches of equally many points."""
    order = np.argsort(r, kind="stable")
    parts = [p for p in np.array_split(order, min(_BINS, max(1, len(r) // 5))) if len(p)]
    middles, medians = ([np.median(values[p]) for p in parts] for values in (r, error))
    return np.array(middles), np.array(medians)
