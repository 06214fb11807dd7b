"""Multilayer perceptron."""

from dataclasses import dataclass

from torch import nn

from pinnlab.surrogates.base import LayerFactory, Network


@dataclass(frozen=True, repr=False)
class MLP(Network):
    r"""Fully connected network, the usual choice.

    .. math:: u = W_L\,\sigma(W_{L-1} \cdots \sigma(W_0 x + b_0) \cdots) + b_L

    ``depth`` hidden layers of ``width`` neurons, Glorot-normal weights and zero biases. Arguments
    are those of :class:`~pinnlab.surrogates.base.Network`.

    Example:
        >>> MLP(width=20, depth=3)
        MLP(width=20, depth=3)
    """

    def body(self, d_in: int, d_out: int, make: LayerFactory) -> nn.Module:
        """See :meth:`Network.body`."""
        layers: list[nn.Module] = []
        width = d_in
        for _ in range(self.depth):
            layers += [make.linear(width, self.width), make.activation()]
            width = self.width
        return nn.Sequential(*layers, make.linear(width, d_out))
