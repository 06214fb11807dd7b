import numpy as np
import pytest

from pinnlab.errors import DataError
from pinnlab.report import plot_1d, plot_family, png


def test_curves_are_sorted_labelled_and_named():
    x = np.array([2.0, 0.0, 1.0])
    figure = plot_1d(
        x,
        {"u": x**2, "reference": x**2},
        points={"sensors": ([0.5], [0.2])},
        title="T",
        xlabel="x",
        ylabel="nu",
    )
    (axes,) = figure.axes
    assert axes.get_xlabel() == "$x$"
    assert axes.get_ylabel() == r"$\nu$"
    assert axes.get_title(loc="left") == "T"
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), [0, 1, 2])
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [0, 1, 4])
    assert axes.lines[1].get_linestyle() == "--"
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts == ["$u$", "reference", "sensors"]
    assert axes.get_xlim() == (0.0, 2.0)


def test_a_band_covers_its_limits():
    x = np.linspace(0, 1, 5)
    figure = plot_1d(x, {"u": x}, bands={"u": (x - 1, x + 1)})
    (band,) = figure.axes[0].collections
    assert band.get_paths()[0].vertices[:, 1].min() == -1
    assert band.get_paths()[0].vertices[:, 1].max() == 2


def test_a_single_point_gets_a_marker_and_nan_a_note():
    assert plot_1d([0.5], {"u": [1.0]}).axes[0].lines[0].get_marker() == "o"
    figure = plot_1d([0.0, 1.0], {"u": [np.nan, np.inf]})
    assert "no finite values" in [text.get_text() for text in figure.axes[0].texts]
    assert png(figure).startswith(b"\x89PNG")


def test_logarithmic_curves_leave_out_what_is_not_positive():
    figure = plot_1d([0, 1, 2], {"r": [1.0, 0.0, -1.0]}, log=True)
    assert figure.axes[0].get_yscale() == "log"
    png(figure)


@pytest.mark.parametrize("count", [3, 40])
def test_a_family_is_one_line_a_time_and_names_them(count):
    x, t = np.linspace(-1, 1, 11), np.linspace(0, 2, count)
    values = np.sin(x[None] + t[:, None])
    figure = plot_family(x, t, values, reference=values + 0.1, max_curves=9)
    drawn = figure.axes[0].lines
    assert len(drawn) == 2 * min(count, 9)
    np.testing.assert_allclose(drawn[0].get_ydata(), values[0])
    np.testing.assert_allclose(drawn[-1].get_ydata(), values[-1] + 0.1)
    if count == 3:
        texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
        assert texts == ["$t = 0$", "$t = 1$", "$t = 2$", "reference"]
    else:  # a colour bar over the times
        (bar,) = figure.axes[0].child_axes
        assert bar.get_ylim() == (0.0, 2.0)
        assert bar.get_ylabel() == "$t$"
    png(figure)


def test_wrong_shapes_are_told():
    with pytest.raises(DataError, match="another length"):
        plot_1d([0, 1], {"u": [1, 2, 3]})
    with pytest.raises(DataError, match=r"one curve for each time[\s\S]*transpose"):
        plot_family([0, 1, 2], [0, 1], np.zeros((3, 2)))
    with pytest.raises(DataError, match="cannot be plotted"):
        plot_1d(["a", "b"], {"u": [1, 2]})
    with pytest.raises(DataError, match="wrong number of axes"):
        plot_1d([[0, 1]], {"u": [1, 2]})
