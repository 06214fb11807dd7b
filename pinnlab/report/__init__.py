"""Reports: figures, tables and a run report, from plain data and never from a trainer.

* **Records** (:mod:`~pinnlab.report.data`): :class:`RunData` and its parts, numbers and texts only.
* **Figures**: curves, fields over planes, volumes, snapshots, and the course of a training; each
  function returns a Matplotlib figure, which :func:`save` writes.
* **Tables**: :func:`term_table` and others turn records into text of fixed width.
* **The report**: :func:`write_report` makes one HTML file, :func:`summary` the last lines of a run.

Matplotlib and rich are imported when the first figure or table is made.
"""

from pinnlab.report.conflict_history import ConflictHistory as ConflictHistory
from pinnlab.report.conflict_remarks import Remark as Remark
from pinnlab.report.conflict_remarks import conflict_remarks as conflict_remarks
from pinnlab.report.conflicts import conflict_text as conflict_text
from pinnlab.report.conflicts import plot_conflicts as plot_conflicts
from pinnlab.report.curves import plot_1d as plot_1d
from pinnlab.report.curves import plot_family as plot_family
from pinnlab.report.data import Finding as Finding
from pinnlab.report.data import History as History
from pinnlab.report.data import Phase as Phase
from pinnlab.report.data import ProblemText as ProblemText
from pinnlab.report.data import RunData as RunData
from pinnlab.report.data import Statement as Statement
from pinnlab.report.data import Term as Term
from pinnlab.report.data import UnknownValue as UnknownValue
from pinnlab.report.fields import plot_2d as plot_2d
from pinnlab.report.fields import plot_comparison as plot_comparison
from pinnlab.report.figure import png as png
from pinnlab.report.figure import save as save
from pinnlab.report.html import html_report as html_report
from pinnlab.report.html import write_report as write_report
from pinnlab.report.progress import plot_errors as plot_errors
from pinnlab.report.progress import plot_losses as plot_losses
from pinnlab.report.progress import plot_unknowns as plot_unknowns
from pinnlab.report.progress import plot_weights as plot_weights
from pinnlab.report.snapshots import animate as animate
from pinnlab.report.snapshots import plot_snapshots as plot_snapshots
from pinnlab.report.summary import summary as summary
from pinnlab.report.summary import verdict as verdict
from pinnlab.report.tables import comparison_table as comparison_table
from pinnlab.report.tables import finding_table as finding_table
from pinnlab.report.tables import metric_table as metric_table
from pinnlab.report.tables import phase_table as phase_table
from pinnlab.report.tables import table as table
from pinnlab.report.tables import term_table as term_table
from pinnlab.report.tables import unknown_table as unknown_table
from pinnlab.report.volumes import plot_3d as plot_3d
from pinnlab.report.volumes import plot_surface as plot_surface

__all__ = [
    "ConflictHistory",
    "Finding",
    "History",
    "Phase",
    "ProblemText",
    "Remark",
    "RunData",
    "Statement",
    "Term",
    "UnknownValue",
    "animate",
    "comparison_table",
    "conflict_remarks",
    "conflict_text",
    "finding_table",
    "html_report",
    "metric_table",
    "phase_table",
    "plot_1d",
    "plot_2d",
    "plot_3d",
    "plot_comparison",
    "plot_conflicts",
    "plot_errors",
    "plot_family",
    "plot_losses",
    "plot_snapshots",
    "plot_surface",
    "plot_unknowns",
    "plot_weights",
    "png",
    "save",
    "summary",
    "table",
    "term_table",
    "unknown_table",
    "verdict",
    "write_report",
]
