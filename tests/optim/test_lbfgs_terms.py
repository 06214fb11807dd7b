import pytest
import torch
from cases import AGGREGATORS as REGISTRY
from cases import PROBLEMS, assembly
from hypothesis import given, settings
from hypothesis import strategies as st
from optim.functions import F64, Function, quadratic, rosenbrock

import pinnlab as pl
from pinnlab.aggregation.base import Aggregator, Combiner, GramianAggregator
from pinnlab.errors import DeclarationError
from pinnlab.io.state import CheckpointFolder
from pinnlab.optim.base import Status
from pinnlab.optim.lbfgs_terms import TermLBFGSStepper, apply_inverse

ROUNDING = 1e-13
VANISHED = 1e-20  # a term whose gradient is below the tolerance of 1e-12 is not watched


class Terms(Function):
    """A sum of half squared residuals of one vector of parameters, term by term.

    Args:
        residuals: By name, from parameters ``(p,)`` to residuals ``(r,)``.
        start: First parameters.
    """

    def __init__(self, residuals, start):
        super().__init__(None, start)
        self.residuals, self.names, self.seed = residuals, tuple(residuals), 0

    def _halves(self):
        return [r(self.theta).square().sum() / 2 for r in self.residuals.values()]

    def loss(self):
        return sum(self._halves())

    def gradients(self):
        self.evaluations += 1
        halves = self._halves()
        rows = [torch.autograd.grad(h, self.theta, retain_graph=True)[0] for h in halves]
        self.losses = torch.stack(halves).detach()
        return torch.stack(rows), 2 * self.losses

    def without_gradient(self, names):
        rows = dict(zip(self.names, self.gradients()[0], strict=True))
        return [name for name in names if not rows[name].isfinite().all()]


def well(centre, stiffness, name="r"):
    """½ ‖S(θ − c)‖²."""
    centre = torch.as_tensor(centre, dtype=F64)
    stiffness = torch.as_tensor(stiffness, dtype=F64)
    return lambda t: stiffness * (t - centre)


def compatible(p=8, m=3):
    """Terms of different stiffness that share one minimum, at (1, …, 1)."""
    generator = torch.Generator().manual_seed(2)
    matrices = [10.0**-k * torch.randn(p, p, generator=generator, dtype=F64) for k in range(m)]
    return Terms(
        {f"t{k}": lambda t, a=a: a @ (t - 1) for k, a in enumerate(matrices)}, torch.zeros(p)
    )


def opposed():
    """Two wells apart: what lowers both ends on the curve between them."""
    return Terms(
        {
            "west": well([-1.0, 0.0, 0.0], [1.0, 3.0, 1.0]),
            "east": well([1.0, 0.0, 0.0], [2.0, 1.0, 5.0]),
        },
        [0.5, 2.0, -3.0],
    )


def none_rises(values, before):
    """Whether no term rises, up to rounding, beside those that had vanished."""
    return bool(((values <= before * (1 + ROUNDING)) | (before < VANISHED)).all())


def run(phase, objective, aggregator):
    """All steps of a phase; the reports."""
    stepper, reports = phase.start(objective, aggregator), []
    for _ in range(phase.steps):
        reports.append(stepper.step(objective))
        if reports[-1].status is not Status.OK:
            break
    return reports


class Unequal(GramianAggregator):
    """Follows the first term only, and so makes no promise."""

    def weights(self, gramian):
        return torch.eye(len(gramian)).to(gramian)[0]


MADE = {name: make(("a", "b")) for name, make in REGISTRY.items() if name != "Sum"}
AGGREGATORS = {k: a for k, a in MADE.items() if isinstance(a, GramianAggregator)}
AGGREGATORS["unequal"] = Unequal()


