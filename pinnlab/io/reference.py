"""Reference solutions and measured data, as points with values.

A `Reference` is what a run is judged by: positions, field values there, and the file they came
from. `Reference.load` makes one of any file that `load_table` opens. Arrays come in three layouts,
and which one it is follows from the lengths of the axes:

* **scattered**: every array is ``(n,)``;
* **grid**: coordinates are the axes, ``x (256,)``, ``t (100,)``, ``u (256, 100)``; they are
  expanded to all pairs;
* **scattered times grid**: ``x (192,)``, ``y (192,)``, ``t (501,)``, ``u (192, 501)``.

Where the lengths leave a choice (two axes of the same length), nothing is guessed:
``axes=["x", "t"]`` says it, or ``axes=[["x", "y"], "t"]`` for coordinates that share an axis.

Example:
    >>> import numpy as np
    >>> x, t = np.linspace(0, 1, 3), np.array([0.0, 1.0])
    >>> data = {"x": x, "t": t, "u": x[:, None] + t}
    >>> reference = Reference.load(data, coordinates=["x", "t"], fields=["u"])
    >>> reference.shape, reference.points[1], reference.fields["u"][1]
    ((3, 2), array([0., 1.]), np.float64(1.0))
"""

import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pinnlab.errors import DataError, nearest
from pinnlab.io.exact_reference import ExactReference
from pinnlab.io.tables import Table, load_table, table_of

_SPEC = ("coordinates", "fields", "axes", "times", "nan")
_TEXT = ("encoding", "delimiter", "decimal", "header")
_EXACT = ("exact", "points", "at", "sampler", "seed", "source")


