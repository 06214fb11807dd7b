"""Named arrays out of the files that people have: npz, npy, mat, HDF5, csv, text, COMSOL.

`load_table` opens any of them as one thing, a `Table`: a read-only mapping from names to NumPy
arrays, read when they are asked for. Pickled content is never loaded.

What to read is written as a *selector*:

=====================  ========================================================================
``"usol"``             an array or column by name; case matters only where two names differ by it
``2``                  a column by number, from 0: of a text file, or of the only 2-D array
``"X_test[:, 0]"``     a part of an array, by numbers, ``:`` and ranges
``"real(uu)"``         ``real``, ``imag``, ``abs`` or ``angle`` of a complex array
``"1:12"``             columns 1 to 11 of a text file, as one array ``(rows, 11)``
``["u0", "u1"]``       several columns, as one array
=====================  ========================================================================
"""

import os
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pinnlab.errors import DataError, nearest
from pinnlab.io._text import TextColumns, TextOptions, base_name, read_text, wide_groups

_FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "real": np.real,
    "imag": np.imag,
    "abs": np.abs,
    "angle": np.angle,
}
_CALL = re.compile(r"\s*(real|imag|abs|angle)\s*\((.*)\)\s*")
_PART = re.compile(r"(.*?)\s*\[([-\d:,\s]*)\]\s*")
_HDF5 = b"\x89HDF\r\n\x1a\n"
_FORMATS = "npz, npy, mat, h5, hdf5, csv, tsv, txt, dat"


class Table(Mapping[str, np.ndarray]):
    """Named arrays of one file, read on demand.

    Args:
        source: Where they come from, for messages.
        loaders: A function for each name that returns its array.
        text: The columns behind a text file, for access by number and line.

    Example:
        >>> table = Table("here", {"x": lambda: np.zeros((4, 2))})
        >>> table.read("x[:, 1]").shape
        (4,)
    """

    def __init__(
        self,
        source: str | os.PathLike[str],
        loaders: Mapping[str, Callable[[], np.ndarray]],
        text: TextColumns | None = None,
    ) -> None:
        self.source = str(source)
        self._loaders, self._text = dict(loaders), text

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._loaders:
            raise KeyError(name)
        return self._loaders[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaders)

    def __len__(self) -> int:
        return len(self._loaders)

    def read(self, selector: Any) -> np.ndarray:
        """The array that a selector means, as float64; see the module for what selectors are.

        Raises:
            DataError: If there is no such array or column, or it does not hold real numbers.
        """
        return self._numeric(selector, self._select(selector))

    def line(self, row: int) -> str:
        """What to call a row in a message: its line number in a text file, else its index."""
        if self._text is not None and row < len(self._text.lines):
            return f"line {self._text.lines[row]}"
        return f"row {row}"

    def describe(self) -> str:
        """What there is, for messages: ``x (256,), usol (256, 100)``."""
        parts = []
        for name in self:
            try:
                parts.append(f"{name} {self[name].shape}")
            except DataError:
                parts.append(f"{name} (not numeric)")
        if self._text is not None:
            parts.append(f"columns 0 to {self._text.count - 1}")
        return ", ".join(parts) or "nothing"

    def _select(self, selector: Any) -> np.ndarray:
        if isinstance(selector, (int, np.integer)) and not isinstance(selector, bool):
            return self._column(int(selector))
        if isinstance(selector, (list, tuple)) and selector:
            return np.stack([self._select(part) for part in selector], axis=-1)
        if not isinstance(selector, str):
            raise DataError(
                f"{selector!r} does not select anything of '{self.source}'",
                expected="a name, a column number, or a list of them",
                got=f"a {type(selector).__name__}",
                do=f"choose from: {self.describe()}",
            )
        name = self._find(selector)
        if name is not None:
            return self[name]
        if call := _CALL.fullmatch(selector):
            return _FUNCTIONS[call[1]](self._select(call[2]))
        if re.fullmatch(r"\s*\d+\s*", selector):
            return self._column(int(selector))
        if self._text is not None and re.fullmatch(r"\s*\d*\s*:\s*\d*\s*", selector):
            return self._select(np.arange(self._text.count)[_index(selector)].tolist())
        if part := _PART.fullmatch(selector):
            return self._part(selector, self._select(part[1]), part[2])
        raise DataError(
            f"There is no '{selector}' in '{self.source}'",
            expected=f"one of: {self.describe()}",
            got=repr(selector),
            do=nearest(selector, self) or "choose one of those names",
        )

    def _find(self, selector: str) -> str | None:
        """The name meant: exactly, or in the only other case there is."""
        if selector in self._loaders:
            return selector
        alike = [name for name in self._loaders if name.lower() == selector.lower().strip()]
        return alike[0] if len(alike) == 1 else None

    def _column(self, number: int) -> np.ndarray:
        if self._text is not None:
            count, column = self._text.count, self._text.column
        else:
            tables = [name for name in self if self[name].ndim == 2]
            if len(tables) != 1:
                raise DataError(
                    f"Column {number} of '{self.source}' is not unique",
                    expected="a file with one table of two axes",
                    got=self.describe(),
                    do=f'name the array, for example "{next(iter(self), "a")}[:, {number}]"',
                )
            array = self[tables[0]]
            count, column = array.shape[1], lambda k: array[:, k]
        if not 0 <= number < count:
            raise DataError(
                f"There is no column {number} in '{self.source}'",
                expected=f"0 to {count - 1}; columns count from 0",
                got=number,
                do=f"choose from: {self.describe()}",
            )
        return column(number)

    def _part(self, selector: str, array: np.ndarray, index: str) -> np.ndarray:
        try:
            return array[_index(index)]
        except (IndexError, ValueError) as error:
            raise DataError(
                f"'{selector}' cannot be taken from '{self.source}'",
                expected=f"an index into the shape {array.shape}",
                got=f"[{index}]: {error}",
                do="use numbers within the shape, ':' for a whole axis, 'a:b' for a range",
            ) from error

    def _numeric(self, selector: Any, array: np.ndarray) -> np.ndarray:
        if array.dtype.kind in "biuf":
            return np.asarray(array, np.float64)
        if array.dtype.kind == "c":
            raise DataError(
                f"'{selector}' of '{self.source}' is complex",
                expected="real numbers",
                got=f"dtype {array.dtype}",
                do=f'choose a real part of it: "real({selector})", "imag({selector})" '
                f'or "abs({selector})"',
            )
        raise DataError(
            f"'{selector}' of '{self.source}' does not hold numbers",
            expected="an array of numbers",
            got=f"dtype {array.dtype}",
            do=f"choose from: {self.describe()}",
        )


