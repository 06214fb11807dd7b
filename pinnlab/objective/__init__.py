"""Residual blocks and their views."""

from pinnlab.objective.objective import Objective as Objective
from pinnlab.objective.state import State as State
from pinnlab.objective.unknown import Unknown as Unknown

__all__ = ["Objective", "State", "Unknown"]
