"""Perceptron on random Fourier features."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pinnlab.errors import DeclarationError
from pinnlab.surrogates.base import LayerFactory, Layers, Network


@dataclass(frozen=True, repr=False)
class FourierFeatures(Network):
    r"""Perceptron that first maps points to sines and cosines of random frequencies.

    .. math:: \gamma(x) = [\cos(2\pi B x),\ \sin(2\pi B x)], \quad B_{ij} \sim N(0, s^2)

    The frequencies are drawn once and not trained; several scales are put side by side. Helps where
    the solution has fine scales that a plain perceptron learns last.

    Args:
        features: Frequencies a scale.
        scales: Standard deviations s, in cycles per half width of the (scaled) domain.

    References:
        Tancik et al. (2020), NeurIPS; Wang, Wang, Perdikaris (2021), Comput. Methods Appl. Mech.
        Eng. 384, 113938.
    """

    features: int = 64
    scales: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "scales", tuple(float(s) for s in _as_sequence(self.scales)))
        if self.features < 1 or not self.scales or min(self.scales) <= 0:
            raise DeclarationError(
                "FourierFeatures needs frequencies",
                expected="features >= 1 and positive scales",
                got=f"features={self.features}, scales={self.scales}",
                do="use e.g. features=64, scales=(1.0, 10.0)",
            )

    def body(self, d_in: int, d_out: int, make: LayerFactory) -> nn.Module:
        """See :meth:`Network.body`."""
        frequencies = torch.cat([make.normal(self.features, d_in) * s for s in self.scales])
        layers: list[nn.Module] = [FourierEmbedding(frequencies)]
        width = 2 * len(frequencies)
        for _ in range(self.depth):
            layers += [make.linear(width, self.width), make.activation()]
            width = self.width
        return Layers(*layers, make.linear(width, d_out))


def _as_sequence(value: float | tuple[float, ...]) -> tuple[float, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


class FourierEmbedding(nn.Module):
    """[cos 2πBx, sin 2πBx] with fixed frequencies B ``(k, d)``."""

    frequencies: Tensor

    def __init__(self, frequencies: Tensor) -> None:
        super().__init__()
        self.register_buffer("frequencies", frequencies)

    def forward(self, x):
        """Features ``(n, 2k)``."""
        angle = F.linear(x, 2 * math.pi * self.frequencies)
        return torch.cat([torch.cos(angle), torch.sin(angle)], -1)
