"""Options that cannot hold, refused where they are given.

Every check takes the object whose options they are, which the messages name, and the options by
their names.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, TypeGuard

from pinnlab.errors import DeclarationError, nearest


def check_count(owner: object, *, needed: bool = False, **numbers: int | None) -> None:
    """Refuse counts that are not whole numbers of at least one.

    Args:
        owner: Whose options they are.
        needed: Whether None is refused as well.
        **numbers: Options by name.

    Raises:
        DeclarationError: If one is something else.
    """
    for name, value in numbers.items():
        if value is None and not needed:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise _refused(
                owner, name, value, "a whole number of at least 1", f"choose e.g. {name}=1000"
            )


def check_positive(owner: object, *, needed: bool = False, **numbers: float | None) -> None:
    """Refuse numbers that are not positive and finite.

    Args:
        owner: Whose options they are.
        needed: Whether None is refused as well.
        **numbers: Options by name.

    Raises:
        DeclarationError: If one is something else.
    """
    for name, value in numbers.items():
        if value is None and not needed:
            continue
        if not _is_number(value) or not 0 < value < float("inf"):
            raise _refused(owner, name, value, "a positive number", f"choose a positive {name}")


def check_not_negative(owner: object, **numbers: float | None) -> None:
    """Refuse numbers that are negative or not finite; None is allowed.

    Raises:
        DeclarationError: If one is something else.
    """
    for name, value in numbers.items():
        if value is None:
            continue
        if not _is_number(value) or not 0 <= value < float("inf"):
            raise _refused(
                owner, name, value, "a number of at least 0", f"choose a {name} of 0 or more"
            )


def check_share(owner: object, *, zero: bool = False, one: bool = False, **numbers: float) -> None:
    """Refuse numbers outside of the unit interval.

    Args:
        owner: Whose options they are.
        zero: Whether 0 is allowed.
        one: Whether 1 is allowed.
        **numbers: Options by name.

    Raises:
        DeclarationError: If one is something else.
    """
    interval = f"{'[' if zero else '('}0, 1{']' if one else ')'}"
    for name, value in numbers.items():
        inside = _is_number(value) and (
            0 < value < 1 or (zero and value == 0) or (one and value == 1)
        )
        if not inside:
            raise _refused(
                owner, name, value, f"a number in {interval}", f"choose {name} between 0 and 1"
            )


def check_choice(owner: object, options: Sequence[str], **choices: str) -> None:
    """Refuse words that are none of the options.

    Raises:
        DeclarationError: If one is something else.
    """
    for name, value in choices.items():
        if value not in options:
            raise DeclarationError(
                f"{type(owner).__name__} has no {name} '{value}'",
                expected=", ".join(options),
                got=value,
                do=nearest(str(value), options).strip() or "choose one of them",
            )


def check_names(owner: object, *, needed: bool = False, **lists: Sequence[str] | None) -> None:
    """Refuse what is no list of names, is empty, or holds a name twice.

    Args:
        owner: Whose options they are.
        needed: Whether None is refused as well.
        **lists: Options by name.

    Raises:
        DeclarationError: If one is something else.
    """
    for option, names in lists.items():
        if names is None and not needed:
            continue
        if not is_list(names) or not names or any(not isinstance(n, str) for n in names):
            raise _refused(
                owner,
                option,
                names,
                "a list of names of terms",
                "name equations or conditions, such as ['data']",
            )
        twice = sorted({name for name in names if list(names).count(name) > 1})
        if twice:
            raise DeclarationError(
                f"{type(owner).__name__} names '{twice[0]}' twice in `{option}`",
                expected="every term once",
                got=list(names),
                do=f"leave out one '{twice[0]}'",
            )


def check_decays(owner: object, **pairs: Sequence[float]) -> None:
    """Refuse what is not two rates in [0, 1) at which averages forget.

    Raises:
        DeclarationError: If one is something else.
    """
    for name, rates in pairs.items():
        if not is_list(rates) or len(rates) != 2 or not all(map(_decays, rates)):
            raise DeclarationError(
                f"{type(owner).__name__} needs two decay rates",
                expected=f"{name}=(b1, b2), each in [0, 1)",
                got=rates,
                do=f"use e.g. {name}=(0.9, 0.999)",
            )


def check_mapping(owner: object, example: Mapping[str, object], **mappings: object) -> None:
    """Refuse what is no mapping from names.

    Args:
        owner: Whose options they are.
        example: One that is right, for the message.
        **mappings: Options by name.

    Raises:
        DeclarationError: If one is something else.
    """
    for name, value in mappings.items():
        if not isinstance(value, Mapping) or any(not isinstance(key, str) for key in value):
            raise _refused(
                owner, name, value, "values by their names", f"write e.g. {name}={dict(example)}"
            )


def check_known(
    owner: object, asked: Iterable[str], names: Iterable[str], option: str | None = None
) -> None:
    """Refuse terms that a problem does not have.

    Args:
        owner: Who names them.
        asked: The terms that are named.
        names: Those that there are.
        option: In which they are named.

    Raises:
        DeclarationError: If one does not exist.
    """
    known, where = list(names), f" in `{option}`" if option else ""
    for name in asked:
        if name not in known:
            raise DeclarationError(
                f"{type(owner).__name__} names a term{where} that does not exist: '{name}'",
                expected=", ".join(known),
                got=name,
                do=nearest(name, known).strip() or "use the name of an equation or condition",
            )


def is_list(value: object) -> TypeGuard[Sequence[Any]]:
    """Whether it is a list, or the like, and no text."""
    return isinstance(value, (Sequence, AbstractSet)) and not isinstance(value, str)


def _decays(rate: object) -> bool:
    return _is_number(rate) and 0 <= rate < 1


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _refused(owner: object, name: str, value: object, expected: str, do: str) -> DeclarationError:
    return DeclarationError(
        f"{type(owner).__name__} cannot have {name}={value!r}", expected=expected, got=value, do=do
    )
