"""Fields in space: orthogonal slices through a box, and values on a surface."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pinnlab.errors import DataError
from pinnlab.report.fields import plane
from pinnlab.report.figure import (
    MUTED,
    as_array,
    beyond,
    colour_scale,
    finite,
    limits,
    new_figure,
    plain,
    say,
    styled,
    symbol,
)
from pinnlab.report.numbers import number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_RIM = "#9aa1ac"

# Elevation and azimuth in degrees from which a box is seen.
VIEW = (24.0, -52.0)

# Cells along an edge of a slice in the view of the box; more cannot be seen there.
_CELLS = 64


@styled
def plot_3d(
    x: Any,
    y: Any,
    z: Any,
    values: Any,
    *,
    at: Sequence[float | None] | None = None,
    inside: Callable[[np.ndarray], Any] | np.ndarray | None = None,
    title: str = "",
    label: str = "u",
    labels: tuple[str, str, str] = ("x", "y", "z"),
    signed: bool | None = None,
) -> "Figure":
    """Three orthogonal slices through a box: each flat to read, and together in the box.

    Args:
        x: Axis (nx,).
        y: Axis (ny,).
        z: Axis (nz,).
        values: The field, (nx, ny, nz); nan where there is none.
        at: Where to cut, (x, y, z); the nearest grid plane is taken, the middle for a ``None``.
        inside: What belongs to the domain: booleans like the values, or a function of points
            (m, 3).
        title: Heading.
        label: Name of the field.
        labels: Names of the coordinates.
        signed: Whether zero is the middle of the colours; by default judged from the values.

    Returns:
        A figure with four panels that share one colour scale.

    Raises:
        DataError: If the shapes do not fit together.
    """
    axes3 = [as_array(name, axis, (1,)) for name, axis in zip(labels, (x, y, z), strict=True)]
    field = _volume(axes3, values, inside, label)
    where = tuple(at) if at is not None else (None, None, None)
    cut = [
        len(axis) // 2 if place is None else int(np.abs(axis - place).argmin())
        for axis, place in zip(axes3, where, strict=True)
    ]
    slices = [np.take(field, cut[k], axis=k) for k in range(3)]
    colours, scale = colour_scale(*slices, signed=signed)
    figure, box, panels, bar_place = _four_panels(axes3)
    _draw_box(box, axes3, cut, slices, colours, scale, labels)
    artist = None
    for normal, panel in panels.items():
        first, second = (k for k in range(3) if k != normal)
        flat = plane(
            axes3[first], axes3[second], slices[normal].shape,
            labels=(labels[first], labels[second]), time=None,
        )  # fmt: skip
        artist = flat.draw(panel, flat.values(label, slices[normal]), colours, scale)
        name, place = symbol(labels[normal]), number(float(axes3[normal][cut[normal]]), 3)
        panel.set_title(f"{name} = {place}", loc="left")
        for k, line in ((first, panel.axvline), (second, panel.axhline)):  # the other two slices
            line(axes3[k][cut[k]], color="white", lw=1.6, alpha=0.7)
            line(axes3[k][cut[k]], color=MUTED, lw=0.7, ls=(0, (4, 3)))
    extend = beyond(np.concatenate([s.ravel() for s in slices]), scale)
    bar = figure.colorbar(artist, cax=bar_place, extend=extend)  # pyright: ignore
    bar.outline.set_visible(False)  # pyright: ignore
    bar_place.set_title(symbol(label), fontsize=9.5)
    if title:
        figure.suptitle(plain(title, 80), x=0.01, ha="left", fontsize=11)
    return figure


def _volume(axes: list[np.ndarray], values: Any, inside: Any, label: str) -> np.ndarray:
    field = as_array(label, values, (3,))
    shape = tuple(len(axis) for axis in axes)
    if field.shape != shape or min(shape) < 2:
        raise DataError(
            "The values do not fit the grid of the box",
            expected=f"shape {shape} with at least two nodes along each axis",
            got=f"{field.shape}",
            do="evaluate on numpy.meshgrid(x, y, z, indexing='ij')",
        )
    if inside is None:
        return field
    if callable(inside):
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        inside = np.asarray(inside(points)).reshape(shape)
    mask = np.asarray(inside, dtype=bool)
    if mask.shape != shape:
        raise DataError(
            "The mask does not fit the grid of the box",
            expected=f"shape {shape}",
            got=f"{mask.shape}",
            do="give one boolean for each value",
        )
    return np.where(mask, field, np.nan)


def _four_panels(axes: list[np.ndarray]) -> tuple["Figure", Any, dict[int, Any], Any]:
    """Views as on an engineering drawing: seen along z and y in a column, along x and the box."""
    import mpl_toolkits.mplot3d  # noqa: F401  registers the projection

    x, y, z = (float(np.ptp(axis)) or 1.0 for axis in axes)
    unit = 5.6 / max(x + y, 1.15 * (y + z))
    figure = new_figure((x + y) * unit + 2.4, (y + z) * unit + 1.5)
    grid = figure.add_gridspec(
        2,
        4,
        width_ratios=(x, max(y, 0.6 * x), 0.06 * (x + y), 0.03 * (x + y)),
        height_ratios=(y, z),
    )
    top = figure.add_subplot(grid[0, 0])
    front = figure.add_subplot(grid[1, 0])
    side = figure.add_subplot(grid[1, 1])
    box = figure.add_subplot(grid[0, 1:3], projection="3d")
    return figure, box, {2: top, 1: front, 0: side}, figure.add_subplot(grid[:, 3])


def _draw_box(
    box: Any, axes: list[np.ndarray], cut: list[int], slices: list[np.ndarray], colours: str,
    scale: Any, labels: tuple[str, str, str],
) -> None:  # fmt: skip
    """The slices as small quadrilaterals of one collection, so that each is sorted by its depth.

    Planes that cut each other have no order in depth; their pieces do.
    """
    import matplotlib
    from mpl_toolkits.mplot3d.art3d import Poly3DCollection

    corners, shades = [], []
    for normal, values in enumerate(slices):
        first, second = (k for k in range(3) if k != normal)
        place = float(axes[normal][cut[normal]])
        quads, means = _quads(axes[first], axes[second], values, cut[first], cut[second])
        corners.append(np.insert(quads, normal, place, axis=-1))
        shades.append(means)
    quads, means = np.concatenate(corners), np.concatenate(shades)
    if quads.size:
        paint = matplotlib.colormaps[colours](scale(means))
        box.add_collection3d(
            Poly3DCollection(list(quads), facecolors=paint, edgecolors=paint, linewidths=0.25)
        )
    low, high = np.array([limits(axis) for axis in axes]).T
    _clean_box(box, low, high, labels)
    _only_names(box, low, high, labels)


def _only_names(box: Any, low: np.ndarray, high: np.ndarray, labels: Sequence[str]) -> None:
    """No ticks, which the flat panels carry, but a name at an edge; the box fills its place."""
    box.set_axis_off()
    size = high - low
    box.set_box_aspect(tuple(np.clip(size / size.max(), 0.08, 1.0)), zoom=1.3)
    for child in box.collections:
        child.set_clip_on(False)  # a corner of the zoomed box may leave its place
    middle = (low + high) / 2
    ends = (
        (middle[0], low[1] - 0.12 * size[1], low[2]),
        (high[0] + 0.12 * size[0], middle[1], low[2]),
        (low[0] - 0.08 * size[0], low[1] - 0.04 * size[1], middle[2]),
    )
    for name, place in zip(labels, ends, strict=True):
        box.text(*place, symbol(name), ha="center", va="center")


def _quads(
    a: np.ndarray, b: np.ndarray, values: np.ndarray, at_a: int, at_b: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cells of one slice (k, 4 corners, 2) and their mean values; cells without a value left out.

    The thinned axes keep the lines where other slices cut, so that no cell crosses one.
    """
    ia, ib = _thin(len(a), at_a), _thin(len(b), at_b)
    v = values[np.ix_(ia, ib)]
    x, y = np.meshgrid(a[ia], b[ib], indexing="ij")
    nodes = np.stack([x, y], axis=-1)
    quads = np.stack([nodes[:-1, :-1], nodes[1:, :-1], nodes[1:, 1:], nodes[:-1, 1:]], axis=2)
    means = (v[:-1, :-1] + v[1:, :-1] + v[1:, 1:] + v[:-1, 1:]) / 4
    known = np.isfinite(means)
    return quads[known], means[known]


