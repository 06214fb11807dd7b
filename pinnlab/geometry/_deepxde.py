"""The one door to deepxde, which undoes what importing it does to the process.

Importing deepxde picks a back end, prints, may set torch's default device, may write a file into
the user's home directory, and takes part in nothing that is needed here but geometry.
"""

import contextlib
import importlib
import io
import os
import random
import sys
import warnings
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import torch


def import_deepxde() -> ModuleType:
    """Import deepxde with its PyTorch back end and leave the process as it was.

    A deepxde that is imported already is returned as it is. Otherwise torch's default dtype and
    device, the random states of torch, NumPy and Python, and the environment are restored after the
    import; its messages are dropped, and no configuration file is written, because the back end is
    chosen through the environment.

    Returns:
        The module ``deepxde``.

    Raises:
        ImportError: If deepxde is not installed.
    """
    if "deepxde" in sys.modules:
        return sys.modules["deepxde"]
    silence = io.StringIO()
    with _process_restored(), contextlib.redirect_stderr(silence):
        os.environ["DDE_BACKEND"] = "pytorch"
        # Under mpirun deepxde looks for Horovod and stops; geometry needs neither.
        os.environ.pop("OMPI_COMM_WORLD_SIZE", None)
        with contextlib.redirect_stdout(silence), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module("deepxde")


@contextlib.contextmanager
def _process_restored() -> Iterator[None]:
    """Put back global state of torch, NumPy, Python's random module and the environment."""
    environment = dict(os.environ)
    dtype, device = torch.get_default_dtype(), torch.get_default_device()
    torch_state, python_state = torch.get_rng_state(), random.getstate()
    numpy_state = np.random.get_state()  # noqa: NPY002  (the global state that others may use)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(environment)
        if torch.get_default_device() != device:
            # None takes the default away altogether, where "cpu" would install a slow override.
            torch.set_default_device(None if device.type == "cpu" else device)
        torch.set_default_dtype(dtype)
        torch.set_rng_state(torch_state)
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002
