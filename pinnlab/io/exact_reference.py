"""Reference solutions that are known as functions.

Where a solution is a formula there is nothing to store: an `ExactReference` holds the functions,
and comparisons draw their points anew, always the same ones, a part at a time. So a test set of
20 000 points in 100 000 dimensions, 8 GB as an array, costs the memory of a few of its points.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pinnlab.errors import DataError, nearest


@dataclass(frozen=True, eq=False)
class ExactReference:
    """Fields that are known everywhere, or at one position.

    Args:
        exact: By field a function or text of coordinates and parameters, or a number.
        points: How many points of the domain are compared.
        at: By coordinate a number, in all components of a vector coordinate; the fields are then
            compared at this position only.
        sampler: Name of the sampler of the points.
        seed: Of the points.
        source: Where the solution comes from, for reports.

    Raises:
        DataError: If no field is named, the number of points is not positive, or a position is
            no number.

    Example:
        >>> ExactReference({"u": "sin(pi*x)"}, points=100)
        ExactReference(u at 100 points; exact solution)
        >>> ExactReference({"u": 1.0451}, at={"x": 0, "t": 0.3}, source="multilevel Picard")
        ExactReference(u at x=0, t=0.3; multilevel Picard)
    """

    exact: Mapping[str, Any]
    points: int = 2000
    at: Mapping[str, float] | None = None
    sampler: str = "uniform"
    seed: int = 0
    source: str = field(default="exact solution")

    def __post_init__(self) -> None:
        if not isinstance(self.exact, Mapping) or not self.exact:
            raise DataError(
                "An exact reference knows no field",
                expected='functions or texts by field, such as {"u": "sin(pi*x)"}',
                got=repr(self.exact),
                do="name at least one field",
            )
        if isinstance(self.points, bool) or not isinstance(self.points, int) or self.points < 1:
            raise DataError(
                "The number of points of an exact reference cannot be used",
                expected="a positive integer",
                got=repr(self.points),
                do="say at how many points to compare, for example points=2000",
            )
        for name, value in (self.at or {}).items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise DataError(
                    f"The position '{name}' of an exact reference is no number",
                    expected="one number, for all components of a vector coordinate",
                    got=repr(value),
                    do='give for example at={"x": 0, "t": 1}',
                )

    def check_fits(self, coordinates: Sequence[str], fields: Sequence[str]) -> None:
        """Refuse other fields than those of a problem, and another position.

        Raises:
            DataError: If a name is unknown, or a coordinate of the position is missing.
        """
        for what, given, known in (
            ("field", self.exact, fields),
            ("coordinate", self.at or {}, coordinates),
        ):
            for name in given:
                if name not in known:
                    raise DataError(
                        f"The reference names a {what} '{name}' that the problem does not have",
                        expected=", ".join(known),
                        got=name,
                        do=nearest(name, known) or f"use the {what}s of the problem",
                    )
        missing = [name for name in coordinates if self.at and name not in self.at]
        if missing:
            raise DataError(
                f"The position of the reference lacks the coordinate '{missing[0]}'",
                expected=", ".join(f"{name}=..." for name in coordinates),
                got=", ".join(self.at or ()),
                do=f"give {missing[0]} too",
            )

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields."""
        return tuple(self.exact)

    def __len__(self) -> int:
        return 1 if self.at else self.points

    def __repr__(self) -> str:
        where = ", ".join(f"{name}={value:g}" for name, value in (self.at or {}).items())
        return (
            f"ExactReference({', '.join(self.exact)} at {where or f'{self.points} points'}; "
            f"{self.source})"
        )
