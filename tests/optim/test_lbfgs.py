import pytest
import torch
from cases import PROBLEMS, assembly
from optim.functions import Function, beale, quadratic, rosenbrock, run

import pinnlab as pl
from pinnlab.errors import DeclarationError
from pinnlab.optim.base import Status
from pinnlab.optim.lbfgs import LBFGSStepper


@pytest.mark.parametrize(
    "make, minimum",
    [(rosenbrock, [1.0, 1.0]), (beale, [3.0, 0.5]), (quadratic, [1.0] * 20)],
    ids=["rosenbrock", "beale", "quadratic"],
)
def test_minimum_is_found_to_the_tolerance(make, minimum):
    objective = make()
    reports = run(pl.LBFGS(300, tolerance_gradient=1e-9), objective)
    assert reports[-1].status is Status.CONVERGED
    assert "gradient entry" in reports[-1].message
    objective.loss_and_gradient()
    assert float(objective.flat_gradient().abs().max()) <= 1e-9
    torch.testing.assert_close(
        objective.flat_parameters(), torch.tensor(minimum, dtype=torch.float64), atol=1e-7, rtol=0
    )


def test_loss_falls_at_every_step_and_is_the_loss_there():
    objective = rosenbrock()
    phase = pl.LBFGS(40)
    stepper = phase.start(objective, None)
    last = objective.loss().item()
    for _ in range(20):
        report = stepper.step(objective)
        assert float(report.loss) < last
        last = float(report.loss)
        assert last == pytest.approx(objective.loss().item(), rel=1e-14)
        assert report.mean_squares.tolist() == pytest.approx([2 * last])


def test_a_quadratic_of_few_dimensions_takes_few_steps():
    # With exact line searches n steps are enough; inexact ones take a few more.
    reports = run(pl.LBFGS(100, tolerance_gradient=1e-8), quadratic(5, 100.0))
    assert len(reports) <= 25


def test_evaluations_are_those_of_the_objective():
    objective = rosenbrock()
    reports = run(pl.LBFGS(15), objective)
    assert sum(report.evaluations for report in reports) == objective.evaluations


def test_a_start_at_the_minimum_has_converged():
    objective = Function(lambda t: t - 1, [1.0, 1.0])
    (report,) = run(pl.LBFGS(5), objective)
    assert report.status is Status.CONVERGED
    assert report.evaluations == 1


def test_tiny_progress_is_convergence():
    objective = Function(lambda t: torch.cat([1e-9 * t, torch.ones(1).double()]), [1.0, 1.0])
    reports = run(pl.LBFGS(100, tolerance_gradient=1e-30), objective)
    assert reports[-1].status in (Status.CONVERGED, Status.STALLED)
    assert len(reports) < 30
    assert reports[-1].message


def test_a_wrong_gradient_stalls_and_says_so():
    class Wrong(Function):
        def flat_gradient(self):
            return -super().flat_gradient()

    objective = Wrong(lambda t: t - 1, [0.0, 3.0])
    before = objective.flat_parameters()
    (report,) = run(pl.LBFGS(5), objective)
    assert report.status is Status.STALLED
    assert "no lower loss" in report.message
    assert "resample" in report.status.value
    assert torch.equal(objective.flat_parameters(), before)


def test_a_non_finite_start_leaves_the_parameters_and_names_the_term():
    objective = Function(lambda t: torch.log(t), [-1.0, 2.0])
    before = objective.flat_parameters()
    (report,) = run(pl.LBFGS(5), objective)
    assert report.status is Status.NON_FINITE
    assert "term 'only' is nan at nowhere" in report.message
    assert torch.equal(objective.flat_parameters(), before)


