"""First derivatives of something affine in the points, along many directions.

The points themselves have the directions as slopes: v_k for direction k. Most of them are
multiples of unit vectors, s_k e_{c_k}, of which only c_k and s_k are kept: a linear layer then
gathers columns of its weights, W[:, c_k] s_k, where a million coordinates would otherwise meet a
matrix of mostly zeros. A direction may differ from point to point, such as σ(x) e_k in a diffusion.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Units:
    """Directions s_k e_{c_k}.

    Args:
        columns: c ``(k,)``.
        scale: s ``(k,)``, or ``(k, n)`` where it differs from point to point.
    """

    columns: Tensor
    scale: Tensor

    @property
    def varying(self) -> bool:
        """Whether a direction differs from point to point."""
        return self.scale.ndim == 2

    def __len__(self) -> int:
        return len(self.columns)

    def times(self, factor: float | Tensor) -> "Units":
        """Every component multiplied by its factor, a number or ``(d,)``."""
        if isinstance(factor, Tensor) and factor.ndim:
            factor = factor[self.columns]
            factor = factor[:, None] if self.varying else factor
        return replace(self, scale=self.scale * factor)

    def linear(self, weight: Tensor) -> Tensor:
        """W v_k, ``(k, h)`` or ``(k, n, h)``."""
        gathered = weight.index_select(1, self.columns).T
        return self.scale[..., None] * (gathered[:, None] if self.varying else gathered)

    def dense(self, width: int) -> Tensor:
        """Every component, ``(k, d)`` or ``(k, n, d)``."""
        out = self.scale.new_zeros(*self.scale.shape, width)
        where = self.columns.view(-1, *[1] * self.scale.ndim).expand(*self.scale.shape, 1)
        return out.scatter_(-1, where, self.scale[..., None])

    def cut(self, start: int, stop: int) -> "Units":
        """Of every direction the components from ``start`` to ``stop``."""
        inside = (self.columns >= start) & (self.columns < stop)
        inside = inside[:, None] if self.varying else inside
        columns = (self.columns - start).clamp(0, stop - start - 1)
        return Units(columns, self.scale * inside)


@dataclass(frozen=True, eq=False)
class Rows:
    """Any directions.

    Args:
        rows: ``(k, d)``, or ``(k, n, d)`` where they differ from point to point.
    """

    rows: Tensor

    @property
    def varying(self) -> bool:
        """Whether a direction differs from point to point."""
        return self.rows.ndim == 3

    def __len__(self) -> int:
        return len(self.rows)

    def times(self, factor: float | Tensor) -> "Rows":
        """Every component multiplied by its factor, a number or ``(d,)``."""
        return Rows(self.rows * factor)

    def linear(self, weight: Tensor) -> Tensor:
        """W v_k, ``(k, h)`` or ``(k, n, h)``."""
        return self.rows @ weight.T

    def dense(self, width: int) -> Tensor:
        """The directions themselves."""
        return self.rows

    def cut(self, start: int, stop: int) -> "Rows":
        """Of every direction the components from ``start`` to ``stop``."""
        return Rows(self.rows[..., start:stop])


Part = Units | Rows


class Slopes:
    """The directions of all first-order slots, in their order.

    Args:
        parts: Consecutive directions of one kind each.
        width: Number of coordinates d.
    """

    __slots__ = ("parts", "width")

    def __init__(self, parts: Sequence[Part], width: int) -> None:
        self.parts, self.width = _joined(parts, width), width

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    @property
    def varying(self) -> bool:
        """Whether any direction differs from point to point."""
        return any(part.varying for part in self.parts)

    @property
    def units(self) -> Units | None:
        """All of them, if each is the same multiple of a unit vector at every point."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Units) and not self.varying:
            return self.parts[0]
        return None

    def times(self, factor: float | Tensor) -> "Slopes":
        """Every component multiplied by its factor, a number or ``(d,)``."""
        return Slopes([part.times(factor) for part in self.parts], self.width)

    def dense(self) -> Tensor:
        """Directions that are the same at every point, ``(k, d)``."""
        parts = [part.dense(self.width) for part in self.parts]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def linear(self, weight: Tensor) -> Tensor:
        """W v_k of directions that are the same at every point, ``(k, h)``."""
        parts = [part.linear(weight) for part in self.parts]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def each(self, counts: Sequence[int], weight: Tensor | None = None) -> list[Tensor]:
        """Every direction at its points ``(count, d)``, or W times it ``(count, h)``."""
        out: list[Tensor] = []
        for part in self.parts:
            block = part.dense(self.width) if weight is None else part.linear(weight)
            for one in block.unbind(0):
                count = counts[len(out)]
                out.append(one[:count] if part.varying else one.expand(count, -1))
        return out

    def cut(self, start: int, stop: int) -> "Slopes":
        """Of every direction the components from ``start`` to ``stop``."""
        return Slopes([part.cut(start, stop) for part in self.parts], stop - start)


def _joined(parts: Sequence[Part], width: int) -> tuple[Part, ...]:
    """The same directions in as few parts as possible: units stay units if all of them are."""
    parts = [part for part in parts if len(part)] or list(parts[:1])
    if len(parts) <= 1 or any(part.varying for part in parts):
        return tuple(parts)
    if all(isinstance(part, Units) for part in parts):
        columns = torch.cat([part.columns for part in parts])  # type: ignore[union-attr]
        return (Units(columns, torch.cat([part.scale for part in parts])),)  # type: ignore[union-attr]
    return (Rows(torch.cat([part.dense(width) for part in parts])),)
