"""Calculus on jets: what an equation is written in, and what evaluates it.

An equation is a pointwise function of a *jet*, the value and partial derivatives of its fields.
:mod:`jet` holds that lazy, differentiable quantity, :mod:`sources` where its values come from,
:mod:`functions` and :mod:`operators` what is written with it. :mod:`formula` makes texts and
functions the same thing (:mod:`expression` parses the texts), and :mod:`recording` finds out which
derivatives an equation reads.
"""

from pinnlab.calculus.estimators import SDGD as SDGD
from pinnlab.calculus.estimators import STDE as STDE
from pinnlab.calculus.estimators import Estimator as Estimator
from pinnlab.calculus.estimators import Exact as Exact
from pinnlab.calculus.estimators import ForwardGradient as ForwardGradient
from pinnlab.calculus.estimators import Hutchinson as Hutchinson
from pinnlab.calculus.expression import Expression as Expression
from pinnlab.calculus.expression import number as number
from pinnlab.calculus.expression import parse as parse
from pinnlab.calculus.formula import Formula as Formula
from pinnlab.calculus.formula import environment as environment
from pinnlab.calculus.functions import abs as abs
from pinnlab.calculus.functions import acos as acos
from pinnlab.calculus.functions import asin as asin
from pinnlab.calculus.functions import atan as atan
from pinnlab.calculus.functions import cos as cos
from pinnlab.calculus.functions import cosh as cosh
from pinnlab.calculus.functions import e as e
from pinnlab.calculus.functions import erf as erf
from pinnlab.calculus.functions import exp as exp
from pinnlab.calculus.functions import heaviside as heaviside
from pinnlab.calculus.functions import log as log
from pinnlab.calculus.functions import maximum as maximum
from pinnlab.calculus.functions import minimum as minimum
from pinnlab.calculus.functions import pi as pi
from pinnlab.calculus.functions import pow as pow
from pinnlab.calculus.functions import sigmoid as sigmoid
from pinnlab.calculus.functions import sign as sign
from pinnlab.calculus.functions import sin as sin
from pinnlab.calculus.functions import sinh as sinh
from pinnlab.calculus.functions import sqrt as sqrt
from pinnlab.calculus.functions import step as step
from pinnlab.calculus.functions import tan as tan
from pinnlab.calculus.functions import tanh as tanh
from pinnlab.calculus.functions import where as where
from pinnlab.calculus.jet import Jet as Jet
from pinnlab.calculus.jet import as_jet as as_jet
from pinnlab.calculus.jet import coordinate_jets as coordinate_jets
from pinnlab.calculus.jet import field_jets as field_jets
from pinnlab.calculus.operators import Vector as Vector
from pinnlab.calculus.operators import advect as advect
from pinnlab.calculus.operators import biharmonic as biharmonic
from pinnlab.calculus.operators import curl as curl
from pinnlab.calculus.operators import d as d
from pinnlab.calculus.operators import differential as differential
from pinnlab.calculus.operators import div as div
from pinnlab.calculus.operators import dot as dot
from pinnlab.calculus.operators import grad as grad
from pinnlab.calculus.operators import laplacian as laplacian
from pinnlab.calculus.operators import norm as norm
from pinnlab.calculus.operators import normal_jets as normal_jets
from pinnlab.calculus.operators import power_sum as power_sum
from pinnlab.calculus.operators import weighted_trace as weighted_trace
from pinnlab.calculus.plan import Plan as Plan
from pinnlab.calculus.random_sources import FreeSource as FreeSource
from pinnlab.calculus.random_sources import RandomSource as RandomSource
from pinnlab.calculus.recording import Dependence as Dependence
from pinnlab.calculus.recording import components as components
from pinnlab.calculus.recording import dependence as dependence
from pinnlab.calculus.recording import linear as linear
from pinnlab.calculus.recording import record as record
from pinnlab.calculus.recording import trace as trace
from pinnlab.calculus.sources import JetSource as JetSource
from pinnlab.calculus.sources import PointSource as PointSource
from pinnlab.calculus.sources import Reader as Reader
from pinnlab.calculus.sources import reader as reader
from pinnlab.calculus.sources import tensor_source as tensor_source
from pinnlab.calculus.substitution import SubstitutedSource as SubstitutedSource
from pinnlab.calculus.symbolic import jet_latex as jet_latex
from pinnlab.calculus.symbolic import latex as latex
from pinnlab.calculus.symbolic import to_sympy as to_sympy
