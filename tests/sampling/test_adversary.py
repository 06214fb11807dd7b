import math

import numpy as np
import pytest
import torch

from pinnlab.errors import GeometryError
from pinnlab.sampling import Adversary, SplineFlow

F64 = torch.float64


def everywhere(u):
    return torch.ones(len(u), dtype=torch.bool)


def train(adversary, squares, rounds, rng, steps=10, batch=100, candidates=1000):
    for _ in range(rounds):
        u, q = adversary.mixture(candidates, rng)
        assert adversary.train(u, q, squares(u), steps=steps, batch=batch, rng=rng)


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_the_density_solves_the_equation_of_the_best_one(share, rng):
    # With s = 1 + a cos πx, -2β p'' = s - 1 has the solution p = 1 + a cos πx / 2βπ².
    a, beta = 0.5, 0.05
    adversary = Adversary(SplineFlow(1), everywhere, share=share, beta=beta, lr=1e-2)
    train(adversary, lambda u: 3 * (1 + a * torch.cos(math.pi * u[:, 0])), 20, rng, batch=400)
    x = torch.linspace(0, 1, 21, dtype=F64)[:, None]
    best = 1 + a * torch.cos(math.pi * x[:, 0]) / (2 * beta * math.pi**2)
    with torch.no_grad():
        found = adversary.flow.log_density(x).exp()
    # The amplitude is 0.51; what is left is the noise of 400 points a step.
    assert (found - best).abs().max() < 0.1


def test_a_peak_is_found_and_kept_as_wide_as_the_penalty_says(rng):
    centre = torch.tensor([0.7, 0.3], dtype=F64)
    half = {}
    for beta in (1e-2, 1e-3):
        flow = SplineFlow(2, layers=2, width=12)
        adversary = Adversary(flow, everywhere, beta=beta, lr=2e-3)
        train(adversary, lambda u: torch.exp(-((u - centre) ** 2).sum(1) / 0.01), 15, rng)
        distance = (adversary.draw(2000, "sobol", rng) - centre).norm(dim=1)
        half[beta] = float(distance.median())
    # Even points have half of them within 0.45 of there.
    assert half[1e-3] < half[1e-2] < 0.3


def test_the_loss_is_the_integrals(rng):
    # p(x) = g'(x) in one dimension: the penalty by a fine rule, the gain by hand.
    adversary = Adversary(SplineFlow(1), everywhere, share=0.5, beta=0.3)
    with torch.no_grad():
        adversary.flow.single.add_(0.3 * torch.randn(adversary.flow.single.shape, dtype=F64))
    fine = ((torch.arange(20_000, dtype=F64) + 0.5) / 20_000)[:, None]
    with torch.no_grad():
        p = adversary.flow.log_density(fine).exp()
    penalty = float((p.diff() * 20_000).square().mean())
    peaks = torch.tensor([[0.25], [0.75]], dtype=F64)
    with torch.no_grad():
        gain = float(adversary.flow.log_density(peaks).exp().mean())
    u, q = adversary.mixture(20_000, rng)
    found = float(adversary.loss(peaks, u, q).detach())
    torch.testing.assert_close(q, 0.5 + 0.5 * adversary.flow.log_density(u).exp().detach())
    assert found == pytest.approx(0.3 * penalty - gain, rel=0.1)


def test_only_the_domain_is_drawn_from(rng):
    def disk(u):
        return (u - 0.5).square().sum(1) < 0.25

    adversary = Adversary(SplineFlow(2), disk, beta=1e-2)
    u, q = adversary.mixture(1000, rng)
    assert disk(u).all() and len(u) == len(q)
    assert len(u) == pytest.approx(1000 * math.pi / 4, abs=5 * math.sqrt(1000 * 0.17))
    assert disk(adversary.draw(501, "sobol", rng)).all()
    assert len(adversary.draw(501, "sobol", rng)) == 501


def test_a_domain_out_of_reach_is_told():
    adversary = Adversary(SplineFlow(2), lambda u: torch.zeros(len(u), dtype=torch.bool))
    with pytest.raises(GeometryError, match="lies outside the domain"):
        adversary.draw(5, "uniform", np.random.default_rng(0))


@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_no_step_without_a_residual(value, rng):
    adversary = Adversary(SplineFlow(2), everywhere)
    u, q = adversary.mixture(20, rng)
    squares = torch.full((20,), value, dtype=F64)
    assert not adversary.train(u, q, squares, steps=2, batch=5, rng=rng)
    assert not adversary.train(u[:0], q[:0], squares[:0], steps=2, batch=5, rng=rng)
    assert adversary.flow.log_density(u).abs().max() < 1e-13


def test_training_goes_on_from_a_state(rng):
    def squares(u):
        return u.square().sum(1)

    first, second = (Adversary(SplineFlow(2, width=4), everywhere) for _ in range(2))
    train(first, squares, 1, rng, steps=3)
    second.load_state_dict(first.state_dict())
    for adversary in (first, second):
        train(adversary, squares, 1, np.random.default_rng(5), steps=2)
    for a, b in zip(first.flow.parameters(), second.flow.parameters(), strict=True):
        assert torch.equal(a, b)
