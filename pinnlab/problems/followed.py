"""The point sets of equations, and how large the residuals of these are there."""

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

import torch
from torch import Tensor

from pinnlab.conditions.placement import Placement
from pinnlab.conditions.term import Term
from pinnlab.errors import DeclarationError, nearest
from pinnlab.geometry.base import Geometry
from pinnlab.problems.assemble import Assembly
from pinnlab.sampling.points import Points

# Rules whose points are the same in every draw.
FIXED_RULES = ("gauss", "mesh")


class Followed:
    r"""Point sets that can be made to follow the residuals of equations.

    Equations on the same points are followed together: what counts is what the loss counts,

    .. math:: \rho(x)^2 = \sum_k w_k \|r_k(x)\|^2

    over the equations k that were named, all by default, with the present weights w_k of the terms.
    Where derivatives are estimated along random directions, so are the residuals: the directions
    are those of the present step, and ρ scatters as the residuals of the loss do.

    Args:
        assembly: Objective and what draws its points.
        equations: Names of the equations to be followed; all by default.

    Raises:
        DeclarationError: If a name is no equation, or the points of one cannot be moved: those of
            a quadrature rule, given ones, and those of the samplers ``gauss`` and ``mesh``.
    """

    def __init__(self, assembly: Assembly, equations: Sequence[str] | None = None) -> None:
        self.assembly = assembly
        terms = {t.name: t for t in assembly.problem.terms if t.kind == "equation"}
        names = tuple(terms) if equations is None else tuple(equations)
        for name in names:
            if name not in terms:
                raise DeclarationError(
                    f"'{name}' is no equation whose residual could be followed",
                    expected=", ".join(terms) or "a problem with an equation",
                    got=name,
                    do=nearest(name, list(terms)) or "name equations; leave it out for all of them",
                )
        if not names:
            raise DeclarationError(
                "There is no residual to follow",
                expected="at least one equation",
                got="a problem without one" if not terms else "none named",
                do="leave the callback out",
            )
        self.terms: dict[Placement, tuple[str, ...]] = {}
        for name in (n for n in terms if n in names):
            (placement,) = terms[name].placements
            self._check(terms[name], placement)
            self.terms[placement] = (*self.terms.get(placement, ()), name)

    def _check(self, term: Term, placement: Placement) -> None:
        if placement.quadrature or placement.fixed is not None:
            raise DeclarationError(
                f"The points of '{term.name}' cannot follow its residual",
                expected="points that may be drawn anywhere",
                got="a quadrature rule" if placement.quadrature else placement.describe(),
                do="name the equations that are to be followed",
            )
        domain = self.geometry(placement)
        sampler = domain.sampler_for(placement.sampler or self.assembly.budget.sampler)
        if sampler in FIXED_RULES:
            raise DeclarationError(
                f"The points of '{term.name}' cannot follow its residual: the sampler '{sampler}' "
                "always gives the same ones",
                expected="a sampler such as 'sobol' or 'uniform'",
                got=sampler,
                do="choose another sampler, or leave the callback out",
            )

    @property
    def placements(self) -> tuple[Placement, ...]:
        """Where the followed points lie."""
        return tuple(self.terms)

    def geometry(self, placement: Placement) -> Geometry:
        """The domain, or the region of it, that the points of a placement fill."""
        problem, region = self.assembly.problem, placement.region
        if region is None:
            return problem.domain
        if region in problem.regions:
            return problem.regions[region]
        domain: Any = problem.domain
        space: Any = getattr(domain, "space", domain)
        if not hasattr(space, "region"):  # only meshes make a part of themselves
            return problem.domain
        part = space.region(region)
        return part if space is domain else part * domain.time

    def squares(self, points: Mapping[Placement, Points]) -> dict[Placement, Tensor]:
        """The squared sizes ρ² at points of one's own, ``(n,)`` for each placement.

        The objective keeps its points.

        Args:
            points: For each followed placement.
        """
        objective = self.assembly.objective
        names = [name for names in self.terms.values() for name in names]
        part = copy(objective.only(names))
        part.set_points(points)
        with torch.no_grad():
            blocks = part.residuals()
        objective.evaluations += 1
        return self.squares_of(blocks)

    def squares_of(
        self, blocks: Mapping[str, Tensor], factors: Mapping[str, Tensor] | None = None
    ) -> dict[Placement, Tensor]:
        """The squared sizes ρ² ``(n,)`` for each placement.

        Args:
            blocks: Residuals ``(n, c)`` by term.
            factors: Factors ``(n,)`` on the squared residuals of single points, by term.
        """
        weights, out = self.assembly.objective.weights, {}
        for placement, names in self.terms.items():
            parts = []
            for name in names:
                squares = weights[name] * blocks[name].detach().square().sum(-1)
                factor = (factors or {}).get(name)
                parts.append(squares if factor is None else factor * squares)
            out[placement] = torch.stack(parts).sum(0)
        return out
