"""The hyperbolic tangent of large arrays."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor

# torch shares an array of this size among its threads, NumPy does not; NumPy's own code for vector
# registers is as fast as several of torch's threads (2.4 times in float64, 4 times in float32).
SHARED_FROM = 32_768
THREADS = 2


def tanh(x: Tensor, out: Tensor) -> Tensor:
    """Write tanh x into ``out``, which may be x itself; nothing is recorded for autograd.

    On a processor NumPy computes it, to within two units in the last place, unless torch would
    use many threads.
    """
    bound_tanh(x, out)()
    return out


def bound_tanh(x: Tensor, out: Tensor) -> Callable[[], object]:
    """What writes tanh x into ``out`` as often as it is called, see :func:`tanh`."""
    numpy = x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64)
    if numpy and (x.numel() < SHARED_FROM or torch.get_num_threads() <= THREADS):
        return partial(np.tanh, x.numpy(), out=out.numpy())
    return partial(torch.tanh, x, out=out)
