"""A trained problem: fields that can be evaluated, differentiated, compared, saved and drawn."""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pinnlab.calculus.engine import propagate
from pinnlab.calculus.recording import Plan
from pinnlab.calculus.table import exact_batches
from pinnlab.conditions.context import Context
from pinnlab.errors import DeclarationError, nearest
from pinnlab.io.exact_reference import ExactReference
from pinnlab.io.reference import Reference
from pinnlab.metrics import field_errors
from pinnlab.objective.state import State
from pinnlab.problems.comparison import exact_parts
from pinnlab.problems.problem import Problem
from pinnlab.sampling.points import Points
from pinnlab.surrogates.time_marching import Marching
from pinnlab.typing import MultiIndex

CHUNK = 20_000  # points evaluated at once, so that memory stays bounded
MOST_NUMBERS = 2**24  # of these points, where each has very many coordinates


def chunk(d: int) -> int:
    """How many points of ``d`` columns are evaluated at once."""
    return max(1, min(CHUNK, MOST_NUMBERS // d))


class FieldView:
    """One field of a solution: call it with coordinates; attributes are its derivatives.

    Args:
        solution: The solution.
        name: The field.
        index: Columns it is differentiated by.
    """

    def __init__(self, solution: "Solution", name: str, index: MultiIndex = ()) -> None:
        self._solution, self._name, self._index = solution, name, index

    def __call__(self, **coordinates: Any) -> Any:
        """Values at points given by coordinate; arrays broadcast.

        Returns:
            A NumPy array of the broadcast shape, or a tensor if a tensor was given.

        Raises:
            DeclarationError: If a coordinate is missing or unknown.
        """
        return self._solution.evaluate({self._name: self._index}, coordinates)[self._name]

    def __getattr__(self, suffix: str) -> "FieldView":
        if suffix.startswith("_"):
            raise AttributeError(suffix)
        coordinates = self._solution.problem.coordinates
        index = coordinates.parse(suffix)
        if index is None:
            raise AttributeError(
                f"'{self._name}.{suffix}' is no derivative; "
                f"write coordinates out of {', '.join(coordinates.names)} after the dot"
            )
        return FieldView(self._solution, self._name, tuple(sorted(self._index + index)))

    def __repr__(self) -> str:
        suffix = self._solution.problem.coordinates.suffix(self._index)
        names = ", ".join(self._solution.problem.coordinates.names)
        return f"{self._name}{'.' + suffix if suffix else ''}({names})"


class Solution:
    """The result of :func:`pinnlab.solve`.

    Fields are attributes: ``solution.u(x=0.3, t=0.5)``, derivatives theirs:
    ``solution.u.xx(x=..., t=...)``.

    Args:
        problem: The declaration.
        state: Surrogate, ansatz and unknowns.
        dtype: Precision.
        device: Where the state lives.
        records: Lines of the log.
        metrics: Final numbers: status, times, errors.
        folder: Run folder, if there is one.
        settings: What was chosen, and what was default.
        window: Of a surrogate with a network for each window of time, the one whose network
            answers at all times; None for each in its own.
    """

    def __init__(
        self,
        problem: Problem,
        state: State,
        *,
        dtype: torch.dtype,
        device: torch.device,
        records: Sequence[Mapping[str, Any]] = (),
        metrics: Mapping[str, Any] | None = None,
        folder: Path | None = None,
        settings: Mapping[str, Any] | None = None,
        window: int | None = None,
    ) -> None:
        self.window = window
        self.problem, self.state = problem, state
        self.dtype, self.device = dtype, device
        self.records = list(records)
        self.metrics = dict(metrics or {})
        self.folder = folder
        self.settings = dict(settings or {})

    # --- evaluation --------------------------------------------------------------------------
    def __getattr__(self, name: str) -> FieldView:
        problem = self.__dict__.get("problem")
        if problem is None or name.startswith("_"):
            raise AttributeError(name)
        if name in problem.fields:
            return FieldView(self, name)
        hint = nearest(name, problem.fields)
        raise AttributeError(
            f"the solution has no '{name}'; its fields are {', '.join(problem.fields)}. {hint}"
        )

    def __getitem__(self, name: str) -> FieldView:
        """A field by name, also where the name is taken by a method."""
        if name not in self.problem.fields:
            raise DeclarationError(
                f"The solution has no field '{name}'",
                expected=", ".join(self.problem.fields),
                got=name,
                do=nearest(name, self.problem.fields) or "use one of the fields",
            )
        return FieldView(self, name)

    def evaluate(
        self, wanted: Mapping[str, MultiIndex], coordinates: Mapping[str, Any]
    ) -> dict[str, Any]:
        """One derivative of each wanted field at broadcast coordinates."""
        x, shape, as_tensor = self._points(coordinates)
        if not len(x):
            nothing = x.new_zeros(shape)
            return {name: nothing if as_tensor else nothing.cpu().numpy() for name in wanted}
        plan = Plan(frozenset(wanted.items()))
        out: dict[str, list[Tensor]] = {name: [] for name in wanted}
        for part in x.split(chunk(x.shape[1])):
            window = self._window(Points(part, self.problem.coordinates), plan)
            for name, index in wanted.items():
                out[name].append(window.derivative(name, index).detach())
        values = {name: torch.cat(parts).reshape(shape) for name, parts in out.items()}
        return values if as_tensor else {k: v.cpu().numpy() for k, v in values.items()}

    def __call__(self, **coordinates: Any) -> dict[str, Any]:
        """All fields at broadcast coordinates, by name."""
        return self.evaluate(dict.fromkeys(self.problem.fields, ()), coordinates)

    def _points(self, given: Mapping[str, Any]) -> tuple[Tensor, tuple[int, ...], bool]:
        names = self.problem.coordinates.names
        for name in given:
            if name not in names:
                raise DeclarationError(
                    f"'{name}' is no coordinate of this problem",
                    expected=", ".join(names),
                    got=name,
                    do=nearest(name, names) or "use the declared coordinates",
                )
        missing = [name for name in names if name not in given]
        if missing:
            raise DeclarationError(
                f"Coordinate '{missing[0]}' is missing",
                expected=", ".join(f"{name}=..." for name in names),
                got=", ".join(given) or "nothing",
                do=f"pass {missing[0]}=...",
            )
        as_tensor = any(isinstance(v, Tensor) for v in given.values())
        parts = [self._tensor(given[name]) for name in names]
        sizes = self.problem.coordinates.sizes
        if any(size > 1 for size in sizes):
            flat = [p if s > 1 else p[..., None] for p, s in zip(parts, sizes, strict=True)]
            lead = torch.broadcast_shapes(*(p.shape[:-1] for p in flat))
            flat = [p.expand(*lead, p.shape[-1]) for p in flat]
            return torch.cat(flat, -1).reshape(-1, sum(sizes)), tuple(lead), as_tensor
        try:
            parts = list(torch.broadcast_tensors(*parts))
        except RuntimeError:
            raise DeclarationError(
                "The coordinates do not broadcast",
                expected="shapes that fit together",
                got=", ".join(f"{n}: {tuple(p.shape)}" for n, p in zip(names, parts, strict=True)),
                do="use x[:, None] and t[None, :] for a grid",
            ) from None
        shape = tuple(parts[0].shape)
        return torch.stack([p.reshape(-1) for p in parts], -1), shape, as_tensor

    def _tensor(self, value: Any) -> Tensor:
        # A copy, because a read-only array cannot become a tensor.
        try:
            tensor = value if isinstance(value, Tensor) else torch.as_tensor(np.array(value))
        except (TypeError, ValueError) as reason:
            raise DeclarationError(
                "A coordinate is no array of numbers",
                expected="a number, an array or a tensor, such as x=0.5",
                got=repr(value),
                do=f"convert it first ({reason})",
            ) from None
        return tensor.to(device=self.device, dtype=self.dtype)

    def _window(self, points: Points, plan: Plan):
        batches = exact_batches([points], [plan])
        surrogate = self.state.surrogate
        marching = isinstance(surrogate, Marching)
        answering = surrogate.answering(self.window) if marching else contextlib.nullcontext()
        with torch.no_grad(), answering:
            start = batches.start
            prepared = self.state.ansatz.prepare(start)
            network = propagate(surrogate, batches.x, batches.layout, start)
            jets = self.state.ansatz.apply(network, prepared)
        return batches.window(0, batches.table(jets))

    def residual(self, name: str, **coordinates: Any) -> Any:
        """Residual of an equation or condition at points, ``(...)`` or ``(..., k)``."""
        terms = {term.name: term for term in self.problem.terms}
        if name not in terms:
            raise DeclarationError(
                f"There is no equation or condition '{name}'",
                expected=", ".join(terms),
                got=name,
                do=nearest(name, terms) or "use one of the names",
            )
        term = terms[name]
        if len(term.placements) != 1:
            raise DeclarationError(
                f"'{name}' compares two places and has no residual at a point",
                expected="an equation, or a condition at one place",
                got=term.kind,
                do="evaluate the fields at both places",
            )
        if term.placements[0].quadrature or term.placements[0].fixed is not None:
            raise DeclarationError(
                f"'{name}' has no residual at a point",
                expected="an equation, or a condition that holds at every point of its place",
                got=term.kind,
                do="evaluate the fields themselves",
            )
        x, shape, as_tensor = self._points(coordinates)
        blocks = []
        for part in x.split(chunk(x.shape[1])):
            points = Points(part, self.problem.coordinates)
            window = self._window(points, term.plans[0])
            with torch.no_grad():
                context = Context(window, self.problem.fields, self.state.values(), points)
                blocks.append(term.residual([context]))
        block = torch.cat(blocks)
        out = block.reshape(*shape, -1) if block.shape[1] > 1 else block.reshape(shape)
        return out if as_tensor else out.cpu().numpy()

    # --- results -----------------------------------------------------------------------------
    @property
    def unknowns(self) -> dict[str, float]:
        """Values found for the unknown parameters."""
        return self.state.unknown_values()

    def error(
        self, reference: Reference | ExactReference | None = None
    ) -> dict[str, dict[str, float]]:
        """Errors of every field that the reference knows.

        Args:
            reference: Points with values, or functions; the problem's own by default.

        Returns:
            Per field ``relative_l2``, ``relative_l1``, ``mse``, ``mae``, ``max_error``, and
            ``best_constant``, the relative L2 of the best constant.

        Raises:
            DeclarationError: If there is no reference, or it does not fit the problem.
        """
        reference = reference or self.problem.reference
        if reference is None:
            raise DeclarationError(
                "There is no reference to compare with",
                expected="Reference.load(...)",
                got=None,
                do="pass one, or declare it in the problem",
            )
        if isinstance(reference, ExactReference):
            return self._exact_errors(reference)
        columns, coordinates = reference.columns, self.problem.coordinates
        shared = [name for name in self.problem.fields if name in reference.fields]
        if not shared or set(coordinates.column_names) - set(columns):
            raise DeclarationError(
                "The reference does not fit the problem",
                expected=f"coordinates {', '.join(coordinates.column_names)} and a field of "
                + ", ".join(self.problem.fields),
                got=f"coordinates {', '.join(columns)}, fields {', '.join(reference.fields)}",
                do="name its columns after the problem's fields and coordinates",
            )
        here = coordinates.columns(
            np.column_stack([columns[name] for name in coordinates.column_names])
        )
        values = self.evaluate(dict.fromkeys(shared, ()), here)
        return {
            name: field_errors(np.asarray(values[name], dtype=np.float64), reference.fields[name])
            for name in shared
        }

    def _exact_errors(self, reference: ExactReference) -> dict[str, dict[str, float]]:
        """Errors against functions; only numbers per point outlive a part of the points."""
        plan = Plan(frozenset((name, ()) for name in reference.fields))
        here: dict[str, list[Tensor]] = {name: [] for name in reference.fields}
        there: dict[str, list[Tensor]] = {name: [] for name in reference.fields}
        parts = exact_parts(self.problem, reference, dtype=self.dtype, device=self.device)
        for points, exact in parts:
            window = self._window(points, plan)
            for name, values in exact.items():
                here[name].append(window.derivative(name, ()).detach())
                there[name].append(values)
        return {name: field_errors(torch.cat(here[name]), torch.cat(there[name])) for name in here}

    def plot(self, folder: str | Path | None = None) -> dict[str, Any]:
        """Pictures of every field, beside the reference if there is one.

        Args:
            folder: Save them as PNG there.

        Returns:
            Caption to matplotlib figure.
        """
        from pinnlab.training.pictures import draw

        return draw(self, folder)

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write a self-describing HDF5 file without pickle; :func:`pinnlab.load` reads it."""
        from pinnlab.training.files import save_solution

        return save_solution(self, path, overwrite=overwrite)

    def export(self, path: str | Path, *, points: int = 101, times: int = 11) -> Path:
        """Write the fields on a grid or mesh for other programs.

        Args:
            path: File ending in .vtu, .vtk, .pvd, .xdmf, .csv or .npz.
            points: Grid points a direction, where the domain is no mesh; in more than three
                dimensions, of which only .csv and .npz files can be written, all of the points.
            times: Moments, where there is time.
        """
        from pinnlab.training.files import export_solution

        return export_solution(self, path, points=points, times=times)

    def __repr__(self) -> str:
        status = self.metrics.get("status", "untrained")
        fields = ", ".join(self.problem.fields)
        unknowns = "".join(f", {k} = {v:.6g}" for k, v in self.unknowns.items())
        return f"Solution({fields} of '{self.problem.name}', {status}{unknowns})"
