"""The numbers behind a vector coordinate."""

from typing import Any

from torch import Tensor

from pinnlab.calculus.jet import Jet


def rows(x: Any) -> Tensor:
    """A vector coordinate as a tensor ``(n, d)``: functions of the catalogue need no derivatives.

    Args:
        x: The coordinate as equations get it, or a tensor.
    """
    return x.value if isinstance(x, Jet) else x
