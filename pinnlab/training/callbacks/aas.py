"""Adversarial adaptive sampling."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from pinnlab.checks import check_count, check_positive
from pinnlab.conditions.placement import Placement
from pinnlab.errors import DeclarationError
from pinnlab.geometry.base import Geometry
from pinnlab.sampling.adversary import Adversary
from pinnlab.sampling.flow import SplineFlow
from pinnlab.sampling.points import Points
from pinnlab.training.callbacks.following import Following, in_part

if TYPE_CHECKING:
    from pinnlab.training.trainer import Trainer


class AAS(Following):
    r"""Draw the points of equations from a density that is trained against the solution.

    A normalising flow p on the domain is moved uphill on

    .. math:: \int s\,p\,dx - \beta \int |\nabla p|^2 dx

    with the relative squared residual s, every so many steps and for a few steps of its own; then
    all points are drawn anew, those of equations from it. Unlike a choice among candidates, the
    density remembers, and finds peaks that even candidates in many dimensions would miss. See
    :mod:`pinnlab.sampling.adversary` for what the penalty does and :mod:`pinnlab.sampling.flow` for
    the density. Point sets in different regions have a density each. All other points are drawn
    evenly at the same time; given points such as data stay.

    Args:
        every: Steps of the solution between the redraws.
        steps: Steps of the density before each of them.
        candidates: Points on which the residual is evaluated before these steps.
        share: Share of the points of each equation, also of those that train the density, that is
            drawn from it; the others are even. The paper draws all from it.
        beta: Factor β of the penalty. Its root is about the width, as a share of the domain's, to
            which the points of a narrow peak contract.
        lr: Rate of the density's Adam.
        batch: Points of each of the two integrals in a step of the density.
        layers: Couplings of the flow; by default enough to let all coordinates depend on each
            other.
        bins: Pieces of its splines.
        width: Width of its networks.
        equations: Names of the equations that are followed; all by default.
        seed: Of the flow's hidden weights.

    Raises:
        DeclarationError: If a number is out of range; in a run with fixed or quadrature points,
            with other callbacks or phases that draw points, with weights of single points, in more
            than 64 dimensions, or on a surface or cloud that fills no volume.

    References:
        Tang, Zhai, Wan & Yang (2024), ICLR, arXiv 2305.18702. Differs from it in the flow, which
        has the domain itself as support; in the division of the squared residual by its mean; and
        in the even share.
    """

    most_columns: ClassVar[int] = 64

    def __init__(
        self,
        every: int = 100,
        steps: int = 20,
        candidates: int = 5000,
        share: float = 0.75,
        beta: float = 3e-3,
        lr: float = 1e-3,
        batch: int = 250,
        layers: int | None = None,
        bins: int = 8,
        width: int = 16,
        equations: Sequence[str] | str | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(every, equations)
        check_count(
            self, steps=steps, candidates=candidates, batch=batch, layers=layers, width=width
        )
        check_positive(self, beta=beta, lr=lr)
        if not 0 < share <= 1 or bins < 2:
            raise DeclarationError(
                "AAS cannot draw like this",
                expected="0 < share <= 1 and at least 2 bins",
                got=f"share={share}, bins={bins}",
                do="use e.g. share=0.75, bins=8; Resample draws evenly",
            )
        self.steps, self.share, self.beta, self.lr = steps, share, beta, lr
        self.batch, self.layers, self.bins, self.width = batch, layers, bins, width
        self.seed, self.candidates = seed, candidates
        self._adversaries: dict[Placement, tuple[_Frame, Adversary]] = {}

    def _why_so_few(self) -> str:
        return "a density over more of them cannot be trained on a few hundred points a step"

    def check(self, trainer: "Trainer") -> None:
        """See :class:`Callback`."""
        super().check(trainer)
        self._adversaries = {}
        for number, placement in enumerate(self.followed.placements):
            frame = _Frame(self.followed.geometry(placement), placement)
            flow = SplineFlow(
                len(frame.low),
                self.layers,
                self.bins,
                self.width,
                generator=torch.Generator().manual_seed(self.seed + number),
                device=trainer.assembly.device,
            )
            adversary = Adversary(flow, frame.inside, share=self.share, beta=self.beta, lr=self.lr)
            self._adversaries[placement] = (frame, adversary)

    def density(self, placement: Placement | None = None) -> SplineFlow:
        """The density on the unit cube that the points of a placement are drawn from.

        Args:
            placement: Which; by default that of the first equation.
        """
        return self._adversaries[placement or self.followed.placements[0]][1].flow

    def moved(self, trainer: "Trainer") -> Mapping[Placement, Points]:
        """See :class:`Following`."""
        assembly = trainer.assembly
        self._train(trainer)
        points = assembly.draw()
        for placement, (frame, adversary) in self._adversaries.items():
            even = points[placement]
            n = round(self.share * len(even))
            geometry = self.followed.geometry(placement)
            sampler = geometry.sampler_for(placement.sampler or assembly.budget.sampler)
            u = adversary.draw(n, sampler, assembly.rng)
            points[placement] = in_part(even, frame.points(u, even))
            with torch.no_grad():
                self.tell("information", placement, float(adversary.flow.log_density(u).mean()))
        return points

    def _train(self, trainer: "Trainer") -> None:
        """Some steps of all densities, with one evaluation of the residuals."""
        rng = trainer.assembly.rng
        drawn: dict[Placement, tuple[Tensor, Tensor]] = {}
        points: dict[Placement, Points] = {}
        for placement, (frame, adversary) in self._adversaries.items():
            drawn[placement] = adversary.mixture(self.candidates, rng)
            points[placement] = frame.points(drawn[placement][0], trainer.points[placement])
        squares = self.followed.squares(points)
        for placement, (_, adversary) in self._adversaries.items():
            u, q = drawn[placement]
            adversary.train(u, q, squares[placement], steps=self.steps, batch=self.batch, rng=rng)

    def state_dict(self) -> dict[str, Any]:
        """See :class:`Callback`."""
        states = [adversary.state_dict() for _, adversary in self._adversaries.values()]
        return {**super().state_dict(), "adversaries": states}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :class:`Callback`."""
        super().load_state_dict(state)
        pairs = zip(self._adversaries.values(), state["adversaries"], strict=True)
        for (_, adversary), own in pairs:
            adversary.load_state_dict(own)


class _Frame:
    """The bounding box of a domain as the unit cube.

    Args:
        geometry: The domain.
        placement: For messages.
    """

    def __init__(self, geometry: Geometry, placement: Placement) -> None:
        self.geometry = geometry
        low, high = geometry.bounds()
        if not (high > low).all():
            raise DeclarationError(
                f"AAS has no density over '{placement.describe()}'",
                expected="a domain with a volume",
                got=f"no extent along {int((high > low).argmin()) + 1}. coordinate",
                do="use RAD, which chooses among points of the domain",
            )
        self.low, self.high = torch.as_tensor(low), torch.as_tensor(high)

    def positions(self, u: Tensor) -> Tensor:
        """From the unit cube to the domain, ``(n, d)``."""
        low, high = self.low.to(u), self.high.to(u)
        return low + (high - low) * u

    def inside(self, u: Tensor) -> Tensor:
        """Which points of the cube lie in the domain, ``(n,)`` bool."""
        mask = self.geometry.contains(self.positions(u).detach().cpu().numpy())
        return torch.as_tensor(mask, device=u.device)

    def points(self, u: Tensor, like: Points) -> Points:
        """The points of the domain, in the precision of others."""
        return Points(self.positions(u).to(like.x), like.coordinates, tag=like.tag)
