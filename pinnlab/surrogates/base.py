"""The contract of a surrogate, and what every network shares.

A *specification* such as ``MLP(width=64, depth=4)`` is a frozen, printable value that knows nothing
of a problem. :meth:`Specification.build` joins it with the coordinates and fields of a problem and
gives an :class:`torch.nn.Module` that maps points ``(n, d)`` to fields ``(n, c)``, written in
operations that the Taylor engine knows, so that all derivatives come from one pass.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pinnlab.calculus.chain import Layer, in_one
from pinnlab.calculus.pointwise import POINTWISE
from pinnlab.calculus.taylor import TaylorTensor, follow
from pinnlab.calculus.unsupported import refuse_kinks
from pinnlab.errors import DeclarationError, nearest
from pinnlab.typing import Coordinates

ACTIVATIONS: dict[str, Callable] = {
    "tanh": torch.tanh,
    "sin": torch.sin,
    "silu": F.silu,
    "gelu": F.gelu,
    "softplus": F.softplus,
    "sigmoid": torch.sigmoid,
    "relu": F.relu,
}


@dataclass(frozen=True, eq=False)
class Frame:
    """What a surrogate is told about the problem it represents.

    Args:
        coordinates: Names and sizes of the input columns.
        fields: Names of the outputs.
        low: Lowest coordinates of the domain, one number a column.
        high: Highest coordinates of the domain.
        periods: Period of each coordinate that is periodic by construction.
        output_scale: Typical size of each field; outputs are multiplied by it.
        output_shift: Typical mean of each field.
    """

    coordinates: Coordinates
    fields: tuple[str, ...]
    low: Sequence[float] | np.ndarray
    high: Sequence[float] | np.ndarray
    periods: Mapping[str, float] | None = None
    output_scale: tuple[float, ...] | None = None
    output_shift: tuple[float, ...] | None = None


class Specification(ABC):
    """A frozen description; ``linear`` says whether it is linear in its parameters."""

    linear: bool = False

    @abstractmethod
    def build(
        self, frame: Frame, *, generator: torch.Generator, dtype: torch.dtype, device: torch.device
    ) -> nn.Module:
        """The module for one problem, its weights drawn from ``generator``."""


@dataclass(frozen=True)
class Network(Specification):
    """Options that all neural networks share.

    Args:
        width: Neurons a hidden layer.
        depth: Hidden layers.
        activation: ``tanh``, ``sin``, ``silu``, ``gelu``, ``softplus``, ``sigmoid`` (or ``relu``,
            which has no useful second derivative).
        per_field: One network a field instead of one with all fields as outputs.
        weight_factorization: Write each weight row as exp(s)·v and train both
            (Wang et al. 2022, arXiv 2210.01274).
        adaptive_activation: A trainable slope a in σ(a z), one a layer
            (Jagtap et al. 2020, J. Comput. Phys. 404, 109136).
        scale_inputs: Map the domain's box to [-1, 1] before the first layer.

    Raises:
        DeclarationError: If a number is not positive or the activation is unknown.
    """

    width: int = 64
    depth: int = 4
    activation: str = "tanh"
    per_field: bool = False
    weight_factorization: bool = False
    adaptive_activation: bool = False
    scale_inputs: bool = True

    def __post_init__(self) -> None:
        for name in ("width", "depth"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise DeclarationError(
                    f"{type(self).__name__} cannot have {name}={value!r}",
                    expected="a whole number of at least 1",
                    got=value,
                    do=f"choose e.g. {name}={64 if name == 'width' else 4}",
                )
        if self.activation not in ACTIVATIONS:
            raise DeclarationError(
                f"There is no activation '{self.activation}'",
                expected=", ".join(ACTIVATIONS),
                got=self.activation,
                do=nearest(self.activation, ACTIVATIONS) or "choose one of them",
            )

    @abstractmethod
    def body(self, d_in: int, d_out: int, make: "LayerFactory") -> nn.Module:
        """The trainable part between the input map and the output scaling."""

    def build(
        self, frame: Frame, *, generator: torch.Generator, dtype: torch.dtype, device: torch.device
    ) -> nn.Module:
        """The module for one problem; see :meth:`Specification.build`."""
        inputs = InputMap(frame, scale=self.scale_inputs, dtype=dtype)
        make = LayerFactory(self, generator, dtype)
        if self.per_field and len(frame.fields) > 1:
            body: nn.Module = PerField([self.body(inputs.width, 1, make) for _ in frame.fields])
        else:
            body = self.body(inputs.width, len(frame.fields), make)
        return Surrogate(inputs, body, frame, dtype).to(device)

    def __repr__(self) -> str:
        changed = [
            f"{f.name}={getattr(self, f.name)!r}"
            for f in fields(self)
            if getattr(self, f.name) != f.default
        ]
        return f"{type(self).__name__}({', '.join(changed)})"


class LayerFactory:
    """Makes layers with the options of a specification and one stream of random numbers."""

    def __init__(self, spec: Network, generator: torch.Generator, dtype: torch.dtype) -> None:
        self.spec, self.generator, self.dtype = spec, generator, dtype

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers."""
        return torch.randn(*shape, generator=self.generator, dtype=self.dtype)

    def uniform(self, bound: float, *shape: int) -> Tensor:
        """Uniform numbers in [-bound, bound]."""
        return (torch.rand(*shape, generator=self.generator, dtype=self.dtype) * 2 - 1) * bound

    def linear(self, d_in: int, d_out: int) -> nn.Module:
        """A linear layer with Glorot-normal weights and zero bias."""
        weight = self.normal(d_out, d_in) * math.sqrt(2.0 / (d_in + d_out))
        return self.linear_from(weight, torch.zeros(d_out, dtype=self.dtype))

    def linear_from(self, weight: Tensor, bias: Tensor) -> nn.Module:
        """A linear layer with given weights."""
        if self.spec.weight_factorization:
            # s ~ N(1, 0.1²), as recommended in the paper's section 5.
            scale = 1.0 + 0.1 * self.normal(weight.shape[0])
            return FactorizedLinear(weight, bias, scale)
        layer = nn.Linear(weight.shape[1], weight.shape[0], dtype=self.dtype, device="meta")
        layer.weight, layer.bias = nn.Parameter(weight), nn.Parameter(bias)
        return layer

    def activation(self) -> nn.Module:
        """The activation, with a trainable slope where asked for."""
        slope = torch.ones((), dtype=self.dtype) if self.spec.adaptive_activation else None
        return Activation(self.spec.activation, slope)


