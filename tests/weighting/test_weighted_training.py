"""Short trainings, each on a small problem of the kind that a weighting is made for."""

from functools import cache

import numpy as np
import pytest

import pinnlab as pl
from pinnlab.weighting import Weighting

X = np.linspace(0, 1, 101)


def steep() -> pl.Problem:
    """u'' = −4π² sin 2πx: the residual is forty times as large as the ends."""
    return pl.Problem(
        pl.Interval("x", 0, 1),
        "u",
        {"poisson": "u.xx + 4*pi**2*sin(2*pi*x)"},
        {"ends": pl.Dirichlet(u=0)},
    )


def bump() -> pl.Problem:
    """A forcing in a small part of the domain, on ends that hold by construction."""
    return pl.Problem(
        pl.Interval("x", 0, 1),
        "u",
        {"bump": "u.xx - 400*(u - sin(pi*x)) + 400*exp(-400*(x - 0.3)**2)"},
        {"ends": pl.Dirichlet(u=0, hard=True)},
    )


def pendulum() -> pl.Problem:
    """A small oscillation from rest, over a good period."""
    return pl.Problem(
        pl.Time("t", 0, 3),
        ["u", "v"],
        {"speed": "u.t - v", "force": "v.t + 4*u"},
        {"start": pl.Initial(u=1, v=0)},
    )


def trained(problem: pl.Problem, weights: Weighting | None, points: int = 64, **options):
    phases = [pl.Adam(500, lr=1e-2, schedule=pl.Cosine())]
    # Along the sum, so that nothing but the weights decides how the terms fare.
    fixed = {"phases": phases, "gradients": pl.Sum(), "dtype": "float64", "progress": False}
    arguments = fixed | options
    budget = pl.PointBudget(interior=points, boundary=2)
    return pl.solve(problem, pl.MLP(16, 2), points=budget, weights=weights, **arguments)


@cache
def ends_of_the_sum() -> float:
    """How far the sum of the terms as they are leaves the ends from zero."""
    return trained(steep(), None, scales=None).metrics["terms"]["ends"]


def error(found: np.ndarray, exact: np.ndarray) -> float:
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


# Four times the error that each reaches, or more; the unweighted sum ends at 0.46 or more.
BOUNDS = [
    (pl.GradNorm(every=50, momentum=0.5), 0.02),
    (pl.InverseDirichlet(), 0.15),
    (pl.NTK(every=50, points=16), 0.05),
    (pl.SelfAdaptive(lr=0.02), 0.1),
    (pl.SelfAdaptive(lr=0.05, per="term"), 0.05),
]


@pytest.mark.parametrize(("rule", "bound"), BOUNDS, ids=lambda v: type(v).__name__)
def test_a_steep_source_does_not_drown_the_ends(rule: Weighting, bound: float) -> None:
    solution = trained(steep(), rule, scales=None)
    assert error(solution.u(x=X), np.sin(2 * np.pi * X)) < bound


@pytest.mark.parametrize(
    ("rule", "share"),
    [
        (pl.LRA(), 1e-6),
        (pl.ReLoBRaLo(temperature=1.0, alpha=0.9, rho=0.9), 0.75),
        (pl.SoftAdapt(beta=1.0), 0.75),
    ],
    ids=lambda v: type(v).__name__,
)
def test_the_ends_are_met_better_than_by_the_sum(rule: Weighting, share: float) -> None:
    weighed = trained(steep(), rule, scales=None)
    assert weighed.metrics["terms"]["ends"] < share * ends_of_the_sum()


def test_attention_finds_the_bump() -> None:
    plain, weighed = (
        float(np.abs(trained(bump(), rule, points=128).residual("bump", x=X)).max())
        for rule in (None, pl.RBA())
    )
    # 300 against 8 for this seed; of a residual whose forcing is 400.
    assert weighed < 20 < plain


def test_causal_weights_open_up_to_the_end_of_time() -> None:
    rule = pl.Causal(epsilons=(0.1, 1.0, 10.0, 100.0))
    phases = [pl.Adam(100, lr=1e-2), pl.LBFGS(300)]
    stages, last = [], []

    class Watch(pl.Callback):
        def on_step(self, trainer, record):
            (weigher,) = trainer.weights.weighers
            stages.append(weigher.stage)
            last.append(float(weigher.weights[-1]))

    solution = trained(pendulum(), rule, phases=phases, callbacks=[Watch()])
    t = np.linspace(0, 3, 201)
    assert error(solution.u(t=t), np.cos(2 * t)) < 1e-2
    assert stages == sorted(stages)
    assert stages[-1] >= 1 and last[-1] > 0.9
