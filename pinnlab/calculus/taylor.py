"""Taylor mode: all derivatives of a network's outputs from one forward pass.

A :class:`TaylorTensor` stands where a tensor would stand in ``module(x)``. It carries the value and
the partial derivatives with respect to the points, and every supported operation propagates them
all. Nothing is differentiated by autograd here; autograd goes through the result once, for the
gradient with respect to the parameters.

    >>> import torch
    >>> from pinnlab.calculus.layout import Layout, closure
    >>> layout = Layout(closure([(0, 0)]), (3, 3, 3))
    >>> u = seed(torch.rand(3, 1), layout)
    >>> torch.sin(u).slot((0, 0)).shape
    torch.Size([3, 1])

Sources: Griewank and Walther, Evaluating Derivatives (2008), ch. 13, for Taylor arithmetic;
Dangel et al. (2025), arXiv 2505.13644, for collapsing linear combinations of derivatives.
"""

import math
import numbers
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pinnlab.calculus.chain import Layer, evaluate, evaluate_affine, in_one
from pinnlab.calculus.coordinate_sums import coordinate_sum
from pinnlab.calculus.gated_chain import GatedLayers, evaluate_gated
from pinnlab.calculus.host_numbers import host_numbers
from pinnlab.calculus.layer_rules import (
    add,
    addmm,
    batch_norm,
    chunk,
    convert,
    dropout,
    flatten,
    glu,
    layer_norm,
    mean,
    refuse_options,
    reshape,
    split,
    subtract,
    times,
    trailing,
    transpose,
    unbind,
)
from pinnlab.calculus.layout import Layout, Slot
from pinnlab.calculus.link import Link
from pinnlab.calculus.plain_chain import evaluate_affine_plainly, evaluate_plainly
from pinnlab.calculus.plain_rules import (
    compose_affine,
    compose_written,
    join,
    multiply_written,
    write_affine,
)
from pinnlab.calculus.pointwise import POINTWISE, Derivatives, power
from pinnlab.calculus.product import Product
from pinnlab.calculus.slopes import Slopes, Units
from pinnlab.calculus.unsupported import UnsupportedOperation, refuse_kinks


