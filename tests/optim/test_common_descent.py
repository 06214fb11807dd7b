import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pinnlab.optim.common_descent import (
    LEAST_RATE,
    steepest_common_descent,
    with_common_descent,
)

F64 = torch.float64
SMALL = 1e-5  # below, the length of the shortest vector is rounding: √(float64 epsilon) and more


def gradients(seed, m, p, magnitude, repeated=False):
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(m, p, generator=generator, dtype=F64)
    if repeated:
        rows[-1] = 3 * rows[0]
    scale = torch.logspace(-magnitude, magnitude, m, dtype=F64) if m > 1 else torch.ones(1)
    return rows * scale[:, None]


CASES = {
    "seed": st.integers(0, 10_000),
    "m": st.integers(1, 6),
    "p": st.integers(1, 8),
    "magnitude": st.sampled_from([0, 3, 10]),
    "repeated": st.booleans(),
}


@given(**CASES)
def test_no_vector_of_the_hull_is_shorter(seed, m, p, magnitude, repeated):
    # Optimality: every vertex lies beyond the plane through the shortest vector.
    rows = gradients(seed, m, p, magnitude, repeated)
    found = steepest_common_descent(rows @ rows.T)
    shortest = found.weights @ rows
    unit = rows / rows.norm(dim=1, keepdim=True)
    assert (found.shares >= 0).all()
    assert float(found.shares.sum()) == pytest.approx(1)
    assert float(shortest.norm()) == pytest.approx(found.rate, abs=1e-6)
    assert float((unit @ shortest).min()) >= found.rate**2 - 1e-7


@given(weights=st.integers(0, 1000), **CASES)
def test_every_term_falls_along_the_mixture(weights, seed, m, p, magnitude, repeated):
    rows = gradients(seed, m, p, magnitude, repeated)
    gramian, norms = rows @ rows.T, rows.norm(dim=1)
    steepest = steepest_common_descent(gramian)
    if steepest.rate < SMALL:
        return
    generator = torch.Generator().manual_seed(weights)
    given_ = torch.randn(m, generator=generator, dtype=F64) / norms
    mixed = with_common_descent(given_, gramian, steepest)
    rates = (gramian @ mixed) / norms
    length = float((given_ @ rows).norm())
    assert float(rates.min()) >= LEAST_RATE * steepest.rate * length * (1 - 1e-4)


def test_directions_along_which_all_terms_fall_stay():
    rows = torch.tensor([[1.0, 0.0], [0.6, 0.8]], dtype=F64)
    gramian = rows @ rows.T
    weights = torch.tensor([1.0, 2.0], dtype=F64)
    kept = with_common_descent(weights, gramian, steepest_common_descent(gramian))
    assert torch.equal(kept, weights)


def test_two_gradients_meet_in_the_middle():
    # Units at 120 degrees: the shortest vector halves the angle and has length cos 60°.
    rows = torch.tensor([[5.0, 0.0], [-0.5e-3, 0.75**0.5 * 1e-3]], dtype=F64)
    found = steepest_common_descent(rows @ rows.T)
    assert found.rate == pytest.approx(math.cos(math.pi / 3))
    assert found.shares.tolist() == pytest.approx([0.5, 0.5])
    assert found.opponents(["a", "b"]) == "'a' and 'b' oppose each other (cosine -0.5000)"


def test_a_zero_direction_becomes_the_steepest_common_one():
    rows = torch.tensor([[1.0, 0.0], [0.0, 2.0]], dtype=F64)
    gramian = rows @ rows.T
    steepest = steepest_common_descent(gramian)
    for nothing in (torch.zeros(2, dtype=F64), torch.full((2,), torch.nan, dtype=F64)):
        direction = with_common_descent(nothing, gramian, steepest) @ rows
        rates = rows @ direction / rows.norm(dim=1)
        assert rates[0].item() == pytest.approx(rates[1].item())
        assert rates[0].item() > 0


def test_terms_without_gradient_have_no_share():
    rows = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]], dtype=F64)
    found = steepest_common_descent(rows @ rows.T)
    assert found.shares.tolist() == pytest.approx([0.5, 0.0, 0.5])
    nothing = steepest_common_descent(torch.zeros(2, 2, dtype=F64))
    assert nothing.rate == 0
    assert nothing.shares.tolist() == [0, 0]


@given(st.integers(0, 1000), st.sampled_from([-10, 10]))
def test_sizes_of_the_gradients_do_not_matter(seed, magnitude):
    rows = gradients(seed, 3, 5, 0)
    scaled = rows * torch.tensor([1.0, 10.0**magnitude, 1.0], dtype=F64)[:, None]
    one, other = (steepest_common_descent(r @ r.T) for r in (rows, scaled))
    assert one.rate == pytest.approx(other.rate, abs=1e-7)
