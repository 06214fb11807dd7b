"""What may be done between steps, one file each."""

from pinnlab.training.callbacks.aas import AAS as AAS
from pinnlab.training.callbacks.base import Callback as Callback
from pinnlab.training.callbacks.early_stop import EarlyStop as EarlyStop
from pinnlab.training.callbacks.evaluate import Evaluate as Evaluate
from pinnlab.training.callbacks.keep_best import KeepBest as KeepBest
from pinnlab.training.callbacks.plot_fields import PlotFields as PlotFields
from pinnlab.training.callbacks.r3 import R3 as R3
from pinnlab.training.callbacks.r3 import CausalR3 as CausalR3
from pinnlab.training.callbacks.rad import RAD as RAD
from pinnlab.training.callbacks.rar import RAR as RAR
from pinnlab.training.callbacks.resample import Resample as Resample
from pinnlab.training.callbacks.tensor_board import TensorBoard as TensorBoard

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
    "TensorBoard",
]
