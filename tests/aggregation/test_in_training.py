"""Every aggregator in a run: YAML, training, resuming, mini-batches and unknowns."""

import copy
import signal
from itertools import pairwise

import numpy as np
import pytest
import torch
from cases import AGGREGATORS, assembly, inverse, poisson_line
from training.runs import Kill, final, run, run_to_death

import pinnlab as pl
from pinnlab.aggregation import Aggregator, GramianAggregator
from pinnlab.config import parse_config
from pinnlab.errors import DeclarationError
from pinnlab.optim.base import Status

every = pytest.mark.parametrize("name", AGGREGATORS)
GRAMIAN = [name for name, make in AGGREGATORS.items() if isinstance(make(["a"]), GramianAggregator)]

FILE = """\
problem:
  domain: {kind: Interval, x: [0, 1]}
  fields: [u]
  equations: {poisson: u.xx + 1}
  conditions: {left: {kind: Dirichlet, u: 0, on: left}, right: {kind: Dirichlet, u: 0, on: right}}
gradients: %s
"""
WRITTEN = {
    "Bloop": "{kind: bloop, main: [poisson, left], rho: 1e-2}",
    "CAGrad": "{kind: ca_grad, c: 1/3}",
    "ConflictFree": "{kind: ConflictFree, aggregator: ConFIG, groups: [[poisson], [left, right]]}",
    "GradDrop": "{kind: GradDrop, leak: {left: 0.5}}",
    "MConFIG": "{kind: m_con_fig, per_step: 2, second: terms}",
    "MultiAdam": "{kind: multi_adam, groups: [[poisson], [left, right]]}",
    "SparseTraining": "{kind: sparse_training, share: 0.3, aggregator: {kind: ConFIG}}",
    "TorchJD": "{kind: torch_jd, name: Krum, options: {n_byzantine: 0}}",
    "IMTLG": "imtl_g",
}
EXPECTED = {
    "Bloop": pl.Bloop(["poisson", "left"], rho=0.01),
    "CAGrad": pl.CAGrad(c=1 / 3),
    "ConflictFree": pl.ConflictFree(pl.ConFIG(), [["poisson"], ["left", "right"]]),
    "GradDrop": pl.GradDrop({"left": 0.5}),
    "MConFIG": pl.MConFIG(per_step=2, second="terms"),
    "MultiAdam": pl.MultiAdam([["poisson"], ["left", "right"]]),
    "SparseTraining": pl.SparseTraining(0.3, pl.ConFIG()),
    "TorchJD": pl.TorchJD("Krum", {"n_byzantine": 0}),
    "IMTLG": pl.IMTLG(),
}


@every
def test_files_name_every_aggregator(name):
    config = parse_config(FILE % WRITTEN.get(name, f"{{kind: {name}}}"))
    given = config.options["gradients"]
    assert type(given).__name__ == name
    assert given == EXPECTED.get(name, given)
    again = parse_config(config.resolved_text)
    assert again.options["gradients"] == given
    assert again.resolved == config.resolved


@every
def test_a_killed_run_goes_on_bit_for_bit(name, tmp_path):
    options = {"phases": [pl.Adam(17, lr=1e-2, resample=5)], "aggregator": of(inverse, name)}
    run(folder=tmp_path / "whole", callbacks=[pl.Callback()], **options)
    died = run_to_death(folder=tmp_path / "parts", kill=Kill(10), **options)
    assert died == -signal.SIGKILL
    run(folder=tmp_path / "parts", resume=True, callbacks=[pl.Callback()], **options)
    whole, parts = final(tmp_path / "whole"), final(tmp_path / "parts")
    assert whole[0] == parts[0] == 17
    same(whole[1], parts[1])


def of(problem, name):
    """An aggregator for the terms of a problem."""
    return AGGREGATORS[name](assembly(problem()).objective.names)


def same(a, b):
    """Two states, number for number."""
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            same(a[key], b[key])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    elif isinstance(a, torch.Tensor):
        torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)
    elif isinstance(a, np.ndarray):
        np.testing.assert_array_equal(a, b)
    else:
        assert a == b or a != a


@every
def test_it_trains_a_network_and_unknowns_together(name):
    objective = assembly(inverse()).objective
    stepper = pl.Adam(60, lr=1e-2).start(objective, AGGREGATORS[name](objective.names))
    before = objective.flat_parameters().clone()
    reports = [stepper.step(objective) for _ in range(60)]
    assert {report.status for report in reports} == {Status.OK}
    assert bool((objective.flat_parameters() != before).all()) == (name != "SparseTraining")
    if name not in ("IMTLG", "TorchJD"):  # which promise nothing about the loss
        assert float(reports[-1].loss) < float(reports[3].loss)


@every
def test_a_bad_step_changes_nothing(name):
    objective = assembly(poisson_line()).objective
    stepper = pl.Adam(9, lr=1e-2).start(objective, AGGREGATORS[name](objective.names))
    for _ in range(3):
        stepper.step(objective)
    good, state = objective.flat_parameters().clone(), copy.deepcopy(stepper.state_dict())
    objective.set_flat_parameters(torch.full_like(good, float("nan")))
    report = stepper.step(objective)
    assert report.status is Status.NON_FINITE
    objective.set_flat_parameters(good)
    same(stepper.state_dict()["combiner"], state["combiner"])
    assert stepper.step(objective).status is Status.OK


