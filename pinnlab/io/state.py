"""Checkpoints: any nested state, in one HDF5 file, without pickle.

A *state* is what optimisers, samplers and trainers already hand out: nested dictionaries, lists and
tuples of tensors, NumPy arrays, numbers, texts, booleans, bytes and None. The file keeps its shape
as a JSON text (``structure``) that refers to the arrays (``arrays/0``, ``arrays/1`` …). Nothing in
it can run code when it is loaded, and nothing is guessed: a tuple comes back a tuple, a 128-bit
integer of a random state comes back an integer, bfloat16 comes back bfloat16.

`CheckpointFolder` keeps the last few of them, for a run that may be killed at any moment.

Example:
    >>> import tempfile, torch
    >>> folder = CheckpointFolder(tempfile.mkdtemp())
    >>> _ = folder.save(10, {"weights": torch.ones(2), "shape": (2, 3)})
    >>> folder.latest()
    (10, {'weights': tensor([1., 1.]), 'shape': (2, 3)})
"""

import base64
import contextlib
import json
import os
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pinnlab.errors import CheckpointError
from pinnlab.io._container import (
    TEMPORARY,
    open_container,
    read_array,
    write_array,
    write_container,
)

FORMAT = "pinnlab-checkpoint"
SCHEMA = 1
_LITERAL_INT = 1 << 53  # larger ones go as hexadecimal text: JSON readers elsewhere round them


def save_state(path: str | os.PathLike[str], state: Any) -> Path:
    """Write a nested state to one file, atomically and with a checksum.

    Args:
        path: The file to write or replace.
        state: Nested dict, list and tuple of tensors, NumPy arrays and scalars, int of any size,
            float, complex, str, bool, None and bytes. Keys of a dict may be any of the scalars or
            tuples of them. Subclasses come back as their plain base; tensors on the CPU.

    Returns:
        The path written.

    Raises:
        CheckpointError: If the state holds something else (its place is named), refers to itself,
            or if the file cannot be written.
    """
    arrays: list[np.ndarray | torch.Tensor] = []
    try:
        structure = json.dumps(_encode(state, "state", arrays, ()), allow_nan=False)
    except RecursionError as error:
        raise CheckpointError(
            "The state is nested too deeply to be saved",
            expected="a few hundred levels at most",
            got="more than the interpreter can follow",
            do="flatten it",
        ) from error

    def fill(file: Any) -> None:
        file.create_dataset("structure", data=np.frombuffer(structure.encode("ascii"), np.uint8))
        group = file.create_group("arrays", track_order=True)
        for number, array in enumerate(arrays):
            write_array(group, str(number), array)

    return write_container(path, FORMAT, SCHEMA, fill)


def load_state(path: str | os.PathLike[str]) -> Any:
    """Read what `save_state` wrote, after verifying its checksum.

    Args:
        path: The file.

    Returns:
        The state, equal in values and types; tensors on the CPU.

    Raises:
        CheckpointError: If the file is missing, foreign, newer, truncated or damaged.
    """
    with open_container(path, FORMAT, SCHEMA) as file:
        structure = json.loads(np.asarray(file["structure"][()]).tobytes().decode("ascii"))
        group = file["arrays"]
        return _decode(structure, lambda number: read_array(group[str(number)]))


# ---------------------------------------------------------------------------------------------
# structure <-> JSON: literals stand for themselves, all else is {"kind": ...}
# ---------------------------------------------------------------------------------------------


def _encode(value: Any, where: str, arrays: list, parents: tuple[int, ...]) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (torch.Tensor, np.ndarray, np.generic)):
        return _encode_array(value, where, arrays)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        number = int(value)
        return number if abs(number) < _LITERAL_INT else {"int": hex(number)}
    if isinstance(value, float):
        number = float(value)
        return number if np.isfinite(number) else {"float": repr(number)}
    if isinstance(value, complex):
        return {"complex": [repr(value.real), repr(value.imag)]}
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": base64.b64encode(bytes(value)).decode("ascii")}
    if id(value) in parents:
        raise CheckpointError(
            f"{where} refers to itself",
            expected="a tree of values",
            got="a cycle",
            do="store each value once, below one parent",
        )
    parents = (*parents, id(value))
    if isinstance(value, dict):
        return {
            "dict": [
                [
                    _encode(key, f"a key of {where}", arrays, parents),
                    _encode(item, f"{where}[{key!r}]", arrays, parents),
                ]
                for key, item in value.items()
            ]
        }
    if isinstance(value, (list, tuple)):
        kind = "list" if isinstance(value, list) else "tuple"
        return {
            kind: [_encode(item, f"{where}[{k}]", arrays, parents) for k, item in enumerate(value)]
        }
    raise CheckpointError(
        f"{where} cannot be saved",
        expected="tensors, arrays, numbers, texts, bytes, booleans, None; in dict, list, tuple",
        got=f"a {type(value).__module__}.{type(value).__qualname__}",
        do="store its state_dict() or its plain values instead",
    )


