"""Modified multilayer perceptron with two gates."""

from dataclasses import dataclass

from torch import nn

from pinnlab.calculus.chain import in_one
from pinnlab.calculus.gated_chain import GatedLayers
from pinnlab.calculus.taylor import TaylorTensor, follow_gated
from pinnlab.surrogates.base import LayerFactory, Network, one_layer
from pinnlab.surrogates.networks.mlp import SharedInputs, check_block


@dataclass(frozen=True, repr=False)
class ModifiedMLP(Network):
    r"""Perceptron whose hidden layers interpolate between two encodings of the input.

    .. math:: h_{k+1} = (1 - z_k) \odot U + z_k \odot V, \quad z_k = \sigma(W_k h_k + b_k)

    with :math:`U = \sigma(W_u x + b_u)` and :math:`V = \sigma(W_v x + b_v)`. Arguments are those of
    :class:`~pinnlab.surrogates.base.Network`, and:

    Args:
        share_inputs: As of :class:`~pinnlab.surrogates.networks.mlp.MLP`; both encodings and the
            first hidden layer have blocks of their own.

    References:
        Wang, Teng, Perdikaris (2021), SIAM J. Sci. Comput. 43, A3055-A3081, section 3.
    """

    share_inputs: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_block(self, self.share_inputs)

    def body(self, d_in: int, d_out: int, make: LayerFactory) -> nn.Module:
        """See :meth:`Network.body`."""
        return _GatedPerceptron(self, d_in, d_out, make)


class _GatedPerceptron(nn.Module):
    def __init__(self, spec: ModifiedMLP, d_in: int, d_out: int, make: LayerFactory) -> None:
        super().__init__()
        width, block = spec.width, spec.share_inputs

        def first() -> nn.Module:
            read = SharedInputs(d_in, width, block, make) if block > 1 else make.linear(d_in, width)
            return nn.Sequential(read, make.activation())

        self.first_gate, self.second_gate = first(), first()
        later = (
            nn.Sequential(make.linear(width, width), make.activation())
            for _ in range(spec.depth - 1)
        )
        self.layers = nn.ModuleList([first(), *later])
        self.last = make.linear(spec.width, d_out)

    def forward(self, x):
        together = self._together(x)
        if together is not None:
            return follow_gated(x, together)
        u = self.first_gate(x)
        difference = self.second_gate(x) - u
        for layer in self.layers:
            x = u + layer(x) * difference
        return self.last(x)

    def _together(self, x) -> GatedLayers | None:
        """All layers as one operation of the engine, if it takes them that way."""
        if not isinstance(x, TaylorTensor) or not in_one(x.layout) or x.ndim != 2:
            return None
        pairs = [pair.children() for pair in (self.first_gate, self.second_gate, *self.layers)]
        known = [layer for pair in [*pairs, (self.last,)] if (layer := one_layer(x, *pair))]
        if len(known) <= len(pairs):
            return None
        first_gate, second_gate, first, *hidden, last = known
        if not first_gate.function == second_gate.function == first.function:
            return None
        return GatedLayers((first_gate, second_gate, first), hidden, last)