@pytest.mark.parametrize("aggregator", AGGREGATORS.values(), ids=AGGREGATORS)
@pytest.mark.parametrize("make", [compatible, opposed], ids=["compatible", "opposed"])
def test_no_term_rises(make, aggregator):
    objective = make()
    stepper = pl.LBFGS(60).start(objective, aggregator)
    last = objective.gradients()[1]
    for _ in range(60):
        report = stepper.step(objective)
        assert none_rises(report.mean_squares, last)
        last = report.mean_squares
        assert float(report.loss) == pytest.approx(objective.loss().item(), rel=1e-13)
        if report.status is not Status.OK:
            break


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(2, 5),
    st.integers(-3, 3),
)
def test_no_term_of_random_nonlinear_terms_rises(seed, m, magnitude):
    generator = torch.Generator().manual_seed(seed)
    a, b = torch.randn(2, m, 4, 6, generator=generator, dtype=F64)
    residuals = {
        f"t{k}": lambda t, k=k: 10.0 ** (magnitude * k / m) * (torch.tanh(a[k] @ t) + b[k, :, 0])
        for k in range(m)
    }
    objective = Terms(residuals, torch.randn(6, generator=generator, dtype=F64))
    last = objective.gradients()[1]
    for report in run(pl.LBFGS(25), objective, pl.ConFIG()):
        assert none_rises(report.mean_squares, last)
        last = report.mean_squares


def test_a_common_minimum_is_found():
    objective = compatible()
    reports = run(pl.LBFGS(400, tolerance_gradient=1e-9), objective, pl.ConFIG())
    assert reports[-1].status is Status.CONVERGED
    assert "largest gradient entry" in reports[-1].message
    assert float((objective.flat_parameters() - 1).abs().max()) < 1e-6


def test_opposed_terms_end_where_no_direction_lowers_both():
    objective = opposed()
    reports = run(pl.LBFGS(200), objective, pl.ConFIG())
    assert reports[-1].status is Status.STALLED
    assert "'west' and 'east' oppose each other (cosine -1.0000)" in reports[-1].message
    jacobian, _ = objective.gradients()
    unit = jacobian / jacobian.norm(dim=1, keepdim=True)
    # Both gradients are far from zero there.
    assert float(jacobian.norm(dim=1).min()) > 0.1
    assert float((unit[0] + unit[1]).norm()) < 1e-4


def test_a_start_where_nothing_lowers_all_terms_moves_nothing():
    objective = Terms({"a": well([0.0], [1.0]), "b": well([1.0], [1.0])}, [0.3])
    before = objective.flat_parameters()
    (report,) = run(pl.LBFGS(5), objective, pl.ConFIG())
    assert report.status is Status.STALLED
    assert "no direction lowers every term: 'a' and 'b' oppose each other" in report.message
    assert report.evaluations == objective.evaluations == 1
    assert torch.equal(objective.flat_parameters(), before)


def test_three_terms_that_pull_apart_are_named():
    corners = {"a": [1.0, 0.0], "b": [-1.0, 1.0], "c": [-1.0, -1.0], "beside": [0.0, 0.0]}
    objective = Terms({k: well(v, [1.0, 1.0]) for k, v in corners.items()}, [0.0, 0.0])
    (report,) = run(pl.LBFGS(5), objective, pl.ConFIG())
    assert "'a', 'b' and 'c' pull apart" in report.message


def test_rates_are_equal_in_the_metric_of_the_memory():
    objective = compatible()
    stepper = pl.LBFGS(50).start(objective, pl.ConFIG())
    for _ in range(6):
        stepper.step(objective)
    jacobian, _ = objective.gradients()
    columns = apply_inverse(stepper._pairs(stepper._shares()), jacobian)
    (direction, _), _ = stepper._direction(objective, torch.ones(3, dtype=torch.bool))
    lengths = (jacobian * columns).sum(1).sqrt()
    rates = jacobian @ direction / lengths
    torch.testing.assert_close(rates, rates[:1].expand(3), rtol=1e-8, atol=0)
    assert bool((rates < 0).all())


def test_the_memory_is_that_of_the_weighted_terms():
    # H fulfils the secant equation of the function that the last direction belongs to.
    objective = compatible()
    stepper = pl.LBFGS(50).start(objective, pl.ConFIG())
    for _ in range(6):
        before, theta = objective.gradients()[0], objective.flat_parameters()
        report = stepper.step(objective)
    change = report.coefficients.clamp_min(0) @ (objective.gradients()[0] - before)
    applied = apply_inverse(stepper._pairs(stepper._shares()), change[None])[0]
    torch.testing.assert_close(applied, objective.flat_parameters() - theta, rtol=1e-8, atol=1e-12)


