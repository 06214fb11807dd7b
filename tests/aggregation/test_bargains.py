"""CAGrad, NashMTL, IMTLG, AlignedMTL and GradVac by their own equations."""

import math

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from term_gradients import common_descent, jacobians, matrix, sized

from pinnlab.aggregation import IMTLG, AlignedMTL, CAGrad, ConFIG, GradVac, NashMTL
from pinnlab.aggregation._dice import Dice
from pinnlab.aggregation.base import Setup, gramian_of
from pinnlab.errors import DeclarationError


@given(jacobians(), st.sampled_from([0.1, 0.5, 0.9]))
def test_ca_grad_has_no_duality_gap(jacobian, c):
    jacobian = jacobian[jacobian.abs().sum(1) > 0]
    assume(len(jacobian) and common_descent(jacobian) > 1e-3)
    g0 = jacobian.sum(0)
    weights = CAGrad(c).weights(gramian_of(jacobian))
    d, radius = weights @ jacobian, c * float(g0.norm())
    size = float(torch.linalg.vector_norm(jacobian, dim=1).max())
    assert float((d - g0).norm()) <= radius + 1e-7 * size
    # Whatever the shares w, no direction in the ball has a larger least rate than
    # (Jᵀw)·g0 + c‖g0‖‖Jᵀw‖; those of the solution leave no gap.
    shares = (weights - 1).clamp_min(0)
    if float(shares.sum()) > 0:
        mixed = (shares / shares.sum()) @ jacobian
        bound = float(mixed @ g0) + radius * float(mixed.norm())
        least = float((jacobian @ d).min())
        assert least >= bound - 1e-7 * size * float(mixed.norm() + mixed.abs().max())


@given(jacobians(), st.sampled_from([0.1, 0.5, 0.9]))
def test_ca_grad_lowers_the_loss(jacobian, c):
    g0, d = jacobian.sum(0), CAGrad(c)(jacobian)
    size = float(torch.linalg.vector_norm(jacobian, dim=1).max())
    if bool(d.any()):
        assert float(g0 @ d) >= (1 - c) * float(g0 @ g0) - 1e-7 * size * float(g0.norm())


@pytest.mark.parametrize("c", [-0.1, 1.0, "half", True])
def test_ca_grad_refuses_radii(c):
    with pytest.raises(DeclarationError, match=r"CAGrad cannot have c=[\s\S]*\[0, 1\)"):
        CAGrad(c)


@given(jacobians())
def test_nash_mtl_solves_the_bargaining_equation(jacobian):
    jacobian = jacobian[jacobian.abs().sum(1) > 0]
    assume(len(jacobian) and common_descent(jacobian) > 1e-3)
    gramian = gramian_of(jacobian)
    alpha = NashMTL().weights(gramian)
    assert bool((alpha > 0).all())
    # Of parts that are as large as they are, a conflict of cosine 1e-3 leaves 1e-6.
    torch.testing.assert_close(alpha * (gramian @ alpha), torch.ones_like(alpha), rtol=1e-6, atol=0)
    length = math.sqrt(len(alpha))
    assert float((alpha @ jacobian).norm()) == pytest.approx(length, rel=1e-6)


@given(st.lists(st.sampled_from([-10, -3, 0, 4, 10]), min_size=3, max_size=3), st.integers(0, 50))
def test_nash_mtl_does_not_see_sizes(exponents, seed):
    jacobian = matrix(3, 8, seed)
    expected = NashMTL()(jacobian)
    torch.testing.assert_close(
        NashMTL()(sized(jacobian, exponents)), expected, rtol=1e-8, atol=1e-8
    )


def test_nash_mtl_of_orthogonal_gradients_is_the_sum_of_the_units():
    jacobian = torch.diag(torch.tensor([1.0, 100.0, 1e-4], dtype=torch.float64))
    torch.testing.assert_close(NashMTL()(jacobian), torch.ones(3, dtype=torch.float64))


def test_nash_mtl_without_a_bargain():
    g = matrix(1, 9)[0]
    assert not NashMTL()(torch.stack([g, -2 * g])).any()


