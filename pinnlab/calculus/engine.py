"""Jets of any module: Taylor mode where it has rules, nested differentiation where it has none."""

import logging
import traceback
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import grad
from torch.nn import functional as F

from pinnlab.calculus.layout import Collapsed, Layout, Slot
from pinnlab.calculus.taylor import TaylorTensor, seed
from pinnlab.calculus.unsupported import UnsupportedOperation
from pinnlab.errors import DeclarationError

logger = logging.getLogger(__name__)


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
    """
    start = seed(x, layout) if start is None else start
    if not getattr(module, "_taylor_unsupported", False):
        try:
            return module(start).stacked()
        except (UnsupportedOperation, TypeError, AttributeError) as reason:
            # What a tensor can do and a jet cannot, such as a comparison, is no error of the
            # module's; if it is, the module fails below on tensors as well.
            where = _layer_of(reason, module)
            logger.warning(
                "%s: %s%s; its derivatives come from nested differentiation, which is slower",
                type(module).__name__,
                reason,
                f" in layer '{where}'" if where else "",
            )
            module._taylor_unsupported = True  # type: ignore[assignment]
    return (functional_jet if layout.transparent else reference_jet)(module, x, layout, start)


def _layer_of(error: BaseException, module: nn.Module) -> str:
    """The innermost submodule whose forward was running when the error was raised."""
    names = {id(child): name for name, child in module.named_modules() if name}
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
        values = _checked(module, points)
        known: dict[tuple[int, tuple[int, ...]], Tensor] = {}

        def derivative(column: int, index: tuple[int, ...]) -> Tensor:
            if not index:
                return values[:, column]
            key = (column, index)
            if key not in known:
                lower = derivative(column, index[:-1])
                # A derivative that no longer depends on the points is zero.
                (g,) = (
                    torch.autograd.grad(lower.sum(), points, create_graph=True, allow_unused=True)
                    if lower.requires_grad
                    else (None,)
                )
                g = torch.zeros_like(points) if g is None else g
                for k, row in rows.items():
                    known[column, (*index[:-1], k)] = _directed(g, row)
            return known[key]

        return _assemble(derivative, values.shape[1], layout)


def functional_jet(
    module: nn.Module, x: Tensor, layout: Layout, start: TaylorTensor | None = None
) -> TaylorTensor:
    """The same jet by nested :func:`torch.func.grad`, which can be transformed itself."""
    rows = _direction_rows(x, layout, start)

    def partial(column: int, index: tuple[int, ...]) -> Callable[[Tensor], Tensor]:
        """The function that maps points ``(n, d)`` to one derivative ``(n,)``."""
        if not index:
            return lambda points: module(points)[:, column]
        lower = partial(column, index[:-1])
        row = rows[index[-1]]
        return lambda points: _directed(grad(lambda p: lower(p).sum())(points), row)

    width = _checked(module, x).shape[1]
    return _assemble(lambda column, index: partial(column, index)(x), width, layout)


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


def _checked(module: nn.Module, x: Tensor) -> Tensor:
    values = module(x)
    if values.ndim != 2 or len(values) != len(x):
        raise DeclarationError(
            f"{type(module).__name__} has outputs of the wrong shape",
            expected=f"({len(x)}, number of fields)",
            got=tuple(values.shape),
            do="return one row per point and one column per field",
        )
    return values


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
