"""The Black-Scholes equation."""

from pinnlab.calculus import Jet
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
