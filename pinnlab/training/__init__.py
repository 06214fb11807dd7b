"""Phases, callbacks, checkpoints: from an objective to a solution."""

from pinnlab.training.callbacks import Callback as Callback
from pinnlab.training.callbacks import EarlyStop as EarlyStop
from pinnlab.training.callbacks import Evaluate as Evaluate
from pinnlab.training.callbacks import PlotFields as PlotFields
from pinnlab.training.callbacks import Resample as Resample
from pinnlab.training.callbacks import TensorBoard as TensorBoard
from pinnlab.training.solution import Solution as Solution
from pinnlab.training.solve import solve as solve
from pinnlab.training.trainer import Trainer as Trainer

__all__ = [
    "Callback",
    "EarlyStop",
    "Evaluate",
    "PlotFields",
    "Resample",
    "Solution",
    "TensorBoard",
    "Trainer",
    "solve",
]
