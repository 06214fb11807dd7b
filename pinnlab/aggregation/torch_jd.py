"""Aggregators of TorchJD by their names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pinnlab.aggregation.base import Aggregator, Combiner, Setup, combined
from pinnlab.checks import check_mapping
from pinnlab.errors import DeclarationError, nearest


@dataclass(frozen=True)
class TorchJD(Aggregator):
    """Any other aggregator of TorchJD, such as ``TorchJD("Krum", {"n_byzantine": 1})``.

    Those that follow from the inner products of the gradients are given these, and go with every
    first-order optimiser; the others are given the gradients; both in float64 on the CPU. Random
    ones go on where a saved run stopped, and leave the random numbers of torch as they were.

    Promise: what the aggregator promises.

    Args:
        name: Class name in ``torchjd.aggregation``.
        options: Keyword arguments of the class; lists become tensors.

    Raises:
        DeclarationError: If there is no such class, if it does not take the options, if it keeps a
            memory from step to step, which could not be saved, or if a package that it needs is
            not installed; when it starts, if it cannot combine the gradients of so many terms.

    References:
        Quinton and Rey (2024), Jacobian descent for multi-objective optimization, arXiv 2406.16232,
        and https://torchjd.org for the methods.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_mapping(self, {"n_byzantine": 1}, options=self.options)
        _built(self, self.name, self.options)

    def __call__(self, jacobian: Tensor) -> Tensor:
        """See :class:`Aggregator`."""
        with _Numbers(0):
            return _built(self, self.name, self.options)(jacobian.double().cpu()).to(jacobian)

    def start(self, setup: Setup) -> Combiner:
        """See :class:`Aggregator`."""
        combiner = _TorchJDCombiner(self, setup.seed)
        _tried(self, setup.names)
        return combiner


class _TorchJDCombiner(Combiner):
    """Holds the module and the state of its random numbers."""

    def __init__(self, aggregator: TorchJD, seed: int) -> None:
        module = _built(aggregator, aggregator.name, aggregator.options)
        super().__init__(module)
        self._rule = getattr(module, "gramian_weighting", None)
        self._numbers = _Numbers(seed)

    def __call__(self, jacobian: Tensor, gramian: Tensor) -> Tensor:
        """See :class:`Combiner`."""
        with self._numbers:
            if self._rule is None:
                return self._combine(jacobian.double().cpu()).to(jacobian)
            weights = self.coefficients = self._rule(gramian.cpu()).to(gramian)
            return combined(weights, jacobian)

    def state_dict(self) -> dict[str, Any]:
        """See :class:`Combiner`."""
        return {"numbers": self._numbers.state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :class:`Combiner`."""
        self._numbers.state = state["numbers"]


class _Numbers:
    """A stretch of torch's random numbers, lent to code that knows no generators.

    Args:
        seed: Of the stretch.
    """

    def __init__(self, seed: int) -> None:
        self.state = torch.Generator().manual_seed(seed).get_state()

    def __enter__(self) -> None:
        self._others = torch.get_rng_state()
        torch.set_rng_state(self.state)

    def __exit__(self, *error: object) -> None:
        self.state = torch.get_rng_state()
        torch.set_rng_state(self._others)


def _tried(owner: TorchJD, names: Sequence[str]) -> None:
    """Have it combine as many rows as there will be, which options such as preferences must fit."""
    m = len(names)
    rows = torch.eye(m, dtype=torch.float64)
    try:
        direction = _TorchJDCombiner(owner, 0)(rows, rows)
    except Exception as reason:  # whatever the library may raise
        said = " ".join(str(reason).split()) or type(reason).__name__
    else:
        if direction.shape == (m,) and bool(direction.isfinite().all()):
            return
        said = f"a direction of the shape {tuple(direction.shape)}, or one that is not finite"
    raise DeclarationError(
        f"TorchJD's {owner.name} cannot combine the gradients of {m} term{'s' if m > 1 else ''}"
        " with these options",
        expected=f"options that fit {m}: {', '.join(names)}",
        got=f"{dict(owner.options)}, of which the library says: {said}",
        do="correct `options`, or use another aggregator",
    )


def _built(owner: TorchJD, name: str, options: Mapping[str, Any]) -> Any:
    """The module of TorchJD."""
    import torchjd.aggregation as library
    from torchjd import Stateful

    names = [
        n
        for n in library.__all__
        if isinstance(getattr(library, n), type)
        and issubclass(getattr(library, n), library.Aggregator)
        and n not in ("Aggregator", "WeightedAggregator", "GramianWeightedAggregator")
        and not issubclass(getattr(library, n), Stateful)
    ]
    if name not in names:
        raise DeclarationError(
            f"TorchJD has no aggregator '{name}' without a memory of its own",
            expected=", ".join(names),
            got=name,
            do=nearest(name, names).strip() or "choose one of them",
        )
    kind = getattr(library, name)
    try:
        return kind(**{key: _tensor(value) for key, value in options.items()})
    except ImportError as reason:
        raise DeclarationError(
            f"TorchJD's {name} needs further packages",
            expected=str(reason),
            do=f"install them, or use pinnlab's own {name} if there is one",
        ) from None
    except Exception as reason:  # whatever the library may raise
        raise DeclarationError(
            f"TorchJD's {name} does not take these options",
            expected=str(reason),
            got=dict(options),
            do="correct `options`",
        ) from None


def _tensor(value: Any) -> Any:
    """Lists as tensors, everything else as it is."""
    return torch.tensor(value, dtype=torch.float64) if isinstance(value, list | tuple) else value
