import numpy as np
import pytest

from pinnlab.errors import DataError
from pinnlab.report import plot_2d, plot_comparison, png
from pinnlab.report.fields import plane


def colours_at(axes, x, y):
    """The value drawn nearest to a place."""
    (mesh,) = (c for c in axes.collections if hasattr(c, "get_coordinates"))
    coordinates = mesh.get_coordinates().reshape(-1, 2)
    nearest = np.hypot(coordinates[:, 0] - x, coordinates[:, 1] - y).argmin()
    return np.asarray(mesh.get_array()).ravel()[nearest]


@pytest.fixture
def grid():
    x, y = np.linspace(0, 2, 21), np.linspace(0, 1, 11)
    return x, y, x[:, None] + 10 * y[None]  # (nx, ny)


def test_a_grid_lies_where_its_coordinates_say(grid):
    x, y, values = grid
    figure = plot_2d(x, y, values, title="T", label="u")
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("$x$", "$y$")
    assert axes.get_aspect() == 1.0
    assert colours_at(axes, 2.0, 0.0) == pytest.approx(2.0)
    assert colours_at(axes, 0.0, 1.0) == pytest.approx(10.0)
    assert (axes.get_xlim(), axes.get_ylim()) == ((0, 2), (0, 1))
    (bar,) = axes.child_axes
    assert bar.get_ylabel() == "$u$"
    assert bar.get_ylim() == (0.0, 12.0)
    png(figure)


def test_time_runs_to_the_right(grid):
    x, t, values = grid
    figure = plot_2d(x, t, values, labels=("x", "t"))
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("$t$", "$x$")
    assert axes.get_aspect() == "auto"
    assert colours_at(axes, 1.0, 0.0) == pytest.approx(10.0)  # t = 1, x = 0
    assert colours_at(axes, 0.0, 2.0) == pytest.approx(2.0)


def test_curvilinear_grids_and_transposed_ones(grid):
    x, y, values = grid
    gx, gy = np.meshgrid(x, y, indexing="ij")
    axes = plot_2d(gx, gy, values).axes[0]
    assert colours_at(axes, 0.0, 1.0) == pytest.approx(10.0)
    with pytest.raises(DataError, match=r"do not fit the grid[\s\S]*transpose"):
        plot_2d(x, y, values.T)
    with pytest.raises(DataError, match="do not fit the grid"):
        plot_2d(gx, gy.T, values)


@pytest.mark.parametrize("labels", [("x", "y"), ("x", "t")])
def test_a_hole_in_a_grid_stays_empty(grid, labels):
    x, y, values = grid
    hole = np.hypot(x[:, None] - 1, y[None] - 0.5) < 0.25
    figures = [
        plot_2d(x, y, values, inside=~hole, labels=labels),
        plot_2d(
            x,
            y,
            values,
            labels=labels,
            inside=lambda p: np.hypot(p[:, 0] - 1, p[:, 1] - 0.5) >= 0.25,
        ),
        plot_2d(x, y, np.where(hole, np.nan, values), labels=labels),
    ]
    for figure in figures:
        drawn = [c for c in figure.axes[0].collections if hasattr(c, "_triangulation")]
        triangulation = drawn[0]._triangulation
        swap = labels[1] == "t"
        centre = (0.5, 1.0) if swap else (1.0, 0.5)
        px, py = triangulation.x[triangulation.triangles], triangulation.y[triangulation.triangles]
        far = np.hypot(px.mean(1) - centre[0], py.mean(1) - centre[1])
        assert far.min() > 0.2
        # Two triangles for each cell without a hole at a corner.
        cells = ~(hole[:-1, :-1] | hole[1:, :-1] | hole[:-1, 1:] | hole[1:, 1:])
        assert 2 * cells.sum() == len(triangulation.triangles)
        png(figure)


def test_triangles_that_bridge_a_hole_are_dropped():
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, (600, 2))
    angle = np.linspace(0, 2 * np.pi, 60)
    points = np.vstack([points, 0.4 * np.column_stack([np.cos(angle), np.sin(angle)])])
    points = points[np.hypot(*points.T) >= 0.4 - 1e-12]

    def inside(p):
        return np.hypot(p[:, 0], p[:, 1]) > 0.4

    where = plane(points[:, 0], points[:, 1], (len(points),), inside=inside)
    centroids = points[where.triangles].mean(axis=1)
    assert np.hypot(*centroids.T).min() > 0.4
    filled = plane(points[:, 0], points[:, 1], (len(points),))
    assert len(filled.triangles) > len(where.triangles)
    # One boolean a point does as well; given triangles are taken as they are.
    half = points[:, 0] > 0
    masked = plane(points[:, 0], points[:, 1], (len(points),), inside=half)
    assert half[masked.triangles].all()
    png(plot_2d(points[:, 0], points[:, 1], points[:, 0], inside=inside, contours=5))


