"""Importing pinnlab is light, and leaves the process as it was."""

import subprocess
import sys

import pytest

HEAVY = (
    "deepxde", "sympy", "matplotlib", "scipy", "h5py", "meshio", "pydantic", "ruamel", "rich",
    "torchjd", "pandas", "gmsh", "pyvista", "skfem", "tensorboard", "neuralop",
)  # fmt: skip
STATE = """
import os, signal, sys, warnings, logging
import torch, numpy as np

def state():
    return {
        "dtype": str(torch.get_default_dtype()),
        "device": str(torch.get_default_device()),
        "threads": torch.get_num_threads(),
        "torch random": torch.get_rng_state().sum().item(),
        "numpy random": int(np.random.get_state()[1].sum()),
        "grad": torch.is_grad_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "precision": torch.get_float32_matmul_precision(),
        "print": str(torch.tensor(1 / 3)),
        "errors": str(np.geterr()),
        # torch itself notes where its compiler keeps files.
        "environment": {k: v for k, v in os.environ.items() if not k.startswith("TORCHINDUCTOR")},
        "signals": str(signal.getsignal(signal.SIGINT)),
        "filters": len(warnings.filters),
        "handlers": len(logging.getLogger().handlers),
        "path": list(sys.path),
    }

before = state()
"""
AFTER = """
after = state()
changed = {k: (before[k], after[k]) for k in before if before[k] != after[k]}
assert not changed, changed
"""


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_heavy_packages_wait_until_they_are_needed():
    code = f"""
import sys
import pinnlab
heavy = sorted({{name.split('.')[0] for name in sys.modules}} & set({HEAVY!r}))
print(' '.join(heavy))
"""
    assert python(code).split() == []


def test_importing_changes_nothing():
    python(STATE + "import pinnlab" + AFTER)


def test_declaring_and_solving_changes_nothing():
    # The disk is made by deepxde, which changes torch when it is imported.
    python(
        STATE
        + """
import pinnlab as pl
problem = pl.Problem(
    pl.Disk(center=(0, 0), radius=1), "u", {"e": "u.xx + u.yy + 1"}, {"rim": pl.Dirichlet(u=0)}
)
problem.check(points={"interior": 32, "boundary": 16})
solution = pl.solve(
    problem, pl.MLP(4, 1), points={"interior": 32, "boundary": 16}, phases=[pl.Adam(2)],
    progress=False,
)
assert solution.u(x=0.0, y=0.0).dtype == "float32"
from pinnlab.geometry._deepxde import import_deepxde
import_deepxde()
assert "deepxde" in sys.modules
"""
        + AFTER.replace(
            "before[k] != after[k]",
            # SciPy and torch add filters for warnings of their own when they are imported.
            "k != 'filters' and before[k] != after[k]",
        )
    )


def test_random_streams_are_untouched_by_a_solve():
    python(
        """
import numpy as np, torch
import pinnlab as pl
torch.manual_seed(3); np.random.seed(3)
pl.solve(
    pl.Problem(pl.Box(x=(0, 1), y=(0, 1)), "u", {"e": "u.xx + u.yy"}, {"s": pl.Dirichlet(u=0)}),
    pl.MLP(4, 1), points={"interior": 32, "boundary": 16},
    phases=[pl.Adam(2, batch=8, resample=1)], progress=False,
)
a, b = torch.rand(1).item(), np.random.rand()
torch.manual_seed(3); np.random.seed(3)
assert (a, b) == (torch.rand(1).item(), np.random.rand())
"""
    )


@pytest.mark.parametrize("module", ["pinnlab.cli", "pinnlab.config", "pinnlab.report"])
def test_every_part_can_be_imported_first(module):
    python(f"import {module}")
