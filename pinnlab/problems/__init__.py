"""Problems: their declaration, their check, and the objective they become."""

from pinnlab.problems.assemble import Assembly as Assembly
from pinnlab.problems.assemble import PointBudget as PointBudget
from pinnlab.problems.assemble import assemble as assemble
from pinnlab.problems.check import CheckReport as CheckReport
from pinnlab.problems.check import Finding as Finding
from pinnlab.problems.check import check as check
from pinnlab.problems.manufactured import manufactured as manufactured
from pinnlab.problems.problem import Problem as Problem

__all__ = [
    "Assembly",
    "CheckReport",
    "Finding",
    "PointBudget",
    "Problem",
    "assemble",
    "check",
    "manufactured",
]
