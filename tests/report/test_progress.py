import numpy as np
import pytest

from pinnlab.errors import DataError
from pinnlab.report import (
    History,
    Phase,
    UnknownValue,
    plot_errors,
    plot_losses,
    plot_unknowns,
    plot_weights,
    png,
)


def labels(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_losses_show_each_raw_term_by_name_the_total_and_the_phases(history):
    figure = plot_losses(history, learning_rate=True)
    top, below = figure.axes
    assert labels(top) == ["burgers", "ends", "½ weighted sum"]
    np.testing.assert_allclose(top.lines[0].get_ydata(), history.terms["burgers"])
    assert top.get_yscale() == "log"
    assert [text.get_text().strip() for text in top.texts] == ["Adam", "LBFGS"]
    assert top.patches[0].get_x() == 0
    assert top.patches[0].get_width() == 200
    assert below.get_ylabel() == "learning rate"
    assert below.get_xlabel() == "step"
    png(figure)


def test_a_logarithmic_axis_that_spans_little_has_labels_with_plain_numbers():
    for low, high in ((0.03, 0.4), (0.2, 0.3), (2e-7, 5e-7)):
        figure = plot_losses(History(step=np.arange(4), terms={"a": np.linspace(low, high, 4)}))
        figure.canvas.draw()
        axes = figure.axes[0]
        inside = [
            text.get_text()
            for text, place in zip(axes.get_yticklabels(), axes.get_yticks(), strict=True)
            if axes.get_ylim()[0] <= place <= axes.get_ylim()[1]
        ]
        assert len([text for text in inside if text]) >= 2
        assert not any("." in text for text in inside)  # 2 times 10 to the -1, not 10 to the -0.7


def test_a_term_that_became_nan_is_marked_at_its_last_value():
    values = np.array([1.0, 0.5, np.nan, np.nan])
    figure = plot_losses(History(step=np.arange(4), terms={"a": values, "b": np.ones(4)}))
    marks = [line for line in figure.axes[0].lines if line.get_marker() == "X"]
    assert [tuple(np.ravel(mark.get_data())) for mark in marks] == [(1.0, 0.5)]
    assert labels(figure.axes[0]) == ["a", "b"]


def test_long_histories_are_thinned_but_keep_their_extremes_and_gaps():
    values = np.ones(50_000)
    values[12_345], values[33_333], values[44_444] = 7.0, 1e-9, np.nan
    figure = plot_losses(History(step=np.arange(50_000), terms={"a": values}))
    drawn = figure.axes[0].lines[0].get_ydata()
    assert drawn.size < 5000
    assert np.nanmax(drawn) == 7.0
    assert np.nanmin(drawn) == 1e-9
    assert np.isnan(drawn).any()


def test_unknowns_show_truth_and_standard_error(history):
    figure = plot_unknowns(history, {"nu": UnknownValue(0.0032, 1e-4, 0.0031), "k": 2.0})
    first, second = figure.axes
    assert first.get_title(loc="left") == r"$\nu$ = (3.20 ± 0.10)e-03"
    dashed = [line for line in first.lines if line.get_linestyle() == "--"]
    assert dashed[0].get_ydata()[0] == 0.0031
    band = first.patches[0]
    assert band.get_y() == pytest.approx(0.0031)
    assert band.get_height() == pytest.approx(2e-4)
    assert set(first.get_legend_handles_labels()[1]) == {
        "estimate",
        "true value",
        "± standard error",
    }
    assert second.get_title(loc="left") == "$k$ = 2"
    png(figure)


def test_unknowns_over_decades_are_logarithmic():
    history = History(step=[0, 1, 2], unknowns={"k": [1.0, 1e4, 7.8e8]})
    assert plot_unknowns(history).axes[0].get_yscale() == "log"


def test_errors_join_what_was_measured_and_show_the_best_constant(history):
    figure = plot_errors(history, baseline={"u relative_l2": 0.9})
    assert labels(figure.axes[0]) == ["u relative L2", "u relative L2: best constant"]
    line, level = figure.axes[0].lines[:2]
    assert np.isfinite(line.get_ydata()).all()
    assert line.get_xdata().tolist() == [0, 50, 100, 150, 200, 250]
    assert level.get_ydata()[0] == 0.9
    assert line.get_color() == level.get_color()


def test_weights(history):
    assert labels(plot_weights(history).axes[0]) == ["burgers", "ends"]


@pytest.mark.parametrize("plot", [plot_losses, plot_errors, plot_weights, plot_unknowns])
def test_empty_single_and_absurd_histories_do_not_crash(plot):
    name = "_$" + "x" * 400 + "\n<script>\x1b[31m"
    series = {
        "one": [1.0],
        name: [np.nan],
    }
    histories = [
        History(),
        History(step=[0.0], terms=series, weights=series, unknowns=series, errors=series),
        History(
            step=[0.0, 1.0],
            total=[0.0, -1.0],
            terms={"a": [np.inf, 0.0]},
            errors={"a": [0.0, 0.0]},
            unknowns={"a": [0.0, 0.0]},
            phases=[Phase(name, 0, 0), Phase(name, 0, 1), {"name": "x", "first": 1, "last": 9}],  # pyright: ignore
        ),
    ]
    for history in histories:
        png(plot(history))


def test_a_series_of_another_length_is_told():
    with pytest.raises(DataError, match="another length than its steps"):
        plot_losses(History(step=[0, 1], terms={"a": [1.0]}))
