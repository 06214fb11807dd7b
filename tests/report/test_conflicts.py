from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnlab.errors import DataError
from pinnlab.report import (
    ConflictHistory,
    History,
    conflict_remarks,
    conflict_text,
    html_report,
    plot_conflicts,
    png,
)
from pinnlab.report.conflict_remarks import percent, signed, starved_share
from pinnlab.report.conflicts import BINS, binned, gradient_rows, pair_name, pair_rows, worst_terms

LAST = 90


def records(names=("flow", "ends", "start"), every=3, **series):
    """A log of ``LAST`` steps; each of ``series`` gives a value for every term (by t in 0 … 1).

    Given as functions of the name and t: ``square``, ``norm``, ``factor``, ``against``, ``zero``,
    ``gain``; and ``cosine`` of two names and t. Besides, ``judged`` and ``combined`` steps of an
    entry, and what ``made_by`` says of the aggregator.
    """
    given = {
        "square": lambda name, t: 10.0 ** (-3 * t),
        "norm": lambda name, t: 1.0,
        "factor": lambda name, t: 1.0,
        "against": lambda name, t: 0.0,
        "zero": lambda name, t: 0.0,
        "cosine": lambda a, b, t: 0.5,
        "weight": lambda name, t: 1.0,
        "gain": lambda name, t: 1.0,
        "judged": every,
        "combined": every,
        "made_by": {},
    } | series
    lines = []
    for step in range(1, LAST + 1):
        t = step / LAST
        line = {"step": step, "phase": "Adam"}
        for key, entry in (("terms", "square"), ("weights", "weight")):
            line[key] = {name: given[entry](name, t) for name in names}
        line["loss"] = 0.5 * sum(line["terms"][n] * line["weights"][n] for n in names)
        if step % every == 0:
            line["conflicts"] = conflict_entry(names, every, given, t)
        lines.append(line)
    return lines


def conflict_entry(names, steps, given, t):
    parts = {name: abs(given["factor"](name, t)) * given["norm"](name, t) for name in names}
    cosines, opposed = {}, {}
    for a, b in combinations(names, 2):
        cosine = given["cosine"](a, b, t)
        cosines.setdefault(a, {})[b] = cosine
        if cosine < 0:
            opposed.setdefault(a, {})[b] = 1.0
    entry = {
        "steps": steps,
        "conflicting": float(bool(opposed)),
        "cosines": cosines,
        "opposed": opposed,
        "norms": {name: given["norm"](name, t) for name in names},
        "zero": {name: z for name in names if (z := given["zero"](name, t))},
        "combined": given["combined"],
        "coefficients": {name: given["factor"](name, t) for name in names},
        "shares": {name: part / (sum(parts.values()) or 1.0) for name, part in parts.items()},
        "against": {name: given["against"](name, t) for name in names},
        "blocked": 0,
        "judged": given["judged"],
        "harmful": max(given["against"](name, t) for name in names),
        "gains": {name: given["gain"](name, t) for name in names},
    }
    unknown = [] if given["combined"] else ["coefficients", "shares", "blocked"]
    unknown += [] if given["judged"] else ["against", "harmful", "gains"]
    return {k: v for k, v in entry.items() if k not in unknown} | given["made_by"]


def made_by(name, heeds_weights=False, **further):
    """What the log says of an aggregator."""
    return {"made_by": {"aggregator": name, "heeds_weights": heeds_weights} | further}


def history(*args, **series):
    return History.from_records(records(*args, **series))


def remarks(*args, **series):
    return conflict_remarks(history(*args, **series))


def warned(found, words):
    return [r.text for r in found if r.warning and words in r.text]


