"""Chains as single operations of torch, for those who record operations and compile them.

A compiler makes few kernels of what stands before and behind a chain, which takes up to half of a
small network's step. The chain itself is carried out as ever, block by block in the cache: what a
compiler makes of its operations, each on the jets of all points, is slower.
"""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from weakref import WeakValueDictionary

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from pinnlab.calculus import products, strips
from pinnlab.calculus.chain import Pass, Use, stand_in
from pinnlab.calculus.chain_gradients import Inputs, widths
from pinnlab.calculus.layout import Layout
from pinnlab.calculus.pointwise import Derivatives
from pinnlab.calculus.slopes import Units


@dataclass(eq=False)
class Plan:
    """What an operation that stands for a chain knows besides its arrays.

    Args:
        kind: How a block goes through the layers.
        functions: Of the layers.
        layout: Slots and points.
        shapes: Of start, slopes, and every weight and bias in turn.
        width: Features of the result.
        use: The latest evaluation, until its way back.
    """

    kind: type[Pass]
    functions: tuple[Derivatives | None, ...]
    layout: Layout
    shapes: list[torch.Size | None]
    width: int
    use: Use | None = None


_plans: WeakValueDictionary[int, Plan] = WeakValueDictionary()
_numbers = itertools.count()


@contextmanager
def recording(device: torch.device) -> Iterator[list[Plan]]:
    """Evaluate chains as operations that can be recorded, where there is compiled arithmetic.

    Yields:
        What has to be kept for as long as these operations are used.
    """
    plans: list[Plan] = []

    def evaluate(
        kind: type[Pass],
        functions: tuple[Derivatives | None, ...],
        layout: Layout,
        *arguments: object,
    ) -> Tensor:
        return _RecordedChain.apply(plans, kind, functions, layout, *arguments)  # type: ignore

    if device.type != "cpu" or not strips.compiled() or not products.compiled():
        yield plans
        return
    token = stand_in.set(evaluate)
    try:
        yield plans
    finally:
        stand_in.reset(token)


class _RecordedChain(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx,
        plans: list[Plan],
        kind: type[Pass],
        functions: tuple[Derivatives | None, ...],
        layout: Layout,
        units: Units | None,
        start: Tensor,
        slopes: Tensor | None,
        *tensors: Tensor | None,
    ) -> Tensor:
        shapes = [None if t is None else t.shape for t in (start, slopes, *tensors)]
        width = widths(start, tensors[0::2])[-1]
        plan, number = Plan(kind, functions, layout, shapes, width), next(_numbers)
        plans.append(plan)
        _plans[number] = plan
        columns, scale = (None, None) if units is None else (units.columns, units.scale)
        out = torch.ops.pinnlab.chain(number, start, columns, scale, slopes, tensors)
        ctx.number = number
        ctx.save_for_backward(out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, *grad_outputs: Tensor):
        (out,) = ctx.saved_tensors
        needed = list(ctx.needs_input_grad[5:])
        found = iter(torch.ops.pinnlab.chain_backward(ctx.number, out, grad_outputs[0], needed))
        return None, None, None, None, None, *(next(found) if own else None for own in needed)


def _forward(
    number: int,
    start: Tensor,
    columns: Tensor | None,
    scale: Tensor | None,
    slopes: Tensor | None,
    tensors: Sequence[Tensor | None],
) -> Tensor:
    plan = _plans[number]
    units = None if columns is None or scale is None else Units(columns, scale)
    inputs = Inputs(plan.layout, start, units, slopes, tensors)
    plan.use = Use(plan.kind, plan.functions, inputs, keep=True)
    return plan.use.forward()


def _forward_shape(number: int, start: Tensor, *_: object) -> Tensor:
    plan = _plans[number]
    return start.new_empty((plan.width, plan.layout.rows)).T


def _backward(number: int, out: Tensor, grad: Tensor, needed: Sequence[bool]) -> list[Tensor]:
    plan = _plans[number]
    use, plan.use = plan.use, None
    assert use is not None
    return [g.contiguous() for g in use.backward(grad, needed) if g is not None]


def _backward_shape(number: int, out: Tensor, grad: Tensor, needed: Sequence[bool]) -> list[Tensor]:
    shapes = zip(_plans[number].shapes, needed, strict=True)
    return [out.new_empty(shape) for shape, own in shapes if own and shape is not None]


# The result is an argument of the way back: nobody may take that before the way there.
_library = torch.library.Library("pinnlab", "DEF")
_library.define(
    "chain(int plan, Tensor start, Tensor? columns, Tensor? scale, Tensor? slopes, "
    "Tensor?[] tensors) -> Tensor"
)
_library.define("chain_backward(int plan, Tensor result, Tensor grad, bool[] needed) -> Tensor[]")
_library.impl("chain", _forward, "CPU")
_library.impl("chain_backward", _backward, "CPU")
torch.library.register_fake("pinnlab::chain", _forward_shape, lib=_library)
torch.library.register_fake("pinnlab::chain_backward", _backward_shape, lib=_library)
