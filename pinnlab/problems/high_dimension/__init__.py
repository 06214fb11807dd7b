"""Problems in up to a million dimensions whose solutions are known, ready to be solved.

Each is a function that returns a :class:`~pinnlab.Problem`, and a ``kind`` of the section
``problem`` of a configuration file.
"""

from pinnlab.problems.high_dimension.control import hjb_lin as hjb_lin
from pinnlab.problems.high_dimension.control import hjb_lqg as hjb_lqg
from pinnlab.problems.high_dimension.densities import ornstein_uhlenbeck as ornstein_uhlenbeck
from pinnlab.problems.high_dimension.finance import (
    black_scholes_barenblatt as black_scholes_barenblatt,
)
from pinnlab.problems.high_dimension.semilinear import allen_cahn_in_time as allen_cahn_in_time
from pinnlab.problems.high_dimension.semilinear import semilinear_heat as semilinear_heat
from pinnlab.problems.high_dimension.semilinear import sine_gordon_in_time as sine_gordon_in_time
from pinnlab.problems.high_dimension.unit_ball import allen_cahn as allen_cahn
from pinnlab.problems.high_dimension.unit_ball import poisson as poisson
from pinnlab.problems.high_dimension.unit_ball import sine_gordon as sine_gordon

__all__ = [
    "allen_cahn",
    "allen_cahn_in_time",
    "black_scholes_barenblatt",
    "hjb_lin",
    "hjb_lqg",
    "ornstein_uhlenbeck",
    "poisson",
    "semilinear_heat",
    "sine_gordon",
    "sine_gordon_in_time",
]
