"""Weights of terms and points, one rule a file."""

from pinnlab.weighting.base import Weigher as Weigher
from pinnlab.weighting.base import Weighting as Weighting
from pinnlab.weighting.base import Weights as Weights

__all__ = ["Weigher", "Weighting", "Weights"]
