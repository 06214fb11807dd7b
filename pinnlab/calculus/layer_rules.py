"""What operations of torch do to jets, as far as it follows from their arithmetic.

Each function takes what the operation of torch of that name takes, with jets in place of tensors.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pinnlab.calculus.unsupported import UnsupportedOperation

if TYPE_CHECKING:
    from pinnlab.calculus.taylor import TaylorTensor

# Positional options that modules pass on although they are the defaults.
_USUAL: dict[Callable, tuple] = {F.elu: (1,), F.softplus: (1, 20)}


def refuse_options(function: Callable, args: tuple, options: Mapping[str, Any]) -> None:
    """Refuse options of a pointwise function that change what it computes.

    Args:
        function: Of torch.
        args: What it is called with beside the jet.
        options: By their names.

    Raises:
        UnsupportedOperation: If one of them is not the default.
    """
    given = tuple(a for a in args if a is not False)
    unusual = [] if given == _USUAL.get(function, ()) else list(given)
    unusual += [
        name
        for name, option in options.items()
        if name not in ("inplace", "approximate", "out", "alpha", "beta", "threshold")
        or (name == "approximate" and option != "none")
        or (name in ("alpha", "beta") and option != 1)
        or (name == "threshold" and option != 20)
    ]
    if unusual:
        raise UnsupportedOperation(f"{function.__name__} with options {unusual}")


def mean(x: "TaylorTensor", dim: Any = -1, keepdim: bool = False) -> "TaylorTensor":
    """Mean over one trailing axis."""
    axis = dim[0] if isinstance(dim, list | tuple) and len(dim) == 1 else dim
    if not isinstance(axis, int):
        raise UnsupportedOperation("a mean over several axes")
    return x.sum(axis, keepdim=keepdim) / x.shape[axis]


def layer_norm(
    x: "TaylorTensor",
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> "TaylorTensor":
    """(x - mean)/sqrt(var + eps) over the features of each point."""
    if x.ndim != 2 or tuple(normalized_shape) != tuple(x.shape[1:]):
        raise UnsupportedOperation("layer_norm over other axes than the features")
    centered = x.stacked() + (-mean(x)).spread(x.shape[1])
    variance = mean(centered * centered)
    out = centered * ((variance + eps) ** -0.5).spread(x.shape[1])
    out = out if weight is None else out * weight
    return out if bias is None else out + bias


def batch_norm(
    x: "TaylorTensor",
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> "TaylorTensor":
    """An affine map of the features, with the statistics of the running mean."""
    if training or running_mean is None or running_var is None:
        raise UnsupportedOperation("batch_norm in training mode, which joins the points")
    scale = torch.rsqrt(running_var + eps)
    scale = scale if weight is None else scale * weight
    shift = -running_mean * scale
    return x * scale + (shift if bias is None else shift + bias)


def chunk(x: "TaylorTensor", chunks: int, dim: int = 0) -> "tuple[TaylorTensor, ...]":
    """The features cut into pieces of nearly equal width."""
    axis = dim if dim >= 0 else x.ndim + dim
    if axis != 1 or x.ndim != 2:
        raise UnsupportedOperation("chunk of other axes than the features")
    size = -(-x.shape[1] // chunks)
    return tuple(x[:, k : k + size] for k in range(0, x.shape[1], size))


def glu(x: "TaylorTensor", dim: int = -1) -> "TaylorTensor":
    """One half of the features times the sigmoid of the other."""
    a, b = chunk(x, 2, dim)
    return a * torch.sigmoid(b)  # type: ignore[arg-type]


def dropout(
    x: "TaylorTensor", p: float = 0.5, training: bool = True, inplace: bool = False
) -> "TaylorTensor":
    """The jet itself, as in evaluation."""
    if training and p:
        raise UnsupportedOperation("dropout in training mode")
    return x


def add(a: Any, b: Any, *, alpha: float = 1) -> "TaylorTensor":
    """Sum a + alpha b of two operands, at least one of them a jet."""
    b = b if alpha == 1 else b * alpha
    return b + a if isinstance(a, Tensor) else a + b


def subtract(a: Any, b: Any, *, alpha: float = 1) -> "TaylorTensor":
    """Difference a - alpha b of two operands, at least one of them a jet."""
    return add(a, -b, alpha=alpha)


def times(a: Any, b: Any) -> "TaylorTensor":
    """Product of two operands, at least one of them a jet."""
    return b * a if isinstance(a, Tensor) else a * b
