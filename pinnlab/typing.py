"""Names of coordinates and the shapes that every layer agrees on.

Shapes: ``n`` points, ``d`` coordinate columns, ``c`` field components, ``m`` terms, ``r`` residual
rows, ``p`` parameters. Scalars on points are ``(n,)``, a vector coordinate is ``(n, size)``, whole
point arrays are ``(n, d)``. A partial derivative is a *multi-index*, written as the sorted tuple of
the column indices it differentiates by: over coordinates ``(x, t)``, u_xxt is ``(0, 0, 1)``.
"""

import keyword
from dataclasses import dataclass
from typing import TypeAlias

from pinnlab.errors import DeclarationError, nearest

MultiIndex: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Coordinates:
    """Ordered, named coordinates; each a scalar or a vector of columns.

    Args:
        names: One name a coordinate, space first, time last.
        sizes: Columns per coordinate, 1 for a scalar one.
        time: Name of the time coordinate, if there is one.

    Raises:
        DeclarationError: If a name is no identifier, is reserved, or comes twice.

    Example:
        >>> xt = Coordinates(("x", "t"), (1, 1), time="t")
        >>> xt.parse("xxt")
        (0, 0, 1)
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    time: str | None = None

    def __post_init__(self) -> None:
        for name in self.names:
            if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
                raise DeclarationError(
                    f"'{name}' cannot name a coordinate",
                    expected="a Python identifier such as 'x'",
                    got=repr(name),
                    do="rename the coordinate",
                )
            if name == "n":
                raise DeclarationError(
                    "'n' cannot name a coordinate, because u.n is the normal derivative",
                    expected="another name",
                    got="'n'",
                    do="rename the coordinate",
                )
        if len(set(self.names)) != len(self.names):
            raise DeclarationError(
                "A coordinate is named twice",
                expected="different names",
                got=", ".join(self.names),
                do="rename one of them",
            )

    @property
    def dim(self) -> int:
        """Number of columns ``d`` of a point array."""
        return sum(self.sizes)

    @property
    def column_names(self) -> tuple[str, ...]:
        """A name for every column: ``x``, or ``x0``, ``x1``, … of a vector coordinate ``x``."""
        return tuple(
            n if s == 1 else f"{n}{k}"
            for n, s in zip(self.names, self.sizes, strict=True)
            for k in range(s)
        )

    @property
    def space(self) -> "Coordinates":
        """The same coordinates without time."""
        kept = [(n, s) for n, s in zip(self.names, self.sizes, strict=True) if n != self.time]
        return Coordinates(tuple(n for n, _ in kept), tuple(s for _, s in kept))

    def slice(self, name: str) -> slice:
        """The columns of coordinate ``name``."""
        if name not in self.names:
            raise DeclarationError(
                f"There is no coordinate '{name}'",
                expected=", ".join(self.names),
                got=name,
                do=nearest(name, self.names) or "use one of the declared coordinates",
            )
        start = 0
        for other, size in zip(self.names, self.sizes, strict=True):
            if other == name:
                return slice(start, start + size)
            start += size
        raise AssertionError("unreachable")

    def size(self, name: str) -> int:
        """The number of columns of coordinate ``name``."""
        part = self.slice(name)
        return part.stop - part.start

    def columns(self, x):
        """Split a point array ``(n, d)`` into ``{name: (n,) or (n, size)}`` views."""
        out, start = {}, 0
        for name, size in zip(self.names, self.sizes, strict=True):
            out[name] = x[:, start] if size == 1 else x[:, start : start + size]
            start += size
        return out

    def parse(self, text: str) -> MultiIndex | None:
        """The multi-index that a derivative suffix such as ``"xxt"`` or ``"x_x_t"`` means.

        Returns:
            The sorted column indices, or None if the text is no sequence of scalar coordinates.
        """
        scalars = {
            n: self.slice(n).start for n, s in zip(self.names, self.sizes, strict=True) if s == 1
        }
        by_length = sorted(scalars, key=len, reverse=True)

        def split(rest: str) -> list[int] | None:
            if not rest:
                return []
            for name in by_length:
                if rest.startswith(name):
                    tail = split(rest[len(name) :].removeprefix("_"))
                    if tail is not None:
                        return [scalars[name], *tail]
            return None

        found = split(text) if text else None
        return tuple(sorted(found)) if found else None

    def suffix(self, index: MultiIndex) -> str:
        """The text of a multi-index: ``(0, 0, 1)`` is ``"xxt"``."""
        parts = [self.column_names[i] for i in index]
        return ("" if all(len(part) == 1 for part in parts) else "_").join(parts)

    def __add__(self, other: "Coordinates") -> "Coordinates":
        return Coordinates(
            self.names + other.names, self.sizes + other.sizes, self.time or other.time
        )
