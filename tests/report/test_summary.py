from dataclasses import replace

from pinnlab.report import History, RunData, Term, summary, verdict


def test_the_summary_is_about_fifteen_lines_with_the_numbers(run):
    text = summary(run)
    lines = text.splitlines()
    assert 12 <= len(lines) <= 22
    assert lines[0] == "Burgers equation: converged after 6.5 s (Adam 200 steps, LBFGS 90 steps)"
    assert lines[1] == "Relative L2 error of u: 3.1e-03 (best constant: 1), against Burgers.npz."
    for words in ("1.250e-05", "(3.182 ± 0.021)e-03", "warning: the front is thin"):
        assert words in text
    assert lines[-1] == "files: runs/burgers"
    assert max(map(len, lines)) <= 100


def test_many_terms_are_cut_but_the_total_stays(run):
    terms = [Term(f"term {k}", 1.0) for k in range(40)]
    lines = summary(replace(run, terms=terms, warnings=["w"] * 9)).splitlines()
    assert any("rows more" in line for line in lines)
    assert any(line.startswith("total") for line in lines)
    assert any("6 more warnings" in line for line in lines)
    assert len(lines) < 30


def test_an_error_below_the_best_constant_is_good(run):
    assert verdict(run)[0] == "good"


def test_a_trivial_solution_is_bad(run):
    level, sentence = verdict(replace(run, metrics={"u": {"relative_l2": 0.97}}))
    assert level == "bad"
    assert "no better than a constant" in sentence


def test_without_a_reference_nothing_is_claimed(run):
    level, sentence = verdict(replace(run, metrics={}, history=None))
    assert level == "open"
    assert "error is unknown" in sentence
    assert "no measure" in sentence
    level, sentence = verdict(replace(run, metrics={}))
    assert level == "open"
    assert "Last measured errors: u relative L2 0.082" in sentence


def test_memorised_points_are_told(run):
    terms = [Term("burgers", 1e-6, held_out=1e-3)]
    level, sentence = verdict(replace(run, terms=terms))
    assert level == "open"
    assert "'burgers' is 1000 times larger" in sentence
    assert "held-out points" in sentence


def test_failures_and_interruptions(run):
    level, sentence = verdict(replace(run, status="failed", message="loss became nan"))
    assert level == "bad"
    assert sentence.startswith("The run failed: loss became nan.")
    assert verdict(replace(run, status="interrupted"))[0] == "open"


def test_an_empty_run():
    text = summary(RunData())
    assert text.startswith("Run: finished after an unknown time\n")
    assert summary(RunData(history=History(step=[7]))).splitlines()[0].endswith("(7 steps)")