def test_the_inverse_hessian_is_that_of_the_updates():
    # BFGS updates of a scaled unit matrix, written out.
    generator = torch.Generator().manual_seed(0)
    basis = torch.randn(5, 5, generator=generator, dtype=F64)
    moves = torch.randn(3, 5, generator=generator, dtype=F64)
    pairs = [(s, basis.T @ basis @ s) for s in moves]
    s, y = pairs[-1]
    inverse = torch.eye(5, dtype=F64) * (s @ y) / (y @ y)
    for s, y in pairs:
        v = torch.eye(5, dtype=F64) - torch.outer(y, s) / (y @ s)
        inverse = v.T @ inverse @ v + torch.outer(s, s) / (y @ s)
    rows = torch.randn(4, 5, generator=generator, dtype=F64)
    torch.testing.assert_close(apply_inverse(pairs, rows), rows @ inverse)


@pytest.mark.parametrize("make", [rosenbrock, quadratic], ids=["rosenbrock", "quadratic"])
def test_one_term_takes_the_steps_of_the_plain_method(make):
    plain, start = make(), make().flat_parameters()
    objective = Terms({"only": plain.residual}, start)
    phase = pl.LBFGS(25)
    a, b = phase.start(plain, None), phase.start(objective, pl.ConFIG())
    assert isinstance(b, TermLBFGSStepper)
    for _ in range(25):
        one, other = a.step(plain), b.step(objective)
        assert float(other.loss) == pytest.approx(float(one.loss), rel=1e-6)
        assert other.evaluations == one.evaluations


def test_the_report_tells_inner_products_and_coefficients():
    objective = compatible()
    stepper = pl.LBFGS(5).start(objective, pl.ConFIG())
    jacobian, _ = objective.gradients()
    report = stepper.step(objective)
    torch.testing.assert_close(report.gramian, jacobian @ jacobian.T)
    # The first step has no memory and the metric is that of the parameters.
    torch.testing.assert_close(report.coefficients, pl.ConFIG().weights(jacobian @ jacobian.T))


def test_a_term_without_gradient_takes_no_part():
    objective = compatible()
    objective.residuals["free"] = lambda t: 0 * t
    objective.residuals["constant"] = lambda t: 0 * t + 1
    objective.names = tuple(objective.residuals)
    reports = run(pl.LBFGS(400, tolerance_gradient=1e-9), objective, pl.ConFIG())
    assert reports[0].coefficients[3:].tolist() == [0, 0]
    # The loss is 1/2 there, beside which smaller changes are rounding.
    assert float((objective.flat_parameters() - 1).abs().max()) < 1e-4


@pytest.mark.parametrize(
    "bad, words",
    [
        (lambda t: torch.log(t - 10), "term 'bad' is nan at nowhere"),
        (lambda t: torch.sqrt(t - t), "term 'bad' is finite but its gradient is not"),
    ],
    ids=["value", "gradient"],
)
def test_a_term_that_is_not_finite_is_named_and_nothing_moves(bad, words):
    objective = compatible()
    objective.residuals["bad"] = bad
    objective.names = tuple(objective.residuals)
    before = objective.flat_parameters()
    (report,) = run(pl.LBFGS(5), objective, pl.ConFIG())
    assert report.status is Status.NON_FINITE
    assert words in report.message
    assert report.gramian is None
    assert torch.equal(objective.flat_parameters(), before)


