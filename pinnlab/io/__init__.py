"""Files in and out: reference data, checkpoints, solutions, exports and the log of a run.

Nothing here needs pickle, and nothing heavy (h5py, meshio, scipy) is imported before it is used.
"""

from pinnlab.io.reference import Reference as Reference
from pinnlab.io.reference import read_columns as read_columns
from pinnlab.io.state import CheckpointFolder as CheckpointFolder
from pinnlab.io.state import load_state as load_state
from pinnlab.io.state import save_state as save_state
from pinnlab.io.tables import Table as Table
from pinnlab.io.tables import load_table as load_table

__all__ = [
    "CheckpointFolder",
    "Reference",
    "Table",
    "load_state",
    "load_table",
    "read_columns",
    "save_state",
]
