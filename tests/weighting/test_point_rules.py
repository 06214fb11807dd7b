"""RBA and self-adaptive weights: numbers of single points."""

import math

import pytest
import torch
from cases import PROBLEMS, assembly
from weighting.by_hand import objective

import pinnlab as pl
from pinnlab.errors import DeclarationError
from pinnlab.weighting.base import Weights
from pinnlab.weighting.rba import relative_size

F64 = torch.float64


def stepped(there, weighting, steps: int, rate: float = 1e-3) -> tuple[Weights, list]:
    """Weights over steps of gradient descent, and the factors that each step had."""
    weights = Weights(there, [weighting])
    seen = []
    for step in range(steps):
        weights.update(there, step)
        seen.append({k: v.clone() for k, v in there.point_weights.items()})
        there.loss_and_gradient()
        weights.observe(there)
        with torch.no_grad():
            for p in there.parameters:
                p -= rate * p.grad
    return weights, seen


def sizes(there, name: str) -> torch.Tensor:
    return there.residuals()[name].detach().norm(dim=1)


def test_attention_follows_its_formula() -> None:
    there = objective("cavity")
    rule = pl.RBA(eta=0.1, gamma=0.9, first=0.5)
    weights = Weights(there, [rule])
    attention = {k: 0.5 * sizes(there, k) / sizes(there, k).max() for k in ("momentum", "mass")}
    for step in range(4):
        weights.update(there, step)
        for name, expected in attention.items():
            torch.testing.assert_close(there.point_weights[name], expected**2)
        there.loss_and_gradient()
        weights.observe(there)
        for name in attention:
            share = sizes(there, name) / sizes(there, name).max()
            attention[name] = 0.9 * attention[name] + 0.1 * share
        with torch.no_grad():
            for p in there.parameters:
                p -= 1e-2 * p.grad
    assert set(there.point_weights) == {"momentum", "mass"}


@pytest.mark.parametrize("first", [0.05, 1.0])
def test_attention_is_bounded(first: float) -> None:
    rule = pl.RBA(eta=0.05, gamma=0.9, first=first)
    _, seen = stepped(objective("poisson_line"), rule, 80)
    bound = max(first, 0.05 / (1 - 0.9))
    largest = max(float(s["poisson"].max()) for s in seen) ** 0.5
    assert largest <= bound * (1 + 1e-12)
    if first < bound:  # the point with the largest residual gets close to it
        assert largest > 0.9 * bound


def test_attention_where_nothing_is_left_or_all_is_lost() -> None:
    torch.testing.assert_close(relative_size(torch.zeros(3, dtype=F64)), torch.ones(3, dtype=F64))
    lost = torch.tensor([1.0, float("inf")], dtype=F64)
    torch.testing.assert_close(relative_size(lost), torch.ones(2, dtype=F64))


@pytest.mark.parametrize("mask", ["power", "logistic"])
@pytest.mark.parametrize("ascent", ["adam", "gradient"])
@pytest.mark.parametrize("per", ["point", "term"])
def test_self_adaptive_weights_never_fall(mask: str, ascent: str, per: str) -> None:
    there = objective("heat_flux")
    rule = pl.SelfAdaptive(lr=0.05, per=per, mask=mask, ascent=ascent)
    weights = Weights(there, [rule])
    before: dict[str, torch.Tensor] = {}
    for step in range(12):
        weights.update(there, step)
        weigher = weights.weighers[0]
        now = {k: torch.as_tensor(v) for k, v in (weigher.points or weigher.terms).items()}
        assert set(now) == set(there.names)
        for name in before:
            assert bool((now[name] > before[name]).all())
        before = {k: v.clone() for k, v in now.items()}
        there.loss_and_gradient()
        weights.observe(there)
        with torch.no_grad():
            for p in there.parameters:
                p -= 1e-3 * p.grad
    if mask == "logistic":
        assert all(float(v.max()) < 100.0 for v in before.values())


def test_the_ascent_by_gradient_is_that_of_the_loss() -> None:
    there = objective("heat_flux")
    rule = pl.SelfAdaptive(lr=0.3, ascent="gradient", exponent=1.5, initial=2.0)
    weights = Weights(there, [rule])
    weights.update(there, 0)
    height = {
        k: torch.full((len(r),), 2.0, dtype=F64, requires_grad=True)
        for k, r in there.residuals().items()
    }
    blocks = {k: r.detach() for k, r in there.residuals().items()}
    # n_k times the loss, so that the rate does not depend on the number of points.
    loss = sum(
        0.5 * there.weights[k] * (height[k] ** 1.5 * blocks[k].square().sum(1)).sum()
        for k in height
    )
    loss.backward()
    there.loss_and_gradient()
    weights.observe(there)
    weights.update(there, 1)
    for name, h in height.items():
        expected = (h.detach() + 0.3 * h.grad) ** 1.5
        torch.testing.assert_close(there.point_weights[name], expected)


