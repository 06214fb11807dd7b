"""Learning-rate schedules: factors on the rate as pure functions of the step."""

import math
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from pinnlab.checks import check_count, check_not_negative, check_positive, is_list
from pinnlab.errors import DeclarationError


@runtime_checkable
class Schedule(Protocol):
    """Factor on the learning rate."""

    def factor(self, step: int, steps: int) -> float:
        """The factor at ``step`` of a phase of ``steps``."""
        ...


@dataclass(frozen=True)
class Constant:
    """The rate as it is."""

    def factor(self, step: int, steps: int) -> float:
        """1."""
        return 1.0


@dataclass(frozen=True)
class Cosine:
    r"""Half a cosine from 1 to ``final`` over the phase, after a linear ``warmup``.

    Args:
        final: Factor at the end.
        warmup: Steps of linear rise from 0.
    """

    final: float = 0.0
    warmup: int = 0

    def __post_init__(self) -> None:
        check_not_negative(self, final=self.final)
        check_count(self, warmup=self.warmup or None)

    def factor(self, step: int, steps: int) -> float:
        """The factor at ``step``."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        share = (step - self.warmup) / max(1, steps - self.warmup)
        return self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * share))


@dataclass(frozen=True)
class Linear:
    """A rate that falls evenly to a share of itself at the end of the phase.

    Args:
        end: Share at the end.

    Example:
        >>> Linear().factor(50, 100)
        0.5
    """

    end: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.end <= 1:
            raise DeclarationError(
                f"A linear schedule cannot end at {self.end!r} of the rate",
                expected="a share between 0 and 1",
                got=self.end,
                do="use e.g. end=0.0",
            )

    def factor(self, step: int, steps: int) -> float:
        """See :class:`Schedule`."""
        return 1.0 - (1.0 - self.end) * step / steps


@dataclass(frozen=True)
class Exponential:
    """Multiply the rate by ``rate`` every ``every`` steps, continuously, after a linear warm-up.

    Args:
        rate: Factor per ``every`` steps.
        every: Steps.
        warmup: Steps of linear rise from 0.
    """

    rate: float = 0.9
    every: int = 1000
    warmup: int = 0

    def __post_init__(self) -> None:
        check_positive(self, rate=self.rate)
        check_count(self, every=self.every, warmup=self.warmup or None)

    def factor(self, step: int, steps: int) -> float:
        """The factor at ``step``."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        return self.rate ** ((step - self.warmup) / self.every)


@dataclass(frozen=True)
class Step:
    """Multiply the rate by ``rate`` at each of the given steps.

    Args:
        at: Steps of the phase.
        rate: Factor at each of them.
    """

    at: tuple[int, ...]
    rate: float = 0.1

    def __post_init__(self) -> None:
        given: Any = self.at
        steps = tuple(given) if is_list(given) else (given,)
        for step in steps:
            check_count(self, needed=True, at=step)
        object.__setattr__(self, "at", steps)
        check_positive(self, rate=self.rate)

    def factor(self, step: int, steps: int) -> float:
        """The factor at ``step``."""
        return self.rate ** sum(step >= k for k in self.at)


def check_schedule(owner: object, schedule: object) -> None:
    """Refuse what gives no factor on the rate."""
    if schedule is not None and not isinstance(schedule, Schedule):
        raise DeclarationError(
            f"{type(owner).__name__} cannot have schedule={schedule!r}",
            expected="Cosine(), Exponential(), Step(...), or None",
            got=schedule,
            do="wrap the numbers: schedule=Exponential(rate=0.5, every=1000)",
        )
