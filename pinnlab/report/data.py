"""What a run leaves behind, as plain data: the only thing that the report layer reads.

Everything here is numbers, texts, lists and dictionaries, so that a report can be written by a
trainer, from the files of a run folder, or by hand. Every part has an empty default: a run that was
interrupted before its first step still makes a report, which says what is missing.

Conventions: series of a :class:`History` all have the length of ``step``; a value that was not
recorded at a step is ``nan``. Sizes of loss terms are *raw mean squares*, the mean of the squared
residual before any weight, so that the numbers of two runs with different weights can be compared.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from math import nan
from typing import Any, TypeVar

import numpy as np

from pinnlab.errors import DataError, nearest
from pinnlab.report.conflict_history import ConflictHistory

Numbers = Sequence[float] | np.ndarray


@dataclass(frozen=True)
class Phase:
    """A stretch of training with one optimiser.

    Args:
        name: What the user calls it, such as ``"Adam"``.
        first: Step at which it began, counted over the whole run.
        last: Step at which it ended.
        seconds: Wall time, if known.
        status: How it ended: ``"finished"``, ``"converged"``, ``"failed"``, ...
    """

    name: str
    first: float = 0
    last: float = 0
    seconds: float | None = None
    status: str = ""


@dataclass(frozen=True)
class History:
    """The course of a training: one number a step for each thing that was followed.

    Args:
        step: Step numbers, counted over all phases, (k,).
        total: The number that was minimised, the weighted sum, (k,) or empty.
        terms: Raw mean square of each loss term, {name: (k,)}.
        weights: Effective weight of each term, {name: (k,)}.
        unknowns: Value of each unknown, {name: (k,)}.
        errors: Errors against a reference, {label: (k,)}.
        learning_rate: Learning rate, (k,) or empty.
        phases: The phases in their order.
        conflicts: How the gradients of the terms pulled on each other, if that was looked at.
        rejected: Step and reason of each step that was not taken for a number that is not finite.
    """

    step: Numbers = ()
    total: Numbers = ()
    terms: Mapping[str, Numbers] = field(default_factory=dict)
    weights: Mapping[str, Numbers] = field(default_factory=dict)
    unknowns: Mapping[str, Numbers] = field(default_factory=dict)
    errors: Mapping[str, Numbers] = field(default_factory=dict)
    learning_rate: Numbers = ()
    phases: Sequence[Phase] = ()
    conflicts: ConflictHistory | None = None
    rejected: Sequence[tuple[float, str]] = ()

    @classmethod
    def from_records(
        cls, records: Iterable[Mapping[str, Any]], phases: Sequence[Phase] | None = None
    ) -> "History":
        """A history from one dictionary a step, as the lines of ``log.jsonl`` are.

        Args:
            records: Dictionaries with ``step`` and any of ``loss``, ``lr``, ``phase`` and the
                dictionaries ``terms``, ``weights``, ``unknowns``, ``errors`` (one level of nesting
                such as ``{"u": {"relative_l2": 0.1}}`` becomes ``"u relative_l2"``),
                ``conflicts``, and ``status`` with ``message``. Records without a ``step``
                (messages) are passed over.
            phases: The phases; by default read off the changes of ``phase`` in the records.
        """
        rows = [record for record in records if _number(record.get("step")) is not None]
        if phases is None:
            phases = _phases(rows)
        return cls(
            step=np.array([float(row["step"]) for row in rows]),
            total=_series(rows, "loss"),
            terms=_group(rows, "terms"),
            weights=_group(rows, "weights"),
            unknowns=_group(rows, "unknowns"),
            errors=_group(rows, "errors"),
            learning_rate=_series(rows, "lr"),
            phases=phases,
            conflicts=ConflictHistory.from_records(rows),
            rejected=[
                (float(row["step"]), str(row.get("message", "a number is not finite")))
                for row in rows
                if row.get("status") == "non_finite"
            ],
        )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float | np.number) else None


def _series(rows: Sequence[Mapping[str, Any]], key: str) -> np.ndarray:
    """The numbers under a key, nan where there is none; empty if there is none at all."""
    values = [_number(row.get(key)) for row in rows]
    if all(value is None for value in values):
        return np.empty(0)
    return np.array([nan if value is None else value for value in values])


def _flat(values: object) -> dict[str, float | None]:
    """One level of nesting flattened, ``{"u": {"max": 1}}`` to ``{"u max": 1}``."""
    flat: dict[str, float | None] = {}
    for name, value in values.items() if isinstance(values, Mapping) else ():
        if isinstance(value, Mapping):
            flat.update({f"{name} {inner}": _number(v) for inner, v in value.items()})
        else:
            flat[str(name)] = _number(value)
    return flat


def _group(rows: Sequence[Mapping[str, Any]], key: str) -> dict[str, np.ndarray]:
    flat = [_flat(row.get(key)) for row in rows]
    names = dict.fromkeys(name for row in flat for name in row)  # in order of appearance
    return {name: _series(flat, name) for name in names}


def _phases(rows: Sequence[Mapping[str, Any]]) -> list[Phase]:
    phases: list[Phase] = []
    for row in rows:
        name = str(row.get("phase", ""))
        if not name:
            continue
        step = float(row["step"])
        if phases and phases[-1].name == name:
            phases[-1] = Phase(name, phases[-1].first, step)
        else:
            phases.append(Phase(name, phases[-1].last if phases else step, step))
    return phases


@dataclass(frozen=True)
class Term:
    """One term of the loss.

    Args:
        name: Its name in the declaration.
        mean_square: Mean of the squared residual on the training points, unweighted.
        weight: Its weight in the sum.
        held_out: Mean of the squared residual on points that were not trained on.
        points: How many points it is evaluated on.
        unit: Unit of ``mean_square`` where units are declared.
    """

    name: str
    mean_square: float
    weight: float = 1.0
    held_out: float | None = None
    points: int | None = None
    unit: str = ""

    @property
    def weighted(self) -> float:
        """What the term adds to the sum, weight times mean square."""
        return self.weight * self.mean_square


@dataclass(frozen=True)
class UnknownValue:
    """An identified number.

    Args:
        value: The estimate.
        error: Its standard error.
        true: The true value where it is known.
        unit: Its unit.
    """

    value: float
    error: float | None = None
    true: float | None = None
    unit: str = ""

    @property
    def relative_error(self) -> float | None:
        """|value - true| / |true|, or nothing if the true value is unknown or zero."""
        return abs(self.value - self.true) / abs(self.true) if self.true else None


@dataclass(frozen=True)
class Finding:
    """One line of a check: ``"ok"``, ``"warning"`` or ``"error"``; what, where, what to do."""

    level: str
    what: str
    where: str = ""
    do: str = ""


@dataclass(frozen=True)
class Statement:
    """An equation or condition as it is shown.

    Args:
        name: Its name in the declaration.
        latex: The formula in LaTeX without dollar signs.
        text: The formula as plain text, shown where there is no LaTeX.
        where: Where it holds.
        kind: What it is, such as ``"Dirichlet"``.
    """

    name: str
    latex: str = ""
    text: str = ""
    where: str = ""
    kind: str = ""


@dataclass(frozen=True)
class ProblemText:
    """A problem in words and formulas.

    Args:
        name: Its name.
        domain: The domain in one line.
        fields: Names of the fields.
        equations: The equations.
        conditions: The conditions.
        parameters: Coefficients; a number, a text, or anything with a ``str``.
        description: A sentence or two.
        source: Where it comes from.
    """

    name: str = ""
    domain: str = ""
    fields: Sequence[str] = ()
    equations: Sequence[Statement] = ()
    conditions: Sequence[Statement] = ()
    parameters: Mapping[str, object] = field(default_factory=dict)
    description: str = ""
    source: str = ""


@dataclass(frozen=True)
class RunData:
    """Everything that a report of a run shows.

    Args:
        title: Heading of the report.
        status: ``"finished"``, ``"converged"``, ``"interrupted"``, ``"failed"`` or ``"running"``.
        message: Why it stopped, in a sentence.
        problem: The problem.
        findings: What the check before training found.
        settings: Every setting, nested.
        defaults: Dotted paths of the settings that nobody gave, such as ``"surrogate.width"``.
        versions: Names and versions of the software, seed, machine.
        phases: Phases with their times; by default those of the history.
        history: The course of the training.
        terms: The loss terms at the end.
        metrics: Errors per field, {field: {metric: value}}.
        baseline: The same for the best constant, {field: {metric: value}}.
        reference: What the errors are measured against.
        unknowns: Identified numbers; a plain number stands for one without an error.
        figures: Caption to a Matplotlib figure or the bytes of a PNG, JPEG or GIF.
        warnings: What the user should know.
        notes: What is worth saying besides.
        seconds: Wall time of the run; by default the sum over the phases.
        folder: Where the files are.
    """

    title: str = "Run"
    status: str = "finished"
    message: str = ""
    problem: ProblemText | None = None
    findings: Sequence[Finding] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    defaults: Iterable[str] = ()
    versions: Mapping[str, object] = field(default_factory=dict)
    phases: Sequence[Phase] = ()
    history: History | None = None
    terms: Sequence[Term] = ()
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    baseline: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    reference: str = ""
    unknowns: Mapping[str, UnknownValue | float] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    notes: Sequence[str] = ()
    seconds: float | None = None
    folder: str = ""

    def all_phases(self) -> list[Phase]:
        """The phases given, or else those of the history."""
        phases = self.phases or (self.history.phases if self.history else ())
        return [as_record(Phase, phase) for phase in phases]

    def wall_time(self) -> float | None:
        """Seconds of the run, given or summed over the phases; nothing if unknown."""
        if self.seconds is not None:
            return self.seconds
        known = [phase.seconds for phase in self.all_phases() if phase.seconds is not None]
        return sum(known) if known else None

    def all_terms(self) -> list[Term]:
        """The terms given, or else the last finite entries of the history."""
        if self.terms or self.history is None:
            return [as_record(Term, term) for term in self.terms]
        weights = self.history.weights
        return [
            Term(name, last_finite(values), last_finite(weights.get(name, ()), 1.0))
            for name, values in self.history.terms.items()
        ]


def last_finite(values: Numbers, default: float = nan) -> float:
    """The last finite number of a series."""
    series = np.atleast_1d(np.asarray(values, dtype=float))
    finite = series[np.isfinite(series)]
    return float(finite[-1]) if finite.size else default


Record = TypeVar("Record", Phase, Term, Finding, Statement, UnknownValue)


def as_record(kind: type[Record], value: Any) -> Record:
    """A record given as itself, as a dictionary of its parts, or as a tuple in their order.

    Raises:
        DataError: If ``value`` is none of these or a part has another name.

    Example:
        >>> as_record(Term, {"name": "ends", "mean_square": 0.25, "weight": 4.0}).weighted
        1.0
    """
    if isinstance(value, kind):
        return value
    names = [part.name for part in fields(kind)]
    if isinstance(value, Mapping):
        unknown = [str(key) for key in value if key not in names]
        if unknown:
            raise DataError(
                f"A {kind.__name__} has no part '{unknown[0]}'",
                expected=", ".join(names),
                got=", ".join(map(str, value)),
                do=nearest(unknown[0], names) or "remove the part",
            )
        return kind(**value)
    if kind is UnknownValue and (number := _number(value)) is not None:
        return kind(number)  # pyright: ignore
    if isinstance(value, tuple | list):
        return kind(*value)
    raise DataError(
        f"This cannot be read as a {kind.__name__}",
        expected=f"a {kind.__name__}, or a dictionary or tuple of {', '.join(names)}",
        got=repr(value)[:80],
        do=f"make a pinnlab.report.{kind.__name__}",
    )
