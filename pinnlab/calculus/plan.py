"""The plan: which derivatives of which fields an equation reads."""

from collections.abc import Iterable
from dataclasses import dataclass

from pinnlab.calculus.functionals import Functional, place
from pinnlab.typing import Coordinates, MultiIndex


@dataclass(frozen=True, eq=False, repr=False)
class Plan:
    """The derivatives that an equation reads.

    Attributes:
        derivatives: Pairs of field and multi-index; the index ``()`` is the value.
        functionals: Pairs of field and contraction over a vector coordinate.
        coordinates: Names for printing; does not take part in comparisons.
    """

    derivatives: frozenset[tuple[str, MultiIndex]] = frozenset()
    functionals: frozenset[tuple[str, Functional]] = frozenset()
    coordinates: Coordinates | None = None

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Plan) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple:
        return self.derivatives, self.functionals

    def __or__(self, other: "Plan") -> "Plan":
        return Plan(
            self.derivatives | other.derivatives,
            self.functionals | other.functionals,
            self.coordinates or other.coordinates,
        )

    def __bool__(self) -> bool:
        return any(self._key())

    @property
    def highest(self) -> int:
        """The highest order of a single derivative."""
        return max((len(index) for _, index in self.derivatives), default=0)

    @property
    def order(self) -> int:
        """The highest order of differentiation."""
        orders = [len(index) for _, index in self.derivatives]
        return max([*orders, *(found.order for _, found in self.functionals)], default=0)

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that are read, sorted."""
        return tuple(sorted({name for name, _ in self.derivatives | self.functionals}))

    def __str__(self) -> str:
        lines = []
        for name in self.fields:
            indices = sorted(
                (i for f, i in self.derivatives if f == name), key=lambda i: (len(i), i)
            )
            parts = [self._suffix(index) for index in indices]
            texts = written([[self]])
            parts += sorted(texts[pair] for pair in self.functionals if pair[0] == name)
            lines.append(f"{name}: {', '.join(parts)}")
        return "; ".join(lines) or "nothing"

    def __repr__(self) -> str:
        return f"Plan({self})"

    def _suffix(self, index: MultiIndex) -> str:
        if not index:
            return "1"
        return self.coordinates.suffix(index) if self.coordinates else str(index)


def written(plans: Iterable[Iterable[Plan]]) -> dict[tuple[str, Functional], str]:
    """How equations write what they read over vector coordinates, different things differently.

    Two tensors of one shape are written alike, and so are two functions without a name; they are
    numbered in the order in which they come.

    Args:
        plans: Of the equations in their order.
    """
    alike: dict[str, dict[tuple[str, Functional], None]] = {}
    for equation in plans:
        read = {pair for plan in equation for pair in plan.functionals}
        for field, functional in sorted(read, key=lambda pair: (pair[0], place(pair[1]))):
            alike.setdefault(functional.text(field), {})[field, functional] = None
    return {
        pair: text if len(pairs) == 1 else f"{text} ({number})"
        for text, pairs in alike.items()
        for number, pair in enumerate(pairs, 1)
    }
