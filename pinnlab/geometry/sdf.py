"""Regions told by a signed distance function."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from pinnlab.errors import GeometryError, nearest
from pinnlab.geometry.box import check_ends
from pinnlab.geometry.implicit import ImplicitSurface
from pinnlab.geometry.rejection import fill_by_rejection
from pinnlab.geometry.shape import Shape
from pinnlab.sampling.sequences import unit_points
from pinnlab.typing import Coordinates

_BLOCK = 2**18


class SDF(Shape):
    """The region where a function is not positive.

    Points of the boundary are where lines along the axes cross it (see
    :mod:`pinnlab.geometry.crossings`), moved onto it by Newton steps along the gradient; they are
    uniform in area. Normals are the gradient by automatic differentiation. Surface and volume are
    estimated, to about 1e-4 in the plane and 1e-3 in space; sheets closer than 1/256 of the bounds
    may be missed.

    Args:
        fn: Torch function of coordinates by name, negative inside. It need not have a gradient of
            length one, but a distance function made from it is then not normalised.
        bounds: Ends ``(low, high)`` of a box around the region, by coordinate.
        name: Name of the boundary piece, ``boundary`` if left out.

    Raises:
        GeometryError: If the function does not fit the coordinates, has no negative value, or is
            not positive all over the faces of the box.

    Example:
        >>> ring = SDF(lambda x, y: ((x**2 + y**2).sqrt() - 1).abs() - 0.2,
        ...            bounds={"x": (-1.5, 1.5), "y": (-1.5, 1.5)}, name="walls")
        >>> ring.pieces
        ('walls',)
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        bounds: Mapping[str, Sequence[float]],
        *,
        name: str | None = None,
    ) -> None:
        self.fn, self.name = fn, name
        self.axes = {axis: check_ends(axis, pair) for axis, pair in bounds.items()}
        self.coordinates = Coordinates(tuple(self.axes), (1,) * len(self.axes))
        self._box = np.array(list(self.axes.values())).T
        self._asked = list(inspect.signature(fn).parameters)
        self._check()
        self._surface = ImplicitSurface(
            name or "boundary",
            name,
            self._box,
            inside=lambda x: self.level(x) <= 0,
            normals=self._unit_gradient,
            near=lambda x, tolerance: self._depth(x) <= tolerance,
            carrier=self.implicit,
            polish=self._project,
        )
        self.facets = (self._surface,)

    def __repr__(self) -> str:
        sides = ", ".join(f"{axis}=({low:g}, {high:g})" for axis, (low, high) in self.axes.items())
        return f"SDF({getattr(self.fn, '__name__', 'fn')}, {sides})"

    def _check(self) -> None:
        if len(self.axes) < 2:
            raise GeometryError(
                "A signed distance function needs two coordinates or more",
                expected="bounds for at least two coordinates",
                got=", ".join(self.axes) or "none",
                do="use Interval on a line",
            )
        for asked in self._asked:
            if asked not in self.axes:
                raise GeometryError(
                    f"The function asks for '{asked}', which is no coordinate here",
                    expected=", ".join(self.axes),
                    got=", ".join(self._asked),
                    do=nearest(asked, self.axes) or "name its parameters after the bounds",
                )
        x = self._box[0] + np.ptp(self._box, axis=0) * _fixed_points(4096, len(self.axes))
        values = self._evaluate(torch.from_numpy(x))
        if not isinstance(values, torch.Tensor) or values.shape != (len(x),):
            raise GeometryError(
                "The function must return one value for each point",
                expected=f"a tensor of shape ({len(x)},)",
                got=getattr(values, "shape", type(values).__name__),
                do="write it with torch operations on the columns",
            )
        if not bool((values < 0).any()):
            raise GeometryError(
                "The function is nowhere negative, so that the region is empty",
                expected="negative values inside the region",
                got=f"a smallest value of {float(values.min()):.3g} on 4096 points of the bounds",
                do="check its sign and the bounds",
            )
        if np.any(self.level(self._faces(x)) <= 0):
            raise GeometryError(
                "The region reaches its bounds",
                expected="positive values on the faces of the bounds",
                got="a value that is not positive",
                do="widen the bounds, or cut the region within the function, with torch.maximum",
            )

    def _faces(self, x: np.ndarray) -> np.ndarray:
        """Points moved to the faces of the bounds."""
        parts = np.array_split(x, 2 * len(self.axes))
        for k, part in enumerate(parts):
            part[:, k // 2] = self._box[k % 2, k // 2]
        return np.concatenate(parts)

    def _evaluate(self, x: torch.Tensor) -> torch.Tensor:
        columns = self.coordinates.columns(x)
        return self.fn(*[columns[name] for name in self._asked])

    def level(self, x: np.ndarray) -> np.ndarray:
        """The function itself, ``(n,)``."""
        with torch.no_grad():
            parts = [
                self._evaluate(torch.from_numpy(x[k : k + _BLOCK]))
                for k in range(0, max(len(x), 1), _BLOCK)
            ]
        return torch.cat(parts).numpy()

    def _gradient(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values ``(n,)`` and gradients ``(n, d)``."""
        with torch.enable_grad():
            point = torch.from_numpy(x.copy()).requires_grad_(True)
            value = self._evaluate(point)
            (gradient,) = torch.autograd.grad(value.sum(), point)
        return value.detach().numpy(), gradient.numpy()

    def _unit_gradient(self, x: np.ndarray) -> np.ndarray:
        gradient = self._gradient(x)[1]
        return gradient / np.maximum(np.linalg.norm(gradient, axis=1, keepdims=True), 1e-300)

    def _depth(self, x: np.ndarray) -> np.ndarray:
        """Distance to the boundary, to first order."""
        value, gradient = self._gradient(x)
        return np.abs(value) / np.maximum(np.linalg.norm(gradient, axis=1), 1e-12)

    def _project(self, x: np.ndarray) -> np.ndarray:
        for _ in range(2):
            value, gradient = self._gradient(x)
            square = np.sum(gradient**2, axis=1)
            step = np.where(square > 1e-24, value / np.maximum(square, 1e-24), 0.0)
            x = x - step[:, None] * gradient
        return x

    def bounds(self) -> np.ndarray:
        """The bounds that were given, ``(2, d)``."""
        return self._box.copy()

    @property
    def _volume(self) -> float:
        return self._surface.volume

    def fill(
        self, n: int, extra: int, sampler: str, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draw from the bounds and keep what lies inside."""
        x, further = fill_by_rejection(
            self._box, lambda y: self.level(y) <= 0, n, extra, sampler, rng
        )
        return x, np.full(n, self._volume / n), further

    def implicit(self, columns: Mapping[str, Any]) -> Any:
        """The function, negated."""
        return -self.fn(*[columns[name] for name in self._asked])


def _fixed_points(n: int, dim: int) -> np.ndarray:
    return unit_points("sobol", n, dim, np.random.default_rng(0))
