import base64
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from pinnlab.errors import DataError
from pinnlab.report import (
    Finding,
    History,
    Phase,
    ProblemText,
    RunData,
    Statement,
    Term,
    html_report,
    plot_1d,
    png,
    write_report,
)

VOID = {"meta", "img", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """Collects tags, attributes and text, and checks that every tag is closed in order."""

    def __init__(self, source):
        super().__init__()
        self.open, self.tags, self.attributes, self.words = [], [], [], []
        self.feed(source)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, key, value or "") for key, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def test_the_report_tells_the_run(run, tmp_path):
    path = write_report(tmp_path / "deep" / "report.html", run)
    page = Page(path.read_text(encoding="utf-8"))
    for words in (
        "converged",
        "Relative L2 error of u: 3.1e-03 (best constant: 1), against Burgers.npz.",
        "0.00310",
        "1.250e-05",
        "1.900e-05",
        "(3.182 ± 0.021)e-03",
        "the front is thin",
        "nothing covers 'top'",
        "1 warning, 1 ok",
        "Adam",
        "0.01",
        "2 given, 1 by default",
        "runs/burgers",
        "6.5 s",
    ):
        assert words in page.text
    assert page.tags.count("math") >= 3
    assert list(tmp_path.glob("deep/.*")) == []  # nothing half-written stays


def test_the_file_needs_nothing_else(run):
    figures = {"A figure": plot_1d([0, 1], {"u": [0, 1]}), "Bytes": png(plot_1d([0], {"u": [1]}))}
    source = html_report(replace(run, figures=figures))
    page = Page(source)
    assert not {"script", "link", "iframe", "object", "base"} & set(page.tags)
    links = [value for _, key, value in page.attributes if key in ("src", "href")]
    assert len([link for link in links if link.startswith("data:image/png;base64,")]) >= 6
    assert all(link.startswith(("data:", "#")) for link in links)
    assert not re.search(r"https?://|url\(|@import", source)
    targets = {value for _, key, value in page.attributes if key == "id"}
    assert {link[1:] for link in links if link.startswith("#")} <= targets
    first = next(link for link in links if link.startswith("data:"))
    assert base64.b64decode(first.split(",")[1]).startswith(b"\x89PNG")
    assert all(value for tag, key, value in page.attributes if tag == "img" and key == "alt")


def test_defaults_are_marked(run):
    run = replace(run, history=None)
    source = html_report(run)
    rows = re.findall(r"<tr( class=\"default\")?><td>([^<]*)</td><td><code>([^<]*)", source)
    assert (' class="default"', "width", "64") in rows
    assert ("", "kind", "MLP") in rows
    whole = html_report(replace(run, defaults=["surrogate", "phases"]))
    assert "0 given, 3 by default" in whole


def test_empty_failed_and_interrupted_runs_get_a_report():
    page = Page(html_report(RunData()))
    for words in ("problem was not recorded", "No errors", "No loss", "No phase", "No check",
                  "settings were not recorded", "No versions", "No figures"):  # fmt: skip
        assert words in page.text
    broken = RunData(status="failed", message="term 'a' became nan at step 3", history=History())
    text = Page(html_report(broken)).text
    assert "The run failed: term 'a' became nan at step 3." in text
    assert "course of the training was not recorded" in text
    assert 'class="banner bad"' in html_report(broken)
    stopped = RunData(status="interrupted", message="Ctrl-C")
    assert "interrupted: Ctrl-C" in Page(html_report(stopped)).text


def test_records_that_cannot_be_drawn_do_not_cost_the_report(run):
    odd = History(step=[0, 1], terms={"a": [1.0]}, errors={"u": [np.nan, np.nan]})
    text = Page(html_report(replace(run, history=odd))).text
    assert "could not be drawn" in text
    assert "Relative L2 error of u" in text


def test_whatever_a_user_writes_is_escaped():
    evil = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>\x1b[31m" + "z" * 300
    run = RunData(
        title=evil,
        status=evil,
        message=evil,
        problem=ProblemText(
            evil, evil, [evil],
            [Statement(evil, latex=evil, where=evil), Statement(evil, text=evil)],
            [Statement(evil, text=evil, kind=evil)], {evil: evil}, evil, evil,
        ),
        findings=[Finding(evil, evil, evil, evil)],
        settings={evil: {evil: evil}},
        versions={evil: evil},
        history=History(
            step=[0, 1], terms={evil: [1, 2.0]}, unknowns={evil: [1, 2.0]},
            phases=[Phase(evil, 0, 1)],
        ),
        terms=[Term(evil, 1.0, unit=evil)],
        metrics={evil: {evil: 1.0}},
        baseline={evil: {evil: 2.0}},
        reference=evil,
        unknowns={evil: 1.0},
        figures={evil: plot_1d([0, 1], {evil: [0, 1]}, title=evil)},
        warnings=[evil],
        notes=[evil],
        folder=evil,
    )  # fmt: skip
    source = html_report(run)
    page = Page(source)
    assert "script" not in page.tags
    assert not [key for _, key, _ in page.attributes if key.startswith("on")]
    assert "<script" not in source
    assert "\x1b" not in source


def test_values_that_are_no_numbers_are_shown():
    run = RunData(metrics={"u": {"relative_l2": float("nan"), "max": None}}, baseline={"u": {}})  # pyright: ignore
    source = html_report(run)
    assert "nan" in Page(source).text
    assert 'class="banner bad"' in source


def test_gif_and_svg_are_pictures_and_other_things_are_not():
    figures = {"film": b"GIF89a...", "drawing": b"<?xml version='1.0'?><svg></svg>"}
    source = html_report(RunData(figures=figures))
    assert "data:image/gif;base64," in source
    assert "data:image/svg+xml;base64," in source
    for wrong in ("picture.png", b"nothing", 3):
        with pytest.raises(DataError, match="is no picture"):
            html_report(RunData(figures={"f": wrong}))


def test_a_formula_that_cannot_be_read_is_shown_as_it_is():
    problem = ProblemText(equations=[Statement("a", latex=r"\frac{1"), Statement("b", text="x[0]")])
    text = Page(html_report(RunData(problem=problem))).text
    assert r"\frac{1" in text
    assert "x[0]" in text