@pytest.mark.parametrize("bad", ["value", "gradient"])
def test_a_term_that_is_lost_between_two_steps_is_named_and_the_memory_stays(bad):
    objective, lost = compatible(), []
    bend = {"value": lambda t: t * float("nan"), "gradient": lambda t: t + torch.sqrt(t - t)}[bad]
    good = objective.residuals["t1"]
    objective.residuals["t1"] = lambda t: bend(good(t)) if lost else good(t)
    stepper = pl.LBFGS(9).start(objective, pl.ConFIG())
    for _ in range(4):
        assert stepper.step(objective).status is Status.OK
    before, moves, weights = objective.flat_parameters(), list(stepper.moves), stepper.weights
    lost.append(True)
    for _ in range(2):
        report = stepper.step(objective)
        assert report.status is Status.NON_FINITE
        words = "is nan at nowhere" if bad == "value" else "is finite but its gradient is not"
        assert f"term 't1' {words}" in report.message
        assert torch.equal(objective.flat_parameters(), before)
    assert len(moves) > 1 and stepper.moves == moves and stepper.weights is weights
    lost.clear()
    assert stepper.step(objective).status is Status.OK


def test_a_region_without_values_is_stepped_around():
    objective = Terms(
        {"log": lambda t: torch.log(t) + 1, "line": lambda t: 0.1 * (t - torch.e**-1)}, [2.0]
    )
    reports = run(pl.LBFGS(80, tolerance_gradient=1e-9), objective, pl.ConFIG())
    assert reports[-1].status is Status.CONVERGED
    assert float(objective.theta.detach()) == pytest.approx(torch.e**-1, rel=1e-7)


def test_a_wrong_gradient_stalls_and_says_so():
    class Wrong(Terms):
        def gradients(self):
            jacobian, squares = super().gradients()
            return -jacobian, squares

    objective = Wrong({"a": well([0.0], [1.0]), "b": well([0.0], [2.0])}, [3.0])
    before = objective.flat_parameters()
    (report,) = run(pl.LBFGS(5), objective, pl.ConFIG())
    assert report.status is Status.STALLED
    assert "no step that lowers every term" in report.message
    assert torch.equal(objective.flat_parameters(), before)


def test_new_points_are_evaluated_afresh():
    objective = compatible()
    stepper = pl.LBFGS(10).start(objective, pl.ConFIG())
    for _ in range(3):
        stepper.step(objective)
    objective.residuals["t0"] = lambda t: t - 5
    objective.batch_number += 1
    report = stepper.step(objective)
    assert report.status is Status.OK
    assert float(report.loss) == pytest.approx(objective.loss().item(), rel=1e-13)


@pytest.mark.parametrize("taken", [0, 1, 4, 9])
def test_a_restored_stepper_takes_the_same_steps(taken):
    phase, first = pl.LBFGS(100, memory=4), compatible()
    stepper = phase.start(first, pl.ConFIG())
    for _ in range(taken):
        stepper.step(first)
    second = compatible()
    second.set_flat_parameters(first.flat_parameters())
    other = phase.start(second, pl.ConFIG())
    other.load_state_dict(stepper.state_dict())
    for _ in range(6):
        a, b = stepper.step(first), other.step(second)
        assert float(a.loss) == float(b.loss)
        assert a.evaluations == b.evaluations
        assert torch.equal(a.coefficients, b.coefficients)
    assert torch.equal(first.flat_parameters(), second.flat_parameters())


def test_every_counter_is_restored():
    stepper, objective = pl.LBFGS(30).start(compatible(), pl.ConFIG()), compatible()
    stepper.step(objective)
    stepper.small_steps = 7
    other = pl.LBFGS(30).start(objective, pl.ConFIG())
    other.load_state_dict(stepper.state_dict())
    own, restored = vars(stepper), vars(other)
    names = ("moves", "changes", "jacobian", "losses", "loss", "squares", "small_steps", "batch")
    for name in names:
        assert str(own[name]) == str(restored[name]), name


def test_evaluations_are_those_of_the_objective():
    objective = compatible()
    reports = run(pl.LBFGS(15), objective, pl.ConFIG())
    assert sum(report.evaluations for report in reports) == objective.evaluations


# --- problems -------------------------------------------------------------------------------
def burgers():
    """Burgers' equation, smooth enough for few points."""
    return pl.Problem(
        pl.Interval("x", -1, 1) * pl.Time("t", 0, 1),
        "u",
        {"burgers": "u.t + u*u.x - 0.1*u.xx"},
        {"ends": pl.Dirichlet(u=0), "start": pl.Initial(u="-sin(pi*x)", weight=5.0)},
    )