def _encode_array(value: Any, where: str, arrays: list) -> dict[str, int]:
    # np.float64 is a float and np.str_ a str to isinstance; here they stay what they are.
    kind = "scalar" if isinstance(value, np.generic) else "array"
    array = np.asarray(value) if kind == "scalar" else value
    if isinstance(array, np.ndarray) and (array.dtype.hasobject or array.dtype.names is not None):
        raise CheckpointError(
            f"{where} holds values that no file keeps without pickle",
            expected="an array of numbers, booleans, texts or dates",
            got=f"an array of dtype {array.dtype}",
            do="turn it into arrays of plain numbers, or a list",
        )
    arrays.append(array)
    return {kind: len(arrays) - 1}


def _decode(node: Any, array: Any) -> Any:
    if not isinstance(node, dict):
        return node
    ((kind, content),) = node.items()
    match kind:
        case "dict":
            return {_decode(key, array): _decode(item, array) for key, item in content}
        case "list":
            return [_decode(item, array) for item in content]
        case "tuple":
            return tuple(_decode(item, array) for item in content)
        case "array":
            return array(content)
        case "scalar":
            return array(content)[()]
        case "int":
            return int(content, 16)
        case "float":
            return float(content)
        case "complex":
            return complex(float(content[0]), float(content[1]))
        case "bytes":
            return base64.b64decode(content)
    raise ValueError(f"unknown kind of value '{kind}'")


# ---------------------------------------------------------------------------------------------
# a folder of checkpoints
# ---------------------------------------------------------------------------------------------

_NAME = re.compile(r"checkpoint-(\d+)-step-(\d+)\.h5")


class CheckpointFolder:
    """The last few checkpoints of one run.

    Files are numbered in the order in which they were saved, so that the latest is the one saved
    last, also when a run was taken up again from an earlier step. A new file is verified before it
    takes its name, and only then are old ones removed. A folder belongs to one running process.

    Args:
        path: The folder; made when the first checkpoint is saved.
        keep: How many numbered checkpoints stay, at least 1.

    Raises:
        CheckpointError: If ``keep`` is below 1.
    """

    def __init__(self, path: str | os.PathLike[str], keep: int = 2) -> None:
        if keep < 1:
            raise CheckpointError(
                "A checkpoint folder must keep something",
                expected="keep of 1 or more",
                got=f"keep={keep}",
                do="use keep=2, so that one good file remains if the newest is damaged",
            )
        self.path, self.keep = Path(path), keep

    def files(self) -> list[Path]:
        """The numbered checkpoints, the oldest first."""
        return [file for _, _, file in self._numbered()]

    def save(self, step: int, state: Any) -> Path:
        """Write the next checkpoint, verify it, then remove those beyond ``keep``.

        Args:
            step: The step that the state belongs to, 0 or more.
            state: Anything that `save_state` takes.

        Returns:
            The file written.

        Raises:
            CheckpointError: As `save_state`, or if ``step`` is negative.
        """
        if step < 0:
            raise CheckpointError(
                "A checkpoint cannot be numbered",
                expected="a step of 0 or more",
                got=f"step {step}",
                do="count steps from 0",
            )
        self._remove_leftovers()
        numbered = self._numbered()
        number = numbered[-1][0] + 1 if numbered else 1
        new = self.path / f"checkpoint-{number:06d}-step-{step}.h5"
        save_state(new, {"step": step, "state": state})
        for old in self.files()[: -self.keep]:
            old.unlink(missing_ok=True)
        return new

    def latest(self) -> tuple[int, Any] | None:
        """The newest checkpoint that is whole; a damaged one is passed over with a warning.

        Returns:
            The step and the state, or None if nothing was ever saved here.

        Raises:
            CheckpointError: If there are checkpoints but none is whole.
        """
        failures = []
        for file in reversed(self.files()):
            try:
                found = load_state(file)
                return found["step"], found["state"]
            except CheckpointError as error:
                failures.append(error)
                warnings.warn(
                    f"checkpoint '{file.name}' is passed over: {error.what}; "
                    "the one before it is used instead",
                    stacklevel=2,
                )
        if not failures:
            return None
        raise CheckpointError(
            f"No checkpoint in '{self.path}' is whole",
            expected="at least one undamaged file",
            got="; ".join(error.what for error in failures),
            do="start the run again, or copy a good checkpoint into the folder",
        ) from failures[-1]

    def _numbered(self) -> list[tuple[int, int, Path]]:
        if not self.path.is_dir():
            return []
        matches = ((_NAME.fullmatch(file.name), file) for file in self.path.iterdir())
        return sorted((int(m[1]), int(m[2]), file) for m, file in matches if m)

    def _remove_leftovers(self) -> None:
        """Remove unfinished files that a killed process left behind."""
        if self.path.is_dir():
            for file in self.path.glob(f".*{TEMPORARY}*"):
                with contextlib.suppress(OSError):
                    file.unlink()
