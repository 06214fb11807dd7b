"""Random coefficients of an exact solution, the same for every precision and device."""

import numpy as np
import torch
from torch import Tensor


class Coefficients:
    """Independent numbers from N(0, 1), drawn once from a seed.

    Args:
        count: How many.
        seed: Of the numbers.
    """

    def __init__(self, count: int, seed: int) -> None:
        drawn = np.random.default_rng(seed).standard_normal(count)
        self._kept = {(torch.float64, torch.device("cpu")): torch.from_numpy(drawn)}

    def on(self, like: Tensor) -> Tensor:
        """The numbers in the precision and on the device of a tensor, ``(count,)``."""
        key = (like.dtype, like.device)
        if key not in self._kept:
            first = next(iter(self._kept.values()))
            self._kept[key] = first.to(device=like.device, dtype=like.dtype)
        return self._kept[key]
