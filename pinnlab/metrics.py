r"""How far a prediction is from a reference: pure functions of arrays.

Every function takes NumPy arrays or torch tensors of *equal* shape, computes in float64 on the CPU
and returns a Python float. Shapes are never broadcast: ``(n,)`` against ``(n, 1)`` would silently
compare every point with every other, and is an error.

With errors :math:`e_i = \hat y_i - y_i` and weights :math:`w_i` (quadrature weights make the sums
integrals; without them every row counts the same):

==================  ===========================================================================
relative L2         :math:`\sqrt{\sum w_i e_i^2 / \sum w_i y_i^2}`
relative L1         :math:`\sum w_i |e_i| / \sum w_i |y_i|`
mean squared        :math:`\sum w_i e_i^2 / \sum w_i`
mean absolute       :math:`\sum w_i |e_i| / \sum w_i`
largest             :math:`\max |e_i|`
best constant       relative L2 of the best constant: a result near it has learned nothing
==================  ===========================================================================

A prediction that is not finite gives a result that is not finite. A reference that is not finite
is a mistake in the data and an error, unless ``ignore_nan=True`` leaves its NaN rows out. Relative
errors against a reference of zeros are infinite (zero if the prediction is zero as well).
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import torch

from pinnlab.errors import DataError

Array: TypeAlias = np.ndarray | torch.Tensor


def relative_l2(
    prediction: Array, reference: Array, weights: Array | None = None, *, ignore_nan: bool = False
) -> float:
    r"""The relative L2 error :math:`\sqrt{\sum w e^2 / \sum w y^2}`.

    Args:
        prediction: Predicted values, ``(n,)`` or ``(n, ...)``.
        reference: True values, of the same shape.
        weights: One weight a row, ``(n,)``, for example quadrature weights.
        ignore_nan: Whether to leave out rows where the reference is NaN.

    Returns:
        The error; 1 is as good as predicting zero.

    Raises:
        DataError: If shapes differ, there are no rows, the reference is not finite, or weights are
            negative.

    Example:
        >>> relative_l2(np.array([1.0, 1.0]), np.array([1.0, 2.0])) == (1 / 5) ** 0.5
        True
    """
    error, true, w = _aligned(prediction, reference, weights, ignore_nan)
    return _ratio(math.sqrt(_sum(w, error**2)), math.sqrt(_sum(w, true**2)))


def relative_l1(
    prediction: Array, reference: Array, weights: Array | None = None, *, ignore_nan: bool = False
) -> float:
    r"""The relative L1 error :math:`\sum w |e| / \sum w |y|`; arguments as `relative_l2`."""
    error, true, w = _aligned(prediction, reference, weights, ignore_nan)
    return _ratio(_sum(w, error), _sum(w, true))


def mse(
    prediction: Array, reference: Array, weights: Array | None = None, *, ignore_nan: bool = False
) -> float:
    r"""The mean squared error :math:`\sum w e^2 / \sum w`; arguments as `relative_l2`."""
    error, _, w = _aligned(prediction, reference, weights, ignore_nan)
    return _sum(w, error**2) / _sum(w, np.ones_like(error))


def mae(
    prediction: Array, reference: Array, weights: Array | None = None, *, ignore_nan: bool = False
) -> float:
    r"""The mean absolute error :math:`\sum w |e| / \sum w`; arguments as `relative_l2`."""
    error, _, w = _aligned(prediction, reference, weights, ignore_nan)
    return _sum(w, error) / _sum(w, np.ones_like(error))


def max_error(prediction: Array, reference: Array, *, ignore_nan: bool = False) -> float:
    r"""The largest error :math:`\max |e|`; arguments as `relative_l2`."""
    error, _, _ = _aligned(prediction, reference, None, ignore_nan)
    return float(error.max())


def pinnacle_l2(
    prediction: Array | Mapping[str, Array],
    reference: Array | Mapping[str, Array],
    *,
    ignore_nan: bool = False,
) -> float:
    r"""One relative L2 error over all components stacked, as the PINNacle benchmark reports it.

    .. math:: \sqrt{\textstyle\sum_{ic} e_{ic}^2} \Big/ \sqrt{\textstyle\sum_{ic} y_{ic}^2}

    A component of large values outweighs the others, so this compares with published numbers and
    says little about each field.

    Args:
        prediction: Values ``(n, c)``, or the components by name, each ``(n,)``.
        reference: The same of the true values.
        ignore_nan: Whether to leave out rows where any component of the reference is NaN.

    Returns:
        The error.

    Raises:
        DataError: As `relative_l2`, or if the components differ in name.

    References:
        Hao et al. (2024), PINNacle, NeurIPS Datasets and Benchmarks, L2RE.
    """
    if isinstance(prediction, Mapping) and isinstance(reference, Mapping):
        if set(prediction) != set(reference) or not reference:
            raise DataError(
                "Prediction and reference have different components",
                expected=", ".join(reference) or "at least one component",
                got=", ".join(prediction) or "none",
                do="predict the fields that the reference has",
            )
        for name in reference:
            _same_shape(np.shape(prediction[name]), np.shape(reference[name]), f" of '{name}'")
        prediction = np.stack([_numpy(prediction[name]) for name in reference], axis=1)
        reference = np.stack([_numpy(reference[name]) for name in reference], axis=1)
    if isinstance(prediction, Mapping) or isinstance(reference, Mapping):
        raise DataError(
            "Prediction and reference have different forms",
            expected="two arrays (n, c), or two mappings from names to (n,)",
            got=f"{type(prediction).__name__} and {type(reference).__name__}",
            do="give both in one form",
        )
    return relative_l2(prediction, reference, ignore_nan=ignore_nan)


def h1(
    prediction: Array,
    reference: Array,
    prediction_gradient: Array,
    reference_gradient: Array,
    weights: Array | None = None,
    *,
    seminorm: bool = False,
) -> float:
    r"""The relative H1 error, of values and gradients.

    .. math:: \sqrt{\sum w\,(e^2 + |\nabla e|^2) \big/ \sum w\,(y^2 + |\nabla y|^2)}

    Args:
        prediction: Predicted values, ``(n,)``.
        reference: True values, ``(n,)``.
        prediction_gradient: Gradient of the prediction, ``(n, d)``.
        reference_gradient: Gradient of the truth, ``(n, d)``.
        weights: One weight a row, ``(n,)``.
        seminorm: Whether to leave the values out and compare gradients only.

    Returns:
        The error. It depends on the unit of length, as the norm does.

    Raises:
        DataError: As `relative_l2`, or if gradients do not have one row a value.
    """
    error, true, w = _aligned(prediction, reference, weights, False)
    gradient_error, gradient, _ = _aligned(prediction_gradient, reference_gradient, weights, False)
    if error.ndim != 1 or gradient.ndim != 2 or len(gradient) != len(true):
        raise DataError(
            "Values and gradients do not fit together",
            expected="values (n,) and gradients (n, d)",
            got=f"values {true.shape} and gradients {gradient.shape}",
            do="give one gradient row per value",
        )
    squares = (gradient_error**2).sum(1), (gradient**2).sum(1)
    if not seminorm:
        squares = squares[0] + error**2, squares[1] + true**2
    return _ratio(math.sqrt(_sum(w, squares[0])), math.sqrt(_sum(w, squares[1])))


def spectral_error(
    prediction: Array, reference: Array, edges: Sequence[float] = (5, 13)
) -> dict[str, float]:
    r"""The mean squared error split into bands of wave numbers, on a uniform grid.

    With :math:`\hat e_k` the discrete Fourier coefficients of the error (divided by the number of
    points), a band holds :math:`\sum_{|k| \in \text{band}} |\hat e_k|^2`; by Parseval's identity
    the bands add up to the mean squared error. Wave numbers count periods over the whole grid; on
    two axes :math:`|k|` is the Euclidean length.

    Args:
        prediction: Values on a uniform grid, ``(k,)`` or ``(k, l)``; for periodic fields without
            the repeated end point.
        reference: The same of the true values.
        edges: Where bands meet, increasing; an edge belongs to the band above it.

    Returns:
        For each band, such as ``"k<5"``, ``"5<=k<13"``, ``"k>=13"``, its share of the mean squared
        error.

    Raises:
        DataError: If the shapes differ or are no grid, or the edges do not increase.
    """
    predicted, true = _numpy(prediction), _numpy(reference)
    _same_shape(predicted.shape, true.shape)
    _aligned(predicted, true, None, False)
    if true.ndim not in (1, 2):
        raise DataError(
            "Spectral errors need a grid of one or two axes",
            expected="values of the shape (k,) or (k, l)",
            got=true.shape,
            do="reshape to the grid, and take one time or slice at once",
        )
    limits = [float(edge) for edge in edges]
    if not limits or limits[0] <= 0 or any(b <= a for a, b in itertools.pairwise(limits)):
        raise DataError(
            "The bands of wave numbers are not in order",
            expected="increasing positive edges, such as (5, 13)",
            got=tuple(edges),
            do="sort them and remove repeated ones",
        )
    power = np.abs(np.fft.fftn(predicted - true) / true.size) ** 2
    axes = [np.rint(np.fft.fftfreq(size) * size) for size in true.shape]
    wave_number = np.sqrt(sum(k**2 for k in np.meshgrid(*axes, indexing="ij")))
    bounds = [0.0, *limits, math.inf]
    names = [
        f"k<{limits[0]:g}",
        *(f"{a:g}<=k<{b:g}" for a, b in itertools.pairwise(limits)),
        f"k>={limits[-1]:g}",
    ]
    return {
        name: float(power[(wave_number >= low) & (wave_number < high)].sum())
        for name, low, high in zip(names, bounds, bounds[1:], strict=False)
    }


def conservation(
    prediction: Array, reference: Array, weights: Array | None = None, *, ignore_nan: bool = False
) -> float:
    r"""The difference of the integrals, :math:`|\sum w_i (\hat y_i - y_i)|`.

    Args:
        prediction: Predicted values, ``(n,)``.
        reference: True values, ``(n,)``.
        weights: Quadrature weights, ``(n,)``; without them the difference of the means.
        ignore_nan: Whether to leave out rows where the reference is NaN.

    Returns:
        How much of the integrated quantity appeared or vanished.

    Raises:
        DataError: As `relative_l2`.
    """
    predicted, true, w = _rows(prediction, reference, weights, ignore_nan)
    if weights is None:
        w = w / true.size
    difference = predicted - true
    return float(abs((difference * w.reshape(-1, *[1] * (difference.ndim - 1))).sum()))


def best_constant(
    reference: Array, weights: Array | None = None, *, ignore_nan: bool = False
) -> float:
    r"""The relative L2 error of the best constant, the score to beat.

    For each component the best constant is the weighted mean, and the error is
    :math:`\sqrt{\sum w (y - \bar y)^2 / \sum w y^2} \le 1`.

    Args:
        reference: True values, ``(n,)``, or ``(n, c)`` with one constant a component.
        weights: One weight a row, ``(n,)``.
        ignore_nan: Whether to leave out rows where the reference is NaN.

    Returns:
        The error of the trivial predictor.

    Raises:
        DataError: As `relative_l2`.
    """
    _, true, w = _rows(reference, reference, weights, ignore_nan)
    columns = w.reshape(-1, *[1] * (true.ndim - 1))
    mean = (true * columns).sum(0) / w.sum()
    error = np.abs(true - mean)
    return _ratio(math.sqrt(_sum(w, error**2)), math.sqrt(_sum(w, np.abs(true) ** 2)))


def field_errors(
    prediction: Array, reference: Array, weights: Array | None = None, *, ignore_nan: bool = False
) -> dict[str, float]:
    """All errors of one field that a report shows; arguments as `relative_l2`.

    Returns:
        ``relative_l2``, ``relative_l1``, ``mse``, ``mae``, ``max_error`` and ``best_constant``.
    """
    options = {"ignore_nan": ignore_nan}
    return {
        "relative_l2": relative_l2(prediction, reference, weights, **options),
        "relative_l1": relative_l1(prediction, reference, weights, **options),
        "mse": mse(prediction, reference, weights, **options),
        "mae": mae(prediction, reference, weights, **options),
        "max_error": max_error(prediction, reference, **options),
        "best_constant": best_constant(reference, weights, **options),
    }


def _numpy(values: Array) -> np.ndarray:
    """The values as float64 or complex128 on the CPU."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        values = values.to(torch.complex128 if values.is_complex() else torch.float64)
        return values.resolve_conj().numpy()
    array = np.asarray(values)
    if array.dtype.kind not in "biufc":
        raise DataError(
            "Errors need numbers",
            expected="an array or tensor of numbers",
            got=f"dtype {array.dtype}",
            do="convert it to floating point",
        )
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _same_shape(prediction: tuple[int, ...], reference: tuple[int, ...], what: str = "") -> None:
    if prediction != reference:
        raise DataError(
            f"Prediction and reference{what} have different shapes",
            expected=f"the shape of the reference, {tuple(reference)}",
            got=f"a prediction of the shape {tuple(prediction)}",
            do="bring both to one shape, for example with [:, 0] or reshape(-1)",
        )