def load_table(
    path: str | os.PathLike[str],
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    decimal: str = ".",
    header: bool | None = None,
) -> Table:
    """Open a file of numbers as named arrays.

    The format is found from the content, not from the ending alone.

    Args:
        path: A file of npz, npy (its array is called ``data``), mat (also v7.3), HDF5 (datasets by
            their path), or text.
        encoding: Of a text file; UTF-8 if not given.
        delimiter: Between the columns of a text file; found if not given.
        decimal: Decimal mark of a text file.
        header: Whether the first row of a text file holds names; found if not given.

    Returns:
        The table.

    Raises:
        DataError: If the file is missing, empty, damaged, of another format, or only readable by
            running code that it holds (pickle).
    """
    file = Path(path)
    _require(file)
    with file.open("rb") as stream:
        head = stream.read(4096)
    suffix = file.suffix.lower()
    if head.startswith(b"\x93NUMPY"):
        return _npy(file)
    if head.startswith(b"PK") and suffix in (".npz", ""):
        return _npz(file)
    if any(head[at:].startswith(_HDF5) for at in (0, 512, 1024, 2048)):
        return _hdf5(file, matlab=head.startswith(b"MATLAB 7.3"))
    if head.startswith(b"MATLAB 5.0") or suffix == ".mat":
        return _mat(file)
    if suffix in (".npz", ".npy", ".h5", ".hdf5"):
        raise DataError(
            f"'{file}' is not a {suffix} file",
            expected=f"a file that starts as {suffix} files do",
            got=f"the bytes {head[:8]!r}" if head else "an empty file",
            do="copy or download it again; a page or pointer may have been saved in its place",
        )
    if head.startswith((b"PK", b"\x80")) or suffix in (".pkl", ".pickle", ".pt", ".pth"):
        raise DataError(
            f"'{file}' is of a format that is not read",
            expected=_FORMATS,
            got=f"'{suffix}' (archives and pickles may hold code)",
            do="save its arrays with numpy.savez",
        )
    text = read_text(file, TextOptions(encoding, delimiter, decimal, header))
    return _text_table(file, text)


def table_of(source: Any) -> Table:
    """A table of arrays that are already in memory: a mapping of them, or one array."""
    arrays = source if isinstance(source, Mapping) else {"data": source}
    plain = {
        str(name): value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value
        for name, value in arrays.items()
    }
    return Table("the given arrays", {name: _constant(value) for name, value in plain.items()})


def _constant(value: Any) -> Callable[[], np.ndarray]:
    return lambda: np.asarray(value)


