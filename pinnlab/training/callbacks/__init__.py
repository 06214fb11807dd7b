"""What may be done between steps, one file each."""

from pinnlab.training.callbacks.base import Callback as Callback
from pinnlab.training.callbacks.early_stop import EarlyStop as EarlyStop
from pinnlab.training.callbacks.evaluate import Evaluate as Evaluate
from pinnlab.training.callbacks.plot_fields import PlotFields as PlotFields
from pinnlab.training.callbacks.resample import Resample as Resample
from pinnlab.training.callbacks.tensor_board import TensorBoard as TensorBoard

__all__ = ["Callback", "EarlyStop", "Evaluate", "PlotFields", "Resample", "TensorBoard"]