@given(st.integers(1, 5), st.integers(0, 200))
def test_imtl_g_projects_equally_with_sum_one(m, seed):
    jacobian = sized(matrix(m, 9, seed), [0, 3, -2, 1, -1][:m])
    weights = IMTLG().weights(gramian_of(jacobian))
    assert float(weights.sum()) == pytest.approx(1, abs=1e-9 * float(weights.abs().sum()))
    d = weights @ jacobian
    projections = jacobian @ d / torch.linalg.vector_norm(jacobian, dim=1)
    room = 1e-8 * float(d.norm())
    torch.testing.assert_close(projections, projections[:1].expand(m), rtol=0, atol=room)
    cosine = torch.nn.functional.cosine_similarity(d, ConFIG()(jacobian), dim=0)
    assert abs(float(cosine)) == pytest.approx(1)


def test_imtl_g_may_turn_round():
    # The third gradient lies between the first two, and a little less steep.
    jacobian = torch.tensor([[1.0, 0.3, 0.0], [-1.0, 0.3, 0.0], [0.0, 1.0, 0.1]]).double()
    assert float(ConFIG().weights(gramian_of(jacobian)).min()) < 0
    assert float((jacobian @ IMTLG()(jacobian)).min()) > 0
    jacobian[2] *= 1e-3
    assert float((jacobian @ ConFIG()(jacobian)).min()) > 0
    assert float((jacobian @ IMTLG()(jacobian)).max()) < 0


def test_imtl_g_of_opposite_gradients_has_no_direction():
    g = matrix(1, 9)[0]
    assert not IMTLG()(torch.stack([g, -3 * g])).any()


@pytest.mark.parametrize(
    ("scale", "length"),
    [("min", lambda s: s.min()), ("rmse", lambda s: s.square().mean().sqrt())],
)
def test_aligned_mtl_adds_orthogonal_rows(scale, length):
    jacobian = matrix(3, 8)
    u, s, vh = torch.linalg.svd(jacobian, full_matrices=False)
    expected = length(s) * (u @ vh).sum(0)
    torch.testing.assert_close(AlignedMTL(scale)(jacobian), expected)


def test_aligned_mtl_refuses_scales():
    with pytest.raises(DeclarationError, match="AlignedMTL has no scale 'mean'"):
        AlignedMTL("mean")


@given(st.integers(2, 4), st.integers(0, 60), st.sampled_from([0.05, 0.5, 1.0]))
def test_grad_vac_turns_vectors(m, seed, beta):
    combiner = GradVac(beta=beta).start(Setup([str(k) for k in range(m)], seed=2))
    dice, goals = Dice(2), torch.zeros(m, m, dtype=torch.float64)
    for step in range(3):
        jacobian = matrix(m, 7, 50 * seed + step)
        direction = combiner(jacobian, gramian_of(jacobian))
        expected = torch.zeros_like(direction)
        for i, order in enumerate(dice.orders(m)):
            g = jacobian[i].clone()
            for j in order:
                if j == i:
                    continue
                other, goal = jacobian[j], float(goals[i, j])
                cosine = float(g @ other / (g.norm() * other.norm()))
                if cosine < goal:
                    turn = goal * math.sqrt(1 - cosine**2) - cosine * math.sqrt(1 - goal**2)
                    g += g.norm() * turn / (other.norm() * math.sqrt(1 - goal**2)) * other
                    assert float(g @ other / (g.norm() * other.norm())) == pytest.approx(goal)
                goals[i, j] = (1 - beta) * goal + beta * cosine
            expected += g
        torch.testing.assert_close(direction, expected)


def test_grad_vac_starts_as_pc_grad():
    from pinnlab.aggregation import PCGrad

    jacobian = matrix(3, 4)
    torch.testing.assert_close(GradVac()(jacobian), PCGrad()(jacobian))


def test_grad_vac_of_gradients_that_became_parallel():
    combiner = GradVac(beta=1.0).start(Setup(["a", "b"]))
    g = matrix(1, 6)[0]
    for other in (g, 2 * g, g + 1e-9 * matrix(1, 6, 3)[0], -g):
        jacobian = torch.stack([g, other])
        assert bool(combiner(jacobian, gramian_of(jacobian)).isfinite().all())


@pytest.mark.parametrize("beta", [0.0, 1.5])
def test_grad_vac_refuses_means_that_stand_still(beta):
    with pytest.raises(DeclarationError, match=r"GradVac cannot have beta[\s\S]*\(0, 1\]"):
        GradVac(beta)
