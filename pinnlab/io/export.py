"""Fields as files for ParaView and for other programs.

===========  ===================================================================================
``.vtu``     one time on any cells (VTK XML)
``.vtk``     the same in the legacy format
``.pvd``     a time series: the file and, beside it, a folder with one ``.vtu`` a time
``.xdmf``    one time or a series; the numbers lie beside it in an ``.h5`` file
``.csv``     one row a point (and time), one column a coordinate, then one a field component
``.npz``     the arrays by name; a series is ``(times, n)``; any number of dimensions
===========  ===================================================================================

VTK and XDMF know three dimensions: points and vectors of one or two components get zeros for the
rest. Points without cells are written as vertices, which ParaView shows as a point cloud. A regular
grid with the cells to go with it comes from `grid`.

Example:
    >>> import tempfile, os
    >>> square = grid({"x": (0, 1), "y": (0, 1)}, 3)
    >>> path = os.path.join(tempfile.mkdtemp(), "u.vtu")
    >>> written = export_fields(path, square, {"u": square.points[:, 0] ** 2})
    >>> written.name, square.cells[0][0], square.cells[0][1].shape
    ('u.vtu', 'quad', (4, 4))
"""

import contextlib
import csv
import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
import torch

from pinnlab.errors import DataError, nearest
from pinnlab.io._container import MAGIC

FORMATS = (".vtu", ".vtk", ".pvd", ".xdmf", ".csv", ".npz")
_DRAWN = (".vtu", ".vtk", ".pvd", ".xdmf")
_MOST_CSV_COLUMNS = 1000
_SERIES = (".pvd", ".xdmf", ".csv", ".npz")

# Nodes of each kind of cell, by meshio's names and in its order of nodes.
_NODES = {
    "vertex": 1, "line": 2, "line3": 3, "triangle": 3, "triangle6": 6, "quad": 4, "quad8": 8,
    "quad9": 9, "tetra": 4, "tetra10": 10, "hexahedron": 8, "hexahedron20": 20,
    "hexahedron27": 27, "wedge": 6, "pyramid": 5,
}  # fmt: skip

Cells = tuple[tuple[str, np.ndarray], ...]


@dataclass(frozen=True, eq=False)
class Grid:
    """The nodes of a regular grid and the cells between them.

    Args:
        points: Nodes, ``(n, d)``, the last coordinate running fastest.
        cells: Kind and node numbers of the cells: lines, quads or hexahedra; none for ``d > 3``.
        coordinates: Names of the columns of ``points``.
        shape: Nodes along each coordinate; ``values.reshape(shape)`` is the field on the grid.
    """

    points: np.ndarray
    cells: Cells
    coordinates: tuple[str, ...]
    shape: tuple[int, ...]


