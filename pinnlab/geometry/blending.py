r"""Extending boundary values into the domain by transfinite interpolation.

Given values g_i on pieces with distance functions φ_i, inverse-distance weights

.. math::
    g = \sum_i w_i g_i, \qquad
    w_i = \frac{1/\varphi_i}{\sum_k 1/\varphi_k}
        = \frac{\prod_{j \ne i} \varphi_j}{\sum_k \prod_{j \ne k} \varphi_j}

give a function that takes each of the values on its piece and is smooth in between. At a corner
where two pieces meet it is the mean of their values.

References:
    Rvachev, Sheiko, Shapiro & Tsukanov (2001), Comput. Aided Geom. Des. 18, 195; Sukumar &
    Srivastava (2022), Comput. Methods Appl. Mech. Eng. 389, 114333, equation 15 with μ = 1.
"""

from collections.abc import Sequence
from typing import Any

from pinnlab.errors import DeclarationError
from pinnlab.geometry.rfunctions import TINY


def blend(distances: Sequence[Any], values: Sequence[Any]) -> Any:
    """Blend values that hold on several pieces into one function.

    Args:
        distances: For each piece a function that vanishes on it, ``(n,)`` tensors or Taylor jets.
        values: For each piece its values, of the same kind, or numbers.

    Returns:
        The blended values ``(n,)``.

    Raises:
        DeclarationError: If there are no pieces, or not one value for each distance.

    Example:
        >>> import torch
        >>> x = torch.linspace(0, 1, 3)
        >>> blend([x, 1 - x], [2.0, 4.0])
        tensor([2., 3., 4.])
    """
    if not distances or len(distances) != len(values):
        raise DeclarationError(
            "Blending needs one value for each distance function",
            expected=f"{len(distances)} values, at least one",
            got=f"{len(values)} values",
            do="give distances and values in pairs",
        )
    count = len(distances)
    if count == 1:
        return values[0] + distances[0] * 0.0  # keeps the shape when the value is a number
    weights = []
    for i in range(count):
        others = [distances[j] for j in range(count) if j != i]
        # The second term decides where two pieces meet and the first one vanishes for all i.
        weights.append(_product(others) + _almost(others) * TINY)
    total = _sum(weights)
    return _sum([w * g for w, g in zip(weights, values, strict=True)]) / total


def _product(factors: Sequence[Any]) -> Any:
    result = factors[0]
    for factor in factors[1:]:
        result = result * factor
    return result


def _almost(factors: Sequence[Any]) -> Any:
    """Sum of the products that leave out one of the factors; 1 for a single factor."""
    if len(factors) == 1:
        return 1.0
    return _sum(
        [_product([f for k, f in enumerate(factors) if k != left]) for left in range(len(factors))]
    )


def _sum(terms: Sequence[Any]) -> Any:
    result = terms[0]
    for term in terms[1:]:
        result = result + term
    return result
