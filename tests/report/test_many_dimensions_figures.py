import numpy as np
import pytest

from pinnlab.errors import DataError
from pinnlab.report import png
from pinnlab.report.agreement import plot_agreement
from pinnlab.report.lines import Line, plot_lines


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_agreement_shows_pairs_and_errors():
    exact = np.linspace(-1, 1, 50)
    r = np.linspace(0, 2, 50)
    figure = plot_agreement(exact, exact + 1e-3 * (1 + r), r, label="u", title="T")
    left, right = figure.axes
    np.testing.assert_allclose(left.collections[0].get_offsets()[:, 0], exact)
    np.testing.assert_allclose(left.collections[0].get_offsets()[:, 1], exact + 1e-3 * (1 + r))
    assert left.get_xlim() == left.get_ylim()
    assert left.get_xlabel() == "exact $u$"
    np.testing.assert_allclose(right.collections[0].get_offsets()[:, 1], 1e-3 * (1 + r))
    assert right.get_yscale() == "log"
    # The error grows with the distance here, and so does the line of its medians.
    median = right.lines[0].get_ydata()
    assert len(median) == 10
    assert (np.diff(median) > 0).all()
    assert png(figure).startswith(b"\x89PNG")


def test_times_are_colours_with_a_bar():
    exact, t = np.linspace(0, 1, 9), np.linspace(0, 3, 9)
    figure = plot_agreement(exact, exact + 0.1, exact, time=t, time_label="tau")
    np.testing.assert_allclose(figure.axes[0].collections[0].get_array(), t)
    assert r"$\tau$" in [axes.get_ylabel() for axes in figure.axes[1].child_axes]
    png(figure)


def test_many_points_are_thinned():
    many = np.linspace(0, 1, 50_000)
    drawn = plot_agreement(many, many + 1, many).axes[0].collections[0].get_offsets()
    assert len(drawn) == 3000
    assert drawn[0, 0] == 0
    assert drawn[-1, 0] == 1


@pytest.mark.parametrize("difference, words", [(0.0, "no error to show"), (np.nan, "no finite")])
def test_what_cannot_be_drawn_is_said(difference, words):
    x = np.linspace(0, 1, 6)
    figure = plot_agreement(x, x + difference, x)
    assert any(words in text for axes in figure.axes for text in texts(axes))
    png(figure)


def test_single_points():
    png(plot_agreement([1.0], [1.1], [0.0]))


def test_agreement_refuses_other_lengths():
    with pytest.raises(DataError, match=r"(?s)different lengths.*predicted: 2"):
        plot_agreement([1.0], [1.0, 2.0], [0.0])
    with pytest.raises(DataError, match=r"(?s)different lengths.*time: 3"):
        plot_agreement([1.0], [1.0], [0.0], time=[0.0, 1.0, 2.0])


def test_lines_in_time():
    s = np.linspace(-1, 1, 5)
    values = np.stack([s, 2 * s])
    figure = plot_lines(
        [Line("first axis", s, values), Line("diagonal", 3 * s, values, exact=values + 1)],
        times=[0.0, 0.5], label="u", title="T",
    )  # fmt: skip
    first, second = figure.axes
    assert len(first.lines) == 2
    assert len(second.lines) == 4
    assert first.get_ylim() == second.get_ylim()
    assert second.get_xlim() == (-3, 3)
    assert first.get_title(loc="left") == "first axis"
    labels = [text.get_text() for text in second.get_legend().get_texts()]
    assert labels == ["$t$ = 0", "$t$ = 0.5", "exact"]
    png(figure)


def test_lines_without_time_have_no_legend():
    s = np.linspace(0, 1, 3)
    figure = plot_lines([Line("diagonal", s, s[None])])
    assert figure.axes[0].get_legend() is None
    shown = plot_lines([Line("diagonal", s, s[None] * np.nan)])
    assert "no finite values" in texts(shown.axes[0])
    png(shown)


def test_lines_refuse_what_does_not_fit():
    s = np.linspace(0, 1, 3)
    with pytest.raises(DataError, match="no line to draw"):
        plot_lines([])
    with pytest.raises(DataError, match=r"(?s)values along line 'a' .*\(1, 3\)"):
        plot_lines([Line("a", s, s[None, :2])])
    with pytest.raises(DataError, match=r"exact along line 'a'"):
        plot_lines([Line("a", s, s[None], exact=s[None, :2])])
