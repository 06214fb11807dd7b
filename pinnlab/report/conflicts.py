"""How the gradients of the loss terms pulled on each other: a figure, tables and sentences.

Of many terms only what needs looking at is named: the pairs whose gradients opposed each other
most, and the terms with the smallest and the largest gradients. The others are drawn in grey.
"""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pinnlab.errors import DataError
from pinnlab.report.conflict_history import ConflictHistory, Pair
from pinnlab.report.conflict_remarks import conflict_remarks, percent, signed, starved_share
from pinnlab.report.curves import legend_beside
from pinnlab.report.data import History, last_finite
from pinnlab.report.figure import INK, MUTED, light_axes, line_style, new_figure, plain, say, styled
from pinnlab.report.labels import short_labels
from pinnlab.report.numbers import clean, column
from pinnlab.report.over_steps import log_axis, positive, shade_phases, step_axis
from pinnlab.report.tables import table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMED_PAIRS = 6
NAMED_TERMS = 7
BINS = 120  # a line is drawn through the means over so many stretches of steps
STEPS_OF_SHARE = 8  # that a share is taken of, at least
GREY, OPPOSED = "#c3c9d2", "#a3231a"
NAME = 28
POWERS = 7  # of ten that have room beside an ordinate with both signs


@styled
def plot_conflicts(history: History, *, title: str = "") -> "Figure":
    """Cosines of pairs, share of conflicting steps, gradients, weights and shares, over the steps.

    Args:
        history: The course of a training.
        title: Heading.

    Returns:
        A figure of three to five panels above each other; those without numbers are left out, and
        so are the weights if they stay what they are.

    Raises:
        DataError: If nothing about conflicts was recorded.
    """
    conflicts = history.conflicts
    if conflicts is None:
        raise DataError(
            "There is nothing to draw about conflicts",
            expected="a log whose lines have an entry 'conflicts', of two terms or more",
            got="none",
            do="train again with this version; a single term has no conflicts",
        )
    named = worst_terms(conflicts)
    panels: list[tuple[float, Callable[[Axes], None]]] = [
        (2.2, lambda axes: _draw_cosines(axes, conflicts, len(named))),
        (0.9, lambda axes: _draw_frequency(axes, conflicts)),
        (1.7, lambda axes: _draw_norms(axes, conflicts, named)),
    ]
    if _vary(conflicts.effective):
        panels.append((1.7, lambda axes: _draw_weights(axes, conflicts, named)))
    if _any(conflicts.shares):
        panels.append((1.7, lambda axes: _draw_shares(axes, conflicts, named)))
    heights = [height for height, _ in panels]
    figure = new_figure(7.6, 0.9 + sum(heights))
    grid = figure.subplots(len(panels), 1, sharex=True, height_ratios=heights)
    for axes, (_, draw) in zip(grid, panels, strict=True):
        light_axes(axes)
        draw(axes)
        _finish(axes, conflicts, history, first=axes is grid[0], last=axes is grid[-1])
    if title:
        figure.suptitle(plain(title, 80), x=0.01, ha="left", fontsize=11)
    return figure


def worst_terms(conflicts: ConflictHistory, count: int = NAMED_TERMS) -> list[str]:
    """The terms to name: those with the smallest share of the step, and two with the largest."""
    if len(conflicts.names) <= count:
        return list(conflicts.names)
    sizes = conflicts.shares if _any(conflicts.shares) else conflicts.norms
    means = {name: conflicts.mean(sizes[name]) for name in conflicts.names}
    order = sorted(conflicts.names, key=lambda name: means[name])
    chosen = {*order[: count - 2], *order[-2:]}
    return [name for name in conflicts.names if name in chosen]


# --- panels --------------------------------------------------------------------------------------
def _draw_cosines(axes: "Axes", conflicts: ConflictHistory, terms: int) -> None:
    """Pairs, in other colours than those of the terms as far as there are enough of them."""
    pairs = conflicts.worst_pairs()
    shown = _fitting(pairs)
    axes.axhspan(-1, 0, color=OPPOSED, alpha=0.05, lw=0, zorder=0)
    axes.axhline(0, color=MUTED, lw=0.8, zorder=1)
    for k, pair in enumerate(shown):
        label = plain(pair_name(pair, conflicts.names))
        style = _style(conflicts, terms + k)
        axes.plot(*binned(conflicts, conflicts.cosines[pair]), label=label, **style)
    rest = [conflicts.cosines[pair] for pair in pairs[len(shown) :]]
    _draw_rest(axes, conflicts, rest, f"{len(rest)} other pairs")
    axes.set_ylim(-1.05, 1.05)
    axes.set_yticks([-1, -0.5, 0, 0.5, 1], ["−1", "−0.5", "0", "0.5", "1"])
    axes.set_ylabel("cosine")


