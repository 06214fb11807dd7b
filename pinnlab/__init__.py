"""pinnlab: declare PDEs as they stand in a textbook, solve them with neural surrogates.

>>> import pinnlab as pl
>>> problem = pl.Problem(
...     domain=pl.Interval("x", -1, 1) * pl.Time("t", 0, 1),
...     fields=["u"],
...     parameters={"nu": 0.01 / pl.pi},
...     equations={"burgers": "u.t + u*u.x - nu*u.xx"},
...     conditions={"ends": pl.Dirichlet(u=0), "start": pl.Initial(u="-sin(pi*x)")},
... )
>>> print(problem.terms[0].plans[0])
u: 1, x, t, xx
"""

from pinnlab import equations as equations
from pinnlab import verify as verify
from pinnlab._api import load as load
from pinnlab._api import solve as solve
from pinnlab._version import __version__ as __version__
from pinnlab.aggregation import IMTLG as IMTLG
from pinnlab.aggregation import MGDA as MGDA
from pinnlab.aggregation import AlignedMTL as AlignedMTL
from pinnlab.aggregation import Bloop as Bloop
from pinnlab.aggregation import CAGrad as CAGrad
from pinnlab.aggregation import ConFIG as ConFIG
from pinnlab.aggregation import DualProj as DualProj
from pinnlab.aggregation import GradDrop as GradDrop
from pinnlab.aggregation import GradVac as GradVac
from pinnlab.aggregation import MConFIG as MConFIG
from pinnlab.aggregation import MultiAdam as MultiAdam
from pinnlab.aggregation import NashMTL as NashMTL
from pinnlab.aggregation import PCGrad as PCGrad
from pinnlab.aggregation import SparseTraining as SparseTraining
from pinnlab.aggregation import Sum as Sum
from pinnlab.aggregation import TorchJD as TorchJD
from pinnlab.aggregation import UPGrad as UPGrad
from pinnlab.calculus import SDGD as SDGD
from pinnlab.calculus import STDE as STDE
from pinnlab.calculus import Exact as Exact
from pinnlab.calculus import Formula as Formula
from pinnlab.calculus import ForwardGradient as ForwardGradient
from pinnlab.calculus import Hutchinson as Hutchinson
from pinnlab.calculus import abs as abs
from pinnlab.calculus import advect as advect
from pinnlab.calculus import biharmonic as biharmonic
from pinnlab.calculus import cos as cos
from pinnlab.calculus import cosh as cosh
from pinnlab.calculus import curl as curl
from pinnlab.calculus import d as d
from pinnlab.calculus import differential as differential
from pinnlab.calculus import div as div
from pinnlab.calculus import dot as dot
from pinnlab.calculus import erf as erf
from pinnlab.calculus import exp as exp
from pinnlab.calculus import grad as grad
from pinnlab.calculus import heaviside as heaviside
from pinnlab.calculus import laplacian as laplacian
from pinnlab.calculus import log as log
from pinnlab.calculus import maximum as maximum
from pinnlab.calculus import minimum as minimum
from pinnlab.calculus import norm as norm
from pinnlab.calculus import pi as pi
from pinnlab.calculus import power_sum as power_sum
from pinnlab.calculus import sign as sign
from pinnlab.calculus import sin as sin
from pinnlab.calculus import sinh as sinh
from pinnlab.calculus import sqrt as sqrt
from pinnlab.calculus import tan as tan
from pinnlab.calculus import tanh as tanh
from pinnlab.calculus import weighted_trace as weighted_trace
from pinnlab.calculus import where as where
from pinnlab.conditions import Condition as Condition
from pinnlab.conditions import Data as Data
from pinnlab.conditions import Dirichlet as Dirichlet
from pinnlab.conditions import Equation as Equation
from pinnlab.conditions import GradientEnhanced as GradientEnhanced
from pinnlab.conditions import Initial as Initial
from pinnlab.conditions import Integral as Integral
from pinnlab.conditions import Interface as Interface
from pinnlab.conditions import Neumann as Neumann
from pinnlab.conditions import Periodic as Periodic
from pinnlab.conditions import Robin as Robin
from pinnlab.errors import CheckpointError as CheckpointError
from pinnlab.errors import ConfigError as ConfigError
from pinnlab.errors import DataError as DataError
from pinnlab.errors import DeclarationError as DeclarationError
from pinnlab.errors import GeometryError as GeometryError
from pinnlab.errors import PinnlabError as PinnlabError
from pinnlab.geometry import SDF as SDF
from pinnlab.geometry import Ball as Ball
from pinnlab.geometry import Box as Box
from pinnlab.geometry import Cuboid as Cuboid
from pinnlab.geometry import Disk as Disk
from pinnlab.geometry import Ellipse as Ellipse
from pinnlab.geometry import HyperBall as HyperBall
from pinnlab.geometry import Hypercube as Hypercube
from pinnlab.geometry import Interval as Interval
from pinnlab.geometry import Mesh as Mesh
from pinnlab.geometry import PointSet as PointSet
from pinnlab.geometry import Polygon as Polygon
from pinnlab.geometry import RealSpace as RealSpace
from pinnlab.geometry import Time as Time
from pinnlab.geometry import Triangle as Triangle
from pinnlab.geometry import from_deepxde as from_deepxde
from pinnlab.io import Reference as Reference
from pinnlab.objective import Unknown as Unknown
from pinnlab.optim import LBFGS as LBFGS
from pinnlab.optim import Adam as Adam
from pinnlab.optim import Cosine as Cosine
from pinnlab.optim import Exponential as Exponential
from pinnlab.optim import LeastSquares as LeastSquares
from pinnlab.optim import Linear as Linear
from pinnlab.optim import Optimizer as Optimizer
from pinnlab.optim import Step as Step
from pinnlab.problems import PointBudget as PointBudget
from pinnlab.problems import Problem as Problem
from pinnlab.problems import conflict_free as conflict_free
from pinnlab.problems import high_dimension as high_dimension
from pinnlab.surrogates import MLP as MLP
from pinnlab.surrogates import SIREN as SIREN
from pinnlab.surrogates import FourierFeatures as FourierFeatures
from pinnlab.surrogates import ModifiedMLP as ModifiedMLP
from pinnlab.surrogates import PirateNet as PirateNet
from pinnlab.surrogates import RandomFeatures as RandomFeatures
from pinnlab.training import AAS as AAS
from pinnlab.training import R3 as R3
from pinnlab.training import RAD as RAD
from pinnlab.training import RAR as RAR
from pinnlab.training import Callback as Callback
from pinnlab.training import CausalR3 as CausalR3
from pinnlab.training import EarlyStop as EarlyStop
from pinnlab.training import Evaluate as Evaluate
from pinnlab.training import PlotFields as PlotFields
from pinnlab.training import Resample as Resample
from pinnlab.training import Solution as Solution
from pinnlab.training import TensorBoard as TensorBoard
from pinnlab.weighting import LRA as LRA
from pinnlab.weighting import NTK as NTK
from pinnlab.weighting import RBA as RBA
from pinnlab.weighting import Causal as Causal
from pinnlab.weighting import GradNorm as GradNorm
from pinnlab.weighting import InverseDirichlet as InverseDirichlet
from pinnlab.weighting import ReLoBRaLo as ReLoBRaLo
from pinnlab.weighting import SelfAdaptive as SelfAdaptive
from pinnlab.weighting import SoftAdapt as SoftAdapt
