r"""What is worth saying about the terms of a loss, in plain sentences, each with what to do.

A term is *starved* if, over the last third of the run,

* its share of the step, :math:`|w_k| \|g_k\| / \sum_j |w_j| \|g_j\|`, is below 1 % (with more than
  ten terms: below a tenth of an equal share); or, where the direction is no combination of the
  gradients, it falls along it by less than 1 % of the term that changes fastest,
* its mean square does not fall: the median over the second half of the stretch is not below 0.9
  times that over the first half,
* it is not solved: it makes up at least 1 % of the weighted loss or is still at least a tenth of
  the largest mean square that it ever had, and is more than rounding.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pinnlab.report.conflict_history import ConflictHistory
from pinnlab.report.data import History
from pinnlab.report.labels import short_labels
from pinnlab.report.numbers import clean, number

STARVED_SHARE = 0.01
STARVED_GAIN = 0.01
FALLS = 0.9  # of medians over the halves of a stretch
UNSOLVED_PART = 0.01  # of the weighted loss
UNSOLVED_REST = 0.1  # of the largest mean square
ROUNDING = 1e-12  # of the largest weighted loss, mean squares of single precision
EXACT = 1e-24  # of the largest weighted loss, mean squares of double precision
FEWEST = 5  # entries that a trend is read off
FREQUENT = 0.25  # share of steps against a term from which another direction is advised
LARGEST_FACTOR = 1e4  # on a weight that is advised
NAME = 40


@dataclass(frozen=True)
class Remark:
    """A sentence or two.

    Args:
        text: The sentences.
        warning: Whether the user should do something about it.
    """

    text: str
    warning: bool = False


def conflict_remarks(history: History | None) -> list[Remark]:
    """Steps that were rejected, terms without a gradient, starved terms, and conflicts.

    Args:
        history: The course of a training; without entries on conflicts only rejected steps are
            told.
    """
    if history is None:
        return []
    remarks = _rejected(history.rejected)
    conflicts = history.conflicts
    if conflicts is None:
        return remarks
    silent = {name: _without_gradient(history, conflicts, name) for name in conflicts.names}
    remarks += [remark for remark in silent.values() if remark is not None]
    for name in conflicts.names:
        if silent[name] is None and (starved := _starved(history, conflicts, name)) is not None:
            remarks.append(starved)
    return [*remarks, _conflicts(conflicts), *_without_shares(conflicts)]


# --- rejected steps ------------------------------------------------------------------------------
def _rejected(rejected: Sequence[tuple[float, str]]) -> list[Remark]:
    """Which steps were not taken, by the reason."""
    steps: dict[str, list[float]] = {}
    for step, message in rejected:
        steps.setdefault(clean(message, 200).rstrip("."), []).append(step)
    remarks = []
    for message, found in list(steps.items())[:3]:
        which = f"Step {number(found[0])} was" if len(found) == 1 else f"{len(found)} steps were"
        span = "" if len(found) == 1 else f" ({number(found[0])} to {number(found[-1])})"
        told = f"{which} not taken{span}: {message}. The parameters were left as they were."
        remarks.append(Remark(told, warning=True))
    if len(steps) > 3:
        more = sum(len(found) for found in list(steps.values())[3:])
        remarks.append(Remark(f"{more} further steps were not taken, for like reasons.", True))
    return remarks


# --- single terms --------------------------------------------------------------------------------
def _without_gradient(history: History, conflicts: ConflictHistory, name: str) -> Remark | None:
    """A term whose gradient was zero in all steps, or in all of the last ones."""
    zero = conflicts.zero[name]
    squares = _known(history.terms.get(name, ()))
    latest = float(squares[-1]) if squares.size else float("nan")
    stretch = conflicts.stretch()
    called = f"Term {_quoted(conflicts, name)}"
    if (zero == 1).all():
        if latest <= EXACT * max(_known(history.total).tolist(), default=0.0):
            return Remark(
                f"{called} had a gradient of zero in every step, for it holds exactly: it took no "
                "part in any step."
            )
        return Remark(
            f"{called} had a gradient of zero in every step, at a mean square of "
            f"{number(latest, 2)}: nothing that is trained changes it, and it took no part in any "
            "step. Look whether a condition that holds by construction fixes the field there, or "
            "leave it out.",
            warning=True,
        )
    if stretch.sum() >= FEWEST and (zero[stretch] == 1).all() and latest > 0:
        since = float(conflicts.step[np.flatnonzero(zero < 1).max()])
        return Remark(
            f"{called} has had a gradient of zero since step {number(since)}, at a mean square of "
            f"{number(latest, 2)}: it takes no part any more. Its field may be constant there "
            "(saturated activations); lower the learning rate or begin anew with another seed.",
            warning=True,
        )
    return None


def _starved(history: History, conflicts: ConflictHistory, name: str) -> Remark | None:
    stretch = conflicts.stretch()
    little = _little(conflicts, name, stretch)
    if little is None:
        return None
    first = conflicts.step[stretch][0]
    latest = _level_if_stuck(history, name, first)
    if latest is None or not _unsolved(history, name, latest):
        return None
    return Remark(
        f"Term {_quoted(conflicts, name)} is starved: since step {number(first)} {little}, "
        f"and its mean square does not fall ({number(latest, 2)}). "
        + _remedy(history, conflicts, name, stretch),
        warning=True,
    )


def _little(conflicts: ConflictHistory, name: str, stretch: np.ndarray) -> str | None:
    """How little the steps do for a term, in words; None if it is enough, or not known."""
    shares, gains = conflicts.shares[name][stretch], conflicts.gains[name][stretch]
    if np.isfinite(shares).sum() >= FEWEST:
        share = conflicts.mean(conflicts.shares[name], stretch, conflicts.combined)
        few = share < starved_share(len(conflicts.names))
        return f"it got {percent(share)} of the step" if few else None
    if np.isfinite(gains).sum() < FEWEST:
        return None
    if conflicts.mean(conflicts.gains[name], stretch, conflicts.judged) >= STARVED_GAIN:
        return None
    against = conflicts.mean(conflicts.against[name], stretch, conflicts.judged)
    if against >= FREQUENT:
        return f"the directions taken went against it in {percent(against)} of the steps looked at"
    return "the directions taken hardly lowered it"


def _remedy(history: History, conflicts: ConflictHistory, name: str, stretch: np.ndarray) -> str:
    """Another direction, or a weight where one turns the directions that are taken."""
    weigh = _weigh(history, conflicts, name, stretch)
    made_by = conflicts.made_by[-1]
    if not made_by:
        options = ["choose another aggregator or weighting"]
    elif made_by == "ConFIG":  # which does not see weights
        options = ["use gradients=Sum()" + (f" and {weigh}" if weigh else "")]
    else:
        options = [f"use {_other_gradients(conflicts)}"]
        options += [weigh] if weigh and conflicts.heeds_weights[-1] else []
    text = ", or ".join(options)
    return f"{text[0].upper()}{text[1:]}."


def _other_gradients(conflicts: ConflictHistory) -> str:
    """What to ask of ``solve`` for directions that take every term into account."""
    return "gradients=ConFIG()" + ("" if conflicts.eager else " and execution='eager'")


def _weigh(history: History, conflicts: ConflictHistory, name: str, stretch: np.ndarray) -> str:
    """The weight that makes its gradient as long as the others' are; empty if it has that.

    Nor is there one for a term whose weight a rule keeps changing, which may take it back.
    """
    norms = {k: conflicts.mean(v, stretch) for k, v in conflicts.norms.items()}
    others = float(np.mean([v for k, v in norms.items() if k != name]))
    factor = float(f"{others / norms[name]:.0e}") if norms[name] > 0 else np.inf
    weights = _known(history.weights.get(name, ()))
    if not 1 < factor <= LARGEST_FACTOR or (weights != weights[:1]).any():
        return ""
    if (weights == 1).all():
        return f"give it a weight, weights={{'{clean(name)}': {factor:g}}}"
    return f"multiply its weight by {factor:g}"


def starved_share(terms: int) -> float:
    """The share of the step below which one of so many terms may be starved."""
    return min(STARVED_SHARE, 0.1 / terms)


def _level_if_stuck(history: History, name: str, first: float) -> float | None:
    """The median mean square over the latest steps; None if it falls or too little is known."""
    step, squares = np.asarray(history.step), np.asarray(history.terms.get(name, ()), dtype=float)
    if squares.shape != step.shape:
        return None
    part = squares[(step >= first) & np.isfinite(squares)]
    if part.size < 2 * FEWEST:
        return None
    before, after = np.array_split(part, 2)
    level = float(np.median(after))
    return None if level < FALLS * float(np.median(before)) else level


def _unsolved(history: History, name: str, level: float) -> bool:
    weights = {k: _last(history.weights.get(k, ()), 1.0) for k in history.terms}
    parts = {k: weights[k] * _last(v, 0.0) for k, v in history.terms.items()}
    here, loss = weights[name] * level, sum(parts.values())
    totals = _known(history.total)
    if not here > ROUNDING * (float(totals.max()) if totals.size else loss):
        return False
    largest = float(_known(history.terms[name]).max())
    return here >= UNSOLVED_PART * loss or level >= UNSOLVED_REST * largest


# --- all of them ---------------------------------------------------------------------------------
def _conflicts(conflicts: ConflictHistory) -> Remark:
    """How often gradients opposed each other, and what the direction made of it."""
    steps = conflicts.steps.sum()
    often = conflicts.mean(conflicts.conflicting)
    looked = f"of the {number(steps)} steps looked at" if steps > 1 else "step looked at"
    if not often > 0:
        text = f"No two gradients opposed each other in any {looked}."
        return Remark(text)
    pairs = {pair: conflicts.mean(values) for pair, values in conflicts.opposed.items()}
    means = {pair: conflicts.mean(conflicts.cosines[pair]) for pair in pairs}
    # nan, of a pair without a cosine, compares as smaller than nothing
    first, second = pair = max(pairs, key=lambda p: (pairs[p], -np.nan_to_num(means[p], nan=1.0)))
    whose = f"those of {_quoted(conflicts, first)} and {_quoted(conflicts, second)}"
    cosine = f"mean cosine {signed(means[pair])}"
    which = (
        f" ({cosine})"
        if len(conflicts.names) == 2
        else f", most often {whose} ({percent(pairs[pair])}, {cosine})"
    )
    text = f"Gradients opposed each other in {percent(often)} {looked}{which}."
    return _direction(conflicts, text)


def _direction(conflicts: ConflictHistory, text: str) -> Remark:
    judged = conflicts.judged.sum()
    against = {k: conflicts.mean(v, None, conflicts.judged) for k, v in conflicts.against.items()}
    against = {k: v for k, v in against.items() if np.isfinite(v)}
    if conflicts.blocked.sum():
        text += (
            f" In {number(conflicts.blocked.sum())} steps no direction suited all terms, and the "
            "gradient was taken as zero."
        )
    if not against:
        return Remark(text)
    worst = max(against, key=lambda name: against[name])
    whose, share = _quoted(conflicts, worst), against[worst]
    step = "their sum" if conflicts.summed else "the direction taken"
    known = ""
    if judged < conflicts.steps.sum():
        known = f"the {number(judged)} steps" if judged > 1 else "the one step"
        known += " whose direction is known"
    if not share > 0:
        return Remark(f"{text} Yet {step} went against no term{known and f' in {known}'}.")
    text += f" In {percent(share)} {known and f'of {known} '}{step} went against {whose}, "
    text += "which it lets grow."
    if conflicts.summed and share >= FREQUENT:
        return Remark(
            f"{text} With {_other_gradients(conflicts)} every term falls at the same rate.", True
        )
    return Remark(text)


def _without_shares(conflicts: ConflictHistory) -> list[Remark]:
    """Why there is nothing to be told about weights and shares, where that is so."""
    bare = (conflicts.judged > 0) & (conflicts.combined == 0)
    if not bare.any():
        return []
    makers = dict.fromkeys(m for m, b in zip(conflicts.made_by, bare, strict=True) if b and m)
    whose = f"The directions of {' and '.join(makers)}" if makers else "The directions taken"
    text = f"{whose} are no combinations of the gradients of the terms: no term has an effective "
    return [Remark(text + "weight or a share of the step there.")]


# --- numbers and names ---------------------------------------------------------------------------
def percent(share: float) -> str:
    """A share as it is read.

    Example:
        >>> percent(0.374), percent(0.00312), percent(2e-7), percent(0.0), percent(float("nan"))
        ('37 %', '0.3 %', 'less than 0.1 %', '0 %', '-')
    """
    if not np.isfinite(share):
        return "-"
    if share == 0:
        return "0 %"
    if share < 1e-3:
        return "less than 0.1 %"
    if share < 0.0995:
        return f"{float(f'{100 * share:.1g}'):g} %"
    return f"{min(100 * share, 99):.0f} %" if share < 1 else "100 %"


def signed(cosine: float) -> str:
    """A cosine with two decimals."""
    text = f"{cosine:.2f}"
    return "0.00" if text == "-0.00" else text


def _quoted(conflicts: ConflictHistory, name: str) -> str:
    """A name in a sentence, short but not like another."""
    return f"'{short_labels(conflicts.names, NAME)[name]}'"


def _known(values: Sequence[float] | np.ndarray) -> np.ndarray:
    series = np.atleast_1d(np.asarray(values, dtype=float))
    return series[np.isfinite(series)]


def _last(values: Sequence[float] | np.ndarray, default: float) -> float:
    known = _known(values)
    return float(known[-1]) if known.size else default