def _draw_frequency(axes: "Axes", conflicts: ConflictHistory) -> None:
    """Shares over stretches of several steps: of a single one there is only all or nothing."""
    parts = int(np.clip(conflicts.steps.sum() // STEPS_OF_SHARE, 1, BINS))
    for values, label, colour in (
        (conflicts.conflicting, "two gradients opposed", OPPOSED),
        (conflicts.harmful, "against any term", INK),
    ):
        step, share = binned(conflicts, values, parts)
        if step.size:
            edges = np.concatenate([[min(conflicts.step[0], step[0] - 1)], step])
            axes.stairs(100 * share, edges, baseline=None, color=colour, lw=1.1, label=label)
            if colour == OPPOSED:
                axes.stairs(100 * share, edges, fill=True, color=colour, alpha=0.2, lw=0)
    axes.set_ylim(0, 105)
    axes.set_yticks([0, 50, 100])
    axes.set_ylabel("steps, %")


def _draw_norms(axes: "Axes", conflicts: ConflictHistory, named: Sequence[str]) -> None:
    """The panel whose legend names the terms for those below it."""
    _draw_terms(axes, conflicts, conflicts.norms, named, legend=True)
    axes.set_ylabel("gradient norm")


def _draw_weights(axes: "Axes", conflicts: ConflictHistory, named: Sequence[str]) -> None:
    _draw_terms(axes, conflicts, conflicts.effective, named)
    axes.set_ylabel("effective weight")


def _draw_shares(axes: "Axes", conflicts: ConflictHistory, named: Sequence[str]) -> None:
    percents = {name: 100 * values for name, values in conflicts.shares.items()}
    _draw_terms(axes, conflicts, percents, named)
    low, _ = axes.get_ylim()
    axes.set_ylim(min(low, 0.7), 140)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    bar = starved_share(len(conflicts.names))
    axes.axhline(100 * bar, color=MUTED, lw=1.0, ls=(0, (1.2, 1.6)), zorder=1,
                 label=f"starved below {percent(bar)}")  # fmt: skip
    axes.set_ylabel("share of step, %")


def _draw_terms(
    axes: "Axes",
    conflicts: ConflictHistory,
    lines: Mapping[str, np.ndarray],
    named: Sequence[str],
    legend: bool = False,
) -> None:
    series = {name: binned(conflicts, values) for name, values in lines.items()}
    known = np.concatenate([values for _, values in series.values()])
    log = bool((known >= 0).all() and (known > 0).any())
    short = short_labels(conflicts.names, NAME)
    for k, name in enumerate(named):
        step, values = series[name]
        label = plain(short[name]) if legend else "_"
        shown = positive(values) if log else values
        axes.plot(step, shown, label=label, **_style(conflicts, k))
    rest = [lines[name] for name in conflicts.names if name not in named]
    _draw_rest(axes, conflicts, rest, f"{len(rest)} other terms" if legend else "", log=log)
    if log:
        log_axis(axes)
    else:
        _both_signs(axes, known)


def _both_signs(axes: "Axes", values: np.ndarray) -> None:
    """An ordinate through zero; logarithmic on both sides if the sizes span decades."""
    axes.axhline(0, color=MUTED, lw=0.8, zorder=1)
    sizes = np.abs(values[np.isfinite(values) & (values != 0)])
    if sizes.size and sizes.max() > 30 * (small := np.quantile(sizes, 0.1)):
        linear = int(np.floor(np.log10(small)))
        axes.set_yscale("symlog", linthresh=10.0**linear, linscale=0.5)
        axes.set_yticks(*_powers(linear, *axes.get_ylim()))
        axes.minorticks_off()


def _powers(linear: int, low: float, high: float) -> tuple[list[float], list[str]]:
    """Ticks and labels of an ordinate with both signs, as many as have room.

    Args:
        linear: Exponent of ten below which the ordinate is linear.
        low: Lower end.
        high: Upper end.
    """
    sides = {
        sign: range(linear + 1, int(np.floor(np.log10(end))) + 1) if end > 0 else range(0)
        for sign, end in ((-1, -low), (1, high))
    }
    each = max(1, int(np.ceil(sum(map(len, sides.values())) / POWERS)))
    top = max((power for powers in sides.values() for power in powers), default=linear)
    marked = [
        (sign, power)
        for sign, powers in sides.items()
        for power in powers
        if (top - power) % each == 0 and power >= linear + each
    ]
    names = [f"${'-' * (sign < 0)}10^{{{power}}}$" for sign, power in marked]
    return [0.0, *(sign * 10.0**power for sign, power in marked)], ["0", *names]


def _draw_rest(
    axes: "Axes",
    conflicts: ConflictHistory,
    rest: Sequence[np.ndarray],
    label: str,
    log: bool = False,
) -> None:
    """Lines that are not named, in grey, as one entry of the legend."""
    for k, values in enumerate(rest):
        step, mean = binned(conflicts, values)
        shown = positive(mean) if log else mean
        axes.plot(step, shown, color=GREY, lw=0.8, zorder=1.5, label="_" if k else label or "_")


def _style(conflicts: ConflictHistory, index: int) -> dict[str, Any]:
    single = len(conflicts.step) == 1
    return {**line_style(index), "lw": 1.4, "marker": "o" if single else "", "ms": 4}


def _finish(
    axes: "Axes", conflicts: ConflictHistory, history: History, *, first: bool, last: bool
) -> None:
    low, high = float(conflicts.step[0]), float(conflicts.step[-1])
    axes.set_xlim(low - (low == high), high + (low == high))
    step_axis(axes)
    if not last:
        axes.set_xlabel("")
        axes.tick_params(labelbottom=False)
    shade_phases(axes, history, named=first)
    if axes.get_legend_handles_labels()[0]:
        legend_beside(axes)
    elif not axes.lines:
        say(axes, "nothing was recorded")


# --- numbers -------------------------------------------------------------------------------------
def binned(
    conflicts: ConflictHistory, values: np.ndarray, count: int = BINS
) -> tuple[np.ndarray, np.ndarray]:
    """Means over stretches of steps, weighted by the steps of each entry; nan is passed over.

    Args:
        conflicts: Says steps and weights.
        values: One number an entry, (k,).
        count: Stretches at most.

    Returns:
        Last step and mean of each stretch that has a number.
    """
    there = np.isfinite(values)
    step, values, weights = conflicts.step[there], values[there], conflicts.steps[there]
    if step.size <= count:
        return step, values
    parts = np.array_split(np.arange(step.size), count)
    means = [np.average(values[part], weights=weights[part]) for part in parts]
    return np.array([step[part[-1]] for part in parts]), np.array(means)


def _fitting(pairs: list[Pair]) -> list[Pair]:
    """The pairs that are named: a single one is not left out for being too many."""
    return pairs if len(pairs) <= NAMED_PAIRS + 1 else pairs[:NAMED_PAIRS]


def pair_name(pair: Pair, names: Sequence[str], limit: int = NAME) -> str:
    """Two names of several, cut evenly to fit, and so that no other pair looks the same."""
    each = max(4, (limit - 3) // 2)
    first, second = pair
    left = short_labels(names, max(each, limit - 3 - len(clean(second))))[first]
    right = short_labels(names, max(each, limit - 3 - len(clean(first))))[second]
    return f"{left} · {right}"


def _any(lines: Mapping[str, np.ndarray]) -> bool:
    return any(np.isfinite(values).any() for values in lines.values())


def _vary(lines: Mapping[str, np.ndarray]) -> bool:
    known = [values[np.isfinite(values)] for values in lines.values()]
    return any(v.size and v.min() != v.max() for v in known)


# --- tables --------------------------------------------------------------------------------------
def pair_rows(conflicts: ConflictHistory) -> tuple[list[str], list[list[str]]]:
    """Headers and cells of the pairs whose gradients opposed each other most, worst first."""
    pairs = conflicts.worst_pairs()
    shown = _fitting(pairs)
    short = short_labels(conflicts.names, NAME)
    rows = [
        [
            f"{short[first]} · {short[second]}",
            signed(conflicts.mean(conflicts.cosines[first, second])),
            signed(last_finite(conflicts.cosines[first, second])),
            percent(conflicts.mean(conflicts.opposed[first, second])),
        ]
        for first, second in shown
    ]
    if len(pairs) > len(shown):
        rest = pairs[len(shown) :]
        least = min(conflicts.mean(conflicts.cosines[pair]) for pair in rest)
        rows.append([f"{len(rest)} other pairs", f"≥ {signed(least)}", "", ""])
    return ["gradients of", "mean cosine", "at the end", "opposed in"], rows


def gradient_rows(conflicts: ConflictHistory) -> tuple[list[str], list[list[str]]]:
    """Headers and cells of all terms: gradient, weight and share at the end, steps against it."""
    names = conflicts.names
    columns = {
        "term": list(short_labels(names, 40).values()),
        "gradient": column([_end(conflicts.norms[name]) for name in names], 3),
    }
    if _any(conflicts.effective):
        columns["effective weight"] = column([_end(conflicts.effective[name]) for name in names], 3)
    if _any(conflicts.shares):
        columns["share of step"] = [percent(last_finite(conflicts.shares[n])) for n in names]
    if _any(conflicts.against):
        columns["steps against"] = [
            percent(conflicts.mean(conflicts.against[n], None, conflicts.judged)) for n in names
        ]
    return list(columns), [list(row) for row in zip(*columns.values(), strict=True)]


def conflict_text(history: History | None, *, color: bool = False, width: int = 100) -> str:
    """Terms and pairs as tables, and what is worth saying about them.

    Args:
        history: The course of a training.
        color: Whether to write colour codes.
        width: Characters on a line.

    Returns:
        The text; empty if there is nothing to say.
    """
    parts: list[str] = []
    if history is not None and history.conflicts is not None:
        tables = (gradient_rows(history.conflicts), pair_rows(history.conflicts))
        parts += [table(*rows, color=color, width=width) for rows in tables if rows[1]]
    remarks = conflict_remarks(history)
    lines = [line for remark in remarks for line in textwrap.wrap(remark.text, width)]
    return "\n\n".join([*parts, *(["\n".join(lines)] if lines else [])])


def _end(values: np.ndarray) -> float | None:
    last = last_finite(values)
    return last if np.isfinite(last) else None
