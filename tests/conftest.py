"""What every test shares: one thread, fixed seeds, hypothesis without chance, the references."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings

# Small matrices: threads cost more than they bring, and their number changes the last bit.
torch.set_num_threads(1)
# A warning is an error here: let it not depend on which test comes first.
torch.set_warn_always(True)

settings.register_profile(
    "pinnlab",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("pinnlab")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def seed() -> int:
    """The global generators start every test alike; the library itself never uses them."""
    torch.manual_seed(0)
    return 0


@pytest.fixture
def torch_threads() -> Iterator[Callable[[int], None]]:
    """Sets the number of threads until the test ends."""
    yield torch.set_num_threads
    torch.set_num_threads(1)


@pytest.fixture
def generator() -> torch.Generator:
    """A stream of random numbers of the test's own."""
    return torch.Generator().manual_seed(0)


@pytest.fixture
def rng() -> np.random.Generator:
    """The same for NumPy."""
    return np.random.default_rng(0)


@pytest.fixture
def device() -> torch.device:
    """``PINNLAB_TEST_DEVICE`` chooses where the device-independent tests run."""
    return torch.device(os.environ.get("PINNLAB_TEST_DEVICE", "cpu"))


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of published reference solutions, which is not part of the repository."""
    folder = ROOT.parent / "shared" / "reference"
    if not folder.is_dir():
        pytest.skip(f"no published reference solutions at {folder}")
    return folder
