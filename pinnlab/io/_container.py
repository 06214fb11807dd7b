"""The file that checkpoints and solutions share: HDF5 behind a sealed first block.

HDF5 allows a *user block* before its own bytes, which every HDF5 reader skips. The first 512 bytes
of our files hold a few lines of text: what the file is, its schema, the length of the rest and the
SHA-256 of the rest. Therefore a file is known to be whole *before* the HDF5 library parses it (a
parser fed with damaged bytes may crash or allocate without end), and the message can tell a
truncated file from a damaged, a foreign or a newer one. ``h5dump`` and ``h5py`` open it as it is.

Writing is atomic: a temporary file in the same folder, flushed to the disk, verified, and only then
renamed over the target. A process killed at any moment leaves the old file or the new one.
"""

import contextlib
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pinnlab._version import __version__
from pinnlab.errors import CheckpointError

BLOCK = 512  # the smallest user block that HDF5 allows
MAGIC = "pinnlab-file"
TEMPORARY = ".tmp-"  # marks unfinished files, so that leftovers of a killed process can be found

# Formats that HDF5 stores as numbers; everything else is kept as bytes with its dtype beside it.
_NATIVE_KINDS = "biuf"


def write_container(
    path: str | os.PathLike[str], kind: str, schema: int, fill: Callable[[Any], None]
) -> Path:
    """Write an HDF5 file of ours atomically.

    Args:
        path: The file to write or replace.
        kind: What it is, for example ``"pinnlab-checkpoint"``; also the attribute ``format``.
        schema: Version of its layout.
        fill: Writes the content into the open ``h5py.File``.

    Returns:
        The path written.

    Raises:
        CheckpointError: If the file cannot be written or does not read back as written.
    """
    import h5py

    target = Path(path)
    temporary = target.with_name(f".{target.name}{TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(temporary, "w", userblock_size=BLOCK, track_order=True) as file:
            file.attrs["format"] = kind
            file.attrs["schema"] = schema
            file.attrs["pinnlab_version"] = __version__
            fill(file)
        _seal(temporary, kind, schema)
        check_container(temporary, kind, schema)
        os.replace(temporary, target)
        _sync_folder(target.parent)
    except (OSError, RuntimeError) as error:  # HDF5 reports a full disk as either
        raise CheckpointError(
            f"'{target}' cannot be written",
            expected="a writable folder with enough space",
            got=f"{type(error).__name__}: {error}",
            do="free some space, or choose another folder",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return target


@contextlib.contextmanager
def open_container(
    path: str | os.PathLike[str], kind: str, schema: int, *, verify: bool = True
) -> Iterator[Any]:
    """Verify a file of ours and open it for reading.

    Args:
        path: The file.
        kind: What it must be.
        schema: The newest layout that the caller understands.
        verify: Whether to compare the checksum; ``False`` opens a file changed by other tools.

    Yields:
        The open ``h5py.File``.

    Raises:
        CheckpointError: If the file is missing, foreign, newer, truncated or damaged, also when
            that shows only while the caller reads from it.
    """
    import h5py

    check_container(path, kind, schema, verify=verify)
    try:
        with h5py.File(path, "r") as file:
            yield file
    except CheckpointError:
        raise
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, MemoryError) as error:
        raise _damaged(path, f"{type(error).__name__}: {error}") from error


def check_container(
    path: str | os.PathLike[str], kind: str, schema: int, *, verify: bool = True
) -> None:
    """Raise a CheckpointError unless the file is whole and of this kind; see `open_container`."""
    file = Path(path)
    if not file.is_file():
        raise CheckpointError(
            f"There is no file '{file}'",
            expected=f"a {kind} file",
            got="a folder" if file.is_dir() else "nothing",
            do="check the path; a run folder keeps its files under 'checkpoints'",
        )
    try:
        with file.open("rb") as stream:
            head = _read_block(file, stream.read(BLOCK), kind, schema)
            if not verify:
                return
            size = file.stat().st_size
            if size < head["bytes"]:
                raise CheckpointError(
                    f"'{file}' is truncated",
                    expected=f"{head['bytes']} bytes",
                    got=f"{size} bytes",
                    do="use an earlier copy; a full disk or a broken transfer cuts files short",
                )
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            if size > head["bytes"] or digest != head["sha256"]:
                raise _damaged(file, "a checksum that does not fit the content")
    except OSError as error:
        raise _damaged(file, f"{type(error).__name__}: {error}") from error


def _read_block(file: Path, block: bytes, kind: str, schema: int) -> dict[str, Any]:
    """Parse the first block: ``{kind, schema, bytes, sha256}``."""
    if not block.startswith(MAGIC.encode()):
        short = "an empty file" if not block else f"a file that starts with {block[:8]!r}"
        raise CheckpointError(
            f"'{file}' was not written by pinnlab",
            expected=f"a {kind} file",
            got=short,
            do="check the path; files of other programs are read as reference data instead",
        )
    try:
        text = block.rstrip(b"\0").decode("ascii")
        entries = dict(line.split(" ", 1) for line in text.splitlines())
        found, newest = entries[MAGIC], int(entries["schema"])
        head = {"bytes": int(entries["bytes"]), "sha256": entries["sha256"]}
        whole = block == _block(found, newest, head["bytes"], head["sha256"])
    except (UnicodeDecodeError, KeyError, ValueError) as error:
        raise _damaged(file, "an unreadable first block") from error
    if not whole:
        raise _damaged(file, "an unreadable first block")
    if found != kind:
        raise CheckpointError(
            f"'{file}' is another kind of file",
            expected=kind,
            got=found,
            do="give the path of the right file",
        )
    if newest > schema:
        raise CheckpointError(
            f"'{file}' was written by a newer pinnlab",
            expected=f"schema {schema} or older (this is pinnlab {__version__})",
            got=f"schema {newest}",
            do="pip install --upgrade pinnlab",
        )
    return head


def _block(kind: str, schema: int, size: int, digest: str) -> bytes:
    text = f"{MAGIC} {kind}\nschema {schema}\nbytes {size}\nsha256 {digest}\n"
    return text.encode("ascii").ljust(BLOCK, b"\0")


def _seal(path: Path, kind: str, schema: int) -> None:
    """Write the first block and force the file to the disk."""
    with path.open("r+b") as stream:
        stream.seek(BLOCK)
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        stream.seek(0)
        stream.write(_block(kind, schema, path.stat().st_size, digest))
        stream.flush()
        os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    """Force the rename itself to the disk, where the system lets a folder be opened."""
    with contextlib.suppress(OSError):  # Windows cannot open folders
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _damaged(path: str | os.PathLike[str], got: str) -> CheckpointError:
    return CheckpointError(
        f"'{path}' is damaged",
        expected="the bytes that were written",
        got=got,
        do="use an earlier copy, or write the file again",
    )


# ---------------------------------------------------------------------------------------------
# arrays and tensors as datasets
# ---------------------------------------------------------------------------------------------


def write_array(group: Any, name: str, value: np.ndarray | torch.Tensor) -> None:
    """Store an array or tensor as a dataset that knows its own dtype and shape.

    Numbers that HDF5 knows are stored as numbers, so that other tools can read them; the rest
    (bfloat16, text arrays, dates) as bytes. Tensors come back on the CPU.

    Args:
        group: An open ``h5py`` group.
        name: Name of the dataset.
        value: The array, of any numeric, boolean, text or date dtype, or a dense tensor.

    Raises:
        CheckpointError: If the dtype or layout cannot be stored.
    """
    if isinstance(value, torch.Tensor):
        tensor = _plain_tensor(name, value)
        kind, dtype = "tensor", str(tensor.dtype).removeprefix("torch.")
        try:
            array = tensor.numpy() if tensor.numel() else np.zeros(0, np.uint8)
        except TypeError:  # bfloat16, float8 …: NumPy has no such type
            array = tensor.reshape(-1).view(torch.uint8).numpy()
        shape = tuple(tensor.shape)
    else:
        kind, array = "array", np.asarray(value)
        dtype, shape = array.dtype.str, array.shape
        if array.dtype.hasobject or array.dtype.names is not None:
            raise CheckpointError(
                f"'{name}' holds values that no file keeps without pickle",
                expected="an array of numbers, booleans, texts or dates",
                got=f"an array of dtype {array.dtype}",
                do="turn it into arrays of plain numbers, or a list",
            )
    if not _is_native(array.dtype):
        array = np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)
    dataset = group.create_dataset(name, data=array)
    dataset.attrs["kind"], dataset.attrs["dtype"] = kind, dtype
    dataset.attrs["shape"] = np.asarray(shape, np.int64)


