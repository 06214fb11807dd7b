"""Jets of any module: Taylor mode where it has rules, nested differentiation where it has none."""

import logging
import traceback
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import grad
from torch.nn import functional as F

from pinnlab.calculus.examination import refuse_joined, refuse_jumps, refuse_kinked
from pinnlab.calculus.layout import Collapsed, Layout, Slot
from pinnlab.calculus.taylor import TaylorTensor, seed
from pinnlab.calculus.unsupported import TrainingMode, UnfitModule, UnsupportedOperation
from pinnlab.calculus.watching import Differentiable
from pinnlab.errors import DeclarationError

logger = logging.getLogger(__name__)

# Operations with kinks that jets have rules for, because expressions of the points use them.
KINKED_RULES = frozenset(("abs", "absolute"))


def propagate(
    module: nn.Module, x: Tensor, layout: Layout, start: TaylorTensor | None = None
) -> TaylorTensor:
    """All slots of ``layout`` for the outputs of ``module`` at the points ``x``.

    A module that uses an operation without a Taylor rule is differentiated by
    :func:`reference_jet` instead, which is slower; the module says so once in the log.

    Args:
        module: Maps points ``(n, d)`` to outputs ``(n, c)``, each row from its own point only.
        x: Points ``(n, d)``.
        layout: Slots and the points that each covers.
        start: The points as a jet, if they have directions beside their columns.

    Returns:
        The jet, its values of shape ``(n, c)``.

    Raises:
        UnfitModule: If the module cannot be evaluated or differentiated, joins the points, or
            is not smooth enough.
    """
    start = seed(x, layout) if start is None else start
    try:
        if not layout.transparent and layout.order > getattr(module, "_examined", -1):
            _examine(module, x, layout.order)
        if not getattr(module, "_taylor_unsupported", False):
            try:
                return module(start).stacked()
            except Exception as reason:
                # What a tensor can do and a jet cannot, such as a comparison, is no error of the
                # module's; if it is, the module fails below on tensors as well.
                if not _is_of_the_module(reason):
                    raise
                _settle_for_nesting(module, x, layout, reason)
        return (functional_jet if layout.transparent else reference_jet)(module, x, layout, start)
    except TrainingMode as error:
        raise TrainingMode(error.operation, error.layer or _layer_of(error, module)) from None


def _examine(module: nn.Module, x: Tensor, order: int) -> None:
    """Refuse what has no derivatives of an order, the first time that they are asked for."""
    _refuse_compiled(module)
    branching = refuse_kinked(module, x, order) if order > 1 else []
    nested = getattr(module, "_taylor_unsupported", False)
    if nested or KINKED_RULES.intersection(branching):
        refuse_jumps(module, x, order, branching)
    # What is missing is found by nn.Module ten times as slowly, and every step asks for it.
    module._taylor_unsupported = nested  # type: ignore[assignment]
    if len(x) > 1:  # one point tells of kinks by their names only
        module._examined = order  # type: ignore[assignment]


def _settle_for_nesting(module: nn.Module, x: Tensor, layout: Layout, reason: Exception) -> None:
    """Have a module that does not take jets differentiated by nesting from now on, and say so."""
    branching: list[str] = []
    if not layout.transparent:
        with torch.enable_grad():
            values_of(module, x.detach().clone().requires_grad_())
        refuse_joined(module, x)
        branching = refuse_kinked(module, x, layout.order)
        refuse_jumps(module, x, layout.order, branching)
    logger.warning(
        "%s: %s%s; its derivatives come from nested differentiation, which is slower%s",
        type(module).__name__,
        _in_words(reason),
        _layers([_layer_of(reason, module)], " in layer {}"),
        f", and are those of single branches where it takes points apart ({', '.join(branching)})"
        if branching
        else "",
    )
    module._taylor_unsupported = True  # type: ignore[assignment]


def _is_of_the_module(error: Exception) -> bool:
    """Whether an error is one of the module, not of the machine."""
    if isinstance(error, UnsupportedOperation):
        return True
    if isinstance(error, DeclarationError | torch.OutOfMemoryError | MemoryError):
        return False
    return not (torch.cuda.is_available() and torch.cuda.is_current_stream_capturing())


def _in_words(error: Exception) -> str:
    """The first line of an error; that of Python for an operator on a jet, in plain words."""
    if isinstance(error, UnsupportedOperation):
        return str(error)
    text = str(error).strip().splitlines()[:1]
    return f"it does not take jets ({': '.join([type(error).__name__, *text])})"


def _layer_of(error: BaseException, module: nn.Module) -> str:
    """The innermost submodule whose forward was running when the error was raised."""
    modules = module.named_modules() if isinstance(module, nn.Module) else ()
    names = {id(child): name for name, child in modules if name}
    found = ""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        found = names.get(id(frame.f_locals.get("self")), found)
    return found


def reference_jet(
    module: nn.Module, x: Tensor, layout: Layout, start: TaylorTensor | None = None
) -> TaylorTensor:
    """The same jet by nested reverse-mode differentiation: slow, and independent of every rule."""
    rows = _direction_rows(x, layout, start)
    with torch.enable_grad():
        points = x.detach().clone().requires_grad_()
        values = values_of(module, points)
        known: dict[tuple[int, tuple[int, ...]], Tensor] = {}

        def derivative(column: int, index: tuple[int, ...]) -> Tensor:
            if not index:
                return values[:, column]
            key = (column, index)
            if key not in known:
                lower = derivative(column, index[:-1])
                g = _gradient(module, lower, points, len(index))
                for k, row in rows.items():
                    known[column, (*index[:-1], k)] = _directed(g, row)
            return known[key]

        return _assemble(derivative, values.shape[1], layout)


