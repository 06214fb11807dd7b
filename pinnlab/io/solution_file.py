"""A solved problem in one HDF5 file that explains itself.

=======================  =====================================================================
``/problem``             the declaration, as JSON text
``/config``              the resolved configuration of the run, as YAML text
``/metrics``             errors and times, as JSON text
``/weights/NAME``        the parameters of the surrogate
``/unknowns/NAME``       recovered coefficients, with whatever was recorded beside them
``/history/NAME``        one series of numbers a quantity
``/fields/coordinates``  optional: points where the fields were sampled
``/fields/values``       optional: the sampled fields
``/extra``               optional: anything else, as JSON text
=======================  =====================================================================

The root carries ``format``, ``schema``, ``pinnlab_version`` and ``created`` (UTC). It is plain
HDF5 after a sealed first block, so ``h5dump``, ``h5py`` or MATLAB open it; there is no pickle in
it. Numbers HDF5 does not know (bfloat16) are kept as bytes with their ``dtype`` beside them.
"""

import datetime
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pinnlab._version import __version__
from pinnlab.errors import CheckpointError
from pinnlab.io._container import open_container, read_array, write_array, write_container
from pinnlab.io._json import from_json, to_json

FORMAT = "pinnlab-solution"
SCHEMA = 1


@dataclass(frozen=True, eq=False)
class SolutionRecord:
    """Everything that a solution file holds, as plain data.

    Args:
        problem: The declaration; anything that JSON can hold.
        config: The resolved configuration, YAML text.
        weights: Parameters of the surrogate by name, tensors or arrays.
        unknowns: Recovered coefficients: numbers, arrays, or mappings of them.
        metrics: Errors, times and status; anything that JSON can hold.
        history: Series of numbers by name, each ``(k,)``.
        coordinates: Points where ``fields`` were sampled, each ``(n,)``.
        fields: Sampled values by name, arrays.
        extra: Anything else that JSON can hold.
        created: When, UTC in ISO 8601; now if not given.
        pinnlab_version: Which version wrote it.
    """

    problem: Mapping[str, Any] = field(default_factory=dict)
    config: str = ""
    weights: Mapping[str, torch.Tensor | np.ndarray] = field(default_factory=dict)
    unknowns: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    history: Mapping[str, Any] = field(default_factory=dict)
    coordinates: Mapping[str, np.ndarray] = field(default_factory=dict)
    fields: Mapping[str, np.ndarray] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    created: str = field(
        default_factory=lambda: datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    )
    pinnlab_version: str = __version__


def write_solution(
    path: str | os.PathLike[str], record: SolutionRecord, *, overwrite: bool = False
) -> Path:
    """Write a solution file, atomically and with a checksum.

    Args:
        path: The file.
        record: What to write.
        overwrite: Whether an existing file may be replaced.

    Returns:
        The path written.

    Raises:
        CheckpointError: If the file exists, cannot be written, or the record holds something that
            cannot be stored (its place is named).
    """
    target = Path(path)
    if target.exists() and not overwrite:
        raise CheckpointError(
            f"'{target}' exists already",
            expected="a new file",
            got="an existing one",
            do="choose another name, or give overwrite=True",
        )
    texts = {
        name: _json(name, getattr(record, name)) for name in ("problem", "metrics", "extra")
    } | {"config": record.config}

    def fill(file: Any) -> None:
        file.attrs["created"] = record.created
        for name, text in texts.items():
            file[name] = text
        for name in ("weights", "unknowns", "history"):
            _write_tree(file, name, getattr(record, name), name)
        if record.coordinates or record.fields:
            sampled = {"coordinates": record.coordinates, "values": record.fields}
            _write_tree(file, "fields", sampled, "fields")

    return write_container(target, FORMAT, SCHEMA, fill)


def read_solution(path: str | os.PathLike[str], *, verify: bool = True) -> SolutionRecord:
    """Read a solution file.

    Args:
        path: The file.
        verify: Whether to compare the checksum; ``False`` for a file that another program changed.

    Returns:
        The record; tensors on the CPU.

    Raises:
        CheckpointError: If the file is missing, foreign, newer, truncated or damaged.
    """
    with open_container(path, FORMAT, SCHEMA, verify=verify) as file:
        sampled = _read_tree(file["fields"]) if "fields" in file else {}
        return SolutionRecord(
            problem=from_json(file["problem"].asstr()[()]),
            config=file["config"].asstr()[()],
            weights=_read_tree(file["weights"]),
            unknowns=_read_tree(file["unknowns"]),
            metrics=from_json(file["metrics"].asstr()[()]),
            history=_read_tree(file["history"]),
            coordinates=sampled.get("coordinates", {}),
            fields=sampled.get("values", {}),
            extra=from_json(file["extra"].asstr()[()]),
            created=str(file.attrs["created"]),
            pinnlab_version=str(file.attrs["pinnlab_version"]),
        )


def _json(name: str, value: Any) -> str:
    try:
        return to_json(value)
    except TypeError as error:
        raise CheckpointError(
            f"`{name}` of a solution cannot be stored",
            expected="mappings with text keys, lists, numbers, texts, booleans and None",
            got=error,
            do="describe it by plain values",
        ) from error


# ---------------------------------------------------------------------------------------------
# mappings <-> groups; '/' would start a new group, so names are quoted
# ---------------------------------------------------------------------------------------------


def _write_tree(group: Any, name: str, value: Any, where: str) -> None:
    if isinstance(value, Mapping):
        inner = group.create_group(_quote(name), track_order=True)
        for key, item in value.items():
            _write_tree(inner, str(key), item, f"{where}['{key}']")
        return
    stored = value.item() if isinstance(value, np.generic) else value
    if isinstance(stored, str):
        group[_quote(name)] = stored
        return
    plain = isinstance(stored, (bool, int, float))
    if plain or isinstance(stored, (list, tuple)):
        stored = _array(stored)
    if not isinstance(stored, (np.ndarray, torch.Tensor)) or (
        isinstance(stored, np.ndarray) and stored.dtype.hasobject
    ):
        raise CheckpointError(
            f"{where} of a solution cannot be stored",
            expected="a number, a text, an array or tensor, or a mapping of them",
            got=f"a {type(value).__name__}: {value!r:.60}",
            do="convert it to one of these",
        )
    if plain:
        group[_quote(name)] = stored  # without attributes: it is read back as a number
    else:
        write_array(group, _quote(name), stored)


def _array(value: Any) -> np.ndarray:
    try:
        return np.asarray(value)
    except ValueError:  # rows of different length
        return np.asarray(None)


def _read_tree(node: Any) -> Any:
    import h5py

    if isinstance(node, h5py.Group):
        return {_unquote(str(name)): _read_tree(node[name]) for name in node}
    if h5py.check_string_dtype(node.dtype) is not None and node.shape == ():
        return node.asstr()[()]
    if "kind" not in node.attrs and node.shape == ():
        return node[()].item()
    return read_array(node)


_QUOTES: tuple[tuple[str, str], ...] = (("%", "%25"), ("/", "%2F"))


def _quote(name: str) -> str:
    for plain, quoted in _QUOTES:
        name = name.replace(plain, quoted)
    # "." is the group itself to HDF5, and "" has no name at all.
    return {".": "%2E", "": "%"}.get(name, name)


def _unquote(name: str) -> str:
    if name in ("%", "%2E"):
        return "." if name == "%2E" else ""
    for plain, quoted in reversed(_QUOTES):
        name = name.replace(quoted, plain)
    return name
