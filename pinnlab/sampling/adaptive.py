r"""Points that follow a residual: densities over candidates, and which of them are taken.

With ρ_i the size of the residual at the i-th of n evenly drawn candidates:

===================== =========================================================================
:func:`probabilities` the density p(x) ∝ ρ(x)^k / mean ρ^k + c at the candidates
:func:`drawn`         some of them at random, with these probabilities, none twice
:func:`largest`       those with the largest residuals
:func:`above_mean`    those whose residual is above the mean
===================== =========================================================================

A mean over points that follow a density p is a mean of residuals with weight p, not the mean over
the domain: the loss on such points is *not* divided by p again. That is what RAD and adversarial
sampling mean to do, to weigh up where the residual is large; importance sampling, which would keep
the loss and lower its variance only, divides by p.

References:
    Wu, Zhu, Tan, Kartha & Lu (2023), Comput. Methods Appl. Mech. Eng. 403, 115671 (the density and
    the greedy choice); Daw, Bu, Wang, Perdikaris & Karpatne (2023), ICML, arXiv 2207.02338 (those
    above the mean).
"""

import numpy as np
import torch
from torch import Tensor


def probabilities(sizes: np.ndarray, k: float = 1.0, c: float = 1.0) -> np.ndarray:
    r"""The probability of every candidate.

    .. math:: p_i \propto \frac{\rho_i^k}{\tfrac1n \sum_j \rho_j^k} + c

    Args:
        sizes: Sizes ρ ≥ 0 of the residual at evenly drawn candidates, ``(n,)``.
        k: Exponent; the larger, the closer the points lie around the largest residuals.
        c: Even part.

    Returns:
        Probabilities ``(n,)`` that sum to one: even ones where no residual is larger than zero.
        Candidates without a finite residual count like the largest finite one.
    """
    finite = np.isfinite(sizes)
    top = sizes[finite].max(initial=0.0)
    # Relative to the largest one, so that no power overflows.
    powers = (np.where(finite, sizes, top) / top) ** k if top > 0 else np.ones(len(sizes))
    density = powers / powers.mean() + c
    return density / density.sum()


def drawn(weights: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw different candidates with given probabilities.

    Args:
        weights: Probabilities ``(m,)`` that sum to one.
        n: Number wanted; fewer come where fewer candidates have a positive probability.
        rng: Source of randomness; advances.

    Returns:
        Rows ``(n,)``, none twice. The first of them is distributed as the weights say; as a set
        they follow the density as far as there are many more candidates than are drawn.
    """
    n = min(n, int(np.count_nonzero(weights)))
    return rng.choice(len(weights), n, replace=False, p=weights)


def largest(sizes: np.ndarray, n: int) -> np.ndarray:
    """The rows of the ``n`` largest residuals, largest first; without a finite one, first of all.

    Args:
        sizes: Sizes of the residual, ``(m,)``.
        n: Number wanted; all where there are fewer.
    """
    order = np.argsort(-np.nan_to_num(sizes, nan=np.inf, posinf=np.inf), kind="stable")
    return order[:n]


def above_mean(sizes: Tensor) -> Tensor:
    """Which points have a residual above the mean of all of them, ``(n,)`` bool.

    None of them has, if all are equal. If a residual is not finite, which a step from here will
    not mend, all are kept.

    Args:
        sizes: Sizes of the residual, ``(n,)``.
    """
    mean = sizes.mean()
    return (sizes > mean) | ~torch.isfinite(mean)
