"""UPGrad and DualProj against projections by SciPy; PCGrad against its vectors."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import nnls
from term_gradients import EXPONENTS, jacobians, matrix, sized

from pinnlab.aggregation import DualProj, PCGrad, UPGrad
from pinnlab.aggregation._dice import Dice
from pinnlab.aggregation.base import Setup, gramian_of


def projection(jacobian, vector):
    """Onto the dual cone {d: J d ≥ 0}: by Moreau, v + Jᵀz with the closest point of −cone(J)."""
    lengths = torch.linalg.vector_norm(jacobian, dim=1)
    rows = (jacobian / lengths.clamp_min(1e-300)[:, None]).numpy()
    scale = max(float(vector.norm()), 1e-300)
    z = nnls(rows.T, -vector.numpy() / scale)[0]
    return vector + torch.from_numpy(rows.T @ z) * scale


@given(jacobians())
def test_up_grad_is_the_sum_of_projections(jacobian):
    expected = sum(projection(jacobian, row) for row in jacobian)
    largest = float(torch.linalg.vector_norm(jacobian, dim=1).max())
    torch.testing.assert_close(UPGrad()(jacobian), expected, rtol=1e-8, atol=1e-9 * largest)


@given(jacobians())
def test_dual_proj_is_the_projection_of_the_sum(jacobian):
    expected = projection(jacobian, jacobian.sum(0))
    largest = float(torch.linalg.vector_norm(jacobian, dim=1).max())
    torch.testing.assert_close(DualProj()(jacobian), expected, rtol=1e-8, atol=1e-9 * largest)


@given(st.integers(0, 100), st.lists(st.sampled_from(EXPONENTS), min_size=3, max_size=3))
def test_up_grad_weighs_linearly(seed, exponents):
    # The projections depend on directions alone, so each one takes the size of its term.
    jacobian = matrix(3, 7, seed)
    scales = torch.tensor([10.0**e for e in exponents], dtype=torch.float64)
    single = [projection(jacobian, row) for row in jacobian]
    expected = sum(scale * part for scale, part in zip(scales, single, strict=True))
    found = UPGrad()(sized(jacobian, exponents))
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-9 * float(scales.max()))


def test_up_grad_of_opposite_gradients_is_zero():
    g = matrix(1, 9)[0]
    assert float(UPGrad()(torch.stack([g, -2 * g])).norm()) <= 1e-14


@given(st.integers(0, 300))
def test_pc_grad_of_two_terms_lets_none_increase(seed):
    jacobian = matrix(2, 3, seed)
    assert float((jacobian @ PCGrad()(jacobian)).min()) >= -1e-12


@given(jacobians())
def test_pc_grad_projects_vectors(jacobian):
    combiner, dice = PCGrad().start(Setup([str(k) for k in range(len(jacobian))], seed=5)), Dice(5)
    for _ in range(2):
        direction = combiner(jacobian, gramian_of(jacobian))
        expected = torch.zeros_like(direction)
        for i, order in enumerate(dice.orders(len(jacobian))):
            g = jacobian[i].clone()
            for j in order:
                other = jacobian[j]
                # What rounding leaves of a product is no conflict.
                least = -1e-12 * g.norm() * other.norm()
                if j != i and float(g @ other) < least:
                    g -= (g @ other) / (other @ other) * other
            expected += g
        largest = float(torch.linalg.vector_norm(jacobian, dim=1).max())
        torch.testing.assert_close(direction, expected, rtol=1e-8, atol=1e-8 * largest)


def test_pc_grad_takes_every_order():
    orders = [tuple(order) for _ in range(200) for order in Dice(1).orders(3)]
    dice = Dice(1)
    drawn = {tuple(order) for _ in range(60) for order in dice.orders(3)}
    assert len(drawn) == 6
    assert len(set(orders)) == 3  # the same seed draws the same again


def test_the_order_matters_with_three_terms():
    jacobian = matrix(3, 3, 6)
    combiner = PCGrad().start(Setup(["a", "b", "c"]))
    found = {
        tuple(np.round(combiner(jacobian, gramian_of(jacobian)).numpy(), 9)) for _ in range(30)
    }
    assert len(found) > 1


@pytest.mark.parametrize("aggregator", [UPGrad(), DualProj()], ids=repr)
def test_any_inner_product(aggregator):
    # Quasi-Newton methods combine H g_k, with inner products in the metric of H.
    jacobian, metric = matrix(3, 6, 4), torch.diag(torch.arange(1.0, 7.0, dtype=torch.float64))
    root = metric.sqrt()
    expected = aggregator(jacobian @ root)
    found = aggregator.weights(jacobian @ metric @ jacobian.T) @ jacobian @ root
    torch.testing.assert_close(found, expected)