# --- reading the log -----------------------------------------------------------------------------
def test_entries_become_series_by_pair_and_by_term():
    read = history(factor=lambda name, t: 2.0 if name == "ends" else 1.0,
                   weight=lambda name, t: 3.0).conflicts  # fmt: skip
    assert list(read.names) == ["flow", "ends", "start"]
    np.testing.assert_array_equal(read.step, np.arange(3, LAST + 1, 3))
    assert set(read.cosines) == {("flow", "ends"), ("flow", "start"), ("ends", "start")}
    np.testing.assert_array_equal(read.factors["ends"], 2.0)
    np.testing.assert_array_equal(read.effective["ends"], 6.0)
    np.testing.assert_allclose(read.shares["ends"], 0.5)
    assert not read.summed
    assert history().conflicts.summed


def test_logs_of_earlier_versions_and_damaged_entries_have_none():
    plain = [{k: v for k, v in line.items() if k != "conflicts"} for line in records()]
    assert History.from_records(plain).conflicts is None
    assert conflict_remarks(History.from_records(plain)) == []
    assert conflict_text(History.from_records(plain)) == ""
    odd = [{"step": 1, "conflicts": c} for c in (3, None, {}, {"steps": 1}, {"norms": {"a": 1}})]
    assert History.from_records(odd).conflicts is None
    assert ConflictHistory.from_records([]) is None
    alone = [{"step": 1, "conflicts": {"steps": 1, "norms": {"only": 1.0}}}]
    assert ConflictHistory.from_records(alone) is None


def test_an_entry_with_gaps_is_read_as_far_as_it_goes():
    entry = {"steps": 2, "norms": {"a": 1.0, "b": "?"}, "cosines": {"a": None}}
    read = ConflictHistory.from_records([{"step": 4, "conflicts": entry}])
    assert read.norms["a"][0] == 1.0
    assert np.isnan(read.norms["b"][0])
    assert np.isnan(read.cosines["a", "b"][0])
    assert np.isnan(read.conflicting[0])
    png(plot_conflicts(History(step=np.array([4.0]), conflicts=read)))
    assert conflict_text(History(step=np.array([4.0]), conflicts=read))


@given(st.lists(st.tuples(st.integers(1, 50), st.floats(-1, 1)), min_size=1, max_size=400))
@settings(max_examples=40, deadline=None)
def test_means_count_steps_and_survive_binning(entries):
    steps, values = (np.array(column, dtype=float) for column in zip(*entries, strict=True))
    made = history().conflicts
    made = replace(made, step=np.cumsum(steps), steps=steps)
    assert made.mean(values) == pytest.approx((steps * values).sum() / steps.sum(), abs=1e-12)
    where, means = binned(made, values)
    assert len(where) == min(len(entries), BINS)
    assert where[-1] == steps.sum()
    sizes = np.diff(where, prepend=0)
    assert (sizes * means).sum() / steps.sum() == pytest.approx(made.mean(values), abs=1e-12)


# --- sentences -----------------------------------------------------------------------------------
def test_nothing_is_wrong():
    (only,) = remarks()
    assert only.text == "No two gradients opposed each other in any of the 90 steps looked at."
    assert not only.warning
    assert conflict_remarks(None) == []


def test_a_starved_term_is_named_with_what_to_do():
    found = remarks(
        norm=lambda name, t: 4e-3 if name == "ends" else 1.0,
        square=lambda name, t: 0.3 if name == "ends" else 10.0 ** (-3 * t),
    )
    (text,) = warned(found, "starved")
    assert text == (
        "Term 'ends' is starved: since step 63 it got 0.2 % of the step, and its mean square does "
        "not fall (0.30). Use gradients=ConFIG(), or give it a weight, weights={'ends': 200}."
    )


