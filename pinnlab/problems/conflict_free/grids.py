"""Functions on grids, as references."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pinnlab.calculus.formula import Formula
from pinnlab.io.reference import Reference


def on_grid(
    axes: Mapping[str, np.ndarray],
    fields: Mapping[str, str],
    parameters: Mapping[str, float],
    source: str = "exact solution",
) -> Reference:
    """A reference of texts on the product of axes.

    Args:
        axes: Values of every coordinate, in their order.
        fields: By name a text of coordinates and parameters.
        parameters: The numbers in the texts.
        source: Where the solution comes from.

    Returns:
        All combinations, the last coordinate running fastest.
    """
    points = product(list(axes.values()))
    columns = {name: points[:, k] for k, name in enumerate(axes)}
    values: dict[str, Any] = {
        name: Formula(text)({**columns, **parameters}) for name, text in fields.items()
    }
    return gridded(axes, {k: np.asarray(v) for k, v in values.items()}, source)


def gridded(
    axes: Mapping[str, np.ndarray], fields: Mapping[str, np.ndarray], source: str
) -> Reference:
    """A reference of values on the product of axes, each ``(n,)`` or of the shape of the grid."""
    return Reference(
        tuple(axes),
        product(list(axes.values())),
        {name: values.ravel() for name, values in fields.items()},
        source=source,
        axes=tuple((name,) for name in axes),
        shape=tuple(len(values) for values in axes.values()),
    )


def product(axes: Sequence[np.ndarray]) -> np.ndarray:
    """All combinations of the values of some axes, ``(n, d)``."""
    return np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], axis=1)
