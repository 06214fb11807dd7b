"""Physics-informed residual adaptive network."""

from dataclasses import dataclass

import torch
from torch import nn

from pinnlab.errors import DeclarationError
from pinnlab.surrogates.base import LayerFactory, Network
from pinnlab.surrogates.networks.fourier_features import FourierEmbedding


@dataclass(frozen=True, repr=False)
class PirateNet(Network):
    r"""Deep residual network that starts as a linear combination of Fourier features.

    Each of the ``depth`` blocks has three layers, two of them gated as in
    :class:`~pinnlab.surrogates.ModifiedMLP`, and an adaptive skip connection

    .. math:: x_{l+1} = \alpha_l h_l + (1 - \alpha_l) x_l

    whose trainable weight starts at ``nonlinearity = 0``.

    Args:
        width: Neurons a layer, rounded up to an even number: half cosines, half sines.
        depth: Residual blocks of three layers each.
        scale: Standard deviation of the frequencies.
        nonlinearity: Initial value of the skip weights α.

    References:
        Wang, Li, Chen, Perdikaris (2024), J. Mach. Learn. Res. 25, 1-51, equations 4.1-4.7.
        Differs: the last layer starts with Glorot weights, not with a least-squares fit.
    """

    width: int = 128
    depth: int = 3
    scale: float = 1.0
    nonlinearity: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.scale > 0:
            raise DeclarationError(
                f"PirateNet cannot have scale={self.scale!r}",
                expected="a positive number",
                got=self.scale,
                do="use e.g. scale=1.0",
            )

    def body(self, d_in: int, d_out: int, make: LayerFactory) -> nn.Module:
        """See :meth:`Network.body`."""
        return _ResidualAdaptive(self, d_in, d_out, make)


class _ResidualAdaptive(nn.Module):
    def __init__(self, spec: PirateNet, d_in: int, d_out: int, make: LayerFactory) -> None:
        super().__init__()
        half = (spec.width + 1) // 2
        width = 2 * half
        self.embedding = FourierEmbedding(make.normal(half, d_in) * spec.scale)

        def layer() -> nn.Module:
            return nn.Sequential(make.linear(width, width), make.activation())

        self.first_gate, self.second_gate = layer(), layer()
        self.layers = nn.ModuleList(layer() for _ in range(3 * spec.depth))
        self.skips = nn.Parameter(torch.full((spec.depth,), spec.nonlinearity, dtype=make.dtype))
        self.last = make.linear(width, d_out)

    def forward(self, x):
        x = self.embedding(x)
        u = self.first_gate(x)
        v = self.second_gate(x)
        difference = u - v
        for k in range(len(self.skips)):
            first, second, third = self.layers[3 * k : 3 * k + 3]
            z = v + first(x) * difference
            z = v + second(z) * difference
            x = x + (third(z) - x) * self.skips[k]
        return self.last(x)