def read_array(dataset: Any) -> np.ndarray | torch.Tensor:
    """Read what `write_array` stored; a dataset without its attributes is a plain array."""
    array = np.asarray(dataset[()])
    if "kind" not in dataset.attrs:
        return array
    shape = tuple(int(size) for size in dataset.attrs["shape"])
    name = str(dataset.attrs["dtype"])
    if dataset.attrs["kind"] == "array":
        dtype = np.dtype(name)
        if not _is_native(dtype):
            # An empty text has items of no bytes, which frombuffer refuses.
            empty = dtype.itemsize == 0
            array = (
                np.zeros(shape, dtype) if empty else np.frombuffer(array.tobytes(), dtype).copy()
            )
        return array.astype(dtype, copy=False).reshape(shape)
    dtype = getattr(torch, name)
    if not array.size:
        return torch.empty(shape, dtype=dtype)
    tensor = torch.from_numpy(np.array(array, order="C", ndmin=1))
    return tensor.reshape(-1).view(dtype).reshape(shape)


def _plain_tensor(name: str, value: torch.Tensor) -> torch.Tensor:
    """A dense, contiguous copy on the CPU without lazy conjugation or a graph."""
    if value.layout is not torch.strided or value.is_quantized or value.is_meta:
        raise CheckpointError(
            f"'{name}' is not a dense tensor with values",
            expected="a dense tensor",
            got=f"layout {value.layout}, device {value.device}, dtype {value.dtype}",
            do="store its dense form, or its indices and values",
        )
    return value.detach().cpu().resolve_conj().resolve_neg().contiguous()


def _is_native(dtype: np.dtype) -> bool:
    """Whether HDF5 keeps the dtype as numbers; complex is a pair of them, by h5py's convention."""
    if dtype.kind == "c":
        return dtype.itemsize in (8, 16)
    return dtype.kind in _NATIVE_KINDS and dtype.itemsize <= 8
