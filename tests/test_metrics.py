"""The metrics against their formulas, and their refusal of what does not compare."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnlab import metrics
from pinnlab.errors import DataError

POINTWISE = [metrics.relative_l2, metrics.relative_l1, metrics.mse, metrics.mae, metrics.max_error]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_formulas(rng):
    p, y, w = rng.normal(size=20), rng.normal(size=20), rng.uniform(size=20)
    e = p - y
    assert metrics.relative_l2(p, y) == pytest.approx(np.linalg.norm(e) / np.linalg.norm(y))
    assert metrics.relative_l2(p, y, w) == pytest.approx(
        math.sqrt(np.sum(w * e**2) / np.sum(w * y**2))
    )
    assert metrics.relative_l1(p, y, w) == pytest.approx(np.sum(w * abs(e)) / np.sum(w * abs(y)))
    assert metrics.mse(p, y) == pytest.approx(np.mean(e**2))
    assert metrics.mse(p, y, w) == pytest.approx(np.average(e**2, weights=w))
    assert metrics.mae(p, y, w) == pytest.approx(np.average(abs(e), weights=w))
    assert metrics.max_error(p, y) == np.abs(e).max()
    assert metrics.conservation(p, y, w) == pytest.approx(abs(np.sum(w * e)))
    assert metrics.conservation(p, y) == pytest.approx(abs(e.mean()))


@pytest.mark.parametrize("shape", [(7,), (7, 3), (7, 2, 2)])
@pytest.mark.parametrize("metric", POINTWISE)
def test_tensors_and_arrays_agree(metric, shape, rng):
    p, y = rng.normal(size=shape), rng.normal(size=shape)
    tensor = torch.tensor(p, requires_grad=True), torch.tensor(y)
    assert isinstance(metric(*tensor), float)
    assert metric(*tensor) == metric(p, y)


def test_complex_fields(rng):
    y = rng.normal(size=9) + 1j * rng.normal(size=9)
    p = y * np.exp(0.1j)
    expected = abs(np.exp(0.1j) - 1)
    assert metrics.relative_l2(p, y) == pytest.approx(expected)
    assert metrics.relative_l2(torch.tensor(p), torch.tensor(y)) == pytest.approx(expected)


@given(st.floats(0.01, 100), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_relative_errors_do_not_depend_on_units(scale, seed):
    rng = np.random.default_rng(seed)
    p, y = rng.normal(size=11), rng.normal(size=11)
    for metric in (metrics.relative_l2, metrics.relative_l1):
        assert metric(scale * p, scale * y) == pytest.approx(metric(p, y), rel=1e-12)
    assert metrics.best_constant(scale * y) == pytest.approx(metrics.best_constant(y), rel=1e-12)


@pytest.mark.parametrize("metric", [*POINTWISE, metrics.conservation])
def test_shapes_are_never_broadcast(metric):
    with pytest.raises(DataError, match=r"\(5,\)(.|\n)*\(5, 1\)"):
        metric(np.ones((5, 1)), np.ones(5))
    with pytest.raises(DataError, match="different shapes"):
        metric(torch.ones(5), torch.ones(5, 1))
    with pytest.raises(DataError, match="nothing to compare"):
        metric(np.ones(0), np.ones(0))
    with pytest.raises(DataError, match="nothing to compare"):
        metric(np.float64(1), np.float64(1))


@pytest.mark.parametrize("metric", POINTWISE)
def test_nan_in_the_reference(metric, rng):
    y, p = rng.normal(size=6), rng.normal(size=6)
    holes = y.copy()
    holes[[1, 4]] = np.nan
    with pytest.raises(DataError, match=r"not finite(.|\n)*2 of 6 rows, first \[1, 4\]"):
        metric(p, holes)
    keep = [0, 2, 3, 5]
    assert metric(p, holes, ignore_nan=True) == metric(p[keep], y[keep])
    holes[0] = np.inf
    with pytest.raises(DataError, match="not finite"):
        metric(p, holes, ignore_nan=True)
    with pytest.raises(DataError, match="NaN everywhere"):
        metric(p, np.full(6, np.nan), ignore_nan=True)


def test_a_prediction_that_failed_is_a_number_that_says_so():
    assert math.isnan(metrics.relative_l2(np.array([np.nan, 1.0]), np.ones(2)))
    assert metrics.max_error(np.array([np.inf, 1.0]), np.ones(2)) == math.inf


def test_reference_of_zeros():
    assert metrics.relative_l2(np.ones(3), np.zeros(3)) == math.inf
    assert metrics.relative_l2(np.zeros(3), np.zeros(3)) == 0
    assert math.isnan(metrics.relative_l2(np.full(3, np.nan), np.zeros(3)))
    assert metrics.best_constant(np.zeros(3)) == 0


@pytest.mark.parametrize("weights", [-np.ones(3), np.zeros(3), np.array([1, np.nan, 1])])
def test_bad_weights(weights):
    with pytest.raises(DataError, match="weights cannot be used"):
        metrics.relative_l2(np.ones(3), np.ones(3), weights)


def test_weights_need_one_a_row():
    with pytest.raises(DataError, match=r"weights do not fit(.|\n)*\(3,\)"):
        metrics.mse(np.ones(3), np.ones(3), np.ones((3, 1)))


def test_texts_are_no_numbers():
    with pytest.raises(DataError, match="need numbers"):
        metrics.mse(np.array(["a"]), np.array(["b"]))


def test_pinnacle_l2_stacks_components(rng):
    p, y = rng.normal(size=(8, 2)), rng.normal(size=(8, 2)) * [1, 100]
    expected = math.sqrt(((p - y) ** 2).mean() / (y**2).mean())
    assert metrics.pinnacle_l2(p, y) == pytest.approx(expected)
    named = {"v": p[:, 1], "u": p[:, 0]}, {"u": y[:, 0], "v": torch.tensor(y[:, 1])}
    assert metrics.pinnacle_l2(*named) == pytest.approx(expected)
    with pytest.raises(DataError, match="different components"):
        metrics.pinnacle_l2({"u": p[:, 0]}, named[1])
    with pytest.raises(DataError, match="different components"):
        metrics.pinnacle_l2({}, {})
    with pytest.raises(DataError, match="different forms"):
        metrics.pinnacle_l2(p, named[1])
    with pytest.raises(DataError, match="of 'u' have different shapes"):
        metrics.pinnacle_l2({"u": p[:, :1]}, {"u": y[:, 0]})


def test_h1_against_the_exact_norm():
    # On a full period of sin, |u|² and |u'|² integrate to the same; an error 0.1 sin(2x) has the
    # H1 norm 0.1·√(1 + 4) relative to √(1 + 1).
    x = np.arange(64) * 2 * np.pi / 64
    y, dy = np.sin(x), np.cos(x)[:, None]
    p, dp = y + 0.1 * np.sin(2 * x), dy + 0.2 * np.cos(2 * x)[:, None]
    assert metrics.h1(p, y, dp, dy) == pytest.approx(0.1 * math.sqrt(5 / 2), rel=1e-12)
    assert metrics.h1(p, y, dp, dy, np.full(64, 3.0)) == pytest.approx(0.1 * math.sqrt(5 / 2))
    assert metrics.h1(p, y, dp, dy, seminorm=True) == pytest.approx(0.2, rel=1e-12)
    with pytest.raises(DataError, match="Values and gradients"):
        metrics.h1(p, y, dp[:, 0], dy[:, 0])
    with pytest.raises(DataError, match="Values and gradients"):
        metrics.h1(p[:5], y[:5], dp, dy)


def test_spectral_bands_of_single_modes():
    x = np.arange(64) / 64 * 2 * np.pi
    y = np.sin(x)
    p = y + 0.1 * np.sin(3 * x) + 0.2 * np.cos(5 * x) + 0.3 * np.sin(20 * x)
    bands = metrics.spectral_error(p, torch.tensor(y))
    # a cosine of amplitude a has the mean square a²/2
    assert bands == pytest.approx({"k<5": 0.005, "5<=k<13": 0.02, "k>=13": 0.045})
    grid = np.sin(x)[:, None] * np.ones(64)
    wave = 0.1 * np.cos(6 * x[:, None] + 8 * x[None])  # |k| = 10
    two = metrics.spectral_error(grid + wave, grid, edges=[9, 11])
    assert two == pytest.approx({"k<9": 0, "9<=k<11": 0.005, "k>=11": 0}, abs=1e-15)


@given(st.integers(0, 2**32 - 1), st.sampled_from([(16,), (15,), (8, 9)]))
@settings(max_examples=20, deadline=None)
def test_spectral_bands_add_up_to_the_mean_square(seed, shape):
    rng = np.random.default_rng(seed)
    p, y = rng.normal(size=shape), rng.normal(size=shape)
    total = sum(metrics.spectral_error(p, y, edges=(2, 4)).values())
    assert total == pytest.approx(metrics.mse(p, y), rel=1e-12)


def test_spectral_refusals():
    with pytest.raises(DataError, match="one or two axes"):
        metrics.spectral_error(np.ones((2, 2, 2)), np.ones((2, 2, 2)))
    for edges in ((), (5, 5), (-1, 3)):
        with pytest.raises(DataError, match="not in order"):
            metrics.spectral_error(np.ones(4), np.ones(4), edges)
    with pytest.raises(DataError, match="different shapes"):
        metrics.spectral_error(np.ones(4), np.ones(5))


def test_best_constant_is_the_best(rng):
    y, w = rng.normal(loc=0.7, size=30), rng.uniform(size=30)
    best = metrics.best_constant(y, w)
    scores = [metrics.relative_l2(np.full(30, c), y, w) for c in np.linspace(-1, 2, 301)]
    # the scan has steps of 0.01, and the score is quadratic around its minimum
    assert best <= min(scores) <= best + 1e-4
    assert metrics.best_constant(np.full(4, 3.0)) == 0
    both = np.stack([y, y + 5], axis=1)
    expected = metrics.relative_l2(np.broadcast_to(both.mean(0), both.shape), both)
    assert metrics.best_constant(both) == pytest.approx(expected)
    holes = np.append(y, np.nan)
    assert metrics.best_constant(holes, ignore_nan=True) == pytest.approx(metrics.best_constant(y))


def test_field_errors_hold_all(rng):
    p, y = rng.normal(size=5), rng.normal(size=5)
    found = metrics.field_errors(p, y)
    assert found["relative_l2"] == metrics.relative_l2(p, y)
    assert found["max_error"] == metrics.max_error(p, y)
    assert found["best_constant"] == metrics.best_constant(y)
    assert set(found) == {"relative_l2", "relative_l1", "mse", "mae", "max_error", "best_constant"}