def test_the_advice_fits_what_was_chosen():
    starving = {"square": lambda name, t: 0.3 if name == "ends" else 10.0 ** (-3 * t)}

    def tiny(size):
        return {"norm": lambda name, t: size if name == "ends" else 1.0}

    def advice(size=1e-3, **series):
        (text,) = warned(remarks(**(starving | tiny(size) | series)), "starved")
        return text.partition(". ")[2]

    twice = {"weight": lambda name, t: 2.0}
    assert advice(**twice) == "Use gradients=ConFIG(), or multiply its weight by 1000."
    assert advice(1e-9) == "Use gradients=ConFIG()."
    moving = {"weight": lambda name, t: 1 + t}  # a rule that may take a factor back
    assert advice(**moving) == "Use gradients=ConFIG()."
    compiled = moving | made_by("Sum", eager=False)
    assert advice(**compiled) == "Use gradients=ConFIG() and execution='eager'."
    combined = {"factor": lambda name, t: 1.5}
    heeding = combined | made_by("PCGrad", True)
    assert advice(**heeding) == (
        "Use gradients=ConFIG(), or give it a weight, weights={'ends': 1000}."
    )
    assert advice(**combined, **made_by("NashMTL")) == "Use gradients=ConFIG()."
    assert advice(**combined) == "Choose another aggregator or weighting."  # of a log without names
    own = combined | made_by("ConFIG")
    assert advice(**own) == ("Use gradients=Sum() and give it a weight, weights={'ends': 1000}.")
    assert advice(**own, **twice) == "Use gradients=Sum() and multiply its weight by 1000."


@pytest.mark.parametrize("aggregator", ["Sum", "UPGrad", "ConFIG", "MGDA"])
@given(st.floats(-3, 3), st.sampled_from([1.0, 30.0]))
@settings(max_examples=20, deadline=None)
def test_no_weight_is_advised_that_a_term_has_already(aggregator, log_norm, weight):
    def factor(name, t):  # which lets the term starve, however large its gradient
        return 1e-9 if name == "ends" else 1.0

    (text,) = warned(
        remarks(
            norm=lambda name, t: 10.0**log_norm if name == "ends" else 1.0,
            factor=factor,
            weight=lambda name, t: weight if name == "ends" else 1.0,
            square=lambda name, t: 0.3 if name == "ends" else 10.0 ** (-3 * t),
            **made_by(aggregator, aggregator in ("Sum", "UPGrad")),
        ),
        "'ends' is starved",
    )
    assert ("ConFIG()" in text) == (aggregator != "ConFIG")
    words = "weights={'ends': " if weight == 1 else "multiply its weight by "
    if words not in text:
        assert 10.0**-log_norm < 1.5 or aggregator == "MGDA"
        return
    assert aggregator != "MGDA"
    assert float(text.split(words)[1].rstrip("}.")) >= 2


def test_where_directions_are_no_combinations_terms_starve_as_well_and_the_reason_is_told():
    bare = {"combined": 0, **made_by("MultiAdam"), "cosine": lambda a, b, t: -0.3}
    starving = bare | {
        "square": lambda name, t: 0.3 if name == "ends" else 10.0 ** (-3 * t),
        "against": lambda name, t: 0.9 if name == "ends" else 0.0,
        "gain": lambda name, t: 0.001 if name == "ends" else 1.0,
    }
    found = remarks(**starving)
    (text,) = warned(found, "starved")
    assert text == (
        "Term 'ends' is starved: since step 63 the directions taken went against it in 90 % of the "
        "steps looked at, and its mean square does not fall (0.30). Use gradients=ConFIG()."
    )
    assert found[-1].text == (
        "The directions of MultiAdam are no combinations of the gradients of the terms: no term "
        "has an effective weight or a share of the step there."
    )
    seldom = remarks(**(starving | {"against": lambda name, t: 0.1}))
    assert warned(seldom, "since step 63 the directions taken hardly lowered it, and")
    assert not warned(remarks(**(starving | {"gain": lambda name, t: 0.02})), "starved")
    falling = {"square": lambda name, t: 10.0 ** (-3 * t)}
    assert not warned(remarks(**(starving | falling)), "starved")
    headers, _ = gradient_rows(history(**starving).conflicts)
    assert headers == ["term", "gradient", "steps against"]


