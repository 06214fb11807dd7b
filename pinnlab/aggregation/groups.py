"""Lists of names of terms that are taken as one."""

from collections.abc import Sequence
from typing import Any

from pinnlab.checks import check_known, check_names, is_list
from pinnlab.errors import DeclarationError


def declared_groups(
    owner: Any, groups: Sequence[Sequence[str]], beside: str = ""
) -> tuple[tuple[str, ...], ...]:
    """Lists of names as a frozen value.

    Args:
        owner: Whose option they are.
        groups: The lists.
        beside: What else is possible, for the message.

    Raises:
        DeclarationError: If they are no lists, or a name comes twice.
    """
    if not is_list(groups) or not all(map(is_list, groups)):
        raise DeclarationError(
            f"{type(owner).__name__} needs lists of names in `groups`",
            expected=f"{beside}a list of lists of names of terms",
            got=groups,
            do="write e.g. groups=[['burgers'], ['ends', 'start']]",
        )
    lists = tuple(tuple(group) for group in groups)
    for group in lists:
        check_names(owner, groups=group)
    if lists:
        check_names(owner, groups=[name for group in lists for name in group])
    return lists


def numbered_groups(
    owner: Any, groups: Sequence[Sequence[str]], names: Sequence[str]
) -> list[list[int]]:
    """The numbers of the terms of every group, in the order of the declaration.

    Raises:
        DeclarationError: If a name is unknown, or a term has no group.
    """
    named = [name for group in groups for name in group]
    check_known(owner, named, names, "groups")
    left = [name for name in names if name not in named]
    if left:
        raise DeclarationError(
            f"{type(owner).__name__} has no group for '{left[0]}'",
            expected="every term in one group",
            got=[list(group) for group in groups],
            do=f"add '{left[0]}' to a group, or give it one of its own",
        )
    numbers = {name: number for number, name in enumerate(names)}
    return [sorted(numbers[name] for name in group) for group in groups]
