r"""A density that seeks where a residual is large.

Adversarial adaptive sampling trains a density p against the solution: of the residual r on a domain
Ω that p lives on, it makes

.. math:: \int_\Omega s\, p \,dx - \beta \int_\Omega |\nabla p|^2\, dx, \qquad
    s = \frac{r^2}{\tfrac{1}{|\Omega|}\int_\Omega r^2 dx},

as large as possible. Without the second term, p would gather in one point. With it, the best smooth
density solves

.. math:: -2\beta\,\Delta p = s - 1, \quad \partial_n p = 0, \quad \int_\Omega p\,dx = 1

wherever it is positive: it is even where the residual is, and the solution then minimises the
residual's distance from an even one, in the sense of optimal transport, along with its size.

Lengths are those of the unit cube that the bounding box of Ω is mapped to, in which √β is about the
width below which p does not narrow, in any number of dimensions. The division by the mean square is
ours: without it, the density becomes even as the residual falls, and β would have to be chosen to
the size of r².

Integrals are means over points that are drawn from the present density and, in part, evenly: a
share σ of them has the density p and the others are even, so that

.. math:: \int f\,dx \approx \frac1n \sum_i \frac{f(x_i)}{q(x_i)}, \qquad
    q = \sigma p + (1 - \sigma),

where no weight is large if σ < 1. In a domain that is no box, points outside are left out. As
s / |Ω| is a density itself, the first integral is a mean of p over points that follow it: the
residual is evaluated at many points once, and a few of them at a time are drawn in proportion to
r² / q. The penalty always has new points, lest p narrows between those that it has seen.

References:
    Tang, Zhai, Wan & Yang (2024), ICLR, arXiv 2305.18702.
"""

import math
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.errors import GeometryError
from pinnlab.sampling.flow import SplineFlow
from pinnlab.sampling.sequences import unit_points

# Gradients grow as the density narrows; with a longer memory of small ones, Adam would overshoot.
BETAS = (0.9, 0.95)
ROUNDS = 100  # draws after which a domain counts as out of reach of its density

# Which of the points of the unit cube (n, d) lie in the domain, (n,) bool.
Inside = Callable[[Tensor], Tensor]


class Adversary:
    """A flow and the optimiser that trains it, on a domain in the unit cube.

    Args:
        flow: The density p.
        inside: Tells which points of the cube lie in the domain.
        share: The σ of the points that are drawn in training.
        beta: Factor β of the penalty.
        lr: Rate of Adam.
    """

    def __init__(
        self,
        flow: SplineFlow,
        inside: Inside,
        *,
        share: float = 0.5,
        beta: float = 1e-2,
        lr: float = 1e-3,
    ) -> None:
        self.flow, self.inside = flow, inside
        self.share, self.beta = share, beta
        self.optimizer = torch.optim.Adam(flow.parameters(), lr, betas=BETAS)

    def mixture(self, n: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """About ``n`` points for training.

        Args:
            n: How many are drawn; those outside the domain are left out.
            rng: Source of randomness; advances.

        Returns:
            Points ``(m, d)`` of the unit cube and their density q ``(m,)``, up to a constant factor
            where the domain is no box.
        """
        even = n - round(self.share * n)
        z = self._unit("uniform", n, rng)
        u = torch.cat([self.flow.inverse(z[even:]), z[:even]])
        u = u[self.inside(u)]
        with torch.no_grad():
            share = round(self.share * n) / n
            q = share * self.flow.log_density(u).exp() + (1 - share)
        return u, q

    def loss(self, peaks: Tensor, u: Tensor, q: Tensor) -> Tensor:
        r"""What a step makes smaller, :math:`\beta \int |\nabla p|^2 - \int s\,p`.

        Args:
            peaks: Points ``(m, d)`` of the unit cube with the density s / |Ω|.
            u: Points ``(n, d)`` of the unit cube.
            q: The density that these were drawn from, ``(n,)``.
        """
        u = u.detach().requires_grad_()
        density = self.flow.log_density(torch.cat([u, peaks])).exp()
        (slope,) = torch.autograd.grad(density[: len(u)].sum(), u, create_graph=True)
        penalty = self.beta * (slope.square().sum(1) / q).mean()
        return penalty - density[len(u) :].mean()

    def train(
        self,
        u: Tensor,
        q: Tensor,
        squares: Tensor,
        *,
        steps: int,
        batch: int,
        rng: np.random.Generator,
    ) -> bool:
        """Some steps of Adam uphill; none where residuals are not finite or all zero.

        The first integral is a mean over points that are drawn among the given ones in proportion
        to r² / q, and so follow the squared residual; the second one over new points.

        Args:
            u: Points ``(n, d)`` of the unit cube, from :meth:`mixture`.
            q: The density that they were drawn from, ``(n,)``.
            squares: Squared residuals there, ``(n,)``.
            steps: Number of steps.
            batch: Points of each integral in a step.
            rng: Source of randomness; advances.

        Returns:
            Whether the density has moved.
        """
        weights = (squares.to(q) / q).cpu().numpy()
        total = float(weights.sum())
        if not 0 < total < math.inf:
            return False
        for _ in range(steps):
            rows = rng.choice(len(weights), batch, p=weights / total)
            self.optimizer.zero_grad()
            self.loss(
                u[torch.as_tensor(rows, device=u.device)], *self.mixture(batch, rng)
            ).backward()
            self.optimizer.step()
        return True

    def draw(self, n: int, sampler: str, rng: np.random.Generator) -> Tensor:
        """Points of the domain that have the density p, ``(n, d)`` in the unit cube.

        Args:
            n: How many.
            sampler: Name of a sampler of the cube: an even sequence gives points that fill the
                density evenly.
            rng: Source of randomness; advances.

        Raises:
            GeometryError: If next to nothing of the density lies in the domain.
        """
        found: list[Tensor] = []
        missing = n
        for _ in range(ROUNDS):
            u = self.flow.inverse(self._unit(sampler, max(2 * missing, 64) if found else n, rng))
            found.append(u[self.inside(u)][:missing])
            missing -= len(found[-1])
            if not missing:
                return torch.cat(found)
        raise GeometryError(
            "The adversarial density lies outside the domain",
            expected="a domain that fills more than a small part of its bounding box",
            got=f"{n - missing} of {n} points in {ROUNDS} draws",
            do="use RAD, which chooses among points of the domain",
        )

    def _unit(self, sampler: str, n: int, rng: np.random.Generator) -> Tensor:
        z = unit_points(sampler, n, self.flow.dim, rng)
        return torch.as_tensor(z).to(self.flow.single)

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        return {
            "flow": dict(self.flow.state_dict()),
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on as if the steps before had been taken here."""
        self.flow.load_state_dict(state["flow"])
        self.optimizer.load_state_dict(deepcopy(state["optimizer"]))  # it keeps the tensors