def test_a_verdict_rests_on_the_steps_whose_direction_is_known():
    lines = records(every=30, cosine=lambda a, b, t: -0.4, combined=0, judged=0)
    (only,) = conflict_remarks(History.from_records(lines))
    assert only.text.endswith("mean cosine -0.40).")  # and no verdict
    first = next(line["conflicts"] for line in lines if "conflicts" in line)
    first |= {"judged": 1, "against": {"flow": 0.0, "ends": 0.0, "start": 0.0}}
    text = conflict_remarks(History.from_records(lines))[0].text
    assert text.endswith(
        "Yet the direction taken went against no term in the one step whose direction is known."
    )
    last = lines[-1]["conflicts"]
    last |= {"judged": 3, "against": {"flow": 0.0, "ends": 1.0, "start": 0.0}}
    text = conflict_remarks(History.from_records(lines))[0].text
    assert "In 75 % of the 4 steps whose direction is known the direction taken went" in text


def test_among_pairs_that_opposed_each_other_as_often_the_most_opposite_is_named():
    cosines = {("flow", "ends"): -0.25, ("flow", "start"): -0.98, ("ends", "start"): -0.5}
    (only,) = remarks(cosine=lambda a, b, t: cosines[a, b])
    assert "most often those of 'flow' and 'start' (100 %, mean cosine -0.98)" in only.text


@given(
    st.floats(-5, 0),
    st.floats(-2, 0.5),
    st.floats(-16, 1),
    st.integers(2, 14),
    st.floats(-3, 0),
)
@settings(max_examples=60, deadline=None)
def test_starved_means_a_small_share_and_a_mean_square_that_stays(
    log_norm, log_trend, log_level, m, log_others
):
    names = [f"term {k}" for k in range(m)]
    norm, level = 10.0**log_norm, 10.0**log_level

    def square(name, t):
        falling = 10.0 ** (log_trend * t)
        return level * falling if name == names[0] else 10.0 ** (log_others * t)

    read = history(names, norm=lambda n, t: norm if n == names[0] else 1.0, square=square)
    share = norm / (norm + m - 1)
    steps = np.arange(1, LAST + 1) / LAST
    part = level * 10.0 ** (log_trend * steps[62:])
    before, after = np.median(part[:14]), np.median(part[14:])
    loss = read.terms[names[0]][-1] + sum(read.terms[n][-1] for n in names[1:])
    largest = read.terms[names[0]].max()
    # Numbers that lie on a threshold may fall to either side.
    margins = (share / starved_share(m), after / (0.9 * before), after / (1e-12 * read.total.max()))
    if any(abs(np.log(margin)) < 1e-3 for margin in margins):
        return
    expected = (
        share < starved_share(m)
        and after >= 0.9 * before
        and (after >= 0.01 * loss or after >= 0.1 * largest)
        and after > 1e-12 * read.total.max()
    )
    assert bool(warned(conflict_remarks(read), "'term 0' is starved")) == expected
    assert not warned(conflict_remarks(read), "'term 1' is starved")


def test_a_short_run_is_not_judged():
    lines = records(
        norm=lambda name, t: 1e-3 if name == "ends" else 1.0, square=lambda name, t: 0.3
    )
    assert warned(conflict_remarks(History.from_records(lines)), "starved")
    assert not warned(conflict_remarks(History.from_records(lines[:12])), "starved")


def test_a_term_without_a_gradient_is_named():
    blind = {"zero": lambda name, t: float(name == "ends"), "square": lambda name, t: 0.2}
    found = remarks(norm=lambda name, t: float(name != "ends"), **blind)
    (text,) = warned(found, "gradient of zero in every step")
    assert "'ends'" in text
    assert "mean square of 0.20" in text
    assert "took no part in any step" in text
    assert "leave it out" in text
    assert not warned(found, "starved")


