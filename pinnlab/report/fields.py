"""Fields over a plane: one, several, or a prediction beside its reference and its error.

A field is given on a grid, on scattered points, or on triangles; holes stay holes:

* **Grid**: axes ``x`` (nx,) and ``y`` (ny,), values (nx, ny), first index along ``x``; or all three
  as equal two-dimensional arrays for a curvilinear grid. ``inside``, a boolean array like the
  values, leaves out the nodes that are not in the domain.
* **Scattered points**: ``x``, ``y``, values, all (n,). They are joined to triangles (Delaunay);
  ``inside``, a function of points (m, 2), drops the triangles whose centroid is not in the domain:
  they bridge holes and notches. Without it the convex hull is filled.
* **Triangles**: the same with ``triangles`` (k, 3), indices of points, and no question is open.

The axes have equal scales where both are lengths. Where one is the time, their scales are
independent and time runs to the right.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pinnlab.errors import DataError
from pinnlab.report.figure import (
    INK,
    as_array,
    beyond,
    colour_bar,
    colour_scale,
    error_scale,
    finite,
    grid_shape,
    limits,
    name_upright,
    new_figure,
    plain,
    say,
    styled,
    symbol,
)
from pinnlab.report.numbers import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

Inside = Callable[[np.ndarray], Any] | np.ndarray | None

# Panels of a wide domain are stacked, others stand side by side.
_WIDE = 2.2

# Beyond this many nodes a grid with holes is drawn cell by cell: triangles would be slow.
_MANY = 250_000


@dataclass(frozen=True)
class Plane:
    """Where the values of a plane figure lie, ready to draw; made by :func:`plane`.

    Args:
        x: Horizontal coordinate, grid (ny, nx) or points (n,).
        y: Vertical coordinate, of the same shape.
        triangles: Indices of points (k, 3), none for a grid.
        outside: Grid nodes to leave out, of the shape of ``x``.
        labels: Names of the axes.
        equal: Whether both axes have one scale.
        swapped: Whether the second coordinate, the time, runs to the right.
    """

    x: np.ndarray
    y: np.ndarray
    triangles: np.ndarray | None
    outside: np.ndarray | None
    labels: tuple[str, str]
    equal: bool
    swapped: bool

    @property
    def ratio(self) -> float:
        """Width over height of the domain as it is drawn."""
        if not self.equal:
            return 1.5
        width, height = np.ptp(finite(self.x)), np.ptp(finite(self.y))
        return float(np.clip(width / height, 0.1, 12.0)) if width > 0 and height > 0 else 1.0

    def values(self, name: str, values: Any) -> np.ndarray:
        """Values in the layout of the points, nan where there is nothing to draw.

        Raises:
            DataError: If their shape is not that of the points.
        """
        array = as_array(name, values, (1, 2))
        # Image order: rows go up. A grid's first index runs along the first coordinate.
        transposed = self.triangles is None and not self.swapped
        if transposed and array.ndim == 2:
            array = array.T
        if array.shape != self.x.shape:
            raise DataError(
                f"Field '{name}' does not fit its points",
                expected=f"shape {self.x.T.shape if transposed else self.x.shape}",
                got=f"{np.shape(values)}",
                do="give one value for each point, or for a grid values (nx, ny)",
            )
        return array if self.outside is None else np.where(self.outside, np.nan, array)

    def draw(self, axes: "Axes", values: np.ndarray, colours: str, scale: "Normalize") -> Any:
        """Draw values that came from :meth:`values`; returns what a colour bar needs."""
        kept = self._drawn_triangles(values)
        options = {"cmap": colours, "norm": scale, "rasterized": True}
        x, y = self.x.ravel(), self.y.ravel()
        if kept is None:
            shading = "gouraud" if np.isfinite(values).all() else "nearest"
            shown = np.ma.masked_invalid(values)
            artist = axes.pcolormesh(self.x, self.y, shown, shading=shading, **options)
        elif kept.size:
            flat = np.nan_to_num(values.ravel(), posinf=0.0, neginf=0.0)
            artist = axes.tripcolor(x, y, flat, triangles=kept, shading="gouraud", **options)
            _outline(axes, x, y, kept)
        else:  # nothing that could be joined to an area
            artist = axes.scatter(x, y, c=values.ravel(), s=14, **options)
        self._finish(axes, framed=kept is None)
        if not finite(values).size:
            say(axes, "no finite values")
        return artist

    def _drawn_triangles(self, values: np.ndarray) -> np.ndarray | None:
        """Triangles with a value at each corner; none for a full grid, which needs no triangles."""
        known = np.isfinite(values.ravel())
        if self.triangles is not None:
            triangles = self.triangles
        elif min(values.shape) < 2:
            return np.empty((0, 3), dtype=int)
        elif known.all() or values.size > _MANY:
            return None
        else:
            triangles = _cells(values.shape)
        return triangles[known[triangles].all(axis=1)]

    def _finish(self, axes: "Axes", framed: bool) -> None:
        axes.set_xlabel(symbol(self.labels[0]))
        name_upright(axes, self.labels[1])
        axes.set_aspect("equal" if self.equal else "auto")
        axes.set_xlim(limits(self.x))
        axes.set_ylim(limits(self.y))
        _few_ticks(axes, self.ratio if self.equal else 1.0)
        for side in axes.spines.values():
            side.set_visible(framed)


def _cells(shape: tuple[int, ...]) -> np.ndarray:
    """Two triangles for each cell of a grid, indices into the flattened nodes."""
    node = np.arange(shape[0] * shape[1]).reshape(shape)
    a, b, c, d = node[:-1, :-1], node[:-1, 1:], node[1:, :-1], node[1:, 1:]
    # Both diagonals by turns, so that the rim of a hole shows no direction.
    even = (np.indices(a.shape).sum(axis=0) % 2 == 0).ravel()
    a, b, c, d = (part.ravel() for part in (a, b, c, d))
    first = np.where(even[:, None], np.column_stack([a, b, d]), np.column_stack([a, b, c]))
    second = np.where(even[:, None], np.column_stack([a, d, c]), np.column_stack([b, d, c]))
    return np.vstack([first, second])


def _outline(axes: "Axes", x: np.ndarray, y: np.ndarray, triangles: np.ndarray) -> None:
    """The rim of the drawn area: the edges that only one triangle has."""
    from matplotlib.collections import LineCollection

    edges = np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    single, count = np.unique(edges, axis=0, return_counts=True)
    rim = single[count == 1]
    segments = np.stack([x[rim], y[rim]], axis=-1)  # (k, 2 ends, 2)
    axes.add_collection(
        LineCollection(list(segments), colors="#9aa1ac", linewidths=0.7, capstyle="round")
    )


def plane(
    x: Any,
    y: Any,
    shape: tuple[int, ...],
    *,
    inside: Inside = None,
    triangles: Any = None,
    labels: tuple[str, str] = ("x", "y"),
    time: str | None = "t",
    aspect: str | None = None,
) -> Plane:
    """Sort out how points are given, see the top of this module.

    Args:
        x: First coordinate.
        y: Second coordinate.
        shape: Shape of the values, which tells a grid from scattered points.
        inside: Boolean array like the values, or a function of points (m, 2).
        triangles: Indices of points (k, 3).
        labels: Names of the two coordinates.
        time: Name of the coordinate that is the time; it runs to the right.
        aspect: ``"equal"`` or ``"auto"``; by default equal unless a coordinate is the time.

    Raises:
        DataError: If the shapes do not fit together.
    """
    x, y = as_array(labels[0], x, (1, 2)), as_array(labels[1], y, (1, 2))
    swap = time is not None and labels[1] == time
    equal = (aspect or ("auto" if time in labels else "equal")) == "equal"
    if len(shape) == 2 and triangles is None:
        gx, gy, outside = _grid(x, y, shape, inside)
    else:
        gx, gy, outside = x.ravel(), y.ravel(), None
        if gx.shape != gy.shape:
            raise DataError(
                "The coordinates of the points differ in length",
                expected=f"{gx.size} values of '{labels[1]}'",
                got=f"{gy.size}",
                do="for a grid give values (nx, ny), for points one value each",
            )
        triangles = _triangles(gx, gy, triangles, inside)
    if swap:
        gx, gy, labels = gy, gx, (labels[1], labels[0])
    if triangles is None and not swap:
        gx, gy = gx.T, gy.T
        outside = None if outside is None else outside.T
    return Plane(gx, gy, triangles, outside, labels, equal, swap)


def _grid(
    x: np.ndarray, y: np.ndarray, shape: tuple[int, ...], inside: Inside
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    if x.ndim == 1 and y.ndim == 1:
        if shape != (x.size, y.size):
            raise DataError(
                "The values do not fit the grid",
                expected=f"shape ({x.size}, {y.size}): first index along the first coordinate",
                got=f"{shape}",
                do="transpose the values" if shape == (y.size, x.size) else "check the axes",
            )
        x, y = np.meshgrid(x, y, indexing="ij")
    elif x.shape != shape or y.shape != shape:
        raise DataError(
            "The coordinates do not fit the grid",
            expected=f"shape {shape}, or one axis each",
            got=f"{x.shape} and {y.shape}",
            do="use numpy.meshgrid(x, y, indexing='ij')",
        )
    if inside is None:
        return x, y, None
    if callable(inside):
        inside = np.asarray(inside(np.column_stack([x.ravel(), y.ravel()]))).reshape(shape)
    mask = np.asarray(inside, dtype=bool)
    if mask.shape != shape:
        raise DataError(
            "The mask does not fit the grid",
            expected=f"shape {shape}",
            got=f"{mask.shape}",
            do="give one boolean for each value",
        )
    return x, y, ~mask


def _triangles(x: np.ndarray, y: np.ndarray, triangles: Any, inside: Inside) -> np.ndarray:
    none = np.empty((0, 3), dtype=int)
    if triangles is None:
        from scipy.spatial import Delaunay, QhullError

        good = np.isfinite(x) & np.isfinite(y)
        where = np.flatnonzero(good)
        try:
            triangles = where[Delaunay(np.column_stack([x[good], y[good]])).simplices]
        except (QhullError, ValueError):  # fewer than three points, or all on a line
            return none
    triangles = np.asarray(triangles, dtype=int).reshape(-1, 3)
    if triangles.size and not 0 <= triangles.min() <= triangles.max() < x.size:
        raise DataError(
            "A triangle names a point that does not exist",
            expected=f"indices from 0 to {x.size - 1}",
            got=f"{triangles.min()} to {triangles.max()}",
            do="count points from zero",
        )
    if inside is None or not triangles.size:
        return triangles
    if callable(inside):
        centroids = np.column_stack([x[triangles].mean(axis=1), y[triangles].mean(axis=1)])
        kept = np.asarray(inside(centroids), dtype=bool).ravel()
    else:  # one boolean a point: a triangle needs all of its corners
        kept = np.asarray(inside, dtype=bool).ravel()
        if kept.size != x.size:
            raise DataError(
                "The mask does not fit the points",
                expected=f"{x.size} booleans",
                got=f"{kept.size}",
                do="give one boolean for each point, or a function of points",
            )
        kept = kept[triangles].all(axis=1)
    return triangles[kept]


@styled
def plot_2d(
    x: Any,
    y: Any,
    values: Any,
    *,
    inside: Inside = None,
    triangles: Any = None,
    points: Any = None,
    title: str = "",
    label: str = "u",
    labels: tuple[str, str] = ("x", "y"),
    time: str | None = "t",
    aspect: str | None = None,
    signed: bool | None = None,
    contours: int = 0,
) -> "Figure":
    """One field over a plane, or several of them each with its own colours.

    Args:
        x: First coordinate, see the top of this module.
        y: Second coordinate.
        values: The field, or several by name.
        inside: What belongs to the domain, see the top of this module.
        triangles: Indices of points (k, 3).
        points: Places to mark, (m, 2), such as sensors.
        title: Heading.
        label: Name of the field, if it is one.
        labels: Names of the coordinates.
        time: Name of the coordinate that is the time; it runs to the right.
        aspect: ``"equal"`` or ``"auto"``; by default equal unless a coordinate is the time.
        signed: Whether zero is the middle of the colours; by default judged from the values.
        contours: How many contour lines to draw as well.

    Returns:
        A figure with one panel a field.

    Raises:
        DataError: If the shapes do not fit together.
    """
    fields = dict(values) if isinstance(values, Mapping) else {label: values}
    if not fields:
        raise DataError("There is no field to plot", expected="at least one", got="none")
    where = plane(
        x, y, np.shape(next(iter(fields.values()))), inside=inside, triangles=triangles,
        labels=labels, time=time, aspect=aspect,
    )  # fmt: skip
    single, columns = len(fields) == 1, 3 if where.ratio < _WIDE else 1
    figure, panels = panel_figure(where, len(fields), columns, single)
    for axes, (name, field) in zip(panels, fields.items(), strict=False):
        numbers = where.values(name, field)
        colours, scale = colour_scale(numbers, signed=signed)
        artist = where.draw(axes, numbers, colours, scale)
        if contours:
            _contours(axes, where, numbers, contours)
        shown = symbol(name) if single and title else ""
        colour_bar(figure, artist, axes, shown, extend=beyond(numbers, scale))
        if points is not None:
            _mark(axes, where, points)
        axes.set_title(plain(title, 80) if single and title else symbol(name), loc="left")
    outer_labels(panels, grid_shape(len(fields), columns)[1])
    if title and not single:
        figure.suptitle(plain(title, 80), x=0.01, ha="left", fontsize=11)
    return figure


@styled
def plot_comparison(
    x: Any,
    y: Any,
    prediction: Any,
    reference: Any,
    *,
    inside: Inside = None,
    triangles: Any = None,
    points: Any = None,
    title: str = "",
    label: str = "u",
    labels: tuple[str, str] = ("x", "y"),
    time: str | None = "t",
    aspect: str | None = None,
    signed: bool | None = None,
) -> "Figure":
    """Prediction, reference and absolute error side by side.

    The first two share one scale, which is that of the reference, so that their colours can be
    compared; a prediction that leaves it is shown in the end colours and the bar says so. The error
    has its own scale, from zero to its largest value.

    Args:
        x: First coordinate, see the top of this module.
        y: Second coordinate.
        prediction: Field that was computed, or several by name, one row of panels each.
        reference: Field to compare with, or several by the same names.
        inside: What belongs to the domain, see the top of this module.
        triangles: Indices of points (k, 3).
        points: Places to mark in the error, (m, 2), such as training data.
        title: Heading.
        label: Name of the field, if it is one.
        labels: Names of the coordinates.
        time: Name of the coordinate that is the time; it runs to the right.
        aspect: ``"equal"`` or ``"auto"``; by default equal unless a coordinate is the time.
        signed: Whether zero is the middle of the colours; by default judged from the reference.

    Returns:
        A figure with three panels for each field.

    Raises:
        DataError: If the shapes or names do not fit together.
    """
    ours = dict(prediction) if isinstance(prediction, Mapping) else {label: prediction}
    theirs = dict(reference) if isinstance(reference, Mapping) else {label: reference}
    missing = [name for name in ours if name not in theirs]
    if missing or not ours:
        raise DataError(
            "A field has no reference" if ours else "There is no field to plot",
            expected="a reference for " + (", ".join(map(str, ours)) or "at least one field"),
            got=", ".join(map(str, theirs)) or "none",
            do="leave the field out of the prediction, or use plot_2d",
        )
    where = plane(
        x, y, np.shape(next(iter(ours.values()))), inside=inside, triangles=triangles,
        labels=labels, time=time, aspect=aspect,
    )  # fmt: skip
    stacked = where.ratio >= _WIDE
    figure, panels = panel_figure(where, 3 * len(ours), 1 if stacked else 3, False)
    for row, name in enumerate(ours):
        trio = panels[3 * row : 3 * row + 3]
        _trio(figure, trio, where, str(name), ours[name], theirs[name], signed, stacked)
        if points is not None:
            _mark(trio[2], where, points)
    outer_labels(panels, 1 if stacked else 3)
    if title:
        figure.suptitle(plain(title, 80), x=0.01, ha="left", fontsize=11)
    return figure


def _trio(
    figure: "Figure", trio: Any, where: Plane, name: str, ours: Any, theirs: Any,
    signed: bool | None, stacked: bool,
) -> None:  # fmt: skip
    """Prediction, reference, error of one field in three axes."""
    computed, exact = where.values(name, ours), where.values(name, theirs)
    error = np.abs(computed - exact)
    # A reference without a finite value sets no scale.
    colours, scale = colour_scale(exact if finite(exact).size else computed, signed=signed)
    both = np.concatenate([computed.ravel(), exact.ravel()])
    first = where.draw(trio[0], computed, colours, scale)
    where.draw(trio[1], exact, colours, scale)
    third = where.draw(trio[2], error, *error_scale(error))
    for axes in trio[:2] if stacked else trio[1:2]:
        colour_bar(figure, first, axes, extend=beyond(both, scale))
    colour_bar(figure, third, trio[2])
    shown = symbol(name)
    size, largest = finite(exact), finite(error)
    trio[0].set_title(f"{shown}  prediction", loc="left")
    trio[1].set_title(f"{shown}  reference", loc="left")
    worst = f"max {number(float(largest.max()), 2)}" if largest.size else ""
    trio[2].set_title(f"absolute error,  {worst}" if worst and size.size else "absolute error",
                      loc="left")  # fmt: skip


def panel_figure(
    where: Plane, count: int, columns: int, single: bool, ragged: bool = False
) -> tuple["Figure", list["Axes"]]:
    """Panels of the shape of the domain, with room for their colour bars.

    Args:
        where: The domain.
        count: How many panels.
        columns: How many stand side by side at most; exactly so many if ``ragged``.
        single: Whether a panel may fill the page.
        ragged: Whether the last line may be much shorter than the others.
    """
    rows, columns = (-(-count // columns), columns) if ragged else grid_shape(count, columns)
    ratio = where.ratio
    if single:  # fits into 6.4 x 4.4 inches
        width = min(6.0, 4.2 * ratio)
    else:
        width = {1: 7.2, 2: 3.8, 3: 2.75}.get(columns, 2.2)
        width = min(width, 3.4 * ratio)
    figure = new_figure(columns * (width + 0.6) + 0.5, rows * (width / ratio + 0.4) + 0.6)
    if where.equal:  # closes the gaps that a fixed aspect leaves
        figure.set_layout_engine("compressed")
    grid = figure.subplots(rows, columns, squeeze=False)
    axes = list(grid.ravel())
    for left_over in axes[count:]:
        left_over.set_visible(False)
    return figure, axes[:count]


def outer_labels(panels: Sequence["Axes"], columns: int) -> None:
    """Keep labels and tick labels at the left and bottom panels only."""
    for index, axes in enumerate(panels):
        if index % columns:
            axes.set_ylabel("")
            axes.tick_params(labelleft=False)
        if index + columns < len(panels):
            axes.set_xlabel("")
            axes.tick_params(labelbottom=False)


def _few_ticks(axes: "Axes", ratio: float) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(5 if ratio > 0.6 else 3))
    axes.yaxis.set_major_locator(MaxNLocator(5 if ratio < _WIDE else 3))


def _contours(axes: "Axes", where: Plane, values: np.ndarray, count: int) -> None:
    from matplotlib.tri import Triangulation

    options: dict[str, Any] = {"colors": INK, "linewidths": 0.5, "alpha": 0.55}
    numbers = finite(values)
    if numbers.size < 4 or np.ptp(numbers) == 0:
        return
    levels = np.linspace(numbers.min(), numbers.max(), count + 2)[1:-1]
    if where.triangles is None:
        axes.contour(where.x, where.y, np.ma.masked_invalid(values), levels, **options)
    else:
        kept = where.triangles[np.isfinite(values[where.triangles]).all(axis=1)]
        if kept.size:
            mesh = Triangulation(where.x, where.y, kept)
            axes.tricontour(mesh, np.nan_to_num(values), levels, **options)


def _mark(axes: "Axes", where: Plane, points: Any) -> None:
    """Small rings at some places, given in the order of the caller's coordinates."""
    places = np.asarray(points, dtype=float).reshape(-1, 2)
    first, second = (1, 0) if where.swapped else (0, 1)
    size = 9 if len(places) <= 200 else 3
    axes.scatter(
        places[:, first], places[:, second], s=size, facecolors="white", edgecolors=INK,
        linewidths=0.6, zorder=4, clip_on=False,
    )  # fmt: skip
