"""Estimates of derivatives that leave a residual with a wrong mean.

An estimate of a Laplacian has the right mean, and so has every residual that is affine in it. The
square of one has not: its mean holds the variance as well, and training fits the sum.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pinnlab.calculus.functionals import Functional
from pinnlab.calculus.table import Demand
from pinnlab.conditions.placement import Placement
from pinnlab.conditions.recording import nonlinear_functionals
from pinnlab.problems.problem import Problem


@dataclass(frozen=True)
class Bias:
    """An estimated operator in which a residual is not affine.

    Args:
        term: The equation or condition.
        functional: The operator.
    """

    term: str
    functional: Functional

    @property
    def what(self) -> str:
        """What is wrong."""
        return (
            f"{self.functional} is estimated, and the residual is not linear in it: the estimate "
            "of the residual is biased"
        )

    @property
    def do(self) -> str:
        """What to do about it."""
        return (
            f"leave {self.functional.kind} exact by naming only the other operators in "
            "`derivatives`, or take many samples"
        )

    def __str__(self) -> str:
        return f"{self.term}: {self.what}; {self.do}"


def biases(problem: Problem, demands: Mapping[Placement, Demand]) -> list[Bias]:
    """Every operator whose estimate biases a residual.

    Args:
        problem: The declaration.
        demands: How what each point set reads is obtained.
    """
    found = []
    for term in problem.terms:
        estimated = {
            functional: None
            for placement in term.placements
            for functional, reading in demands[placement].readings.items()
            if reading.family is not None and reading.share < 1
        }
        if estimated:
            bent = nonlinear_functionals(term, problem.declared, estimated)
            found += [Bias(term.name, functional) for functional in estimated if functional in bent]
    return found