def grid(bounds: Mapping[str, tuple[float, float]], shape: int | Sequence[int]) -> Grid:
    """A regular grid on a box, with its cells.

    Args:
        bounds: The lowest and highest value of each coordinate.
        shape: Nodes along each coordinate, at least 2; one number for all of them.

    Returns:
        The grid.

    Raises:
        DataError: If bounds are empty or not in order, or the shape does not fit them.
    """
    counts = [shape] * len(bounds) if isinstance(shape, int) else list(shape)
    if not bounds or len(counts) != len(bounds) or any(count < 2 for count in counts):
        raise DataError(
            "The shape of a grid does not fit its bounds",
            expected=f"at least 2 nodes along each of {', '.join(bounds) or 'its coordinates'}",
            got=f"shape {shape}",
            do="give one number of nodes per coordinate",
        )
    for name, (low, high) in bounds.items():
        if not (np.isfinite([low, high]).all() and low < high):
            raise DataError(
                f"The bounds of '{name}' are not in order",
                expected="two finite numbers, the lower one first",
                got=(low, high),
                do="correct them",
            )
    axes = [np.linspace(*bounds[name], count) for name, count in zip(bounds, counts, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    return Grid(points, _grid_cells(tuple(counts)), tuple(bounds), tuple(counts))


def _grid_cells(shape: tuple[int, ...]) -> Cells:
    """The cells of a grid, nodes counted round each cell as VTK wants them."""
    if len(shape) > 3:
        return ()
    number = np.arange(np.prod(shape)).reshape(shape)
    corner: dict[tuple[int, ...], np.ndarray] = {
        offset: number[
            tuple(slice(o, o + size - 1) for o, size in zip(offset, shape, strict=True))
        ].reshape(-1)
        for offset in itertools.product((0, 1), repeat=len(shape))
    }
    around = [(0, 0), (1, 0), (1, 1), (0, 1)]
    kind = ("line", "quad", "hexahedron")[len(shape) - 1]
    orders: tuple[list[tuple[int, ...]], ...] = (
        [(0,), (1,)],
        [*around],
        [(*pair, top) for top in (0, 1) for pair in around],
    )
    order = orders[len(shape) - 1]
    return ((kind, np.stack([corner[offset] for offset in order], axis=1)),)


def export_fields(
    path: str | os.PathLike[str],
    points: "Grid | np.ndarray | torch.Tensor",
    fields: Mapping[str, np.ndarray | torch.Tensor],
    cells: Mapping[str, Any] | Sequence[tuple[str, Any]] | None = None,
    times: Sequence[float] | np.ndarray | None = None,
    coordinates: Sequence[str] | None = None,
) -> Path:
    """Write fields on points or cells to a file; its ending says the format.

    Args:
        path: The file; an existing one is replaced, and its folder is made.
        points: A `Grid`, or positions ``(n, d)``.
        fields: Values by name, ``(n,)`` or ``(n, k)``; with ``times``, ``(m, n)`` or ``(m, n, k)``.
        cells: For unstructured meshes, node numbers ``(cells, nodes)`` by kind of cell, as meshio
            names and orders them: ``{"triangle": ...}`` or pairs.
        times: The ``m`` times of a series.
        coordinates: Names of the columns of ``points``; x, y, z if not given.

    Returns:
        The path written.

    Raises:
        DataError: If the ending is unknown, a shape or node number does not fit, a name is used
            twice, the format cannot hold the data, or the file cannot be written.
    """
    target = Path(path)
    suffix = target.suffix.lower()
    if suffix not in FORMATS:
        raise DataError(
            f"'{target.name}' has no known ending",
            expected=", ".join(FORMATS),
            got=suffix or "none",
            do=nearest(suffix, FORMATS) or "choose one of those",
        )
    data = _prepare(points, fields, cells, times, coordinates)
    if suffix in _DRAWN and data.points.shape[1] > 3:
        raise DataError(
            f"'{suffix}' files hold at most three coordinates",
            expected="points (n, d) with d of 1, 2 or 3",
            got=data.points.shape,
            do="write .npz or .csv, or export a slice",
        )
    if data.times is not None and suffix not in _SERIES:
        raise DataError(
            f"'{suffix}' files hold one time",
            expected="one of " + ", ".join(_SERIES) + " for a series",
            got=f"{len(data.times)} times",
            do="change the ending, or export one time",
        )
    if data.times is None and suffix == ".pvd":
        raise DataError(
            "A .pvd file is a time series",
            expected="`times`",
            got="none",
            do="give times, or write .vtu",
        )
    writers = {".csv": _write_csv, ".npz": _write_npz, ".pvd": _write_pvd, ".xdmf": _write_xdmf}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        writers.get(suffix, _write_mesh)(target, data)
    except OSError as error:
        raise _unwritable(target, error) from error
    return target


def export_points(
    path: str | os.PathLike[str],
    columns: Mapping[str, np.ndarray | torch.Tensor],
    fields: Mapping[str, np.ndarray | torch.Tensor],
) -> Path:
    """Write fields at points of many dimensions to a table or to arrays.

    Args:
        path: A file ending in ``.csv``, with a column for every component, or ``.npz``, with an
            array for every coordinate.
        columns: Coordinates of the points by name, ``(n,)`` or ``(n, size)``.
        fields: Values by name, ``(n,)``.

    Returns:
        The path written.

    Raises:
        DataError: If the ending is another one, a table would be too wide, an array does not fit,
            or the file cannot be written.
    """
    target = Path(path)
    suffix = target.suffix.lower()
    flat = {name: _array(f"coordinate '{name}'", values) for name, values in columns.items()}
    flat = {name: x if x.ndim == 2 else x[:, None] for name, x in flat.items()}
    width = sum(x.shape[1] for x in flat.values())
    if suffix == ".csv" and width <= _MOST_CSV_COLUMNS:
        names = [n if x.shape[1] == 1 else f"{n}{k}" for n, x in flat.items()
                 for k in range(x.shape[1])]  # fmt: skip
        return export_fields(target, np.hstack([*flat.values()]), fields, coordinates=names)
    if suffix != ".npz":
        raise DataError(
            f"'{target.name}' cannot hold points of {width} coordinates",
            expected=f".npz, or .csv for at most {_MOST_CSV_COLUMNS} columns",
            got=suffix or "no ending",
            do="write .npz",
        )
    arrays = {name: _array(name, values) for name, values in {**columns, **fields}.items()}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(target, allow_pickle=False, **arrays)
    except OSError as error:
        raise _unwritable(target, error) from error
    return target


def _unwritable(target: Path, error: OSError) -> DataError:
    return DataError(
        f"'{target}' cannot be written",
        expected="a writable folder with enough space",
        got=f"{type(error).__name__}: {error}",
        do="free some space, or choose another folder",
    )


@dataclass(frozen=True, eq=False)
class _Data:
    """Checked arrays; without times every field has one leading axis of length 1."""

    points: np.ndarray  # (n, d)
    cells: Cells
    fields: dict[str, np.ndarray]  # (m, n) or (m, n, k)
    times: np.ndarray | None  # (m,)
    coordinates: tuple[str, ...]

    def at(self, step: int) -> dict[str, Any]:
        """Fields of one time as VTK wants them: scalars, or vectors of at least three entries."""
        return {
            name: values[step] if values.ndim == 2 else _pad(values[step])
            for name, values in self.fields.items()
        }

    def drawn_cells(self) -> list[Any]:
        """The cells, or a vertex for each point."""
        return list(self.cells) or [("vertex", np.arange(len(self.points))[:, None])]


def _prepare(points: Any, fields: Any, cells: Any, times: Any, coordinates: Any) -> _Data:
    if isinstance(points, Grid):
        cells = points.cells if cells is None else cells
        coordinates = points.coordinates if coordinates is None else coordinates
        points = points.points
    x = _array("the points", points)
    if x.ndim != 2 or not x.size or not np.isfinite(x).all():
        raise DataError(
            "The points to export are not usable",
            expected="finite positions (n, d)",
            got=f"shape {x.shape}" + ("" if np.isfinite(x).all() else " with NaN or infinity"),
            do="give one row per point",
        )
    n, d = x.shape
    names = tuple(coordinates or (("x", "y", "z")[:d] if d <= 3 else (f"x{k}" for k in range(d))))
    steps = None if times is None else np.asarray(times, np.float64)
    if steps is not None and (
        steps.ndim != 1
        or not steps.size
        or not (np.diff(steps) > 0).all()
        or not np.isfinite(steps).all()
    ):
        raise DataError(
            "The times of a series are not in order",
            expected="increasing finite numbers (m,)",
            got=steps,
            do="sort the times, and the fields with them",
        )
    taken = [*names, *(["t"] if steps is not None else [])]
    if len(names) != d or len(set(taken)) != len(taken):
        raise DataError(
            "The names of the coordinates do not fit the points",
            expected=f"{d} different names" + (", none of them 't'" if steps is not None else ""),
            got=", ".join(names),
            do="give one name per column",
        )
    checked = {}
    for name, values in fields.items():
        if not isinstance(name, str) or not name or any(c.isspace() for c in name) or name in taken:
            raise DataError(
                f"A field cannot be exported as {name!r}",
                expected="a text without spaces that names no coordinate",
                got=repr(name),
                do="rename the field",
            )
        checked[name] = _field(name, values, n, steps)
    return _Data(x.astype(np.float64), _cells(cells, n), checked, steps, names)


def _array(what: str, values: Any) -> np.ndarray:
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        values = (values.float() if values.dtype == torch.bfloat16 else values).numpy()
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise DataError(
            f"{what} cannot be exported",
            expected="real numbers",
            got=f"dtype {array.dtype}",
            do="export the real and the imaginary part" if array.dtype.kind == "c" else "convert",
        )
    if array.dtype.kind in "biu":
        return array.astype(np.int64)  # VTK does not read meshio's 32-bit integers in .vtk files
    if array.dtype == np.float16:
        return array.astype(np.float32)  # VTK has no half precision
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _field(name: str, values: Any, n: int, steps: np.ndarray | None) -> np.ndarray:
    array = _array(f"field '{name}'", values)
    lead = (n,) if steps is None else (len(steps), n)
    if array.shape[: len(lead)] != lead or array.ndim > len(lead) + 1:
        shape = ", ".join(map(str, lead))
        raise DataError(
            f"Field '{name}' does not fit the points" + ("" if steps is None else " and times"),
            expected=f"the shape {lead} or ({shape}, k)",
            got=array.shape,
            do="give one value, or one row of components, per point",
        )
    return array[None] if steps is None else array


def _cells(cells: Any, n: int) -> Cells:
    if cells is None:
        return ()
    pairs = cells.items() if isinstance(cells, Mapping) else cells
    checked = []
    for kind, nodes in pairs:
        if kind not in _NODES:
            raise DataError(
                f"'{kind}' is no known kind of cell",
                expected=", ".join(_NODES),
                got=repr(kind),
                do=nearest(kind, _NODES) or "use meshio's name of it",
            )
        array = _array(f"the cells '{kind}'", nodes)
        if array.ndim != 2 or array.shape[1] != _NODES[kind] or array.dtype.kind not in "iu":
            raise DataError(
                f"The cells '{kind}' have the wrong shape",
                expected=f"whole numbers (cells, {_NODES[kind]})",
                got=f"{array.shape} of {array.dtype}",
                do="give the node numbers of one cell per row",
            )
        if array.size and not (array.min() >= 0 and array.max() < n):
            raise DataError(
                f"The cells '{kind}' name points that do not exist",
                expected=f"node numbers 0 to {n - 1}",
                got=f"{array.min()} to {array.max()}",
                do="count nodes from 0",
            )
        checked.append((kind, array.astype(np.int64)))
    return tuple(checked)


def _pad(vectors: np.ndarray) -> np.ndarray:
    """Vectors ``(n, k)`` with at least three components."""
    missing = max(0, 3 - vectors.shape[1])
    return np.pad(vectors, ((0, 0), (0, missing))) if missing else vectors


def _write_mesh(target: Path, data: _Data, step: int = 0) -> None:
    import meshio

    mesh = meshio.Mesh(_pad(data.points), data.drawn_cells(), point_data=data.at(step))
    mesh.write(target)


def _write_pvd(target: Path, data: _Data) -> None:
    """The list of times, and a .vtu for each in a folder of the same name."""
    assert data.times is not None  # checked by export_fields
    folder = target.with_suffix("")
    folder.mkdir(exist_ok=True)
    for old in folder.glob(f"{target.stem}_*.vtu"):
        old.unlink()  # of a longer series before
    lines = []
    for step, time in enumerate(data.times):
        name = f"{target.stem}_{step:05d}.vtu"
        _write_mesh(folder / name, data, step)
        file = quoteattr(f"{folder.name}/{name}")
        lines.append(f'    <DataSet timestep="{float(time)!r}" part="0" file={file}/>\n')
    target.write_text(
        '<?xml version="1.0"?>\n<VTKFile type="Collection" version="0.1">\n  <Collection>\n'
        + "".join(lines)
        + "  </Collection>\n</VTKFile>\n",
        encoding="utf-8",
    )


def _write_xdmf(target: Path, data: _Data) -> None:
    _spare_other_files(target)
    if data.times is None:
        _write_mesh(target, data)
        return
    with _series_writer(target) as writer:
        writer.write_points_cells(_pad(data.points), data.drawn_cells())
        for step, time in enumerate(data.times):
            writer.write_data(float(time), point_data=data.at(step))


def _spare_other_files(target: Path) -> None:
    """Refuse to replace an .h5 file that is not the companion of this .xdmf file."""
    numbers = target.with_suffix(".h5")
    if not numbers.exists():
        return
    with numbers.open("rb") as stream:
        ours = stream.read(len(MAGIC)) == MAGIC.encode()
    if ours or not target.exists():
        raise DataError(
            f"'{target.name}' would replace '{numbers.name}'",
            expected="a name whose .h5 file is free, because an .xdmf file keeps its numbers there",
            got="a solution or checkpoint"
            if ours
            else "an .h5 file that belongs to something else",
            do="choose another name",
        )


@contextlib.contextmanager
def _series_writer(target: Path) -> Iterator[Any]:
    """Meshio's writer, with the numbers beside the file: by itself it puts them into the cwd."""
    import h5py
    from meshio.xdmf import TimeSeriesWriter

    writer = TimeSeriesWriter(target)
    numbers = target.with_suffix(".h5")
    with h5py.File(numbers, "w") as file:
        writer.h5_filename, writer.h5_file = str(numbers), file
        yield writer
        writer.__exit__()


def _columns(data: _Data) -> dict[str, np.ndarray]:
    """Every field component by name, ``(m, n)``: the parts of a vector v are v_0, v_1."""
    found: dict[str, np.ndarray] = {}
    for name, values in data.fields.items():
        parts = {name: values}
        if values.ndim == 3:
            parts = {f"{name}_{k}": values[..., k] for k in range(values.shape[2])}
        for part, column in parts.items():
            if part in found:
                raise DataError(
                    f"Two columns would be named '{part}'",
                    expected="different names",
                    got=", ".join(data.fields),
                    do="rename one of the fields",
                )
            found[part] = column
    return found


def _write_csv(target: Path, data: _Data) -> None:
    columns = _columns(data)
    header = [*data.coordinates, *([] if data.times is None else ["t"]), *columns]
    with target.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        for step in range(1 if data.times is None else len(data.times)):
            table = [*data.points.T]
            if data.times is not None:
                table.append(np.full(len(data.points), data.times[step]))
            table += [column[step] for column in columns.values()]
            # tolist gives Python numbers, whose text is the shortest that reads back exactly
            writer.writerows(zip(*(column.tolist() for column in table), strict=True))


def _write_npz(target: Path, data: _Data) -> None:
    arrays = {name: data.points[:, k] for k, name in enumerate(data.coordinates)}
    if data.times is not None:
        arrays["t"] = data.times
    arrays |= {
        name: values[0] if data.times is None else values for name, values in data.fields.items()
    }
    arrays |= {f"cells_{k}_{kind}": nodes for k, (kind, nodes) in enumerate(data.cells)}
    np.savez_compressed(target, allow_pickle=False, **arrays)
