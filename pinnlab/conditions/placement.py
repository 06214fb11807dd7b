"""Where the points of an equation or condition lie, before they are drawn."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.errors import DeclarationError, GeometryError
from pinnlab.geometry.base import Geometry
from pinnlab.sampling.draw import draw
from pinnlab.sampling.points import Points

On = str | tuple[str, ...] | Callable[..., Any]


@dataclass(frozen=True)
class Placement:
    """A set of points to be drawn: the interior, a region of it, or pieces of its boundary.

    Two terms with equal placements share their points, and so one pass of the surrogate.

    Args:
        on: Boundary piece, pieces or predicate; None for the interior.
        region: Named part of the interior, or the region whose boundary is meant.
        count: Number of points, or None for the default of the run.
        sampler: Name of the sampler, or None for the default of the run.
        interface: Two region names: the boundary that they share.
        fixed: Points given once and for all, such as those of a data file.
        mirror_of: The points of another placement, moved by ``shift``.
        shift: Column and distance of that move.
        quadrature: The points are a rule for an integral: always used as a whole, and never made
            to follow the residual.
    """

    on: On | None = None
    region: str | None = None
    count: int | None = None
    sampler: str | None = None
    interface: tuple[str, str] | None = None
    fixed: Points | None = None
    mirror_of: "Placement | None" = None
    shift: tuple[int, float] | None = None
    quadrature: bool = False

    def moved(self, points: Points) -> Points:
        """The points of ``mirror_of``, moved."""
        assert self.shift is not None
        x = points.x.clone()
        x[:, self.shift[0]] += self.shift[1]
        return MovedPoints(
            x,
            points.coordinates,
            weights=points.weights,
            tag=self.describe(),
            column=self.shift[0],
        )

    def describe(self) -> str:
        """Where that is, in words."""
        if self.fixed is not None:
            return f"{len(self.fixed)} given points"
        if self.mirror_of is not None:
            return f"opposite of {self.mirror_of.describe()}"
        if self.interface:
            return f"interface of '{self.interface[0]}' and '{self.interface[1]}'"
        if self.on is None:
            return f"region '{self.region}'" if self.region else "interior"
        if callable(self.on):
            return "boundary where a predicate holds"
        pieces = (self.on,) if isinstance(self.on, str) else self.on
        return "boundary" if pieces == ("boundary",) else "piece " + ", ".join(pieces)

    def points(
        self,
        domain: Geometry,
        regions: Mapping[str, Geometry],
        *,
        count: int,
        sampler: str,
        rng: np.random.Generator,
        dtype: torch.dtype,
        device: torch.device | str,
        into: torch.Tensor | None = None,
    ) -> Points:
        """Draw the points.

        Args:
            domain: Where.
            regions: Named parts of it.
            count: Number of points, where the placement asks for none itself.
            sampler: Name of the sampler, likewise.
            rng: Source of randomness; advances.
            dtype: Precision.
            device: Where the points shall live.
            into: Array of points that are no longer needed; see :func:`~pinnlab.sampling.draw`.

        Raises:
            GeometryError: If the set is empty or a name is unknown.
        """
        if self.fixed is not None:
            return self.fixed.to(device, dtype)
        count = self.count or count
        sampler = self.sampler or sampler
        if count < 1:
            raise DeclarationError(
                f"'{self.describe()}' would get no points",
                expected="at least 1 point",
                got=count,
                do="set `points` of the term or of the run",
            )
        options = {"sampler": sampler, "generator": rng, "dtype": dtype, "device": device}
        if self.interface:
            return self._interface(domain, regions, count, options)
        options["into"] = into
        if self.region and self.region in regions:
            inside = regions[self.region]
            return draw(inside, count, on=self.on, **options)
        return draw(domain, count, on=self.on, region=self.region, **options)

    def _interface(
        self, domain: Geometry, regions: Mapping[str, Geometry], count: int, options: dict[str, Any]
    ) -> Points:
        """Points of the boundary of the first region that lie in the second as well."""
        assert self.interface is not None
        first, second = self.interface
        space: Any = getattr(domain, "space", domain)
        for piece in getattr(space, "interfaces", ()):  # a mesh knows where its regions meet
            sides = space.sides(piece)
            if set(sides) == {first, second}:
                points = draw(domain, count, on=piece, **options)
                assert points.normals is not None
                # Out of the first region, as the condition names it.
                outward = points.normals if sides[0] == first else -points.normals
                return replace(points, normals=outward, tag=self.describe())
        a, b = (_region(regions, name) for name in self.interface)
        found: list[Points] = []
        wanted = count
        for _ in range(12):
            candidates = draw(a, 2 * wanted, on="boundary", **options)
            mask = b.contains(candidates.x.double().cpu().numpy())
            kept = candidates.take(torch.as_tensor(mask, device=candidates.x.device))
            found.append(kept)
            if sum(len(p) for p in found) >= count:
                break
        total = sum(len(p) for p in found)
        if not total:
            raise GeometryError(
                f"The regions '{first}' and '{second}' do not touch",
                expected="a common boundary",
                got="no point of the one's boundary lies in the other",
                do="check the two geometries",
            )
        x = torch.cat([p.x for p in found])[:count]
        normals = torch.cat([p.normals for p in found])[:count]  # type: ignore[misc]
        return Points(x, a.coordinates, normals=normals, tag=self.describe())


@dataclass(frozen=True, eq=False)
class MovedPoints(Points):
    """Points of another set, moved along one column.

    Args:
        column: Its number; to compare the two sets would make the host wait for a device.
    """

    column: int = 0


def subset(
    points: Mapping[Placement, Points], size: int, rng: np.random.Generator
) -> dict[Placement, Points]:
    """At most so many points of each set, drawn without repetition and kept in order.

    Args:
        points: The sets; rules for integrals stay whole, and mirrored sets follow their originals.
        size: Most points of a set.
        rng: Source of randomness; advances.
    """
    return taken(points, subset_rows(points, size, rng))


def subset_rows(
    points: Mapping[Placement, Points], size: int, rng: np.random.Generator
) -> dict[Placement, Tensor]:
    """Which points :func:`subset` keeps of the sets that it makes smaller, in order.

    Args:
        points: The sets.
        size: Most points of a set.
        rng: Source of randomness; advances.
    """
    rows: dict[Placement, Tensor] = {}
    for placement, own in points.items():
        if placement.mirror_of is not None or placement.quadrature or len(own) <= size:
            continue
        drawn = np.sort(rng.choice(len(own), size, replace=False))
        rows[placement] = torch.as_tensor(drawn, device=own.x.device)
    return rows | {
        p: rows[p.mirror_of] for p in points if p.mirror_of is not None and p.mirror_of in rows
    }


def taken(
    points: Mapping[Placement, Points], rows: Mapping[Placement, Tensor]
) -> dict[Placement, Points]:
    """Some points of each set.

    Args:
        points: The sets; mirrored ones follow their originals.
        rows: Which are taken; sets that are left out stay whole.
    """
    originals = {p: own for p, own in points.items() if p.mirror_of is None}
    chosen = {p: own.take(rows[p]) if p in rows else own for p, own in originals.items()}
    return {p: p.moved(chosen[p.mirror_of]) if p.mirror_of else chosen[p] for p in points}


def _region(regions: Mapping[str, Geometry], name: str) -> Geometry:
    if name not in regions:
        raise DeclarationError(
            f"There is no region '{name}'",
            expected=", ".join(regions) or "names given in Problem(regions={...})",
            got=name,
            do="declare it in `regions`",
        )
    return regions[name]


def draw_all(
    placements: Iterable[Placement],
    domain: Geometry,
    regions: Mapping[str, Geometry],
    *,
    counts: Callable[[Placement], int],
    sampler: str,
    rng: np.random.Generator,
    dtype: torch.dtype,
    device: torch.device | str,
    replacing: Mapping[Placement, Points] | None = None,
) -> dict[Placement, Points]:
    """Draw every distinct placement once, in order, so that a seed determines all points.

    Args:
        placements: What to draw.
        domain: Where.
        regions: Named parts of it.
        counts: Number of points of a placement that asks for none itself.
        sampler: Name of the sampler, likewise.
        rng: Source of randomness; advances.
        dtype: Precision.
        device: Where the points shall live.
        replacing: Points that nobody reads any more: new ones of very many dimensions are written
            into their arrays.

    Returns:
        The points of each placement.
    """
    old = replacing or {}
    drawn: dict[Placement, Points] = {}
    for placement in placements:
        for wanted in (placement.mirror_of, placement):
            if wanted is None or wanted in drawn:
                continue
            if wanted.mirror_of is not None:
                drawn[wanted] = wanted.moved(drawn[wanted.mirror_of])
            else:
                drawn[wanted] = wanted.points(
                    domain,
                    regions,
                    count=counts(wanted),
                    sampler=sampler,
                    rng=rng,
                    dtype=dtype,
                    device=device,
                    into=old[wanted].x if wanted in old else None,
                )
    return drawn
