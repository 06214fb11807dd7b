import numpy as np
import pytest
from PIL import Image

from pinnlab.errors import DataError
from pinnlab.report import animate, plot_snapshots, png


@pytest.fixture
def film():
    x, y, t = np.linspace(0, 1, 8), np.linspace(0, 1, 6), np.linspace(0, 2, 11)
    return x, y, t, t[:, None, None] * x[None, :, None] * np.ones(y.size)


def test_snapshots_share_one_scale_and_name_their_times(film):
    x, y, t, values = film
    figure = plot_snapshots(x, y, t, values, most=3, title="T")
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["$u$,  $t$ = 0", "$t$ = 1", "$t$ = 2"]
    scales = {id(axes.collections[0].norm) for axes in figure.axes}
    assert len(scales) == 1
    assert figure.axes[0].collections[0].norm.vmax == 2.0
    bars = [axes for axes in figure.axes if axes.child_axes]
    assert bars == [figure.axes[-1]]
    png(figure)


def test_a_reference_adds_its_row_and_the_errors(film):
    x, y, t, values = film
    figure = plot_snapshots(x, y, t, values + 0.5, reference=values, most=2)
    assert len(figure.axes) == 6
    np.testing.assert_allclose(figure.axes[5].collections[0].get_array(), 0.5)
    assert figure.axes[0].collections[0].norm is figure.axes[3].collections[0].norm
    assert figure.axes[4].get_title(loc="left").startswith("absolute error")


def test_scattered_snapshots_with_a_hole():
    rng = np.random.default_rng(0)
    points = rng.random((80, 2))
    values = np.arange(2)[:, None] + points[None, :, 0]
    figure = plot_snapshots(
        points[:, 0], points[:, 1], [0, 1], values, inside=lambda p: p[:, 0] < 0.8
    )
    png(figure)
    with pytest.raises(DataError, match="one field for each time"):
        plot_snapshots(points[:, 0], points[:, 1], [0, 1, 2], values)


def test_animations_have_a_frame_a_time(film, tmp_path):
    x, y, t, values = film
    plane = animate(tmp_path / "a" / "plane.gif", t[:3], values[:3], x=x, y=y, title="T", dpi=40)
    line = animate(
        tmp_path / "line.gif", t[:4], values[:4, :, 0], x=x, reference=values[:4, :, 0], dpi=40
    )
    for path, frames in ((plane, 3), (line, 4)):
        with Image.open(path) as film_file:
            assert film_file.n_frames == frames
    with pytest.raises(DataError, match=r"ends in \.gif"):
        animate(tmp_path / "a.mp4", t, values, x=x, y=y)
    with pytest.raises(DataError, match="does not fit the line"):
        animate(tmp_path / "a.gif", t, values, x=x)
