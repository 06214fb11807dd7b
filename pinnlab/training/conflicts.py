r"""How the terms of the loss pull on the parameters, collected step by step.

With g_k the gradient of the weighted term k and d the direction along whose negative a step went,
mostly d = Σ_k w_k g_k, an entry of the log says, over the steps since the entry before:

=================  =================================================================================
key                meaning
=================  =================================================================================
``steps``          steps that were looked at
``conflicting``    share of them in which two gradients opposed each other: cosine below zero
``cosines``        mean cosine of two gradients, ``{term: {later term: number}}``
``opposed``        share of steps in which these two opposed each other, likewise; only above zero
``norms``          mean length of the gradient of each weighted term, ‖g_k‖
``zero``           share of steps in which that gradient was zero; only above zero
``combined``       steps whose factors w_k are known; the next three are about these only
``coefficients``   mean factor w_k on the gradient; one for each term in a plain sum
``shares``         mean share of the step, \|w_k\|‖g_k‖ / Σ_j \|w_j\|‖g_j‖
``blocked``        steps without a direction: gradients were there, but every factor was zero
``judged``         steps of which is known how every term changes along d; the rest is about these
``against``        share of steps against the term: d · g_k < 0, so that a small step along -d lets
                   it grow
``harmful``        share of steps against any term
``gains``          mean of how fast the term falls along d for the length of its gradient,
                   d · g_k / ‖g_k‖, over the largest size of that of any term; 0 where it grows
=================  =================================================================================

Besides, the trainer says of the last of these steps

=================  =================================================================================
``aggregator``     what made its direction: the name of a class or function, ``Sum`` for the loss
``heeds_weights``  whether a larger weight of a term turns such directions towards its gradient
``eager``          whether other aggregators could make it: a compiled loss is differentiated whole
=================  =================================================================================

A cosine between two gradients one of which is zero does not exist and does not count; what never
existed is left out. Directions are those that an optimiser is handed, before it scales them by a
history of its own; those of L-BFGS on several terms, and whole steps such as MultiAdam's, are
those that were taken.

References:
    Yu et al. (2020), NeurIPS, arXiv 2001.06782, call gradients conflicting if their cosine is
    negative.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.optim.base import StepReport

ROUNDING = (
    1e-6  # cosines of gradients in single precision that differ from zero by no more are zero
)
HELD = 64  # steps that are worked through at once

# What is added up for each pair of terms, for each term, and once.
PAIRS = ("cosines", "defined", "opposed")
TERMS = ("norms", "zero", "coefficients", "shares", "against", "gains")
COUNTS = ("steps", "conflicting", "combined", "moving", "blocked", "judged", "harmful")


class Conflicts:
    """Statistics of the gradients of the terms since they were last asked for.

    A step costs no more than keeping two references: they are worked through many at a time, so
    that a GPU is not waited for either.

    Args:
        names: Of the terms, in the order of the rows of the Gramian.
        every: Steps of the run between entries at least, so that a short run, which logs every
            step, does not spend its time on them.
    """

    def __init__(self, names: Sequence[str], every: int = 1) -> None:
        self.names, self.every = tuple(names), every
        self._told = 0  # step of the last entry
        self._gramians: list[Tensor] = []
        self._coefficients: list[Tensor | None] = []
        self._slopes: list[Tensor | None] = []
        self._sums = self._nothing()

    def _nothing(self) -> dict[str, np.ndarray]:
        m = len(self.names)
        shapes = [(PAIRS, (m, m)), (TERMS, (m,)), (COUNTS, ())]
        return {key: np.zeros(shape) for keys, shape in shapes for key in keys}

    def observe(self, report: StepReport) -> None:
        """Take in what a step found; one without a Gramian is passed over."""
        if report.gramian is None:
            return
        gramian = report.gramian.detach()
        if self._gramians and self._gramians[-1].device != gramian.device:
            self._work_through()
        self._gramians.append(gramian)
        self._coefficients.append(report.coefficients)
        self._slopes.append(report.slopes)
        if len(self._gramians) >= HELD:
            self._work_through()

    def summary(self, step: int, *, last: bool = False) -> dict[str, Any]:
        """The entry of the log for the steps since the last entry, and begin anew.

        Args:
            step: Steps of the run so far.
            last: Whether there will be no other; then it comes however early it is.

        Returns:
            The entry; empty if it is too early for one, or no step was looked at.
        """
        if self._told and step - self._told < self.every and not last:
            return {}
        self._work_through()
        if not self._sums["steps"]:
            return {}
        sums, self._sums, self._told = self._sums, self._nothing(), step
        return self._entry(sums)

    # --- adding up -------------------------------------------------------------------------------
    def _work_through(self) -> None:
        if not self._gramians:
            return
        gramians = torch.stack(self._gramians).double().cpu().numpy()
        coefficients = _rows(self._coefficients, len(self.names))
        slopes = _rows(self._slopes, len(self.names))
        self._forget()
        good = np.isfinite(gramians).all(axis=(1, 2))
        self._add(gramians[good], coefficients[good], slopes[good])

    def _forget(self) -> None:
        self._gramians, self._coefficients, self._slopes = [], [], []

    def _add(self, gramians: np.ndarray, factors: np.ndarray, slopes: np.ndarray) -> None:
        """Add k steps.

        Args:
            gramians: Inner products of the gradients, ``(k, m, m)``.
            factors: On them in the direction, ``(k, m)``; nan where unknown.
            slopes: Their inner products with the direction, ``(k, m)``; nan where they follow from
                the factors, or are unknown.
        """
        norms = np.sqrt(np.maximum(np.diagonal(gramians, axis1=1, axis2=2), 0.0))  # (k, m)
        there = norms > 0
        scale = np.divide(1.0, norms, out=np.zeros_like(norms), where=there)
        cosines = gramians * scale[:, :, None] * scale[:, None, :]
        opposed = cosines < -ROUNDING
        sums = self._sums
        sums["steps"] += len(gramians)
        sums["conflicting"] += opposed.any(axis=(1, 2)).sum()
        sums["cosines"] += np.clip(cosines, -1.0, 1.0).sum(axis=0)
        sums["defined"] += (there[:, :, None] & there[:, None, :]).sum(axis=0)
        sums["opposed"] += opposed.sum(axis=0)
        sums["norms"] += norms.sum(axis=0)
        sums["zero"] += (~there).sum(axis=0)
        known = np.isfinite(factors).all(axis=1)
        self._add_factors(norms[known], factors[known])
        products = np.einsum("kij,kj->ki", gramians, factors)  # d · g_k
        length = np.sqrt(np.maximum((products * factors).sum(axis=1, keepdims=True), 0.0))  # ‖d‖
        told = np.isfinite(slopes).all(axis=1, keepdims=True)
        # Where only slopes are known, the largest slope along a unit gradient is a bound of ‖d‖.
        steepest = np.abs(slopes * scale).max(axis=1, keepdims=True, initial=0.0)
        self._add_slopes(np.where(told, slopes, products) * scale, np.where(told, steepest, length))

    def _add_factors(self, norms: np.ndarray, factors: np.ndarray) -> None:
        parts = np.abs(factors) * norms
        whole = parts.sum(axis=1)
        moving = whole > 0
        sums = self._sums
        sums["combined"] += len(factors)
        sums["coefficients"] += factors.sum(axis=0)
        sums["shares"] += (parts[moving] / whole[moving, None]).sum(axis=0)
        sums["moving"] += moving.sum()
        sums["blocked"] += (~moving & (norms > 0).any(axis=1)).sum()

    def _add_slopes(self, slopes: np.ndarray, length: np.ndarray) -> None:
        """Slopes along unit gradients ``(k, m)`` for directions of a length ``(k, 1)``."""
        known = np.isfinite(slopes).all(axis=1) & np.isfinite(length[:, 0])
        against = slopes[known] < -ROUNDING * length[known]
        self._sums["judged"] += known.sum()
        self._sums["against"] += against.sum(axis=0)
        self._sums["harmful"] += against.any(axis=1).sum()
        largest = np.abs(slopes[known]).max(axis=1, keepdims=True, initial=0.0)
        gains = np.maximum(slopes[known], 0.0)
        parts = np.divide(gains, largest, out=np.zeros_like(gains), where=largest > 0)
        self._sums["gains"] += parts.sum(axis=0)

    # --- telling ---------------------------------------------------------------------------------
    def _entry(self, sums: Mapping[str, np.ndarray]) -> dict[str, Any]:
        steps, combined, moving, judged = (
            float(sums[key]) for key in ("steps", "combined", "moving", "judged")
        )
        defined = sums["defined"]
        cosines = np.divide(
            sums["cosines"], defined, out=np.full_like(defined, np.nan), where=defined > 0
        )
        entry = {
            "steps": int(steps),
            "conflicting": _short(float(sums["conflicting"]) / steps),
            "cosines": self._pairs(cosines, np.isfinite(cosines)),
            "opposed": self._pairs(sums["opposed"] / steps, sums["opposed"] > 0),
            "norms": self._terms(sums["norms"] / steps),
            "zero": self._terms(sums["zero"] / steps, sums["zero"] > 0),
            "combined": int(combined),
        }
        if combined:
            entry["coefficients"] = self._terms(sums["coefficients"] / combined)
            entry["shares"] = self._terms(sums["shares"] / moving) if moving else {}
            entry["blocked"] = int(sums["blocked"])
        entry["judged"] = int(judged)
        if judged:
            entry["against"] = self._terms(sums["against"] / judged)
            entry["harmful"] = _short(float(sums["harmful"]) / judged)
            entry["gains"] = self._terms(sums["gains"] / judged)
        return entry

    def _terms(self, values: np.ndarray, kept: np.ndarray | None = None) -> dict[str, float]:
        return {
            name: _short(value)
            for k, (name, value) in enumerate(zip(self.names, values.tolist(), strict=True))
            if kept is None or kept[k]
        }

    def _pairs(self, values: np.ndarray, kept: np.ndarray) -> dict[str, dict[str, float]]:
        """Upper triangle by the names of row and column."""
        rows = {
            first: {
                second: _short(float(values[i, j]))
                for j, second in enumerate(self.names)
                if j > i and kept[i, j]
            }
            for i, first in enumerate(self.names)
        }
        return {name: row for name, row in rows.items() if row}

    # --- state -----------------------------------------------------------------------------------
    def state_dict(self) -> dict[str, Any]:
        """What was added up since the last entry, and when that was."""
        self._work_through()
        sums = {key: torch.from_numpy(value.copy()) for key, value in self._sums.items()}
        return {"told": self._told, "sums": sums}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on as if the steps before had been seen here."""
        self._forget()
        self._told = int(state["told"])
        self._sums = {key: state["sums"][key].double().numpy().copy() for key in self._sums}


def _rows(given: Sequence[Tensor | None], m: int) -> np.ndarray:
    """Tensors ``(m,)`` as the rows of an array, nan where there is none; one transfer a device."""
    rows = np.full((len(given), m), np.nan)
    for device in {row.device for row in given if row is not None}:
        there = [k for k, row in enumerate(given) if row is not None and row.device == device]
        stacked = torch.stack([given[k].detach().double() for k in there])  # pyright: ignore
        rows[there] = stacked.cpu().numpy()
    return rows


def _short(value: float) -> float:
    """Four significant digits, so that a line of the log stays readable."""
    return float(f"{value:.4g}")
