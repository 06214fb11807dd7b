r"""A smooth distance to many facets, and its derivatives in closed form.

With d the dimension of space, S the facets and p = 2 in the plane, p = 1 in space,

.. math::
    \varphi(x) = \Big( \frac{c}{\Phi(x)} \Big)^{1/p}, \qquad
    \Phi(x) = \int_S \frac{\mathrm{d}S(y)}{|x - y|^{d - 1 + p}}, \qquad c = 2 \text{ or } 2\pi.

φ vanishes on S and only there, is analytic off S, and grows with unit slope from the interior of a
facet: seen from close by a facet is a plane, for which Φ = c / hᵖ. Because Φ is an integral it does
not matter how a flat patch is cut into facets, and where two facets meet at a small angle φ is only
a little rough; joining the distances of single facets by an R-function would leave a mark at every
joint. Where facets meet at an angle, φ is continuous and its derivatives are not, as for any
function that vanishes on a corner with unit slopes.

Both integrals have closed forms. With a, b, c the corners of a facet seen from x and h the distance
from its line or plane,

.. math::
    \Phi_{\text{segment}} = \frac{L (|a| + |b|)}{|a||b| \, q}, \quad q = |a||b| + a \cdot b;
    \qquad \Phi_{\text{triangle}} = \frac{\Omega}{h},

with Ω the solid angle. For a segment q is computed without cancellation by
:math:`1/q = 2|a||b| / (w^2 + q^2)`, where :math:`w = a \times b = \pm L h`. For a triangle
atan(t)/t takes care of h → 0 beside it.

On the facets Φ is infinite, and φ and its derivatives are limits from inside. The facet j that
contributes most is therefore taken out: with S = h_j and T = Sᵖ Φ_j, both finite,

.. math:: \varphi = S \Big( \frac{c}{T + S^p \sum_{i \ne j} \Phi_i} \Big)^{1/p} .

On an edge between facets the derivatives do not exist or cannot be computed with the rest; they are
taken at a point moved inwards by 1e-5 of the facet's size. The value there is exact.

References:
    Belyaev, Fayolle & Pasko (2013), Comput.-Aided Des. 45, 523 (Lp distance fields). Differs: the
    integral over the surface itself takes the place of the one over directions, so that open pieces
    need no orientation. Solid angle: van Oosterom & Strackee (1983).
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.errors import GeometryError
from pinnlab.geometry._flat_patches import simplify
from pinnlab.geometry._series import SMALL, Layout, Series, atan_terms, atanc_terms, layout
from pinnlab.typing import MultiIndex

_NUMBERS = 2**15  # numbers in one temporary array: stays in the cache, and bounds the memory
_ON_EDGE = 1e-6  # nearer to an edge than this part of a facet, derivatives are taken beside it
_BESIDE = 1e-5


class FacetDistance:
    """The smooth distance to a set of facets.

    Args:
        corners: Segments ``(f, 2, 2)`` or triangles ``(f, 3, 3)``.
        inward: Unit normals ``(f, d)`` on the side where derivatives at the facets are taken.

    Example:
        >>> bottom = FacetDistance(np.array([[[0.0, 0.0], [1.0, 0.0]]]), np.array([[0.0, 1.0]]))
        >>> x = torch.tensor([[0.5, 0.0]], dtype=torch.float64)
        >>> bottom.derivatives(x, [(), (1,)])[1,].round(decimals=12)
        tensor([1.], dtype=torch.float64)
    """

    def __init__(self, corners: np.ndarray, inward: np.ndarray) -> None:
        if corners.shape[1] == 2:
            corners, inward = merge_collinear(corners, inward)
        else:
            corners, inward = simplify(corners, inward)
            corners = _facing_in(corners, inward)
        self.dim = corners.shape[2]
        nodes, index = np.unique(corners.reshape(-1, self.dim), axis=0, return_inverse=True)
        self.nodes, self.inward = torch.from_numpy(nodes), torch.from_numpy(inward)
        self.index = torch.from_numpy(index.reshape(corners.shape[:2]))

    def __len__(self) -> int:
        return len(self.index)

    def derivatives(self, x: Tensor, indices: Sequence[MultiIndex]) -> dict[MultiIndex, Tensor]:
        """Values and partial derivatives.

        Args:
            x: Points ``(n, d)``.
            indices: Sorted tuples of column numbers, ``()`` for the value, of up to four entries.

        Returns:
            ``{index: (n,)}`` in the precision of ``x``; computed in double precision.
        """
        order = max((len(index) for index in indices), default=0)
        if order > 4 or any(k not in range(self.dim) for index in indices for k in index):
            raise GeometryError(
                "A derivative of the distance function is not available",
                expected=f"at most four entries from 0 to {self.dim - 1}",
                got=max(indices, key=len),
                do="differentiate by space coordinates only, at most four times",
            )
        table = layout(self.dim, order)
        slots = self.slots(x, order)
        wanted = {tuple(sorted(index)): index for index in indices}
        return {index: slots[table.position[key]] for key, index in wanted.items()}

    @torch.no_grad()
    def slots(self, x: Tensor, order: int) -> Tensor:
        """All derivatives up to an order, ``(slots, n)`` in the order of the series layout."""
        table = layout(self.dim, order)
        points = x.detach().to(torch.float64)
        step = max(1, _NUMBERS // len(self))
        parts = [
            self._chunk(points[start : start + step], table)
            for start in range(0, len(points), step)
        ]
        return torch.cat(parts, dim=1).to(x.dtype) if parts else x.new_zeros(len(table.indices), 0)

    def _chunk(self, x: Tensor, table: Layout) -> Tensor:
        nodes, index, inward = (t.to(x.device) for t in (self.nodes, self.index, self.inward))
        each = _POTENTIAL[self.dim](x, nodes, index, layout(self.dim, 0))
        nearest = torch.nan_to_num(each.value, nan=math.inf).argmax(0)
        mine, normals = nodes[index[nearest]], inward[nearest]
        value = _join(x, mine, normals, _without(each, nearest))[0]
        if table.order == 0:
            return value[None]
        size = (mine - mine[:, :1]).norm(dim=2).amax(1)
        aside = _edge_distance(x, mine) < _ON_EDGE * size
        # towards the middle of the facet as well, so as to leave its neighbour's plane
        inside = normals + (mine.mean(1) - x) / size[:, None]
        moved = x + (aside * _BESIDE * size)[:, None] * inside
        each = _POTENTIAL[self.dim](moved, nodes, index, table)
        out = _join(moved, mine, normals, _without(each, nearest))
        out[0] = value
        return out

    def __call__(self, columns: Sequence[Any]) -> Any:
        """The value, differentiable.

        Args:
            columns: One object ``(n,)`` per coordinate: tensors, also under :mod:`torch.func`, or
                jets with a ``value`` that can be added to and multiplied by tensors.
        """
        if not all(isinstance(column, Tensor) for column in columns):
            return self._expand(columns, torch.stack([c.value for c in columns], dim=1))
        x = torch.stack(list(columns), dim=1)
        if torch._C._functorch.is_functorch_wrapped_tensor(x):  # type: ignore[attr-defined]
            return self._expand(columns, x.detach())
        return _Slots.apply(x, self, 0)[0]  # type: ignore[index]

    def _expand(self, columns: Sequence[Any], origin: Tensor) -> Any:
        """The Taylor polynomial of order four about the points themselves.

        It turns precomputed derivatives into arithmetic, for everything that propagates
        derivatives through arithmetic. Under torch.func this is needed because nested forward
        differentiation of an autograd function silently loses the inner one (torch 2.13).
        """
        # A jet says how many derivatives it carries; four is the most that any equation reads.
        order = min(getattr(getattr(columns[0], "layout", None), "order", 4), 4)
        table = layout(self.dim, order)
        slots = _Frozen.apply(origin, self, order)
        steps = [column - at for column, at in zip(columns, origin.unbind(-1), strict=True)]
        powers: dict[MultiIndex, Any] = {(): 1.0}
        out: Any = slots[0]  # type: ignore[index]
        for k, index in enumerate(table.indices[1:], start=1):
            powers[index] = steps[index[-1]] * powers[index[:-1]]
            out = powers[index] * (slots[k] / table.factors[k]) + out  # type: ignore[index]
        return out


class _Slots(torch.autograd.Function):
    """All derivatives of exactly one order, ``(slots, n)``; the backward pass asks for the next."""

    @staticmethod
    def forward(x: Tensor, distance: FacetDistance, order: int) -> Tensor:
        return distance.slots(x, order)[_of_order(distance.dim, order)]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        x, ctx.distance, ctx.order = inputs
        ctx.save_for_backward(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple:
        (x,) = ctx.saved_tensors
        next_ = _Slots.apply(x, ctx.distance, ctx.order + 1)
        slopes = next_[_successors(ctx)]  # type: ignore[index]  # (slots, d, n)
        return (grads[0][:, None] * slopes).sum(0).T, None, None


class _Frozen(torch.autograd.Function):
    """All derivatives up to an order as constants, for points under any number of vmaps."""

    @staticmethod
    def forward(x: Tensor, distance: FacetDistance, order: int) -> Tensor:
        return distance.slots(x, order)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        ctx.mark_non_differentiable(output)

    @staticmethod
    def vmap(info: Any, in_dims: tuple, x: Tensor, distance: FacetDistance, order: int) -> tuple:
        batch = x.movedim(in_dims[0], 0)
        out = _Frozen.apply(batch.reshape(-1, batch.shape[-1]), distance, order)
        return out.reshape(len(out), len(batch), -1), 1  # type: ignore[union-attr]


def _of_order(dim: int, order: int) -> list[int]:
    table = layout(dim, order)
    return [k for k, index in enumerate(table.indices) if len(index) == order]


def _successors(ctx: Any) -> Tensor:
    """The rows of the next order that differentiate each slot once more, ``(slots, d)``."""
    dim, order = ctx.distance.dim, ctx.order
    after = layout(dim, order + 1)
    first = _of_order(dim, order + 1)[0]
    rows = [
        [after.position[tuple(sorted((*after.indices[k], i)))] - first for i in range(dim)]
        for k in _of_order(dim, order)
    ]
    return torch.tensor(rows)


def _without(each: Series, nearest: Tensor) -> Series:
    """The sum over all facets but the nearest, ``(n,)``."""
    return each.map(lambda c: c.scatter_(0, nearest[None], 0.0).sum(dim=0))


def _join(x: Tensor, mine: Tensor, normals: Tensor, rest: Series) -> Tensor:
    """Derivatives ``(slots, n)`` of φ from the nearest facet and the potential of the others."""
    table = rest.layout
    power, constant = (2, 2.0) if table.dim == 2 else (1, 2.0 * math.pi)
    height, side = _height(x, mine, normals, table)
    term, finite, close = _PAIRED[table.dim](x, mine, table, side)
    height = height.choose(close, Series.polynomial(table, torch.ones_like(height.value)))
    scaled = height * height if power == 2 else height
    ratio = (finite.choose(close, term) + scaled * rest).reciprocal() * constant
    phi = height * (ratio.sqrt() if power == 2 else ratio)
    zero = torch.zeros_like(x[:, 0])
    slots = torch.stack([zero if c is None else c.expand_as(zero) for c in phi.coefficients])
    factors = torch.tensor(table.factors, dtype=x.dtype, device=x.device)
    return torch.nan_to_num(slots * factors[:, None], nan=0.0, posinf=0.0, neginf=0.0)


def _height(x: Tensor, mine: Tensor, normals: Tensor, table: Layout) -> tuple[Series, Tensor]:
    """Distance from the line or plane of a facet, and on which side: +1 inside and on it."""
    signed = ((x - mine[:, 0]) * normals).sum(-1)
    scale = (mine - mine[:, :1]).norm(dim=2).amax(1) + mine.abs().amax((1, 2))
    side = 1.0 - 2.0 * (signed < -1e-14 * scale).to(x.dtype)
    slopes = (side[:, None] * normals).unbind(-1)
    return Series.polynomial(table, signed.abs(), list(slopes)), side


def _edge_distance(x: Tensor, mine: Tensor) -> Tensor:
    """Distance to the ends of a segment or the edges of a triangle, ``(n,)``."""
    if mine.shape[1] == 2:
        return (mine - x[:, None]).norm(dim=2).amin(1)
    start, along = mine, mine.roll(-1, 1) - mine
    at = ((x[:, None] - start) * along).sum(2) / (along * along).sum(2)
    foot = start + at.clamp(0.0, 1.0)[..., None] * along
    return (x[:, None] - foot).norm(dim=2).amin(1)


Vector = Sequence[
    Tensor
]  # components, so that no operation runs over an axis of length two or three
Seen = list[tuple[Vector, Series]]


def _see(x: Vector, nodes: Vector, table: Layout) -> tuple[Vector, Series]:
    """Points seen from x, as vectors, and their distances."""
    v = [node - at for node, at in zip(nodes, x, strict=True)]
    square = Series.polynomial(table, _product(v, v), [-2.0 * c for c in v], 1.0)
    return v, square.sqrt()


def _see_all(x: Tensor, nodes: Tensor, index: Tensor, table: Layout) -> Seen:
    """The corners of every facet seen from every point, ``(f, n)``; each node is computed once.

    Facets come first, so that picking the corners of facets copies whole rows.
    """
    v, r = _see(x.unbind(1), [c[:, None] for c in nodes.unbind(1)], table)
    return [
        (
            [c.index_select(0, rows) for c in v],
            r.map(lambda c, rows=rows: c.index_select(0, rows)),
        )
        for rows in index.unbind(1)
    ]


def _see_paired(x: Tensor, corners: Tensor, table: Layout) -> Seen:
    """The corners ``(n, d, d)`` of one facet for each point."""
    return [_see(x.unbind(1), corner.unbind(1), table) for corner in corners.unbind(1)]


def _product(a: Vector, b: Vector) -> Tensor:
    out = a[0] * b[0]
    for p, q in zip(a[1:], b[1:], strict=True):
        out = torch.addcmul(out, p, q)
    return out


def _dot(a: Vector, b: Vector, table: Layout) -> Series:
    slopes = [-(p + q) for p, q in zip(a, b, strict=True)]
    return Series.polynomial(table, _product(a, b), slopes, 1.0)


# segments


def _segments(seen: Seen, corners: Tensor, table: Layout) -> Series:
    """Φ of segments with corners ``(..., 2, 2)``."""
    (a, ra), (b, rb) = seen
    edge = corners[..., 1, :] - corners[..., 0, :]
    w = Series.polynomial(table, a[0] * b[1] - a[1] * b[0], [-edge[..., 1], edge[..., 0]])
    q = ra * rb + _dot(a, b, table)
    return (ra + rb) * (w * w + q * q).reciprocal() * (2.0 * edge.norm(dim=-1))


def _all_segments(x: Tensor, nodes: Tensor, index: Tensor, table: Layout) -> Series:
    """Φ of every segment at every point, ``(f, n)``."""
    return _segments(_see_all(x, nodes, index, table), nodes[index][:, None], table)


def _paired_segments(
    x: Tensor, mine: Tensor, table: Layout, side: Tensor
) -> tuple[Series, Series, Tensor]:
    """Φ and h² Φ of one segment for each point, and where the second is to be used."""
    seen = _see_paired(x, mine, table)
    (a, ra), (b, rb) = seen
    product, dot = ra * rb, _dot(a, b, table)
    length = (mine[:, 1] - mine[:, 0]).norm(dim=1)
    finite = (ra + rb) * (product - dot) * product.reciprocal() * (1.0 / length)
    return _segments(seen, mine, table), finite, dot.value < 0


def merge_collinear(corners: np.ndarray, inward: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Join segments ``(f, 2, 2)`` that continue each other straight; the potential stays the same.

    Returns:
        Fewer segments and their normals.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    f = len(corners)
    _, ends = np.unique(corners.reshape(-1, 2), axis=0, return_inverse=True)
    order = np.argsort(ends.ravel(), kind="stable")
    _, count = np.unique(ends.ravel()[order], return_counts=True)
    first = (np.cumsum(count) - count)[count == 2]
    one, other = order[first] // 2, order[first + 1] // 2
    straight = np.einsum("ij,ij->i", inward[one], inward[other]) > 1.0 - 1e-14
    one, other = one[straight], other[straight]
    links = coo_array((np.ones(len(one)), (one, other)), shape=(f, f))
    chains, label = connected_components(links, directed=False)
    lead = np.unique(label, return_index=True)[1]
    normals = inward[lead]
    tangent = np.column_stack([-normals[:, 1], normals[:, 0]])
    place = np.einsum("fki,fi->fk", corners, tangent[label])  # along the line of the chain
    out = np.empty((chains, 2, 2))
    for side, (best, sign) in enumerate(((np.argmin, 1.0), (np.argmax, -1.0))):
        at = best(place, axis=1)
        rank = np.lexsort((sign * place[np.arange(f), at], label))
        chosen = rank[np.unique(label[rank], return_index=True)[1]]
        out[:, side] = corners[chosen, at[chosen]]
    return out, normals


# triangles


def _facing_in(corners: np.ndarray, inward: np.ndarray) -> np.ndarray:
    """Triangles ordered such that the triple product of their corners is positive inside."""
    doubled = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    wrong = np.einsum("ij,ij->i", doubled, inward) > 0
    return np.where(wrong[:, None, None], corners[:, ::-1], corners)


def _fraction(
    seen: Seen, corners: Tensor, table: Layout, side: Tensor | None = None
) -> tuple[Series, Series, Tensor]:
    """Top and bottom of tan(Ω/2), the top positive, and twice the area.

    The side (+1 inside) settles the slope of the top where it is zero.
    """
    (a, ra), (b, rb), (c, rc) = seen
    first = corners[..., 0, :]
    doubled = torch.linalg.cross(corners[..., 1, :] - first, corners[..., 2, :] - first)
    triple = _product(a, doubled.unbind(-1))
    sign = 1.0 - 2.0 * (triple < 0).to(triple.dtype) if side is None else side
    top = Series.polynomial(table, triple.abs(), [-sign * d for d in doubled.unbind(-1)])
    bottom = (ra * rb + _dot(a, b, table)) * rc
    bottom = bottom + _dot(b, c, table) * ra + _dot(c, a, table) * rb
    return top, bottom, doubled.norm(dim=-1)


def _all_triangles(x: Tensor, nodes: Tensor, index: Tensor, table: Layout) -> Series:
    """Φ of every triangle at every point, ``(f, n)``.

    Nearly all of them look small from a point, so that the power series of atan does; the others
    are computed once more by themselves.
    """
    seen = _see_all(x, nodes, index, table)
    top, bottom, area = _fraction(seen, nodes[index][:, None], table)
    inverse = bottom.reciprocal()
    ratio = top * inverse
    out = ratio.compose(atanc_terms(ratio.value, table.order)) * (inverse * (2.0 * area))
    facets, rows = torch.nonzero(~(top.value < SMALL * bottom.value), as_tuple=True)
    exact = _paired_triangles(x[rows], nodes[index[facets]], table)[0]
    for c, e in zip(out.coefficients, exact.coefficients, strict=True):
        assert c is not None
        assert e is not None
        c[facets, rows] = e
    return out


def _paired_triangles(
    x: Tensor, mine: Tensor, table: Layout, side: Tensor | None = None
) -> tuple[Series, Series, Tensor]:
    """Φ and h Φ = Ω of one triangle for each point, and where the second is to be used."""
    top, bottom, area = _fraction(_see_paired(x, mine, table), mine, table, side)
    low = top.value <= bottom.value  # Ω < π/2; else Ω = π - 2 atan(bottom / top)
    inverse = bottom.choose(low, top).reciprocal()
    ratio = top.choose(low, bottom) * inverse
    atan = atan_terms(ratio.value, table.order)
    atanc = atanc_terms(ratio.value, table.order, atan)
    terms = [torch.where(low, 2.0 * f, -2.0 * g) for f, g in zip(atanc, atan, strict=True)]
    terms[0] = terms[0] + math.pi * (~low).to(x.dtype)
    potential = ratio.compose(terms) * inverse * area
    close = top.value <= -bottom.value  # Ω > 3π/2; then Ω = 2π + 2 atan(top / bottom)
    ratio = top * bottom.reciprocal()
    terms = [2.0 * t for t in atan_terms(ratio.value, table.order)]
    terms[0] = terms[0] + 2.0 * math.pi
    return potential, ratio.compose(terms), close


_POTENTIAL = {2: _all_segments, 3: _all_triangles}
_PAIRED = {2: _paired_segments, 3: _paired_triangles}