class Activation(nn.Module):
    """σ(z), or σ(a z) with a trainable slope a."""

    def __init__(self, name: str, slope: Tensor | None = None) -> None:
        super().__init__()
        self.name = name
        self.slope = None if slope is None else nn.Parameter(slope)

    def forward(self, z):
        """Apply the activation to a tensor or a jet."""
        return ACTIVATIONS[self.name](z if self.slope is None else z * self.slope)

    def extra_repr(self) -> str:
        """Shown by ``print(module)``."""
        return self.name


class Layers(nn.Sequential):
    """Layers one after the other; jets go through all of them as one operation of the engine.

    Each layer by itself costs a call of its module and one of its operation, at few points more
    than the arithmetic.
    """

    def forward(self, x):
        """Apply the layers to a tensor or a jet."""
        if not isinstance(x, TaylorTensor) or not in_one(x.layout) or x.ndim != 2:
            return super().forward(x)
        chain: list[Layer] = []
        for module in self:
            layer = _as_layer(module, x)
            if layer is None:
                x, chain = module(follow(x, chain)), []
            else:
                chain.append(layer)
        return follow(x, chain)


def _as_layer(module: nn.Module, x: TaylorTensor) -> Layer | None:
    """A layer as the engine takes it, if it is linear or a fixed pointwise function."""
    if type(module) in (nn.Linear, FactorizedLinear):
        return Layer(module.weight, module.bias)  # type: ignore[arg-type]
    if type(module) is not Activation or module.slope is not None:
        return None
    function = ACTIVATIONS[module.name]
    refuse_kinks(function, x)
    return Layer(function=POINTWISE[function])


def one_layer(
    x: TaylorTensor, linear: nn.Module, function: nn.Module | None = None
) -> Layer | None:
    """A linear map and a fixed pointwise function behind it as a layer for the jet ``x``, or None.

    None where one of them is something else, such as an activation with a trainable slope.
    """
    first = _as_layer(linear, x)
    last = Layer() if function is None else _as_layer(function, x)
    if first is None or last is None or first.weight is None or last.weight is not None:
        return None
    return Layer(first.weight, first.bias, last.function)


