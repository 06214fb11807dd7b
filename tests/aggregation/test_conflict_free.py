"""The default: groups of terms on the same points do not raise each other."""

import pytest
import torch
from cases import PROBLEMS, assembly
from term_gradients import matrix

import pinnlab as pl
from pinnlab.aggregation.base import Setup, gramian_of, grouped, spread
from pinnlab.errors import DeclarationError
from pinnlab.optim.base import Status

NAMES = ["momentum", "mass", "walls", "start"]
TOGETHER = [["momentum", "mass"], ["walls"], ["start"]]


def objective_of(name):
    return assembly(PROBLEMS[name](), seed=3).objective


def trained(name, gradients, phases):
    objective = objective_of(name)
    for phase in phases:
        stepper = phase.start(objective, gradients)
        for _ in range(phase.steps):
            assert stepper.step(objective).status is Status.OK
    return objective.flat_parameters()


@pytest.mark.parametrize("inner", [pl.UPGrad(), pl.ConFIG(), pl.PCGrad(), pl.MultiAdam()])
def test_the_direction_is_that_of_the_gradients_of_groups(inner):
    combiner = pl.ConflictFree(inner).start(Setup(NAMES, together=TOGETHER))
    assert combiner.groups == [[0, 1], [2], [3]]
    rows = grouped(matrix(4, 9, 0), combiner.groups)
    found = combiner(rows, gramian_of(rows))
    torch.testing.assert_close(found, inner.start(Setup(["a", "b", "c"]))(rows, gramian_of(rows)))
    torch.testing.assert_close(rows[0], matrix(4, 9, 0)[:2].sum(0))


def test_groups_of_ones_own():
    gradients = pl.ConflictFree(groups=[["start", "walls"], ["mass", "momentum"]])
    assert gradients.start(Setup(NAMES, together=TOGETHER)).groups == [[2, 3], [0, 1]]
    assert pl.ConflictFree().start(Setup(NAMES)).groups is None


@pytest.mark.parametrize("name", ["heat_flux", "cavity"])
def test_a_step_takes_the_direction(name):
    objective = objective_of(name)
    groups = [[objective.names.index(n) for n in names] for names in objective.together()]
    rows, before = objective.gradients()[0], objective.flat_parameters()
    expected = pl.UPGrad()(grouped(rows, groups))
    stepper = pl.Optimizer("SGD", 1, lr=1e-3).start(objective, pl.ConflictFree())
    report = stepper.step(objective)
    assert (report.gramian is None) == (len(groups) < len(objective.names))
    moved = (before - objective.flat_parameters()) / 1e-3
    torch.testing.assert_close(moved, expected, rtol=1e-6, atol=1e-9)
    # To first order no group rises.
    slack = 1e-9 * float(rows.norm() * moved.norm())
    assert float((grouped(rows, groups) @ moved).min()) >= -slack


def test_a_detailed_step_tells_how_all_gradients_lie():
    plain, detailed = objective_of("cavity"), objective_of("cavity")
    rows = plain.gradients()[0]
    reports = []
    for objective, wanted in ((plain, False), (detailed, True)):
        stepper = pl.Adam(1, lr=1e-3).start(objective, pl.ConflictFree())
        stepper.detailed = wanted
        reports.append(stepper.step(objective))
    report = reports[1]
    torch.testing.assert_close(report.gramian, gramian_of(rows))
    members = [[plain.names.index(n) for n in names] for names in plain.together()]
    found = pl.UPGrad().weights(gramian_of(grouped(rows, members)))
    torch.testing.assert_close(report.coefficients, spread(found, members))
    torch.testing.assert_close(plain.flat_parameters(), detailed.flat_parameters())


def test_without_conflict_it_is_the_plain_sum():
    rows = matrix(3, 9, 1).abs()
    torch.testing.assert_close(pl.ConflictFree()(rows), rows.sum(0))


@pytest.mark.parametrize("name", ["heat_flux", "cavity"])
def test_phases_with_curvature_go_along_the_loss(name):
    phases = [pl.LBFGS(3)]
    assert torch.equal(trained(name, pl.ConflictFree(), phases), trained(name, None, phases))
    phases = [pl.Adam(3, lr=1e-2)]
    assert not torch.equal(trained(name, pl.ConflictFree(), phases), trained(name, None, phases))


def test_one_group_is_the_plain_sum():
    names = objective_of("cavity").names
    phases = [pl.Adam(3, lr=1e-2)]
    found = trained("cavity", pl.ConflictFree(groups=[names]), phases)
    assert torch.equal(found, trained("cavity", None, phases))


def test_one_group_a_step():
    """M-ConFIG renews one group in turn; loss and terms are known from the first step on."""
    objective = objective_of("cavity")
    stepper = pl.Adam(9, lr=1e-3).start(objective, pl.ConflictFree(pl.MConFIG()))
    first = stepper.step(objective)
    losses = [float(stepper.step(objective).loss) for _ in range(8)]
    assert torch.isfinite(first.mean_squares).all()
    assert losses[-1] < float(first.loss)
    assert len(objective.together()) < len(objective.names)


def test_what_does_not_fit_is_refused():
    with pytest.raises(DeclarationError, match=r"needs an aggregator[\s\S]*ConflictFree\(ConFIG"):
        pl.ConflictFree("ConFIG")
    with pytest.raises(DeclarationError, match="needs an aggregator"):
        pl.ConflictFree(pl.ConflictFree())
    with pytest.raises(DeclarationError, match=r"lists of names[\s\S]*'points', or a list"):
        pl.ConflictFree(groups="kind")
    for wrong in (None, 3, [3]):
        with pytest.raises(DeclarationError, match="needs lists of names in `groups`"):
            pl.ConflictFree(groups=wrong)
    with pytest.raises(DeclarationError, match="no group for 'start'"):
        pl.ConflictFree(groups=TOGETHER[:2]).start(Setup(NAMES))
    nested = pl.ConflictFree(pl.MultiAdam([["x", "y"], ["z"]]), [["x"], ["y"], ["z"]])
    with pytest.raises(DeclarationError, match="has groups of its own"):
        nested.start(Setup(["x", "y", "z"]))
