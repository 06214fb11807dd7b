"""Multilayer perceptron."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pinnlab.calculus.shared import shared_linear
from pinnlab.errors import DeclarationError
from pinnlab.surrogates.base import (
    ACTIVATIONS,
    Activation,
    FactorizedLinear,
    LayerFactory,
    Layers,
    Network,
)


@dataclass(frozen=True, repr=False)
class MLP(Network):
    r"""Fully connected network, the usual choice.

    .. math:: u = W_L\,\sigma(W_{L-1} \cdots \sigma(W_0 x + b_0) \cdots) + b_L

    ``depth`` hidden layers of ``width`` neurons, Glorot-normal weights and zero biases. Further
    arguments are those of :class:`~pinnlab.surrogates.base.Network`.

    Args:
        share_inputs: Columns B of a vector coordinate that become one feature before the first
            layer, :math:`\sigma(w \cdot x_{kB \dots kB + B - 1} + c)` with the same w and c for all
            blocks k; 1 for none. With very many coordinates the first layer then has one B-th of
            its weights. Columns that are left over, such as time, enter as they are.

    Raises:
        DeclarationError: If ``share_inputs`` is not positive, or there are fewer inputs.

    References:
        Shi, Hu, Lin and Kawaguchi (2024), Stochastic Taylor Derivative Estimator, NeurIPS, arXiv
        2412.00088, appendix G, for shared inputs.

    Example:
        >>> MLP(width=20, depth=3)
        MLP(width=20, depth=3)
    """

    share_inputs: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_block(self, self.share_inputs)

    def body(self, d_in: int, d_out: int, make: LayerFactory) -> nn.Module:
        """See :meth:`Network.body`."""
        layers: list[nn.Module] = []
        width = d_in
        if self.share_inputs > 1:
            layers += [SharedInputs(d_in, self.width, self.share_inputs, make), make.activation()]
            width = self.width
        for _ in range(self.depth - len(layers) // 2):
            layers += [make.linear(width, self.width), make.activation()]
            width = self.width
        return Layers(*layers, make.linear(width, d_out))


def check_block(owner: Network, block: int) -> None:
    """Refuse a number of columns that cannot share weights."""
    if isinstance(block, bool) or not isinstance(block, int) or block < 1:
        raise DeclarationError(
            f"{type(owner).__name__} cannot have share_inputs={block!r}",
            expected="a whole number of at least 1",
            got=block,
            do="choose e.g. share_inputs=50 for 100 000 coordinates",
        )


class SharedInputs(nn.Module):
    """Features of blocks of columns with shared weights, and the linear layer that reads them.

    Args:
        d_in: Columns.
        d_out: Outputs of the linear layer.
        block: Columns of a block.
        make: Makes layers.
    """

    def __init__(self, d_in: int, d_out: int, block: int, make: LayerFactory) -> None:
        super().__init__()
        if d_in < block:
            raise DeclarationError(
                "There are fewer inputs than share weights",
                expected=f"at least share_inputs={block} inputs",
                got=d_in,
                do="lower share_inputs, or leave it out",
            )
        self.features = d_in // block
        self.shared = nn.Parameter(make.normal(block) * (2.0 / (block + 1)) ** 0.5)
        self.offset = nn.Parameter(torch.zeros((), dtype=make.dtype))
        self.activation = make.activation()
        self.linear = make.linear(self.features + d_in % block, d_out)

    def forward(self, x):
        """Apply the layers to a tensor or a jet."""
        assert isinstance(self.activation, Activation)
        slope = self.activation.slope
        shared, offset = self.shared, self.offset
        if slope is not None:
            shared, offset = shared * slope, offset * slope
        weight, bias = _matrix(self.linear)
        m = self.features
        covered = m * len(shared)
        rest = x.shape[1] - covered
        function = ACTIVATIONS[self.activation.name]
        some = x[:, :covered] if rest else x
        out = shared_linear(some, shared, offset, function, weight[:, :m], bias)
        return out + nn.functional.linear(x[:, covered:], weight[:, m:]) if rest else out


def _matrix(layer: nn.Module) -> tuple[Tensor, Tensor]:
    """Weights and bias of a linear layer, as they meet its input."""
    if isinstance(layer, FactorizedLinear):
        return torch.exp(layer.scale)[:, None] * layer.direction, layer.bias
    assert isinstance(layer, nn.Linear)
    return layer.weight, layer.bias
