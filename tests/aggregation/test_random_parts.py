"""GradDrop and SparseTraining: what they leave out, and what it costs on average."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from term_gradients import matrix

from pinnlab.aggregation import ConFIG, GradDrop, MConFIG, PCGrad, SparseTraining, Sum
from pinnlab.aggregation.base import Setup, gramian_of
from pinnlab.errors import DeclarationError

NAMES = ["a", "b", "c"]


def test_every_parameter_keeps_the_gradients_of_one_sign():
    jacobian = matrix(3, 400)
    d = GradDrop()(jacobian)
    up, down = jacobian.clamp_min(0).sum(0), jacobian.clamp_max(0).sum(0)
    assert bool(((d - up).abs().minimum((d - down).abs()) <= 1e-12).all())
    assert bool((d == up).any()) and bool((d == down).any())


def test_in_the_mean_it_is_the_gradient_of_the_loss():
    jacobian, count = matrix(3, 50), 4000
    combiner = GradDrop().start(Setup(NAMES))
    mean = sum(combiner(jacobian, gramian_of(jacobian)) for _ in range(count)) / count
    # A draw deviates by at most Σ|g|, so five standard errors of the mean are below this.
    room = 5 * jacobian.abs().sum(0) / count**0.5
    assert bool(((mean - jacobian.sum(0)).abs() <= room).all())


def test_leaks_let_a_share_of_the_dropped_pass():
    jacobian = matrix(3, 60)
    plain = GradDrop().start(Setup(NAMES, seed=4))(jacobian, gramian_of(jacobian))
    leaky = GradDrop({"b": 0.25}).start(Setup(NAMES, seed=4))(jacobian, gramian_of(jacobian))
    kept_up = plain > 0
    dropped = torch.where(kept_up, jacobian[1].clamp_max(0), jacobian[1].clamp_min(0))
    torch.testing.assert_close(leaky - plain, 0.25 * dropped)
    whole = GradDrop(dict.fromkeys(NAMES, 1.0)).start(Setup(NAMES))(jacobian, gramian_of(jacobian))
    torch.testing.assert_close(whole, jacobian.sum(0))


def test_leaks_are_shares_of_terms():
    for wrong in (0.5, None, ["a"]):
        with pytest.raises(DeclarationError, match="GradDrop cannot have leak"):
            GradDrop(wrong)
    with pytest.raises(DeclarationError, match=r"leak of 'a'[\s\S]*\[0, 1\]"):
        GradDrop({"a": 1.2})
    with pytest.raises(DeclarationError, match="in `leak` that does not exist: 'd'"):
        GradDrop({"d": 0.2}).start(Setup(NAMES))


@given(st.sampled_from([0.01, 0.3, 0.5, 1.0]), st.integers(3, 200), st.integers(0, 20))
def test_a_fixed_part_moves(share, p, seed):
    combiner = SparseTraining(share).start(Setup(NAMES, seed=seed))
    moved = [combiner(rows, gramian_of(rows)) != 0 for rows in (matrix(3, p, k) for k in range(3))]
    assert int(moved[0].sum()) == max(1, round(share * p))
    assert all(torch.equal(a, moved[0]) for a in moved)


def test_the_part_moves_by_the_other_aggregator():
    combiner = SparseTraining(0.4, ConFIG()).start(Setup(NAMES, seed=1))
    rows = matrix(3, 30)
    d = combiner(rows, gramian_of(rows))
    chosen = d != 0
    torch.testing.assert_close(d[chosen], ConFIG()(rows[:, chosen]))
    torch.testing.assert_close(SparseTraining(1.0)(rows), Sum()(rows))


def test_what_the_other_aggregator_is_it_is():
    names = SparseTraining(0.5, MConFIG()).start(Setup(NAMES))
    assert names.finished
    assert names.wanted() is None
    rows = matrix(3, 10)
    names(rows, gramian_of(rows))
    assert names.wanted() == [0]
    assert not SparseTraining(0.5, PCGrad()).start(Setup(NAMES)).finished


def test_shares_and_aggregators():
    for share in (0, 1.2, True):
        with pytest.raises(DeclarationError, match=r"cannot have share[\s\S]*\(0, 1\]"):
            SparseTraining(share)
    with pytest.raises(DeclarationError, match=r"needs an aggregator[\s\S]*ConFIG\(\)"):
        SparseTraining(0.5, torch.sum)
