"""Random fields, on which an equation is tried before there is a surrogate."""

from collections.abc import Callable

import torch
from torch import Tensor

from pinnlab.calculus.directions import Across
from pinnlab.calculus.functionals import Functional, size_of
from pinnlab.calculus.sources import JetSource, Places, Reader
from pinnlab.typing import Coordinates, MultiIndex


class RandomSource:
    r"""Smooth random fields in closed form: a positive constant plus a few random sine waves.

    .. math:: u(x) = s + \sum_k a_k \sin(w_k \cdot x + \varphi_k)

    Every derivative is exact, in double precision, so that an equation of any order can be run.

    Args:
        coordinates: The coordinates.
        n: Number of points, uniform in the cube [0.1, 0.9]^d unless ``x`` is given.
        seed: Of the waves and points.
        shift: The constant ``s``; 2 keeps the fields positive, so that log and sqrt exist.
        normals: Whether random unit normals are known; or a function that gives those of ``x``.
        x: The points ``(n, d)``, if they matter.
    """

    _WAVES = 3

    def __init__(
        self,
        coordinates: Coordinates,
        n: int,
        seed: int = 0,
        shift: float = 2.0,
        normals: bool | Callable[[], Tensor | None] = False,
        x: Tensor | None = None,
    ) -> None:
        self.coordinates, self._seed, self._shift = coordinates, seed, shift
        generator = torch.Generator().manual_seed(seed)
        random = torch.rand(n, coordinates.dim, generator=generator, dtype=torch.float64)
        self.x = 0.1 + 0.8 * random if x is None else x
        self._columns = coordinates.columns(self.x)
        self._waves: dict[str, tuple[Tensor, Tensor, Tensor]] = {}
        self.normal: Callable[[], Tensor | None] = lambda: None
        if callable(normals):
            self.normal = normals
        elif normals:
            shape = (n, coordinates.space.dim)
            draw = torch.randn(shape, generator=generator, dtype=torch.float64)
            units = (draw / draw.norm(dim=1, keepdim=True)).to(self.x)
            self.normal = lambda: units

    def _of(self, field: str) -> tuple[Tensor, Tensor, Tensor]:
        """Amplitudes (k,), wave numbers (d, k), and phases at the points (n, k) of a field."""
        if field not in self._waves:
            # The waves depend on the field's name only, not on the order in which fields are read.
            seed = sum((k + 1) * ord(c) for k, c in enumerate(field)) + 7919 * (self._seed + 1)
            generator = torch.Generator().manual_seed(seed)
            d, k = self.coordinates.dim, self._WAVES
            draw = torch.rand(d + 2, k, generator=generator, dtype=torch.float64).to(self.x)
            sign = torch.where(draw[:d] > 0.5, 1.0, -1.0).to(self.x)
            wave = sign * (0.7 + draw[:d]) * min(1.0, 3.0 / d**0.5)
            amplitude = (0.2 + 0.3 * draw[d]) / k**0.5
            self._waves[field] = amplitude, wave, self.x @ wave + 6.0 * draw[d + 1]
        return self._waves[field]

    def derivative(self, field: str, index: MultiIndex) -> Tensor:
        """The derivative of a field, ``(n,)``."""
        amplitude, wave, phase = self._of(field)
        for column in index:
            amplitude = amplitude * wave[column]
        value = torch.sin(phase + len(index) * torch.pi / 2) @ amplitude
        return value if index else value + self._shift

    def functional(self, field: str, functional: Functional) -> Tensor:
        """A contraction of derivatives, ``(n,)`` or ``(n, size)``."""
        amplitude, wave, phase = self._of(field)
        over = wave[functional.span(self.coordinates)]
        return functional.waves(amplitude, over, phase, Places(self._columns, self.normal))

    def directions(self, family: Across) -> Tensor:
        """Some directions ``(k, d)`` of a family, always the same."""
        return family.example(self.coordinates.dim, self.x)

    def coordinate(self, name: str) -> Tensor:
        """The coordinate's values."""
        return self._columns[name]


class FreeSource:
    """Independent random numbers in every slot: a jet that belongs to no function.

    Args:
        coordinates: The coordinates.
        n: Number of points.
        seed: Of the numbers.
        normals: Whether random unit normals are known.
        requires_grad: Whether each slot is a leaf of autograd.
        base: Points and normals come from there instead, if given.
    """

    def __init__(
        self,
        coordinates: Coordinates,
        n: int,
        seed: int = 0,
        normals: bool = False,
        requires_grad: bool = False,
        base: JetSource | Reader | None = None,
    ) -> None:
        self.coordinates = coordinates
        self._base = base or RandomSource(coordinates, n, seed, normals=normals)
        self._n, self._grad = self._base.coordinate(coordinates.names[0]).shape[0], requires_grad
        self._generator = torch.Generator().manual_seed(seed)
        self.slots: dict[tuple, Tensor] = {}

    def _draw(self, key: tuple, *size: int) -> Tensor:
        if key not in self.slots:
            value = torch.randn(self._n, *size, generator=self._generator, dtype=torch.float64)
            like = self._base.coordinate(self.coordinates.names[0])
            self.slots[key] = value.to(like).requires_grad_(self._grad)
        return self.slots[key]

    def derivative(self, field: str, index: MultiIndex) -> Tensor:
        """The slot of a derivative, ``(n,)``."""
        return self._draw((field, index))

    def functional(self, field: str, functional: Functional) -> Tensor:
        """The slot of a contraction, ``(n,)`` or ``(n, size)``; |∇u|² is that of the slot ∇u."""
        if functional.factors is not None:
            left, right = (self.functional(field, rows) for rows in functional.factors)
            return (left * right).sum(-1)
        size = size_of(functional, self.coordinates)
        return self._draw((field, functional), *((size,) if size else ()))

    def directions(self, family: Across) -> Tensor:
        """The directions ``(k, d)`` of a family."""
        return self._base.directions(family)

    def coordinate(self, name: str) -> Tensor:
        """The coordinate's values."""
        return self._base.coordinate(name)

    def normal(self) -> Tensor | None:
        """The normals, if any."""
        base = self._base.source if isinstance(self._base, Reader) else self._base
        return base.normal()
