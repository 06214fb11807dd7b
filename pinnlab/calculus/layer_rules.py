"""What operations of torch do to jets, as far as it follows from their arithmetic.

Each function takes what the operation of torch of that name takes, with jets in place of tensors.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pinnlab.calculus.unsupported import TrainingMode, UnsupportedOperation

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


def trailing(x: "TaylorTensor", dim: Any, what: str) -> int:
    """An axis behind that of the points, counted from the front.

    Raises:
        UnsupportedOperation: If it is the axis of the points, or several are meant.
    """
    axis = dim[0] if isinstance(dim, list | tuple) and len(dim) == 1 else dim
    if not isinstance(axis, int):
        raise UnsupportedOperation(f"{what} over several axes")
    axis = axis if axis >= 0 else x.ndim + axis
    if axis == 0:
        raise UnsupportedOperation(f"{what} over the points axis")
    return axis


def mean(x: "TaylorTensor", dim: Any = None, keepdim: bool = False) -> "TaylorTensor":
    """Mean over one trailing axis."""
    axis = trailing(x, dim, "a mean")
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
    centered = x.stacked() + (-mean(x, -1)).spread(x.shape[1])
    variance = mean(centered * centered, -1)
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
        raise TrainingMode("batch_norm")
    scale = torch.rsqrt(running_var + eps)
    scale = scale if weight is None else scale * weight
    shift = -running_mean * scale
    return x * scale + (shift if bias is None else shift + bias)


def chunk(x: "TaylorTensor", chunks: int, dim: int = 0) -> "tuple[TaylorTensor, ...]":
    """A trailing axis cut into so many pieces of nearly equal width."""
    return split(x, -(-x.shape[dim] // chunks), dim)


def split(
    x: "TaylorTensor", sizes: "int | Sequence[int]", dim: int = 0
) -> "tuple[TaylorTensor, ...]":
    """A trailing axis cut into pieces of given widths."""
    axis = trailing(x, dim, "a split")
    width, before = x.shape[axis], (slice(None),) * axis
    if isinstance(sizes, int):
        sizes = [min(sizes, width - k) for k in range(0, width, sizes)]
    ends = list(accumulate(sizes))
    return tuple(x[(*before, slice(e - n, e))] for e, n in zip(ends, sizes, strict=True))


def unbind(x: "TaylorTensor", dim: int = 0) -> "tuple[TaylorTensor, ...]":
    """The entries along a trailing axis one by one."""
    axis = trailing(x, dim, "an unbind")
    return tuple(x[(slice(None),) * axis + (k,)] for k in range(x.shape[axis]))


def reshape(x: "TaylorTensor", *shape: Any) -> "TaylorTensor":
    """Other trailing axes."""
    sizes = tuple(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else shape
    n, width = len(x), x.shape[1:].numel()
    known = math.prod(size for size in sizes if size != -1)
    whole = n * width
    sizes = tuple(whole // max(known, 1) if size == -1 else size for size in sizes)
    if sizes[:1] != (n,) or math.prod(sizes[1:]) != width:
        raise UnsupportedOperation("a reshape of the points axis")
    return x._linear_map(lambda t: t.reshape(len(t), *sizes[1:]))


def flatten(x: "TaylorTensor", start_dim: int = 0, end_dim: int = -1) -> "TaylorTensor":
    """Trailing axes joined to one."""
    first, last = trailing(x, start_dim, "a flatten"), trailing(x, end_dim, "a flatten")
    shape = x.shape
    return reshape(x, *shape[:first], shape[first : last + 1].numel(), *shape[last + 1 :])


def transpose(x: "TaylorTensor", dim0: int, dim1: int) -> "TaylorTensor":
    """Two trailing axes exchanged."""
    a, b = trailing(x, dim0, "a transpose"), trailing(x, dim1, "a transpose")
    return x._linear_map(lambda t: t.transpose(a, b))


def convert(x: "TaylorTensor", *args: Any, **options: Any) -> "TaylorTensor":
    """In another precision, or on another device."""
    like = x.value.to(*args, **options)
    if like.dtype == x.dtype and like.device == x.device:
        return x
    if not like.dtype.is_floating_point:
        raise UnsupportedOperation(f"a conversion to {like.dtype}")
    return x._linear_map(lambda t: t.to(like))


def addmm(bias: Any, x: Any, matrix: Any, *, beta: float = 1, alpha: float = 1) -> "TaylorTensor":
    """``beta * bias + alpha * x @ matrix``."""
    if isinstance(x, Tensor) or not isinstance(matrix, Tensor):
        raise UnsupportedOperation("addmm with a jet as the second factor")
    product = x @ matrix
    return add(product if alpha == 1 else product * alpha, bias, alpha=beta)


def glu(x: "TaylorTensor", dim: int = -1) -> "TaylorTensor":
    """One half of the features times the sigmoid of the other."""
    a, b = chunk(x, 2, dim)
    return a * torch.sigmoid(b)  # type: ignore[arg-type]


def dropout(
    x: "TaylorTensor", p: float = 0.5, training: bool = True, inplace: bool = False
) -> "TaylorTensor":
    """The jet itself, as in evaluation."""
    if training and p:
        raise TrainingMode("dropout")
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
