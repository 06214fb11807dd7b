"""Importing the readers and writers must not import what they use."""

import subprocess
import sys

import pinnlab.io


def test_nothing_heavy_is_imported():
    code = (
        "import sys, torch; before = set(sys.modules); import pinnlab.io, pinnlab.metrics; "
        "print(*sorted({m.split('.')[0] for m in set(sys.modules) - before}))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert loaded.isdisjoint({"h5py", "meshio", "scipy", "deepxde", "pyvista", "pandas"})


def test_all_names_exist():
    assert sorted(pinnlab.io.__all__) == pinnlab.io.__all__
    for name in pinnlab.io.__all__:
        assert getattr(pinnlab.io, name).__module__.startswith("pinnlab.io")
