"""Numbers that the host knows, as tensors on a device.

To bring a list of numbers to an accelerator the host waits for it, and a graph of operations cannot
be recorded meanwhile. So every list is brought there once; a single number is written by the device
itself.
"""

from functools import lru_cache

import torch
from torch import Tensor


@lru_cache(maxsize=4096)
def host_numbers(numbers: tuple, dtype: torch.dtype, device: torch.device) -> Tensor:
    """A constant tensor, the same one for the same numbers; not to be written to.

    Args:
        numbers: Numbers, or rows of numbers as tuples.
        dtype: Their type.
        device: Where they are wanted.
    """
    with torch.inference_mode(False):
        return torch.tensor(numbers, dtype=dtype, device=device)


def number_like(value: float | Tensor, like: Tensor) -> Tensor:
    """A number, or a tensor, in the precision and on the device of another tensor."""
    if not isinstance(value, Tensor):
        return like.new_full((), value)
    if value.ndim == 0 and value.device.type == "cpu" != like.device.type:
        return like.new_full((), value.item())
    return value.to(like)
