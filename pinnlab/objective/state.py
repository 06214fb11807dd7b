"""Everything that is trained: the surrogate, the unknowns, and the ansatz between them."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pinnlab.objective.ansatz import Ansatz
from pinnlab.objective.unknown import Unknown


class State(nn.Module):
    """One module that owns every trained number, so that saving it saves all of it.

    Args:
        surrogate: Maps points ``(n, d)`` to network outputs ``(n, c)``.
        ansatz: Turns network outputs into fields.
        fields: Names of the fields.
        unknowns: Unknown parameters by name.
        constants: Known parameters by name: numbers, or formulas of the coordinates.
        dtype: Precision of the unknowns.
        device: Device of the unknowns.
    """

    def __init__(
        self,
        surrogate: nn.Module,
        ansatz: Ansatz,
        fields: tuple[str, ...],
        unknowns: Mapping[str, Unknown],
        constants: Mapping[str, Any],
        *,
        dtype: torch.dtype,
        device: torch.device | str,
    ) -> None:
        super().__init__()
        self.surrogate = surrogate
        for p in surrogate.parameters():
            # Fused updates read parameter and gradient side by side in the order of memory.
            p.data = p.data.contiguous()
        self.ansatz = ansatz
        self.fields = fields
        self._declared = dict(unknowns)
        self.constants = dict(constants)
        self.unknowns = nn.ParameterDict(
            {
                name: nn.Parameter(
                    torch.tensor(unknown.raw(unknown.initial), dtype=dtype, device=device)
                )
                for name, unknown in unknowns.items()
            }
        )

    def values(self) -> dict[str, Any]:
        """Every parameter by name; unknowns as 0-d tensors through their transform."""
        return self.constants | {
            name: self._declared[name].value(raw) for name, raw in self.unknowns.items()
        }

    def unknown_values(self) -> dict[str, float]:
        """Present values of the unknowns."""
        with torch.no_grad():
            return {
                name: float(self._declared[name].value(raw)) for name, raw in self.unknowns.items()
            }

    def outputs(self, x: Tensor) -> Tensor:
        """Network outputs at the points, before the ansatz."""
        return self.surrogate(x)