def test_the_ascent_by_adam_is_that_of_torch() -> None:
    there = objective("poisson_line")
    rule = pl.SelfAdaptive(lr=0.02, per="term")
    weights = Weights(there, [rule])
    height = torch.ones(2, dtype=F64, requires_grad=True)
    adam = torch.optim.Adam([height], lr=0.02, eps=0.0, maximize=True)
    for step in range(5):
        weights.update(there, step)
        expected = dict(zip(there.names, (height**2).tolist(), strict=True))
        assert weights.weighers[0].terms == pytest.approx(expected, rel=1e-12)
        _, squares = there.loss_and_gradient()
        weights.observe(there)
        height.grad = None
        (0.5 * height**2 * squares).sum().backward()
        adam.step()
        with torch.no_grad():
            for p in there.parameters:
                p -= 1e-3 * p.grad


@pytest.mark.parametrize("mask", ["power", "logistic"])
def test_slopes_of_masks(mask: str) -> None:
    rule = pl.SelfAdaptive(mask=mask, exponent=3.0, ceiling=5.0)
    at = torch.linspace(0.1, 4.0, 9, dtype=F64, requires_grad=True)
    (expected,) = torch.autograd.grad(rule.factor(at).sum(), at)
    torch.testing.assert_close(rule.slope(at.detach()), expected)
    if mask == "logistic":
        assert float(rule.factor(torch.zeros(1, dtype=F64))) == pytest.approx(1.0)


@pytest.mark.parametrize("rule", [pl.RBA(), pl.SelfAdaptive(lr=0.1)])
def test_new_points_begin_anew(rule) -> None:
    there = assembly(PROBLEMS["heat_flux"]())
    weights, _ = stepped(there.objective, rule, 5)
    old = there.objective.point_weights["heat"].clone()
    there.resample()
    weights.update(there.objective, 5)
    fresh = there.objective.point_weights["heat"]
    if isinstance(rule, pl.SelfAdaptive):
        torch.testing.assert_close(fresh, torch.ones_like(fresh))
    else:
        size = sizes(there.objective, "heat")
        torch.testing.assert_close(fresh, (size / size.max()) ** 2)
    assert not torch.equal(old, fresh)


@pytest.mark.parametrize("rule", [pl.RBA(), pl.SelfAdaptive(), pl.Causal()])
def test_residuals_that_are_not_finite_change_nothing_and_are_named(rule) -> None:
    there = objective("heat_flux")
    weights, _ = stepped(there, rule, 3)
    weights.update(there, 3)
    before = {k: v.clone() for k, v in there.point_weights.items()}
    there.loss_and_gradient()
    there.latest["heat"][2] = float("inf")
    weights.observe(there)
    weights.update(there, 4)
    assert "'heat'" in weights.messages[0] and "not finite" in weights.messages[0]
    for name, factors in before.items():
        assert torch.equal(there.point_weights[name], factors)


def test_integrals_have_no_points_to_weigh() -> None:
    there = objective("cavity")
    assert "pressure" not in pl.SelfAdaptive().start(there).names
    assert "pressure" in pl.SelfAdaptive(per="term").start(there).names
    with pytest.raises(DeclarationError, match="'pressure' is an integral"):
        pl.SelfAdaptive(terms=["pressure", "walls"]).start(there)
    with pytest.raises(DeclarationError, match="'pressure' is an integral"):
        pl.RBA(terms=["pressure"]).start(there)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: pl.RBA(gamma=1.0), "below 1"),
        (lambda: pl.RBA(eta=-1), "eta=-1"),
        (lambda: pl.RBA(first=math.inf), "first=inf"),
        (lambda: pl.RBA(terms=["heet"]).start(objective()), "did you mean 'heat'"),
        (lambda: pl.SelfAdaptive(lr=0), "lr=0"),
        (lambda: pl.SelfAdaptive(per="points"), "did you mean 'point'"),
        (lambda: pl.SelfAdaptive(mask="sigmoid"), "power, logistic"),
        (lambda: pl.SelfAdaptive(ascent="sgd"), "adam, gradient"),
        (lambda: pl.SelfAdaptive(ceiling=1.0), "ceiling=1.0"),
        (lambda: pl.SelfAdaptive(ceiling="x"), "ceiling='x'"),  # type: ignore[arg-type]
        (lambda: pl.SelfAdaptive(terms=3), "terms=3"),  # type: ignore[arg-type]
        (lambda: pl.SelfAdaptive(initial=0.0), "initial=0.0"),
        (lambda: pl.SelfAdaptive(terms=["no"]).start(objective()), "does not exist: 'no'"),
    ],
)
def test_what_makes_no_sense_is_refused(make, words: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        make()
    assert words in str(caught.value)
