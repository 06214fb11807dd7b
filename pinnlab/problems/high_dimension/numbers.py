"""Checks of the numbers that problems of the catalogue are made from."""

import math

from pinnlab.errors import DeclarationError


def check_positive(**numbers: float) -> None:
    """Refuse numbers that are not positive and finite.

    Args:
        **numbers: By name.

    Raises:
        DeclarationError: For the first that is not.
    """
    for name, value in numbers.items():
        real = isinstance(value, int | float) and not isinstance(value, bool)
        if not real or not 0 < value < math.inf:
            raise DeclarationError(
                f"'{name}' cannot be used",
                expected="a positive, finite number",
                got=repr(value),
                do=f"choose for example {name}=1.0",
            )
