"""The JSON schema that editors read."""

import json
from pathlib import Path

import pytest

from pinnlab.config.document import read_document
from pinnlab.config.json_schema import json_schema

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def schema() -> dict:
    return json_schema()


def references(value) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if "$ref" in value else set()
        return own.union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def test_every_reference_leads_somewhere(schema: dict) -> None:
    assert references(schema) <= {f"#/$defs/{name}" for name in schema["$defs"]}
    assert "x-definition" not in json.dumps(schema)


def test_sections_and_defaults(schema: dict) -> None:
    assert set(schema["properties"]) >= {"problem", "surrogate", "points", "phases", "run"}
    adam = schema["$defs"]["Adam"]
    assert adam["required"] == ["kind", "steps"]
    assert adam["additionalProperties"] is False
    assert adam["properties"]["lr"]["default"] == 1e-3
    assert adam["properties"]["kind"] == {"const": "Adam"}
    assert "Learning rate" in adam["properties"]["lr"]["description"]
    assert schema["$defs"]["Dirichlet"]["additionalProperties"] == {"type": ["number", "string"]}
    assert "seed" in schema["properties"]["run"]["properties"]
    assert "resume" not in schema["properties"]["run"]["properties"]
    assert {"$ref": "#/$defs/Box"} in schema["$defs"]["geometry"]["anyOf"]


def test_shipped_configs_fit(schema: dict) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(schema)
    for path in (REPOSITORY / "configs").rglob("*.yaml"):
        validator.validate(read_document(path).root.data)
