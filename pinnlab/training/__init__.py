"""Phases, callbacks, checkpoints: from an objective to a solution."""

from pinnlab.training.callbacks import AAS as AAS
from pinnlab.training.callbacks import R3 as R3
from pinnlab.training.callbacks import RAD as RAD
from pinnlab.training.callbacks import RAR as RAR
from pinnlab.training.callbacks import Callback as Callback
from pinnlab.training.callbacks import CausalR3 as CausalR3
from pinnlab.training.callbacks import EarlyStop as EarlyStop
from pinnlab.training.callbacks import Evaluate as Evaluate
from pinnlab.training.callbacks import KeepBest as KeepBest
from pinnlab.training.callbacks import PlotFields as PlotFields
from pinnlab.training.callbacks import Resample as Resample
from pinnlab.training.callbacks import TensorBoard as TensorBoard
from pinnlab.training.solution import Solution as Solution
from pinnlab.training.solve import solve as solve
from pinnlab.training.trainer import Trainer as Trainer

__all__ = [
    "AAS",
    "R3",
    "RAD",
    "RAR",
    "Callback",
    "CausalR3",
    "EarlyStop",
    "Evaluate",
    "KeepBest",
    "PlotFields",
    "Resample",
    "Solution",
    "TensorBoard",
    "Trainer",
    "solve",
]
