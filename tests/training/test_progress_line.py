import io
import os

import pytest
from training.runs import run, trainer

import pinnlab as pl
from pinnlab.training.progress import Progress

RECORD = {
    "phase": "Adam",
    "loss": 0.125,
    "terms": {"burgers": 0.2, "ends": 3e-4, "start": 0.05},
    "unknowns": {"nu": 0.0321},
    "errors": {"u": {"relative_l2": 0.0456}},
}


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_line_names_every_term_and_unknown():
    progress = Progress(100, list(RECORD["terms"]), stream=io.StringIO())
    progress.update(0, RECORD)  # errors are evaluated rarely, and stay shown
    text = progress.line(50, RECORD, 10.0)
    assert "Adam 50/100" in text
    assert "loss 1.250e-01" in text
    for part in ("burgers 2.0e-01", "ends 3.0e-04", "start 5.0e-02", "nu = 0.0321", "error u"):
        assert part in text
    assert "mean squares" in text  # raw, and says so


def conflicts(steps, share, **cosines):
    """An entry of the log about two pairs."""
    rows = {"burgers": {"ends": cosines["ends"], "start": cosines["start"]}}
    return {"conflicts": {"steps": steps, "conflicting": share, "cosines": rows}}


def test_conflicts_are_those_since_the_line_was_last_shown():
    progress = Progress(100, list(RECORD["terms"]), stream=io.StringIO())
    assert "conflicts" not in progress.line(1, RECORD, 1.0)
    progress.update(1, RECORD | conflicts(1, 0.0, ends=0.3, start=0.1))
    assert "conflicts 0 %" in progress.stream.getvalue()
    progress.update(2, RECORD | conflicts(30, 0.5, ends=0.5, start=-0.1))
    progress.update(3, RECORD | conflicts(10, 0.1, ends=-0.9, start=-0.8))
    text = progress.line(4, RECORD, 1.0)
    assert "conflicts 40 % (burgers · start -0.28)" in text
    assert "conflicts 40 % (burgers · start -0.28)" in progress.line(5, RECORD, 1.0)
    progress.update(6, RECORD | conflicts(5, 0.2, ends=0.5, start=0.0))
    assert progress.line(6, RECORD, 1.0).count("conflicts 20 % |") == 1


def test_a_line_never_wraps_on_a_terminal(monkeypatch):
    monkeypatch.setattr("os.get_terminal_size", lambda number: os.terminal_size((40, 20)))
    terminal = Terminal()
    terminal.fileno = lambda: 2
    progress = Progress(9, ["a"], stream=terminal)
    progress._write("word " * 20)
    assert terminal.getvalue() == "\r" + "word word word word word word word wor…"
    plain = io.StringIO()
    Progress(9, ["a"], stream=plain)._write("word " * 20)
    assert plain.getvalue() == "word " * 20 + "\n"


def test_speed_and_time_left():
    progress = Progress(1000, ["a"])
    assert "50 steps/s" in progress.line(500, RECORD, 10.0)
    assert "10 s left" in progress.line(500, RECORD, 10.0)
    assert "2 s/step" in progress.line(5, RECORD, 10.0)
    assert "33 min left" in progress.line(5, RECORD, 10.0)
    assert "left" not in progress.line(0, RECORD, 0.0)


def test_speed_counts_from_where_a_resumed_run_began():
    progress = Progress(1000, ["a"], stream=io.StringIO())
    progress.update(900, RECORD)
    assert "5 steps/s" not in progress.line(950, RECORD, 1.0)
    assert "50 steps/s" in progress.line(950, RECORD, 1.0)


def test_many_terms_say_that_there_are_more():
    terms = {f"term{k}": 1.0 for k in range(9)}
    text = Progress(10, list(terms)).line(1, RECORD | {"terms": terms}, 1.0)
    assert "term5" in text
    assert "+3 more" in text


def test_a_file_gets_few_lines_and_a_terminal_one():
    plain, terminal = io.StringIO(), Terminal()
    for stream in (plain, terminal):
        progress = Progress(50, ["a"], stream=stream)
        for step in range(1, 51):
            progress.update(step, RECORD)
        progress.close()
    assert 2 <= len(plain.getvalue().splitlines()) <= 3
    assert "50/50" in plain.getvalue()
    assert terminal.getvalue().count("\n") == 1
    assert "\r" in terminal.getvalue()


def test_a_shorter_line_wipes_the_longer_one_before_it():
    terminal = Terminal()
    progress = Progress(2, ["a"], stream=terminal)
    progress._write("a long line")
    progress._write("short")
    assert terminal.getvalue().endswith("\rshort      ")


def test_a_run_shows_its_progress(capsys):
    run([pl.Adam(4)], progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    for name in trainer([pl.Adam(1)]).objective.names:
        assert name in shown.err


@pytest.mark.parametrize("progress", [False])
def test_a_silent_run_says_nothing(progress, capsys):
    run([pl.Adam(4)], progress=progress)
    shown = capsys.readouterr()
    assert shown.out == shown.err == ""
