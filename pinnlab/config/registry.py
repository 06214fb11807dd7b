"""What may stand after ``kind:``: the public classes of each role, found in their packages.

Nothing is registered. A class is offered because its package lists it in ``__all__`` and because it
is one of the things that a parameter's type asks for, so that a new class appears by itself.
"""

import importlib
import inspect
import pkgutil
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

from pinnlab.config.signature import parameters


@dataclass(frozen=True)
class Role:
    """Classes that can stand for each other.

    Args:
        name: For ``pinnlab list``.
        base: ``module:class`` that a parameter's type names.
        package: Where its public classes are.
        what: For messages.
    """

    name: str
    base: str
    package: str
    what: str

    @property
    def base_class(self) -> type:
        """The base class or protocol."""
        module, _, name = self.base.partition(":")
        return getattr(importlib.import_module(module), name)

    def members(self) -> dict[str, type]:
        """Public classes of the role that can be written in YAML, by name."""
        return _members(self)

    def find(self, kind: str) -> str | None:
        """The public name that a kind means; case and underscores do not matter."""
        wanted = plain(kind)
        return next((name for name in self.members() if plain(name) == wanted), None)


ROLES = (
    Role("geometry", "pinnlab.geometry.base:Geometry", "pinnlab.geometry", "a geometry"),
    Role("condition", "pinnlab.conditions.base:Constraint", "pinnlab.conditions", "a condition"),
    Role("surrogate", "pinnlab.surrogates.base:Specification", "pinnlab.surrogates", "a surrogate"),
    Role("phase", "pinnlab.optim.base:Phase", "pinnlab.optim", "a phase"),
    Role("schedule", "pinnlab.optim.schedules:Schedule", "pinnlab.optim.schedules", "a schedule"),
    Role("gradients", "pinnlab.aggregation.base:Aggregator", "pinnlab.aggregation",
         "an aggregator of gradients"),
    Role("weighting", "pinnlab.weighting.base:Weighting", "pinnlab.weighting",
         "a rule for weights"),
    Role("derivatives", "pinnlab.calculus.estimators:Estimator", "pinnlab.calculus.estimators",
         "an estimator of derivatives"),
    Role("callback", "pinnlab.training.callbacks.base:Callback", "pinnlab.training.callbacks",
         "a callback"),
)  # fmt: skip

# Made in YAML by other means: `time:`, and `of:` with union, intersection or difference; equations
# have a section of their own.
_OTHERWISE = {"SpaceTime", "Combination", "Equation"}


def plain(name: str) -> str:
    """A name without case and underscores."""
    return name.replace("_", "").replace("-", "").lower()


def role(name: str) -> Role:
    """A role by its name."""
    return next(entry for entry in ROLES if entry.name == name)


def role_of(annotation: Any) -> Role | None:
    """The role whose base class a type is."""
    name = f"{getattr(annotation, '__module__', '')}:{getattr(annotation, '__qualname__', '')}"
    return next((entry for entry in ROLES if entry.base == name), None)


@cache
def _members(entry: Role) -> dict[str, type]:
    base = entry.base_class
    return {
        name: found
        for name, found in sorted(public(importlib.import_module(entry.package)))
        if isinstance(found, type)
        and found is not base
        and name not in _OTHERWISE
        and not inspect.isabstract(found)
        and _fits(found, base)
        and not any(p.required and _is_callable(p.annotation) for p in parameters(found).values())
    }


def public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Public names of a module with their values; of a package without a list, of its modules."""
    if hasattr(module, "__all__"):
        yield from ((name, getattr(module, name)) for name in module.__all__)
    elif hasattr(module, "__path__"):
        for found in pkgutil.iter_modules(module.__path__, module.__name__ + "."):
            if not found.name.rpartition(".")[2].startswith("_"):
                yield from public(importlib.import_module(found.name))
    else:
        yield from (
            (name, value)
            for name, value in vars(module).items()
            if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
        )


def _fits(found: type, base: type) -> bool:
    if not getattr(base, "_is_protocol", False):
        return issubclass(found, base)
    if getattr(found, "_is_protocol", False):
        return False
    asked = [
        name
        for name, value in vars(base).items()
        if inspect.isfunction(value) and (name == "__call__" or not name.startswith("_"))
    ]
    return all(callable(vars(found).get(name)) for name in asked)


def _is_callable(annotation: Any) -> bool:
    return typing.get_origin(annotation) is not None and (
        typing.get_origin(annotation) is typing.get_origin(Callable[..., Any])
    )
