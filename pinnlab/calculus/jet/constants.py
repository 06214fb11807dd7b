"""Constants: numbers and tensors as jets, and how they are written."""

import builtins
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.calculus.jet.base import Jet
from pinnlab.calculus.sources import JetSource, Reader, reader
from pinnlab.errors import DeclarationError


class Constant(Jet):
    """A number or a tensor ``()``, ``(n,)``, or a row ``(size,)``; it may carry a name."""

    __slots__ = ("_number", "name")

    def __init__(
        self,
        value: float | Tensor,
        name: str | None = None,
        source: Reader | None = None,
        width: int = 0,
    ) -> None:
        number = None if isinstance(value, Tensor) or name is not None else value
        if name is not None and not isinstance(value, Tensor):
            value = torch.tensor(value, dtype=torch.float64)
        self._reader, self._width, self._value = source, width, value
        self._number, self.name = number, name

    def _compute(self) -> Any:
        return self._value

    def _along(self, column: int) -> Jet:
        if isinstance(self._value, Tensor) and self._value.ndim and not self._width:
            raise DeclarationError(
                f"The derivative of {self} is not known",
                expected="a number, or a function or text of the coordinates",
                got=f"a tensor of shape {tuple(self._value.shape)}",
                do="declare the coefficient as a function or text, which can be differentiated, "
                "and write it without .value",
            )
        return ZERO

    def _gradient(self, name: str) -> Jet:
        return self._along(0)

    def _laplacian(self, name: str) -> Jet:
        return self._along(0)

    def _text(self) -> tuple[str, float]:
        if self.name is not None:
            return self.name, 10
        value = self._value
        if isinstance(value, Tensor):
            if value.ndim:
                return f"<tensor of shape {tuple(value.shape)}>", 10
            value = value.detach().item()
        return number_text(value)


ZERO = Constant(0)


ONE = Constant(1)


def number_text(value: float) -> tuple[str, float]:
    """A number as a reader writes it, with π recognised; and its precedence."""
    if isinstance(value, float) and math.isfinite(value):
        ratio = value / math.pi
        if ratio and builtins.abs(ratio) < 1e3 and ratio == round(ratio):
            whole = round(ratio)
            return {1: ("pi", 10), -1: ("-pi", 1.5)}.get(
                whole, (f"{whole}*pi", 2 if whole > 0 else 1.5)
            )
        if value == int(value) and builtins.abs(value) < 1e15:
            value = int(value)
    return f"{value!r}" if isinstance(value, int) else f"{value:.12g}", 10 if value >= 0 else 1.5


def as_jet(value: Any, source: JetSource | Reader | None = None, like: Jet | None = None) -> Jet:
    """A number, tensor or jet as a jet.

    Args:
        value: A jet, a number, or a tensor of shape ``()`` or ``(n,)``; beside rows ``(n, size)``
            also ``(size,)`` and ``(n, size)``.
        source: What a constant's coordinates are, so that it can be differentiated (to zero).
        like: The jet beside which the value stands; its shape decides which tensors fit.

    Raises:
        DeclarationError: If the value is of another kind or shape.
    """
    if isinstance(value, Jet):
        return value
    result = lift(value, like, reader(source) if source is not None else None)
    if result is NotImplemented:
        raise DeclarationError(
            "A value in an equation has the wrong kind",
            expected="a number, a tensor, a field, a coordinate or an expression of them",
            got=type(value).__name__,
            do="use the components of vectors and lists one by one",
        )
    return result


def lift(value: Any, like: Jet | None, source: Reader | None = None) -> Any:
    """As :func:`as_jet`, but NotImplemented for other kinds, as operators of Python want."""
    if isinstance(value, int | float):  # bool is an int: True is 1
        return Constant(value + 0, source=source)
    if isinstance(value, Tensor):
        if value.ndim == 0:
            return Constant(value, source=source)
        return _lift_tensor(value, like, source or (None if like is None else like._reader))
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return Constant(value.item(), source=source)
    if isinstance(value, np.ndarray):
        raise DeclarationError(
            "A NumPy array stands in an equation",
            expected="a number, a torch tensor () or (n,), or an expression",
            got=f"an array of shape {value.shape}",
            do="give coefficients as functions or texts of the coordinates",
        )
    return NotImplemented


def _lift_tensor(value: Tensor, like: Jet | None, source: Reader | None) -> Jet:
    width = 0 if like is None else like._width
    shape = tuple(value.shape)
    if width and len(shape) in (1, 2) and shape[-1] == width:
        n = None if source is None or len(shape) == 1 else source.n
        if n is None or shape[0] in (1, n):
            return Constant(value, source=source, width=width)
    n = None if source is None else source.n
    if width or len(shape) != 1 or (n is not None and shape[0] != n):
        raise DeclarationError(
            "A tensor of the wrong shape meets a field or coordinate"
            + ("" if like is None else f" in '{like._short()}'"),
            expected=f"shape ({width},), (n, {width}) or ()"
            if width
            else f"shape (n,){'' if n is None else f' = ({n},)'}, or () for one number",
            got=f"shape ({', '.join('n' if s == n else str(s) for s in shape)}) = {shape}",
            do="use tensor[:, 0] or tensor.squeeze(-1); scalars on points have no column axis",
        )
    return Constant(value, source=source)
