r"""Sums of one function over all coordinates, :math:`\sum_i f(x_i)`, along many directions.

The derivative along directions v, w, … is :math:`\sum_i f^{(m)}(x_i) v_i w_i \cdots`: for unit
vectors one column, for others a product with one vector, and never an array with an axis of
directions and one of coordinates.
"""

import math
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from pinnlab.calculus.host_numbers import host_numbers
from pinnlab.calculus.layout import Collapsed, Layout, SquareSum
from pinnlab.calculus.pointwise import Derivatives
from pinnlab.calculus.slopes import Part, Rows, Slopes, Units

# Columns of a sum over all coordinates that are evaluated at once, so that a million coordinates
# need no second array of the size of the points.
SUM_COLUMNS = 8192


def coordinate_sum(
    x: Tensor, function: Derivatives | None, directions: Slopes, layout: Layout
) -> Tensor:
    """All slots of the sum of a function over all coordinates, ``(rows,)``.

    Args:
        x: The coordinates ``(n, d)``.
        function: Its derivatives; None for the coordinates themselves.
        directions: Along which they are differentiated.
        layout: Slots and points.
    """
    if function is None:
        value = x.sum(1)
    else:
        starts = range(0, x.shape[1], SUM_COLUMNS)
        value = sum(function(x[:, k : k + SUM_COLUMNS], 0)[0].sum(1) for k in starts)
    return torch.cat([value, *_sums_along(x, function, directions, layout)])  # type: ignore


def _sums_along(
    x: Tensor, function: Derivatives | None, directions: Slopes, layout: Layout
) -> list[Tensor]:
    """All slots but the value of a sum of one function over all coordinates."""
    units, squares = directions.units, layout.square_sums
    if units is not None and squares is not None:
        return _squares_along(x, function, units, squares)
    row = {direction: k for k, direction in enumerate(layout.directions)}
    each = [(part, k) for part in directions.parts for k in range(len(part))]
    at = None if units is None else x.index_select(1, units.columns).T  # (k, n)
    slopes = None if at is None or function is None else function(at, layout.order)

    @cache
    def alone(m: int) -> tuple[Tensor, ...]:
        """The m-th derivative along every unit vector, ``(n,)`` each."""
        assert units is not None
        assert at is not None
        power = (units.scale**m)[:, None]
        return (power.expand_as(at) if slopes is None else slopes[m] * power).unbind()

    def along(index: tuple[int, ...], count: int) -> Tensor:
        rows, m = [row[i] for i in index], len(index)
        if function is None and m > 1:
            return x.new_zeros(count)
        if units is not None and len(set(rows)) == 1:
            return alone(m)[rows[0]][:count]
        return _sum_along(x[:count], function, [each[k] for k in rows])

    def whole(slot: Collapsed, count: int) -> Tensor:
        """A sum of powers of derivatives along unit vectors."""
        assert units is not None
        k = host_numbers(tuple(row[index[0]] for index, _ in slot.terms), torch.long, x.device)
        c = host_numbers(tuple(c for _, c in slot.terms), x.dtype, x.device)
        weights = c * units.scale[k] ** slot.order
        if slopes is None:
            return x.new_zeros(count)
        return weights @ slopes[slot.order][k, :count]

    out = []
    for slot, count in zip(layout.slots[1:], layout.counts[1:], strict=True):
        if not isinstance(slot, Collapsed):
            out.append(along(slot, count))
        elif units is not None and all(
            len(set(index)) == 1 and len(index) == slot.order for index, _ in slot.terms
        ):
            out.append(whole(slot, count))
        else:
            out.append(sum(c * along(index, count) for index, c in slot.terms))
    return out


def _squares_along(
    x: Tensor, function: Derivatives | None, units: Units, sums: Sequence[SquareSum]
) -> list[Tensor]:
    """The same for first derivatives and sums of second ones, each an operation for all of them."""
    scale = units.scale
    if function is None:
        return [scale.repeat_interleave(len(x)), *(x.new_zeros(len(x)) for _ in sums)]
    _, first, second, *_ = function(x.index_select(1, units.columns).T, 2)
    out = [(first * scale[:, None]).reshape(-1)]
    for one in sums:
        out.append((host_numbers(one.coefficients, x.dtype, x.device) * scale.square()) @ second)
    return out


def _sum_along(x: Tensor, function: Derivatives | None, chosen: list[tuple[Part, int]]) -> Tensor:
    r""":math:`\sum_i f^{(m)}(x_i) v_i w_i \cdots` for m directions v, w, …, ``(n,)``."""
    count, m = len(x), len(chosen)
    units = [(part, k) for part, k in chosen if isinstance(part, Units)]
    if units:  # the product of the directions lives on the column of one unit vector
        part, k = units[0]
        column = part.columns[k : k + 1]
        at = x.index_select(1, column)[:, 0]
        factor = at.new_ones(()) if function is None else function(at, m)[m]
        for part, k in chosen:
            factor = factor * _component(part, k, column, count)
        return factor.expand(count)
    total = x.new_zeros(count)
    for start in range(0, x.shape[1], SUM_COLUMNS):
        some = slice(start, start + SUM_COLUMNS)
        vectors = [_row(part, k, count)[..., some] for part, k in chosen]
        weight = math.prod(vectors[1:], start=vectors[0])
        slope = weight if function is None else function(x[:, some], m)[m] * weight
        total = total + slope.sum(-1)
    return total


def _row(part: Part, k: int, count: int) -> Tensor:
    """One direction that is no unit vector, ``(d,)`` or ``(count, d)``."""
    assert isinstance(part, Rows)
    return part.rows[k, :count] if part.varying else part.rows[k]


def _component(part: Part, k: int, column: Tensor, count: int) -> Tensor:
    """The component of a direction at one column, ``()`` or ``(count,)``."""
    if isinstance(part, Units):
        scale = part.scale[k, :count] if part.varying else part.scale[k]
        return torch.where(part.columns[k] == column[0], scale, torch.zeros_like(scale))
    return _row(part, k, count).index_select(-1, column)[..., 0]