def _require(file: Path) -> None:
    if file.is_file():
        return
    folder = file.parent
    if not folder.is_dir():
        do = f"the folder '{folder}' is not there either; paths count from the working folder"
    else:
        names = sorted(entry.name for entry in folder.iterdir() if entry.is_file())
        listed = ", ".join(names[:8]) + (" …" if len(names) > 8 else "")
        do = nearest(file.name, names) or f"that folder has: {listed or 'no files'}"
    raise DataError(
        f"There is no file '{file}'",
        expected="an existing file",
        got="a folder" if file.is_dir() else "nothing at that path",
        do=do,
    )


def _unreadable(file: Path, error: Exception) -> DataError:
    if "allow_pickle" in str(error) or "pickle" in str(error).lower():
        return DataError(
            f"'{file}' holds pickled objects, which may run code when they are loaded",
            expected="arrays of numbers",
            got="an array of Python objects",
            do="write it again with plain numeric arrays (rows of equal length)",
        )
    return DataError(
        f"'{file}' cannot be read",
        expected=f"a whole file of {_FORMATS}",
        got=f"{type(error).__name__}: {error}",
        do="copy or download it again",
    )


def _npy(file: Path) -> Table:
    try:
        with file.open("rb") as stream:
            array = np.load(stream, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise _unreadable(file, error) from error
    return Table(file, {"data": lambda: array})


def _npz(file: Path) -> Table:
    def loader(name: str) -> Callable[[], np.ndarray]:
        def load() -> np.ndarray:
            try:
                with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
                    array = archive[name]
                    if not isinstance(array, np.ndarray):  # a member that is no npy file
                        raise ValueError(f"'{name}' is not an array")
                    return array
            except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
                raise _unreadable(file, error) from error

        return load

    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            names = list(archive.files)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise _unreadable(file, error) from error
    return Table(file, {name: loader(name) for name in names})


def _mat(file: Path) -> Table:
    from scipy.io import loadmat
    from scipy.sparse import issparse

    try:
        content = loadmat(file, spmatrix=True)
    except Exception as error:  # scipy raises many kinds on damaged files
        raise _unreadable(file, error) from error
    arrays = {
        name: value.toarray() if issparse(value) else np.asarray(value)
        for name, value in content.items()
        if not name.startswith("__")
    }
    return Table(file, {name: _constant(array) for name, array in arrays.items()})


def _hdf5(file: Path, *, matlab: bool) -> Table:
    import h5py

    def loader(name: str) -> Callable[[], np.ndarray]:
        def load() -> np.ndarray:
            try:
                with h5py.File(file, "r") as content:
                    array = np.asarray(content[name])  # pyright: ignore[reportArgumentType]
            except (OSError, KeyError, RuntimeError, TypeError) as error:
                raise _unreadable(file, error) from error
            if array.dtype.names == ("real", "imag"):  # MATLAB's complex numbers
                array = array["real"] + 1j * array["imag"]
            return array.T if matlab else array  # MATLAB writes columns first

        return load

    names: list[str] = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and not name.startswith("#"):
            names.append(name)

    try:
        with h5py.File(file, "r") as content:
            content.visititems(visit)
    except (OSError, RuntimeError) as error:
        raise _unreadable(file, error) from error
    return Table(file, {name: loader(name) for name in names})


def _text_table(file: Path, text: TextColumns) -> Table:
    loaders: dict[str, Callable[[], np.ndarray]] = {}

    def column(index: int) -> Callable[[], np.ndarray]:
        return lambda: text.column(index)

    groups = wide_groups(text.labels)
    parameters: dict[str, np.ndarray] = {}
    for base, (parameter, values, columns) in groups.items():
        loaders[base] = lambda c=columns: np.stack([text.column(k) for k in c], axis=1)
        known = parameters.setdefault(parameter, values)
        if not np.array_equal(known, values):
            raise DataError(
                f"The columns of '{file}' do not agree on '{parameter}'",
                expected="every quantity at the same values",
                got=f"'{base}' at {len(values)} other values than the quantities before it",
                do="export the quantities with the same times, or into separate files",
            )
    grouped = {k for _, _, columns in groups.values() for k in columns}
    bases = [base_name(label) for label in text.labels]
    for index, label in enumerate(text.labels):
        unique = bases.count(bases[index]) == 1
        loaders[bases[index] if unique and index not in grouped else label] = column(index)
    for parameter, values in parameters.items():
        loaders.setdefault(parameter, _constant(values))
    if grouped:  # the single columns of a wide table can be had by number
        loaders = {k: v for k, v in loaders.items() if k not in {text.labels[i] for i in grouped}}
    return Table(file, loaders, text)


def _index(text: str) -> tuple[int | slice, ...]:
    parts = []
    for part in text.split(","):
        bounds = [int(bound) if bound.strip() else None for bound in part.split(":")]
        if len(bounds) == 1 and bounds[0] is None:
            raise ValueError("an index is missing")
        parts.append(bounds[0] if len(bounds) == 1 else slice(*bounds))
    return tuple(parts)
