"""What a module does to points, watched operation by operation.

Two things about a module cannot be told from its outputs: whether an operation has kinks, and
whether torch differentiates it rightly as often as the equations need. Both modes here see every
operation under every spelling, as a method, a function or in place.
"""

import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

from pinnlab.calculus.pointwise import SMOOTHNESS
from pinnlab.calculus.unsupported import TrainingMode

# Operations that take the points apart by their values, or are kinked themselves. Some uses are
# smooth, such as a bound that is never reached or branches that meet smoothly.
BRANCHING = frozenset(
    (
        *("abs", "absolute", "sign", "sgn", "round", "floor", "ceil", "trunc", "fix", "frac"),
        *("fmod", "remainder", "mod", "floor_divide", "floordiv", "heaviside", "copysign"),
        *("clamp", "clip", "clamp_min", "clamp_max", "maximum", "minimum", "fmax", "fmin"),
        *("max", "min", "amax", "amin", "aminmax", "argmax", "argmin", "sort", "argsort", "msort"),
        *("topk", "kthvalue", "median", "nanmedian", "mode", "quantile", "nanquantile", "cummax"),
        *("cummin", "max_pool1d", "max_pool2d", "max_pool3d", "adaptive_max_pool1d"),
        *("adaptive_max_pool2d", "adaptive_max_pool3d", "grid_sample", "interpolate"),
        *("gt", "lt", "ge", "le", "eq", "ne", "greater", "less", "greater_equal", "less_equal"),
        *("not_equal", "where", "masked_fill", "masked_select", "masked_scatter", "nonzero"),
        *("rnn_relu", "rnn_relu_cell", "bucketize", "searchsorted", "one_hot"),
        *("item", "tolist", "numpy", "bool"),
    )
)
KINKED = {function.__name__.strip("_"): least for function, least in SMOOTHNESS.items()}
RECURRENT = ("lstm", "gru", "rnn_tanh", "rnn_relu")
DROPOUTS = ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_dropout")


class Differentiable(TorchFunctionMode):
    """Evaluates operations in a form that torch differentiates as often as asked for.

    The third derivative of torch's ``layer_norm`` is wrong; it is written out. Fused attention and
    the recurrent layers of cuDNN have no second one; others are taken. Operations that join the
    points are refused.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        """See :class:`torch.overrides.TorchFunctionMode`."""
        kwargs = kwargs or {}
        name = _name(func)
        if name == "layer_norm":
            return written_layer_norm(*args, **kwargs)
        if name in DROPOUTS or name == "batch_norm":
            _refuse_training(name, args, kwargs)
        if name in ("scaled_dot_product_attention", "multi_head_attention_forward"):
            with sdpa_kernel(SDPBackend.MATH):
                return func(*args, **kwargs)
        if name in RECURRENT:
            with torch.backends.cudnn.flags(enabled=False):
                return func(*args, **kwargs)
        return func(*args, **kwargs)


class Watch(Differentiable):
    """Notes which operations are applied to quantities that depend on the points.

    Args:
        points: Where the module is evaluated.

    Attributes:
        seen: The names of these operations, in their order.
    """

    def __init__(self, points: Tensor) -> None:
        super().__init__()
        self.seen: dict[str, None] = {}
        # By identity; the tensors are kept, so that no identity is given twice.
        self._moving = {id(points): points}

    def __torch_function__(self, func, types, args=(), kwargs=None):
        """See :class:`torch.overrides.TorchFunctionMode`."""
        kwargs = kwargs or {}
        out = super().__torch_function__(func, types, args, kwargs)
        if any(id(t) in self._moving for t in _tensors((args, kwargs))):
            self.seen[_name(func)] = None
            changed = args[:1] if _in_place(func) else ()
            self._moving |= {id(t): t for t in _tensors((out, changed))}
        return out


def operations(module: Any, x: Tensor) -> list[str]:
    """The names of all operations that a module applies to points and to what becomes of them."""
    with Watch(x) as watch:
        module(x)
    seen = dict(watch.seen)
    for part in module.modules() if isinstance(module, nn.Module) else ():
        if isinstance(part, torch.jit.ScriptModule) and hasattr(part, "inlined_graph"):
            names = re.findall(r"aten::(\w+)", str(part.inlined_graph))
            seen |= dict.fromkeys(name.strip("_") for name in names)
    return list(seen)


def written_layer_norm(
    x: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    *_: Any,
) -> Tensor:
    """(x - mean)/sqrt(var + eps) over the last axes, of elementary operations."""
    axes = tuple(range(-len(normalized_shape), 0))
    centered = x - x.mean(axes, keepdim=True)
    out = centered * torch.rsqrt(centered.square().mean(axes, keepdim=True) + eps)
    out = out if weight is None else out * weight
    return out if bias is None else out + bias


def _refuse_training(name: str, args: tuple, kwargs: dict[str, Any]) -> None:
    """Refuse operations in the mode in which they are random or take statistics of the points."""
    if name == "batch_norm":
        training = kwargs.get("training", args[5] if len(args) > 5 else False)
        if training or (args[1] if len(args) > 1 else kwargs.get("running_mean")) is None:
            raise TrainingMode(name)
        return
    rate = kwargs.get("p", args[1] if len(args) > 1 else 0.5)
    if rate and kwargs.get("training", args[2] if len(args) > 2 else True):
        raise TrainingMode(name)


def _name(function: Any) -> str:
    """How an operation is called, whether it is a function, a method or in place."""
    return getattr(function, "__name__", "").strip("_")


def _in_place(function: Any) -> bool:
    name = getattr(function, "__name__", "")
    return name == "__setitem__" or (name.endswith("_") and not name.endswith("__"))


def _tensors(value: Any) -> Iterator[Tensor]:
    """All tensors in nested tuples, lists and dictionaries."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _tensors(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensors(part)
