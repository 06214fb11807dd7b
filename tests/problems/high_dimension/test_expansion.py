"""Polynomials of two variables that stand for smooth functions."""

import numpy as np
import pytest
import torch

from pinnlab.calculus import strips
from pinnlab.problems.high_dimension import _expansion
from pinnlab.problems.high_dimension._expansion import expansion, monomials, temporaries
from pinnlab.problems.high_dimension._tiles import Arenas
from pinnlab.problems.high_dimension.two_body import _terms


@pytest.mark.parametrize("degree", [2, 3, 4, 5])
def test_keeps_its_tolerance_and_reaches_as_far_as_it_says(degree):
    made = expansion(_terms, degree, 1e-7, (1.0, 1.0, 1.0))
    x, y = made.reach * np.random.default_rng(0).uniform(-1, 1, (2, 5000))
    basis = np.stack([x**a * y**b for a, b in monomials(degree)])
    error = np.abs(made.coefficients @ basis - _terms(x, y)).max()
    assert 0.2e-7 < error <= 1.01e-7  # the grid that decides is finite


def test_polynomials_are_found_exactly():
    def terms(x, y):
        return np.stack([2 - x + 3 * x * y])

    made = expansion(terms, 2, 1e-9, (1.0,))
    wanted = {(0, 0): 2.0, (1, 0): -1.0, (1, 1): 3.0}
    assert made.reach == 1.0
    for c, power in zip(made.coefficients[0], monomials(2), strict=True):
        assert c == pytest.approx(wanted.get(power, 0.0), abs=1e-13)


@pytest.fixture(params=["a loop", "general", "torch"])
def ways(request, monkeypatch):
    """Sums by a loop of their own, and by general arithmetic, itself compiled or not."""
    if request.param != "a loop":
        monkeypatch.setattr(_expansion, "_monomials", None)
        if request.param == "torch":
            monkeypatch.setattr(strips, "_strips", None)
    elif _expansion._monomials is None:
        pytest.skip("pinnlab was installed without a compiler")


@pytest.mark.parametrize("degree", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("height, width", [(1, 2), (3, 17), (2, 18), (5, 1030)])
@pytest.mark.usefixtures("ways")
def test_sums_of_expansions_over_a_tile(degree, height, width):
    made = expansion(_terms, degree, 1e-7, (1.0, 1.0, 1.0))
    generator = torch.Generator().manual_seed(degree)
    tile = made.reach * (2 * torch.rand(height, width, generator=generator) - 1)
    c = torch.randn(width - 1, generator=generator)
    arena = Arenas()
    for _ in range(2):  # nothing is left of the sums before
        with arena.borrow(tile, temporaries(degree)) as room:
            room.load(tile)
            found = room.view(made, tile.shape).sums(c).clone()
    x, y, weights = tile.double()[:, :-1], tile.double()[:, 1:], c.double()
    terms = torch.from_numpy(_terms(x.numpy(), y.numpy()))
    scale = weights.abs().sum() * terms.abs().amax(dim=(1, 2))
    assert ((found[:3] - terms @ weights).abs() < 1e-6 * scale[:, None] + 1e-7 * width).all()
    torch.testing.assert_close(found[3], (x * x).sum(1).float(), rtol=1e-5, atol=0)


def test_what_a_loop_does_not_know_is_refused():
    if _expansion._monomials is None:
        pytest.skip("pinnlab was installed without a compiler")
    sums = _expansion._monomials.sums
    with pytest.raises(TypeError, match=r"expected degree, x, .* got 2 arguments"):
        sums(2, 0)
    with pytest.raises(TypeError, match="integer"):
        sums(2, "x", 0, 0, 0, 0, 0)
    for degree in (1, 7):
        with pytest.raises(ValueError, match=f"a degree from 2 to 6, got {degree}"):
            sums(degree, 0, 0, 0, 0, 0, 0)
