"""What the settings of stages mean for an objective: which problem is trained at the moment."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from pinnlab.calculus.directions import Directions
from pinnlab.conditions.context import Context
from pinnlab.conditions.initial import Initial
from pinnlab.errors import DeclarationError, nearest
from pinnlab.objective.unknown import Unknown
from pinnlab.optim.base import Phase
from pinnlab.optim.stage import Setting, expand, setting_of
from pinnlab.problems.assemble import Assembly, demands_of
from pinnlab.problems.hard import ansatz_of
from pinnlab.problems.problem import Problem
from pinnlab.problems.windows import on_window, time_span
from pinnlab.surrogates.time_marching import Marching
from pinnlab.training.solution import Solution

TOLERANCE = 1e-9  # of the duration, within which an edge is the end of time


class Staging:
    """Lets an assembly train one problem after the other, all for the same surrogate.

    Args:
        assembly: Of the declared problem.
        phases: Phases and stages, as given.

    Attributes:
        declared: The problem as it was declared.
        phases: The phases with every stage written out.
        setting: What is trained now.

    Raises:
        DeclarationError: If a stage does not fit the problem or the surrogate.
    """

    def __init__(self, assembly: Assembly, phases: Sequence[Phase]) -> None:
        self.assembly, self.declared = assembly, assembly.problem
        surrogate = assembly.objective.state.surrogate
        self.marching = surrogate if isinstance(surrogate, Marching) else None
        self.phases = expand(phases, len(self.marching.networks) if self.marching else 0)
        self.setting = Setting()
        for phase in self.phases:
            self._check(phase)
        if self.phases:
            self._check_last(setting_of(self.phases[-1]))

    # --- from one problem to the next --------------------------------------------------------
    def enter(self, index: int) -> None:
        """Train what a phase asks for, on new points if that is another problem than before.

        A network of a marching surrogate starts from the one before when its window begins.
        """
        wanted = setting_of(self.phases[index])
        before = setting_of(self.phases[index - 1]).window if index else None
        if self.marching and wanted.window and wanted.window != before:
            self.marching.start_from(wanted.window - 1, wanted.window)
        self._switch(wanted)

    def take_up(self, index: int) -> None:
        """Go on in a phase or after it, whose parameters and points are then restored."""
        self._switch(setting_of(self.phases[index]))

    def leave(self) -> None:
        """Go back to the declared problem."""
        self._switch(Setting())

    def _switch(self, setting: Setting) -> None:
        if setting == self.setting:
            return
        self.setting = setting
        if self.marching:
            self.marching.train_only(setting.window)
        self._declare(self._problem(setting))

    def _problem(self, setting: Setting) -> Problem:
        problem = self.declared
        if setting.parameters:
            problem = problem.replace(parameters={**problem.parameters, **setting.parameters})
        start, end = self._span(setting)
        if (start, end) != (None, None):
            first = start == time_span(self.declared)[0]
            problem = on_window(problem, start, end, None if first else self._carried(problem))
        return problem

    def _span(self, setting: Setting) -> Any:
        """First and last moment, or None twice for all of time."""
        if setting.window is None and setting.until is None:
            return None, None
        first, last = time_span(self.declared)
        if setting.window is not None:
            assert self.marching is not None
            edges = (first, *self.marching.edges[:-1], last)
            return edges[setting.window], edges[setting.window + 1]
        assert setting.until is not None
        near = abs(setting.until - last) <= TOLERANCE * (last - first)
        return first, last if near else setting.until

    def _declare(self, problem: Problem) -> None:
        assembly, objective = self.assembly, self.assembly.objective
        state, directions = objective.state, Directions(problem.coordinates)
        state.constants = {k: v for k, v in problem.parameters.items() if k not in problem.unknowns}
        # Of the whole time, so that one network means the same in all windows.
        state.ansatz = ansatz_of(self.declared.replace(parameters=problem.parameters))
        demands = demands_of(problem, directions, assembly.derivatives)
        assembly.problem = problem
        assembly.placements = tuple(dict.fromkeys(p for t in problem.terms for p in t.placements))
        ordered = {placement: demands[placement] for placement in assembly.placements}
        objective.redeclare(problem.terms, ordered, assembly.draw(), directions)

    def _carried(self, problem: Problem) -> Callable[[str], Callable]:
        """The state at the end of a window, as the network of that window has it."""
        assert self.marching is not None and self.setting.window
        window, assembly = self.setting.window - 1, self.assembly
        solution = Solution(
            problem,
            assembly.objective.state,
            dtype=assembly.dtype,
            device=assembly.device,
            window=window,
        )

        def state(key: str) -> Callable[[Context], Any]:
            field, order = Initial.split(key, problem.declared)
            column = problem.coordinates.dim - 1  # time is the last one
            last: list[tuple[Tensor, Tensor]] = []

            def carried(context: Context) -> Tensor:
                points = context.points
                if not last or last[0][0] is not points.x:
                    wanted = {field: (column,) * order}
                    found = solution.evaluate(wanted, points.columns)[field]
                    last[:] = [(points.x, torch.as_tensor(found).to(points.x))]
                return last[0][1]

            carried.__name__ = f"{key} of window {window + 1}"
            return carried

        return state

    # --- checks ------------------------------------------------------------------------------
    def _check(self, phase: Phase) -> None:
        setting = setting_of(phase)
        for name in setting.parameters:
            self._check_parameter(name)
        if self.marching and setting.window is None:
            raise DeclarationError(
                "A network for each window of time is trained by March",
                expected="phases=[March(...)]",
                got=repr(phase),
                do="wrap the phases: March([Adam(1000)])",
            )
        if setting.coordinate is not None and setting.coordinate != self.declared.coordinates.time:
            time_span(self.declared)  # says that there is no time
            raise DeclarationError(
                f"Windows cannot grow along '{setting.coordinate}'",
                expected=f"the time coordinate '{self.declared.coordinates.time}'",
                got=setting.coordinate,
                do="name the time coordinate",
            )
        if setting.until is not None:
            first, last = time_span(self.declared)
            if not first < setting.until <= last + TOLERANCE * (last - first):
                raise DeclarationError(
                    f"The window up to {setting.until:g} does not lie in the time of the problem",
                    expected=f"edges after {first:g} and up to {last:g}",
                    got=f"{setting.until:g}",
                    do="correct the edges of Windows",
                )
        if setting.window is not None or setting.until is not None:
            start, end = self._span(setting)
            later = setting.window is not None and setting.window > 0
            on_window(self.declared, start, end, _nothing if later else None)

    def _check_parameter(self, name: str) -> None:
        parameters = self.declared.parameters
        if name not in parameters:
            raise DeclarationError(
                f"Curriculum changes '{name}', which is no parameter of the problem",
                expected=", ".join(parameters) or "a problem with parameters",
                got=name,
                do=nearest(name, parameters) or "declare it in `parameters`",
            )
        value = parameters[name]
        if not isinstance(value, (int, float)):
            unknown = isinstance(value, Unknown)
            raise DeclarationError(
                f"Curriculum cannot change '{name}', which is "
                + ("unknown and trained" if unknown else "no number"),
                expected="a known parameter that is a number",
                got=repr(value) if unknown else value.text,
                do="leave it to the training" if unknown else "put a number in front of it",
            )

    def _check_last(self, setting: Setting) -> None:
        """Refuse to end with another problem than the declared one."""
        for name, value in setting.parameters.items():
            wanted = self.declared.parameters[name]
            if value != wanted:
                raise DeclarationError(
                    f"The last phase trains {name} = {value:g}, which is another problem",
                    expected=f"{name} = {wanted:g} at the end, as the problem declares",
                    got=f"{value:g}",
                    do=f"end the curriculum with {wanted:g}, or add a phase behind it",
                )
        if setting.until is not None:
            end, last = self._span(setting)[1], time_span(self.declared)[1]
            if end != last:
                raise DeclarationError(
                    f"The last phase trains times up to {end:g} only",
                    expected=f"{last:g}, the end of time, as the last edge",
                    got=f"{end:g}",
                    do=f"end the edges with {last:g}, or add a phase behind the windows",
                )


def _nothing(key: str) -> Callable[[], float]:
    """A state that stands for one that is not known yet."""
    return lambda: 0.0
