import numpy as np
import pytest

from pinnlab.errors import DataError
from pinnlab.report import History, Phase, RunData, Term, UnknownValue
from pinnlab.report.data import as_record, last_finite


def test_a_history_from_the_lines_of_a_log():
    records = [
        {"step": 0, "loss": 3.0, "terms": {"a": 1.0}, "phase": "Adam", "lr": 1e-3},
        {"message": "a line without a step"},
        {
            "step": 10,
            "loss": 2.0,
            "terms": {"a": 0.5, "b": 0.1},
            "phase": "Adam",
            "errors": {"u": {"relative_l2": 0.1}},
            "unknowns": {"nu": 0.2},
        },
        {"step": 15, "loss": None, "terms": {"a": 0.4}, "phase": "LBFGS"},
    ]
    history = History.from_records(records)
    np.testing.assert_array_equal(history.step, [0, 10, 15])
    np.testing.assert_array_equal(history.total, [3, 2, np.nan])
    np.testing.assert_array_equal(history.terms["b"], [np.nan, 0.1, np.nan])
    np.testing.assert_array_equal(history.errors["u relative_l2"], [np.nan, 0.1, np.nan])
    np.testing.assert_array_equal(history.unknowns["nu"], [np.nan, 0.2, np.nan])
    assert history.phases == [Phase("Adam", 0, 10), Phase("LBFGS", 10, 15)]
    assert np.size(history.weights) == 1
    assert not history.weights


def test_an_empty_log():
    history = History.from_records([])
    assert len(history.step) == 0
    assert not history.terms


def test_records_from_dictionaries_and_tuples():
    assert as_record(Term, ("a", 2.0, 3.0)).weighted == 6.0
    assert as_record(UnknownValue, 2) == UnknownValue(2.0)
    assert as_record(UnknownValue, {"value": 2.0, "true": 4.0}).relative_error == 0.5
    assert UnknownValue(1.0, true=0.0).relative_error is None
    with pytest.raises(DataError, match=r"no part 'weigth'[\s\S]*weight"):
        as_record(Term, {"name": "a", "mean_square": 1.0, "weigth": 2.0})
    with pytest.raises(DataError, match="cannot be read as a Term"):
        as_record(Term, 3.0)


def test_what_a_run_knows_of_itself(history):
    run = RunData(history=history)
    assert run.wall_time() == 6.5
    assert [term.name for term in run.all_terms()] == ["burgers", "ends"]
    assert run.all_terms()[1].weight == pytest.approx(1 + 290 / 30)
    assert RunData().wall_time() is None
    assert RunData(seconds=3.0).wall_time() == 3.0
    assert last_finite([1.0, np.nan]) == 1.0
    assert np.isnan(last_finite([]))
