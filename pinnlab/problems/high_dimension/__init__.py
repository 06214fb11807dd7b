"""Problems in up to a million dimensions whose solutions are known, ready to be solved.

Each is a function that returns a :class:`~pinnlab.Problem`, and a ``kind`` of the section
``problem`` of a configuration file.
"""

from pinnlab.problems.high_dimension.unit_ball import allen_cahn as allen_cahn
from pinnlab.problems.high_dimension.unit_ball import poisson as poisson
from pinnlab.problems.high_dimension.unit_ball import sine_gordon as sine_gordon

__all__ = ["allen_cahn", "poisson", "sine_gordon"]
