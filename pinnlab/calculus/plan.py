"""The plan: which derivatives of which fields an equation reads."""

from dataclasses import dataclass

from pinnlab.typing import Coordinates, MultiIndex


@dataclass(frozen=True, eq=False, repr=False)
class Plan:
    """The derivatives that an equation reads.

    Attributes:
        derivatives: Pairs of field and multi-index; the index ``()`` is the value.
        laplacians: Pairs of field and vector coordinate.
        gradients: Pairs of field and vector coordinate.
        coordinates: Names for printing; does not take part in comparisons.
    """

    derivatives: frozenset[tuple[str, MultiIndex]] = frozenset()
    laplacians: frozenset[tuple[str, str]] = frozenset()
    gradients: frozenset[tuple[str, str]] = frozenset()
    coordinates: Coordinates | None = None

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Plan) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple:
        return self.derivatives, self.laplacians, self.gradients

    def __or__(self, other: "Plan") -> "Plan":
        return Plan(
            self.derivatives | other.derivatives,
            self.laplacians | other.laplacians,
            self.gradients | other.gradients,
            self.coordinates or other.coordinates,
        )

    def __bool__(self) -> bool:
        return any(self._key())

    @property
    def order(self) -> int:
        """The highest order of differentiation."""
        orders = [len(index) for _, index in self.derivatives]
        return max([*orders, 2 * bool(self.laplacians), bool(self.gradients)], default=0)

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that are read, sorted."""
        pairs = self.derivatives | self.laplacians | self.gradients
        return tuple(sorted({name for name, _ in pairs}))

    def __str__(self) -> str:
        lines = []
        for name in self.fields:
            indices = sorted(
                (i for f, i in self.derivatives if f == name), key=lambda i: (len(i), i)
            )
            parts = [self._suffix(index) for index in indices]
            parts += [f"grad({c})" for f, c in sorted(self.gradients) if f == name]
            parts += [f"laplacian({c})" for f, c in sorted(self.laplacians) if f == name]
            lines.append(f"{name}: {', '.join(parts)}")
        return "; ".join(lines) or "nothing"

    def __repr__(self) -> str:
        return f"Plan({self})"

    def _suffix(self, index: MultiIndex) -> str:
        if not index:
            return "1"
        return self.coordinates.suffix(index) if self.coordinates else str(index)
