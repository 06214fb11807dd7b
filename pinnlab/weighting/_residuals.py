"""What residuals tell of terms and of single points."""

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from pinnlab.objective.objective import Objective


def squared_norms(blocks: Mapping[str, Tensor], names: Iterable[str]) -> dict[str, Tensor]:
    """‖r_k(x_i)‖² ``(n_k,)`` by term, of the residuals ``(n_k, c_k)`` that are there."""
    return {name: blocks[name].flatten(1).square().sum(1) for name in names if name in blocks}


@torch.no_grad()
def residuals_now(objective: Objective) -> dict[str, Tensor]:
    """Residuals ``(n_k, c_k)`` of the present parameters at the present points, by one pass."""
    return objective.residuals()


def not_finite(owner: str, sums: Mapping[str, float]) -> str:
    """Which terms have residuals that are not finite, in words; empty if all are well.

    Args:
        owner: Who asks.
        sums: Of the squared residuals, by term.
    """
    wrong = [f"'{name}'" for name, total in sums.items() if not math.isfinite(total)]
    if not wrong:
        return ""
    return f"{owner}: the residual of {', '.join(wrong)} is not finite; its weights stay"


def sums_of(values: Mapping[str, Tensor]) -> dict[str, float]:
    """Their sums, by one transfer from the device."""
    if not values:
        return {}
    sums = torch.stack([value.sum() for value in values.values()]).tolist()
    return dict(zip(values, sums, strict=True))