class Own(Aggregator):
    """The sum, until another function of the gradients takes its place."""

    make = staticmethod(lambda rows: rows.sum(0))

    def __call__(self, jacobian):
        return self.make(jacobian)


class OwnCoefficients(GramianAggregator):
    """Ones, until another function of the inner products takes their place."""

    make = staticmethod(lambda gramian: torch.ones_like(gramian[0]))

    def weights(self, gramian):
        return self.make(gramian)


def turned(aggregator, phase, make):
    """Six good steps, and what is kept; then a function that makes something else of a matrix."""
    objective = assembly(poisson_line()).objective
    own = Own() if aggregator != "coefficients" else OwnCoefficients()
    given = {"function": lambda rows: own(rows), "sparse": pl.SparseTraining(0.5, own)}
    stepper = phase(9).start(objective, given.get(aggregator, own))
    for _ in range(6):
        assert stepper.step(objective).status is Status.OK
    object.__setattr__(own, "make", make)
    return stepper, objective, objective.flat_parameters(), copy.deepcopy(stepper.state_dict())


WAYS = [
    ("function", pl.Adam),
    ("aggregator", pl.Adam),
    ("sparse", pl.Adam),
    ("aggregator", pl.SOAP),
    ("coefficients", pl.Adam),
    ("coefficients", pl.LBFGS),
]
NUMBERS = {
    "nan": lambda rows: rows.sum(0) * float("nan"),
    "inf": lambda rows: rows.sum(0) / 0,
    "one": lambda rows: rows.sum(0).index_fill(0, torch.tensor([1]), float("inf")),
}


@pytest.mark.parametrize("numbers", NUMBERS)
@pytest.mark.parametrize(("aggregator", "phase"), WAYS)
def test_a_direction_that_is_not_finite_is_not_taken(aggregator, phase, numbers):
    stepper, objective, good, state = turned(aggregator, phase, NUMBERS[numbers])
    for _ in range(2):
        report = stepper.step(objective)
        assert report.status is Status.NON_FINITE
        name = {"function": "<lambda>", "coefficients": "OwnCoefficients"}.get(aggregator, "Own")
        assert f"all gradients are finite, but what {name} makes of them is not" in report.message
    assert torch.equal(objective.flat_parameters(), good)
    after = stepper.state_dict()
    state.pop("seen", None), after.pop("seen", None)  # the terms, as they are looked at
    same(after, state)


WRONG = {
    "short": (lambda rows: rows.sum(0)[:-1], "in float64"),
    "matrix": (lambda rows: rows, "in float64"),
    "nothing": (lambda rows: None, "NoneType"),
    "list": (lambda rows: rows.sum(0).tolist(), "list"),
    "array": (lambda rows: rows.sum(0).numpy(), "ndarray"),
    "whole": (lambda rows: rows.sum(0).long(), "in int64"),
    "complex": (lambda rows: rows.sum(0) * 1j, "in complex128"),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize(("aggregator", "phase"), WAYS)
def test_what_is_no_direction_is_refused(aggregator, phase, wrong):
    make, got = WRONG[wrong]
    stepper, objective, good, state = turned(aggregator, phase, make)
    with pytest.raises(DeclarationError, match="cannot be used") as caught:
        stepper.step(objective)
    assert got in str(caught.value) and "a tensor of real numbers" in str(caught.value)
    assert torch.equal(objective.flat_parameters(), good)
    after = stepper.state_dict()
    state.pop("seen", None), after.pop("seen", None)
    same(after, state)


@pytest.mark.parametrize(("aggregator", "phase"), WAYS)
def test_directions_in_another_precision_are_converted(aggregator, phase):
    make = lambda rows: (0 * rows.sum(0) + 1).float()  # noqa: E731
    stepper, objective, good, _ = turned(aggregator, phase, make)
    assert stepper.step(objective).status is Status.OK
    assert objective.flat_parameters().dtype == good.dtype
    assert not torch.equal(objective.flat_parameters(), good)


@pytest.mark.parametrize("name", GRAMIAN)
def test_quasi_newton_phases_take_combinations(name):
    objective = assembly(poisson_line()).objective
    stepper = pl.LBFGS(15).start(objective, AGGREGATORS[name](objective.names))
    losses = [float(stepper.step(objective).loss) for _ in range(15)]
    assert all(b < a for a, b in pairwise(losses))


@pytest.mark.parametrize("name", GRAMIAN)
def test_terms_without_gradient_do_not_stop_the_others(name):
    problem = pl.Problem(
        pl.Interval("x", 0, 1),
        "u",
        {"poisson": "u.xx + 1"},
        {
            "ends": pl.Dirichlet(u=0, weight=0.0),
            "holds": pl.Condition("u + 100", how="inequality"),
        },
    )
    objective = assembly(problem).objective
    stepper = pl.Adam(5, lr=1e-3).start(objective, AGGREGATORS[name](list(objective.names)))
    reports = [stepper.step(objective) for _ in range(5)]
    assert all(report.status is Status.OK for report in reports)
    values = [float(report.mean_squares[0]) for report in reports]
    assert all(later < value for value, later in pairwise(values))
    assert float(reports[0].mean_squares[2]) == 0.0
