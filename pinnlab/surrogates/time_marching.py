"""One network for each window of time."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from pinnlab.calculus.taylor import TaylorTensor, constant
from pinnlab.errors import DeclarationError
from pinnlab.surrogates.base import Frame, Specification

TOLERANCE = 1e-9  # of the duration, within which an edge is the end of time


@dataclass(frozen=True)
class TimeMarching(Specification):
    r"""One network for each window of time, :math:`u(x, t) = N_k(x, t)` on :math:`(T_{k-1}, T_k]`.

    A short interval is easy where a long one is not, and each network sees its own window scaled to
    [-1, 1]. The phase :class:`~pinnlab.optim.March` trains one after the other; what comes out is
    one surrogate that answers at all times.

    Args:
        network: Specification of every network.
        edges: Ends of the windows, increasing; the last one is the end of time.

    Raises:
        DeclarationError: If the edges do not increase, or ``network`` is no specification.

    Example:
        >>> from pinnlab.surrogates import MLP
        >>> TimeMarching(MLP(16, 2), edges=[0.5, 1.0]).edges
        (0.5, 1.0)

    References:
        Krishnapriyan et al. (2021), NeurIPS 34, section 4.2; Wight and Zhao (2021), Commun.
        Comput. Phys. 29, 930-954, section 3.2, time-adaptive approach II.
    """

    network: Specification
    edges: Sequence[float]

    def __post_init__(self) -> None:
        if not isinstance(self.network, Specification):
            raise DeclarationError(
                "TimeMarching has no network to repeat",
                expected="a specification such as MLP(64, 4)",
                got=repr(self.network),
                do="give TimeMarching(MLP(64, 4), edges=[...])",
            )
        if isinstance(self.network, TimeMarching):
            raise DeclarationError(
                "TimeMarching cannot repeat itself",
                expected="a specification such as MLP(64, 4)",
                got=repr(self.network),
                do="put all edges into one list",
            )
        try:
            edges = tuple(float(edge) for edge in self.edges)
        except (TypeError, ValueError):
            edges = ()
        ordered = all(before < after for before, after in pairwise(edges))
        if not edges or not ordered or not np.isfinite(edges).all():
            raise DeclarationError(
                "The edges of TimeMarching do not increase",
                expected="a list of times, each after the one before",
                got=repr(self.edges),
                do="give e.g. edges=[0.25, 0.5, 0.75, 1.0]",
            )
        object.__setattr__(self, "edges", edges)

    def build(
        self, frame: Frame, *, generator: torch.Generator, dtype: torch.dtype, device: torch.device
    ) -> nn.Module:
        """See :meth:`Specification.build`.

        Raises:
            DeclarationError: If there is no time, or the edges do not fit its interval.
        """
        if frame.coordinates.time is None:
            raise DeclarationError(
                "TimeMarching needs time",
                expected="a domain such as Interval('x', 0, 1) * Time('t', 0, 1)",
                got="coordinates " + ", ".join(frame.coordinates.names),
                do="multiply the domain by Time, or use the network itself",
            )
        column = frame.coordinates.slice(frame.coordinates.time).start
        low, high = np.array(frame.low, dtype=float), np.array(frame.high, dtype=float)
        start, end = low[column], high[column]
        if self.edges[0] <= start or abs(self.edges[-1] - end) > TOLERANCE * (end - start):
            raise DeclarationError(
                "The windows of TimeMarching do not cover the time of the problem",
                expected=f"edges after {start:g}, the last one at {end:g}",
                got=", ".join(f"{edge:g}" for edge in self.edges),
                do=f"end the list with {end:g}",
            )
        networks = []
        for begin, stop in pairwise((start, *self.edges)):
            low[column], high[column] = begin, stop
            part = replace(frame, low=low.copy(), high=high.copy())
            networks.append(
                self.network.build(part, generator=generator, dtype=dtype, device=device)
            )
        return Marching(networks, self.edges, column)


class Marching(nn.Module):
    """The networks of all windows: points ``(n, d)`` to fields ``(n, c)``.

    Args:
        networks: One for each window.
        edges: Ends of the windows.
        column: That of time among the coordinates.

    Attributes:
        active: The window whose network answers at all times, or None: each in its own.
    """

    def __init__(self, networks: Sequence[nn.Module], edges: Sequence[float], column: int) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.edges, self.column = tuple(edges), column
        self.active: int | None = None

    @property
    def output_scale(self) -> Tensor | None:
        """Size of every field that the networks are scaled to, if they are."""
        return getattr(self.networks[0], "output_scale", None)

    def train_only(self, window: int | None) -> None:
        """Let one network answer and be trained, or with None all of them."""
        self.active = window
        for k, network in enumerate(self.networks):
            network.requires_grad_(window is None or k == window)

    @contextlib.contextmanager
    def answering(self, window: int | None) -> Iterator[None]:
        """Let one network answer at all times for a while, or with None each in its window."""
        before, self.active = self.active, window
        try:
            yield
        finally:
            self.active = before

    def start_from(self, before: int, window: int) -> None:
        """Copy the parameters of one network to another."""
        self.networks[window].load_state_dict(self.networks[before].state_dict())

    def forward(self, x):
        """Fields at the points; accepts a tensor or a jet."""
        if self.active is not None:
            return self.networks[self.active](x)
        t = (x.value if isinstance(x, TaylorTensor) else x)[:, self.column, None]
        out = self.networks[0](x)
        for edge, network in zip(self.edges, self.networks[1:], strict=False):
            later = (t > edge).to(t.dtype)
            if isinstance(out, TaylorTensor):
                later = constant(later, out.layout)
            out = out + later * (network(x) - out)
        return out
