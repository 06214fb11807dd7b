"""Files in and out: reference data, checkpoints, solutions, exports and the log of a run.

Nothing here needs pickle, and nothing heavy (h5py, meshio, scipy) is imported before it is used.
"""

from pinnlab.io.exact_reference import ExactReference as ExactReference
from pinnlab.io.export import Grid as Grid
from pinnlab.io.export import export_fields as export_fields
from pinnlab.io.export import grid as grid
from pinnlab.io.reference import Reference as Reference
from pinnlab.io.reference import read_columns as read_columns
from pinnlab.io.run_log import RunLog as RunLog
from pinnlab.io.run_log import read_log as read_log
from pinnlab.io.solution_file import SolutionRecord as SolutionRecord
from pinnlab.io.solution_file import read_solution as read_solution
from pinnlab.io.solution_file import write_solution as write_solution
from pinnlab.io.state import CheckpointFolder as CheckpointFolder
from pinnlab.io.state import load_state as load_state
from pinnlab.io.state import save_state as save_state
from pinnlab.io.tables import Table as Table
from pinnlab.io.tables import load_table as load_table

__all__ = [
    "CheckpointFolder",
    "ExactReference",
    "Grid",
    "Reference",
    "RunLog",
    "SolutionRecord",
    "Table",
    "export_fields",
    "grid",
    "load_state",
    "load_table",
    "read_columns",
    "read_log",
    "read_solution",
    "save_state",
    "write_solution",
]