def _thin(count: int, keep: int) -> np.ndarray:
    step = max(1, -(-count // _CELLS))
    return np.unique([*range(0, count, step), keep, count - 1])


def _edges(low: np.ndarray, high: np.ndarray, view: tuple[float, float]) -> list[np.ndarray]:
    """The edges of a box but the three that meet in front, which would lie across its content."""
    elevation, azimuth = np.radians(view)
    towards = np.array([np.cos(azimuth), np.sin(azimuth), np.tan(elevation)])
    front = np.where(towards > 0, high, low)
    corners = np.array(np.meshgrid(*zip(low, high, strict=True), indexing="ij")).reshape(3, -1).T
    behind = [corner for corner in corners if (corner != front).any()]
    return [
        np.array([p, q])
        for i, p in enumerate(behind)
        for q in behind[i + 1 :]
        if np.count_nonzero(p != q) == 1
    ]


def _clean_box(
    box: Any,
    low: np.ndarray,
    high: np.ndarray,
    labels: Sequence[str],
    view: tuple[float, float] = VIEW,
) -> None:
    """Axes of a box without panes and grid, with few ticks and true proportions."""
    from matplotlib.ticker import MaxNLocator, ScalarFormatter
    from mpl_toolkits.mplot3d.art3d import Line3DCollection

    for axis, name, start, end in zip(
        (box.xaxis, box.yaxis, box.zaxis), labels, low, high, strict=True
    ):
        axis.set_pane_color((1, 1, 1, 0))
        axis.line.set_color((1, 1, 1, 0))
        axis.set_major_locator(MaxNLocator(3))
        axis.set_major_formatter(ScalarFormatter(useMathText=False))
        axis.set_tick_params(labelsize=7.5, pad=-1)
        axis.set_label_text(symbol(name))
        axis.labelpad = -3
        axis.set_view_interval(start, end, ignore=True)
    box.grid(False)
    rim = Line3DCollection(_edges(low, high, view), colors=_RIM, linewidths=0.7)
    box.add_collection3d(rim)
    box.set_proj_type("ortho")
    box.view_init(*view)
    size = np.where(high > low, high - low, 1.0)
    box.set_box_aspect(tuple(np.clip(size / size.max(), 0.08, 1.0)))


@styled
def plot_surface(
    points: Any,
    values: Any,
    *,
    triangles: Any = None,
    title: str = "",
    label: str = "u",
    labels: tuple[str, str, str] = ("x", "y", "z"),
    signed: bool | None = None,
    view: tuple[float, float] = VIEW,
) -> "Figure":
    """Values on a surface in space, as triangles or as points.

    Args:
        points: Places (n, 3).
        values: The field there, (n,).
        triangles: Indices of points (k, 3); without them each point is a dot.
        title: Heading.
        label: Name of the field.
        labels: Names of the coordinates.
        signed: Whether zero is the middle of the colours; by default judged from the values.
        view: Elevation and azimuth in degrees.

    Returns:
        A figure with one panel.

    Raises:
        DataError: If the shapes do not fit together.
    """
    import matplotlib
    import mpl_toolkits.mplot3d  # noqa: F401  registers the projection
    from matplotlib.cm import ScalarMappable
    from mpl_toolkits.mplot3d.art3d import Poly3DCollection

    places, field = as_array("points", points, (2,)), as_array(label, values, (1,))
    if places.shape != (field.size, 3):
        raise DataError(
            "The points do not fit the values",
            expected=f"shape ({field.size}, 3)",
            got=f"{places.shape}",
            do="give one point in space for each value",
        )
    colours, scale = colour_scale(field, signed=signed)
    figure = new_figure(5.4, 4.4)
    box = figure.add_subplot(projection="3d")
    known = np.isfinite(field) & np.isfinite(places).all(axis=1)
    if triangles is not None:
        corners = np.asarray(triangles, dtype=int).reshape(-1, 3)
        corners = corners[known[corners].all(axis=1)]
        paint = matplotlib.colormaps[colours](scale(field[corners].mean(axis=1)))
        # Many small triangles would drown in their edges, few are read better with them.
        edges = "white" if len(corners) < 1500 else paint
        box.add_collection3d(  # pyright: ignore[reportAttributeAccessIssue]
            Poly3DCollection(
                list(places[corners]), facecolors=paint, edgecolors=edges, linewidths=0.2
            )
        )
    else:
        size: Any = float(np.clip(14000 / max(known.sum(), 1), 2, 36))
        box.scatter(
            *places[known].T, c=field[known], cmap=colours, norm=scale, s=size, edgecolors=MUTED,
            linewidths=0.2, depthshade=False,
        )  # fmt: skip
    low, high = np.array([limits(places[:, k]) for k in range(3)]).T
    _clean_box(box, low, high, labels, view)
    bar = figure.colorbar(
        ScalarMappable(scale, colours), ax=box, shrink=0.7, aspect=24, pad=0.08,
        extend=beyond(field, scale),
    )  # fmt: skip
    bar.outline.set_visible(False)  # pyright: ignore
    bar.ax.set_title(symbol(label), fontsize=9.5)
    if not finite(field).size:
        say(figure.add_axes((0, 0, 1, 1), frameon=False, xticks=[], yticks=[]), "no finite values")
    if title:
        figure.suptitle(plain(title, 80), x=0.01, ha="left", fontsize=11)
    return figure