@pytest.mark.parametrize("bad", ["value", "gradient"])
def test_a_loss_that_is_lost_between_two_steps_is_told_and_the_memory_stays(bad):
    objective, lost = rosenbrock(), []
    bend = {"value": lambda r: r * float("nan"), "gradient": lambda r: r + torch.sqrt(r - r)}[bad]
    good = objective.residual
    objective.residual = lambda t: bend(good(t)) if lost else good(t)
    stepper = pl.LBFGS(9).start(objective, None)
    for _ in range(4):
        assert stepper.step(objective).status is Status.OK
    before, moves = objective.flat_parameters(), list(stepper.moves)
    lost.append(True)
    for _ in range(2):
        report = stepper.step(objective)
        assert report.status is Status.NON_FINITE
        words = {"value": "term 'only' is nan at nowhere", "gradient": "its gradient is not"}[bad]
        assert words in report.message
        assert torch.equal(objective.flat_parameters(), before)
    assert len(moves) > 1 and stepper.moves == moves
    lost.clear()
    assert stepper.step(objective).status is Status.OK


def test_a_region_without_values_is_stepped_around():
    # log is nan below zero: the first unit step would land there.
    objective = Function(lambda t: torch.log(t) + 1, [2.0])
    reports = run(pl.LBFGS(50, tolerance_gradient=1e-9), objective)
    assert reports[-1].status is Status.CONVERGED
    assert float(objective.theta.detach()) == pytest.approx(torch.e**-1, rel=1e-8)


def test_new_points_are_evaluated_afresh():
    objective = rosenbrock()
    stepper = pl.LBFGS(10).start(objective, None)
    for _ in range(3):
        stepper.step(objective)
    objective.residual = lambda t: t - 5
    objective.batch_number += 1
    report = stepper.step(objective)
    assert report.status is Status.OK
    # Without a fresh evaluation the old gradient would be followed.
    assert float(report.loss) == pytest.approx(objective.loss().item(), rel=1e-14)


@pytest.mark.parametrize("taken", [1, 4, 9])
def test_a_restored_stepper_takes_the_same_steps(taken):
    phase, first = pl.LBFGS(100, memory=5), rosenbrock()
    stepper = phase.start(first, None)
    for _ in range(taken):
        stepper.step(first)
    second = rosenbrock()
    second.set_flat_parameters(first.flat_parameters())
    other = phase.start(second, None)
    other.load_state_dict(stepper.state_dict())
    for _ in range(6):
        a, b = stepper.step(first), other.step(second)
        assert float(a.loss) == float(b.loss)
        assert a.evaluations == b.evaluations
    assert torch.equal(first.flat_parameters(), second.flat_parameters())


def test_every_counter_is_restored():
    stepper, objective = pl.LBFGS(30).start(rosenbrock(), None), rosenbrock()
    stepper.step(objective)
    stepper.small_steps = 7
    other = pl.LBFGS(30).start(objective, None)
    other.load_state_dict(stepper.state_dict())
    own, restored = vars(stepper), vars(other)
    for name in ("moves", "changes", "gradient", "loss", "squares", "small_steps", "batch"):
        assert str(own[name]) == str(restored[name]), name


def test_memory_is_bounded():
    stepper = pl.LBFGS(30, memory=3).start(objective := rosenbrock(), None)
    for _ in range(12):
        stepper.step(objective)
    assert len(stepper.state_dict()["moves"]) == 3


def test_it_lowers_the_loss_of_a_problem():
    built = assembly(PROBLEMS["poisson_line"]())
    start = built.objective.loss().item()
    reports = run(pl.LBFGS(30), built.objective)
    assert float(reports[-1].loss) < 1e-3 * start


def test_the_sum_is_the_plain_method():
    assert type(pl.LBFGS(5).start(rosenbrock(), pl.Sum())) is LBFGSStepper


@pytest.mark.parametrize(
    "arguments",
    [
        {"steps": 0},
        {"steps": 2.5},
        {"steps": 5, "memory": 0},
        {"steps": 5, "line_search": -1},
        {"steps": 5, "resample": 0},
        {"steps": 5, "tolerance_gradient": 0.0},
        {"steps": 5, "tolerance_change": float("nan")},
    ],
    ids=str,
)
def test_numbers_that_make_no_sense_are_refused(arguments):
    with pytest.raises(DeclarationError, match="LBFGS cannot have"):
        pl.LBFGS(**arguments)
