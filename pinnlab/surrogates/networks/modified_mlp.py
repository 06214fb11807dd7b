"""Modified multilayer perceptron with two gates."""

from dataclasses import dataclass
from itertools import pairwise

from torch import nn

from pinnlab.surrogates.base import LayerFactory, Network


@dataclass(frozen=True, repr=False)
class ModifiedMLP(Network):
    r"""Perceptron whose hidden layers interpolate between two encodings of the input.

    .. math:: h_{k+1} = (1 - z_k) \odot U + z_k \odot V, \quad z_k = \sigma(W_k h_k + b_k)

    with :math:`U = \sigma(W_u x + b_u)` and :math:`V = \sigma(W_v x + b_v)`. Arguments are those of
    :class:`~pinnlab.surrogates.base.Network`.

    References:
        Wang, Teng, Perdikaris (2021), SIAM J. Sci. Comput. 43, A3055-A3081, section 3.
    """

    def body(self, d_in: int, d_out: int, make: LayerFactory) -> nn.Module:
        """See :meth:`Network.body`."""
        return _GatedPerceptron(self, d_in, d_out, make)


class _GatedPerceptron(nn.Module):
    def __init__(self, spec: ModifiedMLP, d_in: int, d_out: int, make: LayerFactory) -> None:
        super().__init__()
        widths = [d_in] + [spec.width] * spec.depth
        self.first_gate, self.second_gate = (
            nn.Sequential(make.linear(d_in, spec.width), make.activation()) for _ in range(2)
        )
        self.layers = nn.ModuleList(
            nn.Sequential(make.linear(a, b), make.activation()) for a, b in pairwise(widths)
        )
        self.last = make.linear(spec.width, d_out)

    def forward(self, x):
        u = self.first_gate(x)
        difference = self.second_gate(x) - u
        for layer in self.layers:
            x = u + layer(x) * difference
        return self.last(x)
