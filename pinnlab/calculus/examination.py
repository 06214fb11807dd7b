r"""Whether a module is as smooth as the equations need, found out before it is trained.

Activations with kinks are known by their names. Where a module takes the points apart in another
way, the derivatives that it has are integrated along lines through the points: unless

.. math:: \int_0^1 \partial_s^{k+1} u \, ds = \partial_s^k u(1) - \partial_s^k u(0)

some derivative jumps between the points and no residual sees it.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pinnlab.calculus.unsupported import NotSmooth, TrainingMode, UnfitModule
from pinnlab.calculus.watching import BRANCHING, KINKED, Differentiable, operations

LINES = 8
# Cells of a line with three nodes each, few and many.
CELLS = (48, 96)
# Larger inputs than this are not brought to so many nodes.
MOST_COLUMNS = 100_000
MISSING = 0.03


def refuse_kinked(module: Any, x: Tensor, order: int) -> list[str]:
    """Look for operations of a module that have no derivatives of an order.

    Args:
        module: Maps points to outputs.
        x: Some points ``(n, d)``.
        order: That the equations read.

    Returns:
        The operations that may have kinks, or none, depending on their use.

    Raises:
        NotSmooth: If one is an activation that has none.
        TrainingMode: If a layer is in training mode.
    """
    try:
        with torch.enable_grad():
            seen = operations(module, _points(x[:2]))
    except TrainingMode:
        raise
    except Exception:  # whatever a module raises is told where it is evaluated
        return []
    for name in seen:
        least = KINKED.get(name, math.inf) + 2
        if order >= least:
            raise NotSmooth(name, int(least), order)
    return [name for name in seen if name in BRANCHING]


def refuse_jumps(module: Any, x: Tensor, order: int, seen: list[str]) -> None:
    """Compare the derivatives of a module with each other along lines through the points.

    Args:
        module: Maps points to outputs.
        x: Some points ``(n, d)``.
        order: That the equations read.
        seen: What may be the cause, by name.

    Raises:
        NotSmooth: If one of them jumps.
    """
    if order == 0 or len(x) < 2 or x.shape[1] > MOST_COLUMNS:
        return
    name, straight = ", ".join(seen) or type(module).__name__, order > 1
    rng = np.random.default_rng(0)
    for _ in range(LINES):
        i, j = rng.choice(len(x), 2, replace=False)
        try:
            few, many = (_balances(module, x[i], x[j], order, cells) for cells in CELLS)
        except RuntimeError:  # told where the derivatives are taken
            return
        for k, (coarse, fine) in enumerate(zip(few, many, strict=True)):
            missing = abs(fine.change - fine.integral)
            # Where more nodes bring it nearer, the function is steep but smooth.
            if missing > MISSING and abs(fine.integral - coarse.integral) < 0.3 * missing:
                raise NotSmooth(name, k + 1, order)
        straight = straight and not many[0].flat and many[1].flat
    # A network that is linear between its kinks, none of which lies on the lines.
    if seen and straight:
        raise NotSmooth(name, 2, order)


def _points(x: Tensor) -> Tensor:
    """The same points, such that a module may differentiate by them and write to them."""
    return x.detach().requires_grad_().clone()


class Balance(NamedTuple):
    """A derivative on a line: its change and the integral of the next, both over its range."""

    change: float
    integral: float
    flat: bool


def _balances(module: Any, start: Tensor, end: Tensor, order: int, cells: int) -> list[Balance]:
    """The balance of each derivative below an order on a line, and whether the next is zero."""
    nodes, weights = np.polynomial.legendre.leggauss(3)
    inner = (np.arange(cells)[:, None] + (nodes + 1) / 2).ravel() / cells
    weight = torch.as_tensor(np.tile(weights / 2 / cells, cells)).to(start)
    with torch.enable_grad():
        s = torch.as_tensor(np.concatenate([[0.0], inner, [1.0]])).to(start).requires_grad_()
        with Differentiable():
            u = module(start.detach() + s[:, None] * (end - start).detach())
        digits = torch.finfo(u.dtype).eps ** 0.5
        values = u.detach()
        scale = values.amax(0) - values.amin(0)
        # Of a constant only rounding errors change.
        moving = scale > digits * values.abs().amax(0)
        lower = (u[:, moving] / scale[moving]).sum(1)
        out, largest = [], 0.0
        for _ in range(order):
            upper = torch.zeros_like(s)
            if lower.requires_grad:
                (upper,) = torch.autograd.grad(
                    lower.sum(), s, create_graph=True, materialize_grads=True
                )
            below, above = lower.detach(), upper.detach()
            size = float(below.amax() - below.amin())
            largest = max(largest, float(below.abs().amax()))
            change, integral = float(below[-1] - below[0]), float((above[1:-1] * weight).sum())
            if size <= digits * largest:
                change, integral, size = 0.0, 0.0, 1.0
            out.append(Balance(change / size, integral / size, not bool(above.any())))
            lower = upper
    return out


def refuse_joined(module: Any, x: Tensor) -> None:
    """Compare the outputs at some points with those at all of them, and at another call.

    Raises:
        UnfitModule: If they differ.
    """
    n = len(x)
    if n < 2:
        return
    with torch.enable_grad(), Differentiable():
        values, again, part = (module(_points(p)).detach() for p in (x, x, x[: max(2, n // 2)]))
    size = float((values.amax(0) - values.amin(0)).abs().max()) + float(values.abs().max())
    tolerance = torch.finfo(values.dtype).eps ** 0.5 * size
    for other, what in ((again, "at every call"), (part, "with the points beside it")):
        if float((values[: len(other)] - other).abs().max()) > tolerance:
            raise UnfitModule(
                f"The output of {type(module).__name__} at a point changes {what}",
                expected="a module that treats every point by itself, the same at every call",
                got="other values at the same point",
                do="treat every point by itself, with no means or extremes over the points; call "
                ".eval() of the network if it has layers such as dropout",
            )
