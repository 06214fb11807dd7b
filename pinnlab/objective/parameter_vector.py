"""Parameters and their gradients as one vector."""

from collections.abc import Mapping
from functools import cached_property

import torch
from torch import Tensor, nn


class ParameterVector:
    """What is trained, as optimisers and operators take it: flattened and stacked, ``(p,)``.

    Args:
        parameters: By name, in their order.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter]) -> None:
        self._named = dict(parameters)
        self._sizes = [p.numel() for p in self._named.values()]

    def values(self) -> Tensor:
        """All parameters, a copy."""
        return torch.cat([p.detach().reshape(-1) for p in self._named.values()])

    @torch.no_grad()
    def set_values(self, flat: Tensor) -> None:
        """Write a vector into the parameters."""
        for name, part in self.split(flat).items():
            self._named[name].copy_(part)

    def gradient(self) -> Tensor:
        """What a backward pass left in ``.grad``."""
        return torch.cat(
            [
                (torch.zeros_like(p) if p.grad is None else p.grad).reshape(-1)
                for p in self._named.values()
            ]
        )

    def set_gradient(self, flat: Tensor) -> None:
        """Make a vector the gradients of the parameters, a copy of it."""
        buffer, views = self._gradients
        buffer.copy_(flat)
        for name, view in views.items():
            self._named[name].grad = view

    @cached_property
    def _gradients(self) -> tuple[Tensor, dict[str, Tensor]]:
        """A vector, and its parts in the shapes of the parameters."""
        buffer = torch.empty_like(self.values())
        return buffer, self.split(buffer)

    def split(self, flat: Tensor) -> dict[str, Tensor]:
        """The parts of a vector by name, in the shapes of the parameters."""
        parts = zip(self._named.items(), flat.split(self._sizes), strict=True)
        return {name: part.view_as(p) for (name, p), part in parts}
