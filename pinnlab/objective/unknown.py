"""Unknown numbers of an inverse problem."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from pinnlab.errors import DeclarationError, nearest

TRANSFORMS = ("identity", "log", "softplus", "sigmoid")


@dataclass(frozen=True)
class Unknown:
    r"""A number to be found, in place of a known parameter.

    The trained variable θ is scaled so that a unit step is a natural one, and bounds hold by
    construction:

    =========== =========================================== =======================================
    transform   value                                       for
    =========== =========================================== =======================================
    identity    :math:`s\,\theta`, s = \|initial\| or 1     any sign, known order of magnitude
    log         :math:`e^{\theta}`                          positive, order of magnitude unknown
    softplus    :math:`s \log(1 + e^{\theta})`              positive
    sigmoid     :math:`a + (b - a)\,\sigma(\theta)`         between bounds a and b
    =========== =========================================== =======================================

    Args:
        initial: First guess.
        bounds: Lowest and highest value. With ``log`` they are kept on the logarithmic scale.
        transform: One of the above; the default is ``sigmoid`` with bounds, else ``identity``.
        true: The true value if it is known, for reports.

    Raises:
        DeclarationError: If the guess is outside the bounds or does not fit the transform.

    Example:
        >>> Unknown(0.05, bounds=(1e-4, 1), transform="log")
        Unknown(initial=0.05, bounds=(0.0001, 1), transform='log', true=None)
    """

    initial: float
    bounds: tuple[float, float] | None = None
    transform: str | None = None
    true: float | None = None

    def __post_init__(self) -> None:
        _check_numbers(self)
        transform = self.transform or ("sigmoid" if self.bounds else "identity")
        if transform not in TRANSFORMS:
            raise DeclarationError(
                f"There is no transform '{transform}'",
                expected=", ".join(TRANSFORMS),
                got=transform,
                do=nearest(transform, TRANSFORMS) or "choose one of them",
            )
        object.__setattr__(self, "transform", transform)
        if self.bounds is not None:
            low, high = (float(b) for b in self.bounds)
            object.__setattr__(self, "bounds", (self.bounds[0], self.bounds[1]))
            if not low < high:
                raise DeclarationError(
                    "The bounds of an unknown are empty",
                    expected="(low, high) with low < high",
                    got=self.bounds,
                    do="swap or widen them",
                )
            if not low < self.initial < high:
                raise DeclarationError(
                    "The first guess of an unknown lies outside its bounds",
                    expected=f"a value strictly between {low:g} and {high:g}",
                    got=self.initial,
                    do="move the guess inside",
                )
            if transform == "softplus" or transform == "identity":
                raise DeclarationError(
                    f"The transform '{transform}' cannot keep bounds",
                    expected="transform 'sigmoid' or 'log', or no bounds",
                    got=transform,
                    do="use transform='sigmoid'",
                )
            if transform == "log" and low <= 0:
                raise DeclarationError(
                    "A logarithmic unknown needs positive bounds",
                    expected="0 < low",
                    got=self.bounds,
                    do="raise the lower bound or use transform='sigmoid'",
                )
        elif transform == "sigmoid":
            raise DeclarationError(
                "The transform 'sigmoid' needs bounds",
                expected="bounds=(low, high)",
                got=None,
                do="give bounds or use another transform",
            )
        if transform in ("log", "softplus") and not self.initial > 0:
            raise DeclarationError(
                f"The first guess of an unknown with transform '{transform}' must be positive",
                expected="initial > 0",
                got=self.initial,
                do="choose a positive guess or another transform",
            )

    @property
    def _scale(self) -> float:
        return abs(self.initial) or 1.0

    def raw(self, value: float) -> float:
        """The trained variable θ for a value."""
        if self.bounds is not None:
            low, high = self.bounds
            if self.transform == "log":
                share = math.log(value / low) / math.log(high / low)
            else:
                share = (value - low) / (high - low)
            return math.log(share / (1 - share))
        if self.transform == "log":
            return math.log(value)
        if self.transform == "softplus":
            return math.log(math.expm1(value / self._scale))
        return value / self._scale

    def value(self, raw: Tensor) -> Tensor:
        """The value for a trained variable θ."""
        if self.bounds is not None:
            low, high = self.bounds
            if self.transform == "log":
                return low * torch.exp(torch.sigmoid(raw) * math.log(high / low))
            return low + (high - low) * torch.sigmoid(raw)
        if self.transform == "log":
            return torch.exp(raw)
        if self.transform == "softplus":
            return self._scale * F.softplus(raw)
        return self._scale * raw


def _check_numbers(unknown: Unknown) -> None:
    initial, bounds = unknown.initial, unknown.bounds
    if not isinstance(initial, (int, float)) or not math.isfinite(initial):
        raise DeclarationError(
            "The first guess of an unknown is not finite or no number",
            expected="a number",
            got=repr(initial),
            do="give a finite guess",
        )
    if bounds is not None and (
        not isinstance(bounds, (tuple, list))
        or len(bounds) != 2
        or not all(isinstance(b, (int, float)) and math.isfinite(b) for b in bounds)
    ):
        raise DeclarationError(
            "The bounds of an unknown are not two numbers",
            expected="bounds=(low, high)",
            got=repr(bounds),
            do="give both, or choose transform='log' for a positive unknown without bounds",
        )
