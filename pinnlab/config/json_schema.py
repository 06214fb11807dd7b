"""The JSON schema of run files, for completion and checks in editors."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import PydanticJsonSchemaWarning

from pinnlab.config.geometry_form import OPERATIONS
from pinnlab.config.problem_form import ready_problems
from pinnlab.config.registry import ROLES
from pinnlab.config.run_config import outside_run, run_schema, sections
from pinnlab.config.schema import PLACEHOLDER, axis_form
from pinnlab.config.signature import parameters, summary

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The schema, from the same models that read files.

    Returns:
        A JSON schema whose ``$defs`` hold one entry per public class and one per role.
    """
    from pinnlab.conditions.equation import Equation
    from pinnlab.objective.unknown import Unknown
    from pinnlab.problems.assemble import PointBudget
    from pinnlab.problems.problem import Problem
    from pinnlab.training.solve import solve

    schema = run_schema()
    definitions: dict[str, Any] = {}
    for role in ROLES:
        members = role.members()
        for name, target in members.items():
            definitions[name] = _definition(target, name, schema.model(target))
        definitions[role.name] = {
            "description": role.what,
            "anyOf": [{"$ref": f"#/$defs/{name}"} for name in members] + _more(role.name, members),
        }
    for target in (Problem, PointBudget, Unknown, Equation):
        definitions[target.__name__] = _definition(target, None, schema.model(target))
    definitions["Equation"]["properties"]["kind"] = {"type": "string"}
    definitions["Equation"].pop("required", None)
    definitions["Unknown"]["properties"]["kind"] = {"const": "Unknown"}
    definitions["Problem"]["properties"]["reference"] = _reference(schema)
    ready = ready_problems()
    for name, function in ready.items():
        definitions[name] = _definition(function, name, schema.model(function))
    run = _definition(solve, None, schema.model(solve, outside_run()))
    declared = [{"$ref": f"#/$defs/{name}"} for name in ("Problem", *ready)]
    properties: dict[str, Any] = {"problem": {"anyOf": declared}}
    whole = _definition(solve, None, schema.model(solve, ("problem", *_others())))
    properties |= {name: whole["properties"][name] for name in sections()}
    run["description"] = "Remaining arguments of pinnlab.solve"
    return {
        "$schema": DIALECT,
        "title": "pinnlab run",
        "type": "object",
        "properties": properties | {"run": run},
        "required": ["problem"],
        "additionalProperties": False,
        "$defs": definitions,
    }


def _others() -> list[str]:
    from pinnlab.training.solve import solve

    return [name for name in parameters(solve) if name not in sections()]


def _reference(schema: Any) -> dict[str, Any]:
    from pinnlab.io.reference import Reference

    return schema.adapter(schema.record(Reference).type).json_schema()


def _more(role: str, members: Mapping[str, type]) -> list[dict[str, Any]]:
    """What may stand in place of a class: its bare name, a file, a set operation."""
    more: list[dict[str, Any]] = [{"enum": list(members)}]
    if role == "geometry":
        several = {"type": "array", "minItems": 2, "items": {"$ref": "#/$defs/geometry"}}
        more += [
            {
                "type": "object",
                "properties": {"kind": {"enum": list(OPERATIONS)}, "of": several, "time": {}},
                "required": ["kind", "of"],
            },
            {"type": "object", "properties": {"file": {"type": "string"}}, "required": ["file"]},
        ]
    return more


def _definition(target: Callable, kind: str | None, model: type[BaseModel]) -> dict[str, Any]:
    """One class: its arguments, and ``kind`` where it is an alternative."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PydanticJsonSchemaWarning)
        made = _linked(model.model_json_schema())
    properties = {key: _clean(value) for key, value in made.get("properties", {}).items()}
    if kind is not None:
        properties = {"kind": {"const": kind}} | properties
        made["required"] = ["kind", *made.get("required", [])]
    if kind is not None and _is_geometry(target):
        properties["time"] = {"type": "object", "description": "Time, such as {t: [0, 1]}"}
    made["properties"] = properties
    made["description"] = summary(target)
    if axis_form(target):
        made["minProperties"] = 2
    return made


def _is_geometry(target: Any) -> bool:
    from pinnlab.geometry.base import Geometry

    return isinstance(target, type) and issubclass(target, Geometry)


def _clean(value: Any) -> Any:
    return {k: v for k, v in value.items() if k != "title"} if isinstance(value, dict) else value


def _linked(value: Any) -> Any:
    """Placeholders as references."""
    if isinstance(value, list):
        return [_linked(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    if PLACEHOLDER in value:
        rest = {k: v for k, v in value.items() if k not in (PLACEHOLDER, "title")}
        return {"$ref": f"#/$defs/{value[PLACEHOLDER]}"} | rest
    return {key: _linked(entry) for key, entry in value.items()}
