"""Regions of very many dimensions, with one vector coordinate.

Nothing here is larger than the points themselves, and normals are made when they are asked for, so
that a million dimensions are a matter of memory for the sample only. With the sampler ``uniform``
(and ``radial``, in a ball) the points are drawn right where they are used, by
:meth:`~pinnlab.geometry.base.Geometry.sample_tensor`. A low-discrepancy sequence of more than
:data:`~pinnlab.sampling.sequences.MOST_SEQUENCE_COLUMNS` columns is slow and no more even than
chance at the usual numbers of points: ``sobol`` and ``halton``, the former the default of a run,
mean ``uniform`` there, which ``pinnlab check`` and the report say.

The measure of such a set easily leaves the range of floating-point numbers; ``measure`` is then 0
or infinite, and the weights of a sample sum to 1, so that weighted sums are means.
"""

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from pinnlab.errors import GeometryError
from pinnlab.geometry.base import JointlySampled, Sample, TensorSample, Where
from pinnlab.geometry.predicates import filter_boundary
from pinnlab.geometry.rejection import refuse_gauss
from pinnlab.sampling.noise import Noise
from pinnlab.sampling.sequences import MOST_SEQUENCE_COLUMNS, check_count
from pinnlab.typing import Coordinates


class HighDimensional(JointlySampled):
    """A region of one vector coordinate whose boundary is one piece.

    The piece is ``boundary``, or the region's own name.
    """

    coordinate: str
    dim: int
    # Samplers whose points need no sequence, but independent random numbers only.
    direct: tuple[str, ...] = ("uniform",)

    def _declare(self, coordinate: str, dim: int, name: str | None) -> None:
        if isinstance(dim, bool) or not isinstance(dim, int | np.integer) or dim < 2:
            raise GeometryError(
                "A vector coordinate has several components",
                expected="an integer dim of at least 2",
                got=repr(dim),
                do="use Interval for one dimension",
            )
        self.coordinate, self.dim, self.name = coordinate, int(dim), name
        self.coordinates = Coordinates((coordinate,), (int(dim),))

    @property
    def pieces(self) -> tuple[str, ...]:
        """One piece, the whole boundary."""
        return (self.name or "boundary",)

    @abstractmethod
    def log_measure(self, piece: str | None = None) -> float:
        """Natural logarithm of the measure, which is always representable."""

    def measure(self, piece: str | None = None) -> float:
        """Volume, or surface of the piece; 0 or infinite where it leaves the number range."""
        if piece is not None:
            self.resolve(piece)
        logarithm = self.log_measure(piece)
        return math.exp(logarithm) if logarithm < 709.0 else math.inf

    def sampler_for(self, sampler: str) -> str:
        """``uniform`` instead of a sequence of too many columns."""
        sequence = sampler in ("sobol", "halton")
        return "uniform" if sequence and self.dim > MOST_SEQUENCE_COLUMNS else sampler

    def _weight(self, n: int, piece: str | None) -> float:
        measure = self.measure(piece)
        return (measure if 0 < measure < math.inf else 1.0) / n

    @abstractmethod
    def _interior(self, n: int, extra: int, sampler: str, rng: np.random.Generator) -> tuple:
        """Interior points and further coordinates, of a sequence."""

    @abstractmethod
    def _surface(self, n: int, extra: int, sampler: str, rng: np.random.Generator) -> tuple:
        """Boundary points, normals and further coordinates, of a sequence."""

    @abstractmethod
    def _fill_interior(self, n: int, extra: int, sampler: str, noise: Noise) -> Tensor:
        """Interior points with further columns, ``(n, dim + extra)``, of independent numbers."""

    @abstractmethod
    def _fill_surface(
        self, n: int, extra: int, noise: Noise
    ) -> tuple[Tensor, Callable[[], Tensor]]:
        """Boundary points with further columns, and what gives the normals."""

    def sample_tensor(
        self,
        n: int,
        on: Where | None = None,
        *,
        sampler: str,
        noise: Noise,
        extra: int = 0,
    ) -> TensorSample | None:
        """Draw independent points; see :meth:`~pinnlab.geometry.base.Geometry.sample_tensor`."""
        if callable(on) or sampler not in self.direct:
            return None
        check_count(n)
        if on is None:
            x, normals = self._fill_interior(n, extra, sampler, noise), None
        else:
            self.resolve(on)
            x, normals = self._fill_surface(n, extra, noise)
        piece = None if on is None else "boundary"
        return TensorSample(x, noise.constant(n, self._weight(n, piece)), normals)

    def _from_tensors(
        self, n: int, on: Where | None, extra: int, sampler: str, rng: np.random.Generator
    ) -> tuple[Sample, np.ndarray] | None:
        """The same points for those who want NumPy."""
        drawn = self.sample_tensor(n, on, sampler=sampler, noise=Noise(rng), extra=extra)
        if drawn is None:
            return None
        x = drawn.x.numpy()
        normals = None if drawn.normals is None else drawn.normals().numpy()
        return Sample(x[:, : self.dim], drawn.weights.numpy(), normals), x[:, self.dim :]

    def sample_jointly(
        self,
        n: int,
        extra: int,
        *,
        sampler: str = "sobol",
        rng: np.random.Generator,
        region: str | None = None,
    ) -> tuple[Sample, np.ndarray]:
        """Draw interior points and further coordinates from one sequence."""
        self.check_region(region)
        refuse_gauss(sampler)
        direct = self._from_tensors(n, None, extra, sampler, rng)
        if direct is not None:
            return direct
        x, further = self._interior(n, extra, sampler, rng)
        return Sample(x, np.full(n, self._weight(n, None))), further

    def sample_boundary_jointly(
        self, n: int, on: Where, extra: int, *, sampler: str = "sobol", rng: np.random.Generator
    ) -> tuple[Sample, np.ndarray]:
        """Draw boundary points and further coordinates from one sequence."""
        refuse_gauss(sampler)
        if callable(on):
            sample = filter_boundary(
                n,
                on,
                self.coordinates,
                lambda m: self.sample_boundary(m, sampler=sampler, rng=rng),
                rng,
            )
            return sample, self._independently(len(sample.x), extra, sampler, rng)
        self.resolve(on)
        direct = self._from_tensors(n, on, extra, sampler, rng)
        if direct is not None:
            return direct
        x, normals, further = self._surface(n, extra, sampler, rng)
        return Sample(x, np.full(n, self._weight(n, "boundary")), normals), further


def check_center(center: float | Sequence[float], dim: int) -> np.ndarray:
    """A centre, one number for all components or one for each.

    Raises:
        GeometryError: If it is not finite or of the wrong length.
    """
    found = np.asarray(center, dtype=np.float64)
    if found.shape not in ((), (dim,)) or not np.all(np.isfinite(found)):
        raise GeometryError(
            "The centre cannot be used",
            expected=f"a finite number, or {dim} of them",
            got=f"shape {found.shape}",
            do="give one number for each component",
        )
    return found


def box_around(center: np.ndarray, size: float, dim: int) -> np.ndarray:
    """The box ``(2, dim)`` of half-width ``size``; around one number, its columns share memory."""
    return np.broadcast_to(np.stack([center - size, center + size]).reshape(2, -1), (2, dim))


def move_to(x: Tensor, center: np.ndarray) -> Tensor:
    """Add the centre to points around the origin, in place."""
    if center.ndim:
        return x.add_(torch.as_tensor(center, dtype=x.dtype, device=x.device))
    return x.add_(float(center)) if center else x