@dataclass(frozen=True, eq=False)
class Reference:
    """Points with known field values.

    Args:
        coordinates: Names of the columns of ``points``.
        points: Positions, ``(n, d)`` float64.
        fields: Values by name, each ``(n,)`` float64.
        source: Where they come from, for reports.
        axes: The coordinates along each axis of the original grid; one group of all coordinates
            where the points are scattered.
        shape: Length of each of ``axes``; ``fields[name].reshape(shape)`` is the grid again.

    Raises:
        DataError: If the shapes do not fit together or a value is not finite.
    """

    coordinates: tuple[str, ...]
    points: np.ndarray
    fields: Mapping[str, np.ndarray]
    source: str = ""
    axes: tuple[tuple[str, ...], ...] = field(default=())
    shape: tuple[int, ...] = field(default=())

    def __post_init__(self) -> None:
        points = _frozen(self.points)
        if points.ndim != 2 or points.shape[1] != len(self.coordinates):
            raise DataError(
                "The points of a reference have the wrong shape",
                expected=f"(n, {len(self.coordinates)}) for {', '.join(self.coordinates)}",
                got=points.shape,
                do="give one column per coordinate",
            )
        fields = {name: _frozen(values) for name, values in self.fields.items()}
        for name, values in fields.items():
            if values.shape != (len(points),):
                raise DataError(
                    f"Field '{name}' of a reference has the wrong shape",
                    expected=(len(points),),
                    got=values.shape,
                    do="give one value per point",
                )
        for name, values in (("points", points), *fields.items()):
            if not np.isfinite(values).all():
                rows = np.unique(np.argwhere(~np.isfinite(values))[:, 0])
                raise DataError(
                    f"'{name}' of a reference is not finite",
                    expected="finite numbers",
                    got=f"NaN or infinity in {len(rows)} rows, first {rows[:5].tolist()}",
                    do="remove those rows",
                )
        shape = tuple(self.shape) or (len(points),)
        if int(np.prod(shape)) != len(points):
            raise DataError(
                "The grid of a reference does not fit its points",
                expected=f"a shape of {len(points)} points",
                got=shape,
                do="leave out `shape`, or correct it",
            )
        object.__setattr__(self, "coordinates", tuple(self.coordinates))
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "fields", fields)
        object.__setattr__(self, "axes", self.axes or (tuple(self.coordinates),))
        object.__setattr__(self, "shape", shape)

    def __len__(self) -> int:
        return len(self.points)

    def __repr__(self) -> str:
        return (
            f"Reference({len(self)} points in {', '.join(self.coordinates)}; "
            f"{', '.join(self.fields)}; {self.source or 'no source'})"
        )

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """Each coordinate by name, ``(n,)``."""
        return {name: self.points[:, k] for k, name in enumerate(self.coordinates)}

    def stacked(self, fields: Sequence[str] | None = None) -> np.ndarray:
        """Field values side by side, ``(n, c)``, all of them or those named, in that order.

        Raises:
            DataError: If a named field is not there.
        """
        for name in fields or ():
            if name not in self.fields:
                raise DataError(
                    f"The reference has no field '{name}'",
                    expected=", ".join(self.fields),
                    got=name,
                    do=nearest(name, self.fields) or "choose one of those",
                )
        return np.stack([self.fields[name] for name in fields or self.fields], axis=1)

    def take(self, rows: np.ndarray) -> "Reference":
        """The points at ``rows``, an index or mask array; the grid is lost."""
        fields = {name: values[rows] for name, values in self.fields.items()}
        return Reference(self.coordinates, self.points[rows], fields, self.source)

    @classmethod
    def load(
        cls,
        source: Any,
        coordinates: Mapping[str, Any] | Sequence[str],
        fields: Mapping[str, Any] | Sequence[str],
        *,
        axes: Any = None,
        times: Any = None,
        nan: str = "error",
        **text: Any,
    ) -> "Reference":
        """Read a reference from a file, or from arrays in memory.

        Args:
            source: A path, a `Table`, a mapping of arrays, or one array.
            coordinates: For each coordinate, in the order of the columns, where its values are: a
                selector (see `pinnlab.io.tables`), the values themselves as a list, a single
                number with a decimal point for a constant, ``{"start": 0, "stop": 1, "count": 11}``
                or ``{"value": 1}``. A list of names stands for equal names.
            fields: For each field, its selector.
            axes: The coordinate, or list of coordinates, along each axis of the field arrays; one
                list for all fields, or a mapping from fields to lists. Found from the lengths where
                they are unambiguous.
            times: Values of the coordinate ``t`` that the file does not hold: a list, or start,
                stop and count.
            nan: ``"error"``, or ``"drop"`` to leave out the points where a value is NaN or missing.
            **text: ``encoding``, ``delimiter``, ``decimal``, ``header`` as in `load_table`.

        Returns:
            The reference; a grid is expanded with its last coordinate running fastest.

        Raises:
            DataError: If anything is missing, ambiguous, of the wrong shape or not finite.
        """
        table = _table(source, text)
        where = _selectors("coordinates", coordinates)
        if times is not None:
            if "t" in where:
                raise DataError(
                    "The coordinate 't' is given twice",
                    expected="either `times` or an entry 't' of `coordinates`",
                    got="both",
                    do="remove one of them",
                )
            where["t"] = list(times) if not isinstance(times, Mapping) else times
        what = _selectors("fields", fields)
        if nan not in ("error", "drop"):
            raise DataError(
                "The option `nan` has an unknown value",
                expected="'error' or 'drop'",
                got=repr(nan),
                do="choose one of the two",
            )
        values = {name: _coordinate(table, name, entry) for name, entry in where.items()}
        arrays = {name: table.read(entry) for name, entry in what.items()}
        for kind, group in (("Coordinate", values), ("Field", arrays)):
            for name, array in group.items():
                _check_finite(f"{kind} '{name}'", array, table, allow_nan=nan == "drop")
        return _assemble(table, values, arrays, axes, drop=nan == "drop")

    @staticmethod
    def exact(exact: Mapping[str, Any], **options: Any) -> ExactReference:
        """A reference that is known as functions or texts of the coordinates.

        Args:
            exact: By field a function, a text or a number.
            **options: Arguments of :class:`~pinnlab.io.exact_reference.ExactReference`: ``points``,
                ``at``, ``sampler``, ``seed`` and ``source``.

        Example:
            >>> Reference.exact({"u": "sin(pi*x)"}, points=100)
            ExactReference(u at 100 points; exact solution)
        """
        return ExactReference(exact, **options)

    @classmethod
    def from_spec(
        cls, spec: Mapping[str, Any], folder: str | os.PathLike[str] = "."
    ) -> "Reference | ExactReference":
        """Read a reference as a configuration describes it: ``{file: ..., coordinates: ...}``.

        Args:
            spec: The key ``file`` and the arguments of `load` by name; or the arguments of `exact`.
            folder: What a relative ``file`` counts from.

        Raises:
            DataError: As `load`, or if a key is unknown or missing.
        """
        functions = "exact" in spec
        known = _EXACT if functions else ("file", *_SPEC, *_TEXT)
        for key in spec:
            if key not in known:
                raise DataError(
                    f"A reference has no option '{key}'",
                    expected=", ".join(known),
                    got=key,
                    do=nearest(key, known) or "remove it",
                )
        if functions:
            return cls.exact(**spec)
        for key in ("file", "coordinates", "fields"):
            if key not in spec:
                raise DataError(
                    f"A reference needs '{key}'",
                    expected="file, coordinates and fields; or exact",
                    got=", ".join(spec) or "nothing",
                    do=f"add '{key}'",
                )
        options = {key: value for key, value in spec.items() if key != "file"}
        return cls.load(Path(folder) / spec["file"], **options)


