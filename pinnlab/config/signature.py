"""The constructor of a class as a schema: names, types, defaults and what the docstring says."""

import inspect
import re
import typing
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True)
class Parameter:
    """One argument.

    Args:
        name: As in Python.
        key: As in YAML; differs only where the name would be taken for ``kind:``.
        annotation: Its type.
        default: Its default, or ``inspect.Parameter.empty``.
        kind: As in :mod:`inspect`.
        text: What the docstring says about it.
    """

    name: str
    key: str
    annotation: Any
    default: Any
    kind: Any
    text: str

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is inspect.Parameter.empty and not self.many

    @property
    def many(self) -> bool:
        """Whether it stands for any number of arguments."""
        return self.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@cache
def parameters(target: Callable) -> dict[str, Parameter]:
    """The arguments of a class or function, by name."""
    function = target.__init__ if isinstance(target, type) else target
    hints = typing.get_type_hints(function)
    texts = argument_texts(target)
    return {
        name: Parameter(
            name,
            "how" if name == "kind" else name,
            hints.get(name, Any),
            parameter.default,
            parameter.kind,
            texts.get(name, ""),
        )
        for name, parameter in inspect.signature(target).parameters.items()
    }


def argument_texts(target: Callable) -> dict[str, str]:
    """The ``Args:`` section of a docstring, by argument; base classes fill the gaps."""
    owners = reversed(target.__mro__) if isinstance(target, type) else [target]
    out: dict[str, str] = {}
    for owner in owners:
        section = re.search(r"\n\s*Args:\n(.*?)(\n\s*\n|\Z)", inspect.getdoc(owner) or "", re.S)
        for entry in re.split(r"\n {4}(?=\S)", "\n" + section[1]) if section else []:
            name, _, text = entry.strip().partition(":")
            if name.lstrip("*").isidentifier():
                out[name.lstrip("*")] = " ".join(text.split())
    return out


def summary(target: Any) -> str:
    """First paragraph of a docstring, on one line."""
    return " ".join((inspect.getdoc(target) or "").split("\n\n")[0].split())
