"""What every weighting checks before it starts."""

from collections.abc import Iterable, Sequence

from pinnlab.conditions.term import Term
from pinnlab.errors import DeclarationError, nearest
from pinnlab.objective.objective import Objective


def check_whole(owner: object, **numbers: int) -> None:
    """Refuse counts that are not whole numbers of at least one."""
    for name, value in numbers.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise DeclarationError(
                f"{type(owner).__name__} cannot have {name}={value!r}",
                expected="a whole number of at least 1",
                got=value,
                do=f"choose e.g. {name}=100",
            )


def check_above_zero(owner: object, **numbers: float) -> None:
    """Refuse numbers that are not positive and finite."""
    for name, value in numbers.items():
        if not _is_number(value) or not 0 < value < float("inf"):
            raise DeclarationError(
                f"{type(owner).__name__} cannot have {name}={value!r}",
                expected="a positive number",
                got=value,
                do=f"choose a positive {name}",
            )


def check_share(owner: object, **numbers: float) -> None:
    """Refuse numbers outside of [0, 1]."""
    for name, value in numbers.items():
        if not _is_number(value) or not 0 <= value <= 1:
            raise DeclarationError(
                f"{type(owner).__name__} cannot have {name}={value!r}",
                expected="a number from 0 to 1",
                got=value,
                do=f"choose e.g. {name}=0.9",
            )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def check_choice(owner: object, options: Sequence[str], **choices: str) -> None:
    """Refuse a word that is none of the options."""
    for name, value in choices.items():
        if value not in options:
            raise DeclarationError(
                f"{type(owner).__name__} has no {name} '{value}'",
                expected=", ".join(options),
                got=value,
                do=nearest(str(value), options) or "choose one of them",
            )


def check_names(owner: object, **lists: Sequence[str] | None) -> None:
    """Refuse what is no list of names; the lists become tuples of the frozen owner."""
    for argument, names in lists.items():
        if names is None:
            continue
        if isinstance(names, str) or not all(isinstance(name, str) for name in names) or not names:
            raise DeclarationError(
                f"{type(owner).__name__} cannot have {argument}={names!r}",
                expected="a list of names of terms",
                got=names,
                do=f"use e.g. {argument}=['pde'], or leave it out",
            )
        object.__setattr__(owner, argument, tuple(names))


def terms_of(owner: object, objective: Objective, names: Iterable[str]) -> list[Term]:
    """The terms of these names.

    Raises:
        DeclarationError: If there is none of a name.
    """
    known = {term.name: term for term in objective.terms_}
    for name in names:
        if name not in known:
            raise DeclarationError(
                f"{type(owner).__name__} weighs a term that does not exist: '{name}'",
                expected=", ".join(known),
                got=name,
                do=nearest(name, known) or "use the name of an equation or condition",
            )
    return [known[name] for name in names]


def equations_of(
    owner: object, objective: Objective, names: Sequence[str] | None
) -> tuple[str, ...]:
    """The named terms, or all equations.

    Raises:
        DeclarationError: If a name is unknown, or there are no equations.
    """
    if names is not None:
        return tuple(term.name for term in terms_of(owner, objective, names))
    found = tuple(term.name for term in objective.terms_ if term.kind == "equation")
    if not found:
        raise DeclarationError(
            f"{type(owner).__name__} looks for equations, and the problem has none",
            expected="at least one equation",
            got="terms " + ", ".join(objective.names),
            do="name the terms that are meant",
        )
    return found


def pointwise(
    owner: object, objective: Objective, names: Sequence[str] | None, found: Sequence[str]
) -> tuple[str, ...]:
    """Those of ``found`` that have a residual at each of their points; integrals have not.

    Raises:
        DeclarationError: If one that was asked for in ``names`` has not, or none is left.
    """
    terms = terms_of(owner, objective, found)
    whole = [term.name for term in terms if any(p.quadrature for p in term.placements)]
    kept = tuple(name for name in found if name not in whole)
    if (names is not None and whole) or not kept:
        raise DeclarationError(
            f"{type(owner).__name__} weighs single points, and '{whole[0]}' is an integral over"
            " all of them",
            expected="terms with a residual at each point",
            got=", ".join(whole),
            do="leave it out, or give it a fixed weight",
        )
    return kept
