import copy
import inspect
import itertools

import pytest
import torch
from cases import PROBLEMS, assembly
from optim.functions import Function, quadratic

import pinnlab as pl
from pinnlab.errors import DeclarationError
from pinnlab.optim.base import Status
from pinnlab.problems import PointBudget

NAMES = [
    name
    for name, kind in vars(torch.optim).items()
    if inspect.isclass(kind)
    and issubclass(kind, torch.optim.Optimizer)
    and name not in ("Optimizer", "LBFGS", "SparseAdam")
]


@pytest.mark.parametrize("decay", [0.0, 1e-2])
@pytest.mark.parametrize("name", ["poisson_line", "inverse"])
def test_adam_is_adam_of_torch(name, decay):
    ours, theirs = (assembly(PROBLEMS[name]()).objective for _ in range(2))
    phase = pl.Adam(20, lr=3e-2, betas=(0.8, 0.95), eps=1e-7, weight_decay=decay)
    stepper = phase.start(ours, None)
    kind = torch.optim.AdamW if decay else torch.optim.Adam
    optimizer = kind(theirs.parameters, lr=3e-2, betas=(0.8, 0.95), eps=1e-7, weight_decay=decay)
    for _ in range(20):
        optimizer.zero_grad()
        loss = theirs.loss()
        loss.backward()
        optimizer.step()
        report = stepper.step(ours)
        assert float(report.loss) == pytest.approx(loss.item(), rel=1e-12)
        torch.testing.assert_close(
            ours.flat_parameters(), theirs.flat_parameters(), rtol=1e-11, atol=1e-13
        )


@pytest.mark.parametrize("name", NAMES)
def test_every_optimiser_of_torch_steps(name):
    objective = assembly(PROBLEMS["poisson_line"]()).objective
    if name == "Muon":  # for matrices only; what it says must reach the user
        with pytest.raises(DeclarationError, match="Muon does not take the parameters") as caught:
            pl.Optimizer(name, 5).start(objective, None)
        for words in ("only supports 2D parameters", "(5,), (5, 1)", "such as Adam(steps)"):
            assert words in str(caught.value)
        assert "options" not in str(caught.value)
        return
    phase = pl.Optimizer(name, 5, lr=1e-3)
    stepper = phase.start(objective, None)
    before, losses = objective.flat_parameters(), []
    for _ in range(5):
        report = stepper.step(objective)
        assert report.status is Status.OK
        losses.append(float(report.loss))
    assert not torch.equal(objective.flat_parameters(), before)
    assert losses[-1] < losses[0]
    assert phase.label == name


@pytest.mark.parametrize("name", [n for n in NAMES if n != "Muon"])
def test_a_restored_optimiser_takes_the_same_steps(name):
    phase = pl.Optimizer(name, 50, lr=1e-3, schedule=pl.Cosine())
    first, second = (assembly(PROBLEMS["inverse"]()).objective for _ in range(2))
    stepper = phase.start(first, None)
    for _ in range(4):
        stepper.step(first)
    second.set_flat_parameters(first.flat_parameters())
    other = phase.start(second, None)
    other.load_state_dict(copy.deepcopy(stepper.state_dict()))
    for _ in range(3):
        a, b = stepper.step(first), other.step(second)
        assert a.rate == b.rate
    assert torch.equal(first.flat_parameters(), second.flat_parameters())


def test_the_schedule_sets_the_rate():
    objective = quadratic()
    stepper = pl.Optimizer("SGD", 10, lr=1e-5, schedule=pl.Step((2, 4))).start(objective, None)
    rates = []
    for _ in range(6):
        before = objective.flat_parameters()
        rates.append(stepper.step(objective).rate)
        torch.testing.assert_close(
            objective.flat_parameters(), before - rates[-1] * objective.flat_gradient()
        )
    assert rates == pytest.approx([1e-5, 1e-5, 1e-6, 1e-6, 1e-7, 1e-7])


def test_unknowns_have_a_rate_of_their_own():
    objective = assembly(PROBLEMS["inverse"]()).objective
    unknowns = list(objective.state.unknowns.values())
    weights = [p for p in objective.parameters if all(p is not u for u in unknowns)]
    before = [p.detach().clone() for p in (*weights, *unknowns)]
    pl.Optimizer("SGD", 1, lr=1e-6, unknowns_lr=1e-3).start(objective, None).step(objective)
    for p, old in zip((*weights, *unknowns), before, strict=True):
        rate = 1e-3 if any(p is u for u in unknowns) else 1e-6
        torch.testing.assert_close(p.detach(), old - rate * p.grad)


