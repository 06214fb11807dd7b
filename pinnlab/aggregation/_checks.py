"""Options of aggregators that cannot hold."""

from collections.abc import Iterable, Sequence

from pinnlab.errors import DeclarationError, nearest


def check_share(
    owner: object, name: str, value: float, *, zero: bool = False, one: bool = False
) -> None:
    """Refuse numbers outside of the unit interval.

    Args:
        owner: Whose option it is.
        name: Of the option.
        value: Of the option.
        zero: Whether 0 is allowed.
        one: Whether 1 is allowed.
    """
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and (0 < value < 1 or (zero and value == 0) or (one and value == 1)):
        return
    interval = f"{'[' if zero else '('}0, 1{']' if one else ')'}"
    raise DeclarationError(
        f"{type(owner).__name__} cannot have {name}={value!r}",
        expected=f"a number in {interval}",
        got=value,
        do=f"choose {name} between 0 and 1",
    )


def check_names(owner: object, option: str, names: Sequence[str]) -> None:
    """Refuse lists of terms that are empty or hold a name twice."""
    if not names or any(not isinstance(name, str) for name in names):
        raise DeclarationError(
            f"{type(owner).__name__} needs names of terms in `{option}`",
            expected="one name or several",
            got=list(names),
            do="name equations or conditions, such as 'data'",
        )
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise DeclarationError(
            f"{type(owner).__name__} names '{twice[0]}' twice in `{option}`",
            expected="every term once",
            got=list(names),
            do=f"leave out one '{twice[0]}'",
        )


def check_known(owner: object, option: str, asked: Iterable[str], names: Sequence[str]) -> None:
    """Refuse terms that a problem does not have."""
    for name in asked:
        if name not in names:
            raise DeclarationError(
                f"{type(owner).__name__} names a term '{name}' in `{option}` that does not exist",
                expected=", ".join(names),
                got=name,
                do=nearest(name, names).strip() or "name one of the terms of the problem",
            )