def _gradient(module: nn.Module, lower: Tensor, points: Tensor, order: int) -> Tensor:
    """One more derivative, of ``lower`` by the points ``(n, d)``; zero where it is constant."""
    if not lower.requires_grad:
        return torch.zeros_like(points)
    try:
        (g,) = torch.autograd.grad(lower.sum(), points, create_graph=True, allow_unused=True)
    except (RuntimeError, NotImplementedError) as error:
        if not _is_of_the_module(error):
            raise
        kinds = (nn.RNNBase, nn.MultiheadAttention, torch.jit.ScriptModule)
        names = [name for name, part in _parts(module) if isinstance(part, kinds)]
        raise UnfitModule(
            f"{type(module).__name__} cannot be differentiated {order} times by torch"
            + _layers(names),
            expected="operations that torch differentiates as often as the equations do",
            got=str(error).strip().splitlines()[0],
            do="write the layer of elementary operations, or leave it out",
        ) from error
    return torch.zeros_like(points) if g is None else g


def functional_jet(
    module: nn.Module, x: Tensor, layout: Layout, start: TaylorTensor | None = None
) -> TaylorTensor:
    """The same jet by nested :func:`torch.func.grad`, which can be transformed itself."""
    rows = _direction_rows(x, layout, start)

    def partial(column: int, index: tuple[int, ...]) -> Callable[[Tensor], Tensor]:
        """The function that maps points ``(n, d)`` to one derivative ``(n,)``."""
        if not index:
            return lambda points: _values(module, points)[:, column]
        lower = partial(column, index[:-1])
        row = rows[index[-1]]
        return lambda points: _directed(grad(lambda p: lower(p).sum())(points), row)

    width = values_of(module, x).shape[1]
    return _assemble(lambda column, index: partial(column, index)(x), width, layout)


def _values(module: nn.Module, points: Tensor) -> Tensor:
    with Differentiable():
        return module(points)


def _direction_rows(
    x: Tensor, layout: Layout, start: TaylorTensor | None
) -> dict[int, int | Tensor]:
    """Every direction of a layout as a column, or as its components at each point ``(n, d)``."""
    slopes = None if start is None else start.directions
    if slopes is None:
        return {k: k for k in layout.directions}
    rows = slopes.each(list(layout.directions.values()))
    return {
        k: k if k < x.shape[1] else F.pad(row, (0, 0, 0, len(x) - len(row)))
        for k, row in zip(layout.directions, rows, strict=True)
    }


def _directed(gradient: Tensor, row: int | Tensor) -> Tensor:
    """One column of a gradient ``(n, d)``, or its product with a direction, ``(n,)``."""
    return gradient[:, row] if isinstance(row, int) else (gradient * row).sum(-1)


def values_of(module: nn.Module, x: Tensor) -> Tensor:
    """The values of a module at points, ``(n, c)``.

    Args:
        module: To be evaluated.
        x: Points ``(n, d)``.

    Raises:
        UnfitModule: If it does not take points, or returns something else.
    """
    _refuse_compiled(module)
    try:
        with Differentiable():
            values = module(x)
    except TrainingMode as error:
        raise TrainingMode(error.operation, _layer_of(error, module)) from None
    except (DeclarationError, torch.OutOfMemoryError, MemoryError):
        raise
    except Exception as error:
        if not _is_of_the_module(error):
            raise
        where = _layer_of(error, module)
        text = str(error).strip().splitlines()[:1]
        raise UnfitModule(
            f"{type(module).__name__} does not take points of shape {tuple(x.shape)}"
            + _layers([where]),
            expected="a module whose forward takes all points as one tensor (n, d), a column for "
            "each coordinate, and returns (n, number of fields)",
            got=": ".join([type(error).__name__, *text]),
            do="correct the module; module(torch.rand(5, "
            f"{x.shape[1]})) must return a tensor of 5 rows",
        ) from error
    if not isinstance(values, Tensor) or values.ndim != 2 or len(values) != len(x):
        shape = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise UnfitModule(
            f"{type(module).__name__} has outputs of the wrong shape",
            expected=f"a tensor of shape ({len(x)}, number of fields)",
            got=shape,
            do="return one row per point and one column per field",
        )
    return values


def _parts(module: nn.Module) -> list[tuple[str, nn.Module]]:
    return list(module.named_modules()) if isinstance(module, nn.Module) else []


def _refuse_compiled(module: nn.Module) -> None:
    """Refuse what torch.compile made: it takes no jets, and torch differentiates it only once."""
    found = [
        (name, part)
        for name, part in _parts(module)
        if hasattr(part, "_orig_mod") or getattr(part, "_compiled_call_impl", None) is not None
    ]
    if found:
        raise UnfitModule(
            f"A compiled module has no second derivatives{_layers([name for name, _ in found])}",
            expected="the module before torch.compile",
            got=type(found[0][1]).__name__,
            do="give the module itself, and let the solver compile: solve(execution='compiled')",
        )


def _layers(names: list[str], text: str = " (layer {})") -> str:
    """Layers by their names, behind what happens in them."""
    named = [f"'{name}'" for name in names if name]
    return text.format(", ".join(named)) if named else ""


def _assemble(
    derivative: Callable[[int, tuple[int, ...]], Tensor], width: int, layout: Layout
) -> TaylorTensor:
    """A jet from the derivatives ``(n,)`` of each column by multi-index."""

    def slot_values(column: int, slot: Slot) -> Tensor:
        if isinstance(slot, Collapsed):
            return sum(c * derivative(column, index) for index, c in slot.terms)  # type: ignore[return-value]
        return derivative(column, slot)

    rows = [
        torch.stack([slot_values(c, slot)[:count] for c in range(width)], -1)
        for slot, count in zip(layout.slots, layout.counts, strict=True)
    ]
    return TaylorTensor(layout, torch.cat(rows))