def _rows(
    prediction: Array, reference: Array, weights: Array | None, ignore_nan: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Checked prediction, reference and weights ``(n,)`` without the rows to ignore."""
    predicted, true = _numpy(prediction), _numpy(reference)
    _same_shape(predicted.shape, true.shape)
    if true.ndim == 0 or true.size == 0:
        raise DataError(
            "There is nothing to compare",
            expected="at least one row of values",
            got=f"the shape {true.shape}",
            do="give the values at one or more points",
        )
    w = np.ones(len(true)) if weights is None else _numpy(weights)
    if w.shape != (len(true),):
        raise DataError(
            "The weights do not fit the values",
            expected=f"one weight a row, {(len(true),)}",
            got=w.shape,
            do="give weights of that shape",
        )
    finite = np.asarray(np.isfinite(true).reshape(len(true), -1).all(axis=1))
    if ignore_nan:
        keep = ~np.isnan(true).reshape(len(true), -1).any(1)
        finite = finite[keep]
        predicted, true, w = predicted[keep], true[keep], w[keep]
    if not finite.all():
        bad = np.flatnonzero(~finite)
        raise DataError(
            "The reference is not finite",
            expected="finite values",
            got=f"NaN or infinity in {len(bad)} of {len(finite)} rows, first {bad[:5].tolist()}",
            do="correct the data, or leave NaN rows out with ignore_nan=True",
        )
    if not len(true):
        raise DataError(
            "There is nothing to compare",
            expected="at least one row where the reference is a number",
            got="a reference that is NaN everywhere",
            do="check how the reference was read",
        )
    if not (np.isfinite(w).all() and (w >= 0).all() and w.sum() > 0):
        raise DataError(
            "The weights cannot be used",
            expected="finite weights of 0 or more, not all zero",
            got=f"weights from {w.min()} to {w.max()}",
            do="give quadrature weights, or leave them out",
        )
    return predicted, true, w


def _aligned(
    prediction: Array, reference: Array, weights: Array | None, ignore_nan: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Absolute errors, absolute reference values, and weights ``(n,)``."""
    predicted, true, w = _rows(prediction, reference, weights, ignore_nan)
    return np.abs(predicted - true), np.abs(true), w


def _sum(weights: np.ndarray, values: np.ndarray) -> float:
    """The weighted sum over rows, and the plain sum over further axes."""
    return float((weights * values.reshape(len(values), -1).sum(1)).sum())


def _ratio(error: float, size: float) -> float:
    if size == 0:
        return 0.0 if error == 0 else math.inf if not math.isnan(error) else math.nan
    return error / size
