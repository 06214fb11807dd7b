"""The terms that a weighting is about."""

from collections.abc import Iterable, Sequence

from pinnlab.checks import check_known, check_names
from pinnlab.conditions.term import Term
from pinnlab.errors import DeclarationError
from pinnlab.objective.objective import Objective


def hold_names(owner: object, **lists: Sequence[str] | None) -> None:
    """Make lists of names tuples of their frozen owner.

    Raises:
        DeclarationError: If one is no list of names, is empty, or holds a name twice.
    """
    check_names(owner, needed=False, **lists)
    for option, names in lists.items():
        object.__setattr__(owner, option, None if names is None else tuple(names))


def terms_of(owner: object, objective: Objective, names: Iterable[str]) -> list[Term]:
    """The terms of these names.

    Raises:
        DeclarationError: If there is none of a name.
    """
    known = {term.name: term for term in objective.terms_}
    names = list(names)
    check_known(owner, names, known)
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
