"""Weights of terms and points, one rule a file."""

from pinnlab.weighting.base import Weigher as Weigher
from pinnlab.weighting.base import Weighting as Weighting
from pinnlab.weighting.base import Weights as Weights
from pinnlab.weighting.causal import Causal as Causal
from pinnlab.weighting.grad_norm import GradNorm as GradNorm
from pinnlab.weighting.inverse_dirichlet import InverseDirichlet as InverseDirichlet
from pinnlab.weighting.lra import LRA as LRA
from pinnlab.weighting.ntk import NTK as NTK
from pinnlab.weighting.rba import RBA as RBA
from pinnlab.weighting.relobralo import ReLoBRaLo as ReLoBRaLo
from pinnlab.weighting.self_adaptive import SelfAdaptive as SelfAdaptive
from pinnlab.weighting.softadapt import SoftAdapt as SoftAdapt

__all__ = [
    "LRA",
    "NTK",
    "RBA",
    "Causal",
    "GradNorm",
    "InverseDirichlet",
    "ReLoBRaLo",
    "SelfAdaptive",
    "SoftAdapt",
    "Weigher",
    "Weighting",
    "Weights",
]
