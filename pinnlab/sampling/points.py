"""A batch of points with everything that belongs to them."""

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from pinnlab.errors import DeclarationError
from pinnlab.typing import Coordinates


@dataclass(frozen=True, eq=False)
class Points:
    """Points with their normals, quadrature weights and origin.

    Args:
        x: Positions, ``(n, d)``, columns in the order of ``coordinates``.
        coordinates: Names of the columns.
        normals: Outward unit normals in space, ``(n, d_space)``, on boundary points.
        weights: Quadrature weights, ``(n,)``; they sum to the measure of the sampled set.
        tag: The region or boundary piece the points were drawn from.

    Raises:
        DeclarationError: If the shapes do not fit together.
    """

    x: Tensor
    coordinates: Coordinates
    normals: Tensor | None = None
    weights: Tensor | None = None
    tag: str = ""

    def __post_init__(self) -> None:
        if self.x.ndim != 2 or self.x.shape[1] != self.coordinates.dim:
            raise DeclarationError(
                f"Points '{self.tag}' have the wrong shape",
                expected=f"(n, {self.coordinates.dim}) for {', '.join(self.coordinates.names)}",
                got=tuple(self.x.shape),
                do="give one column per coordinate",
            )
        n = len(self.x)
        for what, value in (("normals", self.normals), ("weights", self.weights)):
            if value is not None and len(value) != n:
                raise DeclarationError(
                    f"The {what} of points '{self.tag}' have the wrong length",
                    expected=n,
                    got=len(value),
                    do=f"give one row of {what} per point",
                )

    def __len__(self) -> int:
        return len(self.x)

    @property
    def columns(self) -> dict[str, Tensor]:
        """Each coordinate by name, ``(n,)`` or ``(n, size)``."""
        return self.coordinates.columns(self.x)

    def to(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> Self:
        """The same points on another device or in another precision."""

        def move(t: Tensor | None) -> Tensor | None:
            return None if t is None else t.to(device=device, dtype=dtype)

        return replace(
            self,
            x=self.x.to(device=device, dtype=dtype),
            normals=move(self.normals),
            weights=move(self.weights),
        )

    def take(self, rows: Tensor) -> Self:
        """The points at ``rows``, an index or mask tensor."""

        def pick(t: Tensor | None) -> Tensor | None:
            return None if t is None else t[rows]

        return replace(self, x=self.x[rows], normals=pick(self.normals), weights=pick(self.weights))
