r"""A density on the unit cube that can be drawn from and evaluated exactly.

A flow is a smooth one-to-one map g of the unit cube onto itself. If z = g(x) is uniform, then x has
the density

.. math:: p(x) = |\det \nabla g(x)|,

which integrates to one whatever the parameters of g are. Points are drawn as :math:`g^{-1}(z)` from
uniform z: independent ones, or those of a low-discrepancy sequence.

The map is a composition of layers, in each of which every coordinate passes through a monotone
rational-quadratic spline of the interval [0, 1] onto itself. The first layer has one spline for
each coordinate. In the others, the *couplings*, the knots of one part of the coordinates are
functions of the others, which pass unchanged: so the Jacobian matrix is triangular, its determinant
is the product of slopes, and the inverse is as cheap as the map itself. With all parameters zero a
spline is the identity; a new flow is the uniform density.

References:
    Durkan, Bekasov, Murray & Papamakarios (2019), NeurIPS 32 (rational-quadratic splines in
    couplings); Gregory & Delbourgo (1982), IMA J. Numer. Anal. 2, 123 (the spline); Dinh,
    Sohl-Dickstein & Bengio (2017), ICLR (couplings).
"""

import itertools
import math

import torch
from torch import Tensor, nn

from pinnlab.errors import DeclarationError

NARROWEST = 1e-3  # share of the interval that a bin keeps, so that slopes stay finite
FLATTEST = 1e-3  # slope at a knot, likewise


