"""Sinusoidal representation network."""

import math
from dataclasses import dataclass

import torch
from torch import nn

from pinnlab.errors import DeclarationError
from pinnlab.surrogates.base import LayerFactory, Layers, Network


@dataclass(frozen=True, repr=False)
class SIREN(Network):
    r"""Perceptron with sine activations and the initialisation that keeps them well spread.

    .. math:: h_{k+1} = \sin(\omega (W_k h_k + b_k))

    First-layer weights are uniform in ±1/d, later ones in ±√(6/width)/ω.

    Args:
        omega_first: Frequency ω of the first layer. 30 is the value for images; smooth solutions
            of differential equations want less, because every derivative multiplies by it.
        omega: Frequency ω of the further layers.

    References:
        Sitzmann et al. (2020), NeurIPS, section 3.2. Differs in the default of ``omega_first``.
    """

    omega_first: float = 5.0
    omega: float = 5.0
    activation: str = "sin"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.activation != "sin":
            raise DeclarationError(
                "SIREN has sine activations",
                expected="activation='sin'",
                got=self.activation,
                do="use MLP for another activation",
            )
        if self.omega_first <= 0 or self.omega <= 0:
            raise DeclarationError(
                "The frequencies of SIREN must be positive",
                expected="omega_first > 0 and omega > 0",
                got=f"{self.omega_first}, {self.omega}",
                do="use e.g. omega_first=5.0",
            )

    def body(self, d_in: int, d_out: int, make: LayerFactory) -> nn.Module:
        """See :meth:`Network.body`."""
        layers: list[nn.Module] = []
        width, bound = d_in, 1.0 / d_in
        for k in range(self.depth):
            omega = self.omega if k else self.omega_first
            # Folding ω into the weights gives the same function and one operation less a layer.
            weight = make.uniform(bound, self.width, width) * omega
            bias = make.uniform(bound, self.width) * omega
            layers += [make.linear_from(weight, bias), make.activation()]
            width, bound = self.width, math.sqrt(6.0 / self.width) / self.omega
        last = make.linear_from(
            make.uniform(bound, d_out, width), torch.zeros(d_out, dtype=make.dtype)
        )
        return Layers(*layers, last)