def test_clipping_bounds_the_norm():
    objective = quadratic()
    before = objective.flat_parameters()
    pl.Optimizer("SGD", 1, lr=1.0, clip=0.1).start(objective, None).step(objective)
    moved = (objective.flat_parameters() - before).norm()
    assert float(moved) == pytest.approx(0.1, rel=1e-4)


def test_the_direction_of_the_aggregator_is_followed():
    objective = assembly(PROBLEMS["heat_flux"]()).objective
    rows, _ = objective.gradients()
    expected, before = pl.ConFIG()(rows), objective.flat_parameters()
    report = pl.Optimizer("SGD", 1, lr=1e-3).start(objective, pl.ConFIG()).step(objective)
    torch.testing.assert_close(objective.flat_parameters(), before - 1e-3 * expected)
    assert float(report.loss) > 0


def test_the_sum_is_the_plain_gradient():
    first, second = (assembly(PROBLEMS["heat_flux"]()).objective for _ in range(2))
    pl.Adam(3).start(first, pl.Sum()).step(first)
    pl.Adam(3).start(second, None).step(second)
    assert torch.equal(first.flat_parameters(), second.flat_parameters())


# --- non-finite steps -----------------------------------------------------------------------
def singular():
    """A problem whose residual is infinite at one of its points."""
    problem = pl.Problem(
        pl.Interval("x", 0, 1),
        "u",
        {"pole": "u.xx + 1/x", "fine": "u.x - 1"},
        {"ends": pl.Dirichlet(u=0)},
    )
    built = assembly(problem, budget=PointBudget(interior=8, boundary=2))
    points = dict(built.objective.points)
    placement = next(p for p in points if p.on is None)
    x = points[placement].x.clone()
    x[3] = 0.0
    object.__setattr__(points[placement], "x", x)
    built.objective.set_points(points)
    return built.objective


@pytest.mark.parametrize("aggregator", [None, pl.Sum(), pl.ConFIG()], ids=repr)
@pytest.mark.parametrize("phase", [pl.Adam(5), pl.Optimizer("SGD", 5), pl.LBFGS(5)], ids=repr)
def test_a_non_finite_step_moves_nothing_and_names_the_term_and_point(phase, aggregator):
    objective = singular()
    before = objective.flat_parameters()
    stepper = phase.start(objective, aggregator)
    report = stepper.step(objective)
    assert report.status is Status.NON_FINITE
    assert "term 'pole' is inf at x = 0" in report.message
    assert "float64" in report.status.value
    assert torch.equal(objective.flat_parameters(), before)


WHOLE = [pl.MConFIG(), pl.ConflictFree(pl.MConFIG())]  # they make whole steps
AGGREGATORS = [None, pl.Sum(), pl.ConFIG(), pl.ConflictFree(), *WHOLE]
REFUSED = {
    (pl.SOAP(5), WHOLE[0]): "MConFIG makes whole steps and leaves SOAP nothing",
    (pl.SOAP(5), WHOLE[1]): "ConflictFree makes whole steps and leaves SOAP nothing",
    # With ConflictFree as well LBFGS goes down the loss by itself.
    (pl.LBFGS(5), WHOLE[0]): "LBFGS cannot follow the direction of MConFIG",
}


@pytest.mark.parametrize("phase, aggregator", REFUSED, ids=repr)
def test_what_makes_whole_steps_is_refused_where_none_are_wanted(phase, aggregator):
    objective = assembly(PROBLEMS["heat_flux"]()).objective
    with pytest.raises(DeclarationError, match=REFUSED[phase, aggregator]):
        phase.start(objective, aggregator)


@pytest.mark.parametrize(
    "phase, aggregator",
    [
        pair
        for pair in itertools.product([pl.Adam(5), pl.SOAP(5), pl.LBFGS(5)], AGGREGATORS)
        if pair not in REFUSED
    ],
    ids=repr,
)
def test_the_term_without_a_gradient_is_named_and_no_other(phase, aggregator):
    root = "(u - u)**0.5 + u - 1"  # 0 · ∞ in its way back, which reaches what lies before it
    problem = pl.Problem(
        pl.Interval("x", 0, 1),
        "u",
        {"poisson": "u.xx + 1", "root": root},
        {"ends": pl.Dirichlet(u=0)},
    )
    objective = assembly(problem).objective
    before = objective.flat_parameters()
    report = phase.start(objective, aggregator).step(objective)
    assert report.status is Status.NON_FINITE
    assert report.message == "term 'root' is finite but its gradient is not"
    assert torch.equal(objective.flat_parameters(), before)