class SplineFlow(nn.Module):
    """A trainable density on the unit cube.

    Args:
        dim: Number of coordinates d.
        layers: Number of couplings; by default so many that each coordinate can depend on each
            other one, at least 4. There are none where there is one coordinate only.
        bins: Number of pieces K of every spline.
        width: Hidden units of the two-layer networks that give the knots of the couplings.
        generator: Draws the hidden weights; the density is uniform whatever they are.
        dtype: Precision.
        device: Where.

    Raises:
        DeclarationError: If a number is not positive.

    Example:
        >>> flow = SplineFlow(2, generator=torch.Generator().manual_seed(0))
        >>> flow.log_density(torch.rand(3, 2, dtype=torch.float64)).abs().max() < 1e-12
        tensor(True)
    """

    def __init__(
        self,
        dim: int,
        layers: int | None = None,
        bins: int = 8,
        width: int = 32,
        *,
        generator: torch.Generator | None = None,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__()
        layers = max(4, 2 * _digits(dim)) if layers is None else layers
        for name, value, least in (
            ("dim", dim, 1),
            ("layers", layers, 0),
            ("bins", bins, 2),
            ("width", width, 1),
        ):
            if value < least:
                raise DeclarationError(
                    f"The flow has {name}={value}",
                    expected=f"at least {least}",
                    got=value,
                    do="use e.g. dim=2, layers=4, bins=8, width=32",
                )
        self.dim, self.bins = dim, bins
        options = {"dtype": dtype, "device": device}
        self.single = nn.Parameter(torch.zeros(dim, 3 * bins + 1, **options))
        generator = generator or torch.Generator().manual_seed(0)
        self.couplings = nn.ModuleList(
            _Coupling(moved, bins, width, generator, dtype).to(device)
            for moved in masks(dim, layers if dim > 1 else 0)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The map g.

        Args:
            x: Points of the unit cube, ``(n, d)``.

        Returns:
            The images z ``(n, d)`` and log p(x) ``(n,)``.
        """
        z, slopes = spline(x, self.single.expand(len(x), -1, -1))
        log_density = slopes.log().sum(1)
        for coupling in self.couplings:
            z, more = coupling(z)
            log_density = log_density + more
        return z, log_density

    def log_density(self, x: Tensor) -> Tensor:
        """The logarithm of the density at points ``(n, d)`` of the unit cube, ``(n,)``."""
        return self(x)[1]

    @torch.no_grad()
    def inverse(self, z: Tensor) -> Tensor:
        """The points x ``(n, d)`` with g(x) = z: a sample of the density, if z is one of the cube.

        Args:
            z: Points of the unit cube, ``(n, d)``.
        """
        for coupling in reversed(self.couplings):
            z = coupling.inverse(z)  # type: ignore[operator]
        return inverse_spline(z, self.single.expand(len(z), -1, -1))


def masks(dim: int, layers: int) -> list[Tensor]:
    """Which coordinates each coupling moves: about half of them, and then the other half.

    The j-th pair of couplings sorts by the j-th binary digit of the coordinates' numbers, so that
    any two coordinates are told apart by ⌈log₂ d⌉ pairs.

    Args:
        dim: Number of coordinates, at least 2.
        layers: Number of couplings.
    """
    digits = _digits(dim)
    numbers = torch.arange(dim)
    return [
        ((numbers >> (k // 2 % digits)) & 1).bool().logical_xor(torch.tensor(k % 2 == 1))
        for k in range(layers)
    ]


def _digits(dim: int) -> int:
    """Binary digits of the numbers of ``dim`` coordinates."""
    return max(1, (dim - 1).bit_length())


class _Coupling(nn.Module):
    """Moves some coordinates by splines whose knots depend on the others."""

    moved: Tensor
    kept: Tensor

    def __init__(
        self,
        moved: Tensor,
        bins: int,
        width: int,
        generator: torch.Generator,
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        self.register_buffer("moved", moved.nonzero()[:, 0], persistent=False)
        self.register_buffer("kept", (~moved).nonzero()[:, 0], persistent=False)
        self.bins = bins
        sizes = (len(self.kept), width, width, len(self.moved) * (3 * bins + 1))
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for k, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
            drawn = torch.randn(outputs, inputs, generator=generator, dtype=dtype)
            # The last layer starts at zero: the coupling is the identity then.
            self.weights.append(drawn * (inputs**-0.5 if k < 2 else 0.0))
            self.biases.append(torch.zeros(outputs, dtype=dtype))

    def _knots(self, kept: Tensor) -> Tensor:
        h = 2 * kept - 1
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            h = torch.nn.functional.linear(h, weight, bias)
            h = torch.tanh(h) if k < 2 else h
        return h.view(len(kept), len(self.moved), 3 * self.bins + 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        moved, slopes = spline(x[:, self.moved], self._knots(x[:, self.kept]))
        return self._joined(x, moved), slopes.log().sum(1)

    def inverse(self, z: Tensor) -> Tensor:
        return self._joined(z, inverse_spline(z[:, self.moved], self._knots(z[:, self.kept])))

    def _joined(self, x: Tensor, moved: Tensor) -> Tensor:
        return x.index_copy(1, self.moved, moved)


# --- the spline -----------------------------------------------------------------------------
def spline(x: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
    r"""Monotone rational-quadratic spline of [0, 1] onto itself.

    Between the knots (x_k, y_k) and (x_{k+1}, y_{k+1}) with slopes δ_k and δ_{k+1}, with
    ξ = (x - x_k) / (x_{k+1} - x_k) and s = (y_{k+1} - y_k) / (x_{k+1} - x_k), it is

    .. math:: y = y_k + (y_{k+1} - y_k)
        \frac{s\,\xi^2 + \delta_k\,\xi(1-\xi)}{s + (\delta_{k+1} + \delta_k - 2s)\,\xi(1-\xi)} .

    Args:
        x: Arguments in [0, 1], ``(n, c)``.
        parameters: Unbounded numbers ``(n, c, 3 K + 1)``: widths and heights of the K bins before
            a softmax, slopes at the K + 1 knots before a softplus; zero for the identity.

    Returns:
        Values ``(n, c)`` and slopes ``(n, c)``.
    """
    bins = _Bins(parameters)
    k = bins.find(bins.x, x)
    x0, width = bins.at(bins.x, k), bins.at(bins.widths, k)
    y0, height = bins.at(bins.y, k), bins.at(bins.heights, k)
    d0, d1 = bins.at(bins.slopes, k), bins.at(bins.slopes, k + 1)
    xi, s = (x - x0) / width, height / width
    mixed = xi * (1 - xi)
    denominator = s + (d1 + d0 - 2 * s) * mixed
    y = y0 + height * (s * xi**2 + d0 * mixed) / denominator
    slope = s**2 * (d1 * xi**2 + 2 * s * mixed + d0 * (1 - xi) ** 2) / denominator**2
    return y, slope


def inverse_spline(y: Tensor, parameters: Tensor) -> Tensor:
    r"""The arguments ``(n, c)`` at which :func:`spline` has the values ``y``.

    ξ is the root in [0, 1] of a quadratic a ξ² + b ξ + c, in the form that does not cancel,
    :math:`\xi = 2c / (-b - \sqrt{b^2 - 4ac})`.
    """
    bins = _Bins(parameters)
    k = bins.find(bins.y, y)
    x0, width = bins.at(bins.x, k), bins.at(bins.widths, k)
    y0, height = bins.at(bins.y, k), bins.at(bins.heights, k)
    d0, d1 = bins.at(bins.slopes, k), bins.at(bins.slopes, k + 1)
    s = height / width
    rise = y - y0
    bend = d1 + d0 - 2 * s
    a = height * (s - d0) + rise * bend
    b = height * d0 - rise * bend
    c = -s * rise
    root = (b**2 - 4 * a * c).clamp_min(0.0).sqrt()
    xi = 2 * c / (-b - root)
    return (x0 + width * xi).clamp(0.0, 1.0)


class _Bins:
    """Knots of splines, from unbounded parameters ``(n, c, 3 K + 1)``."""

    def __init__(self, parameters: Tensor) -> None:
        count = parameters.shape[-1] // 3
        widths, heights, slopes = parameters.split([count, count, count + 1], dim=-1)
        self.widths, self.x = self._steps(widths)
        self.heights, self.y = self._steps(heights)
        one = math.log(math.expm1(1.0 - FLATTEST))  # the slope of a parameter of zero is one
        self.slopes = FLATTEST + torch.nn.functional.softplus(slopes + one)

    @staticmethod
    def _steps(free: Tensor) -> tuple[Tensor, Tensor]:
        """Steps that sum to one, and where they begin."""
        steps = NARROWEST + (1 - NARROWEST * free.shape[-1]) * free.softmax(-1)
        return steps, steps.cumsum(-1) - steps

    @staticmethod
    def find(begins: Tensor, x: Tensor) -> Tensor:
        """The bin of every argument."""
        inner = begins[..., 1:].detach().contiguous()
        return torch.searchsorted(inner, x.detach()[..., None].contiguous(), right=True)[..., 0]

    @staticmethod
    def at(values: Tensor, k: Tensor) -> Tensor:
        """The value of every argument's bin."""
        return values.gather(-1, k[..., None])[..., 0]
