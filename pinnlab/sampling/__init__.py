"""Points: where they come from and what belongs to them."""

from pinnlab.sampling.adaptive import above_mean as above_mean
from pinnlab.sampling.adaptive import drawn as drawn
from pinnlab.sampling.adaptive import largest as largest
from pinnlab.sampling.adaptive import probabilities as probabilities
from pinnlab.sampling.adversary import Adversary as Adversary
from pinnlab.sampling.draw import draw as draw
from pinnlab.sampling.draw import to_points as to_points
from pinnlab.sampling.flow import SplineFlow as SplineFlow
from pinnlab.sampling.noise import Noise as Noise
from pinnlab.sampling.points import Points as Points
from pinnlab.sampling.points import joined as joined
from pinnlab.sampling.points import probe_count as probe_count
from pinnlab.sampling.sequences import RULES as RULES
from pinnlab.sampling.sequences import SAMPLERS as SAMPLERS
from pinnlab.sampling.sequences import gauss_rule as gauss_rule
from pinnlab.sampling.sequences import rule as rule
from pinnlab.sampling.sequences import unit_points as unit_points

__all__ = [
    "RULES",
    "SAMPLERS",
    "Adversary",
    "Noise",
    "Points",
    "SplineFlow",
    "above_mean",
    "draw",
    "drawn",
    "gauss_rule",
    "joined",
    "largest",
    "probabilities",
    "probe_count",
    "rule",
    "to_points",
    "unit_points",
]