class TaylorTensor:
    """Value and derivatives of a quantity on a batch of points.

    Either *stacked*, ``data (rows, ...)``, or *affine*: ``value (n, ...)`` with constant first
    derivatives ``slopes (k, ...)``, one row per first-order slot of the layout, and no higher ones.
    The points themselves have :class:`~pinnlab.calculus.slopes.Slopes`.
    Linear layers and pointwise functions are put off until something else is asked for, so that a
    whole :mod:`~pinnlab.calculus.chain` of them is evaluated at once.
    """

    __slots__ = ("__weakref__", "_data", "_link", "_slopes", "_value", "layout")
    __array_ufunc__ = None  # a number of numpy on the left of an operator leaves it to the jet

    def __init__(
        self,
        layout: Layout,
        data: Tensor | None = None,
        value: Tensor | None = None,
        slopes: Tensor | Slopes | None = None,
        link: Link | None = None,
    ) -> None:
        self.layout = layout
        self._data, self._value, self._slopes = data, value, slopes
        self._link = link
        if link is not None:
            link.owner = weakref.ref(self)

    # --- evaluation --------------------------------------------------------------------------
    def _settle(self) -> None:
        """Evaluate what was put off."""
        if self._link is not None:
            start, layers = self._link.chain(self)
            if start._data is None:
                start, layers = _affine_part(start, layers)
            if not layers:
                self._data, self._value, self._slopes = start._data, start._value, start._slopes
            elif start._data is not None:
                chain = evaluate if in_one(self.layout) else evaluate_plainly
                self._data = chain(start._data, layers, self.layout)
            else:
                chain = evaluate_affine if in_one(self.layout) else evaluate_affine_plainly
                self._data = chain(start.value, start._chain_slopes, layers, self.layout)
            self._link = None

    @property
    def data(self) -> Tensor | None:
        """All slots, ``(rows, ...)``; None if the jet is affine with constant slopes."""
        self._settle()
        if self._data is None and self._varying:
            self._data = self._written()
        return self._data

    @property
    def _varying(self) -> bool:
        """Whether it is affine along directions that differ from point to point."""
        return isinstance(self._slopes, Slopes) and self._slopes.varying

    @property
    def value(self) -> Tensor:
        """The values, ``(n, ...)``."""
        self._settle()
        return self._value if self._data is None else self._data[: self.layout.n]  # type: ignore

    @property
    def slopes(self) -> Tensor:
        """First derivatives ``(k, ...)`` of an affine jet."""
        self._settle()
        found = self._slopes
        return found.dense() if isinstance(found, Slopes) else found  # type: ignore[return-value]

    @property
    def _chain_slopes(self) -> Tensor | Slopes:
        """Those of an affine jet as a chain takes them."""
        slopes: Any = self._slopes
        return slopes.dense() if isinstance(slopes, Slopes) and slopes.units is None else slopes

    # --- shape, as a tensor of the values would have it -------------------------------------
    @property
    def shape(self) -> torch.Size:
        """Shape of the values, ``(n, ...)``."""
        if self._link is not None:
            return torch.Size((self.layout.n, self._link.width))
        return self.value.shape

    @property
    def ndim(self) -> int:
        """Number of axes of the values."""
        return len(self.shape)

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the values."""
        return self._origin.dtype

    @property
    def device(self) -> torch.device:
        """Device of the values."""
        return self._origin.device

    @property
    def _origin(self) -> Tensor:
        """A tensor of the same type, without evaluation."""
        jet = self if self._link is None else self._link.start
        return jet.value

    def size(self, dim: int | None = None):
        """Shape of the values, or one axis of it."""
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        """Number of axes of the values."""
        return self.ndim

    # --- slots -------------------------------------------------------------------------------
    def slot(self, slot: Slot) -> Tensor:
        """The derivative of one slot, ``(count, ...)``."""
        return self.stacked().data[self.layout.ranges[self.layout.position[slot]]]  # type: ignore[index]

    def stacked(self) -> "TaylorTensor":
        """The same jet with every slot written out."""
        if self.data is not None:
            return self
        return TaylorTensor(self.layout, self._written())

    def _written(self, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        """All slots of an affine jet, or of its image under a linear map of the last axis."""
        layout, value, slopes = self.layout, self._value, self._slopes
        assert value is not None and slopes is not None
        if weight is not None:
            value = F.linear(value, weight, bias)
        counts = list(layout.directions.values())
        if isinstance(slopes, Slopes):
            first = slopes.each(counts, weight)
        else:
            slopes = slopes if weight is None else F.linear(slopes, weight)
            rows = zip(slopes, counts, strict=True)
            first = [row.expand(count, *value.shape[1:]) for row, count in rows]
        return write_affine(value, first, layout)

    def _with(self, data: Tensor) -> "TaylorTensor":
        return TaylorTensor(self.layout, data)

    def _linear_map(self, function: Callable[[Tensor], Tensor]) -> "TaylorTensor":
        """Apply a linear map of the trailing axes to every slot."""
        if self.data is None:
            return TaylorTensor(
                self.layout,
                value=function(self.value),
                slopes=function(self.slopes),  # type: ignore[arg-type]
            )
        return self._with(function(self.data))

    def _constant(self, other: Any) -> Tensor | float:
        """A constant operand that broadcasts over the points, else an error."""
        if isinstance(other, numbers.Number):
            return other  # type: ignore[return-value]
        if isinstance(other, Tensor):
            if other.ndim < self.ndim or other.shape[0] == 1:
                return other if other.ndim < self.ndim else other[0]
            raise UnsupportedOperation(
                f"a constant of shape {tuple(other.shape)} "
                f"beside a jet of shape {tuple(self.shape)}"
            )
        raise UnsupportedOperation(f"an operand of type {type(other).__name__}")

    def _operand(self, other: Any) -> Any:
        """A tensor with one value for each point is a jet without derivatives."""
        if isinstance(other, Tensor) and other.shape == self.shape and len(other) > 1:
            return constant(other, self.layout)
        return other

    # --- arithmetic --------------------------------------------------------------------------
    def __add__(self, other: Any) -> "TaylorTensor":
        other = self._operand(other)
        if isinstance(other, TaylorTensor):
            if self.data is None and other.data is None:
                return TaylorTensor(
                    self.layout,
                    value=self.value + other.value,
                    slopes=self.slopes + other.slopes,  # type: ignore[operator]
                )
            a, b = _same_axes(self.stacked(), other.stacked())
            return self._with(a.data + b.data)  # type: ignore[operator]
        constant = self._constant(other)
        directions = self.directions
        if directions is not None and _fits(constant, self.shape):
            return TaylorTensor(self.layout, value=self._value + constant, slopes=directions)  # type: ignore[operator]
        if self.data is None:
            value = self.value + constant  # type: ignore[operator]
            slopes = self.slopes.expand(len(self.slopes), *value.shape[1:])  # type: ignore[union-attr]
            return TaylorTensor(self.layout, value=value, slopes=slopes)
        value = self.value + constant  # type: ignore[operator]
        rest = self.data[self.layout.n :]
        return self._with(join([value, rest.expand(len(rest), *value.shape[1:])], 0))

    __radd__ = __add__

    @property
    def directions(self) -> Slopes | None:
        """The slopes of the points themselves, scaled and shifted at most."""
        self._settle()  # slots that were written out stay what they were
        return self._slopes if isinstance(self._slopes, Slopes) else None

    def _scaled(self, factor: Any) -> "TaylorTensor":
        """Times a constant that broadcasts over the points."""
        directions = self.directions
        if directions is not None and _fits(factor, self.shape):
            value = self._value * factor  # type: ignore[operator]
            return TaylorTensor(self.layout, value=value, slopes=directions.times(factor))
        return self._linear_map(lambda t: t * factor)

    def __neg__(self) -> "TaylorTensor":
        return self._scaled(-1.0)

    def __sub__(self, other: Any) -> "TaylorTensor":
        return self + (-other)

    def __rsub__(self, other: Any) -> "TaylorTensor":
        return (-self) + other

    def __mul__(self, other: Any) -> "TaylorTensor":
        other = self._operand(other)
        if isinstance(other, TaylorTensor):
            if other is self and self.directions is not None:
                return self**2  # a function of each coordinate, whose sum has a closed form
            return _multiply(self, other)
        return self._scaled(self._constant(other))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> "TaylorTensor":
        other = self._operand(other)
        if isinstance(other, TaylorTensor):
            return self * compose(other, power(-1))
        return self._scaled(1.0 / self._constant(other))

    def __rtruediv__(self, other: Any) -> "TaylorTensor":
        return compose(self, power(-1)) * other

    def __pow__(self, exponent: Any) -> "TaylorTensor":
        if isinstance(exponent, int) and exponent == 1:
            return self
        if isinstance(exponent, (int, float)):
            return compose(self, power(exponent))
        if isinstance(exponent, TaylorTensor):
            return compose(exponent * compose(self, POINTWISE[torch.log]), POINTWISE[torch.exp])
        raise UnsupportedOperation(f"an exponent of type {type(exponent).__name__}")

    def __rpow__(self, base: float) -> "TaylorTensor":
        return compose(self * math.log(base), POINTWISE[torch.exp])

    def __matmul__(self, matrix: Tensor) -> "TaylorTensor":
        if self.directions is not None and matrix.ndim == 2:
            return _affine_part(self, [Layer(matrix.T)])[0]
        return self._linear_map(lambda t: t @ matrix)

    def __getitem__(self, key: Any) -> "TaylorTensor":
        keys = key if isinstance(key, tuple) else (key,)
        if keys[0] is Ellipsis and len(keys) == 2:
            keys = (slice(None),) * (self.ndim - 1) + (keys[1],)
        if keys[0] != slice(None):
            raise UnsupportedOperation("indexing of the points axis")
        if len(keys) == 2 and self.directions is not None:
            return self._columns(keys[1])
        return self._linear_map(lambda t: t[keys])

    def _columns(self, key: Any) -> "TaylorTensor":
        """Some columns of the points, of which the directions are cut as well."""
        width = self.shape[1]
        if isinstance(key, int):
            column = self._columns(slice(key % width, key % width + 1))
            return column._linear_map(lambda t: t[..., 0])
        if isinstance(key, slice) and key.step in (None, 1):
            start, stop, _ = key.indices(width)
            if (start, stop) == (0, width):
                return self
            value, slopes = self._value[:, start:stop], self._slopes.cut(start, stop)  # type: ignore[index,union-attr]
            return TaylorTensor(self.layout, value=value, slopes=slopes)
        return self._linear_map(lambda t: t[:, key])

    def unsqueeze(self, dim: int) -> "TaylorTensor":
        """Insert a trailing axis."""
        axis = dim if dim >= 0 else self.ndim + 1 + dim
        if axis == 0:
            raise UnsupportedOperation("unsqueeze of the points axis")
        return self._linear_map(lambda t: t.unsqueeze(axis))

    def squeeze(self, dim: int) -> "TaylorTensor":
        """Drop a trailing axis of length one."""
        axis = dim if dim >= 0 else self.ndim + dim
        if axis == 0:
            raise UnsupportedOperation("squeeze of the points axis")
        return self._linear_map(lambda t: t.squeeze(axis))

    def sum(self, dim: Any = None, keepdim: bool = False) -> "TaylorTensor":
        """Sum over a trailing axis."""
        axis = trailing(self, dim, "a sum")
        if axis == 1 and self.ndim == 2 and not keepdim:
            closed = _sum_of_function(self)
            if closed is not None:
                return closed
        return self._linear_map(lambda t: t.sum(axis, keepdim=keepdim))

    def __getattr__(self, name: str):
        function = getattr(torch, name, None)
        rule = RULES.get(function) or METHODS.get(name)  # type: ignore[arg-type]
        if rule is not None:
            refuse_kinks(function, self)  # type: ignore[arg-type]
            return lambda *args, **kwargs: rule(self, *args, **kwargs)
        if not name.startswith("_") and hasattr(Tensor, name):
            raise UnsupportedOperation(name)
        raise AttributeError(name)

    def __len__(self) -> int:
        return self.shape[0]

    def __abs__(self) -> "TaylorTensor":
        return torch.abs(self)  # type: ignore[arg-type]

    def _compared(self, other: Any) -> bool:
        raise UnsupportedOperation("a comparison of values")

    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = _compared
    __hash__ = object.__hash__

    def spread(self, width: int) -> "TaylorTensor":
        """One number a point as equal columns."""
        return self._with(self.stacked().data[:, None].expand(-1, width).contiguous())  # type: ignore[index]

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        rule = RULES.get(func)
        refuse_kinks(func, next((a for a in args if isinstance(a, TaylorTensor)), None))
        if rule is None:
            script = isinstance(func, torch.ScriptMethod)
            name = "a module of torch.jit" if script else getattr(func, "__name__", str(func))
            raise UnsupportedOperation(name)
        return rule(*args, **(kwargs or {}))

    def __repr__(self) -> str:
        return f"TaylorTensor(shape={tuple(self.shape)}, slots={self.layout.slots})"


def _same_axes(a: TaylorTensor, b: TaylorTensor) -> tuple[TaylorTensor, TaylorTensor]:
    if a.layout is not b.layout:
        raise UnsupportedOperation("two jets of different layouts")
    if a.ndim != b.ndim:
        raise UnsupportedOperation(f"jets of shapes {tuple(a.shape)} and {tuple(b.shape)}")
    return a, b


def _fits(constant: Any, shape: torch.Size) -> bool:
    """Whether a number, or one number a column, which leaves the shape as it is."""
    return not isinstance(constant, Tensor) or constant.ndim == 0 or constant.shape == shape[1:]


def seed(x: Tensor, layout: Layout, slopes: Slopes | None = None) -> TaylorTensor:
    """The points themselves as a jet: first derivatives are the directions, higher ones zero.

    Args:
        x: Points ``(n, d)``.
        layout: The derivatives to carry.
        slopes: Every direction of the layout; by default the columns of that number.
    """
    if slopes is None:
        columns = host_numbers(tuple(layout.directions), torch.long, x.device)
        slopes = Slopes([Units(columns, x.new_ones(len(columns)))], x.shape[1])
    return TaylorTensor(layout, value=x, slopes=slopes)


def constant(value: Tensor, layout: Layout) -> TaylorTensor:
    """A quantity ``(n, ...)`` whose derivatives are zero."""
    slopes = value.new_zeros((len(layout.directions), *value.shape[1:]))
    return TaylorTensor(layout, value=value, slopes=slopes)


def _affine_part(start: TaylorTensor, layers: list[Layer]) -> tuple[TaylorTensor, list[Layer]]:
    """Apply the linear layers before the first function: the result is affine as well."""
    while layers and (layers[0].function is None or start._varying):
        weight, bias, function = layers[0].weight, layers[0].bias, layers[0].function
        if start._varying:
            rest = [] if function is None else [Layer(function=function)]
            return start._with(start._written(weight, bias)), [*rest, *layers[1:]]
        slopes: Any = start._slopes
        assert weight is not None
        mapped = slopes.linear(weight) if isinstance(slopes, Slopes) else F.linear(slopes, weight)
        value = F.linear(start.value, weight, bias)
        start = TaylorTensor(start.layout, value=value, slopes=mapped)
        layers = layers[1:]
    return start, layers


def _chained(x: TaylorTensor) -> bool:
    """Whether layers are put off until a chain of them is evaluated."""
    return in_one(x.layout) or (x.ndim == 2 and x.layout.square_sums is not None)


def _put_off(x: TaylorTensor, layer: Layer, width: int) -> TaylorTensor:
    return TaylorTensor(x.layout, link=Link(x._link or x, layer, width))


def follow(x: TaylorTensor, layers: Sequence[Layer]) -> TaylorTensor:
    """What a chain of layers makes of a jet ``(n, width)``, put off until it is asked for.

    The same as one operation after the other, at the price of one.
    """
    if not in_one(x.layout) or x.ndim != 2:
        raise UnsupportedOperation("a chain of layers on such a jet")
    node: TaylorTensor | Link = x._link or x
    width = x.shape[1]
    for layer in layers:
        width = width if layer.weight is None else len(layer.weight)
        node = Link(node, layer, width)
    return TaylorTensor(x.layout, link=node) if isinstance(node, Link) else x


def follow_gated(x: TaylorTensor, layers: GatedLayers) -> TaylorTensor:
    """What gated layers make of a jet ``(n, width)``, as one operation."""
    if not in_one(x.layout) or x.ndim != 2:
        raise UnsupportedOperation("gated layers on such a jet")
    if x.data is not None:
        return x._with(evaluate_gated(x.data, None, layers, x.layout))
    return x._with(evaluate_gated(x.value, x._chain_slopes, layers, x.layout))


def compose(z: TaylorTensor, function: Derivatives) -> TaylorTensor:
    """f(z) for a pointwise function given by its derivatives."""
    if not _chained(z):
        if z.data is None:
            return z._with(compose_affine(z.value, z.slopes, z.layout, function))
        return z._with(compose_written(z.data, z.layout, function))
    if z.ndim == 2:
        return _put_off(z, Layer(function=function), z.shape[1])
    if z.data is not None:
        flat = evaluate(z.data.reshape(z.layout.rows, -1), [Layer(function=function)], z.layout)
    else:
        value, slopes = z.value, z.slopes.expand(-1, *z.shape[1:])
        flat = evaluate_affine(
            value.reshape(z.layout.n, -1),
            slopes.reshape(len(slopes), value[0].numel() if len(value) else 0),
            [Layer(function=function)],
            z.layout,
        )
    return z._with(flat.reshape(z.layout.rows, *z.shape[1:]))


def _sum_of_function(z: TaylorTensor) -> TaylorTensor | None:
    r"""The jet of :math:`\sum_i f(a_i x_i + b_i)` in closed form, or None if z is no such f."""
    function, start = None, z
    if z._link is not None:
        start, layers = z._link.chain(z)
        if len(layers) != 1 or layers[0].weight is not None or layers[0].bias is not None:
            return None
        function = layers[0].function
    directions = start.directions
    if directions is None:
        return None
    return TaylorTensor(z.layout, coordinate_sum(start.value, function, directions, z.layout))


def _multiply(a: TaylorTensor, b: TaylorTensor) -> TaylorTensor:
    a, b = _same_axes(a.stacked(), b.stacked())
    layout, x, y = a.layout, a.data, b.data
    if not layout.transparent and x.shape == y.shape:  # type: ignore[union-attr]
        return a._with(Product.apply(x, y, layout))  # type: ignore[arg-type]
    return a._with(multiply_written(x, y, layout))  # type: ignore[arg-type]


def _linear(x: TaylorTensor, weight: Tensor, bias: Tensor | None = None) -> TaylorTensor:
    if x.ndim != 2:
        out = x._linear_map(lambda t: F.linear(t, weight))
        return out if bias is None else out + bias
    if _chained(x):
        return _put_off(x, Layer(weight, bias), len(weight))
    if x.directions is not None or x.data is None:
        return _affine_part(x, [Layer(weight, bias)])[0]
    out = F.linear(x.data, weight)
    if bias is not None:
        out = torch.cat([out[: x.layout.n] + bias, out[x.layout.n :]])
    return x._with(out)


def _concatenate(jets: Sequence[Any], dim: int = 0) -> TaylorTensor:
    like = next(jet for jet in jets if isinstance(jet, TaylorTensor))
    axis = dim if dim >= 0 else like.ndim + dim
    if axis == 0:
        raise UnsupportedOperation("cat over the points axis")
    if any(len(jet) != len(like) for jet in jets):
        raise UnsupportedOperation("cat of jets and tensors without a row for each point")
    jets = [j if isinstance(j, TaylorTensor) else constant(j, like.layout) for j in jets]
    if all(jet.data is None for jet in jets):
        return TaylorTensor(
            like.layout,
            value=torch.cat([jet.value for jet in jets], axis),
            slopes=torch.cat([jet.slopes for jet in jets], axis),
        )
    return like._with(join([jet.stacked().data for jet in jets], axis))


def _stack(jets: Sequence[Any], dim: int = 0) -> TaylorTensor:
    like = next(jet for jet in jets if isinstance(jet, TaylorTensor))
    axis = dim if dim >= 0 else like.ndim + 1 + dim
    return _concatenate([jet.unsqueeze(axis) for jet in jets], axis)


def _scaled_and_shifted(shift: Any, a: Any, factor: Any, *, value: float = 1) -> TaylorTensor:
    """``shift + value * a * factor``: of the points themselves, one array instead of two."""
    if isinstance(shift, TaylorTensor) or isinstance(factor, TaylorTensor):
        return a * factor * value + shift
    factor = factor if value == 1 else factor * value
    directions = a.directions
    if directions is None or not (_fits(shift, a.shape) and _fits(factor, a.shape)):
        return a * factor + shift
    at = torch.addcmul(shift, a._value, factor)
    return TaylorTensor(a.layout, value=at, slopes=directions.times(factor))


def _divide(a: Any, b: Any) -> TaylorTensor:
    return a / b if isinstance(a, TaylorTensor) else compose(b, power(-1)) * a


def _pointwise_rule(function: Callable, derivatives: Derivatives) -> Callable:
    def rule(z: TaylorTensor, *args: Any, **options: Any) -> TaylorTensor:
        refuse_options(function, args, options)
        return compose(z, derivatives)

    return rule


# A tensor on the left of an operator arrives here too, so that the rules of arithmetic must not
# write ``tensor + jet`` themselves.
RULES: dict[Callable, Callable] = {
    F.linear: _linear,
    torch.cat: _concatenate,
    torch.concat: _concatenate,
    torch.stack: _stack,
    torch.add: add,
    torch.sub: subtract,
    torch.rsub: lambda a, b, *, alpha=1: subtract(b, a, alpha=alpha),
    torch.mul: times,
    torch.multiply: times,
    torch.addcmul: _scaled_and_shifted,
    torch.div: _divide,
    torch.true_divide: _divide,
    torch.pow: lambda a, b: a**b,
    torch.neg: lambda a: -a,
    torch.matmul: lambda a, b: a @ b,
    torch.sum: lambda a, dim, keepdim=False: a.sum(dim, keepdim),
    torch.mean: mean,
    torch.chunk: chunk,
    torch.split: split,
    torch.unbind: unbind,
    torch.hstack: lambda jets: _concatenate(jets, 1),
    torch.column_stack: lambda jets: _concatenate(jets, 1),
    torch.reshape: reshape,
    torch.flatten: flatten,
    torch.transpose: transpose,
    torch.clone: lambda a, **_: a,
    torch.addmm: addmm,
    torch.rsqrt: lambda a: a**-0.5,
    torch.log1p: lambda a: torch.log(a + 1.0),
    F.layer_norm: layer_norm,
    F.batch_norm: batch_norm,
    F.glu: glu,
    torch.unsqueeze: lambda a, dim: a.unsqueeze(dim),
    torch.squeeze: lambda a, dim: a.squeeze(dim),
    torch.select: lambda a, dim, i: a[(slice(None),) * dim + (i,)],
    torch.zeros_like: lambda a, **_: a * 0.0,
    torch.ones_like: lambda a, **_: a * 0.0 + 1.0,
    F.dropout: dropout,
    Tensor.add: add,
    Tensor.__add__: add,
    Tensor.__radd__: add,
    Tensor.sub: subtract,
    Tensor.__sub__: subtract,
    Tensor.__rsub__: lambda a, b: subtract(b, a),
    Tensor.mul: times,
    Tensor.__mul__: times,
    Tensor.__rmul__: times,
    Tensor.__truediv__: _divide,
    Tensor.div: _divide,
}
RULES.update({f: _pointwise_rule(f, derivatives) for f, derivatives in POINTWISE.items()})
# Methods of tensors that are no functions of torch.
METHODS: dict[str, Callable] = {
    "view": reshape,
    "contiguous": lambda a, **_: a,
    "to": convert,
    "type_as": lambda a, other: convert(a, other.dtype),
    "float": lambda a: convert(a, torch.float32),
    "double": lambda a: convert(a, torch.float64),
}