def read_columns(
    source: Any,
    columns: Mapping[str, Any] | Sequence[str],
    *,
    nan: str = "error",
    **text: Any,
) -> dict[str, np.ndarray]:
    """Read columns of equal length, such as the readings of sensors.

    Args:
        source: A path, a `Table`, a mapping of arrays, or one array ``(n, columns)``.
        columns: For each wanted name, a selector (see `pinnlab.io.tables`); a list of names stands
            for equal names.
        nan: ``"error"``, or ``"drop"`` to leave out the rows where a value is NaN or missing.
        **text: ``encoding``, ``delimiter``, ``decimal``, ``header`` as in `load_table`.

    Returns:
        The columns by name, each ``(n,)`` float64.

    Raises:
        DataError: If a column is missing, not numeric, not finite or of another length.

    Example:
        >>> read_columns(np.arange(4.0).reshape(2, 2), {"x": 0, "u": 1})
        {'x': array([0., 2.]), 'u': array([1., 3.])}
    """
    table = _table(source, text)
    found = {}
    for name, selector in _selectors("columns", columns).items():
        array = table.read(selector)
        squeezed = _squeeze(array)
        if squeezed.ndim > 1:
            raise DataError(
                f"Column '{name}' of '{table.source}' is not a column",
                expected="an array with one axis",
                got=f"the shape {array.shape}",
                do=f'choose a part, for example "{selector}[:, 0]"; '
                "gridded arrays are read as a reference",
            )
        found[name] = np.atleast_1d(squeezed)
        _check_finite(f"Column '{name}'", found[name], table, allow_nan=nan == "drop")
    lengths = {name: len(array) for name, array in found.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(
            f"The columns of '{table.source}' have different lengths",
            expected="one length",
            got=", ".join(f"{name}: {length}" for name, length in lengths.items()),
            do="choose columns of one table; gridded arrays are read as a reference",
        )
    if nan == "drop":
        keep = np.all([~np.isnan(array) for array in found.values()], axis=0)
        found = {name: array[keep] for name, array in found.items()}
    return found


def _table(source: Any, text: Mapping[str, Any]) -> Table:
    for key in text:
        if key not in _TEXT:
            raise DataError(
                f"Reading data has no option '{key}'",
                expected=", ".join((*_SPEC, *_TEXT)),
                got=key,
                do=nearest(key, (*_SPEC, *_TEXT)) or "remove it",
            )
    if isinstance(source, Table):
        return source
    if isinstance(source, (str, os.PathLike)):
        return load_table(source, **text)
    return table_of(source)


def _selectors(what: str, given: Mapping[str, Any] | Sequence[str]) -> dict[str, Any]:
    named = isinstance(given, Mapping)
    if not given or isinstance(given, str) or not (named or all(isinstance(g, str) for g in given)):
        raise DataError(
            f"`{what}` does not say what to read",
            expected='names with selectors, such as {"u": "usol"}, or a list of names',
            got=repr(given),
            do="name at least one",
        )
    return dict(given) if isinstance(given, Mapping) else {name: name for name in given}


def _coordinate(table: Table, name: str, entry: Any) -> np.ndarray:
    """The values of a coordinate without axes of length one: () for a constant, (k,), or more."""
    try:
        if isinstance(entry, Mapping) and set(entry) == {"start", "stop", "count"}:
            return np.linspace(float(entry["start"]), float(entry["stop"]), int(entry["count"]))
        if isinstance(entry, Mapping) and set(entry) == {"value"}:
            return np.asarray(float(entry["value"]))
        if isinstance(entry, (float, list, tuple, np.ndarray)):
            return _squeeze(np.asarray(entry, np.float64))
    except (TypeError, ValueError) as error:
        raise DataError(
            f"The values of the coordinate '{name}' are not numbers",
            expected="numbers",
            got=repr(entry),
            do="correct them; a name without brackets means a column",
        ) from error
    if isinstance(entry, Mapping):
        raise DataError(
            f"The coordinate '{name}' is not understood",
            expected="start, stop and count; or value",
            got=", ".join(map(str, entry)) or "nothing",
            do="give, for example, {start: 0, stop: 1, count: 11}",
        )
    return _squeeze(table.read(entry))


def _squeeze(array: np.ndarray) -> np.ndarray:
    return array.reshape([size for size in array.shape if size != 1])


def _check_finite(what: str, array: np.ndarray, table: Table, *, allow_nan: bool) -> None:
    bad = np.isinf(array) if allow_nan else ~np.isfinite(array)
    if not bad.any():
        return
    places = np.argwhere(bad)
    rows = np.unique(places[:, 0]) if places.shape[1] else np.array([0])
    first = ", ".join(table.line(int(row)) for row in rows[:5])
    raise DataError(
        f"{what} of '{table.source}' is not finite",
        expected="finite numbers",
        got=f"{len(places)} times NaN, infinity or nothing; first at {first}",
        do="correct those rows" + ("" if allow_nan else ", or leave NaN out with nan='drop'"),
    )


def _assemble(
    table: Table,
    values: dict[str, np.ndarray],
    arrays: dict[str, np.ndarray],
    axes: Any,
    *,
    drop: bool,
) -> Reference:
    """Expand coordinates and fields to points."""
    names = tuple(values)
    grids, layout, shape = {}, None, ()
    for name, array in arrays.items():
        given = axes.get(name) if isinstance(axes, Mapping) else axes
        squeezed = _squeeze(array)
        if _is_pointwise(values, squeezed):
            found, grid = (names,), squeezed.reshape(-1)
        else:
            owners = _owners(table, name, squeezed.shape, values, given)
            order = sorted(range(len(owners)), key=lambda k, o=owners: names.index(o[k][0]))
            found = tuple(owners[k] for k in order)
            grid = squeezed.transpose(order)
        if layout is not None and (found, grid.shape) != (layout, shape):
            raise DataError(
                f"The fields of '{table.source}' do not lie on the same points",
                expected=f"the shape {shape} along {layout}",
                got=f"'{name}' with the shape {grid.shape} along {found}",
                do="read them as two references",
            )
        grids[name], layout, shape = grid, found, grid.shape
    assert layout is not None  # _selectors refuses an empty mapping
    columns = []
    for name in names:
        value = values[name]
        axis = next((k for k, owner in enumerate(layout) if name in owner), None)
        if value.ndim == 1 and axis is not None:
            value = value.reshape([-1 if k == axis else 1 for k in range(len(shape))])
        elif value.ndim > 1:
            value = value.reshape(-1)
        columns.append(np.broadcast_to(value, shape).reshape(-1))
    constant = [name for name in names if values[name].ndim == 0]
    layout = tuple(tuple(n for n in owner if n not in constant) for owner in layout)
    points = np.stack(columns, axis=1)
    fields = {name: grid.reshape(-1) for name, grid in grids.items()}
    if drop:
        keep = ~np.isnan(points).any(1) & np.all([~np.isnan(f) for f in fields.values()], axis=0)
        if not keep.all():
            fields = {name: f[keep] for name, f in fields.items()}
            points, layout, shape = points[keep], (), ()
    return Reference(names, points, fields, table.source, layout, shape)


def _is_pointwise(values: dict[str, np.ndarray], array: np.ndarray) -> bool:
    """Whether each coordinate is given at every entry of the array, as by ``numpy.meshgrid``."""
    varying = [value for value in values.values() if value.ndim]
    return array.ndim > 1 and bool(varying) and all(v.shape == array.shape for v in varying)


def _owners(
    table: Table,
    name: str,
    shape: tuple[int, ...],
    values: dict[str, np.ndarray],
    axes: Any,
) -> tuple[tuple[str, ...], ...]:
    """The coordinates along each axis of a field array, in the order in which they are declared."""
    varying = {c: len(value) for c, value in values.items() if value.ndim == 1}
    folded = [c for c, value in values.items() if value.ndim > 1]
    lengths = ", ".join(f"{c}: {'x'.join(map(str, v.shape)) or 1}" for c, v in values.items())
    problem = {
        "expected": "axes whose lengths are those of the coordinates",
        "got": f"'{name}' with the shape {shape}, and the coordinates {lengths}",
    }
    if folded:
        raise DataError(
            f"The field '{name}' of '{table.source}' does not fit its coordinates",
            **problem,
            do=f"choose one axis of '{folded[0]}', for example with '[:, 0]'",
        )
    if axes is not None:
        return _given_owners(table, name, shape, varying, axes, problem)
    choices = [[k for k, size in enumerate(shape) if size == n] for n in varying.values()]
    fitting = [
        assignment
        for assignment in itertools.product(*choices)
        if set(assignment) == set(range(len(shape)))
    ]
    if len(fitting) == 1:
        return tuple(
            tuple(c for c, axis in zip(varying, fitting[0], strict=True) if axis == k)
            for k in range(len(shape))
        )
    example = list(varying)[: len(shape)]
    if fitting:
        raise DataError(
            f"The field '{name}' of '{table.source}' can be laid out in {len(fitting)} ways",
            **problem,
            do=f"say which coordinate runs along each axis: axes={example}",
        )
    lacking = {(size,) for size in shape if size not in varying.values()}
    spare = [key for key in table if _squeeze(table[key]).shape in lacking]
    hint = f"; '{spare[0]}' of the file has a fitting length" if spare else ""
    raise DataError(
        f"The field '{name}' of '{table.source}' does not fit its coordinates",
        **problem,
        do="correct the selectors, add the missing coordinate"
        f" (or `times`), or give axes={example}{hint}",
    )


def _given_owners(
    table: Table,
    name: str,
    shape: tuple[int, ...],
    varying: dict[str, int],
    axes: Any,
    problem: dict[str, str],
) -> tuple[tuple[str, ...], ...]:
    listed = [axes] if isinstance(axes, str) else list(axes) if _is_list(axes) else []
    groups = [tuple(group) if _is_list(group) else (group,) for group in listed]
    groups = [tuple(c for c in group if c in varying) for group in groups]
    owners = tuple(group for group in groups if group)  # constants have no axis
    named = sorted(c for group in owners for c in group)
    fits = len(owners) == len(shape) and all(
        varying[c] == size for group, size in zip(owners, shape, strict=True) for c in group
    )
    if named != sorted(varying) or not fits:
        raise DataError(
            f"The axes given for '{name}' of '{table.source}' do not fit",
            **problem,
            do=f"name each of {', '.join(varying)} once, along an axis of its length; "
            f"given were {axes}",
        )
    order = list(varying)
    return tuple(tuple(sorted(group, key=order.index)) for group in owners)


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _frozen(array: Any) -> np.ndarray:
    copy = np.array(array, np.float64)
    copy.setflags(write=False)
    return copy
