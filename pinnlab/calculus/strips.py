"""Pointwise arithmetic on the slots of a block, many operations in one pass.

The chain rule takes a multiplication and an addition for each of its terms. torch carries out one
such operation after the other, each on all numbers of a slot: most of the time goes to reading and
writing the cache, and to the calls. So a kernel is a :class:`Program`, a list of operations, which
compiled code carries out on a strip of some hundred numbers after the other. A strip of all slots
stays in the cache. Arrays that only the program itself needs are no longer than a strip, and other
threads of the interpreter go on meanwhile.

Where the compiled code is missing, and on a GPU, torch does the same operations.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from pinnlab.calculus.calls import Call

try:
    from pinnlab.calculus import _strips
except ImportError:  # no compiler when the package was installed
    _strips = None

_VERSION = 2  # of the instructions, as the compiled code knows them
_ARRAY = np.dtype([("address", "i8"), ("row", "i8"), ("slot", "i8"), ("advances", "i8")])
_INSTRUCTION = np.dtype(
    [
        *((name, "i8") for name in ("kind", "slots", "columns")),
        *((name, "f8") for name in ("factor", "constant")),
        ("arrays", _ARRAY, 5),  # out, start, a, b, scale
    ]
)
_SET, _SET_PRODUCT, _ADD_NUMBER, _ADD, _ADD_PRODUCT, _TIMES_SLOPE_OF_TANH, _ADD_SUM = range(7)

# tanh_backward(g, t) = g (1 − t²) in one pass.
_times_slope_of_tanh = torch.ops.aten.tanh_backward.grad_input


def compiled() -> bool:
    """Whether the compiled code is there, and as old as this module."""
    return _strips is not None and getattr(_strips, "VERSION", 0) == _VERSION


@dataclass(frozen=True, eq=False)
class Local:
    """An array that only a program itself needs; indexed as slots.

    Args:
        array: What torch writes it to, ``(width, slots, columns)`` or one slot of that.
        strip: Where compiled code writes it to strip by strip, ``(slots, n)`` or one slot.
    """

    array: Tensor
    strip: Tensor

    def __getitem__(self, slots: int | slice) -> "Local":
        return Local(self.array[:, slots], self.strip[slots])


@dataclass(frozen=True)
class Input:
    """An array that is another one in each run, contiguous.

    Args:
        number: Among those that are given to :meth:`Program.run`.
        points: Its number of columns.
    """

    number: int
    points: int


Operand = Tensor | Local | Input


@dataclass(frozen=True, eq=False)
class _Operation:
    """One operation; see :class:`Program` for what it does.

    Args:
        kind: As the compiled code numbers them.
        out: What is written.
        start: What is added to, if anything; also a number as a tensor, for torch.
        a: The first factor.
        b: The second, if there is one.
        factor: A number as a factor.
        constant: What else is added.
    """

    kind: int
    out: Tensor | Local
    start: Operand | None
    a: Operand
    b: Operand | None
    factor: float = 1.0
    constant: float = 0.0

    @property
    def _written(self) -> Tensor:
        return self.out.array if isinstance(self.out, Local) else self.out

    @property
    def shape(self) -> torch.Size:
        """Of the arrays that the operation goes through."""
        if self.kind != _ADD_SUM:
            return self._written.shape
        assert isinstance(self.a, Tensor)
        return self.a.shape

    @property
    def column(self) -> Operand | None:
        """What may be a number for each feature: the last factor, or a sum; None if nothing may."""
        if self.kind in (_SET_PRODUCT, _ADD, _ADD_PRODUCT):
            return self.a if self.b is None else self.b
        return self.out if self.kind == _ADD_SUM else None

    def by_torch(self, inputs: Sequence[Tensor]) -> None:
        """Let torch do it."""
        out = self._written
        start, a, b = (
            self._beside(inputs[x.number].view(-1, x.points)) if isinstance(x, Input) else x
            for x in self._views
        )
        assert a is not None
        if self.kind == _ADD_SUM:
            out.add_((a if b is None else a * b).sum(1, keepdim=True))
        elif self.kind == _TIMES_SLOPE_OF_TANH:
            _times_slope_of_tanh(a, b, grad_input=out)
        elif start is None:
            torch.mul(a, self.factor if b is None else b, out=out)
        elif b is None:
            torch.add(start, a, alpha=self.factor, out=out)
        else:
            torch.addcmul(start, a, b, value=self.factor, out=out)

    @cached_property
    def _views(self) -> tuple[Tensor | Input | None, ...]:
        """What torch adds to, and both factors, in the shape of the result if they stay."""
        arrays = (x.array if isinstance(x, Local) else x for x in (self.start, self.a, self.b))
        return tuple(self._beside(x) if isinstance(x, Tensor) else x for x in arrays)

    def _beside(self, array: Tensor) -> Tensor:
        """An array in the shape of the result."""
        if array.ndim == 0:
            return array
        array = array[..., : self.shape[-1]]
        return array[:, None] if array.ndim < len(self.shape) else array

    def places(self) -> tuple[int, list[Operand | None]]:
        """The kind, and the arrays in the places where the compiled code reads them.

        A number for each feature is no factor there, but scales the number that is one.
        """
        kind, a, b, scale = self.kind, self.a, self.b, None
        start = self.start if kind in (_ADD, _ADD_PRODUCT) else None
        columns = self.shape[-1]
        if kind in (_SET_PRODUCT, _ADD_PRODUCT) and _is_column(b, columns):
            kind, b, scale = kind - 1, None, b
        elif kind == _ADD and _is_column(a, columns):
            kind, a, scale = _ADD_NUMBER, None, a
        return kind, [self.out, start, a, b, scale]


class _Instruction:
    """What the compiled code reads: an operation, and those after it that do the same elsewhere.

    Args:
        operation: The first one.
        size: Bytes of a number.

    Attributes:
        inputs: Which arrays are other ones in each run, by place.
    """

    def __init__(self, operation: _Operation, size: int) -> None:
        shape, (kind, operands) = operation.shape, operation.places()
        self._slots, self._size, self._joined = shape[1] if len(shape) == 3 else 1, size, 1
        self._head = kind, shape[-1], operation.factor, operation.constant
        self._places = [_located(x) for x in operands]
        self.inputs = {k: x for k, x in enumerate(operands) if isinstance(x, Input)}
        if kind == _ADD_SUM:
            self._places[0] = (*self._places[0][:-1], 0)

    @property
    def code(self) -> tuple:
        """As numbers."""
        kind, columns, factor, constant = self._head
        return kind, self._slots, columns, factor, constant, self._places

    def join(self, other: "_Instruction") -> bool:
        """Take another one up as a slot more; whether that can be done.

        Every array of all slots begins a step after that of the slot before, a step of zero if it
        is the same one.
        """
        if self._head != other._head or self.inputs != other.inputs:
            return False
        if self._slots != self._joined or other._slots != 1:
            return False
        places = []
        for number, (address, row, slot, advances) in enumerate(self._places):
            further, *rest = other._places[number]
            step, remainder = divmod(further - address, self._joined * self._size)
            if remainder or rest[0] != row or rest[2] != advances:
                return False
            if self._joined > 1 and step != slot:
                return False
            places.append((address, row, step, advances))
        if not self._any_order(places):
            return False
        self._slots = self._joined = self._joined + 1
        self._places = places
        return True

    def _any_order(self, places: Sequence[tuple[int, int, int, int]]) -> bool:
        """Whether what all slots share may be read first, or written last."""
        kind, slots = self._head[0], self._joined + 1
        (out, _, step, _), start, *factors = places
        if step:
            return all(own or not self._among(a, out, step, slots) for a, _, own, _ in factors)
        if kind == _ADD_SUM:
            return True
        adds = kind in (_ADD_NUMBER, _ADD, _ADD_PRODUCT) and start[0] == out and not start[2]
        return adds and not any(self._among(out, a, own, slots) for a, _, own, _ in factors)

    def _among(self, address: int, first: int, step: int, slots: int) -> bool:
        """Whether an array is that of a slot."""
        if not step:
            return address == first
        number, remainder = divmod(address - first, step * self._size)
        return not remainder and 0 <= number < slots


def _is_column(operand: Operand | None, columns: int) -> bool:
    """Whether an operand has one column beside several of the result."""
    if operand is None or isinstance(operand, Local):
        return False
    own = operand.points if isinstance(operand, Input) else operand.shape[-1]
    return own == 1 and columns > 1


def _located(operand: Operand | None) -> tuple[int, int, int, int]:
    """Address, steps and whether an array goes on from strip to strip."""
    if operand is None:
        return 0, 0, 0, 0
    if isinstance(operand, Input):
        return 0, operand.points, 0, 1
    if isinstance(operand, Local):
        strip = operand.strip
        return strip.data_ptr(), 0, strip.stride(0) if strip.ndim == 2 else 0, 0
    several = operand.ndim == 3 and operand.shape[1] > 1
    return operand.data_ptr(), operand.stride(0), operand.stride(1) if several else 0, 1


class Program:
    """Operations on arrays of the same width, one after the other.

    Arrays are ``(width, columns)``, or ``(width, slots, columns)`` for the same with several slots;
    an array without slots stands beside all of them, and one that is longer than the result is cut
    off. A ``(width, 1)`` array as the last factor is a number for each feature. All of them stay
    where they are, their columns beside each other.

    Args:
        like: An array of the right width, type and device.

    Raises:
        ValueError: If an array has another width or type, or does not cover the result. Compiled
            code would read and write beyond it.
    """

    def __init__(self, like: Tensor) -> None:
        self._like, self._width, self._bytes = like.new_empty(0), len(like), like.element_size()
        known_type = like.dtype in (torch.float32, torch.float64)
        self._compiled = compiled() and known_type and like.device.type == "cpu"
        self._operations: list[_Operation] = []
        self._inputs: list[tuple[int, int, Input]] = []  # operation and place of each
        self._code: np.ndarray | None = None
        self._columns, self._addresses = 0, np.empty((0, 0))

    def local(self, array: Tensor) -> Local:
        """An array ``(width, slots, columns)`` whose contents nothing but the program needs."""
        length = 0
        if self._compiled:
            assert _strips is not None
            length = min(_strips.STRIP_BYTES // self._bytes, array.shape[2])
        return Local(array, self._like.new_empty((array.shape[1], length)))

    def set(
        self,
        out: Tensor | Local,
        a: Operand,
        b: Operand | None = None,
        *,
        factor: float = 1.0,
        constant: float = 0.0,
    ) -> None:
        """Let ``out = factor a``, or ``out = constant + factor a b``."""
        kind, start = _SET if b is None else _SET_PRODUCT, None
        if b is not None and (constant or factor != 1.0):
            start = self._like.new_full((), constant)
        self._append(_Operation(kind, out, start, a, b, factor, constant))

    def add(
        self,
        out: Tensor | Local,
        a: Operand,
        b: Operand | None = None,
        *,
        factor: float = 1.0,
        to: Operand | None = None,
    ) -> None:
        """Let ``out = to + factor a b``, by default to what stands there."""
        kind = _ADD if b is None else _ADD_PRODUCT
        start = out if to is None else to
        self._append(_Operation(kind, out, start, a, b, factor))

    def times_slope_of_tanh(self, out: Tensor | Local, a: Operand, tangent: Operand) -> None:
        """Let ``out = a (1 − tangent²)``."""
        self._append(_Operation(_TIMES_SLOPE_OF_TANH, out, None, a, tangent))

    def add_sum(self, out: Tensor, a: Tensor, b: Operand | None = None) -> None:
        """Add the sum of ``a``, or of ``a b``, over all columns to ``out (width, 1)``.

        No operation of the same program reads it: before the end it is the sum over some columns.

        Raises:
            ValueError: If the result has another shape, or ``a`` has slots.
        """
        if a.ndim != 2 or out.shape != (self._width, 1):
            raise ValueError(
                f"expected the sum of an array without slots as {(self._width, 1)}, got that of "
                f"{tuple(a.shape)} as {tuple(out.shape)}"
            )
        self._append(_Operation(_ADD_SUM, out, None, a, b))

    def run(self, *inputs: Tensor) -> None:
        """Carry out all operations; ``inputs`` are the arrays of every :class:`Input`."""
        if not self._compiled:
            for operation in self._operations:
                operation.by_torch(inputs)
            return
        if self._code is None:
            self._code = self._compile()
        if inputs:
            inputs = tuple(one.contiguous() for one in inputs)
            for line, place, own in self._inputs:
                self._addresses[line, place] = self._address(inputs[own.number], own)
        assert _strips is not None
        _strips.run(self._code, self._width, self._columns, self._bytes, self)

    def call(self) -> Call:
        """What carries out all operations of a program without inputs."""
        if self._compiled and self._code is None:
            self._code = self._compile()
        if self._inputs or not self._compiled:
            return self.run, ()
        assert _strips is not None
        return _strips.run, (self._code, self._width, self._columns, self._bytes, self)

    def _address(self, array: Tensor, own: Input) -> int:
        if array.numel() != self._width * own.points or array.dtype != self._like.dtype:
            raise ValueError(
                f"expected input {own.number} as {self._like.dtype} {(self._width, own.points)}, "
                f"got {array.dtype} {tuple(array.shape)}"
            )
        return array.data_ptr()

    def _append(self, operation: _Operation) -> None:
        added_to = operation.start if operation.kind in (_ADD, _ADD_PRODUCT) else None
        for operand in (operation.out, added_to, operation.a, operation.b):
            if operand is not None and not isinstance(operand, Input):
                array = operand.array if isinstance(operand, Local) else operand
                self._check(array, operation.shape, column=operand is operation.column)
        self._operations.append(operation)
        self._code = None

    def _check(self, array: Tensor, beside: torch.Size, *, column: bool) -> None:
        """Refuse an array that does not cover the others, or is no column where that may stand."""
        shape, columns = array.shape, beside[-1]
        if array.dtype != self._like.dtype or not shape or shape[0] != self._width:
            fits = False
        elif column and shape == (self._width, 1):
            fits = True
        else:
            stands = len(shape) == 2 or (len(shape) == len(beside) and shape[1] in (1, beside[1]))
            fits = stands and shape[-1] >= columns and (columns == 1 or array.stride(-1) == 1)
        if not fits:
            raise ValueError(
                f"expected an array of {self._like.dtype} beside {tuple(beside)}, columns next "
                f"to each other, got {array.dtype} {tuple(shape)} with steps {array.stride()}"
            )

    def _compile(self) -> np.ndarray:
        lines: list[_Instruction] = []
        for operation in self._operations:
            own = _Instruction(operation, self._bytes)
            if not lines or not lines[-1].join(own):
                lines.append(own)
        code = np.array([one.code for one in lines], _INSTRUCTION)
        self._columns = int(code["columns"].max(initial=0))
        self._addresses = code["arrays"]["address"]
        self._inputs = [
            (number, place, own)
            for number, one in enumerate(lines)
            for place, own in one.inputs.items()
        ]
        return code


def set_tanh_derivatives(program: Program, t: Tensor, f: Sequence[Local]) -> None:
    """Let a program write the derivatives of tanh, from the first on, given its values ``t``."""
    known = [t, *f]
    # t' = 1 − t², and Leibniz on t² gives t^{(j+1)} = −Σ C(j,i) t^{(i)} t^{(j−i)}.
    for j, out in enumerate(f):
        for i in range(j // 2 + 1):
            c = -math.comb(j, i) * (1 if 2 * i == j else 2)
            if i:
                program.add(out, known[i], known[j - i], factor=c)
            else:
                program.set(out, t, known[j], factor=c, constant=float(j == 0))