def test_all_terms_without_a_gradient_are_named():
    root = "(u - u)**0.5 + u - 1"
    problem = pl.Problem(
        pl.Interval("x", 0, 1),
        "u",
        {"poisson": "u.xx + 1", "root": root},
        {"other": pl.Condition(root, on="left"), "ends": pl.Dirichlet(u=0)},
    )
    objective = assembly(problem).objective
    report = pl.Adam(5).start(objective, None).step(objective)
    assert report.message == "terms 'root', 'other' are finite but their gradients are not"


def test_a_non_finite_gradient_of_a_finite_loss_moves_nothing():
    objective = Function(lambda t: torch.sqrt(t), [0.0])
    report = pl.Adam(5).start(objective, None).step(objective)
    assert report.status is Status.NON_FINITE
    assert "its gradient is not" in report.message
    assert float(objective.theta.detach()) == 0.0


# --- misuse ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"steps": 0}, "steps=0"),
        ({"steps": 10.0}, "steps=10.0"),
        ({"steps": True}, "steps=True"),
        ({"steps": 5, "lr": 0}, "lr=0"),
        ({"steps": 5, "lr": -1e-3}, "lr=-0.001"),
        ({"steps": 5, "lr": float("inf")}, "lr=inf"),
        ({"steps": 5, "lr": "1e-3"}, "lr='1e-3'"),
        ({"steps": 5, "batch": 0}, "batch=0"),
        ({"steps": 5, "resample": 1.5}, "resample=1.5"),
        ({"steps": 5, "clip": -1}, "clip=-1"),
        ({"steps": 5, "unknowns_lr": 0}, "unknowns_lr=0"),
        ({"steps": 5, "betas": (0.9,)}, "decay rates"),
        ({"steps": 5, "betas": (0.9, 1.0)}, "decay rates"),
        ({"steps": 5, "betas": 0.9}, "decay rates"),
        ({"steps": 5, "betas": ("0.9", "0.99")}, "decay rates"),
        ({"steps": 5, "weight_decay": -1.0}, "weight_decay"),
        ({"steps": 5, "schedule": 0.5}, "schedule"),
    ],
    ids=str,
)
def test_numbers_that_make_no_sense_are_refused(arguments, words):
    with pytest.raises(DeclarationError, match="Adam") as caught:
        pl.Adam(**arguments)
    assert words in str(caught.value)


def test_an_unknown_optimiser_is_refused():
    with pytest.raises(DeclarationError, match="no optimiser 'RMSProp'") as caught:
        pl.Optimizer("RMSProp", 5)
    assert "did you mean 'RMSprop'?" in str(caught.value)


@pytest.mark.parametrize("name", ["LBFGS", "SparseAdam"])
def test_optimisers_that_one_gradient_cannot_step_are_refused(name):
    with pytest.raises(DeclarationError, match="cannot be stepped by one gradient"):
        pl.Optimizer(name, 5)


@pytest.mark.parametrize("options", [{"momentun": 0.9}, {"momentum": -1.0}], ids=str)
def test_options_that_the_optimiser_does_not_take_are_refused(options):
    with pytest.raises(DeclarationError, match=r"SGD does not take these options") as caught:
        pl.Optimizer("SGD", 5, options=options).start(quadratic(), None)
    assert "momentu" in str(caught.value)


def test_what_is_wrong_with_the_options_is_told_though_the_parameters_are_refused_too():
    objective = assembly(PROBLEMS["poisson_line"]()).objective
    with pytest.raises(DeclarationError, match="Muon does not take these options"):
        pl.Optimizer("Muon", 5, options={"momentun": 0.9}).start(objective, None)
    with pytest.raises(DeclarationError, match="or other `options`"):
        pl.Optimizer("Muon", 5, options={"momentum": 0.9}).start(objective, None)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"lr": 123.0}, "'lr' in `options`: the learning rate is an argument of the phase"),
        ({"params": []}, "'params' in `options`"),
        ({"maximize": True}, "'maximize' in `options`: a phase makes the loss smaller"),
        ({"capturable": True}, "'capturable' in `options`: steps of this phase are not recorded"),
        ({"differentiable": True}, "'differentiable' in `options`"),
        (["momentum"], "cannot have options=['momentum']"),
        (None, "cannot have options=None"),
    ],
    ids=str,
)
def test_what_is_no_option_is_refused_at_once(options, words):
    with pytest.raises(DeclarationError, match="Optimizer") as caught:
        pl.Optimizer("Adam", 5, options=options)
    assert words in str(caught.value)


def test_options_that_are_switched_off_are_taken():
    off = {"capturable": False, "differentiable": False, "maximize": False, "foreach": True}
    objective = assembly(PROBLEMS["poisson_line"]()).objective
    stepper = pl.Optimizer("Adam", 5, lr=1e-3, options=off).start(objective, None)
    assert stepper.step(objective).loss > stepper.step(objective).loss
