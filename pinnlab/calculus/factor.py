r"""The factor σ of a diffusion :math:`\operatorname{tr}(\sigma\sigma^\top \nabla^2 u)`."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import FunctionType
from typing import Any

import torch
from torch import Tensor

from pinnlab.calculus.known import Known, content
from pinnlab.calculus.slopes import Part, Rows, Units
from pinnlab.errors import DeclarationError, nearest


@dataclass(frozen=True, eq=False, repr=False)
class Factor:
    """A matrix σ(x) of ``dim`` rows, diagonal or full, constant or depending on the point.

    Args:
        dim: Number of rows, the size of the vector coordinate.
        value: The diagonal as a known expression ``(n, dim)`` or a tensor ``(dim,)``; a full
            matrix as a tensor ``(dim, rank)``, or as a function of the coordinates by name that
            returns ``(n, dim, rank)``.
        rank: Number of columns.
    """

    dim: int
    value: Known | Tensor | Callable[..., Tensor]
    rank: int

    @cached_property
    def key(self) -> Any:
        """What equal factors share."""
        if isinstance(self.value, Tensor):
            return content(self.value)
        return self.value.key if isinstance(self.value, Known) else _origin(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Factor) and (self.dim, self.key) == (other.dim, other.key)

    def __hash__(self) -> int:
        return hash((self.dim, self.key))

    def __repr__(self) -> str:
        if isinstance(self.value, Tensor):
            return f"<tensor of shape {tuple(self.value.shape)}>"
        return getattr(self.value, "__name__", repr(self.value))

    @cached_property
    def reads(self) -> frozenset[str]:
        """The coordinates on which it depends."""
        if isinstance(self.value, Tensor):
            return frozenset()
        if isinstance(self.value, Known):
            return self.value.reads
        return frozenset(inspect.signature(self.value).parameters)

    def at(self, columns: Mapping[str, Tensor]) -> Tensor:
        """σ at points given by their coordinates.

        The diagonal ``(dim,)`` or ``(n, dim)``, or the matrix ``(dim, rank)``; of a function
        ``(n, dim, rank)``.
        """
        like = next(iter(columns.values()))
        if isinstance(self.value, Tensor):
            return self.value.to(like)
        if isinstance(self.value, Known):
            diagonal = self.value(columns)
            diagonal = diagonal[:, None] if diagonal.ndim == 1 else diagonal
            return diagonal.expand(len(like), self.dim)
        names = inspect.signature(self.value).parameters
        return self.value(**{name: columns[name] for name in names}).to(like)

    def apply(self, part: Part, columns: Mapping[str, Tensor]) -> Part:
        """σ v for directions v over its columns, at points given by their coordinates."""
        return self.applied(self.at(columns), part)

    def applied(self, value: Tensor, part: Part) -> Part:
        """The same from a value of σ, or of a derivative of it."""
        if isinstance(self.value, Tensor):
            return part.times(value) if value.ndim == 1 else Rows(part.linear(value))
        if value.ndim == 3:
            return Rows(torch.einsum("ndr,kr->knd", value, part.dense(self.rank)))
        if isinstance(part, Units):
            return Units(part.columns, part.scale[:, None] * value[:, part.columns].T)
        return Rows(part.rows[:, None] * value)

    def wave_square(self, wave: Tensor, columns: Mapping[str, Tensor]) -> Tensor:
        """|σᵀ w|² for wave numbers ``(dim, k)``, as ``(k,)`` or ``(n, k)``."""
        value = self.at(columns)
        if isinstance(self.value, Tensor) and value.ndim == 2:
            return (value.T @ wave).square().sum(0)
        if value.ndim == 3:
            return torch.einsum("ndr,dk->nrk", value, wave).square().sum(1)
        return value.square() @ wave.square()


def _origin(function: Callable) -> Any:
    """What a function shares with itself when an equation defines it anew."""
    if not isinstance(function, FunctionType):
        return id(function)
    caught = [cell.cell_contents for cell in function.__closure__ or ()]
    code = function.__code__
    return code.co_firstlineno, code, *map(_share, [*caught, *(function.__defaults__ or ())])


def _share(value: Any) -> Any:
    if isinstance(value, Tensor):
        return content(value)
    return value if isinstance(value, int | float | str | None) else id(value)


def factor_of(value: Any, columns: Mapping[str, Tensor], name: str) -> Factor:
    """A factor from what a user gives.

    Args:
        value: σ, see :class:`Factor`.
        columns: Any points by coordinate, at which a function is tried.
        name: The vector coordinate.

    Raises:
        DeclarationError: If the shape does not fit, or a function fails.
    """
    dim = columns[name].shape[1]
    if isinstance(value, Known):
        return Factor(dim, value, dim)
    if callable(value):
        n = min(2, len(columns[name]))
        shape = _shape(value, {k: column[:n] for k, column in columns.items()})
        if len(shape) != 3 or shape[:2] != (n, dim) or not shape[2]:
            raise _misshaped(dim, f"a function that returns shape {shape} for {n} points")
        return Factor(dim, value, shape[2])  # type: ignore[arg-type]
    tensor = torch.as_tensor(value)
    if tensor.ndim not in (1, 2) or tensor.shape[0] != dim or not tensor.numel():
        raise _misshaped(dim, f"shape {tuple(tensor.shape)}")
    return Factor(dim, tensor, tensor.shape[1] if tensor.ndim == 2 else dim)


def _shape(function: Callable, columns: Mapping[str, Tensor]) -> tuple[int, ...]:
    """The shape that a function returns."""
    names = inspect.signature(function).parameters
    for name in names:
        if name not in columns:
            raise DeclarationError(
                f"The factor of a weighted trace asks for '{name}', which is no coordinate",
                expected=", ".join(columns),
                got=name,
                do=nearest(name, columns) or "give it the coordinates by their names",
            )
    try:
        found = function(**{name: columns[name] for name in names})
    except (RuntimeError, IndexError, TypeError, ValueError) as reason:
        raise DeclarationError(
            "The factor of a weighted trace is a function that fails",
            expected="a function of tensors " + ", ".join(columns),
            got=(str(reason) or type(reason).__name__).splitlines()[0],
            do="try it on tensors of a few points",
        ) from reason
    return tuple(torch.as_tensor(found).shape)


def _misshaped(dim: int, got: str) -> DeclarationError:
    return DeclarationError(
        "The factor of a weighted trace has the wrong shape",
        expected=f"a number, a diagonal ({dim},), a matrix ({dim}, r), an expression of the "
        f"coordinates with one value a component, or a function that returns (n, {dim}, r), all "
        "with r of at least 1",
        got=got,
        do="give sigma with one row for each component of the coordinate",
    )
