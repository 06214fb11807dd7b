"""Importing the package is light and leaves torch as it was."""

import subprocess
import sys

SCRIPT = """
import sys, torch
before = (torch.get_default_dtype(), torch.get_default_device(), torch.get_num_threads(),
          torch.get_rng_state().tolist())
import pinnlab
after = (torch.get_default_dtype(), torch.get_default_device(), torch.get_num_threads(),
         torch.get_rng_state().tolist())
assert before == after, "importing pinnlab changed torch's global state"
heavy = ("deepxde", "sympy", "matplotlib", "scipy", "h5py", "meshio", "pydantic", "ruamel", "rich")
loaded = [name for name in heavy if name in sys.modules]
assert not loaded, loaded
public = ("Problem", "solve", "load", "MLP", "Mesh")
missing = [name for name in public if not hasattr(pinnlab, name)]
assert not missing, missing
"""


def test_import_is_light_and_changes_no_global_state():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
