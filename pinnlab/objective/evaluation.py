"""The residuals of all terms, from a surrogate at frozen points.

All point sets go through the engine as one batch; a term then reads a window of the jets for each
of its placements. Parameters that are functions of the points may be given by their values there.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from torch import Tensor, nn
from torch.func import functional_call

from pinnlab.calculus.directions import Drawn
from pinnlab.calculus.engine import propagate
from pinnlab.calculus.formula import Formula
from pinnlab.calculus.jet import PointFunction, TabulatedFunction
from pinnlab.calculus.sources import tensor_source
from pinnlab.conditions.context import Context
from pinnlab.conditions.placement import Placement
from pinnlab.conditions.term import Term
from pinnlab.objective.frozen_points import FrozenPoints
from pinnlab.objective.inputs import TABLE, Reads
from pinnlab.objective.state import State
from pinnlab.sampling.points import Points

T = TypeVar("T")
Estimates = tuple[dict[str, Tensor], dict[str, Tensor]]


def estimates(
    terms: Sequence[Term],
    state: State,
    frozen: FrozenPoints,
    *,
    transparent: bool,
    known: Mapping[Placement, Mapping[str, Tensor]],
    reads: Reads | None = None,
) -> Estimates:
    """The residual blocks, and an independent estimate of those that are not to be squared.

    Args:
        terms: Whose residuals are wanted.
        state: Surrogate, ansatz and parameters.
        frozen: Points and directions.
        transparent: See :class:`~pinnlab.calculus.layout.Layout`.
        known: Per placement what :func:`known_parameters` found, which need not be all.
        reads: Notes what the terms ask for.

    Returns:
        Both by term name, ``(n_k, c_k)``.
    """
    batches = frozen.joined(transparent)
    prepared = frozen.prepared(state.ansatz, transparent)
    network = propagate(state.surrogate, batches.x, batches.layout, batches.start)
    jets = state.ansatz.apply(network, prepared)
    table = batches.table(jets)
    values = state.values()
    contexts: dict[tuple[Placement, bool], Context] = {}

    def context(placement: Placement, twin: bool) -> Context:
        key = placement, twin
        if key not in contexts:
            window = batches.window(frozen.numbers[placement], table, twin=twin)
            given = _stand_ins(known.get(placement, {}), state.constants, batches.drawn)
            parameters: Mapping[str, Any] = {**values, **given}
            if reads is not None:
                parameters = reads.watched(placement, parameters)
            contexts[key] = Context(window, state.fields, parameters, window.points)
        return contexts[key]

    blocks, twins = {}, {}
    for term in terms:
        blocks[term.name] = term.residual([context(p, False) for p in term.placements])
        if any(frozen.demands[p].twins for p in term.placements):
            twins[term.name] = term.residual(
                [context(p, bool(frozen.demands[p].twins)) for p in term.placements]
            )
    return blocks, twins


def known_parameters(
    names: Iterable[str],
    points: Points,
    normals: Tensor | None,
    constants: Mapping[str, Any],
    drawn: Drawn | None,
) -> dict[str, Tensor]:
    """The values of parameters that are functions of the points, but no expressions.

    Of a function with derivatives along random directions a table of these as well.

    Args:
        names: Of the parameters that are read.
        points: Where they are evaluated.
        normals: Of these points, if they are read.
        constants: Known parameters by name.
        drawn: The directions of differentiation.
    """
    source = tensor_source(points.coordinates, points.x, normals)
    context = Context(source, (), constants, points)
    values = {
        name: context[name] for name in sorted(names) if isinstance(constants.get(name), Formula)
    }
    sources = {k: v for k, v in values.items() if isinstance(v, PointFunction)}
    rays = drawn.rays() if sources and drawn is not None else {}
    tables = {k + TABLE: v.tabulated(list(rays.values())) for k, v in sources.items()}
    return tables | {k: v for k, v in values.items() if isinstance(v, Tensor) and v.ndim}


def _stand_ins(
    known: Mapping[str, Tensor], constants: Mapping[str, Any], drawn: Drawn | None
) -> dict[str, Any]:
    """What stands for parameters whose values, and maybe derivatives, are known."""
    if not any(name.endswith(TABLE) for name in known):
        return dict(known)
    rays = () if drawn is None else tuple(drawn.rays())

    def stand_in(name: str, table: Tensor) -> Formula:
        whole = constants[name]
        return Formula(lambda context: TabulatedFunction(whole(context).coordinate, table, rays))

    tables = {k.removesuffix(TABLE): v for k, v in known.items() if k.endswith(TABLE)}
    others = {k: v for k, v in known.items() if not k.endswith(TABLE)}
    return others | {name: stand_in(name, table) for name, table in tables.items()}


def with_values(state: State, values: Mapping[str, Tensor], evaluate: Callable[[], T]) -> T:
    """What an evaluation gives with other values, by name, in place of those of the state."""
    call = _Call(state, evaluate)
    return functional_call(call, {f"state.{name}": value for name, value in values.items()}, ())


class _Call(nn.Module):
    """Lets ``functional_call`` swap the state's parameters for one evaluation."""

    def __init__(self, state: State, evaluate: Callable[[], Any]) -> None:
        super().__init__()
        self.state = state
        self._evaluate = evaluate

    def forward(self) -> Any:
        return self._evaluate()
