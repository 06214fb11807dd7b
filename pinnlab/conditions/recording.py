"""What a term reads, found by running it on a few points of its own set.

The points are drawn from the declared place itself, so that a formula such as ``sqrt(x)`` is only
asked where it is defined, and an empty or misnamed piece is found before any training.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.calculus.directions import Across
from pinnlab.calculus.functionals import Functional
from pinnlab.calculus.recording import Plan, RandomSource
from pinnlab.conditions.base import Constraint, Declared, stack_columns
from pinnlab.conditions.context import Context
from pinnlab.conditions.placement import Placement, draw_all
from pinnlab.conditions.term import Term
from pinnlab.errors import DeclarationError, PinnlabError
from pinnlab.sampling.points import Points, probe_count
from pinnlab.typing import MultiIndex

_SIZES = (7, 5)  # two sizes, so that a shape which only fits by chance is seen
_SPREAD = (1.0, -1.0, 30.0, -30.0, 1e3, -1e3, 1e6, -1e6)  # to meet every branch of a formula
_RATIO_POINTS = 1000  # so that a coefficient that jumps in a corner of the domain is seen


class Probe:
    """A source at real points that notes what is read.

    Args:
        points: Where.
        free: Independent random numbers in every slot, each a leaf of autograd, instead of the
            derivatives of a smooth function.
        spread: Let the free numbers have either sign and any size, instead of about 2.
        seed: Of the random function or numbers.
    """

    def __init__(
        self, points: Points, *, free: bool = False, spread: bool = False, seed: int = 0
    ) -> None:
        self.points, self.coordinates = points, points.coordinates
        self._smooth = RandomSource(
            points.coordinates, len(points), seed=seed, x=points.x, normals=self.normal
        )
        self._columns = points.columns
        self._free, self._spread = free, spread
        self._generator = torch.Generator().manual_seed(seed)
        self.read: dict[tuple[str, Any], Tensor] = {}
        self.contracted: dict[tuple[str, Functional], Tensor] = {}

    def derivative(self, field: str, index: MultiIndex) -> Tensor:
        """A derivative of a field, ``(n,)``."""
        key = (field, index)
        if key not in self.read:
            if self._free:
                value = torch.randn(
                    len(self.points), generator=self._generator, dtype=self.points.x.dtype
                )
                # Around 2, so that roots, logarithms and quotients exist.
                value = 2.0 + 0.5 * value
                if self._spread:
                    sizes = torch.randint(len(_SPREAD), (len(value),), generator=self._generator)
                    value = value * torch.tensor(_SPREAD, dtype=value.dtype)[sizes]
                self.read[key] = value.requires_grad_()
            else:
                self.read[key] = self._smooth.derivative(field, index)
        return self.read[key]

    def functional(self, field: str, functional: Functional) -> Tensor:
        """A contraction of derivatives over a vector coordinate, ``(n,)`` or ``(n, size)``."""
        key = (field, functional)
        if key not in self.contracted:
            self.contracted[key] = self._smooth.functional(field, functional)
        return self.contracted[key]

    def directions(self, family: Across) -> Tensor:
        """Some directions of a family, ``(k, d)``."""
        return self._smooth.directions(family)

    def coordinate(self, name: str) -> Tensor:
        """A coordinate."""
        return self._columns[name]

    def normal(self) -> Tensor | None:
        """Normals of the points."""
        return self.points.normals

    @property
    def plan(self) -> Plan:
        """What has been read."""
        return Plan(
            frozenset(self.read),
            frozenset(self.contracted),
            self.coordinates,
        )


def probe_points(
    placements: Sequence[Placement], declared: Declared, count: int
) -> dict[Placement, Points]:
    """A few points of every placement."""
    points = draw_all(
        placements,
        declared.domain,
        declared.regions,
        counts=lambda _: count,
        sampler="uniform",
        rng=np.random.default_rng(1),
        dtype=torch.float64,
        device="cpu",
    )
    return {k: p.take(torch.arange(min(count, len(p)))) for k, p in points.items()}


def record_term(name: str, constraint: Constraint, declared: Declared) -> Term:
    """An equation or condition as a residual block, its derivatives recorded.

    Runs the residual twice on few points, checks what it returns, and notes what it reads.

    Raises:
        DeclarationError: If a name does not exist, or the residual has the wrong shape, reads no
            field, or is not finite.
    """
    constraint.check(name, declared)
    constraint = constraint.within(declared)
    placements = constraint.placements(declared)
    what = f"{'Equation' if constraint.kind == 'equation' else 'Condition'} '{name}'"

    def residual(contexts: Sequence[Context]) -> Tensor:
        columns = constraint.components(name, contexts)
        if columns and isinstance(columns[0], Tensor) and columns[0].shape == (1,):
            return torch.stack(list(columns), -1)  # an integral: one number for the whole set
        return stack_columns(columns, contexts[0])

    plans: list[Plan] = [Plan()] * len(placements)
    widths, finite = set(), False
    for size in _SIZES:
        try:
            points = probe_points(placements, declared, size)
            probes = [Probe(points[p]) for p in placements]
            contexts = [
                Context(probe, declared.fields, declared.parameters, probe.points)
                for probe in probes
            ]
            block = residual(contexts)
        except PinnlabError as reason:
            raise type(reason)(
                f"{what}: {reason.what}", expected=reason.expected, got=reason.got, do=reason.do
            ) from None
        widths.add(block.shape[1])
        finite = finite or bool(block.isfinite().all())
        plans = [a | probe.plan for a, probe in zip(plans, probes, strict=True)]
    if len(widths) != 1:
        raise DeclarationError(
            f"{what} has a number of components that changes with the number of points",
            expected="one column per component",
            got=f"{sorted(widths)} columns for {sorted(_SIZES)} points",
            do="look for an array of shape (n, 1) beside one of shape (n,): "
            "their sum is silently (n, n)",
        )
    if not any(plans):
        raise DeclarationError(
            f"{what} reads no field, so nothing can be trained to fulfil it",
            expected="a residual of " + ", ".join(declared.fields),
            got=constraint.describe(),
            do="write it with the fields",
        )
    if not finite:
        raise DeclarationError(
            f"{what} is not finite at points of its own set",
            expected="finite values for smooth positive fields",
            got=f"nan or inf from {constraint.describe()}",
            do="check roots, logarithms and quotients",
        )
    return Term(
        name,
        residual,
        placements,
        tuple(plans),
        widths.pop(),
        weight=constraint.weight,
        kind=constraint.kind,
        text=constraint.describe(),
    )


def common_ratios(
    terms: Sequence[Term],
    placement: Placement,
    declared: Declared,
    members: frozenset[MultiIndex],
) -> dict[tuple[str, MultiIndex], float] | None:
    r"""The one combination of the given derivatives that all terms of a set read, if any.

    If ∂F/∂u_β = c ∂F/∂u_α with the same number c at every point and for every value of the jets,
    then F depends on u_α and u_β through u_α + c u_β only, and the sum can be propagated as one.
    The test draws independent jets and unknowns several times: first moderate ones, at which F
    must be defined, then ones of all sizes and signs, so that a formula with cases shows each.

    Returns:
        Per field the coefficient of each derivative relative to the first one; None if they enter
        in more than one combination.
    """
    ratios: dict[tuple[str, MultiIndex], float] = {}
    rng = np.random.default_rng(2)
    for trial in range(3):
        values: Mapping[str, Any] = {
            name: value * float(1 + 0.3 * rng.random()) + float(0.1 * rng.random())
            if name in declared.unknowns
            else value
            for name, value in declared.parameters.items()
        }
        points = probe_points([placement], declared, _RATIO_POINTS)[placement]
        for term in terms:
            if term.placements != (placement,):
                return None
            probe = Probe(points, free=True, spread=trial > 0, seed=trial)
            block = term.residual([Context(probe, declared.fields, values, points)])
            leading = {k: v for k, v in probe.read.items() if k[1] in members}
            for component in block.unbind(-1):
                if not leading or not component.requires_grad:
                    continue
                slopes = dict(
                    zip(
                        leading,
                        torch.autograd.grad(
                            component.sum(),
                            list(leading.values()),
                            retain_graph=True,
                            allow_unused=True,
                            materialize_grads=True,
                        ),
                        strict=True,
                    )
                )
                if not _agrees(slopes, ratios):
                    return None
    return ratios


def nonlinear_functionals(
    term: Term, declared: Declared, estimated: Collection[Functional]
) -> frozenset[Functional]:
    """The estimated contractions over vector coordinates in which a residual is not affine.

    An unbiased estimate of one leaves the residual unbiased only where the residual is affine in
    it, by itself and together with the others: F(a) + F(b) = 2 F((a + b)/2).
    """
    count = probe_count(16, declared.domain.coordinates)
    points = probe_points(term.placements, declared, count)

    def residual(shifts: Mapping[tuple[str, Functional], Tensor]) -> tuple[Tensor, list[Probe]]:
        probes = [Probe(points[p]) for p in term.placements]
        for probe in probes:
            for key, shift in shifts.items():
                probe.contracted[key] = probe._smooth.functional(*key) + shift
        contexts = [
            Context(probe, declared.fields, declared.parameters, probe.points) for probe in probes
        ]
        return term.residual(contexts), probes

    middle, probes = residual({})
    read = {
        key: value
        for probe in probes
        for key, value in probe.contracted.items()
        if key[1] in estimated
    }
    generator = torch.Generator().manual_seed(7)

    def affine(keys: Sequence[tuple[str, Functional]]) -> bool:
        shifts = {
            key: torch.randn(read[key].shape, generator=generator, dtype=torch.float64)
            * (1 + read[key].abs())
            for key in keys
        }
        up, down = residual(shifts)[0], residual({k: -v for k, v in shifts.items()})[0]
        scale = torch.stack([up, down, middle]).abs().max()
        return bool((up + down - 2 * middle).abs().max() <= 1e-9 * scale)

    single = {functional for field, functional in read if not affine([(field, functional)])}
    others = [key for key in read if key[1] not in single]
    pairs = [pair for pair in combinations(others, 2) if not affine(pair)]
    return frozenset(single | {functional for pair in pairs for _, functional in pair})


def _agrees(
    slopes: Mapping[tuple[str, MultiIndex], Tensor], ratios: dict[tuple[str, MultiIndex], float]
) -> bool:
    """Whether the slopes fit the ratios so far; fills in those that were not known."""
    for field in {field for field, _ in slopes}:
        own = sorted(key for key in slopes if key[0] == field)
        known = sorted(key for key in ratios if key[0] == field)
        if not any(bool(slopes[key].any()) for key in own):
            continue
        base = slopes[own[0]]
        # Where F does not exist there is nothing to compare, nor where it reads none of them.
        matters = torch.stack([slopes[key].isfinite() for key in own]).all(0)
        matters &= torch.stack([slopes[key] != 0 for key in own]).any(0)
        if not bool(matters.any()):
            continue
        # A term that reads other second derivatives than the rest does not see the same sum.
        if not bool((base[matters] != 0).all()) or (known and known != own):
            return False
        for key in own:
            ratio = slopes[key][matters] / base[matters]
            expected = ratios.setdefault(key, float(ratio[0]))
            if not bool(((ratio - expected).abs() <= 1e-10 * max(1.0, abs(expected))).all()):
                return False
    return True