class FactorizedLinear(nn.Module):
    """W = diag(exp s) V, both trained."""

    def __init__(self, weight: Tensor, bias: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.scale = nn.Parameter(scale)
        self.direction = nn.Parameter(weight / torch.exp(scale)[:, None])
        self.bias = nn.Parameter(bias)

    def forward(self, x):
        """Apply the layer to a tensor or a jet."""
        return F.linear(x, self.weight, self.bias)

    @property
    def weight(self) -> Tensor:
        """W ``(out, in)``."""
        return torch.exp(self.scale)[:, None] * self.direction


class InputMap(nn.Module):
    """Scales the box to [-1, 1]; periodic coordinates become (cos 2πx/P, sin 2πx/P).

    What has nothing to do is left out: points of very many dimensions are large, and every
    operation on them makes another array of their size.
    """

    low: Tensor
    factor: Tensor
    shift: Tensor

    def __init__(self, frame: Frame, *, scale: bool, dtype: torch.dtype) -> None:
        super().__init__()
        self.periodic = [
            (frame.coordinates.slice(name).start, float(period))
            for name, period in (frame.periods or {}).items()
        ]
        turned = {column for column, _ in self.periodic}
        dim = frame.coordinates.dim
        self.plain = [k for k in range(dim) if k not in turned] if turned else range(dim)
        self.width = len(self.plain) + 2 * len(self.periodic)
        # A copy, because a bounding box may be a read-only view.
        low, high = (torch.tensor(np.array(ends), dtype=dtype) for ends in (frame.low, frame.high))
        columns = torch.tensor([column for column, _ in self.periodic], dtype=torch.long)
        self.register_buffer("low", low[columns], persistent=False)
        if turned:
            low, high = low[list(self.plain)], high[list(self.plain)]
        factor = 2 / (high - low) if scale else torch.ones_like(low)
        shift = -factor * (high + low) / 2 if scale else torch.zeros_like(low)
        self.scaled, self.shifted = bool((factor != 1).any()), bool((shift != 0).any())
        self.register_buffer("factor", _one_for_all(factor), persistent=False)
        self.register_buffer("shift", _one_for_all(shift), persistent=False)

    def forward(self, x):
        """Map points ``(n, d)`` to features ``(n, width)``."""
        parts = []
        if self.plain:
            y = x if len(self.plain) == x.shape[1] else x[:, self.plain]
            if self.shifted:
                y = torch.addcmul(self.shift, y, self.factor)
            elif self.scaled:
                y = y * self.factor
            parts.append(y)
        for (column, period), low in zip(self.periodic, self.low, strict=True):
            angle = (x[:, column : column + 1] - low) * (2 * math.pi / period)
            parts += [torch.cos(angle), torch.sin(angle)]
        return parts[0] if len(parts) == 1 else torch.cat(parts, -1)


def _one_for_all(columns: Tensor) -> Tensor:
    """One number ``()``, if it is the same for all columns."""
    same = len(columns) > 0 and bool((columns == columns[0]).all())
    return columns[0].clone() if same else columns


class PerField(nn.Module):
    """Independent networks whose outputs stand side by side."""

    def __init__(self, networks: list[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, x):
        """Concatenate the outputs of all networks."""
        return torch.cat([network(x) for network in self.networks], -1)


class Surrogate(nn.Module):
    """Input map, body and output scaling: points ``(n, d)`` to fields ``(n, c)``.

    Scale and shift belong to what is saved, because they may have been found from the equations.
    """

    output_scale: Tensor
    output_shift: Tensor

    def __init__(self, inputs: nn.Module, body: nn.Module, frame: Frame, dtype: torch.dtype):
        super().__init__()
        self.inputs, self.body = inputs, body
        scale = frame.output_scale or (1.0,) * len(frame.fields)
        shift = frame.output_shift or (0.0,) * len(frame.fields)
        self.register_buffer("output_scale", torch.tensor(scale, dtype=dtype))
        self.register_buffer("output_shift", torch.tensor(shift, dtype=dtype))
        self._note_scale()
        self.register_load_state_dict_post_hook(lambda module, _: self._note_scale())

    def set_output_scale(self, scale: float) -> None:
        """Multiply the network's outputs by a number."""
        self.output_scale.fill_(scale)
        self._note_scale()

    def _note_scale(self) -> None:
        """Remember whether there is anything to multiply or add, which costs a pass."""
        self.scaled = bool((self.output_scale != 1).any() or (self.output_shift != 0).any())

    def forward(self, x):
        """Fields at the points; accepts a tensor or a jet."""
        y = self.body(self.inputs(x))
        return y * self.output_scale + self.output_shift if self.scaled else y
