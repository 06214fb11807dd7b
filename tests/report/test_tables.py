import re

import numpy as np

from pinnlab.report import (
    Finding,
    RunData,
    Term,
    UnknownValue,
    comparison_table,
    finding_table,
    metric_table,
    phase_table,
    table,
    term_table,
    unknown_table,
)
from pinnlab.report.numbers import column, duration, number, with_error
from pinnlab.report.tables import flat_settings, setting


def test_terms_are_named_raw_and_weighted():
    text = term_table([Term("burgers", 1.25e-5), {"name": "ends", "mean_square": 0.5, "weight": 3}])
    lines = text.splitlines()
    assert lines[0].split() == ["term", "mean", "square", "weight", "weighted"]
    assert lines[2].split() == ["burgers", "1.250e-05", "1", "1.250e-05"]
    assert lines[3].split() == ["ends", "5.000e-01", "3", "1.500e+00"]
    assert lines[4].split() == ["total", "1.500e+00"]
    assert len({len(line) for line in lines[2:]}) == 1  # aligned to the right


def test_optional_columns_appear_when_a_term_has_them():
    text = term_table([Term("a", 1.0, held_out=2.0, points=40, unit="m2"), Term("b", 1.0)])
    assert text.splitlines()[0].split()[3:5] == ["held", "out"]
    assert "m2" in text
    assert text.splitlines()[3].split() == ["b", "1", "-", "1", "1", "-"]


def test_metrics_stand_above_the_best_constant():
    text = metric_table(
        {"u": {"relative_l2": 3.1e-3, "max": float("nan")}, "p": {"h1": 0.5}},
        {"u": {"relative_l2": 1.0}},
    )
    lines = text.splitlines()
    assert lines[0].split() == ["field", "relative", "L2", "max", "H1"]
    assert lines[2].split() == ["u", "0.00310", "nan", "-"]
    assert lines[3].split() == ["(best", "constant)", "1.00000", "-", "-"]
    assert lines[4].split() == ["p", "-", "-", "0.500"]


def test_unknowns():
    text = unknown_table({"nu": UnknownValue(0.0031822, 2.1e-5, 0.0031831), "k": 7.8e8})
    assert "(3.182 ± 0.021)e-03" in text
    assert "3.183e-03" in text
    assert "2.83e-04" in text
    assert text.splitlines()[-1].split() == ["k", "7.800e+08", "-", "-"]


def test_findings_put_errors_first_and_wrap():
    long = "raise points.boundary " * 12
    text = finding_table(
        [("ok", "names fit"), Finding("error", "'slot' got 0 points", "points", long)], width=70
    )
    lines = text.splitlines()
    assert lines[2].startswith("error")
    assert lines[-1] == "1 error, 1 ok"
    assert max(map(len, lines)) <= 70
    assert "".join(lines).count("boundary") == 12


def test_phases(history):
    lines = phase_table(history.phases).splitlines()
    assert lines[2].split() == ["Adam", "200", "4", "s", "20", "ms", "finished"]
    assert phase_table([("Adam",)]).splitlines()[2].split() == ["Adam", "0", "-", "-"]


def test_a_comparison_shows_only_what_differs():
    a = RunData(
        title="a",
        settings={"seed": 0, "surrogate": {"kind": "MLP", "width": 64}},
        metrics={"u": {"relative_l2": 0.5}},
        unknowns={"nu": UnknownValue(1.0, 0.1)},
        seconds=5,
    )
    b = RunData(
        title="b",
        status="failed",
        settings={"seed": 0, "surrogate": {"kind": "MLP", "width": 32, "depth": 2}},
        metrics={"u": {"relative_l2": 0.25, "max": 3.0}},
        seconds=90,
    )
    lines = comparison_table([a, b]).splitlines()
    rows = {line.split("  ")[0]: line.split()[-2:] for line in lines[2:]}
    assert "seed" not in rows
    assert "surrogate.kind" not in rows
    assert rows["surrogate.width"] == ["64", "32"]
    assert rows["surrogate.depth"] == ["-", "2"]
    assert rows["u relative L2"] == ["0.500", "0.250"]
    assert rows["status"] == ["finished", "failed"]
    assert lines[-1].split() == ["time", "5", "s", "1", "min", "30", "s"]
    assert "1.00 ± 0.10" in "\n".join(lines)


def test_empty_tables_say_so():
    assert term_table([]) == "no loss terms"
    assert metric_table({}) == "no errors were measured"
    assert unknown_table({}) == "no unknowns"
    assert finding_table([]) == "nothing was checked"
    assert phase_table([]) == "no phase was run"
    assert comparison_table([]) == "no runs"


def test_names_cannot_spoil_a_table():
    name = "[bold]x[/bold] :smile:\n\x1b[31mred" + "y" * 200
    text = term_table([Term(name, 1.0)])
    assert "[bold]x[/bold] :smile:" in text
    assert "\x1b" not in text
    assert len(text.splitlines()) == 4
    assert max(map(len, text.splitlines())) <= 100


def test_colour_only_when_asked_for():
    rows = [("error", "bad"), ("ok", "good")]
    plain, coloured = finding_table(rows), finding_table(rows, color=True)
    assert "\x1b[" not in plain
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured).split() == plain.split()


def test_only_ascii_rules():
    assert table(["a"], [["b"]]).isascii()


def test_numbers():
    assert number(0.0) == "0"
    assert number(float("inf")) == "inf"
    assert number(123456.0) == "1.23e+05"
    assert number(-0.05) == "-0.0500"
    assert column([]) == []
    assert column([np.nan, None]) == ["nan", "-"]
    assert column([3.0, 40.0]) == ["3", "40"]
    assert with_error(7.8e8, 1.0e6) == "(7.800 ± 0.010)e+08"
    assert with_error(0.0, 0.25) == "0.00 ± 0.25"
    assert with_error(float("nan"), 1.0) == "nan"
    assert with_error(1e-3, 5.0) == "0.0 ± 5.0"
    assert duration(None) == "-"
    assert duration(59.96) == "60 s"


def test_settings_are_flat_and_written_as_in_a_file():
    flat = flat_settings({"a": {"b": [1, 2]}, "c": [], "d": {}, "e": [{"f": None}]})
    assert flat == {"a.b": [1, 2], "c": [], "d": {}, "e.0.f": None}
    shown = [setting(value) for value in (True, None, "x", 1e-3, [1, 2], object)]
    assert shown[:5] == ["true", "null", "x", "0.001", "[1, 2]"]
    assert "object" in shown[5]