def test_given_triangles_are_used():
    x, y = np.array([0, 1, 1, 0.0]), np.array([0, 0, 1, 1.0])
    where = plane(x, y, (4,), triangles=[[0, 1, 2]])
    np.testing.assert_array_equal(where.triangles, [[0, 1, 2]])
    with pytest.raises(DataError, match="point that does not exist"):
        plane(x, y, (4,), triangles=[[1, 2, 4]])
    with pytest.raises(DataError, match="mask does not fit the points"):
        plane(x, y, (4,), inside=np.ones(3, bool))
    with pytest.raises(DataError, match="differ in length"):
        plane(x, y[:3], (4,))


def test_comparison_shares_the_scale_of_the_reference(grid):
    x, y, values = grid
    figure = plot_comparison(x, y, values + 1.0, values, title="Compared", points=[[1.0, 0.5]])
    prediction, reference, error = figure.axes
    scales = [axes.collections[0].norm for axes in (prediction, reference, error)]
    assert scales[0] is scales[1]
    assert (scales[0].vmin, scales[0].vmax) == (0.0, 12.0)
    assert (scales[2].vmin, scales[2].vmax) == (0.0, pytest.approx(1.0))
    assert prediction.collections[0].cmap.name == "viridis"
    assert error.collections[0].cmap.name == "cividis"
    assert "max 1" in error.get_title(loc="left")
    assert len(error.collections) == 2  # the marked point
    png(figure)


def test_marks_keep_their_place_whatever_the_layout(grid):
    x, t, values = grid
    for labels, place in ((("x", "y"), [2.0, 0.5]), (("x", "t"), [0.5, 2.0])):
        axes = plot_2d(x, t, values, labels=labels, points=[[2.0, 0.5]]).axes[0]
        np.testing.assert_allclose(axes.collections[-1].get_offsets(), [place])
    scattered = plot_2d(
        [0, 1, 0.0], [0, 0, 1.0], [0, 1, 2.0], labels=("x", "t"), points=[[1.0, 0.5]]
    )
    np.testing.assert_allclose(scattered.axes[0].collections[-1].get_offsets(), [[0.5, 1.0]])


def test_several_fields_and_several_comparisons(grid):
    x, y, values = grid
    fields = {"u": values, "pressure": -values}
    assert len(plot_2d(x, y, fields).axes) == 2
    assert len(plot_comparison(x, y, fields, fields).axes) == 6
    wide = plot_comparison(4 * x, y, values, values)  # panels below each other
    tops = [axes.get_subplotspec().rowspan.start for axes in wide.axes]
    assert tops == [0, 1, 2]
    with pytest.raises(DataError, match="no field"):
        plot_2d(x, y, {})
    with pytest.raises(DataError, match="no field"):
        plot_comparison(x, y, {}, {})
    with pytest.raises(DataError, match="has no reference"):
        plot_comparison(x, y, fields, {"u": values})
    with pytest.raises(DataError, match="does not fit its points"):
        plot_comparison(x, y, values, values[:5])


@pytest.mark.parametrize(
    "values", [np.full((5, 4), np.nan), np.zeros((5, 4)), np.full((5, 4), 1e300)]
)
def test_fields_without_a_range(values):
    x, y = np.arange(5.0), np.arange(4.0)
    png(plot_2d(x, y, values))
    png(plot_2d(x, y, values, contours=3))
    png(plot_comparison(x, y, values, values))


def test_degenerate_points():
    png(plot_2d([0.5], [0.5], [1.0]))
    png(plot_2d([0.0, 1.0, 2.0], [0.0, 1.0, 2.0], [1.0, 2.0, 3.0]))  # on a line
    png(plot_2d([0.0, 1.0, 2.0], [0.5], np.ones((3, 1))))
    png(plot_2d([0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [np.nan, 1.0, 2.0]))
    with pytest.raises(DataError, match="mask does not fit the grid"):
        plot_2d([0, 1], [0, 1], np.zeros((2, 2)), inside=np.ones((3, 2), bool))