def test_a_term_that_holds_exactly_is_no_warning():
    found = remarks(
        zero=lambda name, t: float(name == "ends"),
        square=lambda name, t: 1e-33 if name == "ends" else 0.2,
    )
    assert not any(remark.warning for remark in found)
    assert "'ends' had a gradient of zero in every step, for it holds exactly" in found[0].text


def test_a_gradient_that_vanished_on_the_way():
    found = remarks(
        zero=lambda name, t: float(name == "ends" and t > 0.5), square=lambda name, t: 0.2
    )
    (text,) = warned(found, "since step 45")
    assert "saturated" in text
    satisfied = remarks(
        zero=lambda name, t: float(name == "ends" and t > 0.5),
        square=lambda name, t: 0.0 if name == "ends" and t > 0.5 else 0.2,
    )
    assert not warned(satisfied, "zero")


@given(st.floats(0, 1), st.booleans())
@settings(max_examples=40, deadline=None)
def test_another_direction_is_advised_where_the_sum_goes_against_a_term(against, summed):
    found = remarks(
        cosine=lambda a, b, t: -0.4 if (a, b) == ("flow", "ends") else 0.1,
        against=lambda name, t: against if name == "ends" else 0.0,
        factor=lambda name, t: 1.0 if summed else 1.5,
    )
    (only,) = found
    assert "opposed each other in 100 % of the 90 steps" in only.text
    assert "most often those of 'flow' and 'ends' (100 %, mean cosine -0.40)" in only.text
    assert only.warning == ("gradients=ConFIG()" in only.text) == (summed and against >= 0.25)
    assert ("went against no term" in only.text) == (against == 0)
    assert ("against 'ends'" in only.text) == (against > 0)


def test_two_terms_need_no_names_and_unknown_directions_no_verdict():
    (only,) = remarks(("a", "b"), cosine=lambda a, b, t: -0.25)
    assert only.text.startswith(
        "Gradients opposed each other in 100 % of the 90 steps looked at (mean cosine -0.25)."
    )
    lines = records(cosine=lambda a, b, t: -0.25)
    for line in lines:
        for key in ("coefficients", "shares", "against", "blocked", "harmful"):
            line.get("conflicts", {}).pop(key, None)
    (only,) = conflict_remarks(History.from_records(lines))
    assert "against" not in only.text


def test_steps_that_were_not_taken_are_told_by_reason():
    lines = records()
    for step in (20, 21, 40):
        lines[step]["status"] = "non_finite"
        lines[step]["message"] = (
            "term 'ends' is nan" if step < 30 else "term 'flow' is inf at x = 1"
        )
    lines[50] |= {"status": "stalled", "message": "no decrease"}
    found = conflict_remarks(History.from_records(lines))
    assert found[0].text == (
        "2 steps were not taken (21 to 22): term 'ends' is nan. "
        "The parameters were left as they were."
    )
    assert found[1].text.startswith("Step 41 was not taken: term 'flow' is inf at x = 1.")
    assert found[0].warning
    assert found[1].warning
    assert not any("no decrease" in remark.text for remark in found)


def test_directions_that_were_zero_are_counted():
    lines = records(cosine=lambda a, b, t: -1.0)
    lines[2]["conflicts"]["blocked"] = 2
    (only,) = conflict_remarks(History.from_records(lines))
    assert "In 2 steps no direction suited all terms" in only.text


@given(st.floats(0, 1))
def test_shares_are_written_short(share):
    text = percent(share)
    assert text.endswith(" %")
    assert len(text) <= len("less than 0.1 %")
    if share >= 1e-3:
        assert float(text[:-2]) == pytest.approx(100 * share, rel=0.5)
    assert (text == "100 %") == (share == 1)
    assert (text == "0 %") == (share == 0)
    assert percent(float("nan")) == "-"
    assert signed(-1e-4) == "0.00"


