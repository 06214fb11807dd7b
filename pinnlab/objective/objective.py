"""Residual blocks as a pure function of the parameters, and the views that optimisers pull.

With terms k = 1 … m, block r_k of shape ``(n_k, c_k)``, weight w_k, and factors λ_ki of single
points, which are one unless a weighting sets them, the scaled residual is
ρ_ki = √(w_k λ_ki / n_k) r_k(x_i), flattened, and the loss is

    L(θ) = ½ ‖ρ(θ)‖² = ½ Σ_k w_k mean_i λ_ki ‖r_k(x_i)‖²,   ∇L = Jᵀρ with J = ∂ρ/∂θ.

The batch of points is frozen between calls of :meth:`Objective.set_points`, so that optimisers may
evaluate as often as they like.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor, nn

from pinnlab.calculus.directions import Directions
from pinnlab.calculus.layout import Layout
from pinnlab.calculus.row_split import Span
from pinnlab.calculus.table import Demand
from pinnlab.conditions.base import check_weight
from pinnlab.conditions.placement import Placement
from pinnlab.conditions.term import Term
from pinnlab.errors import DeclarationError, nearest
from pinnlab.linalg.jacobian import jacobian_matrix, jacobian_operator
from pinnlab.linalg.operators import LinearOperator
from pinnlab.objective.compiled import CompiledLoss
from pinnlab.objective.deviations import (
    estimate_deviations,
    gradient_deviations,
    sampled_gradients,
)
from pinnlab.objective.evaluation import Estimates, estimates, known_parameters, with_values
from pinnlab.objective.execution import check_execution, is_compiled, is_recorded
from pinnlab.objective.frozen_points import FrozenPoints
from pinnlab.objective.inputs import Inputs, Reads
from pinnlab.objective.parameter_vector import ParameterVector
from pinnlab.objective.squares import mean_squares, products, scaled, weighed
from pinnlab.objective.state import State
from pinnlab.objective.term_gradients import TermGradients
from pinnlab.sampling.points import Points


class Objective:
    """The terms of a problem, a surrogate's state and a frozen batch of points.

    Args:
        terms: Named residual blocks.
        state: Surrogate, ansatz and unknowns: everything that is trained.
        demands: Per placement the slots it needs.
        points: Per placement its points.
        weights: Per term name a factor on its mean square, beside the term's own.
        directions: What the demands call further directions of differentiation.
        seed: Of random directions.

    Raises:
        DeclarationError: If a weight names no term or is negative.
    """

    def __init__(
        self,
        terms: Sequence[Term],
        state: State,
        demands: Mapping[Placement, Demand],
        points: Mapping[Placement, Points],
        weights: Mapping[str, float] | None = None,
        directions: Directions | None = None,
        seed: int = 0,
    ) -> None:
        self.terms_ = tuple(terms)
        self.state = state
        self.seed = seed
        self.names = tuple(term.name for term in terms)
        self.weights: dict[str, float] = {term.name: term.weight for term in terms}
        for name, weight in (weights or {}).items():
            self._check_name(name)
            self.weights[name] *= check_weight(f"term '{name}'", weight)
        self.point_weights: dict[str, Tensor] = {}
        self.latest: dict[str, Tensor] = {}
        self.keep_latest = False
        self._parts: dict[tuple[str, ...], Objective] = {}
        self.evaluations = 0
        self.losses: Tensor | None = None  # ½ w_k mean square_k (m,) of the last gradients()
        self.batch_number = 0
        self._weighed: tuple[Any, Tensor] | None = None
        self._fixed: Inputs | None = None
        self.compiled: CompiledLoss | None = None
        self.recorded = False
        self.fallbacks: list[str] = []
        self.frozen = FrozenPoints(demands, points, directions, seed)
        self._renew()

    # --- points ------------------------------------------------------------------------------
    def set_points(self, points: Mapping[Placement, Points]) -> None:
        """Freeze a new batch of points, of which none has a factor or a residual yet.

        ``batch_number`` counts how often the loss has become another function.
        """
        self.frozen = self.frozen.at(points)
        self._renew()

    def _renew(self) -> None:
        """Other points: nothing is known of them yet."""
        self.batch_number += 1
        self.point_weights, self.latest, self._parts = {}, {}, {}
        self._owned: tuple[tuple[Span, ...], ...] | None = None

    @property
    def points(self) -> Mapping[Placement, Points]:
        """The points that are frozen, per placement."""
        return self.frozen.points

    def set_weights(
        self, terms: Mapping[str, float], points: Mapping[str, Tensor] | None = None
    ) -> None:
        """Give terms, and single points, other weights.

        Args:
            terms: By name; others stay.
            points: Factors λ ``(n_k,)`` on the squared residuals of a term's points, by name; the
                points of all other terms count alike.

        Raises:
            DeclarationError: If a term does not exist, or has another number of points.
        """
        points = dict(points or {})
        for name in (*terms, *points):
            self._check_name(name)
        for name, factors in points.items():
            count = len(self.points[self.terms_[self.names.index(name)].placements[0]])
            if factors.shape != (count,):
                raise DeclarationError(
                    f"The points of term '{name}' have weights of the wrong shape",
                    expected=(count,),
                    got=tuple(factors.shape),
                    do="give one factor for each point",
                )
        changed = any(self.weights[name] != weight for name, weight in terms.items())
        if changed or points or self.point_weights:
            self.weights.update(terms)
            self.point_weights = points
            self.batch_number += 1

    def _check_name(self, name: str) -> None:
        if name not in self.weights:
            raise DeclarationError(
                f"A weight names no term: '{name}'",
                expected=", ".join(self.names),
                got=name,
                do=nearest(name, self.names) or "use the name of an equation or condition",
            )

    def only(self, names: Sequence[str]) -> "Objective":
        """The same with some of the terms, at the present points and weights.

        Args:
            names: Of terms, in the order of the declaration.
        """
        key = tuple(names)
        if key not in self._parts:
            part = copy.copy(self)
            part.terms_ = tuple(term for term in self.terms_ if term.name in key)
            part.names = tuple(term.name for term in part.terms_)
            own = {placement for term in part.terms_ for placement in term.placements}
            part.frozen = self.frozen.of(own)
            part._renew()
            self._parts[key] = part
        part = self._parts[key]
        part.weights = {name: self.weights[name] for name in part.names}
        part.point_weights = {k: v for k, v in self.point_weights.items() if k in part.names}
        part.batch_number, part.keep_latest = self.batch_number, self.keep_latest
        if part.draws != self.draws:
            part.redraw(self.draws)
        return part

    def redeclare(
        self,
        terms: Sequence[Term],
        demands: Mapping[Placement, Demand],
        points: Mapping[Placement, Points],
        directions: Directions | None = None,
    ) -> None:
        """Go on with other residuals of the same names, for the same surrogate.

        What is trained may have changed as well; weights and counts stay.

        Args:
            terms: Named residual blocks.
            demands: Per placement the slots it needs.
            points: Per placement its points.
            directions: What the demands call further directions of differentiation.
        """
        self.terms_ = tuple(terms)
        for found in ("parameters", "_vector", "_term_gradients"):
            self.__dict__.pop(found, None)
        if self.compiled is not None:
            self.compiled = CompiledLoss()
        self.frozen = FrozenPoints(demands, points, directions, self.seed, self.draws)
        self._renew()

    @property
    def random(self) -> bool:
        """Whether derivatives are estimated along random directions."""
        return self.frozen.random

    @property
    def draws(self) -> int:
        """How often directions were drawn anew."""
        return self.frozen.draws

    @property
    def direction_seed(self) -> int:
        """From which the present directions are drawn."""
        return self.frozen.direction_seed

    def redraw(self, draws: int | None = None) -> None:
        """Draw new directions of differentiation; the points stay.

        Args:
            draws: Which draw it shall be, to go on where another run stopped; by default the next.
        """
        self.frozen.redraw(draws)

    def execute(self, execution: str) -> None:
        """Choose how the operations of a step are carried out.

        Args:
            execution: One of :data:`~pinnlab.objective.execution.EXECUTIONS`. What turns out not
                to be possible goes on operation by operation; ``fallbacks`` then says why.

        Raises:
            DeclarationError: If the device does not have it.
        """
        check_execution(execution, self.parameters[0].device)
        self.compiled = CompiledLoss() if is_compiled(execution) else None
        self.recorded = is_recorded(execution)

    # --- as a function of arrays -------------------------------------------------------------
    @torch.no_grad()
    def reads(self) -> Reads:
        """What the terms ask for, from one evaluation."""
        found = Reads()
        self._estimates(False, found)
        for placement, points in self.points.items():
            if isinstance(vars(points)["_normals"], Tensor):
                found.normals.add(placement)
        return found

    @torch.no_grad()
    def inputs(
        self,
        reads: Reads,
        *,
        transparent: bool = False,
        known: bool = False,
        directions: bool = True,
    ) -> Inputs:
        """Everything beside the parameters that the loss depends on now.

        Args:
            reads: What the terms ask for.
            transparent: See :meth:`residuals`.
            known: Evaluate parameters that are functions of the points, as far as they are opaque.
            directions: Draw the directions of differentiation.
        """
        points = {
            placement: given if placement in reads.normals else replace(given, normals=None)
            for placement, given in self.points.items()
        }
        like = next(iter(points.values())).x
        return Inputs(
            points,
            self.frozen.joined(transparent).drawn if directions else None,
            self._weight_vector(like),
            {p: self._known(p, reads, transparent) for p in self.frozen.demands} if known else {},
        )

    def _known(self, placement: Placement, reads: Reads, transparent: bool) -> dict[str, Tensor]:
        points = self.points[placement]
        return known_parameters(
            reads.parameters.get(placement, ()),
            points,
            points.normals if placement in reads.normals else None,
            self.state.constants,
            self.frozen.joined(transparent).drawn,
        )

    def at(self, inputs: Inputs, source: torch.Generator | None = None) -> "Objective":
        """The same terms and parameters at other points, directions and weights.

        They are read where they are, so that new numbers can be written over them, if
        :meth:`forget` is called before they are used.

        Args:
            inputs: Points and weights, and directions.
            source: Draws directions instead, each time that the old ones are forgotten; the
                present ones if it starts from :attr:`direction_seed`.
        """
        other = copy.copy(self)
        other._fixed, other.frozen = inputs, self.frozen.reading(inputs, source)
        other._owned = None
        return other

    def forget(self) -> None:
        """Drop everything that was computed from the present points."""
        self.frozen.forget()

    @cached_property
    def parameters(self) -> list[nn.Parameter]:
        """Everything that is trained, surrogate first, then unknowns."""
        return [p for p in self.state.parameters() if p.requires_grad]

    @cached_property
    def _vector(self) -> ParameterVector:
        named = self.state.named_parameters()
        return ParameterVector({name: p for name, p in named if p.requires_grad})

    @cached_property
    def _term_gradients(self) -> TermGradients:
        return TermGradients(self.parameters)

    # --- the primitive -----------------------------------------------------------------------
    def residuals(
        self, parameters: Mapping[str, Tensor] | None = None, *, transparent: bool = False
    ) -> dict[str, Tensor]:
        """Unscaled residual blocks ``(n_k, c_k)`` by term name.

        Args:
            parameters: Values by name in place of the state's own, for a pure evaluation.
            transparent: Use plain torch operations, for forward mode and second derivatives.
        """
        self.evaluations += 1
        if parameters is None:
            return self._estimates(transparent)[0]
        return self._estimates_at(parameters, transparent)[0]

    def _estimates_at(self, parameters: Mapping[str, Tensor], transparent: bool) -> Estimates:
        """As :meth:`_estimates`, with values in place of the state's own."""
        return with_values(self.state, parameters, partial(self._estimates, transparent))

    def _estimates(self, transparent: bool, reads: Reads | None = None) -> Estimates:
        """The blocks, and an independent estimate of those that are not to be squared."""
        return estimates(
            self.terms_,
            self.state,
            self.frozen,
            transparent=transparent,
            known={} if self._fixed is None else self._fixed.known,
            reads=reads,
        )

    # --- views -------------------------------------------------------------------------------
    def mean_squares(
        self, blocks: Mapping[str, Tensor], twins: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        """Unweighted mean over the points of the squared residual of every term, ``(m,)``.

        Args:
            blocks: The residuals.
            twins: Independent estimates, with which those are multiplied instead of squared.
        """
        return products(blocks, twins)

    def _squares_now(self) -> tuple[Tensor, Tensor]:
        """Those of the present parameters: as the loss counts them, and raw without gradient."""
        self.evaluations += 1
        blocks, twins = self._estimates(False)
        if self.keep_latest:
            self.latest = {name: r.detach() for name, r in blocks.items()}
        if not self.point_weights and not twins:
            squares = mean_squares(list(blocks.values()))
            return squares, squares.detach()
        return weighed(blocks, twins, self.point_weights)

    def _weight_vector(self, like: Tensor) -> Tensor:
        if self._fixed is not None:
            return self._fixed.weights
        weights = tuple(self.weights[name] for name in self.names)
        if self._weighed is None or self._weighed[0] != (weights, like.dtype, like.device):
            vector = torch.tensor(weights, dtype=like.dtype, device=like.device)
            self._weighed = ((weights, like.dtype, like.device), vector)
        return self._weighed[1]

    def terms(self) -> Tensor:
        """Unweighted mean squares of the terms, ``(m,)``."""
        self.evaluations += 1
        return self.mean_squares(*self._estimates(False))

    def loss_of(self, mean_squares: Tensor) -> Tensor:
        """½ Σ w_k mean square_k, of squares that hold the factors of single points."""
        return 0.5 * torch.dot(self._weight_vector(mean_squares), mean_squares)

    def loss(self, parameters: Mapping[str, Tensor] | None = None) -> Tensor:
        """The scalar loss."""
        if parameters is None:
            return self.loss_of(self._squares_now()[0])
        self.evaluations += 1
        blocks, twins = self._estimates_at(parameters, False)
        return self.loss_of(weighed(blocks, twins, self.point_weights)[0])

    def loss_and_gradient(self) -> tuple[Tensor, Tensor]:
        """Backward pass into ``.grad`` of the parameters, compiled if that was asked for.

        Returns:
            The loss and the mean squares of the terms ``(m,)``, both detached.
        """
        if self.compiled is not None:
            self.evaluations += 1
            return self.compiled(self)
        return self.evaluate_with_gradient()

    def evaluate_with_gradient(self) -> tuple[Tensor, Tensor]:
        """The same, operation by operation."""
        for parameter in self.parameters:
            parameter.grad = None
        squares, raw = self._squares_now()
        halves = 0.5 * self._weight_vector(squares)
        squares.backward(halves)  # the gradient of the loss by them
        return torch.dot(halves, squares.detach()), raw

    def flat_gradient(self) -> Tensor:
        """The gradients that a backward pass left, as one vector ``(p,)``."""
        return self._vector.gradient()

    def set_flat_gradient(self, flat: Tensor) -> None:
        """Make one vector ``(p,)`` the gradients of the parameters, a copy of it."""
        self._vector.set_gradient(flat)

    def together(self) -> list[list[str]]:
        """The names of the terms, in lists of those that read the same points."""
        groups: list[tuple[set[Placement], list[str]]] = []
        for term in self.terms_:
            points, names = set(term.placements), [term.name]
            for group in [group for group in groups if group[0] & points]:
                groups.remove(group)
                points, names = points | group[0], group[1] + names
            groups.append((points, sorted(names, key=self.names.index)))
        return [names for _, names in groups]

    def gradients(
        self,
        terms: Sequence[int] | None = None,
        groups: Sequence[Sequence[int]] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Gradient of every weighted term ½ w_k mean square_k, or of sums of them.

        Args:
            terms: Numbers of the terms that are wanted, in ascending order; all by default. Only
                their points are evaluated.
            groups: Numbers of the terms whose gradients are wanted as one, their sum, with every
                wanted term in one list; each by itself by default. Groups that read points of their
                own cost one way back together.

        Returns:
            Jacobian of the terms, or groups, ``(m, p)``, and unweighted mean squares of the terms;
            the weighted terms themselves are in ``losses``.
        """
        if terms is not None and len(terms) < len(self.names):
            self.evaluations += 1
            part = self.only([self.names[k] for k in terms])
            found = part.gradients(None, groups and [[*map(terms.index, g)] for g in groups])
            self.latest = part.latest
            self.losses = part.losses
            return found
        squares, raw = self._squares_now()
        halves = 0.5 * self._weight_vector(squares)
        self.losses = halves * squares.detach()
        owned, layout = self._rows_of_terms()
        return self._term_gradients(squares, halves, owned, layout, groups), raw

    def _rows_of_terms(self) -> tuple[tuple[tuple[Span, ...], ...], Layout]:
        """Per term the rows of points that it reads, and the layout of all points."""
        batches = self.frozen.joined(False)
        if self._owned is None:
            self._owned = tuple(
                tuple(batches.span(self.frozen.numbers[placement]) for placement in term.placements)
                for term in self.terms_
            )
        return self._owned, batches.layout

    def squared_gradients(self, most: int) -> Tensor | None:
        """Squared lengths of the gradients of all scaled residuals of a term, ``(n, c)``.

        From what one forward pass keeps, by one way back for each component; in float64. For an
        objective of one term whose sets have equally many points, of which a residual reads one of
        each.

        Args:
            most: Numbers of gradients that are held at a time.

        Returns:
            None if something is trained that is no weight of a chain of layers.
        """
        (spans,), layout = self._rows_of_terms()
        blocks = self.residuals()
        values = self.scaled(blocks).view(len(blocks[self.names[0]]), -1)
        return TermGradients(self.parameters).squared_lengths(values, spans, layout, most)

    def without_gradient(self, names: Sequence[str]) -> list[str]:
        """Those of some terms whose gradient, each by itself, is not finite.

        In the one way back that terms share, what is not finite in one reaches the others.
        """
        return [n for n in names if not bool(self.only([n]).gradients()[0].isfinite().all())]

    def scaled(self, blocks: Mapping[str, Tensor]) -> Tensor:
        """The stacked residual ρ ``(r,)`` whose half squared norm is the loss."""
        return scaled(blocks, self.weights, self.point_weights)

    def flat_parameters(self) -> Tensor:
        """All parameters as one vector ``(p,)``, a copy."""
        return self._vector.values()

    def set_flat_parameters(self, flat: Tensor) -> None:
        """Write one vector ``(p,)`` into the parameters."""
        self._vector.set_values(flat)

    def jacobian(self) -> tuple[Tensor, LinearOperator]:
        """The scaled residual ρ ``(r,)`` and J = ∂ρ/∂θ as an operator ``(r, p)``."""
        return jacobian_operator(self._residual_function(), self.flat_parameters())

    def jacobian_matrix(self) -> tuple[Tensor, Tensor]:
        """The scaled residual ρ ``(r,)`` and J ``(r, p)``, columns in blocks of forward passes."""
        return jacobian_matrix(self._residual_function(), self.flat_parameters())

    def _residual_function(self) -> Callable[[Tensor], Tensor]:
        """ρ ``(r,)`` of all parameters as one vector ``(p,)``, for forward mode."""
        # What belongs to the points is computed before a function transform begins.
        self.frozen.prepared(self.state.ansatz, True)
        split = self._vector.split
        return lambda flat: self.scaled(self.residuals(split(flat), transparent=True))

    @torch.no_grad()
    def worst_point(self, name: str) -> str:
        """Where the residual of a term is largest or not finite, in words."""
        term = self.terms_[self.names.index(name)]
        block = self.residuals()[name]
        points = self.points[term.placements[0]]
        if len(block) != len(points):
            return ""
        size = torch.nan_to_num(block.abs().sum(-1), nan=torch.inf)
        row = int(size.argmax())
        columns = {k: v[row] for k, v in points.columns.items() if v.ndim == 1}
        return " at " + ", ".join(f"{k} = {float(v):.6g}" for k, v in columns.items())

    def estimate_deviations(self) -> dict[str, float]:
        """Relative standard deviation of every estimate, at the present directions.

        See :func:`~pinnlab.objective.deviations.estimate_deviations`; of gradients of residuals
        along random directions, that of their mean squares.
        """
        found = estimate_deviations(self.terms_, self.state, self.frozen)
        families = sampled_gradients(self.terms_)
        if families:
            with torch.no_grad():
                blocks = self.only(list(families)).residuals()
            found |= gradient_deviations(families, blocks)
        return found

    def gradients_aside(self) -> Tensor:
        """Gradients of all weighted terms ``(m, p)``, to look at: no trace of it stays here."""
        return copy.copy(self).gradients()[0]

    def gramian(self) -> Tensor:
        """Inner products of the term gradients, ``(m, m)``, in float64, likewise."""
        rows = self.gradients_aside().double()
        return rows @ rows.T
