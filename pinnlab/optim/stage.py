r"""Stages: phases that are repeated while the problem grows towards the declared one.

A stage is a phase list in one word. ``Curriculum("beta", [1, 10, 30], Adam(1000))`` stands for
three phases of Adam, one a value; ``Windows("t", [0.5, 1.0], Adam(1000))`` for two, the first of
which sees times up to 0.5 only; ``March(Adam(1000))`` for one a window of a surrogate that has a
network for each. :func:`expand` writes the list out. What it holds are ordinary phases, each with
the :class:`Setting` under which it runs; the optimisers know nothing of it, and what is saved and
solved in the end is the problem as it was declared.
"""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from pinnlab.aggregation.base import Aggregator
from pinnlab.errors import DeclarationError
from pinnlab.objective.objective import Objective
from pinnlab.optim.base import Phase, Stepper


@dataclass(frozen=True)
class Setting:
    """What a phase trains in place of the declared problem.

    Args:
        parameters: Values of known parameters by name.
        until: Last moment that is seen, or None for the end.
        window: Number of the window of a marching surrogate, or None.
        windows: How many windows there are.
        coordinate: Name by which a stage calls time.
    """

    parameters: Mapping[str, float] = field(default_factory=dict)
    until: float | None = None
    window: int | None = None
    windows: int = 0
    coordinate: str | None = None

    @property
    def text(self) -> str:
        """In words, for logs."""
        parts = [f"{name} = {value:g}" for name, value in self.parameters.items()]
        parts += [f"up to {self.until:g}"] if self.until is not None else []
        parts += [f"window {self.window + 1} of {self.windows}"] if self.window is not None else []
        return ", ".join(parts)


@dataclass(frozen=True)
class Staged(Phase):
    """A phase under a setting.

    Args:
        phase: The phase.
        setting: What it trains.
    """

    phase: Phase
    setting: Setting

    @property
    def steps(self) -> int:  # type: ignore[override]
        """Those of the phase."""
        return self.phase.steps

    @property
    def resample(self) -> int | None:  # type: ignore[override]
        """That of the phase."""
        return self.phase.resample

    @property
    def batch(self) -> int | None:  # type: ignore[override]
        """That of the phase."""
        return self.phase.batch

    def start(self, objective: Objective, aggregator: Aggregator | None) -> Stepper:
        """The stepper of the phase."""
        return self.phase.start(objective, aggregator)

    @property
    def label(self) -> str:
        """Name in logs and plots."""
        return f"{self.phase.label}, {self.setting.text}"


class Stage(Phase):
    """Phases that are repeated under several settings."""

    phases: tuple[Phase, ...]
    resample = None
    batch = None

    @abstractmethod
    def settings(self, outer: Setting, windows: int) -> list[Setting]:
        """The settings, in order.

        Args:
            outer: That of a stage around this one.
            windows: How many windows the surrogate has a network for, or 0.

        Raises:
            DeclarationError: If stage and surrogate do not fit together.
        """

    def start(self, objective: Objective, aggregator: Aggregator | None) -> Stepper:
        """Stages are written out before anything is trained."""
        raise DeclarationError(
            f"{type(self).__name__} is a list of phases and has no steps of its own",
            expected="the phases of `expand([stage])`",
            got=repr(self),
            do="give it to `solve(phases=...)`",
        )

    def _hold(self, phases: Phase | Sequence[Phase]) -> None:
        """Keep the phases that are repeated."""
        held = tuple(phases) if isinstance(phases, Iterable) else (phases,)
        for phase in held or (None,):
            if not isinstance(phase, Phase):
                raise DeclarationError(
                    f"{type(self).__name__} repeats no phase",
                    expected="one or more phases, such as Adam(1000)",
                    got=repr(phase),
                    do="say what is to be trained in every stage",
                )
        object.__setattr__(self, "phases", held)


@dataclass(frozen=True)
class Curriculum(Stage):
    """Train with a known parameter at one value after the other, from easy to hard.

    Every value is trained with all of the phases, each of which starts afresh (its moments, its
    schedule) from the parameters of the surrogate that the one before found.

    Args:
        parameter: Name of a known parameter that is a number.
        values: Its values in order. If nothing follows, the last one is that of the problem.
        phases: Trained at every value.

    Raises:
        DeclarationError: If there is no value or phase, or a value is not finite.

    Example:
        >>> from pinnlab.optim import Adam
        >>> [phase.label for phase in expand([Curriculum("beta", [1, 30], Adam(500))])]
        ['Adam, beta = 1', 'Adam, beta = 30']

    References:
        Krishnapriyan et al. (2021), NeurIPS 34, section 4.1, curriculum regularisation.
    """

    parameter: str
    values: Sequence[float]
    phases: Phase | Sequence[Phase]  # type: ignore[assignment]

    def __post_init__(self) -> None:
        _check_name(self, "parameter", self.parameter)
        object.__setattr__(self, "values", _numbers(self, "values", self.values))
        self._hold(self.phases)

    @property
    def steps(self) -> int:  # type: ignore[override]
        """Those of all phases at all values."""
        return len(self.values) * sum(phase.steps for phase in self.phases)  # type: ignore[union-attr]

    def settings(self, outer: Setting, windows: int) -> list[Setting]:
        """See :meth:`Stage.settings`."""
        return [
            replace(outer, parameters={**outer.parameters, self.parameter: value})
            for value in self.values
        ]


