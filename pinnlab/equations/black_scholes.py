"""The Black-Scholes equation, and its form for many assets."""

from pinnlab.calculus import Jet, dot, grad, weighted_trace
from pinnlab.equations.coefficients import Coefficient, Residual


def black_scholes(V: Jet, S: Jet, *, r: Coefficient, sigma: Coefficient) -> Residual:
    r"""The Black-Scholes equation of the value of an option.

    .. math::
        \partial_t V + \tfrac{1}{2} \sigma^2 S^2\, \partial_{SS} V + r S\, \partial_S V - r V = 0

    Args:
        V: Value of the option. [$]
        S: Price of the asset, a coordinate of the problem. [$]
        r: Interest rate. [1/T]
        sigma: Volatility σ > 0. [1/√T]

    Returns:
        Residual, left minus right side. [$/T]

    References:
        Black and Scholes (1973), J. Polit. Econ. 81, 637-654.
    """
    return V.t + sigma**2 * S**2 * V.SS / 2 + r * S * V.S - r * V


def black_scholes_barenblatt(u: Jet, x: Jet, *, r: Coefficient, sigma: Coefficient) -> Residual:
    r"""The Black-Scholes-Barenblatt equation of the value of an option on many assets.

    .. math::
        \partial_t u + \tfrac{1}{2} \sigma^2 \sum_i x_i^2\, \partial_{ii} u
        + r\, x \cdot \nabla u - r u = 0

    Args:
        u: Value of the option. [$]
        x: Prices of the assets, a vector coordinate of the problem. [$]
        r: Interest rate. [1/T]
        sigma: Volatility σ > 0, the same for all assets, which are independent. [1/√T]

    Returns:
        Residual, left minus right side. [$/T]

    References:
        Raissi (2018), Forward-backward stochastic neural networks, arXiv 1804.07010, section 4.1.
    """
    return u.t + sigma**2 / 2 * weighted_trace(u, x) + r * dot(x, grad(u)) - r * u
