"""Operations on arrays that stay where they are, found out once and carried out many times.

Between two operations on a block of points, which take some hundred microseconds and fill the
cache, an interpreter that has to look for the next one takes ten or twenty. So what is to be done
with a block is written down as a list of calls, for as long as everything stays where it is.
"""

from collections.abc import Callable, Iterable

# A function and its arguments.
Call = tuple[Callable[..., object], tuple]


def carry_out(calls: Iterable[Call]) -> None:
    """Make one call after the other."""
    for function, arguments in calls:
        function(*arguments)