# --- figures and tables --------------------------------------------------------------------------
def labels(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


MANY = [f"term {k:02d}" for k in range(12)]


def by_number(a, b, t):
    """Cosines that are the lower the lower the numbers of the terms are."""
    return -0.9 + 0.07 * (int(a[-2:]) + int(b[-2:]))


def test_the_figure_of_a_plain_sum():
    figure = plot_conflicts(
        history(
            cosine=lambda a, b, t: -t if a == "flow" else t,
            against=lambda name, t: 0.25 if name == "ends" else 0.1,
        )
    )
    cosine, often, norm, share = figure.axes
    assert labels(cosine) == ["flow · ends", "flow · start", "ends · start"]
    np.testing.assert_allclose(cosine.lines[1].get_ydata(), -np.arange(3, 91, 3) / 90)
    assert cosine.get_ylim() == (-1.05, 1.05)
    assert labels(norm) == ["flow", "ends", "start"]
    assert norm.get_yscale() == share.get_yscale() == "log"
    assert labels(share) == ["starved below 1 %"]
    assert share.get_xlabel() == "step"
    assert [text.get_text().strip() for text in cosine.texts] == ["Adam"]
    stairs = [patch for patch in often.patches if hasattr(patch, "get_data")]
    shares = [patch.get_data() for patch in stairs]
    assert [share.values.tolist() for share in shares] == [[100] * 11, [100] * 11, [25] * 11]
    assert shares[0].edges[-1] == LAST
    assert labels(often) == ["two gradients opposed", "against any term"]
    png(figure)


def test_weights_that_change_get_a_panel_also_below_zero():
    changing = history(factor=lambda name, t: 1 + t)
    assert [a.get_ylabel() for a in plot_conflicts(changing).axes][3] == "effective weight"
    assert plot_conflicts(changing).axes[3].get_yscale() == "log"
    negative = plot_conflicts(history(factor=lambda name, t: t - 0.5, norm=lambda name, t: 1.0))
    assert negative.axes[3].get_yscale() == "linear"
    png(negative)
    sizes = history(factor=lambda name, t: -1e-3 if name == "ends" else 10.0 ** (4 * t))
    decades = plot_conflicts(sizes)
    assert decades.axes[3].get_yscale() == "symlog"
    png(decades)


def test_of_many_terms_the_worst_are_named():
    read = history(MANY, cosine=by_number, norm=lambda name, t: 10.0 ** -int(name[-2:]))
    figure = plot_conflicts(read)
    pairs, terms = labels(figure.axes[0]), labels(figure.axes[2])
    assert len(pairs) == 7
    assert pairs[0] == "term 00 · term 01"
    assert pairs[-1] == "60 other pairs"
    assert len(terms) == 8
    assert terms[-1] == "5 other terms"
    assert {"term 00", "term 01", "term 11", "term 10"} <= set(terms)
    assert labels(figure.axes[-1]) == ["starved below 0.8 %"]
    assert len(worst_terms(read.conflicts)) == 7
    png(figure)


def test_tables_tell_the_end_and_the_means():
    read = history(
        MANY, cosine=by_number, norm=lambda name, t: t, against=lambda name, t: 0.25
    ).conflicts
    headers, rows = pair_rows(read)
    assert headers == ["gradients of", "mean cosine", "at the end", "opposed in"]
    assert rows[0] == ["term 00 · term 01", "-0.83", "-0.83", "100 %"]
    assert rows[-1][:2] == ["60 other pairs", "≥ -0.55"]
    headers, rows = gradient_rows(read)
    assert headers == ["term", "gradient", "effective weight", "share of step", "steps against"]
    assert [row[0] for row in rows] == MANY
    assert rows[0][1:] == ["1", "1", "8 %", "25 %"]


def test_long_names_are_cut_evenly():
    assert pair_name(("a", "b"), ("a", "b")) == "a · b"
    pair = ("x" * 60, "y" * 60)
    text = pair_name(pair, pair)
    assert len(text) <= 29
    assert text.startswith("xxxx")
    assert "yyyy" in text


ALIKE = [f"a rather long name of a sensor that is number {k}" for k in range(11)]


def test_many_long_names_stay_apart_in_figure_tables_and_sentences():
    def cosine(a, b, t):
        return -0.9 if {a, b} == {ALIKE[3], ALIKE[7]} else -0.1

    read = history(ALIKE, cosine=cosine, factor=lambda name, t: (-1) ** len(name) * 10 ** (6 * t))
    figure = plot_conflicts(read)
    pairs, terms = labels(figure.axes[0]), labels(figure.axes[2])
    assert len(set(pairs)) == len(pairs) == 7
    assert len(set(terms)) == len(terms) == 8
    assert pairs[0] == "a rat…mber 3 · a rat…mber 7"
    for headers, rows in (pair_rows(read.conflicts), gradient_rows(read.conflicts)):
        assert len({row[0] for row in rows}) == len(rows), headers
    text = " ".join(conflict_text(read).split())
    assert "is number 3' and 'a rather long name…sor that is number 7' (100 %" in text
    png(figure)


@pytest.mark.parametrize("decades", [1, 3, 6, 9, 14])
@pytest.mark.parametrize("sign", [1, -1])
def test_labels_of_an_ordinate_with_both_signs_do_not_overlap(decades, sign):
    sizes = {name: 10.0 ** (-decades * k / 10) for k, name in enumerate(ALIKE)}
    read = history(ALIKE, factor=lambda name, t: sign * sizes[name] * (1 - 1.5 * t))
    figure = plot_conflicts(read)
    png(figure)
    axes = next(axes for axes in figure.axes if axes.get_ylabel() == "effective weight")
    low, high = axes.get_ylim()
    boxes = [
        label.get_window_extent()
        for tick, label in zip(axes.get_yticks(), axes.get_yticklabels(), strict=True)
        if low <= tick <= high and label.get_text()
    ]
    boxes.sort(key=lambda box: box.y0)
    assert len(boxes) >= 3
    assert all(a.y1 <= b.y0 + 2 for a, b in pairwise(boxes))


def test_a_single_entry_and_gradients_of_zero_can_be_drawn():
    lines = records(norm=lambda name, t: 0.0, factor=lambda name, t: 0.0)[:3]
    lines[2]["conflicts"]["shares"] = {}
    read = History.from_records(lines)
    assert len(read.conflicts.step) == 1
    png(plot_conflicts(read, title="odd"))
    assert "flow" in conflict_text(read)


def test_without_entries_there_is_nothing_to_draw():
    with pytest.raises(DataError, match="nothing to draw about conflicts"):
        plot_conflicts(History(step=np.arange(3)))


def test_the_text_for_a_terminal_holds_tables_and_sentences():
    text = conflict_text(history(cosine=lambda a, b, t: -0.5), width=80)
    assert "share of step" in text
    assert "flow · ends" in text
    assert "opposed each other in 100 %" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 80


# --- the report ----------------------------------------------------------------------------------
def test_the_report_has_a_section_with_plot_tables_and_sentences(run):
    source = html_report(replace(run, history=history(cosine=lambda a, b, t: -0.5)))
    assert "<h3>Gradients of the loss terms</h3>" in source
    assert 'alt="Cosines of gradients' in source
    for words in ("steps against", "flow · start", "opposed in", "100&nbsp;% of the 90 steps"):
        assert words in source


def test_reports_of_logs_without_entries_have_no_such_section(run):
    source = html_report(run)
    assert "Gradients of the loss terms" not in source
    rejected = replace(run.history, rejected=[(3.0, "term 'ends' is <nan>")])
    source = html_report(replace(run, history=rejected))
    assert "Step 3 was not taken: term &#x27;ends&#x27; is &lt;nan&gt;." in source


def test_names_are_escaped(run):
    evil = "<script>alert(1)</script>"
    source = html_report(replace(run, history=history((evil, "b"), cosine=lambda a, b, t: -1.0)))
    assert "<script" not in source
