"""ConFIG and MConFIG beside the package of the authors, where it is installed."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from term_gradients import matrix, sized

from pinnlab.aggregation import ConFIG, MConFIG
from pinnlab.aggregation.base import Setup, gramian_of

operators = pytest.importorskip("conflictfree.grad_operator")
momenta = pytest.importorskip("conflictfree.momentum_operator")


F32 = torch.float32  # the only precision that the package takes


@given(st.integers(1, 4), st.integers(0, 200))
def test_directions(m, seed):
    jacobian = sized(matrix(m, 40, seed, F32), [0, 2, -3, 1][:m])
    room = 1e-4 * float(ConFIG()(jacobian).abs().max())
    theirs = operators.ConFIG_update(jacobian)
    torch.testing.assert_close(ConFIG()(jacobian), theirs, rtol=1e-4, atol=room)


def test_momenta():
    theirs = momenta.PseudoMomentumOperator(3, beta_1=0.9, beta_2=0.99)
    ours = MConFIG().start(Setup(["a", "b", "c"], betas=(0.9, 0.99), eps=1e-8))
    for step in range(9):
        wanted = ours.wanted()
        numbers = [0, 1, 2] if wanted is None else list(wanted)
        rows = matrix(3, 40, step, F32)[numbers]
        expected = theirs.calculate_gradient(numbers, list(rows))
        torch.testing.assert_close(ours(rows, gramian_of(rows)), expected, rtol=1e-3, atol=1e-3)
