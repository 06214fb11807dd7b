"""Loss and gradient as one compiled function.

The loss of a problem is evaluated once on recorded tensors: what comes out is a flat list of tensor
operations from parameters, points and directions to the loss and its gradient, however it was
declared. The compiler behind ``torch.compile`` fuses them; points and directions are arguments, so
that new ones need no new compilation. On a processor the chains of a network's layers are one
operation each, with its hand-written way back (:mod:`~pinnlab.calculus.recorded_chain`); all else,
and on a GPU everything, are plain operations.

Every compiled function is compared with the evaluation that it replaces before it is used. If
anything goes wrong, that evaluation goes on as before, and :attr:`CompiledLoss.fallback` says why.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pinnlab.calculus.recorded_chain import Plan, recording
from pinnlab.objective.evaluation import with_values
from pinnlab.objective.inputs import Inputs, Reads

if TYPE_CHECKING:
    from pinnlab.objective.objective import Objective

logger = logging.getLogger(__name__)

MOST_FUNCTIONS = 8  # for different numbers of points; each takes seconds to compile
# Rounding errors of a second derivative that may differ when operations are ordered anew.
TOLERANCE = 1e4


class CompiledLoss:
    """Stands in for the evaluation of an objective's loss and gradient.

    Attributes:
        fallback: Why nothing is compiled any more; empty as long as all is well.
        compilations: How many functions were compiled.
    """

    def __init__(self) -> None:
        self.fallback = ""
        self.compilations = 0
        self._reads: Reads | None = None
        self._known = False
        self._functions: dict[tuple, Callable[..., Any]] = {}

    def __call__(self, objective: "Objective") -> tuple[Tensor, Tensor]:
        """Loss and mean squares ``(m,)``; the gradient goes to ``.grad`` of the parameters."""
        if self.fallback:
            return objective.evaluate_with_gradient()
        if self._reads is None:
            self._reads = objective.reads()
            # Functions of the points that are made for a processor are arguments; on other
            # devices they are operations among the others, and better fused with them.
            self._known = objective.parameters[0].device.type == "cpu"
            if self._known:
                self._reads.keep(objective.inputs(self._reads, known=True))
        inputs = objective.inputs(self._reads, transparent=True, known=self._known)
        tensors = inputs.tensors()
        key = tuple((tuple(t.shape), t.stride(), t.dtype, t.device) for t in tensors)
        function = self._functions.get(key)
        if function is None:
            return self._first(objective, inputs, key)
        return _written(objective, function(*_values(objective), *tensors))

    def _first(self, objective: "Objective", inputs: Inputs, key: tuple) -> tuple[Tensor, Tensor]:
        """Compile for new shapes, and compare."""
        loss, squares = objective.evaluate_with_gradient()
        expected = [loss, *_gradients(objective)]
        if len(self._functions) >= MOST_FUNCTIONS:
            self._give_up(objective, f"the numbers of points changed {MOST_FUNCTIONS} times")
            return loss, squares
        try:
            with _quiet():
                function = compiled(objective, inputs)
                result = function(*_values(objective), *inputs.tensors())
        except Exception as reason:  # whatever a compiler may raise
            words = [type(reason).__name__, *str(reason).strip().splitlines()[:1]]
            self._give_up(objective, ": ".join(words)[:200])
            return loss, squares
        found = [result[0], *result[2:]]
        difference = _largest_difference(expected, found)
        if not difference <= TOLERANCE * torch.finfo(loss.dtype).eps and bool(loss.isfinite()):
            self._give_up(objective, f"the compiled loss or gradient differs by {difference:.1e}")
            return loss, squares
        self.compilations += 1
        self._functions[key] = function
        return _written(objective, result)

    def _give_up(self, objective: "Objective", reason: str) -> None:
        self.fallback = f"the loss is not compiled: {reason}"
        objective.fallbacks.append(self.fallback)
        self._functions.clear()
        logger.warning("%s; training goes on without", self.fallback)


def compiled(objective: "Objective", inputs: Inputs) -> Callable[..., Sequence[Tensor]]:
    """A compiled function of parameters and input arrays, which must all be of the same kind.

    It returns the loss, the mean squares of the terms, and the gradient by each parameter.
    """
    module, plans = flattened(objective, inputs)
    return _Compiled(fused(module, [*_values(objective), *inputs.tensors()]), plans)


@dataclass(frozen=True, eq=False)
class _Compiled:
    """A compiled function, and what its operations find by number as long as somebody keeps it."""

    function: Callable[..., Sequence[Tensor]]
    plans: list[Plan]

    def __call__(self, *arguments: Tensor) -> Sequence[Tensor]:
        return self.function(*arguments)


def fused(module: torch.fx.GraphModule, arguments: list[Tensor]) -> Callable[..., Sequence[Tensor]]:
    """What a compiler makes of a list of operations, for arguments such as these."""
    if arguments[0].device.type != "cpu":
        return torch.compile(module, fullgraph=True, dynamic=False)
    from torch._inductor import compile, config  # slow to import, seldom needed

    # What torch.compile does beside this, to record the operations once more and to check in every
    # call that they still hold, takes as long as a small network. Kernels are for one thread: sums
    # over directions that torch 2.13 compiles for several write out of bounds, and what stands
    # around the chains, which share out their points themselves, is too short for several. No call
    # checks sizes again that the arguments determine. The compiler draws numbers.
    options = {"cpp.threads": 1, "size_asserts": False}
    with torch.random.fork_rng(devices=[]), config.patch(options):
        return compile(module, arguments)  # type: ignore[return-value]


def flattened(objective: "Objective", inputs: Inputs) -> tuple[torch.fx.GraphModule, list[Plan]]:
    """The same as a list of tensor operations, and what has to be kept beside it."""
    from torch.fx.experimental.proxy_tensor import make_fx  # slow to import, seldom needed

    names = [name for name, p in objective.state.named_parameters() if p.requires_grad]

    def function(*arguments: Tensor) -> tuple[Tensor, ...]:
        values, tensors = arguments[: len(names)], arguments[len(names) :]
        leaves = [value.detach().requires_grad_() for value in values]
        there = objective.at(inputs.with_tensors(tensors))
        squares = with_values(
            there.state,
            dict(zip(names, leaves, strict=True)),
            lambda: there.mean_squares(*there._estimates(True)),
        )
        loss = there.loss_of(squares)
        gradients = torch.autograd.grad(loss, leaves, allow_unused=True, materialize_grads=True)
        # A fused update of the parameters reads their gradients in the order of memory.
        return (loss.detach(), squares.detach(), *[g.contiguous() for g in gradients])

    # Copies lie anywhere in memory, as the arguments of later calls may.
    values = _values(objective)
    with recording(values[0].device) as plans:
        module = make_fx(function)(*values, *[t.clone() for t in inputs.tensors()])
    _add_in_place(module)
    return module, plans


def _add_in_place(module: torch.fx.GraphModule) -> None:
    """Add to some columns of an array in place of adding an array that is zero elsewhere.

    Of weights that meet many coordinates a few columns are gathered for directions. The gradient of
    these is as large as the weights, and zero but for them.
    """
    aten, graph = torch.ops.aten, module.graph

    def of_columns(node: Any) -> bool:
        if not isinstance(node, torch.fx.Node) or node.target is not aten.index_add.default:
            return False
        base: Any = node.args[0]
        return base.target is aten.new_zeros.default

    sums: Any = graph.find_nodes(op="call_function", target=aten.add.Tensor)
    for node in sums:
        columns, other = sorted(node.args[:2], key=of_columns, reverse=True)
        # The result must lie in memory as the sum did: gradients are read in that order.
        if of_columns(columns) and _strides(node) == _strides(other):
            with graph.inserting_before(node):
                total = graph.call_function(columns.target, (other, *columns.args[1:]))
            total.meta = node.meta
            node.replace_all_uses_with(total)
    graph.eliminate_dead_code()
    module.recompile()


def _strides(node: torch.fx.Node) -> tuple[int, ...]:
    return node.meta["val"].stride()


def _values(objective: "Objective") -> list[Tensor]:
    return [parameter.detach() for parameter in objective.parameters]


def _gradients(objective: "Objective") -> list[Tensor]:
    return [torch.zeros_like(p) if p.grad is None else p.grad for p in objective.parameters]


def _written(objective: "Objective", result: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    loss, squares, *gradients = result
    for parameter, gradient in zip(objective.parameters, gradients, strict=True):
        parameter.grad = gradient
    return loss, squares


def _largest_difference(expected: Sequence[Tensor], found: Sequence[Tensor]) -> float:
    """Of the loss, and of the gradient as a whole, each relative to its size."""
    loss = (found[0] - expected[0]).abs() / expected[0].abs().clamp_min(1e-30)
    size = torch.stack([g.double().norm() for g in expected[1:]]).norm().clamp_min(1e-30)
    error = torch.stack(
        [(f - e).double().norm() for e, f in zip(expected[1:], found[1:], strict=True)]
    ).norm()
    return float(torch.maximum(loss.double(), error / size))


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the compiler's warnings about itself."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
