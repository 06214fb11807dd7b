"""Measurements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pinnlab.calculus.formula import Formula
from pinnlab.conditions.base import Constraint, Declared, check_weight, frozen_set
from pinnlab.conditions.context import Context
from pinnlab.conditions.placement import On, Placement
from pinnlab.errors import DataError, DeclarationError, nearest
from pinnlab.io.reference import read_columns
from pinnlab.sampling.points import Points


@dataclass(frozen=True, init=False, repr=False)
class Data(Constraint):
    r"""Measurements: :math:`(h(u)(x_i) - y_i) / \sigma = 0` at given points.

    Args:
        source: File (csv, npz, mat, HDF5, text) or a table ``{name: array}``.
        columns: From a coordinate, a field, or a text of fields such as ``"u.x"`` or ``"u + v"``,
            to the name of its column in the source. The default takes the names as they are.
        sigma: Standard deviation of the noise; the residual is divided by it. A number, or a
            mapping from the measured quantity.
        weight: Factor of its mean square in the loss.
        points: Use a random subset of this size, or None for all.

    Raises:
        DataError: If a column is missing, of another length, or not finite.
        DeclarationError: If a coordinate has no column or nothing is measured.

    Example:
        >>> Data({"x": [0.0, 1.0], "u": [0.0, 0.5]})
        Data(u at 2 points)
    """

    source: Any
    columns: Mapping[str, str] | None
    sigma: Mapping[str, float] | float | None
    weight: float
    points: int | None
    sampler: str | None = None
    on: On | None = None

    def __init__(
        self,
        source: Any,
        columns: Mapping[str, str] | None = None,
        sigma: Mapping[str, float] | float | None = None,
        weight: float = 1.0,
        points: int | None = None,
    ) -> None:
        if not isinstance(source, (str, Path, Mapping)):
            raise DeclarationError(
                "Data has no table",
                expected="a file name or a mapping from names to arrays",
                got=type(source).__name__,
                do="give e.g. Data('sensors.csv') or Data({'x': x, 'u': u})",
            )
        numbers = sigma.values() if isinstance(sigma, Mapping) else [sigma]
        for value in numbers:
            if value is not None and not (isinstance(value, (int, float)) and value > 0):
                raise DeclarationError(
                    "The standard deviation of data must be positive",
                    expected="sigma > 0",
                    got=value,
                    do="give the noise level, or leave sigma out",
                )
        frozen_set(
            self,
            source=source,
            columns=dict(columns) if columns else None,
            sigma=sigma,
            weight=check_weight("Data", weight),
            points=points,
            sampler=None,
            on=None,
        )

    def _table(self, declared: Declared) -> dict[str, np.ndarray]:
        """Column per coordinate and measured quantity."""
        known = (*declared.coordinates.names, *declared.fields)
        columns = self.columns or (list(self.source) if isinstance(self.source, Mapping) else known)
        return read_columns(self.source, columns)

    def _measured(self, table: Mapping[str, Any], declared: Declared) -> list[str]:
        return [key for key in table if key not in declared.coordinates.names]

    def check(self, name: str, declared: Declared) -> None:
        """See :meth:`Constraint.check`."""
        table = self._table(declared)
        missing = [c for c in declared.coordinates.names if c not in table]
        if missing:
            raise DeclarationError(
                f"The data of '{name}' say nothing about coordinate '{missing[0]}'",
                expected="columns for " + ", ".join(declared.coordinates.names),
                got=", ".join(table),
                do="map it in `columns`",
            )
        if not self._measured(table, declared):
            raise DeclarationError(
                f"The data of '{name}' measure nothing",
                expected="a column for a field: " + ", ".join(declared.fields),
                got=", ".join(table),
                do="map a field in `columns`",
            )
        measured = self._measured(table, declared)
        for key in self.sigma if isinstance(self.sigma, Mapping) else ():
            if key not in measured:
                raise DeclarationError(
                    f"The data of '{name}' have a sigma for '{key}', which is not measured",
                    expected=", ".join(measured),
                    got=key,
                    do=nearest(key, measured) or "correct the name",
                )
        x = np.column_stack([table[c] for c in declared.coordinates.names])
        outside = ~declared.domain.contains(x)
        if outside.any():
            row = int(np.flatnonzero(outside)[0])
            raise DataError(
                f"The data of '{name}' lie outside the domain",
                expected="points of the domain",
                got=f"{int(outside.sum())} of {len(x)} points outside, first in row {row}: "
                + ", ".join(
                    f"{c} = {v:g}" for c, v in zip(declared.coordinates.names, x[row], strict=True)
                ),
                do="check units and the order of the columns, or widen the domain",
            )

    def between(self, declared: Declared, start: float, end: float) -> "Data | None":
        """What was measured in an interval of time, or None if that is nothing."""
        table = self._table(declared)
        t = table[declared.coordinates.time or ""]
        rows = (t >= start) & (t <= end)
        if not rows.any():
            return None
        kept = {name: column[rows] for name, column in table.items()}
        return Data(kept, sigma=self.sigma, weight=self.weight, points=self.points)

    def placements(self, declared: Declared) -> tuple[Placement, ...]:
        """See :meth:`Constraint.placements`."""
        table = self._table(declared)
        rows = np.arange(len(next(iter(table.values()))))
        if self.points is not None and self.points < len(rows):
            rows = np.sort(np.random.default_rng(0).choice(rows, self.points, replace=False))
        x = np.column_stack([table[c][rows] for c in declared.coordinates.names])
        measured = self._measured(table, declared)
        targets = {key: torch.as_tensor(table[key][rows]) for key in measured}
        points = DataPoints(torch.as_tensor(x), declared.coordinates, tag="data", targets=targets)
        return (Placement(fixed=points),)

    def components(self, name: str, contexts: Sequence[Context]) -> Sequence[Any]:
        """See :meth:`Constraint.components`."""
        (at,) = contexts
        points = at.points
        assert isinstance(points, DataPoints) and points.targets is not None
        out = []
        for key, target in points.targets.items():
            value = at[key] if key in at.fields else Formula(key)(at)
            sigma = self.sigma.get(key) if isinstance(self.sigma, Mapping) else self.sigma
            misfit = value - target
            out.append(misfit / sigma if sigma else misfit)
        return out

    def describe(self) -> str:
        """See :meth:`Constraint.describe`."""
        if isinstance(self.source, Mapping):
            first = next(iter(self.source.values()))
            return f"{list(self.source)[-1]} at {len(first)} points"
        return f"from {Path(self.source).name}"


@dataclass(frozen=True, eq=False)
class DataPoints(Points):
    """Points with what was measured there.

    Args:
        targets: Measured values ``(n,)`` by name.
    """

    targets: Mapping[str, torch.Tensor] | None = None

    def to(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> "DataPoints":
        """The same points on another device or in another precision."""
        targets = {k: v.to(device=device, dtype=dtype) for k, v in (self.targets or {}).items()}
        return replace(super().to(device, dtype), targets=targets)

    def take(self, rows: torch.Tensor) -> "DataPoints":
        """The points at ``rows``."""
        targets = {k: v[rows] for k, v in (self.targets or {}).items()}
        return replace(super().take(rows), targets=targets)
