r"""R-functions: the algebra of smooth distance functions.

A hard Dirichlet condition multiplies the network by a function φ that vanishes on the boundary
piece and nowhere else. Written for one smooth piece, such as a line or a circle, φ is simple; these
rules combine such functions without branches, so that the result can be differentiated.

.. math::
    \text{conjunction} \quad a \wedge b = a + b - \sqrt{a^2 + b^2} \qquad
    \text{equivalence} \quad a \sim b = \frac{a b}{a + b} = \Big(\tfrac1a + \tfrac1b\Big)^{-1}

The equivalence vanishes where one of its parts does and keeps the unit normal derivative there:
for a → 0, ab/(a + b) = a - a²/b + O(a³). Where both vanish at once, at a corner, it is continuous
but its second derivatives are not bounded; a plain product is smooth there (see
:mod:`pinnlab.geometry.distances` for who uses which).

Everything works on tensors and on any object with ``+ - * / **`` and :func:`torch.sqrt`.

References:
    Biswas & Shapiro (2004), Graph. Models 66, 133; Sukumar & Srivastava (2022), Comput. Methods
    Appl. Mech. Eng. 389, 114333, equations 6-13. Differs from the paper: the trimming of
    :func:`trim` is made dimensionally consistent by a length, and order m = 1 throughout.
"""

from collections.abc import Sequence
from typing import Any

import torch

# Added to denominators that vanish at corners: below any distance that is not zero, and still a
# normal number in single precision.
TINY = 1.0e-30


def conjunction(parts: Sequence[Any]) -> Any:
    """Positive where all parts are positive, negative where one is negative."""
    result = parts[0]
    for part in parts[1:]:
        result = result + part - torch.sqrt(result**2 + part**2)
    return result


def disjunction(parts: Sequence[Any]) -> Any:
    """Positive where one part is positive, negative where all are negative."""
    result = parts[0]
    for part in parts[1:]:
        result = result + part + torch.sqrt(result**2 + part**2)
    return result


def equivalence(parts: Sequence[Any]) -> Any:
    """Zero where one of the non-negative parts is zero, with the normal derivative of that part."""
    result = parts[0]
    for part in parts[1:]:
        result = result * part / (result + part + TINY)
    return result


def trim(f: Any, t: Any, length: float) -> Any:
    r"""Distance to the part of a surface ``f = 0`` where ``t`` is positive.

    .. math:: \varphi = \sqrt{f^2 + \tfrac14 \big(\sqrt{t^2 + f^4 / L^2} - t\big)^2}

    For t > 0 the second term is of fourth order in f, so that φ = |f| + O(f³) near the piece; for
    t < 0 it is -t, the distance to the end of the piece.

    Args:
        f: Signed distance function of the whole surface, to first order.
        t: Trimming function, positive on the part that is meant.
        length: A length L of the size of the domain.
    """
    rest = (torch.sqrt(t**2 + f**4 * (1.0 / length**2)) - t) * 0.5
    return torch.sqrt(f**2 + rest**2)
