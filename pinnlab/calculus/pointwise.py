"""Pointwise functions with all their derivatives in closed form.

Each entry maps z and an order K to the list [f(z), f'(z), …, f^{(K)}(z)]. The recurrences share
what they can: every derivative of tanh is a polynomial in tanh, those of the error function are
Hermite polynomials times a Gaussian.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

Derivatives = Callable[[Tensor, int], list[Tensor]]


def _tanh(z: Tensor, k: int) -> list[Tensor]:
    return tanh_derivatives(torch.tanh(z), k)


def tanh_derivatives(t: Tensor, k: int) -> list[Tensor]:
    """The tangent and its derivatives up to order k, polynomials in its value t."""
    f = [t]
    zero, one = t.new_zeros(()), t.new_ones(())
    # t' = 1 − t², and Leibniz on t² gives t^{(j+1)} = −Σ C(j,i) t^{(i)} t^{(j−i)}.
    for j in range(k):
        total = one if j == 0 else zero
        for i in range(j // 2 + 1):
            c = math.comb(j, i) * (1 if 2 * i == j else 2)
            total = torch.addcmul(total, f[i], f[j - i], value=-c)
        f.append(total)
    return f


def _sin(z: Tensor, k: int) -> list[Tensor]:
    s = torch.sin(z)
    if k == 0:
        return [s]
    c = torch.cos(z)
    cycle = [s, c, -s, -c] if k > 1 else [s, c]
    return [cycle[j % 4] for j in range(k + 1)]


def _cos(z: Tensor, k: int) -> list[Tensor]:
    c = torch.cos(z)
    if k == 0:
        return [c]
    s = torch.sin(z)
    cycle = [c, -s, -c, s]
    return [cycle[j % 4] for j in range(k + 1)]


def _exp(z: Tensor, k: int) -> list[Tensor]:
    return [torch.exp(z)] * (k + 1)


def _sigmoid(z: Tensor, k: int) -> list[Tensor]:
    # σ(z) = (1 + tanh(z/2)) / 2
    t = _tanh(z / 2, k)
    return [(1 + t[0]) / 2] + [t[j] / 2 ** (j + 1) for j in range(1, k + 1)]


def _softplus(z: Tensor, k: int) -> list[Tensor]:
    return [F.softplus(z), *(_sigmoid(z, k - 1) if k else [])]


def _times_argument(z: Tensor, g: list[Tensor]) -> list[Tensor]:
    """Derivatives of z g(z): z g^{(j)} + j g^{(j−1)}."""
    return [z * g[0]] + [z * g[j] + j * g[j - 1] for j in range(1, len(g))]


def _silu(z: Tensor, k: int) -> list[Tensor]:
    return _times_argument(z, _sigmoid(z, k))


def _normal_cdf(z: Tensor, k: int) -> list[Tensor]:
    f = [0.5 * torch.erfc(-z / math.sqrt(2))]
    if k >= 1:
        f.append(torch.exp(-z * z / 2) / math.sqrt(2 * math.pi))
    for j in range(1, k):  # φ^{(j)} = −z φ^{(j−1)} − (j−1) φ^{(j−2)}
        f.append(-z * f[j] - ((j - 1) * f[j - 1] if j > 1 else 0))
    return f


def _gelu(z: Tensor, k: int) -> list[Tensor]:
    return _times_argument(z, _normal_cdf(z, k))


def _erf(z: Tensor, k: int) -> list[Tensor]:
    f = [torch.erf(z)]
    if k >= 1:
        f.append(torch.exp(-z * z) * (2 / math.sqrt(math.pi)))
    for j in range(1, k):
        f.append(-2 * z * f[j] - (2 * (j - 1) * f[j - 1] if j > 1 else 0))
    return f


def _sinh(z: Tensor, k: int) -> list[Tensor]:
    s, c = torch.sinh(z), torch.cosh(z)
    return [(s, c)[j % 2] for j in range(k + 1)]


def _cosh(z: Tensor, k: int) -> list[Tensor]:
    s, c = torch.sinh(z), torch.cosh(z)
    return [(c, s)[j % 2] for j in range(k + 1)]


def _relu(z: Tensor, k: int) -> list[Tensor]:
    step = (z > 0).to(z.dtype)
    return [z * step, step, *([torch.zeros_like(z)] * (k - 1))][: k + 1]


def _abs(z: Tensor, k: int) -> list[Tensor]:
    return [z.abs(), torch.sign(z), *([torch.zeros_like(z)] * (k - 1))][: k + 1]


@lru_cache(maxsize=256)  # the same function each time, so that its passes are found again
def power(exponent: float) -> Derivatives:
    """Derivatives of z^p; a polynomial for a natural number p, so that 0 is an ordinary point."""

    def derivatives(z: Tensor, k: int) -> list[Tensor]:
        out, factor, p = [], 1.0, exponent
        for _ in range(k + 1):
            if factor == 0:
                out.append(torch.zeros_like(z))
            elif p == 0:
                out.append(torch.full_like(z, factor))
            else:
                out.append(factor * z**p if factor != 1 else z**p)
            factor, p = factor * p, p - 1
        return out

    return derivatives


def _log(z: Tensor, k: int) -> list[Tensor]:
    return [torch.log(z), *(power(-1)(z, k - 1) if k else [])]


def _tan(z: Tensor, k: int) -> list[Tensor]:
    f = [torch.tan(z)]
    if k >= 1:
        f.append(1 + f[0] * f[0])
    for j in range(1, k):  # tan' = 1 + tan²
        f.append(sum(math.comb(j, i) * f[i] * f[j - i] for i in range(j + 1)))  # type: ignore[arg-type]
    return f


def _atan(z: Tensor, k: int) -> list[Tensor]:
    f = [torch.atan(z)]
    if k >= 1:
        f.append(1 / (1 + z * z))
    for j in range(1, k):  # (1 + z²) f' = 1, differentiated j times
        lower = j * (j - 1) * f[j - 1] if j > 1 else 0
        f.append(-(2 * j * z * f[j] + lower) * f[1])
    return f


def _elu(z: Tensor, k: int) -> list[Tensor]:
    e = torch.exp(z.clamp(max=0))
    zero, one, positive = torch.zeros_like(z), torch.ones_like(z), z > 0
    return [
        torch.where(positive, a, b) for a, b in [(z, e - 1), (one, e), *[(zero, e)] * k][: k + 1]
    ]


def _softsign(z: Tensor, k: int) -> list[Tensor]:
    # f = z r with r = 1/(1 + |z|), and f^{(j)} = j! (-sign z)^{j+1} r^{j+1} from j = 1 on.
    r = 1 / (1 + z.abs())
    step = -torch.sign(z) * r
    return [z * r] + [math.factorial(j) * step ** (j - 1) * r * r for j in range(1, k + 1)]


POINTWISE: dict[Callable, Derivatives] = {
    torch.tanh: _tanh,
    torch.sin: _sin,
    torch.cos: _cos,
    torch.tan: _tan,
    torch.atan: _atan,
    torch.exp: _exp,
    torch.log: _log,
    torch.sqrt: power(0.5),
    torch.reciprocal: power(-1),
    torch.square: power(2),
    torch.sinh: _sinh,
    torch.cosh: _cosh,
    torch.erf: _erf,
    torch.abs: _abs,
    torch.sigmoid: _sigmoid,
    F.softplus: _softplus,
    F.silu: _silu,
    F.gelu: _gelu,
    F.elu: _elu,
    F.softsign: _softsign,
    F.relu: _relu,
    torch.relu: _relu,
}
# Those of which every derivative is finite at every finite number.
ENTIRE: set[Derivatives] = {
    POINTWISE[f]
    for f in (
        *(torch.tanh, torch.sin, torch.cos, torch.atan, torch.exp, torch.sinh, torch.cosh),
        *(torch.erf, torch.sigmoid, F.softplus, F.silu, F.gelu),
    )
}
# How often a function with a kink can be differentiated continuously. Two orders further it has no
# derivative but at the kink, and a network made of it would not see the term.
SMOOTHNESS: dict[Callable, int] = {
    **dict.fromkeys((F.relu, torch.relu, F.relu6, F.leaky_relu, F.prelu, F.rrelu, F.hardtanh), 0),
    **dict.fromkeys((F.hardsigmoid, F.hardswish, F.threshold, F.selu), 0),
    **dict.fromkeys((F.hardshrink, F.softshrink), 0),
    **dict.fromkeys((F.elu, F.celu, F.softsign), 1),
}
