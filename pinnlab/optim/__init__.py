"""Phases of training, one optimiser a file."""

from pinnlab.optim.base import Phase as Phase
from pinnlab.optim.base import Status as Status
from pinnlab.optim.base import Stepper as Stepper
from pinnlab.optim.base import StepReport as StepReport
from pinnlab.optim.first_order import Adam as Adam
from pinnlab.optim.first_order import Optimizer as Optimizer
from pinnlab.optim.lbfgs import LBFGS as LBFGS
from pinnlab.optim.least_squares import LeastSquares as LeastSquares
from pinnlab.optim.schedules import Cosine as Cosine
from pinnlab.optim.schedules import Exponential as Exponential
from pinnlab.optim.schedules import Linear as Linear
from pinnlab.optim.schedules import Step as Step
from pinnlab.optim.soap import SOAP as SOAP
from pinnlab.optim.stage import Curriculum as Curriculum
from pinnlab.optim.stage import March as March
from pinnlab.optim.stage import Windows as Windows

__all__ = [
    "LBFGS",
    "SOAP",
    "Adam",
    "Cosine",
    "Curriculum",
    "Exponential",
    "LeastSquares",
    "March",
    "Optimizer",
    "Phase",
    "Status",
    "Step",
    "StepReport",
    "Stepper",
    "Windows",
]
