"""What an equation or a condition may ask for by name, at one batch of points."""

from collections.abc import Iterator, Mapping
from typing import Any

from pinnlab.calculus.formula import Formula
from pinnlab.calculus.jet import coordinate_jets, field_jets
from pinnlab.calculus.operators import normal_jets
from pinnlab.calculus.sources import JetSource, reader
from pinnlab.sampling.points import Points


class Context(Mapping[str, Any]):
    """Fields, coordinates, parameters and the normal ``n`` by name, made when they are asked for.

    A function that asks for ``context`` gets this object itself.

    Args:
        source: Yields the jets of the fields at the points.
        fields: Names of the fields.
        parameters: Numbers, 0-d tensors (unknowns), or formulas of the coordinates.
        points: The points themselves, with weights and normals.
    """

    def __init__(
        self,
        source: JetSource,
        fields: tuple[str, ...],
        parameters: Mapping[str, Any],
        points: Points,
    ) -> None:
        self.source = reader(source)
        self.points = points
        self._made: dict[str, Any] = {}
        self.fields = fields
        self._parameters = parameters

    def __getitem__(self, name: str) -> Any:
        if name in self._made:
            return self._made[name]
        if name in self.fields:
            made = field_jets(self.source, (name,))[name]
        elif name in self._parameters:
            made = self._parameters[name]
            if isinstance(made, Formula):
                made = made(self)
        elif name in self.source.coordinates.names:
            made = coordinate_jets(self.source)[name]
        elif name == "context":
            return self
        elif name == "n" and self.points.normals is not None:
            made = normal_jets(self.source)
        else:
            raise KeyError(name)
        self._made[name] = made
        return made

    def __iter__(self) -> Iterator[str]:
        yield from self.fields
        yield from self.source.coordinates.names
        yield from self._parameters
        if self.points.normals is not None:
            yield "n"

    def __len__(self) -> int:
        return sum(1 for _ in self)