@dataclass(frozen=True)
class Windows(Stage):
    """Train on growing windows of time: from the start up to one edge after the other.

    Until an edge is reached, equations and conditions are asked for at earlier times only, and
    data that were taken later are left out. One network learns all of it.

    Args:
        coordinate: Name of the time coordinate.
        edges: Ends of the windows, increasing. If nothing follows, the last one is the end of time.
        phases: Trained on every window.

    Raises:
        DeclarationError: If the edges do not increase.

    Example:
        >>> from pinnlab.optim import Adam
        >>> [phase.label for phase in expand([Windows("t", [0.5, 1.0], Adam(500))])]
        ['Adam, up to 0.5', 'Adam, up to 1']

    References:
        Wight and Zhao (2021), Commun. Comput. Phys. 29, 930-954, section 3.2, time-adaptive
        approach I.
    """

    coordinate: str
    edges: Sequence[float]
    phases: Phase | Sequence[Phase]  # type: ignore[assignment]

    def __post_init__(self) -> None:
        _check_name(self, "coordinate", self.coordinate)
        object.__setattr__(self, "edges", _numbers(self, "edges", self.edges))
        check_increasing(self, self.edges)
        self._hold(self.phases)

    @property
    def steps(self) -> int:  # type: ignore[override]
        """Those of all phases on all windows."""
        return len(self.edges) * sum(phase.steps for phase in self.phases)  # type: ignore[union-attr]

    def settings(self, outer: Setting, windows: int) -> list[Setting]:
        """See :meth:`Stage.settings`."""
        if outer.until is not None or outer.window is not None:
            raise DeclarationError(
                "Windows of time lie inside windows of time",
                expected="one of Windows and March",
                got=f"{self!r} in a stage that goes {outer.text}",
                do="take one of them out",
            )
        return [replace(outer, until=edge, coordinate=self.coordinate) for edge in self.edges]


@dataclass(frozen=True)
class March(Stage):
    r"""Sequence-to-sequence training: one window of time after the other, a network for each.

    For a surrogate :class:`~pinnlab.surrogates.TimeMarching`. In window k its k-th network alone is
    trained, on :math:`[T_{k-1}, T_k]`; where the problem has initial conditions, the solution of
    the window before, at :math:`T_{k-1}`, takes the place of the initial state. Earlier networks
    stay as they are. Every network starts from the parameters of the one before it.

    Args:
        phases: Trained in every window.

    Raises:
        DeclarationError: If there is no phase.

    Example:
        >>> from pinnlab.optim import Adam
        >>> [phase.label for phase in expand([March(Adam(500))], windows=2)]
        ['Adam, window 1 of 2', 'Adam, window 2 of 2']

    References:
        Krishnapriyan et al. (2021), NeurIPS 34, section 4.2, sequence-to-sequence learning.
    """

    phases: Phase | Sequence[Phase]  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self._hold(self.phases)

    @property
    def steps(self) -> int:  # type: ignore[override]
        """Those of the phases in one window."""
        return sum(phase.steps for phase in self.phases)  # type: ignore[union-attr]

    def settings(self, outer: Setting, windows: int) -> list[Setting]:
        """See :meth:`Stage.settings`."""
        if not windows:
            raise DeclarationError(
                "March needs a network for every window of time",
                expected="surrogate=TimeMarching(MLP(...), edges=[...])",
                got="a surrogate without windows",
                do="wrap the network, or use Windows, which grow with one network",
            )
        if outer.until is not None or outer.window is not None:
            raise DeclarationError(
                "Windows of time lie inside windows of time",
                expected="one of Windows and March",
                got=f"{self!r} in a stage that goes {outer.text}",
                do="take one of them out",
            )
        return [replace(outer, window=k, windows=windows) for k in range(windows)]


def expand(phases: Sequence[Phase], windows: int = 0) -> tuple[Phase, ...]:
    """A list of phases with every stage written out.

    Args:
        phases: Phases and stages.
        windows: How many windows of time the surrogate has a network for, or 0.

    Raises:
        DeclarationError: If stages and surrogate do not fit together.
    """
    return tuple(_expanded(phases, Setting(), windows))


def _expanded(phases: Sequence[Phase], outer: Setting, windows: int) -> Iterator[Phase]:
    for phase in phases:
        if isinstance(phase, Stage):
            for setting in phase.settings(outer, windows):
                yield from _expanded(phase.phases, setting, windows)
        else:
            yield phase if outer == Setting() else Staged(phase, outer)


def innermost(phases: Sequence[Phase]) -> Iterator[Phase]:
    """Every phase that is no stage, each once."""
    for phase in phases:
        if isinstance(phase, Stage):
            yield from innermost(phase.phases)
        else:
            yield phase


def setting_of(phase: Phase) -> Setting:
    """What a phase of a written-out list trains; an empty setting for the declared problem."""
    return phase.setting if isinstance(phase, Staged) else Setting()


def check_increasing(owner: object, edges: Sequence[float]) -> None:
    """Refuse edges of windows that are not in order."""
    for before, after in pairwise(edges):
        if after <= before:
            raise DeclarationError(
                f"The edges of {type(owner).__name__} do not increase",
                expected="each edge after the one before",
                got=", ".join(f"{edge:g}" for edge in edges),
                do="put them in order",
            )


def _check_name(owner: object, argument: str, value: object) -> None:
    if not isinstance(value, str) or not value:
        raise DeclarationError(
            f"{type(owner).__name__} has no {argument}",
            expected=f"the name of a {argument}",
            got=repr(value),
            do='name it first: Curriculum("beta", ...), Windows("t", ...)',
        )


def _numbers(owner: object, argument: str, values: Any) -> tuple[float, ...]:
    """Values as finite numbers, at least one."""
    given = list(values) if hasattr(values, "__iter__") and not isinstance(values, str) else []
    for value in given or [values]:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not given or not number or not abs(value) < float("inf"):
            raise DeclarationError(
                f"{type(owner).__name__} has no usable {argument}",
                expected="a list of finite numbers",
                got=repr(values),
                do=f"give {argument}=[...]",
            )
    return tuple(float(value) for value in given)
