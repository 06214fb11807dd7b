import numpy as np
import pytest

from pinnlab.errors import DataError
from pinnlab.report import plot_3d, plot_surface, png


@pytest.fixture
def box():
    x, y, z = np.linspace(0, 1, 11), np.linspace(0, 2, 9), np.linspace(-1, 1, 7)
    gx, gy, gz = np.meshgrid(x, y, z, indexing="ij")
    return x, y, z, gx + 10 * gy + 100 * gz


def test_slices_lie_at_the_nearest_nodes_and_show_the_right_values(box):
    x, y, z, values = box
    figure = plot_3d(x, y, z, values, at=(0.52, None, 0.9), title="T")
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert "$x$ = 0.500" in titles
    assert "$y$ = 1" in titles
    assert "$z$ = 1" in titles
    side = figure.axes[titles.index("$x$ = 0.500")]
    assert (side.get_xlabel(), side.get_ylabel()) == ("$y$", "$z$")
    drawn = np.asarray(side.collections[0].get_array())
    np.testing.assert_allclose(drawn, values[5].T)
    assert [line.get_xdata()[0] for line in side.lines[:1]] == [1.0]  # where y is cut
    png(figure)


def test_the_box_shows_every_cell_of_every_slice(box):
    x, y, z, values = box
    figure = plot_3d(x, y, z, values)
    (solid,) = (axes for axes in figure.axes if axes.name == "3d")
    quads = next(c for c in solid.collections if type(c).__name__ == "Poly3DCollection")
    assert len(quads.get_facecolor()) == 8 * 6 + 10 * 6 + 10 * 8


def test_holes_stay_empty(box):
    x, y, z, values = box
    figure = plot_3d(x, y, z, values, inside=lambda p: np.abs(p[:, 0] - 0.5) > 0.15)
    png(figure)
    with pytest.raises(DataError, match="mask does not fit the grid of the box"):
        plot_3d(x, y, z, values, inside=np.ones((2, 2, 2), bool))


def test_wrong_boxes_are_told(box):
    x, y, z, values = box
    with pytest.raises(DataError, match="do not fit the grid of the box"):
        plot_3d(x, y, z, values.T)
    with pytest.raises(DataError, match="wrong number of axes"):
        plot_3d(x, y, z, values[0])
    png(plot_3d(x, y, z, np.full(values.shape, np.nan)))


def test_surfaces():
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
    triangles = [[0, 1, 2], [0, 1, 3]]
    figure = plot_surface(points, [0.0, 1.0, 2.0, np.nan], triangles=triangles, label="p")
    (solid,) = (axes for axes in figure.axes if axes.name == "3d")
    faces = next(c for c in solid.collections if type(c).__name__ == "Poly3DCollection")
    assert len(faces.get_facecolor()) == 1  # the other one has a corner without a value
    assert figure.axes[1].get_title() == "$p$"
    png(figure)
    png(plot_surface(points, np.arange(4.0), title="dots"))
    png(plot_surface(points, np.full(4, np.nan)))
    with pytest.raises(DataError, match="points do not fit the values"):
        plot_surface(points[:, :2], np.arange(4.0))
