"""Independent random numbers written once, in the precision and on the device where they are used.

Points of very many dimensions are hundreds of megabytes: they are drawn into the one array that
stays, never in another precision, never as a copy. The numbers follow from the state of a NumPy
generator, which is all that a checkpoint has to keep. On a CPU a long array is filled in blocks,
each with a stream of its own, so that threads share the work and their number does not change a
bit; a short one comes from the generator itself, as a new stream takes as long as 5 000 numbers.

How a block is filled is a matter of speed; times are of a million numbers on one core. In double
precision NumPy's normal numbers take 8 ns each (torch's 17), its uniform ones 1.7 ns (4.1). In
single precision both are made of raw bits: uniform numbers of 23 bits take 1.4 ns (torch's 2.8,
NumPy's 1.8), and normal numbers of 16 bits 1.4 ns (3.4 and 8).

Sixteen bits are enough for a vector of many components: a number is the mean of the normal law over
one of 65 536 intervals of equal probability, so that the distribution function is off by less than
1e-5 and the largest number is 4.4. Vectors of few components get torch's numbers.
"""

from collections.abc import Callable
from functools import cache, partial

import numpy as np
import torch
from torch import Tensor

from pinnlab.parallel import run_at_once

_BLOCK = 2**18  # numbers of one stream: a third of a millisecond of work, and a megabyte of bits
_FEW_COLUMNS = 64  # vectors of more components are made of 16 random bits each
_NUMPY = {torch.float32: np.float32, torch.float64: np.float64}


class Noise:
    """Where random numbers come from, and where they go.

    Args:
        rng: Decides all numbers.
        dtype: Precision of the arrays.
        device: Where the arrays live.
        into: An array that is overwritten by the first sample of its shape, precision and device,
            instead of a new one: its memory need not be fetched again, and stays where a recorded
            graph of operations reads it.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
        into: Tensor | None = None,
    ) -> None:
        self.rng, self.dtype, self.device = rng, dtype, torch.device(device)
        self._into = into

    def normal(self, n: int, d: int) -> Tensor:
        """Standard normal numbers ``(n, d)``."""
        fill = _fill_normal if d <= _FEW_COLUMNS else _fill_coarse_normal
        return self._filled(n, d, fill, lambda x, g: x.normal_(generator=g))

    def uniform(self, n: int, d: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Uniform numbers between two others, ``(n, d)``; never one of these, not by rounding."""
        first, last = _inside(low, high, self.dtype)

        def on_device(x: Tensor, generator: torch.Generator) -> None:
            x.uniform_(generator=generator).mul_(high - low).add_(low).clamp_(first, last)

        def fill(block: Tensor, stream: np.random.Generator) -> None:
            _fill_uniform(block, stream, high - low, low, (first, last))

        return self._filled(n, d, fill, on_device)

    def constant(self, n: int, value: float) -> Tensor:
        """The same number ``n`` times, ``(n,)``."""
        return torch.full((n,), value, dtype=self.dtype, device=self.device)

    def _filled(
        self,
        n: int,
        d: int,
        fill: Callable[[Tensor, np.random.Generator], None],
        on_device: Callable[[Tensor, torch.Generator], object],
    ) -> Tensor:
        x = self._array(n, d)
        if x.device.type != "cpu" or x.dtype not in _NUMPY:
            on_device(x, torch.Generator(x.device).manual_seed(_seed(self.rng)))
            return x
        flat = x.view(-1)
        if len(flat) <= _BLOCK:
            fill(flat, self.rng)
            return x
        seed = _seed(self.rng)

        def fill_apart(block: Tensor, number: int) -> None:
            fill(block, np.random.Generator(np.random.SFC64(seed + number)))

        blocks = enumerate(flat.split(_BLOCK))
        run_at_once([partial(fill_apart, block, number) for number, block in blocks])
        return x

    def _array(self, n: int, d: int) -> Tensor:
        given, self._into = self._into, None
        # A contiguous array only: one that is a window of something else is not ours to overwrite.
        if (
            given is not None
            and given.shape == (n, d)
            and given.dtype == self.dtype
            and given.device == _indexed(self.device)
            and given.is_contiguous()
        ):
            return given
        self._into = given
        return torch.empty(n, d, dtype=self.dtype, device=self.device)


@cache
def _inside(low: float, high: float, dtype: torch.dtype) -> tuple[float, float]:
    """The first and the last number between two others."""
    ends = torch.tensor([low, high], dtype=dtype)
    first, last = torch.nextafter(ends, ends.flip(0)).tolist()
    return first, last


def _indexed(device: torch.device) -> torch.device:
    """The device with its number: tensors are on ``cuda:0``, not on ``cuda``."""
    return torch.empty(0, device=device).device


def _fill_normal(block: Tensor, stream: np.random.Generator) -> None:
    if block.dtype == torch.float32:
        block.normal_(generator=torch.Generator().manual_seed(_seed(stream)))
    else:
        stream.standard_normal(out=block.numpy())


def _fill_coarse_normal(block: Tensor, stream: np.random.Generator) -> None:
    if block.dtype != torch.float32:
        _fill_normal(block, stream)
        return
    bits = _bits(stream, 2 * len(block)).view(np.uint16)[: len(block)]
    # Every index is valid: `wrap` only saves a buffer and a check.
    np.take(_normal_levels(), bits, out=block.numpy(), mode="wrap")


def _fill_uniform(
    block: Tensor,
    stream: np.random.Generator,
    width: float,
    low: float,
    ends: tuple[float, float],
) -> None:
    numbers = block.numpy()
    if block.dtype == torch.float32:
        bits = _bits(stream, 4 * len(block)).view(np.int32)[: len(block)]
        np.right_shift(bits, 9, out=bits)
        # k + 1/2 for k from 0 to 2^23 - 1 is exact in single precision.
        np.add(bits, np.float32(2.0**22 + 0.5), out=numbers, dtype=np.float32, casting="unsafe")
        numbers *= np.float32(2.0**-23 * width)
    else:
        stream.random(out=numbers)
        numbers *= width
    numbers += numbers.dtype.type(low)
    first, last = ends
    np.minimum(np.maximum(numbers, first, out=numbers), last, out=numbers)


def _bits(stream: np.random.Generator, count: int) -> np.ndarray:
    """At least so many random bytes, as 64-bit integers."""
    return stream.integers(-(2**63), 2**63, (count + 7) // 8, dtype=np.int64)


@cache
def _normal_levels() -> np.ndarray:
    """Means of the normal law over 65 536 intervals of equal probability, scaled to variance 1."""
    ends = torch.special.ndtri(torch.linspace(0, 1, 2**16 + 1, dtype=torch.float64))
    density = torch.exp(-ends.square() / 2) * (2 * torch.pi) ** -0.5
    means = (density[:-1] - density[1:]) * 2**16
    return (means / means.square().mean().sqrt()).float().numpy()


def _seed(stream: np.random.Generator) -> int:
    return int(stream.integers(2**63))
