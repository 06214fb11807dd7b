"""Objects back to configuration: plain data that loads to the same objects again.

An object is described by the arguments of its constructor, read off its attributes. A Python
function becomes the mark ``{callable: name}`` and an object that only Python can make
``{python: Name}``; a file with such a mark says on loading that the problem must come from Python.
"""

import functools
import io
from collections.abc import Callable, Mapping
from enum import Enum
from inspect import Parameter as P
from pathlib import Path
from typing import Any

import numpy as np

from pinnlab.calculus.formula import Formula
from pinnlab.config.registry import ROLES
from pinnlab.config.run_config import outside_run, run_schema, sections
from pinnlab.config.schema import axis_form
from pinnlab.config.signature import parameters
from pinnlab.geometry.csg import Combination
from pinnlab.geometry.time import SpaceTime
from pinnlab.objective.unknown import Unknown
from pinnlab.problems.problem import Problem

_OPERATIONS = {"|": "union", "&": "intersection", "-": "difference"}
_SHORT = 84  # characters of a mapping or list that stands on one line
_LONGEST = 10_000  # numbers of an array that a text file still shows


def describe_object(value: Any) -> Any:
    """A declared object as plain data.

    Args:
        value: Any public object, or a plain value, list or mapping of them.

    Returns:
        Numbers, texts, lists and mappings; mappings of objects that have alternatives begin with
        ``kind``.

    Example:
        >>> from pinnlab.surrogates import RandomFeatures
        >>> describe_object(RandomFeatures(features=10))
        {'kind': 'RandomFeatures', 'features': 10, 'scale': 2.0, 'activation': 'tanh'}
    """
    if isinstance(value, bool | int | float | str | None):
        return value
    if isinstance(value, Formula):
        return _formula(value.source)
    if isinstance(value, Mapping):
        return {str(key): describe_object(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [describe_object(entry) for entry in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist() if value.size <= _LONGEST else _mark(value)
    if isinstance(value, Path | Enum):
        return str(value.value if isinstance(value, Enum) else value)
    return _object(value)


def _formula(source: Any) -> Any:
    if callable(source):
        named = getattr(source, "func", source)
        return {"callable": getattr(named, "__name__", type(named).__name__)}
    return float(source) if hasattr(source, "item") else source


def _mark(value: Any) -> dict[str, str]:
    return {"python": type(value).__name__}


def _object(value: Any) -> Any:
    if isinstance(value, SpaceTime):
        ends = [value.time.start, value.time.end]
        return describe_object(value.space) | {"time": {value.time.coordinate: ends}}
    if isinstance(value, Combination):
        return {"kind": _OPERATIONS[value.operation], "of": _operands(value)}
    for target in type(value).__mro__:
        found = _arguments(value, target) if target is not object else None
        if found is not None:
            return _with_kind(target, found)
    if callable(value) and not _is_member(type(value)):
        return _formula(value)
    return _mark(value)


def _operands(value: Combination) -> list[Any]:
    """Both operands; a chain of one operation is one list."""
    first = value.a
    if isinstance(first, Combination) and first.operation == value.operation:
        return [*_operands(first), describe_object(value.b)]
    return [describe_object(first), describe_object(value.b)]


def _arguments(value: Any, target: type) -> dict[str, Any] | None:
    """The arguments that make the object, or None if its attributes do not tell them."""
    if not target.__module__.startswith("pinnlab.") or not parameters(target):
        return {} if _is_member(target) else None
    axis = axis_form(target)
    if axis:
        return {value.coordinate: [getattr(value, end) for end in axis]} | _named(value)
    out: dict[str, Any] = {}
    for parameter in parameters(target).values():
        if not hasattr(value, parameter.key):
            return None
        entry = getattr(value, parameter.key)
        if parameter.kind is P.VAR_KEYWORD:
            out |= describe_object(entry)
        else:
            if run_schema().parameter_form(target.__name__, parameter) is None:
                return None
            out[parameter.key] = describe_object(entry)
    return out


def _named(value: Any) -> dict[str, Any]:
    return {"name": value.name} if getattr(value, "name", None) else {}


@functools.cache
def _members() -> dict[type, str]:
    return {target: name for role in ROLES for name, target in reversed(role.members().items())}


def _is_member(target: type) -> bool:
    return target in _members()


def _with_kind(target: type, found: dict[str, Any]) -> dict[str, Any]:
    if target is Unknown:
        return {"kind": "Unknown"} | found
    return {"kind": _members()[target]} | found if _is_member(target) else found


def to_config(
    problem: Problem, *, given: Mapping[str, Any] | None = None, **options: Any
) -> dict[str, Any]:
    """Everything that defines a run as plain data, every default filled in.

    Args:
        problem: The problem.
        given: The section ``problem`` as a file said it, for what objects do not remember: how a
            mesh or a reference is read.
        **options: Arguments of :func:`pinnlab.solve`.

    Returns:
        Sections ``problem``, ``surrogate``, ``points``, ... and ``run``, that
        :func:`pinnlab.config.load_config` reads again.
    """
    from pinnlab.training.solve import solve

    out: dict[str, Any] = {"problem": describe_problem(problem, given)}
    chosen = _defaults(problem, options)
    for name in sections():
        value = describe_object(chosen[name])
        if value is not None:
            out[name] = value
    left_out = outside_run()
    out["run"] = {name: _plain(chosen[name]) for name in parameters(solve) if name not in left_out}
    return out


def _plain(value: Any) -> Any:
    """A dtype or device by its name."""
    if value is None or isinstance(value, bool | int | float | str | Mapping):
        return describe_object(value)
    return str(value).removeprefix("torch.")


def describe_problem(problem: Problem, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The section ``problem``."""
    if problem.recipe is not None:
        return dict(problem.recipe)
    out: dict[str, Any] = {
        name: describe_object(getattr(problem, name)) for name in parameters(Problem)
    }
    for name, equation in out["equations"].items():
        plain = {k: v for k, v in equation.items() if v is not None and (k, v) != ("weight", 1.0)}
        text = plain.get("fn")
        out["equations"][name] = text if len(plain) == 1 and isinstance(text, str) else equation
    for name, value in (given or {}).items():
        out[name] = _restored(out.get(name), value)
    return {name: value for name, value in out.items() if value not in ({}, [], None)}


def _restored(found: Any, given: Any) -> Any:
    """The description, with what the file said in place of marks."""
    if not isinstance(found, Mapping):
        return found
    if "python" in found or "callable" in found:
        return given
    if not isinstance(given, Mapping):
        return found
    if _is_marked(found) and {"file", "of"} & set(given):
        return given
    library = isinstance(found.get("fn"), Mapping) and "kind" in given
    if library:  # a ready equation by its name
        return {"kind": given["kind"]} | {k: v for k, v in found.items() if k != "fn"}
    return {key: _restored(value, given.get(key)) for key, value in found.items()}


def _is_marked(found: Any) -> bool:
    if isinstance(found, Mapping):
        return "python" in found or any(map(_is_marked, found.values()))
    return isinstance(found, list) and any(map(_is_marked, found))


def _defaults(problem: Problem, options: Mapping[str, Any]) -> dict[str, Any]:
    """What :func:`pinnlab.solve` takes where nothing is given."""
    from pinnlab.calculus.estimators import Exact, estimator_of
    from pinnlab.problems.assemble import PointBudget
    from pinnlab.surrogates import MLP
    from pinnlab.training.callbacks import Evaluate
    from pinnlab.training.solve import default_gradients, solve, split_weights

    chosen = {name: p.default for name, p in parameters(solve).items() if name != "problem"}
    chosen |= options
    surrogate = chosen["surrogate"] = chosen["surrogate"] or MLP()
    fill: dict[str, Callable[[], Any]] = {
        "points": PointBudget,
        "gradients": lambda: default_gradients(
            chosen["execution"],
            split_weights(chosen["weights"])[1],
            estimator_of(chosen["derivatives"]),
            random=problem.random,
        ),
        "derivatives": Exact,
        "phases": lambda: _phases(surrogate, chosen["derivatives"], problem.random),
        "callbacks": lambda: [Evaluate()] if problem.reference is not None else [],
    }
    for name, make in fill.items():
        if chosen[name] is None:
            chosen[name] = make()
    if isinstance(chosen["points"], Mapping):
        chosen["points"] = PointBudget(**chosen["points"])
    return chosen


def _phases(surrogate: Any, derivatives: Any, random: bool) -> list[Any]:
    from pinnlab.calculus.estimators import estimator_of
    from pinnlab.optim.least_squares import LeastSquares
    from pinnlab.training.solve import default_phases

    if getattr(surrogate, "linear", False):
        return [LeastSquares()]
    return default_phases(estimator_of(derivatives), random=random)


def to_yaml(data: Mapping[str, Any]) -> str:
    """Plain data as YAML 1.2; what fits on a line stands on a line."""
    from ruamel.yaml import YAML
    from ruamel.yaml.representer import SafeRepresenter

    class Representer(SafeRepresenter):
        """Flow style for short mappings and lists."""

        def represent_mapping(self, tag: Any, mapping: Any, flow_style: Any = None) -> Any:
            flow_style = mapping is not whole and _is_short(mapping)
            return super().represent_mapping(tag, mapping, flow_style=flow_style)

        def represent_sequence(self, tag: Any, sequence: Any, flow_style: Any = None) -> Any:
            return super().represent_sequence(tag, sequence, flow_style=_is_short(sequence))

    whole = dict(data)
    writer = YAML(typ="safe", pure=True)
    writer.Representer = Representer
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    writer.width = 10_000
    writer.indent(mapping=2, sequence=4, offset=2)
    stream = io.StringIO()
    writer.dump(whole, stream)
    return stream.getvalue()


def _is_short(value: Any) -> bool:
    text = str(value)
    deep = text.count("{") > 2
    return not deep and len(text) <= _SHORT
