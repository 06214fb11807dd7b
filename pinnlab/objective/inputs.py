"""Every array that a loss depends on besides what is trained.

A compiled loss and a recorded step read their points and directions from the same places in every
step. :class:`Inputs` names these arrays: taken out of an objective as a list, put back as one, so
that a loss becomes a function of tensors.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from pinnlab.calculus.directions import Drawn
from pinnlab.calculus.slopes import Part, Rows, Slopes, Units
from pinnlab.conditions.data import DataPoints
from pinnlab.conditions.placement import Placement
from pinnlab.sampling.points import Points

Change = Callable[[Tensor], Tensor]
TABLE = "'"  # ends the name of a parameter whose values stand in a table with its derivatives


@dataclass(eq=False)
class Reads:
    """What the terms asked for in one evaluation, which is what they ask for in every other.

    Args:
        parameters: Per placement the names of parameters.
        normals: Placements whose normals were read.
    """

    parameters: dict[Placement, set[str]] = field(default_factory=dict)
    normals: set[Placement] = field(default_factory=set)

    def watched(self, placement: Placement, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The values, which note by whom they are read."""
        return _Watched(values, self.parameters.setdefault(placement, set()))

    def keep(self, inputs: "Inputs") -> None:
        """Forget parameters other than those that turned out to be values of the points."""
        self.parameters = {
            p: {name.removesuffix(TABLE) for name in values} for p, values in inputs.known.items()
        }


class _Watched(dict[str, Any]):
    def __init__(self, values: Mapping[str, Any], read: set[str]) -> None:
        super().__init__(values)
        self._read = read

    def __getitem__(self, name: str) -> Any:
        self._read.add(name)
        return super().__getitem__(name)


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a loss is evaluated at.

    Args:
        points: Per placement its points.
        drawn: The directions of differentiation, or None if there are none beside the columns.
        weights: Of the terms in the loss, ``(m,)``.
        known: Per placement the values ``(n,)`` of parameters that are functions of the points; of
            those that can be differentiated, under a name that ends with an apostrophe, the values
            and the derivatives along all random directions ``(1 + k, n)``.
    """

    points: Mapping[Placement, Points]
    drawn: Drawn | None
    weights: Tensor
    known: Mapping[Placement, Mapping[str, Tensor]]

    def tensors(self) -> list[Tensor]:
        """All arrays, in an order that depends on the declaration only."""
        found: list[Tensor] = []

        def note(tensor: Tensor) -> Tensor:
            found.append(tensor)
            return tensor

        self._changed(note)
        return found

    def with_tensors(self, tensors: Iterable[Tensor]) -> "Inputs":
        """The same with other arrays, in the order of :meth:`tensors`."""
        following: Iterator[Tensor] = iter(tensors)
        return self._changed(lambda _: next(following))

    def _changed(self, change: Change) -> "Inputs":
        return Inputs(
            {placement: _points(points, change) for placement, points in self.points.items()},
            None if self.drawn is None else _drawn(self.drawn, change),
            change(self.weights),
            {
                placement: {name: change(value) for name, value in values.items()}
                for placement, values in self.known.items()
            },
        )


def _points(points: Points, change: Change) -> Points:
    parts: dict[str, Any] = {"x": change(points.x)}
    if points.normals is not None:
        parts["normals"] = change(points.normals)
    if points.weights is not None:
        parts["weights"] = change(points.weights)
    if isinstance(points, DataPoints) and points.targets is not None:
        parts["targets"] = {name: change(value) for name, value in points.targets.items()}
    return replace(points, **parts)


def _drawn(drawn: Drawn, change: Change) -> Drawn:
    slopes = drawn.slopes
    return Drawn(
        Slopes([_part(part, change) for part in slopes.parts], slopes.width),
        {family: _part(part, change) for family, part in drawn.families.items()},
    )


def _part(part: Part, change: Change) -> Part:
    if isinstance(part, Rows):
        return Rows(change(part.rows))
    return Units(change(part.columns), change(part.scale))
