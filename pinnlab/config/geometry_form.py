"""Domains in YAML: primitives, CSG trees, geometry files, and time.

.. code-block:: yaml

    {kind: Box, x: [0, 2], y: [0, 1], time: {t: [0, 1]}}
    {kind: difference, of: [{kind: Box, ...}, {kind: Disk, center: [1, 0.5], radius: 0.2}]}
    {file: bracket.yaml, time: {t: [0, 1]}}
"""

import functools
import operator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pinnlab.config.document import read_document
from pinnlab.config.findings import refusal
from pinnlab.config.leaves import refuse, shown
from pinnlab.config.registry import plain
from pinnlab.config.schema import Component
from pinnlab.config.wording import Mistakes, findings_of, invalid
from pinnlab.errors import PinnlabError

OPERATIONS = {"union": operator.or_, "intersection": operator.and_, "difference": operator.sub}
_TREES = (".yaml", ".yml")


class GeometryForm(Component):
    """A geometry by ``kind:`` or ``file:``, with ``time:`` where it is a space-time domain."""

    def kinds(self) -> list[str]:
        """Primitives and set operations."""
        return [*super().kinds(), *OPERATIONS]

    def find(self, kind: str) -> str | None:
        """The public name of a kind."""
        spelled = {plain(name): name for name in OPERATIONS}
        return spelled.get(plain(kind)) or super().find(kind)

    def validate(self, value: Any, info: Any) -> Any:
        """The geometry of a mapping."""
        if not isinstance(value, Mapping) or "time" not in value:
            return self._space(value, info)
        space = {key: entry for key, entry in value.items() if key != "time"}
        parts, mistakes = [], Mistakes("geometry")
        with mistakes.at():
            parts.append(self._space(space, info))
        with mistakes.at("time"):
            parts.append(self._time(value["time"], info.context))
        mistakes.tell()
        return parts[0] * parts[1]

    def _time(self, value: Any, context: Any) -> Any:
        if not isinstance(value, Mapping):
            raise refuse(
                "This is no interval of time", expected="{t: [0, 1]}", got=shown(value),
                do="name the coordinate and its ends",
            )  # fmt: skip
        return super().build("Time", dict(value), context)

    def _space(self, value: Any, info: Any) -> Any:
        if isinstance(value, Mapping) and "file" in value and "kind" not in value:
            return self._from_file(dict(value), info)
        return super().validate(value, info)

    def build(self, kind: str, data: dict[str, Any], context: Any) -> Any:
        """A primitive, or a set operation on the geometries in ``of``."""
        if kind not in OPERATIONS:
            return super().build(kind, data, context)
        for key in data:
            if key != "of":
                raise invalid(kind, (key,), refuse(
                    f"{kind} has no option '{key}'", expected="of", got=key, do="remove it",
                    at="key",
                ))  # fmt: skip
        parts = data.get("of")
        if not isinstance(parts, list) or len(parts) < 2:
            raise refuse(
                f"{kind} needs at least two geometries", got=shown(parts),
                expected=f"{{kind: {kind}, of: [{{kind: ...}}, {{kind: ...}}]}}",
                do="list them under `of`",
            )  # fmt: skip
        shapes = self._all(parts, context)
        try:
            return functools.reduce(OPERATIONS[kind], shapes)
        except TypeError as error:
            raise refuse(f"These geometries cannot be combined: {error}") from None

    def _all(self, parts: list[Any], context: Any) -> list[Any]:
        adapter = self.schema.adapter(self)
        shapes, mistakes = [], Mistakes("geometry")
        for k, part in enumerate(parts):
            with mistakes.at("of", k):
                shapes.append(adapter.validate_python(part, context=context))
        mistakes.tell()
        return shapes

    def _from_file(self, data: dict[str, Any], info: Any) -> Any:
        name = data.pop("file")
        if not isinstance(name, str):
            raise invalid("geometry", ("file",), refuse(
                "This is no file name", expected="a mesh or a YAML file", got=shown(name)
            ))  # fmt: skip
        path = Path((info.context or {}).get("folder", ".")) / name
        if path.suffix.lower() in _TREES:
            return self._tree(path, data, (info.context or {}).get("within", ()))
        if "Mesh" not in self.role.members():
            raise invalid("geometry", ("file",), refuse(
                f"'{name}' is no geometry file", expected="a file ending in .yaml", got=name
            ))  # fmt: skip
        if not path.is_file():
            raise invalid("geometry", ("file",), refuse(
                f"There is no file '{name}'", expected="a mesh or a YAML file", got=str(path),
                do="check the path; it counts from the folder of this file",
            ))  # fmt: skip
        return super().build("Mesh", {self.schema.keys(self.role.members()["Mesh"])[0]: str(path)}
                             | data, info.context)  # fmt: skip

    def _tree(self, path: Path, data: dict[str, Any], within: tuple[Path, ...]) -> Any:
        """A geometry file of its own; its findings name that file."""
        if path.resolve() in within:
            raise invalid("geometry", ("file",), refuse(
                f"The geometry file '{path.name}' includes itself",
                expected="files that end in primitives or meshes",
                got=" -> ".join(p.name for p in (*within, path)), do="remove the circle",
            ))  # fmt: skip
        if data:
            key = next(iter(data))
            raise invalid("geometry", (key,), refuse(
                f"A geometry file takes no option '{key}'", expected="time", got=key,
                do="change it in the file", at="key",
            ))  # fmt: skip
        try:
            document = read_document(path)
            return self.schema.adapter(self).validate_python(
                document.root.data,
                context={"folder": document.folder, "within": (*within, path.resolve())},
            )
        except ValidationError as error:
            raise refusal(findings_of(error, document)) from None
        except PinnlabError as error:
            raise invalid("geometry", ("file",), refuse(error.what, do=error.do or "")) from None
