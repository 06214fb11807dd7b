"""From a geometry to tagged points on the device where they are used."""

from typing import TYPE_CHECKING

import numpy as np
import torch

from pinnlab.errors import GeometryError
from pinnlab.sampling.noise import Noise
from pinnlab.sampling.points import Points

if TYPE_CHECKING:
    from pinnlab.geometry.base import Geometry, Sample, Where


def draw(
    geometry: "Geometry",
    n: int,
    *,
    on: "Where | None" = None,
    region: str | None = None,
    sampler: str = "sobol",
    generator: np.random.Generator,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
    into: torch.Tensor | None = None,
) -> Points:
    """Draw points of the interior, of a named part, or of the boundary.

    Geometries of very many dimensions draw right into the array of the points
    (:meth:`~pinnlab.geometry.base.Geometry.sample_tensor`); others are drawn in NumPy and copied.

    Args:
        geometry: Where to draw.
        n: Number of points wanted; isolated points and ``gauss`` may give fewer.
        on: Boundary piece, several pieces, or a predicate; None for the interior.
        region: Volume part, for interior points.
        sampler: One of :data:`pinnlab.sampling.sequences.RULES`, or ``radial`` in a ball of many
            dimensions. The geometry may use another one instead, see
            :meth:`~pinnlab.geometry.base.Geometry.sampler_for`.
        generator: Source of randomness; advances.
        dtype: Precision of the points.
        device: Where the points shall live.
        into: The array of points that are no longer needed: overwritten, if it fits.

    Returns:
        The points, tagged with the piece, the region or ``"interior"``.

    Raises:
        GeometryError: If nothing is drawn, or both ``on`` and ``region`` are given.
    """
    if on is not None and region is not None:
        raise GeometryError(
            "Points are either on the boundary or in a region",
            expected="on= or region=",
            got=f"on={on!r} and region={region!r}",
            do="leave one of them out",
        )
    sampler = geometry.sampler_for(sampler)
    tag = _tag(on, region)
    if region is None:
        noise = Noise(generator, dtype, device, into)
        here = geometry.sample_tensor(n, on, sampler=sampler, noise=noise)
        if here is not None:
            return Points(here.x, geometry.coordinates, here.normals, here.weights, tag)
    if on is None:
        sample = geometry.sample(n, sampler=sampler, rng=generator, region=region)
    else:
        sample = geometry.sample_boundary(n, on, sampler=sampler, rng=generator)
    if not len(sample.x):
        raise GeometryError(
            f"'{tag}' got 0 points",
            expected="at least one point",
            got=f"none of {n} in {geometry!r}",
            do="check that this part of the domain is not empty",
        )
    return to_points(sample, geometry, tag=tag, dtype=dtype, device=device)


def to_points(
    sample: "Sample",
    geometry: "Geometry",
    *,
    tag: str,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> Points:
    """Copy a NumPy sample into tensors."""

    def move(a: np.ndarray) -> torch.Tensor:
        return torch.tensor(a, dtype=dtype, device=device)

    normals = None if sample.normals is None else move(sample.normals)
    return Points(move(sample.x), geometry.coordinates, normals, move(sample.weights), tag)


def _tag(on: "Where | None", region: str | None) -> str:
    if on is None:
        return region or "interior"
    if callable(on):
        return getattr(on, "__name__", "predicate")
    return on if isinstance(on, str) else "+".join(on)
