"""Random features: a basis drawn once, linear in its parameters."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pinnlab.errors import DeclarationError
from pinnlab.surrogates.base import ACTIVATIONS, Frame, InputMap, Specification, Surrogate


@dataclass(frozen=True)
class RandomFeatures(Specification):
    r"""One hidden layer with fixed random weights; only the last layer is solved for.

    .. math:: u(x) = \sum_k c_k\, \sigma(w_k \cdot x + b_k)

    Linear in c, so that a linear problem is one least-squares solve
    (:class:`pinnlab.LeastSquares`) instead of a training.

    Args:
        features: Number of basis functions a field.
        scale: Weights are uniform in ±scale on the domain scaled to [-1, 1]: larger resolves finer
            structure and needs more features.
        activation: ``tanh`` or ``sin``, or any smooth activation of a network.

    Raises:
        DeclarationError: If a number is not positive or the activation is unknown.

    References:
        Dong and Li (2021), Comput. Methods Appl. Mech. Eng. 387, 114129 (local extreme learning
        machines); Chen et al. (2022), J. Mach. Learn. 1, 268-298 (random feature method).
    """

    features: int = 1000
    scale: float = 2.0
    activation: str = "tanh"
    linear = True

    def __post_init__(self) -> None:
        whole = isinstance(self.features, int) and self.features >= 1
        if not whole or not self.scale > 0 or self.activation not in ACTIVATIONS:
            raise DeclarationError(
                "RandomFeatures cannot be made",
                expected="a whole number of features, scale > 0, and activation one of "
                + ", ".join(ACTIVATIONS),
                got=repr(self),
                do="correct the argument",
            )

    def build(
        self, frame: Frame, *, generator: torch.Generator, dtype: torch.dtype, device: torch.device
    ) -> nn.Module:
        """See :meth:`Specification.build`."""
        inputs = InputMap(frame, scale=True, dtype=dtype)
        shape = (self.features, inputs.width)
        weight = (torch.rand(*shape, generator=generator, dtype=dtype) * 2 - 1) * self.scale
        # Centres in the domain: the hyperplane w·x + b = 0 of each feature crosses the box.
        centres = torch.rand(*shape, generator=generator, dtype=dtype) * 2 - 1
        basis = _Basis(weight, -(weight * centres).sum(-1), self.activation)
        last = nn.Linear(self.features, len(frame.fields), bias=False, dtype=dtype, device="meta")
        last.weight = nn.Parameter(torch.zeros(len(frame.fields), self.features, dtype=dtype))
        return Surrogate(inputs, nn.Sequential(basis, last), frame, dtype).to(device)


class _Basis(nn.Module):
    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor, activation: str) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.activation = activation

    def forward(self, x):
        return ACTIVATIONS[self.activation](F.linear(x, self.weight, self.bias))
