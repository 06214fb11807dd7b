"""Points: where they come from and what belongs to them."""

from pinnlab.sampling.draw import draw as draw
from pinnlab.sampling.draw import to_points as to_points
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
    "Noise",
    "Points",
    "draw",
    "gauss_rule",
    "joined",
    "probe_count",
    "rule",
    "to_points",
    "unit_points",
]
