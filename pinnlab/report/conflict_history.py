"""How the gradients of the loss terms pulled on each other, as a report reads it from the log.

The numbers are those of the entries ``conflicts`` of the lines of ``log.jsonl``, see
:mod:`pinnlab.training.conflicts`. Not every line has one, and lines of earlier versions have none.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Pair = tuple[str, str]

SHARE_OF_STRETCH = 1 / 3  # of a run, at its end, that sentences in the present tense are about


@dataclass(frozen=True, eq=False)
class ConflictHistory:
    """One number an entry for each pair of terms, for each term, and for the whole step.

    Args:
        names: Of the terms.
        step: Steps at which the entries were written, (k,).
        steps: How many steps each entry is a mean over, (k,).
        conflicting: Share of steps in which two gradients opposed each other, (k,).
        cosines: Mean cosine of two gradients, {(a, b): (k,)}.
        opposed: Share of steps in which these two opposed each other, likewise.
        norms: Mean length of the gradient of each weighted term, {name: (k,)}.
        zero: Share of steps in which it was zero, likewise.
        factors: Mean factor on that gradient in the direction, likewise; nan where unknown.
        effective: That factor times the weight of the term, likewise: what its raw gradient gets.
        shares: Mean share of the step, likewise.
        against: Share of steps against the term, likewise.
        harmful: Share of steps against any term, (k,); nan where unknown.
        blocked: Steps of each entry without a direction, (k,).
        gains: Mean rate of fall, over that of the term that changes fastest, {name: (k,)}.
        combined: Steps of each entry whose factors are known, (k,).
        judged: Steps of each entry of which is known how terms change along the direction, (k,).
        made_by: What made the direction at the end of each entry, (k,); empty where unknown.
        heeds_weights: Whether weights of terms turn such directions, (k,) of booleans.
        eager: Whether the run takes other aggregators as it is executed.
    """

    names: Sequence[str]
    step: np.ndarray
    steps: np.ndarray
    conflicting: np.ndarray
    cosines: Mapping[Pair, np.ndarray]
    opposed: Mapping[Pair, np.ndarray]
    norms: Mapping[str, np.ndarray]
    zero: Mapping[str, np.ndarray] = field(default_factory=dict)
    factors: Mapping[str, np.ndarray] = field(default_factory=dict)
    effective: Mapping[str, np.ndarray] = field(default_factory=dict)
    shares: Mapping[str, np.ndarray] = field(default_factory=dict)
    against: Mapping[str, np.ndarray] = field(default_factory=dict)
    harmful: np.ndarray = field(default_factory=lambda: np.empty(0))
    blocked: np.ndarray = field(default_factory=lambda: np.empty(0))
    gains: Mapping[str, np.ndarray] = field(default_factory=dict)
    combined: np.ndarray = field(default_factory=lambda: np.empty(0))
    judged: np.ndarray = field(default_factory=lambda: np.empty(0))
    made_by: Sequence[str] = ()
    heeds_weights: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=bool))
    eager: bool = True

    @classmethod
    def from_records(cls, records: Iterable[Mapping[str, Any]]) -> "ConflictHistory | None":
        """From the lines of a log; None if no line tells of two terms or more.

        Args:
            records: Dictionaries with ``step`` and perhaps ``conflicts`` and ``weights``.
        """
        rows = [(r, _mapping(r.get("conflicts"))) for r in records if _is_number(r.get("step"))]
        rows = [(r, e) for r, e in rows if _mapping(e.get("norms")) and _count(e, "steps") > 0]
        names = list(dict.fromkeys(name for _, e in rows for name in e["norms"]))
        if len(names) < 2:
            return None
        entries = [e for _, e in rows]
        weights = _terms([r for r, _ in rows], "weights", names, np.nan)
        factors = _terms(entries, "coefficients", names, np.nan)
        made_by = [_maker(e) for e in entries]
        return cls(
            names=names,
            step=np.array([float(r["step"]) for r, _ in rows]),
            steps=np.array([_count(e, "steps") for e in entries]),
            conflicting=np.array([_number(e.get("conflicting"), np.nan) for e in entries]),
            cosines=_pairs(entries, "cosines", names, np.nan),
            opposed=_pairs(entries, "opposed", names, 0.0),
            norms=_terms(entries, "norms", names, np.nan),
            zero=_terms(entries, "zero", names, 0.0),
            factors=factors,
            effective={name: factors[name] * weights[name] for name in names},
            shares=_terms(entries, "shares", names, np.nan),
            against=_terms(entries, "against", names, np.nan),
            harmful=np.array([_number(e.get("harmful"), np.nan) for e in entries]),
            blocked=np.array([_count(e, "blocked") for e in entries]),
            gains=_terms(entries, "gains", names, np.nan),
            combined=np.array([_known(e, "combined", "shares") for e in entries]),
            judged=np.array([_known(e, "judged", "against") for e in entries]),
            made_by=made_by,
            heeds_weights=np.array(
                [e.get("heeds_weights", m == "Sum") for e, m in zip(entries, made_by, strict=True)]
            ),
            eager=bool(entries[-1].get("eager", True)),
        )

    def stretch(self) -> np.ndarray:
        """Which entries belong to the last part of the run, (k,) of booleans."""
        first, last = float(self.step[0]), float(self.step[-1])
        return self.step > last - SHARE_OF_STRETCH * (last - first)

    def mean(
        self,
        values: np.ndarray,
        where: np.ndarray | None = None,
        counts: np.ndarray | None = None,
    ) -> float:
        """Mean over all steps, or those of some entries; nan if nothing was recorded.

        Args:
            values: One number an entry, (k,).
            where: Which entries count, (k,) of booleans.
            counts: How many steps each value is a mean over, (k,); ``steps`` by default.
        """
        counts = self.steps if counts is None else counts
        there = np.isfinite(values) & (counts > 0)
        there = there if where is None else there & where
        if not there.any():
            return float("nan")
        return float(np.average(values[there], weights=counts[there]))

    @property
    def summed(self) -> bool:
        """Whether every known direction was the plain sum of the gradients."""
        known = [values[np.isfinite(values)] for values in self.factors.values()]
        return all(v.size > 0 and bool((v == 1).all()) for v in known)

    def worst_pairs(self, count: int | None = None) -> list[Pair]:
        """The pairs whose gradients opposed each other most, by their mean cosine."""
        means = {pair: self.mean(values) for pair, values in self.cosines.items()}
        known = [pair for pair, value in means.items() if np.isfinite(value)]
        return sorted(known, key=lambda pair: means[pair])[:count]


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _number(value: Any, default: float) -> float:
    return float(value) if _is_number(value) else default


def _count(entry: Mapping[str, Any], key: str) -> float:
    return _number(entry.get(key), 0.0)


def _maker(entry: Mapping[str, Any]) -> str:
    """What made the direction; earlier versions did not say so, but factors of one do."""
    factors = _mapping(entry.get("coefficients"))
    summed = bool(factors) and all(factor == 1 for factor in factors.values())
    return str(entry.get("aggregator", "Sum" if summed else ""))


def _known(entry: Mapping[str, Any], key: str, about: str) -> float:
    """Steps of an entry that are known in one respect; logs without the count have all or none."""
    return _number(entry.get(key), _count(entry, "steps") if _mapping(entry.get(about)) else 0.0)


def _terms(
    entries: Sequence[Mapping[str, Any]], key: str, names: Sequence[str], default: float
) -> dict[str, np.ndarray]:
    groups = [_mapping(entry.get(key)) for entry in entries]
    return {name: np.array([_number(g.get(name), default) for g in groups]) for name in names}


def _pairs(
    entries: Sequence[Mapping[str, Any]], key: str, names: Sequence[str], default: float
) -> dict[Pair, np.ndarray]:
    groups = [_mapping(entry.get(key)) for entry in entries]
    return {
        (a, b): np.array([_number(_mapping(g.get(a)).get(b), default) for g in groups])
        for i, a in enumerate(names)
        for b in names[i + 1 :]
    }