def test_every_term_of_a_network_falls():
    objective = assembly(burgers()).objective
    first = last = objective.terms().detach()
    stepper = pl.LBFGS(60).start(objective, pl.ConFIG())
    for _ in range(60):
        report = stepper.step(objective)
        assert report.status is Status.OK
        assert none_rises(report.mean_squares, last)
        last = report.mean_squares
    assert (last < 0.6 * first).all()


def test_unknowns_move_with_the_network():
    objective = assembly(PROBLEMS["inverse"]()).objective
    adam = pl.Adam(20, lr=1e-2).start(objective, None)  # at first a condition holds to rounding
    for _ in range(20):
        adam.step(objective)
    first, last = objective.state.unknown_values(), objective.terms().detach()
    for report in run(pl.LBFGS(30), objective, pl.ConFIG()):
        assert none_rises(report.mean_squares, last)
        last = report.mean_squares
    assert all(objective.state.unknown_values()[name] != value for name, value in first.items())


def test_weights_of_terms_and_points_count():
    objective = assembly(burgers()).objective
    count = len(objective.residuals()["burgers"])
    factors = torch.linspace(0.1, 3, count, dtype=F64)
    objective.set_weights({"ends": 7.0}, {"burgers": factors})
    stepper = pl.LBFGS(20).start(objective, pl.ConFIG())
    objective.gradients()
    last = objective.losses
    for _ in range(20):
        report = stepper.step(objective)
        objective.gradients()
        assert none_rises(objective.losses, last)
        last = objective.losses
        assert float(report.loss) == pytest.approx(float(last.sum()), rel=1e-12)
        assert float(report.loss) == pytest.approx(objective.loss().item(), rel=1e-12)
    ends = objective.residuals()["ends"].detach()
    expected = 0.5 * 7.0 * ends.square().mean()
    assert float(last[objective.names.index("ends")]) == pytest.approx(float(expected), rel=1e-12)


def test_a_checkpoint_file_holds_all_of_it(tmp_path):
    first, second = assembly(burgers()).objective, assembly(burgers()).objective
    phase, files = pl.LBFGS(20, memory=5), CheckpointFolder(tmp_path)
    stepper = phase.start(first, pl.PCGrad())
    for _ in range(7):
        stepper.step(first)
    files.save(7, {"stepper": stepper.state_dict()})
    second.set_flat_parameters(first.flat_parameters())
    other = phase.start(second, pl.PCGrad())
    other.load_state_dict(files.latest()[1]["stepper"])
    for _ in range(5):
        stepper.step(first)
        other.step(second)
    assert torch.equal(first.flat_parameters(), second.flat_parameters())


# --- refusals -------------------------------------------------------------------------------
class Entrywise(Aggregator):
    """The smallest entry of any term."""

    def __call__(self, jacobian):
        return jacobian.amin(0)


class Finished(Combiner):
    """Steps of its own."""

    finished = True


class Whole(GramianAggregator):
    """Makes whole steps."""

    def weights(self, gramian):
        return gramian[0]

    def start(self, setup):
        return Finished(self)


@pytest.mark.parametrize(
    "aggregator, words",
    [
        (MADE["MConFIG"], "MConFIG makes whole steps with moments of its own"),
        (MADE["MultiAdam"], "MultiAdam makes whole steps"),
        (MADE["GradDrop"], "GradDrop looks at more"),
        (MADE["SparseTraining"], "SparseTraining looks at more"),
        (pl.Bloop("t0"), "Bloop looks at more"),
        (MADE["TorchJD"], "TorchJD looks at more"),
        (Entrywise(), "Entrywise looks at more than the inner products of the gradients"),
        (Whole(), "Whole makes whole steps with moments of its own"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Aggregator) else "",
)
def test_what_is_no_function_of_inner_products_is_refused(aggregator, words):
    with pytest.raises(DeclarationError, match=words) as caught:
        pl.LBFGS(5).start(compatible(), aggregator)
    assert "first-order phase" in str(caught.value)
